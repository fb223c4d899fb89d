//! A matrix that stays in its mapped file, in the type it is stored in.

use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::k_quants::GgmlType;
use memmap2::Mmap;

/// Rows of a tensor in a mapped file; cheap to clone and to cut. Only the pages that are used become
/// resident.
#[derive(Clone)]
pub struct StoredMatrix {
    map: Arc<Mmap>,
    bytes: Range<usize>,
    dtype: GgmlDType,
    n_rows: usize,
    n_cols: usize,
}

impl StoredMatrix {
    /// `None` when the bytes cannot be used in place: rows that are not whole blocks, another length, or
    /// an alignment that the processor cannot read.
    ///
    /// # Shapes
    /// - `bytes`: `n_rows * n_cols` numbers of type `dtype`, row-major
    pub(super) fn new(
        map: Arc<Mmap>,
        bytes: Range<usize>,
        dtype: GgmlDType,
        (n_rows, n_cols): (usize, usize),
    ) -> Option<Self> {
        let row_bytes = row_bytes(dtype, n_cols)?;
        let fits = bytes.end <= map.len() && n_rows.checked_mul(row_bytes) == Some(bytes.len());
        let matrix = Self { map, bytes, dtype, n_rows, n_cols };
        (fits && (matrix.bytes().as_ptr() as usize).is_multiple_of(alignment(dtype))).then_some(matrix)
    }

    /// `(rows, columns)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.n_rows, self.n_cols)
    }

    /// How its numbers are stored.
    pub fn dtype(&self) -> GgmlDType {
        self.dtype
    }

    /// A run of its rows.
    ///
    /// # Panics
    /// When there are not that many (a bug of the caller).
    pub fn rows(&self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.n_rows);
        let row_bytes = self.bytes.len() / self.n_rows.max(1);
        let start = self.bytes.start + rows.start * row_bytes;
        Self { n_rows: rows.len(), bytes: start..start + rows.len() * row_bytes, ..self.clone() }
    }

    /// As stored.
    pub fn bytes(&self) -> &[u8] {
        &self.map[self.bytes.clone()]
    }

    /// Its blocks, row after row.
    ///
    /// # Panics
    /// When `T` is not its type (a bug of the caller).
    pub fn blocks<T: GgmlType>(&self) -> &[T] {
        assert!(T::DTYPE == self.dtype && align_of::<T>() <= alignment(self.dtype));
        let bytes = self.bytes();
        // SAFETY: the blocks of this type are plain numbers, for which every bit pattern is valid; the
        // length is a multiple of their size and the address of their alignment, both checked when
        // the matrix was made; the map lives as long as `self` and is never written.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>())
        }
    }

    /// Lets the system take back the pages that were read; they come again from the file when needed.
    pub fn release(&self) {
        super::give_back(&self.map, self.bytes.clone());
    }
}

/// Bytes of a row; `None` when it is not whole blocks.
pub(super) fn row_bytes(dtype: GgmlDType, n_cols: usize) -> Option<usize> {
    let block = dtype.block_size();
    n_cols.is_multiple_of(block).then(|| (n_cols / block).checked_mul(dtype.type_size()))?
}

/// What the address of a block must be a multiple of.
fn alignment(dtype: GgmlDType) -> usize {
    match dtype {
        GgmlDType::F32 | GgmlDType::Q8K => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(bytes: &[u8]) -> Arc<Mmap> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Arc::new(super::super::map_file(file.path()).unwrap())
    }

    #[test]
    fn rows_are_cut_without_a_copy() {
        let numbers: Vec<u8> = (0..12u16).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let matrix = StoredMatrix::new(map(&numbers), 0..48, GgmlDType::F32, (4, 3)).unwrap();
        assert_eq!(matrix.rows(1..3).blocks::<f32>(), [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        matrix.release();
        assert_eq!(matrix.rows(2..4).rows(1..2).blocks::<f32>(), [9.0, 10.0, 11.0]);
    }

    #[test]
    fn bytes_that_cannot_be_used_in_place_are_refused() {
        let map = map(&[0; 64]);
        let new = |bytes, dtype, shape| StoredMatrix::new(map.clone(), bytes, dtype, shape);
        assert!(new(0..36, GgmlDType::Q8_0, (1, 33)).is_none(), "half a block");
        assert!(new(0..34, GgmlDType::Q8_0, (2, 32)).is_none(), "too few bytes");
        assert!(new(2..10, GgmlDType::F32, (1, 2)).is_none(), "a crooked address");
        assert!(new(2..10, GgmlDType::BF16, (1, 4)).is_some());
        assert!(new(60..68, GgmlDType::F32, (1, 2)).is_none(), "past the end");
        assert!(new(0..0, GgmlDType::F32, (usize::MAX, 4)).is_none(), "a product past 64 bits");
    }
}
