//! Decoded frames → RGB at the size that is wanted.

use ff::format::Pixel;
use ff::software::scaling;
use ffmpeg_next as ff;
use image::RgbImage;

/// Converts frames to RGB at a size; keeps its tables while nothing changes.
#[derive(Default)]
pub(super) struct Scaler {
    context: Option<(scaling::Context, (Pixel, u32, u32))>,
    rgb: Option<ff::frame::Video>,
}

impl Scaler {
    pub(super) fn run(
        &mut self,
        frame: &ff::frame::Video,
        width: u32,
        height: u32,
    ) -> Result<RgbImage, ff::Error> {
        let from = (frame.format(), frame.width(), frame.height());
        let fits =
            |context: &scaling::Context| (context.output().width, context.output().height) == (width, height);
        if !self.context.as_ref().is_some_and(|(context, now)| *now == from && fits(context)) {
            let flags = scaling::Flags::AREA | scaling::Flags::ACCURATE_RND;
            let context = scaling::Context::get(from.0, from.1, from.2, Pixel::RGB24, width, height, flags)?;
            self.context = Some((context, from));
            self.rgb = None;
        }
        let Some((context, _)) = &mut self.context else { return Err(ff::Error::Bug) };
        let rgb = self.rgb.get_or_insert_with(ff::frame::Video::empty);
        context.run(frame, rgb)?;
        let (stride, row) = (rgb.stride(0), width as usize * 3);
        let rows = rgb.data(0).chunks(stride.max(1)).take(height as usize);
        let pixels: Vec<u8> = rows.flat_map(|line| line.iter().take(row).copied()).collect();
        RgbImage::from_raw(width, height, pixels).ok_or(ff::Error::Bug)
    }
}

/// The size of a frame whose pixels are not square, stretched so that they are.
pub(super) fn square_pixels(width: u32, height: u32, aspect: ff::Rational) -> (u32, u32) {
    let (num, den) = (aspect.numerator(), aspect.denominator());
    let ratio = f64::from(num) / f64::from(den);
    if num <= 0 || den <= 0 || !(0.1..=10.0).contains(&ratio) {
        return (width, height);
    }
    ((f64::from(width) * ratio).round().max(1.0) as u32, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretched_pixels_are_made_square() {
        assert_eq!(square_pixels(720, 576, ff::Rational::new(16, 15)), (768, 576));
        assert_eq!(square_pixels(640, 480, ff::Rational::new(0, 1)), (640, 480));
        assert_eq!(square_pixels(640, 480, ff::Rational::new(1_000_000, 1)), (640, 480));
    }
}
