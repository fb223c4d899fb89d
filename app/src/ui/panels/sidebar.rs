//! The list of conversations.

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, FontId, Key, Popup, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, Vec2,
    WidgetInfo, pos2,
};

use super::found::found_ui;
use crate::command::{Command, Commands, LibraryCommand, ModelsCommand, TalkCommand, TeachCommand};
use crate::export::Format;
use crate::say;
use crate::state::{AppState, Conversation, Heading};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, RADIUS, size};
use crate::ui::view::{Folding, ViewState};
use crate::ui::widgets::{
    command_button_ui, elided, focus_ring, galley_elided, icon_button_ui, title_ui, within_ui,
};
use crate::words::say;

/// Draws the list with the buttons above and below it.
pub fn sidebar_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    ui.horizontal(|ui| {
        ui.add_space(6.0);
        title_ui(ui, "Medley");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            more_ui(ui, state, commands);
            let plus = command_button_ui(ui, Icon::Plus, Command::NewConversation, state, commands);
            plus.context_menu(|ui| {
                let temporary = Command::Talk(TalkCommand::NewTemporary);
                if ui.button(temporary.tooltip(ui.ctx())).clicked() {
                    commands.send(temporary);
                }
            });
        });
    });
    ui.add_space(4.0);
    search_ui(ui, state, view, commands);
    ui.add_space(2.0);
    let footer = 44.0;
    ScrollArea::vertical()
        .id_salt(("conversations", state.hunt.is_some()))
        .max_height((ui.available_height() - footer).max(40.0))
        .auto_shrink([false, false])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            match &state.hunt {
                Some(hunt) => found_ui(ui, hunt, state, view, commands),
                None => sections_ui(ui, state, view, commands),
            }
        });
    ui.separator();
    ui.horizontal(|ui| {
        command_button_ui(ui, Icon::Settings, Command::OpenSettings, state, commands);
        command_button_ui(ui, Icon::Help, Command::OpenShortcuts, state, commands);
        command_button_ui(ui, Icon::Model, Command::Models(ModelsCommand::Toggle), state, commands);
        let library = Command::Library(LibraryCommand::Toggle);
        command_button_ui(ui, Icon::Library, library, state, commands);
        command_button_ui(ui, Icon::Teach, Command::Teach(TeachCommand::Toggle), state, commands);
    });
}

/// The menu for all conversations.
fn more_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let name = say("conversations-more");
    let response = icon_button_ui(ui, Icon::More, name, name, None);
    Popup::menu(&response).show(|ui| {
        for command in [TalkCommand::NewTemporary, TalkCommand::Import] {
            let command = Command::Talk(command);
            menu_item_ui(ui, &command.tooltip(ui.ctx()), command, state, commands);
        }
    });
}

/// A line of a menu that sends a command and says why it cannot.
fn menu_item_ui(ui: &mut Ui, text: &str, command: Command, state: &AppState, commands: &Commands) {
    let why_not = command.enabled(state).err();
    let button = ui.add_enabled(why_not.is_none(), egui::Button::new(text));
    if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
        commands.send(command);
        ui.close();
    }
}

/// The field for what is looked for.
fn search_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let name = say("conversations-search");
    let shown = state.hunt.is_some() || !view.hunt.is_empty();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let width = ui.available_width() - if shown { CONTROL + 2.0 } else { 0.0 };
        let field = TextEdit::singleline(&mut view.hunt)
            .id(egui::Id::unique("conversations search field"))
            .hint_text(name)
            .desired_width(width - 16.0)
            .margin(egui::Margin::symmetric(8, 6));
        let response = ui.add(field);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
        if std::mem::take(&mut view.focus_hunt) {
            response.request_focus();
        }
        if response.changed() {
            commands.send(Command::Talk(TalkCommand::Search(view.hunt.clone())));
        }
        let clear = say("conversations-close-search");
        if shown && icon_button_ui(ui, Icon::Close, clear, clear, None).clicked() {
            commands.send(Command::Talk(TalkCommand::Search(String::new())));
        }
    });
}

