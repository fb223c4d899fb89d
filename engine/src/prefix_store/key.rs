//! What a state depends on, as a hash.

use std::path::Path;

use candle_core::{DType, Tensor};
use sha2::{Digest, Sha256};

use super::file::MAGIC;
use crate::decoder::{CacheFormat, Input};
use crate::disk_cache::hash_identity;
use crate::error::{Doing, Result};
use crate::threads;

/// A beginning of a prompt, read by one model into one format.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PrefixKey(pub(super) [u8; 32]);

impl PrefixKey {
    /// The key of the text that was written after this prompt.
    pub(crate) fn of_note(self) -> Self {
        Self(Sha256::new().chain_update(b"note").chain_update(self.0).finalize().into())
    }
}

/// Has heard which model it is.
#[derive(Clone)]
pub(super) struct ModelKey(Sha256);

impl ModelKey {
    /// A file, or all files of a folder, and the program itself: another one may compute otherwise.
    ///
    /// # Errors
    /// When the file system does not tell.
    pub(super) fn of(model: &Path) -> std::io::Result<Self> {
        let model = std::fs::canonicalize(model)?;
        let mut files = vec![model.clone()];
        if model.is_dir() {
            files =
                std::fs::read_dir(&model)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
            files.sort();
        }
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        for path in std::iter::once(std::env::current_exe()?).chain(files) {
            hash_identity(&mut hash, &path)?;
        }
        Ok(Self(hash))
    }

    /// Keys of the beginnings that end with each step. A step that ends elsewhere gives other keys: sums are then
    /// rounded otherwise, and an answer must be the one that reading the whole prompt gives.
    ///
    /// # Errors
    /// When embeddings of media cannot be had.
    pub(super) fn prefixes(
        &self,
        prompt: &Input,
        steps: &[usize],
        format: CacheFormat,
        device: &str,
    ) -> Result<Vec<PrefixKey>> {
        let mut hash = self.0.clone();
        text(&mut hash, format.name());
        text(&mut hash, device);
        // Sums depend on how work is divided.
        number(&mut hash, threads::set_threads(None));
        let mut start = 0;
        let mut keys = Vec::with_capacity(steps.len());
        for end in steps {
            let step = prompt.chunk(start, end - start);
            number(&mut hash, step.len());
            step.ids.iter().for_each(|id| hash.update(id.to_le_bytes()));
            number(&mut hash, step.soft.len());
            for soft in &step.soft {
                number(&mut hash, soft.start);
                number(&mut hash, soft.modality as usize);
                soft.embeddings.dims().iter().for_each(|n| number(&mut hash, *n));
                embeddings(&mut hash, &soft.embeddings)?;
            }
            keys.push(PrefixKey(hash.clone().finalize().into()));
            start = *end;
        }
        Ok(keys)
    }
}

fn number(hash: &mut Sha256, n: usize) {
    hash.update((n as u64).to_le_bytes());
}

/// With its length, so that two texts are not another two.
fn text(hash: &mut Sha256, text: &str) {
    number(hash, text.len());
    hash.update(text);
}

fn embeddings(hash: &mut Sha256, embeddings: &Tensor) -> Result<()> {
    let numbers = embeddings.to_dtype(DType::F32).and_then(|e| e.flatten_all()?.to_vec1::<f32>());
    let numbers = numbers.doing("hashing what encoders gave")?;
    // All at once: a call for each of a picture's million numbers takes longer than the hash.
    hash.update(numbers.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>());
    Ok(())
}
