//! What a layer does with each position: one gated network, some of many, or both.

use super::adapter::Projection;
use super::config::{DecoderConfig, FeedForwardSpec, GatedSpec};
use super::experts::{Experts, Router};
use crate::error::Result;
use crate::nn::{Activation, Linear, RmsNorm, Rows, add};
use crate::weights::Weights;

#[derive(Clone)]
pub(super) struct FeedForward {
    norm: RmsNorm,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Gated(Gated),
    Experts(Router, Experts),
    Both(Box<Both>),
}

/// A network for all positions and chosen ones beside it; the router reads what is not normed.
#[derive(Clone)]
struct Both {
    dense: Gated,
    post_dense_norm: RmsNorm,
    router: Router,
    expert_norm: RmsNorm,
    experts: Experts,
    post_expert_norm: RmsNorm,
}

impl FeedForward {
    /// `w` is the layer's.
    pub(super) fn new(config: &DecoderConfig, spec: &FeedForwardSpec, w: &Weights) -> Result<Self> {
        let norm = |name: &str| RmsNorm::new(config.d_model, config.norm, &w.sub(name));
        let (d_model, own) = (config.d_model, w.sub("feed_forward"));
        let kind = match spec {
            FeedForwardSpec::Gated(spec) => Kind::Gated(Gated::new(d_model, *spec, &own)?),
            FeedForwardSpec::Experts(spec) => {
                Kind::Experts(Router::new(config, *spec, &own)?, Experts::new(d_model, *spec, &own)?)
            }
            FeedForwardSpec::Both(dense, experts) => Kind::Both(Box::new(Both {
                dense: Gated::new(d_model, *dense, &own)?,
                post_dense_norm: norm("post_dense_norm")?,
                router: Router::new(config, *experts, &own)?,
                expert_norm: norm("expert_norm")?,
                experts: Experts::new(d_model, *experts, &own)?,
                post_expert_norm: norm("post_expert_norm")?,
            })),
        };
        Ok(Self { norm: norm("feed_forward_norm")?, kind })
    }

    /// The layer that a kind of adapter changes, where one network serves all positions.
    pub(super) fn linear(&self, of: Projection) -> Option<&Linear> {
        let Kind::Gated(gated) = &self.kind else { return None };
        match of {
            Projection::Gate => Some(&gated.gate),
            Projection::Up => Some(&gated.up),
            Projection::Down => Some(&gated.down),
            _ => None,
        }
    }

    /// The same, to be changed, where one network serves all positions.
    pub(super) fn linear_mut(&mut self, of: Projection) -> Option<&mut Linear> {
        let Kind::Gated(gated) = &mut self.kind else { return None };
        match of {
            Projection::Gate => Some(&mut gated.gate),
            Projection::Up => Some(&mut gated.up),
            Projection::Down => Some(&mut gated.down),
            _ => None,
        }
    }

    /// Calls `count` with each row and each expert that it goes through.
    ///
    /// # Shapes
    /// - `x`: `[n, d_model]`, not normed yet
    /// - returns: the same
    pub(super) fn forward(&self, x: &Rows, count: impl FnMut(usize, usize)) -> candle_core::Result<Rows> {
        match &self.kind {
            Kind::Gated(gated) => gated.forward(&self.norm, x),
            Kind::Experts(router, experts) => {
                let normed = self.norm.forward(x)?;
                experts.forward(&normed, &router.route(&normed)?, count)
            }
            Kind::Both(both) => {
                let dense = both.post_dense_norm.forward(&both.dense.forward(&self.norm, x)?)?;
                let routed = both.router.route(x)?;
                let sparse = both.experts.forward(&both.expert_norm.forward(x)?, &routed, count)?;
                add(both.post_expert_norm.forward(&sparse)?, &dense)
            }
        }
    }
}

/// `down(activation(gate(x)) · up(x))`.
#[derive(Clone)]
pub(super) struct Gated {
    pub(super) gate: Linear,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) activation: Activation,
}

impl Gated {
    fn new(d_model: usize, spec: GatedSpec, w: &Weights) -> Result<Self> {
        Self::with(Linear::new, d_model, spec, w)
    }

    /// Weights stay in their mapped file.
    pub(super) fn in_place(d_model: usize, spec: GatedSpec, w: &Weights) -> Result<Self> {
        Self::with(Linear::in_place, d_model, spec, w)
    }

    fn with(
        linear: fn(usize, usize, &Weights) -> Result<Linear>,
        d_model: usize,
        spec: GatedSpec,
        w: &Weights,
    ) -> Result<Self> {
        Ok(Self {
            gate: linear(d_model, spec.d_hidden, &w.sub("gate"))?,
            up: linear(d_model, spec.d_hidden, &w.sub("up"))?,
            down: linear(spec.d_hidden, d_model, &w.sub("down"))?,
            activation: spec.activation,
        })
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`, which `norm` goes over first
    /// - returns: the same
    fn forward(&self, norm: &RmsNorm, x: &Rows) -> candle_core::Result<Rows> {
        let [gate, up] = Linear::forward_each_normed([&self.gate, &self.up], norm, x)?;
        self.down.forward_gated(self.activation, gate, &up)
    }
}
