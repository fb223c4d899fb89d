//! Sound: any supported recording → 16 kHz mono, block by block, in constant memory.

mod symphonia;

mod container;

mod mix;

mod resample;

mod samples;

use std::fs::File;
use std::path::{Path, PathBuf};

use ffmpeg_next::format::context::Input;

use super::{Limits, guard};
use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};
use mix::Mixer;
use resample::Resampler;
pub use samples::Samples;

/// Samples per second of everything a [`SoundReader`] yields.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Samples of one block: 5 seconds.
const BLOCK: usize = 5 * SAMPLE_RATE_HZ as usize;

/// A difference between a packet's time and the sound before it that is taken as a gap. Smaller ones
/// are rounding in the container.
const GAP_S: f64 = 0.1;

/// A longer gap than this is a broken timestamp.
const MOST_GAP_S: f64 = 600.0;

/// Decoded sound at its own rate.
#[derive(Default)]
struct Chunk {
    /// The channels interleaved; once they are mixed, mono.
    samples: Vec<f32>,
    /// How many there are.
    n_channels: usize,
    /// Samples per second.
    rate_hz: u32,
    /// Presentation time of the first sample in seconds, where the container tells it.
    start_s: Option<f64>,
    /// Seconds that could not be decoded before this chunk.
    lost_s: f64,
}

/// Something that decodes sound piece by piece.
trait Source: Send {
    /// Fills the chunk with what comes next; `false` at the end.
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool>;
    /// Length in seconds, where the file tells it.
    fn duration_s(&self) -> Option<f64>;
    /// Something to tell at the end.
    fn notice(&self) -> Option<String> {
        None
    }
    /// Goes to a little before this second, counted as [`Chunk::start_s`] is; `false` where that cannot be done.
    fn seek(&mut self, _time_s: f64) -> bool {
        false
    }
}

/// Yields the sound of a file in order as blocks of 16 kHz mono samples in −1 to 1, 5 seconds each
/// (the last one shorter). Sample `n` was heard `n / 16000` seconds after the start: what is damaged
/// or missing in the file is silence here, and [`SoundReader::notices`] says how much.
pub struct SoundReader {
    path: PathBuf,
    source: Box<dyn Source>,
    mixer: Mixer,
    resampler: Option<Resampler>,
    chunk: Chunk,
    /// 16 kHz samples that were not yielded yet.
    ready: Vec<f32>,
    /// Seconds of sound that went into the resampler.
    position_s: f64,
    /// The source was sent to another place, and its next chunk tells where it is.
    is_sent: bool,
    /// The second at which the first sample stands.
    begin_s: f64,
    lost_s: f64,
    /// Seconds that the file's clock jumped ahead without a reason.
    skipped_s: f64,
    limit_s: f64,
    /// The recording is longer than what is read of it.
    is_cut: bool,
    /// Why it could not be read on; told after what was read.
    failure: Option<Error>,
    notices: Vec<String>,
    cancel: Cancel,
    ended: bool,
}

impl SoundReader {
    /// Opens a file that holds sound only: with Symphonia, or with FFmpeg where that cannot read it.
    pub(super) fn open(path: &Path, file: File, limits: &Limits, cancel: &Cancel) -> Result<Self> {
        let again = file.try_clone().map_err(|e| guard::read_error(path, e))?;
        let source: Box<dyn Source> = match symphonia::Decoder::open(path, file) {
            Ok(decoder) => Box::new(decoder),
            Err(first) => {
                let input = super::ffmpeg::open(path, again, cancel).map_err(|second| {
                    log::info!("neither Symphonia ({first}) nor FFmpeg ({second}) could open it");
                    first
                })?;
                Box::new(container::Decoder::open(path, input)?)
            }
        };
        Self::new(path, source, limits, cancel)
    }

