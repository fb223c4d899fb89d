//! Subtitles (SubRip, WebVTT, SubStation Alpha) → sentences whose lines know when they are shown.
//!
//! Many programs and people write such files, so only the line with the times of a cue is taken for granted. A file
//! without any cue is plain text.

use super::{Block, Flow};

/// After a pause this long nothing belongs together.
const BREAK_S: f64 = 2.0;

/// Where no sentence ends, a paragraph ends after so many bytes.
const PARAGRAPH_BYTES: usize = 300;

/// A cue this short, or with this little before it, only goes on with what is shown.
const HELD_S: f64 = 0.1;

/// Later than this is no time in a recording.
const LATEST_S: f64 = 1e7;

/// Marks of SubRip and WebVTT; anything else between angle brackets is text.
const TAGS: [&str; 14] =
    ["i", "b", "u", "s", "c", "v", "font", "lang", "ruby", "rt", "em", "strong", "span", "br"];

/// Characters that are written as words.
const ENTITIES: [(&str, &str); 9] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&nbsp;", " "),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&#39;", "'"),
    ("&lrm;", ""),
    ("&rlm;", ""),
];

/// Fields of a line of SubStation Alpha, unless its file names others.
const FIELDS: &str = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text";

/// What is shown at once.
#[derive(Debug, Clone, PartialEq, Default)]
struct Cue {
    start_s: f64,
    end_s: f64,
    /// None is blank.
    lines: Vec<String>,
    /// Who speaks, where a mark tells.
    speaker: Option<String>,
}

/// The three ways to write them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    SubRip,
    WebVtt,
    SubStation,
}

/// How a text that begins so is written, if it holds subtitles.
fn form(text: &str) -> Option<Form> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    if first == "WEBVTT" || first.starts_with("WEBVTT ") || first.starts_with("WEBVTT\t") {
        return lines.any(|line| times(line).is_some()).then_some(Form::WebVtt);
    }
    if first.eq_ignore_ascii_case("[Script Info]") {
        return lines.any(|line| line.starts_with("Dialogue:")).then_some(Form::SubStation);
    }
    // The number of the first cue may be missing.
    [Some(first), lines.next()]
        .into_iter()
        .flatten()
        .any(|line| times(line).is_some())
        .then_some(Form::SubRip)
}

/// Whether the start of a file shows that it holds subtitles.
pub(in super::super) fn are_subtitles(start: &str) -> bool {
    form(start).is_some()
}

/// Sentences with the times of their lines; who speaks stands before the words where that changes.
pub(super) fn read(text: &str) -> Flow {
    let mut cues = match form(text) {
        Some(Form::SubStation) => sub_station(text),
        Some(form) => timed_text(text, form),
        None => Vec::new(),
    };
    cues.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let (mut flow, mut speaker) = (Flow::default(), None);
    for cue in without_repeats(cues) {
        let mut line = cue.lines.join(" ");
        let changes = cue.speaker != speaker;
        if let Some(name) = cue.speaker.as_ref().filter(|_| changes) {
            line.insert_str(0, &format!("{name}: "));
        }
        speaker = cue.speaker;
        let goes_on = |block: &Block| {
            let pause_s = cue.start_s - block.times_s.last().map_or(0.0, |(_, end_s)| *end_s);
            let is_short = block.text.len() < PARAGRAPH_BYTES && pause_s < BREAK_S;
            is_short && !changes && !ends_sentence(&block.text) && !line.starts_with(['-', '–', '—'])
        };
        let times_s = (cue.start_s, cue.end_s);
        match flow.blocks.last_mut() {
            Some(block) if goes_on(block) => {
                block.text.push('\n');
                block.text.push_str(&line);
                block.times_s.push(times_s);
            }
            _ => flow.blocks.push(Block { text: line, times_s: vec![times_s], ..Block::default() }),
        }
    }
    flow
}

fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', '”', '’', ')', ']', '»', '♪', ' ']);
    text.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟', '।'])
}

