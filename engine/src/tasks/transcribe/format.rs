//! Segments → the usual files for transcripts; pure text.

use std::str::FromStr;

use serde::Serialize;

use super::{Segment, Word};

/// A file format for transcripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The text, a line for each segment.
    Txt,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// Everything that is known.
    Json,
    /// Milliseconds, milliseconds, text.
    Tsv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Txt, Self::Srt, Self::Vtt, Self::Json, Self::Tsv];

    /// Also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Json => "json",
            Self::Tsv => "tsv",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("{name:?} is not one of txt, srt, vtt, json, tsv"))
    }
}

/// The whole transcript in a format.
pub fn write(format: Format, segments: &[Segment]) -> String {
    if format == Format::Json {
        return json(segments);
    }
    let mut out = header(format).to_owned();
    for (i, segment) in segments.iter().enumerate() {
        out.push_str(&entry(format, i + 1, segment));
    }
    out
}

/// What stands before the first segment.
pub fn header(format: Format) -> &'static str {
    match format {
        Format::Vtt => "WEBVTT\n\n",
        Format::Tsv => "start\tend\ttext\n",
        Format::Txt | Format::Srt | Format::Json => "",
    }
}

/// One segment, the `number`th from 1, so that a file can be written while the recording is heard.
/// For JSON this is one object on one line.
pub fn entry(format: Format, number: usize, segment: &Segment) -> String {
    let (start, end) = (segment.start_s, segment.end_s);
    let text = one_line(segment);
    match format {
        Format::Txt => format!("{text}\n"),
        Format::Srt => format!("{number}\n{} --> {}\n{text}\n\n", clock(start, ','), clock(end, ',')),
        Format::Vtt => {
            let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            // Players that know voices show and style the name; it is no part of the text.
            let voice = segment.speaker.as_ref().map(|name| format!("<v {}>", escape(name)));
            let (voice, text) = (voice.unwrap_or_default(), escape(&said(segment)));
            format!("{} --> {}\n{voice}{text}\n\n", clock(start, '.'), clock(end, '.'))
        }
        Format::Tsv => format!("{}\t{}\t{text}\n", millis(start), millis(end)),
        Format::Json => serde_json::to_string(&JsonSegment::new(segment)).unwrap_or_default() + "\n",
    }
}

/// Text for one line, after the speaker's name if there is one.
fn one_line(segment: &Segment) -> String {
    match &segment.speaker {
        Some(speaker) => format!("{speaker}: {}", said(segment)),
        None => said(segment),
    }
}

fn said(segment: &Segment) -> String {
    segment.text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Serialize)]
struct JsonTranscript<'a> {
    text: String,
    language: Option<&'a str>,
    segments: Vec<JsonSegment<'a>>,
}

#[derive(Serialize)]
struct JsonSegment<'a> {
    start_s: f64,
    end_s: f64,
    text: &'a str,
    language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'a str>,
    confidence: f32,
    #[serde(skip_serializing_if = "<[Word]>::is_empty")]
    words: &'a [Word],
}

impl<'a> JsonSegment<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self {
            start_s: segment.start_s,
            end_s: segment.end_s,
            text: &segment.text,
            language: &segment.language,
            speaker: segment.speaker.as_deref(),
            confidence: segment.confidence,
            words: &segment.words,
        }
    }
}

fn json(segments: &[Segment]) -> String {
    let transcript = JsonTranscript {
        text: segments.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join(" "),
        language: segments.first().map(|s| s.language.as_str()),
        segments: segments.iter().map(JsonSegment::new).collect(),
    };
    serde_json::to_string_pretty(&transcript).unwrap_or_default() + "\n"
}

fn millis(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

/// 01:02:03,456
fn clock(seconds: f64, point: char) -> String {
    let ms = millis(seconds);
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{h:02}:{m:02}:{s:02}{point}{:03}", ms % 1000)
}

/// For people: 0:07, 3:00:00.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> Vec<Segment> {
        let segment = |start_s, end_s, text: &str| Segment {
            start_s,
            end_s,
            text: text.to_owned(),
            language: "en".to_owned(),
            speaker: None,
            confidence: 0.5,
            words: vec![Word { start_s, end_s, text: "a".to_owned(), confidence: 0.25 }],
        };
        let mut all = vec![segment(0.0, 1.5, "Fish & <chips>"), segment(3661.25, 3662.0, "two\nlines\there")];
        all[1].speaker = Some("2".to_owned());
        all
    }

    fn seconds(clock: &str) -> f64 {
        let parts = clock.split([':', ',', '.']).map(|part| part.parse::<f64>().unwrap());
        parts.zip([3600.0, 60.0, 1.0, 0.001]).map(|(a, b)| a * b).sum()
    }

    /// Reads (start, end, text) back from SRT or VTT.
    fn read_subtitles(text: &str) -> Vec<(f64, f64, String)> {
        text.split("\n\n")
            .filter(|block| block.contains("-->"))
            .map(|block| {
                let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
                let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
                (seconds(start), seconds(end), lines.collect::<Vec<_>>().join("\n"))
            })
            .collect()
    }

    #[test]
    fn subtitles_read_back_with_their_times() {
        let srt = write(Format::Srt, &segments());
        assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:01,500\n"));
        let read = read_subtitles(&srt);
        assert_eq!(read[0], (0.0, 1.5, "Fish & <chips>".to_owned()));
        assert_eq!(read[1].2, "2: two lines here");
        assert!((read[1].0 - 3661.25).abs() < 1e-9 && (read[1].1 - 3662.0).abs() < 1e-9);
        let vtt = write(Format::Vtt, &segments());
        assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> "));
        assert_eq!(read_subtitles(&vtt)[0].2, "Fish &amp; &lt;chips&gt;");
        assert_eq!(read_subtitles(&vtt)[1].2, "<v 2>two lines here");
    }

    #[test]
    fn tsv_has_three_columns_whatever_the_text_holds() {
        let tsv = write(Format::Tsv, &segments());
        let rows: Vec<Vec<&str>> = tsv.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows[0], ["start", "end", "text"]);
        assert_eq!(rows[2], ["3661250", "3662000", "2: two lines here"]);
    }

    #[test]
    fn json_reads_back() {
        let value: serde_json::Value = serde_json::from_str(&write(Format::Json, &segments())).unwrap();
        assert_eq!(value["segments"][1]["text"], "two\nlines\there");
        assert_eq!(value["segments"][1]["speaker"], "2");
        assert_eq!(value["segments"][0]["words"][0]["confidence"], 0.25);
        assert_eq!(value["language"], "en");
        let line = entry(Format::Json, 1, &segments()[0]);
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn text_is_a_line_for_each_segment() {
        assert_eq!(write(Format::Txt, &segments()), "Fish & <chips>\n2: two lines here\n");
        assert_eq!(write(Format::Txt, &[]), "");
    }

    #[test]
    fn formats_are_found_by_name() {
        assert!(Format::ALL.iter().all(|format| format.name().parse() == Ok(*format)));
        assert!("docx".parse::<Format>().is_err());
    }

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!([duration(7.4), duration(671.0), duration(10_800.0)], ["0:07", "11:11", "3:00:00"]);
    }
}
