//! Rows of keys or values in the type that a cache keeps them in.
//!
//! The block formats keep 32 numbers together, as ggml's Q8_0 and Q4_1 do (`ggml-common.h`): eight bits with
//! a scale, or four bits with a scale and a minimum.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

use super::rows::{Element, rows_mixed, rows_times_before, widen};
use super::transpose::transpose;

/// Numbers that share a scale.
const BLOCK: usize = 32;

/// How a cache keeps its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheFormat {
    /// As computed.
    F32,
    /// Half the size; errors of 0.05 %.
    #[default]
    F16,
    /// 8.5 bits each.
    Q8,
    /// 5 bits each.
    Q4,
}

impl CacheFormat {
    /// All, from the exact to the small.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Q8, Self::Q4];

    /// The name that commands use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        }
    }

    /// Bytes of a row of `width` numbers.
    pub const fn row_bytes(self, width: usize) -> usize {
        match self {
            Self::F32 => 4 * width,
            Self::F16 => 2 * width,
            Self::Q8 | Self::Q4 => width.div_ceil(BLOCK) * self.block_bytes(),
        }
    }

    const fn block_bytes(self) -> usize {
        match self {
            Self::Q8 => 2 + BLOCK,
            _ => 4 + BLOCK / 2,
        }
    }
}

#[derive(Debug, Clone)]
enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Blocks(Vec<u8>),
}

/// Rows of the same width, added at the end and dropped at either.
#[derive(Debug, Clone)]
pub struct CacheRows {
    format: CacheFormat,
    width: usize,
    numbers: Numbers,
}

impl CacheRows {
    /// No rows yet.
    ///
    /// # Panics
    /// When `width` is 0 (a bug of the caller).
    pub fn new(format: CacheFormat, width: usize) -> Self {
        assert!(width > 0);
        let numbers = match format {
            CacheFormat::F32 => Numbers::F32(Vec::new()),
            CacheFormat::F16 => Numbers::F16(Vec::new()),
            CacheFormat::Q8 | CacheFormat::Q4 => Numbers::Blocks(Vec::new()),
        };
        Self { format, width, numbers }
    }

    /// Rows that it holds.
    pub fn n_rows(&self) -> usize {
        match &self.numbers {
            Numbers::F32(all) => all.len() / self.width,
            Numbers::F16(all) => all.len() / self.width,
            Numbers::Blocks(all) => all.len() / self.format.row_bytes(self.width),
        }
    }

    /// Makes room for `n` rows in all: until then rows that are there are not moved when others come.
    pub fn reserve(&mut self, n: usize) {
        let more = n.saturating_sub(self.n_rows());
        match &mut self.numbers {
            Numbers::F32(all) => all.reserve_exact(more * self.width),
            Numbers::F16(all) => all.reserve_exact(more * self.width),
            Numbers::Blocks(all) => all.reserve_exact(more * self.format.row_bytes(self.width)),
        }
    }

    /// Adds `rows` of `[n, width]` at the end.
    pub fn extend(&mut self, rows: &[f32]) {
        debug_assert!(rows.len().is_multiple_of(self.width));
        match &mut self.numbers {
            Numbers::F32(all) => all.extend_from_slice(rows),
            Numbers::F16(all) => {
                let start = all.len();
                all.resize(start + rows.len(), f16::ZERO);
                all[start..].convert_from_f32_slice(rows);
            }
            Numbers::Blocks(all) => {
                for block in rows.chunks(self.width).flat_map(|row| row.chunks(BLOCK)) {
                    match self.format {
                        CacheFormat::Q8 => push_q8(block, all),
                        _ => push_q4(block, all),
                    }
                }
            }
        }
    }

    /// Drops all rows from row `n` on.
    pub fn truncate(&mut self, n: usize) {
        match &mut self.numbers {
            Numbers::F32(all) => all.truncate(n * self.width),
            Numbers::F16(all) => all.truncate(n * self.width),
            Numbers::Blocks(all) => all.truncate(n * self.format.row_bytes(self.width)),
        }
    }

