//! Whether the text of a page can be read at all. A font without a map to Unicode, or with a wrong one, shows letters and
//! gives rubbish: such a page is read from its picture.
//!
//! Rubbish is told by what text never holds, in no language: many control characters or characters without a meaning;
//! and, where nearly everything is Latin letters, by letters that no language of that script uses so.

use unicode_normalization::UnicodeNormalization;

/// Of so many characters one may be a control character.
const CONTROLS_ONE_IN: usize = 20;

/// Of ten characters so many may have no meaning; signs of symbol fonts in lists and forms have none.
const NAMELESS_IN_TEN: usize = 3;

/// Fewer letters show nothing about a language.
const LEAST_LETTERS: usize = 200;

/// Longer runs without a space are no words: keys, sequences, encoded bytes.
const LONGEST_WORD: usize = 24;

/// Where fewer characters than this share are Latin letters the text is a table, code, or of another script.
const LATIN_SHARE: f32 = 0.6;

/// Lists of abbreviations have no words this long, in characters; ...
const LONG_WORD: usize = 7;

/// ... of text at least this share of its letters stands in such.
const LONG_WORDS_SHARE: f32 = 0.15;

/// The eight letters e, a, i, n, o, r, s and t make up half of every language in Latin script, and less than this share
/// only of shuffled letters.
const COMMON_SHARE: f32 = 0.36;

/// So it is with vowels; both shares must be too small.
const VOWEL_SHARE: f32 = 0.3;

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    controls: usize,
    nameless: usize,
    latin: usize,
    in_long_words: usize,
    common: usize,
    vowels: usize,
}

/// Whether characters in the order of a page are text rather than rubbish.
pub(super) fn is_legible(text: impl Iterator<Item = char>) -> bool {
    let (mut counts, mut word) = (Counts::default(), Vec::new());
    for c in text {
        if c.is_whitespace() {
            counts.add(&word);
            word.clear();
        } else {
            word.push(c);
        }
    }
    counts.add(&word);
    counts.are_of_text()
}

impl Counts {
    fn add(&mut self, word: &[char]) {
        for c in word {
            self.all += 1;
            self.controls += usize::from(c.is_control());
            self.nameless += usize::from(matches!(*c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..));
            let letter = base(*c);
            if word.len() <= LONGEST_WORD && letter.is_ascii_lowercase() {
                self.latin += 1;
                self.in_long_words += usize::from(word.len() >= LONG_WORD);
                self.common += usize::from("eainorst".contains(letter));
                self.vowels += usize::from("aeiouy".contains(letter));
            }
        }
    }

    fn are_of_text(&self) -> bool {
        if self.controls * CONTROLS_ONE_IN > self.all || self.nameless * 10 > self.all * NAMELESS_IN_TEN {
            return false;
        }
        let share = |n: usize, of: usize| n as f32 / of.max(1) as f32;
        let is_latin = self.latin >= LEAST_LETTERS
            && share(self.latin, self.all) >= LATIN_SHARE
            && share(self.in_long_words, self.latin) >= LONG_WORDS_SHARE;
        let is_odd =
            share(self.common, self.latin) < COMMON_SHARE && share(self.vowels, self.latin) < VOWEL_SHARE;
        !(is_latin && is_odd)
    }
}

