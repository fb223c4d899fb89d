//! Products of small float matrices on one thread.

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

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;

    fn numbers(n: usize) -> Vec<f32> {
        // Whole numbers, so that sums are exact.
        (0..n).map(|i| ((i * i + 3 * i) % 17) as f32 - 8.0).collect()
    }

    #[test]
    fn products_equal_the_slow_sum_at_every_edge() {
        for m in [1, 2, 3, 5, 6, 7, 11, 13] {
            for n in [1, 16, 17, 32, 48, 64, 80, 144] {
                for k in [1, 5, 64] {
                    let (a, b, before) = (numbers(m * k), numbers(k * n), numbers(m * n));
                    let sum =
                        |at: usize| -> f32 { (0..k).map(|l| a[at / n * k + l] * b[l * n + at % n]).sum() };
                    let sums: Vec<f32> = (0..m * n).map(sum).collect();
                    let onto: Vec<f32> = sums.iter().zip(&before).map(|(sum, before)| sum + before).collect();
                    Isa::for_each(|isa| {
                        for (adds, want) in [(false, &sums), (true, &onto)] {
                            let mut got = before.clone();
                            product((m, n, k), Matrix::rows(&a, k), Matrix::rows(&b, n), adds, &mut got);
                            assert_eq!(got, *want, "{} {m}×{n}×{k}", isa.name());
                        }
                    });
                }
            }
        }
    }
}
