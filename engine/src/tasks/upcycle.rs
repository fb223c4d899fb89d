//! Sparse upcycling (Komatsuzaki et al., 2023): a dense checkpoint becomes a mixture of experts that computes
//! the same function, to be trained on from there.
//!
//! Every expert starts as a copy of the layer's network. As the weights of the chosen ones sum to 1, any
//! router gives what the dense network gave.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use crate::cancel::Cancel;
use crate::decoder::{DecoderConfig, FeedForwardSpec, hugging_face};
use crate::error::{Doing, Error, Result};
use crate::nn::{Activation, RotaryScaling, RotaryStyle};
use crate::random::next_bits;
use crate::weights::gguf::GgufFile;
use crate::weights::write::{Planned, write_safetensors};
use crate::weights::{Weights, names};

/// What is made of a dense checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpcycleOptions {
    /// Copies of each layer's network.
    pub n_experts: usize,
    /// Copies that each position goes through.
    pub n_chosen: usize,
    /// Seed of the router.
    pub seed: u64,
    /// Write 16-bit numbers where the dense checkpoint holds blocks of quantised ones.
    pub half: bool,
}

/// Standard deviation of a router's first weights (the paper, appendix A).
const ROUTER_STD: f64 = 0.02;

/// Files beside the weights that the new checkpoint needs just as the old one did.
const KEPT: [&str; 6] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
];

/// Writes `to`, a Hugging Face folder, from a GGUF file or a Hugging Face folder. Models of Llama's family
/// become Mixtral's, those of Qwen 3 become Qwen 3 MoE. `progress` hears tensors done and tensors in all.
/// `false` when cancelled; nothing is left then.
///
/// # Errors
/// [`Error::Config`] for other families, [`Error::Request`] for sizes that make no sense, [`Error::Io`].
pub fn upcycle(
    from: &Path,
    to: &Path,
    options: UpcycleOptions,
    cancel: &Cancel,
    progress: impl Fn(usize, usize),
) -> Result<bool> {
    let UpcycleOptions { n_experts, n_chosen, .. } = options;
    if !(2..=1024).contains(&n_experts) || !(1..=n_experts).contains(&n_chosen) {
        let reason =
            format!("{n_chosen} of {n_experts} experts make no sense: choose 2 to 1024, and fewer of them");
        return Err(Error::Request { reason });
    }
    let dense = Dense::open(from)?;
    let qk_norm = dense.config.layers.iter().all(|layer| layer.attention.qk_norm);
    dense.check(qk_norm)?;
    std::fs::create_dir_all(to).map_err(|source| Error::io("making", to, source))?;
    let planned = dense.plan(options, if qk_norm { names::hugging_face } else { names::mixtral })?;
    let n = planned.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let watched = planned.into_iter().map(|planned| {
        let (make, done, progress) = (planned.make, &done, &progress);
        let make = move || {
            if cancel.is_cancelled() {
                return Err(Error::Request { reason: "cancelled".into() });
            }
            progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed), n);
            make()
        };
        Planned { make: Box::new(make), ..planned }
    });
    let written = write_safetensors(&to.join("model.safetensors"), watched.collect());
    if cancel.is_cancelled() {
        return Ok(false);
    }
    written?;
    let config = serde_json::to_string_pretty(&dense.described(options, qk_norm)).unwrap_or_default();
    let path = to.join("config.json");
    std::fs::write(&path, config).map_err(|source| Error::io("writing", &path, source))?;
    for name in KEPT.iter().filter(|name| from.join(name).is_file()) {
        let path = from.join(name);
        std::fs::copy(&path, to.join(name)).map_err(|source| Error::io("copying", &path, source))?;
    }
    progress(n, n);
    Ok(true)
}

/// The checkpoint that is read.
struct Dense {
    config: DecoderConfig,
    weights: Weights,
    /// GGUF files of Llama models hold the rows of queries and keys in another order.
    permuted: bool,
    /// Begin and end tokens and whatever else the file says, for the new config.
    file: Value,
}

