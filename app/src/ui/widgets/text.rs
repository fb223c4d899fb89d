//! Text that must fit.

use std::sync::Arc;

use egui::text::{CCursor, LayoutJob, TextWrapping};
use egui::text_edit::TextEditState;
use egui::{Color32, FontId, Galley, Response, RichText, Ui};

use crate::ui::theme::{self, size, space};

/// Lays text out in at most `rows` rows of `width` points; what does not fit becomes "…".
pub fn galley_elided(
    ui: &Ui,
    text: &str,
    font: FontId,
    colour: Color32,
    width: f32,
    rows: usize,
) -> Arc<Galley> {
    // What is far longer than it can show need not be laid out.
    let text: String = text.chars().take(60 * rows.max(1) + 200).collect();
    let mut job = LayoutJob::simple(text.replace('\n', " "), font, colour, width);
    job.wrap =
        TextWrapping { max_rows: rows, break_anywhere: false, max_width: width, ..TextWrapping::default() };
    if rows == 1 {
        job.wrap.break_anywhere = true;
    }
    ui.painter().layout_job(job)
}

/// Takes the cursor of a field back to the end of its text. A click into text that runs from right to left can put it
/// beyond, and egui 0.37 panics when the next word is deleted from there.
pub fn keep_cursor_inside(field: &Response, text: &str) {
    let Some(mut state) = TextEditState::load(&field.ctx, field.id) else { return };
    let Some(mut range) = state.cursor.char_range() else { return };
    let end = CCursor::new(text.chars().count());
    if range.primary.index > end.index || range.secondary.index > end.index {
        for cursor in [&mut range.primary, &mut range.secondary] {
            cursor.index = cursor.index.min(end.index);
        }
        state.cursor.set_char_range(Some(range));
        state.store(&field.ctx, field.id);
    }
}

/// A name for a label: the middle is left out where it is too long, so that the ending stays.
pub fn elided(name: &str, chars: usize) -> String {
    let n = name.chars().count();
    if n <= chars {
        return name.to_owned();
    }
    let tail = (chars / 3).max(4).min(chars.saturating_sub(2));
    let head: String = name.chars().take(chars - tail - 1).collect();
    let tail: String = name.chars().skip(n - tail).collect();
    format!("{head}…{tail}")
}

/// "1:05", "1:02:07".
pub fn time_text(seconds: f64) -> String {
    let s = seconds.max(0.0).floor() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// The title of a pane.
pub fn title_ui(ui: &mut Ui, text: &str) -> egui::Response {
    ui.label(RichText::new(text).size(size::TITLE).color(theme::palette(ui).strong))
}

/// A field for a few letters by which something is found; it takes the keyboard when it is first drawn.
pub fn search_field_ui(ui: &mut Ui, id: egui::Id, query: &mut String, name: &str) -> egui::Response {
    let field = egui::TextEdit::singleline(query)
        .id(id)
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(space::S, space::S))
        .hint_text(name);
    let is_new = ui.ctx().read_response(id).is_none();
    let response = ui.add(field);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
    if is_new {
        response.request_focus();
    }
    response
}

/// Less important text, as small as it may be.
pub fn caption_ui(ui: &mut Ui, text: &str) -> egui::Response {
    ui.label(RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ending() {
        assert_eq!(elided("short.png", 20), "short.png");
        let long = elided("a very long name of a recording that someone made.flac", 24);
        assert!(long.ends_with("ade.flac") && long.chars().count() == 24, "{long}");
    }

    #[test]
    fn times_show_hours_only_when_there_are_any() {
        assert_eq!(time_text(65.9), "1:05");
        assert_eq!(time_text(3727.0), "1:02:07");
        assert_eq!(time_text(-1.0), "0:00");
    }
}
