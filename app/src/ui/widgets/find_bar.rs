//! A bar for finding words, for every pane that has text.

use egui::{Frame, Key, Margin, Response, RichText, Stroke, TextEdit, Ui};

use super::icon_button_ui;
use crate::state::Query;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size, space};
use crate::words::say;

/// What a bar shows.
pub struct FindBarView<'a> {
    /// The name of the field.
    pub field: &'static str,
    /// What is looked for.
    pub query: &'a mut Query,
    /// Whether the field is to have the keyboard.
    pub focus: &'a mut bool,
    /// How much was found, for people.
    pub count: String,
    /// Whether anything was.
    pub has_hits: bool,
}

/// What was done with a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FindBarDone {
    /// Go to the next place, or to the one before.
    pub step: Option<bool>,
    /// Something else is looked for.
    pub changed: bool,
    /// The bar is to be closed.
    pub closed: bool,
}

/// Draws the bar; `more` stands before its last button and `below` under it.
pub fn find_bar_ui(
    ui: &mut Ui,
    bar: FindBarView<'_>,
    more: impl FnOnce(&mut Ui),
    below: impl FnOnce(&mut Ui),
) -> FindBarDone {
    let palette = theme::palette(ui);
    let mut done = FindBarDone::default();
    Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::symmetric(space::S, space::XS))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                let before = bar.query.clone();
                let response = field_ui(ui, &mut bar.query.text, bar.field);
                if std::mem::take(bar.focus) {
                    response.request_focus();
                    select_all(ui, response.id, &bar.query.text);
                }
                if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                    done.step = Some(!ui.input(|input| input.modifiers.shift));
                    response.request_focus();
                }
                ui.toggle_value(&mut bar.query.case, "Aa").on_hover_text(say("reader-find-case"));
                ui.toggle_value(&mut bar.query.whole, say("reader-find-words"))
                    .on_hover_text(say("reader-find-whole"));
                done.changed = before != *bar.query;
                let none = (!bar.has_hits).then(|| say("reader-find-none"));
                let (label, tip) = (say("reader-find-previous"), say("reader-find-previous-tip"));
                if icon_button_ui(ui, Icon::Left, label, tip, none).clicked() {
                    done.step = Some(false);
                }
                let (label, tip) = (say("reader-find-next"), say("reader-find-next-tip"));
                if icon_button_ui(ui, Icon::Right, label, tip, none).clicked() {
                    done.step = Some(true);
                }
                ui.label(RichText::new(bar.count).size(size::SMALL).color(palette.weak));
                more(ui);
                let (label, tip) = (say("reader-find-close"), say("reader-close-tip"));
                done.closed = icon_button_ui(ui, Icon::Close, label, tip, None).clicked();
            });
            below(ui);
        });
    if done.changed {
        // What is found is counted after this.
        ui.ctx().request_repaint();
    }
    done
}

/// A field for some words, with a name for screen readers.
pub fn field_ui(ui: &mut Ui, text: &mut String, name: &str) -> Response {
    let field =
        TextEdit::singleline(text).hint_text(name).desired_width(180.0).margin(Margin::symmetric(8, 6));
    let response = ui.add(field);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
    response
}

/// What is there already is written over by the first letter.
pub fn select_all(ui: &Ui, id: egui::Id, text: &str) {
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    state.cursor.set_char_range(Some(egui::text::CCursorRange::select_all_str(text)));
    state.store(ui.ctx(), id);
}
