//! The contract of products with panels: the processor has the named features, panels have `x.n_blocks` units, and `out` has a
//! place for each panel and each row of `x`, or for the panel and the rows of the tile that it is called with.

pub(in crate::kernels) mod avx2;
pub(in crate::kernels) mod dense;
pub(in crate::kernels) mod floats;
pub(in crate::kernels) mod levels;
pub(in crate::kernels) mod pairs;
pub(in crate::kernels) mod plane;
pub(in crate::kernels) mod probe;
pub(in crate::kernels) mod product;
pub(in crate::kernels) mod quantize;
pub(in crate::kernels) mod vnni;

use super::formats::*;
use crate::kernels::packed::Format;
