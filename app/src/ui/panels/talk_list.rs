//! The questions and answers of a conversation, one below the other: only those in view are laid out.
//!
//! Heights are measured when an answer is first near the view, and guessed until then. Those that turn out otherwise
//! above the view move it along, so that nothing jumps. At the end the view goes with an answer that is written, until
//! somebody scrolls up.

use std::collections::BTreeMap;

use egui::{Rect, ScrollArea, Ui, UiBuilder, Vec2, vec2};

use crate::state::{Conversation, ConversationId, Exchange, ExchangeId};
use crate::ui::theme::space;

/// So far beyond the view answers are laid out ahead, in points.
const AHEAD: f32 = 500.0;

/// The list's memory.
#[derive(Default)]
pub struct TalkList {
    of: Option<ConversationId>,
    width: f32,
    heights: BTreeMap<ExchangeId, Height>,
    /// How far it was scrolled, and how much of it was in view.
    offset: f32,
    view: f32,
    /// By how much what is above the view turned out higher.
    shift: f32,
    /// Whether the view goes with the end.
    following: bool,
    jump: Option<ExchangeId>,
    laid_out: usize,
}

#[derive(Clone, Copy)]
struct Height {
    points: f32,
    known: bool,
}

/// What the list tells after it was drawn.
pub(super) struct Drawn {
    /// Where it is in the window.
    pub(super) rect: Rect,
    /// How much lies below the view, in points.
    pub(super) below: f32,
}

impl TalkList {
    /// Shows this question at the top of the view.
    pub fn jump_to(&mut self, id: ExchangeId) {
        self.jump = Some(id);
    }

    /// Shows the end, and goes with it.
    pub fn follow(&mut self) {
        (self.following, self.jump) = (true, None);
    }

    /// How many answers were laid out in the last frame.
    pub fn laid_out(&self) -> usize {
        self.laid_out
    }

    /// Takes in another conversation, another width, and what is new.
    fn update(&mut self, conversation: &Conversation, width: f32) {
        if self.of != Some(conversation.id) {
            *self = Self { following: true, jump: self.jump, view: self.view, ..Self::default() };
            self.of = Some(conversation.id);
        }
        if (self.width - width).abs() > 0.5 {
            // The old heights are better than a guess, and the answer at the top stays there.
            if self.width > 0.0 && !self.following && self.jump.is_none() {
                self.jump = self.at(conversation, self.offset).map(|(id, _)| id);
            }
            self.width = width;
            self.heights.values_mut().for_each(|height| height.known = false);
        }
        for exchange in &conversation.exchanges {
            self.heights
                .entry(exchange.id)
                .or_insert_with(|| Height { points: guess(exchange, width), known: false });
        }
    }

    fn height(&self, id: ExchangeId) -> f32 {
        self.heights.get(&id).map_or(0.0, |height| height.points)
    }

    /// The question at this distance from the top, and where it begins.
    fn at(&self, conversation: &Conversation, y: f32) -> Option<(ExchangeId, f32)> {
        let mut top = f32::from(space::M);
        for exchange in &conversation.exchanges {
            let bottom = top + self.height(exchange.id);
            if bottom > y {
                return Some((exchange.id, top));
            }
            top = bottom;
        }
        None
    }

    fn total(&self, conversation: &Conversation) -> f32 {
        f32::from(space::M) + conversation.exchanges.iter().map(|e| self.height(e.id)).sum::<f32>()
    }

    /// Keeps a height; by how much it differs from what was assumed.
    fn measured(&mut self, id: ExchangeId, points: f32) -> f32 {
        let before = self.heights.insert(id, Height { points, known: true });
        points - before.map_or(points, |before| before.points)
    }

