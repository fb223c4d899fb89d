//! The lines above the pages: documents, where one is, how large pages are.

use egui::accesskit::Role;
use egui::{
    CornerRadius, FontId, Key, Layout, Margin, Popup, Rect, RichText, ScrollArea, Sense, Stroke, TextEdit,
    Ui, Vec2, WidgetInfo, pos2,
};

use super::keys::zoom_text;
use super::view::{Goal, ReaderView, TabView};
use super::weak;
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{AppState, DocumentInfo, Position, Side, Tab, Zoom};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, RADIUS, size};
use crate::ui::widgets::{
    elided, focus_ring, galley_elided, icon_button_ui, select_all, text_button_ui, title_ui, within_ui,
};
use crate::words::{self, say};

/// Sizes in the menu, in percent.
const SIZES: [f32; 8] = [50.0, 75.0, 100.0, 125.0, 150.0, 200.0, 300.0, 400.0];

/// Widest tab.
const TAB: f32 = 190.0;

/// The name of the field for the page.
const PAGE: &str = "reader-page-number";

/// Draws them.
pub(super) fn head_ui(ui: &mut Ui, state: &AppState, tab: &Tab, view: &mut ReaderView, commands: &Commands) {
    let send = |command| commands.send(Command::Reader(command));
    ui.horizontal(|ui| {
        ui.set_height(CONTROL);
        ui.spacing_mut().item_spacing.x = 2.0;
        let buttons = 3.0 * (CONTROL + 2.0);
        let room = (ui.available_width() - buttons - 6.0).max(60.0);
        match state.reader.tabs.len() {
            1 => {
                ui.add_space(4.0);
                title_ui(ui, &elided(&tab.name(), (room / 8.8) as usize))
                    .on_hover_text(tab.path.display().to_string());
            }
            _ => {
                let (rect, _) = ui.allocate_exact_size(Vec2::new(room, CONTROL), Sense::hover());
                within_ui(ui, rect, |ui| tabs_ui(ui, state, commands));
            }
        }
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            if icon_button_ui(ui, Icon::Close, say("reader-hide"), say("reader-close-tip"), None).clicked() {
                send(ReaderCommand::Hide);
            }
            let open = Command::OpenSource(tab.path.clone());
            let tip = say("reader-open-outside");
            if icon_button_ui(ui, Icon::Open, open.label(), tip, None).clicked() {
                commands.send(open);
            }
            let why_not = tab.info().is_none().then_some(say("reader-not-open"));
            let memory = view.tab(tab.id);
            let tip = say("reader-find-tip");
            if icon_button_ui(ui, Icon::Search, say("reader-find-button"), tip, why_not).clicked() {
                memory.find.open = !memory.find.open;
                memory.find.focus = memory.find.open;
            }
        });
    });
    if let Some(info) = tab.info() {
        tools_ui(ui, state, info, view.tab(tab.id), commands);
    }
}

/// The documents that are open.
fn tabs_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let n = state.reader.tabs.len() as f32;
    let width = ((ui.available_width() - 2.0 * n) / n).clamp(96.0, TAB);
    ScrollArea::horizontal().id_salt("document tabs").show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for (i, tab) in state.reader.tabs.iter().enumerate() {
                ui.push_id(tab.id.0, |ui| tab_ui(ui, tab, i == state.reader.active, width, commands));
            }
        });
    });
}

fn tab_ui(ui: &mut Ui, tab: &Tab, is_active: bool, width: f32, commands: &Commands) {
    let palette = theme::palette(ui);
    let name = tab.name();
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, is_active, &name));
    let fill = match (is_active, response.hovered()) {
        (true, _) => palette.selected,
        (false, true) => palette.hovered,
        (false, false) => palette.raised,
    };
    ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    focus_ring(ui, &response);
    let cross = Rect::from_min_max(pos2(rect.right() - 26.0, rect.top()), rect.max);
    let room = cross.left() - rect.left() - 10.0;
    let text = elided(&name, (room / 6.6) as usize);
    let galley = galley_elided(ui, &text, FontId::proportional(size::SMALL), palette.text, room, 1);
    ui.painter().galley(
        pos2(rect.left() + 10.0, rect.center().y - galley.size().y / 2.0),
        galley,
        palette.text,
    );
    let close = ui.interact(cross, response.id.with("close"), Sense::click());
    let label = say!("reader-close-one", name = name.as_str());
    close.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    let colour = if close.hovered() { palette.strong } else { palette.weak };
    Icon::Close.paint(ui.painter(), cross.shrink(7.0), colour);
    focus_ring(ui, &close);
    if close.on_hover_text(say("reader-close-tab-tip")).clicked() || response.middle_clicked() {
        commands.send(Command::Reader(ReaderCommand::Close(Some(tab.id))));
    } else if response.on_hover_text(tab.path.display().to_string()).clicked() {
        commands.send(Command::Reader(ReaderCommand::Show(tab.id)));
    }
}

