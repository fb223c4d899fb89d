//! Low-rank adapters (Hu et al., LoRA, 2021): a layer gives `x Wᵀ + b + scale · (x Aᵀ) Bᵀ`, with its weights as they are.

use candle_core::Tensor;

use super::array::{Array, Rows};
use super::linear::Linear;
use crate::kernels::buffer::Buffer;
use crate::kernels::{Isa, dense, transpose};

/// What an adapter adds to one layer.
pub struct LowRank {
    /// `[rank, n_in]`
    a: Tensor,
    /// `[n_out, rank]`
    b: Tensor,
    scale: f64,
    /// The same for our kernels: `A`, and `scale · B`.
    host: Option<[Linear; 2]>,
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
                let layer = |weight: Tensor| Linear::from_tensors(weight, None);
                Some([layer(a.detach())?, layer((b.detach() * scale)?)?])
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
        let Some([down, _]) = &self.host else {
            candle_core::bail!("an adapter is on another device than its layer");
        };
        let ((n_out, n_in), rank, isa) = (self.shape(), self.a.dims()[0], Isa::detect());
        let n = x.len() / n_in.max(1);
        let hidden = down.forward(&Rows::of(Buffer::of(x), n_in)?)?;
        let mut at_hidden = Buffer::full(n * rank, 0.0);
        let row_of = |all: &[f32], width: usize, r: usize, row: &mut [f32]| {
            row.copy_from_slice(&all[r * width..][..width]);
        };
        self.b.read(|b| {
            let row = |r: usize, row: &mut [f32]| row_of(b, rank, r, row);
            dense::add_times_turned(isa, (n_out, rank), gradient, row, &mut at_hidden);
        })?;
        at_hidden.iter_mut().for_each(|x| *x *= self.scale as f32);
        self.a.read(|a| {
            let row = |r: usize, row: &mut [f32]| row_of(a, n_in, r, row);
            dense::add_times_turned(isa, (rank, n_in), &at_hidden, row, at_x);
        })?;
        // Sums over the rows: what is narrow stands before what is wide.
        let over_rows = |narrow: &[f32], wide: &[f32], width: usize| {
            let mut turned = Buffer::new(narrow.len());
            transpose((n, rank), narrow, rank, &mut turned, n);
            let mut sums = Buffer::full(rank * width, 0.0);
            dense::add_times_turned(
                isa,
                (n, width),
                &turned,
                |r, row| row_of(wide, width, r, row),
                &mut sums,
            );
            sums
        };
        let at_a = over_rows(&at_hidden, x, n_in);
        let of_b = hidden.read(|hidden| over_rows(hidden, gradient, n_out))?;
        let mut at_b = Buffer::new(n_out * rank);
        transpose((rank, n_out), &of_b, n_out, &mut at_b, rank);
        at_b.iter_mut().for_each(|x| *x *= self.scale as f32);
        Ok([at_a, at_b])
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
            (_, _, Some([a, b])) => b.forward_onto(y, &a.forward(x)?),
            _ => candle_core::bail!("an adapter is on another device than its layer"),
        }
    }
}
