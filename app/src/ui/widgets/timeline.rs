//! The waveform of a recording, or of a part of it, with a marked part and the place that plays.

use egui::accesskit::Role;
use egui::{
    Color32, CornerRadius, CursorIcon, Rect, Response, RichText, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2,
};

use super::time_text;
use crate::say;
use crate::state::{Load, Wave};
use crate::ui::theme;
use crate::words::say;

/// Stretches longer than this are drawn from the coarse waveform.
const FINE_UP_TO_S: f64 = 1200.0;

/// A waveform to draw.
pub struct Strip<'a> {
    /// For screen readers.
    pub name: &'a str,
    /// The whole recording.
    pub wave: &'a Wave,
    /// What is drawn of it, in seconds.
    pub range_s: (f64, f64),
    /// What is marked, in seconds.
    pub part_s: Option<(f64, f64)>,
    /// Behind what is marked.
    pub ground: Color32,
    /// Where the sound is, in seconds.
    pub at_s: f64,
    /// Points.
    pub height: f32,
}

/// Draws the waveform; returns the second that was clicked.
pub fn timeline_ui(
    ui: &mut Ui,
    wave: &Load<Wave>,
    part_s: Option<(f64, f64)>,
    at_s: f64,
) -> (Option<Response>, Option<f64>) {
    let palette = theme::palette(ui);
    match wave {
        Load::None => (None, None),
        Load::Loading => {
            (Some(ui.label(RichText::new(say("media-loading-sound")).color(palette.weak))), None)
        }
        Load::Failed(reason) => (Some(ui.label(RichText::new(reason).color(palette.error))), None),
        Load::Ready(wave) => {
            let range_s = (0.0, wave.duration_s);
            let ground = palette.mark;
            let strip =
                Strip { name: say("media-timeline"), wave, range_s, part_s, ground, at_s, height: 72.0 };
            let (response, seek) = strip_ui(ui, &strip);
            (Some(response), seek)
        }
    }
}

/// Draws a strip; returns the second that was clicked, dragged to, or reached by the arrow keys.
pub fn strip_ui(ui: &mut Ui, strip: &Strip<'_>) -> (Response, Option<f64>) {
    let palette = theme::palette(ui);
    let Strip { at_s, part_s, range_s: (from_s, to_s), .. } = *strip;
    let duration_s = (to_s - from_s).max(0.01);
    let size = Vec2::new(ui.available_width(), strip.height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| {
        let (at, to) = (time_text(at_s), time_text(to_s));
        let text = say!("media-strip", name = strip.name, at = at, total = to);
        WidgetInfo::labeled(Role::Slider, true, text)
    });
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(theme::RADIUS), palette.hovered);
    let x_of = |s: f64| rect.left() + rect.width() * ((s - from_s) / duration_s).clamp(0.0, 1.0) as f32;
    if let Some((start_s, end_s)) = part_s {
        let place =
            Rect::from_x_y_ranges(x_of(start_s)..=x_of(end_s).max(x_of(start_s) + 3.0), rect.y_range());
        painter.rect_filled(place, CornerRadius::same(3), strip.ground);
    }
    let peaks = if duration_s <= FINE_UP_TO_S { &strip.wave.fine } else { &strip.wave.peaks };
    let per_s = peaks.len() as f64 / strip.wave.duration_s.max(0.01);
    let columns = (rect.width() / 2.0) as usize;
    let loudest = strip.wave.peaks.iter().copied().fold(0.05_f32, f32::max);
    let second = |column: usize| from_s + duration_s * column as f64 / columns.max(1) as f64;
    for column in 0..columns {
        let index = |column: usize| (second(column) * per_s) as usize;
        let (from, to) = (index(column), index(column + 1).max(index(column) + 1));
        let peaks = peaks.get(from..to.min(peaks.len())).unwrap_or_default();
        let peak = peaks.iter().copied().fold(0.0_f32, f32::max) / loudest;
        let x = rect.left() + 2.0 * column as f32 + 1.0;
        let half = (0.42 * rect.height() * peak).max(0.5);
        let inside = part_s.is_some_and(|(start_s, end_s)| (start_s..=end_s).contains(&second(column)));
        let colour = if inside { palette.accent } else { palette.weak };
        painter.vline(x, rect.center().y - half..=rect.center().y + half, Stroke::new(1.2, colour));
    }
    if (from_s..=to_s).contains(&at_s) {
        painter.vline(x_of(at_s), rect.y_range(), Stroke::new(2.0, palette.accent));
        painter.circle_filled(pos2(x_of(at_s), rect.top() + 3.0), 4.0, palette.accent);
    }
    super::button::focus_ring(ui, &response);
    let mut seek = (response.clicked() || response.drag_stopped())
        .then(|| response.interact_pointer_pos())
        .flatten()
        .map(|pos| from_s + f64::from(((pos.x - rect.left()) / rect.width()).clamp(0.0, 1.0)) * duration_s);
    if response.dragged()
        && let Some(pos) = response.interact_pointer_pos()
    {
        // Where it will go when the button is let go.
        let x = pos.x.clamp(rect.left(), rect.right());
        painter.vline(x, rect.y_range(), Stroke::new(2.0, palette.warn));
    }
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let step = ui.input(|input| {
            let pressed = |key| input.num_presses(key) as f64;
            5.0 * (pressed(egui::Key::ArrowRight) - pressed(egui::Key::ArrowLeft))
        });
        if step != 0.0 {
            seek = Some((at_s + step).clamp(0.0, strip.wave.duration_s));
        }
    }
    (response.on_hover_cursor(CursorIcon::PointingHand), seek)
}
