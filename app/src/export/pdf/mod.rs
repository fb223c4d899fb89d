//! A conversation as a PDF: A4 pages with embedded fonts, numbers that lead to the evidence, and the evidence's quotes.

mod fonts;

mod lines;

mod markdown;

mod pages;

use krilla::image::Image;

use self::fonts::Fonts;
use self::lines::{Span, Style};
use self::pages::{Around, Pages};
use super::{author, date_text, ending, files_of, other_branches, pictures_of};
use crate::say;
use crate::state::{Conversation, Exchange, chain_name, file_name, votes};
use crate::ui::place_text;
use crate::ui::theme::{self, Palette};
use crate::words::say;

/// Size of text, in points.
const BODY: f32 = 10.5;

/// Size of captions, in points.
const SMALL: f32 = 8.5;

/// Longest side of a picture on the page, in points.
const PICTURE: f32 = 150.0;

/// Longest side of a picture in the file, in pixels: about 200 to an inch.
const PICTURE_PX: u32 = 420;

/// The branch that is shown.
///
/// # Errors
/// When a font cannot be read or the file cannot be put together.
pub(super) fn file(conversation: &Conversation) -> anyhow::Result<Vec<u8>> {
    let palette = theme::printed();
    let mut pages = Pages::new(Fonts::new()?);
    let weak = Style::new(SMALL, palette.weak);
    let body = Style::new(BODY, palette.text);
    pages.text(
        &[Span::new(line(&conversation.title), &Style::new(20.0, palette.strong).bold())],
        Around::default(),
    );
    pages.text(&[Span::new(date_text(conversation.created_s), &weak)], Around::default());
    if let Some(system) = &conversation.setup.system {
        pages.space(10.0);
        caption(&mut pages, say("conversations-instructions"), &weak.clone().bold());
        pages.text(
            &[Span::new(system.trim_end(), &body)],
            Around { left: 12.0, bar: Some(palette.line), ..Around::default() },
        );
    }
    for (i, exchange) in conversation.exchanges.iter().enumerate() {
        pages.space(16.0);
        pages.keep(90.0);
        pages.rule(palette.line);
        pages.space(12.0);
        question(&mut pages, palette, conversation, exchange);
        pages.space(10.0);
        answer(&mut pages, palette, conversation, exchange, i);
    }
    if let Some(text) = other_branches(conversation) {
        pages.space(16.0);
        pages.rule(palette.line);
        pages.space(8.0);
        pages.text(&[Span::new(text, &weak)], Around::default());
    }
    pages.file(&line(&conversation.title), &weak)
}

/// On one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A small title that does not stand alone at the end of a page.
fn caption(pages: &mut Pages, text: &str, style: &Style) {
    pages.keep(44.0);
    pages.text(&[Span::new(text, style)], Around::default());
    pages.space(2.0);
}

fn question(pages: &mut Pages, palette: &Palette, conversation: &Conversation, exchange: &Exchange) {
    let weak = Style::new(SMALL, palette.weak);
    pages.mark_contents(Conversation::title_from(&exchange.question));
    let who = Span::new(say("conversations-you"), &weak.clone().bold());
    let when = Span::new(format!("  ·  {}", date_text(exchange.asked_s)), &weak);
    pages.text(&[who, when], Around::default());
    pages.space(3.0);
    let pictures: Vec<Image> = pictures_of(conversation, exchange).filter_map(picture).collect();
    if !pictures.is_empty() {
        pages.pictures(pictures, PICTURE);
    }
    let files = files_of(conversation, exchange);
    if !files.is_empty() {
        let names = say!("conversations-files", names = files.join(", "));
        pages.text(&[Span::new(names, &weak)], Around::default());
        pages.space(3.0);
    }
    let quoted = Around { left: 12.0, bar: Some(palette.accent), ..Around::default() };
    if let Some(passage) = &exchange.context.passage {
        let mut style = Style::new(BODY, palette.weak);
        style.is_slanted = true;
        pages.text(&[Span::new(passage.passage.text.trim(), &style)], quoted);
        pages.text(&[Span::new(passage.source(), &weak)], quoted);
        pages.space(4.0);
    }
    let style = Style::new(12.0, palette.strong).bold();
    pages.text(&[Span::new(exchange.question.trim_end(), &style)], Around::default());
}

