//! An edited transcript: lines of text whose words keep their times, whoever corrects the text.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use engine::tasks::ask::ReadFile;
use engine::tasks::transcribe::Segment;
use engine::{Finding, Place, Span};
use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Words that are less likely than this are marked.
pub const UNSURE_BELOW: f32 = 0.5;

/// Names a speaker of one transcript; also chooses the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpeakerId(pub u32);

/// Somebody who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// Stays when the name changes.
    pub id: SpeakerId,
    /// For people: "Speaker 1", "Anna".
    pub name: String,
}

/// A word of a line. Times are seconds from the start of the recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Where it stands in [`Line::text`], on character boundaries.
    pub bytes: Range<usize>,
    /// When it begins.
    pub start_s: f64,
    /// When it ends.
    pub end_s: f64,
    /// Probability, 0 to 1; 1 for what a person wrote.
    pub confidence: f32,
}

/// What is said without a break. Its words are in order, their times never decrease and lie inside the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Seconds from the start of the recording.
    pub end_s: f64,
    /// What is said.
    pub text: String,
    /// All words of the text.
    pub words: Vec<Word>,
    /// Who says it.
    pub speaker: Option<SpeakerId>,
    /// Code of the language: "en".
    pub language: String,
}

/// A whole transcript. Lines are shared, so that a copy for undoing costs little.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Document {
    /// In the order of the recording.
    pub lines: Vec<Arc<Line>>,
    /// Everybody who has a name here, in the order in which they first spoke.
    pub speakers: Vec<Speaker>,
}

/// A word before it is one: its place in the text and its time.
struct Timed {
    bytes: Range<usize>,
    start_s: f64,
    end_s: f64,
    confidence: f32,
    /// The old word and which part of it this is, when it did not change.
    part: Option<(usize, usize)>,
}

impl Line {
    /// What was heard. Text that belongs to no word becomes words of its own.
    pub fn from_segment(segment: &Segment, speaker: Option<SpeakerId>) -> Self {
        let mut words = Vec::with_capacity(segment.words.len());
        let mut from = 0;
        for word in segment.words.iter().filter(|word| !word.text.is_empty()) {
            let Some(at) = segment.text[from..].find(&word.text) else { continue };
            let bytes = from + at..from + at + word.text.len();
            from = bytes.end;
            words.push(Word { bytes, start_s: word.start_s, end_s: word.end_s, confidence: word.confidence });
        }
        let line = Self {
            start_s: segment.start_s,
            end_s: segment.end_s.max(segment.start_s),
            text: segment.text.clone(),
            words,
            speaker,
            language: segment.language.clone(),
        };
        line.completed(segment.confidence)
    }

    /// What was found when the file was read.
    fn from_span(span: &Span) -> Option<Self> {
        let (Place::Time { start_s, end_s }, Finding::Speech { confidence }) = (&span.place, span.finding)
        else {
            return None;
        };
        let words = span.pieces.iter().filter_map(|piece| match piece.place {
            Place::Time { start_s, end_s } if span.text.get(piece.bytes.clone()).is_some() => {
                Some(Word { bytes: piece.bytes.clone(), start_s, end_s, confidence })
            }
            _ => None,
        });
        let line = Self {
            start_s: *start_s,
            end_s: end_s.max(*start_s),
            text: span.text.clone(),
            words: words.collect(),
            speaker: None,
            language: String::new(),
        };
        Some(line.completed(confidence))
    }

