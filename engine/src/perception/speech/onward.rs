//! Speech that may go on: what is known of it is given to the decoder, which continues it.
//!
//! What was taken as said stands first in every later transcript of the same sound, so it can never change.

use super::decoding::Decoding;
use super::hear::{N_FRAMES, SILENCE_AFTER};
use super::rules::Rules;
use super::windows::Window;
use super::words::{TokenWord, words as words_of};
use super::{HearOptions, SpeechModels};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::features::mel::{HOP, SAMPLE_RATE_HZ};

/// Frames of silence behind speech that is not settled: a hearing takes two thirds of the time.
const LESS_SILENCE: usize = 400;
/// Less sound than this (0.2 s) has no word in it.
const MIN_FRAMES: usize = 20;
/// Less likely text (mean log-probability of a token) is guessed, and not shown.
const MIN_LOGPROB: f32 = -1.0;

/// A word, or the end of one, as the decoder wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpokenWord {
    /// With the space before it.
    pub text: String,
    /// Seconds of the window.
    pub start_s: f64,
    /// Seconds of the window.
    pub end_s: f64,
    /// Probability, 0 to 1.
    pub confidence: f32,
    /// A sentence or a part of one begins here.
    pub begins_part: bool,
    /// Tokens of the transcript up to its end.
    pub tokens_end: usize,
    /// Its own tokens.
    pub tokens: Vec<u32>,
}

/// What was heard of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Hearing {
    /// The whole transcript, with what was given.
    pub tokens: Vec<u32>,
    /// The words of what was given.
    pub known: Vec<SpokenWord>,
    /// The words after it.
    pub new: Vec<SpokenWord>,
    /// Code of the language.
    pub language: String,
    /// Where the last part with an end ends, in seconds of the window.
    pub heard_s: f64,
    /// It repeats itself, or is guessed.
    pub is_doubtful: bool,
}

impl SpeechModels {
    /// What is said in a window whose transcript begins with the tokens `said`; with `again`, what goes wrong is decoded
    /// at rising temperatures. `None` when nothing is said, or it was cancelled.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn hear_on(
        &self,
        window: &Window,
        said: &[u32],
        options: &HearOptions,
        again: bool,
        cancel: &Cancel,
    ) -> Result<Option<Hearing>> {
        let n_content = (window.samples.len() / HOP).min(N_FRAMES);
        if n_content < MIN_FRAMES {
            return Ok(None);
        }
        let silence = if again { SILENCE_AFTER } else { LESS_SILENCE };
        let n_frames = (n_content + silence).next_multiple_of(2).min(N_FRAMES);
        let frames = self.log_mel.compute(&window.samples, n_frames);
        let Some(embeddings) = self.whisper.encoder.forward(&frames, cancel)? else { return Ok(None) };
        let heard = self.whisper.decoder.hear(&embeddings)?;
        let content_s = n_content as f64 * HOP as f64 / SAMPLE_RATE_HZ as f64;
        let decoding = Decoding {
            whisper: &self.whisper,
            vocabulary: &self.vocabulary,
            alignment: &self.alignment,
            context: &options.context,
            content_s,
            voiced_s: &|start_s, end_s| window.voiced_s(start_s, end_s),
            width: options.width.max(1),
            again,
            seed: (window.start_in_recording_s(0.0) * 1000.0) as u64,
            cancel,
        };
        let asked = self.language_token(options.language.as_deref());
        let before = self.language_token(options.language_before.as_deref());
        let mut prompted = decoding.prompt(&heard, asked, before, options.translate);
        decoding.go_on_from(&heard, &mut prompted, said);
        let rules = Rules::new(&self.vocabulary, &self.suppressed, &self.suppressed_first, content_s);
        let Some(transcript) = decoding.transcribe(&heard, &mut prompted, &rules) else { return Ok(None) };
        let language = match options.translate {
            true => "en",
            false => self.language_code(prompted.language),
        };
        let mut spoken =
            Spoken { models: self, window, times: &transcript.times, content_s, earliest_s: 0.0 };
        let tokens = transcript.tokens;
        let known = spoken.words(language, &tokens, 0..said.len(), &transcript.logprobs);
        let new = spoken.words(language, &tokens, said.len()..tokens.len(), &transcript.logprobs);
        let last_time = tokens.iter().rfind(|&&token| self.vocabulary.is_timestamp(token));
        let ends = tokens.last().is_some_and(|&token| self.vocabulary.is_timestamp(token));
        let heard_s = match last_time {
            Some(&token) if ends => self.vocabulary.seconds(token).min(content_s),
            _ => content_s,
        };
        let is_doubtful = transcript.repeats || transcript.mean_logprob < MIN_LOGPROB;
        let language = language.to_owned();
        Ok(Some(Hearing { tokens, known, new, language, heard_s, is_doubtful }))
    }

    /// The tokens of a transcript that begins with these words.
    pub fn tokens_of(&self, words: &[SpokenWord]) -> Vec<u32> {
        let begin = (!words.is_empty()).then_some(self.vocabulary.first_timestamp);
        begin.into_iter().chain(words.iter().flat_map(|word| word.tokens.iter().copied())).collect()
    }
}

/// Words with their times, in order.
struct Spoken<'a> {
    models: &'a SpeechModels,
    window: &'a Window,
    times: &'a [f64],
    content_s: f64,
    earliest_s: f64,
}

impl Spoken<'_> {
    fn words(
        &mut self,
        language: &str,
        tokens: &[u32],
        range: std::ops::Range<usize>,
        logprobs: &[f32],
    ) -> Vec<SpokenWord> {
        let vocabulary = &self.models.vocabulary;
        let mut words = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let is_time = |i: usize| vocabulary.is_timestamp(tokens[i]);
            let end = (at..range.end).find(|&i| is_time(i)).unwrap_or(range.end);
            let ids: Vec<(usize, u32)> = (at..end).map(|i| (i, tokens[i])).collect();
            let begins = at == 0 || is_time(at - 1);
            for (i, word) in words_of(vocabulary, language, &ids).into_iter().enumerate() {
                words.push(self.word(word, begins && i == 0, tokens, logprobs));
            }
            at = end + 1;
        }
        words
    }

    fn word(&mut self, word: TokenWord, begins_part: bool, tokens: &[u32], logprobs: &[f32]) -> SpokenWord {
        let range = word.tokens.clone();
        let lag_s = self.models.attention_lag_s;
        let time = |i: usize| self.times.get(i).map_or(self.content_s, |t| (t - lag_s).max(0.0));
        let (start_s, end_s) = self.window.voiced_part(time(range.start), time(range.end));
        let start_s = start_s.clamp(self.earliest_s, self.content_s.max(self.earliest_s));
        let end_s = end_s.clamp(start_s, self.content_s.max(start_s));
        self.earliest_s = end_s;
        let of_word = &logprobs[range.clone()];
        SpokenWord {
            text: word.text,
            start_s,
            end_s,
            confidence: (of_word.iter().sum::<f32>() / of_word.len().max(1) as f32).exp(),
            begins_part,
            tokens_end: range.end,
            tokens: tokens[range].to_vec(),
        }
    }
}
