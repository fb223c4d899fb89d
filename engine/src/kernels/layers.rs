//! Rows times matrices that stand in panels of 32 outputs, on all threads of the team, with what follows at once: a
//! bias, a sum, a function.

use std::ops::Range;

use super::buffer::Buffer;
use super::packed::Tile;
use super::{Isa, team};

/// Outputs per panel.
pub const PANEL: usize = 32;

/// A matrix whose panels are multiplied with tiles of rows.
pub trait Matrix: Sync {
    /// Rows as its kernels want them.
    type Rows: TiledRows;

    /// `[n_out, n_in]`
    fn shape(&self) -> (usize, usize);

    /// How many inputs are gone through before the next panel is taken, where a task has so many rows.
    fn near(n_rows: usize) -> usize;

    /// `out = begin + x · panel` for a part of the product.
    ///
    /// # Safety
    /// There are the tile of `x`, the panel and the inputs; `out` and the bias of `begin`, if any, have a place for
    /// each row of the tile and column of the panel.
    #[allow(unsafe_code)]
    unsafe fn multiply(&self, isa: Isa, x: &Self::Rows, part: Part, begin: Begin, out: Tile);
}

/// What a kernel multiplies at a time.
pub struct Part {
    /// Rows of a tile.
    pub tile: Range<usize>,
    /// Which panel.
    pub panel: usize,
    /// Some of the inputs.
    pub inputs: Range<usize>,
}

/// Rows that stand in tiles.
pub trait TiledRows: Sync {
    /// Of `x`, `[n_rows, n_in]`.
    ///
    /// # Panics
    /// When `x` has no whole rows, or rows are not as kernels need them (a bug of the caller).
    fn new(isa: Isa, x: &[f32], n_in: usize) -> Self;

    /// `[n_rows, n_in]`
    fn shape(&self) -> (usize, usize);

    /// Rows of each tile but the last.
    fn most(&self) -> usize;
}

/// What sums begin with.
#[derive(Clone, Copy)]
pub struct Begin {
    /// A number for each column, or null for none.
    pub(super) bias: *const f32,
    /// Whether what is there already counts too.
    pub(super) onto: bool,
}

impl Begin {
    /// With 0.
    pub(super) const NOTHING: Self = Self { bias: std::ptr::null(), onto: false };
    /// With what is there.
    pub(super) const ONTO: Self = Self { bias: std::ptr::null(), onto: true };
}

/// A matrix, and what is done with its products.
pub struct Layer<'a, M> {
    /// `[n_out, n_in]`
    pub matrix: &'a M,
    /// `[n_out]`
    pub bias: Option<&'a [f32]>,
    /// A function of single numbers that results go through.
    pub then: Option<fn(&mut [f32])>,
}

impl<M> Clone for Layer<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Layer<'_, M> {}

/// What rows give in each of some layers.
///
/// # Shapes
/// - returns: `[n_rows, n_out]` for each layer
///
/// # Panics
/// When a shape does not fit (a bug of the caller).
pub fn times<M: Matrix, const N: usize>(isa: Isa, layers: [Layer<M>; N], x: &M::Rows) -> [Buffer; N] {
    let mut outs = layers.map(|layer| Buffer::new(x.shape().0 * layer.matrix.shape().0));
    let rooms = layers.iter().zip(&mut outs);
    let products = rooms.map(|(layer, out)| Product::new(*layer, x, out, false));
    multiply(isa, x, &products.collect::<Vec<_>>());
    outs
}

/// Adds what rows give in a layer to what is there.
///
/// # Shapes
/// - `out`: `[n_rows, n_out]`
///
/// # Panics
/// As [`times`].
pub fn add_times<M: Matrix>(isa: Isa, layer: Layer<M>, x: &M::Rows, out: &mut [f32]) {
    multiply(isa, x, &[Product::new(layer, x, out, true)]);
}

struct Product<'a, M> {
    layer: Layer<'a, M>,
    out: *mut f32,
    onto: bool,
}

