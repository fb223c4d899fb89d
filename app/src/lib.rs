//! The program around the engine: window, command line, storage. All fronts use the same tasks.
//!
//! How a click becomes a change: a panel in [`ui`] sends a [`command::Command`]; [`update`] runs it,
//! changes [`state`] and starts [`jobs`]; a job's events come back and change [`state`] again.
//! Nothing else writes state.

pub mod state;

pub mod command;

pub mod update;

pub mod jobs;

pub mod storage;

pub mod export;

pub mod platform;

pub mod library;

pub mod live;

pub mod words;

pub mod ui;

pub mod app;

mod window;

pub use app::{App, AppOptions};
pub use window::{
    Frames, Memory, PICTURES, Streamed, TALKS, WindowBench, WindowOptions, bench_window, open_window,
    run_window,
};
