//! Labels of voices → who speaks from when to when, and whose each word is.

use super::listening::Stretch;
use crate::perception::speech::{Segment, Word};

/// Seconds of one step of the time line.
const STEP_S: f64 = 0.01;
/// Voice activity is heard a little late and ends a little early.
const MARGIN_S: f64 = 0.1;
/// A pause of one speaker that belongs to the turn.
const PAUSE_S: f64 = 1.0;
/// A shorter change inside a stretch of speech, to somebody and back, is an error.
const SHORTEST_S: f64 = 0.4;

/// One person speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Seconds from the start of the recording.
    pub end_s: f64,
    /// Which person, from 0.
    pub speaker: usize,
}

/// The turns of a recording, in the order of time and never at once. `labels` has a speaker for each voice.
pub fn turns(stretches: &[Stretch], labels: &[usize]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for (i, stretch) in stretches.iter().enumerate() {
        let mut here = within(stretch, &labels[stretch.voices.clone()]);
        // Margins meet in the middle of what lies between two stretches.
        let before_s = i.checked_sub(1).map_or(0.0, |i| (stretches[i].end_s + stretch.start_s) / 2.0);
        let after_s = stretches.get(i + 1).map_or(f64::INFINITY, |next| (next.start_s + stretch.end_s) / 2.0);
        if let Some(first) = here.first_mut() {
            first.start_s = (first.start_s - MARGIN_S).max(before_s.min(first.start_s)).max(0.0);
        }
        if let Some(last) = here.last_mut() {
            last.end_s = (last.end_s + MARGIN_S).min(after_s.max(last.end_s));
        }
        turns.extend(here);
    }
    joined(turns)
}

/// Turns of one speaker with no more than a short pause between them become one.
pub fn joined(turns: Vec<Turn>) -> Vec<Turn> {
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns {
        match out.last_mut() {
            Some(last) if last.speaker == turn.speaker && turn.start_s - last.end_s <= PAUSE_S => {
                last.end_s = turn.end_s;
            }
            _ => out.push(turn),
        }
    }
    out
}

/// Each step of a stretch goes to the speaker of the voices around it, those nearest in time counting most.
fn within(stretch: &Stretch, labels: &[usize]) -> Vec<Turn> {
    let n_steps = stretch.frames.last().map_or(0, |&(_, end)| end);
    let n_speakers = labels.iter().max().map_or(0, |most| most + 1);
    let mut votes = vec![0.0_f32; n_steps * n_speakers];
    for (&(from, to), &label) in stretch.frames.iter().zip(labels) {
        let middle = (from + to) as f32 / 2.0;
        let half = (to - from) as f32 / 2.0 + 1.0;
        for step in from..to {
            votes[step * n_speakers + label] += 1.0 - (step as f32 + 0.5 - middle).abs() / half;
        }
    }
    // (speaker, steps)
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for votes in votes.chunks(n_speakers.max(1)) {
        let best = (0..votes.len()).max_by(|&a, &b| votes[a].total_cmp(&votes[b])).unwrap_or(0);
        match runs.last_mut() {
            Some((speaker, n)) if *speaker == best => *n += 1,
            _ => runs.push((best, 1)),
        }
    }
    for i in 1..runs.len().saturating_sub(1) {
        if (runs[i].1 as f64) * STEP_S < SHORTEST_S && runs[i - 1].0 == runs[i + 1].0 {
            runs[i].0 = runs[i - 1].0;
        }
    }
    let mut turns: Vec<Turn> = Vec::new();
    let mut at = 0;
    for (speaker, n) in runs {
        let end_s = stretch.start_s + (at + n) as f64 * STEP_S;
        match turns.last_mut() {
            Some(last) if last.speaker == speaker => last.end_s = end_s,
            _ => turns.push(Turn { start_s: stretch.start_s + at as f64 * STEP_S, end_s, speaker }),
        }
        at += n;
    }
    if let Some(last) = turns.last_mut() {
        last.end_s = stretch.end_s.max(last.start_s);
    }
    turns
}

