//! What reading ahead and writing side by side gain.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::generate::event::{Event, Usage};
use crate::generate::{Chains, Conversation, GenerateOptions, Speculation};
use crate::model::LanguageModel;

/// A quotation of a document, written plainly and with guesses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quoting {
    /// Tokens per second without guesses.
    pub plain_tokens_per_s: f64,
    /// Tokens per second with guesses.
    pub tokens_per_s: f64,
    /// Whether both wrote the same.
    pub same: bool,
    /// The second answer.
    pub usage: Usage,
}

/// Writes up to `n` tokens twice, without and with guesses: a copy of `document` that begins with its first third, so
/// that a small model understands what is wanted, too. `None` when cancelled.
///
/// # Errors
/// [`Error::Request`](crate::Error::Request) when the document does not fit the context.
pub fn quote(
    model: &Arc<LanguageModel>,
    document: &str,
    n: usize,
    cancel: &Cancel,
) -> Result<Option<Quoting>> {
    let lines: Vec<&str> = document.lines().collect();
    let begun = lines[..lines.len() / 3].join("\n");
    let prompt =
        model.raw_prompt(&format!("{document}\n\nThe same text again, word for word:\n\n{begun}\n"))?;
    let mut earlier = None;
    let mut write = |speculation| -> Result<(String, Usage)> {
        let options = GenerateOptions { max_tokens: n, speculation, ..GenerateOptions::plain() };
        let mut generation = model.generate(prompt.clone(), &options, earlier.take(), cancel)?;
        let (mut text, mut usage) = (String::new(), Usage::default());
        for event in &mut generation {
            match event? {
                Event::Text(piece) => text.push_str(&piece),
                Event::Done { usage: all, .. } => usage = all,
                _ => {}
            }
        }
        earlier = Some::<Conversation>(generation.into_conversation());
        Ok((text, usage))
    };
    let (plain, plain_usage) = write(Speculation::Off)?;
    let (text, usage) = write(Speculation::On)?;
    let quoting = Quoting {
        plain_tokens_per_s: plain_usage.decode_tokens_per_s,
        tokens_per_s: usage.decode_tokens_per_s,
        same: plain == text && plain_usage.generated_tokens == usage.generated_tokens,
        usage,
    };
    Ok(Some(quoting).filter(|_| !cancel.is_cancelled()))
}

/// Several answers to one prompt beside one alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SideBySide {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens per second of one answer.
    pub one_tokens_per_s: f64,
    /// Of all together.
    pub tokens_per_s: f64,
}

/// Writes up to `n` tokens after `text`, once and then `chains` times together, drawn at temperature 0.8. `None` when
/// cancelled.
///
/// # Errors
/// As [`Chains::new`].
pub fn side_by_side(
    model: &Arc<LanguageModel>,
    text: &str,
    chains: usize,
    n: usize,
    cancel: &Cancel,
) -> Result<Option<SideBySide>> {
    let prompt = model.raw_prompt(text)?;
    let options = GenerateOptions { max_tokens: n, temperature: 0.8, ..GenerateOptions::plain() };
    let seeds: Vec<u64> = (0..chains as u64).collect();
    let rate = |seeds: &[u64]| -> Result<f64> {
        let mut chains = Chains::new(model.clone(), prompt.clone(), &options, seeds, cancel)?;
        chains.by_ref().try_for_each(|event| event.map(drop))?;
        Ok(chains.tokens_per_s())
    };
    let (one_tokens_per_s, tokens_per_s) = (rate(&seeds[..seeds.len().min(1)])?, rate(&seeds)?);
    let found = SideBySide { prompt_tokens: prompt.len(), one_tokens_per_s, tokens_per_s };
    Ok(Some(found).filter(|_| !cancel.is_cancelled()))
}
