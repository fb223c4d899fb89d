//! The printable alphabet in which byte-level vocabularies are written (GPT-2 `encoder.py`,
//! `bytes_to_unicode`): printable Latin-1 stands for itself, the other bytes for U+0100 and on.

use std::collections::HashMap;

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// Letter → byte.
pub(super) fn letters_to_bytes() -> HashMap<char, u8> {
    let mut next = 0x100;
    (0..=255u8)
        .map(|byte| {
            let letter = if stands_for_itself(byte) {
                char::from(byte)
            } else {
                next += 1;
                char::from_u32(next - 1).unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            (letter, byte)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_letter() {
        let letters = letters_to_bytes();
        assert_eq!(letters.len(), 256);
        assert_eq!(letters[&'Ġ'], b' ');
        assert_eq!(letters[&'Ċ'], b'\n');
        assert_eq!(letters[&'é'], 0xE9);
    }
}
