//! PyTorch `.pth` and `.pt`: zip archives since version 1.6, before that bare pickles with the
//! numbers behind them. Both are read as data: candle's pickle reader builds plain values and never
//! calls what a pickle names.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};

use candle_core::pickle::{Object, PthTensors, Stack};
use candle_core::{DType, Device, Tensor};

use super::{TensorFile, Weights, map_file};
use crate::error::{Error, Result};

/// How a file of before 1.6 begins: the magic number and protocol 1001, each a pickle
/// (`torch/serialization.py`, `_legacy_save`).
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e\x80\x02\x4d\xe9\x03\x2e";

impl Weights {
    /// Reads a PyTorch file: its tensors only. `key` names the entry that holds the state dictionary
    /// when it is not the top level.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::ModelFile`] when the file is not of the kind PyTorch writes.
    pub fn from_pth(
        path: &Path,
        key: Option<&str>,
        device: &Device,
        rename: fn(&str) -> String,
    ) -> Result<Self> {
        let map = map_file(path)?;
        let bad = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        if map.starts_with(LEGACY) {
            let file = LegacyFile::parse(map, key).map_err(bad)?;
            return Ok(Self::new(file, path, device, rename));
        }
        let file = PthTensors::new(path, key).map_err(|e| bad(format!("not a PyTorch tensor file: {e}")))?;
        let shapes = file
            .tensor_infos()
            .iter()
            .map(|(name, info)| (name.clone(), info.layout.dims().to_vec()))
            .collect();
        Ok(Self::new(ZipFile { file, shapes, path: path.to_path_buf() }, path, device, rename))
    }
}

struct ZipFile {
    file: PthTensors,
    shapes: HashMap<String, Vec<usize>>,
    path: PathBuf,
}

impl TensorFile for ZipFile {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        match self.file.get(name)? {
            Some(tensor) => tensor.to_device(device),
            None => candle_core::bail!("{name} is not in {}", self.path.display()),
        }
    }
}

/// A view into a storage, in elements.
#[derive(Debug, PartialEq)]
struct View {
    storage: String,
    is_f32: bool,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

struct LegacyFile {
    map: memmap2::Mmap,
    storages: HashMap<String, Range<usize>>,
    views: HashMap<String, View>,
    shapes: HashMap<String, Vec<usize>>,
}

impl LegacyFile {
    fn parse(map: memmap2::Mmap, key: Option<&str>) -> Result<Self, String> {
        let mut reader = Cursor::new(&map[..]);
        reader.set_position(LEGACY.len() as u64);
        let _system = unpickle(&mut reader)?;
        let state = unpickle(&mut reader)?;
        let Object::List(keys) = unpickle(&mut reader)? else {
            return Err("the list of storages is missing".into());
        };
        // The file holds the storages of all of it, also what belongs to an optimiser.
        let mut sizes = HashMap::new();
        storage_sizes(&state, &mut sizes);
        let all = views(state, key)?;
        let mut storages = HashMap::new();
        let mut at = reader.position() as usize;
        for storage in keys {
            let storage = storage.unicode().map_err(|_| "a storage has no name".to_owned())?;
            let cut = || "the file is cut short".to_owned();
            let count: [u8; 8] =
                map.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut)?;
            let size = *sizes.get(&storage).ok_or(format!("the type of storage {storage:?} is unknown"))?;
            let bytes = usize::try_from(u64::from_le_bytes(count)).ok().and_then(|n| n.checked_mul(size));
            let end = bytes.and_then(|bytes| bytes.checked_add(at + 8)).filter(|end| *end <= map.len());
            let end = end.ok_or_else(cut)?;
            storages.insert(storage, at + 8..end);
            at = end;
        }
        // Counters and other whole numbers are passed over.
        let views: HashMap<String, View> = all.into_iter().filter(|(_, view)| view.is_f32).collect();
        let passes_end = |view: &View| {
            let room = storages.get(&view.storage).map_or(0, |range| range.len() / 4);
            view.last_element().is_none_or(|last| last >= room)
        };
        // The first by name, so that the same file gives the same message.
        if let Some((name, _)) =
            views.iter().filter(|(_, view)| passes_end(view)).min_by_key(|(name, _)| *name)
        {
            return Err(format!("tensor {name:?} passes the end of its storage"));
        }
        let shapes = views.iter().map(|(name, view)| (name.clone(), view.shape.clone())).collect();
        Ok(Self { storages, views, shapes, map })
    }
}

