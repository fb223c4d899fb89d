//! Segments → subtitles that can be read: lines of a length, few lines at once, long enough on the screen.
//!
//! Words are cut into cues where sentences, clauses or breaths end, by the cheapest way through each stretch of speech.
//! A cue begins when its first word is said, or when the one before it has been read, at most a second later, and stays
//! until it can be read if nobody goes on speaking. Cues never overlap. What people do by hand:
//! <https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977>

use unicode_width::UnicodeWidthStr;

use super::Segment;

/// How subtitles are cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubtitleStyle {
    /// Most characters of a line; those of East Asian scripts count twice.
    pub line_chars: usize,
    /// Most lines of a cue.
    pub n_lines: usize,
    /// Most characters that are to be read in a second. Where people speak faster for long, a cue exceeds it.
    pub chars_per_s: f64,
}

impl Default for SubtitleStyle {
    fn default() -> Self {
        Self { line_chars: 42, n_lines: 2, chars_per_s: 17.0 }
    }
}

/// What is shown at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Seconds from the start of the recording.
    pub end_s: f64,
    /// Its text.
    pub lines: Vec<String>,
    /// Who speaks, when speakers are told apart.
    pub speaker: Option<String>,
}

impl Cue {
    /// Characters that are to be read in a second.
    pub fn chars_per_s(&self) -> f64 {
        let chars: usize = self.lines.iter().map(|line| line.width()).sum();
        // A line's end is read as a space is.
        (chars + self.lines.len().saturating_sub(1)) as f64 / (self.end_s - self.start_s).max(1e-3)
    }
}

/// A cue is shown so long at least, where nothing else is said.
const LEAST_S: f64 = 1.0;
/// And so long at most, if it can be cut.
const MOST_S: f64 = 7.0;
/// A cue may come so much after its first word, so that the one before can be read.
const LATE_S: f64 = 1.0;
/// After a pause this long nothing belongs together.
const BREAK_S: f64 = 1.0;
/// After a sentence a shorter one will do.
const SENTENCE_BREAK_S: f64 = 0.3;
/// A stretch that never pauses is cut after so many words, at the end of a segment.
const MOST_WORDS: usize = 200;

/// A word, or a piece of a very long one.
#[derive(Debug, Clone)]
struct Item {
    text: String,
    width: usize,
    /// Whether a space stands before it.
    spaced: bool,
    start_s: f64,
    end_s: f64,
}

/// Takes segments in order and gives cues; each as soon as the one after it is known.
#[derive(Debug, Clone)]
pub struct Subtitles {
    style: SubtitleStyle,
    /// Whether the text says who speaks where that changes.
    labelled: bool,
    items: Vec<Item>,
    speaker: Option<String>,
    labelled_last: Option<String>,
    /// The last cue, and when its last word ends; what follows decides how long it stays.
    held: Option<(Cue, f64)>,
    n_cues: usize,
    n_fast: usize,
}

impl Subtitles {
    /// `labelled` subtitles begin with "name: " where another person speaks.
    pub fn new(style: SubtitleStyle, labelled: bool) -> Self {
        let style = SubtitleStyle {
            line_chars: style.line_chars.max(1),
            n_lines: style.n_lines.max(1),
            chars_per_s: style.chars_per_s.max(0.1),
        };
        Self {
            style,
            labelled,
            items: Vec::new(),
            speaker: None,
            labelled_last: None,
            held: None,
            n_cues: 0,
            n_fast: 0,
        }
    }

