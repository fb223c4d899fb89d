//! Who has the keyboard: F6 goes from pane to pane, and what closes gives the keyboard back.

use egui::accesskit::Role;
use egui::{Id, LayerId, Rect, Ui};

use engine::media::Kind;

use super::view::ViewState;
use crate::state::{AppState, Overlay};
use crate::words::say;

/// A part of the window that F6 goes to, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pane {
    /// The list of conversations.
    Conversations,
    /// Questions and answers, or what takes their place.
    Middle,
    /// Documents that are read.
    Documents,
    /// Evidence beside the conversation.
    Evidence,
}

impl Pane {
    fn name(self) -> &'static str {
        match self {
            Self::Conversations => say("common-pane-conversations"),
            Self::Middle => say("common-pane-middle"),
            Self::Documents => say("common-pane-documents"),
            Self::Evidence => say("common-pane-evidence"),
        }
    }
}

/// What is remembered of panes and of what lies over them.
#[derive(Debug, Default)]
pub struct PanesView {
    /// The panes of this frame.
    shown: Vec<(Pane, Rect, LayerId)>,
    /// What had the keyboard last in each pane.
    last: Vec<(Pane, Id)>,
    /// Where the keyboard is, also where a pane takes keys and no part of it has them.
    at: Option<Pane>,
    /// What was over the window or beside the conversation in the frame before.
    layers: [bool; N_LAYERS],
    /// What had the keyboard before each of them.
    before: [Option<Id>; N_LAYERS],
}

/// Overlay, evidence, documents, transcript.
const N_LAYERS: usize = 4;

fn layers(state: &AppState) -> [bool; N_LAYERS] {
    [
        state.overlay != Overlay::None,
        state.viewer.is_some(),
        state.reader.is_shown,
        state.transcript.is_some(),
    ]
}

/// Names a pane for screen readers and notes where it is.
pub fn begin_pane(ui: &Ui, pane: Pane, view: &mut ViewState) {
    ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
        node.set_role(Role::Region);
        node.set_label(pane.name());
    });
    let rect = ui.max_rect().intersect(ui.clip_rect());
    view.panes.shown.push((pane, rect, ui.layer_id()));
}

/// Before the panes are drawn.
pub fn begin(ui: &Ui, state: &AppState, view: &mut ViewState) {
    view.panes.shown.clear();
    let now = layers(state);
    let focused = ui.memory(|memory| memory.focused());
    for (i, is_open) in now.into_iter().enumerate() {
        if is_open && !view.panes.layers[i] {
            view.panes.before[i] = focused;
        }
    }
}

/// After everything was drawn.
pub fn end(ui: &Ui, state: &AppState, view: &mut ViewState) {
    let now = layers(state);
    for (i, is_open) in now.into_iter().enumerate() {
        let was_open = std::mem::replace(&mut view.panes.layers[i], is_open);
        // Only what is still there can have it back.
        if was_open
            && !is_open
            && let Some(id) = view.panes.before[i].take().filter(|id| place_of(ui, *id).is_some())
        {
            ui.memory_mut(|memory| memory.request_focus(id));
            ui.ctx().request_repaint();
        }
    }
    let focused = ui.memory(|memory| memory.focused());
    let current = focused.and_then(|id| {
        let (layer, at) = place_of(ui, id)?;
        let is_in = |(_, rect, of): &&(Pane, Rect, LayerId)| *of == layer && rect.contains(at.center());
        view.panes.shown.iter().find(is_in).map(|(pane, ..)| (*pane, id))
    });
    if let Some((pane, id)) = current {
        view.panes.at = Some(pane);
        view.panes.last.retain(|(other, _)| *other != pane);
        view.panes.last.push((pane, id));
    }
    let step = std::mem::take(&mut view.step_pane);
    if step != 0 {
        let here = match focused {
            Some(_) => current.map(|(pane, _)| pane),
            None => view.panes.at,
        };
        let picture = state.viewer.as_ref().is_some_and(|viewer| viewer.kind == Kind::Picture);
        // From the parts around its pages a document gives the keyboard to them first.
        if here == Some(Pane::Documents) && !view.reader.has_keyboard {
            view.reader.give_keyboard();
            ui.ctx().request_repaint();
        } else {
            go(ui, here.unwrap_or(Pane::Middle), step, view, picture);
        }
    }
}

/// Gives the keyboard to the pane after or before.
fn go(ui: &Ui, from: Pane, step: i32, view: &mut ViewState, picture: bool) {
    let mut panes = view.panes.shown.clone();
    panes.sort_by_key(|(pane, ..)| *pane);
    let n = panes.len() as i32;
    let at = panes.iter().position(|(pane, ..)| *pane == from).unwrap_or(0) as i32;
    let Some(&(pane, rect, layer)) = panes.get((at + step).rem_euclid(n.max(1)) as usize) else { return };
    let last = view.panes.last.iter().find(|(of, _)| *of == pane).map(|(_, id)| *id);
    let last = last.filter(|id| place_of(ui, *id).is_some());
    view.panes.at = Some(pane);
    match (pane, last) {
        // Pages, pictures and recordings take keys of their own.
        (Pane::Documents, _) => view.reader.give_keyboard(),
        (Pane::Evidence, _) if picture => view.stage.focus(),
        (Pane::Evidence, _) => {
            ui.memory_mut(|memory| memory.focused().into_iter().for_each(|id| memory.surrender_focus(id)))
        }
        (_, Some(id)) => ui.memory_mut(|memory| memory.request_focus(id)),
        (Pane::Middle, None) if view.has_composer => view.focus_composer = true,
        (_, None) => {
            if let Some(id) = first_control(ui, rect, layer) {
                ui.memory_mut(|memory| memory.request_focus(id));
            }
        }
    }
    ui.ctx().request_repaint();
}

/// Where a widget is that was drawn in this frame.
fn place_of(ui: &Ui, id: Id) -> Option<(LayerId, Rect)> {
    ui.ctx()
        .viewport(|viewport| viewport.this_pass.widgets.get(id).map(|widget| (widget.layer_id, widget.rect)))
}

fn first_control(ui: &Ui, rect: Rect, layer: LayerId) -> Option<Id> {
    ui.ctx().viewport(|viewport| {
        let mut widgets = viewport.this_pass.widgets.get_layer(layer);
        let takes = |widget: &&egui::WidgetRect| {
            widget.enabled && widget.sense.is_focusable() && rect.contains_rect(widget.interact_rect)
        };
        widgets.find(takes).map(|widget| widget.id)
    })
}
