//! Video: one forward pass over a container that yields the frames worth looking at.

mod play;

mod scale;

mod turn;

mod watch;

use std::path::{Path, PathBuf};

use ff::format::context::Input;
use ffmpeg_next as ff;
use image::{RgbImage, imageops};

pub use self::play::{FrameStep, frame_beside};
use self::scale::{Scaler, square_pixels};
use self::turn::Rotation;
use self::watch::Watch;
use super::sound::SoundReader;
use super::{Limits, ffmpeg, guard, picture};
use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};
use crate::features::frames::{Choice, FramePicker, FramePlan, Signature};

/// Longest side of a frame that is handed on.
const LONGEST_SIDE_PX: u32 = 1024;

/// Steps between frames longer than this are jumped over instead of decoded.
const JUMP_S: f64 = 8.0;

/// A frame worth looking at.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Presentation time in seconds from the start.
    pub time_s: f64,
    /// Upright; neither side longer than 1,024.
    pub pixels: RgbImage,
    /// Whether the picture changed abruptly here: the first frame of a new scene.
    pub scene_change: bool,
    /// What it was chosen for.
    pub shows: Shows,
}

/// What a frame was chosen for; all but the first only after [`VideoReader::every_frame`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// What happens at its time.
    Scene,
    /// Text that may stay for some seconds.
    Text,
    /// Something that was there for an instant, as text.
    Glimpse,
}

/// Yields frames in the order of their time: one each second up to [`Limits::video_frames`] (longer
/// videos spread them evenly), and the first frame of new scenes, as
/// [`features::frames`](crate::features::frames) says. One pass, one decoded frame in memory.
/// After [`VideoReader::every_frame`] it looks for text as well; such frames come up to ten seconds late.
pub struct VideoReader {
    path: PathBuf,
    limits: Limits,
    cancel: Cancel,
    decoder: Box<Decoder>,
    picker: FramePicker,
    duration_s: Option<f64>,
    /// The frame that [`VideoReader::frame_at`] found last.
    held: Option<ff::frame::Video>,
    /// Looks for text on every frame.
    watch: Option<Watch>,
    notices: Vec<String>,
    ended: bool,
}

impl VideoReader {
    pub(super) fn open(path: &Path, input: Input, limits: &Limits, cancel: &Cancel) -> Result<Self> {
        let mut duration_s = ffmpeg::duration_s(&input);
        guard::check_duration(path, "the video", duration_s, limits.video_s)?;
        let mut decoder = Decoder::open(path, input, limits)?;
        if duration_s.is_none() {
            // As in recordings of a live stream. The plan needs a length: walk over the packets once.
            let again = ffmpeg::open(path, guard::reopen_file(path, limits)?, cancel)?;
            duration_s = ffmpeg::measured_duration_s(again, cancel);
            guard::check_duration(path, "the video", duration_s, limits.video_s)?;
        }
        let plan = FramePlan::new(duration_s, limits.video_frames);
        if plan.step_s > 1.0 {
            // Frames on which no other depends may be left out: a third to a half of the work.
            decoder.decoder.skip_frame(ff::Discard::NonReference);
        }
        Ok(Self {
            path: path.to_path_buf(),
            limits: limits.clone(),
            cancel: cancel.clone(),
            decoder: Box::new(decoder),
            picker: FramePicker::new(plan),
            duration_s,
            held: None,
            watch: None,
            notices: Vec::new(),
            ended: false,
        })
    }

    /// Decodes every frame, and yields those besides on which text may stand, however short it shows, as
    /// [`features::glimpses`](crate::features::glimpses) says. Takes as long as decoding does: minutes for hours.
    pub fn every_frame(mut self) -> Self {
        self.decoder.decoder.skip_frame(ff::Discard::Default);
        self.watch = Some(Watch::default());
        self
    }

    /// Seconds from one frame to the next; `None` where every frame is looked at.
    pub fn step_s(&self) -> Option<f64> {
        self.watch.is_none().then(|| self.picker.plan().step_s)
    }

    /// How far it is, and how much there is in all, 0 when unknown: frames at regular steps (scene changes come on top of
    /// them), or seconds where every frame is looked at.
    pub fn progress(&self) -> (u64, u64) {
        match &self.watch {
            Some(_) => {
                (self.decoder.last_s.unwrap_or(0.0) as u64, self.duration_s.unwrap_or(0.0).ceil() as u64)
            }
            None => (self.picker.regular_frames() as u64, self.picker.plan().regular as u64),
        }
    }

