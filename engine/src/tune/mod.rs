//! Tuning a decoder to reason: fine-tuning with chains of thought that nobody wrote (TRICE: Phan et al., Training
//! Chain-of-Thought via Latent-Variable Inference, 2023), and the methods that it is compared with.
//!
//! 1. [`data`]: questions with their answers.
//! 2. [`form`]: how a question is put, and which answer a chain gives.
//! 3. [`estimator`]: which chains count how much: pure arithmetic.
//! 4. [`reasoner`]: what is tuned, as the methods see it; a decoder with adapters is one.
//! 5. [`method`]: a step of each method.
//! 6. [`run`]: the whole run, an iterator of events, with checkpoints.
//! 7. [`adapter`]: what a run gives, as files that PEFT reads.
//! 8. [`vote`]: one answer from several chains.
//! 9. [`puzzles`]: questions that are made, so that methods can be compared.

pub mod data;

pub mod form;

pub mod estimator;

pub mod reasoner;

mod decoder_reasoner;

mod parameters;

pub mod method;

mod optimiser;

pub mod run;

mod checkpoint;

pub mod adapter;

pub mod vote;

pub mod puzzles;

pub use adapter::Adapter;
pub use data::Example;
pub use decoder_reasoner::DecoderReasoner;
pub use form::Form;
pub use method::{Method, PROPOSALS};
pub use parameters::Tuned;
pub use run::{TuneEvent, TuneOptions, Tuning};
