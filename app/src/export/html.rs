//! A conversation as one page of HTML that loads nothing: what a model wrote runs no script and fetches no picture.

use base64::Engine as _;
use engine::Evidence;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};
use sha2::{Digest as _, Sha256};

use super::{author, date_text, ending, evidence_text, files_of, other_branches, pictures_of};
use crate::say;
use crate::state::Conversation;
use crate::ui::cited::{Mark, with_marks};
use crate::words::say;

/// Longest side of a picture in the page, in pixels.
const PICTURE_PX: u32 = 640;

const STYLE: &str = include_str!("page.css");

/// What the page may load: this one style, and pictures that are inside it.
fn policy() -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; img-src data:")
}

/// The branch that is shown.
pub(super) fn page(conversation: &Conversation) -> String {
    let mut body = format!("<h1>{}</h1>\n", escaped(&conversation.title));
    body.push_str(&format!("<p class=\"when\">{}</p>\n", date_text(conversation.created_s)));
    if let Some(system) = &conversation.setup.system {
        let name = escaped(say("conversations-instructions"));
        body.push_str(&format!(
            "<details><summary>{name}</summary><p class=\"plain\">{}</p></details>\n",
            escaped(system)
        ));
    }
    for (number, exchange) in conversation.exchanges.iter().enumerate() {
        body.push_str("<section class=\"question\">\n");
        for picture in pictures_of(conversation, exchange) {
            body.extend(picture_tag(picture));
        }
        let files = files_of(conversation, exchange);
        if !files.is_empty() {
            let names = say!("conversations-files", names = files.join(", "));
            body.push_str(&format!("<p class=\"small\">{}</p>\n", escaped(&names)));
        }
        if let Some(passage) = &exchange.context.passage {
            let (text, source) = (escaped(passage.passage.text.trim()), escaped(&passage.source()));
            body.push_str(&format!("<blockquote>{text}<footer>{source}</footer></blockquote>\n"));
        }
        body.push_str(&format!("<p class=\"plain\">{}</p>\n", escaped(&exchange.question)));
        body.push_str(&format!("<p class=\"when\">{}</p>\n</section>\n", date_text(exchange.asked_s)));
        let answer = &exchange.answer;
        body.push_str("<section class=\"answer\">\n");
        let tells_missing = conversation.rests_on_files(exchange);
        body.push_str(&rendered(&answer.text, number, &answer.evidence, tells_missing));
        body.extend(ending(answer).map(|text| format!("<p class=\"small\">{}</p>\n", escaped(&text))));
        if !answer.evidence.is_empty() {
            body.push_str(&format!(
                "<p class=\"small\">{}</p>\n<ol class=\"evidence\">\n",
                escaped(say("conversations-evidence"))
            ));
            body.extend(answer.evidence.iter().zip(1..).map(|(evidence, index)| {
                format!("<li id=\"e-{number}-{index}\">{}</li>\n", escaped(&evidence_text(evidence)))
            }));
            body.push_str("</ol>\n");
        }
        body.extend(answer.notices.iter().map(|n| format!("<p class=\"notice\">{}</p>\n", escaped(n))));
        body.push_str(&format!("<p class=\"when\">{}</p>\n</section>\n", escaped(&author(answer))));
    }
    body.extend(
        other_branches(conversation).map(|text| format!("<p class=\"when\">{}</p>\n", escaped(&text))),
    );
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"Medley\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        policy(),
        escaped(&conversation.title)
    )
}

/// A picture inside the page; none when its file is gone, and its name stands there anyway.
fn picture_tag(path: &std::path::Path) -> Option<String> {
    let picture = engine::media::thumbnail(path, PICTURE_PX, None).ok()?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).ok()?;
    let data = base64::engine::general_purpose::STANDARD.encode(bytes.into_inner());
    let name = escaped(&crate::state::file_name(path));
    Some(format!("<img alt=\"{name}\" src=\"data:image/jpeg;base64,{data}\">\n"))
}

/// Numbers that lead to the evidence, or that there is none.
fn mark_tag(mark: &Mark, number: usize) -> String {
    match mark {
        Mark::Evidence(indices) => {
            let link = |index: &usize| format!("<a href=\"#e-{number}-{0}\">[{0}]</a>", index + 1);
            format!("<sup>{}</sup>", indices.iter().map(link).collect::<String>())
        }
        Mark::Nothing => format!("<sup title=\"{}\">[?]</sup>", escaped(say("media-no-source-why"))),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Markdown as HTML with the numbers of its evidence; tags in it are text, pictures are their description, and links lead
/// to the web only.
fn rendered(text: &str, number: usize, evidence: &[Evidence], tells_missing: bool) -> String {
    let text = with_marks(text, evidence, tells_missing);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH;
    let is_web = |url: &str| ["http://", "https://", "mailto:"].iter().any(|start| url.starts_with(start));
    // Whether each link that is open is one.
    let mut links = Vec::new();
    let events = Parser::new_ext(&text, options).filter_map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        Event::InlineMath(text) => Some(match Mark::from_text(&text) {
            Some(mark) => Event::InlineHtml(mark_tag(&mark, number).into()),
            None => Event::Text(format!("${text}$").into()),
        }),
        Event::DisplayMath(text) => Some(Event::Text(format!("$${text}$$").into())),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        Event::Start(Tag::Image { dest_url, .. }) => {
            Some(Event::Text(CowStr::from(format!("[{dest_url}] "))))
        }
        Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { dest_url, link_type, title, id }) => {
            links.push(is_web(&dest_url));
            is_web(&dest_url).then_some(Event::Start(Tag::Link { dest_url, link_type, title, id }))
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link)),
        event => Some(event),
    });
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, events);
    out
}
