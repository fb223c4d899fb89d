//! A transcript in one format, written while the recording is heard.

use super::Segment;
use super::docx;
use super::format::{self, Format};
use super::paragraphs::{Paragraph, Paragraphs, escaped};
use super::subtitles::{Cue, SubtitleStyle, Subtitles, srt, vtt};
use crate::error::{Error, Result};

/// Takes segments in order; what it gives, one after the other, is the file.
pub struct Writer {
    format: Format,
    title: String,
    n_entries: usize,
    form: Form,
}

/// What waits to be written.
enum Form {
    /// Each segment alone.
    Plain,
    Json {
        language: Option<String>,
        text: String,
    },
    Subtitles(Subtitles),
    Markdown(Paragraphs),
    Docx(Paragraphs, Vec<Paragraph>),
}

impl Writer {
    /// `title` stands above texts for people.
    pub fn new(format: Format, title: &str, style: SubtitleStyle) -> Self {
        let form = match format {
            Format::Txt | Format::Tsv => Form::Plain,
            Format::Json => Form::Json { language: None, text: String::new() },
            Format::Srt => Form::Subtitles(Subtitles::new(style, true)),
            Format::Vtt => Form::Subtitles(Subtitles::new(style, false)),
            Format::Md => Form::Markdown(Paragraphs::default()),
            Format::Docx => Form::Docx(Paragraphs::default(), Vec::new()),
        };
        Self { format, title: title.to_owned(), n_entries: 0, form }
    }

    /// What stands before the first segment.
    pub fn begin(&self) -> String {
        match self.format {
            Format::Vtt => "WEBVTT\n\n".to_owned(),
            Format::Tsv => "start\tend\ttext\n".to_owned(),
            Format::Json => "{\n  \"segments\": [".to_owned(),
            Format::Md => format!("# {}\n\n", escaped(&self.title)),
            Format::Txt | Format::Srt | Format::Docx => String::new(),
        }
    }

    /// Takes the next segment; gives what can be written now, which may be nothing.
    pub fn segment(&mut self, segment: &Segment) -> String {
        match &mut self.form {
            Form::Plain => format::entry(self.format, segment),
            Form::Json { language, text } => {
                language.get_or_insert_with(|| segment.language.clone());
                let comma = if self.n_entries == 0 { "" } else { "," };
                if self.n_entries > 0 {
                    text.push(' ');
                }
                self.n_entries += 1;
                text.push_str(&segment.text);
                format!("{comma}\n    {}", format::json(segment))
            }
            Form::Subtitles(subtitles) => {
                let cues = subtitles.push(segment);
                self.cues(&cues)
            }
            Form::Markdown(paragraphs) => paragraphs.push(segment).map(|p| p.markdown()).unwrap_or_default(),
            Form::Docx(paragraphs, done) => {
                done.extend(paragraphs.push(segment));
                String::new()
            }
        }
    }

