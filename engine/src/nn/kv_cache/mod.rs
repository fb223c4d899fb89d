//! Keys and values of one layer, and attention over them.

mod device;
mod pool;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use smallvec::SmallVec;

use self::device::DeviceRows;
use self::pool::PooledRows;
pub use self::pool::{Masks, Visible, attend_traced};
use super::array::{Array, Rows};
pub use crate::kernels::attention::MOST_ALIKE;
pub use crate::kernels::attention::Rule as AttentionRule;
use crate::kernels::attention::{self, Piece, attend, share_step};
pub use crate::kernels::cache::CacheFormat;
use crate::kernels::cache::CacheRows;
use crate::kernels::team;

/// Rows that a layer with a window keeps beyond it, so that the end of an answer can be taken back.
const SLACK: usize = 256;

/// What a layer's cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// How many positions a query sees, its own included; none sees all before it.
    pub window: Option<usize>,
}

impl CacheShape {
    /// Bytes for a conversation of `n` tokens.
    pub fn bytes(self, n: usize, format: CacheFormat) -> u64 {
        let rows = self.window.map_or(n, |window| n.min(window + SLACK)) as u64;
        rows.saturating_mul(2 * self.n_kv_heads as u64 * format.row_bytes(self.head_dim) as u64)
    }
}

/// Keys and values of the positions `first..end`.
#[derive(Clone)]
pub struct KvCache {
    shape: CacheShape,
    first: usize,
    end: usize,
    /// Its beginning, where other sequences have the same.
    shared: Option<Shared>,
    /// The rest.
    place: Place,
}

/// Rows of keys and values that are for one cache, which holds `pos` tokens before them.
pub struct Append<'a> {
    /// Where they go.
    pub cache: &'a mut KvCache,
    /// At this position.
    pub pos: usize,
    /// Which rows.
    pub rows: Range<usize>,
}

/// Rows that several caches read.
#[derive(Clone)]
struct Shared {
    rows: Arc<HostRows>,
    positions: Range<usize>,
}

/// A list of rows for each head.
#[derive(Clone)]
struct HostRows {
    keys: Vec<CacheRows>,
    values: Vec<CacheRows>,
}

impl HostRows {
    fn each(&mut self) -> impl Iterator<Item = &mut CacheRows> {
        self.keys.iter_mut().chain(&mut self.values)
    }

    /// The same done with all lists.
    fn map(&mut self, mut f: impl FnMut(&mut CacheRows) -> CacheRows) -> Self {
        Self {
            keys: self.keys.iter_mut().map(&mut f).collect(),
            values: self.values.iter_mut().map(f).collect(),
        }
    }

    fn piece(&self, positions: Range<usize>, queries: Range<usize>) -> Piece<'_> {
        Piece { keys: &self.keys, values: &self.values, positions, queries }
    }
}

#[derive(Clone)]
enum Place {
    Host(HostRows),
    Device(DeviceRows),
    /// Beside those of other sequences that began alike.
    Pooled(PooledRows),
}

impl KvCache {
    /// Empty. Formats other than f32 are for the processor's memory: on a device rows are kept as f32.
    ///
    /// # Errors
    /// When a device has no memory left.
    pub fn new(shape: CacheShape, format: CacheFormat, device: &Device) -> candle_core::Result<Self> {
        let place = match device {
            Device::Cpu => {
                let rows = || (0..shape.n_kv_heads).map(|_| CacheRows::new(format, shape.head_dim)).collect();
                Place::Host(HostRows { keys: rows(), values: rows() })
            }
            device => Place::Device(DeviceRows::new(shape, device)?),
        };
        Ok(Self { shape, first: 0, end: 0, shared: None, place })
    }

    /// Whether all that a token at `pos` sees is still here.
    pub fn reaches(&self, pos: usize) -> bool {
        let needed = self.shape.window.map_or(0, |window| (pos + 1).saturating_sub(window));
        self.first <= needed && pos <= self.end
    }

    /// Whether it forgets what lies before a window.
    pub fn has_window(&self) -> bool {
        self.shape.window.is_some()
    }

    /// The position after the last that it holds.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Where the rows that are only its own begin.
    fn own_first(&self) -> usize {
        self.shared.as_ref().map_or(self.first, |shared| shared.positions.end)
    }

    /// Forgets the positions from `pos` on; all of them where it does not reach back to `pos`.
    pub fn truncate(&mut self, pos: usize) {
        if !self.reaches(pos) {
            self.first = 0;
            self.end = 0;
            self.shared = None;
        }
        self.end = self.end.min(pos);
        if self.end < self.own_first() {
            self.unshare();
        }
        let held = self.end - self.own_first();
        match &mut self.place {
            Place::Host(rows) => rows.each().for_each(|rows| rows.truncate(held)),
            Place::Pooled(rows) => rows.keep(0..held),
            Place::Device(_) => {}
        }
    }

