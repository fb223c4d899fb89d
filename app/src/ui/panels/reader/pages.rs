//! The pages: only those in view are drawn.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, Id, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2,
};
use engine::media::Page;

use super::draw::{Sheet, page_ui};
use super::layout::{Anchor, GAP, MARGIN, text_scale};
use super::text::{self, TextPage};
use super::view::{Goal, ReaderView, TabView};
use super::{bar, keys, links, select};
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{
    AppState, DocumentInfo, Extent, Overlay, PageBoxes, Position, Tab, TextPos, Wanted, Zoom, boxes, hit,
};
use crate::ui::theme;

/// Width of the bar that is dragged.
const BAR: f32 = 12.0;

/// Pages before and after those in view whose pictures are held.
const AHEAD: usize = 1;

/// Longest side of a drawn page in pixels; larger ones are stretched.
const LARGEST_PX: u32 = 4_096;

/// After this long without another zoom pages are drawn in their right size, in seconds.
const ZOOM_PAUSE_S: f64 = 0.15;

/// Names the pages for the keyboard.
pub(super) fn pages_id() -> Id {
    Id::unique("document pages")
}

/// A page that is in view.
pub(super) struct Shown {
    pub(super) number: u32,
    pub(super) rect: Rect,
    text: Option<Arc<Page>>,
    pub(super) laid_out: Option<TextPage>,
    pub(super) scale: f32,
}

/// Draws the pages in view.
pub(super) fn pages_ui(
    ui: &mut Ui,
    state: &AppState,
    tab: &Tab,
    info: &DocumentInfo,
    view: &mut ReaderView,
    commands: &Commands,
) {
    let area = ui.available_rect_before_wrap();
    let response = ui.interact(area, pages_id(), Sense::click_and_drag());
    // A document that is open late takes the keyboard from nobody who types into what lies over the window.
    if std::mem::take(&mut view.focus_pages) && state.overlay == Overlay::None {
        response.request_focus();
    }
    view.has_keyboard = response.has_focus();
    let now_s = ui.input(|input| input.time);
    let inner = Rect::from_min_max(area.min, pos2(area.right() - BAR, area.bottom()));
    let painter = ui.painter_at(inner);
    painter.rect_filled(inner, CornerRadius::ZERO, theme::palette(ui).sidebar);
    let memory = view.tab(tab.id);
    memory.height = inner.height();
    lay_out(memory, info, inner.size());
    wheel(ui, memory, info, &response, inner, now_s);
    keys::pages_keys(ui, state, info, memory, &response, commands);
    reach(ui, memory, info);
    memory.anchor = memory.layout.settle(memory.anchor, inner.height());
    memory.x = memory.x.clamp(0.0, (memory.layout.width + 2.0 * MARGIN - inner.width()).max(0.0));
    let shown = in_view(ui, memory, info, inner);
    let mut send = true;
    let sheet = Sheet { ui, painter: &painter, tab, is_paper: is_paper(info), inner };
    for page in &shown {
        page_ui(&sheet, memory, page, &mut send);
    }
    // What is next to the view is sent before it comes into it.
    memory.pictures.values_mut().flatten().for_each(|drawn| {
        drawn.texture(ui.ctx(), &mut send);
    });
    want(ui, tab, info, memory, &shown, now_s, commands);
    select::pointer(ui, tab, memory, &response, inner, &shown, commands);
    // While somebody writes what to find, the bar would hide what was found.
    let selected = memory.selection.filter(|_| !memory.is_selecting && !ui.ctx().text_edit_focused());
    if let Some(selection) = selected {
        let rects = shown.iter().flat_map(|page| page.rects_between(selection.range()));
        bar::selection_bar_ui(ui, state, selection, rects.last(), inner, commands);
    }
    links::links_ui(ui, memory, &shown, inner, commands);
    select::menu(&response, state, memory, commands);
    scroll_bar(ui, memory, Rect::from_min_max(pos2(inner.right(), area.top()), area.max));
    nodes(ui, &response, tab, info, memory, &shown, inner);
}

fn is_paper(info: &DocumentInfo) -> bool {
    matches!(info.extent, Extent::Paper(_))
}

/// Takes in another size of the pane or of pages: what is at the top stays there.
fn lay_out(memory: &mut TabView, info: &DocumentInfo, room: Vec2) {
    let before = memory.layout.position(memory.anchor);
    let was = !memory.layout.sizes.is_empty();
    if memory.layout.update(&info.extent, room, memory.zoom) && was {
        memory.anchor = memory.layout.at(before);
    }
}

