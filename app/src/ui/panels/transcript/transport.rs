//! The sound of the recording: all of it, the part in view, and the buttons that play it.

use egui::{ComboBox, Layout, RichText, Ui};

use super::{TranscriptView, weak};
use crate::command::{Command, Commands, TranscriptCommand};
use crate::state::{Load, Play, SPEEDS, TranscriptPane};
use crate::ui::icons::Icon;
use crate::ui::theme;
use crate::ui::widgets::{Strip, icon_button_ui, strip_ui, text_button_ui, time_text};
use crate::words::say;

/// Windows lower than this show one strip.
const HIGH_ENOUGH: f32 = 520.0;

/// Draws the strips and the buttons.
pub(super) fn transport_ui(
    ui: &mut Ui,
    pane: &TranscriptPane,
    view: &mut TranscriptView,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Transcript(command));
    match &pane.wave {
        Load::Ready(wave) => {
            let all = (0.0, wave.duration_s);
            let (from_s, to_s) = (view.in_view_s.0, view.in_view_s.1.min(wave.duration_s));
            let part = (to_s > from_s).then_some((from_s, to_s));
            let at_s = pane.at_s();
            // Where all of it is in view, the second strip would show the same.
            let zoomed = part.filter(|(from_s, to_s)| to_s - from_s < 0.8 * wave.duration_s);
            let ground = palette.selected;
            let strip = Strip {
                name: say("transcript-recording"),
                wave,
                range_s: all,
                part_s: zoomed,
                ground,
                at_s,
                height: 36.0,
            };
            let mut seek = strip_ui(ui, &strip).1;
            if ui.ctx().content_rect().height() >= HIGH_ENOUGH
                && let Some(range_s) = zoomed
            {
                let strip = Strip {
                    name: say("transcript-in-view"),
                    wave,
                    range_s,
                    part_s: None,
                    ground,
                    at_s,
                    height: 44.0,
                };
                seek = strip_ui(ui, &strip).1.or(seek);
            }
            if let Some(time_s) = seek {
                send(TranscriptCommand::Seek(time_s));
            }
        }
        Load::Loading => {
            ui.label(weak(ui, say("transcript-loading")));
        }
        Load::Failed(reason) => {
            ui.label(RichText::new(reason).color(palette.error));
        }
        Load::None => {
            ui.label(weak(ui, say("transcript-no-sound")));
        }
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let ready = matches!(pane.wave, Load::Ready(_));
        let silent = (!ready).then_some(say("transcript-not-there"));
        let skip = TranscriptCommand::Skip(-5.0);
        if icon_button_ui(ui, Icon::Back, skip.label(), say("transcript-back-tip"), silent).clicked() {
            send(skip);
        }
        let (icon, label) = if pane.is_playing() {
            (Icon::Pause, say("transcript-pause"))
        } else {
            (Icon::Play, say("transcript-play"))
        };
        if icon_button_ui(ui, icon, label, &format!("{label} ({})", say("transcript-space")), silent)
            .clicked()
        {
            send(TranscriptCommand::PlayPause);
        }
        let skip = TranscriptCommand::Skip(5.0);
        if icon_button_ui(ui, Icon::On, skip.label(), say("transcript-on-tip"), silent).clicked() {
            send(skip);
        }
        ui.add_space(4.0);
        let text = format!("{} / {}", time_text(pane.at_s()), time_text(pane.duration_s()));
        ui.label(RichText::new(text).monospace().color(palette.weak));
        ui.add_space(4.0);
        let mut speed = pane.speed;
        let list = ComboBox::from_id_salt("speed").width(72.0).selected_text(speed_text(speed));
        let list = list.show_ui(ui, |ui| {
            for each in SPEEDS {
                ui.selectable_value(&mut speed, each, speed_text(each));
            }
        });
        ui.ctx().accesskit_node_builder(list.response.id, |node| node.set_label(say("transcript-speed")));
        list.response.on_hover_text(say("transcript-speed-tip"));
        if speed != pane.speed {
            send(TranscriptCommand::SetSpeed(speed));
        }
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            if pane.is_playing()
                && !view.following
                && text_button_ui(ui, None, say("transcript-follow"), false).clicked()
            {
                view.follow();
            }
        });
    });
    if let Play::Failed(reason) = &pane.play {
        ui.label(RichText::new(reason).color(palette.error));
    }
}

fn speed_text(speed: f64) -> String {
    format!("{speed}×")
}
