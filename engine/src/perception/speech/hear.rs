//! One window of speech → segments with their times in the recording.

use super::decoding::{Decoding, Transcript};
use super::rules::Rules;
use super::vocabulary::TIMESTAMP_S;
use super::windows::Window;
use super::words::{TokenWord, is_punctuation, token_times, words as words_of};
use super::{Segment, SpeechModels, Word};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::features::mel::{HOP, SAMPLE_RATE_HZ};

/// Frames of 10 ms that the encoder takes.
const N_FRAMES: usize = 3000;
const FRAMES_PER_S: f64 = (SAMPLE_RATE_HZ / HOP) as f64;
/// Less sound than this (0.1 s) is not worth another look.
const MIN_FRAMES: usize = 10;
/// If more speech than this is left after the last time, the model has stopped too early.
const UNHEARD_S: f64 = 1.0;

/// How a window is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HearOptions {
    /// Code of the language ("en"); none to let the model hear which it is.
    pub language: Option<String>,
    /// Translate to English.
    pub translate: bool,
    /// Find the time of each word.
    pub words: bool,
    /// Hypotheses that are followed at once.
    pub width: usize,
}

/// A part of a transcript between two times.
struct Part {
    tokens: std::ops::Range<usize>,
    start_s: f64,
    end_s: f64,
}

impl SpeechModels {
    /// What is said in a window. Cancelling stops early with what there is.
    ///
    /// # Errors
    /// When the language is not known, or arithmetic fails.
    pub fn hear(&self, window: &Window, options: &HearOptions, cancel: &Cancel) -> Result<Vec<Segment>> {
        let mut language = self.language_token(options)?;
        let n_content = (window.samples.len() / HOP).min(N_FRAMES);
        let mel = self.log_mel.compute(&window.samples, N_FRAMES);
        let silence = mel.values.iter().copied().fold(f32::INFINITY, f32::min);
        let (mut segments, mut seek) = (Vec::new(), 0);
        while seek + MIN_FRAMES <= n_content && !cancel.is_cancelled() {
            let Some(embeddings) =
                self.whisper.encoder.forward(&mel.window(seek, N_FRAMES, silence), cancel)?
            else {
                break;
            };
            let heard = self.whisper.decoder.hear(&embeddings)?;
            let content_s = (n_content - seek) as f64 / FRAMES_PER_S;
            let seek_s = seek as f64 / FRAMES_PER_S;
            let decoding = Decoding {
                whisper: &self.whisper,
                vocabulary: &self.vocabulary,
                alignment: if options.words { &self.alignment } else { &[] },
                width: options.width.max(1),
                seed: (window.start_in_recording_s(0.0) * 1000.0) as u64 + seek as u64,
                cancel,
            };
            let mut prompted = decoding.prompt(&heard, language, options.translate);
            language = prompted.language;
            let rules = Rules::new(&self.vocabulary, &self.suppressed, &self.suppressed_first, content_s);
            let Some(transcript) = decoding.transcribe(&heard, &mut prompted, &rules) else { break };
            let (parts, heard_s) = self.parts(&transcript, content_s);
            let code = match options.translate {
                true => "en",
                false => self.language_code(language),
            };
            segments.extend(self.segments(
                window,
                seek_s,
                content_s,
                &transcript,
                &parts,
                code,
                options.words,
            ));
            let end_s = seek_s + heard_s;
            if heard_s >= 1.0 && window.voiced_s(end_s, seek_s + content_s) > UNHEARD_S {
                seek += (heard_s * FRAMES_PER_S) as usize;
            } else {
                break;
            }
        }
        Ok(segments)
    }

    fn language_token(&self, options: &HearOptions) -> Result<Option<u32>> {
        let Some(code) = &options.language else { return Ok(None) };
        let languages = self.vocabulary.languages();
        if let Some((_, token)) = languages.iter().find(|(known, _)| known == code) {
            return Ok(Some(*token));
        }
        if languages.is_empty() && code == "en" {
            return Ok(None);
        }
        let known = match languages.is_empty() {
            true => "this model knows English only; whisper-base knows 99 languages".to_owned(),
            false => {
                let codes: Vec<&str> = languages.iter().map(|(known, _)| known.as_str()).collect();
                format!("this model knows {}", codes.join(", "))
            }
        };
        Err(Error::Request { reason: format!("there is no language {code:?} to transcribe: {known}") })
    }

    fn language_code(&self, token: Option<u32>) -> &str {
        let languages = self.vocabulary.languages();
        languages.iter().find(|(_, id)| Some(*id) == token).map_or("en", |(code, _)| code)
    }

