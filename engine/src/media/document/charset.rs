//! Encodings of text before UTF-8, by the names that HTML and XML declare: those with one byte for each letter.
//!
//! Their letters are those of <https://encoding.spec.whatwg.org/>.

/// Bytes at the start of a file among which a declaration is looked for.
const LOOKED_AT: usize = 4_096;

/// An encoding with one byte for each letter; bytes below 0x80 are ASCII.
#[derive(Debug, PartialEq)]
pub(super) struct Charset {
    name: &'static str,
    labels: &'static [&'static str],
    /// The letters of the highest bytes, up to 0xFF: 128, or 96 where the others are control characters.
    high: &'static str,
}

/// What a text says of its own encoding.
#[derive(Debug, PartialEq)]
pub(super) enum Declared {
    Utf8,
    Known(&'static Charset),
    /// One with several bytes for a letter, of this name.
    Unreadable(&'static str),
}

/// Labels and names of encodings that cannot be read.
const UNREADABLE: [(&str, &str); 10] = [
    ("shift_jis", "Shift_JIS"),
    ("shift-jis", "Shift_JIS"),
    ("sjis", "Shift_JIS"),
    ("windows-31j", "Shift_JIS"),
    ("euc-jp", "EUC-JP"),
    ("gb2312", "GB2312"),
    ("gbk", "GBK"),
    ("gb18030", "GB18030"),
    ("big5", "Big5"),
    ("euc-kr", "EUC-KR"),
];

impl Charset {
    /// Latin-1 with the printable characters that Windows puts at 0x80 to 0x9F.
    pub(super) fn windows_1252() -> &'static Self {
        &CHARSETS[0]
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        let high: Vec<char> = self.high.chars().collect();
        let first = 256 - high.len();
        let letter = |byte: u8| high.get(usize::from(byte).wrapping_sub(first)).copied();
        bytes.iter().map(|byte| letter(*byte).unwrap_or(char::from(*byte))).collect()
    }
}

/// What the XML declaration or a `<meta>` at the start of a page says; `None` for anything else.
pub(super) fn declared(bytes: &[u8]) -> Option<Declared> {
    let start: String =
        bytes.iter().take(LOOKED_AT).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let start = start.trim_start();
    let of_xml = || value(start.strip_prefix("<?xml")?.split("?>").next()?, "encoding");
    let of_meta = || start.split("<meta").skip(1).find_map(|tag| value(tag.split('>').next()?, "charset"));
    let label = of_xml().or_else(of_meta).filter(|_| start.starts_with('<'))?;
    if matches!(label, "utf-8" | "utf8") {
        return Some(Declared::Utf8);
    }
    let known = CHARSETS.iter().find(|charset| charset.labels.contains(&label)).map(Declared::Known);
    let unreadable = || UNREADABLE.iter().find(|(name, _)| *name == label);
    known.or_else(|| unreadable().map(|(_, name)| Declared::Unreadable(*name)))
}

/// The name of the encoding of a text that is not UTF-8 and says that it is in one that cannot be read.
pub(in super::super) fn unreadable(start: &[u8]) -> Option<&'static str> {
    let is_broken = std::str::from_utf8(start).is_err_and(|e| e.error_len().is_some());
    match declared(start).filter(|_| is_broken) {
        Some(Declared::Unreadable(name)) => Some(name),
        _ => None,
    }
}

/// What stands behind a name and "=", without quotes.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(name)?;
    let behind = behind.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    behind.split(|c: char| c.is_whitespace() || "\"';/>".contains(c)).next().filter(|value| !value.is_empty())
}

