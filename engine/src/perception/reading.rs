//! Walks through one file, a unit of work per step.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

use super::ocr::ANY_SIZE;
use super::video::FrameFindings;
use super::{ReadEvent, Specialists, lines};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::generate::event::Stage;
use crate::media::{DocumentReader, Media, Opener, Shows, SoundReader, VideoReader};
use crate::sequence::{Finding, Piece, Place, Rect, Span};
use crate::tasks::ask::ReadFile;
use crate::tasks::transcribe::{self, TranscribeEvent, TranscribeOptions, Transcription};

/// The Whisper that hears what is read.
pub const WHISPER: &str = "whisper-tiny.en";

/// Longest side at which a scanned page is read, in pixels.
const SCAN_SIDE_PX: u32 = 2000;

/// Where text may stay for seconds, it is looked for at this longest side of a frame, in pixels.
const FRAME_TEXT_PX: u32 = 736;

/// A video that is looked at more seldom, in seconds, may show what nobody looks at, which is told.
const SPARSE_S: f64 = 2.0;

/// Things that are named in one picture.
const TAGS_PER_PICTURE: usize = 5;

/// A file that is being read. Ends early, with what it has, when cancelled.
pub struct Reading {
    path: PathBuf,
    specialists: Arc<Specialists>,
    cancel: Cancel,
    /// Where a document begins to be read.
    first_page: u32,
    /// Text is looked for on every frame of a video.
    every_frame: bool,
    state: State,
    events: VecDeque<ReadEvent>,
    found: usize,
    /// Specialists that were missed already, so that it is said once.
    missed: Vec<&'static str>,
}

enum State {
    Closed(Opener),
    Sound(Box<Transcription>),
    Video { frames: Box<VideoReader>, findings: FrameFindings },
    Document { document: Box<DocumentReader>, next: u32, damaged: Damaged },
    Done,
}

/// Pages that could not be read, and why the first of them.
#[derive(Default)]
struct Damaged {
    pages: Vec<u32>,
    why: String,
}

impl Reading {
    /// Starts to read `path`.
    pub fn new(path: &Path, opener: Opener, specialists: Arc<Specialists>, cancel: &Cancel) -> Self {
        Self {
            path: path.to_path_buf(),
            specialists,
            cancel: cancel.clone(),
            first_page: 1,
            every_frame: false,
            state: State::Closed(opener),
            events: VecDeque::new(),
            found: 0,
            missed: Vec::new(),
        }
    }

    /// A document is read from this page on, counted from 1.
    pub fn from_page(self, first_page: u32) -> Self {
        Self { first_page, ..self }
    }

    /// Text is looked for on every frame of a video ([`VideoReader::every_frame`]), which takes minutes for each hour.
    pub fn every_frame(self) -> Self {
        Self { every_frame: true, ..self }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads to the end. `None` when cancelled.
    ///
    /// # Errors
    /// As the iterator: the file cannot be used at all.
    pub fn collect_file(mut self) -> Result<Option<ReadFile>> {
        let mut collected = Collected::default();
        for event in self.by_ref() {
            collected.add(event?);
        }
        Ok(if self.cancel.is_cancelled() { None } else { collected.finish(&self.path) })
    }

    fn step(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Closed(opener) => self.open(&opener),
            State::Sound(transcription) => self.listen(transcription),
            State::Video { frames, findings } => self.watch(frames, findings),
            State::Document { document, next, damaged } => self.leaf(document, next, damaged),
            State::Done => Ok(()),
        }
    }

    fn open(&mut self, opener: &Opener) -> Result<()> {
        let media = opener.open(&self.path, &self.cancel)?;
        self.events.push_back(ReadEvent::Opened { kind: media.kind(), summary: media.summary() });
        match media {
            Media::Picture(picture) => {
                self.events.extend(picture.notices.into_iter().map(ReadEvent::Notice));
                self.progress(0, 1);
                let spans = self.look(&picture.pixels, |area| Place::Picture { area })?;
                self.add(spans);
                self.progress(1, 1);
                self.finish();
            }
            Media::Sound(sound) => self.start_listening(sound)?,
            Media::Video(frames) => {
                let frames = Box::new(if self.every_frame { frames.every_frame() } else { frames });
                self.state = State::Video { frames, findings: FrameFindings::default() };
            }
            Media::Document(document) => {
                let damaged = Damaged::default();
                self.state = State::Document { document: Box::new(document), next: self.first_page, damaged };
            }
        }
        Ok(())
    }

