//! Real media files, good and bad, through `engine::media`. The files come from `assets/samples` or are
//! made here with the `ffmpeg` program.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use engine::media::{self, Frame, Kind, Limits, Media, Opener, Picture, Shows, SoundReader, VideoReader};
use engine::{Cancel, MediaProblem};
use medley_tests::media_files::{open, opener, problem, two_pages, wav_header};
use medley_tests::sample;
use tempfile::TempDir;

fn sound(path: &Path) -> SoundReader {
    match open(path) {
        Ok(Media::Sound(sound)) => sound,
        Ok(other) => panic!("{}: {:?}", path.display(), other.kind()),
        Err(error) => panic!("{error}"),
    }
}

fn video(path: &Path) -> VideoReader {
    match open(path) {
        Ok(Media::Video(video)) => video,
        Ok(other) => panic!("{}: {:?}", path.display(), other.kind()),
        Err(error) => panic!("{error}"),
    }
}

fn picture(path: &Path) -> Picture {
    match open(path) {
        Ok(Media::Picture(picture)) => picture,
        Ok(other) => panic!("{}: {:?}", path.display(), other.kind()),
        Err(error) => panic!("{error}"),
    }
}

/// Runs `ffmpeg` in a folder.
fn ffmpeg(folder: &TempDir, arguments: &str) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .output()
        .expect("ffmpeg is installed by `make test`");
    assert!(output.status.success(), "ffmpeg {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn samples(sound: &mut SoundReader) -> Vec<f32> {
    sound.flat_map(|block| block.unwrap()).collect()
}

/// Amplitude of a frequency in the middle of a recording.
fn amplitude(samples: &[f32], frequency_hz: f64) -> f64 {
    let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let step = std::f64::consts::TAU * frequency_hz / f64::from(media::SAMPLE_RATE_HZ);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in middle.iter().enumerate() {
        re += f64::from(*sample) * (step * i as f64).cos();
        im += f64::from(*sample) * (step * i as f64).sin();
    }
    2.0 * re.hypot(im) / middle.len() as f64
}

const TONE: &str = "-f lavfi -i aevalsrc=0.5*sin(2*PI*440*t):d=3:s=44100:c=stereo";

