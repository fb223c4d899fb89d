//! Products of small float matrices on one thread.

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

/// `out = keep · out + a b` for `a` of `[m, k]`, `b` of `[k, n]`, `out` row-major, on this thread.
///
/// # Panics
/// When a size is 0 or an element does not exist (a bug of the caller).
pub(super) fn product((m, n, k): (usize, usize, usize), a: Matrix, b: Matrix, keep: f32, out: &mut [f32]) {
    assert!(m > 0 && n > 0 && k > 0 && out.len() == m * n && a.holds(m, k) && b.holds(k, n));
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
            keep != 0.0,
            a.numbers.as_ptr(),
            stride(a.column),
            stride(a.row),
            b.numbers.as_ptr(),
            stride(b.column),
            stride(b.row),
            keep,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
