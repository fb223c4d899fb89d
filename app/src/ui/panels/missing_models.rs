//! What is shown while a model is missing or on its way.

use egui::{Frame, Margin, RichText, Sense, Stroke, Ui, Vec2};

use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size, space};
use crate::ui::widgets::{bar_ui, text_button_ui, title_ui};

/// Says what is missing and fetches it.
pub fn missing_models_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::same(space::L))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            match state.models.download.as_ref() {
                Some(download) if download.failed.is_none() => {
                    title_ui(ui, "Downloading models");
                    let done = download.finished_bytes + download.done_bytes;
                    let share = done as f32 / download.all_bytes.max(1) as f32;
                    let (rect, response) =
                        ui.allocate_exact_size(Vec2::new(ui.available_width(), 10.0), Sense::hover());
                    let percent = (100.0 * share) as u32;
                    response.widget_info(|| {
                        let text = format!("Download {percent} %");
                        egui::WidgetInfo::labeled(egui::accesskit::Role::ProgressIndicator, true, text)
                    });
                    bar_ui(ui, rect.shrink2(Vec2::new(0.0, 2.0)), share);
                    let doing = if download.checking { "Checking" } else { "Fetching" };
                    let text = format!(
                        "{doing} {}: {}  ·  {} of {}",
                        download.id,
                        download.file,
                        megabytes(done),
                        megabytes(download.all_bytes)
                    );
                    ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
                    if let Some(notice) = &download.notice {
                        ui.label(RichText::new(notice).size(size::SMALL).color(palette.warn));
                    }
                    if text_button_ui(ui, None, Command::CancelDownload.label(), false).clicked() {
                        commands.send(Command::CancelDownload);
                    }
                }
                failed => {
                    title_ui(ui, "Medley needs its models");
                    let n = state.models.missing().count();
                    let text = format!(
                        "{n} {} missing on this computer, {} in all. They are downloaded once; after \
                         that Medley works without a network.",
                        if n == 1 { "model is" } else { "models are" },
                        megabytes(state.models.missing_bytes())
                    );
                    ui.label(RichText::new(text).color(palette.text));
                    for row in state.models.missing() {
                        let text = format!("{}  ·  {}  ·  {}", row.id, megabytes(row.bytes), row.what);
                        ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
                    }
                    if let Some(reason) = failed.and_then(|d| d.failed.as_ref()) {
                        ui.label(RichText::new(reason).color(palette.error));
                    }
                    ui.add_space(4.0);
                    ui.horizontal(|ui| {
                        if n > 0 && text_button_ui(ui, Some(Icon::Download), "Download", true).clicked() {
                            commands.send(Command::DownloadModels);
                        }
                        if failed.is_some() && text_button_ui(ui, None, "Close", false).clicked() {
                            commands.send(Command::CancelDownload);
                        }
                    });
                }
            }
        });
    ui.add_space(8.0);
}

/// "12 MB".
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        b if b >= 1_000_000_000 => format!("{:.1} GB", b as f64 / 1e9),
        b => format!("{:.0} MB", (b as f64 / 1e6).ceil()),
    }
}