/// Where one is and how large pages are.
fn tools_ui(ui: &mut Ui, state: &AppState, info: &DocumentInfo, memory: &mut TabView, commands: &Commands) {
    let send = |command| commands.send(Command::Reader(command));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 1.0;
        let side = state.reader.side;
        for (icon, which, label, keys) in [
            (Icon::Menu, Side::Contents, say("reader-contents"), "Alt+1"),
            (Icon::Picture, Side::Pages, say("reader-small"), "Alt+2"),
            (Icon::Note, Side::Notes, say("reader-notes"), "Alt+3"),
        ] {
            let is_text = matches!(info.extent, crate::state::Extent::Text(_));
            if which == Side::Pages && is_text {
                continue;
            }
            if toggle_ui(ui, icon, label, &format!("{label} ({})", words::keys(keys)), side == which) {
                send(ReaderCommand::SetSide(if side == which { Side::None } else { which }));
            }
        }
        ui.add_space(4.0);
        for (icon, label, keys, back) in [
            (Icon::Left, say("reader-back"), "Alt+Left", true),
            (Icon::Right, say("reader-forward"), "Alt+Right", false),
        ] {
            let why_not = (!memory.history.can_go(back)).then_some(say("reader-nowhere"));
            if icon_button_ui(ui, icon, label, &format!("{label} ({keys})"), why_not).clicked() {
                memory.go(back);
            }
        }
        ui.add_space(4.0);
        page_field_ui(ui, info, memory);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| zoom_ui(ui, info, memory));
    });
}

/// A button that stays pressed.
fn toggle_ui(ui: &mut Ui, icon: Icon, label: &str, tip: &str, is_on: bool) -> bool {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_on, label));
    if is_on || response.hovered() {
        let fill = if is_on { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    }
    focus_ring(ui, &response);
    icon.paint(ui.painter(), rect.shrink(7.0), if is_on { palette.accent } else { palette.text });
    response.on_hover_text(tip).clicked()
}

fn page_field_ui(ui: &mut Ui, info: &DocumentInfo, memory: &mut TabView) {
    let n = info.n_pages();
    let now = memory.page();
    let wants_focus = memory.page_field.as_ref().is_some_and(String::is_empty);
    let mut text =
        memory.page_field.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| now.to_string());
    let digits = n.to_string().len().max(2) as f32;
    let field =
        TextEdit::singleline(&mut text).desired_width(9.0 * digits + 4.0).margin(Margin::symmetric(6, 5));
    let response = ui.add(field);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say(PAGE)));
    if wants_focus {
        response.request_focus();
        select_all(ui, response.id, &text);
        memory.page_field = Some(text.clone());
    }
    if response.gained_focus() {
        select_all(ui, response.id, &text);
    }
    if response.changed() {
        memory.page_field = Some(text.clone());
    }
    if response.lost_focus() {
        if ui.input(|input| input.key_pressed(Key::Enter))
            && let Ok(page) = text.trim().parse::<u32>()
        {
            memory.jump(Goal::Top(Position { page: page.clamp(1, n.max(1)), y: 0.0 }));
        }
        memory.page_field = None;
    }
    response.on_hover_text(say("reader-go-tip"));
    ui.add_space(4.0);
    ui.label(weak(ui, say!("reader-of", count = n)));
}

