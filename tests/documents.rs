//! Real documents, good and bad, through `engine::media`.

#![allow(clippy::unwrap_used)]

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use engine::media::{Limits, Media, Opener};
use engine::{Cancel, MediaProblem};
use medley_tests::media_files::{
    book, document, open, opener, page_objects, pdf, problem, two_pages, unmapped,
};
use medley_tests::sample;
use tempfile::TempDir;

#[test]
fn a_pdf_gives_its_text_with_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    std::fs::write(&path, two_pages()).unwrap();
    let document = document(&path);
    assert_eq!((document.title(), document.page_count()), (Some("A tiny book"), 2));
    let page = document.page(1).unwrap();
    assert_eq!(page.text(), "Chapter One\n\nThe cat sat on the mat.\nIt was warm.\n\nA new paragraph.");
    assert_eq!(page.heading.as_deref(), Some("Chapter One"));
    assert!(page.has_text);
    let line = &page.lines[1];
    let area = line.area.unwrap();
    // The baseline is 660 points up on a page of 792; the text begins 72 points from the left.
    assert!((area.x0 - 72.0 / 612.0).abs() < 0.005, "{area:?}");
    assert!(
        area.y0 < 1.0 - 660.0 / 792.0 && area.y1 > 1.0 - 660.0 / 792.0 && area.y1 - area.y0 < 0.03,
        "{area:?}"
    );
    let words: Vec<&str> = line.words.iter().map(|(range, _)| &line.text[range.clone()]).collect();
    assert_eq!(words, ["The", "cat", "sat", "on", "the", "mat."]);
    assert!(line.words.windows(2).all(|w| w[0].1.x1 < w[1].1.x0));
    let blank = document.page(2).unwrap();
    assert!(!blank.has_text && blank.lines.is_empty());
    assert!(document.page(3).is_err());
}

#[test]
fn a_pdf_gives_its_contents_and_the_sizes_of_its_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    let pages: Vec<Vec<String>> = (1..=5).map(|page| vec![format!("Chapter {page}")]).collect();
    std::fs::write(&path, book(&pages)).unwrap();
    let document = document(&path);
    let outline = document.outline(&Cancel::new()).unwrap();
    let found: Vec<_> = outline.iter().map(|entry| (entry.level, entry.title.as_str(), entry.page)).collect();
    let expected: Vec<_> = pages.iter().zip(1..).map(|(lines, page)| (1, lines[0].as_str(), page)).collect();
    assert_eq!(found, expected);
    assert_eq!(document.page_size(5).unwrap(), Some([612.0, 792.0]));
    assert!(document.page_size(6).is_err());
    std::fs::write(&path, pdf(&page_objects(&["BT ET"], "/Rotate 90"))).unwrap();
    let turned = medley_tests::media_files::document(&path);
    assert_eq!(turned.page_size(1).unwrap(), Some([792.0, 612.0]), "as it is shown");
    assert!(turned.outline(&Cancel::new()).unwrap().is_empty());
}

/// Bookmarks that lead back to themselves end.
#[test]
fn a_table_of_contents_that_goes_in_circles_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    let mut objects = page_objects(&["BT ET"], "");
    objects[0] = "<< /Type /Catalog /Pages 2 0 R /Outlines 7 0 R >>".into();
    objects.push("<< /Type /Outlines /First 8 0 R /Last 8 0 R >>".into());
    objects.push("<< /Title (Round) /Parent 7 0 R /Dest [5 0 R /Fit] /Next 8 0 R /First 8 0 R >>".into());
    std::fs::write(&path, pdf(&objects)).unwrap();
    let outline = document(&path).outline(&Cancel::new()).unwrap();
    assert!(!outline.is_empty() && outline.len() <= 20_000, "{}", outline.len());
}

