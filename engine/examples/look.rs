//! What is in a picture: `cargo run --release --example look -- FILE…`.

use engine::models::Store;
use engine::perception::tags::Tagger;
use engine::{Cancel, Result};

fn main() -> Result<()> {
    let store = Store::open_default()?;
    let tagger = Tagger::load(&store)?;
    let opener = engine::media::Opener::default();
    for path in std::env::args().skip(1) {
        let cancel = Cancel::new();
        let engine::media::Media::Picture(picture) = opener.open(path.as_ref(), &cancel)? else { continue };
        let started = std::time::Instant::now();
        let tags = tagger.tags(&picture.pixels, 5, &cancel)?;
        println!("{path}: {:?}", started.elapsed());
        for tag in tags {
            println!("  {:.2} {} {:?}", tag.probability, tag.label, tag.area);
        }
    }
    Ok(())
}