/// Who speaks most between two times; where nobody does, who speaks nearest. None where nobody ever speaks.
pub fn speaker_at(turns: &[Turn], start_s: f64, end_s: f64) -> Option<usize> {
    let first = turns.partition_point(|turn| turn.end_s <= start_s);
    let mut shares: Vec<(usize, f64)> = Vec::new();
    for turn in turns[first..].iter().take_while(|turn| turn.start_s < end_s) {
        let share_s = turn.end_s.min(end_s) - turn.start_s.max(start_s);
        match shares.iter_mut().find(|(speaker, _)| *speaker == turn.speaker) {
            Some((_, sum)) => *sum += share_s,
            None => shares.push((turn.speaker, share_s)),
        }
    }
    if let Some((speaker, _)) = shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
        return Some(speaker);
    }
    let before = first.checked_sub(1).map(|i| (start_s - turns[i].end_s, turns[i].speaker));
    let after = turns.get(first).map(|turn| (turn.start_s - end_s, turn.speaker));
    let nearest = before.into_iter().chain(after).min_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map(|(_, speaker)| speaker)
}

/// Cuts a segment where the speaker changes between two words, each part with its speaker; a segment without the times
/// of words stays whole.
pub fn split(segment: Segment, turns: &[Turn]) -> Vec<(Segment, Option<usize>)> {
    let mut speakers: Vec<Option<usize>> =
        segment.words.iter().map(|word| speaker_at(turns, word.start_s, word.end_s)).collect();
    settle(&segment.words, &mut speakers);
    let mut cuts: Vec<usize> = (1..speakers.len()).filter(|&i| speakers[i] != speakers[i - 1]).collect();
    if cuts.is_empty() {
        let speaker =
            speakers.first().copied().unwrap_or_else(|| speaker_at(turns, segment.start_s, segment.end_s));
        return vec![(segment, speaker)];
    }
    cuts.push(segment.words.len());
    let mut parts = Vec::with_capacity(cuts.len());
    let (mut first, mut from) = (0, 0);
    for end in cuts {
        // The part goes up to the first word of the next; words come in the order of the text.
        let mut to = from;
        for word in &segment.words[first..end] {
            to = segment.text[to..].find(&word.text).map_or(to, |at| to + at + word.text.len());
        }
        if end == segment.words.len() {
            to = segment.text.len();
        }
        let words = segment.words[first..end].to_vec();
        let part = Segment {
            start_s: words.first().map_or(segment.start_s, |word| word.start_s),
            end_s: words.last().map_or(segment.end_s, |word| word.end_s),
            text: segment.text[from..to].trim().to_owned(),
            words,
            language: segment.language.clone(),
            speaker: None,
            confidence: segment.confidence,
        };
        parts.push((part, speakers[first]));
        (first, from) = (end, to);
    }
    parts.retain(|(part, _)| !part.text.is_empty());
    parts
}

