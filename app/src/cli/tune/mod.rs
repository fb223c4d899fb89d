//! `medley tune DATA.jsonl --out FOLDER`.

pub mod args;

mod plot;

use engine::Cancel;
use engine::tune::{TuneEvent, Tuning, data};

use self::args::TuneArgs;
use self::plot::{Plot, side_by_side, sparks};
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::perplexity::decoder;
use super::progress::{Bar, peak_rss_bytes, say};

/// Begins this program anew without candle's own threads, unless it is so already. They wait by spinning, which took
/// more than half of the time of a step, and four times as long where another program computes; how many there are can
/// only be said to a new process. Where that fails the work goes on as it is.
pub fn without_spinning() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1)).env(THREADS, "1");
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // Does not come back unless it fails; not within the macro, which does nothing where nobody reads the log.
        let error = command.exec();
        log::warn!("candle's threads stay: {error}");
    }
    #[cfg(not(unix))]
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => log::warn!("candle's threads stay: {error}"),
    }
}

/// Tunes, and shows how that goes.
pub fn run(args: &TuneArgs, cancel: &Cancel) -> Outcome {
    without_spinning();
    engine::set_threads(args.threads);
    engine::set_device(args.device.chosen)?;
    if args.data.is_dir() {
        return Err(Failure::Usage(format!("{} is a folder; name a file of questions", args.data.display())));
    }
    let examples = data::read(&args.data)?;
    let model = decoder(&args.run.model)?;
    let options = args.run.options(args.method.into());
    let tuning = Tuning::new(model, examples, options, Some(&args.out), args.resume, cancel)?;
    let mut out = Output::new(args.json);
    let (bar, mut shown) = (Bar::units(), Shown::default());
    for event in tuning {
        let event = event?;
        match args.json {
            true => out.object(&event)?,
            false => shown.tell(&event, &bar, &mut out)?,
        }
    }
    bar.clear();
    if cancel.is_cancelled() && !args.json {
        say(&format!("stopped; go on with: medley tune … --out {} --resume", args.out.display()));
    }
    match (args.json, peak_rss_bytes()) {
        (true, bytes) => out.object(&serde_json::json!({"event": "memory", "peak_rss_bytes": bytes})),
        (false, Some(bytes)) => {
            say(&format!("peak memory {}", engine::human_bytes(bytes)));
            Ok(())
        }
        (false, None) => Ok(()),
    }
}

/// What was told so far, for the plots.
#[derive(Default)]
struct Shown {
    losses: Vec<f64>,
    accepted: Vec<f64>,
    checks: Vec<f64>,
    variances: Vec<f64>,
}

impl Shown {
    /// All curves so far; after each check, so that they come while the run goes on.
    fn plots(&self, out: &mut Output) -> Outcome {
        let percent: fn(f64) -> String = |share| format!("{share:.0} %");
        let number: fn(f64) -> String = |number| format!("{number:.3}");
        let accepted: Vec<f64> = self.accepted.iter().map(|share| 100.0 * share).collect();
        let text = side_by_side(&[
            Plot { title: "loss", numbers: &self.losses, said: number },
            Plot { title: "held-out accuracy", numbers: &self.checks, said: percent },
            Plot { title: "accepted", numbers: &accepted, said: percent },
            Plot {
                title: "gradient variance, share of that without control",
                numbers: &self.variances,
                said: number,
            },
        ]);
        text.lines().try_for_each(|line| out.line(line))
    }

    fn tell(&mut self, event: &TuneEvent, bar: &Bar, out: &mut Output) -> Outcome {
        match event {
            TuneEvent::Begun { method, train, held_out, exemplars, parameters, step } => {
                bar.clear();
                let from = if *step > 0 { format!(", going on after step {step}") } else { String::new() };
                out.line(&format!(
                    "{}: {train} questions to learn from, {held_out} to check with, {exemplars} exemplars; {parameters} numbers are tuned{from}",
                    method.name()
                ))
            }
            TuneEvent::Seeking { what, done, total, right } => {
                bar.show(&format!("seeking {what}, {right} right"), *done as u64, *total as u64);
                Ok(())
            }
            TuneEvent::Step { step, steps, loss, proposed, right, in_memory, variance, seconds } => {
                bar.clear();
                let mut line = format!("step {step:>4}/{steps}");
                if let Some(loss) = loss {
                    self.losses.push(*loss);
                    line.push_str(&format!("  loss {loss:7.3} {}", sparks(&self.losses)));
                }
                if *proposed > 0 {
                    self.accepted.push(*right as f64 / *proposed as f64);
                    line.push_str(&format!("  accepted {right:>2}/{proposed} {}", sparks(&self.accepted)));
                }
                if let Some(share) = in_memory {
                    line.push_str(&format!("  right in memory {:3.0} %", 100.0 * share));
                }
                if let Some(variance) = variance {
                    self.variances.push(variance.with_control / variance.without.max(f64::MIN_POSITIVE));
                    line.push_str(&format!(
                        "  gradient variance {:.3e}, without control {:.3e} {}",
                        variance.with_control,
                        variance.without,
                        sparks(&self.variances)
                    ));
                }
                out.line(&format!("{line}  {seconds:.1} s"))
            }
            TuneEvent::Chain { question, chain } => {
                say(&format!("  found: {question}\n      → {chain}"));
                Ok(())
            }
            TuneEvent::Checked { step, right, voted, of } => {
                bar.clear();
                if *of == 0 {
                    return out.line(&format!("after {step} steps: nothing is held out to check with"));
                }
                let share = |right: usize| 100.0 * right as f64 / (*of).max(1) as f64;
                self.checks.push(share(*right));
                let voted = voted.map(|voted| format!(", by vote {voted} ({:.0} %)", share(voted)));
                out.line(&format!(
                    "after {step} steps: {right} of {of} held-out questions right ({:.0} %){} {}",
                    share(*right),
                    voted.unwrap_or_default(),
                    sparks(&self.checks)
                ))?;
                self.plots(out)
            }
            TuneEvent::Notice { text } => {
                bar.clear();
                say(&format!("note: {text}"));
                Ok(())
            }
            TuneEvent::Done { step, samples, seconds, out: folder } => {
                bar.clear();
                let place = folder.as_ref().map(|folder| format!("; the adapter is in {}", folder.display()));
                out.line(&format!(
                    "done: {step} steps, {samples} chains drawn, {seconds:.0} s{}",
                    place.unwrap_or_default()
                ))
            }
        }
    }
}
