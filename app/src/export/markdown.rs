//! A conversation as Markdown.

use super::{author, date_text, ending, evidence_text, files_of, other_branches};
use crate::say;
use crate::state::Conversation;
use crate::ui::cited::with_quotes;
use crate::words::say;

/// The branch that is shown.
pub(super) fn page(conversation: &Conversation) -> String {
    let mut out = format!("# {}\n\n{}\n", line(&conversation.title), date_text(conversation.created_s));
    if let Some(system) = &conversation.setup.system {
        out.push_str(&format!("\n**{}**\n\n{}\n", say("conversations-instructions"), quoted(system)));
    }
    for exchange in &conversation.exchanges {
        out.push_str("\n---\n\n");
        out.push_str(&format!("**{}** · {}\n\n", say("conversations-you"), date_text(exchange.asked_s)));
        if let Some(passage) = &exchange.context.passage {
            out.push_str(&format!("{}\n>\n> {}\n\n", quoted(&passage.passage.text), line(&passage.source())));
        }
        out.push_str(&exchange.question);
        out.push('\n');
        let files = files_of(conversation, exchange);
        if !files.is_empty() {
            out.push_str(&format!("\n{}\n", say!("conversations-files", names = line(&files.join(", ")))));
        }
        let answer = &exchange.answer;
        let text = with_quotes(answer.text.trim_end(), &answer.evidence);
        out.push_str(&format!("\n**{}**\n\n{text}\n", line(&author(answer))));
        out.extend(ending(answer).map(|text| format!("\n*{}*\n", line(&text))));
        if !answer.evidence.is_empty() {
            out.push_str(&format!("\n{}:\n\n", say("conversations-evidence")));
            out.extend(
                answer
                    .evidence
                    .iter()
                    .zip(1..)
                    .map(|(evidence, number)| format!("{number}. {}\n", line(&evidence_text(evidence)))),
            );
        }
        if !answer.notices.is_empty() {
            out.push('\n');
            out.extend(answer.notices.iter().map(|notice| format!("> {}\n", line(notice))));
        }
    }
    out.extend(other_branches(conversation).map(|text| format!("\n---\n\n*{}*\n", line(&text))));
    out
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

/// Text from a file or a name: one line, and nothing in it is a mark.
fn line(text: &str) -> String {
    let mut out = String::new();
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if "\\`*_[]<>#|".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
