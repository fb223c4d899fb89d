//! Which frames of a video to keep: policy only, no files, no pixels beyond a thumbnail.
//!
//! The plan: regular frames, one each second, and on top of them the first frame of new scenes. When
//! a second is too often for the budget, three quarters of the budget are spread evenly over the
//! video and a quarter is left for scenes. Scenes may use their share only as fast as time passes, so
//! that a restless opening does not eat what belongs to the end.
//!
//! A scene changes between two frames when the colours they are made of differ (the part of the
//! colour histogram that would have to be repainted is at least [`HISTOGRAM_CHANGE`]) and they are
//! also laid out differently (mean difference of brightness on a small grid at least
//! [`GRID_CHANGE`]). A camera that pans changes the second but not the first; a lamp that goes on
//! dims the whole grid but less than a cut does.

use image::RgbImage;

/// Share of the pixels whose colour class changed, from which on it is another scene.
pub const HISTOGRAM_CHANGE: f32 = 0.45;

/// Mean change of brightness (0 to 1) on the grid, from which on it is another scene.
pub const GRID_CHANGE: f32 = 0.08;

/// Seconds after a kept frame in which no scene change is kept: a flash is not a scene. A scene that began
/// meanwhile is kept after them if it is still there.
const REST_S: f64 = 0.5;

/// Levels per colour channel of the histogram.
const LEVELS: usize = 4;

/// What a frame looks like, in a few numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Share of the pixels in each of 64 colour classes.
    histogram: [f32; LEVELS * LEVELS * LEVELS],
    /// Brightness, 0 to 1, of every pixel of the thumbnail.
    grid: Vec<f32>,
}

impl Signature {
    /// Width and height of the thumbnail it is made from.
    pub const SIZE: (u32, u32) = (32, 18);

    /// From a thumbnail.
    pub fn of(thumbnail: &RgbImage) -> Self {
        let mut histogram = [0.0; LEVELS * LEVELS * LEVELS];
        let share = 1.0 / (thumbnail.width() * thumbnail.height()).max(1) as f32;
        let mut grid = Vec::with_capacity(thumbnail.as_raw().len() / 3);
        for pixel in thumbnail.pixels() {
            let level = |c: u8| usize::from(c) * LEVELS / 256;
            let [r, g, b] = pixel.0;
            histogram[(level(r) * LEVELS + level(g)) * LEVELS + level(b)] += share;
            // Brightness as ITU-R BT.601 weighs it.
            grid.push((0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)) / 255.0);
        }
        Self { histogram, grid }
    }

    /// Share of the pixels, 0 to 1, whose colour class would have to change.
    pub fn histogram_distance(&self, other: &Self) -> f32 {
        self.histogram.iter().zip(&other.histogram).map(|(a, b)| (a - b).abs()).sum::<f32>() / 2.0
    }

    /// Mean difference of brightness, 0 to 1; 1 for thumbnails of different sizes.
    pub fn grid_distance(&self, other: &Self) -> f32 {
        if self.grid.len() != other.grid.len() {
            return 1.0;
        }
        let sum: f32 = self.grid.iter().zip(&other.grid).map(|(a, b)| (a - b).abs()).sum();
        sum / self.grid.len().max(1) as f32
    }

    /// Whether this frame begins another scene than `before`.
    pub fn is_scene_change(&self, before: &Self) -> bool {
        self.histogram_distance(before) >= HISTOGRAM_CHANGE && self.grid_distance(before) >= GRID_CHANGE
    }
}

/// How many frames to keep of a video, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FramePlan {
    /// Seconds from one regular frame to the next.
    pub step_s: f64,
    /// Regular frames; 0 only for a budget of 0.
    pub regular: usize,
    /// Most frames kept because a scene begins.
    pub scenes: usize,
    /// Length of the video in seconds, where known.
    pub duration_s: Option<f64>,
}

