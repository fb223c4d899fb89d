//! What was found, as files that hold nothing else: for the search for evidence and for the decoder.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Passage;
use super::search::touch;
use super::{Hit, Hits, Library};
use crate::error::Result;
use crate::sequence::ReadFile;
use crate::tasks::ask::{FoundInLibrary, FoundPart};

impl Library {
    /// The passages of these hits with their neighbours and headings, one file for each document, the one with the
    /// best hit first; and what the library knows about them. A document that changed since it was read has a notice.
    ///
    /// # Errors
    /// [`Error::Library`](crate::Error::Library).
    pub fn excerpt(&self, question: &str, found: &Hits) -> Result<(Vec<ReadFile>, FoundInLibrary)> {
        let hits = &found.hits;
        let mut files = Vec::new();
        let mut parts = Vec::new();
        let mut order: Vec<&Hit> = Vec::new();
        for hit in hits {
            if !order.iter().any(|first| first.document == hit.document) {
                order.push(hit);
            }
        }
        for first in order {
            let mut wanted: BTreeMap<i64, Vec<Passage>> = BTreeMap::new();
            for hit in hits.iter().filter(|hit| hit.document == first.document) {
                let around = self.catalogue.passages_from(hit.passage.id - 1, 3)?;
                let near = around.into_iter().filter(|near| near.document == hit.document);
                near.for_each(|near| wanted.entry(near.leaf).or_default().push(near));
            }
            let mut spans = Vec::new();
            for (number, passages) in &wanted {
                let Some(leaf) = self.catalogue.leaf(*number, &first.path)? else { continue };
                let ranges: Vec<_> = leaf.ranges().collect();
                let mut chosen = BTreeSet::new();
                for passage in passages {
                    let inside = (0..ranges.len()).filter(|&i| touch(&ranges[i], &passage.bytes));
                    let inside: Vec<usize> = inside.collect();
                    let above = (0..inside.first().copied().unwrap_or(0)).rev();
                    let mut above = above.filter(|&i| leaf.spans[i].text.trim() == passage.heading);
                    chosen.extend(above.next());
                    chosen.extend(inside);
                }
                for (i, span) in leaf.spans.into_iter().enumerate().filter(|(i, _)| chosen.contains(i)) {
                    let here = hits.iter().filter(|hit| hit.passage.leaf == *number);
                    parts.extend(here.filter(|hit| touch(&ranges[i], &hit.passage.bytes)).map(|hit| {
                        let within =
                            |byte: usize| byte.clamp(ranges[i].start, ranges[i].end) - ranges[i].start;
                        let bytes = within(hit.passage.bytes.start)..within(hit.passage.bytes.end);
                        FoundPart { file: files.len(), span: spans.len(), bytes, score: hit.score }
                    }));
                    spans.push(span);
                }
            }
            let about = self.catalogue.about(first.document)?;
            let notices = about.changed(&first.path).into_iter().collect();
            files.push(about.file(&first.path, spans, notices));
        }
        Ok((files, FoundInLibrary { fits: found.fits, rarity: self.rarity(question)?, parts }))
    }
}
