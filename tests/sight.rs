//! Pictures with the real default models: what text says and where, what things are and where.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::OnceLock;

use engine::models::Store;
use engine::perception::ocr::{ANY_SIZE, Ocr, TextLine};
use engine::perception::tags::{Tag, Tagger};
use engine::{Cancel, Rect};
use image::{Rgb, RgbImage, imageops};
use medley_tests::character_error_rate;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn picture(name: &str) -> RgbImage {
    image::open(path("assets/samples/pictures").join(name)).unwrap().to_rgb8()
}

fn printed() -> String {
    std::fs::read_to_string(path("assets/samples/pictures/page.txt")).unwrap().trim().to_owned()
}

fn read(picture: &RgbImage) -> Vec<TextLine> {
    static OCR: OnceLock<Ocr> = OnceLock::new();
    let ocr = OCR.get_or_init(|| Ocr::load(&Store::open_default().unwrap()).unwrap());
    ocr.read(picture, ANY_SIZE, &Cancel::new()).unwrap()
}

fn text(lines: &[TextLine]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn tags(picture: &RgbImage) -> Vec<Tag> {
    static TAGGER: OnceLock<Tagger> = OnceLock::new();
    let tagger = TAGGER.get_or_init(|| Tagger::load(&Store::open_default().unwrap()).unwrap());
    tagger.tags(picture, 8, &Cancel::new()).unwrap()
}

fn contains(outer: Rect, inner: Rect) -> bool {
    outer.x0 <= inner.x0 && outer.y0 <= inner.y0 && outer.x1 >= inner.x1 && outer.y1 >= inner.y1
}

/// The page must read as printed, line by line from the top.
fn check_page(what: &str, picture: &RgbImage, limit: f64) {
    let read = text(&read(picture));
    let rate = character_error_rate(&printed(), &read);
    assert!(rate <= limit, "{what}: character error rate {rate:.4}\n{read}");
}

#[test]
fn a_printed_page_is_read_in_order() {
    check_page("photograph", &picture("page.jpg"), 0.01);
}

#[test]
fn white_on_black_is_read() {
    let mut negative = picture("page.jpg");
    imageops::invert(&mut negative);
    check_page("negative", &negative, 0.02);
}

#[test]
fn small_print_is_read() {
    let page = picture("page.jpg");
    let (width, height) = (page.width() * 45 / 100, page.height() * 45 / 100);
    check_page("small", &imageops::resize(&page, width, height, imageops::FilterType::Triangle), 0.05);
}

#[test]
fn a_turned_page_is_read() {
    let page = picture("page.jpg");
    check_page("upside down", &imageops::rotate180(&page), 0.02);
    check_page("quarter turn to the left", &imageops::rotate270(&page), 0.02);
    check_page("quarter turn to the right", &imageops::rotate90(&page), 0.02);
}

#[test]
fn lines_and_words_have_their_places() {
    let lines = read(&picture("page.jpg"));
    assert_eq!(lines.len(), 13);
    assert!(lines.windows(2).all(|pair| pair[0].area.y0 < pair[1].area.y0), "from top to bottom");
    for line in &lines {
        assert!(contains(Rect::WHOLE, line.area), "{:?}", line.area);
        assert!(line.confidence > 0.9, "{} {}", line.confidence, line.text);
        assert_eq!(line.words.len(), line.text.split_whitespace().count(), "{}", line.text);
        for ((bytes, _), word) in line.words.iter().zip(line.text.split_whitespace()) {
            assert_eq!(&line.text[bytes.clone()], word);
        }
        assert!(line.words.windows(2).all(|pair| pair[0].1.x0 < pair[1].1.x0), "{:?}", line.words);
    }
    // "Norland" stands three quarters along the second line, measured in the picture.
    let (_, norland) =
        &lines[1].words[lines[1].text.split_whitespace().position(|w| w == "Norland").unwrap()];
    let (x, y) = ((norland.x0 + norland.x1) / 2.0, (norland.y0 + norland.y1) / 2.0);
    assert!((0.60..0.70).contains(&x) && (0.24..0.29).contains(&y), "{norland:?}");
}

#[test]
fn pictures_with_no_text_give_none() {
    for name in ["chelsea.png", "coffee.png", "rocket.jpg"] {
        let lines = read(&picture(name));
        assert!(lines.is_empty(), "{name}: {lines:?}");
    }
    assert_eq!(read(&RgbImage::new(1, 1)), []);
    assert_eq!(read(&RgbImage::from_pixel(3, 2000, Rgb([255; 3]))), []);
}

#[test]
fn probabilities_are_those_of_the_reference() {
    let golden = std::fs::read_to_string(path("tests/golden/tags.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    let mut compared = 0;
    for (name, classes) in golden["pictures"].as_object().unwrap() {
        let tags = tags(&picture(name));
        for class in classes.as_array().unwrap() {
            let (label, want) = (class[0].as_str().unwrap(), class[1].as_f64().unwrap());
            // Rarer ones are not listed.
            if want < 0.09 {
                continue;
            }
            let tag = tags.iter().find(|tag| tag.label == label);
            let tag = tag.unwrap_or_else(|| panic!("{name}: no {label} in {tags:?}"));
            let off = (f64::from(tag.probability) - want).abs();
            assert!(off < 0.01, "{name}: {label} {} instead of {want}", tag.probability);
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
}

#[test]
fn a_cat_is_a_cat_and_the_box_covers_its_face() {
    let tags = tags(&picture("chelsea.png"));
    assert_eq!(tags[0].label, "cat");
    assert!(tags[0].probability > 0.8);
    // From the left eye to the right eye, and down to the bridge of the nose; the ears, the chin and
    // what is behind the cat lie outside.
    let face = Rect { x0: 0.37, y0: 0.38, x1: 0.70, y1: 0.70 };
    let area = tags[0].area;
    assert!(contains(area, face), "{area:?}");
    assert!((area.x1 - area.x0) * (area.y1 - area.y0) < 0.6, "{area:?} says nothing");
}

#[test]
fn coffee_and_rocket_are_recognised() {
    let first = |name: &str| tags(&picture(name)).first().map(|tag| tag.label.clone()).unwrap();
    assert_eq!(first("coffee.png"), "cup of coffee");
    assert_eq!(first("rocket.jpg"), "rocket or missile");
}

/// A cup at one side of a grey picture, `x` pixels from its left edge.
fn cup_beside(width: u32, x: u32) -> RgbImage {
    let mut wide = RgbImage::from_pixel(width, 400, Rgb([110, 112, 116]));
    imageops::overlay(&mut wide, &picture("coffee.png"), x.into(), 0);
    wide
}

#[test]
fn a_thing_at_the_side_is_found_there() {
    for (width, x, left) in [(800, 200, false), (800, 0, true), (2400, 1800, false), (2400, 0, true)] {
        let tags = tags(&cup_beside(width, x));
        let cup = tags.iter().find(|tag| tag.label == "cup of coffee" || tag.label == "espresso");
        let area = cup.unwrap_or_else(|| panic!("{width} {x}: {tags:?}")).area;
        let middle = (area.x0 + area.x1) / 2.0;
        assert!(if left { middle < 0.5 } else { middle > 0.5 }, "{width} {x}: {area:?}");
    }
}

#[test]
fn stop_leaves_at_once() {
    let cancel = Cancel::new();
    cancel.cancel();
    let store = Store::open_default().unwrap();
    let page = picture("page.jpg");
    assert_eq!(Ocr::load(&store).unwrap().read(&page, ANY_SIZE, &cancel).unwrap(), []);
    assert_eq!(Tagger::load(&store).unwrap().tags(&page, 5, &cancel).unwrap(), []);
}
