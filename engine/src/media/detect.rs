//! What a file is, from its content alone.
//!
//! Signatures come first, ours and then those of the `infer` crate for a hint on what cannot be
//! read. What has no signature is text when it is valid text.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use image::ImageFormat;

use super::document::{archive, subtitles};
use super::guard;
use crate::error::{Error, MediaProblem, Result};

/// How a file is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// By the `image` crate.
    Picture(ImageFormat),
    /// Sound for sure.
    Sound,
    /// A container that has to be opened to know whether it holds pictures, sound or both.
    Container,
    /// Text.
    Document(DocumentFormat),
}

/// How a document is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentFormat {
    Pdf,
    Docx,
    Epub,
    Html,
    Markdown,
    Subtitles,
    Text,
}

impl Format {
    /// Whether only the beginning of a very large file is read.
    pub(super) fn may_be_read_in_part(self) -> bool {
        use DocumentFormat::{Markdown, Subtitles, Text};
        matches!(self, Self::Document(Markdown | Subtitles | Text))
    }
}

/// Bytes at the start of a file that are looked at.
const HEAD: u64 = 64 * 1024;

/// Looks at the content; leaves the file at its start.
pub(super) fn format(path: &Path, mut file: &File) -> Result<Format> {
    let unreadable = |e| guard::read_error(path, e);
    let mut head = Vec::new();
    file.rewind().map_err(unreadable)?;
    file.take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let unknown =
        |hint: &str| Err(Error::media(path, MediaProblem::UnknownKind { hint: Some(hint.to_owned()) }));
    if let Some(format) = by_signature(&head) {
        return Ok(format);
    }
    if head.starts_with(b"PK\x03\x04") {
        return match archive::format(path, file)? {
            Some(format) => Ok(Format::Document(format)),
            None => unknown("it is an archive; unpack it and add the files in it"),
        };
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        // An Office document with a password is kept in the old container, under this name.
        let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        return match head.windows(name.len()).any(|window| window == name) {
            true => Err(Error::media(path, MediaProblem::Password)),
            false => unknown("it is an old Office file; save it as DOCX or PDF"),
        };
    }
    if head.starts_with(b"{\\rtf") {
        return unknown("it is an RTF file; save it as DOCX or PDF");
    }
    if let Some(text) = as_text(&head) {
        let opening = text.get(..text.floor_char_boundary(2048)).unwrap_or(&text).to_ascii_lowercase();
        if opening.contains("<svg") && !opening.contains("<html") {
            return unknown("it is an SVG drawing; export it as PNG");
        }
        return Ok(Format::Document(text_format(&text, &opening)));
    }
    match infer::get(&head) {
        Some(found) => unknown(&format!("it looks like {}", found.mime_type())),
        None => Err(Error::media(path, MediaProblem::UnknownKind { hint: None })),
    }
}

fn by_signature(head: &[u8]) -> Option<Format> {
    let picture = |format| Some(Format::Picture(format));
    match head {
        [0x89, b'P', b'N', b'G', ..] => return picture(ImageFormat::Png),
        [0xFF, 0xD8, 0xFF, ..] => return picture(ImageFormat::Jpeg),
        [b'G', b'I', b'F', b'8', ..] => return picture(ImageFormat::Gif),
        // The two letters alone could begin a text: the reserved fields have to be zero.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => return picture(ImageFormat::Bmp),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => return picture(ImageFormat::Tiff),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            return picture(ImageFormat::WebP);
        }
        _ => {}
    }
    if head.get(..1024.min(head.len())).is_some_and(|start| find(start, b"%PDF-").is_some()) {
        return Some(Format::Document(DocumentFormat::Pdf));
    }
    if is_sound(head) {
        return Some(Format::Sound);
    }
    is_container(head).then_some(Format::Container)
}

fn is_sound(head: &[u8]) -> bool {
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..]
        | [b'f', b'L', b'a', b'C', ..]
        // The tags of an MP3 (FLAC may carry them too).
        | [b'I', b'D', b'3', 2..=4, ..] => true,
        [b'O', b'g', b'g', b'S', ..] => find(head, b"\x01vorbis").is_some() && find(head, b"\x80theora").is_none(),
        _ => is_mpeg_audio(head) || is_adts(head),
    }
}