    /// Splits a transcript at its times, and says up to where it was complete.
    fn parts(&self, transcript: &Transcript, content_s: f64) -> (Vec<Part>, f64) {
        let tokens = &transcript.tokens;
        let time = |i: usize| {
            tokens
                .get(i)
                .filter(|&&id| self.vocabulary.is_timestamp(id))
                .map(|&id| self.vocabulary.seconds(id))
        };
        let mut parts = Vec::new();
        let (mut start, mut start_s) = (0, 0.0);
        for i in 0..tokens.len() {
            let Some(at_s) = time(i) else { continue };
            let at_s = at_s.min(content_s);
            if start < i {
                parts.push(Part { tokens: start..i, start_s, end_s: at_s });
            }
            (start, start_s) = (i + 1, at_s);
        }
        // Text without a time at its end goes on past what was decoded: it is looked at again from
        // its beginning, unless it is all there is.
        if start < tokens.len() && (parts.is_empty() || transcript.repeats) {
            parts.push(Part { tokens: start..tokens.len(), start_s, end_s: content_s });
            start_s = content_s;
        }
        (parts, start_s)
    }

    #[allow(clippy::too_many_arguments)]
    fn segments(
        &self,
        window: &Window,
        seek_s: f64,
        content_s: f64,
        transcript: &Transcript,
        parts: &[Part],
        language: &str,
        with_words: bool,
    ) -> Vec<Segment> {
        let n_content = (content_s / TIMESTAMP_S) as usize;
        let times = match with_words {
            true => token_times(&transcript.attention, self.alignment.len(), n_content),
            false => Vec::new(),
        };
        let mut segments = Vec::new();
        for part in parts {
            let text = self.vocabulary.decode(&transcript.tokens[part.tokens.clone()]);
            let text = text.trim();
            if is_punctuation(text) {
                continue;
            }
            let logprobs = &transcript.logprobs[part.tokens.clone()];
            let confidence = (logprobs.iter().sum::<f32>() / logprobs.len().max(1) as f32).exp();
            let (mut start_s, mut end_s) = window.voiced_part(seek_s + part.start_s, seek_s + part.end_s);
            let mut words = Vec::new();
            if with_words {
                let tokens: Vec<(usize, u32)> =
                    part.tokens.clone().map(|i| (i, transcript.tokens[i])).collect();
                let timed = words_of(&self.vocabulary, language, &tokens);
                words = self.timed_words(&timed, transcript, &times, seek_s, (start_s, end_s));
                if let (Some(first), Some(last)) = (words.first(), words.last()) {
                    (start_s, end_s) = (first.start_s, last.end_s);
                }
            }
            for word in &mut words {
                let (start, end) = (word.start_s, word.end_s);
                word.start_s = window.start_in_recording_s(start);
                word.end_s = window.end_in_recording_s(end).max(word.start_s);
            }
            let start = window.start_in_recording_s(start_s);
            segments.push(Segment {
                start_s: start,
                end_s: window.end_in_recording_s(end_s).max(start),
                text: text.to_owned(),
                language: language.to_owned(),
                speaker: None,
                confidence,
                words,
            });
        }
        segments
    }

    /// Words with their times in the window, in order and inside `voiced`.
    fn timed_words(
        &self,
        words: &[TokenWord],
        transcript: &Transcript,
        times: &[f64],
        seek_s: f64,
        voiced: (f64, f64),
    ) -> Vec<Word> {
        let mut timed: Vec<Word> = Vec::with_capacity(words.len());
        let mut earliest = voiced.0;
        for word in words {
            // The pause after a word goes to its punctuation.
            let spoken = word.tokens.clone().filter(|&i| {
                !is_punctuation(&String::from_utf8_lossy(self.vocabulary.bytes(transcript.tokens[i])))
            });
            let last = spoken.clone().last().unwrap_or(word.tokens.end - 1);
            let time = |i: usize| times.get(i).map_or(voiced.1, |t| t + seek_s);
            let start_s = time(word.tokens.start).clamp(earliest, voiced.1.max(earliest));
            let end_s = time(last + 1).clamp(start_s, voiced.1.max(start_s));
            let logprobs: Vec<f32> = spoken.map(|i| transcript.logprobs[i]).collect();
            let mean = logprobs.iter().sum::<f32>() / logprobs.len().max(1) as f32;
            timed.push(Word {
                start_s,
                end_s,
                text: word.text.trim().to_owned(),
                confidence: if logprobs.is_empty() { 1.0 } else { mean.exp() },
            });
            earliest = end_s;
        }
        timed
    }
}
