//! A small plot: curves over steps, with the last value, the range, and what is under the pointer.

use egui::accesskit::Role;
use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use crate::ui::theme::{self, RADIUS, size};

/// A curve.
pub struct Series<'a> {
    /// For people; empty where the plot's title says it.
    pub name: &'a str,
    /// Step and value, in the order of steps.
    pub points: &'a [(f64, f64)],
    /// Its colour.
    pub colour: Color32,
}

/// Draws curves of numbers in a card. `range` fixes the values at the bottom and at the top; without it they are those
/// of the curves. Steps go from 0 to `steps`, so that a curve grows to the right. `text` says a value.
pub fn plot_ui(
    ui: &mut Ui,
    title: &str,
    size_of: Vec2,
    series: &[Series<'_>],
    (range, steps): (Option<(f64, f64)>, usize),
    text: impl Fn(f64) -> String,
) {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(size_of, Sense::hover());
    let last = |one: &Series<'_>| one.points.last().map(|(_, value)| text(*value));
    let said: Vec<String> = series
        .iter()
        .filter_map(|one| Some(format!("{} {}", one.name, last(one)?).trim().to_owned()))
        .collect();
    let label = format!("{title}: {}", if said.is_empty() { "–".to_owned() } else { said.join(", ") });
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let stroke = Stroke::new(1.0, palette.line);
    ui.painter().rect(rect, CornerRadius::same(RADIUS), palette.raised, stroke, StrokeKind::Inside);
    let small = FontId::proportional(size::SMALL);
    let painter = ui.painter();
    painter.text(rect.min + vec2(10.0, 8.0), Align2::LEFT_TOP, title, small.clone(), palette.weak);
    // Names and last values at the right, each in its colour.
    let mut right = rect.right() - 10.0;
    for one in series.iter().rev() {
        let Some(value) = last(one) else { continue };
        let text = if one.name.is_empty() { value } else { format!("{} {value}", one.name) };
        let at = pos2(right, rect.top() + 8.0);
        right = painter.text(at, Align2::RIGHT_TOP, text, small.clone(), one.colour).left() - 12.0;
    }
    let inner = Rect::from_min_max(rect.min + vec2(10.0, 32.0), rect.max - vec2(10.0, 12.0));
    let Some(mut frame) = Frame::of(series, range, steps, inner) else { return };
    // The range stands left of the curves.
    let tiny = FontId::proportional(size::SMALL - 2.0);
    let most =
        painter.text(inner.left_top(), Align2::LEFT_CENTER, text(frame.high), tiny.clone(), palette.weak);
    let least = painter.text(inner.left_bottom(), Align2::LEFT_CENTER, text(frame.low), tiny, palette.weak);
    let inner = inner.with_min_x(most.right().max(least.right()) + 8.0);
    frame.inner = inner;
    for share in [0.0, 0.5, 1.0] {
        let y = inner.top() + share * inner.height();
        painter.hline(inner.x_range(), y, Stroke::new(1.0, palette.line.gamma_multiply(0.6)));
    }
    for one in series {
        let points: Vec<Pos2> = one.points.iter().filter_map(|point| frame.at(*point)).collect();
        match points.as_slice() {
            [] => {}
            [only] => drop(painter.circle_filled(*only, 3.0, one.colour)),
            _ => {
                let end = points.last().copied().unwrap_or_default();
                painter.add(Shape::line(points, Stroke::new(1.8, one.colour)));
                painter.circle_filled(end, 2.5, one.colour);
            }
        }
    }
    let Some(pointer) = response.hover_pos().filter(|at| inner.expand(6.0).contains(*at)) else { return };
    let step = frame.step(pointer.x);
    let near = |one: &Series<'_>| {
        one.points.iter().min_by(|a, b| (a.0 - step).abs().total_cmp(&(b.0 - step).abs())).copied()
    };
    let mut lines = Vec::new();
    for (one, point) in series.iter().filter_map(|one| Some((one, near(one)?))) {
        if let Some(at) = frame.at(point) {
            painter.circle_stroke(at, 4.0, Stroke::new(1.5, one.colour));
        }
        lines.push(format!("{}: {} {}", point.0, one.name, text(point.1)));
    }
    response.on_hover_text(lines.join("\n"));
}

/// Which numbers are where.
struct Frame {
    inner: Rect,
    last: f64,
    low: f64,
    high: f64,
}

impl Frame {
    /// None where there is nothing to draw.
    fn of(series: &[Series<'_>], range: Option<(f64, f64)>, steps: usize, inner: Rect) -> Option<Self> {
        let points = || series.iter().flat_map(|one| one.points).filter(|point| point.1.is_finite());
        points().next()?;
        let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
        let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = range.unwrap_or_else(|| (least(|point| point.1), most(|point| point.1)));
        // A flat curve is drawn in the middle.
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, high + 0.5) };
        Some(Self { inner, last: most(|point| point.0).max(steps as f64).max(1.0), low, high })
    }

    fn at(&self, (step, value): (f64, f64)) -> Option<Pos2> {
        if !value.is_finite() {
            return None;
        }
        let x = step / self.last;
        let y = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        Some(self.inner.lerp_inside(vec2(x as f32, 1.0 - y as f32)))
    }

    fn step(&self, x: f32) -> f64 {
        let share = f64::from((x - self.inner.left()) / self.inner.width().max(1.0));
        share * self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_grow_into_the_frame_and_what_is_no_number_is_left_out() {
        let inner = Rect::from_min_size(pos2(10.0, 10.0), vec2(100.0, 50.0));
        let points = [(0.0, 2.0), (1.0, f64::NAN), (2.0, 4.0)];
        let series = [Series { name: "", points: &points, colour: Color32::TRANSPARENT }];
        let frame = Frame::of(&series, None, 4, inner).unwrap();
        assert_eq!(frame.at(points[0]), Some(inner.left_bottom()));
        assert_eq!(frame.at(points[1]), None);
        assert_eq!(frame.at(points[2]), Some(inner.center_top()));
        assert_eq!(frame.at((4.0, 4.0)), Some(inner.right_top()));
        assert_eq!(frame.step(60.0), 2.0);
        let flat = [(0.0, 1.0)];
        let series = [Series { name: "", points: &flat, colour: Color32::TRANSPARENT }];
        let frame = Frame::of(&series, None, 4, inner).unwrap();
        assert_eq!(frame.at(flat[0]), Some(inner.left_center()));
        assert!(Frame::of(&[], None, 4, inner).is_none());
    }
}
