//! Bytes of tokens → pieces of valid UTF-8.

/// Holds back bytes until they make whole characters.
#[derive(Debug, Default)]
pub struct Detokenizer {
    held: Vec<u8>,
}

impl Detokenizer {
    /// Adds a token's bytes and returns the text that is now whole; bytes that can never become
    /// text give U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.held) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.held.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.held[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.held.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.held.drain(..valid + bad);
                }
            }
        }
    }

    /// What is left at the end: an unfinished character gives U+FFFD.
    pub fn finish(&mut self) -> String {
        let left = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_emoji_comes_out_whole() {
        let mut detokenizer = Detokenizer::default();
        let bytes = "a👍é".as_bytes();
        let pieces: Vec<String> = bytes.iter().map(|byte| detokenizer.push(&[*byte])).collect();
        assert_eq!(pieces.concat(), "a👍é");
        assert!(pieces.iter().all(|piece| !piece.contains(char::REPLACEMENT_CHARACTER)));
        assert_eq!(detokenizer.finish(), "");
    }

    #[test]
    fn hopeless_bytes_are_replaced_and_the_rest_goes_on() {
        let mut detokenizer = Detokenizer::default();
        assert_eq!(detokenizer.push(&[b'a', 0xFF, b'b']), "a\u{FFFD}b");
        detokenizer.push(&[0xF0, 0x9F]);
        assert_eq!(detokenizer.finish(), "\u{FFFD}");
    }
}
