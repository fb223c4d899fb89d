//! Pictures: decode within limits, turn upright, flatten onto white.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use image::error::LimitErrorKind;
use image::imageops;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

use super::{Limits, guard};
use crate::error::{Error, MediaProblem, Result};

/// A decoded picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Upright (EXIF orientation applied), transparent parts on white.
    pub pixels: RgbImage,
    /// What was left out: "animated: only its first frame is used".
    pub notices: Vec<String>,
}

/// Bytes a decoder may need per pixel: 16-bit RGBA and a working copy.
const BYTES_PER_PIXEL: u64 = 24;

/// Decodes a picture.
pub(super) fn read(path: &Path, file: File, format: ImageFormat, limits: &Limits) -> Result<Picture> {
    let pixels = guard::catch(path, || decode(path, &file, format, limits))??;
    let animated = guard::catch(path, || is_animated(&file, format))?;
    let notices = match animated {
        true => vec!["the picture is animated: only its first frame is used".to_owned()],
        false => Vec::new(),
    };
    Ok(Picture { pixels, notices })
}

fn decode(path: &Path, file: &File, format: ImageFormat, limits: &Limits) -> Result<RgbImage> {
    let failed = |error: ImageError| match error {
        ImageError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            match source.get_ref() {
                // Decoders wrap their own findings in an I/O error.
                Some(inner) => guard::damaged(path, inner.to_string()),
                None => guard::read_error(path, source),
            }
        }
        ImageError::IoError(_) => guard::damaged(path, "it ends too early"),
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => Error::media(
                path,
                guard::too_large(
                    "the picture",
                    "more than its decoder may hold in memory".into(),
                    format!("{} megapixels", limits.pixels / 1_000_000),
                ),
            ),
            _ => guard::damaged(path, limit.to_string()),
        },
        ImageError::Unsupported(what) => {
            Error::media(path, MediaProblem::UnknownKind { hint: Some(what.to_string()) })
        }
        other => guard::damaged(path, other.to_string()),
    };
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut allowed = image::Limits::default();
    // A decoder that finds its picture larger than this refuses before it takes memory; the exact
    // number of pixels is checked below, with a better message.
    allowed.max_alloc = Some(limits.pixels.saturating_mul(BYTES_PER_PIXEL).max(64 << 20));
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    guard::check_pixels(path, width, height, limits)?;
    // A picture without a readable orientation is taken as it is.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(failed)?;
    decoded.apply_orientation(orientation);
    Ok(flatten(decoded))
}

/// To RGB; what shows through transparency is white, as on paper.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0.map(u16::from);
        let over = |c: u16| ((c * a + 255 * (255 - a) + 127) / 255) as u8;
        image::Rgb([over(r), over(g), over(b)])
    })
}

/// Whether a GIF, PNG or WebP holds more than one frame; decodes none of them.
fn is_animated(mut file: &File, format: ImageFormat) -> bool {
    use image::codecs::{png::PngDecoder, webp::WebPDecoder};

    if file.rewind().is_err() {
        return false;
    }
    let mut reader = BufReader::new(file);
    match format {
        ImageFormat::Gif => gif_frames(&mut reader, 2).is_ok_and(|n| n == 2),
        ImageFormat::Png => PngDecoder::new(reader).is_ok_and(|d| d.is_apng().unwrap_or(false)),
        ImageFormat::WebP => WebPDecoder::new(reader).is_ok_and(|d| d.has_animation()),
        _ => false,
    }
}

/// Counts the frames of a GIF by walking over its blocks, up to `most`.
fn gif_frames(reader: &mut (impl Read + Seek), most: usize) -> std::io::Result<usize> {
    fn byte(reader: &mut impl Read) -> std::io::Result<u8> {
        let mut one = [0];
        reader.read_exact(&mut one)?;
        Ok(one[0])
    }
    // Bytes of a colour table, from the flags before it.
    fn table(flags: u8) -> i64 {
        if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
    }
    fn skip_blocks(reader: &mut (impl Read + Seek)) -> std::io::Result<()> {
        loop {
            match byte(reader)? {
                0 => return Ok(()),
                n => reader.seek_relative(i64::from(n))?,
            }
        }
    }
    let mut header = [0; 13];
    reader.read_exact(&mut header)?;
    reader.seek_relative(table(header[10]))?;
    let mut frames = 0;
    while frames < most {
        match byte(reader)? {
            // An extension: its label, then data blocks.
            0x21 => {
                byte(reader)?;
                skip_blocks(reader)?;
            }
            // A frame: place, colour table, code size, data blocks.
            0x2C => {
                let mut place = [0; 9];
                reader.read_exact(&mut place)?;
                reader.seek_relative(table(place[8]))?;
                byte(reader)?;
                skip_blocks(reader)?;
                frames += 1;
            }
            _ => break,
        }
    }
    Ok(frames)
}

