//! Names of encoders for pictures and sound.
//!
//! Ours begin with `vision.` and `audio.`; everything else is left as it is. The names in GGUF files are those
//! of ggml's `gguf-py/gguf/tensor_mapping.py`, where some sound swapped: the first norm of a convolution is
//! `conv_norm`, the one behind it `norm_conv`.

/// Gemma 4 as transformers writes it.
pub(crate) fn gemma4(name: &str) -> String {
    named(name, gemma4_vision, gemma4_audio)
}

/// Gemma 4 without towers as transformers writes it.
pub(crate) fn gemma4_unified(name: &str) -> String {
    named(name, unified_vision, gemma4_audio)
}

/// Gemma 3, in every layout that occurs: with and without `model.` before the parts, and with and without
/// `vision_model.` within the tower.
pub(crate) const GEMMA3: [fn(&str) -> String; 4] =
    [gemma3::<false, true>, gemma3::<false, false>, gemma3::<true, true>, gemma3::<true, false>];

fn gemma3<const MODEL: bool, const VISION_MODEL: bool>(name: &str) -> String {
    let Some(name) = name.strip_prefix("vision.") else { return name.to_owned() };
    let model = if MODEL { "model." } else { "" };
    match name {
        "projection.weight" => return format!("{model}multi_modal_projector.mm_input_projection_weight"),
        "projection_norm.weight" => return format!("{model}multi_modal_projector.mm_soft_emb_norm.weight"),
        _ => {}
    }
    let tower = if VISION_MODEL { "vision_tower.vision_model" } else { "vision_tower" };
    let (scope, part, kind) = split(name);
    let part = match part {
        "patch" => "embeddings.patch_embedding",
        "positions" => "embeddings.position_embedding",
        "norm" => "post_layernorm",
        "attention_norm" => "layer_norm1",
        "feed_forward_norm" => "layer_norm2",
        "attention.q" => "self_attn.q_proj",
        "attention.k" => "self_attn.k_proj",
        "attention.v" => "self_attn.v_proj",
        "attention.output" => "self_attn.out_proj",
        "feed_forward.up" => "mlp.fc1",
        "feed_forward.down" => "mlp.fc2",
        other => other,
    };
    let layer = scope.map(|layer| format!("encoder.layers.{layer}.")).unwrap_or_default();
    format!("{model}{tower}.{layer}{part}.{kind}")
}

/// Tensors of Hugging Face folders that are stored but take no part: the head with which SigLIP was trained.
// Until decoders read soft tokens, only tests load such folders.
pub(crate) fn is_unused_by_encoders(name: &str) -> bool {
    let name = name.strip_prefix("model.").unwrap_or(name);
    ["vision_tower.head.", "vision_tower.vision_model.head."].iter().any(|head| name.starts_with(head))
}

fn named(name: &str, vision: fn(&str) -> String, audio: fn(&str) -> String) -> String {
    match name.split_once('.') {
        Some(("vision", rest)) => vision(rest),
        Some(("audio", rest)) => audio(rest),
        _ => name.to_owned(),
    }
}

/// `blocks.3.attention.q.weight` → its number, `attention.q` and `weight`.
fn split(name: &str) -> (Option<&str>, &str, &str) {
    let (scope, leaf) = match name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) {
        Some((layer, leaf)) => (Some(layer), leaf),
        None => (None, name),
    };
    let (part, kind) = leaf.rsplit_once('.').unwrap_or((leaf, "weight"));
    (scope, part, kind)
}

fn gemma4_vision(name: &str) -> String {
    match name {
        "projection.weight" => return "model.embed_vision.embedding_projection.weight".to_owned(),
        "patch.weight" => return "model.vision_tower.patch_embedder.input_proj.weight".to_owned(),
        "positions.weight" => {
            return "model.vision_tower.patch_embedder.position_embedding_table".to_owned();
        }
        "standard_bias" => return "model.vision_tower.std_bias".to_owned(),
        "standard_scale" => return "model.vision_tower.std_scale".to_owned(),
        _ => {}
    }
    let (scope, part, kind) = split(name);
    let (part, inner) = match part {
        "attention_norm" => ("input_layernorm", ""),
        "post_attention_norm" => ("post_attention_layernorm", ""),
        "feed_forward_norm" => ("pre_feedforward_layernorm", ""),
        "post_feed_forward_norm" => ("post_feedforward_layernorm", ""),
        "attention.q_norm" => ("self_attn.q_norm", ""),
        "attention.k_norm" => ("self_attn.k_norm", ""),
        "attention.q" => ("self_attn.q_proj", ".linear"),
        "attention.k" => ("self_attn.k_proj", ".linear"),
        "attention.v" => ("self_attn.v_proj", ".linear"),
        "attention.output" => ("self_attn.o_proj", ".linear"),
        "feed_forward.gate" => ("mlp.gate_proj", ".linear"),
        "feed_forward.up" => ("mlp.up_proj", ".linear"),
        "feed_forward.down" => ("mlp.down_proj", ".linear"),
        other => (other, ""),
    };
    tower_name("vision_tower.encoder", scope, part, inner, kind)
}