fn is_container(head: &[u8]) -> bool {
    let box_name = head.get(4..8).unwrap_or_default();
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..]
        | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'O', b'g', b'g', b'S', ..]
        // Matroska and WebM; FLV; ASF; MPEG program stream; AMR; Core Audio.
        | [0x1A, 0x45, 0xDF, 0xA3, ..]
        | [b'F', b'L', b'V', 1, ..]
        | [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..]
        | [0, 0, 1, 0xBA | 0xB3, ..]
        | [b'#', b'!', b'A', b'M', b'R', ..]
        | [b'c', b'a', b'f', b'f', 0, 1, ..] => true,
        // An MPEG transport stream has a mark at every 188th byte.
        [0x47, ..] if head.len() > 188 * 4 => (1..4).all(|i| head[188 * i] == 0x47),
        // MP4 and MOV are boxes; HEIF pictures share the form.
        _ if box_name == b"ftyp" => {
            let brand = head.get(8..12).unwrap_or_default();
            !matches!(brand, b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"avis")
        }
        _ => matches!(box_name, b"moov" | b"mdat" | b"wide" | b"free" | b"skip") && head[0] < 0x20,
    }
}

/// Two MPEG audio frames one behind the other, as at the start of an MP3 without tags.
fn is_mpeg_audio(head: &[u8]) -> bool {
    let Some(length) = mpeg_frame(head) else { return false };
    match head.get(length..) {
        Some(rest) if rest.len() >= 4 => mpeg_frame(rest).is_some(),
        // A file of one frame.
        _ => head.len() <= length,
    }
}