/// Scales down so that the longest side is at most `longest_side_px`; never up.
pub(super) fn shrink(pixels: RgbImage, longest_side_px: u32) -> RgbImage {
    let (width, height) = fit(pixels.width(), pixels.height(), longest_side_px);
    if (width, height) == pixels.dimensions() {
        return pixels;
    }
    // `thumbnail` averages every source pixel: much faster than a filter on large pictures.
    imageops::thumbnail(&pixels, width, height)
}

/// The size of a picture that is scaled down to fit a square, keeping its shape, at least 1 × 1.
pub(super) fn fit(width: u32, height: u32, longest_side_px: u32) -> (u32, u32) {
    let longest = width.max(height).max(1);
    let target = longest_side_px.max(1);
    if longest <= target {
        return (width.max(1), height.max(1));
    }
    let scale = |side: u32| {
        let scaled = (u64::from(side) * u64::from(target) + u64::from(longest) / 2) / u64::from(longest);
        scaled.clamp(1, u64::from(target)) as u32
    };
    (scale(width), scale(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, Rgba, RgbaImage};
    use std::io::Cursor;

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn read_bytes(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Picture> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path(), file.reopen().unwrap(), format, limits)
    }

    /// A PNG header that claims a size, with no pixels behind it.
    fn png_header(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 2, 0, 0, 0]);
        let mut crc = !0u32;
        for byte in &header {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
        bytes.extend(header);
        bytes.extend((!crc).to_be_bytes());
        bytes.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
        bytes
    }

    #[test]
    fn a_png_of_40000_by_40000_is_refused_before_memory_is_taken() {
        let error =
            read_bytes(&png_header(40_000, 40_000), ImageFormat::Png, &Limits::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the picture is 40000 × 40000 pixels, the limit is 100 megapixels;"), "{text}");
    }

    #[test]
    fn a_cut_png_is_damaged() {
        let bytes = png(RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8, y as u8, 7])));
        let error = read_bytes(&bytes[..bytes.len() / 2], ImageFormat::Png, &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Damaged { .. }, .. }), "{error}");
    }

    #[test]
    fn every_format_keeps_its_size_and_a_lossless_one_its_colours() {
        let picture =
            RgbImage::from_fn(20, 10, |x, _| if x < 10 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) });
        use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
        for format in [Png, Bmp, Tiff, WebP, Gif, Jpeg] {
            let mut bytes = Cursor::new(Vec::new());
            DynamicImage::from(picture.clone()).write_to(&mut bytes, format).unwrap();
            let read = read_bytes(bytes.get_ref(), format, &Limits::default()).unwrap();
            assert_eq!(read.pixels.dimensions(), (20, 10), "{format:?}");
            assert!(read.notices.is_empty(), "{format:?}: {:?}", read.notices);
            if !matches!(format, Jpeg | Gif) {
                assert_eq!(read.pixels, picture, "{format:?}");
            }
        }
    }

    #[test]
    fn transparent_parts_are_white() {
        let picture = RgbaImage::from_fn(2, 1, |x, _| Rgba([0, 0, 0, if x == 0 { 0 } else { 255 }]));
        let read = read_bytes(&png(picture), ImageFormat::Png, &Limits::default()).unwrap();
        assert_eq!(read.pixels.get_pixel(0, 0).0, [255; 3]);
        assert_eq!(read.pixels.get_pixel(1, 0).0, [0; 3]);
    }

    #[test]
    fn exif_orientation_turns_a_jpeg_upright() {
        let mut jpeg = Cursor::new(Vec::new());
        RgbImage::from_pixel(30, 10, Rgb([90, 90, 90])).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        // An EXIF segment whose only entry is orientation 6: turn a quarter to the right.
        let tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut turned = jpeg.get_ref()[..2].to_vec();
        turned.extend([0xFF, 0xE1]);
        turned.extend((tiff.len() as u16 + 2).to_be_bytes());
        turned.extend(tiff);
        turned.extend(&jpeg.get_ref()[2..]);
        let read = read_bytes(&turned, ImageFormat::Jpeg, &Limits::default()).unwrap();
        assert_eq!(read.pixels.dimensions(), (10, 30));
    }

    #[test]
    fn an_animation_gives_its_first_frame_and_says_so() {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for shade in [10, 200] {
            let frame = RgbaImage::from_pixel(8, 8, Rgba([shade, shade, shade, 255]));
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
        drop(encoder);
        let read = read_bytes(&bytes, ImageFormat::Gif, &Limits::default()).unwrap();
        assert_eq!(read.pixels.get_pixel(0, 0).0, [10; 3]);
        assert_eq!(read.notices, ["the picture is animated: only its first frame is used"]);
    }

    #[test]
    fn shrinking_keeps_the_shape_and_never_enlarges() {
        assert_eq!(fit(4000, 3000, 1024), (1024, 768));
        assert_eq!(fit(10, 4000, 100), (1, 100));
        assert_eq!(fit(30, 20, 100), (30, 20));
        assert_eq!(shrink(RgbImage::new(400, 100), 40).dimensions(), (40, 10));
    }
}