    /// The end of the file.
    ///
    /// # Errors
    /// [`Error::Request`] when the transcript is too long for the format.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        Ok(match &mut self.form {
            Form::Plain => Vec::new(),
            Form::Json { language, text } => {
                let (language, text) = (serde_json::json!(language), serde_json::json!(text));
                let line = if self.n_entries == 0 { "" } else { "\n  " };
                format!("{line}],\n  \"language\": {language},\n  \"text\": {text}\n}}\n").into_bytes()
            }
            Form::Subtitles(subtitles) => {
                let cues = subtitles.finish();
                self.cues(&cues).into_bytes()
            }
            Form::Markdown(paragraphs) => {
                paragraphs.finish().map(|p| p.markdown()).unwrap_or_default().into_bytes()
            }
            Form::Docx(paragraphs, done) => {
                done.extend(paragraphs.finish());
                docx::document(&self.title, done).map_err(|e| Error::Request {
                    reason: format!(
                        "the transcript does not fit into a DOCX file: {e}; choose another format"
                    ),
                })?
            }
        })
    }

    /// Subtitles that have to be read faster than asked for, and all subtitles.
    pub fn n_fast(&self) -> (usize, usize) {
        match &self.form {
            Form::Subtitles(subtitles) => subtitles.n_fast(),
            _ => (0, 0),
        }
    }

    fn cues(&mut self, cues: &[Cue]) -> String {
        let mut text = String::new();
        for cue in cues {
            self.n_entries += 1;
            text.push_str(&match self.format {
                Format::Vtt => vtt(cue),
                _ => srt(self.n_entries, cue),
            });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::Word;
    use super::*;

    fn segment(start_s: f64, text: &str) -> Segment {
        let word = |(i, text): (usize, &str)| Word {
            start_s: start_s + i as f64 * 0.5,
            end_s: start_s + i as f64 * 0.5 + 0.4,
            text: text.to_owned(),
            confidence: 0.25,
        };
        let words: Vec<Word> = text.split_whitespace().enumerate().map(word).collect();
        Segment {
            start_s,
            end_s: words.last().map_or(start_s, |word| word.end_s),
            text: text.to_owned(),
            language: "en".to_owned(),
            speaker: None,
            confidence: 0.5,
            words,
        }
    }

    fn segments() -> Vec<Segment> {
        let mut all = vec![
            segment(0.0, "Fish & <chips>, *please*."),
            segment(3.0, "And 1. more_of_it # now."),
            segment(3661.25, "two\nlines\there"),
        ];
        all[2].speaker = Some("2".to_owned());
        all
    }

    fn written(format: Format, segments: &[Segment]) -> String {
        String::from_utf8(bytes(format, segments)).unwrap()
    }

    fn bytes(format: Format, segments: &[Segment]) -> Vec<u8> {
        let mut writer = Writer::new(format, "talk_1 & 2", SubtitleStyle::default());
        let mut out = writer.begin().into_bytes();
        for segment in segments {
            out.extend(writer.segment(segment).bytes());
        }
        out.extend(writer.finish().unwrap());
        out
    }

    fn read_back(folder: &tempfile::TempDir, written: impl AsRef<[u8]>) -> crate::media::DocumentReader {
        let path = folder.path().join("talk");
        std::fs::write(&path, written).unwrap();
        match crate::media::Opener::default().open(&path, &crate::Cancel::new()).unwrap() {
            crate::media::Media::Document(document) => document,
            other => panic!("{:?}", other.kind()),
        }
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
        let srt = written(Format::Srt, &segments());
        assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:0"), "{srt}");
        let read = read_subtitles(&srt);
        assert_eq!((read[0].0, read[0].2.as_str()), (0.0, "Fish & <chips>, *please*."));
        assert_eq!(read[2].2, "2: two lines here");
        assert!((read[2].0 - 3661.25).abs() < 1e-9 && read[2].1 >= 3662.65, "{read:?}");
        let vtt = written(Format::Vtt, &segments());
        assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> "));
        assert_eq!(read_subtitles(&vtt)[0].2, "Fish &amp; &lt;chips&gt;, *please*.");
        assert_eq!(read_subtitles(&vtt)[2].2, "<v 2>two lines here");
        assert_eq!(
            (written(Format::Srt, &[]), written(Format::Vtt, &[])),
            (String::new(), "WEBVTT\n\n".into())
        );
    }

    #[test]
    fn subtitles_read_back_with_our_own_reader() {
        let folder = tempfile::tempdir().unwrap();
        for format in [Format::Srt, Format::Vtt] {
            let written = written(format, &segments());
            let page = read_back(&folder, &written).page(1).unwrap();
            let lines: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
            let said = ["Fish & <chips>, *please*.", "And 1. more_of_it # now.", "2: two lines here"];
            assert_eq!(lines, said, "{written}");
            for (line, (start_s, end_s, _)) in page.lines.iter().zip(read_subtitles(&written)) {
                let (from_s, to_s) = line.time_s.unwrap();
                assert!((from_s - start_s).abs() < 1e-9 && (to_s - end_s).abs() < 1e-9, "{line:?}");
            }
        }
    }

    #[test]
    fn tsv_has_three_columns_whatever_the_text_holds() {
        let tsv = written(Format::Tsv, &segments());
        let rows: Vec<Vec<&str>> = tsv.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows[0], ["start", "end", "text"]);
        assert_eq!(rows[3], ["3661250", "3662650", "2: two lines here"]);
    }

    #[test]
    fn json_reads_back() {
        let value: serde_json::Value = serde_json::from_str(&written(Format::Json, &segments())).unwrap();
        assert_eq!(value["segments"][2]["text"], "two\nlines\there");
        assert_eq!(value["segments"][2]["speaker"], "2");
        assert_eq!(value["segments"][0]["words"][0]["confidence"], 0.25);
        assert_eq!(value["language"], "en");
        assert_eq!(value["text"], "Fish & <chips>, *please*. And 1. more_of_it # now. two\nlines\there");
        let nothing: serde_json::Value = serde_json::from_str(&written(Format::Json, &[])).unwrap();
        assert_eq!(nothing, serde_json::json!({"segments": [], "language": null, "text": ""}));
    }

    #[test]
    fn text_is_a_line_for_each_segment() {
        let text = written(Format::Txt, &segments());
        assert_eq!(text, "Fish & <chips>, *please*.\nAnd 1. more_of_it # now.\n2: two lines here\n");
        assert_eq!(written(Format::Txt, &[]), "");
    }

    #[test]
    fn markdown_shows_what_was_said() {
        use pulldown_cmark::{Event, Options, Parser, TagEnd};
        let markdown = written(Format::Md, &segments());
        let mut paragraphs = vec![String::new()];
        for event in Parser::new_ext(&markdown, Options::all()) {
            match event {
                Event::Text(text) | Event::Code(text) => paragraphs.last_mut().unwrap().push_str(&text),
                Event::End(TagEnd::Paragraph | TagEnd::Heading(_)) => paragraphs.push(String::new()),
                Event::Html(_) | Event::InlineHtml(_) | Event::Rule => panic!("{markdown}"),
                _ => {}
            }
        }
        assert_eq!(
            paragraphs[..3],
            [
                "talk_1 & 2",
                "[0:00] Fish & <chips>, *please*. And 1. more_of_it # now.",
                "[1:01:01] 2: two lines here"
            ]
        );
    }

    #[test]
    fn a_word_document_reads_back_with_our_own_reader_and_is_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let document = bytes(Format::Docx, &segments());
        assert_eq!(document, bytes(Format::Docx, &segments()));
        let page = read_back(&folder, document).page(1).unwrap();
        let text: Vec<String> = page.lines.iter().map(|line| line.text.clone()).collect();
        let text = text.join(" ");
        for part in [
            "talk_1 & 2",
            "[0:00] Fish & <chips>, *please*. And 1. more_of_it # now.",
            "[1:01:01] 2: two lines here",
        ] {
            assert!(text.contains(part), "{text:?} has no {part:?}");
        }
    }
}