#[test]
fn every_sound_format_keeps_its_length_tone_and_level() {
    let folder = tempfile::tempdir().unwrap();
    // (name, encoder arguments, error allowed in the length in seconds)
    let formats = [
        ("a.wav", "-ac 2", 0.001),
        ("float.wav", "-c:a pcm_f32le -ar 48000 -ac 2", 0.001),
        ("a.aiff", "-ac 2", 0.001),
        ("a.flac", "-ac 2", 0.001),
        ("a.mp3", "-ac 2 -b:a 128k", 0.06),
        ("plain.mp3", "-ac 2 -id3v2_version 0 -write_xing 0 -b:a 64k -ar 22050", 0.12),
        ("a.ogg", "-ac 2 -c:a libvorbis", 0.01),
        ("a.m4a", "-ac 2 -c:a aac", 0.03),
        ("a.aac", "-ac 2 -c:a aac", 0.06),
        ("a.opus", "-ac 2 -c:a libopus", 0.02),
        ("a.mka", "-ac 2 -c:a libvorbis", 0.03),
        ("a.webm", "-ac 2 -c:a libopus", 0.03),
        ("six.wav", "-ac 6", 0.001),
        ("low.wav", "-ac 1 -ar 8000", 0.001),
    ];
    let mut failures = Vec::new();
    for (name, arguments, tolerance_s) in formats {
        ffmpeg(&folder, &format!("{TONE} {arguments} {name}"));
        let path = folder.path().join(name);
        assert_eq!(media::kind(&path).unwrap(), Kind::Sound, "{name}");
        let mut sound = sound(&path);
        let stated_s = sound.duration_s();
        let samples = samples(&mut sound);
        let length_s = samples.len() as f64 / 16_000.0;
        // Also of six channels, of which ffmpeg fills two: those that are silent take nothing from the level.
        let expected = 0.5;
        let (tone, other) = (amplitude(&samples, 440.0), amplitude(&samples, 523.0));
        let good = (length_s - 3.0).abs() <= tolerance_s
            && (tone / expected - 1.0).abs() < 0.05
            && other < expected * 0.02
            && stated_s.is_none_or(|s| (s - 3.0).abs() < 0.15)
            && sound.notices().is_empty();
        if !good {
            failures.push(format!(
                "{name}: {length_s} s (stated {stated_s:?}), tone {tone:.3}, other {other:.4}, {:?}",
                sound.notices()
            ));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn stereo_becomes_the_mean_of_its_channels() {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(&folder, "-f lavfi -i aevalsrc=0.8*sin(2*PI*440*t)|0.4*sin(2*PI*1000*t):d=2:s=48000 a.wav");
    ffmpeg(&folder, "-i a.wav -c:a libopus -b:a 256k a.opus");
    for name in ["a.wav", "a.opus"] {
        let samples = samples(&mut sound(&folder.path().join(name)));
        let (left, right) = (amplitude(&samples, 440.0), amplitude(&samples, 1000.0));
        assert!((left - 0.4).abs() < 0.02 && (right - 0.2).abs() < 0.02, "{name}: {left} {right}");
    }
}

#[test]
fn blocks_are_five_seconds_and_the_last_one_is_the_rest() {
    let mut sound = sound(&sample("speech/austen-0870.wav"));
    let stated = sound.duration_s().unwrap();
    let blocks: Vec<usize> = sound.by_ref().map(|block| block.unwrap().len()).collect();
    let (last, full) = blocks.split_last().unwrap();
    assert!(full.iter().all(|n| *n == 80_000) && *last <= 80_000, "{blocks:?}");
    let total = blocks.iter().sum::<usize>() as f64 / 16_000.0;
    assert!((total - stated).abs() < 0.001, "{total} {stated}");
}

#[test]
fn damaged_sound_becomes_silence_of_the_same_length_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(&folder, "-f lavfi -i sine=440:d=20:r=44100 -c:a flac a.flac");
    let path = folder.path().join("a.flac");
    let mut bytes = std::fs::read(&path).unwrap();
    let (from, to) = (bytes.len() / 2, bytes.len() / 2 + bytes.len() / 10);
    bytes[from..to].fill(0x55);
    std::fs::write(&path, bytes).unwrap();
    let mut sound = sound(&path);
    let samples = samples(&mut sound);
    let length_s = samples.len() as f64 / 16_000.0;
    assert!((length_s - 20.0).abs() < 0.2, "{length_s} {:?}", sound.notices());
    assert!(sound.notices().iter().any(|notice| notice.contains("read as silence")), "{:?}", sound.notices());
}

/// Memory of this process in bytes.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn three_hours_of_silence_stream_in_constant_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silence.wav");
    let data = 3 * 3600 * 32_000;
    let mut file = File::create(&path).unwrap();
    file.write_all(&wav_header(data)).unwrap();
    // A sparse file: the silence takes no space.
    file.set_len(44 + u64::from(data)).unwrap();
    let mut sound = sound(&path);
    assert_eq!(sound.duration_s(), Some(10_800.0));
    let (mut n, mut most) = (0, 0);
    let before = resident_bytes();
    for block in sound.by_ref() {
        n += block.unwrap().len();
        most = most.max(resident_bytes());
    }
    assert_eq!(n, 3 * 3600 * 16_000);
    // Other tests run beside this one in the same process, so the bound is loose; the whole recording would
    // take 691 MB.
    assert!(most.saturating_sub(before) < 300 << 20, "{before} → {most}");
}

#[test]
fn a_late_place_is_reached_without_what_comes_before_and_is_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    // Its pitch rises all the time, so that another place sounds otherwise.
    let rising = "-f lavfi -i aevalsrc=0.4*sin(2*PI*(300+4*t)*t):d=100:s=44100";
    // (arguments, whether it is entered there; another container is decoded up to the place)
    let formats = [
        ("-ac 1 a.wav", true),
        ("-ac 1 a.flac", true),
        ("-b:a 128k a.mp3", true),
        ("-c:a libvorbis a.ogg", true),
        ("-c:a aac a.m4a", false),
    ];
    for (arguments, is_entered) in formats {
        ffmpeg(&folder, &format!("{rising} {arguments}"));
        let name = arguments.rsplit(' ').next().unwrap();
        let path = folder.path().join(name);
        let all = samples(&mut sound(&path));
        let mut late = sound(&path);
        let begin_s = late.skip_towards(73.2);
        assert!((0.0..=73.2).contains(&begin_s) && (!is_entered || begin_s > 60.0), "{name}: {begin_s}");
        let rest = samples(&mut late);
        let from = ((74.0 - begin_s) * 16_000.0).round() as usize;
        let (expected, found) = (&all[74 * 16_000..90 * 16_000], &rest[from..from + 16 * 16_000]);
        // The pieces of the resampler lie elsewhere: it may be half a sample off.
        let difference = expected.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 0.15, "{name}: {difference}");
        assert_eq!(sound(&path).skip_towards(5.0), 0.0, "{name}: a short way is not worth it");
    }
}

