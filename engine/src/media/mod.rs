//! 1: bytes → plain values; the only user of codec crates.
//!
//! [`Opener::open`] looks at the content, not at the name, and returns a reader for the kind it found.
//! Sound, video and documents are read piece by piece, so that a ten-hour recording needs no more
//! memory than a short one. Every limit is checked before memory is taken, and a decoder that
//! panics on hostile bytes becomes an error that names the file.
//!
//! Who reads what: pictures through `image`; WAV, AIFF, MP3, FLAC, Ogg Vorbis and raw AAC through
//! Symphonia; everything that needs a container opened to know whether it holds pictures (MP4,
//! Matroska, AVI, …) and Opus through FFmpeg; PDF through PDFium, bound at run time; text, subtitles,
//! Markdown, HTML, DOCX and EPUB by parsers in Rust.

mod guard;

mod detect;

mod picture;

mod sound;

mod ffmpeg;

mod video;

mod document;

use std::fs::File;
use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::{Deserialize, Serialize};

pub use document::{DocumentReader, Line, Link, LinkTarget, OutlineEntry, Page};
pub use picture::Picture;
pub use sound::{SAMPLE_RATE_HZ, Samples, SoundReader};
pub use video::{Frame, FrameStep, Shows, VideoReader, frame_beside};

use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};
use detect::Format;

/// What a file turned out to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A still picture.
    Picture,
    /// A recording with sound only.
    Sound,
    /// Moving pictures, with or without sound.
    Video,
    /// Pages of text.
    Document,
}

/// How much of a file is accepted. The defaults suit a laptop.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Largest file in bytes; of text only the beginning is read, whatever its size.
    pub file_bytes: u64,
    /// Most pixels of a picture or video frame (width × height).
    pub pixels: u64,
    /// Longest recording in seconds.
    pub sound_s: f64,
    /// Longest video in seconds.
    pub video_s: f64,
    /// Most frames kept of a video.
    pub video_frames: usize,
    /// Most pages of a document.
    pub pages: usize,
    /// Most bytes that an archive (DOCX, EPUB) may unpack to, and most of HTML.
    pub unpacked_bytes: u64,
    /// Deepest nesting of elements in HTML and XML.
    pub nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 8 << 30,
            pixels: 100_000_000,
            sound_s: 24.0 * 3600.0,
            video_s: 6.0 * 3600.0,
            video_frames: 120,
            pages: 5_000,
            unpacked_bytes: 512 << 20,
            nesting: 256,
        }
    }
}

/// Opens files by their content.
#[derive(Debug, Clone, Default)]
pub struct Opener {
    /// How much is accepted.
    pub limits: Limits,
    /// The PDFium shared library; without it a PDF is refused with [`MediaProblem::Missing`].
    pub pdfium: Option<PathBuf>,
}

/// An opened file.
pub enum Media {
    /// A still picture, decoded.
    Picture(Picture),
    /// Sound, to be read block by block.
    Sound(SoundReader),
    /// Moving pictures, to be read frame by frame.
    Video(VideoReader),
    /// Text, to be read page by page.
    Document(DocumentReader),
}

impl Opener {
    /// Opens a file and looks what it is.
    ///
    /// # Errors
    /// [`Error::Media`] with one clear [`MediaProblem`]; [`Error::Io`] when the system refuses to read.
    pub fn open(&self, path: &Path, cancel: &Cancel) -> Result<Media> {
        let (file, format) = open_and_look(path, &self.limits)?;
        match format {
            Format::Picture(format) => Ok(Media::Picture(picture::read(path, file, format, &self.limits)?)),
            Format::Sound => SoundReader::open(path, file, &self.limits, cancel).map(Media::Sound),
            Format::Container => {
                let input = ffmpeg::open(path, file, cancel)?;
                if ffmpeg::has_video(&input) {
                    VideoReader::open(path, input, &self.limits, cancel).map(Media::Video)
                } else if ffmpeg::has_sound(&input) {
                    SoundReader::from_container(path, input, &self.limits, cancel).map(Media::Sound)
                } else {
                    Err(Error::media(path, MediaProblem::NoTracks))
                }
            }
            Format::Document(format) => {
                DocumentReader::open(path, file, format, self, cancel).map(Media::Document)
            }
        }
    }
}

