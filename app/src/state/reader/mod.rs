//! The documents that are read: what of them survives a restart, and what the reading pane shows.
//!
//! `place` is where text stands and what lies between two places; `fold` makes one string of a page, in which words
//! are found across its lines; `mark` is a highlight with its note.

mod fold;

mod mark;

mod place;

use std::path::PathBuf;
use std::sync::Arc;

use engine::Rect;
use engine::media::OutlineEntry;
use serde::{Deserialize, Serialize};

use super::attachment::{AttachmentId, file_name};
use super::conversation::ExchangeId;
use super::transcript::Query;
use super::viewer::Load;

pub use fold::Folded;
pub use mark::{Colour, Mark, MarkId, as_markdown};
pub use place::{
    PageBoxes, Passage, Step, TextPos, area_of, boxes, hit, line_parts, step, text_between, times,
    whole_time, word_at,
};

/// Names a document that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TabId(pub i64);

/// Where somebody is in a document.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The page at the top of the view, counted from 1.
    pub page: u32,
    /// How much of it is above the view, as a part of its height.
    pub y: f32,
}

impl Default for Position {
    fn default() -> Self {
        Self { page: 1, y: 0.0 }
    }
}

/// How large pages are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zoom {
    /// As wide as the pane.
    #[default]
    FitWidth,
    /// The whole page in the pane.
    FitPage,
    /// So many percent of the size on paper, or of ordinary text.
    Percent(f32),
}

impl Zoom {
    /// The smallest and the largest size in percent.
    pub const PERCENT: std::ops::RangeInclusive<f32> = 10.0..=800.0;
}

/// What is kept of a document for the next time, by the hash of its content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// Where it was left.
    pub position: Position,
    /// How large it was.
    pub zoom: Zoom,
    /// Highlights and notes, in the order of the document.
    pub marks: Vec<Mark>,
}

/// How long the parts of a document are.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// It has pages: their widths and heights in points.
    Paper(Vec<[f32; 2]>),
    /// It has none: characters and lines on each part of it.
    Text(Vec<(u32, u32)>),
}

/// What is known of a document once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentInfo {
    /// The title it gives itself.
    pub title: Option<String>,
    /// Its pages.
    pub extent: Extent,
    /// Its table of contents.
    pub outline: Vec<OutlineEntry>,
    /// What was left out or guessed.
    pub notices: Vec<String>,
}

impl DocumentInfo {
    /// How many pages it has.
    pub fn n_pages(&self) -> u32 {
        let n = match &self.extent {
            Extent::Paper(sizes) => sizes.len(),
            Extent::Text(parts) => parts.len(),
        };
        u32::try_from(n).unwrap_or(u32::MAX)
    }
}

/// A quote that an answer pointed to.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// Whose evidence it is, and which.
    pub evidence: Option<(ExchangeId, usize)>,
    /// The page.
    pub page: u32,
    /// The words.
    pub quote: String,
    /// Where they stand, when that is known.
    pub places: Vec<PageBoxes>,
    /// The same as places in the text, for formats whose lines have no place.
    pub range: Option<(TextPos, TextPos)>,
    /// Whether the words were looked for and are not there.
    pub is_lost: bool,
}

/// A place where something was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Where it begins.
    pub from: TextPos,
    /// Where it ends.
    pub to: TextPos,
    /// The same on the page; empty for formats whose lines have no place.
    pub boxes: Vec<Rect>,
}

/// What is looked for in a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finder {
    /// The words.
    pub query: Query,
    /// Which search this is.
    pub serial: u64,
    /// Where they stand, in the order of the document, as far as it was searched.
    pub hits: Vec<Hit>,
    /// Pages that were searched.
    pub searched: u32,
    /// Whether all were.
    pub is_done: bool,
    /// Whether there are more places than are kept.
    pub has_more: bool,
}

impl Finder {
    /// Takes in what was found on more pages.
    pub fn add(&mut self, hits: Vec<Hit>) {
        let Some(first) = hits.first() else { return };
        let at = self.hits.partition_point(|hit| hit.from < first.from);
        self.hits.splice(at..at, hits);
    }

    /// The first hit at or after a place, or the last one before it; around the ends.
    pub fn near(&self, from: TextPos, forward: bool) -> Option<usize> {
        let n = self.hits.len();
        if n == 0 {
            return None;
        }
        let at = self.hits.partition_point(|hit| hit.from < from);
        Some(if forward { at % n } else { (at + n - 1) % n })
    }
}

