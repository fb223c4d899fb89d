//! One window of speech → segments with their times in the recording.

use std::ops::Range;
use std::sync::Arc;

use super::context::Context;
use super::decoding::{Decoding, Transcript};
use super::rules::Rules;
use super::windows::Window;
use super::words::{TokenWord, is_punctuation, words as words_of};
use super::{Segment, SpeechModels, Word};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::features::mel::{HOP, SAMPLE_RATE_HZ};

/// Frames of 10 ms that the encoder takes at most; it was trained on exactly so many.
pub(super) const N_FRAMES: usize = 3000;
/// Frames of silence that show it where short speech ends. Less harms (2 s cost a word in a hundred,
/// half a second cost sentences); more takes longer and changes nothing.
pub(super) const SILENCE_AFTER: usize = 1000;
const FRAMES_PER_S: f64 = (SAMPLE_RATE_HZ / HOP) as f64;
/// Less sound than this (0.1 s) is not worth another look.
const MIN_FRAMES: usize = 10;
/// If more speech than this is left after the last part, the model has stopped too early.
const UNHEARD_S: f64 = 1.0;
/// No word goes on for longer than this after attention has left it, in seconds.
const MAX_REST_S: f64 = 0.5;
/// The next look begins at least this much later.
const LEAST_STEP_S: f64 = 1.0;

/// How a window is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HearOptions {
    /// Code of the language ("en"); none to let the model hear which it is.
    pub language: Option<String>,
    /// What was spoken before this window; kept where the model is not sure of another.
    pub language_before: Option<String>,
    /// Translate to English.
    pub translate: bool,
    /// Find the time of each word.
    pub words: bool,
    /// What is known before listening.
    pub context: Arc<Context>,
    /// Hypotheses that are followed at once.
    pub width: usize,
}

/// One decoding of a window from `seek_s` on.
struct Take<'a> {
    window: &'a Window,
    seek_s: f64,
    /// What comes later is heard on its own (seconds of the take).
    until_s: f64,
    transcript: &'a Transcript,
    language: &'a str,
    with_words: bool,
}

/// A part of a transcript between two times (seconds of the take).
struct Part {
    tokens: Range<usize>,
    start_s: f64,
    end_s: f64,
}

