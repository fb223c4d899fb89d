//! How full the model's memory is.

use egui::accesskit::Role;
use egui::{Response, Sense, Ui, Vec2, WidgetInfo};

use super::bar_ui;
use crate::say;
use crate::ui::theme;
use crate::words::say;
use engine::Usage;

/// From this share on the meter warns.
const WARN: f32 = 0.75;

/// From this share on earlier turns are likely to be left out.
const FULL: f32 = 0.9;

/// A small bar with the counts of the last turn as its tooltip.
pub fn context_meter_ui(ui: &mut Ui, usage: Usage) -> Response {
    let palette = theme::palette(ui);
    let used = usage.prompt_tokens + usage.generated_tokens;
    let share = used as f32 / usage.context_tokens.max(1) as f32;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(88.0, 20.0), Sense::hover());
    let percent = (100.0 * share).round();
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Label, true, say!("media-context-full", percent = percent))
    });
    let colour = if share >= FULL {
        palette.error
    } else if share >= WARN {
        palette.warn
    } else {
        palette.weak
    };
    let font = egui::FontId::proportional(theme::size::SMALL);
    let text = ui.painter().layout_no_wrap(format!("{percent} %"), font, colour);
    let bar =
        egui::Rect::from_center_size(egui::pos2(rect.left() + 24.0, rect.center().y), Vec2::new(48.0, 4.0));
    bar_ui(ui, bar, share);
    if share >= WARN {
        let filled =
            egui::Rect::from_min_size(bar.min, Vec2::new(bar.width() * share.min(1.0), bar.height()));
        ui.painter().rect_filled(filled, 2.0, colour);
    }
    ui.painter().galley(egui::pos2(bar.right() + 6.0, rect.center().y - text.size().y / 2.0), text, colour);
    let mut text = say!("media-context-used", used = used, total = usage.context_tokens);
    if share >= WARN {
        text.push('\n');
        text.push_str(say("media-context-advice"));
    }
    response.on_hover_text(text)
}