/// The list in its parts.
fn sections_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    for (heading, conversations) in state.sections() {
        ui.add_space(8.0);
        let folded = match heading {
            Heading::Folder(name) => folder_ui(ui, name, conversations.len(), state, view, commands),
            _ => {
                ui.horizontal(|ui| {
                    ui.add_space(8.0);
                    let text = RichText::new(heading_text(heading)).size(size::SMALL);
                    ui.label(text.color(theme::palette(ui).weak));
                });
                false
            }
        };
        for conversation in conversations.into_iter().filter(|_| !folded) {
            if state.renaming == Some(conversation.id) {
                rename_ui(ui, conversation, view, commands);
            } else {
                row_ui(ui, conversation, state, view, commands);
            }
            if matches!(&view.folder_name, Some((Folding::New(id), _)) if *id == conversation.id) {
                folder_name_ui(ui, view, commands);
            }
        }
    }
}

fn heading_text(heading: Heading<'_>) -> &'static str {
    match heading {
        Heading::Temporary => say("conversations-group-temporary"),
        Heading::Pinned => say("conversations-group-pinned"),
        Heading::Folder(_) => say("conversations-folder"),
        Heading::Today => say("conversations-group-today"),
        Heading::Week => say("conversations-group-week"),
        Heading::Month => say("conversations-group-month"),
        Heading::Older => say("conversations-group-older"),
    }
}

/// The line of a folder; whether it is folded up.
fn folder_ui(
    ui: &mut Ui,
    name: &str,
    n: usize,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) -> bool {
    if matches!(&view.folder_name, Some((Folding::Rename(old), _)) if old == name) {
        folder_name_ui(ui, view, commands);
        return false;
    }
    let palette = theme::palette(ui);
    let folded = view.folded.contains(name);
    let wide = Vec2::new(ui.available_width(), 28.0);
    let (rect, response) =
        ui.push_id(("folder", name), |ui| ui.allocate_exact_size(wide, Sense::click())).inner;
    let label = say!("conversations-folder-of", name = name, count = n);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, !folded, &label));
    let inside = ui.rect_contains_pointer(rect);
    if inside {
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), palette.hovered);
    }
    focus_ring(ui, &response);
    let at =
        |x: f32, side: f32| Rect::from_center_size(pos2(rect.left() + x, rect.center().y), Vec2::splat(side));
    let arrow = if folded { Icon::Right } else { Icon::Unfold };
    arrow.paint(ui.painter(), at(14.0, 14.0), palette.weak);
    Icon::Folder.paint(ui.painter(), at(32.0, 16.0), palette.weak);
    let small = FontId::proportional(size::SMALL);
    let count = ui.painter().layout_no_wrap(n.to_string(), small, palette.weak);
    let width = rect.width() - 46.0 - count.size().x - 10.0 - if inside { CONTROL } else { 0.0 };
    let title = galley_elided(ui, name, FontId::proportional(13.5), palette.text, width, 1);
    let top = rect.center().y - title.size().y / 2.0;
    ui.painter().galley(pos2(rect.left() + 46.0, top), title, palette.text);
    let right = rect.right() - if inside { CONTROL } else { 10.0 } - count.size().x;
    ui.painter().galley(pos2(right, rect.center().y - count.size().y / 2.0), count, palette.weak);
    let mut menu = |ui: &mut Ui| {
        if ui.button(TalkCommand::RenameFolder(String::new(), "-".into()).label()).clicked() {
            view.folder_name = Some((Folding::Rename(name.to_owned()), name.to_owned()));
            ui.close();
        }
        let dissolve = TalkCommand::RenameFolder(name.to_owned(), String::new());
        menu_item_ui(ui, dissolve.label(), Command::Talk(dissolve), state, commands);
    };
    if inside || response.has_focus() {
        let place = Rect::from_min_max(pos2(rect.right() - CONTROL, rect.top() - 2.0), rect.max);
        within_ui(ui, place, |ui| {
            let more = say!("conversations-more-of", name = name);
            let button = icon_button_ui(ui, Icon::More, &more, say("conversations-more"), None);
            Popup::menu(&button).show(&mut menu);
        });
    }
    response.context_menu(&mut menu);
    if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
        match folded {
            true => view.folded.remove(name),
            false => view.folded.insert(name.to_owned()),
        };
    }
    folded
}