impl FramePlan {
    /// For a video of a length and at most `budget` frames in all.
    ///
    /// A video of unknown length gets a frame each second until the budget is spent.
    pub fn new(duration_s: Option<f64>, budget: usize) -> Self {
        let share = (budget * 3).div_ceil(4);
        let Some(duration_s) = duration_s.filter(|s| s.is_finite() && *s > 0.0) else {
            return Self { step_s: 1.0, regular: share, scenes: budget - share, duration_s: None };
        };
        let seconds = duration_s.ceil();
        let (step_s, regular) = match seconds <= share as f64 {
            true => (1.0, seconds as usize),
            false => ((duration_s / share.max(1) as f64).max(1.0), share),
        };
        Self { step_s, regular, scenes: budget - regular, duration_s: Some(duration_s) }
    }
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Not needed.
    Skip,
    /// It is time for the next regular frame.
    Regular {
        /// Whether a scene begins with it.
        scene_change: bool,
    },
    /// A scene begins between two regular frames.
    SceneChange,
}

/// Decides frame by frame, in the order of their time.
#[derive(Debug, Clone)]
pub struct FramePicker {
    plan: FramePlan,
    regular: usize,
    scenes: usize,
    before: Option<Signature>,
    /// The frame that was kept last, and when.
    kept: Option<Signature>,
    kept_s: f64,
    /// A scene began too soon after a kept frame; it is kept when it lasts.
    pending: bool,
}

impl FramePicker {
    /// Nothing kept yet.
    pub fn new(plan: FramePlan) -> Self {
        Self {
            plan,
            regular: 0,
            scenes: 0,
            before: None,
            kept: None,
            kept_s: f64::NEG_INFINITY,
            pending: false,
        }
    }

    /// The plan it follows.
    pub fn plan(&self) -> &FramePlan {
        &self.plan
    }

    /// Regular frames so far.
    pub fn regular_frames(&self) -> usize {
        self.regular
    }

    /// Time of the next regular frame; `None` when all were kept.
    pub fn due_s(&self) -> Option<f64> {
        (self.regular < self.plan.regular).then_some(self.regular as f64 * self.plan.step_s)
    }

    /// Whether the budget is spent, or nothing but scenes is left of a video that is jumped through.
    pub fn is_full(&self) -> bool {
        self.due_s().is_none() && self.scenes >= self.plan.scenes
    }

    /// Decides about the next frame.
    pub fn offer(&mut self, time_s: f64, signature: Signature) -> Choice {
        let scene_change = self.before.as_ref().is_some_and(|before| signature.is_scene_change(before));
        self.before = Some(signature.clone());
        if self.due_s().is_some_and(|due_s| time_s >= due_s) {
            // Times that the video skips (a gap, a very slow frame rate) are not made up for.
            let passed = (time_s / self.plan.step_s) as usize + 1;
            self.regular = passed.clamp(self.regular + 1, self.plan.regular.max(self.regular + 1));
            self.keep(time_s, signature);
            return Choice::Regular { scene_change };
        }
        self.pending |= scene_change;
        let lasts = || self.kept.as_ref().is_none_or(|kept| signature.is_scene_change(kept));
        if self.pending && time_s - self.kept_s >= REST_S {
            self.pending = false;
            if lasts() && self.scenes < self.allowed_scenes(time_s) {
                self.scenes += 1;
                self.keep(time_s, signature);
                return Choice::SceneChange;
            }
        }
        Choice::Skip
    }

    fn keep(&mut self, time_s: f64, signature: Signature) {
        self.kept = Some(signature);
        self.kept_s = time_s;
        self.pending = false;
    }

