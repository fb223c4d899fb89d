//! Many vectors times a matrix whose rows are unpacked to f32 on the way: a block of rows at a time, so
//! that the whole matrix never stands in memory as floats.

use rayon::prelude::*;

use super::product::{Matrix, product};

/// Rows that a task unpacks at a time: enough to use the vectors often, few enough to stay in a near cache.
const BLOCK_ROWS: usize = 64;

/// `y = x Wᵀ`, where `unpack(r, row)` writes row r of `W`.
///
/// # Shapes
/// - `x`: `[n, n_in]`
/// - returns: `[n, n_out]`
///
/// # Panics
/// When the lengths do not fit (a bug of the caller).
pub fn times_unpacked(
    (n_out, n_in): (usize, usize),
    x: &[f32],
    unpack: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let n = x.len() / n_in;
    assert_eq!(x.len(), n * n_in);
    let blocks: Vec<Vec<f32>> = (0..n_out.div_ceil(BLOCK_ROWS))
        .into_par_iter()
        .map_init(Vec::new, |rows, block| {
            let first = block * BLOCK_ROWS;
            let n_rows = BLOCK_ROWS.min(n_out - first);
            rows.resize(n_rows * n_in, 0.0);
            for (i, row) in rows.chunks_mut(n_in).enumerate() {
                unpack(first + i, row);
            }
            let mut y = vec![0.0; n * n_rows];
            let rows = Matrix { numbers: rows, row: 1, column: n_in };
            product((n, n_rows, n_in), Matrix::rows(x, n_in), rows, false, &mut y);
            y
        })
        .collect();
    let mut y = vec![0.0; n * n_out];
    y.par_chunks_mut(n_out).enumerate().for_each(|(i, y)| {
        for (part, block) in y.chunks_mut(BLOCK_ROWS).zip(&blocks) {
            let width = part.len();
            part.copy_from_slice(&block[i * width..(i + 1) * width]);
        }
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_definition_around_the_edges_of_blocks() {
        let weight = |r: usize, c: usize| ((r * 7 + c * 3) % 11) as f32 - 5.0;
        for (n, n_in, n_out) in [(1, 1, 1), (3, 5, 63), (2, 4, 64), (5, 3, 65), (1, 2, 200)] {
            let x: Vec<f32> = (0..n * n_in).map(|i| (i % 13) as f32 - 6.0).collect();
            let y = times_unpacked((n_out, n_in), &x, |r, row| {
                row.iter_mut().enumerate().for_each(|(c, w)| *w = weight(r, c));
            });
            for (i, y) in y.chunks(n_out).enumerate() {
                for (r, y) in y.iter().enumerate() {
                    let want: f32 = (0..n_in).map(|c| x[i * n_in + c] * weight(r, c)).sum();
                    assert_eq!(*y, want, "{n} {n_in} {n_out}");
                }
            }
        }
    }
}
