//! What the pane that shows a file asks for: pictures, frames, small frames along the time, parts.

use std::path::{Path, PathBuf};

use engine::media::{self, FrameStep, Media, Opener};
use engine::{Cancel, Rect};
use image::{RgbImage, imageops};

use super::media_thread::{VIEW_PX, picture};
use super::{Events, JobEvent, JobId};
use crate::platform::clipboard;
use crate::state::{ConversationId, ExchangeId, Load, Picture, file_name};

/// Longest side of the picture for a mark in an answer, in pixels.
const PREVIEW_PX: u32 = 640;

/// Longest side of a small frame, in pixels.
const THUMBNAIL_PX: u32 = 160;

/// Small frames of a video; as many as a wide pane has room for.
pub(crate) const THUMBNAILS: usize = 12;

/// What is told about a file that is looked at.
#[derive(Debug)]
pub enum MediaNews {
    /// The picture, and its width and height in the file.
    Still(Load<Picture>, Option<[usize; 2]>),
    /// The neighbour of a frame, with its second; none at the first and the last one.
    Stepped(Result<Option<(f64, Picture)>, String>),
    /// The picture for a mark in an answer.
    Preview((ExchangeId, usize), Load<Picture>),
    /// Length of a video in seconds, as far as it is known.
    Length(Option<f64>),
    /// A small frame of the video, with its second.
    Thumbnail(f64, Picture),
    /// There are no more.
    ThumbnailsEnd,
    /// A frame of the video that plays, with its second.
    Frame(f64, Picture),
    /// The video plays on without sound, and why.
    Silent(String),
    /// A part of a picture was saved as a picture, or why it was not.
    Cropped(Result<PathBuf, String>),
    /// What was pasted, or captured from the screen, as files for this conversation, or why there is nothing.
    Pasted(Option<ConversationId>, Result<Vec<PathBuf>, String>),
}

/// The picture of a file with its true size.
pub(super) fn still(opener: &Opener, path: &Path, longest_px: u32, cancel: &Cancel) -> MediaNews {
    match opener.open(path, cancel) {
        Ok(Media::Picture(found)) => {
            let full_px = [found.pixels.width() as usize, found.pixels.height() as usize];
            let shown = media::shrink(found.pixels, longest_px);
            MediaNews::Still(Load::Ready(picture(shown)), Some(full_px))
        }
        Ok(_) => MediaNews::Still(Load::None, None),
        Err(error) => MediaNews::Still(Load::Failed(error.to_string()), None),
    }
}

/// The frame before or after.
pub(super) fn beside(path: &Path, time_s: f64, step: FrameStep) -> MediaNews {
    let found = media::frame_beside(path, time_s, step, VIEW_PX).map_err(|error| error.to_string());
    MediaNews::Stepped(found.map(|found| found.map(|(at_s, image)| (at_s, picture(image)))))
}

/// The picture or frame that evidence is from.
pub(super) fn preview(
    of: (ExchangeId, usize),
    opener: &Opener,
    path: &Path,
    time_s: Option<f64>,
    cancel: &Cancel,
) -> MediaNews {
    let image = pixels(opener, path, time_s, PREVIEW_PX, cancel);
    MediaNews::Preview(of, image.map_or_else(Load::Failed, |image| Load::Ready(picture(image))))
}

fn pixels(
    opener: &Opener,
    path: &Path,
    time_s: Option<f64>,
    longest_px: u32,
    cancel: &Cancel,
) -> Result<RgbImage, String> {
    match opener.open(path, cancel).map_err(|error| error.to_string())? {
        Media::Picture(found) => Ok(media::shrink(found.pixels, longest_px)),
        Media::Video(mut video) => {
            video.frame_at(time_s.unwrap_or(0.0), longest_px).map_err(|error| error.to_string())
        }
        Media::Sound(_) | Media::Document(_) => {
            Err(format!("{}: there is no picture in this file to take a part of", path.display()))
        }
    }
}

/// Sends small frames of a video at equal distances, each when it is there.
pub(crate) fn thumbnails(job: JobId, opener: &Opener, path: &Path, cancel: &Cancel, events: &Events) {
    let send = |news| events.send(job, JobEvent::Media(news));
    if let Ok(Media::Video(mut video)) = opener.open(path, cancel) {
        let duration_s = video.duration_s();
        let mut goes_on = send(MediaNews::Length(duration_s));
        let step_s = duration_s.unwrap_or(0.0) / THUMBNAILS as f64;
        for i in 0..THUMBNAILS {
            if cancel.is_cancelled() || !goes_on || (i > 0 && step_s <= 0.0) {
                break;
            }
            // The middle of its stretch says more of it than its edge.
            let time_s = (i as f64 + 0.5) * step_s;
            let Ok(image) = video.frame_at(time_s, THUMBNAIL_PX) else { break };
            goes_on = send(MediaNews::Thumbnail(time_s, picture(image)));
        }
    }
    send(MediaNews::ThumbnailsEnd);
}

/// A part of a picture or frame that becomes a picture of its own.
#[derive(Debug)]
pub struct CropJob {
    /// The file.
    pub path: PathBuf,
    /// The second of a video.
    pub time_s: Option<f64>,
    /// Which part.
    pub area: Rect,
    /// The data folder.
    pub folder: PathBuf,
    /// Seconds since 1970, for its name.
    pub now_s: f64,
}

impl CropJob {
    pub(super) fn run(self, opener: &Opener, cancel: &Cancel) -> MediaNews {
        let saved = pixels(opener, &self.path, self.time_s, u32::MAX, cancel).and_then(|image| {
            let part = part_of(&image, self.area);
            let name = file_name(&self.path);
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            clipboard::save_part(&self.folder, stem, &part, self.now_s).map_err(|error| format!("{error:#}"))
        });
        MediaNews::Cropped(saved)
    }
}

/// The pixels of a part; at least one.
fn part_of(image: &RgbImage, area: Rect) -> RgbImage {
    let (width, height) = image.dimensions();
    let edge = |share: f32, side: u32| (share.clamp(0.0, 1.0) * side as f32).round() as u32;
    let (x0, y0) = (edge(area.x0, width).min(width - 1), edge(area.y0, height).min(height - 1));
    let (x1, y1) = (edge(area.x1, width).max(x0 + 1), edge(area.y1, height).max(y0 + 1));
    imageops::crop_imm(image, x0, y0, x1 - x0, y1 - y0).to_image()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_pixels_of_its_place_and_never_none() {
        let image = RgbImage::from_fn(10, 20, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let part = part_of(&image, Rect { x0: 0.2, y0: 0.5, x1: 0.5, y1: 1.0 });
        assert_eq!(part.dimensions(), (3, 10));
        assert_eq!(part.get_pixel(0, 0).0, [2, 10, 0]);
        for nothing in
            [Rect { x0: 1.0, y0: 1.0, x1: 1.0, y1: 1.0 }, Rect { x0: f32::NAN, y0: 0.9, x1: 0.1, y1: 0.2 }]
        {
            assert!(part_of(&image, nothing).width() >= 1);
        }
    }
}
