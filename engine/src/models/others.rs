//! Decoders that other programs of this machine have: found where they keep them, and used from there.
//!
//! Nothing is written, moved or copied. What a program's own index says is not trusted: a digest must be one, and a
//! file must begin as a GGUF file does.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::local::walk;
use crate::cancel::Cancel;

/// An index larger than this is none.
const MOST_INDEX_BYTES: u64 = 1 << 20;

/// A program that keeps models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// LM Studio.
    LmStudio,
    /// Ollama.
    Ollama,
    /// llama.cpp.
    LlamaCpp,
    /// The model hub's own clients.
    HuggingFace,
    /// GPT4All.
    Gpt4All,
    /// Jan.
    Jan,
}

impl Tool {
    /// All, in the order in which they are looked at.
    pub const ALL: [Self; 6] =
        [Self::LmStudio, Self::Ollama, Self::LlamaCpp, Self::HuggingFace, Self::Gpt4All, Self::Jan];

    /// As it calls itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LmStudio => "LM Studio",
            Self::Ollama => "Ollama",
            Self::LlamaCpp => "llama.cpp",
            Self::HuggingFace => "Hugging Face",
            Self::Gpt4All => "GPT4All",
            Self::Jan => "Jan",
        }
    }
}

/// A decoder that another program has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FoundModel {
    /// Whose it is.
    pub tool: Tool,
    /// What it is called there.
    pub name: String,
    /// The GGUF file, or the Hugging Face folder.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Where programs keep their models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<(Tool, PathBuf)>);

impl Places {
    /// Those of the user of this machine, as the programs' own variables name them.
    pub fn here() -> Self {
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
        let mut places = home.as_deref().map(Self::in_home).unwrap_or(Self(Vec::new()));
        let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        for (tool, folder) in [
            (Tool::Ollama, named("OLLAMA_MODELS")),
            (Tool::LlamaCpp, named("LLAMA_CACHE")),
            (Tool::HuggingFace, named("HF_HOME").map(|home| home.join("hub"))),
            (Tool::HuggingFace, named("HF_HUB_CACHE")),
        ] {
            places.0.extend(folder.map(|folder| (tool, folder)));
        }
        places
    }

    /// Their usual places below a home folder.
    pub fn in_home(home: &Path) -> Self {
        let usual = [
            (Tool::LmStudio, ".lmstudio/models"),
            (Tool::LmStudio, ".cache/lm-studio/models"),
            (Tool::Ollama, ".ollama/models"),
            (Tool::LlamaCpp, ".cache/llama.cpp"),
            (Tool::LlamaCpp, "Library/Caches/llama.cpp"),
            (Tool::HuggingFace, ".cache/huggingface/hub"),
            (Tool::Gpt4All, ".local/share/nomic.ai/GPT4All"),
            (Tool::Gpt4All, "Library/Application Support/nomic.ai/GPT4All"),
            (Tool::Gpt4All, "AppData/Local/nomic.ai/GPT4All"),
            (Tool::Gpt4All, ".cache/gpt4all"),
            (Tool::Jan, ".local/share/Jan/data"),
            (Tool::Jan, "Library/Application Support/Jan/data"),
            (Tool::Jan, "AppData/Roaming/Jan/data"),
            (Tool::Jan, "jan/models"),
        ];
        Self(usual.into_iter().map(|(tool, folder)| (tool, home.join(folder))).collect())
    }
}

/// The decoders in these places, by program and name; fewer when cancelled.
pub fn find_others(places: &Places, cancel: &Cancel) -> Vec<FoundModel> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (tool, folder) in &places.0 {
        if cancel.is_cancelled() {
            break;
        }
        match tool {
            Tool::Ollama => ollama(folder, &mut found),
            Tool::HuggingFace => hub(folder, &mut found),
            tool => files(*tool, folder, &mut found),
        }
    }
    // Two variables may name one folder, and one file may have two names.
    found.retain(|model| seen.insert(model.path.canonicalize().unwrap_or_else(|_| model.path.clone())));
    found.sort();
    found
}

/// The GGUF files below a folder.
fn files(tool: Tool, folder: &Path, found: &mut Vec<FoundModel>) {
    walk(folder, &mut |path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        found.extend(gguf(path).map(|bytes| FoundModel { tool, name, path: path.to_path_buf(), bytes }));
    });
}

/// Size of a file that may be used as a decoder.
fn gguf(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    // Encoders of another file, and parts of one that is in several.
    if !name.ends_with(".gguf") || name.contains("mmproj") || name.contains("-of-0") {
        return None;
    }
    begins_as_gguf(path)
}

/// Size of a file that begins as a GGUF file does.
fn begins_as_gguf(path: &Path) -> Option<u64> {
    let mut magic = [0; 4];
    let mut file = File::open(path).ok()?;
    let meta = file.metadata().ok()?;
    file.read_exact(&mut magic).ok()?;
    (meta.is_file() && &magic == b"GGUF").then_some(meta.len())
}

