//! What was found in a file, as text, with the quote marked.

use egui::accesskit::Role;
use egui::text::{LayoutJob, TextFormat};
use egui::{Align, CursorIcon, FontId, RichText, Sense, Ui, Vec2, WidgetInfo, pos2};
use engine::tasks::ask::ReadFile;
use engine::{Finding, Place};

use super::time_text;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::words::say;

/// The spoken lines of a recording; the one at `part` is lit. Returns the second that was clicked.
pub fn transcript_ui(
    ui: &mut Ui,
    read: &ReadFile,
    part: Option<(f64, f64)>,
    view: &mut ViewState,
) -> Option<f64> {
    let palette = theme::palette(ui);
    let mut seek = None;
    for (i, span) in read.spans.iter().enumerate() {
        let (Place::Time { start_s, end_s }, Finding::Speech { .. }) = (&span.place, span.finding) else {
            continue;
        };
        let lit = part.is_some_and(|(from_s, to_s)| *start_s < to_s - 0.05 && from_s + 0.05 < *end_s);
        let font = FontId::proportional(size::BODY);
        let width = (ui.available_width() - 64.0).max(40.0);
        let galley = ui.painter().layout(span.text.trim().to_owned(), font, palette.text, width);
        let height = (galley.size().y + 10.0).max(30.0);
        let (rect, response) = ui
            .push_id(i, |ui| ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::click()))
            .inner;
        response.widget_info(|| {
            let text = format!("{} {}", time_text(*start_s), span.text.trim());
            WidgetInfo::selected(Role::Button, true, lit, text)
        });
        if lit {
            ui.painter().rect_filled(rect, 6.0, palette.mark);
            if std::mem::take(&mut view.scroll_to_quote) {
                ui.scroll_to_rect(rect, Some(Align::Center));
            }
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 6.0, palette.hovered);
        }
        super::button::focus_ring(ui, &response);
        let time_colour = if lit { palette.text } else { palette.weak };
        let time = ui.painter().layout_no_wrap(time_text(*start_s), FontId::monospace(12.5), time_colour);
        ui.painter().galley(rect.min + Vec2::new(8.0, 7.0), time, time_colour);
        ui.painter().galley(pos2(rect.left() + 58.0, rect.top() + 5.0), galley, palette.text);
        if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
            seek = Some(*start_s);
        }
    }
    seek
}

/// The text of one page; the quote is marked where it stands.
pub fn document_text_ui(ui: &mut Ui, read: &ReadFile, page: u32, quote: Option<&str>, view: &mut ViewState) {
    let palette = theme::palette(ui);
    let mut any = false;
    for span in read.spans.iter() {
        if !matches!(span.place, Place::Page { page: at, .. } if at == page) {
            continue;
        }
        any = true;
        let marked = quote.and_then(|quote| find(&span.text, quote));
        let mut job = LayoutJob::default();
        job.wrap.max_width = ui.available_width();
        let format = |background| TextFormat {
            font_id: FontId::proportional(size::BODY),
            color: palette.text,
            background,
            line_height: Some(1.45 * size::BODY),
            ..TextFormat::default()
        };
        let plain = format(egui::Color32::TRANSPARENT);
        match &marked {
            Some(range) => {
                job.append(&span.text[..range.start], 0.0, plain.clone());
                job.append(&span.text[range.clone()], 0.0, format(palette.mark));
                job.append(&span.text[range.end..], 0.0, plain);
            }
            None => job.append(&span.text, 0.0, plain),
        }
        let response = ui.label(job);
        if marked.is_some() && std::mem::take(&mut view.scroll_to_quote) {
            ui.scroll_to_rect(response.rect, Some(Align::Center));
        }
        ui.add_space(4.0);
    }
    if !any {
        ui.label(RichText::new(say("media-no-text")).color(palette.weak));
    }
}

/// Where a quote stands in a text, however the white space between its words is.
/// Marking the wrong place is worse than marking none: it must be all there.
fn find(text: &str, quote: &str) -> Option<std::ops::Range<usize>> {
    let words: Vec<&str> = quote.split_whitespace().collect();
    let first = *words.first()?;
    'starts: for (start, _) in text.match_indices(first) {
        let mut at = start + first.len();
        for word in &words[1..] {
            let rest = &text[at..];
            let gap = rest.len() - rest.trim_start().len();
            if gap == 0 || !rest[gap..].starts_with(word) {
                continue 'starts;
            }
            at += gap + word.len();
        }
        return Some(start..at);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_found_across_line_breaks_and_only_when_it_is_all_there() {
        let text = "The büdget\n  is too small. The budget is large.";
        let range = find(text, "büdget is too small.").unwrap();
        assert_eq!(&text[range], "büdget\n  is too small.");
        assert_eq!(find(text, "The budget is small"), None);
        assert_eq!(&text[find(text, "The budget is").unwrap()], "The budget is");
        assert_eq!(find(text, "  "), None);
    }
}
