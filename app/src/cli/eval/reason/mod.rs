//! `medley eval reason`: methods of tuning on made questions, with the same budget of samples and steps for each.

pub mod args;

mod figures;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine::tune::puzzles::Puzzle;
use engine::tune::{Method, PROPOSALS, TuneEvent, Tuning};
use engine::{Cancel, LanguageModel};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::args::{MethodOrNone, ReasonArgs};
use self::figures::{Mean, mean};
use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::perplexity::decoder;
use super::super::progress::{Bar, peak_rss_bytes, say};
use super::super::tune::without_spinning;

/// What one run gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    task: String,
    method: String,
    seed: u64,
    /// What the run was made with, beside these.
    settings: String,
    /// Held-out accuracy before and after, by the likeliest chain.
    before: f64,
    after: f64,
    /// By vote.
    voted: Option<f64>,
    samples: usize,
    seconds: f64,
    /// Share of proposals that were right, variance of the gradient with the control variate and without.
    variances: Vec<(f64, f64, f64)>,
}

/// Runs each task with each method and each seed.
pub fn run(args: &ReasonArgs, cancel: &Cancel) -> Outcome {
    without_spinning();
    engine::set_threads(args.threads);
    engine::set_device(args.device.chosen)?;
    let mut out = Output::new(args.json);
    if let Some(folder) = &args.write {
        return write_data(args, folder);
    }
    let known = match &args.results {
        Some(path) => read_rows(path, &settings(args))?,
        None => Vec::new(),
    };
    let model = decoder(&args.run.model)?;
    let (started, bar) = (Instant::now(), Bar::units());
    let mut rows: Vec<Row> = Vec::new();
    // Seed by seed: what is there when somebody stops it has all tasks and methods alike.
    let seeds = args.run.seed..args.run.seed + u64::from(args.seeds);
    let all = seeds.flat_map(|seed| args.tasks.iter().map(move |task| (seed, task)));
    for ((seed, task), method) in all.flat_map(|each| args.methods.iter().map(move |method| (each, method))) {
        let is_this =
            |row: &&Row| row.task == task.puzzle().name() && row.method == method.name() && row.seed == seed;
        if let Some(row) = known.iter().find(is_this) {
            rows.push(row.clone());
            continue;
        }
        let Some(row) = one(args, &model, task.puzzle(), *method, seed, &bar, cancel)? else {
            return Ok(());
        };
        tell(&row, &mut out)?;
        if let Some(path) = &args.results {
            append(path, &row)?;
        }
        rows.push(row);
    }
    bar.clear();
    summary(args, &rows, &mut out)?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    match args.json {
        true => {
            out.object(&json!({"phase": "reason", "minutes": minutes, "peak_rss_bytes": peak_rss_bytes()}))
        }
        false => {
            say(&format!(
                "{minutes:.1} minutes, peak memory {}",
                peak_rss_bytes().map_or("unknown".into(), engine::human_bytes)
            ));
            Ok(())
        }
    }
}

/// All that figures depend on but task, method and seed.
fn settings(args: &ReasonArgs) -> String {
    let run = &args.run;
    let model =
        Path::new(&run.model).file_name().map_or(run.model.clone(), |name| name.to_string_lossy().into());
    let tuned = match run.prompt_tuning {
        Some(tokens) => format!("{tokens} soft tokens"),
        None => {
            let targets = if run.targets.is_empty() { "all matrices".into() } else { run.targets.join(" ") };
            format!("rank {} and alpha {} for {targets}", run.rank, run.alpha)
        }
    };
    format!(
        "{model}, level {}, {} exemplars, {} questions, {} held out, {} steps of {}, at most {} gradients, rate {}, {tuned}, at most {} tokens, {} votes",
        args.level,
        run.exemplars,
        args.questions,
        run.held_out,
        run.steps,
        run.batch,
        run.gradients,
        run.rate,
        run.max_tokens,
        run.votes
    )
}

/// One run; `None` when cancelled.
fn one(
    args: &ReasonArgs,
    model: &Arc<LanguageModel>,
    puzzle: Puzzle,
    method: MethodOrNone,
    seed: u64,
    bar: &Bar,
    cancel: &Cancel,
) -> Outcome<Option<Row>> {
    let since = Instant::now();
    let n = args.run.exemplars + args.questions + args.run.held_out;
    let examples = puzzle.examples(n, args.run.exemplars, args.level, 1000 + seed);
    let mut options = args.run.options(method.tuned());
    options.seed = seed;
    options.check_every = 0;
    options.save_every = 0;
    if method == MethodOrNone::Rejection {
        // TRICE draws a chain for each question before its first step: at least as many more for the other, in fours.
        options.batch += args.questions.div_ceil(options.steps.max(1));
        options.batch = options.batch.next_multiple_of(PROPOSALS);
    }
    if method == MethodOrNone::TricePlain {
        // Its variances are measured with the other's.
        options.measure_every = 0;
    }
    let mut row = Row {
        task: puzzle.name().to_owned(),
        method: method.name().to_owned(),
        seed,
        settings: settings(args),
        before: 0.0,
        after: 0.0,
        voted: None,
        samples: 0,
        seconds: 0.0,
        variances: Vec::new(),
    };
    let tuning = Tuning::new(model.clone(), examples, options, None, false, cancel)?;
    for event in tuning {
        let event = match event {
            Ok(event) => event,
            // A method that finds nothing to learn from has the accuracy that it began with.
            Err(engine::Error::Request { reason }) => {
                say(&format!("note: {} {} seed {seed}: {reason}", puzzle.name(), method.name()));
                row.after = row.before;
                break;
            }
            Err(error) => return Err(error.into()),
        };
        match event {
            TuneEvent::Checked { step, right, voted, of } => {
                let share = |right: usize| right as f64 / of.max(1) as f64;
                if step == 0 {
                    row.before = share(right);
                }
                row.after = share(right);
                row.voted = voted.map(share);
                if method.is_untuned() {
                    break;
                }
            }
            TuneEvent::Step { step, steps, proposed, right, variance, .. } => {
                bar.show(
                    &format!("{} {} seed {seed}", puzzle.name(), method.name()),
                    step as u64,
                    steps as u64,
                );
                if let Some(v) = variance {
                    row.variances.push((right as f64 / proposed.max(1) as f64, v.with_control, v.without));
                }
            }
            TuneEvent::Done { samples, .. } => row.samples = samples,
            _ => {}
        }
    }
    bar.clear();
    row.seconds = since.elapsed().as_secs_f64();
    Ok((!cancel.is_cancelled()).then_some(row))
}

