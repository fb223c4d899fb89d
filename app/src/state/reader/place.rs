//! Where text stands on a page, and what lies between two places.

use std::ops::Range;

use engine::Rect;
use engine::media::{Line, Page};
use serde::{Deserialize, Serialize};

/// A place between two characters of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct TextPos {
    /// Counted from 1.
    pub page: u32,
    /// Of the page's lines, counted from 0.
    pub line: u32,
    /// Of the line's text, on the border of a character.
    pub byte: u32,
}

/// Boxes on one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageBoxes {
    /// Counted from 1.
    pub page: u32,
    /// One for each line.
    pub boxes: Vec<Rect>,
}

/// Some text of a document, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Where it begins.
    pub from: TextPos,
    /// Where it ends.
    pub to: TextPos,
    /// The words.
    pub text: String,
    /// The same on the pages; empty for formats whose lines have no place.
    pub places: Vec<PageBoxes>,
    /// From when to when it is shown, in seconds; of subtitles only.
    #[serde(default)]
    pub times_s: Option<(f64, f64)>,
}

/// How far the end of a selection is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// By a character.
    Character,
    /// By a word.
    Word,
    /// To the next line.
    Line,
}

/// The parts of a page's lines between two places, as far as they are on this page.
pub fn line_parts(
    page: &Page,
    from: TextPos,
    to: TextPos,
) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    let number = page.number;
    let lines = page.lines.iter().enumerate();
    lines.filter_map(move |(i, line)| {
        let at = |byte: u32| TextPos { page: number, line: i as u32, byte };
        let end = line.text.len() as u32;
        if at(end) < from || at(0) > to {
            return None;
        }
        let byte = |place: TextPos, other: u32| match (place.page, place.line) == (number, i as u32) {
            true => place.byte.min(end),
            false => other,
        };
        let (start, stop) = (byte(from, 0), byte(to, end));
        let (start, stop) = (floor(&line.text, start as usize), floor(&line.text, stop as usize));
        (start < stop).then_some((i, start..stop))
    })
}

fn floor(text: &str, byte: usize) -> usize {
    text.floor_char_boundary(byte.min(text.len()))
}

/// The place of a part of a line, when it is known.
pub fn area_of(line: &Line, bytes: &Range<usize>) -> Option<Rect> {
    let area = line.area?;
    let (from, to) = (x_at(line, bytes.start, true)?, x_at(line, bytes.end, false)?);
    let (x0, x1) = (from.min(to), from.max(to));
    Some(Rect { x0, x1, ..area })
}

/// Where a byte of a line is; between two words `begins` decides which edge counts.
fn x_at(line: &Line, byte: usize, begins: bool) -> Option<f32> {
    let inside = |(bytes, area): &(Range<usize>, Rect)| {
        let text = line.text.get(bytes.clone())?;
        let before = text.get(..byte.checked_sub(bytes.start)?)?;
        let share = before.chars().count() as f32 / text.chars().count().max(1) as f32;
        Some(area.x0 + share * (area.x1 - area.x0))
    };
    if begins {
        let word = line.words.iter().find(|(bytes, _)| byte < bytes.end)?;
        return if byte <= word.0.start { Some(word.1.x0) } else { inside(word) };
    }
    let word = line.words.iter().rev().find(|(bytes, _)| bytes.start < byte)?;
    if byte >= word.0.end { Some(word.1.x1) } else { inside(word) }
}

/// Boxes of what lies between two places on a page, one for each line; none where the format has no places.
pub fn boxes(page: &Page, from: TextPos, to: TextPos) -> Vec<Rect> {
    line_parts(page, from, to).filter_map(|(line, bytes)| area_of(&page.lines[line], &bytes)).collect()
}

/// From when to when lines of subtitles between two places on a page are shown, in seconds.
pub fn times(page: &Page, from: TextPos, to: TextPos) -> Option<(f64, f64)> {
    whole_time(line_parts(page, from, to).filter_map(|(line, _)| page.lines[line].time_s))
}