#[test]
fn a_recording_without_sound_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.wav");
    std::fs::write(&path, wav_header(0)).unwrap();
    let empty = open(&path).and_then(|media| match media {
        Media::Sound(mut sound) => sound.next().unwrap(),
        other => panic!("{:?}", other.kind()),
    });
    assert_eq!(problem(empty), MediaProblem::NoSound);
    // A container with subtitles only.
    std::fs::write(folder.path().join("s.srt"), "1\n00:00:00,000 --> 00:00:02,000\nHi\n").unwrap();
    ffmpeg(&folder, "-i s.srt s.mkv");
    assert_eq!(problem(open(&folder.path().join("s.mkv"))), MediaProblem::NoTracks);
    // An M4A whose only stream is its cover.
    ffmpeg(
        &folder,
        "-f lavfi -i sine=440:d=1 -f lavfi -i color=red:s=64x64:r=1:d=1 -map 0:a -map 1:v -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p -disposition:v attached_pic a.m4a",
    );
    assert_eq!(media::kind(&folder.path().join("a.m4a")).unwrap(), Kind::Sound);
    ffmpeg(&folder, "-i a.m4a -an -c copy -disposition:v attached_pic cover.mp4");
    assert_eq!(problem(open(&folder.path().join("cover.mp4"))), MediaProblem::NoTracks);
}

#[test]
fn limits_of_sound_and_video_have_their_own_messages() {
    let limits = Limits { sound_s: 2.0, video_s: 3.0, pixels: 1000, ..Limits::default() };
    let opener = |limits: &Limits| Opener { limits: limits.clone(), pdfium: None };
    let told = |name: &str, limits: &Limits| {
        let result = opener(limits).open(&sample(name), &Cancel::new());
        result.map(|_| ()).unwrap_err().to_string()
    };
    assert!(told("speech/austen-0870.wav", &limits).contains("too large: the recording is"));
    assert!(told("video/bigbuckbunny.mp4", &limits).contains("too large: the video is"));
    let small = Limits { pixels: 1000, ..Limits::default() };
    assert!(told("video/bigbuckbunny.mp4", &small).contains("the picture is"));
    assert!(told("pictures/rocket.jpg", &small).contains("the picture is"));
}

/// Two scenes of 3.5 seconds each, with a tone.
const SCENES: &str = "-f lavfi -i testsrc=s=320x240:r=25:d=3.5 -f lavfi -i mandelbrot=s=320x240:r=25 -f lavfi -i \
                      sine=440:d=7:r=44100 -filter_complex [1:v]trim=duration=3.5[m];[0:v][m]concat=n=2[v] -map [v] -map 2:a";

