//! Who speaks when: voices as vectors, which of them are one person's, and from when to when each person speaks.
//!
//! While a recording is heard, [`Speakers`] takes a voice from each half second of speech. When it has ended, the
//! voices are clustered, and turns and names follow from that.

mod ge2e;

mod listening;

mod cluster;

mod turns;

mod known;

use std::sync::Arc;

pub use ge2e::{Embedding, N_EMBEDDING, SpeakerEncoder, similarity};
pub use known::KnownVoice;
pub use turns::Turn;

use self::listening::Voices;
use crate::error::Result;
use crate::perception::speech::Segment;
use crate::perception::speech::windows::Window;

/// How speakers are told apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpeakerOptions {
    /// How many people speak; none to find out.
    pub count: Option<usize>,
    /// Names of speakers by their number from 1, in the order in which they first speak. Two numbers with one name are
    /// one person.
    pub names: Vec<(usize, String)>,
    /// Who is recognised.
    pub known: Vec<KnownVoice>,
}

/// A person in a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    /// The name, or the number from 1 in the order in which people first speak.
    pub label: String,
    /// Whether the label is a name.
    pub is_named: bool,
    /// Whether the name was known from an earlier recording.
    pub is_recognised: bool,
    /// Seconds of speech.
    pub speech_s: f64,
    /// What the voice sounds like.
    pub voice: Embedding,
}

/// Who spoke when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WhoSpoke {
    /// The people, in the order in which they first speak.
    pub speakers: Vec<Speaker>,
    /// In the order of time and never at once; the speaker is an index of `speakers`.
    pub turns: Vec<Turn>,
    /// Names for which there was no speaker.
    pub unused_names: Vec<(usize, String)>,
}

impl WhoSpoke {
    /// Gives each segment its speaker, cut where the speaker changes.
    pub fn label(&self, segments: Vec<Segment>) -> Vec<Segment> {
        let split = segments.into_iter().flat_map(|segment| turns::split(segment, &self.turns));
        let named = |(segment, speaker): (Segment, Option<usize>)| {
            let speaker = speaker.and_then(|i| self.speakers.get(i)).map(|speaker| speaker.label.clone());
            Segment { speaker, ..segment }
        };
        split.map(named).collect()
    }
}

/// Listens to the speech of one recording.
pub struct Speakers {
    encoder: Arc<SpeakerEncoder>,
    options: SpeakerOptions,
    voices: Voices,
}

impl Speakers {
    /// Nothing is heard yet.
    pub fn new(encoder: Arc<SpeakerEncoder>, options: SpeakerOptions) -> Self {
        Self { encoder, options, voices: Voices::default() }
    }

    /// Takes the next window of speech.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn listen(&mut self, window: &Window) -> Result<()> {
        self.voices.listen(&self.encoder, window)
    }

    /// Tells who spoke when, in all that was heard.
    pub fn who_spoke(&self) -> WhoSpoke {
        let voices = self.voices.embeddings();
        let labels = cluster::cluster(&voices, self.options.count);
        let n_clusters = labels.iter().max().map_or(0, |most| most + 1);
        let of_cluster = |i: usize| labels.iter().zip(&voices).filter(move |(label, _)| **label == i);
        let means: Vec<Embedding> = (0..n_clusters)
            .map(|i| cluster::mean_voice(of_cluster(i).map(|(_, voice)| voice)).unwrap_or([0.0; N_EMBEDDING]))
            .collect();
        let mut turns = turns::turns(self.voices.stretches(), &labels);
        let mut who = WhoSpoke::default();
        let known = known::recognise(&means, &self.options.known);
        // For each cluster its speaker: those with one name are one.
        let mut speaker_of = Vec::with_capacity(n_clusters);
        for (i, mean) in means.iter().enumerate() {
            let given = self.options.names.iter().find(|(number, _)| *number == i + 1).map(|(_, name)| name);
            let recognised = known[i].map(|known| &self.options.known[known].name);
            let name = given.or(recognised);
            let same = name.and_then(|name| who.speakers.iter().position(|speaker| speaker.label == *name));
            speaker_of.push(same.unwrap_or(who.speakers.len()));
            if same.is_none() {
                who.speakers.push(Speaker {
                    label: name.cloned().unwrap_or_else(|| (i + 1).to_string()),
                    is_named: name.is_some(),
                    is_recognised: given.is_none() && recognised.is_some(),
                    speech_s: 0.0,
                    voice: *mean,
                });
            }
        }
        for (j, speaker) in who.speakers.iter_mut().enumerate() {
            let mine = labels.iter().zip(&voices).filter(|(label, _)| speaker_of[**label] == j);
            speaker.voice = cluster::mean_voice(mine.map(|(_, voice)| voice)).unwrap_or(speaker.voice);
        }
        for turn in &mut turns {
            turn.speaker = speaker_of[turn.speaker];
            who.speakers[turn.speaker].speech_s += turn.end_s - turn.start_s;
        }
        who.turns = turns::joined(turns);
        let unused = self.options.names.iter().filter(|(number, _)| !(1..=n_clusters).contains(number));
        who.unused_names = unused.cloned().collect();
        who
    }
}
