//! Token ids ↔ text, and the special tokens that steer Whisper.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::features::text::{TokenOptions, Tokenizer};
use crate::weights::read_text;

/// Seconds between two timestamp tokens.
pub const TIMESTAMP_S: f64 = 0.02;

/// Checkpoints have about 52,000.
const MOST_TOKENS: u32 = 1 << 20;

/// The parts of `tokenizer.json` that are needed.
#[derive(Deserialize)]
struct TokenizerFile {
    model: TokenizerModel,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct TokenizerModel {
    vocab: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

/// A checkpoint's tokens.
#[derive(Debug)]
pub struct Vocabulary {
    /// The bytes of every text token; ids from `end` on are special.
    bytes: Vec<Vec<u8>>,
    /// Codes and ids, in the order of the ids; empty for English-only checkpoints.
    languages: Vec<(String, u32)>,
    /// Ends a transcript; the first special token.
    pub end: u32,
    /// Begins a transcript.
    pub start: u32,
    /// Stands before text that came before; few checkpoints lack it.
    pub before: Option<u32>,
    /// Asks for English.
    pub translate: u32,
    /// Asks for the language that is spoken.
    pub transcribe: u32,
    /// Its probability after `start` is that of no speech.
    pub no_speech: u32,
    /// 0.00 s; the others follow. Everything between `end` and this steers.
    pub first_timestamp: u32,
    /// Where the rules stand by which text is cut into tokens; they are read only when text is to be cut.
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// A `tokenizer.json`.
    Whole(PathBuf),
    /// `vocab.json`, and `merges.txt` beside it.
    Lists(PathBuf),
}

impl Vocabulary {
    /// From a `tokenizer.json` of byte-level pairs.
    ///
    /// # Errors
    /// When the file is not one of Whisper's.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|source| Error::io("reading", path, source))?;
        let bad = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let file: TokenizerFile =
            serde_json::from_slice(&text).map_err(|e| bad(format!("not a tokenizer: {e}")))?;
        Self::new(file, Source::Whole(path.to_path_buf()))
            .map_err(|name| bad(format!("not a tokenizer of Whisper: there is no {name}")))
    }

    /// From the `tokenizer.json` of a folder of transformers, or its `vocab.json` and `added_tokens.json`.
    ///
    /// # Errors
    /// When neither is there, or they are not Whisper's.
    pub fn load_folder(folder: &Path) -> Result<Self> {
        let [whole, vocab, added] =
            ["tokenizer.json", "vocab.json", "added_tokens.json"].map(|name| folder.join(name));
        if whole.exists() {
            return Self::load(&whole);
        }
        if !vocab.exists() {
            let reason =
                "there is neither tokenizer.json nor vocab.json in this folder; fetch one of them, too";
            return Err(Error::ModelFolder { path: folder.to_path_buf(), reason: reason.to_owned() });
        }
        let bad = |path: &Path, reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let list = |path: &Path| -> Result<BTreeMap<String, u32>> {
            serde_json::from_str(&read_text(path)?).map_err(|e| bad(path, format!("not a vocabulary: {e}")))
        };
        let added_tokens = match added.exists() {
            true => list(&added)?.into_iter().map(|(content, id)| AddedToken { id, content }).collect(),
            false => Vec::new(),
        };
        let model = TokenizerModel { vocab: list(&vocab)? };
        Self::new(TokenizerFile { model, added_tokens }, Source::Lists(vocab.clone()))
            .map_err(|name| bad(&vocab, format!("not a vocabulary of Whisper: there is no {name}")))
    }

    fn new(file: TokenizerFile, source: Source) -> std::result::Result<Self, &'static str> {
        let mut special: BTreeMap<String, u32> =
            file.added_tokens.into_iter().map(|token| (token.content, token.id)).collect();
        for (name, &id) in file.model.vocab.iter().filter(|(name, _)| name.starts_with("<|")) {
            special.entry(name.clone()).or_insert(id);
        }
        let id = |name: &'static str| special.get(name).copied().ok_or(name);
        let (end, start) = (id("<|endoftext|>")?, id("<|startoftranscript|>")?);
        let translate = id("<|translate|>")?;
        let no_timestamps = id("<|notimestamps|>")?;
        if end > MOST_TOKENS || no_timestamps > MOST_TOKENS {
            return Err("end below a million tokens");
        }
        let alphabet = byte_alphabet();
        let mut bytes = vec![Vec::new(); end as usize];
        for (token, &id) in &file.model.vocab {
            if let Some(slot) = bytes.get_mut(id as usize) {
                *slot = token.chars().filter_map(|c| alphabet.get(&c).copied()).collect();
            }
        }
        let mut languages: Vec<(String, u32)> = special
            .iter()
            .filter(|&(_, &id)| id > start && id < translate)
            .map(|(name, &id)| (name.trim_matches(['<', '|', '>']).to_owned(), id))
            .collect();
        languages.sort_by_key(|(_, id)| *id);
        // English-only checkpoints have the language tokens but never learned them; their end is 50256.
        if end == 50_256 {
            languages.clear();
        }
        Ok(Self {
            bytes,
            languages,
            end,
            start,
            translate,
            transcribe: id("<|transcribe|>")?,
            // It is called differently in the older files.
            no_speech: (id("<|nospeech|>").or_else(|_| id("<|nocaptions|>")))
                .unwrap_or(no_timestamps.saturating_sub(1)),
            first_timestamp: no_timestamps + 1,
            before: id("<|startofprev|>").ok(),
            source,
        })
    }