impl View {
    /// The largest index that it reads; `None` on overflow or when it is empty.
    fn last_element(&self) -> Option<usize> {
        self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (n, stride)| {
            last.checked_add(n.checked_sub(1)?.checked_mul(*stride)?)
        })
    }
}

fn unpickle(reader: &mut Cursor<&[u8]>) -> Result<Object, String> {
    let mut stack = Stack::empty();
    stack
        .read_loop(reader)
        .and_then(|()| stack.finalize())
        .map_err(|e| format!("its pickle cannot be read: {e}"))
}

/// The tensors of a state dictionary, or of all entries of a checkpoint when `key` names one of them.
fn views(state: Object, key: Option<&str>) -> Result<Vec<(String, View)>, String> {
    let no_dictionary = || "it holds no state dictionary".to_owned();
    let entries = dictionary(state).ok_or_else(no_dictionary)?;
    let entries = match key {
        None => entries,
        Some(key) => entries
            .into_iter()
            .find(|(name, _)| *name == Object::Unicode(key.to_owned()))
            .and_then(|(_, value)| dictionary(value))
            .ok_or_else(no_dictionary)?,
    };
    Ok(entries.into_iter().filter_map(|(name, value)| Some((name.unicode().ok()?, view(value)?))).collect())
}

fn dictionary(object: Object) -> Option<Vec<(Object, Object)>> {
    match object {
        Object::Dict(entries) => Some(entries),
        // An `OrderedDict` with attributes set on it afterwards.
        Object::Build { callable, .. } => dictionary(*callable),
        _ => None,
    }
}

/// The name of each storage and the bytes of one of its numbers, wherever in the file it is named.
fn storage_sizes(object: &Object, sizes: &mut HashMap<String, usize>) {
    match object {
        Object::PersistentLoad(id) => {
            if let Some((kind, name)) = storage((**id).clone())
                && let Some(bytes) = element_bytes(&kind)
            {
                sizes.insert(name, bytes);
            }
        }
        Object::Tuple(parts) | Object::List(parts) => {
            parts.iter().for_each(|part| storage_sizes(part, sizes));
        }
        Object::Dict(entries) => entries.iter().for_each(|(key, value)| {
            storage_sizes(key, sizes);
            storage_sizes(value, sizes);
        }),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            storage_sizes(callable, sizes);
            storage_sizes(args, sizes);
        }
        _ => {}
    }
}

/// The kind and the name of a storage: `("storage", kind, name, device, count, …)`.
fn storage(id: Object) -> Option<(String, String)> {
    let mut parts = id.tuple().ok()?.into_iter().skip(1);
    let (_, kind) = parts.next()?.class().ok()?;
    Some((kind, parts.next()?.unicode().ok()?))
}

fn element_bytes(kind: &str) -> Option<usize> {
    match kind {
        "DoubleStorage" | "LongStorage" => Some(8),
        "FloatStorage" | "IntStorage" => Some(4),
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => Some(2),
        "ByteStorage" | "CharStorage" | "BoolStorage" => Some(1),
        _ => None,
    }
}

/// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`.
fn view(value: Object) -> Option<View> {
    let (callable, args) = value.reduce().ok()?;
    let (module, class) = callable.class().ok()?;
    if (module.as_str(), class.as_str()) != ("torch._utils", "_rebuild_tensor_v2") {
        return None;
    }
    let mut args = args.tuple().ok()?.into_iter();
    let (kind, storage) = storage(args.next()?.persistent_load().ok()?)?;
    element_bytes(&kind)?;
    Some(View {
        is_f32: kind == "FloatStorage",
        storage,
        offset: usize::try_from(args.next()?).ok()?,
        shape: Vec::<usize>::try_from(args.next()?).ok()?,
        strides: Vec::<usize>::try_from(args.next()?).ok()?,
    })
}

