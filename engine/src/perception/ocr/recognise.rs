//! What a box says: the strip is straightened, read, and decoded by CTC (Graves et al., 2006).

use std::path::Path;

use image::{Rgb, RgbImage};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use super::detect::Quad;
use super::{TextLine, load_network};
use crate::error::{Error, Result};
use crate::features::patches::{Channels, Normalization, planes};
use crate::sequence::Rect;

/// Height of a strip in pixels.
const STRIP_HEIGHT: u32 = 48;
/// A strip is at least as wide as this, like in training, and no wider than this.
const STRIP_WIDTH: std::ops::RangeInclusive<u32> = 96..=3200;

pub(super) struct Recogniser {
    network: rten::Model,
    /// Class i + 1 is entry i; class 0 is the CTC blank.
    alphabet: Vec<String>,
}

impl Recogniser {
    pub(super) fn load(network: &Path, dictionary: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(dictionary).map_err(|e| Error::io("reading", dictionary, e))?;
        let mut alphabet: Vec<String> = text.lines().map(str::to_owned).collect();
        alphabet.push(" ".into());
        Ok(Self { network: load_network(network)?, alphabet })
    }

    /// `None` when the box holds no characters.
    pub(super) fn read(&self, picture: &RgbImage, quad: &Quad) -> Result<Option<TextLine>> {
        let strip = straighten(picture, quad);
        let width = strip.width() as usize;
        let input = planes(&strip, Normalization::SIGNED, Channels::Bgr);
        let input = NdTensor::from_data([1, 3, STRIP_HEIGHT as usize, width], input);
        let failed = |reason: String| Error::Inference { doing: "reading text in a picture", reason };
        let output = self.network.run_one(input.view().into(), None).map_err(|e| failed(e.to_string()))?;
        let scores: NdTensor<f32, 3> =
            output.try_into().map_err(|_| failed("the output is not a sequence".into()))?;
        let decoded = decode(scores.slice(0), &self.alphabet);
        Ok(line(decoded, quad, picture.dimensions()))
    }
}

/// A character, how sure it is, and where along the strip it stands (0 to 1).
#[derive(Debug, PartialEq)]
struct Character<'a> {
    text: &'a str,
    probability: f32,
    at: f32,
}

/// Greedy CTC: the best class of each step, repeats joined, blanks dropped.
///
/// # Shapes
/// - `scores`: `[n_steps, n_classes]`, probabilities
fn decode<'a>(scores: NdTensorView<f32, 2>, alphabet: &'a [String]) -> Vec<Character<'a>> {
    let [n_steps, n_classes] = scores.shape();
    let mut characters = Vec::new();
    let mut last = 0;
    for step in 0..n_steps {
        let mut best = 0;
        for class in 1..n_classes {
            if scores[[step, class]] > scores[[step, best]] {
                best = class;
            }
        }
        if best != 0
            && best != last
            && let Some(text) = alphabet.get(best - 1)
        {
            let at = (step as f32 + 0.5) / n_steps as f32;
            characters.push(Character { text, probability: scores[[step, best]], at });
        }
        last = best;
    }
    characters
}

fn line(characters: Vec<Character>, quad: &Quad, size: (u32, u32)) -> Option<TextLine> {
    let text: String = characters.iter().map(|character| character.text).collect();
    if text.trim().is_empty() {
        return None;
    }
    // Spaces are read with certainty in noise as well.
    let seen = || characters.iter().filter(|character| !character.text.trim().is_empty());
    let confidence = seen().map(|character| character.probability).sum::<f32>() / seen().count() as f32;
    let mut words = Vec::new();
    let mut byte = 0;
    let mut open: Option<(usize, f32, f32)> = None;
    for character in &characters {
        let end = byte + character.text.len();
        if character.text.trim().is_empty() {
            words.extend(open.take().map(|(start, from, to)| (start..byte, part(quad, from, to, size))));
        } else {
            let (start, from, _) = open.unwrap_or((byte, character.at, character.at));
            open = Some((start, from, character.at));
        }
        byte = end;
    }
    words.extend(open.map(|(start, from, to)| (start..byte, part(quad, from, to, size))));
    Some(TextLine { text, area: part(quad, 0.0, 1.0, size), confidence, words })
}

/// The upright box around a part of the strip, in fractions of the picture. CTC tells the middle of
/// a character, so a part grows by half a character's usual width at both ends.
fn part(quad: &Quad, from: f32, to: f32, (width, height): (u32, u32)) -> Rect {
    let [top_left, top_right, bottom_right, bottom_left] = *quad;
    let length = (top_right.0 - top_left.0).hypot(top_right.1 - top_left.1).max(1.0);
    let high = (bottom_left.0 - top_left.0).hypot(bottom_left.1 - top_left.1);
    let half_character = 0.3 * high / length;
    let (from, to) = ((from - half_character).max(0.0), (to + half_character).min(1.0));
    let mix = |a: (f32, f32), b: (f32, f32), t: f32| (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t);
    let corners = [
        mix(top_left, top_right, from),
        mix(top_left, top_right, to),
        mix(bottom_left, bottom_right, from),
        mix(bottom_left, bottom_right, to),
    ];
    let x = corners.map(|corner| (corner.0 / width as f32).clamp(0.0, 1.0));
    let y = corners.map(|corner| (corner.1 / height as f32).clamp(0.0, 1.0));
    Rect {
        x0: x.into_iter().fold(1.0, f32::min),
        y0: y.into_iter().fold(1.0, f32::min),
        x1: x.into_iter().fold(0.0, f32::max),
        y1: y.into_iter().fold(0.0, f32::max),
    }
}

