//! Which frames of a video to read text in, when every frame is looked at: policy only, no files, no pixels beyond a
//! thumbnail.
//!
//! Text that stays is read every [`STEP_S`], where the picture is no longer the one that was read last. What shows for
//! an instant, down to a single frame, is found by what comes before and after it: many places of the picture were
//! alike then, and differ now. A cut has no such place (before and after differ), a camera that moves has few (each
//! place goes on changing). Beside a cut only one side tells: the first frame of a scene is compared with the two after
//! it, the last one with the two before. The strongest glimpses of each [`WINDOW_S`] are read, so that a storm with lightning costs
//! no more than a lecture.

use std::collections::VecDeque;

use image::RgbImage;

/// Seconds from one reading of text that stays to the next.
pub const STEP_S: f64 = 2.0;

/// Seconds of which the strongest glimpses are read.
pub const WINDOW_S: f64 = 10.0;

/// Glimpses that are read in a window.
pub const GLIMPSES: usize = 2;

/// A place of the picture has changed when its brightness (0 to 255) differs by more than this.
const CHANGED: u8 = 10;

/// Fewer places that changed are noise: a word in letters of a thirtieth of the height covers more.
const LEAST_PLACES: usize = 4;

/// How far back it is looked for a picture like the next one, in frames: something that shows for a frame less.
const BACK: [usize; 6] = [2, 3, 5, 9, 17, 33];

/// It is a cut when more than one of so many places changed.
const PLACES_OF_CUT: usize = 3;

/// A glimpse stands out from what flickers all the time: from the strengths of so many frames before it, so many times.
const CALM_FRAMES: usize = 8;
const TIMES_CALM: u32 = 2;

/// The brightness of a frame on a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid(Vec<u8>);

impl Grid {
    /// Width and height of the thumbnail it is made from.
    pub const SIZE: (u32, u32) = (64, 36);

    /// From a thumbnail.
    pub fn of(thumbnail: &RgbImage) -> Self {
        // Brightness as ITU-R BT.601 weighs it, in parts of 256.
        let light = |[r, g, b]: [u8; 3]| (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8;
        Self(thumbnail.pixels().map(|pixel| light(pixel.0) as u8).collect())
    }

    /// Places that differ.
    fn changed(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).filter(|(a, b)| a.abs_diff(**b) > CHANGED).count()
    }

    /// Whether a scene ends with this frame and another begins with `next`.
    fn is_cut(&self, next: &Self) -> bool {
        self.changed(next) * PLACES_OF_CUT > self.0.len()
    }

    /// How much of this frame was neither there before nor after: the sum of what places differ, 0 when it is noise.
    fn strength(&self, before: &Self, after: &Self) -> u32 {
        let (mut places, mut sum) = (0, 0);
        for ((now, before), after) in self.0.iter().zip(&before.0).zip(&after.0) {
            let (now, before, after) = (i16::from(*now), i16::from(*before), i16::from(*after));
            let (up, down) = (now - before.max(after), before.min(after) - now);
            // What before and after differ by is movement, and counts against it.
            let differs = up.max(down) - (before - after).abs();
            if differs > i16::from(CHANGED) {
                places += 1;
                sum += differs.unsigned_abs() as u32;
            }
        }
        if places < LEAST_PLACES { 0 } else { sum }
    }
}

/// Decides frame by frame, in the order of their time, and holds what was seen of the best glimpses meanwhile.
#[derive(Debug, Clone)]
pub struct GlimpsePicker<T> {
    /// The frames before, the last one at the end.
    grids: VecDeque<Grid>,
    /// How much was new in each of the last ones.
    strengths: VecDeque<u32>,
    /// What was read last.
    read: Option<Grid>,
    due_s: f64,
    window_end_s: f64,
    best: Vec<(u32, T)>,
}

impl<T> Default for GlimpsePicker<T> {
    fn default() -> Self {
        Self {
            grids: VecDeque::new(),
            strengths: VecDeque::new(),
            read: None,
            due_s: 0.0,
            window_end_s: WINDOW_S,
            best: Vec::new(),
        }
    }
}

impl<T> GlimpsePicker<T> {
    /// How strong a glimpse the last frame was, now that the next one is known; 0 when it was none, or begins a scene.
    pub fn strength(&mut self, next: &Grid) -> u32 {
        if self.begins_scene() { 0 } else { self.stands_out(next) }
    }

