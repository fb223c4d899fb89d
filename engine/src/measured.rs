//! What was measured of this machine, kept in the cache folder so that it is measured once.

use std::io::{BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk_cache::{DiskCache, remove, store};
use crate::error::{Error, Result};
use crate::kernels::packed::LAYOUT;
use crate::kernels::probe::{KernelRates, kernel_rates};
use crate::kernels::{buffer, instruction_set};

/// What the kernels do here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The processor, as the system names it.
    pub processor: String,
    /// The instructions that kernels run with.
    pub instructions: String,
    /// Threads that it was measured with, the best number of those that were tried.
    pub threads: usize,
    /// The rates.
    pub rates: KernelRates,
}

/// Measures now, on all threads of the pool: some two seconds and 600 MB of memory.
///
/// # Errors
/// [`Error::Request`] when `MEDLEY_ISA` names instructions that the processor does not have.
pub fn measure() -> Result<Measured> {
    let instructions = instruction_set()?.to_owned();
    let threads = crate::threads::set_threads(None);
    let rates = crate::threads::run(kernel_rates);
    // What the kernels kept for their next call is not needed soon.
    buffer::give_back();
    Ok(Measured { processor: processor(), instructions, threads, rates })
}

/// Measurements, one for each machine that uses this folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct MeasuredStore(DiskCache);

store!(MeasuredStore, "measured", "json", 1000);

impl MeasuredStore {
    /// What the files may take by default: one has some hundred bytes.
    pub const MOST_BYTES: u64 = 1 << 20;

    /// What was measured of this machine, with these instructions; none where nothing was, or what is there cannot be
    /// read.
    pub fn get(&self) -> Option<Measured> {
        let path = self.0.path(&key().ok()?);
        let text = std::fs::read_to_string(&path).ok()?;
        let found = serde_json::from_str(&text);
        found.map_err(|error| log::info!("{}: measured anew: {error}", path.display())).ok()
    }

    /// Keeps a measurement in the place of an older one.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Request`].
    pub fn keep(&self, measured: &Measured) -> Result<()> {
        let path = self.0.path(&key()?);
        let text = serde_json::to_string(measured).unwrap_or_default();
        self.write(&path, text.as_bytes()).map_err(|error| Error::io("writing", &path, error))
    }

    fn write(&self, path: &Path, text: &[u8]) -> std::io::Result<()> {
        self.0.make_room(text.len() as u64)?;
        let mut file = self.0.unfinished()?;
        file.write_all(text)?;
        remove(path)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Names the machine: another processor, another number of them, other instructions or kernels are measured anew.
fn key() -> Result<[u8; 32]> {
    /// Another way of measuring has another number.
    const VERSION: u32 = 2;
    let mut hash = Sha256::new();
    hash.update(VERSION.to_le_bytes());
    hash.update(LAYOUT.to_le_bytes());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    hash.update(format!("{}\n{processors}\n{}", processor(), instruction_set()?));
    Ok(hash.finalize().into())
}

/// Threads that answers are written with best, where that was measured and no `MEDLEY_THREADS` says otherwise.
pub fn best_threads() -> Option<usize> {
    if std::env::var_os("MEDLEY_THREADS").is_some() {
        return None;
    }
    Some(MeasuredStore::open_default().ok()?.get()?.threads)
}

/// The name of the processor; of its family where the system does not say more.
fn processor() -> String {
    let name = || {
        // Only the first of them: large machines take long to list all.
        let info = std::io::BufReader::new(std::fs::File::open("/proc/cpuinfo").ok()?);
        let line = info.lines().map_while(std::io::Result::ok).find(|line| line.starts_with("model name"))?;
        line.split_once(':').map(|(_, name)| name.trim().to_owned())
    };
    name().unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_kept_and_a_broken_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = MeasuredStore::open(folder.path(), MeasuredStore::MOST_BYTES);
        assert_eq!(store.get(), None);
        let rates = KernelRates {
            read_bytes_per_s: 1e9,
            byte_products_per_s: 2e9,
            weight_bytes_per_s: 3e9,
            byte_weight_bytes_per_s: 3.5e9,
            weight_products_per_s: 4e9,
            few_products_per_s: 5e9,
            many_products_per_s: 6e9,
        };
        let mut measured =
            Measured { processor: processor(), instructions: "portable".into(), threads: 2, rates };
        for threads in [2, 3] {
            measured.threads = threads;
            store.keep(&measured).unwrap();
            assert_eq!(store.get(), Some(measured.clone()));
        }
        assert_eq!(store.usage().files, 1);
        let path = store.0.files().remove(0);
        std::fs::write(path, "{").unwrap();
        assert_eq!(store.get(), None);
    }
}
