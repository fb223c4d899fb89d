//! A transcript that is read, played and corrected.

mod document;

mod editor;

mod find;

mod pane;

pub use document::{Document, Line, Speaker, SpeakerId, UNSURE_BELOW, Word};
pub use editor::{Edit, Editor};
pub use find::{Found, Query};
pub use pane::{Hearing, HearingForm, SPEEDS, Speakers, StoredTranscript, TranscriptPane};
