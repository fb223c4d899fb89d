//! What is in a picture: `cargo run --release --example look -- FILE…`.

use std::time::Instant;

use engine::media::{Media, Opener};
use engine::models::Store;
use engine::perception::ocr::{ANY_SIZE, Ocr};
use engine::perception::tags::Tagger;
use engine::{Cancel, Result};

fn main() -> Result<()> {
    let store = Store::open_default()?;
    let (tagger, ocr, cancel) = (Tagger::load(&store)?, Ocr::load(&store)?, Cancel::new());
    for path in std::env::args().skip(1) {
        let Media::Picture(picture) = Opener::default().open(path.as_ref(), &cancel)? else { continue };
        let started = Instant::now();
        for tag in tagger.tags(&picture.pixels, 5, &cancel)? {
            println!("{path}: {:.2} {} {:?}", tag.probability, tag.label, tag.area);
        }
        println!("{path}: tags took {:?}", started.elapsed());
        let started = Instant::now();
        for line in ocr.read(&picture.pixels, ANY_SIZE, &cancel)? {
            println!("{path}: {:.2} {:?} {:?}", line.confidence, line.text, line.area);
        }
        println!("{path}: reading took {:?}", started.elapsed());
    }
    Ok(())
}