    /// Gives words to text that has none, and brings all times into order.
    fn completed(mut self, confidence: f32) -> Self {
        let covered = |atom: &Range<usize>| {
            self.words.iter().any(|word| word.bytes.start < atom.end && atom.start < word.bytes.end)
        };
        let bare: Vec<Range<usize>> = atoms(&self.text).into_iter().filter(|atom| !covered(atom)).collect();
        let mut rest = bare.as_slice();
        let mut added = Vec::new();
        while let Some(first) = rest.first() {
            let after = self.words.iter().position(|word| word.bytes.start >= first.end);
            let until = after.map_or(self.text.len(), |i| self.words[i].bytes.start);
            let n = rest.iter().take_while(|atom| atom.end <= until).count().max(1);
            let before = after.unwrap_or(self.words.len()).checked_sub(1);
            let slot = (
                before.map_or(self.start_s, |i| self.words[i].end_s),
                after.map_or(self.end_s, |i| self.words[i].start_s),
            );
            added.extend(shared(&self.text, &rest[..n], slot, confidence));
            rest = &rest[n..];
        }
        (self.start_s, self.end_s) = (millis(self.start_s), millis(self.end_s));
        self.words.extend(added.into_iter().map(Word::from));
        self.words.sort_by_key(|word| word.bytes.start);
        self.settle();
        self
    }

    /// Times that never decrease and lie inside the line.
    fn settle(&mut self) {
        let (mut start_s, mut end_s) = (self.start_s, self.start_s);
        for word in &mut self.words {
            start_s = millis(word.start_s).clamp(start_s, self.end_s.max(start_s));
            end_s = millis(word.end_s).clamp(end_s.max(start_s), self.end_s.max(end_s).max(start_s));
            (word.start_s, word.end_s) = (start_s, end_s);
        }
    }

    /// The same line with another text. Words that are in both keep their times; words that replace others share the
    /// time of these by their lengths; words that were put between two take the pause between them.
    #[must_use]
    pub fn with_text(&self, text: &str) -> Self {
        let mut old = Vec::new();
        for (i, word) in self.words.iter().enumerate() {
            let said = &self.text[word.bytes.clone()];
            let parts = atoms(said);
            for (part, mut timed) in
                shared(said, &parts, (word.start_s, word.end_s), word.confidence).into_iter().enumerate()
            {
                timed.bytes = timed.bytes.start + word.bytes.start..timed.bytes.end + word.bytes.start;
                timed.part = Some((i, part));
                old.push(timed);
            }
        }
        let new = atoms(text);
        let before: Vec<&str> = old.iter().map(|timed| &self.text[timed.bytes.clone()]).collect();
        let after: Vec<&str> = new.iter().map(|atom| &text[atom.clone()]).collect();
        let mut words: Vec<Timed> = Vec::with_capacity(new.len());
        for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
            match op {
                DiffOp::Equal { old_index, new_index, len } => {
                    for (was, atom) in
                        old[old_index..old_index + len].iter().zip(&new[new_index..new_index + len])
                    {
                        words.push(Timed { bytes: atom.clone(), ..*was });
                    }
                }
                DiffOp::Delete { .. } => {}
                DiffOp::Insert { old_index, new_index, new_len } => {
                    let from_s = old_index.checked_sub(1).map_or(self.start_s, |i| old[i].end_s);
                    let to_s = old.get(old_index).map_or(self.end_s, |next| next.start_s);
                    words.extend(shared(text, &new[new_index..new_index + new_len], (from_s, to_s), 1.0));
                }
                DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                    let slot = (old[old_index].start_s, old[old_index + old_len - 1].end_s);
                    words.extend(shared(text, &new[new_index..new_index + new_len], slot, 1.0));
                }
            }
        }
        let mut line = Self { text: text.to_owned(), words: joined(words), ..self.clone() };
        line.settle();
        line
    }

    /// Two lines, cut at this byte of the text; none where one of them would be empty.
    pub fn split(&self, at: usize) -> Option<(Self, Self)> {
        let (left, right) = (self.text.get(..at)?.trim_end(), self.text.get(at..)?.trim_start());
        if left.trim().is_empty() || right.trim().is_empty() {
            return None;
        }
        let shift = self.text.len() - right.len();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for word in &self.words {
            let Range { start, end } = word.bytes;
            if end <= left.len() {
                before.push(word.clone());
            } else if start >= shift {
                after.push(Word { bytes: start - shift..end - shift, ..word.clone() });
            } else {
                let share = (left.len() - start) as f64 / (end - start) as f64;
                let cut_s = millis(word.start_s + share * (word.end_s - word.start_s));
                before.push(Word { bytes: start..left.len(), end_s: cut_s, ..word.clone() });
                after.push(Word { bytes: 0..end - shift, start_s: cut_s, ..word.clone() });
            }
        }
        let cut_s = before.last().map_or(self.start_s, |word| word.end_s);
        let next_s = after.first().map_or(cut_s, |word| word.start_s).max(cut_s);
        let first = Self { text: left.to_owned(), words: before, end_s: cut_s, ..self.clone() };
        Some((first, Self { text: right.to_owned(), words: after, start_s: next_s, ..self.clone() }))
    }

    /// This line with the next one behind it, and the byte where that begins.
    #[must_use]
    pub fn joined_with(&self, next: &Self) -> (Self, usize) {
        let dense = |c: Option<char>| c.is_none_or(is_dense);
        let mut text = self.text.trim_end().to_owned();
        let rest = next.text.trim_start();
        // Scripts without spaces get none.
        if !dense(text.chars().last()) || !dense(rest.chars().next()) {
            text.push(' ');
        }
        let (at, cut) = (text.len(), next.text.len() - rest.len());
        text.push_str(rest);
        let mut words = self.words.clone();
        words.extend(next.words.iter().map(|word| Word {
            bytes: word.bytes.start - cut + at..word.bytes.end - cut + at,
            ..word.clone()
        }));
        let end_s = self.end_s.max(next.end_s);
        let mut line = Self { text, words, end_s, ..self.clone() };
        line.settle();
        (line, at)
    }

    /// The word that is spoken at this second or was the last one before; none before the first.
    pub fn word_at(&self, time_s: f64) -> Option<usize> {
        self.words.partition_point(|word| word.start_s <= time_s).checked_sub(1)
    }

    /// Mean probability of the words; 1 without words.
    pub fn confidence(&self) -> f32 {
        let sum: f32 = self.words.iter().map(|word| word.confidence).sum();
        if self.words.is_empty() { 1.0 } else { sum / self.words.len() as f32 }
    }
}