/// Samples the box as a level strip of the network's height.
fn straighten(picture: &RgbImage, quad: &Quad) -> RgbImage {
    let [top_left, top_right, bottom_right, bottom_left] = *quad;
    let length = |a: (f32, f32), b: (f32, f32)| (b.0 - a.0).hypot(b.1 - a.1);
    let wide = length(top_left, top_right).max(length(bottom_left, bottom_right));
    let high = length(top_left, bottom_left).max(length(top_right, bottom_right)).max(1.0);
    let width = (wide / high * STRIP_HEIGHT as f32).round() as u32;
    let width = width.clamp(*STRIP_WIDTH.start() / 4, *STRIP_WIDTH.end());
    // Shrinking needs the mean of the pixels under each sample.
    let samples = (high / STRIP_HEIGHT as f32).ceil().clamp(1.0, 4.0) as u32;
    let read = |x: u32, y: u32| {
        let mut sum = [0f32; 3];
        for sy in 0..samples {
            for sx in 0..samples {
                let u = (x as f32 + (sx as f32 + 0.5) / samples as f32) / width as f32;
                let v = (y as f32 + (sy as f32 + 0.5) / samples as f32) / STRIP_HEIGHT as f32;
                let top = (
                    top_left.0 + (top_right.0 - top_left.0) * u,
                    top_left.1 + (top_right.1 - top_left.1) * u,
                );
                let bottom = (
                    bottom_left.0 + (bottom_right.0 - bottom_left.0) * u,
                    bottom_left.1 + (bottom_right.1 - bottom_left.1) * u,
                );
                let at = (top.0 + (bottom.0 - top.0) * v - 0.5, top.1 + (bottom.1 - top.1) * v - 0.5);
                for (sum, value) in sum.iter_mut().zip(bilinear(picture, at)) {
                    *sum += value;
                }
            }
        }
        Rgb(sum.map(|sum| (sum / (samples * samples) as f32).round() as u8))
    };
    let strip = RgbImage::from_fn(width, STRIP_HEIGHT, read);
    if width >= *STRIP_WIDTH.start() {
        return strip;
    }
    // Short words get an even margin on the right.
    let mut padded = RgbImage::from_pixel(*STRIP_WIDTH.start(), STRIP_HEIGHT, Rgb([127; 3]));
    image::imageops::replace(&mut padded, &strip, 0, 0);
    padded
}

fn bilinear(picture: &RgbImage, (x, y): (f32, f32)) -> [f32; 3] {
    let (x, y) = (x.clamp(0.0, picture.width() as f32 - 1.0), y.clamp(0.0, picture.height() as f32 - 1.0));
    let (x0, y0) = (x as u32, y as u32);
    let (x1, y1) = ((x0 + 1).min(picture.width() - 1), (y0 + 1).min(picture.height() - 1));
    let (u, v) = (x - x0 as f32, y - y0 as f32);
    let pixel = |x, y| picture.get_pixel(x, y).0.map(f32::from);
    let (a, b, c, d) = (pixel(x0, y0), pixel(x1, y0), pixel(x0, y1), pixel(x1, y1));
    std::array::from_fn(|i| (a[i] * (1.0 - u) + b[i] * u) * (1.0 - v) + (c[i] * (1.0 - u) + d[i] * u) * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctc_joins_repeats_and_keeps_doubles_across_a_blank() {
        let alphabet: Vec<String> = ["a", "b"].map(String::from).to_vec();
        let best = [0, 1, 1, 0, 1, 2, 2, 0];
        let mut scores = NdTensor::zeros([best.len(), 3]);
        for (step, class) in best.into_iter().enumerate() {
            scores[[step, class]] = 0.9;
        }
        let text: String = decode(scores.view(), &alphabet).iter().map(|character| character.text).collect();
        assert_eq!(text, "aab");
    }

    #[test]
    fn words_stand_side_by_side_along_the_strip() {
        let character = |text, at| Character { text, probability: 1.0, at };
        let characters =
            vec![character("h", 0.1), character("i", 0.2), character(" ", 0.5), character("y", 0.8)];
        let quad = [(0.0, 0.0), (100.0, 0.0), (100.0, 10.0), (0.0, 10.0)];
        let line = line(characters, &quad, (100, 20)).unwrap();
        assert_eq!(line.text, "hi y");
        assert_eq!(line.area, Rect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 0.5 });
        let [(first, left), (second, right)] = &line.words[..] else { panic!("{:?}", line.words) };
        assert_eq!((first.clone(), second.clone()), (0..2, 3..4));
        assert!(left.x1 < right.x0 && left.x0 < 0.1 && right.x1 > 0.8, "{left:?} {right:?}");
    }

    #[test]
    fn spaces_add_no_confidence() {
        let character = |text, probability| Character { text, probability, at: 0.5 };
        let noise = vec![character("e", 0.5), character(" ", 1.0), character(" ", 1.0), character("n", 0.7)];
        let quad = [(0.0, 0.0), (100.0, 0.0), (100.0, 10.0), (0.0, 10.0)];
        assert!((line(noise, &quad, (100, 20)).unwrap().confidence - 0.6).abs() < 1e-6);
        assert_eq!(line(vec![character(" ", 1.0)], &quad, (100, 20)), None);
    }

    #[test]
    fn a_turned_box_is_straightened() {
        // Red above blue, seen through a box that is turned by a quarter.
        let picture =
            RgbImage::from_fn(40, 80, |x, _| if x < 20 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let quad = [(0.0, 80.0), (0.0, 0.0), (40.0, 0.0), (40.0, 80.0)];
        let strip = straighten(&picture, &quad);
        assert_eq!(strip.dimensions(), (96, 48));
        assert_eq!(strip.get_pixel(40, 5).0, [255, 0, 0]);
        assert_eq!(strip.get_pixel(40, 42).0, [0, 0, 255]);
    }
}
