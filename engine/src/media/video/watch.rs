//! Looking for text on every frame of a video.

use std::collections::VecDeque;

use ffmpeg_next as ff;
use image::imageops;

use super::{Decoder, Frame, LONGEST_SIDE_PX, Shows};
use crate::error::Result;
use crate::features::frames::{Choice, Signature};
use crate::features::glimpses::{GlimpsePicker, Grid};

/// Chooses the frames to read text in; holds the frame before, because only the next one tells what it was.
#[derive(Default)]
pub(super) struct Watch {
    picker: GlimpsePicker<Frame>,
    before: Option<(f64, ff::frame::Video)>,
    grid: Option<Grid>,
    /// The first frame of a scene, until the second one after it tells whether it was a glimpse.
    open: Option<Frame>,
    ready: VecDeque<Frame>,
    finished: bool,
}

impl Watch {
    /// The next frame that was chosen.
    pub(super) fn take(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// Looks at the decoder's frame, which tells whether the one before was a glimpse.
    pub(super) fn look(&mut self, decoder: &mut Decoder, time_s: f64) -> Result<Signature> {
        let thumbnail = decoder.thumbnail(Grid::SIZE)?;
        let grid = Grid::of(&thumbnail);
        self.close(Some(&grid));
        let strength = self.picker.strength(&grid);
        self.keep_before(decoder, strength)?;
        if self.picker.is_open(&grid) {
            self.open = self.glimpse_before(decoder)?;
        }
        self.ready.extend(self.picker.ended(time_s));
        self.grid = Some(grid);
        let (width, height) = Signature::SIZE;
        Ok(Signature::of(&imageops::thumbnail(&thumbnail, width, height)))
    }

    /// Takes the decoder's frame, with what else was decided about it.
    pub(super) fn go_on(&mut self, decoder: &mut Decoder, time_s: f64, choice: Choice) -> Result<()> {
        let shows = if choice == Choice::Skip { Shows::Text } else { Shows::Scene };
        if self.grid.take().is_some_and(|grid| self.picker.offer(time_s, grid, shows == Shows::Scene)) {
            let pixels = decoder.picture(LONGEST_SIDE_PX)?;
            let scene_change = matches!(choice, Choice::SceneChange | Choice::Regular { scene_change: true });
            self.ready.push_back(Frame { time_s, pixels, scene_change, shows });
        }
        let (before_s, before) = self.before.get_or_insert_with(|| (time_s, ff::frame::Video::empty()));
        *before_s = time_s;
        std::mem::swap(&mut decoder.frame, before);
        Ok(())
    }

    /// The video has ended; whether that gave more frames.
    pub(super) fn finish(&mut self, decoder: &mut Decoder) -> Result<bool> {
        if !std::mem::replace(&mut self.finished, true) {
            self.close(None);
            let strength = self.picker.strength_of_last();
            self.keep_before(decoder, strength)?;
            self.ready.extend(self.picker.ended(f64::INFINITY));
        }
        Ok(!self.ready.is_empty())
    }

    /// Keeps the first frame of a scene when it is among the best glimpses.
    fn close(&mut self, next: Option<&Grid>) {
        let Some(frame) = self.open.take() else { return };
        let strength = self.picker.strength_after_cut(next);
        if self.picker.wants(strength) {
            self.picker.keep(strength, frame);
        }
    }

    /// Keeps the frame before as a glimpse, when it is among the best.
    fn keep_before(&mut self, decoder: &mut Decoder, strength: u32) -> Result<()> {
        if self.picker.wants(strength) {
            let frame = self.glimpse_before(decoder)?;
            frame.into_iter().for_each(|frame| self.picker.keep(strength, frame));
        }
        Ok(())
    }

    /// The frame before.
    fn glimpse_before(&mut self, decoder: &mut Decoder) -> Result<Option<Frame>> {
        let Some((time_s, before)) = self.before.as_mut() else { return Ok(None) };
        std::mem::swap(&mut decoder.frame, before);
        let pixels = decoder.picture(LONGEST_SIDE_PX);
        std::mem::swap(&mut decoder.frame, before);
        let (time_s, pixels) = (*time_s, pixels?);
        Ok(Some(Frame { time_s, pixels, scene_change: false, shows: Shows::Glimpse }))
    }
}
