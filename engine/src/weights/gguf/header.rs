//! The header of a GGUF file: where its values and tensors stand. Every length is checked against the file before
//! anything is kept, and of a value only its place is: lists of a vocabulary are as long as all else together.

use std::borrow::Cow;
use std::collections::HashMap;

use candle_core::Shape;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::TensorInfo;

use super::metadata::{List, Value};

/// `GGML_MAX_DIMS` of `ggml.h`.
const MOST_DIMENSIONS: u32 = 4;

/// Where tensors begin is a multiple of this, unless `general.alignment` says otherwise.
const ALIGNMENT: u64 = 32;

/// `gguf_metadata_value_type` of lists.
const LIST: u32 = 9;

pub(super) struct Header {
    values: HashMap<String, Place>,
    pub(super) tensors: HashMap<String, TensorInfo>,
    /// Where the first tensor begins.
    pub(super) data_offset: u64,
    narrow: bool,
}

struct Place {
    kind: u32,
    at: usize,
}

impl Header {
    /// Reads the header of a whole file.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let mut reader = Reader { rest: file, narrow: false };
        if reader.array::<4>()? != *b"GGUF" {
            return Err("it does not begin with \"GGUF\"".into());
        }
        reader.narrow = match reader.u32()? {
            // Lengths had 32 bits in the first version.
            1 => true,
            2 | 3 => false,
            version => return Err(format!("its version {version} is not known")),
        };
        let (n_tensors, n_values) = (reader.length()?, reader.length()?);
        let mut header =
            Self { values: HashMap::new(), tensors: HashMap::new(), data_offset: 0, narrow: reader.narrow };
        for _ in 0..n_values {
            let key = reader.string()?.into_owned();
            let kind = reader.u32()?;
            let at = file.len() - reader.rest.len();
            reader.value(kind).map_err(|reason| format!("{key:?}: {reason}"))?;
            header.values.insert(key, Place { kind, at });
        }
        for _ in 0..n_tensors {
            let (name, info) = reader.tensor()?;
            header.tensors.insert(name, info);
        }
        let alignment = header.value(file, "general.alignment").and_then(|value| value.integer());
        let end = (file.len() - reader.rest.len()) as u64;
        let data_offset = end.checked_next_multiple_of(alignment.filter(|n| *n > 0).unwrap_or(ALIGNMENT));
        header.data_offset = data_offset.ok_or("its alignment makes no sense")?;
        Ok(header)
    }

    /// A value of the file that this is the header of.
    pub(super) fn value<'a>(&self, file: &'a [u8], key: &str) -> Option<Value<'a>> {
        let place = self.values.get(key)?;
        Reader { rest: file.get(place.at..)?, narrow: self.narrow }.value(place.kind).ok()
    }
}

/// Takes numbers, strings and values off the front of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Lengths have 32 bits.
    narrow: bool,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (front, rest) = self.rest.split_at_checked(n).ok_or("the file ends in its header")?;
        self.rest = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (front, rest) = self.rest.split_first_chunk().ok_or("the file ends in its header")?;
        self.rest = rest;
        Ok(*front)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Result<usize, String> {
        let length = if self.narrow { self.u32()?.into() } else { self.u64()? };
        usize::try_from(length).map_err(|_| format!("the length {length} makes no sense"))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        let length = self.length()?;
        let bytes = self.bytes(length)?;
        // Some writers end strings with zeros, and some tokens are no whole characters.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Ok(String::from_utf8_lossy(&bytes[..end]))
    }

    /// A value of this `gguf_metadata_value_type`.
    pub(super) fn value(&mut self, kind: u32) -> Result<Value<'a>, String> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array()?).into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(format!("{other} is no truth value")),
            },
            8 => Value::String(self.string()?),
            LIST => Value::List(self.list()?),
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return Err(format!("the type {other} is not known")),
        })
    }

    fn list(&mut self) -> Result<List<'a>, String> {
        let (kind, length) = (self.u32()?, self.length()?);
        if kind == LIST {
            return Err("lists of lists are not supported".into());
        }
        let items = *self;
        for _ in 0..length {
            self.value(kind)?;
        }
        Ok(List { items, kind, length })
    }

    fn tensor(&mut self) -> Result<(String, TensorInfo), String> {
        let name = self.string()?.into_owned();
        let n_dimensions = self.u32()?;
        if n_dimensions > MOST_DIMENSIONS {
            return Err(format!("tensor {name:?} has {n_dimensions} dimensions"));
        }
        let mut dimensions = (0..n_dimensions).map(|_| self.length()).collect::<Result<Vec<_>, _>>()?;
        // The innermost comes first in the file.
        dimensions.reverse();
        let kind = self.u32()?;
        let ggml_dtype = dtype(kind).ok_or_else(|| format!("tensor {name:?} has the unknown type {kind}"))?;
        Ok((name, TensorInfo { ggml_dtype, shape: Shape::from(dimensions), offset: self.u64()? }))
    }
}

/// `ggml_type`.
fn dtype(kind: u32) -> Option<GgmlDType> {
    Some(match kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        9 => GgmlDType::Q8_1,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        15 => GgmlDType::Q8K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}
