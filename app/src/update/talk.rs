//! Commands about conversations, their branches and their answers.

use super::{ask, conversation};
use crate::App;
use crate::command::TalkCommand;
use crate::state::Editing;

pub(super) fn run(app: &mut App, command: TalkCommand, _: &egui::Context) {
    match command {
        TalkCommand::ShowBranch(id) => ask::show_branch(app, id),
        TalkCommand::AskEdited(id, text) => ask::ask_edited(app, id, &text),
        TalkCommand::EditAnswer(id) => app.state.editing = Some(Editing::Answer(id)),
        TalkCommand::KeepEdited(id, text) => ask::keep_edited(app, id, &text),
        TalkCommand::RestoreAnswer(id) => ask::restore(app, id),
        TalkCommand::CancelEdit => app.state.editing = None,
        TalkCommand::AnswerAgain(id, setup) => ask::answer_again(app, id, false, *setup),
        TalkCommand::Pin(id, pinned) => conversation::pin(app, id, pinned),
    }
}
