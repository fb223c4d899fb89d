//! Playing a recording from a given second, on a thread of its own.

mod stretch;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{FromSample, SampleFormat, SizedSample};
use engine::Cancel;
use engine::media::{Opener, SAMPLE_RATE_HZ};

use stretch::Stretch;

/// Seconds of sound that wait for the device.
const AHEAD_S: usize = 2;

/// How often the position is told.
const TELL_EVERY: Duration = Duration::from_millis(40);

/// Makes a recording heard; the seam for tests, which have no device.
pub trait Player: Send + Sync {
    /// Plays from `start_s`, `speed` times as fast at the same pitch, until the end or until cancelled; `at` hears the
    /// position some 20 times a second and ends it with `false`.
    ///
    /// # Errors
    /// Why there is no sound, as a sentence.
    fn play(
        &self,
        opener: &Opener,
        path: &Path,
        from: Start,
        cancel: &Cancel,
        at: &mut dyn FnMut(f64) -> bool,
    ) -> Result<(), String>;
}

/// Where and how fast to play.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// 1 is as it was recorded.
    pub speed: f64,
}

/// The sound device of this computer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Device;

impl Player for Device {
    fn play(
        &self,
        opener: &Opener,
        path: &Path,
        Start { start_s, speed }: Start,
        cancel: &Cancel,
        at: &mut dyn FnMut(f64) -> bool,
    ) -> Result<(), String> {
        let mut sound = crate::jobs::sound_of(opener, path, cancel)
            .map_err(|error| error.to_string())?
            .ok_or("there is no sound in this file")?;
        let queue = Arc::new(Mutex::new(Queue::default()));
        let _stream = open_device(queue.clone())?;
        let left_out_s = sound.skip_towards(start_s);
        let mut skip = ((start_s - left_out_s).max(0.0) * f64::from(SAMPLE_RATE_HZ)) as usize;
        let (mut stretch, mut ready) = (Stretch::new(speed), Vec::new());
        let mut ended = false;
        while !cancel.is_cancelled() {
            let (waiting, played) = {
                let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(reason) = queue.failed.take() {
                    return Err(reason);
                }
                (queue.samples.len(), queue.played)
            };
            if !ended && waiting < AHEAD_S * SAMPLE_RATE_HZ as usize {
                match sound.next() {
                    Some(block) => {
                        let block = block.map_err(|error| error.to_string())?;
                        let from = skip.min(block.len());
                        skip -= from;
                        stretch.push(&block[from..], &mut ready);
                    }
                    None => {
                        stretch.finish(&mut ready);
                        ended = true;
                    }
                }
                queue.lock().unwrap_or_else(PoisonError::into_inner).samples.extend(ready.drain(..));
                continue;
            }
            if ended && waiting == 0 {
                break;
            }
            if !at(start_s + speed * played as f64 / f64::from(SAMPLE_RATE_HZ)) {
                break;
            }
            std::thread::sleep(TELL_EVERY);
        }
        Ok(())
    }
}

/// Shared with the device's callback.
#[derive(Default)]
struct Queue {
    /// 16 kHz mono.
    samples: VecDeque<f32>,
    /// Samples that were played.
    played: u64,
    /// What the device said when it failed.
    failed: Option<String>,
}

fn open_device(queue: Arc<Mutex<Queue>>) -> Result<cpal::Stream, String> {
    let none = |why: String| format!("There is no sound device that could play this ({why})");
    let device = cpal::default_host().default_output_device().ok_or_else(|| none("none found".into()))?;
    let supported = device.default_output_config().map_err(|error| none(error.to_string()))?;
    let format = supported.sample_format();
    let config = supported.config();
    let stream = match format {
        SampleFormat::F32 => stream::<f32>(&device, config, queue),
        SampleFormat::I16 => stream::<i16>(&device, config, queue),
        SampleFormat::U16 => stream::<u16>(&device, config, queue),
        SampleFormat::I32 => stream::<i32>(&device, config, queue),
        SampleFormat::U8 => stream::<u8>(&device, config, queue),
        other => return Err(none(format!("its sample format {other} is not supported"))),
    }
    .map_err(|error| none(error.to_string()))?;
    stream.play().map_err(|error| none(error.to_string()))?;
    Ok(stream)
}

/// A stream that takes 16 kHz samples from the queue, interpolates to the device's rate and gives
/// every channel the same.
fn stream<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    queue: Arc<Mutex<Queue>>,
) -> Result<cpal::Stream, cpal::Error> {
    let channels = usize::from(config.channels).max(1);
    let step = f64::from(SAMPLE_RATE_HZ) / f64::from(config.sample_rate);
    let (mut between, mut before, mut after) = (1.0, 0.0_f32, 0.0_f32);
    let on_error = queue.clone();
    device.build_output_stream(
        config,
        move |out: &mut [T], _: &cpal::OutputCallbackInfo| {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            for frame in out.chunks_mut(channels) {
                while between >= 1.0 {
                    between -= 1.0;
                    before = after;
                    let next = queue.samples.pop_front();
                    queue.played += u64::from(next.is_some());
                    after = next.unwrap_or(0.0);
                }
                frame.fill(T::from_sample(before + (after - before) * between as f32));
                between += step;
            }
        },
        move |error: cpal::Error| {
            let fatal = !matches!(error.kind(), cpal::ErrorKind::Xrun | cpal::ErrorKind::RealtimeDenied);
            if fatal {
                on_error.lock().unwrap_or_else(PoisonError::into_inner).failed =
                    Some(format!("The sound device stopped: {error}"));
            }
        },
        None,
    )
}
