//! Files → named, shaped tensors. Bytes from strangers meet their limits here, once.
//!
//! [`Weights`] is a view into one model file, whatever its format. Models ask for tensors by *our*
//! names; [`names`] turns them into the file's. After a model is built,
//! [`Weights::expect_all_used`] reports tensors that nobody asked for: a leftover means that the
//! file holds another architecture than the code computes.

pub mod ctranslate2;

pub mod gguf;

pub mod names;

pub(crate) mod panels;

mod pth;

mod shards;

mod stored;

pub(crate) mod write;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::kernels::packed::Bytes;
use panels::ModelPanels;
pub use panels::PanelStore;
pub use stored::StoredMatrix;

/// A file with tensors in it.
pub(crate) trait TensorFile: Send + Sync {
    /// All tensor names with their shapes, row-major.
    fn shapes(&self) -> &HashMap<String, Vec<usize>>;
    /// Reads one tensor in the type it is stored in (block-quantised ones dequantised to f32).
    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor>;
    /// How a tensor is stored, where the format can tell.
    fn stored_as(&self, _name: &str) -> Option<StoredAs> {
        None
    }
    /// Reads one tensor as it is stored, when the format has block quantisation.
    fn quantized(&self, _name: &str, _device: &Device) -> Option<candle_core::Result<QTensor>> {
        None
    }
    /// Where one tensor stands in its mapped file; `None` when it does not stand there as plain blocks.
    fn place(&self, _name: &str) -> Option<Place> {
        None
    }
}

/// The bytes of a tensor in a mapped file.
pub(crate) struct Place {
    map: Arc<memmap2::Mmap>,
    bytes: std::ops::Range<usize>,
    dtype: GgmlDType,
}

/// How a tensor is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredAs {
    /// The type: "F16", "Q4_1".
    pub(crate) kind: String,
    /// Size in the file.
    pub(crate) bytes: u64,
}

/// What matrices are for, which says how they are kept and multiplied on the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Writing a token waits for memory: floats stay in their mapped file, and blocks are multiplied with activations
    /// of two planes, which cost no time then.
    Decoder,
    /// Encoding waits for arithmetic: floats are interleaved in memory, and `Q8_0` blocks are multiplied with
    /// activations of one plane.
    Encoder,
    /// The same, with floats rounded to `Q8_0` when they are loaded.
    RoundedEncoder,
    /// The same, with one scale for a row of the matrix, and one for a row that is multiplied, where processors gain
    /// from that: a quarter to a half faster, and half as exact.
    RowRoundedEncoder,
}

/// A view of a model file below a name prefix; cheap to clone.
#[derive(Clone)]
pub struct Weights {
    file: Arc<dyn TensorFile>,
    path: Arc<Path>,
    device: Device,
    rename: fn(&str) -> String,
    prefix: String,
    unpack: bool,
    purpose: Purpose,
    panels: Option<ModelPanels>,
    used: Arc<Mutex<BTreeSet<String>>>,
}

impl Weights {
    pub(crate) fn new(
        file: impl TensorFile + 'static,
        path: &Path,
        device: &Device,
        rename: fn(&str) -> String,
    ) -> Self {
        Self {
            file: Arc::new(file),
            path: path.into(),
            device: device.clone(),
            rename,
            prefix: String::new(),
            unpack: false,
            purpose: Purpose::Decoder,
            panels: None,
            used: Arc::default(),
        }
    }

    /// Maps a safetensors file. `rename` turns our names into the file's.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when the header is not valid.
    pub fn from_safetensors(path: &Path, device: &Device, rename: fn(&str) -> String) -> Result<Self> {
        Ok(Self::new(SafetensorsFile::open(path)?, path, device, rename))
    }

    /// Maps the safetensors of a Hugging Face folder: `model.safetensors`, or the shards that
    /// `model.safetensors.index.json` lists.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::ModelFile`] when the index or a header is not valid.
    pub fn from_folder(folder: &Path, device: &Device, rename: fn(&str) -> String) -> Result<Self> {
        let whole = folder.join("model.safetensors");
        if whole.is_file() {
            return Self::from_safetensors(&whole, device, rename);
        }
        let shards = shards::Shards::open(folder)?;
        Ok(Self::new(shards, folder, device, rename))
    }

    /// Where tensors are put.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The same, for what is computed on the processor wherever the rest is.
    pub(crate) fn on_processor(&self) -> Self {
        Self { device: Device::Cpu, ..self.clone() }
    }