impl TensorFile for LegacyFile {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        let view = &self.views[name];
        let bytes = &self.map[self.storages[&view.storage].clone()];
        let n: usize = view.shape.iter().product();
        let mut values = Vec::with_capacity(n);
        // Row-major order over any strides: files that were converted from TensorFlow store
        // kernels with the output channel last.
        let mut index = vec![0; view.shape.len()];
        for _ in 0..n {
            let at =
                view.offset + index.iter().zip(&view.strides).map(|(i, stride)| i * stride).sum::<usize>();
            let element: [u8; 4] = bytes[4 * at..4 * at + 4].try_into().unwrap_or_default();
            values.push(f32::from_le_bytes(element));
            for (i, n) in index.iter_mut().zip(&view.shape).rev() {
                *i += 1;
                if *i < *n {
                    break;
                }
                *i = 0;
            }
        }
        Tensor::from_vec(values, view.shape.as_slice(), device)?.to_dtype(DType::F32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::same_name;
    use super::*;

    /// What `torch.save({"w": tensor}, _use_new_zipfile_serialization=False)` writes for a transposed
    /// 2×3 tensor of 0 to 5, with the text opcodes of protocol 0 where they are easier to read.
    fn file() -> Vec<u8> {
        let mut out = LEGACY.to_vec();
        out.extend(b"\x80\x02}q\x00."); // system information
        out.extend(b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02(");
        out.extend(b"(X\x07\x00\x00\x00storageq\x03ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x007q\x05");
        out.extend(b"X\x03\x00\x00\x00cpuq\x06K\x06Ntq\x07QK\x00K\x03K\x02\x86q\x08K\x01K\x03\x86q\x09\x89");
        out.extend(b"}q\x0atq\x0bRq\x0cs.");
        out.extend(b"\x80\x02]q\x00X\x01\x00\x00\x007q\x01a.");
        out.extend(6u64.to_le_bytes());
        for i in 0..6 {
            out.extend((i as f32).to_le_bytes());
        }
        out
    }

    fn open(bytes: &[u8]) -> Result<Weights> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Weights::from_pth(file.path(), None, &Device::Cpu, same_name)
    }

    #[test]
    fn a_transposed_tensor_of_an_old_file_is_read_in_its_own_order() {
        let w = open(&file()).unwrap().get("w", &[3, 2]).unwrap();
        assert_eq!(w.to_vec2::<f32>().unwrap(), [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]);
    }

    /// The same tensor as one entry of a checkpoint, whose other entry holds a storage of whole numbers.
    #[test]
    fn a_checkpoint_is_read_past_what_belongs_to_its_optimiser() {
        let tensor = |kind: &str, storage: &str, n: u8| {
            let mut out = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n".to_vec();
            out.extend(format!("{kind}\nX\x01\x00\x00\x00{storage}X\x03\x00\x00\x00cpu").as_bytes());
            out.extend([b'K', n]);
            out.extend(b"NtQK\x00(K");
            out.extend([n]);
            out.extend(b"t(K\x01t\x89}tR");
            out
        };
        let mut out = LEGACY.to_vec();
        out.extend(b"\x80\x02}.\x80\x02}(X\x09\x00\x00\x00optimiser](");
        out.extend(tensor("LongStorage", "0", 3));
        out.extend(b"eX\x05\x00\x00\x00model}X\x01\x00\x00\x00w");
        out.extend(tensor("FloatStorage", "1", 2));
        out.extend(b"su.\x80\x02](X\x01\x00\x00\x000X\x01\x00\x00\x001e.");
        out.extend(3u64.to_le_bytes());
        out.extend([7; 24]);
        out.extend(2u64.to_le_bytes());
        out.extend([1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), out).unwrap();
        let weights = Weights::from_pth(file.path(), Some("model"), &Device::Cpu, same_name).unwrap();
        assert_eq!(weights.get("w", &[2]).unwrap().to_vec1::<f32>().unwrap(), [1.5, -2.0]);
    }

    #[test]
    fn every_cut_is_rejected() {
        let whole = file();
        for end in 1..whole.len() {
            assert!(open(&whole[..end]).is_err(), "cut after {end} bytes");
        }
    }

    #[test]
    fn a_view_past_its_storage_is_rejected() {
        let whole = file();
        let at = whole.windows(2).rposition(|pair| pair == b"K\x03").unwrap();
        let mut hostile = whole;
        hostile[at + 1] = 200;
        assert!(open(&hostile).err().unwrap().to_string().contains("passes the end"));
    }

    #[test]
    fn a_pickle_that_names_a_function_is_never_run() {
        let marker = std::env::temp_dir().join("medley-pickle-ran");
        std::fs::remove_file(&marker).ok();
        let mut out = LEGACY.to_vec();
        out.extend(b"\x80\x02}.\x80\x02cos\nsystem\n(X");
        let command = format!("touch {}", marker.display());
        out.extend((command.len() as u32).to_le_bytes());
        out.extend(command.as_bytes());
        out.extend(b"tR.\x80\x02].");
        assert!(open(&out).is_err());
        assert!(!marker.exists());
    }
}
