//! Where the time of an answer went.

use egui::{Color32, Ui};
use engine::generate::inside::Spent;
use engine::{Inside, Stage};

use super::{percent, row_ui, seconds, shares_ui};
use crate::say;
use crate::ui::theme::{self, space};
use crate::ui::widgets::caption_ui;
use crate::words::say;

pub(super) fn time_ui(ui: &mut Ui, inside: &Inside) {
    let known: f64 = inside.time.iter().map(|spent| spent.seconds).sum();
    let all = inside.seconds.max(known);
    if all <= 0.0 {
        caption_ui(ui, say("inside-time-none"));
        return;
    }
    let text = say!("inside-time-summary", seconds = seconds(all));
    caption_ui(ui, &text);
    let share = |spent: &Spent| (spent.seconds / all) as f32;
    let shares: Vec<(Color32, f32, String)> = inside
        .time
        .iter()
        .map(|spent| {
            let name = format!("{}: {}", name(spent), seconds(spent.seconds));
            (colour(ui, spent.stage), share(spent), name)
        })
        .collect();
    shares_ui(ui, &shares, &text);
    ui.add_space(f32::from(space::S));
    for spent in &inside.time {
        let figures = format!("{}   {}", seconds(spent.seconds), percent(share(spent)));
        row_ui(ui, colour(ui, spent.stage), &name(spent), &figures);
    }
    let rest = all - known;
    if rest > 0.01 * all {
        let figures = format!("{}   {}", seconds(rest), percent((rest / all) as f32));
        row_ui(ui, theme::palette(ui).hovered, say("inside-time-rest"), &figures);
    }
}

fn name(spent: &Spent) -> String {
    let stage = match spent.stage {
        Stage::Load => say("inside-stage-load"),
        Stage::Decode => say("inside-stage-decode"),
        Stage::Encode => say("inside-stage-encode"),
        Stage::Search => say("inside-stage-search"),
        Stage::Prefill => say("inside-stage-prefill"),
        Stage::Generate => say("inside-stage-generate"),
        Stage::Sections => say("inside-stage-sections"),
        Stage::Join => say("inside-stage-join"),
    };
    if spent.what.is_empty() { stage.to_owned() } else { format!("{stage}: {}", spent.what) }
}

fn colour(ui: &Ui, stage: Stage) -> Color32 {
    let number = match stage {
        Stage::Decode => 3,
        Stage::Load => 7,
        Stage::Encode => 1,
        Stage::Search => 5,
        Stage::Prefill => 2,
        Stage::Generate => 0,
        Stage::Sections => 4,
        Stage::Join => 6,
    };
    theme::speaker(ui, number)
}
