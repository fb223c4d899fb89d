//! What is in a picture, and where: EfficientNet-Lite2 with class activation maps.
//!
//! The network ends in an average over places and one linear layer, so the same layer applied to
//! each place tells where a class is seen (Zhou et al., Learning Deep Features for Discriminative
//! Localization, 2016).

mod labels;

mod network;

use candle_core::Device;
use image::RgbImage;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::features::patches::{self, Channels, Normalization, Region};
use crate::models::Store;
use crate::sequence::Rect;
use crate::weights::{Weights, names};
use labels::Labels;
use network::{EfficientNet, EfficientNetConfig};

/// Something that was recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// In plain English.
    pub label: String,
    /// 0 to 1.
    pub probability: f32,
    /// Where, in fractions of the picture.
    pub area: Rect,
}

/// Tags less likely than this are not worth reading.
const LEAST_PROBABILITY: f32 = 0.08;

/// A place belongs to a class where its activation reaches this share of the strongest one.
const ACTIVE_SHARE: f32 = 0.4;

/// Recognises things; read-only, one for all pictures.
pub struct Tagger {
    network: EfficientNet,
    labels: Labels,
}

impl Tagger {
    /// Loads `efficientnet-lite2`.
    ///
    /// # Errors
    /// [`Error::ModelMissing`](crate::Error::ModelMissing), and as [`Weights::get`].
    pub fn load(store: &Store) -> Result<Self> {
        let path = store.file("efficientnet-lite2", "model")?;
        let weights = Weights::from_pth(&path, None, &Device::Cpu, names::efficientnet_pytorch)?;
        let network = EfficientNet::new(&EfficientNetConfig::lite2(), &weights)?;
        Ok(Self { network, labels: Labels::embedded() })
    }

    /// The likeliest things, best first; families ("cat") stand before their members.
    /// Empty when cancelled or when nothing is likely enough.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute).
    pub fn tags(&self, picture: &RgbImage, at_most: usize, cancel: &Cancel) -> Result<Vec<Tag>> {
        let side = self.network.config().side as u32;
        let (width, height) = picture.dimensions();
        let mut tags: Vec<Tag> = Vec::new();
        if width == 0 || height == 0 {
            return Ok(tags);
        }
        for region in patches::square_views(width, height) {
            let square = patches::squash(picture, region, side);
            let planes = patches::planes(&square, Normalization::SIGNED, Channels::Rgb);
            let Some(seen) = self.network.forward(planes, cancel)? else { return Ok(Vec::new()) };
            for (label, members, probability) in self.labels.summarise(&seen.probabilities, LEAST_PROBABILITY)
            {
                let area = active_area(&seen.activation(&members), seen.grid);
                let tag = Tag { label, probability, area: in_picture(area, region, (width, height)) };
                match tags.iter_mut().find(|known| known.label == tag.label) {
                    Some(known) if known.probability < tag.probability => *known = tag,
                    Some(_) => {}
                    None => tags.push(tag),
                }
            }
        }
        // Stable: families stay before members that are as likely.
        tags.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        tags.truncate(at_most);
        Ok(tags)
    }
}

/// The box around the strongest place and those joined to it whose activation is strong, in
/// fractions of the grid. Strong places elsewhere are other things, or chance.
fn active_area(map: &[f32], (rows, columns): (usize, usize)) -> Rect {
    let weakest = map.iter().copied().fold(f32::INFINITY, f32::min);
    let Some((seed, strongest)) = map.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Rect::WHOLE;
    };
    if strongest <= weakest {
        return Rect::WHOLE;
    }
    let floor = weakest + ACTIVE_SHARE * (strongest - weakest);
    let mut joined = vec![false; map.len()];
    let mut next = vec![seed];
    let mut area: Option<Rect> = None;
    while let Some(place) = next.pop() {
        if map[place] < floor || std::mem::replace(&mut joined[place], true) {
            continue;
        }
        let (row, column) = (place / columns, place % columns);
        let here = Rect {
            x0: column as f32 / columns as f32,
            y0: row as f32 / rows as f32,
            x1: (column + 1) as f32 / columns as f32,
            y1: (row + 1) as f32 / rows as f32,
        };
        area = Some(area.map_or(here, |area| area.union(here)));
        next.extend((column > 0).then(|| place - 1));
        next.extend((column + 1 < columns).then(|| place + 1));
        next.extend((row > 0).then(|| place - columns));
        next.extend((row + 1 < rows).then(|| place + columns));
    }
    area.unwrap_or(Rect::WHOLE)
}

/// From fractions of a part to fractions of the whole picture.
fn in_picture(area: Rect, region: Region, (width, height): (u32, u32)) -> Rect {
    let x = |fraction: f32| (region.x as f32 + fraction * region.width as f32) / width as f32;
    let y = |fraction: f32| (region.y as f32 + fraction * region.height as f32) / height as f32;
    Rect { x0: x(area.x0), y0: y(area.y0), x1: x(area.x1), y1: y(area.y1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_around_the_active_places_that_are_joined() {
        let mut map = vec![0.0; 16];
        map[5] = 1.0;
        map[6] = 0.9;
        map[15] = 0.8;
        assert_eq!(active_area(&map, (4, 4)), Rect { x0: 0.25, y0: 0.25, x1: 0.75, y1: 0.5 });
        assert_eq!(active_area(&[1.0; 4], (2, 2)), Rect::WHOLE, "nothing stands out");
    }

    #[test]
    fn a_part_of_a_picture_keeps_its_place() {
        let region = Region { x: 100, y: 0, width: 200, height: 200 };
        let whole = in_picture(Rect::WHOLE, region, (400, 200));
        assert_eq!(whole, Rect { x0: 0.25, y0: 0.0, x1: 0.75, y1: 1.0 });
    }
}