    /// Reads the rules by which text is cut into tokens.
    ///
    /// # Errors
    /// When they are missing or damaged.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let (Source::Whole(path) | Source::Lists(path)) = &self.source;
        let bad = |path: &Path, reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let text = match &self.source {
            Source::Whole(path) => read_text(path)?,
            Source::Lists(vocab) => {
                let merges = vocab.with_file_name("merges.txt");
                let vocab: Value = serde_json::from_str(&read_text(vocab)?)
                    .map_err(|e| bad(vocab, format!("not a vocabulary: {e}")))?;
                let merges = read_text(&merges)?;
                let merges = merges.lines().filter(|line| !line.starts_with("#version") && !line.is_empty());
                let model = json!({"type": "BPE", "vocab": vocab, "merges": merges.collect::<Vec<_>>()});
                let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
                json!({"model": model, "pre_tokenizer": bytes, "decoder": bytes}).to_string()
            }
        };
        Tokenizer::from_hugging_face(&text, &TokenOptions::default()).map_err(|e| bad(path, e.to_string()))
    }

    /// The largest number of a token that may be fed to the decoder.
    pub fn largest(&self) -> u32 {
        let steering = [self.end, self.start, self.translate, self.transcribe, self.no_speech];
        let languages = self.languages.iter().map(|(_, id)| *id);
        steering
            .into_iter()
            .chain(self.before)
            .chain(languages)
            .fold(self.first_timestamp.saturating_sub(1), u32::max)
    }

    /// Whether the checkpoint knows other languages than English.
    pub fn is_multilingual(&self) -> bool {
        !self.languages.is_empty()
    }

    /// Codes ("en") and tokens.
    pub fn languages(&self) -> &[(String, u32)] {
        &self.languages
    }

    /// Whether this is a time.
    pub fn is_timestamp(&self, id: u32) -> bool {
        id >= self.first_timestamp
    }

    /// The time of a timestamp token, in seconds of the window.
    pub fn seconds(&self, timestamp: u32) -> f64 {
        f64::from(timestamp - self.first_timestamp) * TIMESTAMP_S
    }

    /// The bytes of a token; none for special ones.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// The text of tokens, special ones left out; what is not UTF-8 becomes U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.bytes(id).iter().copied()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// GPT-2's letters for bytes: printable ones stand for themselves, the others begin at U+0100.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100;
    let mut letter = |b: u8| {
        if printable(b) {
            return char::from(b);
        }
        next += 1;
        char::from_u32(next - 1).unwrap_or('\u{fffd}')
    };
    (0..=255).map(|b| (letter(b), b)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn nowhere() -> Source {
        Source::Whole(PathBuf::new())
    }

    /// Words 0 to 9, then special tokens as in a multilingual checkpoint.
    pub fn tiny() -> Vocabulary {
        let words = ["Ġone", "Ġtwo", "Ġthree", ",", ".", "Ġcaf", "Ã", "©", "Ġ-", "teen"];
        let special = [
            "endoftext",
            "startoftranscript",
            "en",
            "de",
            "translate",
            "transcribe",
            "nospeech",
            "notimestamps",
        ];
        let vocab = words.iter().enumerate().map(|(i, w)| ((*w).to_owned(), i as u32)).collect();
        let added_tokens = special
            .iter()
            .enumerate()
            .map(|(i, name)| AddedToken { id: 10 + i as u32, content: format!("<|{name}|>") })
            .collect();
        Vocabulary::new(TokenizerFile { model: TokenizerModel { vocab }, added_tokens }, nowhere()).unwrap()
    }

    #[test]
    fn tokens_join_to_text_across_split_characters() {
        let vocabulary = tiny();
        assert_eq!(vocabulary.decode(&[0, 3, 5, 6, 7, 4, 10, 18]), " one, café.");
        assert_eq!(vocabulary.decode(&[6]), "\u{fffd}");
    }

    #[test]
    fn special_tokens_are_found_by_name() {
        let vocabulary = tiny();
        assert_eq!(vocabulary.languages(), [("en".to_owned(), 12), ("de".to_owned(), 13)]);
        assert_eq!(vocabulary.first_timestamp, 18);
        assert!(vocabulary.is_timestamp(18) && !vocabulary.is_timestamp(17));
        assert_eq!(vocabulary.largest(), 17);
        assert!((vocabulary.seconds(68) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_two_lists_of_a_folder_are_as_good_as_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, value: serde_json::Value| {
            std::fs::write(folder.path().join(name), value.to_string()).unwrap();
        };
        write("vocab.json", serde_json::json!({"Ġone": 0, "Ġtwo": 1, "<|endoftext|>": 2}));
        let error = Vocabulary::load_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("vocab.json") && error.contains("<|startoftranscript|>"), "{error}");
        let special = ["startoftranscript", "en", "translate", "transcribe", "nospeech", "notimestamps"];
        let special = special.iter().enumerate().map(|(i, name)| (format!("<|{name}|>"), (3 + i).into()));
        write("added_tokens.json", serde_json::Value::Object(special.collect()));
        let vocabulary = Vocabulary::load_folder(folder.path()).unwrap();
        assert_eq!(vocabulary.decode(&[0, 1]), " one two");
        assert_eq!((vocabulary.end, vocabulary.start, vocabulary.first_timestamp), (2, 3, 9));
        std::fs::remove_file(folder.path().join("vocab.json")).unwrap();
        let error = Vocabulary::load_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json"), "{error}");
    }

    #[test]
    fn a_file_without_the_special_tokens_is_rejected() {
        let file = TokenizerFile { model: TokenizerModel { vocab: BTreeMap::new() }, added_tokens: vec![] };
        assert_eq!(Vocabulary::new(file, nowhere()).unwrap_err(), "<|endoftext|>");
    }
}
