//! The waveform of a recording with the quoted part and the place that plays.

use egui::accesskit::Role;
use egui::{CornerRadius, CursorIcon, Rect, Response, RichText, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2};

use super::time_text;
use crate::state::{Load, Wave};
use crate::ui::theme;

/// Draws the waveform; returns the second that was clicked.
pub fn timeline_ui(
    ui: &mut Ui,
    wave: &Load<Wave>,
    part: Option<(f64, f64)>,
    at_s: f64,
) -> (Option<Response>, Option<f64>) {
    let palette = theme::palette(ui);
    let wave = match wave {
        Load::None => return (None, None),
        Load::Loading => {
            return (Some(ui.label(RichText::new("Loading the sound…").color(palette.weak))), None);
        }
        Load::Failed(reason) => return (Some(ui.label(RichText::new(reason).color(palette.error))), None),
        Load::Ready(wave) => wave,
    };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 72.0), Sense::click());
    let duration_s = wave.duration_s.max(0.01);
    response.widget_info(|| {
        let text = format!("Timeline, at {} of {}", time_text(at_s), time_text(duration_s));
        WidgetInfo::labeled(Role::Slider, true, text)
    });
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(theme::RADIUS), palette.hovered);
    let x_of = |s: f64| rect.left() + rect.width() * (s / duration_s).clamp(0.0, 1.0) as f32;
    if let Some((start_s, end_s)) = part {
        let place =
            Rect::from_x_y_ranges(x_of(start_s)..=x_of(end_s).max(x_of(start_s) + 3.0), rect.y_range());
        painter.rect_filled(place, CornerRadius::same(3), palette.mark);
    }
    let columns = (rect.width() / 2.0) as usize;
    let loudest = wave.peaks.iter().copied().fold(0.05_f32, f32::max);
    for column in 0..columns {
        let range = |i: usize| i * wave.peaks.len() / columns.max(1);
        let (from, to) = (range(column), range(column + 1).max(range(column) + 1));
        let peaks = wave.peaks.get(from..to.min(wave.peaks.len())).unwrap_or_default();
        let peak = peaks.iter().copied().fold(0.0_f32, f32::max) / loudest;
        let x = rect.left() + 2.0 * column as f32 + 1.0;
        let half = (0.42 * rect.height() * peak).max(0.5);
        let second = f64::from(column as f32 / columns as f32) * duration_s;
        let inside = part.is_some_and(|(start_s, end_s)| (start_s..=end_s).contains(&second));
        let colour = if inside { palette.accent } else { palette.weak };
        painter.vline(x, rect.center().y - half..=rect.center().y + half, Stroke::new(1.2, colour));
    }
    painter.vline(x_of(at_s), rect.y_range(), Stroke::new(2.0, palette.accent));
    painter.circle_filled(pos2(x_of(at_s), rect.top() + 3.0), 4.0, palette.accent);
    super::button::focus_ring(ui, &response);
    let mut seek = response
        .clicked()
        .then(|| response.interact_pointer_pos())
        .flatten()
        .map(|pos| f64::from(((pos.x - rect.left()) / rect.width()).clamp(0.0, 1.0)) * duration_s);
    if response.has_focus() {
        let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let step = ui.input(|input| {
            let pressed = |key| input.num_presses(key) as f64;
            5.0 * (pressed(egui::Key::ArrowRight) - pressed(egui::Key::ArrowLeft))
        });
        if step != 0.0 {
            seek = Some((at_s + step).clamp(0.0, duration_s));
        }
    }
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    (Some(response), seek)
}
