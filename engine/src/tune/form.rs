//! How a question is put, and which answer a chain of thought gives.

use serde::{Deserialize, Serialize};

use super::data::Example;

/// What every prompt begins with.
const TASK: &str =
    "Answer each question. Think step by step, and end with \"The answer is\" and the answer.\n\n";

/// The same where answers come at once.
const TASK_DIRECT: &str = "Answer each question with \"The answer is\" and the answer.\n\n";

/// What stands before a chain.
const STEPS: &str = " Let's think step by step.";

/// What stands before an answer.
const ANSWER: &str = "The answer is";

/// Ends a chain: all of it stands on one line.
pub const END: &str = "\n";

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// For a chain of thought that ends with the answer.
    Steps,
    /// For a chain of thought, with the answer told before: a guide that only helps to find chains.
    Guided,
    /// For the answer alone.
    Directly,
}

/// A question that was answered, shown before others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemplar {
    /// What was asked.
    pub question: String,
    /// The chain, with the answer at its end.
    pub chain: String,
    /// The answer.
    pub answer: String,
}

/// The text around questions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Form {
    /// Shown before each question.
    pub exemplars: Vec<Exemplar>,
}

impl Form {
    /// With the first `most` examples that have a rationale as exemplars.
    pub fn of(examples: &[Example], most: usize) -> Self {
        let exemplar = |example: &Example| {
            let Example { question, answer, rationale } = example.clone();
            Some(Exemplar { question, chain: with_answer(&rationale?, &answer), answer })
        };
        Self { exemplars: examples.iter().filter_map(exemplar).take(most).collect() }
    }

    /// With the first examples as exemplars, for answers without chains.
    pub fn of_answers(examples: &[Example], most: usize) -> Self {
        let most = most.min(examples.len() / 4);
        let exemplar = |example: &Example| Exemplar {
            question: example.question.clone(),
            chain: with_answer("", &example.answer),
            answer: example.answer.clone(),
        };
        // Those with a rationale are the exemplars of other methods, too.
        let (told, untold): (Vec<_>, Vec<_>) =
            examples.iter().partition(|example| example.rationale.is_some());
        Self { exemplars: told.into_iter().chain(untold).take(most).map(exemplar).collect() }
    }

    /// What all prompts of this kind begin with.
    pub fn beginning(&self, asked: Asked) -> String {
        let mut text = if asked == Asked::Directly { TASK_DIRECT } else { TASK }.to_owned();
        for exemplar in &self.exemplars {
            let chain = if asked == Asked::Directly {
                with_answer("", &exemplar.answer)
            } else {
                exemplar.chain.clone()
            };
            let question = self.question(&exemplar.question, &exemplar.answer, asked);
            text.push_str(&format!("{question} {chain}\n\n"));
        }
        text
    }

    /// A question as it follows [`Form::beginning`]; the chain, or the answer, comes next.
    pub fn question(&self, question: &str, answer: &str, asked: Asked) -> String {
        let told = match asked {
            Asked::Steps => STEPS.to_owned(),
            Asked::Guided => format!(" {ANSWER} {answer}.{STEPS}"),
            Asked::Directly => String::new(),
        };
        format!("Question: {question}\nAnswer:{told}")
    }

    /// What the decoder should write for an answer without a chain.
    pub fn direct_answer(&self, answer: &str) -> String {
        format!(" {}{END}", with_answer("", answer))
    }
}

/// A rationale that ends with its answer.
fn with_answer(rationale: &str, answer: &str) -> String {
    match answer_of(rationale) {
        Some(_) => rationale.trim().to_owned(),
        None => format!("{} {ANSWER} {answer}.", rationale.trim()).trim().to_owned(),
    }
}

/// The answer that a chain ends with: what follows the last "The answer is", up to its full stop; `None` when the chain
/// does not end there.
pub fn answer_of(chain: &str) -> Option<String> {
    let chain = chain.trim();
    let lower = chain.to_ascii_lowercase();
    let at = lower.rfind(&ANSWER.to_ascii_lowercase())?;
    let rest = chain[at + ANSWER.len()..].trim_start_matches(':');
    // A sentence that goes on, or that only speaks of these words, is no answer.
    let quotes_them = rest.starts_with('"');
    let answer = rest.trim().strip_suffix('.')?.trim().trim_matches('"');
    let is_one = !quotes_them && !answer.is_empty() && !answer.contains(". ") && !answer.contains('"');
    is_one.then(|| answer.to_owned())
}

/// Whether two answers are the same: letters of either case, any white space, digits with or without commas between.
pub fn is_same(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

/// An answer for comparing.
pub fn plain(answer: &str) -> String {
    let answer = answer.trim().trim_end_matches('.').to_lowercase();
    let chars: Vec<char> = answer.chars().collect();
    let between_digits = |i: usize| {
        chars[i] == ','
            && i > 0
            && chars[i - 1].is_ascii_digit()
            && chars.get(i + 1).is_some_and(char::is_ascii_digit)
    };
    let kept: String = (0..chars.len()).filter(|i| !between_digits(*i)).map(|i| chars[i]).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a chain ends with the right answer.
pub fn is_right(chain: &str, answer: &str) -> bool {
    answer_of(chain).is_some_and(|found| is_same(&found, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_at_the_end_of_its_chain() {
        assert_eq!(answer_of(" 2 + 3 = 5. The answer is 5.").as_deref(), Some("5"));
        assert_eq!(answer_of("The answer is 4. No, the answer is: 1,024.\n").as_deref(), Some("1,024"));
        assert_eq!(answer_of("The answer is 3.5.").as_deref(), Some("3.5"));
        assert_eq!(answer_of("The answer is 5"), None);
        assert_eq!(answer_of("The answer is 5. So there."), None);
        assert_eq!(answer_of("The answer is ."), None);
        assert_eq!(
            answer_of("İ The answer is 5."),
            Some("5".to_owned()),
            "case changes lengths of some letters"
        );
        assert_eq!(answer_of("Five."), None);
        assert_eq!(answer_of("The answer is \"five\".").as_deref(), Some("five"));
        assert_eq!(answer_of("It ends with \"The answer is\" and a full stop."), None);
    }

    #[test]
    fn answers_are_compared_without_case_and_commas_in_numbers() {
        assert!(is_right("So the answer is TRUE.", "True"));
        assert!(is_right("The answer is 1,024.", "1024"));
        assert!(!is_right("The answer is 10,24, 5.", "1024"));
        assert!(!is_right("The answer is 12.", "2"));
    }

    #[test]
    fn guides_tell_the_answer_and_questions_do_not() {
        let example =
            Example { question: "1 + 1?".into(), answer: "2".into(), rationale: Some("One and one.".into()) };
        let form = Form::of(&[example], 3);
        let steps = form.beginning(Asked::Steps);
        assert!(steps.ends_with(
            "Question: 1 + 1?\nAnswer: Let's think step by step. One and one. The answer is 2.\n\n"
        ));
        let guided = form.question("2 + 2?", "4", Asked::Guided);
        assert_eq!(guided, "Question: 2 + 2?\nAnswer: The answer is 4. Let's think step by step.");
        assert!(!form.question("2 + 2?", "4", Asked::Steps).contains('4'));
        assert!(form.beginning(Asked::Directly).ends_with("Question: 1 + 1?\nAnswer: The answer is 2.\n\n"));
    }
}