    fn start_listening(&mut self, sound: SoundReader) -> Result<()> {
        let models = match self.specialists.speech(WHISPER) {
            Ok(models) => models,
            Err(error) => {
                self.miss("speech was not transcribed", error)?;
                self.finish();
                return Ok(());
            }
        };
        let options =
            TranscribeOptions { name: self.path.display().to_string(), ..TranscribeOptions::default() };
        let transcription = transcribe::transcribe_file(models, sound, options, &self.cancel);
        self.state = State::Sound(Box::new(transcription));
        Ok(())
    }

    fn listen(&mut self, mut transcription: Box<Transcription>) -> Result<()> {
        match transcription.next().transpose()? {
            Some(TranscribeEvent::Progress { done_s, total_s }) => {
                self.progress(done_s as u64, total_s.unwrap_or_default() as u64);
            }
            Some(TranscribeEvent::Segment(segment)) => self.add(vec![segment.into_span(&self.path)]),
            Some(TranscribeEvent::Notice(text)) => self.events.push_back(ReadEvent::Notice(text)),
            Some(_) => {}
            None => return Ok(()),
        }
        self.state = State::Sound(transcription);
        Ok(())
    }

    fn watch(&mut self, mut frames: Box<VideoReader>, mut findings: FrameFindings) -> Result<()> {
        if let Some(frame) = frames.next().transpose()? {
            let time_s = frame.time_s;
            let place = |area| Place::Frame { time_s, area };
            match frame.shows {
                Shows::Scene => findings.add(self.look(&frame.pixels, place)?),
                Shows::Text => findings.add(self.read_text(&frame.pixels, FRAME_TEXT_PX, place)?),
                // There is no other frame to read it in: what one size misses, the other may show.
                Shows::Glimpse => {
                    for most_px in [FRAME_TEXT_PX, ANY_SIZE] {
                        findings.add(self.read_text(&frame.pixels, most_px, place)?);
                    }
                }
            }
            let (done, total) = frames.progress();
            self.progress(done, total);
            self.state = State::Video { frames, findings };
            return Ok(());
        }
        self.add(findings.finish());
        self.events.extend(frames.notices().iter().cloned().map(ReadEvent::Notice));
        if let Some(step_s) = frames.step_s().filter(|step_s| *step_s > SPARSE_S) {
            let text = format!(
                "{}: was looked at every {step_s:.0} seconds and where the scene changes; to have the text of every frame \
                 read, add it to a library or ask with --every-frame",
                self.path.display()
            );
            self.events.push_back(ReadEvent::Notice(text));
        }
        match frames.sound() {
            Some(Ok(sound)) => self.start_listening(sound),
            Some(Err(error)) => {
                self.events.push_back(ReadEvent::Notice(format!("the sound track was not read: {error}")));
                self.finish();
                Ok(())
            }
            None => {
                self.finish();
                Ok(())
            }
        }
    }

    fn leaf(&mut self, document: Box<DocumentReader>, number: u32, mut damaged: Damaged) -> Result<()> {
        let total = document.page_count();
        if number > total {
            self.events.extend(document.notices().iter().cloned().map(ReadEvent::Notice));
            self.events.extend(damaged.notice().map(ReadEvent::Notice));
            self.finish();
            return Ok(());
        }
        match self.page(&document, number) {
            Ok(spans) => self.add(spans),
            // One damaged page is no reason to do without the others.
            Err(error @ Error::Media { .. }) if total > 1 => damaged.add(number, &error),
            Err(error) => return Err(error),
        }
        self.progress(u64::from(number), u64::from(total));
        self.state = State::Document { document, next: number + 1, damaged };
        Ok(())
    }

    /// The text of a page: its own, or that of its picture.
    fn page(&mut self, document: &DocumentReader, number: u32) -> Result<Vec<Span>> {
        let page = document.page(number)?;
        if page.has_text {
            return Ok(paragraphs(&self.path, &page));
        }
        match document.page_picture(number, SCAN_SIDE_PX)? {
            Some(picture) => {
                self.read_text(&picture, ANY_SIZE, |area| Place::Page { page: number, boxes: vec![area] })
            }
            None => Ok(Vec::new()),
        }
    }

