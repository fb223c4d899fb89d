//! Draft models that are not the model itself, and text that is not in the prompt, on tiny decoders with random weights.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::event::{Event, Usage};
use super::super::{GenerateOptions, LanguageModel, Speculation};
use crate::cancel::Cancel;
use crate::decoder::{DecoderConfig, seeded};
use crate::features::text::TokenId;

const PROMPTS: [&str; 4] = ["hello", "a river", "7 + 5 =", "Zug um"];

/// The tiny vocabulary with another decoder.
fn model(change: impl FnOnce(&mut DecoderConfig)) -> Arc<LanguageModel> {
    let mut model = LanguageModel::tiny();
    let mut config = model.decoder().config().clone();
    change(&mut config);
    model.set_decoder(seeded(&config));
    Arc::new(model)
}

/// A decoder of half the layers.
fn smaller() -> Arc<LanguageModel> {
    model(|config| config.layers.truncate(1))
}

/// Other angles and a louder embedding: other answers.
fn other() -> Arc<LanguageModel> {
    model(|config| {
        config.embedding_scale = 4.0;
        config.layers.iter_mut().for_each(|layer| layer.attention.rotary.base = 20.0);
    })
}

/// All that it reads is 0, so all its logits are, and it always guesses the first token.
fn deaf() -> Arc<LanguageModel> {
    model(|config| config.embedding_scale = 0.0)
}

fn options(temperature: f32, seed: u64) -> GenerateOptions {
    GenerateOptions { max_tokens: 48, temperature, seed, ..GenerateOptions::plain() }
}

/// The tokens of an answer, and what is said of it.
fn answer(
    model: &Arc<LanguageModel>,
    prompt: &str,
    options: &GenerateOptions,
    draft: Option<&Arc<LanguageModel>>,
) -> (Vec<TokenId>, Usage) {
    let speculation = if draft.is_some() { Speculation::On } else { Speculation::Off };
    let options = GenerateOptions { speculation, ..options.clone() };
    let prompt = model.encode(prompt).unwrap();
    let mut answer = model.generate(prompt, &options, None, &Cancel::new()).unwrap();
    if let Some(draft) = draft {
        answer = answer.with_draft(draft.clone()).unwrap();
    }
    let usage = answer.by_ref().find_map(|event| match event.unwrap() {
        Event::Done { usage, .. } => Some(usage),
        _ => None,
    });
    (answer.writer.written().to_vec(), usage.unwrap())
}

/// Nothing is guessed where rows that are read together are not to the last bit what they are alone: on a GPU.
fn guesses(model: &LanguageModel) -> bool {
    model.decoder().rows_alike() > 1
}

#[test]
fn another_model_guesses_and_every_answer_is_the_same() {
    let model = model(|_| ());
    for (name, draft) in [("smaller", smaller()), ("other", other())] {
        let mut differs = false;
        for prompt in PROMPTS {
            for options in [options(0.0, 0), options(0.8, 1), options(1.5, 2)] {
                let (plain, usage) = answer(&model, prompt, &options, None);
                assert_eq!((usage.drafted_tokens, usage.accepted_tokens), (0, 0));
                let (tokens, usage) = answer(&model, prompt, &options, Some(&draft));
                assert_eq!(tokens, plain, "{name} {prompt:?} {options:?}");
                assert!(usage.accepted_tokens <= usage.drafted_tokens, "{usage:?}");
                assert!(usage.drafted_tokens > 0 || plain.is_empty() || !guesses(&model), "{usage:?}");
                differs |= answer(&draft, prompt, &options, None).0 != plain;
            }
        }
        assert!(differs, "{name}: the draft is another model");
    }
}

#[test]
fn a_draft_that_is_always_wrong_changes_nothing() {
    let (model, draft) = (model(|_| ()), deaf());
    assert!(answer(&draft, "hello", &options(0.0, 0), None).0.iter().all(|token| *token == TokenId(0)));
    for prompt in PROMPTS {
        // A whole answer that never has the token that is guessed, nor two tokens that stood there before: then the draft
        // model alone guesses.
        let drawn = (0..1000).map(|seed| options(1.5, seed)).find_map(|options| {
            let (plain, _) = answer(&model, prompt, &options, None);
            let all: Vec<TokenId> = model.encode(prompt).unwrap().into_iter().chain(plain.clone()).collect();
            let pairs: HashSet<_> = all.windows(2).collect();
            let is_new = pairs.len() == all.len() - 1 && !plain.contains(&TokenId(0));
            (is_new && plain.len() == options.max_tokens).then_some((options, plain))
        });
        let (drawn, plain) = drawn.unwrap();
        let (tokens, usage) = answer(&model, prompt, &drawn, Some(&draft));
        assert_eq!(tokens, plain, "{prompt:?} {drawn:?}");
        assert_eq!(usage.accepted_tokens, 0, "{usage:?}");
        assert!(usage.drafted_tokens > 0 || !guesses(&model), "{usage:?}");
        let greedy = options(0.0, 0);
        let (plain, _) = answer(&model, prompt, &greedy, None);
        assert_eq!(answer(&model, prompt, &greedy, Some(&draft)).0, plain, "{prompt:?}");
    }
}

#[test]
fn text_that_is_not_in_the_prompt_is_guessed_from_and_every_answer_is_the_same() {
    let model = model(|_| ());
    for prompt in PROMPTS {
        for options in [options(0.0, 0), options(1.2, 3)] {
            let (plain, _) = answer(&model, prompt, &options, None);
            let prompt = model.encode(prompt).unwrap();
            let quoted: Vec<TokenId> = prompt.iter().chain(&plain).copied().collect();
            let backwards: Vec<TokenId> = quoted.iter().rev().copied().collect();
            for (text, helps) in [(&quoted, true), (&backwards, false), (&Vec::new(), false)] {
                let answer = model.generate(prompt.clone(), &options, None, &Cancel::new()).unwrap();
                let mut answer = answer.with_text(text);
                let usage = answer.by_ref().find_map(|event| match event.unwrap() {
                    Event::Done { usage, .. } => Some(usage),
                    _ => None,
                });
                assert_eq!(answer.writer.written(), plain, "{options:?} {text:?}");
                let accepted = usage.unwrap().accepted_tokens;
                assert!(accepted > 0 || !helps || plain.len() < 2 || !guesses(&model), "{options:?}");
            }
        }
    }
}
