//! Conversations as files: Markdown, HTML and PDF to read, JSON to take in again.

mod html;

mod json;

mod markdown;

mod pdf;

use engine::Evidence;
use engine::media::Kind;

pub use json::{import, renumber};

use crate::say;
use crate::state::{Answer, AnswerStatus, Conversation, Exchange, file_name};
use crate::ui::place_text;
use crate::words::say;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with marks.
    Markdown,
    /// One page that needs nothing else.
    Html,
    /// Pages to print or hand on.
    Pdf,
    /// Everything, on all branches.
    Json,
}

impl Format {
    /// In the order of the menu.
    pub const ALL: [Self; 4] = [Self::Markdown, Self::Html, Self::Pdf, Self::Json];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "Markdown",
            Self::Html => "HTML",
            Self::Pdf => "PDF",
            Self::Json => say("conversations-format-json"),
        }
    }

    /// What the file's name ends with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Json => "json",
        }
    }
}

/// A conversation as the bytes of a file.
///
/// # Errors
/// When it cannot be put into this form.
pub fn bytes(conversation: &Conversation, format: Format) -> anyhow::Result<Vec<u8>> {
    match format {
        Format::Markdown => Ok(markdown::page(conversation).into_bytes()),
        Format::Html => Ok(html::page(conversation).into_bytes()),
        Format::Pdf => pdf::file(conversation),
        Format::Json => json::file(conversation),
    }
}

/// A name for the file, without what file systems do not take.
pub fn file_stem(title: &str) -> String {
    let kept = title.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { ' ' } else { c });
    let kept: String = kept.take(80).collect();
    let stem = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let stem = stem.trim_matches(['.', ' ']);
    if stem.is_empty() { "conversation".to_owned() } else { stem.to_owned() }
}

/// "2026-11-27 10:44 UTC", from seconds since 1970 (Howard Hinnant, days_from_civil, backwards).
fn date_text(at_s: f64) -> String {
    let s = at_s as i64;
    let (days, second) = (s.div_euclid(86_400), s.rem_euclid(86_400));
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + 400 * era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", second / 3600, second / 60 % 60)
}

/// The files that were added with a question, by name.
fn files_of(conversation: &Conversation, exchange: &Exchange) -> Vec<String> {
    exchange.attachments.iter().filter_map(|id| Some(conversation.attachment(*id)?.name())).collect()
}

/// Pictures that were added with a question.
fn pictures_of<'a>(
    conversation: &'a Conversation,
    exchange: &'a Exchange,
) -> impl Iterator<Item = &'a std::path::Path> {
    let files = exchange.attachments.iter().filter_map(|id| conversation.attachment(*id));
    files.filter(|file| file.kind == Some(Kind::Picture)).map(|file| file.path.as_path())
}

/// "report.pdf, page 3: “It says so.”"
fn evidence_text(evidence: &Evidence) -> String {
    let place = format!("{}, {}", file_name(&evidence.source), place_text(&evidence.place));
    match (&evidence.quote, &evidence.label) {
        (Some(quote), _) => format!("{place}: “{}”", quote.split_whitespace().collect::<Vec<_>>().join(" ")),
        (None, Some(label)) => format!("{place}: {label}"),
        (None, None) => place,
    }
}

/// Who wrote an answer, and whether somebody changed it.
fn author(answer: &Answer) -> String {
    let mut author = if answer.model.is_empty() { "Medley".to_owned() } else { answer.model.clone() };
    if let Some(adapter) = &answer.adapter {
        author = format!("{author}, {}", say!("teach-tuned-with", name = adapter.as_str()));
    }
    match answer.original {
        Some(_) => format!("{author} ({})", say("conversations-edited")),
        None => author,
    }
}

/// Why an answer is not whole.
fn ending(answer: &Answer) -> Option<String> {
    use crate::state::StopReason;
    match &answer.status {
        AnswerStatus::Failed(reason) => Some(format!("{}: {reason}", say("conversations-not-answered"))),
        AnswerStatus::Interrupted => Some(say("conversations-interrupted").to_owned()),
        AnswerStatus::Done(StopReason::Cancelled) => Some(say("conversations-stopped").to_owned()),
        _ => None,
    }
}

/// What a reader of one branch must know about the others.
fn other_branches(conversation: &Conversation) -> Option<String> {
    let n = conversation.aside.len();
    (n > 0).then(|| say!("conversations-other-branches", count = n))
}

#[cfg(test)]
mod tests;