#[test]
fn a_page_picture_shows_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    std::fs::write(&path, two_pages()).unwrap();
    let document = document(&path);
    let first = document.page_picture(1, 1000).unwrap().unwrap();
    assert_eq!(first.dimensions(), (773, 1000));
    assert_eq!(first.get_pixel(5, 5).0, [255; 3]);
    let area = document.page(1).unwrap().lines[0].area.unwrap();
    let dark = |x: u32, y: u32| first.get_pixel(x, y).0[0] < 128;
    let inside = (0..773).flat_map(|x| (0..1000).map(move |y| (x, y))).filter(|(x, y)| dark(*x, *y)).filter(
        |(x, y)| {
            let (x, y) = (*x as f32 / 773.0, *y as f32 / 1000.0);
            (area.x0..=area.x1).contains(&x) && (area.y0..=area.y1).contains(&y)
        },
    );
    assert!(inside.count() > 300, "the box of the first line holds its ink");
    assert_eq!(document.page_picture(2, 100).unwrap().unwrap().get_pixel(50, 50).0, [0; 3]);
}

#[test]
fn places_follow_the_turn_and_the_crop_of_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let content = "BT /F1 20 Tf 100 600 Td (Corner) Tj ET";
    for (name, extra) in [("turned", "/Rotate 90"), ("cropped", "/CropBox [90 500 400 700]")] {
        let path = folder.path().join(format!("{name}.pdf"));
        std::fs::write(&path, pdf(&page_objects(&[content], extra))).unwrap();
        let document = document(&path);
        let area = document.page(1).unwrap().lines[0].area.unwrap();
        let shown = document.page_picture(1, 800).unwrap().unwrap();
        let (width, height) = (shown.width() as f32, shown.height() as f32);
        let ink: Vec<(f32, f32)> = shown
            .enumerate_pixels()
            .filter(|(_, _, p)| p.0[0] < 128)
            .map(|(x, y, _)| (x as f32 / width, y as f32 / height))
            .collect();
        let slack = 0.01;
        assert!(!ink.is_empty(), "{name}");
        assert!(
            ink.iter().all(|(x, y)| {
                (area.x0 - slack..=area.x1 + slack).contains(x)
                    && (area.y0 - slack..=area.y1 + slack).contains(y)
            }),
            "{name}: {area:?}"
        );
        assert!((area.x1 - area.x0) * (area.y1 - area.y0) < 0.1, "{name}: {area:?}");
    }
}

#[test]
fn bad_pdfs_are_told() {
    let password = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/password.pdf");
    assert_eq!(problem(open(&password)), MediaProblem::Password);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    std::fs::write(&path, b"%PDF-1.4\nnothing more").unwrap();
    assert!(matches!(problem(open(&path)), MediaProblem::Damaged { .. }));
    std::fs::write(&path, two_pages()).unwrap();
    let without = Opener { limits: Limits::default(), pdfium: None };
    let told = without.open(&path, &Cancel::new()).map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("medley models pull pdfium"), "{told}");
    let one = Opener { limits: Limits { pages: 1, ..Limits::default() }, ..opener() };
    let Ok(Media::Document(document)) = one.open(&path, &Cancel::new()) else { panic!() };
    assert_eq!(document.page_count(), 1);
    assert_eq!(document.notices(), ["pages 2 to 2 are left out: the limit is 1 pages"]);
}

#[test]
fn pages_can_be_read_from_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    std::fs::write(&path, two_pages()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(document(&path).page(1).unwrap().lines.len(), 4);
                }
            });
        }
    });
}

#[test]
fn cancelling_ends_reading_without_an_error() {
    let cancel = Cancel::new();
    let Ok(Media::Video(mut video)) = opener().open(&sample("video/bigbuckbunny.mp4"), &cancel) else {
        panic!()
    };
    video.next().unwrap().unwrap();
    cancel.cancel();
    assert!(video.next().is_none());
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn position(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).position(|window| window == of).unwrap()
}

