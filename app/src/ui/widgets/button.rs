//! Buttons that say what they do, to the eye and to a screen reader.

use egui::accesskit::Role;
use egui::{Color32, CornerRadius, CursorIcon, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, RADIUS};

/// A square button with an icon; `why_not` disables it and becomes its tooltip.
pub fn icon_button_ui(
    ui: &mut Ui,
    icon: Icon,
    label: &str,
    tooltip: &str,
    why_not: Option<&str>,
) -> Response {
    let palette = theme::palette(ui);
    let enabled = why_not.is_none() && ui.is_enabled();
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(CONTROL), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, label));
    if ui.is_rect_visible(rect) {
        let colour = if enabled { palette.text } else { palette.weak.gamma_multiply(0.6) };
        if enabled && (response.hovered() || response.is_pointer_button_down_on()) {
            ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), palette.hovered);
        }
        focus_ring(ui, &response);
        icon.paint(ui.painter(), rect.shrink(7.0), colour);
    }
    let tip = match why_not {
        Some(reason) => format!("{tooltip}\n{reason}"),
        None => tooltip.to_owned(),
    };
    response
        .on_hover_cursor(if enabled { CursorIcon::PointingHand } else { CursorIcon::Default })
        .on_hover_text(tip)
}

/// An icon button that sends a command and knows whether it can run.
pub fn command_button_ui(
    ui: &mut Ui,
    icon: Icon,
    command: Command,
    state: &AppState,
    commands: &Commands,
) -> Response {
    let why_not = command.enabled(state).err();
    let tooltip = command.tooltip(ui.ctx());
    let response = icon_button_ui(ui, icon, command.label(), &tooltip, why_not);
    if response.clicked() {
        commands.send(command);
    }
    response
}

/// A button with words and an icon; `strong` fills it with the accent colour.
pub fn text_button_ui(ui: &mut Ui, icon: Option<Icon>, text: &str, strong: bool) -> Response {
    let palette = theme::palette(ui);
    let enabled = ui.is_enabled();
    let (fill, colour) = match strong {
        true => (palette.accent, palette.on_accent),
        false => (palette.raised, palette.text),
    };
    let galley =
        ui.painter().layout_no_wrap(text.to_owned(), egui::TextStyle::Button.resolve(ui.style()), colour);
    let icon_width = if icon.is_some() { 24.0 } else { 0.0 };
    let size = Vec2::new(galley.size().x + icon_width + 28.0, CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    if ui.is_rect_visible(rect) {
        let fill = match (response.hovered(), strong) {
            (true, true) => fill.gamma_multiply(0.88),
            (true, false) => palette.hovered,
            _ => fill,
        };
        let line = if strong { Color32::TRANSPARENT } else { palette.line };
        let radius = CornerRadius::same(RADIUS);
        ui.painter().rect(rect, radius, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        focus_ring(ui, &response);
        let mut x = rect.left() + 14.0;
        if let Some(icon) = icon {
            let place =
                egui::Rect::from_min_size(egui::pos2(x - 2.0, rect.center().y - 9.0), Vec2::splat(18.0));
            icon.paint(ui.painter(), place, colour);
            x += icon_width;
        }
        ui.painter().galley(egui::pos2(x, rect.center().y - galley.size().y / 2.0), galley, colour);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// A ring around what the keyboard would press.
pub fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, theme::palette(ui).accent);
        let radius = CornerRadius::same(RADIUS + 1);
        ui.painter().rect_stroke(response.rect.expand(1.0), radius, stroke, StrokeKind::Outside);
    }
}
