//! Float weights, interleaved panel by panel.

use std::ops::Range;

use rayon::prelude::*;

use super::Kind;
use crate::kernels::layers::PANEL;
use crate::kernels::packed::{Bytes, Owned};

/// A matrix of `[n_out, n_in]` in panels; cheap to clone. Weight k of output c of a panel is at `32 k + c`;
/// outputs that fill up the last panel are 0.
#[derive(Clone)]
pub struct Dense {
    kind: Kind,
    n_in: usize,
    n_out: usize,
    bytes: Bytes,
}

/// Bytes of a matrix of `[n_out, n_in]` in panels.
const fn dense_bytes(kind: Kind, n_out: usize, n_in: usize) -> usize {
    n_out.div_ceil(PANEL) * PANEL * n_in * kind.bytes()
}

/// Interleaves rows as a file holds them, from `first` on, the first of a panel, into the zeros that `panels` of the
/// whole matrix begin with. Done once for each row.
///
/// # Panics
/// When `first` is within a panel, `rows` are not whole rows, or `panels` have no place for them (a bug of the caller).
pub fn interleave(kind: Kind, n_in: usize, first: usize, rows: &[u8], panels: &mut [u8]) {
    match kind.bytes() {
        2 => interleave_of::<2>(n_in, first, rows, panels),
        _ => interleave_of::<4>(n_in, first, rows, panels),
    }
}

fn interleave_of<const SIZE: usize>(n_in: usize, first: usize, rows: &[u8], panels: &mut [u8]) {
    let row_bytes = SIZE * n_in;
    assert!(first.is_multiple_of(PANEL) && (n_in == 0 || rows.len().is_multiple_of(row_bytes)));
    if n_in == 0 {
        return;
    }
    let (rows, panels) = (rows.as_chunks::<SIZE>().0, panels.as_chunks_mut::<SIZE>().0);
    let panels = &mut panels[first * n_in..];
    assert!(rows.len().div_ceil(PANEL * n_in) * PANEL * n_in <= panels.len());
    let panels = panels.par_chunks_mut(PANEL * n_in);
    panels.zip(rows.par_chunks(PANEL * n_in)).for_each(|(panel, rows)| interleave_panel(n_in, rows, panel));
}

/// Interleaves up to 32 rows; what fills up the panel is left as it is.
pub(super) fn interleave_panel<T: Copy>(n_in: usize, rows: &[T], panel: &mut [T]) {
    /// Inputs that are copied row by row, so that a line of a row is read once.
    const RUN: usize = 16;
    for (run, panel) in panel.chunks_mut(PANEL * RUN).enumerate() {
        for (c, row) in rows.chunks(n_in).enumerate() {
            for (to, from) in panel[c..].iter_mut().step_by(PANEL).zip(&row[run * RUN..]) {
                *to = *from;
            }
        }
    }
}

impl Dense {
    /// In memory of its own, which `fill` gets as zeros.
    pub fn in_memory(kind: Kind, (n_out, n_in): (usize, usize), fill: impl FnOnce(&mut [u8])) -> Self {
        let bytes = Owned::filled(dense_bytes(kind, n_out, n_in), fill);
        Self { kind, n_in, n_out, bytes }
    }

    /// Of floats, `[n_out, n_in]`.
    ///
    /// # Panics
    /// When these are not as many (a bug of the caller).
    pub fn from_floats((n_out, n_in): (usize, usize), rows: &[f32]) -> Self {
        assert_eq!(rows.len(), n_out * n_in);
        // SAFETY: floats are plain bytes.
        #[allow(unsafe_code)]
        let bytes = unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows)) };
        Self::in_memory(Kind::F32, (n_out, n_in), |panels| interleave(Kind::F32, n_in, 0, bytes, panels))
    }

    /// `[n_out, n_in]`
    pub fn shape(&self) -> (usize, usize) {
        (self.n_out, self.n_in)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Some inputs of a panel.
    pub(super) fn inputs(&self, panel: usize, inputs: Range<usize>) -> &[u8] {
        let step = PANEL * self.kind.bytes();
        let first = panel * self.n_in * step;
        &(*self.bytes).as_ref()[first + inputs.start * step..first + inputs.end * step]
    }

    /// One row in floats.
    ///
    /// # Panics
    /// When there is no such row, or `out` is not `[n_in]` (a bug of the caller).
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n_out && out.len() == self.n_in);
        let panel = self.inputs(row / PANEL, 0..self.n_in);
        let column = row % PANEL;
        let size = self.kind.bytes();
        for (out, of_input) in out.iter_mut().zip(panel.chunks_exact(PANEL * size)) {
            widen(self.kind, &of_input[column * size..][..size], std::slice::from_mut(out));
        }
    }
}

/// Widens a run of numbers as they are stored.
pub(super) fn widen(kind: Kind, bytes: &[u8], to: &mut [f32]) {
    match kind {
        Kind::F32 => {
            for (to, from) in to.iter_mut().zip(bytes.as_chunks().0) {
                *to = f32::from_le_bytes(*from);
            }
        }
        Kind::F16 => {
            for (to, from) in to.iter_mut().zip(bytes.as_chunks().0) {
                *to = half::f16::from_le_bytes(*from).to_f32();
            }
        }
        Kind::BF16 => {
            for (to, from) in to.iter_mut().zip(bytes.as_chunks().0) {
                *to = half::bf16::from_le_bytes(*from).to_f32();
            }
        }
    }
}
