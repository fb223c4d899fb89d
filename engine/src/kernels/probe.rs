//! What this machine could do at most: how fast its memory is read, and how many products of bytes it makes.

use std::hint::black_box;
use std::time::Instant;

use super::isa::Kind;
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
