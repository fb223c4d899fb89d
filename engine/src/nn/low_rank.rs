//! Low-rank adapters (Hu et al., LoRA, 2021): a layer gives `x Wᵀ + b + scale · (x Aᵀ) Bᵀ`, with its weights as they are.

use candle_core::Tensor;

use super::array::Array;
use crate::kernels::buffer::Buffer;
use crate::kernels::{add_few_rows, few_mixes, few_rows_times, transpose};

/// What an adapter adds to one layer.
pub struct LowRank {
    /// `[rank, n_in]`
    a: Tensor,
    /// `[n_out, rank]`
    b: Tensor,
    scale: f64,
    /// The same for our kernels: `A`, and `scale · Bᵀ`, `[rank, n_out]`.
    host: Option<[Vec<f32>; 2]>,
}

impl LowRank {
    /// # Shapes
    /// - `a`: `[rank, n_in]`
    /// - `b`: `[n_out, rank]`
    ///
    /// # Errors
    /// When the ranks differ.
    pub fn new(a: Tensor, b: Tensor, scale: f64) -> candle_core::Result<Self> {
        if a.dims2()?.0 != b.dims2()?.1 {
            candle_core::bail!("A of {:?} and B of {:?} have no common rank", a.dims(), b.dims());
        }
        let host = match a.device() {
            candle_core::Device::Cpu => {
                let numbers = |x: Tensor| x.flatten_all()?.to_vec1::<f32>();
                Some([numbers(a.detach())?, numbers((b.detach().t()? * scale)?)?])
            }
            _ => None,
        };
        Ok(Self { a, b, scale, host })
    }

    /// `[rank, n_in]`
    pub fn a(&self) -> &Tensor {
        &self.a
    }

    /// `[n_out, rank]`
    pub fn b(&self) -> &Tensor {
        &self.b
    }

    /// `[n_out, n_in]`
    pub fn shape(&self) -> (usize, usize) {
        (self.b.dims()[0], self.a.dims()[1])
    }

    /// The way back through what it adds, on the processor: gives the gradients of A and B.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - `gradient`: `[n_rows, n_out]`
    /// - `at_x`: as `x`; the gradient there is added
    pub(super) fn backward(
        &self,
        x: &[f32],
        gradient: &[f32],
        at_x: &mut [f32],
    ) -> candle_core::Result<[Buffer; 2]> {
        let Some([a, b]) = &self.host else {
            candle_core::bail!("an adapter is on another device than its layer");
        };
        let ((n_out, n_in), rank) = (self.shape(), self.a.dims()[0]);
        let n = x.len() / n_in.max(1);
        let (mut hidden, mut at_hidden) = (Buffer::new(n * rank), Buffer::new(n * rank));
        few_rows_times(a, n_in, x, &mut hidden);
        few_rows_times(b, n_out, gradient, &mut at_hidden);
        add_few_rows(a, n_in, &at_hidden, at_x);
        let of_b = few_mixes(gradient, n_out, &hidden, rank);
        let mut at_b = Buffer::new(n_out * rank);
        transpose((rank, n_out), &of_b, n_out, &mut at_b, rank);
        at_b.iter_mut().for_each(|x| *x *= self.scale as f32);
        Ok([few_mixes(x, n_in, &at_hidden, rank), at_b])
    }

    /// `y + scale · (x Aᵀ) Bᵀ`; `y` belongs to nobody else.
    ///
    /// # Shapes
    /// - `y`: `[n_rows, n_out]`; returns it
    /// - `x`: `[n_rows, n_in]`
    pub(super) fn add_to<X: Array>(&self, y: X, x: &X) -> candle_core::Result<X> {
        match (y.on_device(), x.on_device(), &self.host) {
            (Some(y), Some(x), _) => {
                let added = x.matmul(&self.a.t()?)?.matmul(&self.b.t()?)?;
                (y + (added * self.scale)?).map(X::of_device)
            }
            (_, _, Some([a, b])) => {
                let ((n_out, n_in), rank) = (self.shape(), self.a.dims()[0]);
                let hidden = x.read(|x| {
                    let mut hidden = Buffer::new(x.len() / n_in.max(1) * rank);
                    few_rows_times(a, n_in, x, &mut hidden);
                    hidden
                })?;
                y.change(|y| add_few_rows(b, n_out, &hidden, y))
            }
            _ => candle_core::bail!("an adapter is on another device than its layer"),
        }
    }
}
