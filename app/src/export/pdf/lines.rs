//! Text as lines of a width: where a line may end, and which font has its characters.

use std::rc::Rc;

use egui::Color32;
use unicode_segmentation::UnicodeSegmentation as _;

use super::fonts::Fonts;

/// How words look.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// In points.
    pub size: f32,
    pub color: Color32,
    pub is_bold: bool,
    pub is_slanted: bool,
    pub is_mono: bool,
    pub is_struck: bool,
    /// Smaller and higher, as a number of evidence is.
    pub is_raised: bool,
    /// Behind the words.
    pub ground: Option<Color32>,
    pub target: Option<Target>,
}

/// Where a click leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An address.
    Web(String),
    /// A piece of evidence, by question and number from 0.
    Evidence(usize, usize),
}

impl Style {
    /// Plain words.
    pub fn new(size: f32, color: Color32) -> Self {
        Self {
            size,
            color,
            is_bold: false,
            is_slanted: false,
            is_mono: false,
            is_struck: false,
            is_raised: false,
            ground: None,
            target: None,
        }
    }

    /// The same, emphasised.
    pub fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }

    /// In points, as it is set.
    pub fn set_size(&self) -> f32 {
        if self.is_raised { self.size * 0.72 } else { self.size }
    }
}

/// Words of one style.
#[derive(Debug, Clone)]
pub struct Span {
    pub text: String,
    pub style: Rc<Style>,
}

impl Span {
    pub fn new(text: impl Into<String>, style: &Style) -> Self {
        Self { text: text.into(), style: Rc::new(style.clone()) }
    }
}

/// Characters of one style and font that stand side by side.
#[derive(Debug, Clone)]
pub struct Run {
    /// From the beginning of the line, in points.
    pub x: f32,
    /// In points.
    pub width: f32,
    pub face: usize,
    pub text: String,
    pub style: Rc<Style>,
}

/// One line.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub runs: Vec<Run>,
    /// Up to the end of its last word, in points.
    pub width: f32,
    /// The largest size in it, in points.
    pub size: f32,
}

/// Height of a line in sizes of its text.
pub const LINE: f32 = 1.42;

impl Line {
    fn push(&mut self, x: f32, part: Run) {
        let end = x + part.x + part.width;
        self.width = self.width.max(end);
        self.size = self.size.max(part.style.size);
        match self.runs.last_mut() {
            Some(last) if last.face == part.face && last.style == part.style => {
                last.text.push_str(&part.text);
                last.width = end - last.x;
            }
            _ => self.runs.push(Run { x: x + part.x, ..part }),
        }
    }
}

/// Whether a line may end between two clusters, as egui's own text does: after spaces and hyphens, and around characters
/// of writing that has no spaces, except before closing and after opening marks.
fn may_break(before: &str, after: &str) -> bool {
    let (Some(last), Some(first)) = (before.chars().last(), after.chars().next()) else { return false };
    if first.is_whitespace() {
        return false;
    }
    if last.is_whitespace() && last != '\u{a0}' && last != '\u{202f}' {
        return true;
    }
    if matches!(last, '-' | '–' | '—' | '/' | '\u{200b}') && first.is_alphabetic() {
        return true;
    }
    let is_closing =
        "、。，．・：；？！）］｝〉》」』】〕〗’”…ー々ゝゞぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;!?)]}"
            .contains(first);
    let is_opening = "（［｛〈《「『【〔〖‘“([{".contains(last);
    (has_no_spaces(last) || has_no_spaces(first)) && !is_closing && !is_opening
}

fn has_no_spaces(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

/// Clusters with the span that each is from.
type Clusters<'a> = Vec<(&'a str, usize)>;

/// Breaks text into lines that are no wider than `width` points.
pub fn lines(fonts: &mut Fonts, spans: &[Span], width: f32) -> Vec<Line> {
    let mut all = Vec::new();
    let mut line = Clusters::new();
    for (i, span) in spans.iter().enumerate() {
        for cluster in span.text.graphemes(true) {
            if cluster.contains('\n') {
                broken(fonts, spans, &line, width, &mut all);
                line.clear();
            } else if cluster == "\t" {
                line.extend([("  ", i), ("  ", i)]);
            } else if !cluster.chars().all(char::is_control) {
                line.push((cluster, i));
            }
        }
    }
    broken(fonts, spans, &line, width, &mut all);
    all
}