/// From the first to the last second of some times.
pub fn whole_time(times: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The text between two places, as far as it is on this page: lines of a paragraph joined, words that were cut at the
/// end of a line whole again.
pub fn text_between(page: &Page, from: TextPos, to: TextPos) -> String {
    let mut text = String::new();
    let mut before: Option<usize> = None;
    for (i, bytes) in line_parts(page, from, to) {
        let part = page.lines[i].text[bytes].trim();
        if let Some(before) = before {
            match page.lines[before].paragraph == page.lines[i].paragraph {
                true => join(&mut text, part),
                false => text.push_str("\n\n"),
            }
        }
        text.push_str(part);
        before = Some(i);
    }
    text
}

/// What stands between a line and the next one of its paragraph.
fn join(text: &mut String, next: &str) {
    if is_cut(text, next) {
        text.pop();
    } else if !text.is_empty() {
        text.push(' ');
    }
}

/// Whether a word was cut at the end of a line.
pub(super) fn is_cut(before: &str, next: &str) -> bool {
    let mut end = before.chars().rev();
    let hyphen = matches!(end.next(), Some('-' | '\u{ad}' | '\u{2010}'));
    hyphen
        && end.next().is_some_and(char::is_alphabetic)
        && next.chars().next().is_some_and(char::is_lowercase)
}

/// The place in the text that is nearest to a point in fractions of the page; `aspect` is its width by its height.
pub fn hit(page: &Page, x: f32, y: f32, aspect: f32) -> Option<TextPos> {
    let lines = page.lines.iter().enumerate().filter_map(|(i, line)| Some((i, line, line.area?)));
    let away = |area: Rect| {
        let dx = (area.x0 - x).max(x - area.x1).max(0.0) * aspect;
        let dy = (area.y0 - y).max(y - area.y1).max(0.0);
        // Under a line or above it is nearer than beside one.
        dx * dx + 4.0 * dy * dy
    };
    let (i, line, area) = lines.min_by(|a, b| away(a.2).total_cmp(&away(b.2)))?;
    let at = |byte: usize| TextPos { page: page.number, line: i as u32, byte: byte as u32 };
    if y > area.y1 && x > area.x1 {
        return Some(at(line.text.len()));
    }
    let mut best = (f32::INFINITY, 0);
    for (bytes, word) in &line.words {
        let text = line.text.get(bytes.clone()).unwrap_or_default();
        let n = text.chars().count().max(1) as f32;
        let borders = text.char_indices().map(|(byte, _)| byte).chain([text.len()]);
        for (k, byte) in borders.enumerate() {
            let distance = (word.x0 + k as f32 / n * (word.x1 - word.x0) - x).abs();
            if distance < best.0 {
                best = (distance, bytes.start + byte);
            }
        }
    }
    Some(at(best.1))
}

/// The word around a place.
pub fn word_at(page: &Page, place: TextPos) -> (TextPos, TextPos) {
    let text = page.lines.get(place.line as usize).map_or("", |line| line.text.as_str());
    let byte = floor(text, place.byte as usize);
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
    let start =
        text[..byte].char_indices().rev().take_while(|(_, c)| part(*c)).last().map_or(byte, |(i, _)| i);
    let end = text[byte..].char_indices().find(|(_, c)| !part(*c)).map_or(text.len(), |(i, _)| byte + i);
    let at = |byte: usize| TextPos { byte: byte as u32, ..place };
    (at(start), at(end))
}

/// The place one step further or back on a page; `None` where the page ends.
pub fn step(page: &Page, place: TextPos, step: Step, forward: bool) -> Option<TextPos> {
    let line = place.line as usize;
    let text = &page.lines.get(line)?.text;
    let byte = floor(text, place.byte as usize);
    let at = |line: usize, byte: usize| TextPos { line: line as u32, byte: byte as u32, ..place };
    let next_line = |line: usize| (line + 1 < page.lines.len()).then_some(line + 1);
    match (step, forward) {
        (Step::Line, true) => {
            let next = next_line(line)?;
            Some(at(next, floor(&page.lines[next].text, byte)))
        }
        (Step::Line, false) => {
            let next = line.checked_sub(1)?;
            Some(at(next, floor(&page.lines[next].text, byte)))
        }
        (_, true) if byte >= text.len() => next_line(line).map(|next| at(next, 0)),
        (_, false) if byte == 0 => {
            let next = line.checked_sub(1)?;
            Some(at(next, page.lines[next].text.len()))
        }
        (Step::Character, true) => {
            Some(at(line, byte + text[byte..].chars().next().map_or(0, char::len_utf8)))
        }
        (Step::Character, false) => {
            Some(at(line, byte - text[..byte].chars().next_back().map_or(0, char::len_utf8)))
        }
        (Step::Word, true) => {
            let rest = &text[byte..];
            let word = rest.find(char::is_alphanumeric).unwrap_or(rest.len());
            let end = rest[word..].find(|c: char| !c.is_alphanumeric()).map_or(rest.len(), |end| word + end);
            Some(at(line, byte + end))
        }
        (Step::Word, false) => {
            let end = text[..byte].trim_end_matches(|c: char| !c.is_alphanumeric());
            let start = end.trim_end_matches(char::is_alphanumeric);
            Some(at(line, start.len()))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Lines of ten characters to a tenth of the page, each 0.1 high; a line that begins with a space begins a
    /// paragraph.
    pub fn page(lines: &[&str]) -> Page {
        let mut paragraph = 0;
        let line = |(i, text): (usize, &&str)| {
            paragraph += u32::from(text.starts_with(' '));
            let text = text.trim_start();
            let (y0, y1) = (i as f32 * 0.1, i as f32 * 0.1 + 0.08);
            let mut words = Vec::new();
            let mut at = 0;
            for word in text.split(' ') {
                let x = |byte: usize| text[..byte].chars().count() as f32 / 100.0;
                words.push((at..at + word.len(), Rect { x0: x(at), y0, x1: x(at + word.len()), y1 }));
                at += word.len() + 1;
            }
            let area = Rect { x0: 0.0, y0, x1: text.chars().count() as f32 / 100.0, y1 };
            Line { text: text.into(), area: Some(area), words, paragraph, ..Line::default() }
        };
        Page {
            number: 3,
            lines: lines.iter().enumerate().map(line).collect(),
            has_text: true,
            ..Page::default()
        }
    }

    fn at(line: u32, byte: u32) -> TextPos {
        TextPos { page: 3, line, byte }
    }

    #[test]
    fn text_between_two_places_joins_lines_and_cut_words_and_keeps_paragraphs() {
        let page = page(&["The größe of a para-", "graph. It is well-", "Known.", " Next one."]);
        assert_eq!(
            text_between(&page, at(0, 4), at(3, 4)),
            "größe of a paragraph. It is well- Known.\n\nNext"
        );
        assert_eq!(text_between(&page, at(1, 7), at(1, 9)), "It");
        let (before, after) = (TextPos { page: 1, line: 9, byte: 9 }, TextPos { page: 4, line: 0, byte: 0 });
        assert!(text_between(&page, before, after).ends_with("Next one."), "a page in the middle is whole");
        assert_eq!(text_between(&page, TextPos { page: 4, ..before }, TextPos { page: 5, ..after }), "");
        // A place inside of a letter is that before it.
        assert_eq!(text_between(&page, at(0, 7), at(0, 14)), "öße of");
    }

    #[test]
    fn lines_of_subtitles_tell_when_they_are_shown() {
        let mut page = page(&["One", "two", "three"]);
        assert_eq!(times(&page, at(0, 0), at(2, 1)), None);
        page.lines.iter_mut().zip([4.0, 2.0, 9.0]).for_each(|(line, s)| line.time_s = Some((s, s + 3.0)));
        assert_eq!(times(&page, at(0, 1), at(1, 2)), Some((2.0, 7.0)));
        assert_eq!(times(&page, at(2, 0), at(2, 5)), Some((9.0, 12.0)));
    }

    #[test]
    fn boxes_follow_the_letters() {
        let page = page(&["The größe of", "it"]);
        let found = boxes(&page, at(0, 4), at(1, 1));
        assert_eq!(found.len(), 2);
        assert!((found[0].x0 - 0.04).abs() < 1e-5 && (found[0].x1 - 0.12).abs() < 1e-5, "{found:?}");
        assert!((found[1].x1 - 0.01).abs() < 1e-5 && (found[1].y0 - 0.1).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn a_point_finds_the_nearest_letter() {
        let page = page(&["The größe of", "it"]);
        assert_eq!(hit(&page, 0.061, 0.05, 1.0), Some(at(0, 6)));
        assert_eq!(hit(&page, 0.9, 0.05, 1.0), Some(at(0, 14)), "beside the line is its end");
        assert_eq!(hit(&page, 0.0, 0.99, 1.0), Some(at(1, 0)));
        assert_eq!(hit(&page, 0.9, 0.99, 1.0), Some(at(1, 2)), "behind the last line");
        assert_eq!(hit(&Page::default(), 0.5, 0.5, 1.0), None);
    }

    #[test]
    fn words_and_steps_know_letters_of_several_bytes() {
        let page = page(&["The größe of", "it"]);
        assert_eq!(word_at(&page, at(0, 6)), (at(0, 4), at(0, 11)));
        assert_eq!(step(&page, at(0, 6), Step::Character, true), Some(at(0, 8)));
        assert_eq!(step(&page, at(0, 8), Step::Character, false), Some(at(0, 6)));
        assert_eq!(step(&page, at(0, 4), Step::Word, true), Some(at(0, 11)));
        assert_eq!(step(&page, at(0, 11), Step::Word, false), Some(at(0, 4)));
        assert_eq!(step(&page, at(0, 14), Step::Word, true), Some(at(1, 0)));
        assert_eq!(step(&page, at(0, 7), Step::Line, true), Some(at(1, 2)));
        assert_eq!(step(&page, at(1, 2), Step::Character, true), None, "the page ends");
        assert_eq!(step(&page, at(0, 0), Step::Word, false), None);
    }
}