impl Media {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Picture(_) => Kind::Picture,
            Self::Sound(_) => Kind::Sound,
            Self::Video(_) => Kind::Video,
            Self::Document(_) => Kind::Document,
        }
    }

    /// A short description for people: "640 × 427 pixels", "2:13 minutes", "12 pages".
    pub fn summary(&self) -> String {
        match self {
            Self::Picture(picture) => {
                format!("{} × {} pixels", picture.pixels.width(), picture.pixels.height())
            }
            Self::Sound(sound) => sound.duration_s().map_or("a recording".into(), guard::duration_text),
            Self::Video(video) => {
                let (width, height) = video.size();
                match video.duration_s() {
                    Some(s) => format!("{}, {width} × {height} pixels", guard::duration_text(s)),
                    None => format!("{width} × {height} pixels"),
                }
            }
            Self::Document(document) => match (document.end_s(), document.page_count()) {
                (Some(s), _) => format!("subtitles of {}", guard::duration_text(s)),
                (None, 1) => "1 page".into(),
                (None, n) => format!("{n} pages"),
            },
        }
    }
}

/// Opens a file and looks what it is. Only of text may there be more than the limit: of that the beginning is read.
fn open_and_look(path: &Path, limits: &Limits) -> Result<(File, Format)> {
    let file = guard::open_of_any_size(path)?;
    let format = detect::format(path, &file)?;
    if !format.may_be_read_in_part() {
        guard::check_size(path, &file, limits)?;
    }
    Ok((file, format))
}

/// Looks what a file is, without decoding it; quick enough for a file that was just dropped.
///
/// # Errors
/// As [`Opener::open`].
pub fn kind(path: &Path) -> Result<Kind> {
    let (file, format) = open_and_look(path, &Limits::default())?;
    Ok(match format {
        Format::Picture(_) => Kind::Picture,
        Format::Sound => Kind::Sound,
        Format::Document(_) => Kind::Document,
        Format::Container => {
            let input = ffmpeg::open(path, file, &Cancel::new())?;
            if ffmpeg::has_video(&input) {
                Kind::Video
            } else if ffmpeg::has_sound(&input) {
                Kind::Sound
            } else {
                return Err(Error::media(path, MediaProblem::NoTracks));
            }
        }
    })
}

/// A small picture of a file: the picture itself, the first video frame that shows something, the
/// first page of a PDF. Neither side is longer than `longest_side_px`.
///
/// # Errors
/// As [`Opener::open`]; [`MediaProblem::NoPicture`] for sound and for documents without page pictures.
pub fn thumbnail(path: &Path, longest_side_px: u32, pdfium: Option<&Path>) -> Result<RgbImage> {
    let opener = Opener { limits: Limits::default(), pdfium: pdfium.map(Path::to_path_buf) };
    let cancel = Cancel::new();
    let nothing = || Error::media(path, MediaProblem::NoPicture);
    match opener.open(path, &cancel)? {
        Media::Picture(picture) => Ok(picture::shrink(picture.pixels, longest_side_px)),
        Media::Sound(_) => Err(nothing()),
        Media::Video(video) => video.first_good_frame().map(|frame| picture::shrink(frame, longest_side_px)),
        Media::Document(document) => document.page_picture(1, longest_side_px)?.ok_or_else(nothing),
    }
}

/// Scales a picture down so that neither side is longer than `longest_side_px`; never up.
pub fn shrink(pixels: RgbImage, longest_side_px: u32) -> RgbImage {
    picture::shrink(pixels, longest_side_px)
}

/// The video frame that is shown at `time_s` (the last one when the video is shorter), turned
/// upright, neither side longer than `longest_side_px`.
///
/// # Errors
/// As [`Opener::open`]; [`MediaProblem::NoPicture`] when the file is not a video.
pub fn frame_at(path: &Path, time_s: f64, longest_side_px: u32) -> Result<RgbImage> {
    match Opener::default().open(path, &Cancel::new())? {
        Media::Video(mut video) => video.frame_at(time_s, longest_side_px),
        _ => Err(Error::media(path, MediaProblem::NoPicture)),
    }
}
