//! Plain text: which encoding, which paragraphs.

use super::{BlockKind, Flow};

/// How bytes were turned into characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Encoding {
    Utf8,
    Utf16,
    /// Neither of the others: every byte one character.
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

/// Decodes text: UTF-16 when it begins with that mark, else UTF-8, else Windows-1252 (Latin-1).
pub(super) fn decode(bytes: &[u8]) -> (String, Encoding) {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => (utf16(rest, u16::from_le_bytes), Encoding::Utf16),
        [0xFE, 0xFF, rest @ ..] => (utf16(rest, u16::from_be_bytes), Encoding::Utf16),
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => (text.to_owned(), Encoding::Utf8),
                Err(_) => (bytes.iter().map(|b| windows_1252(*b)).collect(), Encoding::Latin1),
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

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Latin-1 with the printable characters that Windows puts at 0x80 to 0x9F.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
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
