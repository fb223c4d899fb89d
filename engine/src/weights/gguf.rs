//! GGUF: a header of typed key–value pairs, then tensors, often block-quantised.
//! Format: ggml `docs/gguf.md`; the bounded parser is candle's.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};

use super::{Place, StoredAs, TensorFile, Weights, is_plain, map_file, stored};
use crate::error::{Error, Result};

/// An opened GGUF file: metadata parsed, tensor data mapped.
pub struct GgufFile {
    content: Arc<Content>,
    map: Arc<memmap2::Mmap>,
    path: Arc<Path>,
}

impl GgufFile {
    /// Opens the file and parses its header.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::ModelFile`] when the header is malformed or a tensor passes the end.
    pub fn open(path: &Path) -> Result<Self> {
        let map = map_file(path)?;
        let bad = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let content = Content::read(&mut Cursor::new(&map[..]))
            .map_err(|e| bad(format!("not a valid GGUF file: {e}")))?;
        // In the order of the file's names, so that the same file gives the same message.
        let infos: std::collections::BTreeMap<_, _> = content.tensor_infos.iter().collect();
        for (name, info) in infos {
            let block = info.ggml_dtype.block_size();
            let count = info.shape.dims().iter().try_fold(1, |product: usize, n| product.checked_mul(*n));
            let bytes = count.and_then(|n| (n / block).checked_mul(info.ggml_dtype.type_size()));
            let end = bytes
                .and_then(|bytes| (bytes as u64).checked_add(info.offset))
                .and_then(|end| end.checked_add(content.tensor_data_offset));
            if end.is_none_or(|end| end > map.len() as u64) {
                return Err(bad(format!(
                    "tensor {name:?} passes the end of the file; the file is cut short"
                )));
            }
        }
        Ok(Self { content: Arc::new(content), map: Arc::new(map), path: path.into() })
    }

    /// The file's own key–value pairs.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata { content: &self.content, path: &self.path }
    }

    /// Its tensors; `rename` turns our names into the file's.
    pub fn weights(&self, device: &Device, rename: fn(&str) -> String) -> Weights {
        // GGUF lists dimensions innermost first; candle's parser has already reversed them.
        let shapes = self
            .content
            .tensor_infos
            .iter()
            .map(|(name, info)| (name.clone(), info.shape.dims().to_vec()))
            .collect();
        Weights::new(
            GgufTensors { content: self.content.clone(), map: self.map.clone(), shapes },
            &self.path,
            device,
            rename,
        )
    }
}

struct GgufTensors {
    content: Arc<Content>,
    map: Arc<memmap2::Mmap>,
    shapes: HashMap<String, Vec<usize>>,
}

impl TensorFile for GgufTensors {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn stored_as(&self, name: &str) -> Option<StoredAs> {
        let info = self.content.tensor_infos.get(name)?;
        let kind = info.ggml_dtype;
        let bytes = info.shape.elem_count() / kind.block_size() * kind.type_size();
        Some(StoredAs { kind: format!("{kind:?}"), bytes: bytes as u64 })
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        self.content.tensor(&mut Cursor::new(&self.map[..]), name, device)?.dequantize(device)
    }

    fn quantized(&self, name: &str, device: &Device) -> Option<candle_core::Result<QTensor>> {
        let info = self.content.tensor_infos.get(name)?;
        if is_plain(info.ggml_dtype) {
            return None;
        }
        Some(self.content.tensor(&mut Cursor::new(&self.map[..]), name, device))
    }

    fn place(&self, name: &str) -> Option<Place> {
        let info = self.content.tensor_infos.get(name)?;
        let dims = info.shape.dims();
        let n_rows = dims.iter().rev().skip(1).product::<usize>();
        let length = stored::row_bytes(info.ggml_dtype, dims.last().copied()?)?.checked_mul(n_rows)?;
        let start = usize::try_from(self.content.tensor_data_offset.checked_add(info.offset)?).ok()?;
        let bytes = start..start.checked_add(length)?;
        Some(Place { map: self.map.clone(), bytes, dtype: info.ggml_dtype })
    }
}