    /// Scenes that may have been kept by now: their share grows with time, with two in advance.
    fn allowed_scenes(&self, time_s: f64) -> usize {
        let Some(duration_s) = self.plan.duration_s else { return self.plan.scenes };
        let passed = (time_s / duration_s).clamp(0.0, 1.0);
        ((self.plan.scenes as f64 * passed).ceil() as usize + 2).min(self.plan.scenes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn plain(r: u8, g: u8, b: u8) -> Signature {
        Signature::of(&RgbImage::from_pixel(32, 18, Rgb([r, g, b])))
    }

    /// Offers a video at 10 frames a second whose picture changes at the given times.
    fn run(duration_s: f64, budget: usize, cuts: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut picker = FramePicker::new(FramePlan::new(Some(duration_s), budget));
        let (mut regular, mut scenes) = (Vec::new(), Vec::new());
        for i in 0..(duration_s * 10.0) as usize {
            let time_s = i as f64 / 10.0;
            let scene = cuts.iter().filter(|cut| **cut <= time_s).count();
            let signature = if scene % 2 == 0 { plain(200, 30, 30) } else { plain(10, 10, 90) };
            match picker.offer(time_s, signature) {
                Choice::Skip => {}
                Choice::Regular { .. } => regular.push(time_s),
                Choice::SceneChange => scenes.push(time_s),
            }
        }
        (regular, scenes)
    }

    #[test]
    fn a_short_video_gives_one_frame_each_second() {
        let (regular, scenes) = run(5.0, 120, &[]);
        assert_eq!(regular, [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert!(scenes.is_empty());
    }

    #[test]
    fn a_cut_between_two_seconds_is_kept_as_well() {
        let (regular, scenes) = run(5.0, 120, &[2.5]);
        assert_eq!((regular.len(), scenes), (5, vec![2.5]));
    }

    #[test]
    fn a_long_video_spreads_its_frames_evenly_and_keeps_to_the_budget() {
        let (regular, _) = run(1000.0, 40, &[]);
        assert_eq!(regular.len(), 30);
        assert!(regular.windows(2).all(|w| (w[1] - w[0] - 1000.0 / 30.0).abs() < 0.2), "{regular:?}");
        let cuts: Vec<f64> = (1..1000).map(f64::from).collect();
        let (regular, scenes) = run(1000.0, 40, &cuts);
        assert_eq!(regular.len() + scenes.len(), 40);
        assert!(scenes.last().is_some_and(|last| *last > 700.0), "the end has its share: {scenes:?}");
    }

    #[test]
    fn plans_fit_the_budget_at_every_length() {
        for budget in [0, 1, 2, 3, 120] {
            for duration_s in [None, Some(0.1), Some(59.9), Some(90.0), Some(91.0), Some(21_600.0)] {
                let plan = FramePlan::new(duration_s, budget);
                assert!(plan.regular + plan.scenes <= budget, "{duration_s:?} {budget}: {plan:?}");
                assert!(plan.step_s >= 1.0 && (budget == 0 || plan.regular > 0), "{plan:?}");
            }
        }
    }

    #[test]
    fn a_change_of_colours_and_of_layout_is_a_scene_change() {
        let ramp = |shift: u32| {
            Signature::of(&RgbImage::from_fn(32, 18, |x, _| Rgb([((x + shift) % 32 * 8) as u8, 60, 60])))
        };
        assert!(plain(200, 30, 30).is_scene_change(&plain(10, 10, 90)));
        assert!(!ramp(0).is_scene_change(&ramp(8)), "a pan keeps its colours");
        assert!(!plain(60, 60, 60).is_scene_change(&plain(66, 66, 66)), "hardly brighter");
    }

    #[test]
    fn a_scene_that_begins_right_after_a_kept_frame_is_kept_a_little_later() {
        assert_eq!(run(5.0, 120, &[2.1]).1, [2.5]);
    }

    #[test]
    fn flashes_are_not_scenes() {
        let cuts: Vec<f64> = vec![2.1, 2.2, 2.3, 2.4];
        let (_, scenes) = run(5.0, 120, &cuts);
        assert!(scenes.is_empty(), "{scenes:?}");
    }
}