/// The weight of a layer between limits lies one level deeper than the limits.
fn tower_name(tower: &str, layer: Option<&str>, part: &str, inner: &str, kind: &str) -> String {
    let inner = if kind == "weight" { inner } else { "" };
    let layer = layer.map(|layer| format!("layers.{layer}.")).unwrap_or_default();
    format!("model.{tower}.{layer}{part}{inner}.{kind}")
}

fn gemma4_audio(name: &str) -> String {
    if name == "projection.weight" {
        return "model.embed_audio.embedding_projection.weight".to_owned();
    }
    let (scope, part, kind) = split(name);
    let (part, inner) = match part {
        "convs.0.conv" => ("subsample_conv_projection.layer0.conv", ""),
        "convs.0.norm" => ("subsample_conv_projection.layer0.norm", ""),
        "convs.1.conv" => ("subsample_conv_projection.layer1.conv", ""),
        "convs.1.norm" => ("subsample_conv_projection.layer1.norm", ""),
        "input" => ("subsample_conv_projection.input_proj_linear", ""),
        "output" => ("output_proj", ""),
        "attention_norm" => ("norm_pre_attn", ""),
        "post_attention_norm" => ("norm_post_attn", ""),
        "norm" => ("norm_out", ""),
        "attention.q" => ("self_attn.q_proj", ".linear"),
        "attention.k" => ("self_attn.k_proj", ".linear"),
        "attention.v" => ("self_attn.v_proj", ".linear"),
        "attention.output" => ("self_attn.post", ".linear"),
        "attention.relative_k" => ("self_attn.relative_k_proj", ""),
        "attention.dim_scale" => {
            return format!("model.audio_tower.layers.{}.self_attn.per_dim_scale", scope.unwrap_or_default());
        }
        "conv.norm" => ("lconv1d.pre_layer_norm", ""),
        "conv.start" => ("lconv1d.linear_start", ".linear"),
        "conv.depthwise" => ("lconv1d.depthwise_conv1d", ""),
        "conv.after_norm" => ("lconv1d.conv_norm", ""),
        "conv.end" => ("lconv1d.linear_end", ".linear"),
        "before.norm" => ("feed_forward1.pre_layer_norm", ""),
        "before.up" => ("feed_forward1.ffw_layer_1", ".linear"),
        "before.down" => ("feed_forward1.ffw_layer_2", ".linear"),
        "before.post_norm" => ("feed_forward1.post_layer_norm", ""),
        "after.norm" => ("feed_forward2.pre_layer_norm", ""),
        "after.up" => ("feed_forward2.ffw_layer_1", ".linear"),
        "after.down" => ("feed_forward2.ffw_layer_2", ".linear"),
        "after.post_norm" => ("feed_forward2.post_layer_norm", ""),
        other => (other, ""),
    };
    tower_name("audio_tower", scope, part, inner, kind)
}

fn unified_vision(name: &str) -> String {
    let (_, part, kind) = split(name);
    let part = match part {
        "projection" => return format!("model.embed_vision.embedding_projection.{kind}"),
        "positions" => return "model.vision_embedder.pos_embedding".to_owned(),
        "patch_norm" => "patch_ln1",
        "patch" => "patch_dense",
        "embedding_norm" => "patch_ln2",
        "position_norm" => "pos_norm",
        other => other,
    };
    format!("model.vision_embedder.{part}.{kind}")
}

/// Encoders of every family in a GGUF file of their own, which llama.cpp calls `mmproj`.
pub(crate) fn mmproj(name: &str) -> String {
    named(name, mmproj_vision, mmproj_audio)
}

fn mmproj_vision(name: &str) -> String {
    match name {
        "standard_bias" => return "v.std_bias".to_owned(),
        "standard_scale" => return "v.std_scale".to_owned(),
        _ => {}
    }
    let (scope, part, kind) = split(name);
    let Some(layer) = scope else {
        let part = match part {
            "projection" => "mm.input_projection",
            "projection_norm" => "mm.soft_emb_norm",
            "patch" => "v.patch_embd",
            "positions" => "v.position_embd",
            "norm" => "v.post_ln",
            "patch_norm" => "v.patch_norm.1",
            "embedding_norm" => "v.patch_norm.2",
            "position_norm" => "v.patch_norm.3",
            other => other,
        };
        return format!("{part}.{kind}");
    };
    let part = match part {
        "attention_norm" => "ln1",
        "post_attention_norm" => "attn_post_norm",
        "feed_forward_norm" => "ln2",
        "post_feed_forward_norm" => "ffn_post_norm",
        "attention.q_norm" => "attn_q_norm",
        "attention.k_norm" => "attn_k_norm",
        "attention.q" => "attn_q",
        "attention.k" => "attn_k",
        "attention.v" => "attn_v",
        "attention.output" => "attn_out",
        "feed_forward.gate" => "ffn_gate",
        "feed_forward.up" => "ffn_up",
        "feed_forward.down" => "ffn_down",
        other => other,
    };
    format!("v.blk.{layer}.{part}.{kind}")
}