    /// Width and height as shown, upright.
    pub fn size(&self) -> (u32, u32) {
        self.decoder.shown_size()
    }

    /// Length in seconds as the file states it, else as measured; `None` when neither is possible.
    pub fn duration_s(&self) -> Option<f64> {
        self.duration_s
    }

    /// What was damaged, missing or left out; complete after the last frame.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The sound track, to be read on its own; `None` for a silent film.
    ///
    /// # Errors
    /// The inner result: the track cannot be decoded, or the file vanished meanwhile.
    pub fn sound(&self) -> Option<Result<SoundReader>> {
        if !ffmpeg::has_sound(&self.decoder.input) {
            return None;
        }
        // The limit of a video's sound is that of the video.
        let limits = Limits { sound_s: self.limits.video_s, ..self.limits.clone() };
        Some(guard::reopen_file(&self.path, &limits).and_then(|file| {
            let input = ffmpeg::open(&self.path, file, &self.cancel)?;
            SoundReader::from_container(&self.path, input, &limits, &self.cancel)
        }))
    }

    /// The first frame of the first seconds that is not all of one colour.
    pub(super) fn first_good_frame(mut self) -> Result<RgbImage> {
        self.decoder.decoder.skip_frame(ff::Discard::Default);
        let mut first = None;
        while let Some(time_s) = self.decoder.next(&self.cancel)? {
            let pixels = self.decoder.picture(LONGEST_SIDE_PX)?;
            if !is_plain(&pixels) {
                return Ok(pixels);
            }
            first.get_or_insert(pixels);
            if time_s > 5.0 {
                break;
            }
        }
        first.ok_or_else(|| guard::damaged(&self.path, "none of its frames can be decoded"))
    }

    /// The frame shown at a time (the last one that starts no later), upright, neither side longer than
    /// `longest_side_px`. Times of further calls must not fall; a reader that gave such frames is not walked
    /// through as well.
    ///
    /// # Errors
    /// [`Error::Media`] when nothing can be decoded, or was cancelled before anything was.
    pub fn frame_at(&mut self, time_s: f64, longest_side_px: u32) -> Result<RgbImage> {
        self.decoder.decoder.skip_frame(ff::Discard::Default);
        self.decoder.jump(time_s);
        while let Some(at_s) = self.decoder.next(&self.cancel)? {
            // Timestamps are rounded in some containers: half a frame at 120 a second is no error.
            if at_s > time_s + 0.004 && self.held.is_some() {
                // It may be the one for the next time.
                self.decoder.waiting_s = Some(at_s);
                break;
            }
            let held = self.held.get_or_insert_with(ff::frame::Video::empty);
            std::mem::swap(&mut self.decoder.frame, held);
        }
        let Some(held) = &mut self.held else {
            return Err(guard::damaged(&self.path, "none of its frames can be decoded"));
        };
        std::mem::swap(&mut self.decoder.frame, held);
        let picture = self.decoder.picture(longest_side_px);
        std::mem::swap(&mut self.decoder.frame, held);
        picture
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.watch.as_mut().and_then(Watch::take) {
                return Ok(Some(frame));
            }
            if self.cancel.is_cancelled() || (self.picker.is_full() && self.watch.is_none()) {
                return Ok(None);
            }
            let jumps = self.watch.is_none() && self.picker.plan().step_s > JUMP_S;
            if let Some(due_s) = self.picker.due_s().filter(|_| jumps) {
                self.decoder.jump(due_s);
            }
            let Some(time_s) = self.decoder.next(&self.cancel)? else {
                if let Some(watch) = &mut self.watch
                    && watch.finish(&mut self.decoder)?
                {
                    continue;
                }
                self.tell_the_end();
                return Ok(None);
            };
            if time_s > self.limits.video_s {
                let limit = guard::duration_text(self.limits.video_s);
                self.notices
                    .push(format!("only the first {limit} of the video were read: that is the limit"));
                return Ok(None);
            }
            let signature = match &mut self.watch {
                Some(watch) => watch.look(&mut self.decoder, time_s)?,
                None => self.decoder.signature()?,
            };
            let choice = self.picker.offer(time_s, signature);
            if let Some(watch) = &mut self.watch {
                watch.go_on(&mut self.decoder, time_s, choice)?;
                continue;
            }
            let scene_change = match choice {
                Choice::Skip => continue,
                Choice::Regular { scene_change } => scene_change,
                Choice::SceneChange => true,
            };
            let pixels = self.decoder.picture(LONGEST_SIDE_PX)?;
            return Ok(Some(Frame { time_s, pixels, scene_change, shows: Shows::Scene }));
        }
    }

    /// Says what is missing once the last frame was decoded.
    fn tell_the_end(&mut self) {
        if self.cancel.is_cancelled() {
            return;
        }
        let decoder = &self.decoder;
        if decoder.bad_packets > 0 {
            self.notices.push(format!("{} damaged pieces of the video were skipped", decoder.bad_packets));
        }
        let shown_until_s = decoder.last_s.unwrap_or(0.0);
        if let Some(duration_s) = self.duration_s
            && duration_s - shown_until_s > 1.0 + 2.0 * decoder.frame_s
        {
            self.notices.push(format!(
                "the pictures end at {} although the file states {}; the rest is missing or damaged",
                guard::duration_text(shown_until_s),
                guard::duration_text(duration_s)
            ));
        }
        if let Some(duration_s) = self.duration_s
            && shown_until_s > duration_s + self.picker.plan().step_s + 1.0
        {
            self.notices.push(format!(
                "the file states {} but goes on until {}; little of the rest was looked at",
                guard::duration_text(duration_s),
                guard::duration_text(shown_until_s)
            ));
        }
        if !self.path.exists() {
            self.notices.push("the file vanished while it was read; put it back and add it again".into());
        }
    }
}

