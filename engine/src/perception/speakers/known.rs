//! Voices that are remembered across recordings, because somebody asked for it.

use serde::{Deserialize, Serialize};

use super::ge2e::{Embedding, N_EMBEDDING, of_length_one, similarity};

/// A voice is taken for a remembered one when it is at least this alike. The same people in two dialogues were 0.93 or
/// more alike in 19 of 20 pairs, others 0.82 at most.
const RECOGNISED: f32 = 0.86;
/// What was heard before counts for at most so long (10 minutes), so that a voice may change over the years.
const MOST_S: f64 = 600.0;

/// A remembered voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownVoice {
    /// What the person is called.
    pub name: String,
    /// Seconds of speech that it was made from.
    pub speech_s: f64,
    /// The direction, 256 numbers.
    voice: Vec<f32>,
}

impl KnownVoice {
    /// A voice that is heard for the first time.
    pub fn new(name: &str, voice: &Embedding, speech_s: f64) -> Self {
        Self { name: name.to_owned(), speech_s, voice: voice.to_vec() }
    }

    /// None where a file held something else.
    pub(super) fn embedding(&self) -> Option<Embedding> {
        let voice: Embedding = self.voice.as_slice().try_into().ok()?;
        voice.iter().all(|x| x.is_finite()).then(|| of_length_one(voice))
    }

    /// Learns from another recording of the same person.
    pub fn learn(&mut self, other: &Self) {
        let weights = [self.speech_s.clamp(0.0, MOST_S) as f32, other.speech_s as f32];
        let [Some(old), Some(new)] = [self.embedding(), other.embedding()] else { return };
        let mut sum = [0.0; N_EMBEDDING];
        for (sum, (old, new)) in sum.iter_mut().zip(old.iter().zip(&new)) {
            *sum = old * weights[0] + new * weights[1];
        }
        self.voice = of_length_one(sum).to_vec();
        self.speech_s += other.speech_s;
    }
}

/// For each voice which of the known ones it is: the most alike first, nobody twice.
pub fn recognise(voices: &[Embedding], known: &[KnownVoice]) -> Vec<Option<usize>> {
    let known: Vec<Option<Embedding>> = known.iter().map(KnownVoice::embedding).collect();
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (i, voice) in voices.iter().enumerate() {
        for (j, known) in known.iter().enumerate() {
            let alike = known.as_ref().map_or(0.0, |known| similarity(voice, known));
            if alike >= RECOGNISED {
                pairs.push((alike, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut found = vec![None; voices.len()];
    for (_, i, j) in pairs {
        if found[i].is_none() && !found.contains(&Some(j)) {
            found[i] = Some(j);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corner(i: usize, lean: f32) -> Embedding {
        let mut voice = [0.0; N_EMBEDDING];
        voice[i] = 1.0;
        voice[i + 1] = lean;
        of_length_one(voice)
    }

    #[test]
    fn the_most_alike_is_recognised_and_nobody_twice() {
        let known =
            [KnownVoice::new("Anna", &corner(0, 0.0), 10.0), KnownVoice::new("Ben", &corner(9, 0.0), 10.0)];
        let voices = [corner(0, 0.5), corner(0, 0.1), corner(20, 0.0), corner(9, 0.2)];
        assert_eq!(recognise(&voices, &known), [None, Some(0), None, Some(1)]);
        assert_eq!(recognise(&[], &known), []);
    }

    #[test]
    fn a_voice_learns_in_proportion_to_what_was_heard() {
        let mut anna = KnownVoice::new("Anna", &corner(0, 0.0), 30.0);
        anna.learn(&KnownVoice::new("Anna", &corner(0, 1.0), 10.0));
        let (a, b) = (anna.embedding().unwrap()[0], anna.embedding().unwrap()[1]);
        assert!(b > 0.1 && a > 3.0 * b, "{a} {b}");
        assert!((anna.speech_s - 40.0).abs() < 1e-9);
    }

    #[test]
    fn a_damaged_voice_is_nobodys() {
        let mut damaged = KnownVoice::new("Anna", &corner(0, 0.0), 1.0);
        damaged.voice.pop();
        assert_eq!(recognise(&[corner(0, 0.0)], &[damaged]), [None]);
    }
}
