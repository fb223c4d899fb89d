//! Tensors → a safetensors file, one tensor in memory at a time.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Tensor};
use safetensors::{Dtype, View};

use crate::error::{Error, Result};

/// A tensor that is made when its turn to be written comes.
pub struct Planned<'a> {
    /// Its name in the file.
    pub name: String,
    /// Row-major.
    pub shape: Vec<usize>,
    /// F32, F16 or BF16.
    pub dtype: DType,
    /// Makes it, of that shape, in any float type.
    pub make: Box<dyn Fn() -> Result<Tensor> + 'a>,
}

/// Writes `path` under another name first, so that a file of this name is always whole.
///
/// # Errors
/// What `make` gives, or [`Error::Io`] for the disk.
pub fn write_safetensors(path: &Path, tensors: Vec<Planned>) -> Result<()> {
    let failed = Mutex::new(None);
    let partial = path.with_extension("partial");
    let views = tensors.iter().map(|planned| (planned.name.clone(), Lazy { planned, failed: &failed }));
    let format = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let written = safetensors::serialize_to_file(views, Some(format), &partial);
    let broken = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let outcome = match (broken, written) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(Error::io("writing", path, std::io::Error::other(error.to_string()))),
        (None, Ok(())) => {
            std::fs::rename(&partial, path).map_err(|source| Error::io("writing", path, source))
        }
    };
    if outcome.is_err()
        && let Err(error) = std::fs::remove_file(&partial)
    {
        // The error that is told says why there was no more room or no right.
        log::info!("{}: half a file stays: {error}", partial.display());
    }
    outcome
}

struct Lazy<'a> {
    planned: &'a Planned<'a>,
    /// The first error: a view cannot fail.
    failed: &'a Mutex<Option<Error>>,
}

impl Lazy<'_> {
    fn bytes(&self) -> Result<Vec<u8>> {
        let Planned { name, shape, dtype, make } = self.planned;
        let bad = |error: candle_core::Error| Error::Compute { doing: "writing a tensor", source: error };
        let tensor = make()?.to_dtype(*dtype).and_then(|tensor| tensor.contiguous()).map_err(bad)?;
        if tensor.dims() != shape {
            return Err(Error::TensorShape {
                name: name.clone(),
                expected: shape.clone(),
                found: tensor.dims().to_vec(),
                path: Path::new("a new checkpoint").into(),
            });
        }
        // candle's own view of a tensor gives its bytes.
        Ok(View::data(&tensor).into_owned())
    }
}

impl View for Lazy<'_> {
    fn dtype(&self) -> Dtype {
        match self.planned.dtype {
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            _ => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.planned.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let bytes = self.bytes().unwrap_or_else(|error| {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            vec![0; self.data_len()]
        });
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.planned.shape.iter().product::<usize>() * self.planned.dtype.size_in_bytes()
    }
}
