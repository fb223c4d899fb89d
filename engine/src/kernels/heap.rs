//! What the C library keeps of memory that was freed.
//!
//! glibc gives each thread a heap of its own and hands memory back only from a heap's end. After a long document was read
//! by one thread, its pictures by others and its words kept by a third, a hundred and more megabytes lie free in the
//! middle of heaps. Other C libraries are left as they are.

/// Has all threads share two heaps. To be called before there are other threads.
#[allow(unsafe_code)]
pub fn keep_few() {
    // SAFETY: it only sets a number that new threads read when they first allocate.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2)
    };
}

/// Gives what lies free back to the system, from the middle of heaps, too.
#[allow(unsafe_code)]
pub fn trim() {
    // SAFETY: it takes the heaps' own locks and touches free memory alone.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    /// Bytes that this process holds in memory.
    fn resident() -> i64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        4096 * statm.split(' ').nth(1).unwrap().parse::<i64>().unwrap()
    }

    #[test]
    fn memory_between_what_is_kept_goes_back() {
        const PIECE: usize = 8 << 10;
        const ALL: usize = 128 << 20;
        let freed = || {
            let pieces: Vec<Vec<u8>> = (0..ALL / PIECE).map(|i| vec![i as u8 | 1; PIECE]).collect();
            // One of 64 stays, so that no heap can end earlier.
            let kept: Vec<Vec<u8>> = pieces.into_iter().step_by(64).collect();
            let before = resident();
            super::trim();
            let after = resident();
            assert!(kept.iter().all(|piece| piece[0] == piece[PIECE - 1]));
            before - after
        };
        // Other tests take memory meanwhile.
        assert!((0..5).any(|_| freed() > (ALL / 2) as i64));
    }
}
