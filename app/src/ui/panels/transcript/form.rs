//! What there is before there is text: how to transcribe, how far it is, why it failed.

use egui::{ComboBox, DragValue, Frame, Margin, RichText, ScrollArea, Stroke, Ui, Vec2};

use super::weak;
use crate::command::{Command, Commands, TranscriptCommand};
use crate::say;
use crate::state::{AppState, Hearing, HearingForm, Speakers, TranscriptPane, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size, space};
use crate::ui::widgets::{bar_ui, text_button_ui, time_text};
use crate::words::say;

/// Languages that can be chosen; Whisper knows more, and hears them by itself.
const LANGUAGES: [(&str, &str); 18] = [
    ("", "transcript-language-any"),
    ("ar", "transcript-language-arabic"),
    ("zh", "transcript-language-chinese"),
    ("nl", "transcript-language-dutch"),
    ("en", "transcript-language-english"),
    ("fr", "transcript-language-french"),
    ("de", "transcript-language-german"),
    ("hi", "transcript-language-hindi"),
    ("it", "transcript-language-italian"),
    ("ja", "transcript-language-japanese"),
    ("ko", "transcript-language-korean"),
    ("pl", "transcript-language-polish"),
    ("pt", "transcript-language-portuguese"),
    ("ru", "transcript-language-russian"),
    ("es", "transcript-language-spanish"),
    ("sv", "transcript-language-swedish"),
    ("tr", "transcript-language-turkish"),
    ("uk", "transcript-language-ukrainian"),
];

/// The model that tells speakers apart.
const VOICES: &str = "ge2e-speaker";

/// How far the transcription is, or why it failed; what was left out.
pub(super) fn status_ui(ui: &mut Ui, state: &AppState, pane: &TranscriptPane, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Transcript(command));
    match &pane.hearing {
        Hearing::Idle => {}
        Hearing::Running { done_s, total_s } => {
            ui.horizontal(|ui| {
                let text = match total_s {
                    Some(total_s) => {
                        say!("transcript-running-of", done = time_text(*done_s), total = time_text(*total_s))
                    }
                    None if *done_s > 0.0 => say!("transcript-running-at", done = time_text(*done_s)),
                    None => say("transcript-running").to_owned(),
                };
                let (rect, response) = ui.allocate_exact_size(Vec2::new(120.0, 18.0), egui::Sense::hover());
                let share = total_s.map_or(0.0, |total_s| (done_s / total_s.max(0.1)) as f32);
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::accesskit::Role::ProgressIndicator, true, &text)
                });
                bar_ui(ui, egui::Rect::from_center_size(rect.center(), Vec2::new(120.0, 4.0)), share);
                ui.label(weak(ui, &text));
                if pane.form.speakers != Speakers::Off {
                    ui.label(weak(ui, say("transcript-voices-later")));
                }
                if text_button_ui(ui, Some(Icon::Stop), TranscriptCommand::StopTranscribing.label(), false)
                    .clicked()
                {
                    send(TranscriptCommand::StopTranscribing);
                }
            });
        }
        Hearing::Failed(reason) => {
            Frame::new()
                .stroke(Stroke::new(1.0, palette.error))
                .corner_radius(RADIUS)
                .inner_margin(Margin::same(space::S))
                .show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    ui.label(RichText::new(say("transcript-failed")).color(palette.error));
                    ui.label(RichText::new(reason).color(palette.text));
                });
        }
    }
    let idle = pane.hearing == Hearing::Idle;
    if let Some(to_s) = pane.heard_to_s.filter(|_| idle) {
        let text = say!("transcript-up-to", time = time_text(to_s));
        ui.label(RichText::new(text).size(size::SMALL).color(palette.warn));
    }
    if !pane.notices.is_empty() {
        ScrollArea::vertical().id_salt("transcript notices").max_height(56.0).show(ui, |ui| {
            for notice in &pane.notices {
                ui.horizontal(|ui| {
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(16.0), egui::Sense::hover());
                    Icon::Warning.paint(ui.painter(), rect, palette.warn);
                    ui.add(egui::Label::new(weak(ui, notice)).wrap());
                });
            }
        });
    }
    if let Some(notice) = &state.storage_notice {
        ui.label(RichText::new(notice).size(size::SMALL).color(palette.error));
    }
}

/// In the place of the lines: the form, or that the first words will come.
pub(super) fn empty_ui(ui: &mut Ui, state: &AppState, pane: &TranscriptPane, commands: &Commands) {
    ScrollArea::vertical().id_salt("transcript form").auto_shrink([false, false]).show(ui, |ui| {
        ui.add_space((0.12 * ui.available_height()).min(60.0));
        let width = (ui.available_width() - 32.0).min(440.0);
        ui.horizontal_top(|ui| {
            ui.add_space(((ui.available_width() - width) / 2.0).max(0.0));
            ui.vertical(|ui| {
                ui.set_width(width);
                match pane.hearing {
                    Hearing::Running { .. } => {
                        ui.label(weak(ui, say("transcript-first-words")));
                    }
                    _ => sheet_ui(ui, state, pane, commands),
                }
            });
        });
    });
}