#[test]
fn a_pdf_whose_table_of_objects_is_wrong_is_read_and_one_without_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let whole = two_pages();
    let (table, end) = (position(&whole, b"xref\n"), position(&whole, b"startxref\n"));
    let elsewhere = [&whole[..end], b"startxref\n99999999\n%%EOF\n"].concat();
    // What is inserted moves every object away from where the table says it is.
    let moved = [&whole[..9], &b"% moved\n".repeat(60)[..], &whole[9..]].concat();
    let spoilt = [&whole[..table], b"xrxx\n", &whole[table + 5..]].concat();
    for (name, bytes) in [("elsewhere.pdf", elsewhere), ("moved.pdf", moved), ("spoilt.pdf", spoilt)] {
        let document = document(&write(&folder, name, &bytes));
        assert_eq!(document.page_count(), 2, "{name}");
        assert!(document.page(1).unwrap().text().contains("The cat sat on the mat."), "{name}");
    }
    let told = problem(open(&write(&folder, "cut.pdf", &whole[..table])));
    assert!(matches!(told, MediaProblem::Damaged { .. }), "{told:?}");
}

#[test]
fn ten_thousand_nested_arrays_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let nest = |inside: &str| format!("{}{inside}{}", "[".repeat(10_000), "]".repeat(10_000));
    let content = "BT /F1 12 Tf 72 700 Td (Still here.) Tj ET";
    let unused = [page_objects(&[content], ""), vec![nest("")]].concat();
    let links = [page_objects(&[content], "/Annots 7 0 R"), vec![nest("")]].concat();
    let operand = page_objects(&[&format!("{content} {} TJ", nest(""))], "");
    for (name, objects) in [("unused.pdf", unused), ("links.pdf", links), ("operand.pdf", operand)] {
        let document = document(&write(&folder, name, &pdf(&objects)));
        assert_eq!(document.page(1).unwrap().text(), "Still here.", "{name}");
        assert!(document.links(1).unwrap().is_empty(), "{name}");
    }
    // Where the pages should be listed there is nothing to read.
    let mut pages = page_objects(&[content], "");
    pages[1] = format!("<< /Type /Pages /Kids {} /Count 1 >>", nest("5 0 R"));
    let path = write(&folder, "pages.pdf", &pdf(&pages));
    let told = problem(open(&path).and_then(|media| match media {
        Media::Document(document) => document.page(1),
        other => panic!("{:?}", other.kind()),
    }));
    assert!(matches!(told, MediaProblem::Damaged { .. }), "{told:?}");
}

#[test]
fn a_page_of_a_hundred_metres_is_read_and_drawn_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    // In points; its letters are some ten metres high.
    let side = 283_465.0;
    let mut objects = page_objects(&["BT /F1 30000 Tf 20000 120000 Td (Hundred metres) Tj ET"], "");
    objects[4] = objects[4].replace("[0 0 612 792]", &format!("[0 0 {side} {side}]"));
    let document = document(&write(&folder, "field.pdf", &pdf(&objects)));
    assert_eq!(document.page_size(1).unwrap(), Some([side, side]));
    let page = document.page(1).unwrap();
    assert!(page.has_text && page.text() == "Hundred metres", "{page:?}");
    let area = page.lines[0].area.unwrap();
    assert!((area.x0 - 20_000.0 / side).abs() < 0.02 && area.x1 > 0.75, "{area:?}");
    let shown = document.page_picture(1, u32::MAX).unwrap().unwrap();
    assert_eq!(shown.dimensions(), (6_000, 6_000), "36 million pixels at most");
    let small = document.page_picture(1, 400).unwrap().unwrap();
    assert_eq!(small.dimensions(), (400, 400));
    assert!(small.pixels().filter(|pixel| pixel.0[0] < 128).count() > 500, "its letters are drawn");
}

