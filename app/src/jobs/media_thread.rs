//! The thread that makes what is looked at: hashes, thumbnails, frames, waveforms.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use engine::Cancel;
use engine::media::{self, Limits, Media, Opener, SAMPLE_RATE_HZ, SoundReader};
use engine::models::Store;
use image::RgbImage;
use sha2::{Digest, Sha256};

use super::viewing::{beside, preview, still};
use super::{Checked, Events, JobEvent, KnownReads, MediaJob, Ticket};
use crate::library::read_before;
use crate::state::{Load, Picture, Wave};
use crate::storage::Recall;

/// Longest side of a thumbnail in pixels.
const THUMBNAIL_PX: u32 = 192;

/// Longest side of a picture or frame in the viewer, in pixels.
pub(super) const VIEW_PX: u32 = 1600;

/// Most peaks of a waveform; more than a pane has points across.
const PEAKS: usize = 1200;

/// Works until the window is gone.
pub(super) fn run(jobs: Receiver<Ticket<MediaJob>>, store: Option<Store>, events: Events) {
    let mut recall = Recall::default();
    while let Ok(Ticket { id, job, cancel }) = jobs.recv() {
        if cancel.is_cancelled() {
            continue;
        }
        let opener = opener(store.as_ref());
        let event = match job {
            MediaJob::Check { attachment, path, known: KnownReads { database, library } } => {
                let result = check(&path, &cancel).map(|(kind, sha256)| {
                    let known = recall.file_read(&database, &sha256, &path);
                    let of_library = || {
                        // What could not be read may be readable here; recordings have transcripts of the window's own.
                        let read = read_before(&library, &sha256, &path, &cancel);
                        read.filter(|read| kind == media::Kind::Document && read.notices.is_empty())
                    };
                    let known = known.or_else(of_library);
                    Checked { kind, sha256, known }
                });
                JobEvent::Checked { attachment, result }
            }
            MediaJob::Recall { attachment, path, sha256, database } => {
                let known = recall.file_read(&database, &sha256, &path);
                JobEvent::Recalled { attachment, known }
            }
            MediaJob::Thumbnail { attachment, path } => {
                let picture = match media::thumbnail(&path, THUMBNAIL_PX, opener.pdfium.as_deref()) {
                    Ok(image) => Load::Ready(picture(image)),
                    // The chip shows a drawing of the type instead; reading says what is wrong.
                    Err(_) => Load::None,
                };
                JobEvent::Thumbnail { attachment, picture }
            }
            MediaJob::Picture { path, longest_px } => {
                JobEvent::Media(still(&opener, &path, longest_px, &cancel))
            }
            MediaJob::Step { path, time_s, step } => JobEvent::Media(beside(&path, time_s, step)),
            MediaJob::Preview { of, path, time_s } => {
                JobEvent::Media(preview(of, &opener, &path, time_s, &cancel))
            }
            MediaJob::Crop(crop) => JobEvent::Media(crop.run(&opener, &cancel)),
            MediaJob::Frame { path, time_s } => {
                JobEvent::ViewerPicture(match media::frame_at(&path, time_s, VIEW_PX) {
                    Ok(image) => Load::Ready(picture(image)),
                    Err(error) => Load::Failed(error.to_string()),
                })
            }
            MediaJob::Wave { path } => JobEvent::ViewerWave(wave(&opener, &path, &cancel)),
        };
        if !events.send(id, event) {
            return;
        }
    }
}

/// Opens media with the PDF library where it is on this machine.
pub(crate) fn opener(store: Option<&Store>) -> Opener {
    let pdfium = store.and_then(|store| store.file("pdfium", "library").ok());
    Opener { limits: Limits::default(), pdfium }
}

pub(super) fn check(path: &Path, cancel: &Cancel) -> Result<(media::Kind, String), String> {
    let kind = media::kind(path).map_err(|e| e.to_string())?;
    let failed = |e: std::io::Error| format!("{}: reading failed: {e}", path.display());
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    while !cancel.is_cancelled() {
        let n = file.read(&mut block).map_err(failed)?;
        if n == 0 {
            break;
        }
        hasher.update(&block[..n]);
    }
    let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((kind, hash))
}

/// The sound of a recording or video, from its start.
pub(crate) fn sound_of(opener: &Opener, path: &Path, cancel: &Cancel) -> engine::Result<Option<SoundReader>> {
    match opener.open(path, cancel)? {
        Media::Sound(sound) => Ok(Some(sound)),
        Media::Video(video) => video.sound().transpose(),
        Media::Picture(_) | Media::Document(_) => Ok(None),
    }
}

fn wave(opener: &Opener, path: &Path, cancel: &Cancel) -> Load<Wave> {
    /// Samples of one part before they are joined: a fiftieth of a second.
    const PART: usize = SAMPLE_RATE_HZ as usize / 50;
    let sound = match sound_of(opener, path, cancel) {
        Ok(Some(sound)) => sound,
        Ok(None) => return Load::None,
        Err(error) => return Load::Failed(error.to_string()),
    };
    let (mut parts, mut n_samples) = (Vec::new(), 0);
    for block in sound {
        match block {
            Ok(block) => {
                n_samples += block.len();
                let peak = |part: &[f32]| part.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
                parts.extend(block.chunks(PART).map(peak));
            }
            Err(error) => return Load::Failed(error.to_string()),
        }
        if cancel.is_cancelled() {
            return Load::None;
        }
    }
    let per_peak = parts.len().div_ceil(PEAKS).max(1);
    let peaks = parts.chunks(per_peak).map(|c| c.iter().copied().fold(0.0, f32::max)).collect();
    let duration_s = n_samples as f64 / f64::from(SAMPLE_RATE_HZ);
    Load::Ready(Wave { peaks, fine: parts.into(), duration_s })
}

/// Gives pixels a number that no other picture has.
pub(super) fn picture(image: RgbImage) -> Picture {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let size = [image.width() as usize, image.height() as usize];
    Picture { serial, size, rgb: image.into_raw().into() }
}
