//! Sound files through Symphonia.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::audio::sample::Sample;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as Failure;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Time, TimeBase};

use super::super::guard;
use super::{Chunk, Source};
use crate::error::{Error, MediaProblem, Result};

/// Damaged packets in a row after which the rest is given up.
const MOST_FAILURES: u32 = 500;

/// Encoders put no more samples than this behind the last sound: what LAME's tag can hold, and a frame.
const MOST_PADDING: u64 = 4095 + 1152;

pub(super) struct Decoder {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    time_base: Option<TimeBase>,
    /// Time of the first packet.
    first_s: Option<f64>,
    duration_s: Option<f64>,
    cut_short: bool,
}

impl Decoder {
    pub(super) fn open(path: &Path, file: File) -> Result<Self> {
        guard::catch(path, || Self::open_unguarded(path, file))?
    }

    fn open_unguarded(path: &Path, file: File) -> Result<Self> {
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|e| failed(path, e))?;
        let no_sound = || Error::media(path, MediaProblem::NoSound);
        let track = format.default_track(TrackType::Audio).ok_or_else(no_sound)?;
        let parameters = parameters(track).ok_or_else(no_sound)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|e| failed(path, e))?;
        let rate_hz = parameters.sample_rate.unwrap_or(0);
        let by_time = track.time_base.zip(track.duration).and_then(|(base, d)| base.calc_duration(d));
        let duration_s = match (by_time, track.num_frames) {
            (Some(time), _) => Some(time.as_secs_f64()),
            (None, Some(frames)) if rate_hz > 0 => Some(frames as f64 / f64::from(rate_hz)),
            _ => None,
        };
        Ok(Self {
            path: path.to_path_buf(),
            track_id: track.id,
            time_base: track.time_base,
            first_s: None,
            duration_s,
            decoder,
            format,
            cut_short: false,
        })
    }

    fn next_unguarded(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let mut failures = 0;
        loop {
            let mut packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                Err(Failure::IoError(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    self.cut_short = true;
                    return Ok(false);
                }
                // A new stream begins in the same file (chained Ogg): go on with its decoder.
                Err(Failure::ResetRequired) => {
                    self.restart()?;
                    continue;
                }
                Err(Failure::DecodeError(_)) if failures < MOST_FAILURES => {
                    failures += 1;
                    continue;
                }
                Err(e) => return Err(failed(&self.path, e)),
            };
            if packet.track_id != self.track_id {
                continue;
            }
            // Files joined end to end state the length of the first one.
            if packet.trim_end.get() > MOST_PADDING {
                packet.trim_end = Duration::ZERO;
            }
            let start_s = self.start_of(&packet);
            match self.decoder.decode(&packet).map(|buffer| fill(chunk, &buffer)) {
                Ok(()) => {
                    chunk.start_s = start_s;
                    return Ok(true);
                }
                Err(Failure::DecodeError(_)) if self.changes_with(&packet, chunk) => return Ok(true),
                Err(Failure::DecodeError(_) | Failure::IoError(_)) if failures < MOST_FAILURES => {
                    failures += 1;
                    let lost = self.time_base.and_then(|base| base.calc_duration(packet.dur));
                    chunk.lost_s += lost.map_or(0.0, |time| time.as_secs_f64());
                }
                Err(Failure::ResetRequired) => self.decoder.reset(),
                Err(e) => return Err(failed(&self.path, e)),
            }
        }
    }

    /// When a packet is heard, counted from the first one. Encoders put silence in front of the first sound,
    /// which the decoder has removed.
    fn start_of(&mut self, packet: &Packet) -> Option<f64> {
        let heard = packet.pts.saturating_add(packet.trim_start);
        let time_s = self.time_base?.calc_time(heard)?.as_secs_f64();
        Some(time_s - *self.first_s.get_or_insert(time_s))
    }

    /// Some streams change their rate or channels without saying so (MP3 files joined end to end), and a decoder that
    /// has begun refuses that. One that begins with this packet decodes it.
    fn changes_with(&mut self, packet: &Packet, chunk: &mut Chunk) -> bool {
        let track = self.format.tracks().iter().find(|track| track.id == self.track_id);
        let Some(parameters) = track.and_then(parameters) else { return false };
        let made =
            symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
        let Ok(mut decoder) = made else { return false };
        let before = (chunk.rate_hz, chunk.n_channels);
        let decoded = decoder.decode(packet).map(|buffer| fill(chunk, &buffer)).is_ok();
        if !decoded || (chunk.rate_hz, chunk.n_channels) == before {
            // The packet is damaged and the stream is the same.
            chunk.samples.clear();
            (chunk.rate_hz, chunk.n_channels) = before;
            return false;
        }
        // Its times count samples of the rate before.
        (self.decoder, self.time_base) = (decoder, None);
        true
    }

    fn restart(&mut self) -> Result<()> {
        let no_sound = || Error::media(&self.path, MediaProblem::NoSound);
        let track = self.format.default_track(TrackType::Audio).ok_or_else(no_sound)?;
        let parameters = parameters(track).ok_or_else(no_sound)?;
        self.decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|e| failed(&self.path, e))?;
        // Times begin anew in the new stream: from here on they are counted by what was decoded.
        (self.track_id, self.time_base) = (track.id, None);
        Ok(())
    }
}

impl Source for Decoder {
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let path = self.path.clone();
        guard::catch(&path, || self.next_unguarded(chunk))?
    }

    fn duration_s(&self) -> Option<f64> {
        self.duration_s
    }

    fn notice(&self) -> Option<String> {
        self.cut_short
            .then(|| "the recording is cut short: the file ends in the middle of its sound".to_owned())
    }

    fn seek(&mut self, time_s: f64) -> bool {
        // Without a clock nobody would know where it went.
        let (Some(_), Some(first_s)) = (self.time_base, self.first_s) else { return false };
        let Some(time) = Time::try_from_secs_f64((time_s + first_s).max(0.0)) else { return false };
        let to = SeekTo::Time { time, track_id: Some(self.track_id) };
        let format = &mut self.format;
        let sent = guard::catch(&self.path, || format.seek(SeekMode::Accurate, to).is_ok());
        self.decoder.reset();
        sent.unwrap_or(false)
    }
}

fn fill(chunk: &mut Chunk, buffer: &GenericAudioBufferRef) {
    chunk.n_channels = buffer.spec().channels().count().max(1);
    chunk.rate_hz = buffer.spec().rate();
    chunk.samples.resize(buffer.samples_interleaved(), f32::MID);
    buffer.copy_to_slice_interleaved(&mut chunk.samples);
}

fn parameters(track: &Track) -> Option<&AudioCodecParameters> {
    track.codec_params.as_ref().and_then(|parameters| parameters.audio())
}

fn failed(path: &Path, failure: Failure) -> Error {
    match failure {
        Failure::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            guard::damaged(path, "it ends too early")
        }
        Failure::IoError(e) => guard::read_error(path, e),
        other => guard::damaged(path, other.to_string()),
    }
}
