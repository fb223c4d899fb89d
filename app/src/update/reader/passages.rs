//! What is done with a passage that was taken out of a document.

use super::super::{ask, attach, show_middle};
use super::marks;
use crate::App;
use crate::state::{Context, Middle, Passage, Purpose, Quoted, TabId};
use crate::words::say;

/// What is asked to have a passage explained.
const EXPLAIN: &str = "reader-ask-explain";

/// What is asked to have a passage summarised.
const SUMMARISE: &str = "reader-ask-summarise";

pub(super) fn taken(app: &mut App, id: TabId, purpose: Purpose, passage: Passage) {
    match purpose {
        Purpose::Copy => {
            app.view.to_copy = Some(passage.text);
            app.state.say(say("reader-copied"));
        }
        Purpose::Highlight(colour) => {
            marks::add(app, id, passage, colour);
            app.view.reader.deselect(id);
        }
        Purpose::Note => {
            app.view.reader.deselect(id);
            if let Some(mark) = marks::add(app, id, passage, Default::default()) {
                marks::edit(app, mark);
            }
        }
        Purpose::Ask | Purpose::Explain | Purpose::Summarise => question(app, id, purpose, passage),
    }
}

/// Asks about a passage, as any other question is asked: its document goes with it, and becomes a file of the
/// conversation where it was none.
fn question(app: &mut App, id: TabId, purpose: Purpose, passage: Passage) {
    let Some(tab) = app.state.reader.tab(id) else { return };
    let path = tab.path.clone();
    if tab.attachment.is_none() {
        attach::add(app, vec![path.clone()]);
    }
    let Some(attachment) = app.state.reader.tab(id).and_then(|tab| tab.attachment) else { return };
    if app.state.middle != Middle::Conversation {
        show_middle(app, Middle::Conversation);
    }
    let quoted = Quoted { attachment, path, passage };
    app.view.reader.deselect(id);
    match purpose {
        Purpose::Explain | Purpose::Summarise => {
            let text = if purpose == Purpose::Explain { EXPLAIN } else { SUMMARISE };
            let context = Context { about: vec![attachment], passage: Some(quoted), ..Context::default() };
            ask::send(app, say(text), context);
            app.view.focus_composer = false;
        }
        _ => {
            app.state.passage = Some(quoted);
            app.view.focus_composer = true;
        }
    }
}
