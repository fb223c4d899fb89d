//! Matrix rows times a few vectors: the shape of one decoding step.
//!
//! With one to a handful of vectors the time goes into reading the matrix, so it stays in the type
//! it is stored in (half precision halves the traffic) and each row is read once for all vectors.
//! Sums are kept in f32: rows have at most a few thousand elements.

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use super::Isa;
use super::buffer::Buffer;
#[cfg(target_arch = "x86_64")]
use super::isa;
use super::rowwise::{add, add_scaled};
use super::team;
use super::transpose::transpose;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// How many multiplications are worth a second thread: some two microseconds.
const PARALLEL_FROM: usize = 1 << 15;

/// What a matrix may be stored in, as numbers for which kernels are compiled one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Kind {
    F32,
    F16,
    BF16,
}

impl Kind {
    /// Bytes of a number.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }
}

/// What a matrix may be stored in.
///
/// # Safety
/// `KIND` names the type: kernels read rows as that.
#[allow(unsafe_code)]
pub unsafe trait Element: Copy + Send + Sync {
    /// Which one it is.
    const KIND: Kind;

    /// `out[i] = row · vectors[i]`; all vectors are as long as the row.
    fn row_times<const N: usize>(row: &[Self], vectors: [&[f32]; N]) -> [f32; N];

    /// Writes a row as floats.
    fn widen(row: &[Self], to: &mut [f32]);
}

// SAFETY: it is this one.
#[allow(unsafe_code)]
unsafe impl Element for f32 {
    const KIND: Kind = Kind::F32;

    fn row_times<const N: usize>(row: &[f32], vectors: [&[f32]; N]) -> [f32; N] {
        #[cfg(target_arch = "x86_64")]
        if Isa::detect().0 >= isa::Kind::Avx2 {
            // SAFETY: the processor has the instructions.
            #[allow(unsafe_code)]
            return unsafe { x86::row_times_f32(row, vectors) };
        }
        vectors.map(|x| dot_portable(row, x))
    }

    fn widen(row: &[f32], to: &mut [f32]) {
        to.copy_from_slice(row);
    }
}

// SAFETY: it is this one.
#[allow(unsafe_code)]
unsafe impl Element for f16 {
    const KIND: Kind = Kind::F16;

    fn row_times<const N: usize>(row: &[f16], vectors: [&[f32]; N]) -> [f32; N] {
        #[cfg(target_arch = "x86_64")]
        if Isa::detect().0 >= isa::Kind::Avx2 {
            // SAFETY: the processor has the instructions.
            #[allow(unsafe_code)]
            return unsafe { x86::row_times_f16(row, vectors) };
        }
        let mut wide = [0.0_f32; 256];
        let mut sums = [0.0; N];
        for (start, part) in row.chunks(wide.len()).enumerate().map(|(i, part)| (i * 256, part)) {
            let wide = &mut wide[..part.len()];
            part.convert_to_f32_slice(wide);
            for (sum, x) in sums.iter_mut().zip(vectors) {
                *sum += dot_portable(wide, &x[start..start + wide.len()]);
            }
        }
        sums
    }

    fn widen(row: &[f16], to: &mut [f32]) {
        widen(row, to);
    }
}

// SAFETY: it is this one.
#[allow(unsafe_code)]
unsafe impl Element for bf16 {
    const KIND: Kind = Kind::BF16;

    fn row_times<const N: usize>(row: &[bf16], vectors: [&[f32]; N]) -> [f32; N] {
        // Widening is a shift, which compilers make vectors of; a block at a time stays in the nearest cache.
        let mut wide = [0.0_f32; 256];
        let mut sums = [0.0; N];
        for (start, part) in row.chunks(wide.len()).enumerate().map(|(i, part)| (i * 256, part)) {
            let wide = &mut wide[..part.len()];
            Self::widen(part, wide);
            for (sum, x) in sums.iter_mut().zip(vectors) {
                let [part] = f32::row_times(wide, [&x[start..start + wide.len()]]);
                *sum += part;
            }
        }
        sums
    }

