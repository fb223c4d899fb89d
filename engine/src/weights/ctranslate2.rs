//! CTranslate2 `model.bin`: the layout in which Whisper checkpoints are shipped.
//!
//! Little-endian: version u32, specification name, revision u32, count u32, then per variable name,
//! rank u8, dimensions u32 each, type u8, byte length u32, data; then aliases. Strings are a u16
//! length (with a closing zero byte) and bytes. Reference: CTranslate2 `python/ctranslate2/specs/model_spec.py`
//! (`_serialize`) and `src/models/model.cc`, version 6.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::{TensorFile, Weights, give_back, map_file};
use crate::error::{Error, Result};

/// No Whisper checkpoint comes near these.
const MAX_VARIABLES: u32 = 100_000;
const MAX_RANK: u8 = 8;

impl Weights {
    /// Maps a CTranslate2 file. `rename` turns our names into the file's.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::ModelFile`] when the file is malformed or cut short.
    pub fn from_ctranslate2(path: &Path, device: &Device, rename: fn(&str) -> String) -> Result<Self> {
        let map = map_file(path)?;
        let index = parse(&map).map_err(|reason| Error::ModelFile { path: path.to_path_buf(), reason })?;
        let shapes = index.iter().map(|(name, variable)| (name.clone(), variable.shape.clone())).collect();
        Ok(Self::new(Ctranslate2File { map, index, shapes }, path, device, rename))
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Variable {
    shape: Vec<usize>,
    dtype: Type,
    bytes: Range<usize>,
}

/// Stored types; 8-bit weights come with a `<name>_scale` per row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    F32,
    I8,
    I16,
    I32,
    F16,
    BF16,
}

impl Type {
    fn from_id(id: u8) -> Option<Self> {
        // `DataType` in CTranslate2 `include/ctranslate2/types.h`.
        Some(match id {
            0 => Self::F32,
            1 => Self::I8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::F16,
            5 => Self::BF16,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }
}

/// A cursor that never passes the end.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("the file is cut short")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N)?.try_into().map_err(|_| "the file is cut short".to_owned())
    }

    fn u8(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn string(&mut self) -> Result<String, String> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let text = self.take(length)?.strip_suffix(&[0]).ok_or("a name does not end with a zero byte")?;
        String::from_utf8(text.to_vec()).map_err(|_| "a name is not text".to_owned())
    }
}

fn parse(bytes: &[u8]) -> Result<HashMap<String, Variable>, String> {
    let mut reader = Reader { bytes, at: 0 };
    let version = reader.u32()?;
    if version != 6 {
        return Err(format!("CTranslate2 files of version 6 can be read, and this one says {version}"));
    }
    let _specification = reader.string()?;
    let _revision = reader.u32()?;
    let count = reader.u32()?;
    if count > MAX_VARIABLES {
        return Err(format!("it claims to hold {count} tensors"));
    }
    let mut index = HashMap::new();
    for _ in 0..count {
        let name = reader.string()?;
        let rank = reader.u8()?;
        if rank > MAX_RANK {
            return Err(format!("tensor {name:?} claims {rank} dimensions"));
        }
        let shape = (0..rank).map(|_| Ok(reader.u32()? as usize)).collect::<Result<Vec<_>, String>>()?;
        let type_id = reader.u8()?;
        let dtype =
            Type::from_id(type_id).ok_or(format!("tensor {name:?} has the unknown type {type_id}"))?;
        let length = reader.u32()? as usize;
        let expected = shape.iter().try_fold(dtype.size(), |product, n| product.checked_mul(*n));
        if expected != Some(length) {
            return Err(format!("tensor {name:?} of shape {shape:?} has {length} bytes"));
        }
        let start = reader.at;
        reader.take(length)?;
        index.insert(name, Variable { shape, dtype, bytes: start..start + length });
    }
    let aliases = reader.u32()?;
    if aliases > MAX_VARIABLES {
        return Err(format!("it claims to hold {aliases} aliases"));
    }
    for _ in 0..aliases {
        let (alias, name) = (reader.string()?, reader.string()?);
        let variable =
            index.get(&name).ok_or(format!("the alias {alias:?} points to the missing {name:?}"))?;
        index.insert(alias, variable.clone());
    }
    Ok(index)
}

struct Ctranslate2File {
    map: memmap2::Mmap,
    index: HashMap<String, Variable>,
    shapes: HashMap<String, Vec<usize>>,
}

impl Ctranslate2File {
    fn raw(&self, variable: &Variable, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        Tensor::from_raw_buffer(&self.map[variable.bytes.clone()], dtype, &variable.shape, device)
    }

