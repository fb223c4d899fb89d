//! Commands about conversations, their branches and their answers; looking for words, files out and in.

use std::path::{Path, PathBuf};

use super::{ask, attach, conversation};
use crate::App;
use crate::command::{Command, TalkCommand};
use crate::export::{self, Format};
use crate::jobs::{JobEvent, JobId};
use crate::platform::{dialog, files};
use crate::say;
use crate::state::{
    AttachmentState, Conversation, ConversationId, Editing, ExchangeId, Hunt, Load, Match, Overlay, Preset,
    Toast, file_name,
};
use crate::storage::{self, Write};
use crate::words::say;

/// The name of the person's presets among the settings.
pub(crate) const PRESETS: &str = "presets";

/// Largest file that is taken in.
const MOST_BYTES: u64 = 1 << 30;

/// What a worker tells about conversations.
#[derive(Debug)]
pub enum TalkNews {
    /// Where words stand, or why that is not known.
    Found(Result<Vec<Match>, String>),
    /// Where a conversation shall go; none when the dialog was closed.
    Place(ConversationId, Format, Option<PathBuf>),
    /// A conversation was written there, or why it was not.
    Exported(Result<PathBuf, String>),
    /// Which files were chosen to be taken in.
    Chosen(Vec<PathBuf>),
    /// What was in them, or why nothing.
    Imported(Vec<Result<Box<Conversation>, String>>),
}

pub(super) fn run(app: &mut App, command: TalkCommand) {
    match command {
        TalkCommand::ShowBranch(id) => ask::show_branch(app, id),
        TalkCommand::AskEdited(id, text) => ask::ask_edited(app, id, &text),
        TalkCommand::EditAnswer(id) => app.state.editing = Some(Editing::Answer(id)),
        TalkCommand::KeepEdited(id, text) => ask::keep_edited(app, id, &text),
        TalkCommand::RestoreAnswer(id) => ask::restore(app, id),
        TalkCommand::CancelEdit => app.state.editing = None,
        TalkCommand::AnswerAgain(id, setup) => ask::answer_again(app, id, false, *setup),
        TalkCommand::UndoDelete(id) => ask::undo_delete(app, id),
        TalkCommand::Pin(id, pinned) => conversation::change(app, id, |c| c.pinned = pinned),
        TalkCommand::Move(id, folder) => conversation::change(app, id, |c| c.folder = folder),
        TalkCommand::RenameFolder(old, new) => conversation::rename_folder(app, &old, &new),
        TalkCommand::NewTemporary => conversation::new_temporary(app),
        TalkCommand::KeepTemporary => conversation::keep_temporary(app),
        TalkCommand::OpenSetup => app.state.overlay = Overlay::Setup,
        TalkCommand::SetSetup(setup) => {
            if let Some(id) = app.state.selected {
                conversation::change(app, id, |c| c.setup = *setup);
            }
        }
        TalkCommand::SavePreset(preset) => save_preset(app, preset),
        TalkCommand::DeletePreset(name) => {
            app.state.own_presets.retain(|preset| preset.name != name);
            save_presets(app);
        }
        TalkCommand::FocusSearch => {
            app.view.focus_hunt = true;
            app.state.sidebar_open = true;
        }
        TalkCommand::Search(text) => search(app, text),
        TalkCommand::Jump(id, exchange) => jump(app, id, exchange),
        TalkCommand::Export(id, format) => choose_place(app, id, format),
        TalkCommand::ExportTo(id, format, path) => write(app, id, format, path),
        TalkCommand::Import => {
            app.state.picking = true;
            let title = say("conversations-import");
            app.jobs.spawn("file dialog", move |job, _, events| {
                events.send(job, JobEvent::Talk(TalkNews::Chosen(dialog::choose_exported(title))));
            });
        }
        TalkCommand::ImportFiles(paths) => import(app, paths),
    }
}

pub(super) fn news(app: &mut App, job: JobId, news: TalkNews) {
    app.jobs.close(job);
    match news {
        TalkNews::Found(found) => {
            if app.active.hunt.take_if(|hunt| *hunt == job).is_some()
                && let Some(hunt) = &mut app.state.hunt
            {
                hunt.matches = found.map_or_else(Load::Failed, Load::Ready);
            }
        }
        TalkNews::Place(id, format, place) => {
            app.state.picking = false;
            if let Some(path) = place {
                write(app, id, format, path);
            }
        }
        TalkNews::Exported(Ok(path)) => {
            app.state.toast = Some(Toast {
                text: say!("conversations-exported", file = file_name(&path)),
                action: Some((say("conversations-open-file"), Command::OpenSource(path))),
                until_s: app.state.now_s + 10.0,
            });
        }
        TalkNews::Exported(Err(reason)) => app.state.say(reason),
        TalkNews::Chosen(paths) => {
            app.state.picking = false;
            if !paths.is_empty() {
                import(app, paths);
            }
        }
        TalkNews::Imported(results) => take_in(app, results),
    }
}