    /// Takes what was said next.
    pub fn push(&mut self, segment: &Segment) -> Vec<Cue> {
        let mut cues = Vec::new();
        if segment.speaker != self.speaker || self.items.len() >= MOST_WORDS {
            self.cut(&mut cues);
            self.speaker = segment.speaker.clone();
        }
        for item in items(segment, self.style.line_chars) {
            let is_break = self.items.last().is_some_and(|last| {
                let pause_s = item.start_s - last.end_s;
                pause_s >= BREAK_S || (pause_s >= SENTENCE_BREAK_S && ends_sentence(&last.text))
            });
            if is_break {
                self.cut(&mut cues);
            }
            self.items.push(item);
        }
        cues
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Vec<Cue> {
        let mut cues = Vec::new();
        self.cut(&mut cues);
        self.release(f64::INFINITY, &mut cues);
        cues
    }

    /// How many cues are faster to read than asked for, and how many there are in all.
    pub fn n_fast(&self) -> (usize, usize) {
        (self.n_fast, self.n_cues)
    }

    /// Cuts the words that wait into cues.
    fn cut(&mut self, out: &mut Vec<Cue>) {
        let mut items = std::mem::take(&mut self.items);
        let Some(first) = items.first_mut() else { return };
        if self.labelled && self.speaker != self.labelled_last {
            self.labelled_last.clone_from(&self.speaker);
            if let Some(speaker) = &self.speaker {
                first.spaced = true;
                let start_s = first.start_s;
                let label = pieces(&format!("{}:", plain(speaker)), self.style.line_chars);
                let item =
                    |text: String| Item { width: text.width(), text, spaced: false, start_s, end_s: start_s };
                items.splice(..0, label.into_iter().map(item));
            }
        }
        for range in cheapest_cuts(&items, &self.style) {
            let items = &items[range];
            let (Some(first), Some(last)) = (items.first(), items.last()) else { continue };
            self.release(first.start_s, out);
            let before_s = out.last().map_or(0.0, |cue| cue.end_s);
            let start_s = first.start_s.max(before_s);
            let lines = lines(items, &self.style).unwrap_or_default();
            let speaker = self.speaker.clone();
            self.held = Some((Cue { start_s, end_s: start_s, lines, speaker }, last.end_s));
        }
    }

    /// Gives the held cue its end, now that it is known when the next one begins to be said.
    fn release(&mut self, next_s: f64, out: &mut Vec<Cue>) {
        let Some((mut cue, said_s)) = self.held.take() else { return };
        let chars: usize = cue.lines.iter().map(|line| line.width() + 1).sum::<usize>() - 1;
        let needed_s = (chars as f64 / self.style.chars_per_s).max(LEAST_S);
        // Whole milliseconds are written; rounding must not make it faster.
        let wanted_s = said_s.max(cue.start_s + needed_s + 0.001);
        cue.end_s = wanted_s.min(next_s + LATE_S).max(cue.start_s + 0.001);
        self.n_cues += 1;
        self.n_fast += usize::from(cue.chars_per_s() > self.style.chars_per_s);
        out.push(cue);
    }
}

/// The words of a segment with their times. Where they have none, or are not what the text is made of, the time is
/// shared by their lengths.
fn items(segment: &Segment, line_chars: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let mut add = |text: &str, spaced: bool, start_s: f64, end_s: f64| {
        let pieces = pieces(text, line_chars);
        let share_s = (end_s - start_s) / pieces.len().max(1) as f64;
        for (i, piece) in pieces.into_iter().enumerate() {
            let start_s = start_s + share_s * i as f64;
            items.push(Item {
                width: piece.width(),
                text: piece,
                spaced: spaced && i == 0,
                start_s,
                end_s: start_s + share_s,
            });
        }
    };
    let dense = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let said: String = segment.words.iter().map(|word| dense(&word.text)).collect();
    if !said.is_empty() && said == dense(&segment.text) {
        let mut from = 0;
        for word in segment.words.iter().filter(|word| !word.text.trim().is_empty()) {
            let at = segment.text[from..].find(word.text.trim()).map_or(from, |at| from + at);
            let spaced = segment.text[from..at].contains(char::is_whitespace) || from == 0;
            from = (at + word.text.trim().len()).min(segment.text.len());
            add(&plain(&word.text), spaced, word.start_s, word.end_s);
        }
        return items;
    }
    let words: Vec<&str> = segment.text.split_whitespace().collect();
    let all: usize = words.iter().map(|word| word.width() + 1).sum();
    let second = (segment.end_s - segment.start_s) / all.max(1) as f64;
    let mut at_s = segment.start_s;
    for word in words {
        let end_s = at_s + (word.width() + 1) as f64 * second;
        add(word, true, at_s, end_s);
        at_s = end_s;
    }
    items
}

/// On one line.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word that is longer than a line, in pieces.
fn pieces(word: &str, line_chars: usize) -> Vec<String> {
    if word.width() <= line_chars {
        return vec![word.to_owned()];
    }
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let mut with = pieces.last().cloned().unwrap_or_default();
        with.push(c);
        match pieces.last_mut() {
            Some(last) if last.is_empty() || with.width() <= line_chars => *last = with,
            _ => pieces.push(c.to_string()),
        }
    }
    pieces
}

