//! The models: what there is, what each can do and how it would do here, what is in memory, what other programs have.

mod memory;

mod others;

mod row;

use egui::{CornerRadius, FontId, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use engine::models::Ability;

use self::memory::{memory_ui, space_ui};
use self::others::others_ui;
use self::row::row_ui;
use super::missing_models::download_ui;
use crate::command::Commands;
use crate::state::{AppState, ModelRow};
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{caption_ui, choice_button_ui, search_field_ui, sheet_ui};
use crate::words::say;

/// What the pane remembers.
#[derive(Debug, Default)]
pub struct ModelsView {
    /// What is looked for.
    search: String,
    /// Which models are shown.
    shown: Shown,
    /// The model that was asked about whether to delete it.
    confirm: Option<String>,
}

/// Which models are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Shown {
    #[default]
    All,
    /// Those on this computer.
    Here,
    /// Those that write answers.
    Answering,
    /// Those that read media.
    Reading,
}

impl Shown {
    const ALL: [Self; 4] = [Self::All, Self::Here, Self::Answering, Self::Reading];

    fn name(self) -> &'static str {
        match self {
            Self::All => say("models-show-all"),
            Self::Here => say("models-show-here"),
            Self::Answering => say("models-show-answering"),
            Self::Reading => say("models-show-reading"),
        }
    }

    fn has(self, row: &ModelRow) -> bool {
        match self {
            Self::All => true,
            Self::Here => row.present || row.started_bytes > 0,
            Self::Answering => row.answers,
            Self::Reading => !row.answers,
        }
    }
}

/// Draws the pane.
pub fn models_ui(ui: &Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let closes = sheet_ui(ui, say("models-name"), say("models-title"), theme::sheet::BROAD, commands, |ui| {
        ui.set_width(ui.available_width());
        memory_ui(ui, state, commands);
        if state.models.download.is_some() {
            download_ui(ui, state, commands);
        }
        search_ui(ui, &mut view.models);
        let found = found(&state.models.rows, &view.models);
        if state.models.rows.is_empty() {
            caption_ui(ui, say("models-no-store"));
        } else if found.is_empty() {
            caption_ui(ui, say("models-nothing-found"));
        }
        for row in found {
            row_ui(ui, row, state, &mut view.models.confirm, commands);
        }
        ui.add_space(f32::from(space::M));
        others_ui(ui, state, &view.models.search, commands);
        ui.add_space(f32::from(space::M));
        space_ui(ui, state, commands);
    });
    if closes {
        view.models.confirm = None;
    }
}

fn search_ui(ui: &mut Ui, view: &mut ModelsView) {
    ui.add_space(f32::from(space::XS));
    let id = egui::Id::unique("models field");
    search_field_ui(ui, id, &mut view.search, say("models-search"));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = f32::from(space::XS);
        for shown in Shown::ALL {
            if choice_button_ui(ui, shown.name(), view.shown == shown).clicked() {
                view.shown = shown;
            }
        }
    });
}

/// The models that are looked for: those here first, then in the order of the registry.
fn found<'a>(rows: &'a [ModelRow], view: &ModelsView) -> Vec<&'a ModelRow> {
    let words: Vec<String> = view.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let fits = |row: &&ModelRow| {
        let abilities: Vec<&str> = row.does.iter().map(|ability| ability_name(*ability)).collect();
        let text = format!("{} {} {} {}", row.id, row.what, row.licence, abilities.join(" ")).to_lowercase();
        view.shown.has(row) && words.iter().all(|word| text.contains(word.as_str()))
    };
    let mut found: Vec<&ModelRow> = rows.iter().filter(fits).collect();
    found.sort_by_key(|row| !row.present);
    found
}

/// What a model can do, in a word or two.
fn ability_name(ability: Ability) -> &'static str {
    match ability {
        Ability::Answers => say("models-does-answers"),
        Ability::Continues => say("models-does-continues"),
        Ability::Sees => say("models-does-sees"),
        Ability::Hears => say("models-does-hears"),
        Ability::Transcribes => say("models-does-transcribes"),
        Ability::FindsSpeech => say("models-does-finds-speech"),
        Ability::TellsSpeakers => say("models-does-tells-speakers"),
        Ability::FindsMeaning => say("models-does-finds-meaning"),
        Ability::NamesThings => say("models-does-names-things"),
        Ability::ReadsText => say("models-does-reads-text"),
        Ability::OpensPdf => say("models-does-opens-pdf"),
    }
}

/// A word in a rounded frame.
fn badge_ui(ui: &mut Ui, text: &str, strong: bool) {
    let palette = theme::palette(ui);
    let colour = if strong { palette.accent } else { palette.weak };
    let font = FontId::proportional(size::SMALL - 0.5);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, colour);
    let (rect, response) = ui.allocate_exact_size(galley.size() + Vec2::new(14.0, 6.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, text));
    let line = Stroke::new(1.0, if strong { colour } else { palette.line });
    ui.painter().rect(rect, CornerRadius::same(10), palette.ground, line, StrokeKind::Inside);
    ui.painter().galley(rect.min + Vec2::new(7.0, 3.0), galley, colour);
}

fn card_ui(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let palette = theme::palette(ui);
    egui::Frame::new()
        .fill(palette.ground)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::RADIUS)
        .inner_margin(egui::Margin::same(space::M))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 5.0;
            // Lines of text stand closer than buttons.
            ui.spacing_mut().interact_size.y = 20.0;
            content(ui);
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_looked_for_in_all_that_a_row_says_and_those_here_come_first() {
        let row = |id: &str, does, present, answers| ModelRow {
            id: id.into(),
            what: "Small".into(),
            bytes: 1,
            needed: false,
            answers,
            present,
            prospects: None,
            licence: "MIT".into(),
            does: vec![does],
            started_bytes: 0,
        };
        let rows = [
            row("a", Ability::Answers, false, true),
            row("b", Ability::Transcribes, true, false),
            row("c", Ability::Answers, true, true),
        ];
        let ids = |search: &str, shown| {
            let view = ModelsView { search: search.into(), shown, ..ModelsView::default() };
            found(&rows, &view).iter().map(|row| row.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids("", Shown::All), ["b", "c", "a"]);
        assert_eq!(ids("", Shown::Answering), ["c", "a"]);
        assert_eq!(ids("small mit", Shown::Here), ["b", "c"]);
        assert_eq!(ids("Writes down", Shown::All), ["b"], "abilities count, too");
        assert_eq!(ids("nothing", Shown::All), Vec::<String>::new());
    }
}