    fn widen(row: &[bf16], to: &mut [f32]) {
        for (to, narrow) in to.iter_mut().zip(row) {
            *to = f32::from_bits(u32::from(narrow.to_bits()) << 16);
        }
    }
}

/// Writes half-precision numbers as floats.
///
/// # Panics
/// When the lengths differ (a bug of the caller).
pub(super) fn widen(from: &[f16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len());
    #[cfg(target_arch = "x86_64")]
    if Isa::detect().0 >= isa::Kind::Avx2 {
        // SAFETY: the processor has the instructions, and the lengths are the same.
        #[allow(unsafe_code)]
        return unsafe { x86::widen(from, to) };
    }
    from.convert_to_f32_slice(to);
}

/// The sum of products of two slices of the same length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let [sum] = f32::row_times(a, [b]);
    sum
}

/// `out[v][r] = rows[r] · vectors[v]`, for rows and vectors of `n_cols` elements, all row-major.
///
/// # Panics
/// When the lengths do not fit together (a bug of the caller).
pub fn rows_times<T: Element>(rows: &[T], n_cols: usize, vectors: &[f32], out: &mut [f32]) {
    rows_times_before(&[], rows, n_cols, vectors, out);
}

/// [`rows_times`] for few rows and many vectors, which the threads share.
///
/// # Panics
/// As [`rows_times`].
pub fn few_rows_times(rows: &[f32], n_cols: usize, vectors: &[f32], out: &mut [f32]) {
    let n_rows = rows.len() / n_cols;
    assert_eq!(out.len(), n_rows * (vectors.len() / n_cols));
    team::for_each_chunk(out, (VECTORS * n_rows).max(1), |i, out| {
        let vectors = &vectors[i * VECTORS * n_cols..][..out.len() / n_rows * n_cols];
        // The rows themselves are read again: this is one of several tasks.
        rows_times_before(as_bytes(&rows[..n_cols]), rows, n_cols, vectors, out);
    });
}

/// Vectors of a task.
const VECTORS: usize = 16;

fn as_bytes(numbers: &[f32]) -> &[u8] {
    // SAFETY: floats are plain bytes.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers))
    }
}

/// `out[v] += Σ weights[v][r] · rows[r]` for few rows and many mixes, which the threads share.
///
/// # Panics
/// When the lengths do not fit together (a bug of the caller).
pub fn add_few_rows(rows: &[f32], n_cols: usize, weights: &[f32], out: &mut [f32]) {
    let n_rows = rows.len() / n_cols;
    assert_eq!(weights.len(), n_rows * (out.len() / n_cols));
    team::for_each_chunk(out, VECTORS * n_cols, |i, out| {
        let weights = &weights[i * VECTORS * n_rows..][..out.len() / n_cols * n_rows];
        rows_mixed(&[], rows, n_cols, weights, out);
    });
}

/// `Σ weights[r][v] · rows[r]` for each v, for many rows and few mixes: the threads share the rows, and what parts of
/// them give is added in their order.
///
/// # Shapes
/// - `rows`: `[n_rows, n_cols]`
/// - `weights`: `[n_rows, n_mixes]`
/// - returns: `[n_mixes, n_cols]`
///
/// # Panics
/// When the lengths do not fit together (a bug of the caller).
pub fn few_mixes(rows: &[f32], n_cols: usize, weights: &[f32], n_mixes: usize) -> Buffer {
    /// Rows of a part, at least.
    const ROWS: usize = 64;
    /// Parts at most, however many threads there are: more add up more.
    const PARTS: usize = 8;
    let n_rows = rows.len() / n_cols;
    assert!(rows.len() == n_rows * n_cols && weights.len() == n_rows * n_mixes);
    let step = n_rows.div_ceil(PARTS).max(ROWS);
    let parts = team::map(n_rows.div_ceil(step), |i| {
        let some = i * step..((i + 1) * step).min(n_rows);
        let mut turned = Buffer::new(some.len() * n_mixes);
        let own = &weights[some.start * n_mixes..some.end * n_mixes];
        transpose((some.len(), n_mixes), own, n_mixes, &mut turned, some.len());
        let mut out = Buffer::full(n_mixes * n_cols, 0.0);
        rows_mixed(&[], &rows[some.start * n_cols..some.end * n_cols], n_cols, &turned, &mut out);
        out
    });
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_else(|| Buffer::full(n_mixes * n_cols, 0.0));
    parts.for_each(|part| add(&mut sum, &part));
    sum
}

