//! What a run is made from.

use egui::accesskit::Role;
use egui::{
    Align, ComboBox, DragValue, Grid, Layout, RichText, Sense, Stroke, StrokeKind, TextStyle, Ui, Vec2,
    WidgetInfo, WidgetText,
};
use engine::tune::Method;

use super::weak;
use crate::command::{Command, Commands, TeachCommand};
use crate::state::{AppState, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS};
use crate::ui::widgets::{choice_button_ui, elided, text_button_ui};
use crate::words::say;

/// The methods with what they are called and what they do.
const METHODS: [(Method, &str, &str); 4] = [
    (Method::Trice, "teach-method-trice", "teach-method-trice-about"),
    (Method::Star, "teach-method-star", "teach-method-star-about"),
    (Method::Rejection, "teach-method-rejection", "teach-method-rejection-about"),
    (Method::Direct, "teach-method-direct", "teach-method-direct-about"),
];

/// Width of a number: room for the largest, so that nothing moves while it is typed.
const NUMBER: f32 = 56.0;

/// Draws the form.
pub(super) fn form_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let send = |command| commands.send(Command::Teach(command));
    let mut form = state.teach.form.clone();
    ui.label(weak(ui, say("teach-about")));
    ui.add_space(4.0);
    file_ui(ui, state, commands);
    ui.add_space(8.0);
    // Beside the names; a grid itself does not tell how much room there is.
    let room = (ui.available_width() - 140.0).clamp(80.0, 260.0);
    Grid::new("teach form").num_columns(2).spacing([20.0, 12.0]).min_col_width(110.0).show(ui, |ui| {
        ui.label(say("teach-method"));
        ui.vertical(|ui| {
            ui.horizontal_wrapped(|ui| {
                for (method, name, _) in METHODS {
                    if choice_button_ui(ui, say(name), form.method == method).clicked() {
                        form.method = method;
                    }
                }
            });
            if let Some((_, _, about)) = METHODS.iter().find(|(method, ..)| *method == form.method) {
                ui.label(weak(ui, say(about)));
            }
        });
        ui.end_row();

        let label = ui.label(say("teach-model"));
        ui.vertical(|ui| {
            // Of a path the last part says which it is.
            let chosen = elided(&file_name(std::path::Path::new(&form.model)), (room / 9.0) as usize);
            let models = ComboBox::from_id_salt("teach model").width(room).selected_text(chosen);
            let models = models.show_ui(ui, |ui| {
                for row in state.models.rows.iter().filter(|row| row.answers && row.present) {
                    ui.selectable_value(&mut form.model, row.id.clone(), &row.id);
                }
            });
            models.response.labelled_by(label.id);
            ui.label(weak(ui, say("teach-model-about")));
        });
        ui.end_row();

        ui.label(say("teach-budget"));
        ui.horizontal_wrapped(|ui| {
            let number = |ui: &mut Ui, value: &mut usize, range, name: &'static str, tip| {
                let text = weak(ui, name);
                // A number and its words stay on one line, unless a whole line is too short for them.
                let words = WidgetText::from(text.clone());
                let words = words.into_galley(ui, None, f32::INFINITY, TextStyle::Body).size();
                let field = Vec2::new(NUMBER, ui.spacing().interact_size.y);
                let width = NUMBER + words.x + 2.0 * ui.spacing().item_spacing.x + 6.0;
                let size = Vec2::new(width.min(ui.max_rect().width()), field.y.max(words.y));
                ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                    let number = DragValue::new(value).range(range).speed(1.0);
                    let response = ui.add_sized(field, number).on_hover_text(tip);
                    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
                    ui.label(text);
                });
            };
            number(ui, &mut form.steps, 1..=2_000, say("teach-steps"), say("teach-steps-tip"));
            number(ui, &mut form.batch, 4..=64, say("teach-batch"), say("teach-batch-tip"));
            number(ui, &mut form.held_out, 0..=500, say("teach-held-out"), say("teach-held-out-tip"));
            number(ui, &mut form.max_tokens, 16..=512, say("teach-tokens"), say("teach-tokens-tip"));
        });
        ui.end_row();
    });
    if form != state.teach.form {
        send(TeachCommand::Set(Box::new(form)));
    }
    ui.add_space(8.0);
    let start = TeachCommand::Start;
    let why_not = start.enabled(state).err();
    ui.add_enabled_ui(why_not.is_none(), |ui| {
        let button = text_button_ui(ui, Some(Icon::Play), start.label(), true);
        if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
            send(start);
        }
    });
}

/// The file of questions, or where it can be dropped.
fn file_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let choose = TeachCommand::Choose;
    let why_not = choose.enabled(state).err();
    let data = state.teach.form.data.as_ref();
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 76.0), Sense::click());
    let text = match data {
        Some(path) => elided(&file_name(path), 60),
        None => say("teach-drop-here").to_owned(),
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, why_not.is_none(), &text));
    let line = if response.hovered() || response.has_focus() { palette.accent } else { palette.line };
    let fill = if response.hovered() { palette.hovered } else { palette.raised };
    ui.painter().rect(rect, RADIUS, fill, Stroke::new(1.0, line), StrokeKind::Inside);
    let icon =
        egui::Rect::from_center_size(egui::pos2(rect.left() + 34.0, rect.center().y), Vec2::splat(26.0));
    let sign = if data.is_some() { Icon::Document } else { Icon::Download };
    sign.paint(ui.painter(), icon, palette.accent);
    let at = egui::pos2(rect.left() + 62.0, rect.center().y - 11.0);
    let body = egui::FontId::proportional(theme::size::BODY);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, &text, body, palette.text);
    let hint = if state.picking { say("library-dialog-waits") } else { say("teach-file-form") };
    let room = rect.width() - 74.0;
    let small = egui::FontId::proportional(theme::size::SMALL);
    let hint = crate::ui::widgets::galley_elided(ui, hint, small, palette.weak, room, 1);
    ui.painter().galley(at + Vec2::new(0.0, 14.0), hint, palette.weak);
    let tip = match data {
        Some(path) => path.display().to_string(),
        None => choose.label().to_owned(),
    };
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tip).clicked()
        && why_not.is_none()
    {
        commands.send(Command::Teach(choose));
    }
    if let Some(problem) = &state.teach.problem {
        ui.label(RichText::new(problem).color(palette.error));
    }
}
