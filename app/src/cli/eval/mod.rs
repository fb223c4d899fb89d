//! `medley eval`: how well long documents are searched and cited, and how well tuned models reason.

pub mod args;

mod haystack;

mod needles;

mod needle;

mod heatmap;

mod cite;

mod reason;

use std::path::{Path, PathBuf};
use std::time::Instant;

use engine::library::{Hit, IndexEvent, Library, Ranking};
use engine::tasks::ask::{AskRequest, Attachment};
use engine::{Cancel, Engine, Event, Evidence};
use tempfile::TempDir;

use self::args::EvalAction;
use super::failure::{Failure, Outcome};
use medley_app::library::READ_PASSAGES;

/// Does what the arguments say.
pub fn run(action: EvalAction, cancel: &Cancel) -> Outcome {
    match action {
        EvalAction::Needle(args) => needle::run(&args, cancel),
        EvalAction::Cite(args) => cite::run(&args, cancel),
        EvalAction::Reason(args) => reason::run(&args, cancel),
    }
}

/// A folder that stays, or one that goes with this value.
enum Work {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Work {
    fn new(kept: Option<&Path>) -> Outcome<Self> {
        match kept {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|e| Failure::writing(folder, &e))?;
                Ok(Self::Kept(folder.to_path_buf()))
            }
            None => {
                let folder = tempfile::tempdir();
                folder.map(Self::Temporary).map_err(|e| Failure::Failed(format!("a temporary folder: {e}")))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// What is shown for a question, and how long that took.
struct Shown {
    /// What it was looked for in.
    hits: Vec<Hit>,
    evidence: Vec<Evidence>,
    /// Seconds until the evidence is there.
    found_s: f64,
    /// The decoder's words, when it was asked, and seconds until the first and the last of them.
    answer: Option<(String, f64, f64)>,
}

/// Asks as `medley read --library` does; without the decoder unless `answer`.
fn ask(library: &Library, engine: &Engine, question: &str, answer: bool, cancel: &Cancel) -> Outcome<Shown> {
    let started = Instant::now();
    let options =
        engine::library::SearchOptions { most: READ_PASSAGES, ranking: Ranking::Read, ..Default::default() };
    let found = library.search(question, engine, &options, cancel)?;
    let (files, known) = library.excerpt(question, &found)?;
    if !answer {
        let evidence = engine.evidence(files, question, &known, cancel)?;
        return Ok(Shown {
            hits: found.hits,
            evidence,
            found_s: started.elapsed().as_secs_f64(),
            answer: None,
        });
    }
    let request = AskRequest {
        media: files.into_iter().map(Attachment::Read).collect(),
        question: question.to_owned(),
        found: Some(known),
        ..AskRequest::default()
    };
    let (mut text, mut first_s, mut found_s, mut evidence) = (String::new(), None, None, Vec::new());
    for event in engine.ask(request, cancel) {
        let now = started.elapsed().as_secs_f64();
        match event? {
            Event::Evidence(shown) => {
                found_s.get_or_insert(now);
                evidence.push(shown);
            }
            Event::Text(piece) => {
                first_s.get_or_insert(now);
                text.push_str(&piece);
            }
            _ => {}
        }
    }
    let all_s = started.elapsed().as_secs_f64();
    let answer = Some((text, first_s.unwrap_or(all_s), all_s));
    Ok(Shown { hits: found.hits, evidence, found_s: found_s.unwrap_or(all_s), answer })
}

/// Brings a library up to date; seconds until words are searchable, and in all.
fn update(
    library: &mut Library,
    engine: &Engine,
    words_only: bool,
    cancel: &Cancel,
    tell: impl Fn(&IndexEvent),
) -> Outcome<(f64, f64)> {
    let started = Instant::now();
    let mut words_s = None;
    for event in library.update(engine, cancel)? {
        let event = event?;
        if matches!(event, IndexEvent::Meaning { .. }) {
            words_s.get_or_insert_with(|| started.elapsed().as_secs_f64());
            if words_only {
                break;
            }
        }
        tell(&event);
    }
    if cancel.is_cancelled() {
        return Err(Failure::Told(130));
    }
    let all_s = started.elapsed().as_secs_f64();
    Ok((words_s.unwrap_or(all_s), all_s))
}

/// A text for comparing: letters and digits in lower case, one space between words.
fn plain(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Whether all words of `part` stand in `whole` one after the other.
fn holds(whole: &str, part: &str) -> bool {
    let part = plain(part);
    !part.is_empty() && format!(" {} ", plain(whole)).contains(&format!(" {part} "))
}

/// A share in percent; nothing of nothing is all.
fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_whatever_their_case() {
        assert!(holds("The number is: 42.", "NUMBER is 42"));
        assert!(!holds("The numbers are 421.", "42"));
        assert!(!holds("Anything.", " . "));
    }
}