/// Length in bytes of the MPEG audio layer III frame that starts here.
fn mpeg_frame(head: &[u8]) -> Option<usize> {
    const KBPS: [[usize; 15]; 2] = [
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let &[0xFF, b, c, _, ..] = head else { return None };
    if b & 0xE6 != 0xE2 {
        return None;
    }
    let version = b >> 3 & 3; // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    let older = usize::from(version != 3);
    let kbps = *KBPS[older].get(usize::from(c >> 4)).filter(|kbps| **kbps > 0)?;
    let rate = *[44_100, 48_000, 32_000].get(usize::from(c >> 2 & 3))?;
    let rate = match version {
        3 => rate,
        2 => rate / 2,
        0 => rate / 4,
        _ => return None,
    };
    let samples = if older == 1 { 576 } else { 1152 };
    Some(samples / 8 * kbps * 1000 / rate + usize::from(c >> 1 & 1))
}

/// Two frames of raw AAC one behind the other.
fn is_adts(head: &[u8]) -> bool {
    let frame = |bytes: &[u8]| match bytes {
        [0xFF, b, c, d, e, f, _, ..] if b & 0xF6 == 0xF0 && c >> 2 & 15 < 13 => {
            Some(usize::from(d & 3) << 11 | usize::from(*e) << 3 | usize::from(f >> 5))
        }
        _ => None,
    };
    let next = frame(head).filter(|length| *length > 7).and_then(|length| head.get(length..));
    next.is_some_and(|rest| frame(rest).is_some())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The start of a file as text, if it is text: valid UTF-8, UTF-16 with its mark, or Latin-1, with
/// next to no control characters.
fn as_text(head: &[u8]) -> Option<String> {
    let (text, encoding) = super::document::text::decode_start(head);
    let control = |c: char| (c.is_control() && !"\t\n\r\u{c}\u{1b}".contains(c)) || c == '\u{fffd}';
    let controls = text.chars().filter(|c| control(*c)).count();
    // Random bytes read as Latin-1 hold a quarter of control characters, text holds none.
    let most = if encoding.is_guess() { 0 } else { text.chars().count() / 100 };
    (!text.contains('\0') && controls <= most).then_some(text)
}

fn text_format(text: &str, opening: &str) -> DocumentFormat {
    let start = opening.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let tagged = start.starts_with('<');
    if tagged && ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| opening.contains(tag)) {
        DocumentFormat::Html
    } else if subtitles::are_subtitles(text) {
        DocumentFormat::Subtitles
    } else if looks_like_markdown(text) {
        DocumentFormat::Markdown
    } else {
        DocumentFormat::Text
    }
}

/// Two different signs of Markdown: a program's comments alone ("# …") do not make one.
fn looks_like_markdown(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end).peekable();
    let (mut heading, mut fence, mut list, mut link, mut emphasis, mut table) = (0, 0, 0, 0, 0, 0);
    let mut before = "";
    while let Some(line) = lines.next() {
        let marks = line.len() - line.trim_start_matches('#').len();
        let alone =
            before.is_empty() && lines.peek().is_none_or(|next| next.is_empty() || !next.starts_with('#'));
        heading += usize::from((1..=6).contains(&marks) && line[marks..].starts_with(' ') && alone);
        fence += usize::from(line.starts_with("```") || line.starts_with("~~~"));
        list += usize::from(["- ", "* ", "+ ", "1. "].iter().any(|mark| line.trim_start().starts_with(mark)));
        link += usize::from(line.contains("](") && line.contains('['));
        emphasis += usize::from(line.matches("**").count() >= 2);
        table += usize::from(line.starts_with('|') && line.contains("--"));
        before = line;
    }
    let signs = [heading > 0, fence > 1, list > 1, link > 0, emphasis > 0, table > 0];
    signs.iter().filter(|sign| **sign).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_of(bytes: &[u8]) -> Result<Format> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        format(file.path(), &file.reopen().unwrap())
    }

    fn hint_of(bytes: &[u8]) -> String {
        match format_of(bytes) {
            Err(Error::Media { problem: MediaProblem::UnknownKind { hint }, .. }) => hint.unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_is_told_from_markup_by_its_content() {
        let document = |text: &str| match format_of(text.as_bytes()) {
            Ok(Format::Document(format)) => format,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(document("Dear Ann,\n\n- no list at all\nBM is two letters"), DocumentFormat::Text);
        assert_eq!(document("# Title\n\nSome **bold** words.\n"), DocumentFormat::Markdown);
        assert_eq!(document("# a comment\n# another\nx = 1\n# end\n"), DocumentFormat::Text);
        assert_eq!(document("\n<!DOCTYPE html><p>Hi"), DocumentFormat::Html);
        assert_eq!(document("a < b and c > d"), DocumentFormat::Text);
        assert_eq!(document("naïve café – 漢字"), DocumentFormat::Text);
        assert_eq!(
            document("\u{feff}1\n00:00:01,000 --> 00:00:02,000\n# Hi\n\n- **you**"),
            DocumentFormat::Subtitles
        );
        assert_eq!(document("WEBVTT\n\n00:01.000 --> 00:02.000\nHi"), DocumentFormat::Subtitles);
        assert_eq!(document("WEBVTT\n\nno cue at all"), DocumentFormat::Text);
    }

    #[test]
    fn text_in_other_encodings_is_text() {
        let utf16: Vec<u8> =
            std::iter::once(0xFEFF).chain("héllo wörld".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(format_of(&utf16).unwrap(), Format::Document(DocumentFormat::Text));
        assert_eq!(format_of(b"caf\xe9 au lait\n").unwrap(), Format::Document(DocumentFormat::Text));
    }

    #[test]
    fn a_page_in_the_encoding_that_it_names_is_a_page() {
        let japanese = b"<html><meta charset=Shift_JIS><p>\x93\xfa\x96\x7b</html>";
        let russian = b"<html><meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2</html>";
        for page in [&japanese[..], russian] {
            assert_eq!(format_of(page).unwrap(), Format::Document(DocumentFormat::Html));
        }
    }

    #[test]
    fn random_bytes_are_of_no_kind() {
        let mut state = 1u64;
        let bytes: Vec<u8> = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        assert_eq!(hint_of(&bytes), "");
    }

    #[test]
    fn what_cannot_be_read_gets_a_hint() {
        assert!(hint_of(b"{\\rtf1 hello}").contains("RTF"));
        assert!(hint_of(b"<?xml version='1.0'?><svg xmlns='x'></svg>").contains("SVG"));
        let program = [b"\x7fELF\x02\x01\x01".to_vec(), vec![0; 60]].concat();
        assert!(hint_of(&program).contains("looks like application"));
        let office = [b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(), vec![0; 600]].concat();
        assert!(hint_of(&office).contains("Office"));
    }

    #[test]
    fn an_office_document_with_a_password_is_recognised() {
        let mut bytes = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
        bytes.extend(vec![0; 100]);
        bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
        let error = format_of(&bytes).unwrap_err();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Password, .. }));
    }
}
