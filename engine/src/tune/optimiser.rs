//! AdamW (Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019), whose moments can be saved: candle's own
//! keeps them to itself, so that a run could not go on after a break.

/// Moments of the gradients so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdamW {
    /// Mean of the gradients.
    pub(super) first: Vec<f32>,
    /// Mean of their squares.
    pub(super) second: Vec<f32>,
    /// Steps so far.
    pub(super) steps: u64,
}

const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

impl AdamW {
    pub(super) fn new(n: usize) -> Self {
        Self { first: vec![0.0; n], second: vec![0.0; n], steps: 0 }
    }

    /// A step up the gradient.
    pub(super) fn climb(&mut self, parameters: &mut [f32], gradient: &[f32], rate: f64, decay: f64) {
        self.steps += 1;
        let unbiased = BETAS.map(|beta| 1.0 / (1.0 - beta.powf(self.steps as f64)));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((x, gradient), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            let gradient = f64::from(*gradient);
            let mean = BETAS[0] * f64::from(*first) + (1.0 - BETAS[0]) * gradient;
            let square = BETAS[1] * f64::from(*second) + (1.0 - BETAS[1]) * gradient * gradient;
            (*first, *second) = (mean as f32, square as f32);
            let step = mean * unbiased[0] / ((square * unbiased[1]).sqrt() + EPSILON);
            *x = (f64::from(*x) * (1.0 - rate * decay) + rate * step) as f32;
        }
    }
}

/// The rate at a step: from `rate` down to a tenth of it, along a cosine.
pub(super) fn cosine(rate: f64, step: usize, steps: usize) -> f64 {
    let done = step as f64 / steps.max(1) as f64;
    rate * (0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};
    use candle_nn::{Optimizer, ParamsAdamW};

    use super::*;

    #[test]
    fn steps_are_those_of_the_library() {
        let var = Var::new(&[0.5f32, -1.0, 2.0], &Device::Cpu).unwrap();
        let params = ParamsAdamW { lr: 0.01, weight_decay: 0.1, ..Default::default() };
        let mut theirs = candle_nn::AdamW::new(vec![var.clone()], params).unwrap();
        let (mut ours, mut x) = (AdamW::new(3), vec![0.5, -1.0, 2.0]);
        for step in 0..20 {
            let slope = Tensor::new(&[1.0f32, -0.3 * step as f32, 0.01], &Device::Cpu).unwrap();
            let loss = (var.as_tensor() * &slope).unwrap().sum_all().unwrap();
            theirs.backward_step(&loss).unwrap();
            let up: Vec<f32> = slope.to_vec1::<f32>().unwrap().iter().map(|g| -g).collect();
            ours.climb(&mut x, &up, 0.01, 0.1);
        }
        for (ours, theirs) in x.iter().zip(var.to_vec1::<f32>().unwrap()) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }

    #[test]
    fn the_rate_falls_to_a_tenth() {
        assert_eq!(cosine(1.0, 0, 100), 1.0);
        assert!((cosine(1.0, 100, 100) - 0.1).abs() < 1e-12);
    }
}
