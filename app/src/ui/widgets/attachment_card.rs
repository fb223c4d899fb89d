//! A file: picture, name, and how far it has been read.

use egui::accesskit::Role;
use egui::{
    Color32, CornerRadius, CursorIcon, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2,
};

use engine::media::Kind;

use super::button::focus_ring;
use super::{bar_ui, elided, galley_elided, icon_button_ui, within_ui};
use crate::command::{Command, Commands, MediaCommand, ReaderCommand, TranscriptCommand};
use crate::say;
use crate::state::{Attachment, AttachmentState, Load};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size};
use crate::ui::view::ViewState;
use crate::words::say;

/// How large a card is, in points.
pub const SIZE: Vec2 = Vec2::new(256.0, 56.0);

/// Draws files in as many columns as fit; `removable` shows their buttons,
/// otherwise they stand at the right.
pub fn attachment_cards_ui(
    ui: &mut Ui,
    attachments: &[&Attachment],
    removable: bool,
    view: &mut ViewState,
    commands: &Commands,
) {
    let gap = ui.spacing().item_spacing.x;
    let columns = (((ui.available_width() + gap) / (SIZE.x + gap)) as usize).max(1);
    for row in attachments.chunks(columns) {
        ui.horizontal(|ui| {
            if !removable {
                // Above the question's bubble, which stands at the right.
                let width = row.len() as f32 * (SIZE.x + gap) - gap;
                ui.add_space((ui.available_width() - width).max(0.0));
            }
            for attachment in row {
                ui.push_id(attachment.id.0, |ui| card_ui(ui, attachment, removable, view, commands));
            }
        });
    }
}

/// Draws a file as a card of fixed size.
fn card_ui(
    ui: &mut Ui,
    attachment: &Attachment,
    removable: bool,
    view: &mut ViewState,
    commands: &Commands,
) -> Response {
    let palette = theme::palette(ui);
    let failed = matches!(attachment.state, AttachmentState::Failed(_));
    let size = Vec2::new(SIZE.x.min(ui.available_width()), SIZE.y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let description = format!("{}, {}", attachment.name(), attachment.state_text());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &description));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let line = if failed { palette.error } else { palette.line };
    let radius = CornerRadius::same(RADIUS);
    ui.painter().rect(rect, radius, palette.raised, Stroke::new(1.0, line), StrokeKind::Inside);

    let thumb = Rect::from_min_size(rect.min + Vec2::splat(6.0), Vec2::splat(SIZE.y - 12.0));
    thumbnail_ui(ui, attachment, thumb, view, commands);

    let has_transcript = attachment.is_recording();
    let can_be_read = attachment.is_document();
    let n_buttons = usize::from(removable)
        + usize::from(removable && failed)
        + usize::from(has_transcript || can_be_read);
    let buttons = 4.0 + 30.0 * n_buttons as f32;
    let left = thumb.right() + 10.0;
    let width = (rect.right() - left - buttons).max(20.0);
    let name = elided(&attachment.name(), (width / 7.2) as usize);
    let font = egui::FontId::proportional(13.5);
    let galley = galley_elided(ui, &name, font, palette.text, width, 1);
    ui.painter().galley(pos2(left, rect.top() + 9.0), galley, palette.text);
    let (colour, rows) = if failed { (palette.error, 1) } else { (palette.weak, 1) };
    let font = egui::FontId::proportional(size::SMALL);
    let tokens = view.tokens_of(attachment);
    let mut about = attachment.state_text();
    if let Some(tokens) = tokens {
        about.push_str(" · ");
        about.push_str(&say!("media-tokens", count = tokens));
    }
    let galley = galley_elided(ui, &about, font, colour, width, rows);
    ui.painter().galley(pos2(left, rect.top() + 29.0), galley, colour);
    if let AttachmentState::Reading { done, total, .. } = &attachment.state
        && *total > 0
    {
        let bar = Rect::from_min_size(pos2(left, rect.bottom() - 6.0), Vec2::new(width, 3.0));
        bar_ui(ui, bar, *done as f32 / *total as f32);
    }
    if n_buttons > 0 {
        let area = Rect::from_min_max(pos2(rect.right() - buttons, rect.top() + 12.0), rect.max);
        within_ui(ui, area, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                if has_transcript {
                    let label = say!("media-transcript-of", file = attachment.name());
                    if icon_button_ui(ui, Icon::Transcript, &label, say("media-show-transcript"), None)
                        .clicked()
                    {
                        let open = TranscriptCommand::Open(attachment.id, 0.0);
                        commands.send(Command::Transcript(open));
                    }
                }
                if can_be_read {
                    let label = say!("media-read-file", file = attachment.name());
                    if icon_button_ui(ui, Icon::Book, &label, say("media-read-document"), None).clicked() {
                        commands.send(Command::Reader(ReaderCommand::Open(attachment.id)));
                    }
                }
                if !removable {
                    return;
                }
                if failed {
                    let label = say!("media-read-again-file", file = attachment.name());
                    if icon_button_ui(ui, Icon::Again, &label, say("media-read-again"), None).clicked() {
                        commands.send(Command::RetryAttachment(attachment.id));
                    }
                }
                let label = say!("media-remove-file", file = attachment.name());
                if icon_button_ui(ui, Icon::Close, &label, say("media-remove"), None).clicked() {
                    commands.send(Command::RemoveAttachment(attachment.id));
                }
            });
        });
    }
    let mut tip = format!("{}\n{}", attachment.path.display(), attachment.state_text());
    if let Some(tokens) = tokens {
        tip.push_str("\n\n");
        tip.push_str(&say!("media-tokens-tip", count = tokens));
    }
    response.on_hover_text(tip)
}

fn thumbnail_ui(ui: &Ui, attachment: &Attachment, rect: Rect, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    // A document has a button of its own.
    if matches!(attachment.kind, Some(Kind::Picture | Kind::Sound | Kind::Video)) {
        let show = ui.interact(rect, ui.scope_id().with("show"), Sense::click());
        let name = say!("media-show", file = attachment.name());
        show.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
        focus_ring(ui, &show);
        if show.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(&name).clicked() {
            commands.send(Command::Media(MediaCommand::Open(attachment.id)));
        }
    }
    let radius = CornerRadius::same(6);
    ui.painter().rect_filled(rect, radius, palette.hovered);
    if let Some(Load::Ready(picture)) = view.thumbnails.get(&attachment.id).cloned() {
        let texture = view.texture(ui.ctx(), &picture);
        // The middle square of the picture.
        let [w, h] = picture.size.map(|side| side as f32);
        let side = w.min(h).max(1.0);
        let (dx, dy) = ((w - side) / 2.0 / w.max(1.0), (h - side) / 2.0 / h.max(1.0));
        let uv = Rect::from_min_max(pos2(dx, dy), pos2(1.0 - dx, 1.0 - dy));
        let mesh =
            egui::epaint::RectShape::filled(rect, radius, Color32::WHITE).with_texture(texture.id(), uv);
        ui.painter().add(mesh);
        if attachment.kind == Some(Kind::Video) {
            let badge = Rect::from_center_size(rect.center(), Vec2::splat(22.0));
            ui.painter().circle_filled(rect.center(), 11.0, palette.veil);
            Icon::Play.paint(ui.painter(), badge.shrink(4.0), palette.text);
        }
    } else {
        let icon = match attachment.state {
            AttachmentState::Failed(_) => Icon::Warning,
            _ => Icon::of_kind(attachment.kind),
        };
        icon.paint(ui.painter(), rect.shrink(11.0), palette.weak);
    }
}
