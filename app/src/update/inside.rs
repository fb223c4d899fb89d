//! The inside of answers.

use std::sync::Arc;

use engine::Inside;

use super::{reader, settings, transcript, viewer};
use crate::App;
use crate::command::InsideCommand;
use crate::state::{ExchangeId, Settings};

pub(super) fn run(app: &mut App, command: InsideCommand) {
    match command {
        InsideCommand::Show(id) if app.state.inside.shown == Some(id) => app.state.inside.shown = None,
        InsideCommand::Show(id) => show(app, id),
        InsideCommand::Toggle if app.state.inside.shown.is_some() => app.state.inside.shown = None,
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
}

/// Keeps what was seen of an answer.
pub(super) fn seen(app: &mut App, id: ExchangeId, inside: Inside) {
    app.state.inside.of.insert(id, Arc::new(inside));
}
