//! The index of words: which passages hold which terms, in `tantivy`.
//!
//! It holds nothing but numbers of passages, so it can be made anew from the catalogue at any time. Each commit carries
//! the number of the batch that the catalogue commits right after it: another number than the catalogue's means that
//! the program was killed between both, and then it is made anew.

use std::path::{Path, PathBuf};

use tantivy::collector::TopDocs;
use tantivy::indexer::IndexWriterOptions;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery, TermSetQuery};
pub(super) use tantivy::schema::Field;
use tantivy::schema::{FAST, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use super::DocumentId;
use crate::error::{Error, Result};
use crate::tasks::evidence::terms;

/// Memory of the one thread that writes.
const WRITER_BYTES: usize = 48 << 20;

/// Our terms, in the index.
const TERMS: &str = "medley-terms-1";

/// How much a term of the heading counts, beside one of the passage.
const HEADING_BOOST: f32 = 0.4;

/// The index.
pub(super) struct Words {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    folder: PathBuf,
}

#[derive(Clone, Copy)]
struct Fields {
    passage: Field,
    document: Field,
    body: Field,
    heading: Field,
}

/// Adds and takes out passages; one at a time in the whole system.
pub(super) struct WordsWriter {
    writer: IndexWriter,
    fields: Fields,
    folder: PathBuf,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexing =
        TextFieldIndexing::default().set_tokenizer(TERMS).set_index_option(IndexRecordOption::WithFreqs);
    let text = TextOptions::default().set_indexing_options(indexing);
    let fields = Fields {
        passage: schema.add_u64_field("passage", FAST | INDEXED),
        document: schema.add_u64_field("document", INDEXED),
        body: schema.add_text_field("body", text.clone()),
        heading: schema.add_text_field("heading", text),
    };
    (schema.build(), fields)
}

fn failed(folder: &Path) -> impl Fn(tantivy::TantivyError) -> Error {
    move |error| Error::library(folder, format!("the index of words cannot be used ({error})"))
}

impl Words {
    /// Opens the index in this folder, or makes an empty one.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let failed = failed(folder);
        std::fs::create_dir_all(folder).map_err(|e| Error::io("making the folder", folder, e))?;
        let (schema, fields) = schema();
        let directory = tantivy::directory::MmapDirectory::open(folder)
            .map_err(|e| Error::library(folder, format!("the index of words cannot be opened ({e})")))?;
        let index = Index::open_or_create(directory, schema).map_err(&failed)?;
        index.tokenizers().register(TERMS, TextAnalyzer::from(Terms));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        let reader = reader.map_err(&failed)?;
        Ok(Self { index, reader, fields, folder: folder.to_path_buf() })
    }

    /// Whether every file of the index is as it was written.
    pub(super) fn is_whole(&self) -> bool {
        self.index.validate_checksum().is_ok_and(|damaged| damaged.is_empty())
    }

    /// The number of the batch that was written last.
    pub(super) fn batch(&self) -> Option<u64> {
        self.index.load_metas().ok()?.payload?.parse().ok()
    }

    /// Sees what was committed since it was opened.
    pub(super) fn reload(&self) -> Result<()> {
        self.reader.reload().map_err(failed(&self.folder))
    }

    /// Starts to write.
    pub(super) fn writer(&self) -> Result<WordsWriter> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let writer = self.index.writer_with_options(options).map_err(failed(&self.folder))?;
        Ok(WordsWriter { writer, fields: self.fields, folder: self.folder.clone() })
    }

    /// The `n` passages that fit these terms best, and how well (BM25); of these documents, or of these passages, alone.
    pub(super) fn best(
        &self,
        terms: &[String],
        scope: Option<&[DocumentId]>,
        passages: Option<&[i64]>,
        n: usize,
    ) -> Result<Vec<(i64, f32)>> {
        if terms.is_empty() || n == 0 {
            return Ok(Vec::new());
        }
        let one = |field: Field, term: &str| -> Box<dyn Query> {
            Box::new(TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs))
        };
        let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for term in terms {
            any.push((Occur::Should, one(self.fields.body, term)));
            let heading = BoostQuery::new(one(self.fields.heading, term), HEADING_BOOST);
            any.push((Occur::Should, Box::new(heading)));
        }
        let mut query: Box<dyn Query> = Box::new(BooleanQuery::new(any));
        let number = |field: Field, id: i64| Term::from_field_u64(field, id as u64);
        let scope = scope.map(|ids| ids.iter().map(|id| number(self.fields.document, id.0)).collect());
        let passages = passages.map(|ids| ids.iter().map(|id| number(self.fields.passage, *id)).collect());
        for terms in [scope, passages].into_iter().flatten() {
            let terms: Vec<Term> = terms;
            let within = ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0);
            query = Box::new(BooleanQuery::new(vec![(Occur::Must, query), (Occur::Must, Box::new(within))]));
        }
        let failed = failed(&self.folder);
        let searcher = self.reader.searcher();
        let top = searcher.search(&query, &TopDocs::with_limit(n).order_by_score()).map_err(&failed)?;
        let mut found = Vec::with_capacity(top.len());
        for (score, at) in top {
            let numbers = searcher.segment_reader(at.segment_ord).fast_fields().u64("passage");
            let number = numbers.map_err(&failed)?.first(at.doc_id);
            found.extend(number.map(|number| (number as i64, score)));
        }
        Ok(found)
    }

    /// In how many passages a term stands, and how many passages there are.
    pub(super) fn frequency(&self, term: &str) -> Result<(u64, u64)> {
        self.frequency_in(self.fields.body, term)
    }

    /// The same for this part of a passage.
    pub(super) fn frequency_in(&self, field: Field, term: &str) -> Result<(u64, u64)> {
        let searcher = self.reader.searcher();
        let with = searcher.doc_freq(&Term::from_field_text(field, term));
        Ok((with.map_err(failed(&self.folder))?, searcher.num_docs()))
    }

    /// The words of passages.
    pub(super) fn body(&self) -> Field {
        self.fields.body
    }

    /// The headings above them.
    pub(super) fn heading(&self) -> Field {
        self.fields.heading
    }

    /// How many terms this part of a passage has, on average; at least 1.
    pub(super) fn mean_length(&self, field: Field) -> Result<f32> {
        let searcher = self.reader.searcher();
        let (mut terms, mut passages) = (0, 0);
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field).map_err(failed(&self.folder))?;
            terms += index.total_num_tokens();
            passages += u64::from(segment.max_doc());
        }
        Ok((terms as f32 / passages.max(1) as f32).max(1.0))
    }
}

