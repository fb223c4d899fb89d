//! Segments → paragraphs, for transcripts that people read.

use std::borrow::Cow;

use super::Segment;
use super::format::duration;
use super::subtitles::ends_sentence;

/// After a pause this long a new paragraph begins.
const PAUSE_S: f64 = 2.0;
/// A paragraph of so many characters ends at the next pause after a sentence,
const LONG: usize = 400;
const SHORT_PAUSE_S: f64 = 0.5;
/// and of so many after the next sentence.
const VERY_LONG: usize = 800;

/// What one person says without a long pause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paragraph {
    pub(super) start_s: f64,
    end_s: f64,
    pub(super) speaker: Option<String>,
    pub(super) text: String,
}

/// Takes segments in order and gives paragraphs.
#[derive(Debug, Default)]
pub(super) struct Paragraphs(Option<Paragraph>);

impl Paragraphs {
    /// Takes what was said next; gives the paragraph before it, if it is complete.
    pub(super) fn push(&mut self, segment: &Segment) -> Option<Paragraph> {
        let text = segment.text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(open) = self.0.as_mut().filter(|open| !open.ends_before(segment)) {
            // Scripts without spaces get none.
            let is_dense = |c: Option<char>| c.is_some_and(|c| ('\u{3000}'..='\u{9fff}').contains(&c));
            if !(is_dense(open.text.chars().last()) && is_dense(text.chars().next())) {
                open.text.push(' ');
            }
            open.text.push_str(&text);
            open.end_s = segment.end_s;
            return None;
        }
        let speaker = segment.speaker.clone();
        self.0.replace(Paragraph { start_s: segment.start_s, end_s: segment.end_s, speaker, text })
    }

    /// The last one.
    pub(super) fn finish(&mut self) -> Option<Paragraph> {
        self.0.take()
    }
}

impl Paragraph {
    fn ends_before(&self, next: &Segment) -> bool {
        let pause_s = next.start_s - self.end_s;
        let is_sentence = ends_sentence(self.text.split(' ').next_back().unwrap_or_default());
        let most = if pause_s >= SHORT_PAUSE_S { LONG } else { VERY_LONG };
        self.speaker != next.speaker || pause_s >= PAUSE_S || (is_sentence && self.text.len() >= most)
    }

    /// When it begins and who speaks.
    pub(super) fn mark(&self) -> (String, Option<String>) {
        (
            format!("[{}]", duration(self.start_s.floor())),
            self.speaker.as_ref().map(|name| format!("{name}:")),
        )
    }

    /// As Markdown, with its time in bold.
    pub(super) fn markdown(&self) -> String {
        let (time, speaker) = self.mark();
        let speaker = speaker.map(|speaker| format!(" {}", escaped(&speaker))).unwrap_or_default();
        format!("**{}{speaker}** {}\n\n", escaped(&time), escaped(&self.text))
    }
}

/// Text that Markdown shows as it is. <https://spec.commonmark.org/0.31.2/#backslash-escapes>
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let means_something = |c: char| r"\`*_{}[]<>#&|~$".contains(c);
    if !text.contains(means_something) {
        return text.into();
    }
    let escape = |c: char| [means_something(c).then_some('\\'), Some(c)];
    text.chars().flat_map(escape).flatten().collect::<String>().into()
}
