//! A decoder on a cluster: the layout, what it costs, and how another engine is told.

use std::path::Path;

use engine::human_bytes;
use engine::models::{Store, shape as shape_of};
use engine::plan::launch::{Launch, vllm};
use engine::plan::{
    Choice, Machine, Plan, Shape, Workload, choose, choose_batch, front, machine_from_text, machines,
    shape_named, shapes,
};
use serde_json::json;

use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::args::PlanArgs;
use super::plot;

/// Machines and models that are known by name.
pub fn list(out: &mut Output) -> Outcome {
    for machine in machines() {
        if out.is_json() {
            out.object(&json!({
                "machine": machine.name, "bf16_ops_per_s": machine.ops_per_s.bf16,
                "memory_bytes": machine.memory_bytes, "memory_bytes_per_s": machine.memory_bytes_per_s,
                "link_bytes_per_s": machine.link_bytes_per_s,
            }))?;
        } else {
            let link =
                machine.link_bytes_per_s.map_or("alone".to_owned(), |link| format!("links {}/s", size(link)));
            out.line(&format!(
                "{:<20} {:>6.0} Tops/s in bf16, {} at {}/s, {link}",
                machine.name,
                machine.ops_per_s.bf16 / 1e12,
                size(machine.memory_bytes),
                size(machine.memory_bytes_per_s),
            ))?;
        }
    }
    for shape in shapes() {
        let (all, active) = (shape.parameters(), shape.active_parameters());
        if out.is_json() {
            out.object(&json!({"model": shape.name, "parameters": all, "active_parameters": active}))?;
        } else {
            out.line(&format!(
                "{:<20} {:>6.1} billion parameters, {} layers",
                shape.name,
                all / 1e9,
                shape.layers.len()
            ))?;
        }
    }
    Ok(())
}

/// Plans, and draws where that was asked for.
pub fn run(args: &PlanArgs, model: &str, machine: &str, out: &mut Output) -> Outcome {
    let (shape, machine) = (find_shape(model)?, find_machine(machine)?);
    let asked = Workload {
        batch: args.batch.unwrap_or(1),
        prompt: args.context.unwrap_or(Workload::default().prompt),
        cached: args.cached,
        generate: args.generate,
        weights: args.weights,
        arithmetic: args.arithmetic,
        cache: args.cache,
        latency_s: args.latency,
    };
    let plan = match args.batch {
        None => choose_batch(&shape, &machine, args.chips, &asked)?,
        Some(_) => choose(&shape, &machine, args.chips, &asked)?,
    };
    let workload = Workload { batch: plan.batch, ..asked };
    let launch = vllm(&shape, &machine, args.chips, &workload, model);
    match out.is_json() {
        true => out.object(&json!({
            "model": shape.name, "parameters": shape.parameters(), "machine": machine.name, "plan": plan,
            "vllm": launch.as_ref().ok().map(|launch| json!({
                "line": launch.line, "tensor_parallel": launch.tensor_parallel,
                "pipeline_parallel": launch.pipeline_parallel, "expert_parallel": launch.expert_parallel,
                "seconds": launch.plan.seconds, "notes": launch.notes,
            })),
        }))?,
        false => {
            describe(&shape, &machine, &workload, &plan, out)?;
            told(launch.as_ref().ok(), out)?;
        }
    }
    let Some(file) = &args.plot else { return Ok(()) };
    let points = front(&shape, &machine, args.chips, &workload)?;
    let kind = if machine.calibration.is_some() { "expected" } else { "lower bounds" };
    let title = format!(
        "{} in {} on {}, {} tokens ({kind})",
        shape.name,
        workload.weights.name(),
        machine.name,
        workload.prompt
    );
    std::fs::write(file, plot::svg(&title, &points)).map_err(|error| Failure::writing(file, &error))?;
    match out.is_json() {
        true => points
            .iter()
            .filter(|point| point.best)
            .try_for_each(|point| out.object(&json!({"front": point}))),
        false => out.line(&format!("drawn: {}", file.display())),
    }
}

fn find_shape(model: &str) -> Outcome<Shape> {
    if let Some(shape) = shape_named(model) {
        return Ok(shape.clone());
    }
    let path = Path::new(model);
    if path.exists() {
        return shape_of(path).map_err(|error| Failure::Usage(error.to_string()));
    }
    let store = Store::open_default()?;
    if store.registry().get(model).is_none() {
        let known: Vec<&str> = shapes().iter().map(|shape| shape.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "there is no model called {model:?}; known by name are {}, besides those of `medley models list`, GGUF files and folders with config.json",
            known.join(", ")
        )));
    }
    Ok(Shape { name: model.to_owned(), ..shape_of(&store.file(model, "model")?)? })
}

