//! What of a decoder counts for its cost.

use serde::Deserialize;

use crate::decoder::{DecoderConfig, FeedForwardSpec, GatedSpec, KeySource, LayerSpec};

/// Sizes of a decoder; numbers are parameters, not bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// What people call it.
    pub name: String,
    /// Width of the residual stream, E.
    pub d_model: usize,
    /// Tokens in the table.
    pub n_vocab: usize,
    /// Whether the output matrix is the token table.
    pub tied: bool,
    /// Whether attention and feed-forward read the same input and are added together (Wang and Komatsuzaki, 2021):
    /// they then share their collectives.
    pub parallel: bool,
    /// Positions it was trained for, where that is known.
    pub context_tokens: Option<usize>,
    /// Bottom to top.
    pub layers: Vec<LayerShape>,
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerShape {
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads: as many as queries (multi-head), fewer (grouped), or one (multi-query).
    pub n_kv_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// How many positions a query sees, where not all before it.
    pub window: Option<usize>,
    /// Matrices for keys and values: 2, 1 where values are keys, 0 where an earlier layer's are read.
    pub n_kv_matrices: usize,
    /// The network that all tokens go through, if there is one.
    pub dense: Option<FeedForwardShape>,
    /// The networks that tokens choose from, if there are any.
    pub experts: Option<ExpertsShape>,
}

/// A feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedForwardShape {
    /// Width between, F.
    pub d_hidden: usize,
    /// Matrices of E × F: 3 with a gate, else 2.
    pub n_matrices: usize,
}

/// A mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertsShape {
    /// Networks to choose from.
    pub n_experts: usize,
    /// Networks that a token goes through.
    pub n_chosen: usize,
    /// Width between of each.
    pub d_hidden: usize,
    /// Matrices of each: 3 with a gate, else 2.
    pub n_matrices: usize,
}

impl LayerShape {
    /// Parameters of the attention with so many query heads.
    pub(super) fn attention_parameters(&self, d_model: usize, n_heads: usize) -> f64 {
        let heads = 2 * n_heads + self.n_kv_matrices * self.n_kv_heads;
        d_model as f64 * (heads * self.head_dim) as f64
    }

    /// Parameters of the network that all tokens go through.
    pub(super) fn dense_parameters(&self, d_model: usize) -> f64 {
        self.dense.map_or(0.0, |dense| (dense.n_matrices * d_model) as f64 * dense.d_hidden as f64)
    }

    /// Parameters of one expert.
    pub(super) fn expert_parameters(&self, d_model: usize) -> f64 {
        self.experts.map_or(0.0, |experts| (experts.n_matrices * d_model) as f64 * experts.d_hidden as f64)
    }

    /// Networks that a token chooses, and networks in all.
    pub(super) fn chosen_of(&self) -> (f64, f64) {
        self.experts.map_or((0.0, 0.0), |experts| (experts.n_chosen as f64, experts.n_experts as f64))
    }
}

impl Shape {
    /// Parameters, tables included: N.
    pub fn parameters(&self) -> f64 {
        self.count(|layer| layer.chosen_of().1)
    }

    /// Parameters that a token goes through: of experts the chosen ones.
    pub fn active_parameters(&self) -> f64 {
        self.count(|layer| layer.chosen_of().0)
    }

    /// Those of them that a token is multiplied by: without a table that is only looked up.
    pub fn multiplied_parameters(&self) -> f64 {
        self.active_parameters() - if self.tied { 0.0 } else { self.table() }
    }

    /// Numbers of the token table.
    pub(super) fn table(&self) -> f64 {
        self.n_vocab as f64 * self.d_model as f64
    }

    /// The most query heads of a layer.
    pub fn most_heads(&self) -> usize {
        self.layers.iter().map(|layer| layer.n_heads).max().unwrap_or(1)
    }

    /// The most experts of a layer; 0 for a dense decoder.
    pub fn most_experts(&self) -> usize {
        self.layers
            .iter()
            .filter_map(|layer| layer.experts)
            .map(|experts| experts.n_experts)
            .max()
            .unwrap_or(0)
    }

    fn count(&self, n_experts: impl Fn(&LayerShape) -> f64) -> f64 {
        let tables = if self.tied { 1.0 } else { 2.0 };
        let of_layer = |layer: &LayerShape| {
            layer.attention_parameters(self.d_model, layer.n_heads)
                + layer.dense_parameters(self.d_model)
                + n_experts(layer) * layer.expert_parameters(self.d_model)
        };
        tables * self.table() + self.layers.iter().map(of_layer).sum::<f64>()
    }

    /// The sizes of a decoder that the engine loads. Norms, routers and embeddings of single layers are left out: they
    /// are less than a percent.
    pub fn of(name: &str, config: &DecoderConfig) -> Self {
        Self {
            name: name.to_owned(),
            d_model: config.d_model,
            n_vocab: config.n_vocab,
            tied: config.tied_output,
            parallel: false,
            context_tokens: Some(config.context_tokens),
            layers: config.layers.iter().map(layer_shape).collect(),
        }
    }
}

fn layer_shape(layer: &LayerSpec) -> LayerShape {
    let gated = |gated: &GatedSpec| FeedForwardShape { d_hidden: gated.d_hidden, n_matrices: 3 };
    let (dense, experts) = match &layer.feed_forward {
        FeedForwardSpec::Gated(dense) => (Some(dense), None),
        FeedForwardSpec::Experts(experts) => (None, Some(experts)),
        FeedForwardSpec::Both(dense, experts) => (Some(dense), Some(experts)),
    };
    let attention = &layer.attention;
    LayerShape {
        n_heads: attention.n_heads,
        n_kv_heads: attention.n_kv_heads,
        head_dim: attention.head_dim,
        window: attention.window,
        n_kv_matrices: match attention.keys {
            KeySource::Own => 2,
            KeySource::Shared => 1,
            KeySource::Layer(_) => 0,
        },
        dense: dense.map(gated),
        experts: experts.map(|experts| ExpertsShape {
            n_experts: experts.n_experts,
            n_chosen: experts.n_chosen,
            d_hidden: experts.expert.d_hidden,
            n_matrices: 3,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::ExpertsSpec;
    use crate::nn::Activation;

    #[test]
    fn any_decoder_of_the_engine_has_a_shape() {
        // 2 layers: queries and outputs of 32 × 32, keys and values of 32 × 16, three matrices of 32 × 48; 64 tokens.
        let mut config = DecoderConfig::tiny();
        let layer = 2.0 * 1024.0 + 2.0 * 512.0 + 3.0 * 32.0 * 48.0;
        let shape = Shape::of("tiny", &config);
        assert_eq!(shape.parameters(), 2.0 * layer + 2048.0);
        assert_eq!(shape.active_parameters(), shape.parameters());
        config.tied_output = false;
        config.layers[1].attention.keys = KeySource::Layer(0);
        config.layers[0].feed_forward = FeedForwardSpec::Experts(ExpertsSpec {
            n_experts: 8,
            n_chosen: 2,
            expert: GatedSpec { d_hidden: 10, activation: Activation::Silu },
            renormalise: true,
            scaled_router: false,
        });
        let shape = Shape::of("tiny", &config);
        let expert = 3.0 * 32.0 * 10.0;
        let dense = layer - 1024.0 + (3072.0 + 2.0 * 2048.0);
        assert_eq!(shape.parameters(), dense + 8.0 * expert);
        assert_eq!(shape.active_parameters(), dense + 2.0 * expert);
        assert_eq!(shape.most_experts(), 8);
    }
}
