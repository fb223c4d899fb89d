//! Everything that is not a result, on stderr; bars only where a person looks at them.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes one line to stderr. A closed stderr is ignored: there is nobody left to tell.
pub fn say(line: &str) {
    drop(writeln!(stderr().lock(), "{line}"));
}

/// One bar that shows what is being done; invisible unless stderr is a terminal.
pub struct Bar {
    bar: ProgressBar,
    bytes: bool,
}

impl Bar {
    /// A bar that counts units: pages, seconds, tokens.
    pub fn units() -> Self {
        Self::new(false)
    }

    /// A bar that counts bytes.
    pub fn bytes() -> Self {
        Self::new(true)
    }

    fn new(bytes: bool) -> Self {
        let bar = if stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(ProgressStyle::default_spinner());
        Self { bar, bytes }
    }

    /// Shows how far a step is; `total` is 0 while it is unknown.
    pub fn show(&self, what: &str, done: u64, total: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let template = match (total, self.bytes) {
            (0, _) => "{spinner} {wide_msg}",
            (_, true) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            (_, false) => "{msg} {wide_bar} {pos}/{len}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        if total > 0 {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        if self.bar.message() != what {
            self.bar.set_message(what.to_owned());
            self.bar.enable_steady_tick(Duration::from_millis(120));
        }
    }

    /// Takes the bar off the screen, so that other text can be written.
    pub fn clear(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        self.bar.reset();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The largest amount of memory this process has held, where the system tells it.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// A time in a recording for people: "0:07", "1:02:03".
pub fn clock(seconds: f64) -> String {
    let all = seconds.max(0.0).floor() as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_like_a_player_shows_them() {
        let shown = [0.0, 7.9, 65.0, 3723.4].map(clock);
        assert_eq!(shown, ["0:00", "0:07", "1:05", "1:02:03"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_the_peak_memory() {
        assert!(peak_rss_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
