//! What this machine could do at most: how fast its memory is read, and how many products of bytes it makes; and what
//! our kernels reach of that.

use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::activations::Activations;
use super::attention::{Piece, Rule, Shape, attend};
use super::cache::{CacheFormat, CacheRows};
use super::isa::Kind;
use super::packed::{Format, Packed, times};
use super::{Isa, team};

/// How often each is tried; the best one counts, since others only lose time.
const TRIES: usize = 20;

/// Bytes read per second by all threads of the team, from memory that no cache holds.
pub fn read_bandwidth() -> f64 {
    /// More than the caches of common processors.
    const BYTES: usize = 384 << 20;
    /// What a thread takes at a time, as long as a few panels.
    const PART: usize = 1 << 20;
    // Other than zero, or all pages would be the same one.
    let numbers = vec![1u64; BYTES / size_of::<u64>()];
    let parts: Vec<&[u64]> = numbers.chunks(PART / size_of::<u64>()).collect();
    best(BYTES as f64, || {
        team::for_each(parts.len(), |part| {
            black_box(mixed(parts[part]));
        });
    })
}

/// Multiplications and additions of bytes per second on all threads of the team, with nothing to read, by the
/// instructions that kernels run with.
pub fn byte_products() -> f64 {
    const ROUNDS: usize = 20_000;
    let isa = Isa::detect();
    let n_tasks = 16 * rayon::current_num_threads();
    let per_task = black_box(products(isa, ROUNDS));
    best((per_task * n_tasks) as f64, || {
        team::for_each(n_tasks, |_| {
            black_box(products(isa, ROUNDS));
        });
    })
}

/// What all threads of the team do in a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KernelRates {
    /// Bytes that are read, by plain loads, from memory that no cache holds.
    pub read_bytes_per_s: f64,
    /// Products of bytes, with nothing to read.
    pub byte_products_per_s: f64,
    /// Bytes of 4-bit weights that one row is multiplied by, as when a token is written.
    pub weight_bytes_per_s: f64,
    /// The same of 8-bit weights, of a matrix as large as the output of a large vocabulary.
    pub byte_weight_bytes_per_s: f64,
    /// Products of 4-bit weights with many rows, as when a prompt is read.
    pub weight_products_per_s: f64,
    /// Products with keys and values for one position, reading these included.
    pub few_products_per_s: f64,
    /// The same for many positions together.
    pub many_products_per_s: f64,
}

impl KernelRates {
    /// The better of each: other programs only take time.
    #[must_use]
    pub fn or_better(self, other: &Self) -> Self {
        Self {
            read_bytes_per_s: self.read_bytes_per_s.max(other.read_bytes_per_s),
            byte_products_per_s: self.byte_products_per_s.max(other.byte_products_per_s),
            weight_bytes_per_s: self.weight_bytes_per_s.max(other.weight_bytes_per_s),
            byte_weight_bytes_per_s: self.byte_weight_bytes_per_s.max(other.byte_weight_bytes_per_s),
            weight_products_per_s: self.weight_products_per_s.max(other.weight_products_per_s),
            few_products_per_s: self.few_products_per_s.max(other.few_products_per_s),
            many_products_per_s: self.many_products_per_s.max(other.many_products_per_s),
        }
    }
}

/// Measures all of it: two seconds and 600 MB of memory.
pub fn kernel_rates() -> KernelRates {
    let read_bytes_per_s = read_bandwidth();
    let (weight_bytes_per_s, byte_weight_bytes_per_s) = (one_row(Format::Q4_0), one_row(Format::Q8_0));
    let weight_products_per_s = many_rows();
    let (few_products_per_s, many_products_per_s) = of_attention();
    KernelRates {
        read_bytes_per_s,
        byte_products_per_s: byte_products(),
        weight_bytes_per_s,
        byte_weight_bytes_per_s,
        weight_products_per_s,
        few_products_per_s,
        many_products_per_s,
    }
}

/// Numbers of a row of weights.
const WIDTH: usize = 1024;

/// Any numbers do, except zeros: all their pages would be the same one.
fn matrix(format: Format, n_out: usize) -> Packed {
    Packed::in_memory(format, (n_out, WIDTH), |bytes| bytes.fill(0x11))
}

/// Bytes of weights per second: of a matrix that no cache holds, with one row.
fn one_row(format: Format) -> f64 {
    const BYTES: usize = 144 << 20;
    let n_out = BYTES * format.block() / (format.block_bytes() * WIDTH);
    let (large, one) = (matrix(format, n_out), Activations::quantize(&[0.5; WIDTH], WIDTH));
    best(super::packed::packed_bytes(format, n_out, WIDTH) as f64, || {
        black_box(times(Isa::detect(), [&large], &one));
    })
}

