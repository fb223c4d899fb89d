//! What every reader does before and around decoding: checks of the file, limits, caught panics.

use std::any::Any;
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;

use super::Limits;
use crate::error::{Error, MediaProblem, Result};

/// Opens a regular file that is neither empty nor larger than the limit.
pub(super) fn open_file(path: &Path, limits: &Limits) -> Result<File> {
    let file = open_of_any_size(path)?;
    check_size(path, &file, limits)?;
    Ok(file)
}

/// Refuses a file that is larger than the limit.
pub(super) fn check_size(path: &Path, file: &File, limits: &Limits) -> Result<()> {
    let n_bytes = file.metadata().map_err(|e| read_error(path, e))?.len();
    if n_bytes > limits.file_bytes {
        let (actual, limit) = (bytes_text(n_bytes), bytes_text(limits.file_bytes));
        return Err(Error::media(path, too_large("the file", actual, limit)));
    }
    Ok(())
}

/// Opens a regular file that is not empty.
pub(super) fn open_of_any_size(path: &Path) -> Result<File> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::media(path, MediaProblem::NotFound),
        io::ErrorKind::PermissionDenied => Error::media(path, MediaProblem::Forbidden),
        _ => Error::io("opening", path, source),
    };
    // Before opening: opening a pipe would wait for its writer.
    let about = std::fs::metadata(path).map_err(unreadable)?;
    let problem = if about.is_dir() {
        MediaProblem::IsDirectory
    } else if !about.is_file() {
        MediaProblem::UnknownKind { hint: Some("it is a device or a pipe, not a file".into()) }
    } else if about.len() == 0 {
        MediaProblem::Empty
    } else {
        return File::open(path).map_err(unreadable);
    };
    Err(Error::media(path, problem))
}

/// Opens the file once more while it is being read; a file that is gone by now has vanished.
pub(super) fn reopen_file(path: &Path, limits: &Limits) -> Result<File> {
    open_file(path, limits).map_err(|error| match error {
        Error::Media { path, problem: MediaProblem::NotFound | MediaProblem::Empty } => {
            Error::Media { path, problem: MediaProblem::Vanished }
        }
        other => other,
    })
}

/// An error while reading: the file vanished, or the system refused.
pub(super) fn read_error(path: &Path, source: io::Error) -> Error {
    if path.exists() { Error::io("reading", path, source) } else { vanished(path) }
}

/// The file went away.
pub(super) fn vanished(path: &Path) -> Error {
    Error::media(path, MediaProblem::Vanished)
}

/// A decoder could not make sense of the file; or the file is gone, which explains it better.
pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> Error {
    if path.exists() {
        Error::media(path, MediaProblem::Damaged { detail: detail.into() })
    } else {
        vanished(path)
    }
}

/// A limit was passed.
pub(super) fn too_large(what: &'static str, actual: String, limit: String) -> MediaProblem {
    MediaProblem::TooLarge { what, actual, limit }
}

/// Refuses a picture or frame with too many pixels, before memory is taken for it.
pub(super) fn check_pixels(path: &Path, width: u32, height: u32, limits: &Limits) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(damaged(path, "its picture has no width or no height"));
    }
    if u64::from(width) * u64::from(height) > limits.pixels {
        let limit = format!("{} megapixels", limits.pixels / 1_000_000);
        let actual = format!("{width} × {height} pixels");
        return Err(Error::media(path, too_large("the picture", actual, limit)));
    }
    Ok(())
}

/// Refuses a recording that is longer than the limit.
pub(super) fn check_duration(
    path: &Path,
    what: &'static str,
    duration_s: Option<f64>,
    limit_s: f64,
) -> Result<()> {
    match duration_s {
        Some(s) if s > limit_s => {
            Err(Error::media(path, too_large(what, duration_text(s), duration_text(limit_s))))
        }
        _ => Ok(()),
    }
}

/// "2:13 minutes" or "1:02:13 hours".
pub(super) fn duration_text(seconds: f64) -> String {
    // A float to integer cast saturates, so a hostile duration cannot overflow.
    let s = seconds.max(0.0).round() as u64;
    let (hours, minutes, s) = (s / 3600, s / 60 % 60, s % 60);
    match hours {
        0 => format!("{minutes}:{s:02} minutes"),
        _ => format!("{hours}:{minutes:02}:{s:02} hours"),
    }
}

/// "1.5 GiB", "12 KiB", "7 bytes".
pub(super) fn bytes_text(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        if bytes >= 1 << shift {
            let value = bytes as f64 / (1u64 << shift) as f64;
            return if value >= 10.0 || value.fract() < 0.05 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
    }
    format!("{bytes} bytes")
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs code of a codec crate; a panic in it becomes "damaged".
///
/// The panic prints nothing: the person gets the sentence, not a trace.
pub(super) fn catch<T>(path: &Path, decode: impl FnOnce() -> T) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(outer);
    outcome.map_err(|payload| {
        log::warn!("a decoder panicked on {}: {}", path.display(), panic_text(payload.as_ref()));
        damaged(path, "its decoder could not make sense of it")
    })
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_well() {
        assert_eq!(duration_text(133.2), "2:13 minutes");
        assert_eq!(duration_text(3733.0), "1:02:13 hours");
        assert_eq!(duration_text(f64::NAN), "0:00 minutes");
        assert_eq!(bytes_text(7), "7 bytes");
        assert_eq!(bytes_text(8 << 30), "8 GiB");
        assert_eq!(bytes_text(3 << 19), "1.5 MiB");
    }

    #[test]
    fn a_panicking_decoder_becomes_damaged() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = catch(file.path(), || -> () { panic!("index out of bounds") }).unwrap_err();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Damaged { .. }, .. }), "{error}");
    }

    #[test]
    fn a_missing_file_a_folder_and_an_empty_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let problem = |name: &str| match open_file(&folder.path().join(name), &Limits::default()) {
            Err(Error::Media { problem, .. }) => problem,
            other => panic!("{other:?}"),
        };
        std::fs::write(folder.path().join("empty.png"), b"").unwrap();
        assert_eq!(problem("nothing.png"), MediaProblem::NotFound);
        assert_eq!(problem(""), MediaProblem::IsDirectory);
        assert_eq!(problem("empty.png"), MediaProblem::Empty);
    }

    #[test]
    fn a_file_over_the_byte_limit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0; 100]).unwrap();
        let limits = Limits { file_bytes: 99, ..Limits::default() };
        let error = open_file(file.path(), &limits).unwrap_err();
        assert!(error.to_string().contains("too large: the file is 100 bytes, the limit is 99 bytes"));
    }

    #[test]
    fn a_file_that_is_gone_when_opened_again_has_vanished() {
        let folder = tempfile::tempdir().unwrap();
        let error = reopen_file(&folder.path().join("gone.mp4"), &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Vanished, .. }));
    }
}
