//! What sound and video share when they are read through FFmpeg.

use std::fs::File;
use std::path::Path;
use std::sync::Once;

use ff::format::context::{Input, StreamIo};
use ff::format::stream::{Disposition, Stream};
use ff::media::Type;
use ffmpeg_next as ff;

use super::guard;
use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};

/// The only containers that are opened. Playlists and the like, which make FFmpeg open other files
/// or the network, are not among them.
const CONTAINERS: &str = "mov,matroska,avi,ogg,wav,w64,mp3,flac,aac,aiff,caf,asf,mpegts,mpeg,flv,amr,ac3";

/// Opens a container. The content is handed over by us, so FFmpeg itself opens no file and no network.
pub(super) fn open(path: &Path, mut file: File, cancel: &Cancel) -> Result<Input> {
    static START: Once = Once::new();
    START.call_once(|| {
        if let Err(error) = ff::init() {
            log::error!("FFmpeg did not start: {error}");
        }
        // What goes wrong is told in our own words; FFmpeg would print to the terminal.
        ff::log::set_level(ff::log::Level::Quiet);
    });
    std::io::Seek::rewind(&mut file).map_err(|e| guard::read_error(path, e))?;
    let cut_mp4 = lacks_index(&mut file);
    let stream = StreamIo::from_read_seek(file).map_err(|e| failed(path, e))?;
    let mut options = ff::Dictionary::new();
    options.set("format_whitelist", CONTAINERS);
    options.set("protocol_whitelist", "");
    let cancel = cancel.clone();
    ff::format::input_from_stream_with_interrupt(stream, None, Some(options), move || cancel.is_cancelled())
        .map_err(|error| match cut_mp4 {
            true => guard::damaged(
                path,
                "its index (the moov box) is missing, as after an interrupted copy or recording",
            ),
            false => failed(path, error),
        })
}

/// FFmpeg's error, in words.
pub(super) fn failed(path: &Path, error: ff::Error) -> Error {
    match error {
        ff::Error::DecoderNotFound => Error::media(
            path,
            MediaProblem::UnknownKind { hint: Some("FFmpeg has no decoder for its codec".into()) },
        ),
        ff::Error::InvalidData => guard::damaged(path, "FFmpeg found invalid data"),
        other => guard::damaged(path, other.to_string()),
    }
}

/// Whether this is an MP4 or MOV whose index never comes: its boxes end without `moov`.
fn lacks_index(file: &mut File) -> bool {
    use std::io::{Read, Seek, SeekFrom};

    let walk = |file: &mut File| -> std::io::Result<bool> {
        let length = file.metadata()?.len();
        let mut at = 0u64;
        while at + 8 <= length {
            file.seek(SeekFrom::Start(at))?;
            let mut header = [0; 16];
            let got = file.read(&mut header)?;
            let kind = [header[4], header[5], header[6], header[7]];
            if at == 0 && &kind != b"ftyp" {
                return Ok(false);
            }
            if &kind == b"moov" {
                return Ok(false);
            }
            let short = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
            at = match short {
                0 => length,
                1 if got == 16 => {
                    let [.., a, b, c, d, e, f, g, h] = header;
                    at.saturating_add(u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(16))
                }
                size => at.saturating_add(u64::from(size).max(8)),
            };
        }
        Ok(true)
    };
    let lacks = walk(file).unwrap_or(false);
    file.rewind().is_ok() && lacks
}

/// The track with moving pictures; a cover picture does not count.
pub(super) fn video_stream(input: &Input) -> Option<Stream<'_>> {
    let moving = |stream: &Stream| {
        stream.parameters().medium() == Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    };
    let best = input.streams().best(Type::Video).filter(|stream| moving(stream));
    best.or_else(|| input.streams().find(moving))
}

/// Width and height of a track's pictures as the container states them; zeros when it does not.
pub(super) fn coded_size(stream: &Stream) -> (u32, u32) {
    let parameters = stream.parameters();
    // SAFETY: the parameters live as long as `parameters`, and these two fields are plain numbers that
    // the wrapper does not give out.
    #[allow(unsafe_code)]
    let (width, height) = unsafe { ((*parameters.as_ptr()).width, (*parameters.as_ptr()).height) };
    (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0))
}

/// Whether the container holds moving pictures.
pub(super) fn has_video(input: &Input) -> bool {
    video_stream(input).is_some()
}

/// Whether the container holds sound.
pub(super) fn has_sound(input: &Input) -> bool {
    input.streams().best(Type::Audio).is_some()
}

/// Length in seconds, where the container tells it.
pub(super) fn duration_s(input: &Input) -> Option<f64> {
    let duration = input.duration();
    (duration > 0).then(|| duration as f64 / f64::from(ff::ffi::AV_TIME_BASE))
}

/// Length in seconds as the last packet's time tells it; reads the whole file but decodes nothing.
pub(super) fn measured_duration_s(mut input: Input, cancel: &Cancel) -> Option<f64> {
    let start_s = start_s(&input);
    let bases: Vec<f64> = input.streams().map(|stream| f64::from(stream.time_base())).collect();
    let mut end_s: Option<f64> = None;
    for (stream, packet) in input.packets() {
        if cancel.is_cancelled() {
            return None;
        }
        if let (Some(ts), Some(base)) = (packet.pts().or(packet.dts()), bases.get(stream.index())) {
            let packet_end_s = (ts.saturating_add(packet.duration().max(0))) as f64 * base - start_s;
            end_s = Some(end_s.map_or(packet_end_s, |end| end.max(packet_end_s)));
        }
    }
    end_s.filter(|end| *end > 0.0)
}

/// Presentation time of the first thing in the container, in seconds; other times count from it.
pub(super) fn start_s(input: &Input) -> f64 {
    let starts = input.streams().filter_map(|stream| {
        let av = matches!(stream.parameters().medium(), Type::Video | Type::Audio);
        let start = stream.start_time();
        (av && start != ff::ffi::AV_NOPTS_VALUE).then(|| start as f64 * f64::from(stream.time_base()))
    });
    starts.fold(None, |least: Option<f64>, s| Some(least.map_or(s, |l| l.min(s)))).unwrap_or(0.0)
}

/// How many threads a decoder may use.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(4))
}
