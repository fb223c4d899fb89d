//! The list of conversations as it is shown, and what is looked for in it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{AppState, Conversation, ConversationId, ExchangeId, Load, Preset, Sampling};
use crate::words::say;

/// A part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heading<'a> {
    /// Never written to the disk.
    Temporary,
    /// Kept at the top.
    Pinned,
    /// A folder.
    Folder(&'a str),
    /// Changed in the last day.
    Today,
    /// Changed in the last week.
    Week,
    /// Changed in the last month.
    Month,
    /// Older.
    Older,
}

impl Heading<'_> {
    fn of(conversation: &Conversation, now_s: f64) -> Heading<'_> {
        if conversation.temporary {
            return Heading::Temporary;
        }
        if conversation.pinned {
            return Heading::Pinned;
        }
        if !conversation.folder.is_empty() {
            return Heading::Folder(&conversation.folder);
        }
        match ((now_s - conversation.updated_s) / 86_400.0).max(0.0) {
            days if days < 1.0 => Heading::Today,
            days if days < 7.0 => Heading::Week,
            days if days < 30.0 => Heading::Month,
            _ => Heading::Older,
        }
    }
}

/// A place that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// In which conversation.
    pub conversation: ConversationId,
    /// At which question; none when it is the title.
    pub exchange: Option<ExchangeId>,
    /// The conversation's title.
    pub title: String,
    /// When it was asked, or the conversation changed, in seconds since 1970.
    pub when_s: f64,
    /// The words around it.
    pub text: String,
    /// What was looked for, as bytes of `text`.
    pub marks: Vec<Range<usize>>,
}

/// What is looked for in all conversations.
#[derive(Debug, Clone, PartialEq)]
pub struct Hunt {
    /// The words.
    pub text: String,
    /// Where they stand.
    pub matches: Load<Vec<Match>>,
}

impl AppState {
    /// The list in its parts, each newest first.
    pub fn sections(&self) -> BTreeMap<Heading<'_>, Vec<&Conversation>> {
        let mut sections: BTreeMap<Heading<'_>, Vec<&Conversation>> = BTreeMap::new();
        for conversation in &self.conversations {
            sections.entry(Heading::of(conversation, self.now_s)).or_default().push(conversation);
        }
        sections
    }

    /// All folders by name.
    pub fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = self.conversations.iter().map(|c| c.folder.clone()).collect();
        folders.retain(|name| !name.is_empty());
        folders.sort();
        folders.dedup();
        folders
    }

    /// Ways to choose tokens: those that everybody has, and the person's own.
    pub fn presets(&self) -> Vec<Preset> {
        let like = Sampling::of(&self.settings);
        let builtin = [
            (
                "conversations-preset-exact",
                Sampling { temperature: 0.0, top_p: 1.0, min_p: 0.0, top_k: 0, ..like.clone() },
            ),
            (
                "conversations-preset-balanced",
                Sampling { temperature: 0.6, top_p: 0.95, min_p: 0.05, top_k: 0, ..like.clone() },
            ),
            (
                "conversations-preset-inventive",
                Sampling { temperature: 1.0, top_p: 1.0, min_p: 0.05, top_k: 0, ..like },
            ),
        ];
        let builtin = builtin.map(|(name, sampling)| Preset { name: say(name).to_owned(), sampling });
        builtin.into_iter().chain(self.own_presets.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_and_foldered_conversations_stand_above_the_dates() {
        let mut state = AppState { now_s: 1e9, ..AppState::default() };
        let days = [0.5, 3.0, 20.0, 400.0, 2.0, 3.0, 4.0];
        for (id, days) in (1..).zip(days) {
            let mut c = Conversation::new(ConversationId(id), 1e9 - 86_400.0 * days);
            c.pinned = id == 5;
            c.folder = if id == 6 { "Work".into() } else { String::new() };
            c.temporary = id == 7;
            state.conversations.push(c);
        }
        let shown: Vec<(Heading<'_>, i64)> = state
            .sections()
            .into_iter()
            .flat_map(|(h, list)| list.into_iter().map(move |c| (h, c.id.0)))
            .collect();
        let expected = [
            (Heading::Temporary, 7),
            (Heading::Pinned, 5),
            (Heading::Folder("Work"), 6),
            (Heading::Today, 1),
            (Heading::Week, 2),
            (Heading::Month, 3),
            (Heading::Older, 4),
        ];
        assert_eq!(shown, expected);
        assert_eq!(state.folders(), ["Work"]);
    }
}
