//! What is seen in many frames, told once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::Discriminant;

use crate::sequence::{Finding, Place, Span};

/// Findings of the frames so far. What is seen in several frames is kept where it is seen best.
#[derive(Default)]
pub(super) struct FrameFindings {
    spans: Vec<Span>,
    /// Where in `spans` what reads the same is.
    known: HashMap<(Discriminant<Finding>, String), usize>,
}

impl FrameFindings {
    /// Adds the findings of the next frame.
    pub(super) fn add(&mut self, spans: Vec<Span>) {
        for span in spans {
            let key = (std::mem::discriminant(&span.finding), letters(&span.text));
            match self.known.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(self.spans.len());
                    self.spans.push(span);
                }
                Entry::Occupied(known) => {
                    if let Some(known) = self.spans.get_mut(*known.get())
                        && strength(&span) > strength(known)
                    {
                        *known = span;
                    }
                }
            }
        }
    }

    /// All findings in the order of time.
    pub(super) fn finish(mut self) -> Vec<Span> {
        self.spans.sort_by(|a, b| time(a).total_cmp(&time(b)));
        self.spans
    }
}

/// What a text says, whatever stands between its letters: a comma that is read in one frame and not in the next makes
/// no other text. Signs alone are what they are.
fn letters(text: &str) -> String {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { text.to_owned() } else { letters }
}

fn strength(span: &Span) -> f32 {
    match span.finding {
        Finding::Tag { probability } => probability,
        Finding::PictureText { confidence } | Finding::Speech { confidence } => confidence,
        Finding::DocumentText => 1.0,
    }
}

fn time(span: &Span) -> f64 {
    match span.place {
        Place::Frame { time_s, .. } => time_s,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Rect;

    fn tag(text: &str, time_s: f64, probability: f32) -> Span {
        Span {
            source: "v.mp4".into(),
            place: Place::Frame { time_s, area: Rect::WHOLE },
            finding: Finding::Tag { probability },
            text: text.into(),
            pieces: Vec::new(),
        }
    }

    #[test]
    fn a_thing_is_told_once_where_it_is_seen_best() {
        let mut findings = FrameFindings::default();
        findings.add(vec![tag("cat", 0.0, 0.4), tag("tree", 0.0, 0.5)]);
        findings.add(vec![tag("cat", 1.0, 0.9)]);
        findings.add(vec![tag("cat", 2.0, 0.3)]);
        let told: Vec<(String, f64)> =
            findings.finish().iter().map(|span| (span.text.clone(), time(span))).collect();
        assert_eq!(told, [("tree".into(), 0.0), ("cat".into(), 1.0)]);
    }

    #[test]
    fn the_same_text_read_a_little_otherwise_is_told_once() {
        let text = |text: &str, time_s, confidence| Span {
            finding: Finding::PictureText { confidence },
            ..tag(text, time_s, 0.0)
        };
        let mut findings = FrameFindings::default();
        findings.add(vec![text("Chapter 1: The hill", 0.0, 0.8), tag("chapter1thehill", 0.0, 0.9)]);
        findings.add(vec![text("chapter 1. The hill", 2.0, 0.9), text("Chapter 2", 2.0, 0.7)]);
        findings.add(vec![text("!", 3.0, 0.9), text("?", 3.0, 0.9)]);
        let told: Vec<String> = findings.finish().iter().map(|span| span.text.clone()).collect();
        assert_eq!(told, ["chapter1thehill", "chapter 1. The hill", "Chapter 2", "!", "?"]);
    }
}