fn mmproj_audio(name: &str) -> String {
    let (scope, part, kind) = split(name);
    let Some(layer) = scope else {
        let part = match part {
            "projection" => "mm.a.input_projection",
            "convs.0.conv" => "a.conv1d.0",
            "convs.0.norm" => "a.conv1d.0.norm",
            "convs.1.conv" => "a.conv1d.1",
            "convs.1.norm" => "a.conv1d.1.norm",
            "input" => "a.input_projection",
            "output" => "a.pre_encode.out",
            other => other,
        };
        return format!("{part}.{kind}");
    };
    let part = match part {
        "attention_norm" => "attn_pre_norm",
        "post_attention_norm" => "attn_post_norm",
        "norm" => "ln2",
        "attention.q" => "attn_q",
        "attention.k" => "attn_k",
        "attention.v" => "attn_v",
        "attention.output" => "attn_out",
        "attention.relative_k" => "attn_k_rel",
        "attention.dim_scale" => "per_dim_scale",
        "conv.norm" => "conv_norm",
        "conv.start" => "conv_pw1",
        "conv.depthwise" => "conv_dw",
        "conv.after_norm" => "norm_conv",
        "conv.end" => "conv_pw2",
        "before.norm" => "ffn_norm",
        "before.up" => "ffn_up",
        "before.down" => "ffn_down",
        "before.post_norm" => "ffn_post_norm",
        "after.norm" => "ffn_norm_1",
        "after.up" => "ffn_up_1",
        "after.down" => "ffn_down_1",
        "after.post_norm" => "ffn_post_norm_1",
        other => other,
    };
    format!("a.blk.{layer}.{part}.{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_each_layout() {
        for (ours, folder, gguf) in [
            (
                "vision.blocks.3.attention.q.weight",
                "model.vision_tower.encoder.layers.3.self_attn.q_proj.linear.weight",
                "v.blk.3.attn_q.weight",
            ),
            (
                "vision.blocks.3.attention.q.input_min",
                "model.vision_tower.encoder.layers.3.self_attn.q_proj.input_min",
                "v.blk.3.attn_q.input_min",
            ),
            (
                "vision.positions.weight",
                "model.vision_tower.patch_embedder.position_embedding_table",
                "v.position_embd.weight",
            ),
            ("vision.standard_bias", "model.vision_tower.std_bias", "v.std_bias"),
            (
                "audio.blocks.11.conv.norm.weight",
                "model.audio_tower.layers.11.lconv1d.pre_layer_norm.weight",
                "a.blk.11.conv_norm.weight",
            ),
            (
                "audio.blocks.0.attention.dim_scale.weight",
                "model.audio_tower.layers.0.self_attn.per_dim_scale",
                "a.blk.0.per_dim_scale.weight",
            ),
            (
                "audio.convs.1.norm.weight",
                "model.audio_tower.subsample_conv_projection.layer1.norm.weight",
                "a.conv1d.1.norm.weight",
            ),
            ("audio.output.bias", "model.audio_tower.output_proj.bias", "a.pre_encode.out.bias"),
            ("blocks.0.attention.q.weight", "blocks.0.attention.q.weight", "blocks.0.attention.q.weight"),
        ] {
            assert_eq!(gemma4(ours), folder);
            assert_eq!(mmproj(ours), gguf);
        }
        assert_eq!(gemma4_unified("vision.patch.bias"), "model.vision_embedder.patch_dense.bias");
        assert_eq!(gemma4_unified("vision.positions.weight"), "model.vision_embedder.pos_embedding");
        assert_eq!(mmproj("vision.position_norm.bias"), "v.patch_norm.3.bias");
    }

    #[test]
    fn gemma3_is_named_in_four_ways() {
        let block = |f: fn(&str) -> String| f("vision.blocks.0.feed_forward.up.bias");
        assert_eq!(
            GEMMA3.map(block),
            [
                "vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias",
                "vision_tower.encoder.layers.0.mlp.fc1.bias",
                "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias",
                "model.vision_tower.encoder.layers.0.mlp.fc1.bias",
            ]
        );
        let projection = GEMMA3[0]("vision.projection.weight");
        assert_eq!(projection, "multi_modal_projector.mm_input_projection_weight");
        assert!(is_unused_by_encoders("vision_tower.vision_model.head.probe"));
        assert!(is_unused_by_encoders("model.vision_tower.head.mlp.fc1.bias"));
        assert!(!is_unused_by_encoders("vision_tower.encoder.layers.0.mlp.fc1.bias"));
    }
}
