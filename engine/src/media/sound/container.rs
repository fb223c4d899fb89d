//! The sound track of a container, and what Symphonia cannot decode, through FFmpeg.

use std::path::{Path, PathBuf};

use ff::format::Sample;
use ff::format::context::Input;
use ff::media::Type;
use ffmpeg_next as ff;

use super::super::{ffmpeg, guard};
use super::{Chunk, Source};
use crate::error::{Error, MediaProblem, Result};

pub(super) struct Decoder {
    path: PathBuf,
    input: Input,
    decoder: ff::decoder::Audio,
    stream: usize,
    /// Seconds per unit of a timestamp.
    time_base_s: f64,
    start_s: f64,
    duration_s: Option<f64>,
    frame: ff::frame::Audio,
    draining: bool,
    lost_s: f64,
    failed: Option<ff::Error>,
}

impl Decoder {
    pub(super) fn open(path: &Path, input: Input) -> Result<Self> {
        let failed = |e| ffmpeg::failed(path, e);
        let no_sound = || Error::media(path, MediaProblem::NoSound);
        let stream = input.streams().best(Type::Audio).ok_or_else(no_sound)?;
        let context = ff::codec::Context::from_parameters(stream.parameters()).map_err(failed)?;
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(stream.time_base());
        Ok(Self {
            path: path.to_path_buf(),
            stream: stream.index(),
            time_base_s: f64::from(stream.time_base()),
            start_s: ffmpeg::start_s(&input),
            duration_s: ffmpeg::duration_s(&input),
            decoder: decoder.audio().map_err(failed)?,
            frame: ff::frame::Audio::empty(),
            draining: false,
            lost_s: 0.0,
            failed: None,
            input,
        })
    }

    /// Hands one packet of our track to the decoder; `false` when there are no more.
    fn feed(&mut self) -> bool {
        let mut packet = ff::Packet::empty();
        loop {
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => {}
                Ok(()) => {
                    if self.decoder.send_packet(&packet).is_err() {
                        self.lost_s += packet.duration().max(0) as f64 * self.time_base_s;
                    }
                    return true;
                }
                // The demuxer finds its way again after a damaged packet.
                Err(ff::Error::InvalidData) => {}
                Err(ff::Error::Eof) => return false,
                Err(error) => {
                    self.failed = Some(error);
                    return false;
                }
            }
        }
    }
}

impl Source for Decoder {
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        while self.decoder.receive_frame(&mut self.frame).is_err() {
            if self.draining {
                return Ok(false);
            }
            if !self.feed() {
                self.draining = true;
                // An error means that nothing is left inside.
                self.decoder.send_eof().unwrap_or(());
            }
        }
        chunk.rate_hz = self.frame.rate();
        chunk.lost_s = std::mem::take(&mut self.lost_s);
        chunk.start_s = self.frame.timestamp().map(|ts| ts as f64 * self.time_base_s - self.start_s);
        chunk.n_channels = usize::from(self.frame.channels()).max(1);
        interleave(&self.frame, chunk.n_channels, &mut chunk.samples)
            .ok_or_else(|| guard::damaged(&self.path, "unknown sample format"))?;
        Ok(true)
    }

    fn duration_s(&self) -> Option<f64> {
        self.duration_s
    }

    fn notice(&self) -> Option<String> {
        let error = self.failed.as_ref()?;
        Some(match self.path.exists() {
            true => format!("the sound could be read only in part: {error}"),
            false => "the file vanished while its sound was read; put it back and add it again".to_owned(),
        })
    }
}

/// The samples of a frame, −1 to 1, the channels interleaved; `None` for a format that is unknown.
fn interleave(frame: &ff::frame::Audio, n_channels: usize, out: &mut Vec<f32>) -> Option<()> {
    let (bytes, n) = (frame.format().bytes(), frame.samples());
    let convert: fn(&[u8]) -> f32 = match frame.format() {
        Sample::U8(_) => |b| (f32::from(b[0]) - 128.0) / 128.0,
        Sample::I16(_) => |b| f32::from(i16::from_ne_bytes([b[0], b[1]])) / 32_768.0,
        Sample::I32(_) => |b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]) as f32 / 2_147_483_648.0,
        Sample::F32(_) => |b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]]),
        Sample::F64(_) => |b| f64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32,
        Sample::I64(_) | Sample::None => return None,
    };
    out.clear();
    if frame.is_planar() {
        out.resize(n * n_channels, 0.0);
        for channel in 0..n_channels {
            let plane = frame.data(channel).get(..n * bytes)?;
            for (place, sample) in
                out[channel..].iter_mut().step_by(n_channels).zip(plane.chunks_exact(bytes))
            {
                *place = convert(sample);
            }
        }
    } else {
        let all = frame.data(0).get(..n * bytes * n_channels)?;
        out.extend(all.chunks_exact(bytes).map(convert));
    }
    Some(())
}
