//! What is shown while a model is missing or on its way.

use egui::{Frame, Margin, RichText, Sense, Stroke, Ui, Vec2};

use crate::command::{Command, Commands, ModelsCommand};
use crate::say;
use crate::state::{AppState, Download, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size, space};
use crate::ui::widgets::{bar_ui, text_button_ui, title_ui};
use crate::words::say;

/// Says what is missing and fetches it.
pub fn missing_models_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    if state.models.download.as_ref().is_some_and(|download| download.failed.is_none()) {
        download_ui(ui, state, commands);
    } else {
        frame_ui(ui, |ui| missing_ui(ui, state, commands));
    }
    ui.add_space(8.0);
}

/// How a fetch stands: going on, stopped for a while, or failed.
pub fn download_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let Some(download) = &state.models.download else { return };
    frame_ui(ui, |ui| match &download.failed {
        None => going_on_ui(ui, download, commands),
        Some(reason) => {
            title_ui(ui, say("models-fetch-failed"));
            ui.label(RichText::new(reason).color(theme::palette(ui).error));
            ui.horizontal(|ui| {
                if text_button_ui(ui, Some(Icon::Download), say("models-try-again"), true).clicked() {
                    let ids = &download.ids;
                    commands.send(Command::DownloadModel(ids.first().unwrap_or(&download.id).clone()));
                }
                if text_button_ui(ui, None, say("models-close"), false).clicked() {
                    commands.send(Command::CancelDownload);
                }
            });
        }
    });
}

fn frame_ui(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::same(space::L))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui);
        });
}

fn going_on_ui(ui: &mut Ui, download: &Download, commands: &Commands) {
    let palette = theme::palette(ui);
    title_ui(ui, if download.paused { say("models-fetch-paused") } else { say("models-fetching") });
    let done = download.finished_bytes + download.done_bytes;
    let share = done as f32 / download.all_bytes.max(1) as f32;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 10.0), Sense::hover());
    let percent = (100.0 * share) as u32;
    response.widget_info(|| {
        let text = say!("models-fetch-percent", percent = percent);
        egui::WidgetInfo::labeled(egui::accesskit::Role::ProgressIndicator, true, text)
    });
    bar_ui(ui, rect.shrink2(Vec2::new(0.0, 2.0)), share);
    let sizes = say!("models-of", done = megabytes(done), all = megabytes(download.all_bytes));
    let doing = match download {
        Download { paused: true, .. } => download.id.clone(),
        Download { checking: true, id, file, .. } => {
            say!("models-checking-file", id = id.clone(), file = file.clone())
        }
        Download { id, file, .. } => say!("models-fetching-file", id = id.clone(), file = file.clone()),
    };
    ui.label(RichText::new(format!("{doing}  ·  {sizes}")).size(size::SMALL).color(palette.weak));
    if let Some(notice) = &download.notice {
        ui.label(RichText::new(notice).size(size::SMALL).color(palette.warn));
    }
    ui.horizontal_wrapped(|ui| {
        let (name, command, strong) = match download.paused {
            true => (say("models-resume"), ModelsCommand::Resume, true),
            false => (say("models-pause"), ModelsCommand::Pause, false),
        };
        if text_button_ui(ui, None, name, strong).clicked() {
            commands.send(Command::Models(command));
        }
        if text_button_ui(ui, None, Command::CancelDownload.label(), false).clicked() {
            commands.send(Command::CancelDownload);
        }
    });
}

fn missing_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    title_ui(ui, say("models-needed"));
    let n = state.models.missing().count();
    let text = say!("models-needed-text", n = n, size = megabytes(state.models.missing_bytes()));
    ui.label(RichText::new(text).color(palette.text));
    for row in state.models.missing() {
        let text = format!("{}  ·  {}  ·  {}", row.id, megabytes(row.bytes), row.what);
        ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
    }
    let failed = state.models.download.as_ref().and_then(|download| download.failed.as_ref());
    if let Some(reason) = failed {
        ui.label(RichText::new(reason).color(palette.error));
    }
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        if n > 0 && text_button_ui(ui, Some(Icon::Download), Command::DownloadModels.label(), true).clicked()
        {
            commands.send(Command::DownloadModels);
        }
        if failed.is_some() && text_button_ui(ui, None, say("models-close"), false).clicked() {
            commands.send(Command::CancelDownload);
        }
    });
}
