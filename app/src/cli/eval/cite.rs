//! `medley eval cite`: questions whose answers, pages and quotes are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::library::{Hit, IndexEvent, Library, Ranking, SearchOptions};
use engine::media::Media;
use engine::perception::ReadEvent;
use engine::{Cancel, Engine, Evidence, Place, Span};
use serde::Deserialize;
use serde_json::json;

use super::super::failure::{Failure, Outcome};
use super::super::library::engine;
use super::super::output::Output;
use super::super::progress::{Bar, say};
use super::args::CiteArgs;
use super::{Work, ask, holds, percent, plain, update};

/// Hits that count for recall.
const TOP: usize = 5;

/// A line of the file.
#[derive(Debug, Clone, Deserialize)]
struct Question {
    /// The file's name; none for a question that the documents do not answer.
    document: Option<String>,
    page: Option<u32>,
    /// What kind of question it is; figures are told for each kind.
    #[serde(default)]
    kind: String,
    question: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    quote: String,
    /// Other places of the document that answer it by themselves.
    #[serde(default)]
    also: Vec<Answering>,
}

/// A place that answers a question.
#[derive(Debug, Clone, Deserialize)]
struct Answering {
    page: u32,
}

/// What is counted.
#[derive(Debug, Default)]
struct Counts {
    /// Questions with an answer in the documents.
    questions: usize,
    found: BTreeMap<&'static str, usize>,
    quotes: usize,
    verbatim: usize,
    /// Citations that stand on the page of the answer or hold it.
    right_citations: usize,
    first_page: usize,
    /// The first citation stands on the page of the answer or holds it.
    first_right: usize,
    any_page: usize,
    answer_shown: usize,
    answered: usize,
    unanswerable: usize,
    refused: usize,
    seconds: Vec<f64>,
}

/// Measures and tells.
pub fn run(args: &CiteArgs, cancel: &Cancel) -> Outcome {
    engine::set_threads(args.threads);
    let questions = read(&args.questions)?;
    let work = Work::new(args.work.as_deref())?;
    let engine = engine()?;
    let mut library = Library::open(&work.path().join("library"))?;
    library.add(&args.documents)?;
    let bar = Bar::units();
    let (words_s, all_s) = update(&mut library, &engine, false, cancel, |event| match event {
        IndexEvent::Reading { done, total, .. } => bar.show("reading", *done, *total),
        IndexEvent::Meaning { done, total } => bar.show("comparing meanings", *done, *total),
        IndexEvent::Failed { reason, .. } => say(reason),
        _ => {}
    })?;
    bar.clear();
    let status = library.status()?;
    let mut out = Output::new(args.json);
    let mut checker = Checker::new(&engine, cancel);
    let mut kinds: BTreeMap<&str, Counts> = BTreeMap::new();
    for question in &questions {
        if cancel.is_cancelled() {
            return Err(Failure::Told(130));
        }
        let counts = kinds.entry(question.kind.as_str()).or_default();
        let missed = measure(question, &library, &engine, args, &mut checker, counts, cancel)?;
        if let Some(missed) = missed {
            match args.json {
                true => out.object(&missed)?,
                false => say(&format!("missed: {}", missed["question"])),
            }
        }
    }
    let about = json!({
        "event": "searched", "documents": status.documents, "pages": status.leaves, "passages": status.passages,
        "words_s": words_s, "indexed_s": all_s,
    });
    match args.json {
        true => out.object(&about)?,
        false => out.line(&format!("{} documents, {} pages", status.documents, status.leaves))?,
    }
    kinds.iter().try_for_each(|(kind, counts)| counts.tell(kind, args.answer, &mut out))
}

