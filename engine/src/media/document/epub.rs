//! EPUB → paragraphs, in the order of the book's spine.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::archive::Archive;
use super::{BlockKind, Flow, Source, docx, html, text};
use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};
use crate::media::Limits;

/// Reads every chapter.
pub(super) fn read(path: &Path, file: File, limits: &Limits, cancel: &Cancel) -> Result<Flow> {
    let mut archive = Archive::open(path, file, limits)?;
    let rights = archive.read("META-INF/rights.xml")?;
    let encryption = archive.read("META-INF/encryption.xml")?.unwrap_or_default();
    // Fonts alone may be scrambled without hindering a reader.
    let locked = String::from_utf8_lossy(&encryption).contains(".xhtml");
    if rights.is_some() || locked {
        return Err(Error::media(path, MediaProblem::Password));
    }
    let container = archive.require("META-INF/container.xml")?;
    let source = |part: &str| Source { path: path.to_path_buf(), part: part.to_owned() };
    let mut package = None;
    each_element(&source("META-INF/container.xml"), &container, |name, element| {
        if name == "rootfile" && package.is_none() {
            package = attribute(element, "full-path");
        }
    })?;
    let package = package.ok_or_else(|| source("META-INF/container.xml").damaged("it names no package"))?;
    let xml = archive.require(&package)?;
    let folder = package.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (mut items, mut spine) = (HashMap::new(), Vec::new());
    each_element(&source(&package), &xml, |name, element| match name {
        "item" => {
            if let (Some(id), Some(href)) = (attribute(element, "id"), attribute(element, "href")) {
                items.insert(id, resolve(folder, &href));
            }
        }
        "itemref" => spine.extend(attribute(element, "idref")),
        _ => {}
    })?;
    let mut flow = Flow { title: docx::text_of(&xml, "title"), ..Flow::default() };
    for id in spine {
        if cancel.is_cancelled() {
            break;
        }
        let Some(name) = items.get(&id) else { continue };
        match archive.read(name)? {
            Some(bytes) => {
                let mut chapter = html::read(path, &text::decode(&bytes).0, limits, cancel)?;
                if let Some(first) = chapter.blocks.first_mut()
                    && first.kind == BlockKind::Heading
                {
                    first.kind = BlockKind::Chapter;
                }
                flow.blocks.append(&mut chapter.blocks);
            }
            None => flow.notices.push(format!("the chapter {name} is missing in the book")),
        }
    }
    Ok(flow)
}

fn each_element(source: &Source, xml: &[u8], mut visit: impl FnMut(&str, &BytesStart)) -> Result<()> {
    let (xml, _) = text::decode(xml);
    let mut reader = Reader::from_str(&xml);
    loop {
        match reader.read_event().map_err(|e| source.damaged(e))? {
            Event::Start(e) | Event::Empty(e) => visit(e.local_name().as_ref(), &e),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn attribute(element: &BytesStart, name: &str) -> Option<String> {
    let found = element.attributes().flatten().find(|a| a.key.local_name().as_ref() == name)?;
    Some(found.value.replace("&amp;", "&"))
}

/// The name in the archive of a link that is relative to a folder.
fn resolve(folder: &str, href: &str) -> String {
    let href = href.split('#').next().unwrap_or_default();
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in href.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    percent_decode(&parts.join("/"))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::zip_file;
    use super::*;

    const CONTAINER: &[u8] =
        b"<container><rootfiles><rootfile full-path='OPS/book.opf'/></rootfiles></container>";

    #[test]
    fn chapters_come_in_the_order_of_the_spine() {
        let package = b"<package xmlns:dc='d'><metadata><dc:title>A book</dc:title></metadata><manifest>\
            <item id='b' href='two.xhtml'/><item id='a' href='text/one%20.xhtml'/></manifest>\
            <spine><itemref idref='a'/><itemref idref='b'/><itemref idref='c'/></spine></package>";
        let file = zip_file(&[
            ("META-INF/container.xml", CONTAINER),
            ("OPS/book.opf", package),
            ("OPS/two.xhtml", b"<html><body><h2>II</h2><p>Second.</p></body></html>"),
            (
                "OPS/text/one .xhtml",
                b"<html><head><title/></head><body><h2>I</h2><p>First.</p></body></html>",
            ),
        ]);
        let flow = read(file.path(), file.reopen().unwrap(), &Limits::default(), &Cancel::new()).unwrap();
        let texts: Vec<&str> = flow.blocks.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, ["I", "First.", "II", "Second."]);
        assert_eq!(flow.blocks[2].kind, BlockKind::Chapter);
        assert_eq!(flow.title.as_deref(), Some("A book"));
    }

    #[test]
    fn a_locked_book_needs_its_password() {
        let file = zip_file(&[("META-INF/container.xml", CONTAINER), ("META-INF/rights.xml", b"<r/>")]);
        let error =
            read(file.path(), file.reopen().unwrap(), &Limits::default(), &Cancel::new()).unwrap_err();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Password, .. }));
    }

    #[test]
    fn links_are_relative_to_the_package() {
        assert_eq!(resolve("OPS/a", "../b/./c%20d.xhtml#x"), "OPS/b/c d.xhtml");
        assert_eq!(percent_decode("100%"), "100%");
    }
}
