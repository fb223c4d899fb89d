//! What can be seen of how answers came about.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Inside;

use super::ExchangeId;

/// The pane that shows it.
#[derive(Debug, Default)]
pub struct InsidePane {
    /// What was seen of the last answers, and of those that were looked into; the others lie on the disk.
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
    /// Answers that are held.
    const MOST: usize = 32;

    /// Holds what was seen of an answer, in the place of the oldest one where there are many.
    pub fn hold(&mut self, id: ExchangeId, inside: Arc<Inside>) {
        self.of.insert(id, inside);
        while self.of.len() > Self::MOST {
            let oldest = self.of.keys().copied().find(|held| *held != id && Some(*held) != self.shown);
            oldest.and_then(|oldest| self.of.remove(&oldest));
        }
    }

    /// What was seen of the answer that is looked into.
    pub fn seen(&self) -> Option<&Arc<Inside>> {
        self.of.get(&self.shown?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_answers_do_not_fill_the_memory_and_the_shown_one_stays() {
        let mut pane = InsidePane { shown: Some(ExchangeId(0)), ..InsidePane::default() };
        (0..100).for_each(|id| pane.hold(ExchangeId(id), Arc::default()));
        assert_eq!(pane.of.len(), InsidePane::MOST);
        assert!(pane.seen().is_some() && pane.of.contains_key(&ExchangeId(99)));
    }
}
