//! `medley read DOCUMENT… QUESTION`.

use engine::Cancel;
use engine::media::Kind;

use super::answer::Answerer;
use super::args::ReadArgs;
use super::failure::{Failure, Outcome};
use super::{library, split_question};

/// Answers from documents; a picture counts as a scanned page.
pub fn run(args: ReadArgs, cancel: &Cancel) -> Outcome {
    let example = "medley read manual.pdf \"How is the filter changed?\"";
    let (documents, question) = split_question(args.words, example)?;
    if documents.is_empty() && args.library.is_none() {
        return Err(Failure::Usage(format!("the document is missing; try: {example}")));
    }
    if args.answer.raw {
        return Err(Failure::Usage("--raw feeds the question alone; use `medley ask --raw`".into()));
    }
    engine::set_threads(args.answer.threads.or_else(engine::best_threads));
    engine::set_device(args.answer.device.chosen)?;
    if let Some(folder) = &args.library {
        return library::read(folder.as_deref(), &documents, question, &args.answer, cancel);
    }
    Answerer::new(&args.answer.model, args.answer.json, cancel)?.answer(
        &documents,
        question,
        &args.answer,
        |kind| match kind {
            Kind::Document | Kind::Picture => Ok(()),
            Kind::Sound | Kind::Video => Err("this is a recording; `medley ask` takes it"),
        },
    )
}