/// Scrolls and zooms with the wheel; a pinch zooms around the pointer.
fn wheel(ui: &Ui, memory: &mut TabView, info: &DocumentInfo, response: &Response, inner: Rect, now_s: f64) {
    if !response.contains_pointer() {
        return;
    }
    let (delta, zoom, pointer) =
        ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta(), input.pointer.hover_pos()));
    if zoom != 1.0 {
        zoom_around(memory, info, inner, pointer.unwrap_or(inner.center()), zoom, now_s);
    } else {
        memory.scroll(-delta.y);
        memory.x -= delta.x;
    }
}

/// Makes pages larger or smaller; the point under `at` stays where it is.
pub(super) fn zoom_around(
    memory: &mut TabView,
    info: &DocumentInfo,
    inner: Rect,
    at: Pos2,
    factor: f32,
    now_s: f64,
) {
    let percent = percent(memory, info) * factor;
    let zoom = Zoom::Percent(percent.clamp(*Zoom::PERCENT.start(), *Zoom::PERCENT.end()));
    let down = at.y - inner.top();
    let under =
        memory.layout.settle(Anchor { page: memory.anchor.page, above: memory.anchor.above + down }, 0.0);
    let place = memory.layout.position(under);
    let (width, from_left) = (memory.layout.width.max(1.0), memory.x + at.x - inner.left());
    memory.set_zoom(zoom, now_s);
    memory.layout.update(&info.extent, inner.size(), zoom);
    let mut anchor = memory.layout.at(place);
    anchor.above -= down;
    memory.anchor = anchor;
    memory.x = from_left * memory.layout.width / width - (at.x - inner.left());
}

/// The size of the page at the top in percent.
pub(super) fn percent(memory: &TabView, info: &DocumentInfo) -> f32 {
    let page = memory.anchor.page;
    match (memory.zoom, &info.extent) {
        (Zoom::Percent(percent), _) => percent,
        (_, Extent::Text(_)) => 100.0,
        (_, Extent::Paper(sizes)) => match (memory.layout.sizes.get(page), sizes.get(page)) {
            (Some(shown), Some([width, _])) => 75.0 * shown.x / width.max(1.0),
            _ => 100.0,
        },
    }
}

/// Goes where somebody wants to be.
fn reach(ui: &Ui, memory: &mut TabView, info: &DocumentInfo) {
    let Some(goal) = memory.goal else { return };
    let n = info.n_pages();
    let into = 0.28 * memory.height.max(100.0);
    let at = |page: u32, y: f32| Position { page: page.clamp(1, n.max(1)), y };
    match goal {
        Goal::Top(position) => {
            memory.anchor = memory.layout.at(at(position.page, position.y));
            if position.y == 0.0 {
                memory.anchor.above = -MARGIN;
            }
        }
        Goal::Point(page, y) => {
            memory.anchor = memory.layout.at(at(page, y));
            memory.anchor.above -= into;
        }
        Goal::Text(place) => {
            memory.anchor = memory.layout.at(at(place.page, 0.0));
            // The place is known once the page is here; until then its top is shown.
            let Some(page) = memory.texts.get(&place.page).cloned() else { return };
            let index = place.page as usize - 1;
            match &info.extent {
                Extent::Text(_) => {
                    let laid_out = text_page(ui, memory, &page);
                    memory.layout.measure(index, laid_out.height);
                    memory.anchor.above = laid_out.y_of(&page, place) - into;
                }
                Extent::Paper(_) => {
                    let y = page
                        .lines
                        .get(place.line as usize)
                        .and_then(|line| line.area)
                        .map_or(0.0, |area| area.y0);
                    memory.anchor = memory.layout.at(at(place.page, y));
                    memory.anchor.above -= into;
                }
            }
        }
    }
    memory.goal = None;
}

fn text_page(ui: &Ui, memory: &TabView, page: &Page) -> TextPage {
    let width = memory.layout.sizes.get(page.number as usize - 1).map_or(400.0, |size| size.x);
    text::lay_out(ui, page, width, text_scale(memory.zoom))
}