#[test]
fn every_container_gives_a_frame_each_second_the_cut_and_the_sound() {
    let folder = tempfile::tempdir().unwrap();
    let encodings = [
        ("a.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"),
        ("a.mov", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"),
        ("a.mkv", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a libvorbis -ac 2"),
        ("a.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus"),
        ("a.avi", "-c:v mpeg4 -q:v 4 -c:a libmp3lame"),
    ];
    for (name, arguments) in encodings {
        ffmpeg(&folder, &format!("{SCENES} {arguments} -t 7 {name}"));
        let path = folder.path().join(name);
        let mut video = video(&path);
        assert_eq!(video.size(), (320, 240), "{name}");
        assert!((video.duration_s().unwrap() - 7.0).abs() < 0.15, "{name}: {:?}", video.duration_s());
        let frames: Vec<Frame> = video.by_ref().map(Result::unwrap).collect();
        let regular: Vec<f64> =
            frames.iter().map(|f| f.time_s).filter(|t| (t - t.round()).abs() < 0.05).collect();
        assert!(regular.len() >= 7, "{name}: {regular:?}");
        let cuts: Vec<f64> = frames.iter().filter(|f| f.scene_change).map(|f| f.time_s).collect();
        assert!(cuts.len() == 1 && (cuts[0] - 3.5).abs() < 0.1, "{name}: {cuts:?}");
        assert!(video.notices().is_empty(), "{name}: {:?}", video.notices());
        let samples = samples(&mut video.sound().unwrap().unwrap());
        assert!((samples.len() as f64 / 16_000.0 - 7.0).abs() < 0.1, "{name}: {}", samples.len());
        assert!(amplitude(&samples, 440.0) > 0.05, "{name}: {}", amplitude(&samples, 440.0));
    }
}

#[test]
fn frames_are_those_of_their_time() {
    let folder = tempfile::tempdir().unwrap();
    // The grey of each frame tells its second: 20 × second.
    ffmpeg(
        &folder,
        "-f lavfi -i color=black:s=64x48:r=10:d=12,format=gray,geq=lum='20*floor(T)' -c:v libx264 -g 50 -pix_fmt yuv420p a.mp4",
    );
    let path = folder.path().join("a.mp4");
    let grey = |pixels: &image::RgbImage| f64::from(pixels.get_pixel(pixels.width() / 2, 12).0[1]);
    let level = |t: f64| 20.0 * t.floor();
    for frame in video(&path) {
        let frame = frame.unwrap();
        assert!(
            (grey(&frame.pixels) - level(frame.time_s)).abs() < 12.0,
            "{}: {}",
            frame.time_s,
            grey(&frame.pixels)
        );
    }
    let mut opened_once = video(&path);
    for time_s in [0.0, 0.05, 0.95, 1.0, 1.0, 3.95, 4.0, 4.1, 7.5, 11.9, 99.0] {
        let alone = media::frame_at(&path, time_s, 32).unwrap();
        let in_turn = opened_once.frame_at(time_s, 32).unwrap();
        assert_eq!(alone.dimensions(), (32, 24));
        assert!((grey(&alone) - level(time_s.min(11.9))).abs() < 12.0, "{time_s}: {}", grey(&alone));
        assert!(alone == in_turn, "{time_s}");
    }
}

#[test]
fn a_long_video_is_spread_over_the_budget_quickly() {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(&folder, "-f lavfi -i testsrc2=s=64x48:r=10:d=1800 -c:v libx264 -preset ultrafast -g 50 a.mp4");
    let opener = Opener { limits: Limits { video_frames: 40, ..Limits::default() }, pdfium: None };
    let Ok(Media::Video(video)) = opener.open(&folder.path().join("a.mp4"), &Cancel::new()) else { panic!() };
    assert_eq!(video.progress(), (0, 30));
    let times: Vec<f64> = video.map(|frame| frame.unwrap().time_s).collect();
    assert!((30..=40).contains(&times.len()), "{}", times.len());
    let regular: Vec<f64> =
        times.iter().copied().filter(|t| (t / 60.0 - (t / 60.0).round()).abs() < 0.01).collect();
    assert_eq!(regular.len(), 30, "{times:?}");
}

#[test]
fn a_word_on_one_frame_is_among_those_to_read() {
    let folder = tempfile::tempdir().unwrap();
    // A picture that pans and flickers a little, with a plate on frame 123 and another on the last of all, 299.
    ffmpeg(
        &folder,
        "-f lavfi -i testsrc2=s=320x180:r=25:d=1 -vf loop=loop=-1:size=1:start=0,trim=end_frame=300,\
         drawbox=x=40:y=120:w=90:h=20:c=white:t=fill:enable='eq(n,123)+eq(n,299)' \
         -c:v libx264 -preset ultrafast -g 250 -bf 2 a.mp4",
    );
    let frames: Vec<_> = video(&folder.path().join("a.mp4")).every_frame().map(Result::unwrap).collect();
    let texts: Vec<f64> = frames.iter().filter(|f| f.shows == Shows::Glimpse).map(|f| f.time_s).collect();
    let near = |time_s: f64| texts.iter().any(|t| (t - time_s).abs() < 0.01);
    assert!(near(123.0 / 25.0) && near(299.0 / 25.0), "{texts:?}");
    assert_eq!(frames.iter().filter(|f| f.shows == Shows::Scene).count(), 12, "one of each second besides");
    assert!(video(&folder.path().join("a.mp4")).all(|frame| frame.unwrap().shows == Shows::Scene));
}

#[test]
fn the_length_of_a_live_recording_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    // A live stream is written without going back to fill in the length.
    ffmpeg(
        &folder,
        "-f lavfi -i testsrc2=s=64x48:r=10:d=130 -c:v libx264 -preset ultrafast -g 50 -live 1 -f matroska a.mkv",
    );
    let video = video(&folder.path().join("a.mkv"));
    assert!((video.duration_s().unwrap() - 130.0).abs() < 0.5, "{:?}", video.duration_s());
    let times: Vec<f64> = video.map(|frame| frame.unwrap().time_s).collect();
    assert!(times.last().is_some_and(|t| *t > 125.0), "{times:?}");
}

#[test]
fn a_turned_video_is_shown_upright() {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(
        &folder,
        "-f lavfi -i color=red:s=64x32:r=5:d=1,drawbox=x=0:y=0:w=32:h=32:c=blue:t=fill -pix_fmt yuv420p a.mp4",
    );
    ffmpeg(&folder, "-i a.mp4 -c copy -metadata:s:v:0 rotate=90 turned.mp4");
    let mut video = video(&folder.path().join("turned.mp4"));
    assert_eq!(video.size(), (32, 64));
    let frame = video.next().unwrap().unwrap();
    assert_eq!(frame.pixels.dimensions(), (32, 64));
    // As ffmpeg itself shows this file: a quarter to the left, with the right half (red) on top.
    let (top, bottom) = (frame.pixels.get_pixel(16, 10).0, frame.pixels.get_pixel(16, 54).0);
    assert!(top[0] > 200 && bottom[2] > 200, "{top:?} {bottom:?}");
}

#[test]
fn an_mp4_that_was_cut_before_its_index_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(sample("video/bigbuckbunny.mp4")).unwrap();
    // Its index stands at the front: remux it to the end, as cameras write it.
    ffmpeg(
        &folder,
        &format!("-i {} -c copy -movflags -faststart end.mp4", sample("video/bigbuckbunny.mp4").display()),
    );
    let end = std::fs::read(folder.path().join("end.mp4")).unwrap();
    assert!(end.len() > bytes.len() / 2);
    let path = folder.path().join("cut.mp4");
    std::fs::write(&path, &end[..end.len() / 2]).unwrap();
    let text = open(&path).map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("cut.mp4") && text.contains("its index (the moov box) is missing"), "{text}");
}