impl Document {
    /// Adds what was heard next.
    pub fn push(&mut self, segment: &Segment) {
        let speaker = segment.speaker.as_deref().map(|label| self.speaker_called(label));
        self.lines.push(Arc::new(Line::from_segment(segment, speaker)));
    }

    /// The speaker with this label, added where there is none. A number becomes "Speaker 1".
    fn speaker_called(&mut self, label: &str) -> SpeakerId {
        let is_number = label.chars().all(|c| c.is_ascii_digit());
        let name = if is_number { format!("Speaker {label}") } else { label.to_owned() };
        match self.speakers.iter().find(|speaker| speaker.name == name) {
            Some(speaker) => speaker.id,
            None => self.add_speaker(name),
        }
    }

    /// A new speaker.
    pub fn add_speaker(&mut self, name: String) -> SpeakerId {
        let id = SpeakerId(self.speakers.iter().map(|speaker| speaker.id.0 + 1).max().unwrap_or(0));
        self.speakers.push(Speaker { id, name });
        id
    }

    /// A name that no speaker has yet.
    pub fn free_name(&self) -> String {
        let taken = |name: &String| self.speakers.iter().any(|speaker| speaker.name == *name);
        let names = (self.speakers.len() + 1..).map(|n| format!("Speaker {n}"));
        names.into_iter().find(|name| !taken(name)).unwrap_or_default()
    }

    /// The name of a speaker.
    pub fn name(&self, id: SpeakerId) -> Option<&str> {
        self.speakers.iter().find(|speaker| speaker.id == id).map(|speaker| speaker.name.as_str())
    }