fn find_machine(machine: &str) -> Outcome<Machine> {
    if let Some(machine) = machines().iter().find(|known| known.name == machine) {
        return Ok(machine.clone());
    }
    let path = Path::new(machine);
    if !path.is_file() {
        let known: Vec<&str> = machines().iter().map(|machine| machine.name.as_str()).collect();
        return Err(Failure::Usage(format!(
            "there is no machine called {machine:?} and no such file; known by name are {}",
            known.join(", ")
        )));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{}: reading as text failed: {error}", path.display())))?;
    machine_from_text(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn describe(shape: &Shape, machine: &Machine, workload: &Workload, plan: &Plan, out: &mut Output) -> Outcome {
    let cached = match workload.cached {
        0 => String::new(),
        cached => format!(" after {cached} others"),
    };
    out.line(&format!(
        "{}: {:.1} billion parameters in {} on {} × {}, {} at a time, {} tokens read{cached}, {} written",
        shape.name,
        shape.parameters() / 1e9,
        workload.weights.name(),
        plan.chips,
        machine.name,
        plan.batch,
        workload.prompt,
        workload.generate
    ))?;
    phase("reading", "", &plan.prefill, out)?;
    phase("writing", " a token", &plan.decode, out)?;
    let memory = &plan.memory;
    out.line(&format!(
        "memory of a chip: {} = {} weights + {} keys and values + {} in use, of {}",
        size(memory.total_bytes()),
        size(memory.weights_bytes),
        size(memory.cache_bytes),
        size(memory.working_bytes),
        size(machine.memory_bytes)
    ))?;
    out.line(&match plan.largest_context {
        Some(tokens) => format!("largest context of {} at a time: {tokens} tokens", plan.batch),
        None => "largest context: memory sets no limit".to_owned(),
    })?;
    out.line(&format!(
        "all: {}, {:.4} chip-seconds for a token that is written{}",
        times(plan.seconds, plan.expected_s),
        plan.chip_s_per_token,
        match plan.meets_latency {
            Some(true) => ", within the time",
            Some(false) => ", longer than the time that there is",
            None => "",
        }
    ))
}

fn phase(name: &str, each: &str, choice: &Choice, out: &mut Output) -> Outcome {
    let cost = &choice.cost;
    out.line(&format!("{name}: {}", choice.layout))?;
    let parts = [
        ("arithmetic", cost.arithmetic_s),
        ("weights", cost.weights_s),
        ("weights that travel", cost.gather_s),
        ("keys and values", cost.attention_s),
        ("activations that travel", cost.communication_s),
    ];
    let parts = parts.iter().filter(|(_, seconds)| *seconds > 0.0);
    let parts: Vec<String> = parts.map(|(name, seconds)| format!("{name} {}", time(*seconds))).collect();
    let expected = cost.expected_s.map_or(String::new(), |expected| {
        format!(" (about {:.0} %)", 100.0 * cost.utilisation * cost.seconds / expected)
    });
    out.line(&format!(
        "  {}{each}, {:.0} tokens/s, {:.0} % of the peak{expected}: {}",
        times(cost.seconds, cost.expected_s),
        cost.tokens_per_s * cost.expected_s.map_or(1.0, |expected| cost.seconds / expected),
        100.0 * cost.utilisation,
        parts.join(", ")
    ))
}

/// How vLLM is started; nothing where it cannot be.
fn told(launch: Option<&Launch>, out: &mut Output) -> Outcome {
    let Some(launch) = launch else { return Ok(()) };
    out.line(&format!(
        "with vLLM ({} as it divides layers):",
        times(launch.plan.seconds, launch.plan.expected_s)
    ))?;
    out.line(&format!("  {}", launch.line))?;
    launch.notes.iter().try_for_each(|note| out.line(&format!("  note: {note}")))
}

fn times(bound: f64, expected: Option<f64>) -> String {
    match expected {
        Some(expected) => format!("about {}, at least {}", time(expected), time(bound)),
        None => format!("at least {}", time(bound)),
    }
}

/// Seconds with three figures.
fn time(seconds: f64) -> String {
    let three = |value: f64, unit: &str| {
        let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 2) as usize;
        format!("{value:.digits$} {unit}")
    };
    match seconds {
        s if s >= 1.0 => three(s, "s"),
        s if s >= 1e-3 => three(1e3 * s, "ms"),
        s => three(1e6 * s, "µs"),
    }
}

fn size(bytes: f64) -> String {
    human_bytes(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_three_figures() {
        assert_eq!([85.23, 0.1575, 0.0284, 4.1e-5].map(time), ["85.2 s", "158 ms", "28.4 ms", "41.0 µs"]);
    }
}
