//! Which experts of a mixture were chosen: a layer in each row, an expert in each column.

use egui::accesskit::Role;
use egui::{Rect, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2};
use engine::Inside;
use engine::decoder::{LayerRouting, Modality, Routing};

use super::{InsideView, percent};
use crate::say;
use crate::ui::theme::{self, size, space};
use crate::ui::widgets::{caption_ui, choice_button_ui};
use crate::words::say;

/// Room for the numbers of layers.
const NUMBERS: f32 = 34.0;

/// Least width of an expert; more of them scroll.
const LEAST_CELL: f32 = 5.0;

/// Whose experts can be shown.
struct Kind<'a> {
    name: &'static str,
    routing: &'a Routing,
    modality: Modality,
}

pub(super) fn experts_ui(ui: &mut Ui, inside: &Inside, view: &mut InsideView) {
    let Some(experts) = &inside.experts else {
        caption_ui(ui, say("inside-experts-none"));
        return;
    };
    let of_prompt = [
        ("inside-experts-text", Modality::Text),
        ("inside-experts-pictures", Modality::Picture),
        ("inside-experts-video", Modality::Video),
        ("inside-experts-sound", Modality::Sound),
    ];
    let mut kinds: Vec<Kind> = of_prompt
        .into_iter()
        .map(|(name, modality)| Kind { name: say(name), routing: &experts.prompt, modality })
        .collect();
    kinds.push(Kind {
        name: say("inside-experts-answer"),
        routing: &experts.written,
        modality: Modality::Text,
    });
    kinds.retain(|kind| positions(kind) > 0);
    if kinds.is_empty() {
        caption_ui(ui, say("inside-experts-cached"));
        return;
    }
    view.kind = view.kind.min(kinds.len() - 1);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = f32::from(space::XS);
        for (i, kind) in kinds.iter().enumerate() {
            let name = format!("{} ({})", kind.name, positions(kind));
            if choice_button_ui(ui, &name, view.kind == i).clicked() {
                view.kind = i;
            }
        }
    });
    let kind = &kinds[view.kind];
    caption_ui(ui, &summary(kind));
    heat_ui(ui, kind);
    for line in notable(kind) {
        caption_ui(ui, &line);
    }
    if inside.context.cached_tokens > 0 {
        caption_ui(ui, &say!("inside-experts-not-counted", tokens = inside.context.cached_tokens));
    }
}

/// How many positions of a kind were routed, in the layer that saw most.
fn positions(kind: &Kind) -> u64 {
    kind.routing.layers.iter().map(|layer| layer.positions(kind.modality)).max().unwrap_or(0)
}

fn summary(kind: &Kind) -> String {
    let layers = &kind.routing.layers;
    let n_experts = layers.iter().map(|layer| layer.counts[0].len()).max().unwrap_or(0);
    let n_chosen = layers.first().map_or(0, |layer| layer.n_chosen);
    say!("inside-experts-summary", layers = layers.len(), experts = n_experts, chosen = n_chosen)
}

/// The share of positions that chose each expert of a layer.
fn shares(layer: &LayerRouting, modality: Modality) -> Vec<f32> {
    let n = layer.positions(modality).max(1) as f32;
    layer.counts[modality as usize].iter().map(|count| *count as f32 / n).collect()
}

