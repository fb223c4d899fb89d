//! What is drawn: reads [`AppState`] and its own [`ViewState`], and sends [`Command`]s.
//!
//! [`Command`]: crate::command::Command

pub mod theme;

pub mod view;

mod icons;

mod markdown;

mod panels;

mod widgets;

use crate::command::Commands;
use crate::state::{AppState, Overlay, Pane};
use theme::space;
use view::ViewState;

/// From this width on, the list of conversations stays open.
const WIDE: f32 = 820.0;

/// From this width on, evidence is shown beside the conversation, not instead of it.
const WIDE_FOR_EVIDENCE: f32 = 900.0;

/// Draws the whole window.
pub fn root_ui(ui: &mut egui::Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    view.begin_frame(ui.ctx());
    let width = ui.available_width();
    let wide = width >= WIDE;
    if wide || state.sidebar_open {
        egui::Panel::left("sidebar")
            .frame(egui::Frame::new().fill(palette.sidebar).inner_margin(egui::Margin::same(space::S)))
            .resizable(false)
            .exact_size(if wide { 248.0 } else { 220.0 })
            .show(ui, |ui| panels::sidebar_ui(ui, state, view, commands));
    }
    let reads = state.reader.shown().is_some() && state.transcript.is_none();
    let reads_beside = reads && width >= WIDE_FOR_EVIDENCE;
    if reads_beside {
        let most = (width - 248.0 - 320.0).max(320.0);
        egui::Panel::right("documents")
            .frame(egui::Frame::new().fill(palette.raised))
            .resizable(true)
            .default_size((0.46 * width).clamp(400.0, 900.0).min(most))
            .size_range(320.0..=most)
            .show(ui, |ui| panels::reader_ui(ui, state, view, commands));
    }
    let beside = state.viewer.is_some() && width >= WIDE_FOR_EVIDENCE;
    if beside {
        let frame = egui::Frame::new().fill(palette.raised).inner_margin(egui::Margin::same(space::M));
        egui::Panel::right("evidence")
            .frame(frame)
            .resizable(true)
            .default_size((0.36 * width).clamp(320.0, 560.0))
            .size_range(300.0..=(width - 248.0 - 340.0).max(300.0))
            .show(ui, |ui| panels::evidence_ui(ui, state, view, commands));
    }
    egui::CentralPanel::default().frame(egui::Frame::new().fill(palette.ground)).show(ui, |ui| {
        if state.transcript.is_some() {
            panels::transcript_ui(ui, state, view, commands, wide);
        } else if reads && !reads_beside {
            panels::reader_ui(ui, state, view, commands);
        } else if state.viewer.is_some() && !beside {
            egui::Frame::new()
                .inner_margin(egui::Margin::same(space::M))
                .show(ui, |ui| panels::evidence_ui(ui, state, view, commands));
        } else {
            match state.pane {
                Pane::Conversation => panels::main_ui(ui, state, view, commands, wide),
                Pane::Library => panels::library_ui(ui, state, view, commands, wide),
                Pane::Teach => panels::teach_ui(ui, state, view, commands, wide),
            }
        }
    });
    match state.overlay {
        Overlay::None => {}
        Overlay::Settings => panels::settings_ui(ui, state, view, commands),
        Overlay::Shortcuts => panels::shortcuts_ui(ui, commands),
        Overlay::PathEntry => panels::path_entry_ui(ui, view, commands),
    }
    widgets::toast_ui(ui, state, commands);
    widgets::drop_zone_ui(ui, state.pane);
}
