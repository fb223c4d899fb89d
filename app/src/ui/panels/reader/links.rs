//! Links on pages: those inside of the document are followed, addresses outside of it are shown and opened only when
//! that is confirmed, because a document is not trusted.

use egui::accesskit::Role;
use egui::{CornerRadius, CursorIcon, OpenUrl, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo};
use engine::media::{Link, LinkTarget};

use super::pages::{Shown, pages_id};
use super::view::{Goal, TabView};
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::Position;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS};
use crate::ui::widgets::{sheet_ui, text_button_ui};
use crate::words::say;

/// What may be opened: everything else could start a program.
const OPENED: [&str; 3] = ["https://", "http://", "mailto:"];

/// Lets links in view be clicked, and reached with the keyboard.
pub(super) fn links_ui(ui: &Ui, memory: &mut TabView, shown: &[Shown], inner: Rect, commands: &Commands) {
    for page in shown {
        let links = page.page().cloned();
        for (i, link) in links.iter().flat_map(|text| &text.links).enumerate() {
            let rect = page.on_screen(&link.area).intersect(inner);
            if rect.width() >= 2.0 && rect.height() >= 2.0 {
                link_ui(ui, memory, link, (page.number, i), rect, commands);
            }
        }
    }
}

fn link_ui(ui: &Ui, memory: &mut TabView, link: &Link, place: (u32, usize), rect: Rect, commands: &Commands) {
    let response = ui.interact(rect, pages_id().with(("link", place)), Sense::click());
    let text = match &link.target {
        LinkTarget::Page { page, .. } => say!("reader-link-inside", page = *page),
        LinkTarget::Outside(address) => say!("reader-link-outside", address = shortened(address)),
    };
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, &text));
    if response.hovered() || response.has_focus() {
        let stroke = Stroke::new(1.5, theme::palette(ui).accent);
        ui.painter().rect_stroke(rect, CornerRadius::same(3), stroke, StrokeKind::Outside);
    }
    if response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(text).clicked() {
        match &link.target {
            LinkTarget::Page { page, y: Some(y) } => memory.jump(Goal::Point(*page, *y)),
            LinkTarget::Page { page, y: None } => memory.jump(Goal::Top(Position { page: *page, y: 0.0 })),
            LinkTarget::Outside(address) => {
                commands.send(Command::Reader(ReaderCommand::ShowLink(Some(address.clone()))));
            }
        }
        ui.ctx().request_repaint();
    }
}

fn shortened(address: &str) -> String {
    const CHARS: usize = 120;
    let mut text: String = address.chars().filter(|c| !c.is_control()).take(CHARS).collect();
    if address.chars().count() > CHARS {
        text.push('…');
    }
    text
}

/// Asks whether an address is to be opened, which a document or an answer has.
pub fn link_sheet_ui(ui: &Ui, address: &str, commands: &Commands) {
    let palette = theme::palette(ui);
    let close = || commands.send(Command::Reader(ReaderCommand::ShowLink(None)));
    let clean: String = address.chars().filter(|c| !c.is_control()).collect();
    let lower = clean.to_lowercase();
    let can_be_opened = OPENED.iter().any(|scheme| lower.starts_with(scheme));
    sheet_ui(ui, say("reader-link-sheet"), say("reader-link-title"), 520.0, commands, |ui| {
        ui.label(say("reader-link-about"));
        ui.add_space(4.0);
        egui::Frame::new().fill(palette.field).corner_radius(RADIUS).inner_margin(10).show(ui, |ui| {
            ui.set_width(ui.available_width());
            // Broken anywhere: what matters may stand at its end.
            let mut job = egui::text::LayoutJob::simple(
                clean.clone(),
                egui::FontId::monospace(13.5),
                palette.text,
                ui.available_width(),
            );
            job.wrap.break_anywhere = true;
            ui.label(job);
        });
        if !can_be_opened {
            ui.label(RichText::new(say("reader-link-not-opened")).color(palette.warn));
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if can_be_opened && text_button_ui(ui, Some(Icon::Open), say("reader-link-open"), true).clicked()
            {
                ui.ctx().open_url(OpenUrl::new_tab(&clean));
                close();
            }
            if text_button_ui(ui, Some(Icon::Copy), say("reader-link-copy"), false).clicked() {
                commands.send(Command::CopyText(clean.clone()));
                close();
            }
            if text_button_ui(ui, None, say("common-cancel"), false).clicked() {
                close();
            }
        });
    });
}