/// A document that is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Tab {
    /// Its name.
    pub id: TabId,
    /// The file.
    pub path: PathBuf,
    /// The attachment it is, if it is one of the conversation's.
    pub attachment: Option<AttachmentId>,
    /// SHA-256 of its content, once it was looked at.
    pub sha256: Option<String>,
    /// Its pages.
    pub document: Load<Arc<DocumentInfo>>,
    /// Highlights and notes.
    pub marks: Vec<Mark>,
    /// The quote that is shown.
    pub citation: Option<Citation>,
    /// What is looked for.
    pub finder: Finder,
    /// Why the file should be loaded again: it changed or is gone.
    pub changed: Option<String>,
}

impl Tab {
    /// The file's name.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }

    /// What is known of it, once it is open.
    pub fn info(&self) -> Option<&Arc<DocumentInfo>> {
        match &self.document {
            Load::Ready(info) => Some(info),
            _ => None,
        }
    }

    /// The highlight of this name.
    pub fn mark_mut(&mut self, id: MarkId) -> Option<&mut Mark> {
        self.marks.iter_mut().find(|mark| mark.id == id)
    }
}

/// What stands beside the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// Nothing.
    #[default]
    None,
    /// The table of contents.
    Contents,
    /// Small pictures of the pages.
    Pages,
    /// Highlights and notes.
    Notes,
}

/// The reading pane.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reader {
    /// The documents that are open.
    pub tabs: Vec<Tab>,
    /// Which of them is shown.
    pub active: usize,
    /// Whether the pane is shown.
    pub is_shown: bool,
    /// What stands beside the pages.
    pub side: Side,
    /// The address that it is asked about whether it is to be opened.
    pub link: Option<String>,
}

impl Reader {
    /// The document that is shown.
    pub fn shown(&self) -> Option<&Tab> {
        self.tabs.get(self.active).filter(|_| self.is_shown)
    }

    /// A document that is open.
    pub fn tab(&self, id: TabId) -> Option<&Tab> {
        self.tabs.iter().find(|tab| tab.id == id)
    }

    /// A document that is open.
    pub fn tab_mut(&mut self, id: TabId) -> Option<&mut Tab> {
        self.tabs.iter_mut().find(|tab| tab.id == id)
    }

    /// The evidence whose quote is shown.
    pub fn evidence(&self) -> Option<(ExchangeId, usize)> {
        self.shown()?.citation.as_ref()?.evidence
    }
}

/// What is to be held of a document, the most wanted first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Pages whose text is needed.
    pub texts: Vec<u32>,
    /// Pages to draw, and how long their longest side is in pixels.
    pub pictures: Vec<(u32, u32)>,
    /// Pages to draw small.
    pub small: Vec<u32>,
}

/// What a passage is taken out of a document for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For the clipboard.
    Copy,
    /// To highlight it.
    Highlight(Colour),
    /// To write a note about it.
    Note,
    /// To ask something about it.
    Ask,
    /// To have it explained.
    Explain,
    /// To have it summarised.
    Summarise,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(page: u32) -> Hit {
        let at = |byte| TextPos { page, line: 0, byte };
        Hit { from: at(0), to: at(4), boxes: Vec::new() }
    }

    #[test]
    fn hits_stay_in_the_order_of_the_document_wherever_the_search_began() {
        let mut finder = Finder::default();
        finder.add(vec![hit(5), hit(6)]);
        finder.add(vec![hit(9)]);
        finder.add(Vec::new());
        finder.add(vec![hit(1), hit(2)]);
        let pages: Vec<u32> = finder.hits.iter().map(|hit| hit.from.page).collect();
        assert_eq!(pages, [1, 2, 5, 6, 9]);
        let from = |page| TextPos { page, line: 0, byte: 0 };
        assert_eq!(finder.near(from(3), true), Some(2));
        assert_eq!(finder.near(from(3), false), Some(1));
        assert_eq!(finder.near(from(10), true), Some(0), "around the end");
        assert_eq!(finder.near(from(1), false), Some(4), "around the beginning");
        assert_eq!(Finder::default().near(from(1), true), None);
    }
}