    /// Takes a copy of what it shares with others.
    fn unshare(&mut self) {
        let Some(Shared { rows, positions }) = self.shared.take() else { return };
        if let Place::Host(own) = &mut self.place {
            let mut all = (*rows).clone();
            for (all, own) in all.each().zip(own.each()) {
                all.truncate(positions.len());
                all.append(own);
                all.drop_first(self.first - positions.start);
            }
            *own = all;
        }
    }

    /// Makes room for `n` positions in all, or for what a window keeps of them; rooms that grow step by step leave holes
    /// behind. On a device room is made when it is needed.
    pub fn reserve(&mut self, n: usize) {
        let n = self.shape.window.map_or(n, |window| n.min(window + 2 * SLACK));
        if let (None, Place::Host(rows)) = (&self.shared, &mut self.place) {
            rows.each().for_each(|rows| rows.reserve(n));
        }
    }

    /// As many caches of the same, which then go on each for itself. What lies before the last whole
    /// multiple of `attention::share_step` stays in memory once; on a device all of it does.
    ///
    /// # Errors
    /// When a device has no memory left.
    pub fn fork(mut self, n: usize) -> candle_core::Result<Vec<Self>> {
        if let (Place::Device(rows), 2..) = (&self.place, n) {
            self.place = Place::Pooled(PooledRows::new(rows, self.end - self.first)?);
        }
        let border = self.end / share_step(self.shape.head_dim) * share_step(self.shape.head_dim);
        if border > self.own_first() {
            self.unshare();
            if let Place::Host(rows) = &mut self.place {
                let held = border - self.first;
                let own = rows.map(|rows| rows.split_off(held));
                let rows = Arc::new(std::mem::replace(rows, own));
                self.shared = Some(Shared { rows, positions: self.first..border });
            }
        }
        Ok(vec![self; n])
    }

    /// Writes rows at `pos`, in place of all from there on. A layer with a window forgets what lies before it.
    ///
    /// # Shapes
    /// - `keys`, `values`: `[n_kv_heads, n, head_dim]`
    #[cfg(test)]
    pub fn append(&mut self, pos: usize, keys: &Rows, values: &Rows) -> candle_core::Result<()> {
        let rows = 0..keys.n() / self.shape.n_kv_heads;
        Self::append_each(&mut [Append { cache: self, pos, rows }], keys, values)
    }

    /// Writes rows of several sequences, each to its cache at a position of its own, in place of all from there on. A
    /// layer with a window forgets what lies before it.
    ///
    /// # Shapes
    /// - `keys`, `values`: `[n_kv_heads, n, head_dim]`
    ///
    /// # Errors
    /// When a cache does not hold what comes before the position, or a device has no memory left.
    pub fn append_each(appends: &mut [Append], keys: &Rows, values: &Rows) -> candle_core::Result<()> {
        let mut stale: SmallVec<[Range<usize>; 4]> = SmallVec::new();
        for append in appends.iter_mut() {
            stale.push(append.cache.make_room(append.pos, append.rows.len())?);
            if let Place::Device(own) = &mut append.cache.place {
                let (Some(keys), Some(values)) = (keys.on_device(), values.on_device()) else {
                    candle_core::bail!("keys and values are not on the device of their cache");
                };
                own.write([keys, values], append.rows.clone(), stale[stale.len() - 1].clone())?;
            }
        }
        if let (Some(keys), Some(values)) = (keys.on_device(), values.on_device()) {
            return write_pooled(appends, &stale, [keys, values]);
        }
        keys.read(|keys| {
            values.read(|values| {
                team::for_each_chunk(appends, 1, |i, appends| {
                    for Append { cache, rows, .. } in appends {
                        let CacheShape { n_kv_heads, head_dim, .. } = cache.shape;
                        let Place::Host(HostRows { keys: own_keys, values: own_values }) = &mut cache.place
                        else {
                            continue;
                        };
                        for (own, new) in [(own_keys, keys), (own_values, values)] {
                            for (own, new) in own.iter_mut().zip(new.chunks(new.len() / n_kv_heads)) {
                                own.truncate(stale[i].end);
                                own.drop_first(stale[i].start);
                                own.extend(&new[rows.start * head_dim..rows.end * head_dim]);
                            }
                        }
                    }
                });
            })
        })?
    }

