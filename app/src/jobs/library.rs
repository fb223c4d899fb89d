//! The thread that keeps the library: it takes files in and out, and brings the indexes up to date.
//!
//! Between wishes it looks now and then whether a file changed ([`Library::look`]), which opens none and tells nobody
//! unless one did. Everything that is read is committed every two seconds by the engine, so the thread may be ended at
//! any moment; a wish interrupts reading, which goes on after it where it was.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::library::{DocumentId, Hits, IndexEvent, Library, SearchOptions};
use engine::{Cancel, Engine, Result};

use super::{Events, JobEvent, JobId};
use crate::state::{Doing, Holdings};

/// How often it is looked whether files changed.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// A look may take this share of the time at most: large folders are looked at less often.
const LOOK_SHARE: u32 = 50;

/// The list is told at most so often while documents are read.
const LIST_EVERY: Duration = Duration::from_millis(500);

/// Progress is told at most so often.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Hits of a search in the window.
const MOST_HITS: usize = 40;

/// What the thread is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum LibraryWish {
    /// Add these files and folders.
    Add(Vec<PathBuf>),
    /// Take these out.
    Remove(Vec<PathBuf>),
    /// Read a file again that could not be used.
    Retry(PathBuf),
    /// Look now whether files changed.
    Look,
}

/// What the thread tells.
#[derive(Debug)]
pub enum LibraryNews {
    /// What the library holds now.
    Holds(Box<Holdings>),
    /// What is done, and how many documents are still to be read.
    Doing(Doing, usize),
    /// Something was left out or damaged.
    Notice(String),
    /// Something could not be done.
    Problem(String),
    /// What a search found.
    Found(u64, std::result::Result<Hits, String>),
    /// What was chosen to be added; empty when the dialog was closed.
    Chosen(Vec<PathBuf>),
}

impl LibraryNews {
    /// Whether many of it come in a short time.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self, Self::Doing(..) | Self::Holds(_))
    }
}

#[derive(Debug, Default)]
struct Inbox {
    wishes: VecDeque<LibraryWish>,
    is_paused: bool,
    /// Reading waits while an answer is written.
    is_held: bool,
    is_closed: bool,
    /// Look before it is time.
    looks_now: bool,
    /// Ends the reading that goes on.
    reading: Option<Cancel>,
}

/// Where wishes are laid for the thread of the library.
#[derive(Debug, Default)]
pub struct LibraryDesk {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

impl LibraryDesk {
    fn change(&self, change: impl FnOnce(&mut Inbox)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for something; reading stops for it and goes on after it.
    pub fn wish(&self, wish: LibraryWish) {
        self.change(|inbox| {
            inbox.wishes.push_back(wish);
            inbox.interrupt();
        });
    }

    /// Lets reading wait for the person, or go on.
    pub fn pause(&self, is_paused: bool) {
        self.change(|inbox| {
            (inbox.is_paused, inbox.looks_now) = (is_paused, !is_paused);
            if is_paused {
                inbox.interrupt();
            }
        });
    }

    /// Lets reading wait while an answer is written.
    pub fn hold(&self, is_held: bool) {
        if self.lock().is_held != is_held {
            self.change(|inbox| inbox.is_held = is_held);
        }
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.change(|inbox| {
            inbox.is_closed = true;
            inbox.interrupt();
        });
    }

    /// A flag for reading that begins now; none when something else comes first.
    fn begin(&self) -> Option<Cancel> {
        let mut inbox = self.lock();
        if inbox.is_closed || inbox.is_paused || !inbox.wishes.is_empty() {
            return None;
        }
        Some(inbox.reading.insert(Cancel::new()).clone())
    }

    /// Waits while an answer is written.
    fn wait_while_held(&self) {
        let inbox = self.lock();
        let waits =
            |inbox: &mut Inbox| inbox.is_held && !inbox.reading.as_ref().is_none_or(Cancel::is_cancelled);
        drop(self.changed.wait_while(inbox, waits));
    }

    /// The next wish, or a look after the time.
    fn next(&self, within: Duration) -> Next {
        let mut inbox = self.lock();
        inbox.reading = None;
        let waits = |inbox: &mut Inbox| inbox.wishes.is_empty() && !inbox.is_closed && !inbox.looks_now;
        let waited = self.changed.wait_timeout_while(inbox, within, waits);
        let mut inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        inbox.looks_now = false;
        match inbox.wishes.pop_front() {
            _ if inbox.is_closed => Next::Close,
            Some(wish) => Next::Wish(wish),
            None => Next::Look,
        }
    }
}

impl Inbox {
    fn interrupt(&self) {
        if let Some(reading) = &self.reading {
            reading.cancel();
        }
    }
}

enum Next {
    Wish(LibraryWish),
    Look,
    Close,
}

/// Where news go.
struct Post<'a> {
    job: JobId,
    events: &'a Events,
}

impl Post<'_> {
    fn send(&self, news: LibraryNews) -> bool {
        self.events.send(self.job, JobEvent::Library(news))
    }
}

