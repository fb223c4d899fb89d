//! The list of conversations.

use super::{attach, viewer};
use crate::App;
use crate::command::Command;
use crate::state::{Conversation, ConversationId, Toast};
use crate::storage::Write;

/// Seconds in which a deletion can be undone.
const UNDO_S: f64 = 10.0;

/// Shows an empty conversation: the one that is there, or a fresh one.
pub(super) fn new(app: &mut App) {
    viewer::close_panes(app);
    app.state.sidebar_open = false;
    app.view.focus_composer = true;
    if let Some(blank) = app.state.conversations.iter().find(|c| c.is_blank()) {
        app.state.selected = Some(blank.id);
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
    }
    app.state.sidebar_open = false;
    app.state.selected = Some(id);
    app.state.renaming = app.state.renaming.filter(|renaming| *renaming == id);
    let App { state, storage, .. } = app;
    let Some(conversation) = state.conversation_mut(id) else { return };
    if !conversation.loaded {
        if let Err(error) = storage.load(conversation) {
            state.storage_notice = Some(format!("This conversation cannot be read: {error}"));
            return;
        }
        attach::resume(app, id);
    }
}

/// Shows the conversation `step` places further down the list.
pub(super) fn step(app: &mut App, step: i64) {
    let list = &app.state.conversations;
    let Some(last) = list.len().checked_sub(1) else { return };
    let at = list.iter().position(|c| Some(c.id) == app.state.selected);
    let next = at.map_or(0, |at| (at as i64 + step).clamp(0, last as i64) as usize);
    select(app, list[next].id);
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

/// Keeps a conversation at the top of the list, or no longer.
pub(super) fn pin(app: &mut App, id: ConversationId, pinned: bool) {
    if let Some(conversation) = app.state.conversation_mut(id) {
        conversation.pinned = pinned;
        save(app, id);
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
    if conversation.is_blank() {
        return;
    }
    app.storage.write(Write::Deleted(id, true));
    app.state.toast = Some(Toast {
        text: format!("“{}” was deleted", conversation.title),
        action: Some(("Undo", Command::UndoDelete(id))),
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
    app.storage.write(Write::ClearAll);
    app.state.selected = None;
    new(app);
    let kept = app.prefixes.as_ref().and_then(|prefixes| prefixes.clear().err());
    app.state.say(match kept {
        None => "All conversations were deleted".to_owned(),
        Some(error) => {
            format!("All conversations were deleted, but not what was kept of their prompts: {error}")
        }
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

fn save(app: &mut App, id: ConversationId) {
    if let Some(c) = app.state.conversation_mut(id) {
        let write = Write::Conversation {
            id,
            title: c.title.clone(),
            created_s: c.created_s,
            updated_s: c.updated_s,
            pinned: c.pinned,
            folder: c.folder.clone(),
            setup: Box::new(c.setup.clone()),
        };
        app.storage.write(write);
    }
}
