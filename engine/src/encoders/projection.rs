//! What several encoders share: the step into the decoder's space, and places on a grid.

use candle_core::{Device, Tensor};

use crate::error::{Doing, Error, Result};
use crate::kernels::rowwise::add_scaled;
use crate::nn::{Linear, RmsNorm};
use crate::weights::Weights;

/// A norm without a weight, then a linear layer (`Gemma4MultimodalEmbedder` of transformers).
pub(super) struct Projection {
    norm: RmsNorm,
    linear: Linear,
    device: Device,
}

impl Projection {
    pub(super) fn new(n_in: usize, d_model: usize, eps: f64, w: &Weights) -> Result<Self> {
        let device = w.device().clone();
        let linear = Linear::new(n_in, d_model, w)?;
        Ok(Self { norm: RmsNorm::unscaled(n_in, eps, &device)?, linear, device })
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// `[n, n_in]`, contiguous → `[n, d_model]`
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.linear.forward(&self.norm.forward(x)?)
    }
}

/// The sum of every `k × k` squares of a grid, times `factor`.
///
/// # Shapes
/// - `x`: `[rows * columns, d]`, rows and columns multiples of `k`
/// - returns: `[rows / k * columns / k, d]`
pub(super) fn add_squares(x: &Tensor, columns: usize, k: usize, factor: f32) -> candle_core::Result<Tensor> {
    let (n, d) = x.dims2()?;
    let squares: Vec<f32> = x.flatten_all()?.to_vec1()?;
    let mut sums = vec![0.0; n / (k * k) * d];
    for (i, square) in squares.chunks_exact(d).enumerate() {
        let (down, across) = (i / columns / k, i % columns / k);
        add_scaled(&mut sums[(down * (columns / k) + across) * d..][..d], square, factor);
    }
    Tensor::from_vec(sums, (n / (k * k), d), x.device())
}

/// Adds an embedding of its column and one of its row to each square of a grid.
///
/// # Shapes
/// - `x`: `[rows * columns, d]`
/// - `table`: `[2, n_positions, d]`: by column, by row
/// - returns: as `x`
///
/// # Errors
/// [`Error::Request`] when a side is longer than the table.
pub(super) fn add_grid_positions(x: &Tensor, table: &Tensor, columns: usize, rows: usize) -> Result<Tensor> {
    const DOING: &str = "placing a picture";
    let (_, n_positions, d) = table.dims3().doing(DOING)?;
    if columns.max(rows) > n_positions {
        let reason = format!(
            "the picture is too long and thin for this model: {columns} × {rows} patches, at most \
             {n_positions} along a side; cut it into parts"
        );
        return Err(Error::Request { reason });
    }
    let add = || -> candle_core::Result<Tensor> {
        let by_column = table.get(0)?.narrow(0, 0, columns)?.reshape((1, columns, d))?;
        let by_row = table.get(1)?.narrow(0, 0, rows)?.reshape((rows, 1, d))?;
        let places = by_column.broadcast_add(&by_row)?.reshape((rows * columns, d))?;
        x + places
    };
    add().doing(DOING)
}
