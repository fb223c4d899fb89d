//! The tokens of an answer, darker where the model was less sure, with what else it could have written.

use egui::accesskit::Role;
use egui::text::{LayoutJob, TextFormat};
use egui::{FontId, Key, RichText, Sense, Ui, Vec2, WidgetInfo, pos2};
use engine::Inside;
use engine::generate::inside::Written;

use super::{InsideView, percent};
use crate::say;
use crate::ui::theme::{self, size, space};
use crate::ui::widgets::{caption_ui, focus_ring};
use crate::words::say;

/// Below this probability a token counts as unsure.
const UNSURE: f32 = 0.5;

/// The end of an answer.
const END: &str = " •";

pub(super) fn tokens_ui(ui: &mut Ui, inside: &Inside, view: &mut InsideView) {
    if inside.tokens.is_empty() {
        caption_ui(ui, say("inside-tokens-none"));
        return;
    }
    summary_ui(ui, &inside.tokens);
    legend_ui(ui);
    ui.add_space(f32::from(space::XS));
    let pointed = text_ui(ui, &inside.tokens, view);
    ui.add_space(f32::from(space::S));
    ui.separator();
    let shown = pointed.or(view.token).filter(|token| *token < inside.tokens.len());
    match shown {
        Some(token) => alternatives_ui(ui, &inside.tokens, token),
        None => drop(caption_ui(ui, say("inside-tokens-hint"))),
    }
}

fn summary_ui(ui: &mut Ui, tokens: &[Written]) {
    let written = tokens.iter().filter(|token| !token.is_end).count();
    let mean = tokens.iter().map(|token| token.probability).sum::<f32>() / tokens.len() as f32;
    let unsure = tokens.iter().filter(|token| token.probability < UNSURE).count();
    let text = say!("inside-tokens-summary", tokens = written, mean = percent(mean), unsure = unsure);
    caption_ui(ui, &text);
}

/// The scale of the colours.
fn legend_ui(ui: &mut Ui) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        caption_ui(ui, say("inside-unsure"));
        let (rect, _) = ui.allocate_exact_size(Vec2::new(96.0, 12.0), Sense::hover());
        const STEPS: usize = 12;
        for step in 0..STEPS {
            let x = |i: usize| rect.left() + rect.width() * i as f32 / STEPS as f32;
            let part = egui::Rect::from_min_max(pos2(x(step), rect.top()), pos2(x(step + 1), rect.bottom()));
            let probability = (step as f32 + 0.5) / STEPS as f32;
            ui.painter().rect_filled(part, 0.0, theme::unsure(ui, probability));
        }
        ui.painter().rect_stroke(rect, 2.0, egui::Stroke::new(1.0, palette.line), egui::StrokeKind::Outside);
        caption_ui(ui, say("inside-sure"));
    });
}

