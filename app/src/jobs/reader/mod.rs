//! The thread of a document that is read: it holds the open file, draws pages, reads their text and searches it.
//!
//! The window says what it wants to hold ([`Desk::want`]); a newer wish replaces the older one, so that pages somebody
//! scrolled past are not drawn. What was given is not given again while it is wanted. Work that must be done
//! ([`Desk::work`]) goes first.

mod content;

mod desk;

mod search;

mod shelf;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use egui::ColorImage;
use engine::Cancel;
use engine::media::{Media, Opener, Page};

pub use content::{Looked, look};
use desk::Next;
pub use desk::{Desk, Near, Work};
use search::Search;
use shelf::Shelf;

use super::{Events, JobEvent, JobId};
use crate::state::{DocumentInfo, Extent, Hit, Load, MarkId, Passage, Purpose, TabId};

/// How often it is looked whether the file changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Longest side of a small picture of a page in pixels.
const SMALL_PX: u32 = 220;

/// What the thread tells.
#[derive(Debug)]
pub enum ReaderNews {
    /// The document is open, or why it cannot be.
    Opened(Result<Arc<DocumentInfo>, String>),
    /// The text of a page.
    Text(Arc<Page>),
    /// A page, drawn with a longest side of so many pixels.
    Picture(u32, u32, Load<Arc<ColorImage>>),
    /// A page, drawn small.
    Small(u32, Load<Arc<ColorImage>>),
    /// What was found, and how far the search is.
    Found(Found),
    /// A passage that was asked for.
    Taken(Purpose, Result<Passage, String>),
    /// Where the quote of a citation stands, if it is there.
    Cited(Option<Passage>),
    /// Where the words of highlights stand now.
    Located(Vec<(MarkId, Option<Passage>)>),
    /// The file changed or is gone.
    Changed(String),
    /// What is known of its content, or why nothing is; ends `look`.
    Looked(Result<Looked, String>),
}

/// A step of a search.
#[derive(Debug)]
pub struct Found {
    /// Which search.
    pub serial: u64,
    /// What was found.
    pub hits: Vec<Hit>,
    /// Pages that were searched.
    pub searched: u32,
    /// Whether all were.
    pub is_done: bool,
    /// Whether there are more places than are kept.
    pub has_more: bool,
}

impl ReaderNews {
    /// Whether many of it come in a short time.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self, Self::Found(found) if !found.is_done)
    }
}

/// Whose document it is and where news go.
pub struct Post<'a> {
    /// The job.
    pub job: JobId,
    /// The document.
    pub tab: TabId,
    /// Where news go.
    pub events: &'a Events,
}

impl Post<'_> {
    fn send(&self, news: ReaderNews) -> bool {
        self.events.send(self.job, JobEvent::Reader(self.tab, news))
    }
}

/// Serves a document until nobody wants it any more.
pub fn serve(opener: &Opener, path: &Path, desk: &Desk, cancel: &Cancel, post: &Post<'_>) {
    let seen = stamp(path);
    let shelf = match Shelf::open(opener, path, cancel) {
        Ok(shelf) => shelf,
        Err(reason) => {
            post.send(ReaderNews::Opened(Err(reason)));
            return;
        }
    };
    if cancel.is_cancelled() || !post.send(ReaderNews::Opened(Ok(Arc::new(shelf.info())))) {
        return;
    }
    let mut server = Server { shelf, search: None, path: path.to_path_buf(), seen };
    while !cancel.is_cancelled() {
        let next = desk.next(server.search.is_some(), LOOK_EVERY);
        if !server.serve(next, desk, cancel, post) {
            return;
        }
    }
}

struct Server {
    shelf: Shelf,
    search: Option<Search>,
    path: PathBuf,
    /// Size and time of the file when it was opened; none once a change was told.
    seen: Option<(u64, Option<SystemTime>)>,
}

