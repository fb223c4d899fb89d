//! GGUF: a header of typed key–value pairs, then tensors, often block-quantised.
//! Format: ggml `docs/gguf.md`.

mod header;

mod metadata;

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{Device, Tensor};

use super::{Place, StoredAs, TensorFile, Weights, is_plain, map_file, stored};
use crate::error::{Error, Result};
use header::Header;
pub use metadata::{List, Metadata, Value};

/// An opened GGUF file: metadata parsed, tensor data mapped.
pub struct GgufFile {
    header: Arc<Header>,
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
        let header = Header::read(&map).map_err(|reason| bad(format!("not a valid GGUF file: {reason}")))?;
        // In the order of the file's names, so that the same file gives the same message.
        let infos: std::collections::BTreeMap<_, _> = header.tensors.iter().collect();
        for (name, info) in infos {
            let block = info.ggml_dtype.block_size();
            let count = info.shape.dims().iter().try_fold(1, |product: usize, n| product.checked_mul(*n));
            let bytes = count.and_then(|n| (n / block).checked_mul(info.ggml_dtype.type_size()));
            let end = bytes
                .and_then(|bytes| (bytes as u64).checked_add(info.offset))
                .and_then(|end| end.checked_add(header.data_offset));
            if end.is_none_or(|end| end > map.len() as u64) {
                return Err(bad(format!(
                    "tensor {name:?} passes the end of the file; the file is cut short"
                )));
            }
        }
        Ok(Self { header: Arc::new(header), map: Arc::new(map), path: path.into() })
    }

    /// The file's own key–value pairs.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata { header: &self.header, file: &self.map, path: &self.path }
    }

    /// Bytes of the file.
    pub fn n_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Its tensors; `rename` turns our names into the file's.
    pub fn weights(&self, device: &Device, rename: fn(&str) -> String) -> Weights {
        let shapes = self
            .header
            .tensors
            .iter()
            .map(|(name, info)| (name.clone(), info.shape.dims().to_vec()))
            .collect();
        Weights::new(
            GgufTensors { header: self.header.clone(), map: self.map.clone(), shapes },
            &self.path,
            device,
            rename,
        )
    }
}

struct GgufTensors {
    header: Arc<Header>,
    map: Arc<memmap2::Mmap>,
    shapes: HashMap<String, Vec<usize>>,
}

impl GgufTensors {
    fn read(&self, name: &str, device: &Device) -> Option<candle_core::Result<QTensor>> {
        let info = self.header.tensors.get(name)?;
        Some(info.read(&mut Cursor::new(&self.map[..]), self.header.data_offset, device))
    }
}

impl TensorFile for GgufTensors {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn stored_as(&self, name: &str) -> Option<StoredAs> {
        let info = self.header.tensors.get(name)?;
        let kind = info.ggml_dtype;
        let bytes = info.shape.elem_count() / kind.block_size() * kind.type_size();
        Some(StoredAs { kind: format!("{kind:?}"), bytes: bytes as u64 })
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        match self.read(name, device) {
            Some(tensor) => tensor?.dequantize(device),
            None => candle_core::bail!("there is no such tensor"),
        }
    }

    fn quantized(&self, name: &str, device: &Device) -> Option<candle_core::Result<QTensor>> {
        if is_plain(self.header.tensors.get(name)?.ggml_dtype) { None } else { self.read(name, device) }
    }

    fn place(&self, name: &str) -> Option<Place> {
        let info = self.header.tensors.get(name)?;
        let dims = info.shape.dims();
        let n_rows = dims.iter().rev().skip(1).product::<usize>();
        let length = stored::row_bytes(info.ggml_dtype, dims.last().copied()?)?.checked_mul(n_rows)?;
        let start = usize::try_from(self.header.data_offset.checked_add(info.offset)?).ok()?;
        let bytes = start..start.checked_add(length)?;
        Some(Place { map: self.map.clone(), bytes, dtype: info.ggml_dtype })
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
