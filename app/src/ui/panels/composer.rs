//! Where questions are written.

use egui::{
    Frame, Key, KeyboardShortcut, Margin, Modifiers, Popup, PopupCloseBehavior, RichText, ScrollArea, Stroke,
    TextEdit, Ui,
};

use super::drafts::{drafts_ui, part_ui};
use super::library::{about_text, choices_ui};
use super::live::{live_ui, microphone_ui};
use super::teach::adapter_ui;
use super::thoughts::think_ui;
use crate::command::{Command, Commands, MediaCommand, ReaderCommand};
use crate::say;
use crate::state::{AppState, Attachment, AttachmentId};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    command_button_ui, elided, focus_ring, icon_button_ui, keep_cursor_inside, quoted_ui,
};
use crate::words::say;

/// Files that go with the next question, the field, and the buttons.
pub fn composer_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let id = egui::Id::unique("composer field");
    let focused = ui.memory(|memory| memory.has_focus(id));
    // As around every field: 3:1 on the ground (WCAG 1.4.11).
    let line = if focused { palette.accent } else { palette.edge };
    Frame::new()
        .fill(palette.field)
        .stroke(Stroke::new(1.0, line))
        .corner_radius(14)
        .inner_margin(Margin::same(space::S))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            live_ui(ui, state, commands);
            drafts_ui(ui, state, view, commands);
            passage_ui(ui, state, commands);
            part_ui(ui, state, commands);
            field_ui(ui, id, view);
            buttons_ui(ui, state, view, commands);
        });
    let send = Command::Send(view.draft.clone());
    if focused && enter_pressed(ui) && send.enabled(state).is_ok() {
        commands.send(send);
    }
}

/// Enter alone: with Shift it begins a line.
fn enter_pressed(ui: &Ui) -> bool {
    ui.input(|input| {
        input.events.iter().any(|event| {
            matches!(event, egui::Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if modifiers.is_none())
        })
    })
}

/// The passage that the next question is about.
fn passage_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let Some(quoted) = &state.passage else { return };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let width = ui.available_width() - theme::CONTROL - 2.0;
        if quoted_ui(ui, quoted, width).clicked() {
            let open = ReaderCommand::OpenPassage(quoted.path.clone(), quoted.passage.clone());
            commands.send(Command::Reader(open));
        }
        let drop = ReaderCommand::DropPassage;
        if icon_button_ui(ui, Icon::Close, drop.label(), drop.label(), None).clicked() {
            commands.send(Command::Reader(drop));
        }
    });
}

/// Which files the next questions are about; only where there is a choice.
fn about_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let Some(conversation) = state.current() else { return };
    let files = &conversation.attachments;
    let has_library = state.library.n_documents() > 0 || state.about_library.is_some();
    if (files.len() < 2 && !has_library) || state.passage.is_some() {
        return;
    }
    let palette = theme::palette(ui);
    let chosen: Vec<_> = files.iter().filter(|file| state.about.contains(&file.id)).collect();
    let library = about_text(state);
    let text = match chosen.as_slice() {
        _ if let Some(text) = &library => say!("library-about", what = text.as_str()),
        [] if files.is_empty() => say("library-about-nothing").to_owned(),
        [] => say("conversations-about-all").to_owned(),
        [one] => say!("conversations-about-one", file = elided(&one.name(), 18)),
        some => say!("conversations-about-some", count = some.len(), total = files.len()),
    };
    let font = egui::FontId::proportional(size::SMALL);
    let colour = if chosen.is_empty() && library.is_none() { palette.weak } else { palette.accent };
    let galley = ui.painter().layout_no_wrap(text.clone(), font, colour);
    // What comes after it, the last of which asks, must have its room.
    let has_room = galley.size().x + 30.0 + 2.5 * theme::CONTROL < ui.available_width();
    let wide =
        egui::Vec2::new(if has_room { galley.size().x + 30.0 } else { theme::CONTROL }, theme::CONTROL);
    let (rect, response) = ui.allocate_exact_size(wide, egui::Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &text));
    if response.hovered() {
        ui.painter().rect_filled(rect, theme::RADIUS, palette.hovered);
    }
    focus_ring(ui, &response);
    let icon = egui::Rect::from_min_size(rect.min + egui::Vec2::new(6.0, 8.0), egui::Vec2::splat(16.0));
    Icon::Document.paint(ui.painter(), icon, colour);
    let at = egui::pos2(rect.left() + 26.0, rect.center().y - galley.size().y / 2.0);
    if has_room {
        ui.painter().galley(at, galley, colour);
    }
    let response = response.on_hover_text(say("conversations-about-hint"));
    let send = |about| commands.send(Command::Reader(ReaderCommand::AskAbout(about)));
    let menu = Popup::menu(&response).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    menu.show(|ui| {
        ui.set_min_width(220.0);
        choices_ui(ui, state, commands);
        if ui.radio(state.about.is_empty() && library.is_none(), say("conversations-all-files")).clicked() {
            send(Vec::new());
        }
        let open: Vec<_> = state.reader.tabs.iter().filter_map(|tab| tab.attachment).collect();
        if !open.is_empty()
            && ui
                .radio(!state.about.is_empty() && state.about == open, say("conversations-open-documents"))
                .clicked()
        {
            send(open.clone());
        }
        if let Some(shown) = state.reader.shown().and_then(|tab| tab.attachment)
            && ui.radio(state.about == [shown], say("conversations-shown-document")).clicked()
        {
            send(vec![shown]);
        }
        if !files.is_empty() {
            ui.separator();
        }
        ScrollArea::vertical().max_height(220.0).show(ui, |ui| {
            for file in files {
                let mut is_in = state.about.is_empty() || state.about.contains(&file.id);
                if ui.checkbox(&mut is_in, elided(&file.name(), 32)).clicked() {
                    send(toggled(state, files, file.id));
                }
            }
        });
    });
}