    /// Things and text in a picture.
    fn look(&mut self, picture: &RgbImage, place: impl Fn(Rect) -> Place) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        match self.specialists.tagger() {
            Err(error) => self.miss("things in pictures were not recognised", error)?,
            Ok(tagger) => {
                for tag in tagger.tags(picture, TAGS_PER_PICTURE, &self.cancel)? {
                    spans.push(Span {
                        source: self.path.clone(),
                        place: place(tag.area),
                        finding: Finding::Tag { probability: tag.probability },
                        text: tag.label,
                        pieces: Vec::new(),
                    });
                }
            }
        }
        spans.extend(self.read_text(picture, ANY_SIZE, place)?);
        Ok(spans)
    }

    /// The text in a picture, looked for at a size of at most `most_px`.
    fn read_text(
        &mut self,
        picture: &RgbImage,
        most_px: u32,
        place: impl Fn(Rect) -> Place,
    ) -> Result<Vec<Span>> {
        let ocr = match self.specialists.ocr() {
            Ok(ocr) => ocr,
            Err(error) => {
                self.miss("text in pictures was not read", error)?;
                return Ok(Vec::new());
            }
        };
        let lines = ocr.read(picture, most_px, &self.cancel)?;
        Ok(lines::paragraphs(&self.path, lines, place))
    }

    /// A specialist that is not there leaves its part out, and says so once; one that is damaged
    /// fails the file.
    fn miss(&mut self, what: &'static str, error: Error) -> Result<()> {
        if !matches!(error, Error::ModelMissing { .. }) {
            return Err(error);
        }
        if !self.missed.contains(&what) {
            self.missed.push(what);
            self.events.push_back(ReadEvent::Notice(format!("{}: {what}: {error}", self.path.display())));
        }
        Ok(())
    }

    fn add(&mut self, spans: Vec<Span>) {
        self.found += spans.len();
        self.events.extend(spans.into_iter().map(ReadEvent::Span));
    }

    fn progress(&mut self, done: u64, total: u64) {
        self.events.push_back(ReadEvent::Progress { stage: Stage::Encode, done, total });
    }

    fn finish(&mut self) {
        if self.found == 0 && self.first_page == 1 && self.missed.is_empty() && !self.cancel.is_cancelled() {
            let text = format!("{}: nothing was found that could be recognised or read", self.path.display());
            self.events.push_back(ReadEvent::Notice(text));
        }
    }
}

impl Damaged {
    fn add(&mut self, page: u32, error: &Error) {
        if self.pages.is_empty() {
            self.why = error.to_string();
        }
        self.pages.push(page);
    }

    /// Which pages are missing; `None` when all were read.
    fn notice(&self) -> Option<String> {
        const NAMED: usize = 8;
        let named: Vec<String> = self.pages.iter().take(NAMED).map(u32::to_string).collect();
        let more = self.pages.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (named, why) = (named.join(", "), &self.why);
        (!self.pages.is_empty()).then(|| format!("these pages could not be read: {named}{more} ({why})"))
    }
}

impl Iterator for Reading {
    type Item = Result<ReadEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if matches!(self.state, State::Done) || self.cancel.is_cancelled() {
                return None;
            }
            if let Err(error) = self.step() {
                self.state = State::Done;
                return Some(Err(error));
            }
        }
    }
}

