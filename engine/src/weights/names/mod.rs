//! Our tensor names → a file's: the only place with foreign names.

mod decoder;

pub(crate) mod encoders;

pub(crate) use decoder::{
    gemma3, gemma4, gemma4_text, gguf_decoder, hugging_face, hugging_face_four_norms, mixtral,
};

/// Whisper as CTranslate2 writes it: `encoder/layer_0/self_attention/linear_0/weight`.
pub fn whisper_ctranslate2(name: &str) -> String {
    const PARTS: [(&str, &str); 12] = [
        ("attention.qkv", "self_attention/linear_0"),
        ("attention.out", "self_attention/linear_1"),
        ("attention_norm", "self_attention/layer_norm"),
        ("cross.q", "attention/linear_0"),
        ("cross.kv", "attention/linear_1"),
        ("cross.out", "attention/linear_2"),
        ("cross_norm", "attention/layer_norm"),
        ("mlp.up", "ffn/linear_0"),
        ("mlp.down", "ffn/linear_1"),
        ("mlp_norm", "ffn/layer_norm"),
        ("norm", "layer_norm"),
        ("embedding", "embeddings"),
    ];
    let name = match name.strip_suffix(".positions") {
        Some(side) => format!("{side}/position_encodings/encodings"),
        None => replace_part(name, &PARTS),
    };
    let name = name.replace(".layers.", "/layer_").replace('.', "/");
    match name.strip_suffix("layer_norm/weight") {
        Some(layer) => format!("{layer}layer_norm/gamma"),
        None => name.replace("layer_norm/bias", "layer_norm/beta"),
    }
}

/// Whisper as transformers writes it: `model.encoder.layers.0.self_attn.q_proj.weight`.
pub fn whisper_transformers(name: &str) -> String {
    const PARTS: [(&str, &str); 14] = [
        ("attention.q", "self_attn.q_proj"),
        ("attention.k", "self_attn.k_proj"),
        ("attention.v", "self_attn.v_proj"),
        ("attention.out", "self_attn.out_proj"),
        ("attention_norm", "self_attn_layer_norm"),
        ("cross.q", "encoder_attn.q_proj"),
        ("cross.k", "encoder_attn.k_proj"),
        ("cross.v", "encoder_attn.v_proj"),
        ("cross.out", "encoder_attn.out_proj"),
        ("cross_norm", "encoder_attn_layer_norm"),
        ("mlp.up", "fc1"),
        ("mlp.down", "fc2"),
        ("mlp_norm", "final_layer_norm"),
        ("norm", "layer_norm"),
    ];
    match name.strip_suffix(".positions") {
        Some(side) => format!("model.{side}.embed_positions.weight"),
        None => format!("model.{}", replace_part(&name.replace("embedding", "embed_tokens"), &PARTS)),
    }
}

/// Replaces the part before the last dot when it ends in one of `parts`.
fn replace_part(name: &str, parts: &[(&str, &str)]) -> String {
    let Some((head, last)) = name.rsplit_once('.') else { return name.to_owned() };
    for (ours, theirs) in parts {
        if let Some(head) = head.strip_suffix(ours).filter(|rest| rest.ends_with('.')) {
            return format!("{head}{theirs}.{last}");
        }
    }
    name.to_owned()
}

/// EfficientNet as the PyTorch package `efficientnet_lite_pytorch` writes it.
pub(crate) fn efficientnet_pytorch(name: &str) -> String {
    let (scope, leaf) = match name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')) {
        Some((block, leaf)) => (format!("_blocks.{block}."), leaf),
        None => (String::new(), name),
    };
    let (part, kind) = leaf.rsplit_once('.').unwrap_or((leaf, "weight"));
    let part = match part {
        "stem" => "_conv_stem",
        "stem_norm" | "expand_norm" => "_bn0",
        "expand" => "_expand_conv",
        "depthwise" => "_depthwise_conv",
        "depthwise_norm" | "head_norm" => "_bn1",
        "project" => "_project_conv",
        "project_norm" => "_bn2",
        "head" => "_conv_head",
        "classifier" => "_fc",
        other => other,
    };
    let kind = match kind {
        "mean" => "running_mean",
        "variance" => "running_var",
        other => other,
    };
    format!("{scope}{part}.{kind}")
}

/// BERT encoders as transformers writes them: `encoder.layer.0.attention.self.query.weight`.
pub(crate) fn bert_transformers(name: &str) -> String {
    let (scope, leaf) = match name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, leaf)) => (format!("encoder.layer.{layer}."), leaf),
        None => ("embeddings.".to_owned(), name),
    };
    let (part, kind) = leaf.rsplit_once('.').unwrap_or((leaf, "weight"));
    let part = match part {
        "embedding" => "word_embeddings",
        "positions" => "position_embeddings",
        "segments" => "token_type_embeddings",
        "norm" => "LayerNorm",
        "attention.q" => "attention.self.query",
        "attention.k" => "attention.self.key",
        "attention.v" => "attention.self.value",
        "attention.output" => "attention.output.dense",
        "attention_norm" => "attention.output.LayerNorm",
        "mlp.up" => "intermediate.dense",
        "mlp.down" => "output.dense",
        "mlp_norm" => "output.LayerNorm",
        other => other,
    };
    format!("{scope}{part}.{kind}")
}

#[cfg(test)]
mod whisper_tests {
    use super::*;

    #[test]
    fn whisper_names_become_those_of_each_layout() {
        for (ours, ctranslate2, transformers) in [
            ("encoder.conv1.bias", "encoder/conv1/bias", "model.encoder.conv1.bias"),
            (
                "encoder.positions",
                "encoder/position_encodings/encodings",
                "model.encoder.embed_positions.weight",
            ),
            ("decoder.embedding.weight", "decoder/embeddings/weight", "model.decoder.embed_tokens.weight"),
            ("decoder.norm.bias", "decoder/layer_norm/beta", "model.decoder.layer_norm.bias"),
            (
                "decoder.layers.11.cross_norm.weight",
                "decoder/layer_11/attention/layer_norm/gamma",
                "model.decoder.layers.11.encoder_attn_layer_norm.weight",
            ),
            (
                "decoder.layers.0.cross.q.weight",
                "decoder/layer_0/attention/linear_0/weight",
                "model.decoder.layers.0.encoder_attn.q_proj.weight",
            ),
            (
                "encoder.layers.3.attention.out.bias",
                "encoder/layer_3/self_attention/linear_1/bias",
                "model.encoder.layers.3.self_attn.out_proj.bias",
            ),
            (
                "encoder.layers.3.mlp.down.bias",
                "encoder/layer_3/ffn/linear_1/bias",
                "model.encoder.layers.3.fc2.bias",
            ),
        ] {
            assert_eq!(whisper_ctranslate2(ours), ctranslate2);
            assert_eq!(whisper_transformers(ours), transformers);
        }
    }
}
