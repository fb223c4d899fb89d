//! Where words stand in all conversations.

use egui::accesskit::Role;
use egui::text::LayoutJob;
use egui::{CornerRadius, CursorIcon, FontId, RichText, Sense, TextFormat, Ui, Vec2, WidgetInfo};

use super::sidebar::when_text;
use crate::command::{Command, Commands, TalkCommand};
use crate::say;
use crate::state::{AppState, Hunt, Load, Match};
use crate::ui::theme::{self, RADIUS, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{focus_ring, galley_elided};
use crate::words::say;

/// Draws what was found, in the place of the list.
pub(super) fn found_ui(ui: &mut Ui, hunt: &Hunt, state: &AppState, view: &ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let note = |ui: &mut Ui, text: &str| {
        ui.add_space(8.0);
        ui.horizontal_wrapped(|ui| {
            ui.add_space(8.0);
            ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
        });
    };
    match &hunt.matches {
        Load::None | Load::Loading => note(ui, say("conversations-searching")),
        Load::Failed(reason) => note(ui, reason),
        Load::Ready(matches) if matches.is_empty() => {
            note(ui, &say!("conversations-nothing-found", text = hunt.text.as_str()));
        }
        Load::Ready(matches) => {
            note(ui, &say!("conversations-found", count = matches.len()));
            for (i, found) in matches.iter().enumerate() {
                match_ui(ui, i, found, state, view, commands);
            }
        }
    }
}

fn match_ui(ui: &mut Ui, i: usize, found: &Match, state: &AppState, view: &ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), if found.exchange.is_some() { 72.0 } else { 44.0 });
    let (rect, response) = ui.push_id(i, |ui| ui.allocate_exact_size(size, Sense::click())).inner;
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Button,
            true,
            say!("conversations-match", title = found.title.as_str(), text = found.text.as_str()),
        )
    });
    if ui.is_rect_visible(rect) {
        let shown = found.exchange.is_some() && view.found == found.exchange;
        if shown || response.hovered() {
            let fill = if shown { palette.selected } else { palette.hovered };
            ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
        }
        focus_ring(ui, &response);
        let width = rect.width() - 20.0;
        let small = FontId::proportional(size::SMALL);
        let at = rect.min + Vec2::new(10.0, 6.0);
        if found.exchange.is_some() {
            let when = when_text(found.when_s, state.now_s);
            let when = ui.painter().layout_no_wrap(when, small.clone(), palette.weak);
            let room = width - when.size().x - 8.0;
            let title = galley_elided(ui, &found.title, FontId::proportional(13.5), palette.text, room, 1);
            ui.painter().galley(at, title, palette.text);
            let right = egui::pos2(rect.right() - 10.0 - when.size().x, at.y + 1.0);
            ui.painter().galley(right, when, palette.weak);
        }
        let below = if found.exchange.is_some() { 22.0 } else { 3.0 };
        let job = marked(found, palette, width);
        ui.painter().galley(at + Vec2::new(0.0, below), ui.painter().layout_job(job), palette.weak);
    }
    if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
        commands.send(Command::Talk(TalkCommand::Jump(found.conversation, found.exchange)));
    }
}

/// The words around it, with what was looked for on the colour of quotes.
fn marked(found: &Match, palette: &theme::Palette, width: f32) -> LayoutJob {
    let font = FontId::proportional(size::SMALL);
    let plain = TextFormat::simple(font.clone(), palette.weak);
    let hit = TextFormat { background: palette.mark, ..TextFormat::simple(font, palette.text) };
    let mut job = LayoutJob::default();
    let mut from = 0;
    for mark in &found.marks {
        // What was found in one text is drawn in the same; a range outside it would be a fault of ours.
        let (Some(before), Some(words)) = (found.text.get(from..mark.start), found.text.get(mark.clone()))
        else {
            continue;
        };
        job.append(before, 0.0, plain.clone());
        job.append(words, 0.0, hit.clone());
        from = mark.end;
    }
    job.append(found.text.get(from..).unwrap_or_default(), 0.0, plain);
    job.wrap.max_width = width;
    job.wrap.max_rows = 2;
    job
}