/// The paragraphs of a page; every word, or every line where words have no place, keeps its own box, and every line of
/// subtitles its time.
fn paragraphs(source: &Path, page: &crate::media::Page) -> Vec<Span> {
    let mut spans: Vec<(u32, Span)> = Vec::new();
    for line in &page.lines {
        if line.text.trim().is_empty() {
            continue;
        }
        let page = |boxes: Vec<Rect>| Place::Page { page: page.number, boxes };
        // Subtitles are what is said, at its time.
        let time = line.time_s.map(|(start_s, end_s)| Place::Time { start_s, end_s });
        let place = time.clone().unwrap_or_else(|| page(line.area.into_iter().collect()));
        let start = match spans.last_mut() {
            Some((paragraph, span)) if *paragraph == line.paragraph => {
                let before = std::mem::replace(&mut span.place, page(Vec::new()));
                span.place = before.join(place);
                span.text.push(' ');
                span.text.len()
            }
            _ => {
                let finding = match time {
                    Some(_) => Finding::Speech { confidence: 1.0 },
                    None => Finding::DocumentText,
                };
                let (text, pieces) = (String::new(), Vec::new());
                let span = Span { source: source.to_path_buf(), place, finding, text, pieces };
                spans.push((line.paragraph, span));
                0
            }
        };
        let Some((_, span)) = spans.last_mut() else { continue };
        span.text.push_str(&line.text);
        if line.words.is_empty() {
            let place = time.or_else(|| line.area.map(|area| page(vec![area])));
            span.pieces.extend(place.map(|place| Piece { bytes: start..span.text.len(), place }));
        } else {
            span.pieces.extend(line.words.iter().map(|(bytes, area)| Piece {
                bytes: start + bytes.start..start + bytes.end,
                place: page(vec![*area]),
            }));
        }
    }
    spans.into_iter().map(|(_, span)| span).collect()
}

/// Gathers events into a [`ReadFile`].
#[derive(Default)]
pub(crate) struct Collected {
    opened: Option<(crate::media::Kind, String)>,
    spans: Vec<Span>,
    notices: Vec<String>,
}

impl Collected {
    pub(crate) fn add(&mut self, event: ReadEvent) {
        match event {
            ReadEvent::Opened { kind, summary } => self.opened = Some((kind, summary)),
            ReadEvent::Span(span) => self.spans.push(span),
            ReadEvent::Notice(text) => self.notices.push(text),
            ReadEvent::Progress { .. } => {}
        }
    }

    /// `None` when the file was never opened.
    pub(crate) fn finish(self, path: &Path) -> Option<ReadFile> {
        let (kind, summary) = self.opened?;
        let (spans, notices) = (Arc::new(self.spans), self.notices);
        Some(ReadFile { path: path.to_path_buf(), kind, summary, spans, notices })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Line, Page};

    fn line(text: &str, paragraph: u32, y: f32) -> Line {
        let area = Some(Rect { x0: 0.1, y0: y, x1: 0.9, y1: y + 0.02 });
        Line { text: text.into(), area, paragraph, ..Line::default() }
    }

    #[test]
    fn lines_of_a_paragraph_become_one_span_with_a_box_each() {
        let lines = vec![line("One two", 0, 0.1), line("three.", 0, 0.12), line("Next.", 1, 0.2)];
        let page = Page { number: 2, lines, has_text: true, ..Page::default() };
        let spans = paragraphs("a.pdf".as_ref(), &page);
        assert_eq!(
            spans.iter().map(|span| span.text.as_str()).collect::<Vec<_>>(),
            ["One two three.", "Next."]
        );
        let Place::Page { page, boxes } = spans[0].locate(8..13) else { panic!("a page") };
        assert_eq!((page, boxes.len()), (2, 1));
        assert!((boxes[0].y0 - 0.12).abs() < 1e-6, "only the line that holds the words");
    }
    #[test]
    fn subtitles_become_speech_with_the_time_of_each_line() {
        let line = |text: &str, paragraph, start_s: f64| Line {
            text: text.into(),
            paragraph,
            time_s: Some((start_s, start_s + 2.0)),
            ..Line::default()
        };
        let lines = vec![line("The harbour freezes", 0, 1.0), line("in May.", 0, 3.0), line("Next.", 1, 9.0)];
        let spans =
            paragraphs("a.srt".as_ref(), &Page { number: 1, lines, has_text: true, ..Page::default() });
        assert_eq!(spans[0].text, "The harbour freezes in May.");
        assert_eq!(spans[0].finding, Finding::Speech { confidence: 1.0 });
        assert_eq!(spans[0].place, Place::Time { start_s: 1.0, end_s: 5.0 });
        assert_eq!(spans[0].locate(20..26), Place::Time { start_s: 3.0, end_s: 5.0 });
        assert_eq!(spans[1].place, Place::Time { start_s: 9.0, end_s: 11.0 });
    }
}
