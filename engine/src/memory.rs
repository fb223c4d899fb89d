//! How much memory is free, and sizes for people.

use std::path::Path;

use crate::kernels::{buffer, heap};

/// Has all threads share few heaps, so that what one freed is used by another; to be called before there are others.
pub fn keep_few_heaps() {
    heap::keep_few();
}

/// Gives memory back to the system that waits to be used again: for a program that has nothing to compute for a while.
pub fn give_back_memory() {
    buffer::give_back();
    heap::trim();
}

/// Bytes that can be had without swapping: what the system reports, or less where a container limits it.
/// `None` where that is not known.
pub(crate) fn available_bytes() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).ok();
    let system = available(&read("/proc/meminfo")?)?;
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let left =
        limit.zip(number("/sys/fs/cgroup/memory.current")).map(|(most, used)| most.saturating_sub(used));
    Some(left.map_or(system, |left| left.min(system)))
}

/// `MemAvailable` of `/proc/meminfo`, which counts in KiB.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What to say of a model whose file is larger than the memory that is free; `None` where it fits or that is not known.
pub(crate) fn too_large(model: &Path, bytes: u64, available: Option<u64>) -> Option<String> {
    let available = available.filter(|available| bytes > *available)?;
    Some(format!(
        "{} takes {} and {} of memory are free: its weights are read from the disk again and again, which is slow; close \
         other programs, or choose a smaller model",
        model.display(),
        human_bytes(bytes),
        human_bytes(available)
    ))
}

/// Sizes for people: `1.50 GB`, `98.4 MB`, `1 kB`.
pub fn human_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_reports_is_read() {
        let meminfo = "MemTotal:       24576000 kB\nMemFree: 1 kB\nMemAvailable:   12000000 kB\n";
        assert_eq!(available(meminfo), Some(12_288_000_000));
        assert_eq!(available("MemTotal: 1 kB"), None);
        assert_eq!(available("MemAvailable: many kB"), None);
    }

    #[test]
    fn a_model_larger_than_the_memory_is_told_with_both_sizes() {
        let path = Path::new("large.gguf");
        assert_eq!(too_large(path, 4_000_000_000, None), None);
        assert_eq!(too_large(path, 4_000_000_000, Some(4_000_000_000)), None);
        let told = too_large(path, 4_000_000_000, Some(3_000_000_000)).unwrap();
        for part in ["large.gguf takes 4.00 GB", "3.00 GB of memory are free", "slow", "smaller model"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn sizes_keep_three_figures() {
        assert_eq!([900, 98_362_432, 1_500_000_000].map(human_bytes), ["1 kB", "98.4 MB", "1.50 GB"]);
    }
}
