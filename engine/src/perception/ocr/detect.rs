//! Where text stands: a probability map, its connected parts, a rotated box around each.

use std::path::Path;

use image::RgbImage;
use image::imageops::{self, FilterType};
use rten_imageproc::{Point, PointF, RetrievalMode, RotatedRect, find_contours, min_area_rect};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use super::load_network;
use crate::error::{Error, Result};
use crate::features::patches::{Channels, Normalization, planes};

/// Longest side that is given to the network, in pixels; from twice this on, pictures are scanned
/// pages or large screens with small print and get more, up to the second limit.
const LONGEST_SIDE: u32 = 1280;
const LONGEST_SIDE_OF_LARGE: u32 = 1920;
/// Small pictures are enlarged to this, so that small print can be found.
const SHORTEST_LONG_SIDE: u32 = 640;
/// The network halves the sides five times.
const MULTIPLE: u32 = 32;
/// Places of at least this probability belong to text.
const TEXT_FROM: f32 = 0.3;
/// Boxes whose mean probability is lower are dropped.
const BOX_FROM: f32 = 0.6;
/// The network is trained on shrunken text; boxes grow back by area × ratio / perimeter.
const UNCLIP_RATIO: f32 = 1.6;
/// Boxes with a shorter side, in pixels of the map, are dropped.
const SHORTEST_SIDE: f32 = 3.0;

/// A rotated box in pixels of the picture: top left, top right, bottom right, bottom left.
pub(super) type Quad = [(f32, f32); 4];

pub(super) struct Detector(rten::Model);

impl Detector {
    pub(super) fn load(path: &Path) -> Result<Self> {
        load_network(path).map(Self)
    }

    /// Boxes around lines of text, in no order; `most_px` bounds the longest side that is given to the network.
    pub(super) fn find(&self, picture: &RgbImage, most_px: u32) -> Result<Vec<Quad>> {
        let (width, height) = picture.dimensions();
        if width < 4 || height < 4 {
            return Ok(Vec::new());
        }
        let longest = width.max(height);
        let limit = (longest / 2).clamp(LONGEST_SIDE, LONGEST_SIDE_OF_LARGE).min(most_px);
        let scale = longest.clamp(SHORTEST_LONG_SIDE.min(limit), limit) as f32 / longest as f32;
        let side = |n: u32| (((n as f32 * scale) / MULTIPLE as f32).round() as u32).max(1) * MULTIPLE;
        let (map_width, map_height) = (side(width), side(height));
        let scaled = imageops::resize(picture, map_width, map_height, FilterType::Triangle);
        let input = planes(&scaled, Normalization::IMAGENET, Channels::Bgr);
        let input = NdTensor::from_data([1, 3, map_height as usize, map_width as usize], input);
        let failed = |reason: String| Error::Inference { doing: "finding text in a picture", reason };
        let output = self.0.run_one(input.view().into(), None).map_err(|e| failed(e.to_string()))?;
        let map: NdTensor<f32, 4> =
            output.try_into().map_err(|_| failed("the output is not a map".into()))?;
        let scale = (width as f32 / map_width as f32, height as f32 / map_height as f32);
        Ok(boxes(map.slice((0, 0)))
            .into_iter()
            .map(|quad| quad.map(|(x, y)| (x * scale.0, y * scale.1)))
            .collect())
    }
}

/// Boxes in a probability map, in its pixels.
fn boxes(map: NdTensorView<f32, 2>) -> Vec<Quad> {
    let mask = map.map(|probability| *probability > TEXT_FROM);
    let contours = find_contours(mask.view(), RetrievalMode::External);
    contours
        .iter()
        .filter_map(|contour| {
            let points: Vec<PointF> =
                contour.iter().map(|point| Point::from_yx(point.y as f32, point.x as f32)).collect();
            let tight = min_area_rect(&points)?;
            if tight.width().min(tight.height()) < SHORTEST_SIDE || mean_inside(&map, &tight) < BOX_FROM {
                return None;
            }
            let (w, h) = (tight.width() + 1.0, tight.height() + 1.0);
            let grow = w * h * UNCLIP_RATIO / (2.0 * (w + h));
            Some(upright(&tight.expanded(2.0 * grow, 2.0 * grow)))
        })
        .collect()
}

