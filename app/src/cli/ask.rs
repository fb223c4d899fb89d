//! `medley ask [MEDIA…] QUESTION`.

use engine::Cancel;

use super::answer::Answerer;
use super::args::AskArgs;
use super::failure::{Failure, Outcome};
use super::split_question;

/// Answers one question about any media.
pub fn run(args: AskArgs, cancel: &Cancel) -> Outcome {
    let (media, question) = split_question(args.words, "medley ask photo.jpg \"What is in the picture?\"")?;
    if args.answer.raw && !media.is_empty() {
        return Err(Failure::Usage("--raw feeds the question alone; leave the files out".into()));
    }
    engine::set_threads(args.answer.threads.or_else(engine::best_threads));
    engine::set_device(args.answer.device.chosen)?;
    Answerer::new(&args.answer.model, args.answer.json, cancel)?.answer(
        &media,
        question,
        &args.answer,
        |_| Ok(()),
    )
}