/// The files that are asked about when one is put in or left out; all of them are no choice.
fn toggled(state: &AppState, files: &[Attachment], id: AttachmentId) -> Vec<AttachmentId> {
    let is_in = |file: &&Attachment| {
        let before = state.about.is_empty() || state.about.contains(&file.id);
        before != (file.id == id)
    };
    let chosen: Vec<_> = files.iter().filter(is_in).map(|file| file.id).collect();
    if chosen.len() == files.len() { Vec::new() } else { chosen }
}

fn field_ui(ui: &mut Ui, id: egui::Id, view: &mut ViewState) {
    let rows = 8.0 * 1.35 * size::BODY;
    ScrollArea::vertical().id_salt("draft").max_height(rows).min_scrolled_height(rows).show(ui, |ui| {
        let field = TextEdit::multiline(&mut view.draft)
            .id(id)
            .frame(Frame::new())
            .margin(Margin::symmetric(6, 4))
            .desired_width(f32::INFINITY)
            .desired_rows(1)
            .hint_text(say("conversations-ask-hint"))
            // Enter asks; Shift+Enter begins a line.
            .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
        let response = ui.add(field);
        view.draft_changed |= response.changed();
        keep_cursor_inside(&response, &view.draft);
        ui.ctx()
            .accesskit_node_builder(response.id, |node| node.set_label(say("conversations-question-field")));
        if std::mem::take(&mut view.focus_composer) {
            response.request_focus();
        }
    });
}

fn buttons_ui(ui: &mut Ui, state: &AppState, view: &ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let attach =
            ui.add_enabled_ui(true, |ui| command_button_ui(ui, Icon::Clip, Command::Attach, state, commands));
        attach.inner.context_menu(|ui| {
            let capture = Command::Media(MediaCommand::CaptureScreen);
            for command in [Command::Attach, Command::AttachByPath, Command::PasteFiles, capture] {
                let text = command.tooltip(ui.ctx());
                if ui.button(text).clicked() {
                    commands.send(command);
                    ui.close();
                }
            }
        });
        microphone_ui(ui, state, commands);
        about_ui(ui, state, commands);
        think_ui(ui, state, commands);
        adapter_ui(ui, state, commands);
        if state.picking {
            ui.label(
                RichText::new(say("conversations-dialog-waiting")).size(size::SMALL).color(palette.weak),
            );
            if ui.link(RichText::new(say("conversations-type-path")).size(size::SMALL)).clicked() {
                commands.send(Command::AttachByPath);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if state.running().is_some() {
                let tooltip = say("conversations-stop-keys");
                if round_button_ui(ui, Icon::Stop, Command::Stop.label(), tooltip, None).clicked() {
                    commands.send(Command::Stop);
                }
            } else {
                let send = Command::Send(view.draft.clone());
                let why_not = send.enabled(state).err();
                if round_button_ui(ui, Icon::Send, send.label(), say("conversations-send-keys"), why_not)
                    .clicked()
                {
                    commands.send(send);
                }
            }
            if ui.available_width() > 220.0 && !state.picking {
                let hint = say("conversations-enter-hint");
                ui.label(RichText::new(hint).size(size::SMALL).color(palette.weak));
            }
        });
    });
}

/// The one button that matters most: a filled circle.
fn round_button_ui(
    ui: &mut Ui,
    icon: Icon,
    label: &str,
    tooltip: &str,
    why_not: Option<&str>,
) -> egui::Response {
    let palette = theme::palette(ui);
    let response = icon_button_ui(ui, icon, label, tooltip, why_not);
    let rect = response.rect;
    let (fill, colour) = match why_not {
        Some(_) => (palette.hovered, palette.weak),
        None if response.hovered() => (palette.accent.gamma_multiply(0.85), palette.on_accent),
        None => (palette.accent, palette.on_accent),
    };
    ui.painter().circle_filled(rect.center(), rect.width() / 2.0, fill);
    icon.paint(ui.painter(), rect.shrink(7.0), colour);
    response
}