/// The field for the name of a folder.
fn folder_name_ui(ui: &mut Ui, view: &mut ViewState, commands: &Commands) {
    let Some((folding, text)) = &mut view.folder_name else { return };
    let id = egui::Id::unique("folder name");
    let field = TextEdit::singleline(text)
        .id(id)
        .hint_text(say("conversations-folder-name"))
        .margin(egui::Margin::symmetric(8, 8));
    let response = ui.add_sized(Vec2::new(ui.available_width(), 36.0), field);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("conversations-folder-name")));
    if response.lost_focus() {
        let name = text.trim().to_owned();
        let folding = folding.clone();
        view.folder_name = None;
        if name.is_empty() || ui.input(|i| i.key_pressed(Key::Escape)) {
            return;
        }
        commands.send(Command::Talk(match folding {
            Folding::New(id) => TalkCommand::Move(id, name),
            Folding::Rename(old) => TalkCommand::RenameFolder(old, name),
        }));
    } else if !response.has_focus() {
        response.request_focus();
    }
}

fn row_ui(
    ui: &mut Ui,
    conversation: &Conversation,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let selected = state.selected == Some(conversation.id);
    let (rect, response) = ui
        .push_id(conversation.id.0, |ui| {
            ui.allocate_exact_size(Vec2::new(ui.available_width(), 50.0), Sense::click())
        })
        .inner;
    let when = when_text(conversation.updated_s, state.now_s);
    let draft = state.drafts.get(&conversation.id).filter(|_| !selected);
    let when = match draft.map(|draft| draft.text.split_whitespace().collect::<Vec<_>>().join(" ")) {
        Some(text) => say!("conversations-draft", text = elided(&text, 60)),
        None => when,
    };
    response.widget_info(|| {
        WidgetInfo::selected(Role::Button, true, selected, format!("{}, {when}", conversation.title))
    });
    if !ui.is_rect_visible(rect) && !response.has_focus() {
        return;
    }
    let inside = ui.rect_contains_pointer(rect);
    let with_buttons = inside || selected || response.has_focus();
    if selected || inside {
        let fill = if selected { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    }
    if response.has_focus() {
        let stroke = egui::Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, CornerRadius::same(RADIUS), stroke, egui::StrokeKind::Inside);
    }
    let buttons = if with_buttons { CONTROL } else { 0.0 };
    let width = rect.width() - 20.0 - buttons;
    let title = galley_elided(ui, &conversation.title, FontId::proportional(14.0), palette.text, width, 1);
    ui.painter().galley(rect.min + Vec2::new(10.0, 8.0), title, palette.text);
    let running = conversation.all().any(|e| e.answer.status.is_running());
    let when = if running { say("conversations-answering").to_owned() } else { when };
    let colour = if draft.is_some() && !running { palette.accent } else { palette.weak };
    let when = galley_elided(ui, &when, FontId::proportional(size::SMALL), colour, width, 1);
    ui.painter().galley(rect.min + Vec2::new(10.0, 27.0), when, colour);
    let response = response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(&conversation.title);
    let mut menu = |ui: &mut Ui| conversation_menu_ui(ui, conversation, state, view, commands);
    if with_buttons {
        let area = Rect::from_min_max(pos2(rect.right() - CONTROL - 4.0, rect.top() + 9.0), rect.max);
        within_ui(ui, area, |ui| {
            let name = say!("conversations-more-of", name = conversation.title.as_str());
            let button = icon_button_ui(ui, Icon::More, &name, say("conversations-more"), None);
            Popup::menu(&button).show(&mut menu);
        });
    }
    response.context_menu(&mut menu);
    if response.double_clicked() {
        commands.send(Command::BeginRename(Some(conversation.id)));
    } else if response.clicked() {
        commands.send(Command::Select(conversation.id));
    }
    if response.has_focus() {
        // Up and down move through the list, as in every list.
        let (up, down) = ui.input(|i| (i.key_pressed(Key::ArrowUp), i.key_pressed(Key::ArrowDown)));
        if up {
            commands.send(Command::SelectPrevious);
        }
        if down {
            commands.send(Command::SelectNext);
        }
    }
}

