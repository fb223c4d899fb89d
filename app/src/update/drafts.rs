//! Questions that were not asked yet: each conversation keeps its own, also over a restart.
//!
//! The field writes to the view only. A second after the last change at the latest, and before another conversation is
//! shown, the words go to the thread that writes; typing itself waits for nothing.

use super::conversation;
use crate::App;
use crate::state::{ConversationId, Draft};
use crate::storage::Write;

/// Words are on their way to the disk at most this much after they were typed, in seconds.
const SAVE_AFTER_S: f64 = 1.0;

/// What is written in the conversation that is shown.
fn current(app: &App) -> Draft {
    let text = app.view.draft.clone();
    let (about, passage) = (app.state.about.clone(), app.state.passage.clone());
    Draft { text, about, passage, clip: app.state.clip.clone() }
}

/// Whether a conversation has something unsaid.
pub(super) fn has(app: &App, id: ConversationId) -> bool {
    match app.view.draft_of == Some(id) {
        true => !app.view.draft.trim().is_empty() || app.state.passage.is_some() || app.state.clip.is_some(),
        false => app.state.drafts.contains_key(&id),
    }
}

/// Keeps what is written in the shown conversation.
pub(super) fn keep(app: &mut App) {
    app.view.draft_changed = false;
    app.active.draft_due_s = None;
    let Some(id) = app.view.draft_of else { return };
    let draft = current(app);
    let known = app.state.drafts.get(&id);
    if known.unwrap_or(&Draft::default()) == &draft {
        return;
    }
    let Some(shown) = app.state.conversations.iter().find(|c| c.id == id) else {
        // It was just deleted; it can come back with its words.
        if !draft.is_empty() {
            app.state.drafts.insert(id, draft);
        }
        return;
    };
    if draft.is_empty() {
        if app.state.drafts.remove(&id).is_some() {
            app.storage.write(Write::Draft(id, None));
        }
        return;
    }
    if shown.is_blank() {
        // Words of a conversation that is not in the database would have nowhere to go.
        conversation::save(app, id);
    }
    app.storage.write(Write::Draft(id, Some(Box::new(draft.clone()))));
    app.state.drafts.insert(id, draft);
}

/// Shows the words of the conversation that is shown now.
pub(super) fn follow(app: &mut App) {
    let selected = app.state.selected;
    if app.view.draft_of == selected {
        return;
    }
    app.view.draft_of = selected;
    app.view.draft_changed = false;
    let draft = selected.and_then(|id| app.state.drafts.get(&id)).cloned().unwrap_or_default();
    app.view.draft = draft.text;
    let files = app.state.current().map(|c| c.attachments.as_slice()).unwrap_or_default();
    let is_there = |id| files.iter().any(|file| file.id == id);
    let about = draft.about.into_iter().filter(|id| is_there(*id)).collect();
    let passage = draft.passage.filter(|passage| is_there(passage.attachment));
    let clip = draft.clip.filter(|clip| is_there(clip.attachment));
    (app.state.about, app.state.passage, app.state.clip) = (about, passage, clip);
}

/// Keeps what was typed when it is time; returns in how many seconds it will be.
pub(super) fn tick(app: &mut App) -> Option<f64> {
    let now_s = app.state.now_s;
    if std::mem::take(&mut app.view.draft_changed) {
        app.active.draft_due_s.get_or_insert(now_s + SAVE_AFTER_S);
    }
    let left_s = app.active.draft_due_s? - now_s;
    if left_s <= 0.0 {
        keep(app);
        return None;
    }
    Some(left_s)
}
