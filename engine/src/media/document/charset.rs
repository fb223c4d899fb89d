//! The encoding that a page or an XML file says it is written in.

use encoding_rs::Encoding;

/// Bytes at the start of a file among which a declaration is looked for.
const LOOKED_AT: usize = 4_096;

/// What the XML declaration or a `<meta>` at the start of a page says, by <https://encoding.spec.whatwg.org/>; `None` for
/// anything else.
pub(super) fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start: String =
        bytes.iter().take(LOOKED_AT).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let start = start.trim_start();
    let of_xml = || value(start.strip_prefix("<?xml")?.split("?>").next()?, "encoding");
    let of_meta = || start.split("<meta").skip(1).find_map(|tag| value(tag.split('>').next()?, "charset"));
    Encoding::for_label(of_xml().or_else(of_meta).filter(|_| start.starts_with('<'))?.as_bytes())
}

/// What stands behind a name and "=", without quotes.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(name)?;
    let behind = behind.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    behind.split(|c: char| c.is_whitespace() || "\"';/>".contains(c)).next().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_pages_and_xml_are_found() {
        for (start, expected) in [
            ("<?xml version='1.0' encoding='ISO-8859-2'?><html>", "ISO-8859-2"),
            ("\n<!DOCTYPE html><html><head><META CHARSET = \"KOI8-R\">", "KOI8-R"),
            (
                "<html><meta name=a><meta http-equiv=Content-Type content='text/html; charset=cp1251'/>",
                "windows-1251",
            ),
            ("<meta charset=latin1>", "windows-1252"),
            ("<meta charset=\"utf-8\"/>", "UTF-8"),
            ("<meta charset=Big5>", "Big5"),
            ("<meta charset=>", ""),
            ("<meta charset=no-such-name>", ""),
            ("<p>the charset=koi8-r of old</p>", ""),
            ("<?xml version='1.0'?><a encoding='koi8-r'/>", ""),
            ("Write <meta charset=koi8-r>", ""),
            ("", ""),
        ] {
            assert_eq!(declared(start.as_bytes()).map_or("", Encoding::name), expected, "{start}");
        }
    }
}