/// One paragraph without line ends.
fn broken(fonts: &mut Fonts, spans: &[Span], clusters: &[(&str, usize)], width: f32, all: &mut Vec<Line>) {
    let mut line = Line { size: spans.first().map_or(0.0, |span| span.style.size), ..Line::default() };
    // Where the next word begins; `line.width` is where the last one ended.
    let mut x = 0.0;
    let mut at = 0;
    while at < clusters.len() {
        let ends = clusters[at..].windows(2).position(|pair| may_break(pair[0].0, pair[1].0));
        let end = ends.map_or(clusters.len(), |n| at + n + 1);
        let word = &clusters[at..end];
        at = end;
        let n_spaces = word.iter().rev().take_while(|(c, _)| c.chars().all(char::is_whitespace)).count();
        let (word, spaces) = word.split_at(word.len() - n_spaces);
        let (parts, word_width) = shaped(fonts, spans, word);
        if x > 0.0 && x + word_width > width {
            all.push(std::mem::take(&mut line));
            x = 0.0;
        }
        if word_width <= width {
            parts.into_iter().for_each(|part| line.push(x, part));
            x += word_width;
        } else {
            // Too long for any line: it ends anywhere.
            for cluster in word {
                let (parts, cluster_width) = shaped(fonts, spans, std::slice::from_ref(cluster));
                if x > 0.0 && x + cluster_width > width {
                    all.push(std::mem::take(&mut line));
                    x = 0.0;
                }
                parts.into_iter().for_each(|part| line.push(x, part));
                x += cluster_width;
            }
        }
        let (parts, spaces_width) = shaped(fonts, spans, spaces);
        let end_of_word = line.width;
        parts.into_iter().for_each(|part| line.push(x, part));
        line.width = end_of_word;
        x += spaces_width;
    }
    all.push(line);
}

/// Clusters in their fonts, from 0 on, and how wide they are.
fn shaped(fonts: &mut Fonts, spans: &[Span], clusters: &[(&str, usize)]) -> (Vec<Run>, f32) {
    let mut runs: Vec<(Run, usize)> = Vec::new();
    for (cluster, span) in clusters {
        let style = &spans[*span].style;
        let face = fonts.face_of(cluster, style.is_mono);
        match runs.last_mut() {
            Some((run, of)) if run.face == face && of == span => run.text.push_str(cluster),
            _ => {
                let run = Run { x: 0.0, width: 0.0, face, text: (*cluster).to_owned(), style: style.clone() };
                runs.push((run, *span));
            }
        }
    }
    let mut x = 0.0;
    let place = |(mut run, _): (Run, usize)| {
        run.x = x;
        run.width = fonts.width(run.face, &run.text) * run.style.set_size();
        x += run.width;
        run
    };
    let runs: Vec<Run> = runs.into_iter().map(place).collect();
    (runs, x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_text(text: &str, width: f32) -> Vec<String> {
        let mut fonts = Fonts::new().unwrap();
        let style = Style::new(10.0, crate::ui::theme::printed().text);
        let all = lines(&mut fonts, &[Span::new(text, &style)], width);
        for line in &all {
            assert!(line.width <= width, "{line:?}");
        }
        all.iter().map(|line| line.runs.iter().map(|run| run.text.as_str()).collect::<String>()).collect()
    }

    #[test]
    fn lines_end_between_words_and_nothing_is_lost() {
        let text = "The budget is too small for the north wing, and work-flows begin in May.";
        let lines = broken_text(text, 90.0);
        assert!(lines.len() > 3, "{lines:?}");
        assert_eq!(lines.concat(), text);
        assert!(lines[..lines.len() - 1].iter().all(|line| line.ends_with([' ', '-'])), "{lines:?}");
    }

    #[test]
    fn a_word_without_an_end_and_writing_without_spaces_are_broken_too() {
        let long = "x".repeat(100);
        assert!(broken_text(&long, 60.0).len() > 5);
        let text = "会議の予算は小さすぎます。北棟の工事は五月に始まります。";
        // Where no font has these characters, boxes stand for them, which are narrower.
        let lines = broken_text(text, 40.0);
        assert_eq!(lines.concat(), text);
        assert!(lines.len() > 2 && lines.iter().all(|line| !line.starts_with('。')), "{lines:?}");
        assert_eq!(broken_text("a\n\nb", 80.0), ["a", "", "b"]);
    }
}
