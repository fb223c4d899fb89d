//! How far something is.

use egui::accesskit::Role;
use egui::{CornerRadius, Rect, Response, RichText, Sense, Ui, Vec2, WidgetInfo};
use engine::Stage;

use crate::say;
use crate::state::Progress;
use crate::ui::theme::{self, BAR, RADIUS_SMALL, size};
use crate::words::say;

/// Width of the bar in a row.
const WIDTH: f32 = 64.0;

/// Height of a row.
const HEIGHT: f32 = 18.0;

/// Into how many places a bar is cut that cannot know how far it is.
const PLACES: usize = 4;

/// A thin bar; `share` from 0 to 1.
pub fn bar_ui(ui: &Ui, rect: Rect, share: f32) {
    let palette = theme::palette(ui);
    let radius = CornerRadius::same(RADIUS_SMALL);
    ui.painter().rect_filled(rect, radius, palette.line);
    let filled =
        Rect::from_min_size(rect.min, Vec2::new(rect.width() * share.clamp(0.0, 1.0), rect.height()));
    ui.painter().rect_filled(filled, radius, palette.accent);
}

/// The stage of a running answer with its bar or, where nothing can be counted, its seconds.
pub fn progress_row_ui(ui: &mut Ui, progress: &Progress, now_s: f64) -> Response {
    let Progress { stage, done, total, since_s } = *progress;
    let seconds = (now_s - since_s).max(0.0);
    let counted = total > 0 && stage != Stage::Generate;
    let name = match stage {
        Stage::Load => say("common-stage-load"),
        Stage::Decode => say("common-stage-decode"),
        Stage::Encode => say("common-stage-encode"),
        Stage::Search => say("common-stage-search"),
        Stage::Prefill => say("common-stage-prefill"),
        Stage::Generate => say("common-stage-generate"),
        Stage::Sections => say("common-stage-sections"),
        Stage::Join => say("common-stage-join"),
    };
    let detail = match stage {
        Stage::Generate if done > 1 && seconds > 0.2 => {
            let rate = (done as f64 / seconds).round();
            say!("common-tokens-rate", done = done, rate = rate)
        }
        Stage::Prefill if counted => say!("common-tokens-of", done = done, total = total),
        _ if counted => say!("common-done-of", done = done, total = total),
        _ if seconds >= 1.0 => say!("common-seconds", count = seconds.round()),
        _ => String::new(),
    };
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(WIDTH, HEIGHT), Sense::hover());
        let percent = if counted {
            say!("common-percent", count = 100 * done.min(total) / total)
        } else {
            say("common-running").into()
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: {percent}")));
        let bar = Rect::from_center_size(rect.center(), Vec2::new(WIDTH, BAR));
        if counted {
            bar_ui(ui, bar, done as f32 / total as f32);
        } else {
            // Moves only with the seconds, so that waiting costs nothing.
            bar_ui(ui, bar, 0.0);
            let step = (seconds as usize % PLACES) as f32;
            let place = WIDTH / PLACES as f32;
            let part = Rect::from_min_size(bar.min + Vec2::new(place * step, 0.0), Vec2::new(place, BAR));
            ui.painter().rect_filled(part, CornerRadius::same(RADIUS_SMALL), palette.accent);
        }
        ui.label(RichText::new(name).size(size::SMALL).color(palette.weak));
        if !detail.is_empty() {
            ui.label(RichText::new(detail).size(size::SMALL).color(palette.weak));
        }
    })
    .response
}