#[rustfmt::skip]
static CHARSETS: [Charset; 15] = [
    Charset {
        name: "windows-1252",
        labels: &["windows-1252", "cp1252", "x-cp1252", "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1", "us-ascii", "ascii"],
        high: "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼\
               ½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
    },
    Charset {
        name: "windows-1250",
        labels: &["windows-1250", "cp1250", "x-cp1250"],
        high: "€\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź\u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ\
               ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
    },
    Charset {
        name: "windows-1251",
        labels: &["windows-1251", "cp1251", "x-cp1251"],
        high: "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛМНОПР\
               СТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя",
    },
    Charset {
        name: "windows-1253",
        labels: &["windows-1253", "cp1253", "x-cp1253"],
        high: "€\u{81}‚ƒ„…†‡\u{88}‰\u{8a}‹\u{8c}\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}\u{9d}\u{9e}\
               \u{9f}\u{a0}΅Ά£¤¥¦§¨©\u{fffd}«¬\u{ad}®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u{fffd}ΣΤΥΦΧΨΩΪΫάέήίΰα\
               βγδεζηθικλμνξοπρςστυφχψωϊϋόύώ\u{fffd}",
    },
    Charset {
        name: "windows-1254",
        labels: &["windows-1254", "cp1254", "x-cp1254", "iso-8859-9", "iso8859-9", "latin5", "l5"],
        high: "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}\u{9e}Ÿ\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²\
               ³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ",
    },
    Charset {
        name: "windows-1255",
        labels: &["windows-1255", "cp1255", "x-cp1255"],
        high: "€\u{81}‚ƒ„…†‡ˆ‰\u{8a}‹\u{8c}\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—˜™\u{9a}›\u{9c}\u{9d}\u{9e}\u{9f}\
               \u{a0}¡¢£₪¥¦§¨©×«¬\u{ad}®¯°±²³´µ¶·¸¹÷»¼½¾¿\u{5b0}\u{5b1}\u{5b2}\u{5b3}\u{5b4}\u{5b5}\u{5b6}\
               \u{5b7}\u{5b8}\u{5b9}\u{fffd}\u{5bb}\u{5bc}\u{5bd}\u{5be}\u{5bf}\u{5c0}\u{5c1}\u{5c2}\u{5c3}\
               \u{5f0}\u{5f1}\u{5f2}\u{5f3}\u{5f4}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\
               \u{5d0}\u{5d1}\u{5d2}\u{5d3}\u{5d4}\u{5d5}\u{5d6}\u{5d7}\u{5d8}\u{5d9}\u{5da}\u{5db}\u{5dc}\
               \u{5dd}\u{5de}\u{5df}\u{5e0}\u{5e1}\u{5e2}\u{5e3}\u{5e4}\u{5e5}\u{5e6}\u{5e7}\u{5e8}\u{5e9}\
               \u{5ea}\u{fffd}\u{fffd}\u{200e}\u{200f}\u{fffd}",
    },
    Charset {
        name: "windows-1256",
        labels: &["windows-1256", "cp1256", "x-cp1256"],
        high: "€\u{67e}‚ƒ„…†‡ˆ‰\u{679}‹Œ\u{686}\u{698}\u{688}\u{6af}‘’“”•–—\u{6a9}™\u{691}›œ\u{200c}\u{200d}\
               \u{6ba}\u{a0}\u{60c}¢£¤¥¦§¨©\u{6be}«¬\u{ad}®¯°±²³´µ¶·¸¹\u{61b}»¼½¾\u{61f}\u{6c1}\u{621}\u{622}\
               \u{623}\u{624}\u{625}\u{626}\u{627}\u{628}\u{629}\u{62a}\u{62b}\u{62c}\u{62d}\u{62e}\u{62f}\
               \u{630}\u{631}\u{632}\u{633}\u{634}\u{635}\u{636}×\u{637}\u{638}\u{639}\u{63a}\u{640}\u{641}\
               \u{642}\u{643}à\u{644}â\u{645}\u{646}\u{647}\u{648}çèéêë\u{649}\u{64a}îï\u{64b}\u{64c}\u{64d}\
               \u{64e}ô\u{64f}\u{650}÷\u{651}ù\u{652}ûü\u{200e}\u{200f}\u{6d2}",
    },
    Charset {
        name: "windows-1257",
        labels: &["windows-1257", "cp1257", "x-cp1257"],
        high: "€\u{81}‚\u{83}„…†‡\u{88}‰\u{8a}‹\u{8c}¨ˇ¸\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}¯˛\u{9f}\u{a0}\u{fffd}\
               ¢£¤\u{fffd}¦§Ø©Ŗ«¬\u{ad}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõ\
               ö÷ųłśūüżž˙",
    },
    Charset {
        name: "ISO-8859-2",
        labels: &["iso-8859-2", "iso8859-2", "iso_8859-2", "latin2", "l2"],
        high: "\u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôő\
               ö÷řůúűüýţ˙",
    },
    Charset {
        name: "ISO-8859-5",
        labels: &["iso-8859-5", "iso8859-5", "iso_8859-5", "cyrillic"],
        high: "\u{a0}ЁЂЃЄЅІЇЈЉЊЋЌ\u{ad}ЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя№ёђѓєѕ\
               іїјљњћќ§ўџ",
    },
    Charset {
        name: "ISO-8859-7",
        labels: &["iso-8859-7", "iso8859-7", "iso_8859-7", "greek"],
        high: "\u{a0}‘’£€₯¦§¨©ͺ«¬\u{ad}\u{fffd}―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u{fffd}ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζη\
               θικλμνξοπρςστυφχψωϊϋόύώ\u{fffd}",
    },
    Charset {
        name: "ISO-8859-15",
        labels: &["iso-8859-15", "iso8859-15", "iso_8859-15", "latin9", "l9"],
        high: "\u{a0}¡¢£€¥Š§š©ª«¬\u{ad}®¯°±²³Žµ¶·ž¹º»ŒœŸ¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõ\
               ö÷øùúûüýþÿ",
    },
    Charset {
        name: "KOI8-R",
        labels: &["koi8-r", "koi8", "koi"],
        high: "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©юабцдефгхийклмнопярстужвьыз\
               шэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ",
    },
    Charset {
        name: "KOI8-U",
        labels: &["koi8-u", "koi8-ru"],
        high: "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷═║╒ёє╔ії╗╘╙╚╛ґ╝╞╟╠╡ЁЄ╣ІЇ╦╧╨╩╪Ґ╬©юабцдефгхийклмнопярстужвьыз\
               шэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ",
    },
    Charset {
        name: "IBM866",
        labels: &["ibm866", "cp866", "866"],
        high: "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
               рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√№¤■\u{a0}",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str) -> &'static Charset {
        match declared(format!("<meta charset={label}>").as_bytes()) {
            Some(Declared::Known(charset)) => charset,
            other => panic!("{label}: {other:?}"),
        }
    }

    #[test]
    fn declarations_of_pages_and_xml_are_found() {
        let name = |start: &str| match declared(start.as_bytes()) {
            Some(Declared::Known(charset)) => charset.name,
            Some(Declared::Unreadable(name)) => name,
            Some(Declared::Utf8) => "UTF-8",
            None => "",
        };
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
            assert_eq!(name(start), expected, "{start}");
        }
    }

    #[test]
    fn every_charset_has_its_letters_at_their_bytes() {
        for charset in &CHARSETS {
            let n = charset.high.chars().count();
            assert!(n == 128 || n == 96, "{}: {n}", charset.name);
            assert_eq!(charset.decode(b"a~\x7f"), "a~\u{7f}");
            assert!(
                charset.labels.iter().all(|label| std::ptr::eq(named(label), charset)),
                "{}",
                charset.name
            );
        }
        for (label, bytes, text) in [
            ("windows-1250", &b"P\xf8\xedli\x9a"[..], "Příliš"),
            ("windows-1251", b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
            ("windows-1252", b"caf\xe9 \x80", "café €"),
            ("windows-1253", b"\xc5\xeb\xeb\xdc\xe4\xe1", "Ελλάδα"),
            ("windows-1254", b"\xddstanbul \xfe", "İstanbul ş"),
            ("windows-1255", b"\xf9\xec\xe5\xed", "שלום"),
            ("windows-1256", b"\xe3\xd1\xcd\xc8\xc7", "مرحبا"),
            ("windows-1257", b"\xd0iauliai", "Šiauliai"),
            ("iso-8859-2", b"\xb3\xf3d\xbc", "łódź"),
            ("iso-8859-5", b"\xbf\xe0\xd8", "При"),
            ("iso-8859-7", b"\xc5\xeb\xdc", "Ελά"),
            ("iso-8859-15", b"\xa4 \xbd", "€ œ"),
            ("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"),
            ("koi8-u", b"\xf7\xa7", "Вї"),
            ("ibm866", b"\x8f\xe0\xa8", "При"),
        ] {
            assert_eq!(named(label).decode(bytes), text, "{label}");
        }
    }
}
