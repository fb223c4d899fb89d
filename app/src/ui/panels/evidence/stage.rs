//! The picture or frame that is looked at: closer, farther, moved, and asked about in part.

use egui::accesskit::Role;
use egui::{
    Align2, CursorIcon, EventFilter, FontId, Key, Modifiers, Pos2, Rect, Response, RichText, Sense, Stroke,
    StrokeKind, Ui, Vec2, WidgetInfo,
};

use crate::command::{Command, Commands, MediaCommand};
use crate::state::{Load, Viewer};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{focus_ring, icon_button_ui, paint_boxes, paint_picture, text_button_ui};
use crate::words::say;

/// How much closer a step of a key or button goes.
const STEP: f32 = 1.25;

/// Screen pixels for a pixel of the picture, at most.
const CLOSEST: f32 = 16.0;

/// A small picture that is shown whole is not blown up further.
const FIT_UP_TO: f32 = 3.0;

/// Points that an arrow key moves.
const ARROW: f32 = 60.0;

/// Points of the wheel that double the size.
const WHEEL_DOUBLES: f32 = 240.0;

/// How the picture is looked at.
pub struct StageView {
    /// Screen pixels for a pixel of the picture; none shows all of it.
    zoom: Option<f32>,
    /// What is in the middle, in fractions of the picture.
    centre: Vec2,
    /// A part is being chosen with the pointer.
    choosing: bool,
    /// Where that began, in fractions of the picture.
    from: Option<Vec2>,
    /// The picture for which all its pixels were asked for.
    sharpened: Option<u64>,
    /// Longest side in which a frame was drawn last, in screen pixels.
    longest_px: u32,
    /// Give the keyboard to the picture.
    focus: bool,
}

impl Default for StageView {
    fn default() -> Self {
        Self {
            zoom: None,
            centre: Vec2::splat(0.5),
            choosing: false,
            from: None,
            sharpened: None,
            longest_px: 960,
            focus: false,
        }
    }
}

impl StageView {
    /// Another picture is shown.
    pub fn reset(&mut self) {
        *self = Self { longest_px: self.longest_px, ..Self::default() };
    }

    /// Ends choosing a part; whether that was going on.
    pub fn close_on_top(&mut self) -> bool {
        self.from = None;
        std::mem::take(&mut self.choosing)
    }

    /// As many pixels as a frame has on the screen, in its longer side.
    pub fn longest_px(&self) -> u32 {
        self.longest_px.clamp(160, 1920)
    }

    /// Screen pixels for a pixel of the picture; none when all of it is shown.
    pub fn zoom(&self) -> Option<f32> {
        self.zoom
    }

    pub(in crate::ui) fn focus(&mut self) {
        self.focus = true;
    }

    /// Goes closer by a factor and keeps what is at `anchor`, in fractions of the picture, where it is on the screen:
    /// `offset` points from the middle.
    fn closer(&mut self, fit: f32, factor: f32, anchor: Vec2, offset: Vec2, points: impl Fn(f32) -> Vec2) {
        let zoom = (self.zoom.unwrap_or(fit) * factor).min(CLOSEST.max(fit));
        if zoom <= fit * 1.001 {
            (self.zoom, self.centre) = (None, Vec2::splat(0.5));
            return;
        }
        self.zoom = Some(zoom);
        self.centre = anchor - offset / points(zoom);
    }
}

/// What is drawn on the stage.
pub(super) struct Stage<'a> {
    pub(super) viewer: &'a Viewer,
    pub(super) boxes: &'a [engine::Rect],
    /// For screen readers.
    pub(super) name: &'a str,
    /// What is said.
    pub(super) subtitle: Option<&'a str>,
    /// Room in points; a picture uses all of it, a frame only what its shape needs.
    pub(super) room: Vec2,
    /// The wheel alone goes closer; else it scrolls what is around.
    pub(super) has_wheel: bool,
}

