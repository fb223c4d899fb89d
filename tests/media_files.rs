//! Opening media in tests, and making small files of them.

use std::collections::BTreeSet;
use std::path::Path;

use engine::media::{DocumentReader, Limits, Media, Opener};
use engine::models::Store;
use engine::{Cancel, Error, MediaProblem};

/// An opener with PDFium from the store.
pub fn opener() -> Opener {
    let pdfium = Store::open_default().unwrap().file("pdfium", "library").unwrap();
    Opener { limits: Limits::default(), pdfium: Some(pdfium) }
}

/// Opens a medium with the usual limits.
pub fn open(path: &Path) -> Result<Media, Error> {
    opener().open(path, &Cancel::new())
}

/// Opens a document, or fails the test.
pub fn document(path: &Path) -> DocumentReader {
    match open(path) {
        Ok(Media::Document(document)) => document,
        Ok(other) => panic!("{}: {:?}", path.display(), other.kind()),
        Err(error) => panic!("{error}"),
    }
}

/// What is wrong with a medium, as an error says.
pub fn problem<T>(result: Result<T, Error>) -> MediaProblem {
    match result {
        Err(Error::Media { problem, .. }) => problem,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was read"),
    }
}

/// A WAV header for 16-bit mono at 16 kHz with this many bytes of samples.
pub fn wav_header(data: u32) -> Vec<u8> {
    let mut header = b"RIFF".to_vec();
    header.extend((36 + data).to_le_bytes());
    header.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    header.extend(16_000u32.to_le_bytes());
    header.extend(32_000u32.to_le_bytes());
    header.extend(b"\x02\0\x10\0data");
    header.extend(data.to_le_bytes());
    header
}

/// A PDF from its objects, which are numbered from 1; the first one is the catalogue.
pub fn pdf(objects: &[String]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        places.push(bytes.len());
        bytes.extend(format!("{} 0 obj\n{object}\nendobj\n", i + 1).bytes());
    }
    let table = bytes.len();
    bytes.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        bytes.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    bytes.extend(
        format!("trailer << /Size {size} /Root 1 0 R /Info 3 0 R >>\nstartxref\n{table}\n%%EOF\n").bytes(),
    );
    bytes
}

/// Objects of a PDF with these contents of pages; `page_extra` goes into each page.
pub fn page_objects(contents: &[&str], page_extra: &str) -> Vec<String> {
    let kids: Vec<String> = (0..contents.len()).map(|i| format!("{} 0 R", 5 + 2 * i)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), contents.len()),
        "<< /Title (A tiny book) >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (i, content) in contents.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {page_extra} /Contents {} 0 R \
             /Resources << /Font << /F1 4 0 R >> >> >>",
            6 + 2 * i
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    objects
}

/// A PDF of two short pages.
pub fn two_pages() -> Vec<u8> {
    let first = "BT /F1 24 Tf 72 700 Td (Chapter One) Tj /F1 12 Tf 0 -40 Td (The cat sat on the mat.) Tj 0 -14 Td \
                 (It was warm.) Tj 0 -60 Td (A new paragraph.) Tj ET";
    let second = "0 0 612 792 re f";
    pdf(&page_objects(&[first, second], ""))
}

/// A PDF with a table of contents whose pages hold these lines each; every page has an entry named by its first line.
pub fn book(pages: &[Vec<String>]) -> Vec<u8> {
    let contents: Vec<String> = pages
        .iter()
        .map(|lines| {
            let text: Vec<String> = lines.iter().map(|line| format!("({line}) Tj 0 -20 Td")).collect();
            format!("BT /F1 12 Tf 72 720 Td {} ET", text.join(" "))
        })
        .collect();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    let mut objects = page_objects(&contents, "");
    let root = objects.len() + 1;
    objects[0] = format!("<< /Type /Catalog /Pages 2 0 R /Outlines {root} 0 R >>");
    let (first, last) = (root + 1, root + pages.len());
    objects.push(format!("<< /Type /Outlines /First {first} 0 R /Last {last} 0 R /Count {} >>", pages.len()));
    for (i, lines) in pages.iter().enumerate() {
        let near = |at: usize, name: &str| match (first..=last).contains(&at) {
            true => format!("/{name} {at} 0 R"),
            false => String::new(),
        };
        let (before, after) = (near(root + i, "Prev"), near(root + i + 2, "Next"));
        let title = lines.first().map_or("", String::as_str);
        let page = 5 + 2 * i;
        objects.push(format!(
            "<< /Title ({title}) /Parent {root} 0 R /Dest [{page} 0 R /Fit] {before} {after} >>"
        ));
    }
    pdf(&objects)
}

/// A PDF of one page whose only font shows these lines and tells nobody which letters they are: glyphs have numbers, 29
/// less than ASCII as in many fonts, names without a meaning, and no map to Unicode.
pub fn unmapped(lines: &[&str]) -> Vec<u8> {
    let letters: BTreeSet<u8> = lines.iter().flat_map(|line| line.bytes()).collect();
    let number = |letter: u8| letter - 29;
    let (first, last) = (letters.first().map_or(3, |c| number(*c)), letters.last().map_or(3, |c| number(*c)));
    // Objects 1 to 7 come before the drawings of the letters.
    let drawings: Vec<String> =
        letters.iter().zip(8..).map(|(c, object)| format!("/g{} {object} 0 R", number(*c))).collect();
    let names: Vec<String> = letters.iter().map(|c| format!("{0} /g{0}", number(*c))).collect();
    let widths = "600 ".repeat(usize::from(last - first) + 1);
    let shown: Vec<String> = lines
        .iter()
        .map(|line| {
            let numbers: String = line.bytes().map(|c| format!("{:02X}", number(c))).collect();
            format!("<{numbers}> Tj 0 -60 Td")
        })
        .collect();
    let stream = |content: &str| format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len());
    let mut objects = page_objects(&[&format!("BT /F1 30 Tf 40 700 Td {} ET", shown.join(" "))], "");
    objects[3] = format!(
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 -300 1000 1000] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar {first} \
         /LastChar {last} /Widths [{widths}] /Resources << /Font << /F2 7 0 R >> >> /CharProcs << {} >> /Encoding << /Type \
         /Encoding /Differences [{}] >> >>",
        drawings.join(" "),
        names.join(" ")
    );
    objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>".to_owned());
    objects.extend(letters.iter().map(|c| stream(&format!("600 0 d0 BT /F2 1000 Tf <{c:02X}> Tj ET"))));
    pdf(&objects)
}