    /// Draws the conversation; `draw` draws the question of this number.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        conversation: &Conversation,
        mut draw: impl FnMut(&mut Ui, usize, &Exchange),
    ) -> Drawn {
        self.update(conversation, ui.available_width());
        self.laid_out = 0;
        if self.view <= 0.0 {
            self.view = ui.available_height();
        }
        let mut area =
            ScrollArea::vertical().id_salt(("conversation", conversation.id.0)).auto_shrink([false, false]);
        let mut begin = None;
        if let Some(id) = self.jump.take() {
            self.following = false;
            let before = conversation.exchanges.iter().take_while(|e| e.id != id);
            let top: f32 = before.map(|e| self.height(e.id)).sum();
            begin = Some(top.min((self.total(conversation) - self.view).max(0.0)));
        } else if self.following {
            begin = Some((self.total(conversation) - self.view).max(0.0));
        } else if self.shift != 0.0 {
            begin = Some((self.offset + self.shift).max(0.0));
        }
        self.shift = 0.0;
        // Going with an end that has just moved is no pull beyond it, which would spring back.
        ui.spacing_mut().scroll.kinetic.rubber_band = false;
        if let Some(offset) = begin {
            area = area.vertical_scroll_offset(offset);
        }
        let mut began = 0.0;
        let output = area.show_viewport(ui, |ui, viewport| {
            began = viewport.min.y;
            self.rows_ui(ui, conversation, viewport, &mut draw);
        });
        let offset = output.state.clamped_offset().y;
        let most = (output.content_size.y - output.inner_rect.height()).max(0.0);
        let (following, view) = (self.following, self.view);
        (self.offset, self.view) = (offset, output.inner_rect.height());
        // Who scrolls up stays there; who comes to the end goes with it.
        self.following = offset >= most - 1.5 || (following && offset >= began - 0.5);
        let moves = self.following && offset < most - 0.5;
        if moves || self.shift != 0.0 || (self.following && view != self.view) {
            ui.ctx().request_repaint();
        }
        let below = if self.following { 0.0 } else { most - offset };
        Drawn { rect: output.inner_rect, below }
    }

    fn rows_ui(
        &mut self,
        ui: &mut Ui,
        conversation: &Conversation,
        viewport: Rect,
        draw: &mut impl FnMut(&mut Ui, usize, &Exchange),
    ) {
        let origin = ui.max_rect().min;
        let exchanges = &conversation.exchanges;
        let mut tops = Vec::with_capacity(exchanges.len());
        let mut top = f32::from(space::M);
        for exchange in exchanges {
            tops.push(top);
            top += self.height(exchange.id);
        }
        let first = tops.partition_point(|top| *top <= viewport.min.y).saturating_sub(1);
        // What is in view and below it, each right below the one before.
        let mut y = tops.get(first).copied().unwrap_or(0.0);
        for (at, exchange) in exchanges.iter().enumerate().skip(first) {
            if y > viewport.max.y + AHEAD {
                break;
            }
            let known = self.heights.get(&exchange.id).is_some_and(|height| height.known);
            // Far below the view one that is known only takes its room.
            if known && y > viewport.max.y {
                y += self.height(exchange.id);
                continue;
            }
            let points = self.row_ui(ui, origin, y, at, exchange, draw);
            let difference = self.measured(exchange.id, points);
            if !known && y < viewport.min.y && difference.abs() > 0.5 {
                // It reaches into the view from above, and what is below it was looked at.
                self.shift += difference;
                ui.ctx().request_discard("an answer above the view was measured");
            }
            y += points;
        }
        // Answers above the view are measured where nobody sees it.
        let mut unseen = ui.new_child(UiBuilder::new().max_rect(ui.max_rect()).invisible());
        for at in (0..first).rev() {
            if tops[at] + self.height(exchanges[at].id) < viewport.min.y - AHEAD {
                break;
            }
            if self.heights.get(&exchanges[at].id).is_some_and(|height| height.known) {
                continue;
            }
            let points = self.row_ui(&mut unseen, origin, tops[at], at, &exchanges[at], draw);
            self.shift += self.measured(exchanges[at].id, points);
        }
        // What turned out lower counts from the next frame on, together with the shift; or the end would be too near.
        let size = vec2(ui.available_width(), self.total(conversation).max(top));
        ui.expand_to_include_rect(Rect::from_min_size(origin, size));
    }

    fn row_ui(
        &mut self,
        ui: &mut Ui,
        origin: egui::Pos2,
        y: f32,
        at: usize,
        exchange: &Exchange,
        draw: &mut impl FnMut(&mut Ui, usize, &Exchange),
    ) -> f32 {
        self.laid_out += 1;
        let place = Rect::from_min_size(origin + vec2(0.0, y), Vec2::new(self.width, f32::INFINITY));
        let mut row = ui.new_child(UiBuilder::new().max_rect(place).id_salt(exchange.id.0));
        draw(&mut row, at, exchange);
        row.min_rect().height() + f32::from(space::L)
    }
}

/// About how high a question with its answer is.
fn guess(exchange: &Exchange, width: f32) -> f32 {
    const LINE: f32 = 23.0;
    let lines = |text: &str, width: f32| {
        let in_line = (width / 7.4).max(10.0);
        let lines = text.lines().map(|line| (line.chars().count() as f32 / in_line).ceil().max(0.6));
        LINE * lines.sum::<f32>()
    };
    let width = width.min(760.0);
    let answer = &exchange.answer;
    let cards = if width >= 520.0 { answer.evidence.len().div_ceil(2) } else { answer.evidence.len() };
    let evidence = if cards > 0 { 30.0 + 80.0 * cards.min(6) as f32 } else { 0.0 };
    let files = if exchange.attachments.is_empty() { 0.0 } else { 72.0 };
    let notices = LINE * answer.notices.len() as f32;
    lines(&exchange.question, 0.86 * width) + lines(&answer.text, width) + evidence + files + notices + 96.0
}
