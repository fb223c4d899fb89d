//! Low-rank adapters (Hu et al., LoRA, 2021): a layer gives `x Wᵀ + b + scale · (x Aᵀ) Bᵀ`, with its weights as they are.

use candle_core::Tensor;

use super::array::Array;
use super::linear::Linear;

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