/// [`rows_times`] where the bytes `next` are read soon after: they are asked for meanwhile.
pub(super) fn rows_times_before<T: Element>(
    next: &[u8],
    rows: &[T],
    n_cols: usize,
    vectors: &[f32],
    out: &mut [f32],
) {
    let (n_rows, n_vectors) = (rows.len() / n_cols, vectors.len() / n_cols);
    assert_eq!(rows.len(), n_rows * n_cols);
    assert_eq!(vectors.len(), n_vectors * n_cols);
    assert_eq!(out.len(), n_rows * n_vectors);
    // Who names what is read next is one of several tasks already.
    let is_short = rows.len() * n_vectors < PARALLEL_FROM || !next.is_empty();
    let n_tasks = if is_short { 1 } else { 4 * rayon::current_num_threads() };
    let task_rows = n_rows.div_ceil(n_tasks).max(1);
    let columns = Columns { start: out.as_mut_ptr(), stride: n_rows };
    team::for_each(n_rows.div_ceil(task_rows), |task| {
        let of_task = task * task_rows..((task + 1) * task_rows).min(n_rows);
        // SAFETY: each task writes columns of its own, of as many rows as there are vectors.
        #[allow(unsafe_code)]
        let out = unsafe { columns.from(of_task.start) };
        let rows = &rows[of_task.start * n_cols..of_task.end * n_cols];
        #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
        if is_wide(n_cols) {
            use super::arch::floats::rows_times;
            let (shape, at, out) = ((of_task.len(), n_cols), rows.as_ptr().cast(), (out, n_rows));
            // SAFETY: the processor has the instructions and rows are whole vectors, as just asked; lengths were
            // compared above.
            #[allow(unsafe_code)]
            unsafe {
                match T::KIND {
                    Kind::F32 => rows_times::<{ Kind::F32 as u8 }>(at, shape, vectors, out, next),
                    Kind::F16 => rows_times::<{ Kind::F16 as u8 }>(at, shape, vectors, out, next),
                    Kind::BF16 => rows_times::<{ Kind::BF16 as u8 }>(at, shape, vectors, out, next),
                }
            }
            return;
        }
        for (i, row) in rows.chunks(n_cols).enumerate() {
            let vector = |v: usize| &vectors[v * n_cols..(v + 1) * n_cols];
            let put = |v: usize, sums: &[f32]| {
                for (k, sum) in sums.iter().enumerate() {
                    // SAFETY: a row of the task and a vector that exist.
                    #[allow(unsafe_code)]
                    unsafe {
                        out.add((v + k) * n_rows + i).write(*sum);
                    }
                }
            };
            let mut v = 0;
            while v + 4 <= n_vectors {
                put(v, &T::row_times(row, [vector(v), vector(v + 1), vector(v + 2), vector(v + 3)]));
                v += 4;
            }
            // The row is read once for the rest, too.
            match n_vectors - v {
                3 => put(v, &T::row_times(row, [vector(v), vector(v + 1), vector(v + 2)])),
                2 => put(v, &T::row_times(row, [vector(v), vector(v + 1)])),
                1 => put(v, &T::row_times(row, [vector(v)])),
                _ => {}
            }
        }
    });
}

