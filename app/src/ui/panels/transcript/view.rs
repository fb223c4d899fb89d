//! What the transcript pane remembers and nobody would save: scrolling, the line that is written in, what is looked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::state::{Document, Found, Line, Query, SpeakerId};

/// The pane's memory.
#[derive(Default)]
pub struct TranscriptView {
    /// The line that the keyboard is at.
    pub(super) cursor: usize,
    /// Where the selection began; it ends at the cursor.
    pub(super) anchor: usize,
    pub(super) editing: Option<RowEdit>,
    /// Whether the view goes with the sound.
    pub(super) following: bool,
    /// Bring this line into view.
    pub(super) reveal: Option<usize>,
    /// The second to begin at, until its line is known.
    pub(super) begin_s: Option<f64>,
    /// Give the keyboard to the lines.
    pub(super) focus_lines: bool,
    pub(super) heights: Heights,
    /// Where the lines were scrolled to last.
    pub(super) offset: f32,
    /// How much of them was in view, in points.
    pub(super) height: f32,
    /// By how much lines above the view grew since.
    pub(super) shift: f32,
    /// What was in view last, in seconds.
    pub(super) in_view_s: (f64, f64),
    pub(super) find: FindBar,
    /// In a narrow pane: questions in the place of the lines.
    pub(super) questions: bool,
    pub(super) question: String,
    /// Open the menu for who speaks here.
    pub(super) open_menu: Option<usize>,
    /// Give the keyboard to the name in that menu.
    pub(super) focus_name: bool,
    /// The name that is being written for a speaker.
    pub(super) name: Option<(SpeakerId, String)>,
    /// Lines whose text was laid out in the last frame.
    pub(super) laid_out: usize,
}

/// The line that is written in.
pub(super) struct RowEdit {
    pub(super) line: usize,
    pub(super) draft: String,
    /// The transcript that the draft was taken from.
    pub(super) revision: Option<u64>,
    /// Put the cursor at this byte.
    pub(super) put_cursor: Option<usize>,
}

/// Find and replace.
#[derive(Default)]
pub(super) struct FindBar {
    pub(super) open: bool,
    pub(super) replacing: bool,
    pub(super) query: Query,
    pub(super) with: String,
    pub(super) focus: bool,
    pub(super) found: Vec<Found>,
    /// What `found` is for.
    searched: Option<(Query, u64)>,
    /// Which of them is shown.
    pub(super) at: usize,
}

impl FindBar {
    /// Looks again when the transcript or the query changed.
    pub(super) fn search(&mut self, document: &Document, revision: u64) {
        let key = (self.query.clone(), revision);
        if self.searched.as_ref() != Some(&key) {
            self.found = self.query.find(document);
            self.at = self.at.min(self.found.len().saturating_sub(1));
            self.searched = Some(key);
        }
    }

    /// The next or previous place; around the ends.
    pub(super) fn step(&mut self, by: isize) -> Option<&Found> {
        let n = self.found.len() as isize;
        if n == 0 {
            return None;
        }
        self.at = (self.at as isize + by).rem_euclid(n) as usize;
        self.found.get(self.at)
    }

    /// Places in a line, with whether each is the one that is shown.
    pub(super) fn in_line(&self, line: usize) -> impl Iterator<Item = (Range<usize>, bool)> {
        let from =
            if self.open { self.found.partition_point(|found| found.line < line) } else { self.found.len() };
        let places = self.found[from..].iter().enumerate().take_while(move |(_, found)| found.line == line);
        places.map(move |(i, found)| (found.bytes.clone(), from + i == self.at))
    }
}

impl TranscriptView {
    /// Begins anew at a second.
    pub fn reset(&mut self, time_s: f64) {
        *self = Self { following: true, begin_s: Some(time_s), focus_lines: true, ..Self::default() };
    }

    /// Ends writing in a line; which it was.
    pub fn stop_editing(&mut self) -> Option<usize> {
        let edit = self.editing.take()?;
        self.focus_lines = true;
        Some(edit.line)
    }

    /// Closes what lies over the lines; whether anything did.
    pub fn close_on_top(&mut self) -> bool {
        if self.find.open {
            self.find.open = false;
            self.focus_lines = true;
            return true;
        }
        false
    }

    /// The view goes with the sound again.
    pub fn follow(&mut self) {
        self.following = true;
    }

    /// Shows the line at this second, in the place of the questions.
    pub fn show_at(&mut self, time_s: f64) {
        self.questions = false;
        self.begin_s = Some(time_s);
    }

    /// Lines whose text was laid out in the last frame: those in view and a few more.
    pub fn lines_laid_out(&self) -> usize {
        self.laid_out
    }

    /// The lines that are selected.
    pub(super) fn selected(&self) -> Range<usize> {
        self.cursor.min(self.anchor)..self.cursor.max(self.anchor) + 1
    }

