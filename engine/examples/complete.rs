//! Continues a question: `cargo run --release --example complete -- "What is the capital of France?"`.

use std::io::Write;
use std::sync::Arc;

use engine::features::text::{ChatMessage, Role};
use engine::generate::GenerateOptions;
use engine::models::Store;
use engine::{Cancel, Event, LanguageModel, Result};

fn main() -> Result<()> {
    let question = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let path = Store::open_default()?.file("smollm2-135m", "model")?;
    let model = Arc::new(LanguageModel::load(&path)?);
    let prompt = model.render_chat(&[ChatMessage::new(Role::User, question)])?;
    for event in model.generate(prompt, &GenerateOptions::default(), None, &Cancel::new())? {
        match event? {
            Event::Text(piece) => print!("{piece}"),
            Event::Done { reason, usage } => println!("\n({reason:?}, {usage:?})"),
            _ => {}
        }
        std::io::stdout().flush().ok();
    }
    Ok(())
}
