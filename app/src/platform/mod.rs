//! What the operating system gives: files to choose, clipboard, sound, time.

pub mod clipboard;

pub mod dialog;

pub mod files;

pub mod instance;

pub mod sound;

pub mod listen;

pub mod wave_file;

/// Seconds since 1970.
pub fn now_s() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Bytes of memory that this program takes, with the parts of mapped files that are in memory; where the system tells it.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Opens a file in the program that the desktop uses for it.
///
/// # Errors
/// What the system said, as a sentence.
pub fn open_in_desktop(path: &std::path::Path) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    let program = "xdg-open";
    #[cfg(target_os = "macos")]
    let program = "open";
    #[cfg(target_os = "windows")]
    let program = "explorer";
    std::process::Command::new(program)
        .arg(path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| format!("{}: {program} could not be started: {error}", path.display()))
}
