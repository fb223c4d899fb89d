//! The list of conversations.

use super::{attach, drafts, viewer};
use crate::App;
use crate::command::Command;
use crate::say;
use crate::state::{Conversation, ConversationId, Heading, Middle, Toast};
use crate::storage::Write;
use crate::words::say;

/// Seconds in which a deletion can be undone.
pub(super) const UNDO_S: f64 = 10.0;

/// Shows an empty conversation: the one that is there, or a fresh one.
pub(super) fn new(app: &mut App) {
    viewer::close_panes(app);
    app.state.sidebar_open = false;
    app.view.focus_composer = true;
    let is_free = |c: &&Conversation| c.is_blank() && !c.temporary && !drafts::has(app, c.id);
    if let Some(id) = app.state.conversations.iter().find(is_free).map(|c| c.id) {
        app.state.selected = Some(id);
        return;
    }
    let id = ConversationId(app.state.fresh_id());
    app.state.conversations.insert(0, Conversation::new(id, app.state.now_s));
    app.state.selected = Some(id);
}

/// Shows a conversation and loads it when it was not shown before.
pub(super) fn select(app: &mut App, id: ConversationId) {
    if app.state.selected != Some(id) {
        viewer::close_panes(app);
        app.view.scroll_to_end = true;
        app.view.found = None;
        app.state.editing = None;
    }
    app.state.sidebar_open = false;
    app.state.middle = Middle::Conversation;
    app.state.selected = Some(id);
    app.state.renaming = app.state.renaming.filter(|renaming| *renaming == id);
    attach::forget_pictures_of_others(app, id);
    let App { state, storage, .. } = app;
    let Some(conversation) = state.conversation_mut(id) else { return };
    if conversation.loaded {
        return attach::show_pictures(app, id);
    }
    if let Err(error) = storage.load(conversation) {
        state.storage_notice = Some(say!("conversations-cannot-read", reason = error.to_string()));
        return;
    }
    attach::resume(app, id);
}

/// Shows the conversation `step` places further down the list, as it is shown.
pub(super) fn step(app: &mut App, step: i64) {
    let folded = &app.view.folded;
    let is_open = |heading: &Heading<'_>| !matches!(heading, Heading::Folder(name) if folded.contains(*name));
    let sections = app.state.sections();
    let shown = sections.iter().filter(|(heading, _)| is_open(heading)).flat_map(|(_, list)| list);
    let list: Vec<ConversationId> = shown.map(|c| c.id).collect();
    let Some(last) = list.len().checked_sub(1) else { return };
    let at = list.iter().position(|id| Some(*id) == app.state.selected);
    let next = at.map_or(0, |at| (at as i64 + step).clamp(0, last as i64) as usize);
    select(app, list[next]);
}

pub(super) fn rename(app: &mut App, id: ConversationId, title: &str) {
    app.state.renaming = None;
    let title = title.trim();
    let Some(conversation) = app.state.conversation_mut(id) else { return };
    if title.is_empty() || title == conversation.title {
        return;
    }
    conversation.title = title.to_owned();
    save(app, id);
}

/// Changes something of a conversation, and keeps it; the conversation stays where it is in the list.
pub(super) fn change(app: &mut App, id: ConversationId, change: impl FnOnce(&mut Conversation)) {
    if let Some(conversation) = app.state.conversation_mut(id) {
        change(conversation);
        save(app, id);
    }
}

/// Gives a folder another name, or dissolves it.
pub(super) fn rename_folder(app: &mut App, old: &str, new: &str) {
    let inside = app.state.conversations.iter().filter(|c| c.folder == old).map(|c| c.id);
    for id in inside.collect::<Vec<_>>() {
        change(app, id, |c| new.clone_into(&mut c.folder));
    }
}

/// Shows a conversation that is never written to the disk.
pub(super) fn new_temporary(app: &mut App) {
    viewer::close_panes(app);
    app.state.sidebar_open = false;
    app.view.focus_composer = true;
    let id = ConversationId(app.state.fresh_id());
    let conversation = Conversation { temporary: true, ..Conversation::new(id, app.state.now_s) };
    app.storage.leave_out(id);
    app.state.middle = Middle::Conversation;
    app.state.conversations.insert(0, conversation);
    app.state.selected = Some(id);
}

/// Keeps the shown temporary conversation as any other.
pub(super) fn keep_temporary(app: &mut App) {
    let Some(conversation) = app.state.current_mut().filter(|c| c.temporary) else { return };
    conversation.temporary = false;
    let id = conversation.id;
    if let Err(reason) = take_files_over(app, Some(id)) {
        if let Some(conversation) = app.state.conversation_mut(id) {
            conversation.temporary = true;
        }
        return app.state.say(reason);
    }
    app.storage.keep(id);
    save(app, id);
    save_exchanges(app, id);
    app.state.drafts.remove(&id);
    drafts::keep(app);
    attach::save_all(app, id);
    let found = app.state.current().into_iter().flat_map(|c| &c.attachments);
    for attachment in found {
        if let (Some(sha256), Some(read)) = (attachment.sha256.clone(), attachment.read()) {
            app.storage.write(Write::FileRead { sha256, read });
        }
    }
    app.state.say(say("conversations-kept"));
}

