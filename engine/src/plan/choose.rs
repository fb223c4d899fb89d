//! The best layout for each phase among all that fit.

use serde::Serialize;

use super::cost::{Cost, Phase, Workload, cost};
use super::layout::{AttentionLayout, FeedForwardLayout, Layout};
use super::machine::Machine;
use super::memory::{MemoryNeed, fits, largest_context, memory_need};
use super::shape::Shape;
use crate::error::{Error, Result};
use crate::memory::human_bytes;

/// A layout and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Choice {
    /// The layout.
    pub layout: Layout,
    /// Its cost.
    pub cost: Cost,
}

/// How a workload is best served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Chips in use.
    pub chips: usize,
    /// Sequences at a time.
    pub batch: usize,
    /// Reading all prompts.
    pub prefill: Choice,
    /// Writing a token of each sequence.
    pub decode: Choice,
    /// On each chip while writing; the more of the two phases.
    pub memory: MemoryNeed,
    /// The most tokens that each sequence of this batch may have while writing; `None` where memory sets no limit.
    pub largest_context: Option<usize>,
    /// The bound for reading and writing all.
    pub seconds: f64,
    /// The same as it is expected, on a machine that was measured.
    pub expected_s: Option<f64>,
    /// Chip-seconds for a token that is written.
    pub chip_s_per_token: f64,
    /// Whether the target is met, if there is one: by the expected time where it is known.
    pub meets_latency: Option<bool>,
}

impl Plan {
    /// What reading and writing take as far as is known: the expected time, else the bound.
    pub fn likely_s(&self) -> f64 {
        self.expected_s.unwrap_or(self.seconds)
    }
}

/// Every way to divide a batch among so many chips, in runs of `stages` and with experts in `groups`: of equal ones the
/// first is preferred, since it holds less on each chip.
pub fn layouts(shape: &Shape, machine: &Machine, chips: usize, batch: usize) -> Vec<Layout> {
    let mut found = Vec::new();
    for stages in stages(shape, machine, chips) {
        for expert_groups in expert_groups(shape, chips / stages) {
            found.extend(of_stage(machine, chips / stages, stages, expert_groups, batch));
        }
    }
    found
}

/// Runs of layers: more than one only between nodes, whose links are slow.
fn stages(shape: &Shape, machine: &Machine, chips: usize) -> Vec<usize> {
    let most = machine.node.map_or(1, |node| chips.div_ceil(node.chips));
    (1..=most).filter(|n| chips.is_multiple_of(*n) && *n <= shape.layers.len()).collect()
}

fn expert_groups(shape: &Shape, chips: usize) -> Vec<usize> {
    let most = shape.most_experts().max(1);
    (1..=most.min(chips)).filter(|n| chips.is_multiple_of(*n) && most.is_multiple_of(*n)).collect()
}

fn of_stage(
    machine: &Machine,
    chips: usize,
    stages: usize,
    expert_groups: usize,
    batch: usize,
) -> Vec<Layout> {
    use FeedForwardLayout as F;
    let mut found = Vec::new();
    let mut add = |feed_forward, mesh: [usize; 3]| {
        let layout = |attention| Layout { stages, mesh, feed_forward, attention, expert_groups };
        let all = [AttentionLayout::Batch, AttentionLayout::Heads].map(layout);
        // Sequences are divided along what weights are gathered over.
        found.extend(all.into_iter().filter(|layout| layout.gathered() <= batch));
    };
    if chips == 1 {
        add(F::WeightStationary1d, [1, 1, 1]);
        return found;
    }
    let sides = machine.sides(chips);
    let divisors = (1..=chips).filter(|n| chips.is_multiple_of(*n)).collect();
    let any: Vec<usize> = sides.as_deref().map_or(divisors, products);
    for x in any.iter().copied().filter(|x| (2..chips).contains(x)) {
        add(F::WeightStationary2d, [x, 1, chips / x]);
    }
    add(F::WeightStationary1d, [1, 1, chips]);
    if expert_groups > 1 {
        return found;
    }
    // Without a torus an axis is as long as is wanted, and two are no more than one.
    let (one, two) = sides.as_deref().map_or((any, Vec::new()), |sides| (sides.to_vec(), pairs(sides)));
    for x in one.into_iter().filter(|x| (2..chips).contains(x)) {
        add(F::WeightGatheredX, [x, 1, chips / x]);
    }
    for (x, y) in two.into_iter().filter(|(x, y)| *x > 1 && *y > 1 && x * y < chips) {
        add(F::WeightGatheredXy, [x, y, chips / (x * y)]);
    }
    add(F::WeightGatheredXyz, [1, 1, chips]);
    found
}

