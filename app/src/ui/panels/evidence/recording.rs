//! A recording or video: its sound, its frames along the time, and the part that is asked about.

use egui::accesskit::Role;
use egui::{
    ComboBox, CornerRadius, CursorIcon, Rect, RichText, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2,
};
use engine::Place;
use engine::media::Kind;

use super::stage::{Stage, stage_ui};
use crate::command::{Command, Commands, MediaCommand, TranscriptCommand};
use crate::say;
use crate::state::{Load, Play, SPEEDS, Viewer, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    focus_ring, icon_button_ui, paint_picture, text_button_ui, time_text, timeline_ui, transcript_ui,
};
use crate::words::{self, say};

/// Height of a small frame, in points.
const SMALL_FRAME: f32 = 46.0;

/// Share of the window's height that a frame takes at most.
const FRAME_SHARE: f32 = 0.5;

/// Draws everything of the pane below its head.
pub(super) fn recording_ui(ui: &mut Ui, viewer: &Viewer, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    if viewer.kind == Kind::Video {
        let name = say!("media-frame-at", time = time_text(viewer.time_s));
        let height = (FRAME_SHARE * ui.ctx().content_rect().height()).max(120.0);
        let stage = Stage {
            viewer,
            boxes: &super::boxes(viewer),
            name: &name,
            subtitle: viewer.has_subtitles.then(|| viewer.said_at(viewer.at_s())).flatten(),
            room: Vec2::new(ui.available_width(), height),
            has_wheel: false,
        };
        stage_ui(ui, &stage, view, commands);
    }
    transport_ui(ui, viewer, commands);
    small_frames_ui(ui, viewer, view, commands);
    let cited = match viewer.place() {
        Some(Place::Time { start_s, end_s }) => Some((*start_s, *end_s)),
        _ => None,
    };
    // A video that cannot be opened says so once, in the place of its frame.
    let is_told = matches!(viewer.picture, Load::Failed(_)) && matches!(viewer.wave, Load::Failed(_));
    if !matches!(viewer.wave, Load::None) && !is_told {
        let (_, seek) = timeline_ui(ui, &viewer.wave, viewer.part_s().or(cited), viewer.at_s());
        if let Some(time_s) = seek {
            commands.send(Command::Seek(time_s));
        }
    }
    if !is_told {
        part_ui(ui, viewer, commands);
    }
    if let Play::Failed(reason) = &viewer.play {
        ui.label(RichText::new(reason).color(palette.error));
    }
    if let Some(reason) = viewer.silent_because.as_ref().filter(|_| !matches!(viewer.wave, Load::None)) {
        let text = say!("media-silent", reason = reason.as_str());
        ui.label(RichText::new(text).size(size::SMALL).color(palette.warn));
    }
    let Some(read) = &viewer.read else { return };
    if read.spans.iter().any(|span| matches!(span.place, Place::Time { .. })) {
        ui.add_space(6.0);
        ui.label(RichText::new(say("transcript-title")).size(size::SMALL).color(palette.weak));
        ui.spacing_mut().item_spacing.y = 2.0;
        // While it plays the line that is said is lit.
        let lit = if viewer.is_playing() { Some((viewer.at_s(), viewer.at_s() + 0.1)) } else { cited };
        if let Some(time_s) = transcript_ui(ui, read, lit, view) {
            commands.send(Command::Seek(time_s));
        }
    }
}

/// Play, steps, time, speed.
fn transport_ui(ui: &mut Ui, viewer: &Viewer, commands: &Commands) {
    let palette = theme::palette(ui);
    let is_video = viewer.kind == Kind::Video;
    let is_gone = matches!(viewer.picture, Load::Failed(_));
    if (!is_video && !matches!(viewer.wave, Load::Ready(_))) || (is_video && is_gone) {
        return;
    }
    let send = |command| commands.send(Command::Media(command));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        let (icon, text) = match viewer.is_playing() {
            true => (Icon::Pause, say("media-stop-playing")),
            false => (Icon::Play, say("media-play-from-here")),
        };
        let tip = format!("{text} ({})", say("media-key-space"));
        if text_button_ui(ui, Some(icon), text, true).on_hover_text(tip).clicked() {
            commands.send(Command::PlayPause);
        }
        let step = |ui: &mut Ui, icon, command: MediaCommand, key: &str| {
            let tip = format!("{} ({})", command.label(), words::keys(key));
            if icon_button_ui(ui, icon, command.label(), &tip, None).clicked() {
                send(command);
            }
        };
        step(ui, Icon::Back, MediaCommand::Skip(-5.0), "Left");
        if is_video {
            step(ui, Icon::Left, MediaCommand::StepFrame(-1), ",");
            step(ui, Icon::Right, MediaCommand::StepFrame(1), ".");
        }
        step(ui, Icon::On, MediaCommand::Skip(5.0), "Right");
        ui.add_space(2.0);
        let length = viewer.length_s().map_or_else(|| "–".to_owned(), time_text);
        let text = format!("{} / {length}", time_text(viewer.at_s()));
        ui.label(RichText::new(text).monospace().color(palette.weak));
        ui.add_space(2.0);
        speed_ui(ui, viewer, commands);
        if is_video && viewer.read.as_ref().is_some_and(|read| has_speech(read)) {
            let mut shown = viewer.has_subtitles;
            let tip = format!("{} (S)", say("media-subtitles-tip"));
            if ui.toggle_value(&mut shown, say("media-subtitles")).on_hover_text(tip).clicked() {
                send(MediaCommand::ToggleSubtitles);
            }
        }
        if let Some(id) = viewer.attachment
            && text_button_ui(ui, Some(Icon::Transcript), say("transcript-title"), false).clicked()
        {
            commands.send(Command::Transcript(TranscriptCommand::Open(id, viewer.at_s())));
        }
    });
}

