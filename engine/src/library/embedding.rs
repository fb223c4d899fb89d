//! The second half of an update: the meaning of every passage, a batch at a time.

use sha2::{Digest, Sha256};

use super::MEANING;
use super::indexing::{IndexEvent, Indexing};
use super::passages::JOINED_BYTES;
use super::texts::Texts;
use crate::error::{Error, Result};
use crate::perception::embed::Headed;
use crate::tasks::evidence::says_a_fact;

/// Passages that are embedded and committed together: enough that those of like length share a product.
const AT_ONCE: usize = 128;

impl Indexing<'_> {
    /// Damaged or missing rows are forgotten, so that their texts are embedded again.
    pub(super) fn check_rows(&mut self) -> Result<()> {
        let rows = self.library.catalogue.rows()?;
        let path = self.library.folder.join(super::MEANINGS);
        let bad = self.library.vectors.damaged(rows).map_err(|e| Error::io("reading", &path, e))?;
        if bad.is_empty() {
            return Ok(());
        }
        self.library.catalogue.begin()?;
        self.library.catalogue.forget_rows(&bad)?;
        self.library.catalogue.commit()?;
        let text =
            format!("{} of {rows} meanings were damaged or missing; they are computed again", bad.len());
        self.notice(format!("{}: {text}", path.display()));
        Ok(())
    }

    pub(super) fn start_embedding(&mut self) -> Result<()> {
        let counts = self.library.catalogue.counts()?;
        self.total = counts.passages;
        self.done = counts.passages - counts.waiting.min(counts.passages);
        if counts.waiting > 0 {
            self.events.push_back(IndexEvent::Meaning { done: self.done, total: self.total });
        }
        Ok(())
    }

    /// Embeds the next passages that have no meaning yet.
    pub(super) fn embed_some(&mut self) -> Result<()> {
        let waiting = self.library.catalogue.waiting(AT_ONCE)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let encoder = match self.engine.specialists().passages() {
            Ok(encoder) => encoder,
            Err(error @ Error::ModelMissing { .. }) => {
                self.notice(format!("passages are found by their words only: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let (mut texts, mut known, mut new) = (Texts::default(), Vec::new(), Vec::new());
        for passage in &waiting {
            let Some(text) = texts.of(self.library, passage)? else { continue };
            let hash = hash(headed(&passage.heading, &text));
            match self.library.catalogue.row_of(&hash)? {
                Some(row) => known.push((passage.id, row)),
                None => new.push((passage, hash, text)),
            }
        }
        // A text that stands twice is embedded once.
        let mut different: Vec<usize> = (0..new.len()).collect();
        different.sort_by_key(|&i| new[i].1);
        different.dedup_by_key(|i| new[*i].1);
        let new_texts: Vec<Headed<'_>> =
            different.iter().map(|&i| headed(&new[i].0.heading, &new[i].2)).collect();
        let Some(meanings) = encoder.embed_headed(&new_texts, &self.cancel)? else {
            // Cancelled: the next step ends the update.
            self.go_on_embedding();
            return Ok(());
        };
        let first = self.library.catalogue.rows()?;
        if !meanings.is_empty() {
            let path = self.library.folder.join(super::MEANINGS);
            self.library.vectors.write(first, &meanings).map_err(|e| Error::io("writing", &path, e))?;
        }
        let catalogue = &self.library.catalogue;
        catalogue.begin()?;
        for (row, &i) in (first..).zip(&different) {
            catalogue.add_row(&new[i].1, row)?;
        }
        for (passage, row) in known {
            catalogue.set_row(passage, row)?;
        }
        for (passage, hash, _) in &new {
            if let Some(row) = catalogue.row_of(hash)? {
                catalogue.set_row(passage.id, row)?;
            }
        }
        catalogue.commit()?;
        self.done = (self.done + waiting.len() as u64).min(self.total);
        self.events.push_back(IndexEvent::Meaning { done: self.done, total: self.total });
        self.go_on_embedding();
        self.forget_damaged(texts)
    }
}

/// What is embedded for a passage: its words, under their heading where they need one.
fn headed<'a>(heading: &'a str, text: &'a str) -> Headed<'a> {
    let stands_alone = text.len() <= JOINED_BYTES && says_a_fact(text);
    Headed::new(if stands_alone { "" } else { heading }, text)
}

/// Names a text under its heading for the model that embeds it.
fn hash(Headed { heading, text }: Headed<'_>) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(MEANING);
    hash.update([0]);
    hash.update(heading);
    hash.update([0]);
    hash.update(text);
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_facts_are_embedded_without_their_heading() {
        let of = |text: &str| headed("Birds", text).heading.to_owned();
        assert_eq!(of("The parrot is called Halley."), "");
        assert_eq!(of("It is called Halley by all."), "Birds");
        assert_eq!(of("ten kilograms"), "Birds");
        assert_eq!(of(&"Long paragraphs say what their heading announced. ".repeat(5)), "Birds");
    }
}
