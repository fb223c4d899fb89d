//! Which frames of a video a model with its own eyes is shown, and how their times are written.
//!
//! Sources: `video_processing_gemma4.py`, `processing_gemma4.py` and `default_sample_indices_fn` in
//! `video_utils.py` of transformers.

/// Frames of a video unless somebody asks for more.
pub const FRAMES: usize = 32;

/// `n` frames, or all where there are fewer, at equal distances from the first on: numbers from 0.
pub fn spread(n_frames: usize, n: usize) -> Vec<usize> {
    let n = n.min(n_frames);
    (0..n).map(|i| (i as u128 * n_frames as u128 / n as u128) as usize).collect()
}

/// So many frames that about `wanted_per_second` are kept of each second; at least one of a video that has any.
pub fn each_second(n_frames: usize, frames_per_second: f64, wanted_per_second: f64) -> Vec<usize> {
    let n = n_frames as f64 / frames_per_second * wanted_per_second;
    let n = if n.is_finite() { n as usize } else { n_frames };
    spread(n_frames, n.max(1))
}

/// Minutes and seconds as the model was trained to read them, like `01:05`.
pub fn stamp(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_from_the_first_on() {
        // numpy: arange(4) * 10 // 4
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 32), [0, 1, 2]);
        assert!(spread(0, 32).is_empty());
        assert_eq!(each_second(100, 25.0, 1.0), [0, 25, 50, 75]);
        assert_eq!(each_second(10, 25.0, 1.0), [0]);
        assert_eq!(each_second(3, 0.0, 1.0), [0, 1, 2]);
        assert!(each_second(0, 25.0, 1.0).is_empty());
    }

    #[test]
    fn stamps_are_minutes_and_seconds() {
        for (seconds, text) in [(0.0, "00:00"), (65.9, "01:05"), (6000.0, "100:00"), (-1.0, "00:00")] {
            assert_eq!(stamp(seconds), text);
        }
        assert_eq!(stamp(f64::NAN), "00:00");
    }
}
