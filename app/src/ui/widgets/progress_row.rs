//! How far something is.

use egui::accesskit::Role;
use egui::{CornerRadius, Rect, Response, RichText, Sense, Ui, Vec2, WidgetInfo};
use engine::Stage;

use crate::state::Progress;
use crate::ui::theme::{self, size};

/// A thin bar; `share` from 0 to 1.
pub fn bar_ui(ui: &Ui, rect: Rect, share: f32) {
    let palette = theme::palette(ui);
    let radius = CornerRadius::same(2);
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
        Stage::Load => "Loading the model",
        Stage::Decode => "Opening files",
        Stage::Encode => "Looking and listening",
        Stage::Search => "Finding the evidence",
        Stage::Prefill => "Reading the question and the evidence",
        Stage::Generate => "Writing",
        Stage::Sections => "Reading every section",
        Stage::Join => "Joining what was noted",
    };
    let detail = match stage {
        Stage::Generate if done > 1 && seconds > 0.2 => {
            format!("{done} tokens, {:.0} a second", done as f64 / seconds)
        }
        Stage::Prefill if counted => format!("{done} of {total} tokens"),
        _ if counted => format!("{done} of {total}"),
        _ if seconds >= 1.0 => format!("{seconds:.0} s"),
        _ => String::new(),
    };
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(64.0, 18.0), Sense::hover());
        let percent = if counted { format!("{} %", 100 * done.min(total) / total) } else { "running".into() };
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: {percent}")));
        let bar = Rect::from_center_size(rect.center(), Vec2::new(64.0, 4.0));
        if counted {
            bar_ui(ui, bar, done as f32 / total as f32);
        } else {
            // Moves only with the seconds, so that waiting costs nothing.
            bar_ui(ui, bar, 0.0);
            let step = (seconds as usize % 4) as f32;
            let part = Rect::from_min_size(bar.min + Vec2::new(16.0 * step, 0.0), Vec2::new(16.0, 4.0));
            ui.painter().rect_filled(part, CornerRadius::same(2), palette.accent);
        }
        ui.label(RichText::new(name).size(size::SMALL).color(palette.weak));
        if !detail.is_empty() {
            ui.label(RichText::new(detail).size(size::SMALL).color(palette.weak));
        }
    })
    .response
}
