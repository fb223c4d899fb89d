//! The only code that changes [`AppState`](crate::state::AppState): commands of the user and events
//! of jobs both end here.

mod ask;

mod attach;

mod conversation;

mod drafts;

mod inside;

pub(crate) mod library;

mod live;

pub mod models;

mod program;

pub(crate) mod reader;

mod settings;

pub(crate) mod talk;

pub(crate) mod teach;

mod think;

mod transcript;

mod viewer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::tasks::ask::ReadFile;

use self::models::Measuring;
use crate::App;
use crate::command::Command;
use crate::jobs::{JobEvent, JobId, LibraryHandle};
use crate::state::{AttachmentId, Context, ConversationId, Editing, Exchange, ExchangeId, Middle, Overlay};
use crate::storage::Saving;

/// Which job does what, so that it can be stopped.
#[derive(Debug, Default)]
pub struct Active {
    /// What measures or deletes what is kept.
    kept: Option<JobId>,
    /// Files that are being checked or read.
    reads: BTreeMap<AttachmentId, JobId>,
    /// The answer that is being written.
    ask: Option<Asking>,
    /// What the viewer waits for.
    viewer: viewer::Work,
    /// The sound that plays.
    sound: Option<JobId>,
    /// What works for the transcript pane.
    transcript: transcript::Work,
    /// What serves the documents that are read.
    reader: reader::Readers,
    /// What listens.
    live: Option<JobId>,
    /// What keeps the library.
    library: Option<LibraryHandle>,
    /// What looks for words in it.
    library_search: Option<JobId>,
    /// What teaches.
    teach: Option<JobId>,
    /// The fetch.
    pull: Option<JobId>,
    /// What looks how models would do here.
    prospects: Option<JobId>,
    /// What looks for models of other programs.
    others: Option<JobId>,
    /// What reads a model's files again.
    check: Option<JobId>,
    /// What looks for words in all conversations.
    hunt: Option<JobId>,
    /// What was heard live, by the content of its recording: it may not be on the disk yet when the recording is checked.
    heard: Option<(String, Arc<ReadFile>)>,
    /// When the words in the field for questions are to be kept.
    draft_due_s: Option<f64>,
    /// The question that was deleted last.
    deleted: Option<Deleted>,
    /// Pasted pictures and recordings of temporary conversations; deleted with the window.
    temporary: Option<tempfile::TempDir>,
}

/// A question that was deleted, so that it can come back.
#[derive(Debug)]
struct Deleted {
    conversation: ConversationId,
    exchange: Exchange,
    /// What followed it.
    followers: Vec<ExchangeId>,
}

/// The answer that is being written.
#[derive(Debug)]
struct Asking {
    job: JobId,
    exchange: ExchangeId,
    /// When it was last written to the disk.
    saved_s: f64,
    /// Whether it changed since.
    unsaved: bool,
}

