//! The sheet of shortcuts, by groups.

use egui::{Id, RichText, Ui};

use super::palette::shortcut_text;
use crate::command::{Command, Commands, Group};
use crate::say;
use crate::ui::theme::{self, sheet, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{caption_ui, search_field_ui, sheet_ui};
use crate::words;
use crate::words::say;

/// Keys that belong to no command of their own.
const OTHER: [(Group, &str, &str); 34] = [
    (Group::Questions, "Enter", "common-keys-ask"),
    (Group::Questions, "Shift+Enter", "common-keys-line"),
    (Group::Window, "Tab, Shift+Tab", "common-keys-tab"),
    (Group::Window, "Ctrl+Shift+P", "common-command-palette"),
    (Group::Viewer, "Space", "common-keys-transcript-play"),
    (Group::Viewer, "Left, Right", "common-keys-transcript-skip"),
    (Group::Viewer, ", .", "common-keys-viewer-frame"),
    (Group::Viewer, "I, O", "common-keys-viewer-part"),
    (Group::Viewer, "S", "common-keys-viewer-subtitles"),
    (Group::Viewer, "+, -", "common-keys-viewer-zoom"),
    (Group::Viewer, "0, 1", "common-keys-viewer-fit"),
    (Group::Viewer, "arrows", "common-keys-viewer-move"),
    (Group::Documents, "Ctrl+F, F3", "common-keys-document-find"),
    (Group::Documents, "Ctrl+G", "common-keys-document-page"),
    (Group::Documents, "Alt+Left, Alt+Right", "common-keys-document-history"),
    (Group::Documents, "Ctrl++, Ctrl+-", "common-keys-document-zoom"),
    (Group::Documents, "Ctrl+0, Ctrl+9", "common-keys-document-fit"),
    (Group::Documents, "Alt+1, 2, 3", "common-keys-document-side"),
    (Group::Documents, "Shift+arrows", "common-keys-document-select"),
    (Group::Documents, "H or 1 to 4", "common-keys-document-highlight"),
    (Group::Documents, "N", "common-keys-document-note"),
    (Group::Documents, "A, E, S", "common-keys-document-ask"),
    (Group::Documents, "Ctrl+PageDown", "common-keys-document-next"),
    (Group::Documents, "Ctrl+W", "common-keys-document-close"),
    (Group::Transcripts, "Space", "common-keys-transcript-play"),
    (Group::Transcripts, "Left, Right", "common-keys-transcript-skip"),
    (Group::Transcripts, "P", "common-keys-transcript-from"),
    (Group::Transcripts, "S", "common-keys-transcript-speaker"),
    (Group::Transcripts, "F2, Enter", "common-keys-transcript-edit"),
    (Group::Transcripts, "Enter, Backspace", "common-keys-transcript-cut"),
    (Group::Transcripts, "Delete", "common-keys-transcript-delete"),
    (Group::Transcripts, "Ctrl+F, F3", "common-keys-transcript-find"),
    (Group::Transcripts, "Ctrl+H", "common-keys-transcript-replace"),
    (Group::Transcripts, "Ctrl+Z, Ctrl+Shift+Z", "common-keys-transcript-undo"),
];

/// Width of the column of keys.
const KEYS: f32 = 190.0;

/// Draws the sheet.
pub fn shortcuts_ui(ui: &Ui, view: &mut ViewState, commands: &Commands) {
    let query = &mut view.shortcuts_query;
    let title = say("common-shortcuts");
    sheet_ui(ui, say("common-shortcuts-name"), title, sheet::NARROW, commands, |ui| {
        search_field_ui(ui, Id::unique("shortcuts field"), query, say("common-shortcuts-search"));
        let mut any = false;
        for group in Group::ALL {
            let rows = rows(group, query.trim());
            if rows.is_empty() {
                continue;
            }
            any = true;
            ui.add_space(f32::from(space::S));
            let palette = theme::palette(ui);
            ui.label(RichText::new(group.name()).color(palette.strong));
            for (keys, text) in rows {
                row_ui(ui, &keys, text);
            }
        }
        if !any {
            caption_ui(ui, &say!("common-palette-none", query = query.trim()));
        }
    });
}

/// Keys and what they do; in a small window below each other.
fn row_ui(ui: &mut Ui, keys: &str, text: &str) {
    let palette = theme::palette(ui);
    let keys = RichText::new(keys).monospace().size(size::MONO).color(palette.accent);
    let text = RichText::new(text).size(size::CONTROL).color(palette.text);
    if ui.available_width() < 2.0 * KEYS {
        ui.label(text);
        ui.label(keys);
        ui.add_space(f32::from(space::XS));
        return;
    }
    ui.horizontal_top(|ui| {
        ui.vertical(|ui| {
            ui.set_width(KEYS);
            ui.label(keys);
        });
        ui.vertical(|ui| ui.label(text));
    });
}

/// The rows of a group that fit what was typed, in what they do or in their keys.
fn rows(group: Group, query: &str) -> Vec<(String, &'static str)> {
    let of_commands = Command::with_shortcuts().into_iter().filter(|c| Group::of(c) == group);
    let of_commands = of_commands.filter_map(|c| c.shortcut().map(|keys| (shortcut_text(&keys), c.label())));
    let others =
        OTHER.iter().filter(|(of, ..)| *of == group).map(|(_, keys, id)| (words::keys(keys), say(id)));
    let fits = |(keys, text): &(String, &str)| {
        query.is_empty()
            || words::fit(query, text).is_some()
            || words::folded(keys).contains(&words::folded(query))
    };
    of_commands.chain(others).filter(fits).collect()
}
