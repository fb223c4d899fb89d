//! Plain text: which encoding, which paragraphs.

use encoding_rs::{UTF_8, WINDOWS_1252};

use super::charset;
use super::{BlockKind, Flow};

/// How bytes were turned into characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Encoding {
    Utf8,
    Utf16,
    /// Another one that the text itself names.
    Declared,
    /// None of the others: every byte one character.
    Latin1,
}

impl Encoding {
    /// Whether any bytes at all would have passed.
    pub(in super::super) fn is_guess(self) -> bool {
        self == Self::Latin1
    }

    pub(super) fn notice(self) -> Option<String> {
        self.is_guess().then(|| {
            "the text is not valid UTF-8 and was read as Latin-1 (Windows-1252): accents may be wrong"
                .to_owned()
        })
    }
}

/// A text that says it is UTF-8 may hold one damaged letter among this many.
const DAMAGED_ONE_IN: usize = 200;

/// Decodes text: UTF-16 when it begins with that mark or with "<" in it, else UTF-8, else what a page or an XML file says
/// of itself, else Windows-1252 (Latin-1).
pub(super) fn decode(bytes: &[u8]) -> (String, Encoding) {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => (utf16(rest, u16::from_le_bytes), Encoding::Utf16),
        [0xFE, 0xFF, rest @ ..] => (utf16(rest, u16::from_be_bytes), Encoding::Utf16),
        [b'<', 0, _, 0, ..] => (utf16(bytes, u16::from_le_bytes), Encoding::Utf16),
        [0, b'<', 0, _, ..] => (utf16(bytes, u16::from_be_bytes), Encoding::Utf16),
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            if let Ok(text) = std::str::from_utf8(bytes) {
                return (text.to_owned(), Encoding::Utf8);
            }
            match charset::declared(bytes) {
                Some(charset) if charset != UTF_8 => {
                    (charset.decode_without_bom_handling(bytes).0.into_owned(), Encoding::Declared)
                }
                Some(_) if is_nearly_utf8(bytes) => {
                    (String::from_utf8_lossy(bytes).into_owned(), Encoding::Utf8)
                }
                _ => (WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), Encoding::Latin1),
            }
        }
    }
}

/// Decodes the start of a file, which may end in the middle of a character.
pub(in super::super) fn decode_start(head: &[u8]) -> (String, Encoding) {
    let whole = match std::str::from_utf8(head) {
        // Only the last character is incomplete.
        Err(e) if e.error_len().is_none() => &head[..e.valid_up_to()],
        _ => head,
    };
    decode(whole)
}

fn is_nearly_utf8(bytes: &[u8]) -> bool {
    let damaged = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    damaged * DAMAGED_ONE_IN <= bytes.len()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Paragraphs end at empty lines; form feeds end pages.
pub(super) fn read(text: &str) -> Flow {
    let mut flow = Flow::default();
    let mut paragraph = String::new();
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        let line = line.trim_matches('\u{c}');
        if line.trim().is_empty() {
            flow.push(&std::mem::take(&mut paragraph), BlockKind::Paragraph);
        } else {
            if !paragraph.is_empty() {
                paragraph.push('\n');
            }
            paragraph.push_str(line);
        }
    }
    flow.push(&paragraph, BlockKind::Paragraph);
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_choose_the_encoding_and_anything_else_is_latin_1() {
        assert_eq!(decode("\u{feff}né".as_bytes()), ("né".to_owned(), Encoding::Utf8));
        assert_eq!(decode(b"\xFE\xFF\0n\0\xe9"), ("né".to_owned(), Encoding::Utf16));
        assert_eq!(decode(b"n\xe9 \x80"), ("né €".to_owned(), Encoding::Latin1));
        assert!(Encoding::Latin1.notice().is_some() && Encoding::Utf8.notice().is_none());
    }

    #[test]
    fn what_a_page_says_of_its_encoding_is_believed_unless_it_is_utf_8() {
        let page = b"<html><meta charset='windows-1251'><p>\xcf\xf0\xe8\xe2\xe5\xf2";
        let (text, encoding) = decode(page);
        assert!(
            text.ends_with("<p>Привет") && encoding == Encoding::Declared && encoding.notice().is_none(),
            "{text}"
        );
        let page = b"<?xml version='1.0' encoding='shift_jis'?><p>\x82\xb1\x82\xf1";
        assert!(decode(page).0.ends_with("<p>こん"));
        let page = "<?xml version='1.0' encoding='koi8-r'?><p>Привет".as_bytes();
        assert!(decode(page).0.ends_with("Привет"), "many such claims are old");
        let mut page = "<meta charset=utf-8>".to_owned().into_bytes();
        page.extend("Grüße und ".repeat(40).bytes());
        page.push(0xE9);
        let (text, encoding) = decode(&page);
        assert!(text.contains("Grüße") && text.ends_with('\u{fffd}') && encoding == Encoding::Utf8, "{text}");
        assert_eq!(decode(b"<meta charset=utf-8>caf\xe9").1, Encoding::Latin1);
        let xml: Vec<u8> = "<?xml?><p>né".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&xml), ("<?xml?><p>né".to_owned(), Encoding::Utf16));
        let xml: Vec<u8> = "<p>né".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&xml), ("<p>né".to_owned(), Encoding::Utf16));
    }

    #[test]
    fn a_start_that_ends_inside_a_character_is_still_utf_8() {
        assert_eq!(decode_start(&"né".as_bytes()[..2]), ("n".to_owned(), Encoding::Utf8));
    }

    #[test]
    fn empty_lines_end_paragraphs_and_line_breaks_stay() {
        let flow = read("one\r\ntwo\r\n\r\n\n  three\n");
        let texts: Vec<&str> = flow.blocks.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, ["one\ntwo", "three"]);
    }
}