/// Runs a command, if it can be done now.
pub fn run(app: &mut App, command: Command, ctx: &egui::Context) {
    if let Err(reason) = command.enabled(&app.state) {
        app.state.say(reason);
        return;
    }
    if matches!(command, Command::NewConversation | Command::Select(_) | Command::AttachFiles(_)) {
        app.state.middle = Middle::Conversation;
    }
    match command {
        Command::NewConversation => conversation::new(app),
        Command::Select(id) => conversation::select(app, id),
        Command::SelectNext => conversation::step(app, 1),
        Command::SelectPrevious => conversation::step(app, -1),
        Command::BeginRename(id) => app.state.renaming = id.or(app.state.selected),
        Command::Rename(id, title) => conversation::rename(app, id, &title),
        Command::CancelRename => app.state.renaming = None,
        Command::Delete(id) => conversation::delete(app, id),
        Command::UndoDelete(id) => conversation::undo_delete(app, id),
        Command::Attach => attach::choose(app),
        Command::AttachByPath => app.state.overlay = Overlay::PathEntry,
        Command::AttachFiles(paths) => attach::add(app, paths),
        Command::AttachPicture(picture) => attach::add_picture(app, picture),
        Command::AttachText(text) => attach::add_text(app, text),
        Command::PasteFiles => attach::paste(app),
        Command::RemoveAttachment(id) => attach::remove(app, id),
        Command::RetryAttachment(id) => attach::retry(app, id),
        Command::Send(text) => {
            let about = app.state.about.clone();
            let passage = app.state.passage.take();
            let library = app.state.about_library.clone().filter(|_| passage.is_none());
            let think = app.state.think;
            let clip = app.state.clip.take();
            ask::send(app, &text, Context { about, passage, library, think, clip, ..Context::default() });
        }
        Command::Stop => ask::stop(app),
        Command::Regenerate => ask::regenerate(app, false),
        Command::AnswerWhole => ask::regenerate(app, true),
        Command::EditQuestion(id) => app.state.editing = Some(Editing::Question(id)),
        Command::Talk(command) => talk::run(app, command),
        Command::DeleteExchange(id) => ask::delete(app, id),
        Command::CopyAnswer(id) => ask::copy(app, id, ctx),
        Command::CopyText(text) => {
            ctx.copy_text(text);
            app.state.say("Copied");
        }
        Command::OpenEvidence(exchange, index) => viewer::open(app, exchange, index),
        Command::StepEvidence(step) => viewer::step(app, step),
        Command::Seek(time_s) => viewer::seek(app, time_s),
        Command::PlayPause => viewer::play_pause(app),
        Command::OpenSource(path) => {
            if let Err(problem) = crate::platform::open_in_desktop(&path) {
                app.state.say(problem);
            }
        }
        Command::FocusComposer => app.view.focus_composer = true,
        Command::OpenSettings => {
            toggle(app, Overlay::Settings);
            models::look_ahead(app, Measuring::IfNeeded);
        }
        Command::OpenShortcuts => toggle(app, Overlay::Shortcuts),
        Command::ToggleSidebar => app.state.sidebar_open = !app.state.sidebar_open,
        Command::Escape => escape(app),
        Command::SetSettings(settings) => settings::set(app, settings),
        Command::LargerText => settings::step_text(app, 10),
        Command::SmallerText => settings::step_text(app, -10),
        Command::DownloadModels => models::download_missing(app),
        Command::DownloadModel(id) => models::download(app, vec![id]),
        Command::CancelDownload => models::cancel(app),
        Command::ClearData => conversation::clear(app),
        Command::ToggleLive => live::toggle(app),
        Command::ListenTo(source) => live::choose(app, source),
        Command::FindMicrophones => live::find(app),
        Command::CloseLiveProblem => app.state.live_problem = None,
        Command::CloseToast => app.state.toast = None,
        Command::CloseStorageNotice => app.state.storage_notice = None,
        Command::ShowTranscript => transcript::toggle(app),
        Command::Transcript(command) => transcript::run(app, command),
        Command::Reader(command) => reader::run(app, command),
        Command::Inside(command) => inside::run(app, command),
        Command::Models(command) => models::run(app, command),
        Command::Library(command) => library::run(app, command),
        Command::Teach(command) => teach::run(app, command),
        Command::Think(n) => think::choose(app, n),
        Command::Program(command) => program::run(app, command),
        Command::Media(command) => viewer::run(app, command),
    }
    drafts::follow(app);
}

pub(crate) use program::greet;

/// Shows a document in the reading pane.
pub(crate) fn open_document(app: &mut App, path: &std::path::Path) {
    reader::open(app, path);
}

/// Takes in what a worker tells.
pub fn apply(app: &mut App, job: JobId, event: JobEvent) {
    match event {
        JobEvent::Checked { attachment, result } => attach::checked(app, job, attachment, result),
        JobEvent::Recalled { attachment, known } => attach::recalled(app, job, attachment, known),
        JobEvent::Thumbnail { attachment, picture } => {
            app.jobs.close(job);
            app.view.thumbnails.insert(attachment, picture);
        }
        JobEvent::ReadProgress { attachment, stage, done, total } => {
            attach::progress(app, attachment, stage, done, total);
        }
        JobEvent::ReadDone { attachment, result } => attach::read_done(app, job, attachment, result),
        JobEvent::Answer { exchange, event } => ask::event(app, job, exchange, event),
        JobEvent::AnswerFailed { exchange, reason } => ask::failed(app, job, exchange, reason),
        JobEvent::ViewerPicture(picture) => {
            viewer::picture(app, job, picture);
        }
        JobEvent::ViewerWave(wave) => {
            app.jobs.close(job);
            if transcript::wave(app, job, &wave) {
                return;
            }
            if let Some(viewer) = &mut app.state.viewer {
                viewer.wave = wave;
            }
        }
        JobEvent::Sound(play) => viewer::sound(app, job, play),
        JobEvent::Media(news) => viewer::news(app, job, news),
        JobEvent::Heard { attachment, event } => transcript::heard(app, job, attachment, event),
        JobEvent::HearingFailed { attachment, reason } => {
            transcript::hearing_failed(app, job, attachment, reason);
        }
        JobEvent::ExportPlace(format, place) => transcript::place_chosen(app, job, format, place),
        JobEvent::Exported(result) => transcript::exported(app, job, result),
        JobEvent::Reader(tab, news) => reader::news(app, job, tab, news),
        JobEvent::NotesPlace(tab, place) => reader::place_chosen(app, job, tab, place),
        JobEvent::NotesWritten(result) => reader::notes_written(app, job, result),
        JobEvent::Library(news) => library::news(app, job, news),
        JobEvent::Teach(news) => teach::news(app, job, news),
        JobEvent::Microphones(found) => live::found(app, job, found),
        JobEvent::Live(news) => live::news(app, job, news),
        JobEvent::LiveEnded { end, read } => live::ended(app, job, end, read),
        JobEvent::Talk(news) => talk::news(app, job, news),
        JobEvent::Picked(paths) => attach::picked(app, job, paths),
        JobEvent::Pull(event) => models::progress(app, event),
        JobEvent::PullEnded(result) => models::ended(app, job, result),
        JobEvent::Models(news) => models::news(app, job, news),
        JobEvent::Prospects(found) => models::looked_ahead(app, job, found),
        JobEvent::Kept { places, deleted, problem } => program::kept(app, job, places, deleted, problem),
    }
}