/// Products per second: of a small matrix with the rows of a prompt.
fn many_rows() -> f64 {
    const ROWS: usize = 256;
    let (n_out, many) = (2048, vec![0.5; ROWS * WIDTH]);
    let small = matrix(Format::Q4_0, n_out);
    best((ROWS * n_out * WIDTH) as f64, || {
        black_box(times(Isa::detect(), [&small], &Activations::quantize(&many, WIDTH)));
    })
}

/// Products with keys and values per second: of one position and of many.
fn of_attention() -> (f64, f64) {
    /// Of a model with grouped heads.
    const HEADS: (usize, usize, usize) = (12, 4, 64);
    const KEYS: usize = 4096;
    const ROWS: usize = 128;
    /// Caches of so many layers, so that none is in a cache of the processor when its turn comes again.
    const LAYERS: usize = 16;
    let (n_heads, n_kv_heads, head_dim) = HEADS;
    let head = || {
        let mut rows = CacheRows::new(CacheFormat::F16, head_dim);
        rows.extend(&vec![0.25; KEYS * head_dim]);
        rows
    };
    let layer = || (0..n_kv_heads).map(|_| head()).collect::<Vec<CacheRows>>();
    let caches: Vec<_> = (0..LAYERS).map(|_| (layer(), layer())).collect();
    let of = |n: usize, n_layers: usize| {
        let rule = Rule { scale: 0.125, softcap: None };
        let shape = Shape { n_heads, head_dim, n, rule };
        let queries = vec![0.25; n_heads * n * head_dim];
        let sees = vec![0..KEYS; n];
        let products = (n_layers * n * 2 * n_heads * head_dim * KEYS) as f64;
        best(products, || {
            for (keys, values) in &caches[..n_layers] {
                let piece = Piece { keys, values, positions: 0..KEYS, queries: 0..n };
                black_box(attend(shape, &queries, &[piece], &sees));
            }
        })
    };
    (of(1, LAYERS), of(ROWS, 1))
}

fn best(work: f64, run: impl Fn()) -> f64 {
    let seconds = (0..TRIES).map(|_| {
        let since = Instant::now();
        run();
        since.elapsed().as_secs_f64()
    });
    work / seconds.fold(f64::INFINITY, f64::min)
}

#[inline(always)]
fn mixed_body(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |all, number| all ^ number)
}

for_each_isa!(
    /// All numbers by exclusive or, which may be done in any order.
    mixed, mixed_body, (numbers: &[u64]) -> u64
);

/// Does some rounds of products; how many these were.
fn products(isa: Isa, rounds: usize) -> usize {
    match isa.0 {
        // SAFETY: the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx512Vnni => unsafe { super::arch::x86_64::probe::of_512(rounds) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::AvxVnni | Kind::Avx2 => unsafe { super::arch::x86_64::probe::of_256(rounds) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        #[allow(unsafe_code)]
        Kind::NeonDotprod => unsafe { super::arch::aarch64::probe::of_dotprod(rounds) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        #[allow(unsafe_code)]
        Kind::NeonI8mm => unsafe { super::arch::aarch64::probe::of_i8mm(rounds) },
        Kind::Portable => {
            let (a, mut sums) = (black_box([1i16; 64]), [1i32; 32]);
            for _ in 0..rounds {
                for (sum, a) in sums.iter_mut().zip(a.as_chunks::<2>().0) {
                    // Of the sum, so that it is done each time.
                    let [low, high] = [*sum as i16, (*sum >> 16) as i16].map(i32::from);
                    *sum = sum.wrapping_add(i32::from(a[0]) * low).wrapping_add(i32::from(a[1]) * high);
                }
            }
            black_box(sums);
            64 * rounds
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_do_no_more_than_the_machine_can() {
        let rates = kernel_rates();
        // A little, because both are measured, on a machine that may do other things besides.
        assert!(rates.weight_bytes_per_s < 2.0 * rates.read_bytes_per_s, "{rates:?}");
        assert!(rates.weight_products_per_s < rates.byte_products_per_s, "{rates:?}");
        assert!(rates.byte_weight_bytes_per_s < 2.0 * rates.read_bytes_per_s, "{rates:?}");
        for rate in [
            rates.byte_weight_bytes_per_s,
            rates.few_products_per_s,
            rates.many_products_per_s,
            rates.weight_products_per_s,
        ] {
            assert!(rate > 1e6 && rate.is_finite(), "{rates:?}");
        }
    }

    #[test]
    fn everything_is_counted() {
        assert_eq!(mixed(&[3; 33]), 3);
        let mut odd = [3; 32];
        odd[7] = 5;
        assert_eq!(mixed(&odd), 6);
        for isa in Isa::all() {
            assert!(products(isa, 10) >= 640 && products(isa, 20) == 2 * products(isa, 10));
        }
    }
}