/// Brings pasted pictures and recordings of a conversation that is kept from the folder that goes with the window into
/// that of the data; tells whether there were any.
pub(super) fn take_files_over(app: &mut App, id: Option<ConversationId>) -> Result<bool, String> {
    let App { state, active, .. } = app;
    let Some(folder) = active.temporary.as_ref().map(tempfile::TempDir::path) else { return Ok(false) };
    let data_folder = state.data_folder.clone();
    let conversation = id.and_then(|id| state.conversation_mut(id)).filter(|c| !c.temporary);
    let Some(conversation) = conversation else { return Ok(false) };
    let mut any = false;
    let paths = conversation.attachments.iter().map(|a| a.path.clone());
    for path in paths.collect::<Vec<_>>() {
        let Ok(inside) = path.strip_prefix(folder) else { continue };
        let kept = data_folder.join(inside);
        crate::platform::files::copy(&path, &kept).map_err(|error| format!("{}: {error}", kept.display()))?;
        conversation.file_moved(&path, &kept);
        any = true;
    }
    Ok(any)
}

/// Where pasted pictures and recordings of the shown conversation go: the data folder, or one that goes with the window.
///
/// # Errors
/// When there can be no such folder, as a sentence.
pub(super) fn folder_for_files(app: &mut App) -> Result<std::path::PathBuf, String> {
    if !app.state.current().is_some_and(|c| c.temporary) {
        return Ok(app.state.data_folder.clone());
    }
    let folder = match app.active.temporary.take() {
        Some(folder) => folder,
        None => tempfile::tempdir()
            .map_err(|error| say!("conversations-no-temporary-folder", reason = error.to_string()))?,
    };
    let path = folder.path().to_path_buf();
    app.active.temporary = Some(folder);
    Ok(path)
}

/// Writes every question of a conversation, on all branches.
pub(super) fn save_exchanges(app: &mut App, id: ConversationId) {
    let App { state, storage, .. } = app;
    if let Some(conversation) = state.conversation_mut(id) {
        for exchange in conversation.all() {
            storage.write(Write::Exchange(id, Box::new(exchange.clone())));
        }
    }
}

pub(super) fn delete(app: &mut App, id: Option<ConversationId>) {
    let Some(id) = id.or(app.state.selected) else { return };
    let Some(at) = app.state.conversations.iter().position(|c| c.id == id) else { return };
    if app.state.running().is_some_and(|e| app.state.conversations[at].find(e.id).is_some()) {
        super::ask::stop(app);
    }
    let conversation = app.state.conversations.remove(at);
    for attachment in &conversation.attachments {
        attach::stop_reading(app, attachment.id);
    }
    if app.state.selected == Some(id) {
        viewer::close_panes(app);
        let next = app.state.conversations.get(at).or(app.state.conversations.last()).map(|c| c.id);
        app.state.selected = None;
        match next {
            Some(next) => select(app, next),
            None => new(app),
        }
    }
    if conversation.is_blank() && !app.state.drafts.contains_key(&id) {
        return;
    }
    app.storage.write(Write::Deleted(id, true));
    app.state.toast = Some(Toast {
        text: say!("conversations-deleted", title = conversation.title.as_str()),
        action: Some((say("conversations-undo"), Command::UndoDelete(id))),
        until_s: app.state.now_s + UNDO_S,
    });
    app.deleted = Some((at, conversation));
}

pub(super) fn undo_delete(app: &mut App, id: ConversationId) {
    app.state.toast = None;
    let Some((at, conversation)) = app.deleted.take_if(|(_, c)| c.id == id) else { return };
    app.storage.write(Write::Deleted(id, false));
    let at = at.min(app.state.conversations.len());
    app.state.conversations.insert(at, conversation);
    select(app, id);
    attach::resume(app, id);
}

/// Deletes everything but the settings.
pub(super) fn clear(app: &mut App) {
    super::ask::stop(app);
    viewer::close_panes(app);
    for conversation in std::mem::take(&mut app.state.conversations) {
        for attachment in conversation.attachments {
            attach::stop_reading(app, attachment.id);
        }
    }
    app.deleted = None;
    app.state.drafts.clear();
    app.storage.write(Write::ClearAll);
    app.state.selected = None;
    new(app);
    let kept = app.prefixes.as_ref().and_then(|prefixes| prefixes.clear().err());
    app.state.say(match kept {
        None => say("conversations-all-deleted").to_owned(),
        Some(error) => say!("conversations-all-but-prompts", reason = error.to_string()),
    });
}

/// Marks a conversation as changed now, moves it to the top and writes it.
pub(super) fn touch(app: &mut App, id: ConversationId) {
    let now_s = app.state.now_s;
    if let Some(at) = app.state.conversations.iter().position(|c| c.id == id) {
        let mut conversation = app.state.conversations.remove(at);
        conversation.updated_s = now_s;
        app.state.conversations.insert(0, conversation);
    }
    save(app, id);
}

pub(super) fn save(app: &mut App, id: ConversationId) {
    if let Some(c) = app.state.conversation_mut(id) {
        let write = Write::of(c);
        app.storage.write(write);
    }
}
