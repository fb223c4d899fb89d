//! The contract of products with panels: the processor has the named features, panels have `x.n_blocks` units, and `out` has a
//! place for each panel and each row of `x`, or for the panel and the rows of the tile that it is called with.

pub(in crate::kernels) mod avx2;
pub(in crate::kernels) mod dense;
pub(in crate::kernels) mod floats;
pub(in crate::kernels) mod plane;
pub(in crate::kernels) mod probe;
pub(in crate::kernels) mod vnni;

use crate::kernels::packed::Format;

/// Formats as numbers, for which kernels are compiled one by one.
const Q4_0: u8 = Format::Q4_0 as u8;
const Q4_1: u8 = Format::Q4_1 as u8;
const Q5_0: u8 = Format::Q5_0 as u8;
const Q5_1: u8 = Format::Q5_1 as u8;
const Q8_0: u8 = Format::Q8_0 as u8;
const Q4K: u8 = Format::Q4K as u8;
const Q5K: u8 = Format::Q5K as u8;
const Q6K: u8 = Format::Q6K as u8;

/// The format of such a number.
const fn format(number: u8) -> Format {
    Format::ALL[number as usize]
}

/// Calls `$kernel::<format>` for a format.
macro_rules! for_format {
    ($format:expr, $kernel:ident $args:tt) => {
        match $format {
            Format::Q4_0 => $kernel::<Q4_0> $args,
            Format::Q4_1 => $kernel::<Q4_1> $args,
            Format::Q5_0 => $kernel::<Q5_0> $args,
            Format::Q5_1 => $kernel::<Q5_1> $args,
            Format::Q8_0 => $kernel::<Q8_0> $args,
            Format::Q4K => $kernel::<Q4K> $args,
            Format::Q5K => $kernel::<Q5K> $args,
            Format::Q6K => $kernel::<Q6K> $args,
        }
    };
}
use for_format;
