//! Find and replace in a transcript.

use std::ops::Range;

use regex::{NoExpand, Regex, RegexBuilder};

use super::document::Document;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// The words, as they stand.
    pub text: String,
    /// Whether capitals matter.
    pub case: bool,
    /// Whether only whole words count.
    pub whole: bool,
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The line.
    pub line: usize,
    /// The bytes of its text.
    pub bytes: Range<usize>,
}

impl Query {
    /// Everything that fits, in order.
    pub fn find(&self, document: &Document) -> Vec<Found> {
        let Some(regex) = self.regex() else { return Vec::new() };
        let lines = document.lines.iter().enumerate();
        lines
            .flat_map(|(line, l)| {
                self.places(&regex, &l.text).into_iter().map(move |bytes| Found { line, bytes })
            })
            .collect()
    }

    /// Everything in a text that fits, in order.
    pub fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        self.regex().map_or_else(Vec::new, |regex| self.places(&regex, text))
    }

    /// A text with everything that fits replaced, and how often that was.
    pub fn replace(&self, text: &str, with: &str) -> (String, usize) {
        let Some(regex) = self.regex() else { return (text.to_owned(), 0) };
        let places = self.places(&regex, text);
        if !self.whole {
            return (regex.replace_all(text, NoExpand(with)).into_owned(), places.len());
        }
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for place in &places {
            out.push_str(&text[from..place.start]);
            out.push_str(with);
            from = place.end;
        }
        out.push_str(&text[from..]);
        (out, places.len())
    }

    /// None for an empty query, which would be everywhere.
    fn regex(&self) -> Option<Regex> {
        let pattern = (!self.text.is_empty()).then(|| regex::escape(&self.text))?;
        RegexBuilder::new(&pattern).case_insensitive(!self.case).build().ok()
    }

    fn places(&self, regex: &Regex, text: &str) -> Vec<Range<usize>> {
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(place) = regex.find_at(text, from).map(|m| m.range()) {
            if self.whole && !stands_alone(text, &place) {
                from = place.start + text[place.start..].chars().next().map_or(1, char::len_utf8);
            } else {
                from = place.end;
                found.push(place);
            }
        }
        found
    }
}

/// Whether no letter or digit touches a place from outside where one stands at its edge.
fn stands_alone(text: &str, place: &Range<usize>) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let inside = &text[place.clone()];
    let before = part(text[..place.start].chars().next_back()) && part(inside.chars().next());
    let after = part(text[place.end..].chars().next()) && part(inside.chars().next_back());
    !before && !after
}