// SAFETY: tasks write to different columns or rows of `out`; see `multiply`.
#[allow(unsafe_code)]
unsafe impl<M: Sync> Sync for Product<'_, M> {}

impl<'a, M: Matrix> Product<'a, M> {
    fn new(layer: Layer<'a, M>, x: &M::Rows, out: &'a mut [f32], onto: bool) -> Self {
        let ((n_out, n_in), (n_rows, width)) = (layer.matrix.shape(), x.shape());
        assert_eq!(width, n_in, "a row of weights has the width of the rows");
        assert_eq!(out.len(), n_rows * n_out, "a result has a place for each product of rows");
        assert!(layer.bias.is_none_or(|bias| bias.len() == n_out));
        Self { layer, out: out.as_mut_ptr(), onto }
    }
}

/// Several products, on all threads of the team.
fn multiply<M: Matrix>(isa: Isa, x: &M::Rows, products: &[Product<M>]) {
    /// Multiplications that are worth a task: some ten microseconds.
    const TASK: usize = 1 << 19;
    /// Rows of a task: they stay in the second cache while it goes through its panels.
    const ROWS: usize = 224;
    let (n_rows, n_in) = x.shape();
    if n_rows == 0 {
        return;
    }
    let n_panels = |product: &Product<M>| product.layer.matrix.shape().0.div_ceil(PANEL);
    let all: usize = products.iter().map(n_panels).sum();
    let task = TASK.max(all * PANEL * n_in * n_rows / (6 * rayon::current_num_threads()));
    let mut tasks = Vec::new();
    let block = ROWS / x.most() * x.most();
    for first in (0..n_rows).step_by(block) {
        let rows = first..(first + block).min(n_rows);
        let step = task.div_ceil((PANEL * n_in * rows.len()).max(1));
        for product in products {
            let n_panels = n_panels(product);
            let starts = (0..n_panels).step_by(step);
            tasks.extend(starts.map(|start| (product, rows.clone(), start..(start + step).min(n_panels))));
        }
    }
    team::for_each(tasks.len(), |task| {
        let (product, rows, panels) = &tasks[task];
        // SAFETY: the shapes were compared; each row of each panel belongs to one task.
        #[allow(unsafe_code)]
        unsafe {
            part(isa, product, x, rows.clone(), panels.clone());
        }
    });
}

/// Some panels times some rows.
///
/// # Safety
/// There are these rows and panels, and nobody else uses their results meanwhile.
#[allow(unsafe_code)]
unsafe fn part<M: Matrix>(
    isa: Isa,
    product: &Product<M>,
    x: &M::Rows,
    rows: Range<usize>,
    panels: Range<usize>,
) {
    let Product { layer: Layer { matrix, bias, then }, out, onto } = product;
    let (n_out, n_in) = matrix.shape();
    let columns = panels.start * PANEL..(panels.end * PANEL).min(n_out);
    let near = M::near(rows.len());
    // Of no inputs there is still a result.
    for start in (0..n_in.max(1)).step_by(near) {
        let inputs = start..start.saturating_add(near).min(n_in);
        for panel in panels.clone() {
            let column = panel * PANEL;
            let bias = bias.map_or(std::ptr::null(), |bias| bias[column..].as_ptr());
            let begin = if start == 0 { Begin { bias, onto: *onto } } else { Begin::ONTO };
            for first in rows.clone().step_by(x.most()) {
                let tile = first..(first + x.most()).min(rows.end);
                // SAFETY: a place for each row of the tile and column of the panel.
                unsafe {
                    let at = out.add(first * n_out + column);
                    let out = Tile { at, stride: n_out, width: PANEL.min(n_out - column) };
                    matrix.multiply(isa, x, Part { tile, panel, inputs: inputs.clone() }, begin, out);
                }
            }
        }
    }
    if let Some(then) = then {
        for row in rows {
            // SAFETY: these were just written, and belong to this task.
            then(unsafe {
                std::slice::from_raw_parts_mut(out.add(row * n_out + columns.start), columns.len())
            });
        }
    }
}