/// What some of the sides multiply to.
fn products(sides: &[usize]) -> Vec<usize> {
    let both = |found: Vec<usize>, side: &usize| found.iter().flat_map(|n| [*n, n * side]).collect();
    let mut found: Vec<usize> = sides.iter().fold(vec![1], both);
    found.sort_unstable();
    found.dedup();
    found
}

/// Every two sides.
fn pairs(sides: &[usize]) -> Vec<(usize, usize)> {
    let of = |i: usize| sides[i + 1..].iter().map(move |other| (sides[i], *other));
    (0..sides.len()).flat_map(of).collect()
}

/// The layouts with the least time for reading and writing together. Both phases have the same stages and groups of
/// experts, because weights do not move between them.
///
/// # Errors
/// [`Error::Request`] for an empty workload, for more chips than there are, for arithmetic that the chip does not have,
/// and for a model or its keys and values that do not fit, with what would.
pub fn choose(shape: &Shape, machine: &Machine, chips: Option<usize>, workload: &Workload) -> Result<Plan> {
    machine.check()?;
    check(shape, workload)?;
    let chips = machine.count(chips)?;
    choose_from(shape, machine, chips, workload, &layouts(shape, machine, chips, workload.batch))
}

/// As [`choose`], among these layouts, which come in runs of the same stages and groups of experts.
pub(super) fn choose_from(
    shape: &Shape,
    machine: &Machine,
    chips: usize,
    workload: &Workload,
    all: &[Layout],
) -> Result<Plan> {
    let mut best: Option<(f64, Choice, Choice)> = None;
    let mut groups: Vec<(usize, usize)> = all.iter().map(|l| (l.stages, l.expert_groups)).collect();
    groups.dedup();
    for group in groups {
        let of_group: Vec<Layout> =
            all.iter().filter(|l| (l.stages, l.expert_groups) == group).copied().collect();
        let prefill = quickest(shape, machine, &of_group, workload, Phase::Prefill)?;
        let decode = quickest(shape, machine, &of_group, workload, Phase::Decode)?;
        let (Some(prefill), Some(decode)) = (prefill, decode) else { continue };
        let seconds = prefill.cost.seconds + workload.generate as f64 * decode.cost.seconds;
        if best.as_ref().is_none_or(|(least, ..)| seconds < least * (1.0 - TIE)) {
            best = Some((seconds, prefill, decode));
        }
    }
    let Some((seconds, prefill, decode)) = best else {
        return Err(too_large(shape, machine, chips, workload, all));
    };
    let memory = need(shape, &decode.layout, workload, Phase::Decode);
    let free = machine.memory_bytes - memory.weights_bytes - memory.working_bytes;
    let largest = largest_context(shape, &decode.layout, workload, free);
    let written = (workload.batch * workload.generate) as f64;
    let expected_s = prefill
        .cost
        .expected_s
        .zip(decode.cost.expected_s)
        .map(|(prefill, decode)| prefill + workload.generate as f64 * decode);
    let likely_s = expected_s.unwrap_or(seconds);
    Ok(Plan {
        chips,
        batch: workload.batch,
        prefill,
        decode,
        memory,
        largest_context: (largest < usize::MAX).then_some(largest),
        seconds,
        expected_s,
        chip_s_per_token: chips as f64 * likely_s / written,
        meets_latency: workload.latency_s.map(|target| likely_s <= target),
    })
}

/// The largest batch, of powers of two up to 1,024, that meets the workload's latency target; its own batch is not
/// looked at.
///
/// # Errors
/// As [`choose`]; [`Error::Request`] where a single sequence already misses the target.
pub fn choose_batch(
    shape: &Shape,
    machine: &Machine,
    chips: Option<usize>,
    workload: &Workload,
) -> Result<Plan> {
    let Some(target) = workload.latency_s else { return choose(shape, machine, chips, workload) };
    let of_batch = |batch| choose(shape, machine, chips, &Workload { batch, ..*workload });
    let first = of_batch(1)?;
    if first.meets_latency == Some(false) {
        let reason = format!(
            "{} cannot read {} tokens and write {} within {target} s on {} chips of {}: a single sequence takes {:.3} s; \
             give more chips, smaller weights or more time",
            shape.name,
            workload.prompt,
            workload.generate,
            first.chips,
            machine.name,
            first.likely_s()
        );
        return Err(Error::Request { reason });
    }
    let larger =
        (1..=10).map_while(|i| of_batch(1 << i).ok()).filter(|plan| plan.meets_latency == Some(true));
    Ok(larger.last().unwrap_or(first))
}

