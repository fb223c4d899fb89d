//! What a screen reader is told, wherever the keyboard is: finished answers, errors, messages.

use super::cited::with_quotes;
use crate::say;
use crate::state::{AnswerStatus, AppState, ExchangeId};

/// Most characters of an answer that are told; the rest can be read.
const MOST: usize = 400;

/// What was told, and what was known when it was.
#[derive(Debug, Default)]
pub struct Announcer {
    text: String,
    running: Option<ExchangeId>,
    toast: Option<String>,
    problem: Option<String>,
}

impl Announcer {
    /// Takes in what changed, and returns what is to be told.
    pub fn hear(&mut self, state: &AppState) -> &str {
        let running = state.running().map(|exchange| exchange.id);
        if self.running != running {
            if let Some(ended) = self.running
                && let Some(text) = ending(state, ended)
            {
                self.tell(text);
            }
            self.running = running;
        }
        let toast = state.toast.as_ref().map(|toast| toast.text.clone());
        if self.toast != toast {
            if let Some(text) = &toast {
                self.tell(text.clone());
            }
            self.toast = toast;
        }
        let problem = problem(state);
        if self.problem.as_deref() != problem {
            if let Some(text) = problem {
                self.tell(text.to_owned());
            }
            self.problem = problem.map(str::to_owned);
        }
        &self.text
    }

    fn tell(&mut self, mut text: String) {
        // Only a change is told, so the same once more must differ.
        if text == self.text {
            text.push('\u{a0}');
        }
        self.text = text;
    }
}

/// How an answer ended.
fn ending(state: &AppState, id: ExchangeId) -> Option<String> {
    let exchange = state.conversations.iter().flat_map(|c| &c.exchanges).find(|e| e.id == id)?;
    let answer = &exchange.answer;
    match &answer.status {
        AnswerStatus::Done(_) => {
            let whole = with_quotes(&answer.text, &answer.evidence);
            let mut text: String =
                whole.chars().filter(|c| !matches!(c, '*' | '`' | '#')).take(MOST).collect();
            if whole.chars().count() > MOST {
                text.push('…');
            }
            let n = answer.evidence.len();
            Some(say!("common-announce-answer", text = text, count = n))
        }
        AnswerStatus::Failed(reason) => Some(say!("common-announce-failed", reason = reason.as_str())),
        AnswerStatus::Interrupted | AnswerStatus::Waiting | AnswerStatus::Running(_) => None,
    }
}

/// What stands in the window until somebody closes it.
fn problem(state: &AppState) -> Option<&str> {
    let download = state.models.download.as_ref().and_then(|download| download.failed.as_deref());
    state.storage_notice.as_deref().or(state.live_problem.as_deref()).or(download)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_twice_is_told_twice() {
        let mut state = AppState::default();
        let mut announcer = Announcer::default();
        assert_eq!(announcer.hear(&state), "");
        state.say("Copied");
        let first = announcer.hear(&state).to_owned();
        assert_eq!(first, "Copied");
        assert_eq!(announcer.hear(&state), first, "nothing changed");
        state.toast = None;
        announcer.hear(&state);
        state.say("Copied");
        assert_ne!(announcer.hear(&state), first);
        state.storage_notice = Some("The disk is full".into());
        assert_eq!(announcer.hear(&state), "The disk is full");
    }
}
