//! Rows become columns.

/// Numbers along an edge of the squares that are turned at a time.
const SIDE: usize = 4;

/// `to[c * to_stride + r] = from[r * stride + c]` for so many rows and columns.
///
/// # Panics
/// When a slice is too short (a bug of the caller).
pub fn transpose(
    (rows, columns): (usize, usize),
    from: &[f32],
    stride: usize,
    to: &mut [f32],
    to_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!((rows - 1) * stride + columns <= from.len() && (columns - 1) * to_stride + rows <= to.len());
    if rows < SIDE || columns < SIDE {
        for r in 0..rows {
            for c in 0..columns {
                to[c * to_stride + r] = from[r * stride + c];
            }
        }
        return;
    }
    // The last square of a line overlaps the one before where they do not come out even.
    for r in (0..rows).step_by(SIDE).map(|r| r.min(rows - SIDE)) {
        for c in (0..columns).step_by(SIDE).map(|c| c.min(columns - SIDE)) {
            // SAFETY: four rows and columns from here on exist on both sides, as was asserted.
            #[allow(unsafe_code)]
            unsafe {
                turn(
                    from.as_ptr().add(r * stride + c),
                    stride,
                    to.as_mut_ptr().add(c * to_stride + r),
                    to_stride,
                );
            }
        }
    }
}

/// The same of words, whose rows follow each other.
///
/// # Panics
/// As [`transpose`].
pub(super) fn transpose_words(shape: (usize, usize), from: &[u32], to: &mut [u32], to_stride: usize) {
    // SAFETY: words of the same size that are only moved.
    #[allow(unsafe_code)]
    let (from, to) = unsafe {
        (
            std::slice::from_raw_parts(from.as_ptr().cast(), from.len()),
            std::slice::from_raw_parts_mut(to.as_mut_ptr().cast(), to.len()),
        )
    };
    transpose(shape, from, shape.1, to, to_stride);
}

/// Turns a square, by instructions that every processor of this family has.
///
/// # Safety
/// There are four rows of four numbers on both sides.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn turn(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
    use std::arch::x86_64::*;
    // SAFETY: by contract.
    unsafe {
        let row = |r: usize| _mm_loadu_ps(from.add(r * stride));
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
        _mm_storeu_ps(to, _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(to.add(to_stride), _mm_movehl_ps(cd, ab));
        let (ab, cd) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(to.add(2 * to_stride), _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(to.add(3 * to_stride), _mm_movehl_ps(cd, ab));
    }
}

/// Turns a square.
///
/// # Safety
/// There are four rows of four numbers on both sides.
#[cfg(not(target_arch = "x86_64"))]
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn turn(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
    for r in 0..SIDE {
        for c in 0..SIDE {
            // SAFETY: by contract.
            unsafe { to.add(c * to_stride + r).write(from.add(r * stride + c).read()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_gets_to_its_place() {
        for (rows, columns) in [(0, 5), (1, 1), (3, 9), (4, 4), (5, 7), (14, 33), (32, 64), (6, 3)] {
            let (stride, to_stride) = (columns + 3, rows + 2);
            let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
            let mut to = vec![-1.0; columns * to_stride];
            transpose((rows, columns), &from, stride, &mut to, to_stride);
            for (c, to) in to.chunks(to_stride).enumerate() {
                for (r, x) in to.iter().enumerate() {
                    let want = if r < rows { (r * stride + c) as f32 } else { -1.0 };
                    assert_eq!(*x, want, "{rows}×{columns}: row {r}, column {c}");
                }
            }
        }
    }
}