/// Captions that roll up show each line twice: alone, and above the one after it.
fn without_repeats(cues: Vec<Cue>) -> Vec<Cue> {
    let mut shown: Vec<Cue> = Vec::new();
    for mut cue in cues {
        if let Some(last) = shown.last()
            && cue.start_s - last.end_s < HELD_S
            && last.lines.last() == cue.lines.first()
            && (cue.lines.len() > 1 || cue.end_s - cue.start_s < HELD_S)
        {
            cue.lines.remove(0);
        }
        if !cue.lines.is_empty() {
            shown.push(cue);
        }
    }
    shown
}

/// SubRip and WebVTT: a line with times, then what is shown.
fn timed_text(text: &str, form: Form) -> Vec<Cue> {
    let mut cues: Vec<(Cue, Vec<&str>)> = Vec::new();
    let (mut is_open, mut is_below_text) = (false, false);
    for line in text.lines() {
        let words = line.trim();
        let is_text = if let Some((start_s, end_s)) = times(words) {
            // The number of a cue stands right above its times.
            if let Some((_, lines)) = cues.last_mut().filter(|_| is_open && is_below_text)
                && lines.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
            {
                lines.pop();
            }
            cues.push((Cue { start_s, end_s, ..Cue::default() }, Vec::new()));
            is_open = true;
            false
        } else if words.is_empty() {
            // An empty line ends a cue; in SubRip text that nobody would see may follow one. Spaces end nothing.
            is_open &= form == Form::SubRip || !line.is_empty();
            false
        } else {
            if let Some((_, lines)) = cues.last_mut().filter(|_| is_open) {
                lines.push(words);
            }
            true
        };
        is_below_text = is_text;
    }
    let read = |(mut cue, lines): (Cue, Vec<&str>)| {
        for line in lines {
            let (text, speaker) = without_marks(line);
            cue.lines.extend((!text.is_empty()).then_some(text));
            cue.speaker = cue.speaker.or(speaker);
        }
        cue
    };
    cues.into_iter().map(read).collect()
}

/// SubStation Alpha: values in the order that a line of their section names.
fn sub_station(text: &str) -> Vec<Cue> {
    let names = |line: &str| line.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    let mut fields: Vec<String> = names(FIELDS);
    let (mut cues, mut is_event) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_event = line.eq_ignore_ascii_case("[Events]");
        } else if let Some(format) = line.strip_prefix("Format:").filter(|_| is_event) {
            fields = names(format);
        } else if let Some(event) = line.strip_prefix("Dialogue:").filter(|_| is_event) {
            let values: Vec<&str> = event.trim().splitn(fields.len(), ',').collect();
            let value = |name: &str| values.get(fields.iter().position(|field| field == name)?).copied();
            let (start, end) = (value("start").and_then(clock), value("end").and_then(clock));
            let (Some(start_s), Some(end_s), Some(words)) = (start, end, value("text")) else { continue };
            // A drawing is written like text.
            if words.contains("\\p1") {
                continue;
            }
            let words = words.replace("\\n", " ").replace("\\h", " ");
            let lines = words.split("\\N").map(|line| without_marks(line).0);
            let speaker = value("name").map(str::trim).filter(|name| !name.is_empty());
            cues.push(Cue {
                start_s,
                end_s: end_s.max(start_s),
                lines: lines.filter(|line| !line.is_empty()).collect(),
                speaker: speaker.map(str::to_owned),
            });
        }
    }
    cues
}

/// "00:01:02,345 --> 00:01:04,000", with or without settings behind: seconds.
fn times(line: &str) -> Option<(f64, f64)> {
    let (from, to) = line.split_once("-->")?;
    let start_s = clock(from.trim())?;
    let end_s = clock(to.split_whitespace().next()?)?;
    Some((start_s, end_s.max(start_s)))
}

/// "1:02:03.5" or "02:03,500": seconds.
fn clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let (last, whole) = parts.split_last()?;
    let last = last.replace(',', ".");
    let is_plain = last.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds: f64 = last.parse().ok().filter(|_| is_plain)?;
    let whole: Option<Vec<u32>> = whole.iter().map(|part| part.parse().ok()).collect();
    let whole = whole.filter(|whole| (1..=2).contains(&whole.len()))?;
    let minutes = whole.iter().fold(0.0, |total, part| total * 60.0 + f64::from(*part));
    Some(60.0 * minutes + seconds).filter(|time_s| *time_s < LATEST_S)
}