/// The text; returns the token under the pointer. A click or the arrows choose one.
fn text_ui(ui: &mut Ui, tokens: &[Written], view: &mut InsideView) -> Option<usize> {
    let palette = theme::palette(ui);
    let mut job = LayoutJob::default();
    job.wrap.max_width = ui.available_width();
    // Where each token ends, in characters.
    let mut ends = Vec::with_capacity(tokens.len());
    let mut n = 0;
    for (i, token) in tokens.iter().enumerate() {
        let text = if token.is_end { END.to_owned() } else { token.text.replace('\n', "¶\n") };
        n += text.chars().count();
        ends.push(n);
        let mut format = TextFormat::simple(FontId::proportional(size::BODY), palette.text);
        format.background = theme::unsure(ui, token.probability);
        format.line_height = Some(24.0);
        format.valign = egui::Align::Center;
        if view.token == Some(i) {
            format.underline = egui::Stroke::new(2.0, palette.accent);
        }
        job.append(&text, 0.0, format);
    }
    let galley = ui.painter().layout_job(job);
    let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::click());
    let chosen = view.token.and_then(|token| tokens.get(token));
    response.widget_info(|| {
        let label = match chosen {
            Some(token) => say!("inside-token-of", text = shown_text(token.is_end, &token.text)),
            None => say("inside-tokens-text").to_owned(),
        };
        WidgetInfo::labeled(Role::List, true, label)
    });
    ui.painter().galley(rect.min, galley.clone(), palette.text);
    focus_ring(ui, &response);
    let at = |pos: egui::Pos2| {
        let inside = rect.contains(pos).then(|| galley.cursor_from_pos(pos - rect.min).index)?;
        let token = ends.partition_point(|end| *end <= usize::from(inside));
        (token < tokens.len()).then_some(token)
    };
    let pointed = response.hover_pos().and_then(at);
    if response.clicked() {
        response.request_focus();
        view.token = response.interact_pointer_pos().and_then(at);
    }
    if response.has_focus() {
        let last = tokens.len() - 1;
        let now = view.token;
        ui.input(|input| {
            if input.key_pressed(Key::ArrowRight) {
                view.token = Some(now.map_or(0, |token| (token + 1).min(last)));
            }
            if input.key_pressed(Key::ArrowLeft) {
                view.token = Some(now.map_or(last, |token| token.saturating_sub(1)));
            }
            if input.key_pressed(Key::Home) {
                view.token = Some(0);
            }
            if input.key_pressed(Key::End) {
                view.token = Some(last);
            }
        });
        // Arrows walk through the tokens, not to the next thing.
        let filter = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
    if let Some(token) = pointed.and_then(|token| tokens.get(token)) {
        response.on_hover_ui_at_pointer(|ui| bars_ui(ui, token));
    }
    pointed
}

/// The token that is looked at, and what could have stood there.
fn alternatives_ui(ui: &mut Ui, tokens: &[Written], at: usize) {
    let Some(token) = tokens.get(at) else { return };
    let text = say!("inside-token-place", number = at + 1, of = tokens.len());
    caption_ui(ui, &text);
    bars_ui(ui, token);
}

/// A bar for each likely token; the one that was written is marked, and stands last where it was none of the likely.
fn bars_ui(ui: &mut Ui, token: &Written) {
    for likely in &token.likeliest {
        bar_ui(ui, &shown_text(likely.is_end, &likely.text), likely.probability, likely.id == token.id);
    }
    if token.likeliest.iter().all(|likely| likely.id != token.id) {
        bar_ui(ui, &shown_text(token.is_end, &token.text), token.probability, true);
    }
}

fn bar_ui(ui: &mut Ui, text: &str, probability: f32, written: bool) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(84.0, 18.0), Sense::hover());
        let share = percent(probability);
        response.widget_info(|| {
            let label = match written {
                true => say!("inside-token-written", text = text.to_owned(), share = share.clone()),
                false => say!("inside-token-possible", text = text.to_owned(), share = share.clone()),
            };
            WidgetInfo::labeled(Role::Label, true, label)
        });
        let bar = egui::Rect::from_center_size(rect.center(), Vec2::new(84.0, 8.0));
        ui.painter().rect_filled(bar, 2.0, palette.line);
        let filled = egui::Rect::from_min_size(bar.min, Vec2::new(bar.width() * probability, bar.height()));
        ui.painter().rect_filled(filled, 2.0, if written { palette.accent } else { palette.weak });
        let font = RichText::new(format!("{share:>7}")).size(size::SMALL).color(palette.weak);
        ui.add_sized(Vec2::new(52.0, 18.0), egui::Label::new(font));
        let text = RichText::new(text).color(if written { palette.strong } else { palette.text });
        ui.add(egui::Label::new(text).truncate());
        if written {
            caption_ui(ui, say("inside-written"));
        }
    });
}

/// A token's text with its spaces: “ the”.
fn shown_text(is_end: bool, text: &str) -> String {
    match text {
        _ if is_end => say("inside-end").to_owned(),
        "" => say("inside-structure").to_owned(),
        text => format!("“{}”", text.replace('\n', "¶")),
    }
}