    /// The same, but block-quantised tensors are given as floats.
    pub(crate) fn unpacked(self) -> Self {
        Self { unpack: true, ..self }
    }

    /// The same, with matrices for another purpose than a decoder's.
    pub(crate) fn meant_for(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// What matrices are for.
    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The same, with matrices as kernels want them kept there.
    pub(crate) fn with_panels(self, panels: Option<ModelPanels>) -> Self {
        Self { panels, ..self }
    }

    /// The region that is kept for a tensor under this name and length, which `fill` gets as zeros where it is new;
    /// `None` when nothing is kept of this file.
    pub(crate) fn kept_panels(
        &self,
        name: &str,
        layout: &str,
        n_bytes: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Option<Bytes> {
        let name = format!("{} {layout}", self.file_name(name));
        self.panels.as_ref()?.region(&name, n_bytes, fill)
    }

    /// The same file seen through other names; what either view uses counts for both.
    pub(crate) fn named(&self, rename: fn(&str) -> String) -> Self {
        Self { rename, ..self.clone() }
    }

    /// The view below `name`.
    pub fn sub(&self, name: impl std::fmt::Display) -> Self {
        let prefix =
            if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) };
        Self { prefix, ..self.clone() }
    }

    fn file_name(&self, name: &str) -> String {
        let ours = if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) };
        (self.rename)(&ours)
    }

    /// Whether the file has this tensor.
    pub fn has(&self, name: &str) -> bool {
        self.file.shapes().contains_key(&self.file_name(name))
    }

    /// The shape of a tensor as stored.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.file.shapes().get(&self.file_name(name)).cloned()
    }

    /// The type of a tensor's numbers; none for blocks of quantised ones.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        match self.file.place(&self.file_name(name))?.dtype {
            GgmlDType::F32 => Some(DType::F32),
            GgmlDType::F16 => Some(DType::F16),
            GgmlDType::BF16 => Some(DType::BF16),
            _ => None,
        }
    }

    /// A tensor in f32 of exactly this shape.
    ///
    /// # Errors
    /// [`Error::TensorMissing`], [`Error::TensorShape`], [`Error::ModelFile`].
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.get_as(name, shape, DType::F32)
    }

    /// A tensor of exactly this shape in a type of the caller's choice; one that is stored in it is
    /// not converted on the way.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn get_as(&self, name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let name = self.claim(name, shape)?;
        self.file
            .tensor(&name, &self.device)
            .and_then(|tensor| tensor.to_dtype(dtype))
            .map_err(|error| self.unreadable(&name, &error))
    }

    /// A single number, stored as a scalar or as a list of one.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn get_number(&self, name: &str) -> Result<f32> {
        let shape: &[usize] = if self.shape(name).is_some_and(|shape| shape == [1]) { &[1] } else { &[] };
        let number = self.get(name, shape)?.reshape(()).and_then(|tensor| tensor.to_scalar());
        number.map_err(|error| self.unreadable(&self.file_name(name), &error))
    }

    /// A tensor as stored with block quantisation; `None` when it is stored as plain numbers.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn get_quantized(&self, name: &str, shape: &[usize]) -> Result<Option<QTensor>> {
        let name = self.claim(name, shape)?;
        if self.unpack {
            return Ok(None);
        }
        match self.file.quantized(&name, &self.device) {
            None => Ok(None),
            Some(read) => read.map(Some).map_err(|error| self.unreadable(&name, &error)),
        }
    }

    /// A tensor as a matrix that stays in its mapped file, of as many rows as all dimensions but the last
    /// give together; `None` when it is not stored so that it can be used in place.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn get_stored(&self, name: &str, shape: &[usize]) -> Result<Option<StoredMatrix>> {
        let name = self.claim(name, shape)?;
        let place = self.file.place(&name).filter(|place| !self.unpack || is_plain(place.dtype));
        let Some(place) = place else { return Ok(None) };
        let n_cols = shape.last().copied().unwrap_or(1);
        let n_rows = shape.iter().rev().skip(1).product();
        Ok(StoredMatrix::new(place.map, place.bytes, place.dtype, (n_rows, n_cols)))
    }

    fn claim(&self, name: &str, shape: &[usize]) -> Result<String> {
        let name = self.file_name(name);
        let found = self
            .file
            .shapes()
            .get(&name)
            .ok_or_else(|| Error::TensorMissing { name: name.clone(), path: self.path.to_path_buf() })?;
        if found != shape {
            return Err(Error::TensorShape {
                name,
                expected: shape.to_vec(),
                found: found.clone(),
                path: self.path.to_path_buf(),
            });
        }
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        Ok(name)
    }

    /// The error for a file that holds something else than it should.
    pub(crate) fn unusable(&self, reason: &str) -> Error {
        Error::ModelFile { path: self.path.to_path_buf(), reason: reason.to_owned() }
    }

    fn unreadable(&self, name: &str, error: &candle_core::Error) -> Error {
        Error::ModelFile {
            path: self.path.to_path_buf(),
            reason: format!("tensor {name:?} cannot be read: {error}"),
        }
    }

    /// Every tensor of the file: its name there, how many numbers it has, and how they are stored. In the order
    /// of the names.
    pub(crate) fn contents(&self) -> Vec<(String, u64, Option<StoredAs>)> {
        let shapes: std::collections::BTreeMap<_, _> = self.file.shapes().iter().collect();
        let elements = |shape: &[usize]| shape.iter().map(|n| *n as u64).product();
        shapes
            .into_iter()
            .map(|(name, shape)| (name.clone(), elements(shape), self.file.stored_as(name)))
            .collect()
    }

    /// Fails when a tensor holds something that is no finite number. Reads everything: for a model that
    /// computed nonsense.
    ///
    /// # Errors
    /// [`Error::ModelFile`] that names the first such tensor.
    pub fn expect_finite(&self) -> Result<()> {
        let names: BTreeSet<&String> = self.file.shapes().keys().collect();
        for name in names {
            let read = self.file.tensor(name, &self.device).and_then(|tensor| {
                // One number that is not finite makes the sum so.
                tensor.to_dtype(DType::F32)?.flatten_all()?.abs()?.sum_all()?.to_scalar::<f32>()
            });
            if !read.map_err(|error| self.unreadable(name, &error))?.is_finite() {
                let reason = format!("tensor {name:?} holds numbers that are not finite");
                return Err(Error::ModelFile { path: self.path.to_path_buf(), reason });
            }
        }
        Ok(())
    }

    /// Fails when the file holds tensors that no model asked for, except those that `ignore` accepts.
    ///
    /// # Errors
    /// [`Error::ModelFile`] that names the first leftovers.
    pub fn expect_all_used(&self, ignore: impl Fn(&str) -> bool) -> Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let left: BTreeSet<&String> =
            self.file.shapes().keys().filter(|name| !used.contains(*name) && !ignore(name)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let some: Vec<&str> = left.iter().take(4).map(|name| name.as_str()).collect();
        Err(Error::ModelFile {
            path: self.path.to_path_buf(),
            reason: format!(
                "it holds {} tensors that this architecture does not use, such as {}",
                left.len(),
                some.join(", ")
            ),
        })
    }
}