fn has_speech(read: &engine::tasks::ask::ReadFile) -> bool {
    read.spans.iter().any(|span| matches!(span.finding, engine::Finding::Speech { .. }))
}

fn speed_ui(ui: &mut Ui, viewer: &Viewer, commands: &Commands) {
    let mut speed = viewer.speed;
    let list = ComboBox::from_id_salt("viewer speed").width(64.0).selected_text(format!("{speed}×"));
    let list = list.show_ui(ui, |ui| {
        for each in SPEEDS {
            ui.selectable_value(&mut speed, each, format!("{each}×"));
        }
    });
    ui.ctx().accesskit_node_builder(list.response.id, |node| node.set_label(say("media-speed")));
    list.response.on_hover_text(say("media-speed-tip"));
    if speed != viewer.speed {
        commands.send(Command::Media(MediaCommand::SetSpeed(speed)));
    }
}

/// Small frames along the time; a click goes there.
fn small_frames_ui(ui: &mut Ui, viewer: &Viewer, view: &mut ViewState, commands: &Commands) {
    let Some(duration_s) = viewer.duration_s.filter(|s| *s > 0.0) else { return };
    let Some((_, first)) = viewer.thumbnails.first() else { return };
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, SMALL_FRAME), Sense::click_and_drag());
    let at_s = viewer.at_s();
    response.widget_info(|| {
        let text = say!("media-frames-of", file = file_name(&viewer.path), time = time_text(at_s));
        WidgetInfo::labeled(Role::Slider, true, text)
    });
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    painter.rect_filled(rect, CornerRadius::same(theme::RADIUS), palette.hovered);
    let shape = first.size[0].max(1) as f32 / first.size[1].max(1) as f32;
    let each = (SMALL_FRAME * shape).max(20.0);
    let n = (width / each).ceil().max(1.0) as usize;
    for i in 0..n {
        // Each place shows the frame whose time is nearest.
        let middle = (i as f32 + 0.5) * width / n as f32;
        let wanted_s = f64::from(middle / width) * duration_s;
        let nearest = viewer
            .thumbnails
            .iter()
            .min_by(|(a, _), (b, _)| (a - wanted_s).abs().total_cmp(&(b - wanted_s).abs()));
        // Frames come one by one; what is not there yet is left empty.
        let Some((frame_s, picture)) = nearest else { continue };
        if (frame_s - wanted_s).abs() > duration_s / 8.0 {
            continue;
        }
        let texture = view.texture(ui.ctx(), picture);
        let centre = pos2(rect.left() + middle, rect.center().y);
        let place = Rect::from_center_size(centre, Vec2::new(each, SMALL_FRAME));
        paint_picture(&painter, texture.id(), place);
    }
    let x_of = |s: f64| rect.left() + width * (s / duration_s).clamp(0.0, 1.0) as f32;
    if let Some((from_s, to_s)) = viewer.part_s() {
        let part = Rect::from_x_y_ranges(x_of(from_s)..=x_of(to_s), rect.y_range());
        painter.rect_stroke(part, 2.0, Stroke::new(2.0, palette.accent), StrokeKind::Inside);
    }
    let (outer, inner) = theme::box_lines();
    painter.vline(x_of(at_s), rect.y_range(), Stroke::new(4.0, outer));
    painter.vline(x_of(at_s), rect.y_range(), Stroke::new(2.0, inner));
    focus_ring(ui, &response);
    let seconds = |pos: egui::Pos2| f64::from(((pos.x - rect.left()) / width).clamp(0.0, 1.0)) * duration_s;
    if let Some(pos) = response.interact_pointer_pos().filter(|_| response.clicked() || response.dragged()) {
        commands.send(Command::Seek(seconds(pos)));
    }
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    if let Some(pos) = response.hover_pos() {
        response.on_hover_text_at_pointer(time_text(seconds(pos)));
    }
}

/// The part that is marked, and the question about it.
fn part_ui(ui: &mut Ui, viewer: &Viewer, commands: &Commands) {
    let palette = theme::palette(ui);
    if viewer.length_s().is_none() {
        return;
    }
    let send = |command| commands.send(Command::Media(command));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (command, key) in [(MediaCommand::MarkStart, "I"), (MediaCommand::MarkEnd, "O")] {
            let tip = format!("{} ({})", command.label(), words::keys(key));
            if text_button_ui(ui, None, command.label(), false).on_hover_text(tip).clicked() {
                send(command);
            }
        }
        let marked = |mark: Option<f64>| mark.map_or_else(|| "–".to_owned(), time_text);
        if viewer.marks_s != (None, None) {
            let text = match viewer.part_s() {
                Some((from_s, to_s)) => format!("{} – {}", time_text(from_s), time_text(to_s)),
                None => format!("{} – {}", marked(viewer.marks_s.0), marked(viewer.marks_s.1)),
            };
            ui.label(RichText::new(text).monospace().color(palette.text));
            let clear = MediaCommand::ClearMarks;
            if icon_button_ui(ui, Icon::Close, clear.label(), clear.label(), None).clicked() {
                send(clear);
            }
        }
        if viewer.part_s().is_some() {
            let ask = MediaCommand::AskPart;
            if text_button_ui(ui, Some(Icon::Send), ask.label(), true).clicked() {
                send(ask);
            }
        }
    });
}
