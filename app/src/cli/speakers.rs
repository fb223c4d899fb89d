//! Who speaks when: the flags of `medley transcribe`, and `medley speakers`.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use clap::Subcommand;
use engine::Engine;
use engine::models::data_folder;
use engine::perception::speakers::{KnownVoice, SpeakerEncoder, SpeakerOptions, WhoSpoke};
use engine::tasks::transcribe::Transcription;
use medley_app::storage::KnownVoices;
use serde_json::json;

use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{clock, say};

/// Shorter voices are too uncertain to be remembered.
const LEAST_REMEMBERED_S: f64 = 5.0;

/// Who speaks when.
#[derive(Debug, clap::Args)]
pub struct WhoArgs {
    /// Tell speakers apart: how many there are, or auto; text then comes when all was heard
    #[arg(long, value_name = "N|auto", num_args = 0..=1, default_missing_value = "auto")]
    pub speakers: Option<Count>,
    /// Call the speaker of this number so, as in 1=Anna; repeat for more; two numbers with one name are one person
    #[arg(long, value_name = "N=NAME", requires = "speakers")]
    pub speaker_name: Vec<Name>,
    /// Keep the voices of speakers with names on this machine, and recognise them in later recordings
    #[arg(long, requires = "speakers")]
    pub remember_speakers: bool,
}

/// How many speakers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// As many as are heard.
    Auto,
    /// So many.
    Fixed(usize),
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// More voices cannot be told apart.
        const MOST: usize = 50;
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(n) if (1..=MOST).contains(&n) => Ok(Self::Fixed(n)),
            _ => Err(format!("a number from 1 to {MOST} or auto is needed")),
        }
    }
}

/// A speaker's number from 1 and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(usize, String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').map(|(number, name)| (number.trim().parse(), name.trim()));
        match parts {
            Some((Ok(number), name))
                if number > 0 && !name.is_empty() && !name.contains(char::is_control) =>
            {
                Ok(Self(number, name.to_owned()))
            }
            _ => Err("a number, = and a name are needed, as in 1=Anna".to_owned()),
        }
    }
}

/// What to do with remembered voices.
#[derive(Debug, Subcommand)]
pub enum SpeakersAction {
    /// Who is remembered
    #[command(after_help = "Examples:\n  medley speakers list\n  medley speakers list --json")]
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Delete voices
    #[command(after_help = "Examples:\n  medley speakers forget Anna\n  medley speakers forget --all")]
    Forget {
        /// Their names
        #[arg(value_name = "NAME", required_unless_present = "all")]
        names: Vec<String>,
        /// Everybody
        #[arg(long, conflicts_with = "names")]
        all: bool,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
}

fn failed(error: &anyhow::Error) -> Failure {
    Failure::Failed(format!("{error:#}"))
}

fn known_voices() -> Outcome<KnownVoices> {
    KnownVoices::open(&data_folder()?).map_err(|error| failed(&error))
}

/// `medley speakers`.
pub fn run(action: &SpeakersAction) -> Outcome {
    let mut known = known_voices()?;
    match action {
        SpeakersAction::List { json } => {
            let mut out = Output::new(*json);
            for voice in known.all() {
                match json {
                    true => out.object(&json!({"name": voice.name, "speech_s": voice.speech_s}))?,
                    false => {
                        out.line(&format!("{}: from {} of speech", voice.name, clock(voice.speech_s)))?
                    }
                }
            }
            if known.all().is_empty() && !json {
                out.line("nobody is remembered")?;
            }
            Ok(())
        }
        SpeakersAction::Forget { names, all, json } => {
            let everybody = || known.all().iter().map(|voice| voice.name.clone()).collect();
            let names: Vec<String> = if *all { everybody() } else { names.clone() };
            if let Some(stranger) = names.iter().find(|name| !known.all().iter().any(|v| v.name == **name)) {
                let text =
                    format!("nobody called {stranger} is remembered; `medley speakers list` shows who is");
                return Err(Failure::Usage(text));
            }
            for name in &names {
                known.forget(name);
            }
            known.save().map_err(|error| failed(&error))?;
            let mut out = Output::new(*json);
            match json {
                true => out.object(&json!({"forgotten": names})),
                false => out.line(&format!("{} forgotten", names.len())),
            }
        }
    }
}

/// Tells speakers apart in every recording of a run.
pub struct Telling {
    encoder: Arc<SpeakerEncoder>,
    options: SpeakerOptions,
    known: KnownVoices,
    remember: bool,
}

impl Telling {
    /// None unless it is asked for.
    pub fn new(args: &WhoArgs, engine: &Engine) -> Outcome<Option<Self>> {
        let Some(count) = args.speakers else { return Ok(None) };
        let known = known_voices()?;
        let options = SpeakerOptions {
            count: match count {
                Count::Auto => None,
                Count::Fixed(n) => Some(n),
            },
            names: args.speaker_name.iter().map(|Name(number, name)| (*number, name.clone())).collect(),
            known: known.all().to_vec(),
        };
        let encoder = engine.speaker_encoder()?;
        Ok(Some(Self { encoder, options, known, remember: args.remember_speakers }))
    }