/// Times that differ less are the same.
const TIE: f64 = 1e-9;

fn quickest(
    shape: &Shape,
    machine: &Machine,
    layouts: &[Layout],
    workload: &Workload,
    phase: Phase,
) -> Result<Option<Choice>> {
    let mut best: Option<Choice> = None;
    for layout in layouts {
        if !fits(machine, &need(shape, layout, workload, phase)) {
            continue;
        }
        let cost = cost(shape, machine, layout, workload, phase)?;
        if best.as_ref().is_none_or(|best| cost.seconds < best.cost.seconds * (1.0 - TIE)) {
            best = Some(Choice { layout: *layout, cost });
        }
    }
    Ok(best)
}

fn need(shape: &Shape, layout: &Layout, workload: &Workload, phase: Phase) -> MemoryNeed {
    /// Where memory is short, prompts are read so many tokens at a time, of a sequence for each part of the batch.
    const AT_ONCE: usize = 4096;
    let tokens = match phase {
        Phase::Prefill => layout.gathered() * workload.prompt.min(AT_ONCE),
        Phase::Decode => workload.batch,
    };
    memory_need(shape, layout, workload, tokens as f64)
}

fn check(shape: &Shape, workload: &Workload) -> Result<()> {
    let refuse = |reason: String| Err(Error::Request { reason });
    for (name, found, most) in [
        ("batch", workload.batch, 1_000_000),
        ("prompt", workload.prompt, 100_000_000),
        ("generate", workload.generate, 100_000_000),
    ] {
        if found == 0 || found > most {
            return refuse(format!("{name} is {found}; give a number from 1 to {most}"));
        }
    }
    if workload.cached > 100_000_000 {
        return refuse(format!("cached is {}; give a number up to 100000000", workload.cached));
    }
    if workload.latency_s.is_some_and(|seconds| seconds.is_nan() || seconds <= 0.0) {
        return refuse("the latency must be more than 0 seconds".into());
    }
    if shape.layers.is_empty() || shape.d_model == 0 || shape.layers.iter().any(|l| l.n_heads == 0) {
        return refuse(format!("{} has no layers to plan for", shape.name));
    }
    Ok(())
}