fn answer(
    pages: &mut Pages,
    palette: &Palette,
    conversation: &Conversation,
    exchange: &Exchange,
    number: usize,
) {
    let answer = &exchange.answer;
    let (weak, warn) = (Style::new(SMALL, palette.weak), Style::new(SMALL, palette.warn));
    caption(pages, &author(answer), &Style::new(SMALL, palette.accent).bold());
    let tells_missing = conversation.rests_on_files(exchange);
    let has_missing = markdown::write(pages, palette, &answer.text, number, &answer.evidence, tells_missing);
    if let Some(text) = ending(answer) {
        pages.text(&[Span::new(text, &warn)], Around::default());
    }
    if has_missing {
        let text = format!("[?] {}", say("media-no-source-why"));
        pages.text(&[Span::new(text, &warn)], Around::default());
    }
    thoughts(pages, palette, exchange);
    if !answer.evidence.is_empty() {
        pages.space(6.0);
        caption(pages, say("conversations-evidence"), &weak.clone().bold());
        for (i, evidence) in answer.evidence.iter().enumerate() {
            pages.keep(BODY * 4.0);
            pages.mark_evidence(number, i);
            let around = Around { left: 22.0, ..Around::default() };
            pages.marker(&[Span::new(format!("[{}]", i + 1), &Style::new(9.5, palette.accent))], around);
            let place = format!("{}, {}", file_name(&evidence.source), place_text(&evidence.place));
            pages.text(&[Span::new(place, &Style::new(9.5, palette.text))], around);
            let quoted = Around { left: 32.0, bar: Some(palette.mark), ..around };
            if let Some(quote) = &evidence.quote {
                let mut style = Style::new(9.5, palette.text);
                style.is_slanted = true;
                pages.text(&[Span::new(format!("“{}”", line(quote)), &style)], quoted);
            } else if let Some(label) = &evidence.label {
                pages.text(&[Span::new(label.as_str(), &Style::new(9.5, palette.text))], quoted);
            }
            pages.space(5.0);
        }
    }
    for notice in &answer.notices {
        pages.text(
            &[Span::new(line(notice), &warn)],
            Around { left: 12.0, bar: Some(palette.warn), ..Around::default() },
        );
        pages.space(3.0);
    }
}

/// The chains of thought, all of them open: paper has nothing to click.
fn thoughts(pages: &mut Pages, palette: &Palette, exchange: &Exchange) {
    let thoughts = &exchange.answer.thoughts;
    if thoughts.is_empty() {
        return;
    }
    let weak = Style::new(SMALL, palette.weak);
    pages.space(6.0);
    let votes = votes(thoughts);
    let total = thoughts.iter().filter(|thought| thought.chain > 0).count();
    let title = match votes.first() {
        Some((answer, count)) => say!("teach-vote", count = *count, total = total, answer = answer.as_str()),
        None => say!("teach-vote-none", total = total),
    };
    caption(pages, &title, &weak.clone().bold());
    let others = votes.len() > 1;
    for (answer, count) in votes.iter().skip(1) {
        let text = say!("teach-vote-other", count = *count, answer = answer.as_str());
        pages.text(&[Span::new(text, &weak)], Around::default());
    }
    pages.space(if others { 4.0 } else { 0.0 });
    for thought in thoughts {
        pages.keep(SMALL * 5.0);
        let around = Around { left: 12.0, bar: Some(palette.line), ..Around::default() };
        let answer = thought.answer.as_deref().unwrap_or(say("teach-chain-no-answer"));
        let title = format!("{}  ·  {answer}", chain_name(thought));
        pages.text(&[Span::new(title, &Style::new(SMALL, palette.text).bold())], around);
        pages.text(&[Span::new(thought.text.trim(), &weak)], around);
        pages.space(4.0);
    }
}

/// A small picture; none when its file is gone, and its name stands there anyway.
fn picture(path: &std::path::Path) -> Option<Image> {
    let picture = engine::media::thumbnail(path, PICTURE_PX, None).ok()?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).ok()?;
    Image::from_jpeg(bytes.into_inner().into(), true).ok()
}