    /// Makes ready for `n` rows at `pos`; which of its own rows are to stay.
    fn make_room(&mut self, pos: usize, n: usize) -> candle_core::Result<Range<usize>> {
        if !self.reaches(pos) {
            candle_core::bail!(
                "the cache holds {}..{} and not what comes before {pos}",
                self.first,
                self.end
            );
        }
        if pos < self.own_first() {
            self.unshare();
        }
        let needed = self.shape.window.map_or(0, |window| (pos + 1).saturating_sub(window));
        let stale = needed - self.first;
        let first = if stale >= SLACK || n > SLACK { needed } else { self.first };
        let own = self.own_first();
        self.shared.take_if(|shared| shared.positions.end <= first);
        // Rows that are shared stay as they are.
        let dropped = if self.shared.is_some() { 0 } else { first - own };
        self.first = first;
        self.end = pos + n;
        Ok(dropped..pos - own)
    }

    /// Mixes values for `q`, the queries of several sequences one after the other, each with its cache: query i sees
    /// the positions `sees[i]` of its own, weighted by `softmax(softcap(q · k · scale))`. Few queries are answered
    /// together, and what sequences share is read once.
    ///
    /// # Shapes
    /// - `q`: `[n_heads, n, head_dim]`
    /// - `caches`: each with the queries that are for it
    /// - returns: `[n, n_heads * head_dim]`
    pub fn attend(
        caches: &[(&Self, Range<usize>)],
        q: &Rows,
        sees: &[Range<usize>],
        rule: AttentionRule,
        masks: &Masks,
    ) -> candle_core::Result<Rows> {
        let (n, head_dim) = (sees.len(), q.width());
        let n_heads = q.n().checked_div(n).unwrap_or(0);
        for (cache, queries) in caches {
            let Some(sees) = sees.get(queries.clone()) else {
                candle_core::bail!("{queries:?} of {n} queries")
            };
            if sees.iter().any(|sees| sees.start < cache.first || sees.end > cache.end || sees.is_empty()) {
                candle_core::bail!("the cache holds {}..{} only", cache.first, cache.end);
            }
        }
        let is_few = |(cache, queries): &(&Self, Range<usize>)| {
            cache.shared.is_some() || queries.len() * n_heads <= MOST_ALIKE * cache.shape.n_kv_heads
        };
        if let Some(pieces) = pieces(caches).filter(|_| caches.len() == 1 || caches.iter().all(is_few)) {
            let shape = attention::Shape { n_heads, head_dim, n, rule };
            return Rows::of(q.read(|q| attend(shape, q, &pieces, sees))?, n_heads * head_dim);
        }
        if let (Some(beside), Some(q)) = (beside(caches), q.on_device()) {
            let each = caches.iter().zip(beside).flat_map(|((cache, queries), rows)| {
                let row = |position: usize| position - cache.first;
                sees[queries.clone()].iter().map(move |sees| (rows, row(sees.start)..row(sees.end)))
            });
            return PooledRows::attend(each, q, rule, masks).map(Rows::Device);
        }
        let mut mixed = Vec::with_capacity(caches.len());
        for (cache, queries) in caches {
            let sees = &sees[queries.clone()];
            mixed.push(match (&cache.place, q.on_device()) {
                (Place::Host(_), None) => {
                    let of_heads = (0..n_heads).flat_map(|head| queries.clone().map(move |i| head * n + i));
                    let q = q.select(&of_heads.map(|row| row as u32).collect::<Vec<_>>())?;
                    Self::attend(&[(*cache, 0..queries.len())], &q, sees, rule, masks)?
                }
                (Place::Pooled(_), Some(q)) => {
                    let q = Rows::Device(q.narrow(1, queries.start, queries.len())?.contiguous()?);
                    Self::attend(&[(*cache, 0..queries.len())], &q, sees, rule, masks)?
                }
                (Place::Device(own), Some(q)) => {
                    let q = q.narrow(1, queries.start, queries.len())?.contiguous()?;
                    let row = |position: usize| position - cache.first;
                    let rows: Vec<_> = sees.iter().map(|sees| row(sees.start)..row(sees.end)).collect();
                    Rows::Device(own.attend(&q, &rows, rule)?)
                }
                _ => candle_core::bail!("queries are not where their cache is"),
            });
        }
        Rows::join(mixed)
    }

    /// Writes what it holds before position `end`.
    ///
    /// # Errors
    /// Those of the writer; a cache that does not reach there is not written.
    pub fn save(&self, end: usize, out: &mut impl Write) -> std::io::Result<()> {
        if self.shared.is_some() {
            let mut own = self.clone();
            own.unshare();
            return own.save(end, out);
        }
        if !self.reaches(end) {
            return Err(std::io::Error::other(format!("{}..{} and not {end}", self.first, self.end)));
        }
        for n in [self.first, end] {
            out.write_all(&(n as u64).to_le_bytes())?;
        }
        let n_rows = end - self.first;
        match &self.place {
            Place::Host(HostRows { keys, values }) => {
                keys.iter().chain(values).try_for_each(|rows| out.write_all(&rows.first_bytes(n_rows)))
            }
            Place::Device(own) => own.save(n_rows, out),
            Place::Pooled(own) => own.alone(n_rows).map_err(std::io::Error::other)?.save(n_rows, out),
        }
    }

