//! The key–value pairs of a GGUF file, read where they stand in the mapped file.

use std::borrow::Cow;
use std::path::Path;

use super::header::{Header, Reader};
use crate::error::Error;

/// One value; what it holds of the file stays there.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A whole number stored without a sign.
    Unsigned(u64),
    /// A whole number stored with one.
    Signed(i64),
    /// A number of either float width.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text; bytes that are no UTF-8 are replaced.
    String(Cow<'a, str>),
    /// Values of one type.
    List(List<'a>),
}

impl<'a> Value<'a> {
    /// A whole number from 0 of any stored width.
    pub fn integer(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A number of either float width.
    pub fn float(&self) -> Option<f64> {
        if let Self::Float(value) = self { Some(*value) } else { None }
    }

    /// A truth value.
    pub fn bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// Text.
    pub fn string(self) -> Option<Cow<'a, str>> {
        if let Self::String(value) = self { Some(value) } else { None }
    }
}

/// A list that is read as it is walked through.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    pub(super) items: Reader<'a>,
    pub(super) kind: u32,
    pub(super) length: usize,
}

impl<'a> List<'a> {
    /// How many values it has.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Its values in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let Self { mut items, kind, length } = *self;
        (0..length).map_while(move |_| items.value(kind).ok())
    }

    /// One of its values, found by walking to it.
    pub fn get(&self, i: usize) -> Option<Value<'a>> {
        self.iter().nth(i)
    }
}

/// Typed access to the key–value pairs of a GGUF file.
pub struct Metadata<'a> {
    pub(super) header: &'a Header,
    pub(super) file: &'a [u8],
    pub(super) path: &'a Path,
}

impl<'a> Metadata<'a> {
    /// The file, for messages.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The value, if there is one.
    pub fn value(&self, key: &str) -> Option<Value<'a>> {
        self.header.value(self.file, key)
    }

    /// Whether the file has a tensor of this name.
    pub fn has_tensor(&self, name: &str) -> bool {
        self.header.tensors.contains_key(name)
    }

    /// A string in UTF-8, if there is one.
    pub fn string(&self, key: &str) -> Option<&'a str> {
        if let Some(Value::String(Cow::Borrowed(text))) = self.value(key) { Some(text) } else { None }
    }

    /// A whole number of any stored width, if there is one.
    pub fn integer(&self, key: &str) -> Option<u64> {
        self.value(key)?.integer()
    }

    /// A number of either float width, if there is one.
    pub fn float(&self, key: &str) -> Option<f64> {
        self.value(key)?.float()
    }

    /// A truth value, if there is one.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.value(key)?.bool()
    }

    /// A list, if there is one.
    pub fn list(&self, key: &str) -> Option<List<'a>> {
        if let Some(Value::List(list)) = self.value(key) { Some(list) } else { None }
    }

    /// The error for a key that must be there.
    pub fn missing(&self, key: &str) -> Error {
        Error::ModelFile {
            path: self.path.to_path_buf(),
            reason: format!("the metadata key {key:?} is missing"),
        }
    }
}