/// Whether a sentence ends with this word. "Mr." ends none.
pub(super) fn ends_sentence(word: &str) -> bool {
    let word = word.trim_end_matches(['"', '\'', '”', '’', ')', ']', '»']);
    let is_title = word.strip_suffix('.').is_some_and(|name| {
        name.starts_with(char::is_uppercase)
            && name.chars().count() <= 3
            && !name.contains(|c: char| "aeiouyAEIOUY".contains(c))
    });
    !is_title && word.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟', '।'])
}

fn ends_clause(word: &str) -> bool {
    word.trim_end_matches(['"', '”', '’', ')']).ends_with([',', ';', ':', '–', '—', '、', '，', '；'])
}

/// Where a stretch of words is cut into cues: the cheapest way.
fn cheapest_cuts(items: &[Item], style: &SubtitleStyle) -> Vec<std::ops::Range<usize>> {
    let n = items.len();
    // For each number of words, the least cost of cutting them and where the last cue begins.
    let mut best = vec![(f64::INFINITY, 0); n + 1];
    best[0].0 = 0.0;
    for end in 1..=n {
        for start in (0..end).rev() {
            if !fits(&items[start..end], style) {
                break;
            }
            let cost = best[start].0 + cost(items, start, end, style);
            if cost < best[end].0 {
                best[end] = (cost, start);
            }
        }
    }
    let (mut cuts, mut end) = (Vec::new(), n);
    while end > 0 {
        let start = best[end].1.min(end - 1);
        cuts.push(start..end);
        end = start;
    }
    cuts.reverse();
    cuts
}

/// What is bad about a cue of these words; the numbers are weighed by eye over the samples.
fn cost(items: &[Item], start: usize, end: usize, style: &SubtitleStyle) -> f64 {
    let (first, last) = (&items[start], &items[end - 1]);
    let next_s = items.get(end).map_or(last.end_s + 2.0, |next| next.start_s);
    let mut cost = 1.0;
    if end < items.len() {
        let pause_s = (next_s - last.end_s).clamp(0.0, 0.5);
        cost += match (ends_sentence(&last.text), ends_clause(&last.text)) {
            (true, _) => 0.0,
            (_, true) => 1.0,
            _ => 4.0 - 4.0 * pause_s,
        };
    }
    // A sentence that ends inside is better shown alone, if both are long enough.
    cost += items[start..end - 1].iter().filter(|item| ends_sentence(&item.text)).count() as f64 * 0.7;
    let chars = items[start..end].iter().map(|item| item.width + 1).sum::<usize>() - 1;
    let needed_s = (chars as f64 / style.chars_per_s).max(LEAST_S);
    cost += 4.0 * (needed_s - (next_s - first.start_s)).max(0.0);
    cost += 2.0 * (last.end_s - first.start_s - MOST_S).max(0.0);
    if chars < 10 && end - start < items.len() {
        cost += 1.0;
    }
    cost
}

/// The width of words on one line.
fn width(items: &[Item]) -> usize {
    let spaces = items.iter().skip(1).filter(|item| item.spaced).count();
    items.iter().map(|item| item.width).sum::<usize>() + spaces
}

/// Whether the words fit into the lines of a cue, each line filled as far as it goes.
fn fits(items: &[Item], style: &SubtitleStyle) -> bool {
    let (mut n_lines, mut from) = (1, 0);
    for at in 1..items.len() {
        if width(&items[from..=at]) > style.line_chars {
            (n_lines, from) = (n_lines + 1, at);
        }
    }
    n_lines <= style.n_lines
}

/// The words on as few lines as they fit on, of nearly the same length, rather broken after a comma.
fn lines(items: &[Item], style: &SubtitleStyle) -> Option<Vec<String>> {
    let n = items.len();
    let line = |from: usize, to: usize| {
        let mut text = String::new();
        for (i, item) in items[from..to].iter().enumerate() {
            if i > 0 && item.spaced {
                text.push(' ');
            }
            text.push_str(&item.text);
        }
        text
    };
    // For each number of words, the least cost of as many lines as there are rounds, and where the last line begins.
    let mut rounds: Vec<Vec<(f64, usize)>> = Vec::new();
    let mut before = vec![f64::INFINITY; n + 1];
    before[0] = 0.0;
    for _ in 0..n {
        let mut now = vec![(f64::INFINITY, 0); n + 1];
        for end in 1..=n {
            for start in (0..end).rev() {
                let width = width(&items[start..end]);
                if width > style.line_chars && end - start > 1 {
                    break;
                }
                let comma =
                    end < n && (ends_clause(&items[end - 1].text) || ends_sentence(&items[end - 1].text));
                let cost = before[start] + (width * width) as f64 - if comma { 200.0 } else { 0.0 };
                if cost < now[end].0 {
                    now[end] = (cost, start);
                }
            }
        }
        before = now.iter().map(|(cost, _)| *cost).collect();
        rounds.push(now);
        if before[n].is_finite() {
            break;
        }
    }
    let mut end = n;
    let mut lines = Vec::new();
    for round in rounds.iter().rev() {
        let (cost, start) = *round.get(end)?;
        if !cost.is_finite() {
            return None;
        }
        lines.push(line(start, end));
        end = start;
    }
    lines.reverse();
    Some(lines)
}

