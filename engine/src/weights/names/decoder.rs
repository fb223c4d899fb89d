//! Names of decoders.

/// Decoder tensors in GGUF files, as ggml's `gguf-py/gguf/constants.py` names them.
pub(crate) fn gguf_decoder(name: &str) -> String {
    let (scope, leaf) = match name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) {
        Some((layer, leaf)) => (format!("blk.{layer}."), leaf),
        None => (String::new(), name),
    };
    let (part, kind) = leaf.rsplit_once('.').unwrap_or((leaf, "weight"));
    let part = match part {
        "embedding" => "token_embd",
        "norm" => "output_norm",
        "rotary_factors" => "rope_freqs",
        "per_layer_embedding" => "per_layer_token_embd",
        "per_layer_projection" if scope.is_empty() => "per_layer_model_proj",
        "per_layer_norm" => "per_layer_proj_norm",
        "attention_norm" => "attn_norm",
        "attention.q" => "attn_q",
        "attention.k" => "attn_k",
        "attention.v" => "attn_v",
        "attention.q_norm" => "attn_q_norm",
        "attention.k_norm" => "attn_k_norm",
        "attention.output" => "attn_output",
        "feed_forward_norm" => "ffn_norm",
        "post_feed_forward_norm" => "post_ffw_norm",
        "post_dense_norm" => "post_ffw_norm_1",
        "expert_norm" => "pre_ffw_norm_2",
        "post_expert_norm" => "post_ffw_norm_2",
        "feed_forward.gate" => "ffn_gate",
        "feed_forward.up" => "ffn_up",
        "feed_forward.down" => "ffn_down",
        "feed_forward.router" => "ffn_gate_inp",
        "feed_forward.router_norm" => return format!("{scope}ffn_gate_inp.scale"),
        "feed_forward.expert_scale" => return format!("{scope}ffn_down_exps.scale"),
        "feed_forward.experts.gate" => "ffn_gate_exps",
        "feed_forward.experts.up" => "ffn_up_exps",
        "feed_forward.experts.gate_up" => "ffn_gate_up_exps",
        "feed_forward.experts.down" => "ffn_down_exps",
        "per_layer_gate" => "inp_gate",
        "per_layer_projection" => "proj",
        "post_per_layer_norm" => "post_norm",
        "output_scale" => "layer_output_scale",
        other => other,
    };
    format!("{scope}{part}.{kind}")
}

/// Decoders as transformers writes them, with one norm before each half of a layer.
pub(crate) fn hugging_face(name: &str) -> String {
    transformers(name, &Style { root: "model.", ..Style::TWO_NORMS })
}

/// The same for families with a norm before and after each half: there the name of the second norm means
/// the one after attention.
pub(crate) fn hugging_face_four_norms(name: &str) -> String {
    transformers(name, &Style::FOUR_NORMS)
}

/// Mixtral, which names the parts of its experts by numbers.
pub(crate) fn mixtral(name: &str) -> String {
    transformers(name, &Style { experts: Experts::Mixtral, ..Style::TWO_NORMS })
}

/// Gemma 4 text models on their own.
pub(crate) fn gemma4_text(name: &str) -> String {
    transformers(name, &Style { experts: Experts::Gemma4, ..Style::FOUR_NORMS })
}

/// The decoder in a Gemma 3 with pictures.
pub(crate) fn gemma3(name: &str) -> String {
    transformers(
        name,
        &Style { root: "language_model.model.", head: "language_model.lm_head", ..Style::FOUR_NORMS },
    )
}

/// The decoder in a Gemma 4 with encoders.
pub(crate) fn gemma4(name: &str) -> String {
    let style = Style { root: "model.language_model.", experts: Experts::Gemma4, ..Style::FOUR_NORMS };
    transformers(name, &style)
}

/// How a family's names differ.
struct Style {
    /// Before the names of the decoder.
    root: &'static str,
    /// The output matrix.
    head: &'static str,
    feed_forward_norm: &'static str,
    experts: Experts,
}

enum Experts {
    Qwen3,
    Mixtral,
    Gemma4,
}

