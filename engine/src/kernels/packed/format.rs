//! How ggml's block formats become panels (`ggml-common.h`; k-quants: `dequantize_row_q4_K` and its kin in
//! `ggml-quants.c`).
//!
//! Every format is read as units of 32 numbers, each `scale · q + offset` with an unsigned q. A panel of 16 rows is
//! read from its first byte to its last: group by group, first the factors of the group, then the quants of its
//! units. A group is a block of a k-quant, which is eight units, or as many units as have a line of factors.
//!
//! - **Factors of a group.** For each unit 16 f16 scales, and 16 f16 minimums where the format has them. In k-quants
//!   these stand once for the group; then come, for each unit, 16 bytes of scales and 16 of minimums, or 16 of
//!   scales for each half of the unit (Q6_K).
//! - **Quants of a unit.** Lines of 64 bytes, of which bytes `4 r..4 r + 4` are row r's. A vector g of eight holds
//!   the numbers `4 g..4 g + 4` of 16 rows. Four lines hold the low four bits, vector g in the low half and
//!   vector g + 4 in the high half of line g. A fifth bit is one more line: bit `64 g + 4 r + i` is that of
//!   number `4 g + i`. Two more bits are two lines, of which line h holds the vectors `4 h..4 h + 4` from the
//!   low bits on. Eight bits are a line for each vector, shifted by 128.

use half::f16;

use super::super::activations::BLOCK;
use super::{Line, PANEL};

/// A block format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Format {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Q4_0, Self::Q4_1, Self::Q5_0, Self::Q5_1, Self::Q8_0, Self::Q4K, Self::Q5K, Self::Q6K];

    /// Numbers per block of the file.
    pub const fn block(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => BLOCK,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Bytes per block of the file.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Units per group.
    pub(in crate::kernels) const fn group(self) -> usize {
        match self {
            Self::Q4_1 | Self::Q5_1 => 1,
            Self::Q4_0 | Self::Q5_0 | Self::Q8_0 => 2,
            Self::Q4K | Self::Q5K | Self::Q6K => 8,
        }
    }

    /// Lines of the factors of a group.
    pub(in crate::kernels) const fn factor_lines(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 1,
            Self::Q4K | Self::Q5K | Self::Q6K => 5,
        }
    }

    /// Lines of the quants of a unit.
    pub(in crate::kernels) const fn quant_lines(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q4K => 4,
            Self::Q5_0 | Self::Q5_1 | Self::Q5K => 5,
            Self::Q6K => 6,
            Self::Q8_0 => 8,
        }
    }

    /// What makes an unsigned quant a signed one, where the file means signed ones: added to it.
    pub(in crate::kernels) const fn shift(self) -> Option<i8> {
        match self {
            Self::Q4_0 => Some(-8),
            Self::Q5_0 => Some(-16),
            Self::Q6K => Some(-32),
            Self::Q8_0 => Some(-128),
            Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K => None,
        }
    }

    /// Where the group of a unit begins in its panel, in lines.
    pub(in crate::kernels) const fn group_line(self, unit: usize) -> usize {
        unit / self.group() * (self.factor_lines() + self.group() * self.quant_lines())
    }

    /// Where the quants of a unit begin in their panel, in lines.
    pub(in crate::kernels) const fn unit_line(self, unit: usize) -> usize {
        self.group_line(unit) + self.factor_lines() + unit % self.group() * self.quant_lines()
    }

    /// Lines of a panel of `n_units`.
    pub(in crate::kernels) const fn panel_lines(self, n_units: usize) -> usize {
        n_units.div_ceil(self.group()) * self.factor_lines() + n_units * self.quant_lines()
    }
}

/// Interleaves up to 16 rows of a file, `rows[r]` of the same whole blocks, into a panel of zeros.
pub(super) fn interleave(format: Format, rows: &[&[u8]], panel: &mut [Line]) {
    let n_units = format.block() / BLOCK;
    for b in 0..rows[0].len() / format.block_bytes() {
        for (r, row) in rows.iter().enumerate() {
            let block = &row[b * format.block_bytes()..][..format.block_bytes()];
            let factors = &mut panel[format.group_line(b * n_units)..][..format.factor_lines()];
            write_factors(format, block, b * n_units % format.group(), r, Line::bytes_mut(factors));
            for unit in 0..n_units {
                let lines = &mut panel[format.unit_line(b * n_units + unit)..][..format.quant_lines()];
                write_quants(format, block, unit, r, lines);
            }
        }
    }
}

/// Writes what row r of a block is scaled by; `unit` is the place of its first unit in the group.
fn write_factors(format: Format, block: &[u8], unit: usize, r: usize, to: &mut [u8]) {
    let mut halves = |from: usize, at: usize| {
        to[at + 2 * r..at + 2 * r + 2].copy_from_slice(&block[from..from + 2]);
    };
    match format {
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => halves(0, 32 * unit),
        Format::Q4_1 | Format::Q5_1 => {
            halves(0, 0);
            halves(2, 32);
        }
        Format::Q4K | Format::Q5K => {
            halves(0, 0);
            halves(2, 32);
            for unit in 0..8 {
                let (scale, minimum) = scale_and_minimum(&block[4..16], unit);
                to[64 + 32 * unit + r] = scale;
                to[80 + 32 * unit + r] = minimum;
            }
        }
        Format::Q6K => {
            halves(208, 0);
            for half in 0..16 {
                to[32 + 16 * half + r] = block[192 + half];
            }
        }
    }
}

