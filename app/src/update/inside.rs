//! The inside of answers.

use std::sync::Arc;

use engine::Inside;

use super::{reader, settings, transcript, viewer};
use crate::App;
use crate::command::InsideCommand;
use crate::say;
use crate::state::{ExchangeId, Settings};
use crate::storage::Write;

pub(super) fn run(app: &mut App, command: InsideCommand) {
    match command {
        InsideCommand::Show(id) if app.state.inside.shown == Some(id) => app.state.inside.shown = None,
        InsideCommand::Show(id) => show(app, id),
        InsideCommand::Toggle if app.state.looked_into().is_some() => app.state.inside.shown = None,
        InsideCommand::Toggle => {
            let last = app.state.current().and_then(|c| c.exchanges.last()).map(|exchange| exchange.id);
            last.into_iter().for_each(|id| show(app, id));
        }
        InsideCommand::Close => app.state.inside.shown = None,
        InsideCommand::SetTab(tab) => app.state.inside.tab = tab,
        InsideCommand::Keep(inside) => {
            settings::set(app, Settings { inside, ..app.state.settings.clone() });
        }
    }
}

/// What stands beside the conversation makes room.
fn show(app: &mut App, id: ExchangeId) {
    viewer::close(app);
    reader::hide(app);
    transcript::close(app);
    app.state.inside.shown = Some(id);
    if !app.state.inside.of.contains_key(&id) {
        match app.storage.inside(id) {
            Ok(inside) => inside.into_iter().for_each(|inside| app.state.inside.hold(id, Arc::new(inside))),
            Err(error) => app.state.say(say!("inside-unreadable", reason = error.to_string())),
        }
    }
}

/// While one answer is looked into, the next one is, too.
pub(super) fn follow(app: &mut App, id: ExchangeId) {
    if app.state.looked_into().is_some() {
        app.state.inside.shown = Some(id);
    }
}

/// Keeps what was seen of an answer.
pub(super) fn seen(app: &mut App, id: ExchangeId, inside: Inside) {
    let inside = Arc::new(inside);
    app.state.inside.hold(id, inside.clone());
    let Some((conversation, _)) = app.state.exchange_mut(id) else { return };
    // What a temporary conversation says is nowhere kept.
    if app.state.conversation_mut(conversation).is_some_and(|conversation| !conversation.temporary) {
        app.storage.write(Write::Inside(id, inside));
    }
}
