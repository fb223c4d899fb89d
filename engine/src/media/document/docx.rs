//! DOCX → paragraphs.

use std::fs::File;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::archive::Archive;
use super::{BlockKind, Flow, Source, too_deep};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::media::Limits;

/// Reads the text, the foot- and endnotes and the title.
pub(super) fn read(path: &Path, file: File, limits: &Limits, cancel: &Cancel) -> Result<Flow> {
    let mut archive = Archive::open(path, file, limits)?;
    let mut flow = Flow::default();
    let main = archive.require("word/document.xml")?;
    read_part(path, "word/document.xml", &main, limits, cancel, &mut flow)?;
    for part in ["word/footnotes.xml", "word/endnotes.xml"] {
        if let Some(xml) = archive.read(part)? {
            read_part(path, part, &xml, limits, cancel, &mut flow)?;
        }
    }
    if let Some(xml) = archive.read("docProps/core.xml")? {
        flow.title = text_of(&xml, "title");
    }
    Ok(flow)
}

/// The text of the first element with this local name.
pub(super) fn text_of(xml: &[u8], name: &str) -> Option<String> {
    let xml = String::from_utf8_lossy(xml);
    let mut reader = Reader::from_str(&xml);
    let (mut inside, mut text) = (false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(e) if e.local_name().as_ref() == name => inside = true,
            Event::End(e) if inside && e.local_name().as_ref() == name => return Some(text),
            Event::Eof => return None,
            other if inside => push_text(&other, &mut text),
            _ => {}
        }
    }
}

/// Adds the characters of a text event. Only the five entities of XML itself and numbers are
/// known; what a document defines is not expanded.
fn push_text(event: &Event, out: &mut String) {
    match event {
        Event::Text(text) => out.push_str(&text.xml10_content()),
        Event::CData(text) => out.push_str(&text.xml10_content()),
        Event::GeneralRef(name) => match name.resolve_char_ref() {
            Ok(Some(c)) => out.push(c),
            _ => out.push_str(match &**name {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                _ => "\u{fffd}",
            }),
        },
        _ => {}
    }
}

fn read_part(
    path: &Path,
    part: &str,
    xml: &[u8],
    limits: &Limits,
    cancel: &Cancel,
    flow: &mut Flow,
) -> Result<()> {
    let source = Source { path: path.to_path_buf(), part: part.to_owned() };
    let xml = std::str::from_utf8(xml).map_err(|e| source.damaged(e))?;
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    let mut state = State::default();
    let (mut depth, mut events) = (0usize, 0u32);
    loop {
        events = events.wrapping_add(1);
        if events % 4096 == 0 && cancel.is_cancelled() {
            break;
        }
        match reader.read_event().map_err(|e| source.damaged(e))? {
            Event::Start(e) => {
                depth += 1;
                if depth > limits.nesting {
                    return Err(too_deep(path, limits));
                }
                state.open(&e, true);
            }
            Event::Empty(e) => state.open(&e, false),
            Event::End(e) => {
                depth = depth.saturating_sub(1);
                state.close(e.local_name().as_ref(), flow);
            }
            Event::Eof => break,
            other if state.in_text && state.skipped == 0 => push_text(&other, &mut state.text),
            _ => {}
        }
    }
    flow.push(&state.text, BlockKind::Paragraph);
    Ok(())
}

#[derive(Default)]
struct State {
    text: String,
    /// Inside `w:t`.
    in_text: bool,
    /// Inside how many elements whose text is not shown or is shown a second time.
    skipped: usize,
    /// Inside how many table rows.
    rows: usize,
    heading: bool,
    list: bool,
}

/// Kept for older programs beside what newer ones show.
const SKIPPED: [&str; 1] = ["Fallback"];

