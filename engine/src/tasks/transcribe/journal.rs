//! What was heard of recordings that are not finished, so that a run that was killed goes on where it was.
//!
//! A journal has a line for each window that was heard, written when it was, and at the end one for the notices. A run
//! that goes on reads the sound from its beginning and looks for speech again, which takes a small part of the time, and
//! hears only windows that are not in the journal: what it gives is to the last bit what one run gives. A file has the
//! name of a hash of the recording, the model, the options and the program, so that nothing else is ever taken for it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Segment, TranscribeOptions, Word};
use crate::disk_cache::{DiskCache, hash_identity, make_folder, remove, store};
use crate::models::Store;
use crate::perception::speech::windows::Window;
use crate::threads;

/// Names the layout of the lines.
const LAYOUT: &[u8] = b"medley transcript journal 1";

/// Journals in the user's cache folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct JournalStore(DiskCache);

/// Names a journal after its transcription has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalId(PathBuf);

store!(JournalStore, "transcripts", "journal", 10);

impl JournalStore {
    /// What journals may take by default: hundreds of hours of speech.
    pub const MOST_BYTES: u64 = 256 << 20;

    /// The journal of a recording that is heard with this Whisper (an id of the store, or a folder) and these options.
    ///
    /// # Errors
    /// Those of the file system, and when another process hears the same.
    pub fn journal(
        &self,
        models: &Store,
        recording: &Path,
        whisper: &str,
        options: &TranscribeOptions,
    ) -> io::Result<Journal> {
        self.0.make_room(0)?;
        make_folder(self.0.folder())?;
        Journal::open(self.0.path(&key(models, recording, whisper, options)?))
    }

    /// Deletes a journal that is not needed any more: its transcript is where it belongs.
    pub fn forget(&self, id: &JournalId) {
        if let Err(error) = remove(&id.0) {
            log::info!("{}: {error}", id.0.display());
        }
    }
}

/// Everything that what is heard depends on.
fn key(models: &Store, recording: &Path, whisper: &str, options: &TranscribeOptions) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(LAYOUT);
    hash_identity(&mut hash, &std::env::current_exe()?)?;
    hash_identity(&mut hash, &std::fs::canonicalize(recording)?)?;
    let mut files: Vec<PathBuf> = ["model", "tokenizer", "config"]
        .into_iter()
        .filter_map(|part| models.file(whisper, part).ok())
        .chain(models.file("silero-vad", "model").ok())
        .collect();
    if models.registry().get(whisper).is_none() {
        let folder = std::fs::canonicalize(whisper)?;
        let inside: io::Result<Vec<_>> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
        files.extend(inside?);
        files.sort();
    }
    for file in &files {
        hash_identity(&mut hash, file)?;
    }
    // All fields, those of later versions too; sums may depend on how work is divided.
    let options = TranscribeOptions { name: String::new(), ..options.clone() };
    hash.update(format!("{options:?} {}", threads::set_threads(None)));
    Ok(hash.finalize().into())
}

/// A window that was heard. Times are kept as their bits: a decimal number may come back another one.
#[derive(Serialize, Deserialize)]
struct Heard {
    start: u64,
    duration: u64,
    segments: Vec<KeptSegment>,
}

#[derive(Serialize, Deserialize)]
struct KeptSegment {
    times: [u64; 2],
    text: String,
    language: String,
    speaker: Option<String>,
    confidence: u32,
    words: Vec<([u64; 2], String, u32)>,
}

/// What was told at the end.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ending {
    audio: u64,
    pub(super) notices: Vec<String>,
}

impl Ending {
    pub(super) fn new(audio_s: f64, notices: Vec<String>) -> Self {
        Self { audio: audio_s.to_bits(), notices }
    }

    /// Seconds of sound listened to.
    pub(super) fn audio_s(&self) -> f64 {
        f64::from_bits(self.audio)
    }
}

#[derive(Serialize, Deserialize)]
enum Line {
    Heard(Heard),
    Ending(Ending),
}

