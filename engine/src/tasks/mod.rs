//! 8: what a person asks for: short compositions of the stages before.

pub mod evidence;

pub mod ask;

mod clip;

mod think;

mod prompt;

mod context_map;

mod room;

mod whole;

pub(crate) mod perceive;

pub mod transcribe;

pub mod evaluate;

pub mod outlook;

pub mod parity;

pub mod upcycle;
