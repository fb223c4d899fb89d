//! A conversation as a tree: every question follows one answer, and of the questions that follow the same answer one
//! is shown. Asking again, answering again and going back only add branches, so nothing is lost.

use std::collections::BTreeMap;

use super::{Conversation, Exchange, ExchangeId};

/// The versions of a question, or of the answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// What is shown for each, oldest first.
    pub ids: Vec<ExchangeId>,
    /// Which of them is shown.
    pub at: usize,
}

impl Versions {
    /// The one `step` places further, if there is one.
    pub fn step(&self, step: isize) -> Option<ExchangeId> {
        self.ids.get(self.at.checked_add_signed(step)?).copied()
    }
}

impl Exchange {
    /// Whether it asks the same, so that only the answers differ.
    fn asks_like(&self, other: &Self) -> bool {
        self.question == other.question
            && self.attachments == other.attachments
            && self.context.about == other.context.about
            && self.context.passage == other.context.passage
            && self.context.library == other.context.library
    }
}

impl Conversation {
    /// Everything that was asked, on the branch that is shown and on the others.
    pub fn all(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().chain(&self.aside)
    }

    /// Everything that was asked.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.exchanges.iter_mut().chain(&mut self.aside)
    }

    /// A question on any branch.
    pub fn find(&self, id: ExchangeId) -> Option<&Exchange> {
        self.all().find(|e| e.id == id)
    }

    /// From the first question to this one, along its branch.
    pub fn path_to(&self, id: ExchangeId) -> Vec<&Exchange> {
        let known: BTreeMap<ExchangeId, &Exchange> = self.all().map(|e| (e.id, e)).collect();
        let mut path = Vec::new();
        let mut next = known.get(&id);
        // No longer than there are questions, whatever a file says.
        while let Some(exchange) = next.filter(|_| path.len() < known.len()) {
            path.push(*exchange);
            next = exchange.parent.and_then(|parent| known.get(&parent));
        }
        path.reverse();
        path
    }

    /// What follows the same answer, oldest first.
    fn siblings(&self, id: ExchangeId) -> Vec<&Exchange> {
        let Some(parent) = self.find(id).map(|e| e.parent) else { return Vec::new() };
        let mut siblings: Vec<&Exchange> = self.all().filter(|e| e.parent == parent).collect();
        siblings.sort_by_key(|e| e.id);
        siblings
    }

    /// The versions of a question; each with the answer to it that was shown last.
    pub fn question_versions(&self, id: ExchangeId) -> Versions {
        let mut groups: Vec<Vec<&Exchange>> = Vec::new();
        for sibling in self.siblings(id) {
            match groups.iter_mut().find(|group| group.iter().any(|other| other.asks_like(sibling))) {
                Some(group) => group.push(sibling),
                None => groups.push(vec![sibling]),
            }
        }
        let at = groups.iter().position(|group| group.iter().any(|e| e.id == id)).unwrap_or(0);
        let shown = |group: &Vec<&Exchange>| {
            let newest = group.iter().max_by_key(|e| (e.active, e.shown_s.to_bits(), e.id))?;
            Some(newest.id)
        };
        Versions { ids: groups.iter().filter_map(shown).collect(), at }
    }

    /// The versions of an answer: those to the same question.
    pub fn answer_versions(&self, id: ExchangeId) -> Versions {
        let Some(exchange) = self.find(id) else { return Versions { ids: Vec::new(), at: 0 } };
        let same = self.siblings(id).into_iter().filter(|e| e.asks_like(exchange));
        let ids: Vec<ExchangeId> = same.map(|e| e.id).collect();
        let at = ids.iter().position(|other| *other == id).unwrap_or(0);
        Versions { ids, at }
    }

    /// Adds a question and shows it in the place of what followed the same answer.
    pub fn add(&mut self, exchange: Exchange, now_s: f64) -> Vec<ExchangeId> {
        let id = exchange.id;
        self.aside.push(exchange);
        self.show(id, now_s)
    }

    /// Shows the branch that a question is on; which questions changed by that, for the disk.
    pub fn show(&mut self, id: ExchangeId, now_s: f64) -> Vec<ExchangeId> {
        let path: Vec<(Option<ExchangeId>, ExchangeId)> =
            self.path_to(id).iter().map(|e| (e.parent, e.id)).collect();
        let chosen: BTreeMap<Option<ExchangeId>, ExchangeId> = path.into_iter().collect();
        let mut changed = Vec::new();
        for exchange in self.all_mut() {
            let Some(shown) = chosen.get(&exchange.parent) else { continue };
            let active = exchange.id == *shown;
            if exchange.active != active || exchange.id == id {
                exchange.active = active;
                if active {
                    exchange.shown_s = now_s;
                }
                changed.push(exchange.id);
            }
        }
        self.arrange();
        changed
    }

    /// Takes a question out; what followed it follows the answer before it. Which others changed, for the disk.
    pub fn take_out(&mut self, id: ExchangeId) -> Option<(Exchange, Vec<ExchangeId>)> {
        let shown = self.exchanges.iter().position(|e| e.id == id);
        let gone = match shown {
            Some(at) => self.exchanges.remove(at),
            None => {
                let at = self.aside.iter().position(|e| e.id == id)?;
                self.aside.remove(at)
            }
        };
        let mut changed = Vec::new();
        let has_shown_child = self.all().any(|e| e.parent == Some(id) && e.active);
        for exchange in self.all_mut() {
            if exchange.parent == Some(id) {
                exchange.parent = gone.parent;
                // At another place already somebody else is shown.
                exchange.active &= gone.active;
                changed.push(exchange.id);
            }
        }
        // With nothing behind it, the version before it is shown.
        if gone.active && !has_shown_child {
            let before = |e: &&Exchange| e.parent == gone.parent;
            let next = self.all().filter(before).max_by_key(|e| (e.shown_s.to_bits(), e.id)).map(|e| e.id);
            if let Some(exchange) = next.and_then(|next| self.all_mut().find(|e| e.id == next)) {
                exchange.active = true;
                changed.push(exchange.id);
            }
        }
        self.arrange();
        Some((gone, changed))
    }

    /// Puts what is shown into `exchanges`, in its order, and the rest aside.
    pub fn arrange(&mut self) {
        let mut rest: BTreeMap<ExchangeId, Exchange> = BTreeMap::new();
        for exchange in self.exchanges.drain(..).chain(self.aside.drain(..)) {
            rest.insert(exchange.id, exchange);
        }
        // What it followed may be gone, and nothing follows what came later.
        let ids: Vec<(ExchangeId, Option<ExchangeId>)> = rest.values().map(|e| (e.id, e.parent)).collect();
        for (id, parent) in ids {
            if parent.is_some_and(|parent| !rest.contains_key(&parent))
                && let Some(exchange) = rest.get_mut(&id)
            {
                exchange.parent = None;
            }
        }
        let mut followers: BTreeMap<Option<ExchangeId>, ExchangeId> = BTreeMap::new();
        for exchange in rest.values() {
            let rank = |e: &Exchange| (e.active, e.shown_s.to_bits(), e.id);
            let best = followers.get(&exchange.parent).and_then(|id| rest.get(id));
            if best.is_none_or(|best| rank(exchange) > rank(best)) {
                followers.insert(exchange.parent, exchange.id);
            }
        }
        let mut at = None;
        while let Some(exchange) = followers.get(&at).and_then(|id| rest.remove(id)) {
            at = Some(exchange.id);
            self.exchanges.push(exchange);
        }
        self.aside.extend(rest.into_values());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Answer, Context, ConversationId};

    fn exchange(id: i64, parent: Option<i64>, question: &str) -> Exchange {
        Exchange {
            id: ExchangeId(id),
            parent: parent.map(ExchangeId),
            active: true,
            shown_s: id as f64,
            question: question.into(),
            attachments: Vec::new(),
            context: Context::default(),
            asked_s: id as f64,
            answer: Answer::default(),
        }
    }

    fn shown(c: &Conversation) -> Vec<i64> {
        c.exchanges.iter().map(|e| e.id.0).collect()
    }

    /// 1 → 2 → 3, then another version of 2 with an answer behind it.
    fn tree() -> Conversation {
        let mut c = Conversation::new(ConversationId(1), 0.0);
        c.add(exchange(1, None, "a"), 1.0);
        c.add(exchange(2, Some(1), "b"), 2.0);
        c.add(exchange(3, Some(2), "c"), 3.0);
        assert_eq!(shown(&c), [1, 2, 3]);
        let changed = c.add(exchange(4, Some(1), "B"), 4.0);
        assert_eq!(changed.len(), 2, "the new one and the one that it hides: {changed:?}");
        c.add(exchange(5, Some(4), "d"), 5.0);
        c
    }

    #[test]
    fn another_version_hides_a_branch_and_going_back_shows_all_of_it() {
        let mut c = tree();
        assert_eq!(shown(&c), [1, 4, 5]);
        let versions = c.question_versions(ExchangeId(4));
        assert_eq!((versions.ids.as_slice(), versions.at), ([ExchangeId(2), ExchangeId(4)].as_slice(), 1));
        assert_eq!(versions.step(1), None);
        assert_eq!(versions.step(-2), None);
        c.show(versions.step(-1).unwrap(), 6.0);
        assert_eq!(shown(&c), [1, 2, 3]);
        c.show(ExchangeId(5), 7.0);
        assert_eq!(shown(&c), [1, 4, 5]);
        assert_eq!(c.all().count(), 5);
        let path: Vec<i64> = c.path_to(ExchangeId(3)).iter().map(|e| e.id.0).collect();
        assert_eq!(path, [1, 2, 3]);
    }

    #[test]
    fn answers_to_the_same_question_are_versions_of_the_answer() {
        let mut c = tree();
        c.add(exchange(6, Some(1), "B"), 6.0);
        let answers = c.answer_versions(ExchangeId(6));
        assert_eq!((answers.ids.as_slice(), answers.at), ([ExchangeId(4), ExchangeId(6)].as_slice(), 1));
        let questions = c.question_versions(ExchangeId(6));
        assert_eq!((questions.ids.as_slice(), questions.at), ([ExchangeId(2), ExchangeId(6)].as_slice(), 1));
        // Going to the other question and back comes to the answer that was shown.
        c.show(ExchangeId(4), 7.0);
        c.show(ExchangeId(2), 8.0);
        assert_eq!(c.question_versions(ExchangeId(2)).ids, [ExchangeId(2), ExchangeId(4)]);
    }

    #[test]
    fn what_followed_a_question_that_goes_stays() {
        let mut c = tree();
        let (gone, changed) = c.take_out(ExchangeId(4)).unwrap();
        assert_eq!((gone.id, changed), (ExchangeId(4), vec![ExchangeId(5)]));
        assert_eq!(shown(&c), [1, 5]);
        assert_eq!(c.question_versions(ExchangeId(5)).ids, [ExchangeId(2), ExchangeId(5)]);
        c.take_out(ExchangeId(5)).unwrap();
        assert_eq!(shown(&c), [1, 2, 3], "the version before it");
        c.take_out(ExchangeId(1)).unwrap();
        assert_eq!(shown(&c), [2, 3]);
    }

    #[test]
    fn a_file_that_contradicts_itself_still_shows_something() {
        let mut c = Conversation::new(ConversationId(1), 0.0);
        c.exchanges =
            vec![exchange(2, Some(9), "lost parent"), exchange(1, None, "a"), exchange(3, Some(4), "x")];
        c.exchanges.push(exchange(4, Some(3), "a ring"));
        c.arrange();
        assert_eq!(shown(&c), [2], "two were shown at once: the later one");
        assert_eq!(c.all().count(), 4);
        assert!(c.path_to(ExchangeId(3)).len() <= 4);
    }
}