fn sheet_ui(ui: &mut Ui, state: &AppState, pane: &TranscriptPane, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Transcript(command));
    let title = if pane.form_open {
        say("transcript-again")
    } else if pane.is_silent {
        say("transcript-no-speech")
    } else {
        say("transcript-transcribe-this")
    };
    ui.label(RichText::new(title).size(size::TITLE).color(palette.strong));
    let attachment = state.current().and_then(|c| c.attachment(pane.attachment));
    if let Some(reading) = attachment.filter(|a| !a.is_settled() && !pane.form_open) {
        let text = say!("transcript-quick", state = reading.state_text());
        ui.label(weak(ui, text));
    }
    ui.add_space(10.0);
    let mut form = pane.form.clone();
    let ready = form_ui(ui, state, &mut form, commands);
    if form != pane.form {
        send(TranscriptCommand::SetForm(form));
    }
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        ui.add_enabled_ui(ready, |ui| {
            let again = TranscriptCommand::Transcribe;
            if text_button_ui(ui, Some(Icon::Sound), again.label(), true).clicked() {
                send(again);
            }
        });
        if pane.form_open && text_button_ui(ui, None, say("transcript-keep"), false).clicked() {
            send(TranscriptCommand::ShowForm(false));
        }
    });
    if pane.form_open {
        let text = say("transcript-replaced");
        ui.label(weak(ui, text));
    }
}

/// Draws the choices; whether everything that they need is here.
fn form_ui(ui: &mut Ui, state: &AppState, form: &mut HearingForm, commands: &Commands) -> bool {
    let mut ready = true;
    let mut needs = |ui: &mut Ui, id: &str| {
        if let Some(row) = state.models.rows.iter().find(|row| row.id == id && !row.present) {
            ready = false;
            let text = say!("transcript-download", model = row.id.as_str(), size = megabytes(row.bytes));
            if text_button_ui(ui, Some(Icon::Download), &text, false).clicked() {
                commands.send(Command::DownloadModel(row.id.clone()));
            }
        }
    };
    egui::Grid::new("transcript form grid").num_columns(2).spacing([20.0, 10.0]).show(ui, |ui| {
        let label = ui.label(say("transcript-model"));
        ui.vertical(|ui| {
            let list = ComboBox::from_id_salt("transcript model").width(240.0).selected_text(&form.model);
            list.show_ui(ui, |ui| {
                for row in state.models.rows.iter().filter(|row| row.id.starts_with("whisper")) {
                    ui.selectable_value(&mut form.model, row.id.clone(), &row.id);
                }
            })
            .response
            .labelled_by(label.id);
            let row = state.models.rows.iter().find(|row| row.id == form.model);
            if let Some(row) = row {
                ui.add(egui::Label::new(weak(ui, &row.what)).wrap());
            }
            needs(ui, &form.model);
        });
        ui.end_row();

        let label = ui.label(say("transcript-language"));
        let named =
            LANGUAGES.iter().find(|(code, _)| *code == form.language).map_or("", |(_, name)| say(name));
        ComboBox::from_id_salt("transcript language")
            .width(240.0)
            .selected_text(named)
            .show_ui(ui, |ui| {
                for (code, name) in LANGUAGES {
                    ui.selectable_value(&mut form.language, code.to_owned(), say(name));
                }
            })
            .response
            .labelled_by(label.id);
        ui.end_row();

        ui.label(say("transcript-speakers"));
        ui.vertical(|ui| {
            ui.horizontal(|ui| {
                let count = match form.speakers {
                    Speakers::Count(n) => n,
                    _ => 2,
                };
                ui.selectable_value(&mut form.speakers, Speakers::Off, say("transcript-speakers-off"));
                ui.selectable_value(&mut form.speakers, Speakers::Auto, say("transcript-speakers-auto"));
                ui.selectable_value(
                    &mut form.speakers,
                    Speakers::Count(count),
                    say("transcript-speakers-number"),
                );
                if let Speakers::Count(n) = &mut form.speakers {
                    ui.add(DragValue::new(n).range(1..=20));
                }
            });
            if form.speakers != Speakers::Off {
                needs(ui, VOICES);
            }
        });
        ui.end_row();

        ui.label(say("transcript-care"));
        ui.checkbox(&mut form.thorough, say("transcript-thorough"));
        ui.end_row();
    });
    ready
}