impl SpeechModels {
    /// What is said in a window. Cancelling stops early with what there is.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn hear(&self, window: &Window, options: &HearOptions, cancel: &Cancel) -> Result<Vec<Segment>> {
        let asked = self.language_token(options.language.as_deref());
        let mut before = self.language_token(options.language_before.as_deref());
        let n_content = (window.samples.len() / HOP).min(N_FRAMES);
        let mel = self.log_mel.compute(&window.samples, N_FRAMES);
        let silence = mel.values.iter().copied().fold(f32::INFINITY, f32::min);
        let (mut segments, mut seek) = (Vec::new(), 0);
        while seek + MIN_FRAMES <= n_content && !cancel.is_cancelled() {
            let n_frames = (n_content - seek + SILENCE_AFTER).next_multiple_of(2).min(N_FRAMES);
            let frames = mel.window(seek, n_frames, silence);
            let Some(embeddings) = self.whisper.encoder.forward(&frames, cancel)? else { break };
            let heard = self.whisper.decoder.hear(&embeddings)?;
            let content_s = (n_content - seek) as f64 / FRAMES_PER_S;
            let seek_s = seek as f64 / FRAMES_PER_S;
            let decoding = Decoding {
                whisper: &self.whisper,
                vocabulary: &self.vocabulary,
                alignment: &self.alignment,
                context: &options.context,
                content_s,
                voiced_s: &|start_s, end_s| window.voiced_s(seek_s + start_s, seek_s + end_s),
                width: options.width.max(1),
                again: true,
                seed: (window.start_in_recording_s(0.0) * 1000.0) as u64 + seek as u64,
                cancel,
            };
            let mut prompted = decoding.prompt(&heard, asked, before, options.translate);
            before = prompted.language;
            let rules = Rules::new(&self.vocabulary, &self.suppressed, &self.suppressed_first, content_s);
            let Some(transcript) = decoding.transcribe(&heard, &mut prompted, &rules) else { break };
            let (mut parts, unfinished) = self.parts(&transcript, content_s);
            let heard_s = parts.last().map_or(0.0, |part| part.end_s);
            // Speech after the last part is looked at again from there; a little is taken as it is.
            let unheard_s = window.voiced_s(seek_s + heard_s, seek_s + content_s);
            let again = heard_s >= LEAST_STEP_S && unheard_s > UNHEARD_S && !transcript.repeats;
            if !again {
                parts.extend(unfinished);
            }
            let take = Take {
                window,
                seek_s,
                until_s: if again { heard_s } else { content_s },
                transcript: &transcript,
                language: if options.translate { "en" } else { self.language_code(before) },
                with_words: options.words,
            };
            segments.extend(self.segments(&take, parts));
            if !again {
                break;
            }
            seek += (heard_s * FRAMES_PER_S) as usize;
        }
        Ok(segments)
    }

    pub(super) fn language_token(&self, code: Option<&str>) -> Option<u32> {
        let languages = self.vocabulary.languages();
        languages.iter().find(|(known, _)| Some(known.as_str()) == code).map(|(_, token)| *token)
    }

    pub(super) fn language_code(&self, token: Option<u32>) -> &str {
        let languages = self.vocabulary.languages();
        languages.iter().find(|(_, id)| Some(*id) == token).map_or("en", |(code, _)| code)
    }

    /// Splits a transcript at its times; apart, the text that has no time at its end.
    fn parts(&self, transcript: &Transcript, content_s: f64) -> (Vec<Part>, Option<Part>) {
        let tokens = &transcript.tokens;
        let mut parts = Vec::new();
        let (mut start, mut start_s) = (0, 0.0);
        for (i, &token) in tokens.iter().enumerate() {
            if !self.vocabulary.is_timestamp(token) {
                continue;
            }
            let at_s = self.vocabulary.seconds(token).min(content_s);
            if start < i {
                parts.push(Part { tokens: start..i, start_s, end_s: at_s });
            }
            (start, start_s) = (i + 1, at_s);
        }
        let unfinished = Part { tokens: start..tokens.len(), start_s, end_s: content_s };
        (parts, (start < tokens.len()).then_some(unfinished))
    }

    fn segments(&self, take: &Take, parts: Vec<Part>) -> Vec<Segment> {
        let transcript = take.transcript;
        // A part may go on to the next one, the last to the end of what was heard.
        let ends: Vec<f64> = parts.iter().skip(1).map(|part| part.start_s).chain([take.until_s]).collect();
        let segment = |(part, until_s): (Part, f64)| {
            let text = self.vocabulary.decode(&transcript.tokens[part.tokens.clone()]);
            let text = text.trim();
            if is_punctuation(text) {
                return None;
            }
            let voiced = take.window.voiced_part(take.seek_s + part.start_s, take.seek_s + part.end_s);
            let mut words = match take.with_words {
                true => self.words(take, part.tokens.clone(), voiced, take.seek_s + until_s),
                false => Vec::new(),
            };
            let (start_s, end_s) = match (words.first(), words.last()) {
                (Some(first), Some(last)) => (first.start_s, last.end_s),
                _ => voiced,
            };
            for word in &mut words {
                (word.start_s, word.end_s) = in_recording(take.window, word.start_s, word.end_s);
            }
            let (start_s, end_s) = in_recording(take.window, start_s, end_s);
            Some(Segment {
                start_s,
                end_s,
                text: text.to_owned(),
                language: take.language.to_owned(),
                speaker: None,
                confidence: mean_probability(transcript.logprobs[part.tokens].iter().copied()),
                words,
            })
        };
        let mut segments: Vec<Segment> = parts.into_iter().zip(ends).filter_map(segment).collect();
        if transcript.repeats {
            segments.dedup_by(|next, before| next.text == before.text);
        }
        segments
    }

    /// Words with their times in the window, in order and inside `voiced`; the last one may go on until `until_s`.
    fn words(&self, take: &Take, tokens: Range<usize>, voiced: (f64, f64), until_s: f64) -> Vec<Word> {
        let transcript = take.transcript;
        let ids: Vec<(usize, u32)> = tokens.map(|i| (i, transcript.tokens[i])).collect();
        let mut earliest = voiced.0;
        let timed = |word: TokenWord| {
            // The pause after a word goes to its punctuation.
            let is_spoken = |&i: &usize| {
                !is_punctuation(&String::from_utf8_lossy(self.vocabulary.bytes(transcript.tokens[i])))
            };
            let spoken: Vec<usize> = word.tokens.clone().filter(is_spoken).collect();
            let last = spoken.last().copied().unwrap_or(word.tokens.end - 1);
            let time = |i: usize| {
                transcript.times.get(i).map_or(voiced.1, |t| t + take.seek_s - self.attention_lag_s)
            };
            let start_s = time(word.tokens.start).clamp(earliest, voiced.1.max(earliest));
            let end_s = time(last + 1).clamp(start_s, voiced.1.max(start_s));
            earliest = end_s;
            let confidence = mean_probability(spoken.iter().map(|&i| transcript.logprobs[i]));
            Word { start_s, end_s, text: word.text.trim().to_owned(), confidence }
        };
        let mut words: Vec<Word> =
            words_of(&self.vocabulary, take.language, &ids).into_iter().map(timed).collect();
        // Attention leaves a word before a pause too early: it ends where the voice does.
        let mut next_s = until_s;
        for word in words.iter_mut().rev() {
            let most_s = next_s.min(word.end_s + MAX_REST_S).max(word.end_s);
            word.end_s = take.window.voice_ends_s(word.end_s, most_s);
            next_s = word.start_s;
        }
        words
    }
}

/// Times of the window as times of the recording, never backwards.
fn in_recording(window: &Window, start_s: f64, end_s: f64) -> (f64, f64) {
    let start = window.start_in_recording_s(start_s);
    (start, window.end_in_recording_s(end_s).max(start))
}

/// The geometric mean; 1 of nothing.
fn mean_probability(logprobs: impl ExactSizeIterator<Item = f32>) -> f32 {
    let n = logprobs.len().max(1) as f32;
    (logprobs.sum::<f32>() / n).exp()
}