#[test]
fn a_video_cut_in_the_middle_gives_its_frames_until_there_and_a_notice() {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(
        &folder,
        &format!(
            "{SCENES} -c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p -c:a aac -t 7 -movflags +faststart a.mp4"
        ),
    );
    let path = folder.path().join("a.mp4");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let mut video = video(&path);
    let times: Vec<f64> = video.by_ref().map(|frame| frame.unwrap().time_s).collect();
    assert!(times.len() >= 2 && times.last().is_some_and(|t| *t < 6.0), "{times:?}");
    assert!(video.notices().iter().any(|n| n.contains("the rest is missing")), "{:?}", video.notices());
}

#[test]
fn a_file_that_vanishes_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::copy(sample("video/bigbuckbunny.mp4"), &path).unwrap();
    ffmpeg(&folder, &format!("{SCENES} -c:v libx264 -preset ultrafast -c:a aac -t 2 b.mp4"));
    let path = folder.path().join("b.mp4");
    let mut video = video(&path);
    video.next().unwrap().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(problem(video.sound().unwrap()), MediaProblem::Vanished);
}

#[test]
fn names_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let renamed = |from: &str, to: &str| {
        let path = folder.path().join(to);
        std::fs::copy(sample(from), &path).unwrap();
        path
    };
    assert_eq!(media::kind(&renamed("pictures/rocket.jpg", "a.png")).unwrap(), Kind::Picture);
    assert_eq!(media::kind(&renamed("video/bigbuckbunny.mp4", "b.txt")).unwrap(), Kind::Video);
    assert_eq!(media::kind(&renamed("speech/austen-0870.wav", "c.pdf")).unwrap(), Kind::Sound);
    assert_eq!(media::kind(&renamed("speech/austen-0870.txt", "d.mp3")).unwrap(), Kind::Document);
    assert_eq!(picture(&folder.path().join("a.png")).pixels.dimensions(), (640, 427));
}