/// The journal of one recording, locked while it is open.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Where each line begins that was not given out yet, and what stands there.
    kept: VecDeque<(u64, Heard)>,
    ending: Option<Ending>,
    /// Where the next line goes.
    end: u64,
}

impl Journal {
    fn open(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // What was said is nobody else's.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        file.try_lock().map_err(|e| io::Error::other(e.to_string()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (mut kept, mut ending, mut end) = (VecDeque::new(), None, 0);
        // A line that a kill or a full disk cut off is not one.
        for line in bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            match serde_json::from_slice(line) {
                Ok(Line::Heard(heard)) if ending.is_none() => kept.push_back((end, heard)),
                Ok(Line::Ending(last)) => ending = Some(last),
                _ => break,
            }
            end += line.len() as u64;
        }
        let mut journal = Self { path, file, kept, ending, end };
        journal.cut(end)?;
        Ok(journal)
    }

    /// Its name, for [`JournalStore::forget`].
    pub fn id(&self) -> JournalId {
        JournalId(self.path.clone())
    }

    /// How far an earlier run heard, in seconds of the recording; none where nothing is kept.
    pub fn heard_s(&self) -> Option<f64> {
        let (_, last) = self.kept.back()?;
        let said = self.kept.iter().rev().find_map(|(_, heard)| heard.segments.last());
        let end_s = said.map_or(0.0, |segment| f64::from_bits(segment.times[1]));
        Some(end_s.max(f64::from_bits(last.start)))
    }

    /// What an earlier run heard in this window, if it is the next one that it heard. If it is not, the rest of the
    /// journal belongs to another sound and is dropped.
    pub(super) fn take(&mut self, window: &Window) -> io::Result<Option<Vec<Segment>>> {
        let Some((at, heard)) = self.kept.pop_front() else { return Ok(None) };
        if (heard.start, heard.duration) != name(window) {
            log::warn!("{}: the sound is another one from here on", self.path.display());
            self.kept.clear();
            self.ending = None;
            self.cut(at)?;
            return Ok(None);
        }
        Ok(Some(heard.segments.into_iter().map(Segment::from).collect()))
    }

    /// Everything, where an earlier run came to the end; nothing is left then.
    pub(super) fn take_whole(&mut self) -> Option<(Vec<Vec<Segment>>, Ending)> {
        let ending = self.ending.take()?;
        let windows = std::mem::take(&mut self.kept);
        let segments = |(_, heard): (u64, Heard)| heard.segments.into_iter().map(Segment::from).collect();
        Some((windows.into_iter().map(segments).collect(), ending))
    }

    /// Keeps what was heard in a window.
    pub(super) fn add(&mut self, window: &Window, segments: &[Segment]) -> io::Result<()> {
        let (start, duration) = name(window);
        let segments = segments.iter().map(KeptSegment::from).collect();
        self.write(&Line::Heard(Heard { start, duration, segments }))
    }

    /// Keeps that it is complete.
    pub(super) fn end(&mut self, ending: Ending) -> io::Result<()> {
        self.write(&Line::Ending(ending))
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line is taken back; where that fails too, the next reader stops before it.
            drop(self.cut(self.end));
            return Err(error);
        }
        self.end += text.len() as u64;
        Ok(())
    }

    /// Ends the file here.
    fn cut(&mut self, at: u64) -> io::Result<()> {
        self.end = at;
        self.file.set_len(at)?;
        self.file.seek(SeekFrom::Start(at)).map(drop)
    }
}

/// What tells a window from others of the same recording.
fn name(window: &Window) -> (u64, u64) {
    (window.start_in_recording_s(0.0).to_bits(), window.duration_s().to_bits())
}

