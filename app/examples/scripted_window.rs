//! Opens the window over a script instead of the engine: for work on the interface without models.
//!
//! `cargo run --release -p medley --example scripted_window -- FILE…`

use std::time::Duration;

use medley_app::jobs::scripted::Scripted;
use medley_app::{AppOptions, open_window};

fn main() -> anyhow::Result<()> {
    let answer = "The recording says that **the budget is too small** for the new building.\n\n\
        1. Work begins in May.\n2. The `north` wing comes first.\n\n\
        | Part | Cost |\n|---|---|\n| North wing | 2.1 |\n| South wing | 3.4 |\n\n\
        ```rust\nfn main() {\n    println!(\"hello\");\n}\n```\n\nThat is all that was said about it.";
    let backend = Scripted {
        answer: answer.into(),
        pause: Duration::from_millis(60),
        prompt_tokens: 1600,
        fail_on: Some("fail".into()),
        ..Scripted::default()
    };
    let data_folder = std::env::var_os("MEDLEY_DATA")
        .map_or_else(|| std::env::temp_dir().join("medley-scripted"), Into::into);
    let attach = std::env::args_os().skip(1).map(Into::into).collect();
    let options = AppOptions {
        backend: Box::new(backend),
        store: None,
        prefixes: None,
        data_folder,
        model: None,
        attach,
    };
    open_window(options, false)
}