fn tell(row: &Row, out: &mut Output) -> Outcome {
    if out.is_json() {
        return out.object(row);
    }
    let voted = row.voted.map(|voted| format!(", by vote {:.0} %", 100.0 * voted));
    out.line(&format!(
        "{:<11} {:<12} seed {}: {:3.0} % → {:3.0} %{}, {} chains, {:.0} s",
        row.task,
        row.method,
        row.seed,
        100.0 * row.before,
        100.0 * row.after,
        voted.unwrap_or_default(),
        row.samples,
        row.seconds
    ))
}

/// Means over tasks and seeds, and how the variance of the gradient goes with accuracy.
fn summary(args: &ReasonArgs, rows: &[Row], out: &mut Output) -> Outcome {
    for method in &args.methods {
        let of_method: Vec<&Row> = rows.iter().filter(|row| row.method == method.name()).collect();
        if of_method.is_empty() {
            continue;
        }
        let all: Mean = mean(of_method.iter().map(|row| row.after));
        let per_task: Vec<(String, Mean)> = args
            .tasks
            .iter()
            .map(|task| {
                let name = task.puzzle().name();
                (name.to_owned(), mean(of_method.iter().filter(|row| row.task == name).map(|row| row.after)))
            })
            .collect();
        match args.json {
            true => out.object(&json!({"method": method.name(), "mean": all, "tasks": per_task}))?,
            false => {
                let tasks: Vec<String> =
                    per_task.iter().map(|(name, mean)| format!("{name} {:.0}", 100.0 * mean.mean)).collect();
                out.line(&format!("{:<12} {}  ({})", method.name(), all.percent(), tasks.join(", ")))?;
            }
        }
    }
    let mut points: Vec<(f64, f64, f64)> =
        rows.iter().flat_map(|row| row.variances.iter().copied()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (from, to) in [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.01)] {
        let within: Vec<&(f64, f64, f64)> = points.iter().filter(|p| p.0 >= from && p.0 < to).collect();
        if within.is_empty() {
            continue;
        }
        let ratio = mean(within.iter().filter(|p| p.2 > 0.0).map(|p| p.1 / p.2));
        let (with_control, without) = (mean(within.iter().map(|p| p.1)), mean(within.iter().map(|p| p.2)));
        match args.json {
            true => out.object(&json!({
                "accuracy_from": from, "accuracy_to": f64::min(to, 1.0), "steps": within.len(),
                "variance_with_control": with_control, "variance_without": without, "ratio": ratio,
            }))?,
            false => out.line(&format!(
                "accuracy {:.0} to {:.0} %: variance of the gradient {:.3e} with the control variate, {:.3e} without ({:.2} times, {} steps)",
                100.0 * from,
                100.0 * f64::min(to, 1.0),
                with_control.mean,
                without.mean,
                ratio.mean,
                within.len()
            ))?,
        }
    }
    Ok(())
}

/// Writes the questions as files for `medley tune`.
fn write_data(args: &ReasonArgs, folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    for task in &args.tasks {
        let puzzle = task.puzzle();
        let n = args.run.exemplars + args.questions + args.run.held_out;
        let lines: Vec<String> = puzzle
            .examples(n, args.run.exemplars, args.level, 1000)
            .iter()
            .filter_map(|example| serde_json::to_string(example).ok())
            .collect();
        let path = folder.join(format!("{}.jsonl", puzzle.name()));
        std::fs::write(&path, lines.join("\n") + "\n").map_err(|error| Failure::writing(&path, &error))?;
        say(&format!("{} questions in {}", lines.len(), path.display()));
    }
    Ok(())
}

fn read_rows(path: &Path, settings: &str) -> Outcome<Vec<Row>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|e| Failure::Usage(format!("{shown}: reading failed: {e}")))?;
    let rows = text.lines().map(serde_json::from_str).collect::<Result<Vec<Row>, _>>();
    let rows = rows.map_err(|e| {
        Failure::Usage(format!("{shown}: these are no results of such runs ({e}); name a new file"))
    })?;
    match rows.iter().find(|row| row.settings != settings) {
        Some(other) => Err(Failure::Usage(format!(
            "{shown}: these are results with other settings ({}; now {settings}); name a new file",
            other.settings
        ))),
        None => Ok(rows),
    }
}

fn append(path: &Path, row: &Row) -> Outcome {
    let line = serde_json::to_string(row).unwrap_or_default() + "\n";
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
    written.map_err(|error| Failure::writing(path, &error))
}

impl MethodOrNone {
    fn tuned(self) -> Method {
        match self {
            Self::Prompting | Self::Trice => Method::Trice,
            Self::TricePlain => Method::TricePlain,
            Self::Rejection => Method::Rejection,
            Self::Star => Method::Star,
            Self::DirectPrompting | Self::Direct => Method::Direct,
        }
    }

    fn is_untuned(self) -> bool {
        matches!(self, Self::Prompting | Self::DirectPrompting)
    }
}