/// Draws the picture and the buttons under it.
pub(super) fn stage_ui(ui: &mut Ui, stage: &Stage<'_>, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let picture = match &stage.viewer.picture {
        Load::None => return,
        Load::Loading => {
            ui.label(RichText::new(say("media-loading-picture")).color(palette.weak));
            return;
        }
        Load::Failed(reason) => {
            ui.label(RichText::new(reason).color(palette.error));
            return;
        }
        Load::Ready(picture) => picture,
    };
    let pixels_per_point = ui.ctx().pixels_per_point();
    let [w, h] = stage.viewer.full_px.unwrap_or(picture.size).map(|side| side.max(1) as f32);
    let whole = Vec2::new(w, h);
    let room = stage.room.max(Vec2::splat(40.0));
    let fit = pixels_per_point * (room.x / w).min(room.y / h).min(FIT_UP_TO);
    let points = |zoom: f32| whole * (zoom / pixels_per_point);
    let shown = if stage.has_wheel { room } else { points(fit) };
    let (rect, response) = ui.allocate_exact_size(shown, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, stage.name));
    let memory = &mut view.stage;
    if std::mem::take(&mut memory.focus) {
        response.request_focus();
    }
    pointer(ui, stage, &response, rect, fit, &points, memory);
    keys(ui, &response, rect, fit, &points, memory);
    let zoom = memory.zoom.unwrap_or(fit);
    memory.centre = kept_inside(memory.centre, points(zoom), rect.size());
    let at = Rect::from_center_size(
        rect.center() - (memory.centre - Vec2::splat(0.5)) * points(zoom),
        points(zoom),
    );
    memory.longest_px = (points(fit).max_elem() * pixels_per_point).ceil() as u32;
    let needs_more = zoom * w > 1.05 * picture.size[0] as f32 && picture.size[0] < w as usize;
    if needs_more && memory.sharpened.replace(picture.serial).is_none() {
        commands.send(Command::Media(MediaCommand::Sharpen));
    }
    choose(ui, &response, at, memory, commands);
    let texture = match stage.viewer.is_playing() {
        true => view.film_texture(ui.ctx(), picture),
        false => view.texture(ui.ctx(), picture),
    };
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    if stage.has_wheel {
        painter.rect_filled(rect, theme::RADIUS, palette.hovered);
    }
    paint_picture(&painter, texture.id(), at);
    paint_boxes(&painter, at, stage.boxes);
    if let Some(from) = view.stage.from
        && let Some(to) = response.interact_pointer_pos()
    {
        let part = Rect::from_two_pos(at.lerp_inside(from), to).intersect(at);
        let (outer, inner) = theme::box_lines();
        painter.rect_stroke(part, 0.0, Stroke::new(4.0, outer), StrokeKind::Middle);
        painter.rect_stroke(part, 0.0, Stroke::new(1.5, inner), StrokeKind::Middle);
    }
    if let Some(text) = stage.subtitle {
        subtitle(ui, &painter, at.intersect(rect), text);
    }
    ui.painter().rect_stroke(rect, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    focus_ring(ui, &response);
    tools_ui(ui, rect, at, fit, &points, view, commands);
}

/// Drags, wheel, pinch and double click.
fn pointer(
    ui: &Ui,
    stage: &Stage<'_>,
    response: &Response,
    rect: Rect,
    fit: f32,
    points: &impl Fn(f32) -> Vec2,
    memory: &mut StageView,
) {
    let zoom = memory.zoom.unwrap_or(fit);
    if response.clicked() {
        response.request_focus();
    }
    let chooses = memory.choosing || memory.from.is_some() || ui.input(|input| input.modifiers.shift);
    if response.dragged() && !chooses {
        memory.centre -= response.drag_delta() / points(zoom);
    }
    let Some(pos) = response.hover_pos() else { return };
    let offset = pos - rect.center();
    let anchor = memory.centre + offset / points(zoom);
    if response.double_clicked() {
        let one = if memory.zoom.is_some() { 0.0 } else { 1.0_f32.max(2.0 * fit) / zoom };
        memory.closer(fit, one, anchor, offset, points);
        return;
    }
    let (pinch, wheel) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta().y));
    let by_wheel = if stage.has_wheel { (wheel / WHEEL_DOUBLES).exp2() } else { 1.0 };
    let factor = if pinch == 1.0 { by_wheel } else { pinch };
    if factor != 1.0 {
        memory.closer(fit, factor, anchor, offset, points);
    }
    let cursor = if chooses {
        CursorIcon::Crosshair
    } else if memory.zoom.is_some() {
        if response.dragged() { CursorIcon::Grabbing } else { CursorIcon::Grab }
    } else {
        CursorIcon::Default
    };
    ui.ctx().set_cursor_icon(cursor);
}