/// Looks for words in all conversations, off the window's thread; nothing to look for ends it.
fn search(app: &mut App, text: String) {
    if let Some(job) = app.active.hunt.take() {
        app.jobs.forget(job);
    }
    app.view.hunt.clone_from(&text);
    if text.trim().is_empty() {
        app.state.hunt = None;
        app.view.found = None;
        return;
    }
    // What was found stays until the new words are.
    let matches = app.state.hunt.take().map_or(Load::Loading, |hunt| hunt.matches);
    app.state.hunt = Some(Hunt { text: text.clone(), matches });
    let path = app.storage.path().to_path_buf();
    // They are in no database.
    let temporary: Vec<Conversation> =
        app.state.conversations.iter().filter(|c| c.temporary && !c.is_blank()).cloned().collect();
    let job = app.jobs.spawn("search", move |job, cancel, events| {
        let found = storage::search_temporary(&temporary, &text).and_then(|mut found| {
            found.extend(storage::search(&path, &text)?);
            Ok(found)
        });
        let found = found.map_err(|error| say!("conversations-search-failed", reason = error.to_string()));
        if !cancel.is_cancelled() {
            events.send(job, JobEvent::Talk(TalkNews::Found(found)));
        }
    });
    app.active.hunt = Some(job);
}

/// Shows a place that was found.
fn jump(app: &mut App, id: ConversationId, exchange: Option<ExchangeId>) {
    conversation::select(app, id);
    app.view.found = exchange;
    let Some(exchange) = exchange else { return };
    let Some(conversation) = app.state.current() else { return };
    if conversation.find(exchange).is_none() {
        return app.state.say(say("conversations-found-gone"));
    }
    if conversation.exchanges.iter().all(|e| e.id != exchange) {
        ask::show_branch(app, exchange);
    }
    app.view.scroll_to_end = false;
    app.view.jump = Some(exchange);
}

fn save_preset(app: &mut App, preset: Preset) {
    app.state.own_presets.retain(|other| other.name != preset.name);
    app.state.own_presets.push(preset);
    save_presets(app);
}

fn save_presets(app: &mut App) {
    match serde_json::to_string(&app.state.own_presets) {
        Ok(json) => app.storage.write(Write::Setting(PRESETS, json)),
        Err(error) => log::error!("presets: {error}"),
    }
}

/// A conversation with all that was asked in it.
fn whole(app: &App, id: ConversationId) -> Result<Conversation, String> {
    let found = app.state.conversations.iter().find(|c| c.id == id).cloned();
    let mut conversation = found.ok_or_else(|| say("conversations-found-gone").to_owned())?;
    if !conversation.loaded {
        app.storage
            .load(&mut conversation)
            .map_err(|error| say!("conversations-cannot-read", reason = error.to_string()))?;
    }
    Ok(conversation)
}

fn choose_place(app: &mut App, id: Option<ConversationId>, format: Format) {
    let Some(id) = id.or(app.state.selected) else { return };
    let Some(conversation) = app.state.conversations.iter().find(|c| c.id == id) else { return };
    let name = export::file_stem(&conversation.title);
    app.state.picking = true;
    let title = say("conversations-export");
    app.jobs.spawn("file dialog", move |job, _, events| {
        let place = dialog::choose_place(title, &name, format.extension(), None);
        events.send(job, JobEvent::Talk(TalkNews::Place(id, format, place)));
    });
}

/// Writes a conversation to a file, off the window's thread.
fn write(app: &mut App, id: ConversationId, format: Format, path: PathBuf) {
    let mut conversation = match whole(app, id) {
        Ok(conversation) => conversation,
        Err(reason) => return app.state.say(reason),
    };
    let database = app.storage.path().to_path_buf();
    let language = app.state.settings.language;
    app.jobs.spawn("export", move |job, _, events| {
        crate::words::set_language(language);
        storage::Recall::default().fill(&database, &mut conversation);
        let written = export::bytes(&conversation, format)
            .and_then(|bytes| Ok(files::write_whole(&path, &bytes)?))
            .map(|()| path.clone());
        let result = written.map_err(|error| failed(&path, &error));
        events.send(job, JobEvent::Talk(TalkNews::Exported(result)));
    });
}

fn failed(path: &Path, error: &anyhow::Error) -> String {
    format!("{}: {error:#}", path.display())
}

/// Reads conversations from files, off the window's thread.
fn import(app: &mut App, paths: Vec<PathBuf>) {
    app.jobs.spawn("import", move |job, _, events| {
        let read = |path: &PathBuf| {
            let bytes = files::read_whole(path, MOST_BYTES).map_err(anyhow::Error::from);
            let conversation = bytes.and_then(|bytes| export::import(&bytes));
            conversation.map(Box::new).map_err(|error| failed(path, &error))
        };
        let read = paths.iter().map(read).collect();
        events.send(job, JobEvent::Talk(TalkNews::Imported(read)));
    });
}

/// Adds conversations that were read from files, and shows the last of them.
fn take_in(app: &mut App, results: Vec<Result<Box<Conversation>, String>>) {
    let (mut n, mut problem) = (0, None);
    for result in results {
        let mut conversation = match result {
            Ok(conversation) => *conversation,
            Err(reason) => {
                problem = Some(reason);
                continue;
            }
        };
        n += 1;
        export::renumber(&mut conversation, &mut || app.state.fresh_id());
        let id = conversation.id;
        for attachment in &conversation.attachments {
            if let (AttachmentState::Read(read), Some(sha256)) = (&attachment.state, &attachment.sha256) {
                // What this machine found in the file itself is better known.
                if matches!(app.storage.knows_file(sha256), Ok(false)) {
                    app.storage.write(Write::FileRead { sha256: sha256.clone(), read: read.clone() });
                }
            }
        }
        app.state.conversations.insert(0, conversation);
        conversation::save(app, id);
        conversation::save_exchanges(app, id);
        conversation::select(app, id);
        attach::save_all(app, id);
        attach::resume(app, id);
    }
    app.state.conversations.sort_by(|a, b| b.updated_s.total_cmp(&a.updated_s));
    match problem {
        Some(reason) => app.state.say(reason),
        None => app.state.say(say!("conversations-imported", count = n)),
    }
}
