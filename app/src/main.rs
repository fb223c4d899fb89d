//! Medley: opens the window.

use medley_app::{WindowOptions, run_window};

fn main() -> anyhow::Result<()> {
    env_logger::init();
    let attach = std::env::args_os().skip(1).map(Into::into).collect();
    run_window(WindowOptions { attach, ..WindowOptions::default() })
}