/// Typed access to the key–value pairs of a GGUF file.
pub struct Metadata<'a> {
    content: &'a Content,
    path: &'a Path,
}

impl<'a> Metadata<'a> {
    /// The file, for messages.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The raw value, if there is one.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.content.metadata.get(key)
    }

    /// Whether the file has a tensor of this name.
    pub fn has_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// A string, if there is one.
    pub fn string(&self, key: &str) -> Option<&'a str> {
        self.value(key)?.to_string().ok().map(String::as_str)
    }

    /// A whole number of any stored width, if there is one.
    pub fn integer(&self, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        value.to_u64().ok().or_else(|| value.to_i64().ok().and_then(|v| u64::try_from(v).ok())).or_else(
            || match value {
                Value::I32(v) => u64::try_from(*v).ok(),
                Value::I16(v) => u64::try_from(*v).ok(),
                Value::I8(v) => u64::try_from(*v).ok(),
                _ => None,
            },
        )
    }

    /// A number of either float width, if there is one.
    pub fn float(&self, key: &str) -> Option<f64> {
        let value = self.value(key)?;
        value.to_f64().ok().or_else(|| value.to_f32().ok().map(f64::from))
    }

    /// A truth value, if there is one.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.value(key)?.to_bool().ok()
    }

    /// A list, if there is one.
    pub fn list(&self, key: &str) -> Option<&'a [Value]> {
        self.value(key)?.to_vec().ok().map(Vec::as_slice)
    }

    /// The error for a key that must be there.
    pub fn missing(&self, key: &str) -> Error {
        Error::ModelFile {
            path: self.path.to_path_buf(),
            reason: format!("the metadata key {key:?} is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::same_name;
    use super::*;

    /// A file with one f32 tensor `w` of these dimensions (innermost first) and 16 bytes of numbers.
    fn file(dims: [u64; 2]) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend(1u64.to_le_bytes());
        out.extend(0u64.to_le_bytes());
        out.extend(1u64.to_le_bytes());
        out.push(b'w');
        out.extend(2u32.to_le_bytes());
        dims.iter().for_each(|n| out.extend(n.to_le_bytes()));
        out.extend(0u32.to_le_bytes());
        out.extend(0u64.to_le_bytes());
        out.resize(out.len().next_multiple_of(32), 0);
        [1.0f32, 2.0, 3.0, 4.0].iter().for_each(|x| out.extend(x.to_le_bytes()));
        out
    }

    fn open(bytes: &[u8]) -> Result<GgufFile> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        GgufFile::open(file.path())
    }

    #[test]
    fn dimensions_are_turned_to_row_major_order() {
        let weights = open(&file([2, 2])).unwrap().weights(&Device::Cpu, same_name);
        let w = weights.get("w", &[2, 2]).unwrap();
        assert_eq!(w.to_vec2::<f32>().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
    }

    #[test]
    fn every_cut_is_rejected() {
        let whole = file([2, 2]);
        for end in 0..whole.len() {
            assert!(open(&whole[..end]).is_err(), "cut after {end} bytes");
        }
    }

    #[test]
    fn hostile_headers_are_rejected() {
        let mut magic = file([2, 2]);
        magic[0] = b'X';
        assert!(open(&magic).is_err(), "wrong magic");
        for at in [8, 16, 24] {
            let mut count = file([2, 2]);
            count[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
            assert!(open(&count).is_err(), "a huge count at {at}");
        }
        for dims in [[2, 3], [1 << 62, 4], [1 << 33, 1 << 33]] {
            let error = open(&file(dims)).err().map(|error| error.to_string());
            assert!(error.is_some_and(|e| e.contains("passes the end")), "{dims:?}");
        }
    }
}