    /// How much the last frame differs from those before it and from another one, beyond what flickers all the time.
    fn stands_out(&mut self, next: &Grid) -> u32 {
        let Some(last) = self.grids.back() else { return 0 };
        let before = |back: usize| self.grids.len().checked_sub(back).and_then(|i| self.grids.get(i));
        let strengths = BACK.iter().filter_map(|back| before(*back)).map(|grid| last.strength(grid, next));
        let strength = strengths.max().unwrap_or(0).max(self.strength_before_cut(next));
        let calm = self.strengths.iter().max().copied().unwrap_or(0);
        if self.strengths.len() == CALM_FRAMES {
            self.strengths.pop_front();
        }
        self.strengths.push_back(strength);
        strength.saturating_sub(TIMES_CALM * calm)
    }

    /// The last frame of a scene, beside the two before it; 0 when the scene goes on.
    fn strength_before_cut(&self, next: &Grid) -> u32 {
        let mut before = self.grids.iter().rev();
        match (before.next(), before.next(), before.next()) {
            (Some(last), Some(one), Some(two)) if last.is_cut(next) && !one.is_cut(two) => {
                last.strength(two, one)
            }
            _ => 0,
        }
    }

    /// Whether the last frame is the first after a cut, or the first of all.
    fn begins_scene(&self) -> bool {
        let mut before = self.grids.iter().rev();
        before.next().is_some_and(|last| before.next().is_none_or(|one| one.is_cut(last)))
    }

    /// Whether the last frame begins a scene and holds what the next one does not: then
    /// [`GlimpsePicker::strength_after_cut`] tells once the frame after that is known.
    pub fn is_open(&self, next: &Grid) -> bool {
        self.begins_scene() && self.grids.back().is_some_and(|last| last.strength(next, next) > 0)
    }

    /// How strong a glimpse the frame before the last one was, which begins a scene: beside the last one and `next`, or
    /// the last one alone at the end of the video.
    pub fn strength_after_cut(&self, next: Option<&Grid>) -> u32 {
        let mut before = self.grids.iter().rev();
        match (before.next(), before.next()) {
            (Some(last), Some(first)) if next.is_none_or(|next| !last.is_cut(next)) => {
                first.strength(next.unwrap_or(last), last)
            }
            _ => 0,
        }
    }

    /// How strong a glimpse the last frame of the video was, after which none comes: how much of it is new.
    pub fn strength_of_last(&mut self) -> u32 {
        let before = self.grids.len().checked_sub(2).and_then(|i| self.grids.get(i)).cloned();
        before.map_or(0, |before| self.stands_out(&before))
    }

    /// Whether a glimpse of this strength is among the best of its window so far.
    pub fn wants(&self, strength: u32) -> bool {
        strength > 0 && (self.best.len() < GLIMPSES || self.best.iter().any(|(least, _)| *least < strength))
    }

    /// Keeps a glimpse that is wanted.
    pub fn keep(&mut self, strength: u32, seen: T) {
        self.best.push((strength, seen));
        self.best.sort_by_key(|(strength, _)| std::cmp::Reverse(*strength));
        self.best.truncate(GLIMPSES);
    }

    /// Goes on to the next frame; whether it is to be read, because its text may stay or because it `is_read` anyway.
    pub fn offer(&mut self, time_s: f64, grid: Grid, is_read: bool) -> bool {
        let changed = || self.read.as_ref().is_none_or(|read| grid.changed(read) >= LEAST_PLACES);
        let due = is_read || (time_s >= self.due_s && changed());
        if due {
            self.read = Some(grid.clone());
            self.due_s = time_s + STEP_S;
        }
        if self.grids.len() == BACK[BACK.len() - 1] {
            self.grids.pop_front();
        }
        self.grids.push_back(grid);
        due
    }