impl State {
    fn open(&mut self, element: &BytesStart, has_content: bool) {
        let name = element.local_name();
        let name: &str = name.as_ref();
        match name {
            _ if SKIPPED.contains(&name) && has_content => self.skipped += 1,
            _ if self.skipped > 0 => {}
            "t" => self.in_text = has_content,
            "tab" => self.text.push('\t'),
            "br" | "cr" => self.text.push('\n'),
            "noBreakHyphen" => self.text.push('-'),
            "tr" if has_content => self.rows += 1,
            "pStyle" => {
                let value = element.attributes().flatten().find(|a| a.key.local_name().as_ref() == "val");
                let value = value.map(|a| a.value.to_ascii_lowercase()).unwrap_or_default();
                self.heading = value.starts_with("heading") || value == "title";
            }
            "numPr" => self.list = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str, flow: &mut Flow) {
        match name {
            _ if SKIPPED.contains(&name) => self.skipped = self.skipped.saturating_sub(1),
            _ if self.skipped > 0 => {}
            "t" => self.in_text = false,
            // The paragraphs of a table's cells stay in the line of their row.
            "p" if self.rows > 0 => self.text.push(' '),
            "p" => {
                let kind = if self.heading { BlockKind::Heading } else { BlockKind::Paragraph };
                let bullet = if self.list && !self.text.trim().is_empty() { "• " } else { "" };
                flow.push(&format!("{bullet}{}", self.text.trim_end()), kind);
                self.text.clear();
                (self.heading, self.list) = (false, false);
            }
            "tc" => {
                let kept = self.text.trim_end().len();
                self.text.truncate(kept);
                self.text.push_str(" | ");
            }
            "tr" => {
                self.rows = self.rows.saturating_sub(1);
                flow.push(self.text.trim_end_matches([' ', '|']), BlockKind::Paragraph);
                self.text.clear();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::zip_file;
    use super::*;

    fn docx(body: &str) -> tempfile::NamedTempFile {
        let xml = format!(
            "<?xml version=\"1.0\"?><!DOCTYPE w [<!ENTITY lol \"lollollol\">]>\
             <w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>"
        );
        let core = b"<p:core xmlns:p='p' xmlns:dc='d'><dc:title>The &amp; title</dc:title></p:core>";
        zip_file(&[("word/document.xml", xml.as_bytes()), ("docProps/core.xml", core)])
    }

    fn flow(file: &tempfile::NamedTempFile, limits: &Limits) -> Result<Flow> {
        read(file.path(), file.reopen().unwrap(), limits, &Cancel::new())
    }

    #[test]
    fn paragraphs_headings_lists_and_tables_are_read() {
        let file = docx(
            "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>Head</w:t></w:r></w:p>\
             <w:p><w:r><w:t xml:space=\"preserve\">One </w:t></w:r><w:r><w:t>&#233;t&amp;</w:t><w:tab/><w:t>two</w:t></w:r></w:p>\
             <w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>item</w:t></w:r></w:p>\
             <w:p><w:r><w:delText>gone</w:delText></w:r></w:p>\
             <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
        );
        let flow = flow(&file, &Limits::default()).unwrap();
        let texts: Vec<&str> = flow.blocks.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, ["Head", "One ét&\ttwo", "• item", "a | b"]);
        assert_eq!(flow.blocks[0].kind, BlockKind::Heading);
        assert_eq!(flow.title.as_deref(), Some("The & title"));
    }

    #[test]
    fn entities_that_a_document_defines_are_not_expanded() {
        let flow = flow(&docx("<w:p><w:r><w:t>x&lol;</w:t></w:r></w:p>"), &Limits::default()).unwrap();
        assert_eq!(flow.blocks[0].text, "x\u{fffd}");
    }

    #[test]
    fn nesting_has_a_limit() {
        let file = docx(&format!("{}{}", "<w:sdt>".repeat(300), "</w:sdt>".repeat(300)));
        let error = flow(&file, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("the limit is 256 levels"), "{error}");
    }

    #[test]
    fn broken_xml_is_damaged() {
        let file = zip_file(&[("word/document.xml", b"<w:document><w:p></w:q>")]);
        let text = flow(&file, &Limits::default()).unwrap_err().to_string();
        assert!(text.contains("damaged") && text.contains("word/document.xml"), "{text}");
    }
}
