//! A run: how it stands, its curves, and the rationales that it finds.

use egui::{CollapsingHeader, RichText, Ui, Vec2};

use super::weak;
use crate::command::{Command, Commands, TeachCommand};
use crate::say;
use crate::state::{AppState, Run, RunState, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::widgets::{Series, bar_ui, plot_ui, text_button_ui, title_ui};
use crate::words::say;

/// Height of a plot.
const PLOT: f32 = 150.0;

/// From this width on, plots stand two in a row.
const WIDE: f32 = 560.0;

/// Below this width buttons stand below each other.
const NARROW: f32 = 380.0;

/// Rationales that stand open.
const SHOWN: usize = 12;

/// Draws the run.
pub(super) fn run_ui(ui: &mut Ui, run: &Run, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    title_ui(ui, &run.about.name);
    let options = &run.about.options;
    let mut about = vec![file_name(std::path::Path::new(&options.model))];
    if let Some((train, held, exemplars)) = run.questions {
        about.push(say!("teach-questions", train = train, held = held, exemplars = exemplars));
    }
    match (run.parameters, run.parameters / 100_000) {
        (0, _) => {}
        (count, ..10) => about.push(say!("teach-parameters", count = count)),
        (_, tenths) => {
            about.push(say!("teach-parameters-millions", whole = tenths / 10, tenth = tenths % 10));
        }
    }
    ui.label(weak(ui, about.join("  ·  ")));
    state_ui(ui, run, state, commands);
    for notice in &run.notices {
        ui.label(RichText::new(notice).size(size::SMALL).color(palette.warn));
    }
    ui.add_space(4.0);
    // Empty frames beside an error would only be in the way.
    if !matches!(run.state, RunState::Failed(_)) || !run.loss.is_empty() {
        plots_ui(ui, run);
    }
    rationales_ui(ui, run);
}

/// How it stands, and what can be done.
fn state_ui(ui: &mut Ui, run: &Run, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Teach(command));
    let steps = run.about.options.steps;
    let (text, share) = match &run.state {
        RunState::Loading => (say("teach-loading").to_owned(), None),
        RunState::Stopping => (say("teach-stopping").to_owned(), None),
        RunState::Running => match &run.seeking {
            Some((what, done, total, right)) => {
                let text = match what.as_str() {
                    "exemplars" => say!("teach-seeking-exemplars", right = *right),
                    _ => say!("teach-seeking-memory", done = *done, total = *total, right = *right),
                };
                (text, Some(*done as f32 / (*total).max(1) as f32))
            }
            None => {
                let share = run.about.step as f32 / steps.max(1) as f32;
                let step = run.about.step;
                let text = match run.minutes_left() {
                    Some(minutes) => say!("teach-step-left", step = step, steps = steps, minutes = minutes),
                    None => say!("teach-step", step = step, steps = steps),
                };
                (text, Some(share))
            }
        },
        RunState::Stopped => (say!("teach-stopped", step = run.about.step, steps = steps), None),
        RunState::Done => (done_text(run), None),
        RunState::Failed(reason) => {
            ui.label(RichText::new(say("teach-failed")).color(palette.error).strong());
            ui.label(RichText::new(reason).color(palette.text));
            (String::new(), None)
        }
    };
    if !text.is_empty() {
        ui.horizontal_wrapped(|ui| {
            if let Some(share) = share {
                let (rect, _) = ui.allocate_exact_size(Vec2::new(96.0, 18.0), egui::Sense::hover());
                bar_ui(ui, egui::Rect::from_center_size(rect.center(), Vec2::new(96.0, 6.0)), share);
            }
            ui.label(RichText::new(text).color(palette.text));
        });
    }
    // Two buttons with their words do not fit beside each other in the smallest window.
    let layout = match ui.available_width() < NARROW {
        true => egui::Layout::top_down(egui::Align::Min),
        false => egui::Layout::left_to_right(egui::Align::Center),
    };
    let room = Vec2::new(ui.available_width(), theme::CONTROL);
    ui.allocate_ui_with_layout(room, layout, |ui| {
        let folder = run.about.folder.clone();
        let mut button = |icon, command: TeachCommand, strong| {
            let why_not = command.enabled(state).err();
            ui.add_enabled_ui(why_not.is_none(), |ui| {
                let button = text_button_ui(ui, Some(icon), command.label(), strong);
                if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
                    send(command);
                }
            });
        };
        match &run.state {
            RunState::Loading | RunState::Running => button(Icon::Stop, TeachCommand::Stop, false),
            RunState::Stopping => {}
            RunState::Stopped => {
                button(Icon::Play, TeachCommand::Resume(folder.clone()), true);
                button(Icon::Trash, TeachCommand::Drop(folder), false);
                button(Icon::Plus, TeachCommand::CloseRun, false);
            }
            RunState::Done => {
                button(Icon::Download, TeachCommand::Keep(folder.clone()), true);
                button(Icon::Trash, TeachCommand::Drop(folder), false);
            }
            RunState::Failed(_) => button(Icon::Again, TeachCommand::CloseRun, true),
        }
    });
}