impl WordsWriter {
    /// Adds a passage.
    pub(super) fn add(&self, passage: i64, document: DocumentId, heading: &str, body: &str) -> Result<()> {
        let mut entry = TantivyDocument::default();
        entry.add_u64(self.fields.passage, passage as u64);
        entry.add_u64(self.fields.document, document.0 as u64);
        entry.add_text(self.fields.body, body);
        if !heading.is_empty() {
            entry.add_text(self.fields.heading, heading);
        }
        self.writer.add_document(entry).map(drop).map_err(failed(&self.folder))
    }

    /// Takes out the passages of a document.
    pub(super) fn remove(&self, document: DocumentId) {
        self.writer.delete_term(Term::from_field_u64(self.fields.document, document.0 as u64));
    }

    /// Writes everything to the disk under the number of a batch.
    pub(super) fn commit(&mut self, batch: u64) -> Result<()> {
        let failed = failed(&self.folder);
        let mut prepared = self.writer.prepare_commit().map_err(&failed)?;
        prepared.set_payload(&batch.to_string());
        prepared.commit().map(drop).map_err(&failed)
    }

    /// Waits until files that are being joined are whole.
    pub(super) fn finish(self) -> Result<()> {
        self.writer.wait_merging_threads().map_err(failed(&self.folder))
    }
}

/// The terms that evidence is found by, so that both agree.
#[derive(Clone)]
struct Terms;

/// The terms of one text.
struct TermStream {
    terms: std::vec::IntoIter<String>,
    token: Token,
}

impl Tokenizer for Terms {
    type TokenStream<'a> = TermStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream {
        TermStream { terms: terms(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for TermStream {
    fn advance(&mut self) -> bool {
        let Some(term) = self.terms.next() else { return false };
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text = term;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
