//! The native route: a model's own eyes and ears on a file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use image::RgbImage;

use crate::cancel::Cancel;
use crate::decoder::Modality;
use crate::encoders::Encoders;
use crate::error::Result;
use crate::features::soft_tokens::{BUDGETS, FRAME_BUDGET, PICTURE_BUDGET};
use crate::features::uniform_frames::{FRAMES, stamp};
use crate::media::{Media, Opener, SAMPLE_RATE_HZ, SoundReader, VideoReader};
use crate::model::{LanguageModel, Medium, Native};
use crate::tasks::clip::Clip;

/// Longest side of the frames that are decoded for an encoder; its budget of tokens is used up below that.
const FRAME_SIDE_PX: u32 = 960;

/// What a model saw and heard of a file.
#[derive(Default)]
pub(crate) struct Perceived {
    /// None where the model has no encoder for it or nothing fits.
    pub(crate) medium: Option<Medium>,
    /// What was left to the specialists, and why.
    pub(crate) notices: Vec<String>,
}

/// Encodes a file, or only this part of it, with the model's own encoders into at most `room` positions; `None` when
/// cancelled.
///
/// # Errors
/// As [`Opener::open`] and the encoders.
pub(crate) fn perceive(
    model: &LanguageModel,
    opener: &Opener,
    path: &Path,
    clip: Option<&Clip>,
    room: usize,
    cancel: &Cancel,
) -> Result<Option<Perceived>> {
    let Some(native) = model.native() else { return Ok(Some(Perceived::default())) };
    let mut file = DefaultHasher::new();
    let about = std::fs::metadata(path).ok();
    (path, about.as_ref().map(std::fs::Metadata::len)).hash(&mut file);
    about.and_then(|about| about.modified().ok()).hash(&mut file);
    if let Some(clip) = clip {
        [clip.from_s, clip.to_s].map(f64::to_bits).hash(&mut file);
    }
    let mut work = Work {
        model,
        native,
        path,
        clip,
        file,
        room,
        cancel,
        medium: Medium::default(),
        notices: Vec::new(),
    };
    let done = match opener.open(path, cancel)? {
        Media::Picture(picture) => work.picture(&picture.pixels)?,
        Media::Video(mut video) => {
            let seen = work.video(&mut video)?;
            match video.sound() {
                Some(sound) if seen => work.sound(sound?)?,
                _ => seen,
            }
        }
        Media::Sound(sound) => work.sound(sound)?,
        Media::Document(_) => true,
    };
    let Work { medium, notices, .. } = work;
    Ok(done.then(|| Perceived { medium: (medium.len() > 0).then_some(medium), notices }))
}

struct Work<'a> {
    model: &'a LanguageModel,
    native: &'a Native,
    path: &'a Path,
    clip: Option<&'a Clip>,
    /// Has heard the path, the length, the time of the last change and the part.
    file: DefaultHasher,
    room: usize,
    cancel: &'a Cancel,
    medium: Medium,
    notices: Vec<String>,
}