    /// Reads the sound track of a container that is open already.
    pub(super) fn from_container(
        path: &Path,
        input: Input,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Self> {
        Self::new(path, Box::new(container::Decoder::open(path, input)?), limits, cancel)
    }

    fn new(path: &Path, source: Box<dyn Source>, limits: &Limits, cancel: &Cancel) -> Result<Self> {
        let duration_s = source.duration_s();
        if duration_s == Some(0.0) {
            return Err(Error::media(path, MediaProblem::NoSound));
        }
        guard::check_duration(path, "the recording", duration_s, limits.sound_s)?;
        Ok(Self {
            path: path.to_path_buf(),
            source,
            mixer: Mixer::default(),
            resampler: None,
            chunk: Chunk::default(),
            ready: Vec::new(),
            position_s: 0.0,
            is_sent: false,
            begin_s: 0.0,
            lost_s: 0.0,
            skipped_s: 0.0,
            limit_s: limits.sound_s,
            is_cut: false,
            failure: None,
            notices: Vec::new(),
            cancel: cancel.clone(),
            ended: false,
        })
    }

    /// Length in seconds as the file states it; `None` when it does not.
    pub fn duration_s(&self) -> Option<f64> {
        self.source.duration_s()
    }

    /// Leaves out what comes before this second as far as the file allows, so that a place late in a long recording is
    /// reached at once. Returns the second at which the first sample stands that is yielded. For a reader that has
    /// yielded nothing yet.
    pub fn skip_towards(&mut self, time_s: f64) -> f64 {
        /// Decoding a shorter way is as quick.
        const WORTH_S: f64 = 30.0;
        /// Filters need a run-up.
        const EARLIER_S: f64 = 0.5;
        if time_s < WORTH_S || self.position_s > 0.0 {
            return 0.0;
        }
        // The clock of the file counts from its first sound.
        self.advance_or_stop();
        if self.ended || !self.source.seek(time_s - EARLIER_S) {
            return 0.0;
        }
        self.ready.clear();
        (self.resampler, self.lost_s, self.is_sent) = (None, 0.0, true);
        while self.is_sent && !self.ended {
            self.advance_or_stop();
        }
        self.begin_s
    }

    fn advance_or_stop(&mut self) {
        if let Err(error) = self.advance()
            && let Err(error) = self.stop(error)
        {
            self.failure = Some(error);
        }
    }

    /// What was damaged, missing or left out; complete after the last block.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether the notices say that sound is missing; known after the last block.
    pub fn lost_some(&self) -> bool {
        self.lost_s > 0.0 || self.is_cut || self.source.notice().is_some()
    }

    /// Takes the next chunk of the source into `ready`.
    fn advance(&mut self) -> Result<()> {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.samples.clear();
        (chunk.start_s, chunk.lost_s) = (None, 0.0);
        let more = self.source.next(&mut chunk);
        let outcome = match more {
            Ok(true) => self.take(&mut chunk),
            Ok(false) => {
                self.lost_s += chunk.lost_s;
                self.finish()
            }
            Err(error) => Err(error),
        };
        self.chunk = chunk;
        outcome
    }

    fn take(&mut self, chunk: &mut Chunk) -> Result<()> {
        if chunk.samples.is_empty() {
            self.lost_s += chunk.lost_s;
            return Ok(());
        }
        if !(1..=1_000_000).contains(&chunk.rate_hz) {
            return Err(guard::damaged(&self.path, format!("it claims {} samples a second", chunk.rate_hz)));
        }
        self.mixer.mix(&mut chunk.samples, chunk.n_channels, chunk.rate_hz);
        let rate_hz = f64::from(chunk.rate_hz);
        // Where the file tells times, they rule: sound that is missing becomes silence, so that everything
        // after it keeps its place.
        let expected_s = chunk.start_s.map_or(self.position_s + chunk.lost_s, |s| s - self.skipped_s);
        if std::mem::take(&mut self.is_sent) {
            (self.position_s, self.begin_s) = (expected_s, expected_s);
        }
        let gap_s = expected_s - self.position_s;
        let is_start = self.position_s == 0.0;
        if gap_s > MOST_GAP_S {
            // No pause but a broken clock: go on without one.
            self.skipped_s += gap_s;
        } else if gap_s > GAP_S || (gap_s > 0.0 && (is_start || chunk.lost_s > 0.0)) {
            // A sound track may begin later than the pictures; later gaps are losses.
            self.lost_s += if is_start { chunk.lost_s } else { gap_s };
            self.feed_silence((gap_s * rate_hz).round() as usize, chunk.rate_hz)?;
        } else {
            self.lost_s += chunk.lost_s;
        }
        // Sound before the start of the recording is the codec's run-up.
        if expected_s < 0.0 && is_start {
            let early = ((-expected_s * rate_hz).round() as usize).min(chunk.samples.len());
            chunk.samples.drain(..early);
        }
        self.feed(&chunk.samples, chunk.rate_hz)?;
        if self.position_s >= self.limit_s {
            self.is_cut = true;
            let limit = guard::duration_text(self.limit_s);
            self.notices.push(format!("only the first {limit} of the sound were read: that is the limit"));
            return self.finish();
        }
        Ok(())
    }

    fn feed_silence(&mut self, mut n: usize, rate_hz: u32) -> Result<()> {
        let silence = vec![0.0; n.min(rate_hz as usize)];
        while n > 0 {
            let piece = n.min(silence.len());
            self.feed(&silence[..piece], rate_hz)?;
            n -= piece;
        }
        Ok(())
    }

    fn feed(&mut self, samples: &[f32], rate_hz: u32) -> Result<()> {
        let broken = |path: &Path, e: String| guard::damaged(path, e);
        let resampler = match &mut self.resampler {
            Some(resampler) if resampler.rate_hz() == rate_hz => resampler,
            other => {
                if let Some(mut old) = other.take() {
                    old.finish(&mut self.ready).map_err(|e| broken(&self.path, e))?;
                }
                other.insert(Resampler::new(rate_hz).map_err(|e| broken(&self.path, e))?)
            }
        };
        resampler.push(samples, &mut self.ready).map_err(|e| broken(&self.path, e))?;
        self.position_s += samples.len() as f64 / f64::from(rate_hz);
        Ok(())
    }

    /// Ends early. What was read before is given first; damage is then no failure but a loss.
    ///
    /// # Errors
    /// When nothing was read.
    fn stop(&mut self, error: Error) -> Result<()> {
        self.ended = true;
        if self.position_s == 0.0 || self.finish().is_err() {
            return Err(error);
        }
        self.is_cut = true;
        match error {
            Error::Media { problem: MediaProblem::Damaged { detail }, .. } => {
                let at = guard::duration_text(self.position_s);
                self.notices.push(format!("the sound could be read only up to {at}: {detail}"));
            }
            other => self.failure = Some(other),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.ended = true;
        if let Some(mut resampler) = self.resampler.take() {
            resampler.finish(&mut self.ready).map_err(|e| guard::damaged(&self.path, e))?;
        }
        if self.lost_s > 0.0 {
            let lost = (self.lost_s * 10.0).ceil() / 10.0;
            self.notices.push(format!(
                "{lost:.1} seconds of the sound are missing or damaged and were read as silence"
            ));
        }
        self.notices.extend(self.source.notice());
        self.notices.extend(self.mixer.notice());
        if self.position_s == 0.0 {
            return Err(Error::media(&self.path, MediaProblem::NoSound));
        }
        Ok(())
    }
}

impl Iterator for SoundReader {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.len() < BLOCK && !self.ended {
            if self.cancel.is_cancelled() {
                self.ended = true;
                return None;
            }
            if let Err(error) = self.advance()
                && let Err(error) = self.stop(error)
            {
                self.ready.clear();
                return Some(Err(error));
            }
        }
        if self.ready.is_empty() {
            return self.failure.take().map(Err);
        }
        let rest = self.ready.split_off(self.ready.len().min(BLOCK));
        Some(Ok(std::mem::replace(&mut self.ready, rest)))
    }
}