/// The pages in view, with their text laid out.
fn in_view(ui: &Ui, memory: &mut TabView, info: &DocumentInfo, inner: Rect) -> Vec<Shown> {
    let mut shown = Vec::new();
    let is_text = !is_paper(info);
    let ahead = memory.anchor.page.saturating_sub(AHEAD);
    if is_text {
        // A page above the view that turns out to be taller moves nothing, so it is measured before it comes.
        for index in ahead..memory.anchor.page {
            measure(ui, memory, index);
        }
    }
    let pixels = ui.ctx().pixels_per_point();
    let round = |x: f32| (x * pixels).round() / pixels;
    let mut top = inner.top() - memory.anchor.above;
    let whole = memory.layout.width.max(inner.width() - 2.0 * MARGIN);
    let mut index = memory.anchor.page;
    while index < memory.layout.sizes.len() && top < inner.bottom() {
        let text = memory.texts.get(&(index as u32 + 1)).cloned();
        let laid_out = match &text {
            Some(page) if is_text => {
                let laid_out = text_page(ui, memory, page);
                memory.layout.measure(index, laid_out.height);
                Some(laid_out)
            }
            _ => None,
        };
        let page_size = memory.layout.sizes[index];
        let left = inner.left() + MARGIN + (whole - page_size.x) / 2.0 - memory.x;
        // On whole pixels, so that a page drawn for this size is as sharp as it was drawn.
        let rect = Rect::from_min_size(pos2(round(left), round(top)), page_size);
        let scale = text_scale(memory.zoom);
        shown.push(Shown { number: index as u32 + 1, rect, text, laid_out, scale });
        top += page_size.y + GAP;
        index += 1;
    }
    shown
}

fn measure(ui: &Ui, memory: &mut TabView, index: usize) {
    if !memory.layout.is_measured(index)
        && let Some(page) = memory.texts.get(&(index as u32 + 1)).cloned()
    {
        let height = text_page(ui, memory, &page).height;
        memory.layout.measure(index, height);
    }
}

impl Shown {
    /// Where the text between two places is on the screen.
    pub(super) fn rects_between(&self, (from, to): (TextPos, TextPos)) -> Vec<Rect> {
        let Some(page) = &self.text else { return Vec::new() };
        match &self.laid_out {
            Some(laid_out) => laid_out.rects(page, self.rect, self.scale, from, to),
            None => boxes(page, from, to).iter().map(|area| self.on_screen(area)).collect(),
        }
    }

    /// Where places of this page are on the screen: boxes where they are known, else text.
    pub(super) fn rects_of(&self, places: &[PageBoxes], range: Option<(TextPos, TextPos)>) -> Vec<Rect> {
        let boxes = places.iter().filter(|place| place.page == self.number).flat_map(|place| &place.boxes);
        let found: Vec<Rect> = boxes.map(|area| self.on_screen(area)).collect();
        match range {
            Some(range) if places.is_empty() => self.rects_between(range),
            _ => found,
        }
    }

    pub(super) fn on_screen(&self, area: &engine::Rect) -> Rect {
        let at = |x: f32, y: f32| self.rect.min + Vec2::new(x, y) * self.rect.size();
        Rect::from_min_max(at(area.x0, area.y0), at(area.x1, area.y1)).intersect(self.rect)
    }

    /// The place that is nearest to a point of the screen.
    pub(super) fn place(&self, point: Pos2) -> Option<TextPos> {
        let page = self.text.as_ref()?;
        if let Some(laid_out) = &self.laid_out {
            return laid_out.place(page, self.rect, self.scale, point);
        }
        let inside = (point - self.rect.min) / self.rect.size().max(Vec2::splat(1.0));
        hit(page, inside.x, inside.y, self.rect.width() / self.rect.height().max(1.0))
    }

    /// The text, once it is here.
    pub(super) fn page(&self) -> Option<&Arc<Page>> {
        self.text.as_ref()
    }

    /// The highlight under a point.
    pub(super) fn mark_at(&self, tab: &Tab, point: Pos2) -> Option<crate::state::MarkId> {
        let under = |mark: &&crate::state::Mark| {
            let passage = &mark.passage;
            let rects = self.rects_of(&passage.places, Some((passage.from, passage.to)));
            rects.iter().any(|rect| rect.expand(1.0).contains(point))
        };
        tab.marks.iter().rev().filter(|mark| !mark.is_lost).find(under).map(|mark| mark.id)
    }
}

