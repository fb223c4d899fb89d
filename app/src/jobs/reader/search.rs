//! A search through a document, a page at a time.

use std::time::{Duration, Instant};

use super::Found;
use super::shelf::Shelf;
use crate::state::{Hit, Query};

/// Most places that are kept.
const MOST_HITS: usize = 10_000;

/// What was found is told this often.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// A search that is going on.
pub(super) struct Search {
    serial: u64,
    query: Query,
    first: u32,
    n_pages: u32,
    searched: u32,
    n_hits: usize,
    /// Found and not told yet.
    waiting: Vec<Hit>,
    told: Instant,
}

impl Search {
    pub(super) fn new(serial: u64, query: Query, from: u32, n_pages: u32) -> Self {
        let first = from.clamp(1, n_pages.max(1));
        Self {
            serial,
            query,
            first,
            n_pages,
            searched: 0,
            n_hits: 0,
            waiting: Vec::new(),
            told: Instant::now(),
        }
    }

    /// Searches a page; what was found, when it is time to tell.
    pub(super) fn step(&mut self, shelf: &mut Shelf) -> Option<Found> {
        let mut wraps = false;
        if self.searched < self.n_pages {
            let number = (self.first - 1 + self.searched) % self.n_pages + 1;
            self.searched += 1;
            wraps = number == self.n_pages;
            let mut found = shelf.find(number, &self.query);
            found.truncate(MOST_HITS - self.n_hits);
            self.n_hits += found.len();
            self.waiting.extend(found);
        }
        let has_more = self.n_hits >= MOST_HITS;
        let is_done = self.searched >= self.n_pages || has_more;
        // What comes from before the first page is not told together with what comes from behind it.
        let is_due =
            self.told.elapsed() > TELL_EVERY || wraps || (self.searched == 1 && !self.waiting.is_empty());
        if !(is_done || is_due) {
            return None;
        }
        self.told = Instant::now();
        let hits = std::mem::take(&mut self.waiting);
        Some(Found { serial: self.serial, hits, searched: self.searched, is_done, has_more })
    }
}