/// A few words between two of another speaker's are that one's: boundaries of words are not that exact.
fn settle(words: &[Word], speakers: &mut [Option<usize>]) {
    let mut start = 0;
    while start < speakers.len() {
        let same = speakers[start..].iter().take_while(|speaker| **speaker == speakers[start]).count();
        let end = start + same;
        let is_short = words[end - 1].end_s - words[start].start_s < SHORTEST_S;
        if is_short && start > 0 && speakers.get(end).is_some_and(|next| *next == speakers[start - 1]) {
            let around = speakers[start - 1];
            speakers[start..end].fill(around);
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(start_s: f64, end_s: f64, speaker: usize) -> Turn {
        Turn { start_s, end_s, speaker }
    }

    fn stretch(start_s: f64, frames: &[(usize, usize)], from: usize) -> Stretch {
        let end_s = start_s + frames[frames.len() - 1].1 as f64 * STEP_S;
        Stretch { start_s, end_s, voices: from..from + frames.len(), frames: frames.to_vec() }
    }

    #[test]
    fn a_change_stands_in_the_middle_between_two_voices() {
        let one = stretch(1.0, &[(0, 100), (50, 150), (100, 200), (150, 250)], 0);
        let found = turns(&[one], &[0, 0, 1, 1]);
        assert_eq!(found.len(), 2);
        assert!((found[0].start_s - 0.9).abs() < 1e-9 && (found[1].end_s - 3.6).abs() < 1e-9);
        assert!((found[0].end_s - 2.25).abs() < 0.03, "{found:?}");
        assert_eq!(found[0].end_s, found[1].start_s);
    }

    #[test]
    fn a_short_pause_is_inside_a_turn_and_a_long_one_is_not() {
        let parts = [
            stretch(0.0, &[(0, 100)], 0),
            stretch(1.5, &[(0, 100)], 1),
            stretch(4.0, &[(0, 100)], 2),
            stretch(5.05, &[(0, 100)], 3),
        ];
        let found = turns(&parts, &[0, 0, 0, 1]);
        assert_eq!(found.iter().map(|t| t.speaker).collect::<Vec<_>>(), [0, 0, 1]);
        assert!((found[0].end_s - 2.6).abs() < 1e-9 && (found[1].end_s - 5.025).abs() < 1e-9, "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.end_s <= b.start_s));
    }

    #[test]
    fn a_word_outside_of_turns_is_the_nearest_speakers() {
        let all = [turn(0.0, 1.0, 0), turn(2.0, 3.0, 1)];
        assert_eq!(speaker_at(&all, 0.8, 2.3), Some(1));
        assert_eq!(speaker_at(&all, 1.1, 1.4), Some(0));
        assert_eq!(speaker_at(&all, 1.7, 1.9), Some(1));
        assert_eq!(speaker_at(&all, 9.0, 9.5), Some(1));
        assert_eq!(speaker_at(&[], 0.0, 1.0), None);
    }

    fn segment(text: &str, words: &[(&str, f64, f64)]) -> Segment {
        let word = |&(text, start_s, end_s): &(&str, f64, f64)| Word {
            start_s,
            end_s,
            text: text.to_owned(),
            confidence: 0.9,
        };
        Segment {
            start_s: 0.0,
            end_s: 9.0,
            text: text.to_owned(),
            language: "en".to_owned(),
            speaker: None,
            confidence: 0.5,
            words: words.iter().map(word).collect(),
        }
    }

    #[test]
    fn a_segment_is_cut_where_the_speaker_changes() {
        let all = [turn(0.0, 1.0, 0), turn(1.0, 3.0, 1)];
        let both = segment(
            "Yes? No, no way.",
            &[("Yes?", 0.1, 0.9), ("No,", 1.1, 1.5), ("no", 1.5, 1.8), ("way.", 1.8, 2.5)],
        );
        let parts = split(both, &all);
        let texts: Vec<_> = parts.iter().map(|(part, who)| (part.text.as_str(), *who)).collect();
        assert_eq!(texts, [("Yes?", Some(0)), ("No, no way.", Some(1))]);
        assert_eq!((parts[1].0.start_s, parts[1].0.end_s, parts[1].0.words.len()), (1.1, 2.5, 3));
        let whole = split(segment("Well.", &[]), &all);
        assert_eq!((whole.len(), whole[0].1), (1, Some(1)));
    }

    #[test]
    fn one_short_word_between_two_of_another_is_that_ones() {
        let all = [turn(0.0, 1.0, 0), turn(1.0, 1.2, 1), turn(1.2, 3.0, 0)];
        let words = [("a", 0.5, 0.9), ("b", 1.0, 1.2), ("c", 1.3, 1.9)];
        let parts = split(segment("a b c", &words), &all);
        assert_eq!((parts.len(), parts[0].1), (1, Some(0)));
    }
}
