//! `medley library`: many documents on disk, found by words and by meaning.

pub mod args;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::library::{DocumentId, Hit, IndexEvent, Library, LibraryStatus, SearchOptions};
use engine::media::Limits;
use engine::models::Store;
use engine::{Cancel, Engine, EngineOptions, Evidence, human_bytes};
use serde_json::json;

use self::args::{LibraryAction, LibraryArgs};
use super::answer::{Answerer, evidence_line, evidence_object};
use super::args::AnswerArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{Bar, peak_rss_bytes, say};
use medley_app::library::{excerpt, whole};

/// Progress is told at most so often.
const TELL: Duration = Duration::from_millis(200);

/// Does what the arguments say.
pub fn run(action: LibraryAction, cancel: &Cancel) -> Outcome {
    match action {
        LibraryAction::Add { paths, words_only, threads, library } => {
            engine::set_threads(threads);
            let mut opened = open(&library)?;
            paths.iter().try_for_each(|path| opened.add(path))?;
            if paths.is_empty() && opened.roots()?.is_empty() {
                let text = "the library is empty; try: medley library add manual.pdf";
                return Err(Failure::Usage(text.into()));
            }
            update(opened, words_only, library.json, cancel)
        }
        LibraryAction::Rebuild { threads, library } => {
            engine::set_threads(threads);
            update(open(&library)?.clear()?, false, library.json, cancel)
        }
        LibraryAction::List { library } => list(&library),
        LibraryAction::Search { query, most, within, by, library } => {
            let opened = open(&library)?;
            let scope = scope(&opened, &within)?;
            let options = SearchOptions { most, scope, ranking: by };
            search(&opened, &query, &options, library.json, cancel)
        }
        LibraryAction::Remove { paths, library } => remove(&paths, &library, cancel),
        LibraryAction::Status { library } => status(&library),
    }
}

/// Opens the library that the arguments name.
fn open(args: &LibraryArgs) -> Outcome<Library> {
    open_at(args.library.as_deref())
}

/// Opens the library in this folder, or the one in the data folder, and tells what was damaged.
pub fn open_at(folder: Option<&Path>) -> Outcome<Library> {
    let library = match folder {
        Some(folder) => Library::open(folder)?,
        None => Library::open_default()?,
    };
    Ok(library)
}

/// An engine for reading and searching; its decoder is never loaded.
pub fn engine() -> Outcome<Engine> {
    Ok(Engine::new(EngineOptions {
        store: Store::open_default()?,
        model: super::DEFAULT_MODEL.to_owned(),
        limits: Limits::default(),
        prefixes: None,
        panels: None,
    }))
}

/// The documents at or below these paths; all when there are none.
pub fn scope(library: &Library, within: &[PathBuf]) -> Outcome<Option<Vec<DocumentId>>> {
    if within.is_empty() {
        return Ok(None);
    }
    let documents = library.documents()?;
    let mut scope = Vec::new();
    for path in within {
        let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let before = scope.len();
        scope.extend(documents.iter().filter(|document| document.path.starts_with(&full)).map(|d| d.id));
        if scope.len() == before {
            let text =
                format!("{0}: is not in the library; add it with `medley library add {0}`", path.display());
            return Err(Failure::Usage(text));
        }
    }
    Ok(Some(scope))
}

