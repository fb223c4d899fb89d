//! Changes of a transcript, each of which can be undone.

use std::ops::Range;
use std::sync::Arc;

use engine::tasks::transcribe::Segment;

use super::document::{Document, SpeakerId};
use super::find::{Found, Query};

/// So many changes can be undone; a copy of a long transcript is some kilobytes.
const MOST_STEPS: usize = 500;

/// Typing after a pause this long is undone on its own.
const PAUSE_S: f64 = 2.0;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Another text for a line; words that stay keep their times.
    SetText {
        /// Which line.
        line: usize,
        /// Its new text.
        text: String,
    },
    /// The line was left: spaces around it go, and the line itself if nothing is in it.
    Leave(usize),
    /// Two lines, cut at a byte of the text.
    Split {
        /// Which line.
        line: usize,
        /// The byte.
        at: usize,
    },
    /// A line behind the one before it.
    Join(usize),
    /// Who says these lines.
    Assign(Range<usize>, Option<SpeakerId>),
    /// Somebody new says these lines.
    AssignNew(Range<usize>, String),
    /// The name of a speaker; one that another speaker has makes them one.
    Name(SpeakerId, String),
    /// The first speaker is the second one.
    Merge(SpeakerId, SpeakerId),
    /// Another text at one place.
    Replace(Found, String),
    /// Another text wherever a query fits.
    ReplaceAll(Query, String),
    /// Another transcript.
    Reset(Document),
}

/// A transcript with what was done to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Editor {
    document: Document,
    undo: Vec<Document>,
    redo: Vec<Document>,
    /// The line that is typed in, and when that was last.
    typing: Option<(usize, f64)>,
    revision: u64,
}

impl Editor {
    /// Nothing was done yet.
    pub fn new(document: Document) -> Self {
        Self { document, ..Self::default() }
    }

    /// The transcript as it is.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Another number after each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether something can be undone.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether something that was undone can be done again.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// What was heard next comes to every version: undoing takes back only what the user did.
    pub fn append(&mut self, segment: &Segment) {
        for document in self.undo.iter_mut().chain(&mut self.redo) {
            document.push(segment);
        }
        self.document.push(segment);
        self.revision += 1;
    }

    /// Puts a version below all others, to which undoing leads back.
    pub fn set_oldest(&mut self, document: Document) {
        self.undo.insert(0, document);
    }

    /// Takes back the last change; whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(before) = self.undo.pop() else { return false };
        self.redo.push(std::mem::replace(&mut self.document, before));
        self.moved()
    }

    /// Does again what was undone last; whether there was anything.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.redo.pop() else { return false };
        self.undo.push(std::mem::replace(&mut self.document, after));
        self.moved()
    }

    fn moved(&mut self) -> bool {
        self.typing = None;
        self.revision += 1;
        true
    }

    /// Makes a change at a time; how many places changed.
    pub fn apply(&mut self, edit: &Edit, now_s: f64) -> usize {
        let goes_on = match edit {
            Edit::SetText { line, .. } => {
                self.typing.is_some_and(|(at, last_s)| at == *line && now_s - last_s < PAUSE_S)
            }
            Edit::Leave(line) => self.typing.is_some_and(|(at, _)| at == *line),
            _ => false,
        };
        // While somebody types, times come from the line as it was before: a word that is written again has its own.
        let before = if goes_on { self.undo.last() } else { None }.unwrap_or(&self.document);
        let mut document = self.document.clone();
        let changed = changed(&mut document, before, edit);
        self.typing = match edit {
            Edit::SetText { line, .. } => Some((*line, now_s)),
            _ => None,
        };
        if changed == 0 {
            return 0;
        }
        if !goes_on {
            self.undo.push(std::mem::take(&mut self.document));
            if self.undo.len() > MOST_STEPS {
                self.undo.remove(0);
            }
        }
        self.redo.clear();
        self.document = document;
        self.revision += 1;
        changed
    }
}

