//! A plan in the words of an engine for clusters.

use super::choose::{Plan, choose_from, layouts};
use super::cost::Workload;
use super::layout::{AttentionLayout, FeedForwardLayout, Layout};
use super::machine::{Format, Machine};
use super::shape::Shape;
use crate::error::Result;

/// The line that starts vLLM, and what has to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// For a shell.
    pub line: String,
    /// Chips that share each layer.
    pub tensor_parallel: usize,
    /// Runs of layers.
    pub pipeline_parallel: usize,
    /// Whether experts lie on chips of their own.
    pub expert_parallel: bool,
    /// What the division costs by this model.
    pub plan: Plan,
    /// What to do besides, and what cannot be said in the line.
    pub notes: Vec<String>,
}

/// The best division that vLLM knows, and how it is told to serve `model` (a name of the hub, or a folder) so: layers
/// divided in one dimension and attention by heads, within a node; runs of layers on several nodes; experts, where there
/// are any, whole or divided.
///
/// # Errors
/// As [`choose`](super::choose), among these divisions.
pub fn vllm(
    shape: &Shape,
    machine: &Machine,
    chips: Option<usize>,
    workload: &Workload,
    model: &str,
) -> Result<Launch> {
    let chips = machine.count(chips)?;
    let heads = shape.most_heads();
    let near = machine.node.map_or(chips, |node| node.chips);
    let is_known = |layout: &Layout| {
        let tensor = layout.chips_of_stage();
        layout.feed_forward == FeedForwardLayout::WeightStationary1d
            && (layout.attention == AttentionLayout::Heads || tensor == 1)
            && (layout.expert_groups == 1 || layout.expert_groups == tensor)
            && heads.is_multiple_of(tensor)
            && tensor <= near
    };
    let mut all = layouts(shape, machine, chips, workload.batch);
    // Heads that cannot be divided among all chips need more runs of layers than there are nodes.
    let least = (1..=chips).find(|n| {
        chips.is_multiple_of(*n)
            && heads.is_multiple_of(chips / n)
            && chips / n <= near
            && *n <= shape.layers.len()
    });
    if let Some(stages) = least {
        let tensor = chips / stages;
        let layout = |attention| Layout {
            stages,
            mesh: [1, 1, tensor],
            feed_forward: FeedForwardLayout::WeightStationary1d,
            attention,
            expert_groups: 1,
        };
        all.push(layout(AttentionLayout::Heads));
    }
    all.retain(is_known);
    let plan = choose_from(shape, machine, chips, workload, &all)?;
    let layout = plan.decode.layout;
    let (tensor, pipeline) = (layout.chips_of_stage(), layout.stages);
    let expert_parallel = layout.expert_groups > 1;
    let mut notes = Vec::new();
    let mut line = format!("vllm serve {} --tensor-parallel-size {tensor}", quoted(model));
    if pipeline > 1 {
        line.push_str(&format!(" --pipeline-parallel-size {pipeline}"));
    }
    if expert_parallel {
        line.push_str(" --enable-expert-parallel");
        notes.push(format!("experts lie on {tensor} chips, each with some of its own"));
    }
    if chips > near {
        notes.push(format!("start a Ray cluster over the {} nodes first", chips.div_ceil(near)));
    }
    let context = workload.context();
    line.push_str(&format!(" --max-model-len {context} --max-num-seqs {}", plan.batch));
    match workload.weights {
        Format::Bf16 => line.push_str(" --dtype bfloat16"),
        // Of a checkpoint that is not quantised yet.
        Format::Int8 => line.push_str(" --quantization fp8"),
        Format::Int4 => {
            notes.push(
                "int4 needs a checkpoint that is quantised already (AWQ, GPTQ), which vLLM recognises".into(),
            );
        }
    }
    if workload.cache == Format::Int8 {
        line.push_str(" --kv-cache-dtype fp8");
    }
    if shape.context_tokens.is_some_and(|trained| context > trained) {
        notes.push(format!("{context} tokens are more than {} was trained for", shape.name));
    }
    Ok(Launch { line, tensor_parallel: tensor, pipeline_parallel: pipeline, expert_parallel, plan, notes })
}

/// For a shell: as it is where nothing is special.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{machines, shape_named};

    fn launched(shape: &str, machine: &str, chips: usize, workload: Workload) -> Launch {
        let machine = machines().iter().find(|known| known.name == machine).unwrap();
        let shape = shape_named(shape).unwrap();
        vllm(shape, machine, Some(chips), &workload, "owner/name").unwrap()
    }

    #[test]
    fn sizes_multiply_to_the_chips_and_heads_divide() {
        let workload = Workload { batch: 32, ..Workload::default() };
        for (shape, machine, chips) in
            [("llama-3.1-70b", "h100", 8), ("llama-3.1-405b", "h100", 32), ("mixtral-8x7b", "a100-80g", 4)]
        {
            let launch = launched(shape, machine, chips, workload);
            assert_eq!(launch.tensor_parallel * launch.pipeline_parallel, chips, "{launch:?}");
            assert!(shape_named(shape).unwrap().most_heads().is_multiple_of(launch.tensor_parallel));
            assert!(launch.line.starts_with("vllm serve owner/name --tensor-parallel-size "), "{launch:?}");
            assert!(launch.line.contains("--max-model-len 2112 --max-num-seqs 32"), "{launch:?}");
        }
    }

    #[test]
    fn slow_links_between_nodes_make_stages() {
        let launch = launched("llama-3.1-405b", "h100", 32, Workload { batch: 64, ..Workload::default() });
        assert!(launch.pipeline_parallel > 1 && launch.tensor_parallel <= 8, "{launch:?}");
        let one_node = launched("llama-3.1-70b", "h100", 8, Workload::default());
        assert_eq!((one_node.pipeline_parallel, one_node.tensor_parallel), (1, 8));
    }

    #[test]
    fn words_for_a_shell_are_quoted_where_they_must_be() {
        assert_eq!(quoted("owner/name-7b"), "owner/name-7b");
        assert_eq!(quoted("my model's"), "'my model'\\''s'");
    }
}
