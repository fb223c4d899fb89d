//! Vectors of texts, kept between questions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::cancel::Cancel;
use crate::error::Result;
use crate::perception::embed::{Headed, Meaning, SentenceEncoder};

/// Vectors that are kept; 1.5 KB each.
const KEPT_MEANINGS: usize = 20_000;

/// Vectors of texts that were embedded before, so that a second question about the same book is quick.
#[derive(Default)]
pub struct Meanings(Mutex<HashMap<[String; 2], Meaning>>);

impl Meanings {
    /// Vectors of the texts, computing those that are new; `None` when cancelled.
    pub(super) fn of(
        &self,
        texts: &[Headed<'_>],
        encoder: &SentenceEncoder,
        cancel: &Cancel,
    ) -> Result<Option<Vec<Meaning>>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<Option<Meaning>> = {
            let kept = lock();
            texts.iter().map(|text| kept.get(&key(text)).cloned()).collect()
        };
        let missing: Vec<usize> = (0..texts.len()).filter(|&i| known[i].is_none()).collect();
        let new_texts: Vec<Headed<'_>> = missing.iter().map(|&i| texts[i]).collect();
        let Some(new) = encoder.embed_headed(&new_texts, cancel)? else { return Ok(None) };
        let mut kept = lock();
        if kept.len() + new.len() > KEPT_MEANINGS {
            kept.clear();
        }
        for (i, meaning) in missing.into_iter().zip(new) {
            kept.insert(key(&texts[i]), meaning.clone());
            known[i] = Some(meaning);
        }
        Ok(Some(known.into_iter().flatten().collect()))
    }
}

fn key(Headed { heading, text }: &Headed<'_>) -> [String; 2] {
    [(*heading).to_owned(), (*text).to_owned()]
}
