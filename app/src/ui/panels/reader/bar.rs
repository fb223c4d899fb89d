//! The bar under a selection.

use egui::accesskit::Role;
use egui::{Area, Frame, Id, Margin, Order, Rect, Response, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::select::PURPOSES;
use super::view::Selection;
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{AppState, Colour, Purpose};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS};
use crate::ui::widgets::{focus_ring, icon_button_ui};
use crate::words::say;

/// About how large the bar is.
const SIZE: Vec2 = Vec2::new(316.0, 42.0);

/// Draws the bar below the last line that is selected, or above it where there is no room.
pub(super) fn selection_bar_ui(
    ui: &Ui,
    state: &AppState,
    selection: Selection,
    last: Option<Rect>,
    inner: Rect,
    commands: &Commands,
) {
    let Some(last) = last.filter(|last| inner.intersects(*last)) else { return };
    let below = last.bottom() + 8.0;
    let fits = below + SIZE.y <= inner.bottom();
    let y = if fits { below } else { (last.top() - 8.0 - SIZE.y).max(inner.top()) };
    let x = (last.right() - SIZE.x / 2.0).min(inner.right() - SIZE.x - 4.0).max(inner.left() + 4.0);
    let palette = theme::palette(ui);
    let (from, to) = selection.range();
    let take = |purpose| Command::Reader(ReaderCommand::Take(from, to, purpose));
    Area::new(Id::unique("selection bar")).fixed_pos(pos2(x, y)).order(Order::Middle).show(ui.ctx(), |ui| {
        Frame::new()
            .fill(palette.raised)
            .stroke(Stroke::new(1.0, palette.line))
            .corner_radius(RADIUS)
            .shadow(ui.visuals().popup_shadow)
            .inner_margin(Margin::same(4))
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 1.0;
                    for colour in Colour::ALL {
                        let label = say!("reader-highlight-in", colour = colour_name(colour));
                        let tip =
                            if colour == Colour::Yellow { format!("{label} (H)") } else { label.clone() };
                        if colour_button_ui(ui, colour, false, &label).on_hover_text(tip).clicked() {
                            commands.send(take(Purpose::Highlight(colour)));
                        }
                    }
                    for purpose in PURPOSES {
                        let command = take(purpose);
                        let (icon, keys) = look(purpose);
                        let tip = format!("{} ({keys})", command.label());
                        let why_not = command.enabled(state).err();
                        let label = say!("reader-the-selection", what = command.label());
                        if icon_button_ui(ui, icon, &label, &tip, why_not).clicked() {
                            commands.send(command);
                        }
                    }
                });
            });
    });
}

/// Icon and keys.
fn look(purpose: Purpose) -> (Icon, &'static str) {
    match purpose {
        Purpose::Copy => (Icon::Copy, "Ctrl+C"),
        Purpose::Highlight(_) => (Icon::Pencil, "H"),
        Purpose::Note => (Icon::Note, "N"),
        Purpose::Ask => (Icon::Help, "A"),
        Purpose::Explain => (Icon::Bulb, "E"),
        Purpose::Summarise => (Icon::Summary, "S"),
    }
}

/// A dot of a colour that can be pressed.
pub(super) fn colour_button_ui(ui: &mut Ui, colour: Colour, chosen: bool, label: &str) -> Response {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(28.0, theme::CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, label));
    if response.hovered() {
        ui.painter().rect_filled(rect, RADIUS, palette.hovered);
    }
    ui.painter().circle(rect.center(), 8.0, theme::mark_dot(colour), Stroke::new(1.0, palette.weak));
    if chosen {
        ui.painter().circle_stroke(rect.center(), 11.0, Stroke::new(2.0, palette.accent));
    }
    focus_ring(ui, &response);
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// The name of a colour.
pub(super) fn colour_name(colour: Colour) -> &'static str {
    match colour {
        Colour::Yellow => say("reader-yellow"),
        Colour::Green => say("reader-green"),
        Colour::Blue => say("reader-blue"),
        Colour::Pink => say("reader-pink"),
    }
}