    /// The same transcription, with speakers.
    pub fn start(&self, transcription: Transcription) -> Transcription {
        let options = SpeakerOptions { known: self.known.all().to_vec(), ..self.options.clone() };
        transcription.with_speakers(self.encoder.clone(), options)
    }

    /// Keeps the voices of those who have names, when that was asked for.
    pub fn remember(&mut self, who: &WhoSpoke) -> Outcome {
        if !self.remember {
            return Ok(());
        }
        let named: Vec<_> = who.speakers.iter().filter(|speaker| speaker.is_named).collect();
        if named.is_empty() {
            say("note: nobody has a name to be remembered by; give one as in --speaker-name 1=Anna");
        }
        for speaker in named {
            if speaker.speech_s < LEAST_REMEMBERED_S {
                let (name, s) = (&speaker.label, speaker.speech_s);
                say(&format!(
                    "note: {name} spoke for {s:.1} s only, which is too little to be remembered by"
                ));
                continue;
            }
            self.known.remember(KnownVoice::new(&speaker.label, &speaker.voice, speaker.speech_s));
        }
        self.known.save().map_err(|error| failed(&error))
    }
}

/// Who speaks in a recording, for how long; JSON has the turns too.
pub fn show(who: &WhoSpoke, recording: &Path, out: &mut Output) -> Outcome {
    if out.is_json() {
        let speakers: Vec<_> = who
            .speakers
            .iter()
            .map(|s| json!({"speaker": s.label, "speech_s": s.speech_s, "recognised": s.is_recognised}))
            .collect();
        let turn = |turn: &engine::perception::speakers::Turn| {
            let speaker = who.speakers.get(turn.speaker).map(|speaker| &speaker.label);
            json!({"start_s": turn.start_s, "end_s": turn.end_s, "speaker": speaker})
        };
        let turns: Vec<_> = who.turns.iter().map(turn).collect();
        return out
            .object(&json!({"event": "speakers", "file": recording, "speakers": speakers, "turns": turns}));
    }
    for speaker in &who.speakers {
        let name = match speaker.is_named {
            true => speaker.label.clone(),
            false => format!("Speaker {}", speaker.label),
        };
        let recognised = if speaker.is_recognised { ", recognised" } else { "" };
        say(&format!("{name}: {} of speech{recognised}", clock(speaker.speech_s)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_names_are_read_and_nonsense_is_refused() {
        assert_eq!("auto".parse(), Ok(Count::Auto));
        assert_eq!("3".parse(), Ok(Count::Fixed(3)));
        assert!(["0", "-1", "51", "many"].iter().all(|text| text.parse::<Count>().is_err()));
        assert_eq!("2 = Anna Maria".parse(), Ok(Name(2, "Anna Maria".to_owned())));
        assert!(
            ["Anna", "0=Anna", "1=", "x=Anna", "1=A\nB"].iter().all(|text| text.parse::<Name>().is_err())
        );
    }
}