/// Keys while the picture has the keyboard.
fn keys(
    ui: &Ui,
    response: &Response,
    rect: Rect,
    fit: f32,
    points: &impl Fn(f32) -> Vec2,
    memory: &mut StageView,
) {
    if !response.has_focus() {
        return;
    }
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let typed = |text: &str| {
        ui.input(|input| input.events.iter().any(|e| matches!(e, egui::Event::Text(typed) if typed == text)))
    };
    let centre = memory.centre;
    if pressed(Key::Plus) || pressed(Key::Equals) || typed("+") {
        memory.closer(fit, STEP, centre, Vec2::ZERO, points);
    }
    if pressed(Key::Minus) {
        memory.closer(fit, 1.0 / STEP, centre, Vec2::ZERO, points);
    }
    if pressed(Key::Num0) {
        memory.closer(fit, 0.0, centre, Vec2::ZERO, points);
    }
    if pressed(Key::Num1) {
        memory.zoom = Some(1.0);
    }
    let Some(zoom) = memory.zoom else { return };
    // Arrows move what is closer than its frame.
    if points(zoom).x > rect.width() || points(zoom).y > rect.height() {
        let filter =
            EventFilter { horizontal_arrows: true, vertical_arrows: true, tab: false, escape: false };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        for (key, by) in [
            (Key::ArrowLeft, Vec2::new(-ARROW, 0.0)),
            (Key::ArrowRight, Vec2::new(ARROW, 0.0)),
            (Key::ArrowUp, Vec2::new(0.0, -ARROW)),
            (Key::ArrowDown, Vec2::new(0.0, ARROW)),
        ] {
            if pressed(key) {
                memory.centre += by / points(zoom);
            }
        }
    }
}

/// The middle that shows no more emptiness than it must.
fn kept_inside(centre: Vec2, drawn: Vec2, room: Vec2) -> Vec2 {
    let kept = |centre: f32, drawn: f32, room: f32| {
        let half = 0.5 * room / drawn.max(1.0);
        if half >= 0.5 || !centre.is_finite() { 0.5 } else { centre.clamp(half, 1.0 - half) }
    };
    Vec2::new(kept(centre.x, drawn.x, room.x), kept(centre.y, drawn.y, room.y))
}

/// Choosing a part with the pointer; Shift does so at once.
fn choose(ui: &Ui, response: &Response, at: Rect, memory: &mut StageView, commands: &Commands) {
    let share = |pos: Pos2| {
        let share = (pos - at.min) / at.size();
        share.clamp(Vec2::ZERO, Vec2::splat(1.0))
    };
    let shift = ui.input(|input| input.modifiers.shift);
    if response.drag_started() && (memory.choosing || shift) {
        memory.from = ui.input(|input| input.pointer.press_origin()).map(share);
    }
    if response.drag_stopped()
        && let Some(from) = memory.from.take()
        && let Some(to) = response.interact_pointer_pos().map(share)
    {
        memory.choosing = false;
        let (min, max) = (from.min(to), from.max(to));
        let area = engine::Rect { x0: min.x, y0: min.y, x1: max.x, y1: max.y };
        commands.send(Command::Media(MediaCommand::AskCrop(area)));
    }
}

/// What is said, over the lower part of the frame.
fn subtitle(ui: &Ui, painter: &egui::Painter, frame: Rect, text: &str) {
    let font = FontId::proportional((0.06 * frame.height()).clamp(13.0, 22.0));
    let wrap = (0.9 * frame.width() - 16.0).max(60.0);
    let colour = theme::on_film();
    let galley = ui.painter().layout(text.to_owned(), font, colour, wrap);
    let bottom = frame.bottom() - (0.05 * frame.height()).max(6.0);
    let place = Align2::CENTER_BOTTOM.anchor_size(Pos2::new(frame.center().x, bottom), galley.size());
    painter.rect_filled(place.expand2(Vec2::new(8.0, 4.0)), 4.0, theme::behind_film_text());
    painter.galley(place.min, galley, colour);
}

