//! Functions of whole rows, in place and on every core.

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout};

use crate::kernels::rowwise::for_each_row;

/// A function of each row of a tensor that nobody else holds, on the processor: its name, then what it does.
pub(super) struct EachRow<F>(pub &'static str, pub F);

impl<F: Fn(&mut [f32]) + Sync> InplaceOp1 for EachRow<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (Some((start, end)), CpuStorage::F32(values)) = (layout.contiguous_offsets(), storage) else {
            candle_core::bail!("{} needs contiguous f32", self.0);
        };
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        for_each_row(&mut values[start..end], width, |_, row| (self.1)(row));
        Ok(())
    }
}

/// A function of two tensors of the same shape, number by number, that writes to the first, which nobody else holds;
/// its name, then what it does.
pub(super) struct EachPair(pub &'static str, pub fn(&mut [f32], &[f32]));

impl InplaceOp2 for EachPair {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (Some((start, end)), CpuStorage::F32(x)) = (x_layout.contiguous_offsets(), x) else {
            candle_core::bail!("{} needs contiguous f32", self.0);
        };
        let (Some((from, to)), CpuStorage::F32(y)) = (y_layout.contiguous_offsets(), y) else {
            candle_core::bail!("{} needs contiguous f32", self.0);
        };
        if end - start != to - from {
            candle_core::bail!("{} needs two tensors of the same shape", self.0);
        }
        /// Numbers per row: any do.
        const WIDTH: usize = 1024;
        let y = &y[from..to];
        for_each_row(&mut x[start..end], WIDTH, |i, x| (self.1)(x, &y[i * WIDTH..][..x.len()]));
        Ok(())
    }
}