    /// Reads what [`KvCache::save`] wrote of a cache of the same shape and format; on a device that is f32.
    ///
    /// # Errors
    /// Those of the reader, or when it is not such a cache. `most` limits the positions.
    pub fn load(
        shape: CacheShape,
        format: CacheFormat,
        device: &Device,
        most: usize,
        from: &mut impl Read,
    ) -> std::io::Result<Self> {
        let mut number = || -> std::io::Result<usize> {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes)?;
            usize::try_from(u64::from_le_bytes(bytes)).map_err(std::io::Error::other)
        };
        let (first, end) = (number()?, number()?);
        if first > end || end > most {
            return Err(std::io::Error::other(format!("positions {first}..{end} of {most}")));
        }
        if !matches!(device, Device::Cpu) {
            let place = Place::Device(DeviceRows::load(shape, end - first, device, from)?);
            return Ok(Self { shape, first, end, shared: None, place });
        }
        let n_bytes = (end - first) * format.row_bytes(shape.head_dim);
        let mut rows = || -> std::io::Result<Vec<CacheRows>> {
            let mut head = || {
                let mut bytes = vec![0; n_bytes];
                from.read_exact(&mut bytes)?;
                CacheRows::from_bytes(format, shape.head_dim, &bytes)
                    .ok_or_else(|| std::io::Error::other("half a row"))
            };
            (0..shape.n_kv_heads).map(|_| head()).collect()
        };
        let (keys, values) = (rows()?, rows()?);
        Ok(Self { shape, first, end, shared: None, place: Place::Host(HostRows { keys, values }) })
    }
}

/// Writes the rows that are for pools: those of sequences side by side at once.
fn write_pooled(appends: &mut [Append], stay: &[Range<usize>], new: [&Tensor; 2]) -> candle_core::Result<()> {
    let mut start = 0;
    while start < appends.len() {
        let Place::Pooled(first) = &appends[start].cache.place else {
            start += 1;
            continue;
        };
        let mut rows = appends[start].rows.clone();
        let mut n = 1;
        while let Some(Append { cache, rows: next, .. }) = appends.get(start + n)
            && matches!(&cache.place, Place::Pooled(other) if other.is_beside(first))
            && next.start == rows.end
        {
            rows.end = next.end;
            n += 1;
        }
        let mut written = first.write(new, rows)?;
        for (append, stay) in appends[start..start + n].iter_mut().zip(&stay[start..]) {
            let Place::Pooled(own) = &mut append.cache.place else { continue };
            own.keep(stay.clone());
            own.take(written..written + append.rows.len());
            written += append.rows.len();
        }
        start += n;
    }
    Ok(())
}

/// The rows of caches that all stand side by side.
fn beside<'a>(caches: &[(&'a KvCache, Range<usize>)]) -> Option<SmallVec<[&'a PooledRows; 4]>> {
    let mut all: SmallVec<[&PooledRows; 4]> = SmallVec::new();
    for (cache, _) in caches {
        let Place::Pooled(rows) = &cache.place else { return None };
        if all.first().is_some_and(|first| !first.is_beside(rows)) {
            return None;
        }
        all.push(rows);
    }
    Some(all)
}

/// What queries look at in the processor's memory; what caches beside each other share is one piece.
fn pieces<'a>(caches: &[(&'a KvCache, Range<usize>)]) -> Option<SmallVec<[Piece<'a>; 4]>> {
    let mut pieces: SmallVec<[Piece; 4]> = SmallVec::new();
    let same = |a: &Shared, b: &Shared| Arc::ptr_eq(&a.rows, &b.rows) && a.positions == b.positions;
    let with_shared = caches.iter().filter_map(|(cache, queries)| Some((cache.shared.as_ref()?, queries)));
    let mut last: Option<&Shared> = None;
    for (shared, queries) in with_shared {
        match pieces.last_mut().filter(|piece| piece.queries.end == queries.start) {
            Some(piece) if last.is_some_and(|last| same(last, shared)) => piece.queries.end = queries.end,
            _ => pieces.push(shared.rows.piece(shared.positions.clone(), queries.clone())),
        }
        last = Some(shared);
    }
    for (cache, queries) in caches {
        let Place::Host(rows) = &cache.place else { return None };
        if cache.end > cache.own_first() {
            pieces.push(rows.piece(cache.own_first()..cache.end, queries.clone()));
        }
    }
    Some(pieces)
}
