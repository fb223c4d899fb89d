//! How an answer came about: its tokens, what the model read, which experts worked, where the time went.

mod context;

mod experts;

mod time;

mod tokens;

use egui::accesskit::Role;
use egui::{RichText, ScrollArea, Ui, WidgetInfo};

use self::context::context_ui;
use self::experts::experts_ui;
use self::time::time_ui;
use self::tokens::tokens_ui;
use crate::command::{Command, Commands, InsideCommand};
use crate::state::{AppState, InsideTab};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{caption_ui, choice_button_ui, icon_button_ui, text_button_ui, title_ui};
use crate::words::say;

/// What the pane remembers.
#[derive(Default)]
pub struct InsideView {
    /// The token that was chosen, counted from 0.
    token: Option<usize>,
    /// Whose experts are shown, as a number of the choices.
    kind: usize,
}

/// Draws the pane.
pub fn inside_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(shown) = state.inside.shown else { return };
    let send = |command| commands.send(Command::Inside(command));
    ui.horizontal(|ui| {
        title_ui(ui, say("inside-title"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if icon_button_ui(ui, Icon::Close, say("inside-close"), say("inside-close-keys"), None).clicked()
            {
                send(InsideCommand::Close);
            }
        });
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = f32::from(space::XS);
        for tab in InsideTab::ALL {
            if choice_button_ui(ui, tab_name(tab), state.inside.tab == tab).clicked() {
                send(InsideCommand::SetTab(tab));
            }
        }
    });
    ui.separator();
    let Some(inside) = state.inside.seen() else { return nothing_ui(ui, state, commands) };
    ScrollArea::vertical()
        .id_salt(("inside", shown.0, state.inside.tab as usize))
        .auto_shrink([false, false])
        .show(ui, |ui| {
            match state.inside.tab {
                InsideTab::Tokens => tokens_ui(ui, inside, &mut view.inside),
                InsideTab::Context => context_ui(ui, inside),
                InsideTab::Experts => experts_ui(ui, inside, &mut view.inside),
                InsideTab::Time => time_ui(ui, inside),
            }
            ui.add_space(f32::from(space::L));
            keep_ui(ui, state, commands);
        });
}

fn tab_name(tab: InsideTab) -> &'static str {
    match tab {
        InsideTab::Tokens => say("inside-tokens"),
        InsideTab::Context => say("inside-context"),
        InsideTab::Experts => say("inside-experts"),
        InsideTab::Time => say("inside-time"),
    }
}

/// What is said where nothing was kept of an answer.
fn nothing_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let is_running = state.running().is_some_and(|exchange| Some(exchange.id) == state.inside.shown);
    let text = match (is_running, state.settings.inside) {
        (true, true) => say("inside-waits"),
        (_, true) => say("inside-nothing"),
        (_, false) => say("inside-off"),
    };
    caption_ui(ui, text);
    if !is_running && state.settings.inside {
        let again = Command::Regenerate;
        let is_last = state.current().and_then(|c| c.exchanges.last()).map(|e| e.id) == state.inside.shown;
        if is_last
            && again.enabled(state).is_ok()
            && text_button_ui(ui, Some(Icon::Again), say("inside-again"), false).clicked()
        {
            commands.send(again);
        }
    }
    keep_ui(ui, state, commands);
}

/// Whether new answers are looked into.
fn keep_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let mut keep = state.settings.inside;
    if ui.checkbox(&mut keep, say("inside-keep")).on_hover_text(say("inside-keep-why")).changed() {
        commands.send(Command::Inside(InsideCommand::Keep(keep)));
    }
}

/// "34 %", "0.4 %", "<0.1 %".
fn percent(share: f32) -> String {
    match 100.0 * share {
        p if p >= 9.95 => format!("{p:.0} %"),
        p if p >= 0.1 => format!("{p:.1} %"),
        p if p > 0.0 => "< 0.1 %".to_owned(),
        _ => "0 %".to_owned(),
    }
}

/// "0.12 s", "14 s", "2 min".
fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => "< 1 ms".to_owned(),
        s if s < 0.1 => format!("{:.0} ms", 1e3 * s),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

/// A row with a dot of a colour, a name, and figures at the right.
fn row_ui(ui: &mut Ui, colour: egui::Color32, name: &str, figures: &str) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::new(12.0, 20.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 5.0, colour);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(figures).size(size::SMALL).color(palette.weak));
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.add(egui::Label::new(RichText::new(name).color(palette.text)).truncate());
            });
        });
    });
}

/// Shares side by side; what is left of the whole stays empty. `label` names it for screen readers.
fn shares_ui(ui: &mut Ui, shares: &[(egui::Color32, f32, String)], label: &str) {
    let palette = theme::palette(ui);
    let size = egui::Vec2::new(ui.available_width(), 22.0);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label));
    ui.painter().rect_filled(rect, 4.0, palette.hovered);
    let mut x = rect.left();
    let mut under = None;
    for (colour, share, name) in shares {
        let right = (x + share * rect.width()).min(rect.right());
        let part = egui::Rect::from_min_max(egui::pos2(x, rect.top()), egui::pos2(right, rect.bottom()));
        // A hair of ground between neighbours.
        let drawn = if part.width() > 3.0 { part.with_max_x(part.right() - 1.0) } else { part };
        ui.painter().rect_filled(drawn, 2.0, *colour);
        if response.hover_pos().is_some_and(|at| part.contains(at)) {
            under = Some(name);
        }
        x = right;
    }
    if let Some(name) = under {
        response.on_hover_text_at_pointer(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_exact_as_they_are_useful() {
        assert_eq!(
            [0.345, 0.0312, 0.0004, 0.0, 1.0].map(percent),
            ["34 %", "3.1 %", "< 0.1 %", "0 %", "100 %"]
        );
        assert_eq!(
            [0.0001, 0.05, 1.234, 14.2, 200.0].map(seconds),
            ["< 1 ms", "50 ms", "1.23 s", "14 s", "3 min"]
        );
    }
}
