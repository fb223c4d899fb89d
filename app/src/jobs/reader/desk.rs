//! What the window wants of a document.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::Rect;
use engine::tasks::ask::ReadFile;

use crate::state::{MarkId, Purpose, Query, TextPos, Wanted};

/// About where something stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Near {
    /// On this page, counted from 1.
    Page(u32),
    /// Where subtitles are at this second.
    Time(f64),
}

/// Work that must be done.
#[derive(Debug)]
pub enum Work {
    /// Search the document, from a page on and around; with an empty query stop searching.
    Find {
        /// Names the search.
        serial: u64,
        /// What is looked for.
        query: Query,
        /// The first page.
        from: u32,
    },
    /// Take a passage out.
    Take {
        /// Where it begins.
        from: TextPos,
        /// Where it ends.
        to: TextPos,
        /// What for.
        purpose: Purpose,
    },
    /// Look where a quote stands.
    Cite {
        /// Where it should stand.
        near: Near,
        /// The words.
        quote: String,
        /// Where they stood there; nothing is told when they still do. Empty while that is not known.
        boxes: Vec<Rect>,
    },
    /// Look where highlights stand now.
    Locate(Vec<(MarkId, u32, String)>),
    /// Use what was read in the pictures of pages.
    Read(Arc<ReadFile>),
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    Work(Work),
    Text(u32),
    Picture(u32, u32),
    Small(u32),
    Search,
    /// Nothing was wanted for a while.
    Idle,
    Close,
}

#[derive(Debug, Default)]
struct Wishes {
    work: VecDeque<Work>,
    wanted: Wanted,
    held: Held,
    is_closed: bool,
}

/// Where wishes are laid for the thread of a document.
#[derive(Debug, Default)]
pub struct Desk {
    wishes: Mutex<Wishes>,
    ready: Condvar,
}

/// What was given and is still wanted.
#[derive(Debug, Default)]
struct Held {
    texts: BTreeSet<u32>,
    pictures: BTreeSet<(u32, u32)>,
    small: BTreeSet<u32>,
}

impl Held {
    /// What is no longer wanted is no longer held. The window forgets it at the same moment: so both agree, also when
    /// something comes that is wanted again by then.
    fn retain(&mut self, wanted: &Wanted) {
        self.texts.retain(|page| wanted.texts.contains(page));
        self.pictures.retain(|picture| wanted.pictures.contains(picture));
        self.small.retain(|page| wanted.small.contains(page));
    }

    /// The first thing that is wanted and not held.
    fn next(&mut self, wanted: &Wanted) -> Option<Next> {
        if let Some(page) = wanted.texts.iter().find(|page| self.texts.insert(**page)) {
            return Some(Next::Text(*page));
        }
        if let Some((page, side)) = wanted.pictures.iter().find(|picture| self.pictures.insert(**picture)) {
            return Some(Next::Picture(*page, *side));
        }
        wanted.small.iter().find(|page| self.small.insert(**page)).map(|page| Next::Small(*page))
    }
}

impl Desk {
    /// Replaces what is wanted.
    pub fn want(&self, wanted: Wanted) {
        let mut wishes = self.lock();
        wishes.held.retain(&wanted);
        wishes.wanted = wanted;
        drop(wishes);
        self.ready.notify_one();
    }

    /// Texts are given again.
    pub(super) fn forget_texts(&self) {
        self.lock().held.texts.clear();
    }

    /// Adds work that must be done.
    pub fn work(&self, work: Work) {
        self.lock().work.push_back(work);
        self.ready.notify_one();
    }

    /// Nobody wants the document any more.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.ready.notify_one();
    }

    /// Waits for something to do.
    pub(super) fn next(&self, searching: bool, patience: Duration) -> Next {
        let mut wishes = self.lock();
        loop {
            if wishes.is_closed {
                return Next::Close;
            }
            if let Some(work) = wishes.work.pop_front() {
                return Next::Work(work);
            }
            let Wishes { wanted, held, .. } = &mut *wishes;
            if let Some(next) = held.next(wanted) {
                return next;
            }
            if searching {
                return Next::Search;
            }
            let waited = self.ready.wait_timeout(wishes, patience).unwrap_or_else(PoisonError::into_inner);
            wishes = waited.0;
            if waited.1.timed_out() {
                return Next::Idle;
            }
        }
    }

    /// Wishes are plain values: a thread that panicked left none half made.
    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(desk: &Desk, n: usize) -> Vec<String> {
        let next = |_| format!("{:?}", desk.next(false, Duration::ZERO));
        (0..n).map(next).collect()
    }

    #[test]
    fn the_newest_wish_counts_and_nothing_is_given_twice() {
        let desk = Desk::default();
        desk.want(Wanted { texts: vec![1], pictures: vec![(1, 100), (2, 100)], small: vec![1] });
        assert_eq!(order(&desk, 2), ["Text(1)", "Picture(1, 100)"]);
        // Somebody scrolled on: page 2 is drawn, page 1 is not drawn again.
        desk.want(Wanted { texts: vec![1, 2], pictures: vec![(2, 100), (1, 100)], small: vec![] });
        assert_eq!(order(&desk, 3), ["Text(2)", "Picture(2, 100)", "Idle"]);
        // What was left and comes back is drawn again, as is another size.
        desk.want(Wanted { pictures: vec![(2, 200)], ..Wanted::default() });
        assert_eq!(order(&desk, 2), ["Picture(2, 200)", "Idle"]);
        desk.want(Wanted { pictures: vec![(2, 200), (1, 100)], ..Wanted::default() });
        assert_eq!(order(&desk, 2), ["Picture(1, 100)", "Idle"]);
        // Also when the thread was busy and never saw that it was not wanted.
        desk.want(Wanted::default());
        desk.want(Wanted { pictures: vec![(2, 200)], ..Wanted::default() });
        assert_eq!(order(&desk, 2), ["Picture(2, 200)", "Idle"]);
    }

    #[test]
    fn work_goes_first_and_closing_before_everything() {
        let desk = Desk::default();
        desk.want(Wanted { texts: vec![1], ..Wanted::default() });
        desk.work(Work::Locate(Vec::new()));
        assert!(matches!(desk.next(true, Duration::ZERO), Next::Work(Work::Locate(_))));
        assert!(matches!(desk.next(true, Duration::ZERO), Next::Text(1)));
        assert!(matches!(desk.next(true, Duration::ZERO), Next::Search));
        desk.work(Work::Locate(Vec::new()));
        desk.close();
        assert!(matches!(desk.next(true, Duration::ZERO), Next::Close));
    }
}
