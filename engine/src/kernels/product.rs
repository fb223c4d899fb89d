//! Products of small float matrices on one thread.

use super::rows::{Element, Kind};
#[cfg(target_arch = "x86_64")]
use super::{Isa, isa};

/// A matrix of which element (i, j) is `numbers[i * row + j * column]`.
pub(super) struct Matrix<'a> {
    pub numbers: &'a [f32],
    pub row: usize,
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, `width` columns.
    pub fn rows(numbers: &'a [f32], width: usize) -> Self {
        Self { numbers, row: width, column: 1 }
    }

    /// Whether all elements of `[rows, columns]` exist.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.row + (columns - 1) * self.column < self.numbers.len()
    }
}

/// `out = a b`, or `out += a b` where `adds`, for `a` of `[m, k]`, `b` of `[k, n]`, `out` row-major, on this thread.
/// Fastest where both have their rows in one piece and `n` is a multiple of 16.
///
/// # Panics
/// When a size is 0 or an element does not exist (a bug of the caller).
pub(super) fn product((m, n, k): (usize, usize, usize), a: Matrix, b: Matrix, adds: bool, out: &mut [f32]) {
    assert!(m > 0 && n > 0 && k > 0 && out.len() == m * n && a.holds(m, k) && b.holds(k, n));
    #[cfg(target_arch = "x86_64")]
    if Isa::detect().0 == isa::Kind::Avx512Vnni
        && (a.column, b.column) == (1, 1)
        && n.is_multiple_of(super::arch::x86_64::floats::LANES)
    {
        let (a, b) = ((a.numbers.as_ptr(), a.row), (b.numbers.as_ptr(), b.row));
        // SAFETY: the processor has the instructions; every element that the sizes and strides name exists, as just
        // checked, and `out` is borrowed mutably.
        #[allow(unsafe_code)]
        return unsafe {
            super::arch::x86_64::product::product((m, n, k), a, b, adds, (out.as_mut_ptr(), n))
        };
    }
    // Strides of slices fit: no slice is longer than `isize::MAX`.
    let stride = |stride: usize| stride as isize;
    // SAFETY: every element that the sizes and strides name exists, as just checked; `out` is
    // borrowed mutably and so overlaps neither.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(n),
            adds,
            a.numbers.as_ptr(),
            stride(a.column),
            stride(a.row),
            b.numbers.as_ptr(),
            stride(b.column),
            stride(b.row),
            if adds { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Rows turned over: `to[c * stride + r]` is number c of row r, with `stride` the next multiple of 16 rows, which is
/// returned; zeros stand where there is no row.
///
/// # Panics
/// When `rows` are not whole rows (a bug of the caller).
pub(super) fn turned<T: Element>(rows: &[T], n_cols: usize, to: &mut Vec<f32>) -> usize {
    let n_rows = rows.len() / n_cols;
    assert_eq!(rows.len(), n_rows * n_cols);
    let stride = n_rows.next_multiple_of(16);
    to.resize(n_cols * stride, 0.0);
    #[cfg(target_arch = "x86_64")]
    if super::rows::is_wide(n_cols) {
        use super::arch::x86_64::product::turned;
        let (shape, from, to) = ((n_rows, n_cols), rows.as_ptr().cast(), to.as_mut_ptr());
        // SAFETY: the processor has the instructions and rows are whole vectors, as just asked; there is room for all.
        #[allow(unsafe_code)]
        unsafe {
            match T::KIND {
                Kind::F32 => turned::<{ Kind::F32 as u8 }>(from, shape, to, stride),
                Kind::F16 => turned::<{ Kind::F16 as u8 }>(from, shape, to, stride),
                Kind::BF16 => turned::<{ Kind::BF16 as u8 }>(from, shape, to, stride),
            }
        }
        return stride;
    }
    let mut wide = vec![0.0; n_cols];
    to.fill(0.0);
    for (r, row) in rows.chunks_exact(n_cols).enumerate() {
        T::widen(row, &mut wide);
        wide.iter().enumerate().for_each(|(c, x)| to[c * stride + r] = *x);
    }
    stride
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        // Exact in half precision, and so are their products' sums in f32.
        (0..n).map(|i| ((i * i + 3 * i) % 17) as f32 - 8.0).collect()
    }

    #[test]
    fn products_equal_the_slow_sum_at_every_edge() {
        for m in [1, 2, 3, 5, 6, 7, 11, 13] {
            for n in [1, 16, 17, 32, 48, 64, 80, 144] {
                for k in [1, 5, 64] {
                    let (a, b, before) = (numbers(m * k), numbers(k * n), numbers(m * n));
                    for adds in [false, true] {
                        let mut got = before.clone();
                        product((m, n, k), Matrix::rows(&a, k), Matrix::rows(&b, n), adds, &mut got);
                        for (at, got) in got.iter().enumerate() {
                            let (i, j) = (at / n, at % n);
                            let sum: f32 = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
                            let want = if adds { before[at] + sum } else { sum };
                            assert_eq!(*got, want, "{m}×{n}×{k} at {i}, {j}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_number_is_where_its_row_is_a_column() {
        for n_rows in [1, 3, 16, 17, 40] {
            for n_cols in [1, 7, 16, 48, 64] {
                let rows = numbers(n_rows * n_cols);
                let half: Vec<f16> = rows.iter().map(|x| f16::from_f32(*x)).collect();
                // What was in the room before is not left there.
                let mut to = [vec![9.0; 5000], vec![9.0; 5000]];
                let strides = (turned(&rows, n_cols, &mut to[0]), turned(&half, n_cols, &mut to[1]));
                assert_eq!(strides, (n_rows.next_multiple_of(16), n_rows.next_multiple_of(16)));
                for to in to {
                    assert_eq!(to.len(), n_cols * strides.0);
                    for (at, got) in to.iter().enumerate() {
                        let (c, r) = (at / strides.0, at % strides.0);
                        let want = if r < n_rows { rows[r * n_cols + c] } else { 0.0 };
                        assert_eq!(*got, want, "{n_rows}×{n_cols} at {r}, {c}");
                    }
                }
            }
        }
    }
}
