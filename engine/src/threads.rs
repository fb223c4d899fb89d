//! The compute pool: one for the whole process, so that no two parts fight over the processors.

use std::sync::OnceLock;

static N_THREADS: OnceLock<usize> = OnceLock::new();

/// Sets the size of the compute pool: `threads`, else the variable `MEDLEY_THREADS`, else one per
/// processor. Only the first call counts, so make it before any model runs; returns the size that holds.
pub fn set_threads(threads: Option<usize>) -> usize {
    *N_THREADS.get_or_init(|| {
        let from_environment = || std::env::var("MEDLEY_THREADS").ok()?.trim().parse::<usize>().ok();
        let threads = threads.or_else(from_environment).filter(|n| (1..=1024).contains(n));
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or_else(processors))
            .thread_name(|i| format!("compute-{i}"));
        if let Err(error) = pool.build_global() {
            log::warn!("the compute pool keeps its size: {error}");
        }
        rayon::current_num_threads()
    })
}

/// Runs `work` on a thread of the pool. Parallel loops inside then start without waking a thread
/// first; for a decoding step, which has a hundred of them, that is a fifth of its time.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    set_threads(None);
    rayon::scope(|_| work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_size_holds() {
        let first = set_threads(None);
        assert!(first >= 1);
        assert_eq!(set_threads(Some(first + 1)), first);
        assert_eq!(run(rayon::current_num_threads), first);
    }
}
