//! Many rows times a matrix whose rows are unpacked to f32 on the way: a panel at a time, so that the whole matrix
//! never stands in memory as floats.

use super::panels::interleave_panel;
use super::{Kind, Rows, multiply_tile};
use crate::kernels::Isa;
use crate::kernels::buffer::{Buffer, scratch};
use crate::kernels::layers::{Begin, PANEL, TiledRows};
use crate::kernels::packed::Tile;
use crate::kernels::team::{self, Places};

/// `y = x Wᵀ`, where `unpack(r, row)` writes row r of `W`.
///
/// # Shapes
/// - `x`: `[n, n_in]`
/// - returns: `[n, n_out]`
///
/// # Panics
/// When the lengths do not fit (a bug of the caller).
pub fn times_unpacked(
    isa: Isa,
    (n_out, n_in): (usize, usize),
    x: &[f32],
    unpack: impl Fn(usize, &mut [f32]) + Sync,
) -> Buffer {
    let x = Rows::new(isa, x, n_in);
    let n = x.shape().0;
    let mut y = Buffer::new(n * n_out);
    let places = Places::of(&mut y);
    team::for_each(n_out.div_ceil(PANEL), |panel| {
        let column = panel * PANEL;
        let width = PANEL.min(n_out - column);
        scratch((width + PANEL) * n_in, |scratch| {
            let (rows, weights) = scratch.split_at_mut(width * n_in);
            for (i, row) in rows.chunks_mut(n_in.max(1)).enumerate() {
                unpack(column + i, row);
            }
            weights.fill(0.0);
            interleave_panel(n_in, rows, weights);
            // SAFETY: floats are plain bytes.
            #[allow(unsafe_code)]
            let weights =
                unsafe { std::slice::from_raw_parts(weights.as_ptr().cast(), size_of_val(weights)) };
            for tile in x.tiles(0..n) {
                // SAFETY: a place for each row of the tile and column of the panel, which belong to this task.
                #[allow(unsafe_code)]
                unsafe {
                    let out = Tile { at: places.at(tile.start * n_out + column), stride: n_out, width };
                    let numbers = x.inputs(tile.clone(), 0..n_in);
                    multiply_tile(isa, Kind::F32, tile.len(), numbers, weights, Begin::NOTHING, out);
                }
            }
        });
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_definition_around_the_edges_of_panels() {
        let weight = |r: usize, c: usize| ((r * 7 + c * 3) % 11) as f32 - 5.0;
        for (n, n_in, n_out) in [(1, 1, 1), (3, 5, 31), (2, 4, 32), (15, 3, 33), (1, 2, 200)] {
            let x: Vec<f32> = (0..n * n_in).map(|i| (i % 13) as f32 - 6.0).collect();
            for isa in Isa::all() {
                let y = times_unpacked(isa, (n_out, n_in), &x, |r, row| {
                    row.iter_mut().enumerate().for_each(|(c, w)| *w = weight(r, c));
                });
                for (i, y) in y.chunks(n_out).enumerate() {
                    for (r, y) in y.iter().enumerate() {
                        let want: f32 = (0..n_in).map(|c| x[i * n_in + c] * weight(r, c)).sum();
                        assert_eq!(*y, want, "{} {n} {n_in} {n_out}", isa.name());
                    }
                }
            }
        }
    }
}