    /// Goes to a line; with `extend` the lines between are selected.
    pub(super) fn go_to(&mut self, line: usize, extend: bool) {
        self.cursor = line;
        if !extend {
            self.anchor = line;
        }
        self.reveal = Some(line);
    }

    pub(super) fn edit(&mut self, line: usize, cursor: Option<usize>) {
        self.go_to(line, false);
        let draft = String::new();
        self.editing =
            Some(RowEdit { line, draft, revision: None, put_cursor: Some(cursor.unwrap_or(usize::MAX)) });
    }
}

/// How tall lines are: measured when they are first shown, and guessed until then.
#[derive(Default)]
pub(super) struct Heights {
    width: f32,
    revision: Option<u64>,
    /// Held, so that no other line can take their place in memory.
    lines: Vec<Arc<Line>>,
    values: Vec<f32>,
    known: Vec<bool>,
    n_known: usize,
}

impl Heights {
    /// Takes in another width or another transcript; what did not change stays measured.
    pub(super) fn update(
        &mut self,
        document: &Document,
        revision: u64,
        width: f32,
        guess: impl Fn(&Line) -> f32,
    ) {
        if self.revision == Some(revision) && self.width == width {
            return;
        }
        let mut measured: HashMap<*const Line, f32> = HashMap::new();
        if self.width == width {
            let known = self.lines.iter().zip(&self.values).zip(&self.known).filter(|(_, known)| **known);
            measured = known.map(|((line, value), _)| (Arc::as_ptr(line), *value)).collect();
        }
        (self.width, self.revision, self.lines) = (width, Some(revision), document.lines.clone());
        let found = self.lines.iter().map(|line| measured.get(&Arc::as_ptr(line)).copied());
        let found: Vec<Option<f32>> = found.collect();
        self.known = found.iter().map(Option::is_some).collect();
        self.n_known = self.known.iter().filter(|known| **known).count();
        self.values =
            found.iter().zip(&self.lines).map(|(found, line)| found.unwrap_or_else(|| guess(line))).collect();
    }

    /// Sets a height; by how much it differs from what was assumed.
    pub(super) fn measured(&mut self, line: usize, height: f32) -> f32 {
        let difference = height - self.values[line];
        self.values[line] = height;
        if !self.known[line] {
            self.known[line] = true;
            self.n_known += 1;
        }
        difference
    }

    pub(super) fn of(&self, line: usize) -> f32 {
        self.values.get(line).copied().unwrap_or(0.0)
    }

    pub(super) fn is_known(&self, line: usize) -> bool {
        self.known.get(line).copied().unwrap_or(true)
    }

    pub(super) fn all_known(&self) -> bool {
        self.n_known == self.values.len()
    }

    pub(super) fn total(&self) -> f32 {
        self.values.iter().sum()
    }

    /// Where a line begins.
    pub(super) fn top(&self, line: usize) -> f32 {
        self.values.iter().take(line).sum()
    }

    /// The line at this distance from the top, and where it begins.
    pub(super) fn at(&self, y: f32) -> (usize, f32) {
        let mut top = 0.0;
        for (line, height) in self.values.iter().enumerate() {
            if top + height > y {
                return (line, top);
            }
            top += height;
        }
        (self.values.len(), top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(n: usize) -> Document {
        let line = |i: usize| Line {
            start_s: i as f64,
            end_s: i as f64 + 1.0,
            text: format!("line {i}"),
            words: Vec::new(),
            speaker: None,
            language: String::new(),
        };
        Document { lines: (0..n).map(|i| Arc::new(line(i))).collect(), speakers: Vec::new() }
    }

    #[test]
    fn heights_that_were_measured_stay_with_their_lines() {
        let mut heights = Heights::default();
        let mut document = document(5);
        heights.update(&document, 0, 400.0, |_| 10.0);
        assert_eq!((heights.total(), heights.at(25.0)), (50.0, (2, 20.0)));
        assert_eq!(heights.measured(3, 30.0), 20.0);
        document.lines.remove(0);
        heights.update(&document, 1, 400.0, |_| 10.0);
        assert!(heights.is_known(2) && !heights.is_known(3));
        assert_eq!((heights.of(2), heights.top(3), heights.total()), (30.0, 50.0, 60.0));
        heights.update(&document, 1, 300.0, |_| 10.0);
        assert_eq!(heights.total(), 40.0, "another width is measured anew");
    }

    #[test]
    fn stepping_through_what_was_found_goes_around() {
        let mut bar = FindBar { open: true, ..FindBar::default() };
        bar.query.text = "line".into();
        bar.search(&document(3), 0);
        assert_eq!(bar.found.len(), 3);
        assert_eq!(bar.step(-1).map(|found| found.line), Some(2));
        assert_eq!(bar.step(1).map(|found| found.line), Some(0));
        assert_eq!(bar.in_line(0).collect::<Vec<_>>(), [(0..4, true)]);
        assert_eq!(bar.in_line(1).collect::<Vec<_>>(), [(0..4, false)]);
    }
}
