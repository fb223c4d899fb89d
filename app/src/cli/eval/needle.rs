//! `medley eval needle`: a sentence is hidden in a long text; is it shown as evidence?

use std::time::Instant;

use engine::library::{IndexEvent, Library};
use engine::{Cancel, Engine};
use serde_json::json;

use super::super::failure::{Failure, Outcome};
use super::super::library::engine;
use super::super::output::Output;
use super::super::progress::{Bar, peak_rss_bytes};
use super::args::{Length, NeedleArgs, NeedleKind};
use super::haystack::{Haystack, Text};
use super::heatmap::HeatMap;
use super::needles::{self, Needle};
use super::{Work, ask, holds, percent, update};

/// Text whose tokens are counted; that of the rest is reckoned.
const SAMPLE_BYTES: usize = 300_000;

/// What was measured at one length and depth.
struct Cell {
    found: usize,
    asked: usize,
    answered: usize,
    /// Seconds until the evidence, or the first word of an answer, of each question.
    seconds: Vec<f64>,
}

/// One run: everything that stays the same.
struct Run<'a> {
    args: &'a NeedleArgs,
    engine: Engine,
    library: Library,
    out: Output,
    bar: Bar,
    cancel: &'a Cancel,
}

/// Measures and tells.
pub fn run(args: &NeedleArgs, cancel: &Cancel) -> Outcome {
    engine::set_threads(args.threads);
    let mut lengths = args.lengths.clone();
    lengths.sort();
    lengths.dedup();
    let engine = engine()?;
    let longest = lengths.last().map_or(0, |length| length.0);
    let text = Text::read(&args.text, longest.saturating_mul(8))?;
    let sample = text.sample(SAMPLE_BYTES);
    let tokens = engine.language_model()?.encode(&sample)?.len();
    let bytes_per_token = sample.len() as f64 / tokens.max(1) as f64;
    let most = (text.bytes() as f64 / bytes_per_token) as usize;
    if most < longest {
        return Err(Failure::Usage(format!(
            "the text holds about {most} tokens, and {longest} are asked for; name more of it with --text, or a smaller length with --lengths"
        )));
    }
    let work = Work::new(args.work.as_deref())?;
    let stack = work.path().join("haystack");
    std::fs::create_dir_all(&stack).map_err(|e| Failure::writing(&stack, &e))?;
    let mut library = Library::open(&work.path().join("library"))?;
    library.add(&stack)?;
    let (out, bar) = (Output::new(args.json), Bar::units());
    let mut run = Run { args, engine, library, out, bar, cancel };
    let depths: Vec<u32> = (0..=100).step_by(args.step as usize).collect();
    let mut maps: Vec<(NeedleKind, HeatMap)> = args
        .kinds
        .iter()
        .map(|kind| {
            let labels = lengths.iter().map(Length::to_string).collect();
            let recall = vec![Vec::new(); depths.len()];
            (*kind, HeatMap { lengths: labels, depths: depths.clone(), recall })
        })
        .collect();
    for length in &lengths {
        let stack = Haystack::write(&text, (length.0 as f64 * bytes_per_token) as usize, &stack)?;
        run.index(*length, &stack)?;
        for (kind, map) in &mut maps {
            run.measure(*length, *kind, &stack, map)?;
        }
    }
    for (kind, map) in maps {
        if let Some(name) = &args.plot {
            let name = format!("{}-{}", name.display(), kind.name());
            map.write(name.as_ref())?;
        }
    }
    if args.json {
        run.out.object(&json!({"event": "done", "peak_rss_bytes": peak_rss_bytes()}))?;
    }
    Ok(())
}

