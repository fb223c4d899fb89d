//! Frames for somebody who watches: one after the other, from any second, and the neighbours of a frame.

use ff::Discard;
use ffmpeg_next as ff;
use image::RgbImage;

use super::VideoReader;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::media::{Media, Opener, guard};

/// Rounding of timestamps in some containers, in seconds.
const SAME_S: f64 = 0.0005;

/// How far before a frame decoding begins, to meet the one before it, in seconds.
const RUN_UP_S: f64 = 1.0;

impl VideoReader {
    /// The next frame that is still shown at `from_s` or later: its time in seconds and its pixels, upright, neither
    /// side longer than `longest_side_px`; `None` at the end. Earlier frames are decoded but not drawn, so that
    /// somebody who is late catches up. Times of further calls must not fall; a reader that gave such frames is not
    /// walked through as well.
    ///
    /// # Errors
    /// [`Error::Media`](crate::Error::Media) when nothing can be decoded.
    pub fn next_from(&mut self, from_s: f64, longest_side_px: u32) -> Result<Option<(f64, RgbImage)>> {
        let path = self.path.clone();
        guard::catch(&path, || self.seek_frame(from_s, longest_side_px)).flatten()
    }

    fn seek_frame(&mut self, from_s: f64, longest_side_px: u32) -> Result<Option<(f64, RgbImage)>> {
        self.decoder.decoder.skip_frame(Discard::Default);
        self.decoder.jump(from_s);
        while let Some(at_s) = self.decoder.next(&self.cancel)? {
            if at_s + self.decoder.frame_s > from_s + SAME_S {
                return Ok(Some((at_s, self.decoder.picture(longest_side_px)?)));
            }
        }
        match self.decoder.last_s {
            None if !self.cancel.is_cancelled() => {
                Err(guard::damaged(&self.path, "none of its frames can be decoded"))
            }
            _ => Ok(None),
        }
    }

    /// Seconds that a frame is shown, as the container states it.
    pub fn frame_s(&self) -> f64 {
        self.decoder.frame_s
    }

    /// The frame before or after the one that is shown at `time_s`.
    fn beside(
        &mut self,
        time_s: f64,
        is_next: bool,
        longest_side_px: u32,
    ) -> Result<Option<(f64, RgbImage)>> {
        self.decoder.decoder.skip_frame(Discard::Default);
        self.decoder.jump(time_s - RUN_UP_S);
        let mut before = None;
        while let Some(at_s) = self.decoder.next(&self.cancel)? {
            if is_next && at_s > time_s + SAME_S {
                return Ok(Some((at_s, self.decoder.picture(longest_side_px)?)));
            }
            if !is_next && at_s > time_s - SAME_S {
                break;
            }
            let held = self.held.get_or_insert_with(ff::frame::Video::empty);
            std::mem::swap(&mut self.decoder.frame, held);
            before = Some(at_s);
        }
        let (Some(at_s), Some(held), false) = (before, &mut self.held, is_next) else { return Ok(None) };
        std::mem::swap(&mut self.decoder.frame, held);
        Ok(Some((at_s, self.decoder.picture(longest_side_px)?)))
    }
}

/// Which neighbour of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameStep {
    /// The one before it.
    Back,
    /// The one after it.
    On,
}

/// The neighbour of the frame that begins at `time_s`: its time in seconds and its pixels, upright, neither side longer
/// than `longest_side_px`; `None` before the first and after the last one, and for what is no video.
///
/// # Errors
/// As [`Opener::open`].
pub fn frame_beside(
    path: &std::path::Path,
    time_s: f64,
    step: FrameStep,
    longest_side_px: u32,
) -> Result<Option<(f64, RgbImage)>> {
    match Opener::default().open(path, &Cancel::new())? {
        Media::Video(mut video) => {
            let path = video.path.clone();
            guard::catch(&path, || video.beside(time_s, step == FrameStep::On, longest_side_px)).flatten()
        }
        _ => Ok(None),
    }
}