fn mean_inside(map: &NdTensorView<f32, 2>, rect: &RotatedRect) -> f32 {
    let corners = rect.corners();
    let [rows, columns] = map.shape();
    let range = |values: [f32; 4], end: usize| {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min).floor().max(0.0) as usize;
        let high = values.iter().copied().fold(0.0, f32::max).ceil() as usize;
        low..(high + 1).min(end)
    };
    let (mut sum, mut count) = (0.0, 0);
    for y in range(corners.map(|c| c.y), rows) {
        for x in range(corners.map(|c| c.x), columns) {
            if rect.contains(Point::from_yx(y as f32, x as f32)) {
                sum += map[[y, x]];
                count += 1;
            }
        }
    }
    if count == 0 { 0.0 } else { sum / count as f32 }
}

/// The corners so that the text runs from the first to the second: along the longer side, or along
/// the more level one when the box is nearly square; rightwards, and upwards when it stands.
fn upright(rect: &RotatedRect) -> Quad {
    const NEARLY_SQUARE: f32 = 1.5;
    const STEEP: f32 = 2.0;
    let [a, b, c, d] = rect.corners().map(|corner| (corner.x, corner.y));
    let edge = |from: (f32, f32), to: (f32, f32)| (to.0 - from.0, to.1 - from.1);
    let (one, other) = (edge(a, b), edge(b, c));
    let length = |(x, y): (f32, f32)| x.hypot(y);
    let ratio = length(one).max(length(other)) / length(one).min(length(other)).max(1e-3);
    let take_one =
        if ratio < NEARLY_SQUARE { one.0.abs() >= other.0.abs() } else { length(one) >= length(other) };
    let (mut along, across) = if take_one { (one, other) } else { (other, one) };
    let stands = along.1.abs() > STEEP * along.0.abs();
    if if stands { along.1 > 0.0 } else { along.0 < 0.0 } {
        along = (-along.0, -along.1);
    }
    // Down is a quarter turn clockwise from the direction of the text; y grows downwards.
    let scale = length(across) / length(along).max(1e-3);
    let down = (-along.1 * scale, along.0 * scale);
    let middle = ((a.0 + c.0) / 2.0, (a.1 + c.1) / 2.0);
    debug_assert!((middle.0 - (b.0 + d.0) / 2.0).abs() < 1.0);
    let corner = |u: f32, v: f32| (middle.0 + u * along.0 + v * down.0, middle.1 + u * along.1 + v * down.1);
    [corner(-0.5, -0.5), corner(0.5, -0.5), corner(0.5, 0.5), corner(-0.5, 0.5)]
}

#[cfg(test)]
mod tests {
    use rten_imageproc::Vec2;

    use super::*;

    fn map_with(boxes: &[(usize, usize, usize, usize, f32)]) -> NdTensor<f32, 2> {
        let mut map = NdTensor::zeros([64, 128]);
        for (x0, y0, x1, y1, value) in boxes {
            for y in *y0..*y1 {
                for x in *x0..*x1 {
                    map[[y, x]] = *value;
                }
            }
        }
        map
    }

    #[test]
    fn each_part_of_the_map_gives_a_larger_box_around_it() {
        let map = map_with(&[(10, 10, 90, 18, 0.9), (20, 40, 60, 50, 0.95)]);
        let mut found = boxes(map.view());
        found.sort_by(|a, b| a[0].1.total_cmp(&b[0].1));
        assert_eq!(found.len(), 2);
        let [top_left, _, bottom_right, _] = found[0];
        assert!(top_left.0 < 10.0 && top_left.1 < 10.0, "{found:?}");
        assert!(bottom_right.0 > 90.0 && bottom_right.1 > 18.0, "{found:?}");
        assert!(top_left.0 > 0.0 && bottom_right.1 < 30.0, "{found:?}");
    }

    #[test]
    fn a_tilted_line_runs_along_its_longer_side() {
        // Text that falls to the right by a third: direction (3, 1).
        let rect = RotatedRect::new(Point::from_yx(50.0, 50.0), Vec2::from_yx(-3.0, 1.0), 60.0, 10.0);
        let [top_left, top_right, _, bottom_left] = upright(&rect);
        assert!(top_left.0 < top_right.0 && top_left.1 < top_right.1, "{top_left:?} {top_right:?}");
        assert!(bottom_left.1 > top_left.1 && bottom_left.0 < top_left.0, "{bottom_left:?}");
        let length = (top_right.0 - top_left.0).hypot(top_right.1 - top_left.1);
        assert!((length - 60.0).abs() < 0.1, "{length}");
    }

    #[test]
    fn faint_and_tiny_parts_are_dropped() {
        let map = map_with(&[(10, 10, 90, 18, 0.4), (20, 40, 22, 42, 0.99)]);
        assert_eq!(boxes(map.view()), Vec::<Quad>::new());
    }
}