/// Changes a document; `before` is what lines take their times from.
fn changed(document: &mut Document, before: &Document, edit: &Edit) -> usize {
    match edit {
        Edit::SetText { line, text } => set_text(document, before, *line, text),
        Edit::Leave(line) => {
            let Some(text) = document.lines.get(*line).map(|line| line.text.clone()) else { return 0 };
            if text.trim().is_empty() {
                document.lines.remove(*line);
                return 1;
            }
            set_text(document, before, *line, text.trim())
        }
        Edit::Split { line, at } => {
            let Some((first, second)) = document.lines.get(*line).and_then(|line| line.split(*at)) else {
                return 0;
            };
            document.lines[*line] = Arc::new(first);
            document.lines.insert(line + 1, Arc::new(second));
            1
        }
        Edit::Join(line) => {
            let (Some(next), Some(previous)) =
                (document.lines.get(*line), line.checked_sub(1).and_then(|i| document.lines.get(i)))
            else {
                return 0;
            };
            document.lines[line - 1] = Arc::new(previous.joined_with(next).0);
            document.lines.remove(*line);
            1
        }
        Edit::Assign(lines, speaker) => assign(document, lines, *speaker),
        Edit::AssignNew(lines, name) => {
            let name = name.trim();
            let known = document.speakers.iter().find(|speaker| speaker.name == name).map(|s| s.id);
            if name.is_empty() || lines.is_empty() {
                return 0;
            }
            let id = known.unwrap_or_else(|| document.add_speaker(name.to_owned()));
            assign(document, lines, Some(id))
        }
        Edit::Name(id, name) => {
            let name = name.trim();
            if name.is_empty() || document.name(*id) == Some(name) {
                return 0;
            }
            if let Some(other) = document.speakers.iter().find(|speaker| speaker.name == name) {
                return merge(document, *id, other.id);
            }
            let Some(speaker) = document.speakers.iter_mut().find(|speaker| speaker.id == *id) else {
                return 0;
            };
            speaker.name = name.to_owned();
            1
        }
        Edit::Merge(from, into) => merge(document, *from, *into),
        Edit::Replace(Found { line, bytes }, with) => {
            let Some(old) = document.lines.get(*line) else { return 0 };
            let (Some(start), Some(end)) = (old.text.get(..bytes.start), old.text.get(bytes.end..)) else {
                return 0;
            };
            let text = format!("{start}{with}{end}");
            set_text(document, before, *line, &text)
        }
        Edit::ReplaceAll(query, with) => {
            let mut all = 0;
            for line in &mut document.lines {
                let (text, n) = query.replace(&line.text, with);
                if n > 0 && text != line.text {
                    *line = Arc::new(line.with_text(&text));
                    all += n;
                }
            }
            all
        }
        Edit::Reset(other) => {
            let differs = document != other;
            *document = other.clone();
            usize::from(differs)
        }
    }
}

fn set_text(document: &mut Document, before: &Document, line: usize, text: &str) -> usize {
    let (Some(now), Some(base)) = (document.lines.get(line), before.lines.get(line)) else { return 0 };
    if now.text == text {
        return 0;
    }
    document.lines[line] = Arc::new(base.with_text(text));
    1
}

fn assign(document: &mut Document, lines: &Range<usize>, speaker: Option<SpeakerId>) -> usize {
    let mut n = 0;
    for line in document.lines.iter_mut().take(lines.end).skip(lines.start) {
        if line.speaker != speaker {
            Arc::make_mut(line).speaker = speaker;
            n += 1;
        }
    }
    n
}

fn merge(document: &mut Document, from: SpeakerId, into: SpeakerId) -> usize {
    if from == into || document.name(from).is_none() || document.name(into).is_none() {
        return 0;
    }
    document.speakers.retain(|speaker| speaker.id != from);
    for line in document.lines.iter_mut().filter(|line| line.speaker == Some(from)) {
        Arc::make_mut(line).speaker = Some(into);
    }
    1
}

#[cfg(test)]
mod tests;