    /// What was found when the file was read, as a transcript.
    pub fn from_read(read: &ReadFile) -> Self {
        let lines = read.spans.iter().filter_map(Line::from_span).map(Arc::new).collect();
        Self { lines, speakers: Vec::new() }
    }

    /// As the writers of transcripts and the search for evidence take it.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        self.lines.iter().map(|line| Segment {
            start_s: line.start_s,
            end_s: line.end_s,
            text: line.text.clone(),
            language: line.language.clone(),
            speaker: line.speaker.and_then(|id| self.name(id)).map(str::to_owned),
            confidence: line.confidence(),
            words: line
                .words
                .iter()
                .map(|word| engine::tasks::transcribe::Word {
                    start_s: word.start_s,
                    end_s: word.end_s,
                    text: line.text[word.bytes.clone()].to_owned(),
                    confidence: word.confidence,
                })
                .collect(),
        })
    }

    /// What was read in a file, with this transcript for its speech; everything else stays.
    pub fn replace_speech(&self, read: &mut ReadFile) {
        let path: &Path = &read.path;
        let is_speech = |span: &Span| matches!(span.finding, Finding::Speech { .. });
        let at = read.spans.iter().position(is_speech).unwrap_or(read.spans.len());
        let (before, after) = read.spans.split_at(at);
        let mut spans = before.to_vec();
        spans.extend(self.segments().map(|segment| segment.into_span(path)));
        spans.extend(after.iter().filter(|span| !is_speech(span)).cloned());
        read.spans = Arc::new(spans);
    }

    /// The line that is spoken at this second, or the last one before; none before the first.
    pub fn line_at(&self, time_s: f64) -> Option<usize> {
        self.lines.partition_point(|line| line.start_s <= time_s).checked_sub(1)
    }
}

impl From<Timed> for Word {
    fn from(timed: Timed) -> Self {
        let Timed { bytes, start_s, end_s, confidence, .. } = timed;
        Self { bytes, start_s, end_s, confidence }
    }
}

/// Joins the parts of words that did not change.
fn joined(words: Vec<Timed>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut last_part = None;
    for timed in words {
        let follows = match (last_part, timed.part) {
            (Some((word, part)), Some(next)) => next == (word, part + 1),
            _ => false,
        };
        last_part = timed.part;
        match out.last_mut() {
            Some(last) if follows && last.bytes.end == timed.bytes.start => {
                (last.bytes.end, last.end_s) = (timed.bytes.end, timed.end_s);
            }
            _ => out.push(timed.into()),
        }
    }
    out
}

/// Gives each piece of a text its share of a time by its number of characters.
fn shared(text: &str, pieces: &[Range<usize>], (from_s, to_s): (f64, f64), confidence: f32) -> Vec<Timed> {
    let chars = |piece: &Range<usize>| text[piece.clone()].chars().count() as f64;
    let all = pieces.iter().map(chars).sum::<f64>().max(1.0);
    let length_s = (to_s - from_s).max(0.0);
    let mut done = 0.0;
    let timed = pieces.iter().map(|piece| {
        let start_s = from_s + length_s * done / all;
        done += chars(piece);
        // The last one ends where all of them end, whatever was rounded.
        let end_s = if done >= all { from_s + length_s } else { from_s + length_s * done / all };
        Timed { bytes: piece.clone(), start_s, end_s, confidence, part: None }
    });
    timed.collect()
}

/// Times are whole milliseconds, which come back from the disk as they went.
fn millis(seconds: f64) -> f64 {
    (1000.0 * seconds).round() / 1000.0
}

/// The smallest pieces of a text that have a time: between spaces, or a character of a script without spaces.
fn atoms(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || is_dense(c) {
            found.extend(open.take().map(|start| start..at));
            if !c.is_whitespace() {
                found.push(at..at + c.len_utf8());
            }
        } else {
            open.get_or_insert(at);
        }
    }
    found.extend(open.map(|start| start..text.len()));
    found
}

/// Kana, Chinese characters, Thai, Lao, Khmer, Burmese.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}