/// `out[v] += Σ weights[v][r] · rows[r]`, for rows and mixes of `n_cols` elements, all row-major, on this thread. The bytes
/// `next`, which are read soon after, are asked for meanwhile.
///
/// # Panics
/// When the lengths do not fit together (a bug of the caller).
pub(super) fn rows_mixed<T: Element>(
    next: &[u8],
    rows: &[T],
    n_cols: usize,
    weights: &[f32],
    out: &mut [f32],
) {
    let (n_rows, n_vectors) = (rows.len() / n_cols, out.len() / n_cols);
    assert_eq!(rows.len(), n_rows * n_cols);
    assert_eq!(out.len(), n_vectors * n_cols);
    assert_eq!(weights.len(), n_rows * n_vectors);
    #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
    if is_wide(n_cols) {
        use super::arch::floats::rows_mixed;
        let (shape, at, weights) = ((n_rows, n_cols), rows.as_ptr().cast(), (weights, n_rows));
        // SAFETY: the processor has the instructions and rows are whole vectors, as just asked; lengths were compared
        // above.
        #[allow(unsafe_code)]
        unsafe {
            match T::KIND {
                Kind::F32 => rows_mixed::<{ Kind::F32 as u8 }>(at, shape, weights, out, next),
                Kind::F16 => rows_mixed::<{ Kind::F16 as u8 }>(at, shape, weights, out, next),
                Kind::BF16 => rows_mixed::<{ Kind::BF16 as u8 }>(at, shape, weights, out, next),
            }
        }
        return;
    }
    let mut wide = vec![0.0; n_cols];
    for (r, row) in rows.chunks_exact(n_cols).enumerate() {
        T::widen(row, &mut wide);
        for (out, weights) in out.chunks_mut(n_cols).zip(weights.chunks(n_rows)) {
            add_scaled(out, &wide, weights[r]);
        }
    }
}

/// Whether rows of this length go through the kernels for AVX-512 or NEON.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
fn is_wide(n_cols: usize) -> bool {
    use super::arch::floats::{LANES, LEAST};
    Isa::detect().0 >= LEAST && n_cols.is_multiple_of(LANES)
}

/// Where tasks write their columns of a result.
struct Columns {
    start: *mut f32,
    stride: usize,
}

// SAFETY: tasks write different columns; see `rows_times`.
#[allow(unsafe_code)]
unsafe impl Sync for Columns {}

impl Columns {
    /// # Safety
    /// There is this column.
    #[allow(unsafe_code)]
    unsafe fn from(&self, column: usize) -> *mut f32 {
        debug_assert!(column < self.stride);
        // SAFETY: by contract.
        unsafe { self.start.add(column) }
    }
}

