//! What was heard → tokens: beam search, and sampling when that went wrong.
//!
//! Small checkpoints fall into loops or lose the thread. Both show (the text compresses too well,
//! or the model itself finds it unlikely), and then the same sound is decoded again at rising
//! temperatures, as the paper does (section 4.5). Nothing is carried from one window to the next,
//! so that a mistake stays where it was made.

use half::slice::HalfFloatSliceExt;

use super::context::{Along, Context};
use super::loops::{is_loop, repeats_itself, without_loop};
use super::rules::{Rules, log_softmax};
use super::vocabulary::{TIMESTAMP_S, Vocabulary};
use super::whisper::{Heard, Tape, Whisper};
use super::words::token_times;
use crate::cancel::Cancel;

/// Tried in turn until the result is good.
const TEMPERATURES: [f32; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
/// Less likely text (mean log-probability of a token) is guessed.
const MIN_LOGPROB: f32 = -1.0;
/// Above this probability of no speech, text that is guessed is dropped.
const MAX_NO_SPEECH: f32 = 0.6;
/// A token that takes more voice than this, in seconds, stands in for speech that was left out.
const MAX_TOKEN_S: f64 = 2.0;
/// So often what leaves speech out is decoded; some voices say nothing for long.
const MAX_LEFT_OUT: usize = 3;
/// A language is heard when it has this share of the probability of all.
const SURE_OF_LANGUAGE: f32 = 0.6;
/// Less likely tokens (log-probability) are not written because a word was expected.
const LEAST_EXPECTED: f32 = -10.0;

/// What to decode with.
pub struct Decoding<'a> {
    /// The model.
    pub whisper: &'a Whisper,
    /// Its tokens.
    pub vocabulary: &'a Vocabulary,
    /// Pairs (layer, head) of the decoder that follow the sound.
    pub alignment: &'a [(usize, usize)],
    /// What is known before listening.
    pub context: &'a Context,
    /// Seconds of sound; the rest of what was heard is silence.
    pub content_s: f64,
    /// Seconds of voice between two times of the sound.
    pub voiced_s: &'a dyn Fn(f64, f64) -> f64,
    /// Hypotheses that are followed at once.
    pub width: usize,
    /// For sampling.
    pub seed: u64,
    /// Whether to decode again at rising temperatures what went wrong.
    pub again: bool,
    /// Checked for each token.
    pub cancel: &'a Cancel,
}

/// One transcript of a window.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// Text and times, without prompt and end.
    pub tokens: Vec<u32>,
    /// The log-probability of each token.
    pub logprobs: Vec<f32>,
    /// Where the alignment heads looked for each token (`[n_heads, n_positions]`), and last for the end.
    attention: Vec<Vec<f32>>,
    /// Seconds of the sound at which each token begins, and last the end.
    pub times: Vec<f64>,
    /// Mean log-probability of a token, the end included.
    pub mean_logprob: f32,
    /// It still repeats itself; nothing better was found.
    pub repeats: bool,
}

/// A transcript that is being written.
#[derive(Clone)]
struct Hypothesis {
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    sum: f32,
    /// Which expected word it is writing.
    along: Along,
    /// Rows of the prompt and of `tokens` but the last.
    path: Vec<usize>,
    n_prompt: usize,
    /// Tokens that were given, not chosen.
    n_said: usize,
}

impl Hypothesis {
    fn extended(&self, token: u32, logprob: f32, along: Along) -> Self {
        let mut next = self.clone();
        next.tokens.push(token);
        next.logprobs.push(logprob);
        next.sum += logprob;
        next.along = along;
        next
    }

    fn mean(&self) -> f32 {
        self.sum / (self.tokens.len() - self.n_said + 1) as f32
    }

    /// The mean with what expected words add.
    fn score(&self) -> f32 {
        (self.sum + self.along.bonus()) / (self.tokens.len() + 1) as f32
    }