impl Work<'_> {
    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Positions that are left, without those of the tokens around a medium.
    fn left(&self) -> usize {
        self.room.saturating_sub(self.medium.len() + 2)
    }

    /// The same for the same part of a file as long as the file does not change.
    fn key(&self, part: impl Hash) -> u64 {
        let mut hasher = self.file.clone();
        part.hash(&mut hasher);
        hasher.finish()
    }

    /// `false` when cancelled; so are the others.
    fn picture(&mut self, picture: &RgbImage) -> Result<bool> {
        self.see(picture, PICTURE_BUDGET, Modality::Picture, 0)
    }

    /// Shows a picture with the largest budget that fits, up to `most`.
    fn see(&mut self, picture: &RgbImage, most: usize, modality: Modality, part: u64) -> Result<bool> {
        let Some(marks) = self.native.marks(modality) else {
            self.notices.push(format!(
                "{}: this model has no encoder for pictures; what other models read and recognise in it is used",
                self.name()
            ));
            return Ok(true);
        };
        let (width, height) = picture.dimensions();
        let mut budgets = BUDGETS.into_iter().rev().filter(|budget| *budget <= most);
        let fits = |budget: &usize| {
            self.native.encoders.picture_tokens(width, height, *budget).is_ok_and(|n| n <= self.left())
        };
        let Some(budget) = budgets.find(fits) else {
            self.too_much("what other models read and recognise in it is used");
            return Ok(true);
        };
        let Some(seen) = self.native.encoders.picture(picture, budget, self.cancel)? else {
            return Ok(false);
        };
        let key = self.key((modality as u8, part, budget));
        self.medium.push(marks, seen, modality, key);
        Ok(true)
    }

    /// A frame of each second, or [`FRAMES`] in all, each after its time.
    fn video(&mut self, video: &mut VideoReader) -> Result<bool> {
        let whole_s = video.duration_s().unwrap_or(0.0);
        let (from_s, to_s) = self.clip.map_or((0.0, whole_s), |clip| (clip.from_s, clip.to_s.min(whole_s)));
        let duration_s = (to_s - from_s).max(0.0);
        let n = (duration_s.ceil() as usize).clamp(1, FRAMES);
        for i in 0..n {
            if self.cancel.is_cancelled() {
                return Ok(false);
            }
            if self.left() < FRAME_BUDGET {
                self.too_much(&format!("the model saw the first {i} of {n} frames"));
                break;
            }
            let time_s = from_s + duration_s * i as f64 / n as f64;
            let frame = match video.frame_at(time_s, FRAME_SIDE_PX) {
                Err(_) if self.cancel.is_cancelled() => return Ok(false),
                frame => frame?,
            };
            let before = if i == 0 { "" } else { " " };
            self.medium.push_text(self.model.encode(&format!("{before}{} ", stamp(time_s)))?);
            if !self.see(&frame, FRAME_BUDGET, Modality::Video, i as u64)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Clips of at most half a minute, one after the other.
    fn sound(&mut self, mut sound: SoundReader) -> Result<bool> {
        let Some(marks) = self.native.marks(Modality::Sound) else {
            self.notices.push(format!(
                "{}: this model has no encoder for sound; the words that another model heard in it are used",
                self.name()
            ));
            return Ok(true);
        };
        let (mut leave_out, mut most) = (0, usize::MAX);
        if let Some(clip) = self.clip {
            let at = |seconds: f64| (seconds.max(0.0) * f64::from(SAMPLE_RATE_HZ)) as usize;
            let begin_s = sound.skip_towards(clip.from_s);
            leave_out = at(clip.from_s - begin_s);
            most = at(clip.to_s - clip.from_s);
        }
        let mut samples = Vec::new();
        for block in sound {
            if self.cancel.is_cancelled() {
                return Ok(false);
            }
            let block = block?;
            let from = leave_out.min(block.len());
            leave_out -= from;
            samples.extend_from_slice(&block[from..]);
            if samples.len() >= most {
                samples.truncate(most);
                break;
            }
            // 25 tokens each second: more than fits need not be decoded.
            if samples.len() / 640 > self.left() {
                break;
            }
        }
        for (i, clip) in Encoders::clips(&samples).enumerate() {
            match self.native.encoders.sound_tokens(clip.len()) {
                Ok(n) if n <= self.left() => {}
                Ok(_) => {
                    self.too_much(&format!("the model heard its first {} s", 30 * i));
                    break;
                }
                // The last hundredth of a second.
                Err(_) => break,
            }
            let Some(heard) = self.native.encoders.sound(clip, self.cancel)? else { return Ok(false) };
            let key = self.key(("sound", i));
            self.medium.push(marks, heard, Modality::Sound, key);
        }
        Ok(true)
    }

    fn too_much(&mut self, instead: &str) {
        let name = self.name();
        self.notices.push(format!("{name} is more than the context of this model holds: {instead}"));
    }
}