/// Reads what is new, and shows how far it is.
fn update(mut library: Library, words_only: bool, json: bool, cancel: &Cancel) -> Outcome {
    let engine = engine()?;
    let (mut out, bar) = (Output::new(json), Bar::units());
    let started = Instant::now();
    let (mut told, mut failed, mut readable_s) = (Instant::now(), 0, None);
    for event in library.update(&engine, cancel)? {
        let event = event?;
        let frequent = matches!(
            event,
            IndexEvent::Reading { .. } | IndexEvent::Meaning { .. } | IndexEvent::Repairing { .. }
        );
        if matches!(event, IndexEvent::Meaning { .. }) && readable_s.is_none() {
            readable_s = Some(started.elapsed().as_secs_f64());
            if words_only {
                break;
            }
        }
        failed += usize::from(matches!(event, IndexEvent::Failed { .. }));
        if frequent && told.elapsed() < TELL {
            continue;
        }
        told = if frequent { Instant::now() } else { told };
        tell(&event, &mut out, &bar)?;
    }
    bar.clear();
    let (seconds, status) = (started.elapsed().as_secs_f64(), library.status()?);
    if json {
        out.object(&json!({
            "event": "done", "cancelled": cancel.is_cancelled(), "seconds": seconds, "readable_s": readable_s,
            "status": status, "peak_rss_bytes": peak_rss_bytes(),
        }))?;
    } else {
        let paused = if cancel.is_cancelled() { "paused; `medley library add` goes on · " } else { "" };
        say(&format!("{paused}{} · {seconds:.1} s", summary(&status)));
    }
    match (failed, status.documents) {
        (0, _) => Ok(()),
        (_, 0) => Err(Failure::Told(2)),
        _ => Err(Failure::Told(1)),
    }
}

fn tell(event: &IndexEvent, out: &mut Output, bar: &Bar) -> Outcome {
    if out.is_json() {
        return out.object(&match event {
            IndexEvent::Planned { documents } => json!({"event": "planned", "documents": documents}),
            IndexEvent::Reading { path, done, total } => {
                json!({"event": "progress", "stage": "read", "what": path, "done": done, "total": total})
            }
            IndexEvent::Readable { path, leaves, passages } => {
                json!({"event": "readable", "file": path, "leaves": leaves, "passages": passages})
            }
            IndexEvent::Failed { path, reason } => {
                json!({"event": "failed", "file": path, "reason": reason})
            }
            IndexEvent::Removed { path } => json!({"event": "removed", "file": path}),
            IndexEvent::Meaning { done, total } => {
                json!({"event": "progress", "stage": "meaning", "done": done, "total": total})
            }
            IndexEvent::Repairing { done, total } => {
                json!({"event": "progress", "stage": "repair", "done": done, "total": total})
            }
            IndexEvent::Notice(text) => json!({"event": "notice", "text": text}),
        });
    }
    let say_over = |text: &str| {
        bar.clear();
        say(text);
    };
    match event {
        IndexEvent::Planned { .. } => {}
        IndexEvent::Reading { path, done, total } => {
            bar.show(&format!("reading {}", super::answer::file_name(path)), *done, *total);
        }
        IndexEvent::Readable { path, leaves, passages } => {
            bar.clear();
            out.line(&format!("{}: {leaves} pages, {passages} passages", path.display()))?;
        }
        IndexEvent::Failed { reason, .. } => say_over(&format!("medley: {reason}")),
        IndexEvent::Removed { path } => say_over(&format!("{}: taken out", path.display())),
        IndexEvent::Meaning { done, total } => bar.show("comparing meanings", *done, *total),
        IndexEvent::Repairing { done, total } => bar.show("making the index anew", *done, *total),
        IndexEvent::Notice(text) => say_over(&format!("note: {text}")),
    }
    Ok(())
}

fn list(args: &LibraryArgs) -> Outcome {
    let library = open(args)?;
    let mut out = Output::new(args.json);
    for document in library.documents()? {
        if args.json {
            out.object(&document)?;
            continue;
        }
        let state = match (&document.problem, document.complete) {
            (Some(problem), _) => problem.clone(),
            (None, false) => format!("{} pages read, not finished", document.leaves),
            (None, true) if document.compared < document.passages => {
                format!("{} · {} % by meaning", document.summary, 100 * document.compared / document.passages)
            }
            (None, true) => document.summary.clone(),
        };
        // A problem names its file.
        let name = document.path.display().to_string();
        out.line(&if state.contains(&name) { state } else { format!("{name}: {state}") })?;
    }
    Ok(())
}

fn status(args: &LibraryArgs) -> Outcome {
    let library = open(args)?;
    let status = library.status()?;
    let mut out = Output::new(args.json);
    for text in library.notices() {
        say(&format!("note: {text}"));
    }
    if args.json {
        return out.object(&json!({"folder": library.folder(), "roots": library.roots()?, "status": status}));
    }
    for root in library.roots()? {
        out.line(&format!("holds {}", root.display()))?;
    }
    out.line(&summary(&status))?;
    out.line(&format!(
        "{}: text {}, index of words {}, meanings {}",
        library.folder().display(),
        human_bytes(status.text_bytes),
        human_bytes(status.words_bytes),
        human_bytes(status.meanings_bytes),
    ))
}

