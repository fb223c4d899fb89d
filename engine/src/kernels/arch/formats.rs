//! Formats of panels and kinds of floats as numbers, for which kernels are compiled one by one.

use crate::kernels::packed::Format;
use crate::kernels::rows::Kind;

pub(super) const Q4_0: u8 = Format::Q4_0 as u8;
pub(super) const Q4_1: u8 = Format::Q4_1 as u8;
pub(super) const Q5_0: u8 = Format::Q5_0 as u8;
pub(super) const Q5_1: u8 = Format::Q5_1 as u8;
pub(super) const Q8_0: u8 = Format::Q8_0 as u8;
pub(super) const Q4K: u8 = Format::Q4K as u8;
pub(super) const Q5K: u8 = Format::Q5K as u8;
pub(super) const Q6K: u8 = Format::Q6K as u8;

/// The format of such a number.
pub(super) const fn format(number: u8) -> Format {
    Format::ALL[number as usize]
}

/// Bytes of a number of a kind.
pub(super) const fn size<const KIND: u8>() -> usize {
    if KIND == Kind::F32 as u8 { 4 } else { 2 }
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
pub(super) use for_format;

/// Makes the entry of a way to compute, for which the `panels_of` in scope is compiled with its instructions.
macro_rules! entry {
    ($name:ident, $features:literal, $way:expr) => {
        /// # Safety
        /// See the module above.
        #[target_feature(enable = $features)]
        pub(in crate::kernels) unsafe fn $name(format: Format, panels: &[Line], x: &Activations, out: Tile) {
            /// Compiled once for each format.
            #[target_feature(enable = $features)]
            unsafe fn of<const F: u8>(panels: &[Line], x: &Activations, out: Tile) {
                // SAFETY: the same contract.
                unsafe { panels_of::<F, { $way }>(panels, x, out) }
            }
            // SAFETY: the same contract.
            unsafe { for_format!(format, of(panels, x, out)) }
        }
    };
}
pub(super) use entry;
