//! Functions of whole rows, in place and on every core.

use candle_core::{CpuStorage, InplaceOp1, Layout};
use rayon::prelude::*;

/// A function of each row of a tensor that nobody else holds, on the processor: its name, then what it does.
pub(crate) struct EachRow<F>(pub &'static str, pub F);

impl<F: Fn(&mut [f32]) + Sync> InplaceOp1 for EachRow<F> {
    fn name(&self) -> &'static str {
        self.0
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (Some((start, end)), CpuStorage::F32(values)) = (layout.contiguous_offsets(), storage) else {
            candle_core::bail!("{} needs contiguous f32", self.0);
        };
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        values[start..end].par_chunks_mut(width).for_each(&self.1);
        Ok(())
    }
}