/// A Latin letter in lower case without its accents; anything else as it is.
fn base(c: char) -> char {
    match c {
        'ı' => 'i',
        'ø' | 'Ø' | 'œ' | 'Œ' => 'o',
        'æ' | 'Æ' => 'a',
        'ł' | 'Ł' => 'l',
        'đ' | 'Đ' | 'ð' | 'Ð' => 'd',
        'ß' => 's',
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        _ => std::iter::once(c).nfd().next().unwrap_or(c).to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "The family of Dashwood had long been settled in Sussex, where their estate was large, and \
        they had lived in so respectable a manner as to engage the general good opinion.";

    /// Often enough that there are letters to judge by.
    fn passes(text: &str) -> bool {
        is_legible(format!("{text}\n").repeat(8).chars())
    }

    #[test]
    fn languages_of_latin_script_are_legible() {
        for text in [
            ENGLISH,
            "Der schnelle braune Fuchs springt über den faulen Hund, während die alte Mühle am Fluss langsam klappert.",
            "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient.",
            "Litwo, ojczyzno moja, ty jesteś jak zdrowie; ile cię trzeba cenić, ten tylko się dowie, kto cię stracił.",
            "Příliš žluťoučký kůň úpěl ďábelské ódy. Vlk zmrzl, zhltl hrst zrn. Babička měla syna a dvě dcery.",
            "Az ember csak azt a helyet érzi igazán otthonának, ahol gyermekkorát töltötte, ahol minden fát ismer.",
            "Mieleni minun tekevi, aivoni ajattelevi lähteäni laulamahan, saa'ani sanelemahan, sukuvirttä suoltamahan.",
            "Korkma, sönmez bu şafaklarda yüzen al sancak; sönmeden yurdumun üstünde tüten en son ocak.",
            "Mae hen wlad fy nhadau yn annwyl i mi, gwlad beirdd a chantorion, enwogion o fri; ei gwrol ryfelwyr.",
            "Trăm năm trong cõi người ta, chữ tài chữ mệnh khéo là ghét nhau. Trải qua một cuộc bể dâu.",
            "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama.",
            "Sva ljudska bića rađaju se slobodna i jednaka u dostojanstvu i pravima. Ona su obdarena razumom.",
            "Bonke abantu bazalwa bekhululekile belingana ngesithunzi nangamalungelo. Bahlanganiswe wumcabango.",
            "Ren ren sheng er zi you, zai zun yan he quan li shang yi lü ping deng. Ta men fu you li xing he liang xin.",
            "Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae, aliam Aquitani, tertiam Celtae.",
        ] {
            assert!(passes(text) && passes(&text.to_uppercase()), "{text}");
        }
    }

    #[test]
    fn other_scripts_are_legible() {
        for text in [
            "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
            "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
            "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
            "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
            "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
            "人人生而自由，在尊严和权利上一律平等。",
            "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
            "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
            "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
        ] {
            assert!(passes(text), "{text}");
        }
    }

    #[test]
    fn code_numbers_keys_and_abbreviations_are_legible() {
        for text in [
            "fn main() { let mut total = 0u64; for line in reader.lines() { total += line?.trim().len(); } }",
            "static int strncmp_l(const char *s, const char *t, size_t n) { while (n-- && *s == *t) { s++; t++; } }",
            "mov rax, qword ptr [rsp+8]\npush rbx\nxor edx, edx\ncall strlen\nlea rdi, [rip+msg]\njmp .Ltmp3\n\
             cmp ebx, ecx\njne .LBB0_2\nmovzx ecx, byte ptr [rdx]\npxor xmm0, xmm0",
            "d41d8cd98f00b204e9800998ecf8427e 0cc175b9c0f1b6a831c399e269772661 de ad be ef 00 12 fe 3c 8b 91",
            "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlzIHNpbmd1bGFyIHBhc3Npb24g",
            "Weight | 10,5 kg | 12,0 kg\nHeight | 2 m | 3 m\nPrice | 17.99 | 23.50",
            "MVLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHFDLSHGSAQVKGHGKKVADALTNAVAHVDDMPNALSALSDLHAHKLRVDPVN",
            "NATO, USA, BBC, BMW, KGB, HTTP, DNS, TCP, UDP, SSH, GPS, JFK, MIT, CPU, GPU, RAM, SSD, HDMI, USB, PDF, XML",
            "EUR USD GBP JPY CHF SEK NOK DKK PLN CZK HUF RON BGN TRY RUB CNY INR KRW ZAR BRL MXN",
            "\u{f0b7} Wash the screen\n\u{f0b7} Dry it\n\u{f0b7} Close the lid",
            "3",
            "",
        ] {
            assert!(passes(text), "{text}");
        }
    }

    #[test]
    fn shifted_shuffled_and_unmapped_letters_are_not() {
        let shifted = |text: &str, by: u8| -> String {
            let turn = |c: char| match c {
                'a'..='z' => char::from((c as u8 - b'a' + by) % 26 + b'a'),
                'A'..='Z' => char::from((c as u8 - b'A' + by) % 26 + b'A'),
                c => c,
            };
            text.chars().map(turn).collect()
        };
        for by in [1, 3] {
            assert!(!passes(&shifted(ENGLISH, by)), "{}", shifted(ENGLISH, by));
        }
        // Numbers of glyphs in the place of letters: 29 less than ASCII in many fonts.
        let glyphs = |keeps_spaces: bool| -> String {
            let number = |c: char| if keeps_spaces && c == ' ' { c } else { char::from(c as u8 - 29) };
            ENGLISH.chars().map(number).collect()
        };
        assert!(glyphs(true).starts_with("7KH IDPLO\\ RI 'DVKZRRG"), "{}", glyphs(true));
        assert!(!passes(&glyphs(true)) && !is_legible(glyphs(false).chars()));
        let private: String =
            ENGLISH.chars().map(|c| char::from_u32(0xE000 + c as u32).unwrap_or(c)).collect();
        assert!(!is_legible(private.chars()));
        assert!(!is_legible("\u{fffd}\u{fffd}\u{fffd} a \u{fffd}".chars()));
        let backwards: String = ENGLISH
            .chars()
            .map(|c| if c.is_ascii_lowercase() { char::from(219 - c as u8) } else { c })
            .collect();
        assert!(!passes(&backwards), "{backwards}");
    }
}
