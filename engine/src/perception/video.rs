//! What is seen in many frames, told once.

use crate::sequence::{Finding, Place, Span};

/// Findings of the frames so far. What is seen in several frames is kept where it is seen best.
#[derive(Default)]
pub(super) struct FrameFindings(Vec<Span>);

impl FrameFindings {
    /// Adds the findings of the next frame.
    pub(super) fn add(&mut self, spans: Vec<Span>) {
        for span in spans {
            match self.0.iter_mut().find(|known| is_same(known, &span)) {
                Some(known) if strength(&span) > strength(known) => *known = span,
                Some(_) => {}
                None => self.0.push(span),
            }
        }
    }

    /// All findings in the order of time.
    pub(super) fn finish(mut self) -> Vec<Span> {
        self.0.sort_by(|a, b| time(a).total_cmp(&time(b)));
        self.0
    }
}

/// The same kind of finding with the same words.
fn is_same(a: &Span, b: &Span) -> bool {
    std::mem::discriminant(&a.finding) == std::mem::discriminant(&b.finding) && a.text == b.text
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
}