    /// The glimpses of the window when it ended before `time_s`, the strongest first.
    pub fn ended(&mut self, time_s: f64) -> Vec<T> {
        if time_s < self.window_end_s {
            return Vec::new();
        }
        self.window_end_s = time_s + WINDOW_S;
        self.best.drain(..).map(|(_, seen)| seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A slope of brightness that has moved, with a bright plate on it.
    fn frame(shift: u32, plate: bool) -> Grid {
        let (width, height) = Grid::SIZE;
        Grid::of(&RgbImage::from_fn(width, height, |x, y| {
            let on_plate = plate && (20..30).contains(&x) && (30..32).contains(&y);
            Rgb([if on_plate { 250 } else { ((x + shift) % width * 2) as u8 }; 3])
        }))
    }

    /// The strengths of 60 frames of a video whose slope moves by `speed`, with a plate on some of them.
    fn strengths(speed: u32, plate: std::ops::Range<u32>) -> Vec<u32> {
        let mut picker = GlimpsePicker::<u32>::default();
        let mut strengths = Vec::new();
        for i in 0..60 {
            let grid = frame(i * speed / 8, plate.contains(&i));
            strengths.push(picker.strength(&grid));
            picker.offer(f64::from(i) / 25.0, grid, false);
        }
        // Of the frame before each.
        strengths.remove(0);
        strengths
    }

    fn at(strengths: &[u32]) -> Vec<usize> {
        strengths.iter().enumerate().filter(|(_, strength)| **strength > 0).map(|(i, _)| i).collect()
    }

    #[test]
    fn a_single_frame_is_a_glimpse_also_where_the_camera_moves() {
        assert_eq!(at(&strengths(0, 40..41)), [40]);
        assert_eq!(at(&strengths(8, 40..41)), [40]);
        let mut picker = GlimpsePicker::<()>::default();
        for i in 0..60 {
            picker.offer(f64::from(i), frame(0, i == 59), false);
        }
        assert!(picker.strength_of_last() > 0, "the last frame of all has none after it");
        assert_eq!(at(&strengths(0, 0..0)), [0; 0]);
        assert_eq!(at(&strengths(8, 0..0)), [0; 0]);
    }

    #[test]
    fn a_single_frame_is_a_glimpse_also_beside_a_cut() {
        // The scene changes with frame 30.
        let scene = |i: u32, plate: bool| frame(if i < 30 { 0 } else { 32 }, plate);
        let found = |plate: Option<u32>, n: u32| {
            let mut picker = GlimpsePicker::<()>::default();
            let (mut found, mut open) = (Vec::new(), None);
            for i in 0..n {
                let grid = scene(i, plate == Some(i));
                if let Some(first) = open.take().filter(|_| picker.strength_after_cut(Some(&grid)) > 0) {
                    found.push(first);
                }
                if picker.strength(&grid) > 0 {
                    found.push(i - 1);
                }
                open = picker.is_open(&grid).then(|| i - 1);
                picker.offer(f64::from(i) / 25.0, grid, false);
            }
            found.extend(open.filter(|_| picker.strength_after_cut(None) > 0));
            found
        };
        assert_eq!(found(None, 60), [0; 0], "a cut alone is no glimpse");
        for at in [0, 29, 30] {
            assert_eq!(found(Some(at), 60), [at]);
        }
        assert_eq!(found(Some(30), 32), [30], "the video ends with the frame after it");
        let mut picker = GlimpsePicker::<()>::default();
        for i in 0..31 {
            picker.offer(f64::from(i) / 25.0, scene(i, i == 30), false);
        }
        assert!(picker.strength_of_last() > 0, "a scene of one frame ends the video");
    }

    #[test]
    fn what_shows_for_half_a_second_is_seen_when_it_ends() {
        assert_eq!(at(&strengths(0, 40..52)), [51]);
        assert_eq!(
            at(&strengths(0, 20..59)),
            [0; 0],
            "longer than it is looked back: it is read as text that stays"
        );
    }

    #[test]
    fn what_flickers_all_the_time_is_no_glimpse() {
        let mut picker = GlimpsePicker::<()>::default();
        let mut glimpses = Vec::new();
        for i in 0..60 {
            // Something blinks in every third frame; in one of them the plate shows as well.
            let mut grid = frame(0, i == 40);
            grid.0.iter_mut().take(12).for_each(|light| *light = if i % 3 == 0 { 90 } else { 40 });
            if picker.strength(&grid) > 0 {
                glimpses.push(i - 1);
            }
            picker.offer(f64::from(i), grid, false);
        }
        assert!(glimpses.contains(&40) && glimpses.iter().filter(|i| **i > 8).count() == 1, "{glimpses:?}");
    }

    #[test]
    fn the_strongest_of_a_window_are_kept() {
        let mut picker = GlimpsePicker::default();
        for strength in [100, 300, 200, 50] {
            if picker.wants(strength) {
                picker.keep(strength, strength);
            }
        }
        assert!(!picker.wants(0) && !picker.wants(200) && picker.wants(201));
        assert_eq!(picker.ended(5.0), [0; 0]);
        assert_eq!(picker.ended(10.0), [300, 200]);
        assert!(picker.wants(1), "the next window has none yet");
    }

    #[test]
    fn text_that_stays_is_read_once_and_again_when_the_picture_changes() {
        let mut picker = GlimpsePicker::<()>::default();
        let read: Vec<u32> = (0..300)
            .filter(|i| picker.offer(f64::from(*i) / 25.0, frame(0, (100..200).contains(i)), false))
            .collect();
        assert_eq!(read, [0, 100, 200]);
    }
}