    /// Takes out all rows from row `n` on.
    ///
    /// # Panics
    /// When there are not that many (a bug of the caller).
    pub fn split_off(&mut self, n: usize) -> Self {
        let numbers = match &mut self.numbers {
            Numbers::F32(all) => Numbers::F32(all.split_off(n * self.width)),
            Numbers::F16(all) => Numbers::F16(all.split_off(n * self.width)),
            Numbers::Blocks(all) => Numbers::Blocks(all.split_off(n * self.format.row_bytes(self.width))),
        };
        Self { numbers, ..*self }
    }

    /// Adds all rows of `other`, which are of the same width and format.
    ///
    /// # Panics
    /// When they are not (a bug of the caller).
    pub fn append(&mut self, other: &Self) {
        assert!((self.width, self.format) == (other.width, other.format));
        match (&mut self.numbers, &other.numbers) {
            (Numbers::F32(all), Numbers::F32(more)) => all.extend_from_slice(more),
            (Numbers::F16(all), Numbers::F16(more)) => all.extend_from_slice(more),
            (Numbers::Blocks(all), Numbers::Blocks(more)) => all.extend_from_slice(more),
            _ => {}
        }
    }

    /// Drops the first `n` rows.
    ///
    /// # Panics
    /// When there are not that many (a bug of the caller).
    pub fn drop_first(&mut self, n: usize) {
        match &mut self.numbers {
            Numbers::F32(all) => drop(all.drain(..n * self.width)),
            Numbers::F16(all) => drop(all.drain(..n * self.width)),
            Numbers::Blocks(all) => drop(all.drain(..n * self.format.row_bytes(self.width))),
        }
    }

    /// Lends some rows as floats, written to the beginning of `room` where they are not kept as such.
    pub(super) fn floats<'a>(&'a self, rows: Range<usize>, room: &'a mut [f32]) -> &'a [f32] {
        if let Numbers::F32(all) = &self.numbers {
            return &all[rows.start * self.width..rows.end * self.width];
        }
        let room = &mut room[..rows.len() * self.width];
        self.read(rows, room);
        room
    }

    /// Some rows as columns of floats: `to[c * stride + r]` is number c of row r, with `stride` the next multiple of 16 rows,
    /// which is returned; zeros stand where there is no row.
    pub(super) fn columns(&self, rows: Range<usize>, room: &mut [f32], to: &mut [f32]) -> usize {
        let (n, stride) = (rows.len(), rows.len().next_multiple_of(16));
        let to = &mut to[..self.width * stride];
        if n < stride {
            to.chunks_exact_mut(stride).for_each(|column| column[n..].fill(0.0));
        }
        transpose((n, self.width), self.floats(rows, room), self.width, to, stride);
        stride
    }

    /// `out[v][r] = rows[r] · vectors[v]` for some of the rows, which are read once. The bytes `next` are read soon after.
    pub(super) fn times(
        &self,
        rows: Range<usize>,
        vectors: &[f32],
        room: &mut [f32],
        out: &mut [f32],
        next: &[u8],
    ) {
        match self.halves(&rows, vectors) {
            Some(rows) => rows_times_before(next, rows, self.width, vectors, out),
            None => rows_times_before(next, self.floats(rows, room), self.width, vectors, out),
        }
    }

    /// `out[v] += Σ weights[v][r] · rows[r]` for some of the rows, which are read once. The bytes `next` are read soon
    /// after.
    pub(super) fn mix(
        &self,
        rows: Range<usize>,
        weights: &[f32],
        room: &mut [f32],
        out: &mut [f32],
        next: &[u8],
    ) {
        match self.halves(&rows, out) {
            Some(rows) => rows_mixed(next, rows, self.width, weights, out),
            None => rows_mixed(next, self.floats(rows, room), self.width, weights, out),
        }
    }

    /// Some rows, where they are kept in 16 bits and kernels widen them on the way: those take so many vectors at a time,
    /// and for more of them rows are widened once before.
    fn halves(&self, rows: &Range<usize>, vectors: &[f32]) -> Option<&[f16]> {
        const AT_A_TIME: usize = 4;
        let Numbers::F16(all) = &self.numbers else { return None };
        (vectors.len() <= AT_A_TIME * self.width)
            .then(|| &all[rows.start * self.width..rows.end * self.width])
    }

