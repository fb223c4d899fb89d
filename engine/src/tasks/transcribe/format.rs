//! The usual files for transcripts, and those of them that are plain text with a line for each segment.

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
    /// Paragraphs with their times, as Markdown.
    Md,
    /// The same as a Word document.
    Docx,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] = [Self::Txt, Self::Srt, Self::Vtt, Self::Json, Self::Tsv, Self::Md, Self::Docx];

    /// Also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Json => "json",
            Self::Tsv => "tsv",
            Self::Md => "md",
            Self::Docx => "docx",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("{name:?} is not one of txt, srt, vtt, json, tsv, md, docx"))
    }
}

/// Several formats, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats(pub Vec<Format>);

impl FromStr for Formats {
    type Err = String;

    /// "srt,json", or "all".
    fn from_str(names: &str) -> Result<Self, String> {
        if names.trim().eq_ignore_ascii_case("all") {
            return Ok(Self(Format::ALL.to_vec()));
        }
        let mut formats = Vec::new();
        for name in names.split(',') {
            let format = name.trim().parse().map_err(|e| format!("{e}, and not \"all\""))?;
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        Ok(Self(formats))
    }
}

/// One segment in a format that has a line for each.
pub(super) fn entry(format: Format, segment: &Segment) -> String {
    let text = one_line(segment);
    match format {
        Format::Tsv => format!("{}\t{}\t{text}\n", millis(segment.start_s), millis(segment.end_s)),
        _ => format!("{text}\n"),
    }
}

/// One segment as one JSON object on one line.
pub(super) fn json(segment: &Segment) -> String {
    serde_json::to_string(&JsonSegment::new(segment)).unwrap_or_default()
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

fn millis(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
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

    #[test]
    fn formats_are_found_by_name() {
        assert!(Format::ALL.iter().all(|format| format.name().parse() == Ok(*format)));
        assert!("doc".parse::<Format>().is_err());
        assert_eq!("srt, JSON,srt".parse(), Ok(Formats(vec![Format::Srt, Format::Json])));
        assert_eq!("all".parse(), Ok(Formats(Format::ALL.to_vec())));
        assert!("srt,".parse::<Formats>().is_err() && "".parse::<Formats>().is_err());
    }

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!([duration(7.4), duration(671.0), duration(10_800.0)], ["0:07", "11:11", "3:00:00"]);
    }
}
