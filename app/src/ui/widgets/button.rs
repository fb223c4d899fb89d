//! Buttons that say what they do, to the eye and to a screen reader.

use egui::accesskit::Role;
use egui::{CornerRadius, CursorIcon, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2};

use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, ICON, ICON_INSET, Look, RADIUS, size, space, stroke};

use super::text::galley_elided;

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
        let look = Look::of(&response, enabled, false);
        let paint = palette.plain(look);
        // At rest it is only its icon.
        if matches!(look, Look::Hovered | Look::Pressed) {
            ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), paint.fill);
        }
        focus_ring(ui, &response);
        icon.paint(ui.painter(), rect.shrink(ICON_INSET), paint.ink);
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

/// A button with words and an icon; `strong` fills it with the accent colour. Words that do not fit are cut.
pub fn text_button_ui(ui: &mut Ui, icon: Option<Icon>, text: &str, strong: bool) -> Response {
    let palette = theme::palette(ui);
    let enabled = ui.is_enabled();
    let inset = f32::from(space::M);
    let icon_width = if icon.is_some() { ICON + f32::from(space::XS) } else { 0.0 };
    let font = egui::FontId::proportional(size::CONTROL);
    let most = (ui.max_rect().width() - icon_width - 2.0 * inset).max(CONTROL);
    let galley = galley_elided(ui, text, font, palette.text, most, 1);
    let size = Vec2::new(galley.size().x + icon_width + 2.0 * inset, CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    if ui.is_rect_visible(rect) {
        let look = Look::of(&response, enabled, false);
        let paint = if strong { palette.inviting(look) } else { palette.plain(look) };
        let line = Stroke::new(ui.visuals().widgets.inactive.bg_stroke.width, paint.line);
        ui.painter().rect(rect, CornerRadius::same(RADIUS), paint.fill, line, StrokeKind::Inside);
        focus_ring(ui, &response);
        let mut x = rect.left() + inset;
        if let Some(icon) = icon {
            let corner = pos2(x - f32::from(space::XXS), rect.center().y - ICON / 2.0);
            icon.paint(ui.painter(), Rect::from_min_size(corner, Vec2::splat(ICON)), paint.ink);
            x += icon_width;
        }
        let at = pos2(x, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley_with_override_text_color(at, galley, paint.ink);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// One of several choices of which one holds.
pub fn choice_button_ui(ui: &mut Ui, text: &str, selected: bool) -> Response {
    let palette = theme::palette(ui);
    let enabled = ui.is_enabled();
    let font = egui::FontId::proportional(size::CONTROL);
    let inset = f32::from(space::M);
    let most = (ui.max_rect().width() - 2.0 * inset).max(CONTROL);
    let galley = galley_elided(ui, text, font, palette.text, most, 1);
    let size = Vec2::new(galley.size().x + 2.0 * inset, CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, selected, text));
    if ui.is_rect_visible(rect) {
        let paint = palette.plain(Look::of(&response, enabled, selected));
        let line = Stroke::new(ui.visuals().widgets.inactive.bg_stroke.width, paint.line);
        ui.painter().rect(rect, CornerRadius::same(RADIUS), paint.fill, line, StrokeKind::Inside);
        focus_ring(ui, &response);
        let at = pos2(rect.left() + inset, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley_with_override_text_color(at, galley, paint.ink);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// A ring around what the keyboard would press.
pub fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let line = Stroke::new(stroke::FOCUS, theme::palette(ui).accent);
        let radius = CornerRadius::same(RADIUS + 1);
        ui.painter().rect_stroke(response.rect.expand(1.0), radius, line, StrokeKind::Outside);
    }
}