impl Counts {
    fn tell(&self, kind: &str, answers: bool, out: &mut Output) -> Outcome {
        let share = |part: usize| percent(part, self.questions);
        let recall = |name: &str| share(self.found.get(name).copied().unwrap_or(0));
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
        if out.is_json() {
            return out.object(&json!({
                "event": "cited", "kind": kind, "questions": self.questions,
                "recall_at_5": {
                    "read": recall("read"), "fused": recall("fused"), "words": recall("words"), "meaning": recall("meaning"),
                },
                "citations": self.quotes, "verbatim": percent(self.verbatim, self.quotes),
                "citation_precision": percent(self.right_citations, self.quotes),
                "page_right": share(self.first_page), "first_right": share(self.first_right), "page_cited": share(self.any_page),
                "answer_in_evidence": share(self.answer_shown),
                "answered": answers.then(|| share(self.answered)),
                "unanswerable": self.unanswerable, "refused": percent(self.refused, self.unanswerable),
                "median_s": median,
            }));
        }
        let name = if kind.is_empty() { "questions" } else { kind };
        if self.unanswerable > 0 {
            let refused = percent(self.refused, self.unanswerable);
            out.line(&format!("{name}: {refused:.1} % of {} without an answer refused", self.unanswerable))?;
        }
        if self.questions == 0 {
            return Ok(());
        }
        out.line(&format!(
            "{name}: {} asked; recall at {TOP}: read {:.1} %, fused {:.1} %, words alone {:.1} %, meaning alone {:.1} %",
            self.questions,
            recall("read"),
            recall("fused"),
            recall("words"),
            recall("meaning")
        ))?;
        out.line(&format!(
            "{name}: {:.1} % of {} citations verbatim; page of the answer cited first {:.1} %, it or the answer first {:.1} %, page cited at all {:.1} %; precision {:.1} %",
            percent(self.verbatim, self.quotes),
            self.quotes,
            share(self.first_page),
            share(self.first_right),
            share(self.any_page),
            percent(self.right_citations, self.quotes),
        ))?;
        out.line(&format!(
            "{name}: answer in the evidence {:.1} %; {median:.2} s each",
            share(self.answer_shown)
        ))
    }
}

fn read(path: &Path) -> Outcome<Vec<Question>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::Usage(format!("{}: reading failed: {e}", path.display())))?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            serde_json::from_str(line)
                .map_err(|e| Failure::Usage(format!("{}: line {number}: {e}", path.display())))
        })
        .collect()
}

/// Asks one question; what went wrong with it.
fn measure(
    question: &Question,
    library: &Library,
    engine: &Engine,
    args: &CiteArgs,
    checker: &mut Checker<'_>,
    counts: &mut Counts,
    cancel: &Cancel,
) -> Outcome<Option<serde_json::Value>> {
    let shown = ask(library, engine, &question.question, args.answer, cancel)?;
    counts.seconds.push(shown.found_s);
    for evidence in &shown.evidence {
        counts.quotes += 1;
        counts.verbatim += usize::from(checker.stands_there(evidence)?);
    }
    let (Some(document), Some(page)) = (&question.document, question.page) else {
        counts.unanswerable += 1;
        counts.refused += usize::from(shown.evidence.is_empty());
        return Ok(None);
    };
    counts.questions += 1;
    let mut ranks = serde_json::Map::new();
    let mut count = |name: &'static str, hits: &[Hit]| {
        let rank = hits.iter().position(|hit| question.is_answered_by(hit, document, page));
        ranks.insert(name.into(), rank.map(|rank| rank + 1).into());
        *counts.found.entry(name).or_insert(0) += usize::from(rank.is_some_and(|rank| rank < TOP));
    };
    count("read", &shown.hits);
    let rankings = [("fused", Ranking::Fused), ("words", Ranking::Words), ("meaning", Ranking::Meaning)];
    for (name, ranking) in rankings {
        let options = SearchOptions { most: 4 * TOP, ranking, ..Default::default() };
        count(name, &library.search(&question.question, engine, &options, cancel)?.hits);
    }
    let on_page = |evidence: &Evidence| {
        is_called(&evidence.source, document)
            && matches!(evidence.place, Place::Page { page: found, .. } if question.pages().any(|page| page == found))
    };
    let answers =
        |evidence: &Evidence| evidence.quote.as_ref().is_some_and(|quote| holds(quote, &question.answer));
    let right = shown.evidence.iter().filter(|evidence| on_page(evidence) || answers(evidence)).count();
    let first = shown.evidence.first().is_some_and(on_page);
    let any = shown.evidence.iter().any(on_page);
    let answered = shown.evidence.iter().any(answers);
    counts.right_citations += right;
    counts.first_page += usize::from(first);
    let first_right = shown.evidence.first().is_some_and(|evidence| on_page(evidence) || answers(evidence));
    counts.first_right += usize::from(first_right);
    counts.any_page += usize::from(any);
    counts.answer_shown += usize::from(answered);
    counts.answered += usize::from(shown.answer.is_some_and(|(text, ..)| holds(&text, &question.answer)));
    let all_right = first && answered && ranks.values().all(|rank| rank.as_u64().is_some_and(|r| r <= 5));
    Ok((!all_right).then(|| {
        let quotes: Vec<_> = shown
            .evidence
            .iter()
            .map(|e| json!({"source": e.source, "quote": e.quote, "place": e.place, "score": e.score}))
            .collect();
        json!({
            "event": "question", "question": question.question, "document": document, "page": page,
            "answer": question.answer, "ranks": ranks, "first_page": first, "any_page": any,
            "answer_shown": answered, "evidence": quotes,
        })
    }))
}