/// What does not fit, and what would.
fn too_large(shape: &Shape, machine: &Machine, chips: usize, workload: &Workload, all: &[Layout]) -> Error {
    let weights = shape.parameters() * workload.weights.bytes();
    let memory = machine.memory_bytes * chips as f64;
    let format = workload.weights.name();
    let bytes = |bytes: f64| human_bytes(bytes as u64);
    let mut needs = all.iter().map(|layout| (layout, need(shape, layout, workload, Phase::Decode)));
    let holds = |need: &MemoryNeed| need.weights_bytes + need.working_bytes <= machine.memory_bytes;
    let reason = match needs.clone().any(|(_, need)| holds(&need)) {
        false => format!(
            "{} in {format} takes {} and {chips} {} of {} hold {}: give at least {} chips, or smaller weights",
            shape.name,
            bytes(weights),
            if chips == 1 { "chip" } else { "chips" },
            machine.name,
            bytes(memory),
            ((weights / machine.memory_bytes).ceil() as usize).max(chips + 1),
        ),
        true => {
            let longest = needs.by_ref().filter(|(_, need)| holds(need)).map(|(layout, need)| {
                let free = machine.memory_bytes - need.weights_bytes - need.working_bytes;
                largest_context(shape, layout, workload, free)
            });
            format!(
                "{} fits on {chips} chips of {}, but not with {} sequences of {} tokens: there is room for {} tokens of \
                 each; give a smaller batch, less context or more chips",
                shape.name,
                machine.name,
                workload.batch,
                workload.context(),
                longest.max().unwrap_or(0)
            )
        }
    };
    Error::Request { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Format, machines, shape_named};

    fn machine(name: &str) -> &'static Machine {
        machines().iter().find(|machine| machine.name == name).unwrap()
    }

    fn decode_s(shape: &Shape, workload: &Workload) -> f64 {
        choose(shape, machine("tpu-v4"), Some(64), workload).unwrap().decode.cost.seconds
    }

    #[test]
    fn smaller_weights_help_small_batches_only() {
        let shape = shape_named("palm-540b").unwrap();
        let gain = |batch| {
            let of = |weights| decode_s(shape, &Workload { batch, weights, ..Workload::default() });
            of(Format::Bf16) / of(Format::Int8)
        };
        assert!(gain(16) > 1.7 && gain(1024) < 1.01, "{} {}", gain(16), gain(1024));
    }

    #[test]
    fn serial_layers_and_many_key_heads_cost_time() {
        let mut shape = shape_named("palm-540b").unwrap().clone();
        let workload = Workload { batch: 256, prompt: 768, ..Workload::default() };
        let parallel = decode_s(&shape, &workload);
        shape.parallel = false;
        assert!(decode_s(&shape, &workload) > 1.05 * parallel);
        let many = decode_s(shape_named("palm-540b-multihead").unwrap(), &workload);
        assert!(many > 1.4 * parallel, "{many} {parallel}");
    }

    #[test]
    fn experts_lie_on_chips_of_their_own_where_that_is_quicker() {
        let shape = shape_named("mixtral-8x7b").unwrap();
        // Mostly writing: long prompts are read best with weights that are gathered.
        let workload = Workload { batch: 256, prompt: 64, generate: 1024, ..Workload::default() };
        let plan = choose(shape, machine("h100"), Some(8), &workload).unwrap();
        assert!(plan.decode.layout.expert_groups > 1, "{}", plan.decode.layout);
        let whole: Vec<Layout> = layouts(shape, machine("h100"), 8, 256)
            .into_iter()
            .filter(|layout| layout.expert_groups == 1)
            .collect();
        let without = choose_from(shape, machine("h100"), 8, &workload, &whole).unwrap();
        assert!(without.seconds >= plan.seconds);
        // A token reads two of eight experts; many tokens read all.
        let weights_s = |batch| {
            let workload = Workload { batch, ..Workload::default() };
            choose(shape, machine("h100"), Some(8), &workload).unwrap().decode.cost.weights_s
        };
        let share = shape.active_parameters() / shape.parameters();
        let read = weights_s(1) / weights_s(256);
        assert!(read < 1.1 * share && read > 0.9 * share, "{read} of {share}");
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_would() {
        let told = |chips, workload: &Workload| {
            let shape = shape_named("palm-540b").unwrap();
            choose(shape, machine("tpu-v4"), Some(chips), workload).unwrap_err().to_string()
        };
        let text = told(16, &Workload::default());
        assert!(text.contains("give at least 32 chips"), "{text}");
        let long = Workload { batch: 512, prompt: 100_000, ..Workload::default() };
        let text = told(64, &long);
        assert!(text.contains("512 sequences of 100064 tokens: there is room for"), "{text}");
        for (workload, needle) in [
            (Workload { batch: 0, ..Workload::default() }, "batch is 0"),
            (Workload { prompt: 0, ..Workload::default() }, "prompt is 0"),
            (Workload { generate: 0, ..Workload::default() }, "generate is 0"),
            (Workload { latency_s: Some(f64::NAN), ..Workload::default() }, "latency"),
            (Workload { arithmetic: Format::Int8, ..Workload::default() }, "ops_per_s.int8"),
        ] {
            let text = told(64, &workload);
            assert!(text.contains(needle), "{text}");
        }
    }

    #[test]
    fn the_largest_batch_within_a_target_is_found() {
        let shape = shape_named("palm-540b").unwrap();
        let of = |target| {
            let workload = Workload { latency_s: Some(target), ..Workload::default() };
            choose_batch(shape, machine("tpu-v4"), Some(64), &workload)
        };
        let plan = of(5.0).unwrap();
        let twice = Workload { batch: 2 * plan.batch, latency_s: Some(5.0), ..Workload::default() };
        let twice = choose(shape, machine("tpu-v4"), Some(64), &twice).unwrap();
        assert!(plan.batch > 1 && plan.likely_s() <= 5.0 && twice.likely_s() > 5.0, "{plan:?}");
        assert!(of(10.0).unwrap().batch > plan.batch);
        assert!(of(0.1).unwrap_err().to_string().contains("a single sequence takes"));
    }
}
