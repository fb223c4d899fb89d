//! Work off the window's thread: start, cancel, poll.
//!
//! One `engine` thread owns the engine, one `media` thread makes what the viewers show, so that a
//! picture never waits for a model. Both send into one bounded channel and wake the window.
//! Stopping raises the job's [`Cancel`]; events of jobs that nobody waits for are dropped.

mod backend;

mod engine_thread;

mod film;

mod job;

mod library;

mod live;

mod media_thread;

mod models;

mod viewing;

mod reader;

pub mod scripted;

mod scripted_inside;

mod teach;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::Cancel;
use engine::models::Store;

pub use backend::{Backend, EngineBackend};
pub(crate) use film::{Film, play_film};
pub use job::{Checked, EngineJob, JobEvent, JobId, KnownReads, MediaJob};
pub use library::{LibraryDesk, LibraryHandle, LibraryNews, LibraryWish};
pub(crate) use library::{keep as keep_library, scope as library_scope, search as search_library};
pub use live::Ears;
pub(crate) use live::listen;
pub(crate) use media_thread::{opener, sound_of};
pub use models::ModelsNews;
pub use reader::ReaderNews;
pub(crate) use reader::{Desk, Found, Looked, Near, Post, Work, look, serve};
pub use teach::TeachNews;
pub(crate) use teach::{teach, with_adapters};
pub use viewing::{CropJob, MediaNews};
pub(crate) use viewing::{THUMBNAILS, thumbnails};

/// Asks the window to draw within this time.
pub type Waker = Arc<dyn Fn(Duration) + Send + Sync>;

/// Events that may wait for the window before a worker has to.
const WAITING_EVENTS: usize = 256;

/// How long the window may wait before it shows streamed text: 20 frames a second are enough.
const STREAM_PAUSE: Duration = Duration::from_millis(50);

/// Where workers put events.
#[derive(Clone)]
pub struct Events {
    sender: SyncSender<(JobId, JobEvent)>,
    waker: Waker,
    /// Whether the window knows already that streamed text waits.
    is_told: Arc<AtomicBool>,
}

impl Events {
    /// Sends an event and wakes the window; `false` when the window is gone.
    pub fn send(&self, job: JobId, event: JobEvent) -> bool {
        let is_streamed = event.is_streamed();
        let sent = self.sender.send((job, event)).is_ok();
        if !is_streamed {
            (self.waker)(Duration::ZERO);
        } else if !self.is_told.swap(true, Ordering::AcqRel) {
            // Once for all the words until the next frame: each call wakes the window's thread.
            (self.waker)(STREAM_PAUSE);
        }
        sent
    }
}

/// One job for a worker.
struct Ticket<J> {
    id: JobId,
    job: J,
    cancel: Cancel,
}

impl<J> Ticket<J> {
    /// What a worker gives itself to do.
    fn of_no_job(job: J) -> Self {
        Self { id: job::OF_NO_JOB, job, cancel: Cancel::new() }
    }
}

/// The workers and their jobs.
pub struct Jobs {
    next_id: u64,
    live: BTreeMap<JobId, Cancel>,
    engine: Option<mpsc::Sender<Ticket<EngineJob>>>,
    media: Option<mpsc::Sender<Ticket<MediaJob>>>,
    events: Option<Receiver<(JobId, JobEvent)>>,
    sender: Events,
    threads: Vec<JoinHandle<()>>,
    ears: Arc<dyn Ears>,
}

impl Jobs {
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(backend: Box<dyn Backend>, store: Option<Store>, waker: Waker) -> std::io::Result<Self> {
        let (sender, events) = mpsc::sync_channel(WAITING_EVENTS);
        let sender = Events { sender, waker, is_told: Arc::default() };
        let (engine, engine_jobs) = mpsc::channel();
        let (media, media_jobs) = mpsc::channel();
        let ears = backend.ears();
        let for_engine = sender.clone();
        let for_media = sender.clone();
        let engine_thread = std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || engine_thread::run(engine_jobs, backend, for_engine))?;
        let media_thread = std::thread::Builder::new()
            .name("media".into())
            .spawn(move || media_thread::run(media_jobs, store, for_media))?;
        Ok(Self {
            next_id: 0,
            live: BTreeMap::new(),
            engine: Some(engine),
            media: Some(media),
            events: Some(events),
            sender,
            threads: vec![engine_thread, media_thread],
            ears,
        })
    }

    /// What listens to live sound.
    pub(crate) fn ears(&self) -> Arc<dyn Ears> {
        self.ears.clone()
    }

    /// Gives a job to the engine.
    pub fn engine(&mut self, job: EngineJob) -> JobId {
        let (id, cancel) = self.open();
        if let Some(engine) = &self.engine {
            // The engine thread lives as long as its sender; it catches panics.
            drop(engine.send(Ticket { id, job, cancel }));
        }
        id
    }

    /// Tells the engine something that nobody waits for: its news come when they do.
    pub fn tell_engine(&self, job: EngineJob) {
        if let Some(engine) = &self.engine {
            drop(engine.send(Ticket::of_no_job(job)));
        }
    }

    /// Gives a job to the media worker.
    pub fn media(&mut self, job: MediaJob) -> JobId {
        let (id, cancel) = self.open();
        if let Some(media) = &self.media {
            drop(media.send(Ticket { id, job, cancel }));
        }
        id
    }

    /// Runs something on a thread of its own: what waits for a person or the network.
    pub fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(JobId, &Cancel, &Events) + Send + 'static,
    ) -> JobId {
        let (id, cancel) = self.open();
        let events = self.sender.clone();
        let spawned =
            std::thread::Builder::new().name(name.to_owned()).spawn(move || work(id, &cancel, &events));
        if let Err(error) = spawned {
            log::error!("starting the thread {name}: {error}");
            self.live.remove(&id);
        }
        id
    }

    /// Raises a job's flag; its last events still arrive.
    pub fn cancel(&self, id: JobId) {
        if let Some(cancel) = self.live.get(&id) {
            cancel.cancel();
        }
    }

    /// Raises a job's flag and drops all its events.
    pub fn forget(&mut self, id: JobId) {
        if let Some(cancel) = self.live.remove(&id) {
            cancel.cancel();
        }
    }

    /// Marks a job as ended.
    pub fn close(&mut self, id: JobId) {
        self.live.remove(&id);
    }

    /// Whether any job is open.
    pub fn is_busy(&self) -> bool {
        !self.live.is_empty()
    }

    /// What happened since the last call.
    pub fn poll(&mut self) -> Vec<(JobId, JobEvent)> {
        let Some(events) = &self.events else { return Vec::new() };
        // Before they are taken: what comes while they are is told again.
        self.sender.is_told.store(false, Ordering::Release);
        let live = &self.live;
        events
            .try_iter()
            .take(4 * WAITING_EVENTS)
            .filter(|(id, _)| *id == job::OF_NO_JOB || live.contains_key(id))
            .collect()
    }

    fn open(&mut self) -> (JobId, Cancel) {
        self.next_id += 1;
        let (id, cancel) = (JobId(self.next_id), Cancel::new());
        self.live.insert(id, cancel.clone());
        (id, cancel)
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        for cancel in self.live.values() {
            cancel.cancel();
        }
        // The receiver goes first: a worker that waits for room in a full channel would never end.
        self.events = None;
        self.engine = None;
        self.media = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a worker thread panicked");
            }
        }
    }
}