/// A PDF that draws these lines from left to right, with a map of its letters to Unicode.
fn drawn_from_the_left(lines: &[String]) -> Vec<u8> {
    let mut letters: Vec<char> = lines.iter().flat_map(|line| line.chars()).filter(|c| *c != ' ').collect();
    letters.sort_unstable();
    letters.dedup();
    let number = |c: char| letters.iter().position(|letter| *letter == c).map_or(32, |at| 65 + at);
    let map: Vec<String> =
        letters.iter().map(|c| format!("<{:02X}> <{:04X}>", number(*c), *c as u32)).collect();
    let map = format!(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def 1 \
         begincodespacerange <00> <FF> endcodespacerange {} beginbfchar {} endbfchar endcmap end end",
        map.len(),
        map.join(" ")
    );
    let shown = |line: &String| {
        let numbers: String = line.chars().map(|c| format!("{:02X}", number(c))).collect();
        format!("<{numbers}> Tj 0 -40 Td")
    };
    let shown: Vec<String> = lines.iter().map(shown).collect();
    let mut objects = page_objects(&[&format!("BT /F1 24 Tf 72 700 Td {} ET", shown.join(" "))], "");
    objects[3] = "<< /Type /Font /Subtype /Type1 /BaseFont /Courier /ToUnicode 7 0 R >>".to_owned();
    objects.push(format!("<< /Length {} >>\nstream\n{map}\nendstream", map.len()));
    pdf(&objects)
}

#[test]
fn a_pdf_in_hebrew_or_arabic_reads_in_the_order_of_its_words() {
    let folder = tempfile::tempdir().unwrap();
    for phrase in ["מפתח הבית מתחת לעציץ האדום", "المفتاح تحت الأصيص الأحمر"]
    {
        // On paper the last letter stands leftmost.
        let drawn = [phrase.chars().rev().collect(), "Room 12 is free".to_owned()];
        let page = document(&write(&folder, "a.pdf", &drawn_from_the_left(&drawn))).page(1).unwrap();
        assert!(page.has_text);
        assert_eq!(page.lines[0].text, phrase);
        assert_eq!(page.lines[1].text, "Room 12 is free");
        let words: Vec<&str> =
            page.lines[0].words.iter().map(|(range, _)| &page.lines[0].text[range.clone()]).collect();
        assert_eq!(words, phrase.split(' ').collect::<Vec<_>>());
        let places = &page.lines[0].words;
        assert!(places.windows(2).all(|pair| pair[0].1.x0 > pair[1].1.x0), "the first word stands rightmost");
    }
}

#[test]
fn a_page_whose_font_tells_no_letters_has_no_text_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        write(&folder, "a.pdf", &unmapped(&["The secret number of the", "lighthouse is forty seven."]));
    let document = document(&path);
    let page = document.page(1).unwrap();
    assert!(!page.has_text && page.lines.is_empty(), "{page:?}");
    let shown = document.page_picture(1, 800).unwrap().unwrap();
    assert!(shown.pixels().filter(|pixel| pixel.0[0] < 128).count() > 1_000, "its letters are drawn");
}

#[test]
fn pages_of_the_web_are_read_in_the_encoding_that_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let page =
        b"<html><head><meta charset=\"windows-1251\"></head><body><p>\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0";
    let russian = document(&write(&folder, "a.html", page));
    assert_eq!(russian.page(1).unwrap().text(), "Привет, мир");
    assert!(russian.notices().is_empty(), "{:?}", russian.notices());
    let page = b"<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?>\n<html><body><p>P\xf8\xedli\xb9";
    assert_eq!(document(&write(&folder, "b.html", page)).page(1).unwrap().text(), "Příliš");
    let page = b"<html><meta charset=Shift_JIS><p>\x93\xfa\x96\x7b";
    assert_eq!(document(&write(&folder, "c.html", page)).page(1).unwrap().text(), "日本");
}

#[test]
fn of_a_log_of_nine_gigabytes_the_first_pages_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.log");
    let line = "2026-01-02T03:04:05 the pump of the third greenhouse started again without a sound\n";
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(line.repeat(20_000_000 / line.len()).as_bytes()).unwrap();
    // The rest takes no room on the disk.
    file.set_len(9 << 30).unwrap();
    file.seek(SeekFrom::Start((9 << 30) - 10)).unwrap();
    file.write_all(b"\nthe end\n\n").unwrap();
    let log = document(&path);
    assert_eq!(log.page_count(), 5_000);
    assert_eq!(log.page(5_000).unwrap().lines.last().unwrap().text, line.trim_end());
    let told = log.notices();
    assert!(told.len() == 1 && told[0].starts_with("only the first 14 MiB of 9 GiB can be read"), "{told:?}");
}