/// Whether numbers stand each for itself.
fn is_plain(dtype: GgmlDType) -> bool {
    matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
}

/// The identity, for files whose names are ours.
pub fn same_name(name: &str) -> String {
    name.to_owned()
}

/// Reads a small text file of a model.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    /// More than any index or configuration has.
    const MOST_BYTES: u64 = 64 << 20;
    let size = path.metadata().map_err(|source| Error::io("opening", path, source))?.len();
    if size > MOST_BYTES {
        let reason = format!("{size} bytes are too many for a file of this kind");
        return Err(Error::ModelFile { path: path.to_path_buf(), reason });
    }
    std::fs::read_to_string(path).map_err(|source| Error::io("reading", path, source))
}

/// The `model_type` of a `config.json`: which architecture transformers would run.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`] when the file does not say it.
pub(crate) fn model_type(config: &Path) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        model_type: String,
    }
    let named: Named = serde_json::from_str(&read_text(config)?).map_err(|error| Error::ModelFile {
        path: config.to_path_buf(),
        reason: format!("it cannot be read: {error}"),
    })?;
    Ok(named.model_type)
}

/// Maps a file into memory, read-only.
pub(crate) fn map_file(path: &Path) -> Result<memmap2::Mmap> {
    let file = std::fs::File::open(path).map_err(|source| Error::io("opening", path, source))?;
    // SAFETY: model files live in a content-addressed store and are never written after their hash
    // was checked; a file of the user's own that is cut short while mapped ends the process, which
    // is the usual contract of every local runner and the price of not copying gigabytes.
    #[allow(unsafe_code)]
    let map = unsafe { memmap2::Mmap::map(&file) };
    map.map_err(|source| Error::io("mapping", path, source))
}

