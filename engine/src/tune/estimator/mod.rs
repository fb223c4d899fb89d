//! Which chains count how much in the gradient of the log-likelihood of right answers.
//!
//! For an example with question x and answer y, rationales z and c(z) = 1 where z ends with y, that gradient is the mean
//! of ∇ log p(z|x) over p(z|x) cut to right chains. A memory holds one chain of each example; a proposal from p(z|x)
//! takes its place where it is right (an independence sampler: accepted with min(1, c(proposal) / c(memory))).
//!
//! The control variate subtracts β ∇ log p(proposal), whose mean is zero, where β is how likely a proposal is right,
//! estimated from the other examples of the batch. An accepted example then counts 1 − β, which vanishes as the model
//! gets everything right. That the mean is zero needs an example that counts whatever is proposed, so both the control
//! variate and β leave out examples whose memory was wrong: those count only when their proposal is right. The published
//! notebook takes them in, which makes β too large and their first right chain nearly worthless; where all memories are
//! right, as its guide makes them, both are the same.

/// What was drawn for one example of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Whether the proposal is right.
    pub proposal: bool,
    /// Whether the chain in memory was right before.
    pub memory: bool,
}

impl Drawn {
    /// Whether the memory is right afterwards: only then does the example count.
    pub fn counts(self) -> bool {
        self.proposal || self.memory
    }
}

/// What the chains of one example count: that in memory afterwards, and the proposal. An accepted proposal is the chain
/// in memory, so its weights add up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weights {
    /// Of ∇ log p(memory afterwards).
    pub memory: f64,
    /// Of ∇ log p(proposal).
    pub proposal: f64,
}

/// How likely a proposal is right, for each example whose memory was right, from the others of that kind; 0 where there
/// are none, and for an example whose memory was wrong.
pub fn leave_one_out(drawn: &[Drawn]) -> Vec<f64> {
    let right = drawn.iter().filter(|drawn| drawn.memory && drawn.proposal).count();
    let all = drawn.iter().filter(|drawn| drawn.memory).count();
    let beta = |drawn: &Drawn| match drawn.memory && all > 1 {
        true => (right - usize::from(drawn.proposal)) as f64 / (all - 1) as f64,
        false => 0.0,
    };
    drawn.iter().map(beta).collect()
}

/// Weights of the mean gradient over the examples that count; all zero where none does.
pub fn weights(drawn: &[Drawn], with_control: bool) -> Vec<Weights> {
    let n = drawn.iter().filter(|drawn| drawn.counts()).count() as f64;
    let betas = if with_control { leave_one_out(drawn) } else { vec![0.0; drawn.len()] };
    let weight = |(drawn, beta): (&Drawn, f64)| match (drawn.counts(), drawn.proposal) {
        (false, _) => Weights::default(),
        (true, true) => Weights { memory: (1.0 - beta) / n, proposal: 0.0 },
        (true, false) => Weights { memory: 1.0 / n, proposal: -beta / n },
    };
    drawn.iter().zip(betas).map(weight).collect()
}

/// Keeps at most `most` of the terms, so that the sum keeps its mean: systematic resampling (Carpenter et al., 1999) in
/// proportion to |weight|; what is kept counts Σ|weight| / `most` for each time it was chosen. `offset` is uniform in
/// [0, 1).
pub fn subsample(weights: &[f64], most: usize, offset: f64) -> Vec<f64> {
    let all: f64 = weights.iter().map(|weight| weight.abs()).sum();
    if most == 0 || all == 0.0 || weights.iter().filter(|weight| **weight != 0.0).count() <= most {
        return weights.to_vec();
    }
    let step = all / most as f64;
    let (mut before, mut chosen) = (0.0, 0usize);
    let mut kept = Vec::with_capacity(weights.len());
    for weight in weights {
        before += weight.abs();
        // Marks at (i + offset) · step for i = 0, 1, …: those up to here.
        let marks = ((before / step - offset).ceil().max(0.0) as usize).min(most);
        kept.push(weight.signum() * step * marks.saturating_sub(chosen) as f64);
        chosen = marks.max(chosen);
    }
    kept
}

/// The variance of a mean of several estimates, summed over all coordinates, and the squared length of the mean.
pub fn variance_of_mean(estimates: &[Vec<f32>]) -> (f64, f64) {
    let n = estimates.len() as f64;
    let (Some(first), true) = (estimates.first(), estimates.len() > 1) else { return (0.0, 0.0) };
    let (mut variance, mut length) = (0.0, 0.0);
    for i in 0..first.len() {
        let mean = estimates.iter().map(|estimate| f64::from(estimate[i])).sum::<f64>() / n;
        let squares = estimates.iter().map(|estimate| (f64::from(estimate[i]) - mean).powi(2));
        variance += squares.sum::<f64>() / (n - 1.0) / n;
        length += mean * mean;
    }
    (variance, length)
}

#[cfg(test)]
mod tests;
