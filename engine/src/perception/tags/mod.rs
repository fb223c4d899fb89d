//! What is in a picture, and where: EfficientNet-Lite2 with class activation maps.
//!
//! The network ends in an average over places and one linear layer, so the same layer applied to
//! each place tells where a class is seen (Zhou et al., Learning Deep Features for Discriminative
//! Localization, 2016).

mod labels;

mod network;

use candle_core::{Device, Tensor};
use image::RgbImage;

use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::patches::{self, Channels, Normalization};
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
const LEAST_PROBABILITY: f32 = 0.12;

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
        let side = self.network.config().side;
        let square = patches::center_crop(picture, side as u32);
        let planes = patches::planes(&square, Normalization::SIGNED, Channels::Rgb);
        let x = Tensor::from_vec(planes, (3, side, side), &Device::Cpu).doing("preparing a picture")?;
        let Some(seen) = self.network.forward(&x, cancel)? else { return Ok(Vec::new()) };
        let mut tags = Vec::new();
        for (label, members, probability) in self.labels.summarise(&seen.probabilities, LEAST_PROBABILITY) {
            let area = active_area(&seen.activation(&members), seen.grid);
            tags.push(Tag { label, probability, area: in_picture(area, picture.dimensions()) });
            if tags.len() == at_most {
                break;
            }
        }
        Ok(tags)
    }
}

/// The box around the places whose activation is strong, in fractions of the grid.
fn active_area(map: &[f32], (rows, columns): (usize, usize)) -> Rect {
    let strongest = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weakest = map.iter().copied().fold(f32::INFINITY, f32::min);
    if strongest <= weakest {
        return Rect::WHOLE;
    }
    let floor = weakest + ACTIVE_SHARE * (strongest - weakest);
    let places = map.iter().enumerate().filter(|(_, value)| **value >= floor).map(|(i, _)| {
        let (row, column) = ((i / columns) as f32, (i % columns) as f32);
        Rect {
            x0: column / columns as f32,
            y0: row / rows as f32,
            x1: (column + 1.0) / columns as f32,
            y1: (row + 1.0) / rows as f32,
        }
    });
    places.reduce(Rect::union).unwrap_or(Rect::WHOLE)
}

/// From fractions of the middle square to fractions of the whole picture.
fn in_picture(area: Rect, (width, height): (u32, u32)) -> Rect {
    let (width, height) = (width as f32, height as f32);
    let side = width.min(height);
    let x = |fraction: f32| ((width - side) / 2.0 + fraction * side) / width;
    let y = |fraction: f32| ((height - side) / 2.0 + fraction * side) / height;
    Rect { x0: x(area.x0), y0: y(area.y0), x1: x(area.x1), y1: y(area.y1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_around_the_active_places() {
        let mut map = vec![0.0; 16];
        map[5] = 1.0;
        map[6] = 0.9;
        map[15] = 0.1;
        assert_eq!(active_area(&map, (4, 4)), Rect { x0: 0.25, y0: 0.25, x1: 0.75, y1: 0.5 });
        assert_eq!(active_area(&[1.0; 4], (2, 2)), Rect::WHOLE, "nothing stands out");
    }

    #[test]
    fn a_square_of_a_wide_picture_lies_in_its_middle() {
        let whole = in_picture(Rect::WHOLE, (400, 200));
        assert_eq!(whole, Rect { x0: 0.25, y0: 0.0, x1: 0.75, y1: 1.0 });
    }
}