/// Keeps the library in this folder until nobody wants it any more.
pub(crate) fn keep(folder: &Path, engine: Option<&Engine>, desk: &LibraryDesk, job: JobId, events: &Events) {
    let post = Post { job, events };
    let library = match Library::open(folder) {
        Ok(library) => library,
        Err(error) => {
            post.send(LibraryNews::Problem(error.to_string()));
            return;
        }
    };
    let mut keeper = Keeper { library, engine, desk, post, seen: None, pause: Duration::ZERO };
    keeper.tell_holdings();
    loop {
        match desk.next(keeper.pause) {
            Next::Close => return,
            Next::Wish(wish) => keeper.grant(wish),
            Next::Look => keeper.look(),
        }
    }
}

struct Keeper<'a> {
    library: Library,
    engine: Option<&'a Engine>,
    desk: &'a LibraryDesk,
    post: Post<'a>,
    /// What the files were like when everything was read.
    seen: Option<u64>,
    /// Until the next look.
    pause: Duration,
}

impl Keeper<'_> {
    fn grant(&mut self, wish: LibraryWish) {
        let done = match wish {
            LibraryWish::Add(paths) => paths.iter().try_for_each(|path| self.library.add(path)),
            LibraryWish::Remove(paths) => {
                paths.iter().try_for_each(|path| self.library.remove(path).map(drop))
            }
            LibraryWish::Retry(path) => self.forget(&path),
            LibraryWish::Look => Ok(()),
        };
        self.seen = None;
        if let Err(error) = done {
            self.post.send(LibraryNews::Problem(error.to_string()));
        }
        self.tell_holdings();
        self.pause = Duration::ZERO;
    }

    /// Forgets what is known of a file that stays in the library, so that it is read again.
    fn forget(&mut self, path: &Path) -> Result<()> {
        let is_root = self.library.roots()?.iter().any(|root| root == path);
        self.library.remove(path)?;
        if is_root { self.library.add(path) } else { Ok(()) }
    }

    /// Reads what is new, if anything is.
    fn look(&mut self) {
        let began = Instant::now();
        let now = self.library.look();
        self.pause = LOOK_EVERY.max(began.elapsed() * LOOK_SHARE);
        match now {
            Ok(now) if self.seen == Some(now) => {}
            Ok(now) => match self.update() {
                Ok(true) => self.seen = Some(now),
                // Something came between; it is gone on with right after it.
                Ok(false) => {
                    self.pause = if self.desk.lock().is_paused { LOOK_EVERY } else { Duration::ZERO }
                }
                Err(error) => {
                    self.post.send(LibraryNews::Problem(error.to_string()));
                }
            },
            Err(error) => {
                self.post.send(LibraryNews::Problem(error.to_string()));
            }
        }
    }

    /// Brings everything up to date; `false` when it was interrupted.
    fn update(&mut self) -> Result<bool> {
        let Some(engine) = self.engine else { return Ok(true) };
        let Some(cancel) = self.desk.begin() else { return Ok(false) };
        self.post.send(LibraryNews::Doing(Doing::Looking, 0));
        let ended = self.read(engine, &cancel);
        self.post.send(LibraryNews::Doing(Doing::Nothing, 0));
        self.tell_holdings();
        ended.map(|()| !cancel.is_cancelled())
    }

    fn read(&mut self, engine: &Engine, cancel: &Cancel) -> Result<()> {
        let (mut told, mut listed) = (Instant::now(), Instant::now());
        let mut left = 0;
        let folder = self.library.folder().to_path_buf();
        for event in self.library.update(engine, cancel)? {
            self.desk.wait_while_held();
            let is_due = told.elapsed() >= TELL_EVERY;
            let mut changed = false;
            let doing = match event? {
                IndexEvent::Planned { documents } => {
                    left = documents;
                    None
                }
                IndexEvent::Reading { path, done, total } => Some(Doing::Reading { path, done, total }),
                IndexEvent::Meaning { done, total } => {
                    left = 0;
                    Some(Doing::Meaning { done, total })
                }
                IndexEvent::Repairing { done, total } => Some(Doing::Repairing { done, total }),
                IndexEvent::Readable { .. } | IndexEvent::Failed { .. } => {
                    left = left.saturating_sub(1);
                    changed = true;
                    None
                }
                IndexEvent::Removed { .. } => {
                    changed = true;
                    None
                }
                IndexEvent::Notice(text) => {
                    self.post.send(LibraryNews::Notice(text));
                    None
                }
            };
            if let Some(doing) = doing.filter(|_| is_due) {
                told = Instant::now();
                self.post.send(LibraryNews::Doing(doing, left));
                changed |= listed.elapsed() >= 10 * LIST_EVERY;
            }
            if changed && listed.elapsed() >= LIST_EVERY {
                listed = Instant::now();
                // What is committed shows in a handle of its own, while this one writes.
                if let Ok(holdings) = Library::open(&folder).and_then(|library| holdings(&library)) {
                    self.post.send(LibraryNews::Holds(Box::new(holdings)));
                }
            }
        }
        Ok(())
    }

    fn tell_holdings(&self) {
        match holdings(&self.library) {
            Ok(holdings) => self.post.send(LibraryNews::Holds(Box::new(holdings))),
            Err(error) => self.post.send(LibraryNews::Problem(error.to_string())),
        };
    }
}