/// One cue of a SubRip file, the `number`th from 1.
pub(super) fn srt(number: usize, cue: &Cue) -> String {
    format!(
        "{number}\n{} --> {}\n{}\n\n",
        clock(cue.start_s, ','),
        clock(cue.end_s, ','),
        cue.lines.join("\n")
    )
}

/// One cue of a WebVTT file; who speaks is a voice. <https://www.w3.org/TR/webvtt1/>
pub(super) fn vtt(cue: &Cue) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let voice = cue.speaker.as_ref().map(|speaker| format!("<v {}>", escaped(speaker)));
    format!(
        "{} --> {}\n{}{}\n\n",
        clock(cue.start_s, '.'),
        clock(cue.end_s, '.'),
        voice.unwrap_or_default(),
        escaped(&cue.lines.join("\n"))
    )
}

/// 01:02:03,456
fn clock(seconds: f64, point: char) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{h:02}:{m:02}:{s:02}{point}{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::super::Word;
    use super::*;

    /// A segment whose words are said one after the other, so many characters in a second.
    fn said(text: &str, start_s: f64, chars_per_s: f64) -> Segment {
        let (mut at_s, mut words) = (start_s, Vec::new());
        for word in text.split_whitespace() {
            let end_s = at_s + (word.chars().count() + 1) as f64 / chars_per_s;
            words.push(Word { start_s: at_s, end_s, text: word.to_owned(), confidence: 1.0 });
            at_s = end_s;
        }
        Segment {
            start_s,
            end_s: at_s,
            text: text.to_owned(),
            language: "en".to_owned(),
            speaker: None,
            confidence: 1.0,
            words,
        }
    }

    fn cues(segments: &[Segment], style: SubtitleStyle) -> Vec<Cue> {
        let mut subtitles = Subtitles::new(style, true);
        let mut cues: Vec<Cue> = segments.iter().flat_map(|segment| subtitles.push(segment)).collect();
        cues.extend(subtitles.finish());
        cues
    }

    /// Nothing is lost, too wide, too high, or at the same time; gives the text.
    fn check(cues: &[Cue], style: SubtitleStyle) -> String {
        for cue in cues {
            assert!(cue.lines.len() <= style.n_lines && cue.end_s > cue.start_s, "{cue:?}");
            assert!(cue.lines.iter().all(|line| line.width() <= style.line_chars), "{cue:?}");
            assert!(cue.lines.iter().all(|line| !line.is_empty() && line.trim() == line), "{cue:?}");
        }
        for pair in cues.windows(2) {
            assert!(pair[0].end_s <= pair[1].start_s, "{pair:?}");
        }
        cues.iter().flat_map(|cue| &cue.lines).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    const TEXT: &str = "The family of Dashwood had long been settled in Sussex, where their estate was large. Their \
        residence was at Norland Park, in the centre of their property, where, for many generations, they had lived in \
        so respectable a manner as to engage the general good opinion of their surrounding acquaintance.";

    #[test]
    fn lines_are_short_few_and_read_in_time_and_cut_where_clauses_end() {
        let style = SubtitleStyle::default();
        let cues = cues(&[said(TEXT, 2.0, 14.0)], style);
        assert_eq!(check(&cues, style), TEXT);
        assert!(cues.iter().all(|cue| cue.chars_per_s() <= 17.0), "{cues:#?}");
        assert_eq!(cues[0].start_s, 2.0);
        assert!(
            cues.iter().any(|cue| cue.lines.last().is_some_and(|line| line.ends_with("large."))),
            "{cues:#?}"
        );
        let clauses =
            cues.iter().filter(|cue| cue.lines.last().is_some_and(|l| l.ends_with([',', '.']))).count();
        assert!(clauses * 3 >= cues.len() * 2, "{cues:#?}");
    }

    #[test]
    fn other_styles_are_obeyed() {
        for (line_chars, n_lines, chars_per_s) in [(20, 1, 12.0), (32, 3, 30.0), (7, 2, 17.0)] {
            let style = SubtitleStyle { line_chars, n_lines, chars_per_s };
            let text = check(&cues(&[said(TEXT, 0.0, 10.0)], style), style);
            // Words longer than a line are in pieces.
            assert_eq!(text.replace(' ', ""), TEXT.replace(' ', ""));
        }
    }

    #[test]
    fn a_cue_stays_until_it_can_be_read_but_not_over_the_next_one() {
        let style = SubtitleStyle::default();
        // Fast, then a pause, then fast speech at once after the first cue's words.
        let two =
            [said("Quickly said, hard to read at once.", 0.0, 40.0), said("And then a pause.", 5.0, 40.0)];
        let shown = cues(&two, style);
        assert!(shown[0].end_s - shown[0].start_s >= 35.0 / 17.0 && shown[0].end_s < 5.0, "{shown:?}");
        assert_eq!(shown[1].start_s, 5.0);
        let long = [TEXT; 3].join(" ");
        let fast = cues(&[said(&long, 0.0, 30.0)], style);
        assert_eq!(check(&fast, style), long);
        let mut subtitles = Subtitles::new(style, true);
        subtitles.push(&said(&long, 0.0, 30.0));
        subtitles.finish();
        let (n_fast, n) = subtitles.n_fast();
        assert!(
            n == fast.len() && n_fast > n / 2,
            "speech that is too fast for long is told: {n_fast} of {n}"
        );
        // And never more than a second late.
        let last_word_s = (long.len() + 1) as f64 / 30.0;
        assert!(fast[fast.len() - 1].start_s < last_word_s);
    }

    #[test]
    fn speech_without_times_of_words_shares_the_time_of_its_segment() {
        let style = SubtitleStyle::default();
        let mut segment = said(TEXT, 10.0, 14.0);
        segment.words.clear();
        let cues = cues(std::slice::from_ref(&segment), style);
        assert_eq!(check(&cues, style), TEXT);
        assert!(cues[0].start_s == 10.0 && cues.iter().all(|cue| cue.start_s < segment.end_s));
    }

    #[test]
    fn text_without_spaces_stays_so_and_wide_characters_count_twice() {
        let style = SubtitleStyle::default();
        let words = ["今日は", "とても", "良い", "天気", "ですね。"].repeat(8);
        let (mut at_s, mut text) = (0.0, String::new());
        let mut segment = said("", 0.0, 1.0);
        for word in words {
            segment.words.push(Word {
                start_s: at_s,
                end_s: at_s + 0.8,
                text: word.to_owned(),
                confidence: 1.0,
            });
            at_s += 0.8;
            text.push_str(word);
        }
        (segment.text, segment.end_s) = (text.clone(), at_s);
        let cues = cues(&[segment], style);
        assert_eq!(check(&cues, style).replace(' ', ""), text);
        assert!(cues.iter().flat_map(|cue| &cue.lines).all(|line| !line.contains(' ')));
    }

    #[test]
    fn who_speaks_is_a_label_in_srt_and_a_voice_in_vtt() {
        let mut two = [said("Good morning.", 0.0, 14.0), said("Good <evening> & night.", 1.0, 14.0)];
        (two[0].speaker, two[1].speaker) = (Some("Ann".to_owned()), Some("2".to_owned()));
        let style = SubtitleStyle::default();
        let labelled = cues(&two, style);
        assert_eq!(labelled[0].lines, ["Ann: Good morning."]);
        assert_eq!(labelled[1].lines, ["2: Good <evening> & night."]);
        let mut plain = Subtitles::new(style, false);
        let all: Vec<Cue> = two.iter().flat_map(|s| plain.push(s)).collect();
        assert_eq!(all.len(), 0, "a cue waits for the next one");
        let all = plain.finish();
        assert_eq!(all[0].lines, ["Good morning."]);
        assert!(vtt(&all[1]).ends_with("<v 2>Good &lt;evening&gt; &amp; night.\n\n"), "{}", vtt(&all[1]));
        assert!(srt(7, &labelled[0]).starts_with("7\n00:00:00,000 --> 00:00:01,"));
    }

    #[test]
    fn titles_end_no_sentence() {
        assert!(["end.", "end!”", "なに？", "No."].into_iter().all(ends_sentence));
        assert!(!["Mr.", "Dr.", "Mrs.", "word", "word,"].into_iter().any(ends_sentence));
    }
}
