//! Formats as numbers, for which kernels are compiled one by one.

use crate::kernels::packed::Format;

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