    /// Some rows as they are kept.
    pub(super) fn bytes(&self, rows: Range<usize>) -> &[u8] {
        let numbers = rows.start * self.width..rows.end * self.width;
        let row_bytes = self.format.row_bytes(self.width);
        match &self.numbers {
            Numbers::F32(all) => as_bytes(&all[numbers]),
            Numbers::F16(all) => as_bytes(&all[numbers]),
            Numbers::Blocks(all) => &all[rows.start * row_bytes..rows.end * row_bytes],
        }
    }

    /// Writes some rows as floats, `[rows, width]`.
    pub fn read(&self, rows: Range<usize>, out: &mut [f32]) {
        let numbers = rows.start * self.width..rows.end * self.width;
        match &self.numbers {
            Numbers::F32(all) => out.copy_from_slice(&all[numbers]),
            Numbers::F16(all) => widen(&all[numbers], out),
            Numbers::Blocks(all) => {
                let row_bytes = self.format.row_bytes(self.width);
                let blocks = &all[rows.start * row_bytes..rows.end * row_bytes];
                match self.format {
                    CacheFormat::Q8 => read_q8(blocks, self.width, out),
                    _ => read_q4(blocks, self.width, out),
                }
            }
        }
    }

    /// The first `n` rows as bytes, little-endian, `n * row_bytes(width)` of them.
    ///
    /// # Panics
    /// When there are not that many (a bug of the caller).
    pub fn first_bytes(&self, n: usize) -> Vec<u8> {
        match &self.numbers {
            Numbers::F32(all) => all[..n * self.width].iter().flat_map(|x| x.to_le_bytes()).collect(),
            Numbers::F16(all) => all[..n * self.width].iter().flat_map(|x| x.to_le_bytes()).collect(),
            Numbers::Blocks(all) => all[..n * self.format.row_bytes(self.width)].to_vec(),
        }
    }

    /// Rows from [`CacheRows::first_bytes`]; `None` when these are not whole rows.
    pub fn from_bytes(format: CacheFormat, width: usize, bytes: &[u8]) -> Option<Self> {
        if width == 0 || !bytes.len().is_multiple_of(format.row_bytes(width)) {
            return None;
        }
        let numbers = match format {
            CacheFormat::F32 => {
                Numbers::F32(bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect())
            }
            CacheFormat::F16 => {
                Numbers::F16(bytes.as_chunks::<2>().0.iter().map(|x| f16::from_le_bytes(*x)).collect())
            }
            CacheFormat::Q8 | CacheFormat::Q4 => Numbers::Blocks(bytes.to_vec()),
        };
        Some(Self { format, width, numbers })
    }
}