impl Question {
    /// The pages that answer it.
    fn pages(&self) -> impl Iterator<Item = u32> {
        self.page.into_iter().chain(self.also.iter().map(|place| place.page))
    }

    /// Whether a hit stands on the page that was noted first and holds the answer.
    fn is_answered_by(&self, hit: &Hit, document: &str, page: u32) -> bool {
        let there = matches!(hit.place, Place::Page { page: found, .. } if found == page);
        there
            && is_called(&hit.path, document)
            && (holds(&hit.text, &self.answer) || holds(&hit.text, &self.quote))
    }
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|file| file.to_string_lossy() == name)
}

/// Reads the pages of citations again, from their documents.
struct Checker<'a> {
    engine: &'a Engine,
    cancel: &'a Cancel,
    pages: BTreeMap<(PathBuf, u32), String>,
}

impl<'a> Checker<'a> {
    fn new(engine: &'a Engine, cancel: &'a Cancel) -> Self {
        Self { engine, cancel, pages: BTreeMap::new() }
    }

    fn read_again(&self, path: &Path, number: u32) -> Outcome<String> {
        let mut text = String::new();
        for event in self.engine.read(path, self.cancel).from_page(number) {
            match event? {
                ReadEvent::Span(Span { place: Place::Page { page, .. }, text: words, .. })
                    if page == number =>
                {
                    text.push_str(&words);
                    text.push('\n');
                }
                ReadEvent::Progress { done, .. } if done >= u64::from(number) => break,
                _ => {}
            }
        }
        Ok(text)
    }

    /// Whether the words of a citation stand on its page, as the document has them now.
    fn stands_there(&mut self, evidence: &Evidence) -> Outcome<bool> {
        let (Some(quote), Place::Page { page, .. }) = (&evidence.quote, &evidence.place) else {
            return Ok(false);
        };
        let key = (evidence.source.clone(), *page);
        if !self.pages.contains_key(&key) {
            let text = match self.engine.opener().open(&evidence.source, self.cancel)? {
                Media::Document(document) => match document.page(*page)? {
                    own if own.has_text => own.text(),
                    // A scan: its words are read from its picture again.
                    _ => self.read_again(&evidence.source, *page)?,
                },
                _ => String::new(),
            };
            self.pages.insert(key.clone(), text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let words = quote.split_whitespace().collect::<Vec<_>>().join(" ");
        let page = self.pages.get(&key).map_or("", String::as_str);
        Ok(!plain(&words).is_empty() && page.contains(&words))
    }
}