/// Lets the system take back pages of a model file that were read; they come again from it when needed.
fn give_back(map: &memmap2::Mmap, bytes: std::ops::Range<usize>) {
    #[cfg(unix)]
    {
        use memmap2::UncheckedAdvice;
        // SAFETY: the map is a read-only view of a file, so dropped pages are read again from it.
        #[allow(unsafe_code)]
        let advised =
            unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, bytes.start, bytes.len()) };
        if let Err(error) = advised {
            log::debug!("pages of a model file stay in memory: {error}");
        }
    }
}

struct SafetensorsFile {
    map: Arc<memmap2::Mmap>,
    entries: HashMap<String, (candle_core::DType, std::ops::Range<usize>)>,
    shapes: HashMap<String, Vec<usize>>,
}

impl SafetensorsFile {
    fn open(path: &Path) -> Result<Self> {
        let map = Arc::new(map_file(path)?);
        let bad = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        // The crate caps the header at 100 MB and checks that tensors neither overlap nor pass the end.
        let file = safetensors::SafeTensors::deserialize(&map)
            .map_err(|e| bad(format!("not a valid safetensors file: {e}")))?;
        let (mut entries, mut shapes) = (HashMap::new(), HashMap::new());
        for (name, view) in file.tensors() {
            let dtype = DType::try_from(view.dtype()).map_err(|e| bad(format!("tensor {name:?}: {e}")))?;
            let start = view.data().as_ptr() as usize - map.as_ptr() as usize;
            shapes.insert(name.clone(), view.shape().to_vec());
            entries.insert(name, (dtype, start..start + view.data().len()));
        }
        Ok(Self { map, entries, shapes })
    }
}

impl TensorFile for SafetensorsFile {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn stored_as(&self, name: &str) -> Option<StoredAs> {
        let (dtype, range) = self.entries.get(name)?;
        Some(StoredAs { kind: format!("{dtype:?}"), bytes: (range.end - range.start) as u64 })
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        let (dtype, range) = &self.entries[name];
        let tensor = Tensor::from_raw_buffer(&self.map[range.clone()], *dtype, &self.shapes[name], device);
        // It is a copy, and a model that is loaded should not stand in memory twice.
        give_back(&self.map, range.clone());
        tensor
    }

    fn place(&self, name: &str) -> Option<Place> {
        let (dtype, bytes) = self.entries.get(name)?;
        let dtype = match dtype {
            DType::F32 => GgmlDType::F32,
            DType::F16 => GgmlDType::F16,
            DType::BF16 => GgmlDType::BF16,
            _ => return None,
        };
        Some(Place { map: self.map.clone(), bytes: bytes.clone(), dtype })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(header: &str, n_bytes: usize) -> Result<Weights> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + n_bytes, 0);
        open_bytes(&bytes)
    }

    fn open_bytes(bytes: &[u8]) -> Result<Weights> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Weights::from_safetensors(file.path(), &Device::Cpu, same_name)
    }

    const TWO: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;

    #[test]
    fn a_tensor_that_nobody_asked_for_is_named() {
        let weights = open(TWO, 12).unwrap();
        assert_eq!(weights.get("a", &[2]).unwrap().to_vec1::<f32>().unwrap(), [0.0, 0.0]);
        let error = weights.expect_all_used(|_| false).unwrap_err().to_string();
        assert!(error.contains("1 tensors") && error.contains("such as b"), "{error}");
        assert!(weights.expect_all_used(|name| name == "b").is_ok());
    }

    #[test]
    fn bad_safetensors_are_rejected() {
        assert!(open(TWO, 11).is_err(), "a tensor past the end");
        assert!(open(&TWO.replace("[8,12]", "[4,8]"), 12).is_err(), "overlapping tensors");
        assert!(open(&TWO.replace("[2]", "[3]"), 12).is_err(), "a shape that is not its bytes");
        assert!(open(&TWO.replace("[2]", "[4611686018427387904,4]"), 12).is_err(), "a product past 64 bits");
        assert!(open(&TWO[..40], 12).is_err(), "a cut header");
        assert!(open_bytes(&u64::MAX.to_le_bytes()).is_err(), "a huge header");
        assert!(open_bytes(b"").is_err(), "an empty file");
    }
}
