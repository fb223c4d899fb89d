//! `medley tour`: four questions over the sample media, for a first look without a display.

use engine::Cancel;
use serde_json::json;

use medley_app::platform::samples_folder;

use super::answer::Answerer;
use super::args::{AnswerArgs, TourArgs};
use super::failure::{Failure, Outcome};

/// A file of the samples and what is asked about it.
const STOPS: [(&str, &str); 4] = [
    ("pictures/coffee.png", "What is in this picture?"),
    ("speech/austen-0870.wav", "What did John Dashwood have leisure to consider?"),
    ("video/bigbuckbunny.mp4", "Which animal is in this video?"),
    ("documents/weather-station.pdf", "At what height above the sea does the station stand?"),
];

/// Asks one question about each kind of medium.
pub fn run(args: &TourArgs, cancel: &Cancel) -> Outcome {
    engine::set_device(args.device.chosen)?;
    let mut answerer = Answerer::new(&args.model, args.json, cancel)?;
    let options = AnswerArgs {
        whole: false,
        every_frame: false,
        model: args.model.clone(),
        raw: false,
        max_tokens: Some(120),
        temperature: None,
        cache: None,
        no_prefix_cache: false,
        no_speculation: false,
        draft: None,
        adapter: None,
        think: None,
        seed: None,
        device: args.device,
        system: None,
        threads: None,
        inside: None,
        cache_memory: None,
        json: args.json,
    };
    let samples = match &args.samples {
        Some(folder) if !folder.is_dir() => {
            return Err(Failure::Usage(format!("{}: there is no such folder", folder.display())));
        }
        Some(folder) => folder.clone(),
        None => samples_folder().ok_or_else(|| {
            Failure::Usage(
                "the samples are not here; run this in Medley's folder, or give them with --samples FOLDER"
                    .into(),
            )
        })?,
    };
    for (file, question) in STOPS {
        let path = samples.join(file);
        if args.json {
            answerer.out().object(&json!({"event": "question", "source": path, "text": question}))?;
        } else {
            answerer.out().line(&format!("\n── {file}\n   {question}\n"))?;
        }
        answerer.answer(&[path], question.to_owned(), &options, |_| Ok(()))?;
        if cancel.is_cancelled() {
            break;
        }
    }
    Ok(())
}
