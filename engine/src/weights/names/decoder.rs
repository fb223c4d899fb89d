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
        "attention_norm" => "attn_norm",
        "attention.q" => "attn_q",
        "attention.k" => "attn_k",
        "attention.v" => "attn_v",
        "attention.q_norm" => "attn_q_norm",
        "attention.k_norm" => "attn_k_norm",
        "attention.output" => "attn_output",
        "feed_forward_norm" => "ffn_norm",
        "post_feed_forward_norm" => "post_ffw_norm",
        "feed_forward.gate" => "ffn_gate",
        "feed_forward.up" => "ffn_up",
        "feed_forward.down" => "ffn_down",
        other => other,
    };
    format!("{scope}{part}.{kind}")
}

/// Decoders as transformers writes them, with one norm before each half of a layer.
pub(crate) fn hugging_face(name: &str) -> String {
    hugging_face_decoder(name, "post_attention_layernorm")
}

/// The same for families with a norm before and after each half: there the name of the second norm means
/// the one after attention.
pub(crate) fn hugging_face_four_norms(name: &str) -> String {
    hugging_face_decoder(name, "pre_feedforward_layernorm")
}

fn hugging_face_decoder(name: &str, feed_forward_norm: &str) -> String {
    let (scope, leaf) = match name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) {
        Some((layer, leaf)) => (format!("model.layers.{layer}."), leaf),
        None if name.starts_with("output.") => (String::new(), name),
        None => ("model.".to_owned(), name),
    };
    let (part, kind) = leaf.rsplit_once('.').unwrap_or((leaf, "weight"));
    if let Some((expert, matrix)) =
        part.strip_prefix("feed_forward.experts.").and_then(|rest| rest.split_once('.'))
    {
        return format!("{scope}mlp.experts.{expert}.{matrix}_proj.{kind}");
    }
    let part = match part {
        "embedding" => "embed_tokens",
        "output" => "lm_head",
        "attention_norm" => "input_layernorm",
        "attention.q" => "self_attn.q_proj",
        "attention.k" => "self_attn.k_proj",
        "attention.v" => "self_attn.v_proj",
        "attention.q_norm" => "self_attn.q_norm",
        "attention.k_norm" => "self_attn.k_norm",
        "attention.output" => "self_attn.o_proj",
        "post_attention_norm" => "post_attention_layernorm",
        "feed_forward_norm" => feed_forward_norm,
        "post_feed_forward_norm" => "post_feedforward_layernorm",
        "feed_forward.router" => "mlp.gate",
        "feed_forward.gate" => "mlp.gate_proj",
        "feed_forward.up" => "mlp.up_proj",
        "feed_forward.down" => "mlp.down_proj",
        other => other,
    };
    format!("{scope}{part}.{kind}")
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