/// What is due at this time: questions whose files are read, half-second saves, old messages.
/// Returns in how many seconds something will be due, if anything.
pub fn tick(app: &mut App) -> Option<f64> {
    match app.storage.saving() {
        Some(Saving::Waits(count, reason)) => {
            app.state.unsaved = Some(crate::say!("conversations-unsaved", count = count, reason = reason));
        }
        Some(Saving::Done) => app.state.unsaved = None,
        None => {}
    }
    let now_s = app.state.now_s;
    let mut due_s = ask::tick(app);
    library::tick(app);
    for left_s in [transcript::tick(app), reader::tick(app), drafts::tick(app)].into_iter().flatten() {
        due_s = Some(due_s.unwrap_or(left_s).min(left_s));
    }
    if app.state.unsaved.is_some() {
        // The storage tries again by itself; this is to see whether it could.
        due_s = Some(due_s.unwrap_or(1.0).min(1.0));
    }
    if let Some(toast) = &app.state.toast {
        match toast.until_s - now_s {
            left_s if left_s <= 0.0 => app.state.toast = None,
            left_s => due_s = Some(due_s.unwrap_or(left_s).min(left_s)),
        }
    }
    due_s
}

fn toggle(app: &mut App, overlay: Overlay) {
    app.state.overlay = if app.state.overlay == overlay { Overlay::None } else { overlay };
}

/// Shows something in the middle of the window.
fn show_middle(app: &mut App, middle: Middle) {
    transcript::close(app);
    app.state.overlay = Overlay::None;
    app.state.sidebar_open = false;
    app.state.middle = middle;
    app.view.focus_composer = middle == Middle::Conversation;
}

/// Closes what is on top; with nothing on top, stops the answer.
fn escape(app: &mut App) {
    if app.state.reader.link.take().is_some() {
        // It is over everything else.
    } else if app.state.overlay != Overlay::None {
        app.state.overlay = Overlay::None;
    } else if app.state.renaming.is_some() {
        app.state.renaming = None;
    } else if app.state.editing.is_some() {
        app.state.editing = None;
    } else if app.state.hunt.is_some() {
        talk::run(app, crate::command::TalkCommand::Search(String::new()));
    } else if app.state.sidebar_open {
        app.state.sidebar_open = false;
    } else if app.state.transcript.is_some() {
        if !transcript::leave_row(app) && !app.view.transcript.close_on_top() {
            transcript::close(app);
        }
    } else if app.state.reader.is_shown {
        reader::escape(app);
    } else if app.state.viewer.is_some() {
        if !app.view.stage.close_on_top() {
            viewer::close(app);
            app.view.focus_composer = true;
        }
    } else if app.state.looked_into().is_some() {
        app.state.inside.shown = None;
    } else if app.state.middle != Middle::Conversation {
        show_middle(app, Middle::Conversation);
    } else if app.state.running().is_some() {
        ask::stop(app);
    } else if app.state.program.tour.is_some() {
        program::run(app, crate::command::ProgramCommand::EndTour);
    } else {
        app.state.toast = None;
    }
}

/// Ends the running answer, closes the transcript and keeps where documents are, so that what they have is saved.
pub fn stop_all(app: &mut App) {
    drafts::keep(app);
    transcript::close(app);
    reader::save(app);
    reader::save_tabs(app);
    ask::stop(app);
}