fn holdings(library: &Library) -> Result<Holdings> {
    let roots = library.roots()?;
    let folders = roots.iter().filter(|root| root.is_dir()).cloned().collect();
    Ok(Holdings { folders, roots, documents: library.documents()?.into(), status: library.status()? })
}

/// Looks for words in the library.
pub(crate) fn search(
    folder: &Path,
    engine: Option<&Engine>,
    (serial, text): (u64, &str),
    job: JobId,
    cancel: &Cancel,
    events: &Events,
) {
    let post = Post { job, events };
    let found = Library::open(folder).and_then(|library| {
        let options = SearchOptions { most: MOST_HITS, ..SearchOptions::default() };
        match engine {
            Some(engine) => library.search(text, engine, &options, cancel),
            None => Ok(Hits::default()),
        }
    });
    post.send(LibraryNews::Found(serial, found.map_err(|error| error.to_string())));
}

/// The documents of the library with these files; none asks for all.
pub(crate) fn scope(library: &Library, files: &[PathBuf]) -> Result<Option<Vec<DocumentId>>> {
    if files.is_empty() {
        return Ok(None);
    }
    let documents = library.documents()?;
    Ok(Some(documents.iter().filter(|one| files.contains(&one.path)).map(|one| one.id).collect()))
}

/// The thread's end of the window.
pub struct LibraryHandle {
    /// Where wishes are laid.
    pub desk: Arc<LibraryDesk>,
    /// The thread's job.
    pub job: JobId,
}

impl Drop for LibraryHandle {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl std::fmt::Debug for LibraryHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LibraryHandle").field("job", &self.job).finish_non_exhaustive()
    }
}
