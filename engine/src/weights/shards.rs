//! A checkpoint in several safetensors files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::Deserialize;

use super::{Place, SafetensorsFile, StoredAs, TensorFile, read_text};
use crate::error::{Error, Result};

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    /// Tensor → file.
    weight_map: BTreeMap<String, String>,
}

pub(super) struct Shards {
    files: Vec<SafetensorsFile>,
    /// Tensor → index of its file.
    places: HashMap<String, usize>,
    shapes: HashMap<String, Vec<usize>>,
}

impl Shards {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("model.safetensors.index.json");
        let bad = |reason: String| Error::ModelFile { path: path.clone(), reason };
        let index: Index =
            serde_json::from_str(&read_text(&path)?).map_err(|e| bad(format!("it cannot be read: {e}")))?;
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        let mut files = Vec::with_capacity(names.len());
        for name in &names {
            // A name, never a way out of the folder.
            if name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(bad(format!("{name:?} is not the name of a file")));
            }
            files.push(SafetensorsFile::open(&folder.join(name))?);
        }
        let (mut places, mut shapes) = (HashMap::new(), HashMap::new());
        for (tensor, name) in &index.weight_map {
            let place = names.iter().position(|known| *known == name).unwrap_or_default();
            let Some(shape) = files[place].shapes().get(tensor) else {
                return Err(bad(format!("tensor {tensor:?} is not in {name}")));
            };
            shapes.insert(tensor.clone(), shape.clone());
            places.insert(tensor.clone(), place);
        }
        Ok(Self { files, places, shapes })
    }
}

impl TensorFile for Shards {
    fn shapes(&self) -> &HashMap<String, Vec<usize>> {
        &self.shapes
    }

    fn stored_as(&self, name: &str) -> Option<StoredAs> {
        self.files[*self.places.get(name)?].stored_as(name)
    }

    fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        self.files[self.places[name]].tensor(name, device)
    }

    fn place(&self, name: &str) -> Option<Place> {
        self.files[*self.places.get(name)?].place(name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Weights, same_name};
    use super::*;

    /// A folder with tensor `a` = `[1, 2]` in one file and `b` = `[3]` in another, and this index.
    fn folder(index: &serde_json::Value) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, tensor, numbers) in [("one", "a", vec![1f32, 2.0]), ("two", "b", vec![3.0])] {
            let tensor = (tensor, Tensor::new(numbers, &Device::Cpu).unwrap());
            let path = folder.path().join(format!("{file}.safetensors"));
            candle_core::safetensors::save(&HashMap::from([tensor]), path).unwrap();
        }
        std::fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
        folder
    }

    fn open(index: &serde_json::Value) -> Result<Weights> {
        Weights::from_folder(folder(index).path(), &Device::Cpu, same_name)
    }

    #[test]
    fn tensors_come_from_the_files_that_the_index_names() {
        let weights = open(&json!({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})).unwrap();
        assert_eq!(weights.get("a", &[2]).unwrap().to_vec1::<f32>().unwrap(), [1.0, 2.0]);
        assert_eq!(weights.get("b", &[1]).unwrap().to_vec1::<f32>().unwrap(), [3.0]);
    }

    #[test]
    fn a_lying_index_is_refused() {
        for (map, words) in [
            (json!({"b": "one.safetensors"}), "\"b\" is not in one.safetensors"),
            (json!({"a": "three.safetensors"}), "three.safetensors"),
            (json!({"a": "../one.safetensors"}), "not the name of a file"),
        ] {
            let error = open(&json!({ "weight_map": map })).err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