impl Dense {
    fn open(from: &Path) -> Result<Self> {
        if from.is_dir() {
            let described = hugging_face::describe(&from.join("config.json"))?;
            let weights = Weights::from_folder(from, &Device::Cpu, described.names)?;
            return Ok(Self { config: described.config, weights, permuted: false, file: described.file });
        }
        let file = GgufFile::open(from)?;
        let meta = file.metadata();
        let weights = file.weights(&Device::Cpu, names::gguf_decoder);
        let n_vocab = meta.list("tokenizer.ggml.tokens").map_or(0, |list| list.len());
        let config = DecoderConfig::from_gguf(&meta, n_vocab, !weights.sub("output").has("weight"))?;
        let permuted =
            config.layers.iter().all(|layer| layer.attention.rotary.style == RotaryStyle::Interleaved);
        let id = |key: &str| meta.integer(key);
        let file = json!({
            "bos_token_id": id("tokenizer.ggml.bos_token_id"),
            "eos_token_id": id("tokenizer.ggml.eos_token_id"),
            "pad_token_id": id("tokenizer.ggml.padding_token_id"),
        });
        Ok(Self { config, weights, permuted, file })
    }

    /// Whether Mixtral or Qwen 3 MoE can hold it.
    fn check(&self, qk_norm: bool) -> Result<()> {
        let plain = self.config.embedding_scale == 1.0 && self.config.logit_softcap.is_none();
        let fits = self.config.layers.iter().all(|layer| {
            let dense = matches!(layer.feed_forward, FeedForwardSpec::Gated(gated) if gated.activation == Activation::Silu);
            let rotary = layer.attention.rotary.scaling == RotaryScaling::None;
            dense && rotary && !layer.post_norms && layer.attention.window.is_none() && layer.attention.qk_norm == qk_norm
        });
        if plain && fits {
            return Ok(());
        }
        let reason =
            "only dense models of the families llama and qwen3 without stretched angles can be upcycled";
        Err(Error::Config { field: "model_type", reason: reason.into() })
    }

    fn plan(&self, options: UpcycleOptions, name: fn(&str) -> String) -> Result<Vec<Planned<'_>>> {
        let DecoderConfig { n_vocab, d_model, .. } = self.config;
        let mut all = vec![
            self.copy("embedding", &[n_vocab, d_model], "embedding", name, options),
            self.copy("norm", &[d_model], "norm", name, options),
        ];
        if !self.config.tied_output {
            all.push(self.copy("output", &[n_vocab, d_model], "output", name, options));
        }
        for (i, layer) in self.config.layers.iter().enumerate() {
            let FeedForwardSpec::Gated(gated) = layer.feed_forward else { continue };
            let a = &layer.attention;
            let (d_q, d_kv) = (a.n_heads * a.head_dim, a.n_kv_heads * a.head_dim);
            let mut parts = vec![
                ("attention_norm", vec![d_model]),
                ("feed_forward_norm", vec![d_model]),
                ("attention.q", vec![d_q, d_model]),
                ("attention.k", vec![d_kv, d_model]),
                ("attention.v", vec![d_kv, d_model]),
                ("attention.output", vec![d_model, d_q]),
            ];
            if a.qk_norm {
                parts
                    .extend([("attention.q_norm", vec![a.head_dim]), ("attention.k_norm", vec![a.head_dim])]);
            }
            for (part, shape) in parts {
                let whole = format!("blocks.{i}.{part}");
                let mut planned = self.copy(&whole, &shape, &whole, name, options);
                let heads = match part {
                    "attention.q" => a.n_heads,
                    "attention.k" => a.n_kv_heads,
                    _ => 0,
                };
                if self.permuted && heads > 0 {
                    let make = planned.make;
                    planned.make = Box::new(move || make().and_then(|t| neighbours_apart(&t, heads)));
                }
                all.push(planned);
            }
            for matrix in ["gate", "up", "down"] {
                let shape =
                    if matrix == "down" { [d_model, gated.d_hidden] } else { [gated.d_hidden, d_model] };
                let from = format!("blocks.{i}.feed_forward.{matrix}");
                for expert in 0..options.n_experts {
                    let to = format!("blocks.{i}.feed_forward.experts.{expert}.{matrix}");
                    all.push(self.copy(&from, &shape, &to, name, options));
                }
            }
            let seed = options.seed ^ (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let shape = (options.n_experts, d_model);
            all.push(Planned {
                name: name(&format!("blocks.{i}.feed_forward.router.weight")),
                shape: vec![shape.0, shape.1],
                dtype: DType::F32,
                make: Box::new(move || {
                    Tensor::from_vec(normal(seed, shape.0 * shape.1), shape, &Device::Cpu)
                        .doing("making a router")
                }),
            });
        }
        Ok(all)
    }