    /// Eight bits with one scale per row: weight = stored / scale.
    fn scaled(&self, name: &str, variable: &Variable, device: &Device) -> candle_core::Result<Tensor> {
        let stored: Vec<f32> =
            self.map[variable.bytes.clone()].iter().map(|byte| f32::from(byte.cast_signed())).collect();
        let stored = Tensor::from_vec(stored, variable.shape.as_slice(), device)?;
        match self.index.get(&format!("{name}_scale")) {
            None => Ok(stored),
            Some(scale) => {
                let scale = self.raw(scale, DType::F32, device)?;
                stored.broadcast_div(&scale.reshape(((), 1))?)
            }
        }
    }
}

impl TensorFile for Ctranslate2File {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        let variable = &self.index[name];
        let tensor = match variable.dtype {
            Type::F32 => self.raw(variable, DType::F32, device),
            Type::F16 => self.raw(variable, DType::F16, device),
            Type::BF16 => self.raw(variable, DType::BF16, device),
            Type::I32 => self.raw(variable, DType::I32, device),
            Type::I16 => self.raw(variable, DType::I16, device),
            Type::I8 => self.scaled(name, variable, device),
        };
        // It is a copy, and a model that is loaded should not stand in memory twice.
        give_back(&self.map, variable.bytes.clone());
        tensor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(out: &mut Vec<u8>, text: &str) {
        out.extend(u16::try_from(text.len() + 1).unwrap().to_le_bytes());
        out.extend(text.as_bytes());
        out.push(0);
    }

    /// A file with one f32 tensor `w` of shape [2] and an alias `v` of it.
    fn file() -> Vec<u8> {
        let mut out = 6u32.to_le_bytes().to_vec();
        string(&mut out, "WhisperSpec");
        out.extend(3u32.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        string(&mut out, "w");
        out.push(1);
        out.extend(2u32.to_le_bytes());
        out.push(0);
        out.extend(8u32.to_le_bytes());
        out.extend(1.5f32.to_le_bytes());
        out.extend((-2f32).to_le_bytes());
        out.extend(1u32.to_le_bytes());
        string(&mut out, "v");
        string(&mut out, "w");
        out
    }

    #[test]
    fn reads_a_tensor_and_its_alias() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        std::fs::write(&path, file()).unwrap();
        let weights = Weights::from_ctranslate2(&path, &Device::Cpu, super::super::same_name).unwrap();
        for name in ["w", "v"] {
            assert_eq!(weights.get(name, &[2]).unwrap().to_vec1::<f32>().unwrap(), [1.5, -2.0]);
        }
        assert!(matches!(weights.get("w", &[3]), Err(Error::TensorShape { .. })));
        assert!(matches!(weights.get("x", &[2]), Err(Error::TensorMissing { .. })));
    }

    #[test]
    fn every_cut_is_rejected() {
        let whole = file();
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "cut after {end} bytes");
        }
    }

    #[test]
    fn hostile_headers_are_rejected() {
        let mut wrong_version = file();
        wrong_version[0] = 9;
        assert!(parse(&wrong_version).unwrap_err().contains("version"));
        let mut huge_count = file();
        huge_count[22..26].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse(&huge_count).unwrap_err().contains("tensors"));
        let mut wrong_length = file();
        wrong_length[31] = 3;
        assert!(parse(&wrong_length).unwrap_err().contains("bytes"));
    }
}