/// The bytes of floats.
fn as_bytes<T: Element>(numbers: &[T]) -> &[u8] {
    // SAFETY: floats of either kind have no padding.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers))
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

fn push_q8(block: &[f32], out: &mut Vec<u8>) {
    let largest = block.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let scale = f16::from_f32(largest / 127.0);
    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    out.extend(scale.to_le_bytes());
    out.extend(block.iter().map(|x| (x * inverse).round().clamp(-127.0, 127.0) as i8 as u8));
    out.resize(out.len() + BLOCK - block.len(), 0);
}

#[inline(always)]
fn read_q8_body(blocks: &[u8], width: usize, out: &mut [f32]) {
    let mut blocks = blocks.chunks_exact(CacheFormat::Q8.block_bytes());
    for row in out.chunks_mut(width) {
        for (out, block) in row.chunks_mut(BLOCK).zip(&mut blocks) {
            let scale = half_at(block, 0);
            for (out, q) in out.iter_mut().zip(&block[2..]) {
                *out = scale * f32::from(*q as i8);
            }
        }
    }
}

for_each_isa!(
    /// Rows of `width` numbers from their blocks.
    read_q8, read_q8_body, (blocks: &[u8], width: usize, out: &mut [f32])
);

fn push_q4(block: &[f32], out: &mut Vec<u8>) {
    let smallest = block.iter().copied().fold(f32::INFINITY, f32::min);
    let largest = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let minimum = f16::from_f32(smallest);
    let scale = f16::from_f32((largest - minimum.to_f32()).max(0.0) / 15.0);
    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    out.extend(scale.to_le_bytes());
    out.extend(minimum.to_le_bytes());
    let quant =
        |x: Option<&f32>| x.map_or(0, |x| ((x - minimum.to_f32()) * inverse).round().clamp(0.0, 15.0) as u8);
    out.extend((0..BLOCK / 2).map(|i| quant(block.get(i)) | quant(block.get(BLOCK / 2 + i)) << 4));
}

#[inline(always)]
fn read_q4_body(blocks: &[u8], width: usize, out: &mut [f32]) {
    let mut blocks = blocks.chunks_exact(CacheFormat::Q4.block_bytes());
    for row in out.chunks_mut(width) {
        for (out, block) in row.chunks_mut(BLOCK).zip(&mut blocks) {
            let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
            let (low, high) = out.split_at_mut(out.len().min(BLOCK / 2));
            for (out, q) in low.iter_mut().zip(&block[4..]) {
                *out = scale * f32::from(q & 15) + minimum;
            }
            for (out, q) in high.iter_mut().zip(&block[4..]) {
                *out = scale * f32::from(q >> 4) + minimum;
            }
        }
    }
}

for_each_isa!(
    /// Rows of `width` numbers from their blocks.
    read_q4, read_q4_body, (blocks: &[u8], width: usize, out: &mut [f32])
);

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;

    const ALL: [(CacheFormat, f32); 4] =
        [(CacheFormat::F32, 0.0), (CacheFormat::F16, 5e-4), (CacheFormat::Q8, 4e-3), (CacheFormat::Q4, 7e-2)];

    /// Between -1 and 1, different everywhere.
    fn numbers(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * i + 3 * i) % 201) as f32 / 100.0 - 1.0).collect()
    }

    #[test]
    fn rows_come_back_within_the_error_of_their_format() {
        for width in [1, 16, 24, 32, 40, 64] {
            let rows = numbers(7 * width);
            for (format, error) in ALL {
                let mut kept = CacheRows::new(format, width);
                kept.extend(&rows[..3 * width]);
                kept.extend(&rows[3 * width..]);
                assert_eq!(kept.n_rows(), 7);
                assert_eq!(kept.first_bytes(7).len(), 7 * format.row_bytes(width));
                let mut got = vec![9.0; 4 * width];
                kept.read(2..6, &mut got);
                for (got, want) in got.iter().zip(&rows[2 * width..]) {
                    assert!((got - want).abs() <= error, "{format:?} {width}: {got} and {want}");
                }
            }
        }
    }

    /// Number c of a row of blocks, by the definition of its format.
    fn unpacked(format: CacheFormat, row: &[u8], c: usize) -> f32 {
        let block = &row[c / BLOCK * format.block_bytes()..][..format.block_bytes()];
        let i = c % BLOCK;
        if format == CacheFormat::Q8 {
            return half_at(block, 0) * f32::from(block[2 + i].cast_signed());
        }
        let both = block[4 + i % (BLOCK / 2)];
        let q = if i < BLOCK / 2 { both & 15 } else { both >> 4 };
        half_at(block, 0) * f32::from(q) + half_at(block, 2)
    }

    #[test]
    fn blocks_become_to_the_last_bit_what_they_stand_for() {
        for width in [1, 15, 16, 17, 31, 32, 33, 48, 64, 80, 97, 256] {
            for format in [CacheFormat::Q8, CacheFormat::Q4] {
                let mut kept = CacheRows::new(format, width);
                kept.extend(&numbers(5 * width));
                let bytes = kept.first_bytes(5);
                let rows = bytes.chunks(format.row_bytes(width)).skip(1);
                let want: Vec<u32> = rows
                    .flat_map(|row| (0..width).map(move |c| unpacked(format, row, c).to_bits()))
                    .collect();
                Isa::for_each(|isa| {
                    let mut got = vec![f32::NAN; 4 * width];
                    kept.read(1..5, &mut got);
                    let got: Vec<u32> = got.iter().map(|x| x.to_bits()).collect();
                    assert_eq!(got, want, "{} {format:?} {width}", isa.name());
                });
            }
        }
    }

    #[test]
    fn rows_become_columns_with_zeros_up_to_whole_vectors() {
        let rows = numbers(21 * 40);
        for (format, error) in ALL {
            let mut kept = CacheRows::new(format, 40);
            kept.extend(&rows);
            // What was in the room before is not left there.
            let (mut room, mut to) = ([9.0; 720], [9.0; 2000]);
            assert_eq!(kept.columns(2..20, &mut room, &mut to), 32);
            for (at, got) in to[..40 * 32].iter().enumerate() {
                let (c, r) = (at / 32, at % 32);
                let want = if r < 18 { rows[(2 + r) * 40 + c] } else { 0.0 };
                assert!((got - want).abs() <= error, "{format:?}: row {r}, column {c}: {got} and {want}");
            }
        }
    }

    /// Vectors are taken by fours, and those that are left over together.
    #[test]
    fn what_a_vector_gets_does_not_depend_on_how_many_there_are() {
        for width in [16, 24, 64, 80, 256] {
            for n in [1, 15, 16, 33] {
                for (format, _) in ALL {
                    let mut kept = CacheRows::new(format, width);
                    kept.extend(&numbers((n + 3) * width));
                    let vectors: Vec<f32> = numbers(11 * width).iter().map(|x| x * x - 0.3).collect();
                    Isa::for_each(|isa| {
                        let what = format!("{} {format:?}, {n} rows of {width}", isa.name());
                        let mut room = vec![f32::NAN; n * width];
                        let (mut all, mut one) = (vec![f32::NAN; 11 * n], vec![f32::NAN; n]);
                        kept.times(2..2 + n, &vectors, &mut room, &mut all, &[0; 99]);
                        let (mut mixed, mut alone) = (vec![0.5; 11 * width], vec![0.5; width]);
                        kept.mix(2..2 + n, &all, &mut room, &mut mixed, &[]);
                        for v in 0..11 {
                            let of = |x: &[f32], size: usize| x[v * size..][..size].to_vec();
                            kept.times(2..2 + n, &of(&vectors, width), &mut room, &mut one, &[]);
                            assert_eq!(one, of(&all, n), "{what}, vector {v}");
                            alone.fill(0.5);
                            kept.mix(2..2 + n, &one, &mut room, &mut alone, &[]);
                            assert_eq!(alone, of(&mixed, width), "{what}, mix {v}");
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn rows_are_dropped_at_both_ends_and_survive_as_bytes() {
        let rows = numbers(6 * 40);
        for (format, _) in ALL {
            let mut kept = CacheRows::new(format, 40);
            kept.extend(&rows);
            let read = |kept: &CacheRows, rows: Range<usize>| {
                let mut out = vec![0.0; rows.len() * 40];
                kept.read(rows, &mut out);
                out
            };
            let want = read(&kept, 2..5);
            let end = kept.split_off(1);
            kept.append(&end);
            kept.reserve(100);
            kept.truncate(5);
            kept.drop_first(2);
            assert_eq!((kept.n_rows(), read(&kept, 0..3)), (3, want.clone()));
            let again = CacheRows::from_bytes(format, 40, &kept.first_bytes(kept.n_rows())).unwrap();
            assert_eq!(read(&again, 0..3), want);
            assert!(CacheRows::from_bytes(format, 40, &[0; 7]).is_none());
        }
    }

    #[test]
    fn rows_of_one_number_repeated_are_kept_exactly_enough() {
        for (format, _) in ALL {
            for value in [0.0, 1.0, -3.0] {
                let mut kept = CacheRows::new(format, 32);
                kept.extend(&[value; 32]);
                let mut got = [0.0; 32];
                kept.read(0..1, &mut got);
                assert!(got.iter().all(|x| (x - value).abs() < 2e-3), "{format:?}: {got:?}");
            }
        }
    }
}