impl Run<'_> {
    fn update(&mut self) -> Outcome<(f64, f64)> {
        let bar = &self.bar;
        update(&mut self.library, &self.engine, self.args.words_only, self.cancel, |event| match event {
            IndexEvent::Reading { done, total, .. } => bar.show("reading", *done, *total),
            IndexEvent::Meaning { done, total } => bar.show("comparing meanings", *done, *total),
            _ => {}
        })
    }

    /// The whole text of a length, without needles: how fast it is indexed and what it takes.
    fn index(&mut self, length: Length, stack: &Haystack) -> Outcome {
        let before = self.library.status()?;
        let (words_s, all_s) = self.update()?;
        self.bar.clear();
        let status = self.library.status()?;
        let new = status.meanings - before.meanings.min(status.meanings);
        let index_bytes = status.words_bytes + status.meanings_bytes;
        match self.args.json {
            true => self.out.object(&json!({
                "event": "indexed", "tokens": length.0, "bytes": stack.bytes(), "passages": status.passages,
                "new_meanings": new, "words_s": words_s, "seconds": all_s, "text_bytes": status.text_bytes,
                "words_bytes": status.words_bytes, "meanings_bytes": status.meanings_bytes,
            })),
            false => self.out.line(&format!(
                "{length} tokens: {} passages; {new} new ones: words {words_s:.1} s, all {all_s:.1} s; index {:.1} MB, text {:.1} MB",
                status.passages,
                index_bytes as f64 / 1e6,
                status.text_bytes as f64 / 1e6,
            )),
        }
    }

    fn measure(&mut self, length: Length, kind: NeedleKind, stack: &Haystack, map: &mut HeatMap) -> Outcome {
        if kind == NeedleKind::Many {
            let cell = self.many(stack)?;
            let recall = cell.found as f32 / cell.asked.max(1) as f32;
            map.recall.iter_mut().for_each(|row| row.push(recall));
            return self.tell(length, kind, None, &cell);
        }
        let mut all = Cell::new();
        for (i, depth) in map.depths.clone().into_iter().enumerate() {
            let needle = match kind {
                NeedleKind::Topic => needles::topic(i + self.args.seed as usize),
                _ => needles::classic(i, self.args.seed),
            };
            stack.hide(&[(f64::from(depth) / 100.0, &needle.sentence)])?;
            self.update()?;
            let mut cell = Cell::new();
            self.look_for(&needle, &mut cell)?;
            if cell.found == 0 {
                self.tell(length, kind, Some((depth, &needle)), &cell)?;
            }
            map.recall[i].push(cell.found as f32);
            all.add(cell);
        }
        stack.hide(&[])?;
        self.tell(length, kind, None, &all)
    }

    /// Many needles at once, each asked for.
    fn many(&mut self, stack: &Haystack) -> Outcome<Cell> {
        let n = self.args.needles as usize;
        let needles: Vec<Needle> = (0..n).map(|i| needles::classic(i, self.args.seed)).collect();
        // Anywhere, but nowhere twice.
        let depth = |i: usize| {
            let within = needles::mix(self.args.seed ^ (i as u64) << 8) % 1_000;
            (i as f64 + within as f64 / 1_000.0) / n as f64
        };
        let hidden: Vec<(f64, &str)> =
            needles.iter().enumerate().map(|(i, needle)| (depth(i), needle.sentence.as_str())).collect();
        stack.hide(&hidden)?;
        self.update()?;
        let mut cell = Cell::new();
        for needle in &needles {
            self.look_for(needle, &mut cell)?;
        }
        stack.hide(&[])?;
        Ok(cell)
    }

    fn look_for(&mut self, needle: &Needle, cell: &mut Cell) -> Outcome {
        let started = Instant::now();
        let shown = ask(&self.library, &self.engine, &needle.question, self.args.answer, self.cancel)?;
        let quoted =
            |quote: &Option<String>| quote.as_ref().is_some_and(|quote| holds(quote, &needle.answer));
        cell.asked += 1;
        cell.found += usize::from(shown.evidence.iter().any(|evidence| quoted(&evidence.quote)));
        let seconds = shown.answer.as_ref().map_or(shown.found_s, |(_, first_s, _)| *first_s);
        cell.seconds.push(seconds);
        cell.answered += usize::from(shown.answer.is_some_and(|(text, ..)| holds(&text, &needle.answer)));
        log::debug!("{}: {:.3} s", needle.question, started.elapsed().as_secs_f64());
        Ok(())
    }

    /// A missed needle, or the figures of a length.
    fn tell(
        &mut self,
        length: Length,
        kind: NeedleKind,
        missed: Option<(u32, &Needle)>,
        cell: &Cell,
    ) -> Outcome {
        self.bar.clear();
        let kind = kind.name();
        if let Some((depth, needle)) = missed {
            return match self.args.json {
                true => self.out.object(&json!({
                    "event": "missed", "kind": kind, "tokens": length.0, "depth": depth,
                    "question": needle.question,
                })),
                false => self.out.line(&format!("{length} {kind}: missed at {depth} %: {}", needle.question)),
            };
        }
        let recall = percent(cell.found, cell.asked);
        let (median, worst) = cell.times();
        let answered = self.args.answer.then(|| percent(cell.answered, cell.asked));
        match self.args.json {
            true => self.out.object(&json!({
                "event": "recall", "kind": kind, "tokens": length.0, "recall": recall, "asked": cell.asked,
                "median_s": median, "worst_s": worst, "answered": answered,
            })),
            false => {
                let answered = answered.map(|share| format!(", {share:.0} % answered rightly"));
                self.out.line(&format!(
                    "{length} {kind}: {recall:.1} % of {} found, {median:.2} s (worst {worst:.2} s){}",
                    cell.asked,
                    answered.unwrap_or_default(),
                ))
            }
        }
    }
}

impl Cell {
    fn new() -> Self {
        Self { found: 0, asked: 0, answered: 0, seconds: Vec::new() }
    }

    fn add(&mut self, other: Self) {
        self.found += other.found;
        self.asked += other.asked;
        self.answered += other.answered;
        self.seconds.extend(other.seconds);
    }

    /// The median and the worst time.
    fn times(&self) -> (f64, f64) {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
        (median, seconds.last().copied().unwrap_or_default())
    }
}