/// `manifests/<host>/<namespace>/<name>/<tag>` names blobs by their digests.
fn ollama(folder: &Path, found: &mut Vec<FoundModel>) {
    #[derive(Deserialize)]
    struct Manifest {
        layers: Vec<Layer>,
    }
    #[derive(Deserialize)]
    struct Layer {
        #[serde(rename = "mediaType")]
        media_type: String,
        digest: String,
    }
    let manifests = folder.join("manifests");
    walk(&manifests, &mut |path| {
        let is_small = path.metadata().is_ok_and(|meta| meta.len() <= MOST_INDEX_BYTES);
        let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten();
        let manifest = text.and_then(|text| serde_json::from_str::<Manifest>(&text).ok());
        let layers = manifest.map(|manifest| manifest.layers).unwrap_or_default();
        let model = layers.iter().find(|layer| layer.media_type == "application/vnd.ollama.image.model");
        let digest = model.and_then(|layer| layer.digest.strip_prefix("sha256:"));
        // It becomes a part of a path.
        let is_digest = |digest: &&str| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(digest) = digest.filter(is_digest) else { return };
        let blob = folder.join("blobs").join(format!("sha256-{digest}"));
        let parts: Vec<String> = path
            .strip_prefix(&manifests)
            .map(|rest| rest.iter().map(|part| part.to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        let name = match &parts[..] {
            [_, space, name, tag] if space == "library" => format!("{name}:{tag}"),
            [_, middle @ .., name, tag] => format!("{}/{name}:{tag}", middle.join("/")),
            _ => return,
        };
        let bytes = begins_as_gguf(&blob);
        found.extend(bytes.map(|bytes| FoundModel { tool: Tool::Ollama, name, path: blob, bytes }));
    });
}

/// `models--<owner>--<name>/snapshots/<revision>/` holds links to blobs: GGUF files, or a folder as transformers wants it.
fn hub(folder: &Path, found: &mut Vec<FoundModel>) {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let read =
            std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
        read.unwrap_or_default()
    };
    for repository in entries(folder) {
        let name = repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("models--").map(|name| name.replace("--", "/")) else { continue };
        for snapshot in entries(&repository.join("snapshots")) {
            let files = entries(&snapshot);
            walk(&snapshot, &mut |path| {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let name = format!("{name}: {file}");
                let of =
                    |bytes| FoundModel { tool: Tool::HuggingFace, name, path: path.to_path_buf(), bytes };
                found.extend(gguf(path).map(of));
            });
            let has = |wanted: &str| files.iter().any(|path| path.ends_with(wanted));
            let is_weights = |path: &&PathBuf| path.extension().is_some_and(|ext| ext == "safetensors");
            let bytes =
                files.iter().filter(is_weights).filter_map(|path| Some(path.metadata().ok()?.len())).sum();
            if bytes > 0 && has("config.json") && has("tokenizer.json") && super::shape(&snapshot).is_ok() {
                found.push(FoundModel { tool: Tool::HuggingFace, name: name.clone(), path: snapshot, bytes });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(home: &Path, name: &str, content: &[u8]) -> PathBuf {
        let path = home.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn find(home: &Path) -> Vec<(Tool, String)> {
        let found = find_others(&Places::in_home(home), &Cancel::new());
        found.into_iter().map(|model| (model.tool, model.name)).collect()
    }

    #[test]
    fn each_program_s_files_are_found_in_place() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let model = b"GGUF and more";
        write(home, ".lmstudio/models/owner/name/a.gguf", model);
        write(home, ".lmstudio/models/owner/name/mmproj-a.gguf", model);
        write(home, ".cache/llama.cpp/b.gguf", model);
        write(home, ".cache/llama.cpp/large-00001-of-00002.gguf", model);
        write(home, ".cache/llama.cpp/b.gguf.etag", b"x");
        write(home, ".local/share/nomic.ai/GPT4All/c.gguf", model);
        write(home, ".local/share/Jan/data/llamacpp/models/d/model.gguf", model);
        let digest = "ab".repeat(32);
        write(home, &format!(".ollama/models/blobs/sha256-{digest}"), model);
        let manifest = |digest: &str| {
            format!(
                r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:00"}},
                {{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{digest}"}}]}}"#
            )
        };
        let manifests = ".ollama/models/manifests/registry.ollama.ai";
        write(home, &format!("{manifests}/library/e/1b"), manifest(&digest).as_bytes());
        let snapshot = ".cache/huggingface/hub/models--owner--f-GGUF/snapshots/0123";
        let blob = write(home, ".cache/huggingface/hub/models--owner--f-GGUF/blobs/99", model);
        std::fs::create_dir_all(home.join(snapshot)).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&blob, home.join(snapshot).join("f-q4.gguf")).unwrap();
        #[cfg(not(unix))]
        std::fs::copy(&blob, home.join(snapshot).join("f-q4.gguf")).unwrap();
        let expected = [
            (Tool::LmStudio, "a"),
            (Tool::Ollama, "e:1b"),
            (Tool::LlamaCpp, "b"),
            (Tool::HuggingFace, "owner/f-GGUF: f-q4.gguf"),
            (Tool::Gpt4All, "c"),
            (Tool::Jan, "model"),
        ];
        assert_eq!(find(home), expected.map(|(tool, name)| (tool, name.to_owned())));
        let all = find_others(&Places::in_home(home), &Cancel::new());
        assert!(all.iter().all(|model| model.bytes == model.path.metadata().unwrap().len()));
    }

    #[test]
    fn what_only_looks_like_a_model_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        write(home, ".lmstudio/models/a.gguf", b"GG");
        write(home, ".lmstudio/models/b.gguf", b"<html>not found</html>");
        let secret = write(home, "secret", b"GGUF");
        let manifests = ".ollama/models/manifests/registry.ollama.ai/library";
        for (tag, digest) in
            [("1", "../../../../secret".to_owned()), ("2", "/etc".to_owned()), ("3", "0".repeat(64))]
        {
            let text = format!(
                r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{digest}"}}]}}"#
            );
            write(home, &format!("{manifests}/x/{tag}"), text.as_bytes());
        }
        write(home, &format!("{manifests}/y/1"), b"{");
        assert!(secret.exists());
        assert_eq!(find(home), []);
        assert_eq!(find(&home.join("nowhere")), []);
    }
}
