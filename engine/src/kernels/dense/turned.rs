//! Rows times a matrix as it stands, not transposed: the way back through a layer. Its rows are the inputs of a panel,
//! so they are copied where [`interleave`](super::interleave) turns them.

use super::{Kind, Rows, multiply_tile};
use crate::kernels::Isa;
use crate::kernels::buffer::{Buffer, scratch};
use crate::kernels::layers::{self, Begin, Layer, Matrix, PANEL, Part};
use crate::kernels::packed::Tile;
use crate::kernels::team::{self, Places};

/// Numbers of a matrix that are unpacked at a time: 8 MiB.
const FLOATS: usize = 1 << 21;

/// Some rows of a matrix: number c of row k is at `32 k + c % 32` of panel c / 32.
struct Turned {
    n_rows: usize,
    width: usize,
    numbers: Buffer,
}

impl Turned {
    /// `row(k, …)` writes row k.
    fn new(n_rows: usize, width: usize, row: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        /// Rows that are worth a task.
        const ROWS: usize = 16;
        let n_panels = width.div_ceil(PANEL);
        let mut numbers = Buffer::new(n_panels * n_rows * PANEL);
        let places = Places::of(&mut numbers);
        team::for_each(n_rows.div_ceil(ROWS), |task| {
            scratch(width, |whole| {
                for k in task * ROWS..((task + 1) * ROWS).min(n_rows) {
                    row(k, whole);
                    for (panel, part) in whole.chunks(PANEL).enumerate() {
                        let at = (panel * n_rows + k) * PANEL;
                        // SAFETY: each row has places of its own in each panel.
                        #[allow(unsafe_code)]
                        let place = unsafe { places.run(at..at + PANEL) };
                        place[..part.len()].copy_from_slice(part);
                        place[part.len()..].fill(0.0);
                    }
                }
            });
        });
        Self { n_rows, width, numbers }
    }
}

impl Matrix for Turned {
    type Rows = Rows;

    fn shape(&self) -> (usize, usize) {
        (self.width, self.n_rows)
    }

    fn near(n_rows: usize) -> usize {
        <super::Dense as Matrix>::near(n_rows)
    }

    #[allow(unsafe_code)]
    unsafe fn multiply(&self, isa: Isa, x: &Rows, part: Part, begin: Begin, out: Tile) {
        let Part { tile, panel, inputs } = part;
        let first = panel * self.n_rows * PANEL;
        let weights = &self.numbers[first + inputs.start * PANEL..first + inputs.end * PANEL];
        // SAFETY: floats are plain bytes; a tile of `Rows` has no more rows than a kernel takes; the rest is the caller's
        // contract.
        unsafe {
            let weights = std::slice::from_raw_parts(weights.as_ptr().cast(), size_of_val(weights));
            multiply_tile(isa, Kind::F32, tile.len(), x.inputs(tile, inputs), weights, begin, out);
        }
    }
}

/// `out += y W` with `W` of `[n_rows, width]`, of which `row(k, …)` writes row k: a part of the matrix at a time, on all
/// threads. Each sum is made in the order of the rows.
///
/// # Shapes
/// - `y`: `[n, n_rows]`
/// - `out`: `[n, width]`
///
/// # Panics
/// When the lengths do not fit (a bug of the caller).
pub fn add_times_turned(
    isa: Isa,
    (n_rows, width): (usize, usize),
    y: &[f32],
    row: impl Fn(usize, &mut [f32]) + Sync,
    out: &mut [f32],
) {
    let n = y.len().checked_div(n_rows).unwrap_or(0);
    assert!(y.len() == n * n_rows && out.len() == n * width);
    if y.is_empty() || width == 0 {
        return;
    }
    let step = (FLOATS / width).max(PANEL);
    for start in (0..n_rows).step_by(step) {
        let part = step.min(n_rows - start);
        let turned = Turned::new(part, width, |k, to| row(start + k, to));
        let y = Rows::strided(isa, &y[start..], n, part, n_rows);
        layers::add_times(isa, Layer { matrix: &turned, bias: None, then: None }, &y, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_definition_around_the_edges_of_panels_and_parts() {
        let weight = |r: usize, c: usize| ((r * 7 + c * 3) % 11) as f32 - 5.0;
        for (n, n_rows, width) in [(1, 1, 1), (3, 5, 31), (2, 40, 32), (15, 3, 33), (2, 130, FLOATS / 64)] {
            let y: Vec<f32> = (0..n * n_rows).map(|i| (i % 13) as f32 - 6.0).collect();
            for isa in Isa::all() {
                let mut out = vec![1.0; n * width];
                let row = |r: usize, row: &mut [f32]| {
                    row.iter_mut().enumerate().for_each(|(c, w)| *w = weight(r, c))
                };
                add_times_turned(isa, (n_rows, width), &y, row, &mut out);
                for (i, out) in out.chunks(width).enumerate() {
                    for (c, out) in out.iter().enumerate().step_by(1 + width / 100) {
                        let want: f32 = (0..n_rows).map(|r| y[i * n_rows + r] * weight(r, c)).sum();
                        assert_eq!(*out, 1.0 + want, "{} {n} {n_rows} {width}", isa.name());
                    }
                }
            }
        }
    }
}
