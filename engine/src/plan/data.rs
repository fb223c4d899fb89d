//! `assets/plan.toml` as types, and machine files of people's own.

use std::sync::OnceLock;

use serde::Deserialize;

use super::machine::Machine;
use super::shape::{ExpertsShape, FeedForwardShape, LayerShape, Shape};
use crate::error::{Error, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    machine: Vec<Machine>,
    model: Vec<Uniform>,
}

/// A decoder whose layers are all alike.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uniform {
    name: String,
    layers: usize,
    d_model: usize,
    n_heads: usize,
    n_kv_heads: usize,
    head_dim: usize,
    n_vocab: usize,
    tied: bool,
    parallel: bool,
    context_tokens: usize,
    dense: Option<FeedForwardShape>,
    experts: Option<ExpertsShape>,
}

struct Known {
    machines: Vec<Machine>,
    shapes: Vec<Shape>,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let data: Data = toml::from_str(include_str!("../../../assets/plan.toml"))
            .unwrap_or_else(|error| unreachable!("assets/plan.toml is checked by a test: {error}"));
        Known { machines: data.machine, shapes: data.model.into_iter().map(Shape::from).collect() }
    })
}

impl From<Uniform> for Shape {
    fn from(all: Uniform) -> Self {
        let layer = LayerShape {
            n_heads: all.n_heads,
            n_kv_heads: all.n_kv_heads,
            head_dim: all.head_dim,
            window: None,
            n_kv_matrices: 2,
            dense: all.dense,
            experts: all.experts,
        };
        Self {
            name: all.name,
            d_model: all.d_model,
            n_vocab: all.n_vocab,
            tied: all.tied,
            parallel: all.parallel,
            context_tokens: Some(all.context_tokens),
            layers: vec![layer; all.layers],
        }
    }
}

/// Machines that are known by name.
pub fn machines() -> &'static [Machine] {
    &known().machines
}

/// Decoders that are known by name without a file.
pub fn shapes() -> &'static [Shape] {
    &known().shapes
}

/// One of [`shapes`].
pub fn shape_named(name: &str) -> Option<&'static Shape> {
    shapes().iter().find(|shape| shape.name == name)
}

/// Reads a machine file, TOML or JSON (which begins with a brace): the fields of a `[[machine]]` of `assets/plan.toml`.
///
/// # Errors
/// [`Error::Request`] that says what is missing, unknown, or no number that a machine has.
pub fn machine_from_text(text: &str) -> Result<Machine> {
    let found: std::result::Result<Machine, String> = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|error| error.to_string()),
        // The first line of the message says where, the last one what.
        false => toml::from_str(text).map_err(|error| {
            let lines = error.message().lines().collect::<Vec<_>>().join(" ");
            let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
            line.map_or(lines.clone(), |line| format!("{lines}, near line {line}"))
        }),
    };
    let machine = found.map_err(|reason| Error::Request {
        reason: format!("this is no machine file: {reason}; `medley plan --help` shows one"),
    })?;
    machine.check()?;
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_complete_and_possible() {
        for machine in machines() {
            machine.check().unwrap();
        }
        let parameters = |name| shape_named(name).map(|shape| (shape.parameters() / 1e9).round()).unwrap();
        for (name, billions) in [
            ("palm-8b", 9.0),
            ("palm-62b", 62.0),
            ("palm-540b", 540.0),
            ("mt-nlg-530b", 530.0),
            ("llama-3.1-8b", 8.0),
            ("llama-3.1-70b", 71.0),
            ("llama-3.1-405b", 406.0),
            ("mixtral-8x7b", 47.0),
        ] {
            assert_eq!(parameters(name), billions, "{name}");
        }
        assert_eq!((shape_named("mixtral-8x7b").unwrap().active_parameters() / 1e9).round(), 13.0);
        // The paper's count, with the table once.
        assert!((shape_named("palm-540b").unwrap().parameters() / 540.36e9 - 1.0).abs() < 1e-4);
    }

    #[test]
    fn machine_files_are_toml_or_json_and_their_mistakes_are_named() {
        let toml =
            "name = \"mine\"\nops_per_s = { bf16 = 1e12 }\nmemory_bytes = 16e9\nmemory_bytes_per_s = 50e9\n";
        let json = r#"{"name": "mine", "ops_per_s": {"bf16": 1e12}, "memory_bytes": 16e9, "memory_bytes_per_s": 50e9}"#;
        assert_eq!(machine_from_text(toml).unwrap(), machine_from_text(json).unwrap());
        for (text, needle) in [
            (toml.replace("50e9", "-50e9"), "memory_bytes_per_s"),
            (toml.replace("1e12", "nan"), "ops_per_s.bf16"),
            (toml.replace("memory_bytes = 16e9\n", ""), "memory_bytes"),
            (format!("{toml}speed = 3\n"), "speed"),
            ("{".into(), "no machine file"),
            (String::new(), "no machine file"),
        ] {
            let told = machine_from_text(&text).unwrap_err().to_string();
            assert!(told.contains(needle), "{told}");
        }
    }
}
