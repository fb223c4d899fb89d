//! What the operating system gives: files to choose, clipboard, sound, time.

pub mod clipboard;

pub mod crash;

pub mod dialog;

pub mod files;

pub mod instance;

pub mod folders;

pub mod screen;

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

/// The sample media: those of an installed Medley, which lie beside the program, else those of the folder that it was
/// started in.
pub fn samples_folder() -> Option<std::path::PathBuf> {
    let installed = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("share/medley/samples"));
    installed().into_iter().chain([std::path::PathBuf::from("assets/samples")]).find(|folder| folder.is_dir())
}

static WITHOUT_DESKTOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// From now on this process shows no dialog of the desktop and starts no program of it (for scripts that click
/// everything).
pub fn leave_the_desktop_alone() {
    WITHOUT_DESKTOP.store(true, std::sync::atomic::Ordering::Relaxed);
}

fn without_desktop() -> bool {
    WITHOUT_DESKTOP.load(std::sync::atomic::Ordering::Relaxed)
}

/// Opens a file in the program that the desktop uses for it.
///
/// # Errors
/// What the system said, as a sentence.
pub fn open_in_desktop(path: &std::path::Path) -> Result<(), String> {
    if without_desktop() {
        return Err(format!("{}: there is no desktop", path.display()));
    }
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