/// Scale and minimum of a unit, six bits each, from the 12 bytes that hold all eight
/// (`get_scale_min_k4` in `ggml-quants.c`).
fn scale_and_minimum(packed: &[u8], unit: usize) -> (u8, u8) {
    if unit < 4 {
        return (packed[unit] & 63, packed[unit + 4] & 63);
    }
    let (low, high) = (packed[unit + 4], |at: usize| packed[at] >> 6 << 4);
    (low & 15 | high(unit - 4), low >> 4 | high(unit))
}

/// One in each byte.
const EACH: u32 = 0x0101_0101;

/// Writes the quants of a unit of row r.
fn write_quants(format: Format, block: &[u8], unit: usize, r: usize, lines: &mut [Line]) {
    // Four numbers, one in each byte.
    let four = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let mut write =
        |line: usize, four: u32| lines[line].0[4 * r..4 * r + 4].copy_from_slice(&four.to_le_bytes());
    let low = EACH * 15;
    match format {
        // Byte i holds the numbers i and i + 16, as a line does.
        Format::Q4_0 => (0..4).for_each(|g| write(g, four(2 + 4 * g))),
        Format::Q4_1 => (0..4).for_each(|g| write(g, four(4 + 4 * g))),
        Format::Q5_0 => {
            (0..4).for_each(|g| write(g, four(6 + 4 * g)));
            write_fifth_bits(four(2), r, &mut lines[4]);
        }
        Format::Q5_1 => {
            (0..4).for_each(|g| write(g, four(8 + 4 * g)));
            write_fifth_bits(four(4), r, &mut lines[4]);
        }
        Format::Q8_0 => (0..8).for_each(|g| write(g, four(2 + 4 * g) ^ (EACH * 128))),
        Format::Q4K | Format::Q5K => {
            // 32 bytes hold two units, one in their low and one in their high halves.
            let start = if format == Format::Q4K { 16 } else { 48 };
            let at = |g: usize| four(start + 32 * (unit / 2) + 4 * g) >> (4 * (unit % 2)) & low;
            (0..4).for_each(|g| write(g, at(g) | at(g + 4) << 4));
            if format == Format::Q5K {
                let bit = |l: usize| u32::from(block[16 + l] >> unit & 1) << l;
                write_fifth_bits((0..BLOCK).map(bit).sum(), r, &mut lines[4]);
            }
        }
        Format::Q6K => {
            let (half, quarter) = (unit / 4, unit % 4);
            let at = |g: usize| four(64 * half + 32 * (quarter % 2) + 4 * g) >> (4 * (quarter / 2)) & low;
            (0..4).for_each(|g| write(g, at(g) | at(g + 4) << 4));
            let high = |g: usize| four(128 + 32 * half + 4 * g) >> (2 * quarter) & (EACH * 3);
            for h in 0..2 {
                write(4 + h, (0..4).map(|j| high(4 * h + j) << (2 * j)).sum());
            }
        }
    }
}

/// Bit l of `bits` is the fifth of number l of row r.
fn write_fifth_bits(bits: u32, r: usize, line: &mut Line) {
    for g in 0..8 {
        line.0[8 * g + r / 2] |= ((bits >> (4 * g) & 15) << (4 * (r % 2))) as u8;
    }
}

/// Scale and offset of each half of a unit of row r: a number is `scale · q + offset`.
pub(super) fn factors(format: Format, panel: &[Line], unit: usize, r: usize) -> [(f32, f32); 2] {
    let group = Line::bytes(&panel[format.group_line(unit)..][..format.factor_lines()]);
    let half = |at: usize| f16::from_le_bytes([group[at + 2 * r], group[at + 2 * r + 1]]).to_f32();
    let unit = unit % format.group();
    let scaled = |scale: f32| (scale, f32::from(format.shift().unwrap_or(0)) * scale);
    match format {
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => [scaled(half(32 * unit)); 2],
        Format::Q4_1 | Format::Q5_1 => [(half(0), half(32)); 2],
        Format::Q4K | Format::Q5K => {
            let at = 64 + 32 * unit + r;
            [(half(0) * f32::from(group[at]), -half(32) * f32::from(group[at + 16])); 2]
        }
        Format::Q6K => {
            let scale = |at: usize| half(0) * f32::from(group[32 + 32 * unit + at + r].cast_signed());
            [scaled(scale(0)), scaled(scale(16))]
        }
    }
}

/// The quants of a unit of row r, unsigned.
pub(super) fn quants(format: Format, panel: &[Line], unit: usize, r: usize) -> [u8; BLOCK] {
    let lines = &panel[format.unit_line(unit)..][..format.quant_lines()];
    std::array::from_fn(|k| {
        let (g, i) = (k / 4, 4 * r + k % 4);
        if format == Format::Q8_0 {
            return lines[g].0[i];
        }
        let low = lines[g % 4].0[i] >> (4 * (g / 4)) & 15;
        match format {
            Format::Q5_0 | Format::Q5_1 | Format::Q5K => {
                low | (lines[4].0[8 * g + i / 8] >> (i % 8) & 1) << 4
            }
            Format::Q6K => low | (lines[4 + g / 4].0[i] >> (2 * (g % 4)) & 3) << 4,
            _ => low,
        }
    })
}

const _: () = assert!(PANEL == 16, "lines of 64 bytes have four for each row");