fn done_text(run: &Run) -> String {
    match run.about.checked {
        Some((first, last, of)) => {
            let percent = |right: usize| (100 * right + of / 2) / of.max(1);
            say!("teach-done-checked", before = percent(first), after = percent(last), of = of)
        }
        None => say("teach-done").to_owned(),
    }
}

fn plots_ui(ui: &mut Ui, run: &Run) {
    let palette = theme::palette(ui);
    let [first, second] = [palette.accent, palette.warn];
    let percent = |value: f64| format!("{value:.0} %");
    let number = |value: f64| {
        if value != 0.0 && (value.abs() < 0.01 || value.abs() >= 10_000.0) {
            format!("{value:.1e}")
        } else {
            format!("{value:.2}")
        }
    };
    let gap = 8.0;
    let columns = if ui.available_width() >= WIDE { 2 } else { 1 };
    let width = ((ui.available_width() - gap * (columns as f32 - 1.0)) / columns as f32).floor();
    let size_of = Vec2::new(width, PLOT);
    let series = |name, points, colour| Series { name, points, colour };
    let memory = [
        series(say("teach-plot-proposals"), &run.accepted, first),
        series(say("teach-plot-memory"), &run.in_memory, second),
    ];
    let variance = [
        series(say("teach-plot-with"), &run.with_control, first),
        series(say("teach-plot-without"), &run.without, second),
    ];
    let loss = [series("", &run.loss, first)];
    let checked = [series("", &run.checked, first)];
    let steps = run.about.options.steps;
    let (whole, free) = ((Some((0.0, 100.0)), steps), (None, steps));
    let mut plots: Vec<Plot<'_>> = vec![
        Box::new(|ui| plot_ui(ui, say("teach-plot-loss"), size_of, &loss, free, number)),
        Box::new(|ui| plot_ui(ui, say("teach-plot-checked"), size_of, &checked, whole, percent)),
    ];
    // Answers without chains are never proposed.
    if run.about.options.method != engine::tune::Method::Direct {
        plots.push(Box::new(|ui| plot_ui(ui, say("teach-plot-accepted"), size_of, &memory, whole, percent)));
    }
    if run.about.options.method.has_memory() {
        plots.push(Box::new(|ui| plot_ui(ui, say("teach-plot-variance"), size_of, &variance, free, number)));
    }
    ui.spacing_mut().item_spacing = Vec2::splat(gap);
    let mut plots = plots.into_iter().peekable();
    while plots.peek().is_some() {
        ui.horizontal(|ui| plots.by_ref().take(columns).for_each(|plot| plot(ui)));
    }
}

/// Draws one plot.
type Plot<'a> = Box<dyn FnOnce(&mut Ui) + 'a>;

fn rationales_ui(ui: &mut Ui, run: &Run) {
    if run.rationales.is_empty() {
        return;
    }
    let palette = theme::palette(ui);
    ui.add_space(f32::from(space::S));
    ui.label(weak(ui, say!("teach-rationales", count = run.rationales.len())));
    let one = |ui: &mut Ui, rationale: &crate::state::Rationale| {
        ui.label(RichText::new(&rationale.question).color(palette.text));
        ui.label(RichText::new(rationale.chain.trim()).size(size::SMALL).color(palette.weak));
        ui.add_space(4.0);
    };
    run.rationales.iter().take(SHOWN).for_each(|rationale| one(ui, rationale));
    if run.rationales.len() > SHOWN {
        let title = weak(ui, say!("teach-rationales-more", count = run.rationales.len() - SHOWN));
        CollapsingHeader::new(title).id_salt("more rationales").show(ui, |ui| {
            run.rationales.iter().skip(SHOWN).for_each(|rationale| one(ui, rationale));
        });
    }
}