/// Says what must be held to draw this and what is next to it.
fn want(
    ui: &Ui,
    tab: &Tab,
    info: &DocumentInfo,
    memory: &mut TabView,
    shown: &[Shown],
    now_s: f64,
    commands: &Commands,
) {
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else { return };
    let n = info.n_pages();
    let before =
        (1..=AHEAD as u32).filter_map(|step| first.number.checked_sub(step)).filter(|page| *page > 0);
    let after = (1..=AHEAD as u32).map(|step| last.number + step).filter(|page| *page <= n);
    let pages: Vec<u32> = shown.iter().map(|page| page.number).chain(after).chain(before).collect();
    let mut texts = pages.clone();
    if let Some(Goal::Text(place)) = memory.goal {
        texts.insert(0, place.page);
    }
    let pixels = ui.ctx().pixels_per_point();
    let side = |page: u32| {
        let size = memory.layout.sizes.get(page as usize - 1).copied().unwrap_or_default();
        ((size.max_elem() * pixels).round() as u32).clamp(16, LARGEST_PX)
    };
    let pictures = match &info.extent {
        Extent::Text(_) => Vec::new(),
        Extent::Paper(_) => pages.iter().map(|page| (*page, side(*page))).collect(),
    };
    // While somebody zooms the pictures that are here are stretched.
    let is_zooming = now_s - memory.zoomed_s < ZOOM_PAUSE_S && !memory.pictures.is_empty();
    let pictures = if is_zooming { memory.wanted.pictures.clone() } else { pictures };
    if is_zooming {
        ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(ZOOM_PAUSE_S));
    }
    let wanted = Wanted { texts, pictures, small: std::mem::take(&mut memory.small_in_view) };
    if wanted != memory.wanted {
        memory.hold(&wanted);
        commands.send(Command::Reader(ReaderCommand::Want(tab.id, wanted)));
    } else {
        memory.hold(&wanted);
    }
}

/// The bar at the right: how far one is, and a way to go far.
fn scroll_bar(ui: &Ui, memory: &mut TabView, rect: Rect) {
    let palette = theme::palette(ui);
    let total = memory.layout.total();
    let height = memory.height;
    if total <= height || rect.height() < 20.0 {
        return;
    }
    let response = ui.interact(rect, pages_id().with("bar"), Sense::drag());
    let length = (rect.height() * height / total).max(28.0).min(rect.height());
    let room = rect.height() - length;
    if let Some(pointer) = response.interact_pointer_pos() {
        let grab = ui.data(|data| data.get_temp::<f32>(response.id)).filter(|_| !response.drag_started());
        let now = memory.layout.offset(memory.anchor) / (total - height) * room;
        let within = pointer.y - rect.top() - now;
        // Beside the handle: its middle goes to the pointer.
        let grab = grab.unwrap_or(if (0.0..=length).contains(&within) { within } else { length / 2.0 });
        ui.data_mut(|data| data.insert_temp(response.id, grab));
        let share = ((pointer.y - rect.top() - grab) / room.max(1.0)).clamp(0.0, 1.0);
        let anchor = memory.layout.at_offset(share * (total - height));
        memory.scroll(1e-3);
        memory.anchor = memory.layout.settle(anchor, height);
        ui.ctx().request_repaint();
    }
    let share = (memory.layout.offset(memory.anchor) / (total - height)).clamp(0.0, 1.0);
    let handle = Rect::from_min_size(
        pos2(rect.left() + 3.0, rect.top() + share * room),
        Vec2::new(rect.width() - 5.0, length),
    );
    let colour = if response.hovered() || response.dragged() { palette.weak } else { palette.line };
    ui.painter().rect_filled(rect, CornerRadius::ZERO, palette.sidebar);
    ui.painter().rect_filled(handle, CornerRadius::same(4), colour);
}

/// What a screen reader hears: where one is, and the text of the pages in view.
fn nodes(
    ui: &Ui,
    response: &Response,
    tab: &Tab,
    info: &DocumentInfo,
    memory: &TabView,
    shown: &[Shown],
    inner: Rect,
) {
    let label = say!("reader-where", name = tab.name(), page = memory.page(), count = info.n_pages());
    response.widget_info(|| WidgetInfo::labeled(Role::Document, true, &label));
    for page in shown {
        let id = pages_id().with(page.number);
        let node = ui.interact(page.rect.intersect(inner), id, Sense::empty());
        let name = say!("reader-page", page = page.number);
        node.widget_info(|| WidgetInfo::labeled(Role::Article, true, &name));
        if let Some(text) = &page.text {
            ui.ctx().accesskit_node_builder(id, |node| node.set_value(text.text()));
        }
    }
    if response.has_focus() {
        let stroke = Stroke::new(2.0, theme::palette(ui).accent);
        ui.painter().rect_stroke(inner.shrink(1.0), CornerRadius::ZERO, stroke, StrokeKind::Inside);
    }
    if response.hovered() {
        let over_text = ui
            .input(|input| input.pointer.hover_pos())
            .is_some_and(|at| shown.iter().any(|page| page.rect.contains(at) && page.page().is_some()));
        if over_text {
            ui.ctx().set_cursor_icon(CursorIcon::Text);
        }
    }
}
