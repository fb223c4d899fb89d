//! 3: specialists that turn media into findings with their places, for decoders that read text only.
//!
//! [`Reading`] walks through one file and yields [`ReadEvent`]s: one unit of work (a speech window,
//! a frame, a page) per step, so that progress shows and Stop answers at once.

pub mod speech;

pub mod speakers;

pub mod ocr;

pub mod tags;

pub mod embed;

mod reading;

mod lines;

mod specialists;

mod video;

pub(crate) use reading::Collected;
pub use reading::{Reading, WHISPER};
pub use specialists::Specialists;

use crate::generate::event::Stage;
use crate::media::Kind;
use crate::sequence::Span;

/// One step of reading a file.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadEvent {
    /// What the file is; comes first.
    Opened {
        /// From its content.
        kind: Kind,
        /// A short description for people: "640 × 427 pixels", "2:13 minutes", "12 pages".
        summary: String,
    },
    /// How far a stage is; `total` is 0 while unknown.
    Progress {
        /// The stage.
        stage: Stage,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// Something was found.
    Span(Span),
    /// Something was left out or could not be read, and why.
    Notice(String),
}