    fn finish(self, tape: &Tape) -> Transcript {
        let mean_logprob = self.mean();
        let rows = self.path[self.n_prompt - 1..].iter();
        Transcript {
            attention: rows.map(|&row| tape.attention(row).to_f32_vec()).collect(),
            tokens: self.tokens,
            logprobs: self.logprobs,
            times: Vec::new(),
            mean_logprob,
            repeats: false,
        }
    }
}

/// The state after the prompt.
pub struct Prompted {
    /// Rows of everything decoded since.
    pub tape: Tape,
    path: Vec<usize>,
    logits: Vec<f32>,
    /// What the transcript begins with.
    said: Vec<u32>,
    /// The probability that nothing is said.
    pub no_speech: f32,
    /// The token of the language that was asked for or heard; none for English-only checkpoints.
    pub language: Option<u32>,
}

impl Decoding<'_> {
    /// Feeds the prompt. The language is the one `asked` for; else the one that is heard, unless the
    /// model is not sure and one was spoken `before`. All are tokens.
    pub fn prompt(
        &self,
        heard: &Heard,
        asked: Option<u32>,
        before: Option<u32>,
        translate: bool,
    ) -> Prompted {
        let vocabulary = self.vocabulary;
        let decoder = &self.whisper.decoder;
        let (mut tape, mut paths) = (Tape::default(), [Vec::new()]);
        let mut language = asked;
        let text_before = &self.context.before;
        if !text_before.is_empty() && language.is_none() {
            // The language is that of the sound, not that of the text before.
            let (mut tape, mut paths) = (Tape::default(), [Vec::new()]);
            let mut first = decoder.step(heard, &mut tape, &mut paths, &[vocabulary.start], &[]);
            log_softmax(&mut first);
            language = self.language(&first, before);
        }
        decoder.read(heard, &mut tape, &mut paths[0], text_before, self.alignment);
        let mut step = |token: u32| decoder.step(heard, &mut tape, &mut paths, &[token], self.alignment);
        let mut logits = step(vocabulary.start);
        let mut first = logits.clone();
        log_softmax(&mut first);
        let no_speech = first[vocabulary.no_speech as usize].exp();
        let language = language.or_else(|| self.language(&first, before));
        if let Some(language) = language {
            step(language);
            logits = step(if translate { vocabulary.translate } else { vocabulary.transcribe });
        }
        let [path] = paths;
        Prompted { tape, path, logits, said: Vec::new(), no_speech, language }
    }

    /// Begins the transcript with what is known of it.
    pub fn go_on_from(&self, heard: &Heard, prompted: &mut Prompted, said: &[u32]) {
        if said.is_empty() {
            return;
        }
        let decoder = &self.whisper.decoder;
        let x = decoder.read(heard, &mut prompted.tape, &mut prompted.path, said, self.alignment);
        prompted.logits = decoder.logits(&x);
        prompted.said.extend_from_slice(said);
    }

    /// The likeliest language by the log-probabilities of the first step; the one `before` where none is sure.
    fn language(&self, first: &[f32], before: Option<u32>) -> Option<u32> {
        let mut known: Vec<u32> = self.vocabulary.languages().iter().map(|(_, token)| *token).collect();
        known.sort_by(|&a, &b| first[b as usize].total_cmp(&first[a as usize]));
        let likeliest = known.first().copied()?;
        let all: f32 = known.iter().map(|&token| first[token as usize].exp()).sum();
        let is_sure = first[likeliest as usize].exp() >= SURE_OF_LANGUAGE * all;
        before.filter(|_| !is_sure).or(Some(likeliest))
    }

    /// The best transcript that can be had, or none when there is no speech or it was cancelled.
    pub fn transcribe(&self, heard: &Heard, prompted: &mut Prompted, rules: &Rules) -> Option<Transcript> {
        let n_rows = prompted.tape.n_rows();
        let mut best: Option<Transcript> = None;
        let n_attempts = if self.again { TEMPERATURES.len() } else { 1 };
        for (attempt, temperature) in TEMPERATURES.into_iter().take(n_attempts).enumerate() {
            prompted.tape.truncate(n_rows);
            let seed = self.seed.wrapping_mul(TEMPERATURES.len() as u64).wrapping_add(attempt as u64);
            let found = if temperature == 0.0 {
                self.beam_search(heard, prompted, rules)?
            } else {
                self.sample(heard, prompted, rules, temperature, seed)?
            };
            let mut found = found.into_iter().map(|hypothesis| hypothesis.finish(&prompted.tape));
            let mut transcript = found.next()?;
            let unlikely = transcript.mean_logprob < MIN_LOGPROB;
            if prompted.no_speech > MAX_NO_SPEECH && unlikely {
                return None;
            }
            let repeats = self.repeats(&transcript);
            if !unlikely && !repeats {
                transcript.times = self.times(&transcript);
                if !self.again || !self.leaves_out(&transcript) {
                    return Some(transcript);
                }
                // What leaves something out is often likelier than what does not.
                let whole = found.find_map(|mut other| {
                    other.times = self.times(&other);
                    let is_good = other.mean_logprob >= MIN_LOGPROB && !self.repeats(&other);
                    (is_good && !self.leaves_out(&other)).then_some(other)
                });
                if whole.is_some() {
                    return whole;
                }
            }
            log::debug!(
                "decoding again: at temperature {temperature} {:.2} {:?}",
                transcript.mean_logprob,
                self.vocabulary.decode(&transcript.tokens)
            );
            if best
                .as_ref()
                .is_none_or(|b| (!repeats, transcript.mean_logprob) > (!b.repeats, b.mean_logprob))
            {
                best = Some(Transcript { repeats, ..transcript });
            }
            // Only speech that may be missing is not worth every attempt.
            let is_likely = |b: &Transcript| !b.repeats && b.mean_logprob >= MIN_LOGPROB;
            if attempt + 1 >= MAX_LEFT_OUT && best.as_ref().is_some_and(is_likely) {
                break;
            }
        }
        let mut best = best?;
        if best.repeats {
            let kept = without_loop(&best.tokens).max(prompted.said.len());
            best.tokens.truncate(kept);
            best.logprobs.truncate(kept);
            best.attention.truncate(kept);
        }
        best.times = self.times(&best);
        Some(best)
    }

    fn repeats(&self, transcript: &Transcript) -> bool {
        let text = self.vocabulary.decode(&transcript.tokens);
        repeats_itself(&text) || is_loop(&transcript.tokens)
    }

    /// When each token begins, and last the end, in seconds of the sound.
    fn times(&self, transcript: &Transcript) -> Vec<f64> {
        let n_content = (self.content_s / TIMESTAMP_S) as usize;
        token_times(&transcript.attention, self.alignment.len(), n_content)
    }

    /// Whether a token takes so long that something said is missing there. What comes after the last part is heard on
    /// its own.
    fn leaves_out(&self, transcript: &Transcript) -> bool {
        let last = transcript.tokens.last().copied();
        let end_s = match last.filter(|&token| self.vocabulary.is_timestamp(token)) {
            Some(token) => self.vocabulary.seconds(token),
            None => self.content_s,
        };
        let pairs = transcript.times.windows(2).map(|pair| (pair[0], pair[1].min(end_s)));
        longest_voice_s(pairs, self.voiced_s) > MAX_TOKEN_S
    }

    fn begin(&self, prompted: &Prompted) -> Hypothesis {
        let n_said = prompted.said.len();
        Hypothesis {
            tokens: prompted.said.clone(),
            logprobs: vec![0.0; n_said],
            sum: 0.0,
            along: Along::default(),
            path: prompted.path.clone(),
            n_prompt: prompted.path.len() - n_said,
            n_said,
        }
    }

    fn step(&self, heard: &Heard, tape: &mut Tape, hypotheses: &mut [Hypothesis]) -> Vec<f32> {
        let tokens: Vec<u32> = hypotheses.iter().filter_map(|h| h.tokens.last().copied()).collect();
        let mut paths: Vec<Vec<usize>> = hypotheses.iter_mut().map(|h| std::mem::take(&mut h.path)).collect();
        let logits = self.whisper.decoder.step(heard, tape, &mut paths, &tokens, self.alignment);
        for (hypothesis, path) in hypotheses.iter_mut().zip(paths) {
            hypothesis.path = path;
        }
        logits
    }

    /// Tokens that still fit after the prompt.
    fn max_tokens(&self, prompted: &Prompted) -> usize {
        let n = self.whisper.config.n_text_positions;
        (n / 2).min(n.saturating_sub(prompted.path.len()))
    }

    /// What was found, the best first; at least one. `None` when it was cancelled.
    fn beam_search(&self, heard: &Heard, prompted: &mut Prompted, rules: &Rules) -> Option<Vec<Hypothesis>> {
        let n_vocab = self.whisper.config.n_vocab;
        let mut live = vec![self.begin(prompted)];
        let mut logits = prompted.logits.clone();
        let mut finished: Vec<Hypothesis> = Vec::new();
        for _ in 0..self.max_tokens(prompted) {
            if self.cancel.is_cancelled() {
                return None;
            }
            let mut candidates = Vec::new();
            for (i, (hypothesis, logits)) in live.iter().zip(logits.chunks_mut(n_vocab)).enumerate() {
                rules.apply(&hypothesis.tokens, logits);
                for (token, logprob) in self.candidates(hypothesis, logits) {
                    let along = self.along(hypothesis, token);
                    candidates.push((hypothesis.sum + logprob + along.bonus(), i, token, logprob, along));
                }
            }
            candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
            let best_ends = candidates.first().is_none_or(|c| c.2 == self.vocabulary.end);
            let mut next = Vec::with_capacity(self.width);
            for (_, i, token, logprob, along) in candidates {
                if token == self.vocabulary.end {
                    let mut ended = live[i].clone();
                    (ended.sum, ended.along) = (ended.sum + logprob, along);
                    finished.push(ended);
                } else {
                    next.push(live[i].extended(token, logprob, along));
                }
                if next.len() == self.width {
                    break;
                }
            }
            live = next;
            let lost = live.first().is_none_or(|h| is_loop(&h.tokens));
            if best_ends || lost || finished.len() >= self.width {
                break;
            }
            logits = self.step(heard, &mut prompted.tape, &mut live);
        }
        if finished.is_empty() {
            // It never ended: the last token of each was not fed, so its row stands in for the end's.
            finished = live;
        }
        Some(best_first(finished))
    }

    /// The likeliest tokens, and those of expected words that are not among them.
    fn candidates(&self, hypothesis: &Hypothesis, logprobs: &[f32]) -> Vec<(u32, f32)> {
        let mut tokens = likeliest(logprobs, self.width + 1);
        if self.width > 1 {
            let n = tokens.len();
            for token in self.context.expected.next(hypothesis.along) {
                let logprob = logprobs[token as usize];
                if logprob > LEAST_EXPECTED && tokens[..n].iter().all(|(known, _)| *known != token) {
                    tokens.push((token, logprob));
                }
            }
        }
        tokens
    }

    /// Where a hypothesis is in an expected word after one more token.
    fn along(&self, hypothesis: &Hypothesis, token: u32) -> Along {
        if self.context.expected.is_empty() {
            return Along::default();
        }
        // Letters without a space before them belong to the word.
        let goes_on =
            self.vocabulary.bytes(token).first().is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
        self.context.expected.after(hypothesis.along, token, goes_on, self.width > 1)
    }

    fn sample(
        &self,
        heard: &Heard,
        prompted: &mut Prompted,
        rules: &Rules,
        temperature: f32,
        seed: u64,
    ) -> Option<Vec<Hypothesis>> {
        let n_vocab = self.whisper.config.n_vocab;
        let mut random = Random(seed);
        let begin = self.begin(prompted);
        let mut live = vec![begin; self.width];
        let mut logits = prompted.logits.repeat(self.width);
        let mut finished: Vec<Hypothesis> = Vec::new();
        for _ in 0..self.max_tokens(prompted) {
            if self.cancel.is_cancelled() {
                return None;
            }
            let mut next = Vec::with_capacity(live.len());
            for (hypothesis, logits) in live.iter().zip(logits.chunks_mut(n_vocab)) {
                rules.apply(&hypothesis.tokens, logits);
                let token = random.pick(logits, temperature);
                let along = self.along(hypothesis, token);
                let extended = hypothesis.extended(token, logits[token as usize], along);
                if token == self.vocabulary.end {
                    finished.push(Hypothesis { sum: extended.sum, ..hypothesis.clone() });
                } else if is_loop(&extended.tokens) {
                    finished.push(extended);
                } else {
                    next.push(extended);
                }
            }
            live = next;
            if live.is_empty() {
                break;
            }
            logits = self.step(heard, &mut prompted.tape, &mut live);
        }
        finished.extend(live);
        Some(best_first(finished))
    }
}

