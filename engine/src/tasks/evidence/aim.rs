//! What a question is after: which kind of finding, an overview or a fact, a page, a time, a file.

use std::path::Path;

use super::words::{all_words, is_stop_word, stem};
use crate::sequence::Finding;

/// Words that ask for what was spoken.
const SPEECH: &str = "say said says saying hear heard speak speaks speaker spoken speech talk talks talking \
    voice tell tells told mention mentioned mentions audio recording sound transcript transcribe narrator \
    listen conversation discuss discussed";

/// Words that ask for what is written.
const WRITING: &str = "text read reads written write writes writing sign title letters caption printed word \
    words line lines poster headline sentence paragraph handwriting inscription";

/// Words that ask for what is seen.
const SIGHT: &str = "picture pictures photo photograph image images see seen show shows shown look looks \
    looking animal object objects visible appear appears scene frame thumbnail breed species";

/// Words that ask for a whole instead of a part.
const WHOLE: &str = "happen happens happening happened describe description summarise summarize summary \
    overview main point points content contents contain contains video film clip movie document file page \
    pages pdf book article key gist topic explain thing things everything attached attachment medium \
    media subject overall general short brief briefly sentences story detail details first last one two three four five few";

/// Words that only ask for a measure after "how".
const MEASURES: [&str; 9] = ["long", "many", "much", "often", "far", "old", "big", "large", "tall"];

/// What a question is after.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Aim {
    /// Terms of the question, for the search by words.
    pub terms: Vec<String>,
    /// It asks for the whole, not for a part: "What is said?", "Summarise this."
    pub overview: bool,
    /// It names a page, counted from 1.
    pub page: Option<u32>,
    /// It names a time, in seconds.
    pub time_s: Option<f64>,
    speech: bool,
    writing: bool,
    sight: bool,
    words: Vec<String>,
}

impl Aim {
    pub(super) fn of(question: &str) -> Self {
        let words: Vec<String> = all_words(question).collect();
        let any = |list: &str| words.iter().any(|word| list.split_ascii_whitespace().any(|w| w == word));
        let (speech, writing, sight) = (any(SPEECH), any(WRITING), any(SIGHT));
        let is_general = |word: &str| {
            [SPEECH, WRITING, SIGHT, WHOLE]
                .iter()
                .any(|list| list.split_ascii_whitespace().any(|w| w == word))
        };
        // "How long is …?" asks for a measure; the word itself need not stand in the answer.
        let measures = |i: usize| i > 0 && words[i - 1] == "how" && MEASURES.contains(&words[i].as_str());
        let content: Vec<&String> = words
            .iter()
            .enumerate()
            .filter(|(i, word)| !is_stop_word(word) && !measures(*i))
            .map(|(_, word)| word)
            .collect();
        // "animal", "breed": general words that still ask for a part.
        let asks_for_a_kind = any("animal object objects breed species");
        Self {
            terms: content.iter().map(|word| stem(word)).collect(),
            overview: !asks_for_a_kind && content.iter().all(|word| is_general(word)),
            page: number_after(&words, &["page", "p"]),
            time_s: clock_time(question),
            // "What does the text say?" asks for writing.
            speech: speech && !writing,
            writing,
            sight,
            words: plain_words(question),
        }
    }

    /// How much a kind of finding is worth for this question, 0 to 1.
    pub(super) fn weight(&self, finding: &Finding) -> f32 {
        let asked = match finding {
            Finding::DocumentText => return 1.0,
            Finding::Speech { .. } => self.speech,
            Finding::PictureText { .. } => self.writing,
            Finding::Tag { .. } => self.sight,
        };
        if asked || !(self.speech || self.writing || self.sight) {
            return 1.0;
        }
        // Pictures of writing are looked at, too: "What can you see?" may mean the words.
        match finding {
            Finding::PictureText { .. } if self.sight => 0.8,
            Finding::Tag { .. } if self.writing || self.speech => 0.3,
            _ => 0.6,
        }
    }

    /// Whether the question speaks of something that is looked at.
    pub(super) fn points_at_a_picture(&self) -> bool {
        self.sight || (self.words.len() <= 6 && self.words.iter().any(|w| w == "this" || w == "that"))
    }

    /// Whether the question names this file.
    pub(super) fn names(&self, path: &Path) -> bool {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
        let parts = plain_words(&stem);
        !parts.is_empty()
            && parts.iter().any(|part| part.len() > 3)
            && self.words.windows(parts.len()).any(|window| window == parts.as_slice())
    }
}

/// Runs of letters and digits in lower case: "manual.pdf" is two.
fn plain_words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The number after one of these words: "page 12".
fn number_after(words: &[String], names: &[&str]) -> Option<u32> {
    words.windows(2).find(|pair| names.contains(&pair[0].as_str())).and_then(|pair| pair[1].parse().ok())
}

/// A time as clocks show it: "1:05" is 65 seconds, "1:00:00" an hour.
fn clock_time(question: &str) -> Option<f64> {
    question.split(|c: char| c.is_whitespace() || ",;?!()".contains(c)).find_map(|word| {
        let parts: Vec<&str> = word.trim_end_matches('.').split(':').collect();
        let numbers: Option<Vec<f64>> = parts
            .iter()
            .map(|part| part.parse::<f64>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit())))
            .collect();
        let numbers = numbers.filter(|numbers| (2..=3).contains(&numbers.len()))?;
        Some(numbers.iter().fold(0.0, |total, part| total * 60.0 + part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKEN: Finding = Finding::Speech { confidence: 1.0 };
    const WRITTEN: Finding = Finding::PictureText { confidence: 1.0 };
    const TAG: Finding = Finding::Tag { probability: 1.0 };

    #[test]
    fn questions_for_the_whole_are_told_from_questions_for_a_part() {
        for whole in [
            "What is said?",
            "What is in the picture?",
            "What happens in the video?",
            "What does the text say?",
            "Summarise this document in two sentences.",
            "",
        ] {
            assert!(Aim::of(whole).overview, "{whole}");
        }
        for part in
            ["What animal is this?", "Who wrote the letter to Elinor?", "How long does the battery last?"]
        {
            assert!(!Aim::of(part).overview, "{part}");
        }
    }

    #[test]
    fn a_question_weighs_the_kind_it_asks_for_most() {
        for (question, best) in [
            ("What is said?", SPOKEN),
            ("What does the text say?", WRITTEN),
            ("What animal is this?", TAG),
            ("Which objects are in the photo?", TAG),
        ] {
            let aim = Aim::of(question);
            for finding in [SPOKEN, WRITTEN, TAG] {
                let (this, most) = (aim.weight(&finding), aim.weight(&best));
                assert!(if finding == best { this == 1.0 } else { this < most }, "{question} {finding:?}");
            }
        }
        assert_eq!(Aim::of("How long is the warranty?").weight(&SPOKEN), 1.0);
    }

    #[test]
    fn pages_times_and_files_are_heard() {
        assert_eq!(Aim::of("What does page 12 say?").page, Some(12));
        assert_eq!(Aim::of("What happens at 1:05?").time_s, Some(65.0));
        assert_eq!(Aim::of("And at 1:00:00, then?").time_s, Some(3600.0));
        assert_eq!(Aim::of("What is a ratio a:b?").time_s, None);
        assert!(Aim::of("What does manual.pdf say?").names(Path::new("/x/manual.pdf")));
        assert!(!Aim::of("What does it say?").names(Path::new("/x/manual.pdf")));
    }
}
