//! Questions with their answers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A question whose answer is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// What is asked.
    pub question: String,
    /// The right answer, as it stands after "The answer is".
    pub answer: String,
    /// A chain of thought that somebody wrote; it is shown before other questions, and not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
}

/// What a line may hold; numbers count as answers, too.
#[derive(Deserialize)]
struct Line {
    question: Option<String>,
    answer: Option<serde_json::Value>,
    rationale: Option<String>,
}

/// Reads one object per line.
///
/// # Errors
/// [`Error::Io`]; [`Error::Request`] that names the file and the line, and what is missing there.
pub fn read(path: &Path) -> Result<Vec<Example>> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("opening", path, source))?;
    parse(&text, &path.display().to_string())
}

/// As [`read`], of a text that is in memory already; `name` stands in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, name: &str) -> Result<Vec<Example>> {
    /// Fewer cannot be parted into some to learn from and some to check with.
    const FEWEST: usize = 2;
    let mut examples = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let bad = |what: &str| {
            let reason = format!(
                "{name}, line {}: {what}; each line is an object such as {{\"question\": \"2 + 3?\", \"answer\": \"5\"}}",
                i + 1
            );
            Error::Request { reason }
        };
        if line.trim().is_empty() {
            return Err(bad("the line is empty"));
        }
        let line: Line =
            serde_json::from_str(line).map_err(|error| bad(&format!("this is no such object ({error})")))?;
        let answer = match line.answer {
            Some(serde_json::Value::String(answer)) => answer,
            Some(serde_json::Value::Number(answer)) => answer.to_string(),
            Some(serde_json::Value::Bool(answer)) => answer.to_string(),
            Some(_) => return Err(bad("the answer is neither a text nor a number")),
            None => return Err(bad("the answer is missing")),
        };
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let question = line.question.as_deref().map(one_line).filter(|question| !question.is_empty());
        let question = question.ok_or_else(|| bad("the question is missing"))?;
        let answer = one_line(answer.trim().trim_end_matches('.'));
        if answer.is_empty() {
            return Err(bad("the answer is empty"));
        }
        let rationale = line.rationale.as_deref().map(one_line).filter(|rationale| !rationale.is_empty());
        examples.push(Example { question, answer, rationale });
    }
    if examples.len() < FEWEST {
        let reason = format!("{name} has {} questions; at least {FEWEST} are needed", examples.len());
        return Err(Error::Request { reason });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_texts_or_numbers() {
        let text = "{\"question\": \"2 +\\n 3?\", \"answer\": 5}\n{\"question\": \"Who?\", \"answer\": \"Ann.\", \"rationale\": \"So.\"}\n";
        let examples = parse(text, "q.jsonl").unwrap();
        assert_eq!((examples[0].question.as_str(), examples[0].answer.as_str()), ("2 + 3?", "5"));
        assert_eq!((examples[1].answer.as_str(), examples[1].rationale.as_deref()), ("Ann", Some("So.")));
    }

    #[test]
    fn bad_lines_are_named() {
        let good = "{\"question\": \"a\", \"answer\": \"b\"}\n";
        for (line, what) in [
            ("\n", "the line is empty"),
            ("{\"question\": \"a\"}", "the answer is missing"),
            ("{\"question\": \"a\", \"answer\": \" \"}", "the answer is empty"),
            ("{\"question\": \"a\", \"answer\": [1]}", "neither a text nor a number"),
            ("{\"answer\": \"a\"}", "the question is missing"),
            ("question", "no such object"),
        ] {
            let error = parse(&format!("{good}{line}\n{good}"), "q.jsonl").unwrap_err().to_string();
            assert!(error.contains("q.jsonl, line 2") && error.contains(what), "{error}");
        }
        assert!(parse(good, "q.jsonl").unwrap_err().to_string().contains("at least 2"));
        assert!(parse("", "q.jsonl").is_err());
    }
}