fn zoom_ui(ui: &mut Ui, info: &DocumentInfo, memory: &mut TabView) {
    let now_s = ui.input(|input| input.time);
    let mut step = |ui: &mut Ui, icon, label, tip, factor: f32| {
        if icon_button_ui(ui, icon, label, tip, None).clicked() {
            let percent = super::pages::percent(memory, info) * factor;
            memory
                .set_zoom(Zoom::Percent(percent.clamp(*Zoom::PERCENT.start(), *Zoom::PERCENT.end())), now_s);
        }
    };
    step(ui, Icon::Plus, say("reader-larger"), say("reader-larger-tip"), 1.15);
    let text = match memory.zoom {
        Zoom::FitWidth => say("reader-width").to_owned(),
        Zoom::FitPage => say("reader-whole-page").to_owned(),
        Zoom::Percent(_) => zoom_text(memory, info),
    };
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(58.0, CONTROL), Sense::click());
    let label = say!("reader-size-is", size = text.as_str());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    let stroke = Stroke::new(1.0, palette.line);
    let fill = if response.hovered() { palette.hovered } else { palette.raised };
    ui.painter().rect(rect, CornerRadius::same(RADIUS), fill, stroke, egui::StrokeKind::Inside);
    focus_ring(ui, &response);
    let font = FontId::proportional(size::SMALL);
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, &text, font, palette.text);
    let response = response.on_hover_text(say("reader-size-tip"));
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(150.0);
        for (label, zoom) in
            [(say("reader-fit-width"), Zoom::FitWidth), (say("reader-fit-page"), Zoom::FitPage)]
        {
            if ui.button(label).clicked() {
                memory.set_zoom(zoom, now_s);
                ui.close();
            }
        }
        for percent in SIZES {
            if ui.button(format!("{percent:.0} %")).clicked() {
                memory.set_zoom(Zoom::Percent(percent), now_s);
                ui.close();
            }
        }
    });
    let mut step = |ui: &mut Ui, icon, label, tip, factor: f32| {
        if icon_button_ui(ui, icon, label, tip, None).clicked() {
            let percent = super::pages::percent(memory, info) * factor;
            memory
                .set_zoom(Zoom::Percent(percent.clamp(*Zoom::PERCENT.start(), *Zoom::PERCENT.end())), now_s);
        }
    };
    step(ui, Icon::Minus, say("reader-smaller"), say("reader-smaller-tip"), 1.0 / 1.15);
}

/// What has to be said about the document: that it changed, what was left out.
pub(super) fn notices_ui(ui: &mut Ui, tab: &Tab, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Reader(command));
    if let Some(reason) = &tab.changed {
        ui.horizontal_wrapped(|ui| {
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
            Icon::Warning.paint(ui.painter(), rect.shrink(1.0), palette.warn);
            ui.label(RichText::new(reason).size(size::SMALL).color(palette.text));
            if text_button_ui(ui, Some(Icon::Again), ReaderCommand::Reload.label(), false).clicked() {
                send(ReaderCommand::Reload);
            }
            if text_button_ui(ui, None, ReaderCommand::KeepOld.label(), false).clicked() {
                send(ReaderCommand::KeepOld);
            }
        });
    }
    for notice in tab.info().iter().flat_map(|info| &info.notices) {
        ui.label(weak(ui, notice.clone()));
    }
}

/// The quote of an answer, and the way to the next one.
pub(super) fn citation_ui(ui: &mut Ui, state: &AppState, tab: &Tab, commands: &Commands) {
    let Some(citation) = &tab.citation else { return };
    let palette = theme::palette(ui);
    let count =
        citation.evidence.and_then(|(id, _)| state.exchange(id)).map_or(1, |e| e.answer.evidence.len());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 1.0;
        let (swatch, _) = ui.allocate_exact_size(Vec2::new(10.0, CONTROL), Sense::hover());
        let mark = Rect::from_center_size(swatch.center(), Vec2::new(4.0, 20.0));
        ui.painter().rect_filled(mark, 2.0, theme::mark_dot(crate::state::Colour::Yellow));
        let buttons = if count > 1 { 3.0 } else { 1.0 };
        let room = (ui.available_width() - buttons * (CONTROL + 1.0) - 8.0).max(40.0);
        let text = match citation.is_lost {
            true => {
                say!("reader-quote-lost", page = citation.page, words = citation.quote.trim())
            }
            false => format!("“{}”", citation.quote.trim()),
        };
        let colour = if citation.is_lost { palette.warn } else { palette.text };
        let galley = galley_elided(ui, &text, FontId::proportional(13.5), colour, room, 1);
        let (rect, response) = ui.allocate_exact_size(Vec2::new(room, CONTROL), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));
        ui.painter().galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, colour);
        let of = citation.evidence.filter(|_| count > 1);
        let of = of.map_or(String::new(), |(_, index)| {
            format!("\n{}", say!("reader-quote-of", at = index + 1, count = count))
        });
        response.on_hover_text(format!("{text}\n{}{of}", say!("reader-page-of", page = citation.page)));
        if let Some((_, index)) = citation.evidence
            && count > 1
        {
            for (icon, step) in [(Icon::Left, -1), (Icon::Right, 1)] {
                let command = Command::StepEvidence(step);
                let next = index as i64 + i64::from(step);
                let inside = (0..count as i64).contains(&next);
                let why_not = (!inside).then_some(say("reader-no-more-evidence"));
                let tip = command.tooltip(ui.ctx());
                if icon_button_ui(ui, icon, command.label(), &tip, why_not).clicked() {
                    commands.send(command);
                }
            }
        }
        let close = ReaderCommand::CloseCitation;
        if icon_button_ui(ui, Icon::Close, close.label(), say("reader-close-quote-tip"), None).clicked() {
            commands.send(Command::Reader(close));
        }
    });
}
