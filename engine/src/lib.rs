//! Medley's engine: questions about pictures, sound, video and documents, answered on this machine
//! with the evidence beside the answer.
//!
//! One request flows through these modules, in this order:
//!
//! 1. [`media`]: bytes become plain values, by content and within limits.
//! 2. [`features`]: values become model input (patches, log-mel frames, token ids); pure arithmetic.
//! 3. [`perception`]: specialists turn media into timed, positioned findings (speech, text, tags).
//!    [`encoders`] turn media into soft tokens for decoders that read them.
//! 4. [`sequence`]: findings become [`Span`]s, each with its source.
//! 5. [`decoder`]: the shared decoder; token ids become logits.
//! 6. [`sampler`]: logits become a token.
//! 7. [`generate`]: the loop over 5 and 6, an iterator of events.
//! 8. [`tasks`]: what a person asks for: ask, transcribe, read.
//!
//! [`plan`] says how long an answer takes before anything runs, here or on a cluster. [`library`] keeps what 3 and 4 found of many documents on disk, and finds passages in it.
//!
//! [`tune`] teaches a decoder from questions and answers, by gradients through 5.
//!
//! Nothing public holds a tensor, a thread, a channel or a user-interface type.

pub mod media;

pub mod features;

pub mod perception;

pub mod encoders;

pub mod sequence;

pub mod decoder;

pub mod sampler;

pub mod generate;

pub mod tasks;

pub mod library;

pub mod plan;

pub mod tune;

mod model;

pub mod models;

mod disk_cache;

mod prefix_store;

mod measured;

pub mod weights;

pub mod nn;

mod kernels;

mod engine;

mod threads;

mod device;

mod memory;

mod random;

mod cancel;

mod error;

pub use cancel::Cancel;
pub use device::{DeviceChoice, set_device};
pub use disk_cache::CacheUsage;
pub use engine::{Engine, EngineOptions, LoadedModel};
pub use error::{Error, MediaProblem, Result};
pub use generate::event::{Event, Part, Stage, StopReason, Usage};
pub use generate::inside::Inside;
pub use kernels::{instruction_set, probe};
pub use measured::{Measured, MeasuredStore, best_threads, measure};
pub use memory::{give_back_memory, human_bytes, keep_few_heaps};
pub use model::LanguageModel;
pub use prefix_store::PrefixStore;
pub use sequence::{Evidence, Finding, Piece, Place, Rect, Span};
pub use threads::set_threads;
pub use weights::PanelStore;
