//! The reading pane: documents as they are, found in, marked and asked about.

mod bar;

mod draw;

mod find_bar;

mod head;

mod keys;

mod layout;

mod links;

mod notes;

mod pages;

mod select;

mod side;

mod text;

mod view;

use egui::{Frame, Margin, Panel, RichText, Ui};

pub use links::link_sheet_ui;
pub use view::ReaderView;

use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{AppState, Load, Side, Tab};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{document_text_ui, text_button_ui};
use crate::words::say;

/// From this width on, contents and notes stand beside the pages.
const WIDE_FOR_SIDE: f32 = 520.0;

/// Most width of what stands beside the pages.
const SIDE: f32 = 260.0;

/// Draws the pane.
pub fn reader_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(tab) = state.reader.shown() else { return };
    let palette = theme::palette(ui);
    keys::pane_keys(ui, state, tab, &mut view.reader, commands);
    let margin = Margin { left: space::S, right: space::S, top: 6, bottom: 4 };
    Panel::top("document head").frame(Frame::new().fill(palette.raised).inner_margin(margin)).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            head::head_ui(ui, state, tab, &mut view.reader, commands);
            head::notices_ui(ui, tab, commands);
            head::citation_ui(ui, state, tab, commands);
            if tab.info().is_some() {
                find_bar::find_bar_ui(ui, tab, view.reader.tab(tab.id), commands);
            }
        },
    );
    let Some(info) = tab.info().cloned() else {
        let frame = Frame::new().fill(palette.raised).inner_margin(Margin::same(space::M));
        egui::CentralPanel::default().frame(frame).show(ui, |ui| closed_ui(ui, state, tab, view, commands));
        return;
    };
    let beside = ui.available_width() >= WIDE_FOR_SIDE;
    let frame = Frame::new().fill(palette.raised).inner_margin(Margin::same(space::S));
    let reader = &mut view.reader;
    let side_ui = |ui: &mut Ui, reader: &mut ReaderView| match state.reader.side {
        Side::None => {}
        Side::Contents => side::contents_ui(ui, &info, reader.tab(tab.id)),
        Side::Pages => side::small_pages_ui(ui, tab, &info, reader.tab(tab.id)),
        Side::Notes => notes::notes_ui(ui, state, tab, reader, commands),
    };
    if state.reader.side != Side::None && beside {
        Panel::left("document side")
            .frame(frame)
            .resizable(false)
            .exact_size((0.36 * ui.available_width()).clamp(170.0, SIDE))
            .show(ui, |ui| side_ui(ui, reader));
    }
    let covered = state.reader.side != Side::None && !beside;
    let inner = if covered { frame } else { Frame::new().fill(palette.sidebar) };
    egui::CentralPanel::default().frame(inner).show(ui, |ui| {
        if covered {
            side_ui(ui, reader);
        } else {
            pages::pages_ui(ui, state, tab, &info, reader, commands);
        }
    });
}

/// A document that is not open yet, or cannot be.
fn closed_ui(ui: &mut Ui, state: &AppState, tab: &Tab, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let Load::Failed(reason) = &tab.document else {
        ui.label(RichText::new(say!("reader-opening", name = tab.name())).color(palette.weak));
        return;
    };
    ui.label(RichText::new(say("reader-not-shown")).color(palette.error).strong());
    ui.label(RichText::new(reason).color(palette.text));
    if text_button_ui(ui, Some(Icon::Again), say("reader-try-again"), false).clicked() {
        commands.send(Command::Reader(ReaderCommand::Reload));
    }
    // What was read before still shows the quote.
    let attachment = tab.attachment.and_then(|id| state.current()?.attachment(id));
    if let (Some(read), Some(citation)) = (attachment.and_then(|a| a.read()), &tab.citation) {
        ui.add_space(f32::from(space::S));
        ui.label(RichText::new(say("reader-read-before")).size(size::SMALL).color(palette.weak));
        egui::ScrollArea::vertical().id_salt("read before").auto_shrink([false, false]).show(ui, |ui| {
            document_text_ui(ui, &read, citation.page, Some(&citation.quote), view);
        });
    }
}

/// Less important text.
fn weak(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak)
}
