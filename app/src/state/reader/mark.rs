//! Highlights with their notes.

use serde::{Deserialize, Serialize};

use super::place::Passage;

/// Names a highlight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MarkId(pub i64);

/// The colour of a highlight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Yellow.
    #[default]
    Yellow,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Pink.
    Pink,
}

impl Colour {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Yellow, Self::Green, Self::Blue, Self::Pink];

    /// For people and screen readers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Pink => "pink",
        }
    }
}

/// A highlight, perhaps with a note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Its name.
    pub id: MarkId,
    /// What is highlighted.
    pub passage: Passage,
    /// In which colour.
    pub colour: Colour,
    /// What was written about it.
    pub note: String,
    /// Whether its words are no longer in the document, which changed since.
    #[serde(default)]
    pub is_lost: bool,
}

/// Highlights and notes as Markdown: page by page, each quote with its note below it.
pub fn as_markdown(title: &str, marks: &[Mark]) -> String {
    let mut text = format!("# {}\n", one_line(title));
    let mut page = 0;
    for mark in marks {
        if mark.passage.from.page != page {
            page = mark.passage.from.page;
            text.push_str(&format!("\n## Page {page}\n"));
        }
        text.push('\n');
        for line in mark.passage.text.lines() {
            text.push_str(format!("> {}", escaped(line)).trim_end());
            text.push('\n');
        }
        let mut about = vec![mark.colour.name()];
        about.extend(mark.is_lost.then_some("no longer in the document"));
        text.push_str(&format!("\n*{}*\n", about.join(", ")));
        if !mark.note.trim().is_empty() {
            text.push_str(&format!("\n{}\n", mark.note.trim()));
        }
    }
    text
}

fn one_line(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The words of a document are no Markdown: what would be read as such is shown as it stands.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.char_indices() {
        let special = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~');
        let first = matches!(c, '#' | '+' | '-' | '=' | '>') && text[..i].trim().is_empty();
        let number = matches!(c, '.' | ')') && i > 0 && text[..i].trim().chars().all(|c| c.is_ascii_digit());
        if special || first || number {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::place::TextPos;
    use super::*;

    fn mark(page: u32, text: &str, note: &str) -> Mark {
        let at = TextPos { page, line: 0, byte: 0 };
        let passage = Passage { from: at, to: at, text: text.into(), places: Vec::new(), times_s: None };
        Mark { id: MarkId(1), passage, colour: Colour::Green, note: note.into(), is_lost: false }
    }

    #[test]
    fn exported_notes_stand_below_their_quotes_and_quotes_are_no_markdown() {
        let marks = [
            mark(2, "A *star* is\n\n# not a heading", ""),
            mark(2, "1. one", "  Ask Anna.  "),
            Mark { is_lost: true, ..mark(7, "Gone", "") },
        ];
        let expected = "# a\\_b.pdf\n\n## Page 2\n\n> A \\*star\\* is\n>\n> \\# not a heading\n\n*green*\n\n\
             > 1\\. one\n\n*green*\n\nAsk Anna.\n\n## Page 7\n\n> Gone\n\n*green, no longer in the document*\n";
        assert_eq!(as_markdown("a_b.pdf", &marks), expected);
        assert_eq!(as_markdown("x", &[]), "# x\n");
    }
}
