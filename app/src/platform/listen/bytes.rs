//! Sound as bytes: WAV, or raw samples.

use std::io::Read;

use super::{Held, Listening, Shared, lock};

/// What raw samples are taken for: 16 kHz mono.
pub(super) const RAW: Layout = Layout { rate_hz: 16_000, n_channels: 1, bits: 16, floats: false };

/// How samples lie in bytes, least significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) rate_hz: u32,
    pub(super) n_channels: usize,
    pub(super) bits: usize,
    pub(super) floats: bool,
}

impl Layout {
    fn sample(self, bytes: &[u8]) -> f32 {
        let whole = || bytes.iter().rev().fold(0_i64, |all, &byte| all << 8 | i64::from(byte));
        match (self.bits, self.floats, bytes) {
            (32, true, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (8, ..) => (whole() - 128) as f32 / 128.0,
            (bits, ..) => {
                let unused = 64 - bits;
                ((whole() << unused) >> unused) as f32 / (1_i64 << (bits - 1)) as f32
            }
        }
    }
}

/// Takes WAV or raw samples from the standard input as they come.
pub(super) fn open_standard_input() -> Result<Listening, String> {
    let mut input = std::io::stdin().lock();
    let (layout, first) = layout(&mut input)?;
    drop(input);
    open(layout, first, std::io::stdin(), |_| Ok(()))
}

/// Reads on a thread of its own until the end, of which `end` says what it means.
pub(super) fn open(
    layout: Layout,
    first: Vec<u8>,
    mut input: impl Read + Send + 'static,
    end: impl FnOnce(std::io::Result<()>) -> Result<(), String> + Send + 'static,
) -> Result<Listening, String> {
    let shared = Shared::default();
    let listening = Listening::new(layout.rate_hz, layout.n_channels, shared.clone(), Held::Thread)?;
    let per_frame = layout.n_channels * layout.bits / 8;
    let most = lock(&shared).most;
    let read = move || {
        let (mut bytes, mut block) = (first, vec![0; 1 << 13]);
        let ended = loop {
            let whole = bytes.len() / per_frame * per_frame;
            let mut samples: Vec<f32> =
                bytes[..whole].chunks(layout.bits / 8).map(|sample| layout.sample(sample)).collect();
            bytes.drain(..whole);
            // A file gives sound faster than it is heard: it waits, for it can.
            loop {
                let mut waiting = lock(&shared);
                if waiting.ended.is_some() {
                    return;
                }
                if waiting.samples.len() + samples.len() <= most / 2 || samples.len() > most / 2 {
                    waiting.add(samples.drain(..));
                    break;
                }
                drop(waiting);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            match input.read(&mut block) {
                Ok(0) => break Ok(()),
                Ok(n) => bytes.extend_from_slice(&block[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let ended = end(ended);
        lock(&shared).ended.get_or_insert(ended);
    };
    std::thread::Builder::new()
        .name("listen".into())
        .spawn(read)
        .map_err(|error| format!("no thread could be started: {error}"))?;
    Ok(listening)
}

/// Reads the header of WAV; without one, the bytes that were read belong to raw samples.
fn layout(input: &mut impl Read) -> Result<(Layout, Vec<u8>), String> {
    let cut = |error: std::io::Error| format!("the sound on the standard input cannot be read: {error}");
    let mut start = Vec::new();
    input.take(12).read_to_end(&mut start).map_err(cut)?;
    if start.len() < 12 || &start[..4] != b"RIFF" || &start[8..] != b"WAVE" {
        return Ok((RAW, start));
    }
    let mut layout = None;
    loop {
        let mut head = [0; 8];
        input.read_exact(&mut head).map_err(cut)?;
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        match (&head[..4], layout) {
            (b"data", Some(layout)) => return Ok((layout, Vec::new())),
            (b"data", None) => return Err("the WAV on the standard input does not say what it holds".into()),
            _ => {}
        }
        let mut body = Vec::new();
        let padded = u64::from(size) + u64::from(size % 2);
        input.take(padded.min(1 << 20)).read_to_end(&mut body).map_err(cut)?;
        if &head[..4] == b"fmt " && body.len() >= 16 {
            layout = Some(format(&body)?);
        }
    }
}

fn format(body: &[u8]) -> Result<Layout, String> {
    let short = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
    // The extended form says at its end what it really is.
    let kind = match short(0) {
        0xfffe if body.len() >= 26 => short(24),
        kind => kind,
    };
    let layout = Layout {
        rate_hz: u32::from_le_bytes([body[4], body[5], body[6], body[7]]),
        n_channels: short(2).into(),
        bits: short(14).into(),
        floats: kind == 3,
    };
    match (kind, layout.bits, layout.n_channels) {
        (1, 8 | 16 | 24 | 32, 1..) | (3, 32, 1..) => Ok(layout),
        _ => Err(format!(
            "WAV of kind {kind} with {} bits is not understood; give PCM of 16 bits, as `ffmpeg -f wav -` does",
            layout.bits
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(kind: u16, n_channels: u16, bits: u16, body: &[u8]) -> Vec<u8> {
        let mut all = b"RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        for short in [kind, n_channels] {
            all.extend(short.to_le_bytes());
        }
        all.extend(48_000_u32.to_le_bytes());
        all.extend([0; 6]);
        all.extend(bits.to_le_bytes());
        all.extend(b"data\xff\xff\xff\xff");
        all.extend(body);
        all
    }

    #[test]
    fn a_header_is_read_past_what_ffmpeg_puts_before_the_sound() {
        let bytes = wave(1, 2, 16, &[0, 0x40, 0, 0xc0]);
        let mut input = bytes.as_slice();
        let (found, first) = layout(&mut input).unwrap();
        assert_eq!(found, Layout { rate_hz: 48_000, n_channels: 2, bits: 16, floats: false });
        assert!(first.is_empty());
        let samples: Vec<f32> = input.chunks(2).map(|bytes| found.sample(bytes)).collect();
        assert_eq!(samples, [0.5, -0.5]);
    }

    #[test]
    fn other_widths_are_read_and_unknown_ones_refused() {
        let of = |kind, bits| layout(&mut wave(kind, 1, bits, &[]).as_slice()).map(|found| found.0);
        assert_eq!(of(1, 24).unwrap().sample(&[0, 0, 0x40]), 0.5);
        assert_eq!(of(1, 8).unwrap().sample(&[64]), -0.5);
        assert_eq!(of(1, 32).unwrap().sample(&[0, 0, 0, 0xc0]), -0.5);
        assert_eq!(of(3, 32).unwrap().sample(&0.25_f32.to_le_bytes()), 0.25);
        assert!(of(2, 4).unwrap_err().contains("PCM"));
    }

    #[test]
    fn without_a_header_samples_are_raw_from_the_first_byte() {
        let (found, first) = layout(&mut [1_u8, 2, 3].as_slice()).unwrap();
        assert_eq!((found, first), (RAW, vec![1, 2, 3]));
    }

    #[test]
    fn everything_in_the_bytes_is_heard_and_then_the_end() {
        let sound: Vec<u8> = (0..16_000_u32).flat_map(|i| (i as i16).to_le_bytes()).collect();
        let mut listening =
            open(RAW, Vec::new(), std::io::Cursor::new(sound), |end| end.map_err(|error| error.to_string()))
                .unwrap();
        let mut n = 0;
        loop {
            let taken = listening.take();
            n += taken.samples.len();
            if let Some(ended) = taken.ended {
                assert_eq!(ended, Ok(()));
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(n, 16_000);
    }
}