impl Iterator for VideoReader {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let path = self.path.clone();
        let frame = guard::catch(&path, || self.next_frame()).flatten();
        self.ended = !matches!(frame, Ok(Some(_)));
        match frame {
            // A video of which nothing can be decoded is not read silently as empty.
            Ok(None) if self.decoder.last_s.is_none() && !self.cancel.is_cancelled() => {
                Some(Err(guard::damaged(&self.path, "none of its frames can be decoded")))
            }
            other => other.transpose(),
        }
    }
}

/// Decodes one track and holds the current frame.
struct Decoder {
    path: PathBuf,
    input: Input,
    decoder: ff::decoder::Video,
    stream: usize,
    time_base_s: f64,
    start_s: f64,
    /// Seconds that a frame is shown, as the container states it.
    frame_s: f64,
    max_pixels: Limits,
    rotation: Rotation,
    frame: ff::frame::Video,
    small: Scaler,
    large: Scaler,
    draining: bool,
    bad_packets: u64,
    /// Time of the current frame.
    last_s: Option<f64>,
    /// Time of the current frame when it was decoded to see where a jump led, and not given out yet.
    waiting_s: Option<f64>,
    /// Cleared when a jump led back: then the file has too few entry points.
    may_jump: bool,
}

impl Decoder {
    fn open(path: &Path, input: Input, limits: &Limits) -> Result<Self> {
        let failed = |e| ffmpeg::failed(path, e);
        let stream =
            ffmpeg::video_stream(&input).ok_or_else(|| Error::media(path, MediaProblem::NoTracks))?;
        let (width, height) = ffmpeg::coded_size(&stream);
        if width > 0 {
            guard::check_pixels(path, width, height, limits)?;
        }
        let mut context = ff::codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
        context.set_threading(ff::threading::Config::count(ffmpeg::threads()));
        let mut options = ff::Dictionary::new();
        // Frames may grow in the middle of a stream: the codec itself has to keep to the limit.
        options.set("max_pixels", &limits.pixels.min(i32::MAX as u64).to_string());
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(stream.time_base());
        let codec = ff::decoder::find(decoder.id()).ok_or_else(|| failed(ff::Error::DecoderNotFound))?;
        let decoder =
            decoder.open_as_with(codec, options).and_then(|opened| opened.video()).map_err(failed)?;
        let rotation = stream
            .side_data()
            .find(|data| data.kind() == ff::codec::packet::side_data::Type::DisplayMatrix)
            .map_or(Rotation::None, |data| Rotation::from_matrix(data.data()));
        let rate = f64::from(stream.avg_frame_rate());
        Ok(Self {
            path: path.to_path_buf(),
            stream: stream.index(),
            time_base_s: f64::from(stream.time_base()),
            start_s: ffmpeg::start_s(&input),
            frame_s: if rate.is_finite() && rate > 0.0 { 1.0 / rate } else { 0.04 },
            max_pixels: limits.clone(),
            rotation,
            frame: ff::frame::Video::empty(),
            small: Scaler::default(),
            large: Scaler::default(),
            draining: false,
            bad_packets: 0,
            last_s: None,
            waiting_s: None,
            may_jump: true,
            decoder,
            input,
        })
    }