/// The words of a line, and who says them where a mark of WebVTT tells.
fn without_marks(line: &str) -> (String, Option<String>) {
    let (mut text, mut speaker) = (String::new(), None);
    let mut rest = line;
    while let Some(at) = rest.find(['<', '{', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, stands_for) = mark(rest).unwrap_or((1, &rest[..1]));
        if let Some(name) = rest[..length].strip_prefix("<v").and_then(|voice| voice.strip_suffix('>')) {
            // "<v.loud Ann>": classes may stand before the name.
            let name = name.split_once([' ', '\t']).map(|(_, name)| without_marks(name).0);
            speaker = speaker.or(name.filter(|name| !name.is_empty()));
        }
        text.push_str(stands_for);
        rest = &rest[length..];
    }
    text.push_str(rest);
    (text.split_whitespace().collect::<Vec<_>>().join(" "), speaker)
}

/// How many bytes of a mark a text begins with, and what the mark stands for.
fn mark(text: &str) -> Option<(usize, &'static str)> {
    if text.starts_with('<') {
        let end = text.find('>')?;
        let inside = &text[1..end];
        let name = inside.trim_start_matches('/');
        let name = name.split([' ', '\t', '.', '/']).next().unwrap_or_default().to_ascii_lowercase();
        let is_tag = TAGS.contains(&name.as_str()) || clock(inside).is_some();
        return is_tag.then_some((end + 1, if name == "br" { " " } else { "" }));
    }
    if text.starts_with("{\\") {
        return text.find('}').map(|end| (end + 1, ""));
    }
    ENTITIES
        .iter()
        .find(|(name, _)| text.starts_with(name))
        .map(|(name, stands_for)| (name.len(), *stands_for))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines with their times, paragraphs apart.
    fn paragraphs(text: &str) -> Vec<Vec<(String, f64, f64)>> {
        let lines = |block: Block| {
            let lines = block.text.split('\n').map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(lines.len(), block.times_s.len());
            lines.into_iter().zip(block.times_s).map(|(line, (from, to))| (line, from, to)).collect()
        };
        read(text).blocks.into_iter().map(lines).collect()
    }

    fn line(text: &str, start_s: f64, end_s: f64) -> (String, f64, f64) {
        (text.to_owned(), start_s, end_s)
    }

    #[test]
    fn cues_of_a_sentence_stay_together_and_keep_their_times() {
        let text = "1\r\n00:00:01,000 --> 00:00:02,500\r\nThe harbour freezes\r\nover in\r\n\r\n\
                    2\r\n00:00:02,500 --> 00:00:04,000\r\n<i>February.</i>\r\n\r\n\
                    3\r\n01:00:00,250 --> 01:00:02,000\r\n{\\an8}Ships wait &amp; see\r\n\r\n";
        let expected = [
            vec![line("The harbour freezes over in", 1.0, 2.5), line("February.", 2.5, 4.0)],
            vec![line("Ships wait & see", 3600.25, 3602.0)],
        ];
        assert_eq!(paragraphs(text), expected);
    }

    #[test]
    fn numbers_and_empty_lines_may_be_missing_or_too_many() {
        let bare = "00:00:01,000 --> 00:00:02,000\nOne.\n00:00:03,000 --> 00:00:04,000\nTwo.";
        let close = "1\n00:00:01,000 --> 00:00:02,000\nOne.\n2\n00:00:03,000 --> 00:00:04,000\nTwo.";
        let wide =
            "\n\n1\n\n00:00:01,000 --> 00:00:02,000\n\nOne.\n\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo.\n";
        for text in [bare, close, wide] {
            assert_eq!(
                paragraphs(text),
                [vec![line("One.", 1.0, 2.0)], vec![line("Two.", 3.0, 4.0)]],
                "{text}"
            );
        }
        let year = "1\n00:00:01,000 --> 00:00:02,000\n1984\n\n2\n00:00:09,000 --> 00:00:10,000\nLater.";
        assert_eq!(paragraphs(year)[0], [line("1984", 1.0, 2.0)], "what is said may be a number");
    }

    #[test]
    fn web_vtt_has_notes_settings_voices_and_short_times() {
        let text = "WEBVTT - a film\n\nSTYLE\n::cue { color: red }\n\nNOTE 00:01 is early\n\n\
                    intro\n00:01.000 --> 00:02.000 align:start position:0%\n<v Ann>Good <b>morning</b>.\n\n\
                    00:02.000 --> 00:03.000\n<v.loud Ann>It is 5 &lt; 6.</v>\n\n\
                    00:03.500 --> 00:04.000\n<v Bo>Yes,<00:03.750> indeed.\n";
        let expected = [
            vec![line("Ann: Good morning.", 1.0, 2.0)],
            vec![line("It is 5 < 6.", 2.0, 3.0)],
            vec![line("Bo: Yes, indeed.", 3.5, 4.0)],
        ];
        assert_eq!(paragraphs(text), expected);
    }

    #[test]
    fn captions_that_roll_up_are_read_once() {
        let text = "WEBVTT\nKind: captions\n\n00:00.000 --> 00:02.000\n \nfirst line\n\n\
                    00:02.000 --> 00:02.010\nfirst line\n \n\n\
                    00:02.010 --> 00:04.000\nfirst line\nsecond<00:03.000><c> line</c>\n\n\
                    00:04.000 --> 00:04.010\nsecond line\n \n";
        assert_eq!(paragraphs(text), [vec![line("first line", 0.0, 2.0), line("second line", 2.01, 4.0)]]);
        let twice = "1\n00:00:01,000 --> 00:00:02,000\nNo!\n\n2\n00:00:02,000 --> 00:00:03,000\nNo!\n";
        assert_eq!(paragraphs(twice).len(), 2, "what is said twice is kept");
    }

    #[test]
    fn cues_that_overlap_or_stand_in_any_order_come_by_their_beginning() {
        let text = "1\n00:00:05,000 --> 00:00:09,000\nThird.\n\n2\n00:00:01,000 --> 00:00:06,000\nFirst.\n\n\
                    3\n00:00:02,000 --> 00:00:01,000\nSecond.\n";
        let found: Vec<_> = paragraphs(text).concat();
        assert_eq!(found, [line("First.", 1.0, 6.0), line("Second.", 2.0, 2.0), line("Third.", 5.0, 9.0)]);
    }

    #[test]
    fn sub_station_alpha_names_its_fields() {
        let text = "[Script Info]\nTitle: x\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: A,Arial\n\n[Events]\n\
                    Format: Layer, Start, End, Style, Name, Effect, Text\n\
                    Comment: 0,0:00:00.00,0:00:01.00,A,,,nobody sees this\n\
                    Dialogue: 0,0:00:01.50,0:00:03.00,A,Ann,,{\\i1}Well{\\i0}, one\\Nline.\n\
                    Dialogue: 0,0:00:04.00,0:00:05.00,A,,,{\\p1}m 0 0 l 10 10{\\p0}\n";
        assert_eq!(paragraphs(text), [vec![line("Ann: Well, one line.", 1.5, 3.0)]]);
    }

    #[test]
    fn only_what_begins_with_times_is_subtitles() {
        assert!(are_subtitles("\n1\n00:01:02,000 --> 00:01:03,000\nHi"));
        assert!(are_subtitles("0:01.5 --> 0:02\nHi"));
        assert!(!are_subtitles("How to write subtitles\n\n1\n\n00:01:02,000 --> 00:01:03,000\nHi"));
        assert!(!are_subtitles("WEBVTT is a format\n\nof the web"));
        assert!(!are_subtitles("a --> b\n12:30 --> home\n") && !are_subtitles(""));
        for bad in ["1:2:3:4", "5", "1:x", "-1:00", "1:1e9", "1:.", ":", "99999999:00:00"] {
            assert_eq!(clock(bad), None, "{bad}");
        }
        assert_eq!(clock("2:03,5"), Some(123.5));
    }

    #[test]
    fn unknown_brackets_and_lone_marks_are_text() {
        let (text, speaker) = without_marks("I <3 {you} & a < b > c <evening> {\\an8");
        assert_eq!((text.as_str(), speaker), ("I <3 {you} & a < b > c <evening> {\\an8", None));
        assert_eq!(without_marks("one<br/>two &NBSP;").0, "one two &NBSP;");
    }
}
