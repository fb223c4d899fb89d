//! How many chains of thought vote on the next answers.

use crate::App;

/// Most chains that vote.
const MOST: usize = 64;

/// Chooses how many; fewer than two cannot vote.
pub(super) fn choose(app: &mut App, n: Option<usize>) {
    app.state.think = n.filter(|n| *n > 1).map(|n| n.min(MOST));
    app.view.focus_composer = true;
}