/// The map; the highest layer stands at the top, as the model goes upwards.
fn heat_ui(ui: &mut Ui, kind: &Kind) {
    let layers = &kind.routing.layers;
    let n_experts = layers.iter().map(|layer| layer.counts[0].len()).max().unwrap_or(0).max(1);
    let room = ui.available_width() - NUMBERS;
    let cell = Vec2::new(
        (room / n_experts as f32).clamp(LEAST_CELL, 36.0),
        (360.0 / layers.len().max(1) as f32).clamp(9.0, 22.0),
    );
    ScrollArea::horizontal().id_salt("experts").auto_shrink([false, true]).show(ui, |ui| {
        let whole = Vec2::new(NUMBERS + cell.x * n_experts as f32, cell.y * layers.len() as f32 + 18.0);
        let (rect, response) = ui.allocate_exact_size(whole, Sense::hover());
        response.widget_info(|| {
            let label = format!("{}: {}", kind.name, notable(kind).join(" "));
            WidgetInfo::labeled(Role::Image, true, label)
        });
        let palette = theme::palette(ui);
        let font = egui::FontId::proportional(size::SMALL - 2.0);
        let mut under = None;
        for (row, layer) in layers.iter().rev().enumerate() {
            let top = rect.top() + row as f32 * cell.y;
            // Numbers that would touch are left out.
            let every = (12.0 / cell.y).ceil() as usize;
            if row % every.max(1) == 0 {
                let at = pos2(rect.left() + NUMBERS - 6.0, top + cell.y / 2.0);
                let number = layer.layer.to_string();
                ui.painter().text(at, egui::Align2::RIGHT_CENTER, number, font.clone(), palette.weak);
            }
            for (expert, share) in shares(layer, kind.modality).into_iter().enumerate() {
                let left = rect.left() + NUMBERS + expert as f32 * cell.x;
                let place = Rect::from_min_size(pos2(left, top), cell);
                let gap = if cell.x > 8.0 { 1.0 } else { 0.0 };
                let drawn = Rect::from_min_size(place.min, cell - Vec2::new(gap, 1.0));
                ui.painter().rect_filled(drawn, 0.0, theme::heat(ui, share));
                if response.hover_pos().is_some_and(|at| place.contains(at)) {
                    under = Some((layer, expert, share, drawn));
                }
            }
        }
        let bottom = rect.bottom() - 8.0;
        for expert in [0, n_experts - 1] {
            let x = rect.left() + NUMBERS + (expert as f32 + 0.5) * cell.x;
            let number = expert.to_string();
            ui.painter().text(
                pos2(x, bottom),
                egui::Align2::CENTER_CENTER,
                number,
                font.clone(),
                palette.weak,
            );
        }
        if let Some((layer, expert, share, drawn)) = under {
            let stroke = egui::Stroke::new(1.5, palette.strong);
            ui.painter().rect_stroke(drawn, 0.0, stroke, egui::StrokeKind::Outside);
            let count = layer.counts[kind.modality as usize][expert];
            let text = say!(
                "inside-experts-cell",
                layer = layer.layer,
                expert = expert,
                count = count,
                of = layer.positions(kind.modality),
                share = percent(share)
            );
            response.on_hover_text_at_pointer(text);
        }
    });
    caption_ui(ui, say("inside-experts-axes"));
}

/// What stands out: the expert that was chosen most, and how many never were.
fn notable(kind: &Kind) -> Vec<String> {
    let layers = &kind.routing.layers;
    let all = layers.iter().flat_map(|layer| {
        shares(layer, kind.modality)
            .into_iter()
            .enumerate()
            .map(|(expert, share)| (layer.layer, expert, share))
    });
    let most = all.clone().reduce(|best, other| if other.2 > best.2 { other } else { best });
    let (idle, n) = all.fold((0, 0), |(idle, n), (.., share)| (idle + usize::from(share == 0.0), n + 1));
    let most = most.map(|(layer, expert, share)| {
        say!("inside-experts-most", expert = expert, layer = layer, share = percent(share))
    });
    most.into_iter().chain([say!("inside-experts-idle", idle = idle, of = n)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_positions_and_what_stands_out_is_told() {
        let layer = |layer, counts: [u64; 4]| LayerRouting {
            layer,
            n_chosen: 2,
            counts: [counts.to_vec(), vec![0; 4], vec![0; 4], vec![0; 4]],
        };
        let routing = Routing { layers: vec![layer(0, [5, 3, 2, 0]), layer(3, [5, 1, 4, 0])] };
        let kind = Kind { name: "Text", routing: &routing, modality: Modality::Text };
        assert_eq!(positions(&kind), 5);
        assert_eq!(shares(&routing.layers[0], Modality::Text), [1.0, 0.6, 0.4, 0.0]);
        let told = notable(&kind).join(" ");
        assert!(told.contains("100 %") && told.contains("2 of 8"), "{told}");
    }
}