/// Eight sums side by side, so that the compiler can use whatever vectors the target has.
fn dot_portable(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// AVX2 with fused multiply-add and half-precision loads: every x86 processor since 2013.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use half::f16;

    #[target_feature(enable = "avx2,fma,f16c")]
    fn sum(v: __m256) -> f32 {
        let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn row_times_f32<const N: usize>(row: &[f32], vectors: [&[f32]; N]) -> [f32; N] {
        // SAFETY: `products` asks only for 8 elements that lie inside the row.
        unsafe { products(row, vectors, |at| _mm256_loadu_ps(at), |x| x) }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn row_times_f16<const N: usize>(row: &[f16], vectors: [&[f32]; N]) -> [f32; N] {
        // SAFETY: as above; an f16 is two bytes, so 8 of them are one 128-bit load.
        unsafe { products(row, vectors, |at| _mm256_cvtph_ps(_mm_loadu_si128(at.cast())), f16::to_f32) }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn widen(from: &[f16], to: &mut [f32]) {
        let (from8, rest) = from.as_chunks::<8>();
        let (to8, to_rest) = to.as_chunks_mut::<8>();
        for (from, to) in from8.iter().zip(to8) {
            // SAFETY: eight numbers are read and written.
            unsafe {
                _mm256_storeu_ps(to.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())));
            }
        }
        for (from, to) in rest.iter().zip(to_rest) {
            *to = from.to_f32();
        }
    }

    /// Two running sums for each vector hide the latency of the multiply-add.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn products<T: Copy, const N: usize>(
        row: &[T],
        vectors: [&[f32]; N],
        load: impl Fn(*const T) -> __m256,
        widen: impl Fn(T) -> f32,
    ) -> [f32; N] {
        assert!(vectors.iter().all(|x| x.len() == row.len()));
        let (mut even, mut odd) = ([_mm256_setzero_ps(); N], [_mm256_setzero_ps(); N]);
        let mut i = 0;
        while i + 16 <= row.len() {
            // SAFETY: 16 elements from `i` on lie inside the row and inside each vector.
            unsafe {
                let (a, b) = (load(row.as_ptr().add(i)), load(row.as_ptr().add(i + 8)));
                for n in 0..N {
                    let x = vectors[n].as_ptr().add(i);
                    even[n] = _mm256_fmadd_ps(a, _mm256_loadu_ps(x), even[n]);
                    odd[n] = _mm256_fmadd_ps(b, _mm256_loadu_ps(x.add(8)), odd[n]);
                }
            }
            i += 16;
        }
        let mut sums = [0.0; N];
        for n in 0..N {
            sums[n] = sum(_mm256_add_ps(even[n], odd[n]));
            for (w, x) in row[i..].iter().zip(&vectors[n][i..]) {
                sums[n] += widen(*w) * x;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;

    /// Slow and obvious: the definition of correct.
    fn reference(rows: &[f32], n_cols: usize, vectors: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        for x in vectors.chunks(n_cols) {
            for row in rows.chunks(n_cols) {
                out.push(row.iter().zip(x).map(|(a, b)| f64::from(a * b)).sum::<f64>() as f32);
            }
        }
        out
    }

    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Exact in half precision.
            f16::from_f32((state >> 16) as f32 / 32_768.0 - 1.0).to_f32()
        };
        (0..n).map(next).collect()
    }

    fn near(got: &[f32], want: &[f32], what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        for (i, (a, b)) in got.iter().zip(want).enumerate() {
            assert!((a - b).abs() < 1e-4, "{what} at {i}: {a} {b}");
        }
    }

    #[test]
    fn few_rows_with_many_vectors_are_what_their_definitions_say() {
        let number = |i: usize| ((i * 7 + 3) % 11) as f32 - 5.0;
        for (few, many, n_cols) in [(3, 5, 7), (8, 150, 48), (4, 700, 16)] {
            let rows: Vec<f32> = (0..few * n_cols).map(number).collect();
            let vectors: Vec<f32> = (0..many * n_cols).map(|i| number(i + 4)).collect();
            let weights: Vec<f32> = (0..many * few).map(|i| number(i + 2)).collect();
            Isa::for_each(|isa| {
                let what = isa.name();
                let mut products = vec![0.0; many * few];
                few_rows_times(&rows, n_cols, &vectors, &mut products);
                let mut mixed = vectors.clone();
                add_few_rows(&rows, n_cols, &weights, &mut mixed);
                let mixes = few_mixes(&vectors, n_cols, &weights, few);
                for v in 0..many {
                    for r in 0..few {
                        let want: f32 =
                            (0..n_cols).map(|c| rows[r * n_cols + c] * vectors[v * n_cols + c]).sum();
                        assert_eq!(products[v * few + r], want, "{what}");
                    }
                    for c in 0..n_cols {
                        let want: f32 = (0..few).map(|r| weights[v * few + r] * rows[r * n_cols + c]).sum();
                        assert_eq!(mixed[v * n_cols + c], vectors[v * n_cols + c] + want, "{what}");
                    }
                }
                assert_eq!(mixes.len(), few * n_cols, "{what}");
                for (m, mix) in mixes.chunks(n_cols).enumerate() {
                    for (c, found) in mix.iter().enumerate() {
                        let want: f32 =
                            (0..many).map(|v| weights[v * few + m] * vectors[v * n_cols + c]).sum();
                        assert_eq!(*found, want, "{what}");
                    }
                }
            });
        }
    }

    #[test]
    fn mixes_equal_the_slow_sum_at_every_edge() {
        for n_cols in [1, 7, 16, 32, 48, 64, 80, 144, 256] {
            for n_rows in [1, 3, 64] {
                for n_vectors in [1, 2, 3, 4, 5, 9] {
                    let (rows, weights) = (numbers(n_rows * n_cols, 7), numbers(n_rows * n_vectors, 3));
                    let half: Vec<f16> = rows.iter().map(|&v| f16::from_f32(v)).collect();
                    let brain: Vec<bf16> = rows.iter().map(|&v| bf16::from_f32(v)).collect();
                    let rounded: Vec<f32> = brain.iter().map(|v| v.to_f32()).collect();
                    let before = numbers(n_vectors * n_cols, 9);
                    let want = |rows: &[f32]| {
                        let mut want = before.clone();
                        for (v, want) in want.chunks_mut(n_cols).enumerate() {
                            for (row, weight) in rows.chunks(n_cols).zip(&weights[v * n_rows..]) {
                                want.iter_mut().zip(row).for_each(|(want, x)| *want += weight * x);
                            }
                        }
                        want
                    };
                    let wants = [want(&rows), want(&rows), want(&rounded)];
                    Isa::for_each(|isa| {
                        let mut got = [before.clone(), before.clone(), before.clone()];
                        rows_mixed(&[1; 100], &rows, n_cols, &weights, &mut got[0]);
                        rows_mixed(&[], &half, n_cols, &weights, &mut got[1]);
                        rows_mixed(&[], &brain, n_cols, &weights, &mut got[2]);
                        for (got, want) in got.iter().zip(&wants) {
                            near(got, want, &format!("{} {n_rows}×{n_cols}×{n_vectors}", isa.name()));
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn every_type_equals_the_slow_sum_at_every_edge() {
        for n_cols in [1, 7, 8, 15, 16, 17, 64, 257, 384] {
            for n_rows in [1, 3, 600] {
                for n_vectors in [1, 2, 3, 4, 5, 9] {
                    let rows = numbers(n_rows * n_cols, 7);
                    let x = numbers(n_vectors * n_cols, 11);
                    let half: Vec<f16> = rows.iter().map(|&v| f16::from_f32(v)).collect();
                    let brain: Vec<bf16> = rows.iter().map(|&v| bf16::from_f32(v)).collect();
                    let rounded: Vec<f32> = brain.iter().map(|v| v.to_f32()).collect();
                    let want = reference(&rows, n_cols, &x);
                    let want_rounded = reference(&rounded, n_cols, &x);
                    Isa::for_each(|isa| {
                        let mut got = [(); 3].map(|()| vec![f32::NAN; want.len()]);
                        rows_times(&rows, n_cols, &x, &mut got[0]);
                        rows_times(&half, n_cols, &x, &mut got[1]);
                        rows_times(&brain, n_cols, &x, &mut got[2]);
                        for (got, want) in got.iter().zip([&want, &want, &want_rounded]) {
                            near(got, want, &format!("{} {n_rows}×{n_cols}×{n_vectors}", isa.name()));
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn the_sum_of_one_row_equals_the_slow_one() {
        for n in [0, 1, 7, 8, 9, 13, 15, 16, 17, 64, 100] {
            let (a, b) = (numbers(n, 3), numbers(n, 5));
            let want: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            Isa::for_each(|isa| near(&[dot(&a, &b)], &[want], &format!("{} {n}", isa.name())));
        }
    }

    #[test]
    fn halves_become_the_floats_that_they_are() {
        for n in [0, 1, 7, 8, 9, 31, 32, 33] {
            let half: Vec<f16> = numbers(n, 3).iter().map(|&v| f16::from_f32(v)).collect();
            let want: Vec<f32> = half.iter().map(|v| v.to_f32()).collect();
            Isa::for_each(|isa| {
                let mut got = vec![f32::NAN; n];
                widen(&half, &mut got);
                assert_eq!(got, want, "{} {n}", isa.name());
            });
        }
    }
}
