//! A pane over the window that closes with Escape, with its button, or with a click beside it.

use egui::{Frame, Id, Margin, Modal, ScrollArea, Ui};

use super::{icon_button_ui, title_ui};
use crate::command::{Command, Commands};
use crate::say;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, RADIUS_LARGE, sheet, space};
use crate::words::say;

/// How wide and high what lies over the window may be: in a small window nearly all of it.
pub fn sheet_size(ui: &Ui, width: f32) -> egui::Vec2 {
    let window = ui.ctx().content_rect().size();
    let margin = if window.x < sheet::SMALL_WINDOW { space::XS } else { space::XL };
    let around = 2.0 * (f32::from(margin) + f32::from(padding(ui).left));
    egui::Vec2::new((window.x - around).min(width), window.y - around)
}

fn padding(ui: &Ui) -> Margin {
    let window = ui.ctx().content_rect().size();
    Margin::same(if window.x < sheet::SMALL_WINDOW { space::S } else { space::L })
}

/// What lies over the window, with a name for screen readers and nothing in it yet.
pub fn modal_ui<T>(
    ui: &Ui,
    name: &str,
    title: &str,
    content: impl FnOnce(&mut Ui) -> T,
) -> egui::ModalResponse<T> {
    let id = Id::unique(name);
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.raised)
        .stroke(ui.visuals().window_stroke)
        .corner_radius(RADIUS_LARGE)
        .shadow(ui.visuals().window_shadow)
        .inner_margin(padding(ui));
    let area = Modal::default_area(id).accessible_name(title);
    Modal::new(id).area(area).frame(frame).show(ui.ctx(), content)
}

/// Draws a sheet at most `width` wide; what does not fit scrolls. `name` is what the program calls it.
/// Returns whether it should close, which the command for it says, too.
pub fn sheet_ui(
    ui: &Ui,
    name: &str,
    title: &str,
    width: f32,
    commands: &Commands,
    content: impl FnOnce(&mut Ui),
) -> bool {
    let most = sheet_size(ui, width);
    let modal = modal_ui(ui, name, title, |ui| {
        ui.set_width(most.x);
        ui.horizontal(|ui| {
            title_ui(ui, title);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let close = say!("common-close-named", name = name);
                if icon_button_ui(ui, Icon::Close, &close, say("common-close-esc"), None).clicked() {
                    commands.send(Command::Escape);
                }
            });
        });
        let height = most.y - CONTROL - f32::from(space::S);
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, content);
    });
    if modal.should_close() {
        commands.send(Command::Escape);
    }
    modal.should_close()
}
