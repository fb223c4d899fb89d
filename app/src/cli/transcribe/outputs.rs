//! Where transcripts go. A file is written beside its name while the recording is heard, and gets its name when it is
//! whole; what was finished before a failure stays.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use engine::tasks::transcribe::Segment;
use engine::tasks::transcribe::format::Format;
use engine::tasks::transcribe::subtitles::SubtitleStyle;
use engine::tasks::transcribe::writer::Writer;

use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::queue::Recording;

/// Where all transcripts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The standard output.
    Stdout,
    /// One file.
    File(PathBuf),
    /// A folder, with a file for each recording and format.
    Folder(PathBuf),
}

impl Place {
    /// The file of a recording in a format; none on the standard output.
    pub fn path(&self, recording: &Recording, format: Format) -> Option<PathBuf> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path.clone()),
            Self::Folder(folder) => {
                Some(folder.join(&recording.folder).join(format!("{}.{}", recording.name, format.name())))
            }
        }
    }
}

/// The transcripts of one recording.
pub struct Outputs {
    sinks: Vec<Sink>,
    style: SubtitleStyle,
    n_segments: usize,
    /// An earlier run may have written more than this one has so far.
    resumes: bool,
}

struct Sink {
    writer: Writer,
    target: Option<Target>,
}

struct Target {
    path: PathBuf,
    /// What is written until it is whole; none where the path is a device.
    part: Option<PathBuf>,
    file: File,
    /// Bytes that were written.
    written: u64,
}

impl Outputs {
    /// Begins a transcript in each format. Where an earlier run left a beginning and this one `resumes`, it stays until
    /// it is written over.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn open(
        place: &Place,
        formats: &[Format],
        recording: &Recording,
        style: SubtitleStyle,
        resumes: bool,
    ) -> Outcome<Self> {
        let title = recording.path.file_stem().unwrap_or_default().to_string_lossy();
        let mut sinks = Vec::new();
        for &format in formats {
            let target = match place.path(recording, format) {
                Some(path) => Some(Target::open(path, resumes)?),
                None => None,
            };
            sinks.push(Sink { writer: Writer::new(format, &title, style), target });
        }
        let mut outputs = Self { sinks, style, n_segments: 0, resumes };
        for sink in &mut outputs.sinks {
            let text = sink.writer.begin();
            sink.write(&mut Output::new(false), text.as_bytes())?;
        }
        Ok(outputs)
    }

    /// Writes what was said next.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn segment(&mut self, out: &mut Output, segment: &Segment) -> Outcome {
        for sink in &mut self.sinks {
            let text = sink.writer.segment(segment);
            sink.write(out, text.as_bytes())?;
        }
        self.n_segments += 1;
        Ok(())
    }

    /// Completes every transcript and gives it its name; returns the files, and what to tell.
    ///
    /// # Errors
    /// When one could not be written; the others are whole all the same.
    pub fn finish(mut self, out: &mut Output) -> Outcome<(Vec<PathBuf>, Option<String>)> {
        let (mut files, mut failure) = (Vec::new(), None);
        for sink in &mut self.sinks {
            match sink.finish(out) {
                Ok(path) => files.extend(path),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let fast = self.sinks.iter().map(|sink| sink.writer.n_fast()).max().filter(|(n, _)| *n > 0);
        let note = fast.map(|(n, all)| {
            let speed = self.style.chars_per_s;
            format!("{n} of {all} subtitles have to be read faster than {speed} characters a second: people speak faster there")
        });
        failure.map_or(Ok((files, note)), Err)
    }

    /// Ends early: what was heard stays in files with the ending ".part", which this returns.
    pub fn leave(self) -> Vec<PathBuf> {
        let targets = self.sinks.into_iter().filter_map(|sink| sink.target);
        match (self.resumes, self.n_segments) {
            (true, _) => targets.filter_map(|target| target.part).collect(),
            (false, n_segments) => targets.filter_map(|target| target.leave(n_segments > 0)).collect(),
        }
    }
}

impl Sink {
    fn write(&mut self, out: &mut Output, bytes: &[u8]) -> Outcome {
        match &mut self.target {
            Some(target) => target.write(bytes),
            None => out.bytes(bytes),
        }
    }

    fn finish(&mut self, out: &mut Output) -> Outcome<Option<PathBuf>> {
        let end = self.writer.finish()?;
        self.write(out, &end)?;
        self.target.as_mut().map(Target::finish).transpose()
    }
}

impl Target {
    fn open(path: PathBuf, resumes: bool) -> Outcome<Self> {
        let failed = |e: std::io::Error| Failure::writing(&path, &e);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| Failure::writing(folder, &e))?;
        }
        let is_device = path.exists() && !path.is_file();
        let part = (!is_device).then(|| part_of(&path));
        let mut options = OpenOptions::new();
        options.write(true).create(!is_device).truncate(!is_device && !resumes);
        let file = options.open(part.as_ref().unwrap_or(&path)).map_err(failed)?;
        Ok(Self { path, part, file, written: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome {
        if let Err(error) = self.file.write_all(bytes) {
            // A piece of a sentence is taken back, so that whole ones are left.
            drop(self.file.set_len(self.written));
            return Err(Failure::writing(&self.path, &error));
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self) -> Outcome<PathBuf> {
        let path = &self.path;
        let failed = |e: std::io::Error| Failure::writing(path, &e);
        if let Some(part) = &self.part {
            self.file.set_len(self.written).and_then(|()| self.file.sync_all()).map_err(failed)?;
            std::fs::rename(part, path).map_err(failed)?;
        }
        Ok(path.clone())
    }

    fn leave(self, has_text: bool) -> Option<PathBuf> {
        let part = self.part.filter(|part| part.exists())?;
        if !has_text {
            drop(std::fs::remove_file(&part));
            return None;
        }
        drop(self.file.set_len(self.written));
        (self.written > 0).then_some(part)
    }
}

/// "talk.srt" → "talk.srt.part".
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
