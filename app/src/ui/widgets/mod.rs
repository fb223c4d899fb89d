//! Small things that are drawn, one function each.

mod attachment_card;

mod button;

mod chip;

mod context_meter;

mod drop_zone;

mod evidence_card;

mod find_bar;

mod picture_view;

mod plot;

mod progress_row;

mod quoted;

mod sheet;

mod text;

mod timeline;

mod toast;

mod transcript;

pub(super) use attachment_card::{SIZE as ATTACHMENT_CARD, attachment_cards_ui};
pub(super) use button::{choice_button_ui, command_button_ui, focus_ring, icon_button_ui, text_button_ui};
pub(super) use chip::{chip_ui, mark_size, no_source_ui};
pub(super) use context_meter::context_meter_ui;
pub(super) use drop_zone::drop_zone_ui;
pub(crate) use evidence_card::place_text;
pub(super) use evidence_card::{evidence_card_ui, place_icon};
pub(super) use find_bar::{FindBarView, field_ui, find_bar_ui, select_all};
pub(super) use picture_view::{paint_boxes, paint_picture};
pub(super) use plot::{Series, plot_ui};
pub(super) use progress_row::{bar_ui, progress_row_ui};
pub(super) use quoted::{clip_ui, quoted_ui};
pub(super) use sheet::{modal_ui, sheet_size, sheet_ui};
pub(super) use text::{
    caption_ui, elided, galley_elided, keep_cursor_inside, search_field_ui, time_text, title_ui,
};
pub(super) use timeline::{Strip, strip_ui, timeline_ui};
pub(super) use toast::{live_region_ui, notice_bar_ui, toast_ui};
pub(super) use transcript::{document_text_ui, transcript_ui};

/// Draws into a rectangle that is taken already.
pub(super) fn within_ui(ui: &mut egui::Ui, rect: egui::Rect, add: impl FnOnce(&mut egui::Ui)) {
    add(&mut ui.new_child(egui::UiBuilder::new().max_rect(rect)));
}