fn summary(status: &LibraryStatus) -> String {
    let waiting = match status.waiting {
        0 => String::new(),
        waiting => format!(", {waiting} of them by words only so far"),
    };
    let failed = match status.failed {
        0 => String::new(),
        failed => format!(" · {failed} files cannot be used"),
    };
    format!(
        "{} documents, {} pages, {} passages{waiting}{failed}",
        status.documents, status.leaves, status.passages
    )
}

fn remove(paths: &[PathBuf], args: &LibraryArgs, cancel: &Cancel) -> Outcome {
    let mut library = open(args)?;
    let mut out = Output::new(args.json);
    for path in paths {
        let removed = library.remove(path)?;
        if removed.is_empty() {
            return Err(Failure::Usage(format!(
                "{}: is not in the library; `medley library list` shows what is",
                path.display()
            )));
        }
        for file in removed {
            match args.json {
                true => out.object(&json!({"event": "removed", "file": file}))?,
                false => out.line(&format!("{}: taken out", file.display()))?,
            }
        }
    }
    // Takes them out of the index of words, too; nothing else is new.
    let engine = engine()?;
    for event in library.update(&engine, cancel)? {
        if !matches!(event?, IndexEvent::Planned { .. } | IndexEvent::Removed { .. } | IndexEvent::Notice(_))
        {
            break;
        }
    }
    Ok(())
}

fn search(library: &Library, query: &str, options: &SearchOptions, json: bool, cancel: &Cancel) -> Outcome {
    let mut out = Output::new(json);
    let found = library.search(query, &engine()?, options, cancel)?;
    for text in library.notices().iter().chain(&found.notices) {
        notice(&mut out, text)?;
    }
    if found.hits.is_empty() && !json {
        out.line("Nothing was found.")?;
    }
    for (i, hit) in found.hits.iter().enumerate() {
        let evidence = evidence(hit);
        match json {
            true => {
                let mut object = evidence_object(&evidence);
                object["event"] = "hit".into();
                object["heading"] = hit.heading.as_str().into();
                out.object(&object)?;
            }
            false => out.line(&format!("{:>3}. {}", i + 1, evidence_line(&evidence)))?,
        }
    }
    Ok(())
}

fn notice(out: &mut Output, text: &str) -> Outcome {
    match out.is_json() {
        true => out.object(&json!({"event": "notice", "text": text})),
        false => {
            say(&format!("note: {text}"));
            Ok(())
        }
    }
}

/// A hit as evidence: its words are those of the document.
fn evidence(hit: &Hit) -> Evidence {
    Evidence {
        source: hit.path.clone(),
        place: hit.place.clone(),
        quote: Some(hit.text.clone()),
        label: None,
        score: hit.score,
    }
}

/// Answers from the library, or from some of its documents; from every section of these with `--whole`.
pub fn read(
    folder: Option<&Path>,
    within: &[PathBuf],
    question: String,
    args: &AnswerArgs,
    cancel: &Cancel,
) -> Outcome {
    let started = Instant::now();
    if args.whole && within.is_empty() {
        let text = "--whole reads every section of the documents that are named, and a whole library is too much for \
            that; try: medley read --library --whole manual.pdf \"What is it about?\"";
        return Err(Failure::Usage(text.into()));
    }
    let library = open_at(folder)?;
    if library.status()?.passages == 0 {
        let text = "the library is empty; try: medley library add manual.pdf";
        return Err(Failure::Usage(text.into()));
    }
    let mut answerer = Answerer::new(&args.model, args.json, cancel)?;
    let scope = scope(&library, within)?;
    let found = match scope {
        Some(documents) if args.whole => whole(&library, &documents, cancel)?,
        scope => excerpt(&library, &question, scope, answerer.engine(), cancel)?,
    };
    for text in &found.notices {
        answerer.notice(text)?;
    }
    answerer.answer_found(found.files, found.known, question, args, started)
}