fn best_first(mut hypotheses: Vec<Hypothesis>) -> Vec<Hypothesis> {
    hypotheses.sort_by(|a, b| b.score().total_cmp(&a.score()));
    hypotheses
}

/// Seconds of voice in the stretch that has most of it.
fn longest_voice_s(stretches: impl Iterator<Item = (f64, f64)>, voiced_s: &dyn Fn(f64, f64) -> f64) -> f64 {
    let voice = stretches.filter(|(start_s, end_s)| end_s > start_s).map(|(start, end)| voiced_s(start, end));
    voice.fold(0.0, f64::max)
}

/// The `n` best tokens, likeliest first; those that are forbidden never.
fn likeliest(logprobs: &[f32], n: usize) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(n + 1);
    let mut worst = f32::NEG_INFINITY;
    for (token, &logprob) in logprobs.iter().enumerate() {
        if logprob > worst {
            let at = best.partition_point(|b| b.1 >= logprob);
            best.insert(at, (token as u32, logprob));
            best.truncate(n);
            if best.len() == n {
                worst = best[n - 1].1;
            }
        }
    }
    best
}

/// A small generator, so that the same sound always gives the same text.
/// <https://prng.di.unimi.it/splitmix64.c>
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn pick(&mut self, logprobs: &[f32], temperature: f32) -> u32 {
        let max = logprobs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |l: f32| ((l - max) / temperature).exp();
        let mut left = self.next() * logprobs.iter().map(|&l| weight(l)).sum::<f32>();
        let mut last = 0;
        for (token, &logprob) in logprobs.iter().enumerate().filter(|(_, l)| **l > f32::NEG_INFINITY) {
            last = token as u32;
            left -= weight(logprob);
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_is_what_counts_of_a_stretch() {
        // Somebody speaks from the second second to the sixth.
        let voiced_s = |start: f64, end: f64| (end.min(6.0) - start.max(2.0)).max(0.0);
        let longest = |stretches: &[(f64, f64)]| longest_voice_s(stretches.iter().copied(), &voiced_s);
        assert_eq!(longest(&[(0.0, 3.0), (3.0, 3.5), (3.5, 9.0)]), 2.5);
        assert_eq!(longest(&[(6.0, 30.0), (5.0, 4.0)]), 0.0);
        assert_eq!(longest(&[]), 0.0);
    }

    #[test]
    fn the_likeliest_come_in_order_and_forbidden_ones_never() {
        let none = f32::NEG_INFINITY;
        assert_eq!(likeliest(&[-3.0, none, -1.0, -2.0], 2), [(2, -1.0), (3, -2.0)]);
        assert_eq!(likeliest(&[none, -1.0], 5), [(1, -1.0)]);
    }

    #[test]
    fn sampling_follows_the_probabilities_and_the_seed() {
        let logprobs = [0.7_f32.ln(), f32::NEG_INFINITY, 0.3_f32.ln()];
        let draw = |seed| {
            let mut random = Random(seed);
            (0..2000).map(|_| random.pick(&logprobs, 1.0)).collect::<Vec<_>>()
        };
        let picks = draw(1);
        assert_eq!(picks, draw(1));
        let share = picks.iter().filter(|&&t| t == 0).count() as f32 / 2000.0;
        assert!((share - 0.7).abs() < 0.05 && !picks.contains(&1), "{share}");
    }
}