    fn shown_size(&self) -> (u32, u32) {
        let (width, height) = (self.decoder.width(), self.decoder.height());
        let (width, height) = square_pixels(width, height, self.decoder.aspect_ratio());
        self.rotation.turned(width, height)
    }

    /// Decodes the next frame; its time in seconds from the start, `None` at the end.
    fn next(&mut self, cancel: &Cancel) -> Result<Option<f64>> {
        if let Some(time_s) = self.waiting_s.take() {
            return Ok(Some(time_s));
        }
        while self.decoder.receive_frame(&mut self.frame).is_err() {
            if self.draining || cancel.is_cancelled() {
                return Ok(None);
            }
            if !self.feed(cancel) {
                self.draining = true;
                // An error means that nothing is left inside.
                self.decoder.send_eof().unwrap_or(());
            }
        }
        guard::check_pixels(&self.path, self.frame.width(), self.frame.height(), &self.max_pixels)?;
        let time_s = match self.frame.timestamp() {
            Some(ts) => (ts as f64 * self.time_base_s - self.start_s).max(0.0),
            None => self.last_s.map_or(0.0, |last| last + self.frame_s),
        };
        self.last_s = Some(time_s);
        Ok(Some(time_s))
    }

    /// Hands one packet of our track to the decoder; `false` when there are no more.
    fn feed(&mut self, cancel: &Cancel) -> bool {
        let mut packet = ff::Packet::empty();
        loop {
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => {}
                Ok(()) => {
                    if self.decoder.send_packet(&packet).is_err() {
                        self.bad_packets += 1;
                    }
                    return true;
                }
                // The demuxer finds its way again after a damaged packet.
                Err(ff::Error::InvalidData) => self.bad_packets += 1,
                Err(_) => return false,
            }
            if cancel.is_cancelled() {
                return false;
            }
        }
    }

    /// Moves to the last entry point before a time, if that is well ahead of the current frame.
    fn jump(&mut self, time_s: f64) {
        let at_s = self.last_s.unwrap_or(0.0);
        if !self.may_jump || time_s - at_s < JUMP_S / 2.0 {
            return;
        }
        let target = ((time_s + self.start_s) * f64::from(ff::ffi::AV_TIME_BASE)) as i64;
        if self.input.seek(target, ..target + 1).is_err() {
            self.may_jump = false;
            return;
        }
        self.decoder.flush();
        self.draining = false;
        self.waiting_s = None;
        // If what comes next lies behind us, jumping again would only repeat work.
        let before = self.last_s;
        if let Ok(Some(landed_s)) = self.next(&Cancel::new()) {
            self.may_jump = before.is_none_or(|before| landed_s > before);
            self.waiting_s = Some(landed_s);
        }
    }

    fn signature(&mut self) -> Result<Signature> {
        Ok(Signature::of(&self.thumbnail(Signature::SIZE)?))
    }

    fn thumbnail(&mut self, (width, height): (u32, u32)) -> Result<RgbImage> {
        self.small.run(&self.frame, width, height).map_err(|e| ffmpeg::failed(&self.path, e))
    }

    /// The current frame, upright, with square pixels.
    fn picture(&mut self, longest_side_px: u32) -> Result<RgbImage> {
        let (width, height) =
            square_pixels(self.frame.width(), self.frame.height(), self.frame.aspect_ratio());
        let (width, height) = picture::fit(width, height, longest_side_px);
        let scaled = self.large.run(&self.frame, width, height).map_err(|e| ffmpeg::failed(&self.path, e))?;
        Ok(self.rotation.apply(scaled))
    }
}

/// Whether a frame is all of (nearly) one brightness: a fade, a black start.
fn is_plain(pixels: &RgbImage) -> bool {
    let small = imageops::thumbnail(pixels, 16, 16);
    let light = |p: &image::Rgb<u8>| p.0.iter().map(|c| i32::from(*c)).sum::<i32>();
    let (least, most) =
        small.pixels().map(light).fold((i32::MAX, i32::MIN), |(a, b), l| (a.min(l), b.max(l)));
    most - least < 3 * 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_black_frame_is_plain_and_a_picture_is_not() {
        assert!(is_plain(&RgbImage::new(64, 64)));
        assert!(!is_plain(&RgbImage::from_fn(64, 64, |x, _| image::Rgb([(x * 4) as u8; 3]))));
    }
}