impl From<&Segment> for KeptSegment {
    fn from(segment: &Segment) -> Self {
        let bits = |start_s: f64, end_s: f64| [start_s.to_bits(), end_s.to_bits()];
        let word =
            |word: &Word| (bits(word.start_s, word.end_s), word.text.clone(), word.confidence.to_bits());
        Self {
            times: bits(segment.start_s, segment.end_s),
            text: segment.text.clone(),
            language: segment.language.clone(),
            speaker: segment.speaker.clone(),
            confidence: segment.confidence.to_bits(),
            words: segment.words.iter().map(word).collect(),
        }
    }
}

impl From<KeptSegment> for Segment {
    fn from(kept: KeptSegment) -> Self {
        let [start_s, end_s] = kept.times.map(f64::from_bits);
        let word = |([start, end], text, confidence): ([u64; 2], String, u32)| Word {
            start_s: f64::from_bits(start),
            end_s: f64::from_bits(end),
            text,
            confidence: f32::from_bits(confidence),
        };
        Self {
            start_s,
            end_s,
            text: kept.text,
            language: kept.language,
            speaker: kept.speaker,
            confidence: f32::from_bits(kept.confidence),
            words: kept.words.into_iter().map(word).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(end_s: f64) -> Segment {
        Segment {
            // A number that has no short decimal form.
            start_s: 0.1 + 0.2,
            end_s,
            text: "zwei\nZeilen \"ä\"".to_owned(),
            language: "de".to_owned(),
            speaker: None,
            confidence: 0.1 + 0.7,
            words: vec![Word { start_s: 1.0 / 3.0, end_s, text: "zwei".to_owned(), confidence: 1.0 / 3.0 }],
        }
    }

    fn window(n_samples: usize) -> Window {
        let mut window = Window::default();
        window.samples.resize(n_samples, 0.0);
        window
    }

    #[test]
    fn what_was_heard_comes_back_to_the_last_bit_and_what_was_cut_off_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let mut journal = Journal::open(path.clone()).unwrap();
        journal.add(&window(100), &[segment(2.0 / 3.0)]).unwrap();
        journal.add(&window(200), &[]).unwrap();
        drop(journal);
        // A kill in the middle of a line.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], br#"{"Heard":{"start":0,"dur"#].concat()).unwrap();
        let mut journal = Journal::open(path.clone()).unwrap();
        assert_eq!(journal.heard_s(), Some(2.0 / 3.0));
        assert_eq!(journal.take(&window(100)).unwrap(), Some(vec![segment(2.0 / 3.0)]));
        assert_eq!(journal.take(&window(200)).unwrap(), Some(vec![]));
        assert_eq!(journal.take(&window(300)).unwrap(), None);
        journal.add(&window(300), &[segment(9.0)]).unwrap();
        journal.end(Ending::new(0.7, vec!["note".to_owned()])).unwrap();
        drop(journal);
        let (windows, ending) = Journal::open(path).unwrap().take_whole().unwrap();
        assert_eq!(windows, [vec![segment(2.0 / 3.0)], vec![], vec![segment(9.0)]]);
        assert_eq!((ending.audio_s(), ending.notices), (0.7, vec!["note".to_owned()]));
    }

    #[test]
    fn windows_of_another_sound_are_heard_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let mut journal = Journal::open(path.clone()).unwrap();
        for n in [100, 200, 300] {
            journal.add(&window(n), &[segment(n as f64)]).unwrap();
        }
        drop(journal);
        let mut journal = Journal::open(path.clone()).unwrap();
        assert!(journal.take(&window(100)).unwrap().is_some());
        assert_eq!(journal.take(&window(201)).unwrap(), None);
        assert_eq!(journal.take(&window(300)).unwrap(), None);
        drop(journal);
        let mut journal = Journal::open(path).unwrap();
        assert!(journal.take(&window(100)).unwrap().is_some());
        assert_eq!(journal.heard_s(), None);
    }

    #[test]
    fn a_journal_belongs_to_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let first = Journal::open(path.clone()).unwrap();
        assert!(Journal::open(path.clone()).is_err());
        drop(first);
        assert!(Journal::open(path).is_ok());
    }
}
