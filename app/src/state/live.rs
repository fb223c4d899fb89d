//! What is being said now.

use crate::platform::listen::Source;

/// Characters of stable text that are kept to be shown.
const SHOWN: usize = 1200;

/// A live transcription that is going on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveState {
    /// Where the sound comes from.
    pub source: Source,
    /// Whether the source is open.
    pub opened: bool,
    /// Whether it was stopped; what was said last is still being heard.
    pub stopping: bool,
    /// How loud it is, from 0 to 1.
    pub level: f32,
    /// Seconds of sound so far.
    pub at_s: f64,
    /// The end of the text that does not change.
    pub stable: String,
    /// What may have been said after it.
    pub tentative: String,
}

impl LiveState {
    /// Adds text that does not change.
    pub fn say(&mut self, text: &str) {
        self.stable.push_str(text);
        if self.stable.len() > 2 * SHOWN {
            let from = self.stable.floor_char_boundary(self.stable.len() - SHOWN);
            let from = self.stable[..from].rfind(' ').unwrap_or(0);
            self.stable = format!("…{}", &self.stable[from..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_text_stay_small_and_keep_their_end() {
        let mut live = LiveState::default();
        (0..5_000).for_each(|i| live.say(&format!(" wörd{i}")));
        assert!(live.stable.len() <= 2 * SHOWN + 20 && live.stable.starts_with('…'));
        assert!(live.stable.ends_with(" wörd4998 wörd4999"));
    }
}