/// Closer, farther, whole, pixel by pixel, a part.
fn tools_ui(
    ui: &mut Ui,
    rect: Rect,
    at: Rect,
    fit: f32,
    points: &impl Fn(f32) -> Vec2,
    view: &mut ViewState,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let memory = &mut view.stage;
    let centre = memory.centre;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let whole = memory.zoom.is_none().then_some(say("media-is-whole"));
        let tip = |text: &str, key: &str| format!("{text} ({key})");
        let text = say("media-farther");
        if icon_button_ui(ui, Icon::Minus, text, &tip(text, "−"), whole).clicked() {
            memory.closer(fit, 1.0 / STEP, centre, Vec2::ZERO, points);
        }
        let percent = format!("{:.0} %", 100.0 * memory.zoom.unwrap_or(fit));
        let (place, response) = ui.allocate_exact_size(Vec2::new(48.0, theme::CONTROL), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &percent));
        let font = FontId::proportional(size::SMALL);
        ui.painter().text(place.center(), Align2::CENTER_CENTER, &percent, font, palette.weak);
        let text = say("media-closer");
        if icon_button_ui(ui, Icon::Plus, text, &tip(text, "+"), None).clicked() {
            memory.closer(fit, STEP, centre, Vec2::ZERO, points);
        }
        let text = say("media-whole");
        if text_button_ui(ui, None, text, false).on_hover_text(tip(text, "0")).clicked() {
            memory.closer(fit, 0.0, centre, Vec2::ZERO, points);
        }
        if text_button_ui(ui, None, "100 %", false).on_hover_text(tip(say("media-pixels"), "1")).clicked() {
            memory.zoom = Some(1.0);
        }
        ui.add_space(6.0);
        if memory.choosing {
            ui.label(RichText::new(say("media-choose-part")).size(size::SMALL).color(palette.accent));
        } else {
            let text = say("media-ask-crop");
            let button = text_button_ui(ui, Some(Icon::Picture), text, false);
            if button.on_hover_text(say("media-ask-crop-tip")).clicked() {
                memory.choosing = true;
            }
        }
        if memory.zoom.is_some() && text_button_ui(ui, None, say("media-ask-view"), false).clicked() {
            let seen = rect.intersect(at);
            let share = |pos: Pos2| (pos - at.min) / at.size();
            let (min, max) = (share(seen.min), share(seen.max));
            let area = engine::Rect { x0: min.x, y0: min.y, x1: max.x, y1: max.y };
            commands.send(Command::Media(MediaCommand::AskCrop(area)));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_closer_keeps_what_is_under_the_pointer() {
        let whole = Vec2::new(4000.0, 3000.0);
        let points = |zoom: f32| whole * zoom;
        let mut view = StageView::default();
        let (offset, anchor) = (Vec2::new(100.0, -50.0), Vec2::new(0.75, 0.25));
        view.closer(0.1, 5.0, anchor, offset, points);
        assert_eq!(view.zoom, Some(0.5));
        let on_screen = (anchor - view.centre) * points(0.5);
        assert!((on_screen - offset).length() < 0.01, "{on_screen:?}");
        view.closer(0.1, 1e9, anchor, offset, points);
        assert_eq!(view.zoom, Some(CLOSEST));
        view.closer(0.1, 0.0, anchor, offset, points);
        assert_eq!((view.zoom, view.centre), (None, Vec2::splat(0.5)), "all of it again");
    }

    #[test]
    fn no_more_emptiness_is_shown_than_must_be() {
        let room = Vec2::new(400.0, 300.0);
        assert_eq!(kept_inside(Vec2::new(0.0, 0.9), Vec2::new(800.0, 200.0), room), Vec2::new(0.25, 0.5));
        assert_eq!(kept_inside(Vec2::new(0.6, 1.0), Vec2::new(4000.0, 3000.0), room), Vec2::new(0.6, 0.95));
        assert_eq!(kept_inside(Vec2::splat(f32::NAN), Vec2::splat(1e6), room), Vec2::splat(0.5));
    }
}
