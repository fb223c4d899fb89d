//! Stop strings, also across token borders.

/// Passes text on except what could become a stop string.
#[derive(Debug)]
pub struct StopStrings {
    strings: Vec<String>,
    held: String,
}

impl StopStrings {
    /// Empty strings are ignored.
    pub fn new(strings: &[String]) -> Self {
        let strings = strings.iter().filter(|string| !string.is_empty()).cloned().collect();
        Self { strings, held: String::new() }
    }

    /// Adds text; returns what may be shown, and whether a stop string came (it is not shown).
    pub fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        if let Some(at) = self.strings.iter().filter_map(|string| self.held.find(string)).min() {
            let shown = self.held[..at].to_owned();
            self.held.clear();
            return (shown, true);
        }
        let begun = self.strings.iter().map(|string| begun_at_end(&self.held, string)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - begun);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back and turned out not to be a stop string.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that begin `string`.
fn begun_at_end(text: &str, string: &str) -> usize {
    string
        .char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .filter(|length| text.ends_with(&string[..*length]))
        .last()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_string_across_borders_is_found_and_not_shown() {
        let mut stop = StopStrings::new(&["END".into()]);
        assert_eq!(stop.push("abcE"), ("abc".into(), false));
        assert_eq!(stop.push("N"), (String::new(), false));
        assert_eq!(stop.push("D more"), (String::new(), true));
    }

    #[test]
    fn held_text_comes_out_when_it_is_no_stop_string() {
        let mut stop = StopStrings::new(&["END".into()]);
        assert_eq!(stop.push("EN"), (String::new(), false));
        assert_eq!(stop.push("x✓E"), ("ENx✓".into(), false));
        assert_eq!(stop.finish(), "E");
    }

    #[test]
    fn without_stop_strings_nothing_is_held() {
        assert_eq!(StopStrings::new(&[String::new()]).push("abc"), ("abc".into(), false));
    }
}
