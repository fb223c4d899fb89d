//! Keys and values of several sequences side by side in a device's memory: a step writes them at once and looks at them
//! at once, because on a device each call costs more than the numbers that it computes.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Tensor};
use smallvec::SmallVec;

use super::super::array::Rows;
use super::AttentionRule;
use super::device::{DeviceRows, attend};

/// Rows that one query sees, as runs of them.
pub type Visible = SmallVec<[Range<usize>; 2]>;

/// What hides rows from queries, made once for all layers of a step that see alike.
#[derive(Default)]
pub struct Masks(Mutex<Vec<Mask>>);

/// For these queries over so many rows.
struct Mask {
    visible: Vec<Visible>,
    n_rows: usize,
    mask: Tensor,
}

impl Masks {
    /// 0 where a query may look, −∞ elsewhere.
    ///
    /// # Shapes
    /// - returns: `[visible.len(), n_rows]`
    pub(super) fn of(
        &self,
        visible: Vec<Visible>,
        n_rows: usize,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.iter().find(|mask| mask.n_rows == n_rows && mask.visible == visible) {
            return Ok(same.mask.clone());
        }
        let mut numbers = vec![f32::NEG_INFINITY; visible.len() * n_rows];
        for (row, runs) in numbers.chunks_mut(n_rows.max(1)).zip(&visible) {
            runs.iter().for_each(|run| row[run.clone()].fill(0.0));
        }
        let mask = Tensor::from_vec(numbers, (visible.len(), n_rows), device)?;
        known.push(Mask { visible, n_rows, mask: mask.clone() });
        Ok(mask)
    }
}

/// The rows of all sequences, in the order in which they came.
struct Pool {
    /// `[n_kv_heads, capacity, head_dim]`
    keys: Tensor,
    /// The same.
    values: Tensor,
    /// Rows that are written.
    used: usize,
}

/// Those of one sequence.
#[derive(Clone)]
pub(super) struct PooledRows {
    pool: Arc<Mutex<Pool>>,
    /// Its rows in the pool, in the order of their positions.
    runs: Vec<Range<usize>>,
}

impl PooledRows {
    /// A pool that begins with the first `n` of these rows, which then belong to all clones.
    pub(super) fn new(rows: &DeviceRows, n: usize) -> candle_core::Result<Self> {
        let [keys, values] = rows.first(n)?;
        let pool = Pool { keys, values, used: n };
        let mut all = Self { pool: Arc::new(Mutex::new(pool)), runs: Vec::new() };
        all.take(0..n);
        Ok(all)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both stand side by side.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool)
    }

    /// Forgets all but these of its rows.
    pub(super) fn keep(&mut self, rows: Range<usize>) {
        self.runs = self.places(rows).into_vec();
    }

    /// Where some of its rows are in the pool.
    fn places(&self, rows: Range<usize>) -> Visible {
        let mut places = Visible::new();
        let mut before = 0;
        for run in &self.runs {
            let start = rows.start.max(before);
            let end = rows.end.min(before + run.len());
            if start < end {
                places.push(run.start + start - before..run.start + end - before);
            }
            before += run.len();
        }
        places
    }

    /// Writes new rows to the pool; which of them.
    ///
    /// # Shapes
    /// - `new`: `[n_kv_heads, n, head_dim]` each
    pub(super) fn write(&self, new: [&Tensor; 2], rows: Range<usize>) -> candle_core::Result<usize> {
        let mut pool = self.pool();
        let (n_kv_heads, capacity, head_dim) = pool.keys.dims3()?;
        let (used, needed) = (pool.used, pool.used + rows.len());
        let Pool { keys, values, .. } = &mut *pool;
        for (all, new) in [keys, values].into_iter().zip(new) {
            if needed > capacity {
                let larger = (n_kv_heads, needed.max(2 * capacity), head_dim);
                let moved = Tensor::zeros(larger, DType::F32, all.device())?;
                if used > 0 {
                    moved.slice_set(&all.narrow(1, 0, used)?.contiguous()?, 1, 0)?;
                }
                *all = moved;
            }
            all.slice_set(&new.narrow(1, rows.start, rows.len())?.contiguous()?, 1, used)?;
        }
        pool.used = needed;
        Ok(used)
    }

    /// Rows that were written for it.
    pub(super) fn take(&mut self, written: Range<usize>) {
        match self.runs.last_mut().filter(|last| last.end == written.start) {
            Some(last) => last.end = written.end,
            None => self.runs.push(written),
        }
    }

    /// Mixes values for the queries of sequences that stand side by side: each query with its sequence and which of its
    /// rows it sees.
    ///
    /// # Shapes
    /// - `q`: `[n_heads, n, head_dim]`, contiguous
    /// - returns: `[n, n_heads * head_dim]`
    pub(super) fn attend<'a>(
        queries: impl Iterator<Item = (&'a Self, Range<usize>)>,
        q: &Tensor,
        rule: AttentionRule,
        masks: &Masks,
    ) -> candle_core::Result<Tensor> {
        let mut pool = None;
        let visible: Vec<Visible> = queries
            .map(|(rows, sees)| {
                pool = pool.or(Some(rows));
                rows.places(sees)
            })
            .collect();
        let Some(rows) = pool else { candle_core::bail!("nobody looks at these keys") };
        let pool = rows.pool();
        let (k, v) = (pool.keys.narrow(1, 0, pool.used)?, pool.values.narrow(1, 0, pool.used)?);
        let mask = masks.of(visible, pool.used, q.device())?;
        attend([&k, &v], q, Some(&mask), rule)
    }

    /// The first `n` rows of each head, for itself.
    pub(super) fn alone(&self, n: usize) -> candle_core::Result<DeviceRows> {
        let pool = self.pool();
        let gather = |all: &Tensor| {
            let runs: candle_core::Result<Vec<Tensor>> =
                self.places(0..n).iter().map(|run| all.narrow(1, run.start, run.len())).collect();
            Tensor::cat(&runs?, 1)?.contiguous()
        };
        Ok(DeviceRows::of(gather(&pool.keys)?, gather(&pool.values)?))
    }
}

/// Mixes values for the queries of rows of which nothing is kept, traced for gradients: query i sees the rows
/// `visible[i]`.
///
/// # Shapes
/// - `k`, `v`: `[n_kv_heads, n_keys, head_dim]`
/// - `q`: `[n_heads, n, head_dim]`
/// - returns: `[n, n_heads * head_dim]`
pub fn attend_traced(
    [q, k, v]: [&Tensor; 3],
    visible: Vec<Visible>,
    rule: AttentionRule,
    masks: &Masks,
) -> candle_core::Result<Rows> {
    let mask = masks.of(visible, k.dims3()?.1, q.device())?;
    attend([k, v], q, Some(&mask), rule).map(Rows::Device)
}