impl Style {
    const TWO_NORMS: Self = Self {
        root: "model.",
        head: "lm_head",
        feed_forward_norm: "post_attention_layernorm",
        experts: Experts::Qwen3,
    };
    const FOUR_NORMS: Self = Self { feed_forward_norm: "pre_feedforward_layernorm", ..Self::TWO_NORMS };
}

fn transformers(name: &str, style: &Style) -> String {
    let root = style.root;
    let (scope, leaf) = match name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) {
        Some((layer, leaf)) => (format!("{root}layers.{layer}."), leaf),
        None => (root.to_owned(), name),
    };
    let (part, kind) = leaf.rsplit_once('.').unwrap_or((leaf, "weight"));
    let sparse = part.strip_prefix("feed_forward.").filter(|_| kind == "weight");
    if let Some(sparse) = sparse.and_then(|part| style.experts.name(part)) {
        return format!("{scope}{sparse}");
    }
    let part = match part {
        "embedding" => "embed_tokens",
        "output" => return format!("{}.{kind}", style.head),
        "per_layer_embedding" => "embed_tokens_per_layer",
        "per_layer_projection" if !name.starts_with("blocks.") => "per_layer_model_projection",
        "per_layer_norm" => "per_layer_projection_norm",
        "attention_norm" => "input_layernorm",
        "attention.q" => "self_attn.q_proj",
        "attention.k" => "self_attn.k_proj",
        "attention.v" => "self_attn.v_proj",
        "attention.q_norm" => "self_attn.q_norm",
        "attention.k_norm" => "self_attn.k_norm",
        "attention.output" => "self_attn.o_proj",
        "post_attention_norm" => "post_attention_layernorm",
        "feed_forward_norm" => style.feed_forward_norm,
        "post_feed_forward_norm" => "post_feedforward_layernorm",
        "post_dense_norm" => "post_feedforward_layernorm_1",
        "expert_norm" => "pre_feedforward_layernorm_2",
        "post_expert_norm" => "post_feedforward_layernorm_2",
        "feed_forward.gate" => "mlp.gate_proj",
        "feed_forward.up" => "mlp.up_proj",
        "feed_forward.down" => "mlp.down_proj",
        "per_layer_gate" => "per_layer_input_gate",
        "post_per_layer_norm" => "post_per_layer_input_norm",
        "output_scale" => return format!("{scope}layer_scalar"),
        other => other,
    };
    format!("{scope}{part}.{kind}")
}

impl Experts {
    /// The name of a part of a mixture of experts; none for other parts.
    fn name(&self, part: &str) -> Option<String> {
        let experts = part.strip_prefix("experts.");
        let one = experts.and_then(|rest| rest.split_once('.'));
        Some(match (self, part, one) {
            (Self::Qwen3, "router", _) => "mlp.gate.weight".into(),
            (Self::Qwen3, _, Some((expert, matrix))) => format!("mlp.experts.{expert}.{matrix}_proj.weight"),
            (Self::Qwen3, _, None) => format!("mlp.experts.{}_proj", experts?),
            (Self::Mixtral, "router", _) => "block_sparse_moe.gate.weight".into(),
            (Self::Mixtral, _, Some((expert, matrix))) => {
                let matrix = match matrix {
                    "gate" => "w1",
                    "down" => "w2",
                    _ => "w3",
                };
                format!("block_sparse_moe.experts.{expert}.{matrix}.weight")
            }
            (Self::Gemma4, "router", _) => "router.proj.weight".into(),
            (Self::Gemma4, "router_norm", _) => "router.scale".into(),
            (Self::Gemma4, "expert_scale", _) => "router.per_expert_scale".into(),
            (Self::Gemma4 | Self::Mixtral, ..) => format!("experts.{}_proj", experts?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::gguf_decoder;

    #[test]
    fn decoder_names_follow_gguf() {
        for (ours, theirs) in [
            ("embedding.weight", "token_embd.weight"),
            ("output.weight", "output.weight"),
            ("norm.weight", "output_norm.weight"),
            ("blocks.12.attention.q.bias", "blk.12.attn_q.bias"),
            ("blocks.0.feed_forward_norm.weight", "blk.0.ffn_norm.weight"),
        ] {
            assert_eq!(gguf_decoder(ours), theirs);
        }
    }
}
