//! What is drawn: reads [`AppState`] and its own [`ViewState`], and sends [`Command`]s.
//!
//! [`Command`]: crate::command::Command

pub mod theme;

pub mod view;

mod announce;

mod icons;

mod look;

pub(crate) mod cited;

mod markdown;

mod panels;

mod panes;

mod widgets;

use crate::command::Commands;
use crate::state::{AppState, Middle, Overlay};
use panes::{Pane, begin_pane};
use theme::space;
use view::ViewState;
pub(crate) use widgets::place_text;

/// From this width on, the list of conversations stays open.
const WIDE: f32 = 820.0;

/// From this width on, evidence is shown beside the conversation, not instead of it.
const WIDE_FOR_EVIDENCE: f32 = 900.0;

/// Width of the list of conversations.
const SIDEBAR: f32 = 248.0;

/// Its width where it stands there only for a while.
const SIDEBAR_FOLDED: f32 = 220.0;

/// Draws the whole window.
pub fn root_ui(ui: &mut egui::Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    view.begin_frame(state.editing);
    panes::begin(ui, state, view);
    view.is_dark = ui.visuals().dark_mode;
    let width = ui.available_width();
    let wide = width >= WIDE;
    if wide || state.sidebar_open {
        egui::Panel::left("sidebar")
            .frame(egui::Frame::new().fill(palette.sidebar).inner_margin(egui::Margin::same(space::S)))
            .resizable(false)
            .exact_size(match width {
                width if width >= WIDE => SIDEBAR,
                // Nothing would fit beside it.
                width if width < 2.0 * SIDEBAR => width,
                _ => SIDEBAR_FOLDED,
            })
            .show(ui, |ui| {
                begin_pane(ui, Pane::Conversations, view);
                panels::sidebar_ui(ui, state, view, commands);
            });
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
            .show(ui, |ui| {
                begin_pane(ui, Pane::Documents, view);
                panels::reader_ui(ui, state, view, commands);
            });
    }
    let looks_inside =
        state.looked_into().is_some() && !reads && state.viewer.is_none() && state.transcript.is_none();
    let inside_beside = looks_inside && width >= WIDE_FOR_EVIDENCE;
    if inside_beside {
        let frame = egui::Frame::new().fill(palette.raised).inner_margin(egui::Margin::same(space::M));
        egui::Panel::right("inside")
            .frame(frame)
            .resizable(true)
            .default_size((0.38 * width).clamp(340.0, 620.0))
            .size_range(320.0..=(width - 248.0 - 320.0).max(320.0))
            .show(ui, |ui| {
                begin_pane(ui, Pane::Evidence, view);
                panels::inside_ui(ui, state, view, commands);
            });
    }
    let beside = state.viewer.is_some() && width >= WIDE_FOR_EVIDENCE;
    if beside {
        let frame = egui::Frame::new().fill(palette.raised).inner_margin(egui::Margin::same(space::M));
        egui::Panel::right("evidence")
            .frame(frame)
            .resizable(true)
            .default_size((0.36 * width).clamp(320.0, 560.0))
            .size_range(300.0..=(width - 248.0 - 340.0).max(300.0))
            .show(ui, |ui| {
                begin_pane(ui, Pane::Evidence, view);
                panels::evidence_ui(ui, state, view, commands);
            });
    }
    let nothing_beside = ui.available_width() < 1.0;
    panels::tour_ui(ui, state, commands);
    egui::CentralPanel::default().frame(egui::Frame::new().fill(palette.ground)).show(ui, |ui| {
        if nothing_beside {
            return;
        }
        let pages = state.transcript.is_none() && reads && !reads_beside;
        view.has_composer = state.middle == Middle::Conversation
            && state.transcript.is_none()
            && !pages
            && (state.viewer.is_none() || beside);
        begin_pane(ui, if pages { Pane::Documents } else { Pane::Middle }, view);
        if state.transcript.is_some() {
            panels::transcript_ui(ui, state, view, commands, wide);
        } else if reads && !reads_beside {
            panels::reader_ui(ui, state, view, commands);
        } else if looks_inside && !inside_beside {
            egui::Frame::new()
                .inner_margin(egui::Margin::same(space::M))
                .show(ui, |ui| panels::inside_ui(ui, state, view, commands));
        } else if state.viewer.is_some() && !beside {
            egui::Frame::new()
                .inner_margin(egui::Margin::same(space::M))
                .show(ui, |ui| panels::evidence_ui(ui, state, view, commands));
        } else {
            match state.middle {
                Middle::Conversation => panels::main_ui(ui, state, view, commands, wide),
                Middle::Library => panels::library_ui(ui, state, view, commands, wide),
                Middle::Teach => panels::teach_ui(ui, state, view, commands, wide),
            }
        }
    });
    match state.overlay {
        Overlay::None => {}
        Overlay::Settings => panels::settings_ui(ui, state, view, commands),
        Overlay::Shortcuts => panels::shortcuts_ui(ui, view, commands),
        Overlay::Setup => panels::setup_ui(ui, state, view, commands),
        Overlay::PathEntry => panels::path_entry_ui(ui, view, commands),
        Overlay::Models => panels::models_ui(ui, state, view, commands),
        Overlay::Palette => panels::palette_ui(ui, state, view, commands),
        Overlay::Privacy => panels::privacy_ui(ui, state, view, commands),
        Overlay::Crash => panels::crash_ui(ui, state, commands),
    }
    if state.overlay != Overlay::Palette {
        panels::forget_palette(view);
    }
    if let Some(address) = &state.reader.link {
        panels::link_sheet_ui(ui, address, commands);
    }
    widgets::toast_ui(ui, state, commands);
    widgets::drop_zone_ui(ui, state.middle);
    let told = view.announcer.hear(state).to_owned();
    widgets::live_region_ui(ui, &told);
    panes::end(ui, state, view);
}
