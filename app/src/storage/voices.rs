//! Voices that the user asked to remember: a small file that only the user can read.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use engine::perception::speakers::KnownVoice;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "voices.json";

/// The remembered voices.
#[derive(Debug)]
pub struct KnownVoices {
    path: PathBuf,
    voices: Vec<KnownVoice>,
}

impl KnownVoices {
    /// Reads those of this data folder; there are none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE_NAME);
        let voices = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).with_context(|| format!("{}: reading failed", path.display())),
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{}: no list of voices; delete it, and remember the voices again", path.display())
            })?,
        };
        Ok(Self { path, voices })
    }

    /// All of them.
    pub fn all(&self) -> &[KnownVoice] {
        &self.voices
    }

    /// Where they are kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a voice, or learns more of one of that name.
    pub fn remember(&mut self, voice: KnownVoice) {
        match self.voices.iter_mut().find(|known| known.name == voice.name) {
            Some(known) => known.learn(&voice),
            None => self.voices.push(voice),
        }
    }

    /// Whether there was one of that name.
    pub fn forget(&mut self, name: &str) -> bool {
        let before = self.voices.len();
        self.voices.retain(|voice| voice.name != name);
        self.voices.len() < before
    }

    /// Writes them; an empty list is no file. The file has its name only when it is whole.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self) -> anyhow::Result<()> {
        let failed = || format!("{}: writing failed", self.path.display());
        if self.voices.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(failed),
                _ => Ok(()),
            };
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(failed)?;
        // Such files are for their owner only (0600 where there are modes).
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
        serde_json::to_writer_pretty(&mut file, &self.voices).with_context(failed)?;
        file.flush().and_then(|()| file.as_file().sync_all()).with_context(failed)?;
        file.persist(&self.path).with_context(failed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use engine::perception::speakers::N_EMBEDDING;

    use super::*;

    fn voice(name: &str) -> KnownVoice {
        let mut numbers = [0.0; N_EMBEDDING];
        numbers[name.len()] = 1.0;
        KnownVoice::new(name, &numbers, 5.0)
    }

    #[test]
    fn voices_are_kept_for_their_owner_only_and_forgotten_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut voices = KnownVoices::open(folder.path()).unwrap();
        assert_eq!(voices.all(), []);
        voices.remember(voice("Anna"));
        voices.remember(voice("Benedict"));
        voices.remember(voice("Anna"));
        voices.save().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = voices.path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let mut again = KnownVoices::open(folder.path()).unwrap();
        assert_eq!(
            again.all().iter().map(|v| (v.name.as_str(), v.speech_s)).collect::<Vec<_>>(),
            [("Anna", 10.0), ("Benedict", 5.0)]
        );
        assert!(again.forget("Anna") && again.forget("Benedict") && !again.forget("Anna"));
        again.save().unwrap();
        assert!(!again.path().exists());
    }

    #[test]
    fn a_file_that_is_no_list_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "[{}]").unwrap();
        let error = format!("{:#}", KnownVoices::open(folder.path()).unwrap_err());
        assert!(error.contains(FILE_NAME) && error.contains("delete it"), "{error}");
    }
}