/// What can be done with a conversation.
pub(super) fn conversation_menu_ui(
    ui: &mut Ui,
    conversation: &Conversation,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) {
    let id = conversation.id;
    let talk = |ui: &mut Ui, command: TalkCommand| {
        menu_item_ui(ui, command.label(), Command::Talk(command), state, commands);
    };
    ui.set_min_width(180.0);
    if conversation.temporary {
        talk(ui, TalkCommand::KeepTemporary);
    } else {
        talk(ui, TalkCommand::Pin(id, !conversation.pinned));
        ui.menu_button(say("conversations-move"), |ui| {
            for folder in state.folders() {
                if ui.selectable_label(folder == conversation.folder, &folder).clicked() {
                    commands.send(Command::Talk(TalkCommand::Move(id, folder)));
                    ui.close();
                }
            }
            if !conversation.folder.is_empty() && ui.button(say("conversations-no-folder")).clicked() {
                commands.send(Command::Talk(TalkCommand::Move(id, String::new())));
                ui.close();
            }
            if ui.button(say("conversations-new-folder")).clicked() {
                view.folder_name = Some((Folding::New(id), String::new()));
                ui.close();
            }
        });
    }
    let rename = Command::BeginRename(Some(id));
    menu_item_ui(ui, say("conversations-rename"), rename, state, commands);
    ui.menu_button(say("conversations-export"), |ui| {
        for format in Format::ALL {
            let export = Command::Talk(TalkCommand::Export(Some(id), format));
            menu_item_ui(ui, format.name(), export, state, commands);
        }
    });
    ui.separator();
    menu_item_ui(ui, say("conversations-delete"), Command::Delete(Some(id)), state, commands);
}

fn rename_ui(ui: &mut Ui, conversation: &Conversation, view: &mut ViewState, commands: &Commands) {
    let fresh = view.rename.as_ref().is_none_or(|(id, _)| *id != conversation.id);
    if fresh {
        view.rename = Some((conversation.id, conversation.title.clone()));
    }
    let Some((_, text)) = &mut view.rename else { return };
    let response = ui.add_sized(
        Vec2::new(ui.available_width(), 36.0),
        TextEdit::singleline(text)
            .hint_text(say("conversations-title"))
            .margin(egui::Margin::symmetric(8, 8)),
    );
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("conversations-title")));
    if fresh {
        response.request_focus();
        return;
    }
    let text = text.clone();
    if response.lost_focus() {
        view.rename = None;
        let escaped = ui.input(|i| i.key_pressed(Key::Escape));
        commands.send(if escaped { Command::CancelRename } else { Command::Rename(conversation.id, text) });
    }
}

/// How long ago, in words.
pub(super) fn when_text(then_s: f64, now_s: f64) -> String {
    match (now_s - then_s).max(0.0) {
        s if s < 60.0 => say("conversations-just-now").into(),
        s if s < 3600.0 => say!("conversations-minutes-ago", count = (s / 60.0) as u64),
        s if s < 86_400.0 => say!("conversations-hours-ago", count = (s / 3600.0) as u64),
        s if s < 30.0 * 86_400.0 => say!("conversations-days-ago", count = (s / 86_400.0) as u64),
        s if s < 365.0 * 86_400.0 => say!("conversations-months-ago", count = (s / (30.0 * 86_400.0)) as u64),
        s => say!("conversations-years-ago", count = (s / (365.0 * 86_400.0)) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_would() {
        for (ago_s, expected) in [
            (-5.0, "just now"),
            (61.0, "1 minute ago"),
            (7200.0, "2 hours ago"),
            (86_400.0, "1 day ago"),
            (40.0 * 86_400.0, "1 month ago"),
            (800.0 * 86_400.0, "2 years ago"),
        ] {
            assert_eq!(when_text(1e9 - ago_s, 1e9), expected);
        }
    }
}
