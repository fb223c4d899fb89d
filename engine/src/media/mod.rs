//! 1: bytes → plain values; the only user of codec crates.
//!
//! [`open`] looks at the content, not at the name, and returns a reader for the kind it found.
//! Sound, video and documents are read piece by piece, so that a ten-hour recording needs no more
//! memory than a short one. Every limit is checked before memory is taken, and a decoder that
//! panics on hostile bytes becomes an error that names the file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;

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
    /// Largest file in bytes.
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
    /// Most bytes that an archive (DOCX, EPUB) may unpack to.
    pub unpacked_bytes: u64,
    /// Deepest nesting of elements in HTML and XML.
    pub nesting: usize,
}
