//! What can be seen of how answers came about.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Inside;

use super::ExchangeId;

/// The pane that shows it.
#[derive(Debug, Default)]
pub struct InsidePane {
    /// What was seen of answers since the program started.
    pub of: BTreeMap<ExchangeId, Arc<Inside>>,
    /// The answer that is looked into.
    pub shown: Option<ExchangeId>,
    /// What is shown of it.
    pub tab: InsideTab,
}

/// A part of the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InsideTab {
    /// The tokens of the answer.
    #[default]
    Tokens,
    /// What the model read.
    Context,
    /// Which experts were chosen.
    Experts,
    /// Where the time went.
    Time,
}

impl InsideTab {
    /// All, in the order in which they stand.
    pub const ALL: [Self; 4] = [Self::Tokens, Self::Context, Self::Experts, Self::Time];
}

impl InsidePane {
    /// What was seen of the answer that is looked into.
    pub fn seen(&self) -> Option<&Arc<Inside>> {
        self.of.get(&self.shown?)
    }
}
