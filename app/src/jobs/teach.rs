//! Teaching a model, on a thread of its own with a model of its own: answers go on being written meanwhile.

use std::path::{Path, PathBuf};

use engine::media::Limits;
use engine::models::Store;
use engine::tune::{TuneEvent, Tuning, data};
use engine::{Cancel, Engine, EngineOptions, PanelStore};

use super::{Events, JobEvent, JobId};
use crate::state::{AdapterInfo, AdapterState};
use crate::storage::adapters;

/// What the thread of a run tells, and what was done with adapters.
#[derive(Debug)]
pub enum TeachNews {
    /// A step of the run.
    Step(TuneEvent),
    /// The run ended; whether the adapter is made, or why not.
    Ended(Result<bool, String>),
    /// The adapters that there are, and what could not be done with one.
    Adapters(Vec<AdapterInfo>, Option<String>),
    /// A file of questions was chosen; none when the dialog was closed.
    Chosen(Option<PathBuf>),
}

impl TeachNews {
    /// Whether many of it come in a short time.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self, Self::Step(_))
    }
}

/// Runs until the adapter is made or somebody stops it.
pub(crate) fn teach(store: &Store, about: &AdapterInfo, job: JobId, cancel: &Cancel, events: &Events) {
    let ended = run(store, about, cancel, |event| {
        events.send(job, JobEvent::Teach(TeachNews::Step(event)));
    });
    // Of a run that failed before its first checkpoint there is nothing to go on with.
    if ended.is_err()
        && !adapters::has_checkpoint(about)
        && let Some(data_folder) = about.folder.ancestors().nth(2)
        && let Err(reason) = adapters::delete(data_folder, &about.folder)
    {
        log::warn!("{reason}");
    }
    events.send(job, JobEvent::Teach(TeachNews::Ended(ended)));
}

fn run(
    store: &Store,
    about: &AdapterInfo,
    cancel: &Cancel,
    mut tell: impl FnMut(TuneEvent),
) -> Result<bool, String> {
    // Bad lines are told before a model is loaded.
    let examples = data::read(&about.data).map_err(|error| error.to_string())?;
    let options = EngineOptions {
        store: store.clone(),
        model: about.options.model.clone(),
        limits: Limits::default(),
        prefixes: None,
        panels: PanelStore::open_default().ok(),
    };
    let model = Engine::new(options).language_model().map_err(|error| error.to_string())?;
    let out = Some(about.folder.as_path());
    // A run that was killed goes on, too: what counts is what is on the disk.
    let resume = adapters::has_checkpoint(about);
    let tuning = Tuning::new(model, examples, about.options.clone(), out, resume, cancel);
    let mut about = about.clone();
    adapters::save(&about)?;
    let mut is_made = false;
    for event in tuning.map_err(|error| error.to_string())? {
        let event = event.map_err(|error| error.to_string())?;
        match &event {
            TuneEvent::Checked { right, of, .. } if *of > 0 => {
                let first = about.checked.map_or(*right, |(first, _, _)| first);
                about.checked = Some((first, *right, *of));
            }
            TuneEvent::Step { step, .. } => {
                about.step = *step;
                if step.is_multiple_of(about.options.save_every.max(1)) {
                    adapters::save(&about)?;
                }
            }
            TuneEvent::Done { .. } => {
                is_made = true;
                about.state = AdapterState::Made;
            }
            _ => {}
        }
        tell(event);
    }
    adapters::save(&about)?;
    Ok(is_made)
}

/// Does something with an adapter and tells which there are.
pub(crate) fn with_adapters(
    data_folder: &Path,
    change: impl FnOnce() -> Result<(), String>,
    job: JobId,
    events: &Events,
) {
    let problem = change().err();
    events.send(job, JobEvent::Teach(TeachNews::Adapters(adapters::list(data_folder), problem)));
}
