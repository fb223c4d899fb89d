//! The command palette: every command, conversation and document, found by typing.

use egui::accesskit::Role;
use egui::{
    CornerRadius, FontId, Id, Key, Modifiers, Pos2, Rect, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2,
};

use crate::command::{Command, Commands, Group, ProgramCommand, ReaderCommand, TalkCommand};
use crate::export::Format;
use crate::say;
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, ICON, RADIUS, sheet, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{caption_ui, galley_elided, modal_ui, search_field_ui, sheet_size};
use crate::words;
use crate::words::say;

/// What was typed, and which row is chosen.
#[derive(Debug, Default)]
pub struct PaletteView {
    query: String,
    chosen: usize,
    offset: f32,
}

/// A row.
struct Entry {
    icon: Icon,
    text: String,
    /// What it is, or its keys.
    aside: String,
    why_not: Option<&'static str>,
    command: Command,
}

impl Entry {
    /// For screen readers: also what can be seen at its side.
    fn name(&self) -> String {
        [self.text.as_str(), &self.aside, self.why_not.unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Draws the palette.
pub fn palette_ui(ui: &Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let view = &mut view.palette;
    let most = sheet_size(ui, sheet::WIDE);
    let title = say("common-command-palette");
    let modal = modal_ui(ui, "palette", title, |ui| {
        ui.set_width(most.x);
        let keys = keys(ui);
        let before = view.query.clone();
        let field =
            search_field_ui(ui, Id::unique("palette field"), &mut view.query, say("common-palette-hint"));
        let found = found(state, &view.query);
        if view.query != before {
            (view.chosen, view.offset) = (0, 0.0);
        }
        let last = found.len().saturating_sub(1);
        let height = (most.y - CONTROL - 2.0 * f32::from(space::S)).min(12.0 * CONTROL);
        let page = (height / CONTROL).max(1.0) as usize;
        view.chosen = match keys.step {
            Step::None => view.chosen,
            Step::By(step) => view.chosen.saturating_add_signed(step),
            Step::Pages(step) => view.chosen.saturating_add_signed(step * page as isize),
            Step::First => 0,
            Step::Last => last,
        }
        .min(last);
        if found.is_empty() {
            caption_ui(ui, &say!("common-palette-none", query = view.query.trim()));
        }
        let chosen = rows_ui(ui, &found, view, height, keys.step != Step::None);
        if let Some(row) = chosen.row {
            ui.ctx().accesskit_node_builder(field.id, |node| node.set_active_descendant(row.accesskit_id()));
        }
        let pressed = chosen.clicked.or(keys.enter.then_some(view.chosen)).and_then(|i| found.get(i));
        // What cannot be done now says why in its row.
        pressed.filter(|entry| entry.why_not.is_none()).map(|entry| entry.command.clone())
    });
    let closes = modal.should_close();
    if let Some(command) = modal.inner {
        *view = PaletteView::default();
        commands.send(Command::Escape);
        commands.send(command);
    } else if closes {
        commands.send(Command::Escape);
    }
}

/// Forgets what was typed, for the next time.
pub fn forget_palette(view: &mut ViewState) {
    view.palette = PaletteView::default();
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    None,
    By(isize),
    Pages(isize),
    First,
    Last,
}

struct Keys {
    step: Step,
    enter: bool,
}

/// The keys that go through the list while the keyboard stays in the field.
fn keys(ui: &Ui) -> Keys {
    ui.input_mut(|input| {
        let mut step = Step::None;
        for (modifiers, key, to) in [
            (Modifiers::NONE, Key::ArrowDown, Step::By(1)),
            (Modifiers::NONE, Key::ArrowUp, Step::By(-1)),
            (Modifiers::NONE, Key::PageDown, Step::Pages(1)),
            (Modifiers::NONE, Key::PageUp, Step::Pages(-1)),
            (Modifiers::COMMAND, Key::Home, Step::First),
            (Modifiers::COMMAND, Key::End, Step::Last),
        ] {
            if input.consume_key(modifiers, key) {
                step = to;
            }
        }
        Keys { step, enter: input.consume_key(Modifiers::NONE, Key::Enter) }
    })
}

struct Chosen {
    row: Option<Id>,
    clicked: Option<usize>,
}

fn rows_ui(ui: &mut Ui, found: &[Entry], view: &mut PaletteView, height: f32, reveal: bool) -> Chosen {
    let mut chosen = Chosen { row: None, clicked: None };
    let mut area =
        ScrollArea::vertical().id_salt("palette rows").max_height(height).min_scrolled_height(height);
    if reveal {
        // As little as brings the row into view.
        let top = view.chosen as f32 * CONTROL;
        let shown = height.min(found.len() as f32 * CONTROL);
        view.offset = view.offset.max(top + CONTROL - shown).min(top).max(0.0);
        area = area.vertical_scroll_offset(view.offset);
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let output = area.show_rows(ui, CONTROL, found.len(), |ui, rows| {
        for i in rows {
            let is_chosen = i == view.chosen;
            let response = row_ui(ui, &found[i], is_chosen, i);
            if is_chosen {
                chosen.row = Some(response.id);
            }
            if response.clicked() {
                chosen.clicked = Some(i);
            }
        }
    });
    view.offset = output.state.clamped_offset().y;
    chosen
}

fn row_ui(ui: &mut Ui, entry: &Entry, is_chosen: bool, i: usize) -> egui::Response {
    let palette = theme::palette(ui);
    let (_, rect) = ui.allocate_space(Vec2::new(ui.available_width(), CONTROL));
    // The keyboard stays in the field: rows are pressed, but never have it.
    let response = ui.interact(rect, ui.scope_id().with(("palette row", i)), Sense::CLICK);
    response.widget_info(|| {
        WidgetInfo::selected(Role::ListBoxOption, entry.why_not.is_none(), is_chosen, entry.name())
    });
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_selected(is_chosen));
    if is_chosen || response.hovered() {
        let fill = if is_chosen { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    }
    let ink = match entry.why_not {
        Some(_) => palette.weak,
        None if is_chosen => palette.strong,
        None => palette.text,
    };
    let gap = f32::from(space::S);
    let place =
        Rect::from_center_size(pos2(rect.left() + gap + ICON / 2.0, rect.center().y), Vec2::splat(ICON));
    entry.icon.paint(ui.painter(), place, ink);
    let write = |text: &str, size: f32, most: f32, place: &dyn Fn(Vec2) -> Pos2| {
        let galley = galley_elided(ui, text, FontId::proportional(size), ink, most, 1);
        let at = place(galley.size());
        ui.painter().galley(at, galley.clone(), ink);
        galley.size().x
    };
    let middle = |height: f32| rect.center().y - height / 2.0;
    let aside = entry.why_not.unwrap_or(&entry.aside);
    let (left, right) = (place.right() + gap, rect.right() - gap);
    let room = right - left;
    let taken = write(aside, size::SMALL, 0.5 * room, &|size| pos2(right - size.x, middle(size.y)));
    write(&entry.text, size::CONTROL, room - taken - gap, &|size| pos2(left, middle(size.y)));
    response
}

/// What fits, the best first; without anything typed, all commands in the order of the shortcut sheet.
fn found(state: &AppState, query: &str) -> Vec<Entry> {
    let query = query.trim();
    let commands = Command::with_shortcuts()
        .into_iter()
        .chain(ProgramCommand::SHOWN.map(Command::Program))
        .chain([TalkCommand::OpenSetup, TalkCommand::Import].map(Command::Talk))
        .chain(Format::ALL.map(|format| Command::Talk(TalkCommand::Export(None, format))))
        .chain([Command::Stop, Command::DownloadModels]);
    let mut entries: Vec<Entry> = Vec::new();
    for command in commands {
        let skip = matches!(command, Command::Escape | Command::Program(ProgramCommand::OpenPalette));
        if skip || entries.iter().any(|entry| entry.command == command) {
            continue;
        }
        let keys = command.shortcut().map(|keys| shortcut_text(&keys));
        let aside = keys.unwrap_or_else(|| Group::of(&command).name().to_owned());
        let why_not = command.enabled(state).err();
        let text = match &command {
            Command::Talk(TalkCommand::Export(_, format)) => {
                format!("{} ({})", command.label(), format.name())
            }
            command => command.label().to_owned(),
        };
        entries.push(Entry { icon: icon(&command), text, aside, why_not, command });
    }
    let open = |text: String, aside: &str, icon, command| Entry {
        icon,
        text,
        aside: aside.to_owned(),
        why_not: None,
        command,
    };
    for tab in &state.reader.tabs {
        let name = crate::state::file_name(&tab.path);
        let command = Command::Reader(ReaderCommand::Show(tab.id));
        entries.push(open(name, say("common-palette-document"), Icon::Book, command));
    }
    let closed = |id| state.reader.tabs.iter().all(|tab| tab.attachment != Some(id));
    let files = state.current().map(|c| c.attachments.as_slice()).unwrap_or_default();
    for file in files.iter().filter(|file| file.is_document() && closed(file.id)) {
        let command = Command::Reader(ReaderCommand::Open(file.id));
        entries.push(open(file.name(), say("common-palette-document"), Icon::Document, command));
    }
    for conversation in state.conversations.iter().filter(|c| Some(c.id) != state.selected) {
        let (title, command) = (conversation.title.clone(), Command::Select(conversation.id));
        entries.push(open(title, say("common-palette-conversation"), Icon::Transcript, command));
    }
    if query.is_empty() {
        return entries;
    }
    let mut fitting: Vec<(i32, Entry)> = entries
        .into_iter()
        .filter_map(|entry| words::fit(query, &entry.text).map(|fit| (fit, entry)))
        .collect();
    // What can be done comes before what cannot; a stable sort keeps the order of the sheet.
    fitting.sort_by_key(|(fit, entry)| (entry.why_not.is_some(), -fit));
    fitting.into_iter().map(|(_, entry)| entry).collect()
}

fn icon(command: &Command) -> Icon {
    match Group::of(command) {
        Group::Questions => Icon::Send,
        Group::Files => Icon::Clip,
        Group::Conversations => Icon::Menu,
        Group::Window => Icon::Settings,
        Group::Viewer => Icon::Play,
        Group::Documents => Icon::Book,
        Group::Transcripts => Icon::Transcript,
    }
}

/// The keys of a command as they stand on the keyboard.
pub fn shortcut_text(shortcut: &egui::KeyboardShortcut) -> String {
    words::keys(&shortcut.format(&egui::ModifierNames::NAMES, cfg!(target_os = "macos")))
}
