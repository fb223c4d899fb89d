//! What the model read, part by part, and what it did not.

use egui::{CollapsingHeader, Color32, RichText, Ui, Vec2};
use engine::Inside;
use engine::generate::inside::{ContextPart, LeftOut, PartKind};

use super::{percent, row_ui, shares_ui};
use crate::say;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::widgets::caption_ui;
use crate::words::say;

pub(super) fn context_ui(ui: &mut Ui, inside: &Inside) {
    let context = &inside.context;
    if context.prompt_tokens == 0 {
        caption_ui(ui, say("inside-context-none"));
        return;
    }
    let whole = context.context_tokens.max(context.prompt_tokens).max(1) as f32;
    let text = say!(
        "inside-context-summary",
        tokens = context.prompt_tokens,
        of = context.context_tokens,
        share = percent(context.prompt_tokens as f32 / whole)
    );
    caption_ui(ui, &text);
    if context.cached_tokens > 0 {
        caption_ui(ui, &say!("inside-context-cached", tokens = context.cached_tokens));
    }
    let shares: Vec<(Color32, f32, String)> = context
        .parts
        .iter()
        .map(|part| (colour(ui, part.kind), part.tokens as f32 / whole, tooltip(part)))
        .collect();
    shares_ui(ui, &shares, &text);
    ui.add_space(f32::from(space::S));
    for (i, part) in context.parts.iter().enumerate() {
        let figures = say!("inside-n-tokens", tokens = part.tokens);
        row_ui(ui, colour(ui, part.kind), &name(part), &figures);
        if part.text.is_empty() {
            continue;
        }
        let palette = theme::palette(ui);
        let title = RichText::new(say("inside-context-text")).size(size::SMALL).color(palette.weak);
        ui.indent(("part", i), |ui| {
            CollapsingHeader::new(title).id_salt(("text", i)).show(ui, |ui| {
                ui.label(RichText::new(part.text.trim()).size(size::SMALL).color(palette.text));
            });
        });
    }
    left_out_ui(ui, &context.left_out);
}

fn left_out_ui(ui: &mut Ui, left_out: &[LeftOut]) {
    let palette = theme::palette(ui);
    ui.add_space(f32::from(space::S));
    ui.label(RichText::new(say("inside-left-out")).color(palette.strong));
    if left_out.is_empty() {
        caption_ui(ui, say("inside-left-out-nothing"));
    }
    for item in left_out {
        let text = match item {
            LeftOut::Passages { name, given, of } => {
                say!(
                    "inside-left-out-passages",
                    name = name.clone(),
                    left = of.saturating_sub(*given),
                    of = *of
                )
            }
            LeftOut::Turns { left, of } => say!("inside-left-out-turns", left = *left, of = *of),
            LeftOut::Told { text } => text.clone(),
        };
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(18.0), egui::Sense::hover());
            Icon::Warning.paint(ui.painter(), rect.shrink(1.0), palette.warn);
            let width = ui.available_width();
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
            });
        });
    }
}

fn tooltip(part: &ContextPart) -> String {
    format!("{}: {}", name(part), say!("inside-n-tokens", tokens = part.tokens))
}

fn name(part: &ContextPart) -> String {
    let kind = match part.kind {
        PartKind::Instructions => say("inside-part-instructions"),
        PartKind::Medium => say("inside-part-medium"),
        PartKind::EarlierQuestion => say("inside-part-earlier-question"),
        PartKind::EarlierAnswer => say("inside-part-earlier-answer"),
        PartKind::Notes => say("inside-part-notes"),
        PartKind::Question => say("inside-part-question"),
        PartKind::Form => say("inside-part-form"),
    };
    if part.name.is_empty() { kind.to_owned() } else { format!("{kind}: {}", part.name) }
}

/// Neighbours differ in lightness, too.
fn colour(ui: &Ui, kind: PartKind) -> Color32 {
    let number = match kind {
        PartKind::Instructions => 7,
        PartKind::Medium => 1,
        PartKind::EarlierQuestion => 3,
        PartKind::EarlierAnswer => 6,
        PartKind::Notes => 0,
        PartKind::Question => 5,
        PartKind::Form => return theme::palette(ui).weak,
    };
    theme::speaker(ui, number)
}
