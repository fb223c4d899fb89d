//! What can be done with the inside of an answer.

use crate::state::{ExchangeId, InsideTab};
use crate::words::say;

/// Something a user can do with the inside of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsideCommand {
    /// Look into an answer.
    Show(ExchangeId),
    /// Look into the last answer, or no longer.
    Toggle,
    /// No longer look into it.
    Close,
    /// Look at another part.
    SetTab(InsideTab),
    /// Keep what can be seen of new answers, or not.
    Keep(bool),
}

impl InsideCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Show(_) | Self::Toggle => say("inside-look"),
            Self::Close => say("inside-close"),
            Self::SetTab(_) => say("inside-title"),
            Self::Keep(_) => say("inside-keep"),
        }
    }
}