    /// A tensor as it is, under another name.
    fn copy(
        &self,
        from: &str,
        shape: &[usize],
        to: &str,
        name: fn(&str) -> String,
        options: UpcycleOptions,
    ) -> Planned<'_> {
        let w = self.weights.sub(from);
        let dtype = match w.dtype("weight") {
            Some(DType::F32) => DType::F32,
            Some(DType::BF16) => DType::BF16,
            Some(DType::F16) => DType::F16,
            _ if options.half => DType::F16,
            // Blocks of quantised numbers: what they stand for is no 16-bit number.
            _ => DType::F32,
        };
        let of = shape.to_vec();
        let make = Box::new(move || w.get("weight", &of));
        Planned { name: name(&format!("{to}.weight")), shape: shape.to_vec(), dtype, make }
    }

    /// `config.json` of what is made.
    fn described(&self, options: UpcycleOptions, qk_norm: bool) -> Value {
        let DecoderConfig { n_vocab, d_model, context_tokens, norm, tied_output, ref layers, .. } =
            self.config;
        let (a, d_hidden) = match layers.first() {
            Some(layer) => match layer.feed_forward {
                FeedForwardSpec::Gated(gated) => (&layer.attention, gated.d_hidden),
                _ => (&layer.attention, 0),
            },
            None => return Value::Null,
        };
        let mut config = json!({
            "model_type": if qk_norm { "qwen3_moe" } else { "mixtral" },
            "architectures": [if qk_norm { "Qwen3MoeForCausalLM" } else { "MixtralForCausalLM" }],
            "vocab_size": n_vocab,
            "hidden_size": d_model,
            "intermediate_size": d_hidden,
            "num_hidden_layers": layers.len(),
            "num_attention_heads": a.n_heads,
            "num_key_value_heads": a.n_kv_heads,
            "head_dim": a.head_dim,
            "max_position_embeddings": context_tokens,
            "rms_norm_eps": norm.eps,
            "hidden_act": "silu",
            "rope_theta": a.rotary.base,
            "sliding_window": null,
            "tie_word_embeddings": tied_output,
            "num_experts_per_tok": options.n_chosen,
        });
        if qk_norm {
            config["num_experts"] = json!(options.n_experts);
            config["moe_intermediate_size"] = json!(d_hidden);
            config["norm_topk_prob"] = json!(true);
            config["decoder_sparse_step"] = json!(1);
            config["mlp_only_layers"] = json!([]);
        } else {
            config["num_local_experts"] = json!(options.n_experts);
        }
        for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
            if let Some(id) = self.file.get(key).filter(|id| !id.is_null()) {
                config[key] = id.clone();
            }
        }
        config
    }
}

/// Rows of heads with neighbours rotated together, in the order where halves are.
fn neighbours_apart(rows: &Tensor, n_heads: usize) -> Result<Tensor> {
    let apart = || {
        let (n, width) = rows.dims2()?;
        let pairs = rows.reshape((n_heads, n / n_heads / 2, 2, width))?;
        pairs.transpose(1, 2)?.contiguous()?.reshape((n, width))
    };
    apart().doing("ordering the rows of heads")
}

/// Normal numbers of a seed (Box and Muller, 1958).
fn normal(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || (next_bits(&mut state) >> 11) as f64 / (1u64 << 53) as f64;
    (0..n)
        .map(|_| {
            let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
            (ROUTER_STD * radius * (std::f64::consts::TAU * uniform()).cos()) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_starts_with_small_normal_numbers_of_its_seed() {
        let numbers = normal(3, 20_000);
        let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / 20_000.0;
        let deviation = numbers.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 1e-3 && (deviation.sqrt() - ROUTER_STD).abs() < 1e-3, "{mean} {deviation}");
        assert_eq!(numbers, normal(3, 20_000));
        assert_ne!(numbers, normal(4, 20_000));
    }

    #[test]
    fn permuted_rows_come_apart_as_they_were_put_together() {
        let rows = Tensor::arange(0u32, 12, &Device::Cpu).unwrap().reshape((12, 1)).unwrap();
        let apart = neighbours_apart(&rows, 2).unwrap().flatten_all().unwrap();
        assert_eq!(apart.to_vec1::<u32>().unwrap(), [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
    }
}