#[test]
fn summaries_read_well() {
    let summary = |name: &str| open(&sample(name)).unwrap().summary();
    assert_eq!(summary("pictures/rocket.jpg"), "640 × 427 pixels");
    assert!(summary("speech/austen-0870.wav").ends_with(" minutes"));
    assert!(summary("video/bigbuckbunny.mp4").contains("minutes, "));
    assert_eq!(summary("speech/austen-0870.txt"), "1 page");
}

#[test]
fn thumbnails_are_small_and_quick() {
    let folder = tempfile::tempdir().unwrap();
    let large = image::RgbImage::from_fn(6000, 4000, |x, y| image::Rgb([(x / 30) as u8, (y / 20) as u8, 99]));
    let path = folder.path().join("large.jpg");
    large.save(&path).unwrap();
    let started = Instant::now();
    assert_eq!(media::thumbnail(&path, 128, None).unwrap().dimensions(), (128, 85));
    assert!(started.elapsed().as_secs_f64() < 5.0, "{:?}", started.elapsed());
    let frame = media::thumbnail(&sample("video/bigbuckbunny.mp4"), 128, None).unwrap();
    assert_eq!(frame.width().max(frame.height()), 128);
    let pdf = folder.path().join("a.pdf");
    std::fs::write(&pdf, two_pages()).unwrap();
    let page = media::thumbnail(&pdf, 128, opener().pdfium.as_deref()).unwrap();
    assert_eq!(page.dimensions(), (99, 128));
    let sound = sample("speech/austen-0870.wav");
    assert_eq!(problem(media::thumbnail(&sound, 128, None)), MediaProblem::NoPicture);
}

/// Every kind of file, damaged in many ways, gives an answer: no panic, no crash, no endless work.
#[test]
fn damaged_bytes_never_do_harm() {
    let folder = tempfile::tempdir().unwrap();
    ffmpeg(&folder, &format!("{TONE} -t 1 a.mp3"));
    ffmpeg(&folder, &format!("{TONE} -t 1 a.ogg"));
    ffmpeg(&folder, &format!("{TONE} -t 1 a.flac"));
    ffmpeg(&folder, &format!("{TONE} -t 1 a.wav"));
    ffmpeg(&folder, &format!("{TONE} -t 1 a.m4a"));
    ffmpeg(&folder, &format!("{SCENES} -c:v libx264 -preset ultrafast -c:a aac -t 1 a.mp4"));
    ffmpeg(&folder, &format!("{SCENES} -c:v libvpx -deadline realtime -c:a libopus -t 1 a.webm"));
    let shades =
        image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 4) as u8, (y * 4) as u8, (x ^ y) as u8]));
    for name in ["a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.tiff"] {
        shades.save(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("a.pdf"), two_pages()).unwrap();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let damaged = folder.path().join("damaged");
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        for round in 0..25 {
            let mut bytes = whole.clone();
            match round % 3 {
                0 => bytes.truncate(1 + random(whole.len())),
                // The headers are where sizes and counts stand.
                1 => (0..8).for_each(|_| bytes[random(whole.len().min(400))] = random(256) as u8),
                _ => (0..200).for_each(|_| bytes[random(whole.len())] = random(256) as u8),
            }
            let mut out = File::create(&damaged).unwrap();
            out.seek(SeekFrom::Start(0)).unwrap();
            out.write_all(&bytes).unwrap();
            let started = Instant::now();
            read_all(&damaged);
            let took = started.elapsed().as_secs_f64();
            assert!(took < 20.0, "{} round {round} took {took} s", file.display());
        }
    }
}

/// Reads everything a file gives; errors are fine.
fn read_all(path: &Path) {
    match open(path) {
        Ok(Media::Sound(sound)) => drop(sound.take(200).collect::<Vec<_>>()),
        Ok(Media::Video(video)) => {
            if let Some(Ok(sound)) = video.sound() {
                drop(sound.take(200).collect::<Vec<_>>());
            }
            drop(video.take(200).collect::<Vec<_>>());
        }
        Ok(Media::Document(document)) => {
            for number in 1..=document.page_count().min(5) {
                drop(document.page(number));
                drop(document.page_picture(number, 200));
            }
        }
        Ok(Media::Picture(_)) | Err(_) => {}
    }
}