impl Server {
    /// Does one piece of work; `false` when it is the last one.
    fn serve(&mut self, next: Next, desk: &Desk, cancel: &Cancel, post: &Post<'_>) -> bool {
        match next {
            Next::Close => return false,
            Next::Work(Work::Find { serial, query, from }) => {
                self.search = (!query.text.trim().is_empty())
                    .then(|| Search::new(serial, query, from, self.shelf.n_pages()));
            }
            Next::Work(Work::Take { from, to, purpose }) => {
                let taken = self.shelf.take(from, to, purpose, cancel);
                return post.send(ReaderNews::Taken(purpose, taken));
            }
            Next::Work(Work::Cite { near, quote, boxes }) => {
                let page = match near {
                    Near::Page(page) => page,
                    Near::Time(time_s) => self.shelf.page_at(time_s),
                };
                if self.shelf.stands(page, &quote, &boxes) {
                    return true;
                }
                let found = self.shelf.locate(page, &quote);
                return post.send(ReaderNews::Cited(found));
            }
            Next::Work(Work::Locate(quotes)) => {
                let found = quotes.iter().map(|(id, page, quote)| (*id, self.shelf.locate(*page, quote)));
                let found = found.collect();
                return post.send(ReaderNews::Located(found));
            }
            Next::Work(Work::Read(read)) => {
                if self.shelf.take_in(read) {
                    // Pages whose words could only be read from their picture have text now.
                    desk.forget_texts();
                }
            }
            Next::Text(number) => {
                let page =
                    self.shelf.page(number).unwrap_or_else(|_| Arc::new(Page { number, ..Page::default() }));
                return post.send(ReaderNews::Text(page));
            }
            Next::Picture(number, side) => {
                let picture = self.shelf.picture(number, side);
                return post.send(ReaderNews::Picture(number, side, picture));
            }
            Next::Small(number) => {
                let picture = self.shelf.picture(number, SMALL_PX);
                return post.send(ReaderNews::Small(number, picture));
            }
            Next::Search => {
                let Some(search) = &mut self.search else { return true };
                let Some(found) = search.step(&mut self.shelf) else { return true };
                if found.is_done {
                    self.search = None;
                }
                return post.send(ReaderNews::Found(found));
            }
            Next::Idle => return self.look(post),
        }
        true
    }

    /// Tells once that the file is no longer what was opened.
    fn look(&mut self, post: &Post<'_>) -> bool {
        let Some(seen) = self.seen else { return true };
        let reason = match stamp(&self.path) {
            Some(now) if now == seen => return true,
            Some(_) => "This file changed on the disk.",
            None => "This file is no longer there.",
        };
        self.seen = None;
        post.send(ReaderNews::Changed(reason.to_owned()))
    }
}

fn stamp(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.modified().ok()))
}

/// Opens the document, or says in one sentence why that is not possible.
fn open(opener: &Opener, path: &Path, cancel: &Cancel) -> Result<engine::media::DocumentReader, String> {
    match opener.open(path, cancel) {
        Ok(Media::Document(document)) => Ok(document),
        Ok(other) => Err(format!("{}: it is not a document but {}", path.display(), other.summary())),
        Err(error) => Err(error.to_string()),
    }
}

/// Everything that must be known to lay pages out.
fn extent(document: &engine::media::DocumentReader, cancel: &Cancel) -> Result<Extent, String> {
    let numbers = 1..=document.page_count();
    let first = document.page_size(1).map_err(|e| e.to_string())?;
    if first.is_none() {
        let length = |page: &Page| {
            let characters: usize = page.lines.iter().map(|line| line.text.chars().count()).sum();
            (characters as u32, page.lines.len() as u32)
        };
        let parts = numbers.map(|number| document.page(number).map_or((0, 0), |page| length(&page)));
        return Ok(Extent::Text(parts.collect()));
    }
    // A damaged page is as large as the first one and says why when it is drawn.
    let mut before = first.unwrap_or([612.0, 792.0]);
    let sizes = numbers.take_while(|_| !cancel.is_cancelled()).map(|number| {
        if let Ok(Some(size)) = document.page_size(number) {
            before = bounded(size);
        }
        before
    });
    Ok(Extent::Paper(sizes.collect()))
}

/// A page of a hundred metres is shown as one of some three; a page that is a line is as wide as one can see.
fn bounded([width, height]: [f32; 2]) -> [f32; 2] {
    const LARGEST: f32 = 8_640.0;
    const STRIP: f32 = 40.0;
    let longest = width.max(height).max(1.0);
    let scale = (LARGEST / longest).min(1.0);
    let least = (longest / STRIP).max(1.0);
    [width.max(least) * scale, height.max(least) * scale]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_any_size_can_be_laid_out() {
        assert_eq!(bounded([612.0, 792.0]), [612.0, 792.0]);
        let [width, height] = bounded([283_465.0, 283_465.0]);
        assert!(width == height && width <= 8_640.0);
        let [width, height] = bounded([0.001, 10_000.0]);
        assert!(width > 100.0 && height <= 8_640.0, "{width} × {height}");
    }
}
