//! What the window's own work costs, apart from the renderer's.
//!
//! A frame of ours begins where the input is taken in and ends where its triangles are made. What comes after that, the
//! upload and the drawing, is a graphics card's work; without one a software renderer does it on the same processor, in
//! the window's thread and in threads of its own, and none of that is counted here. Times are those that the thread had
//! the processor, where the system tells that, so what else runs on the machine does not count either.

use std::sync::{Arc, Mutex, PoisonError};

/// What the frames took so far.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// When the frame began, in seconds of this thread.
    began_s: f64,
    /// The last frame, in seconds.
    pub last_s: f64,
    /// All frames, in seconds.
    pub sum_s: f64,
    /// What making the triangles once more took, which only this measuring does.
    pub twice_s: f64,
}

/// Measures frames from inside egui.
pub(super) struct MeterPlugin(pub Arc<Mutex<Meter>>);

impl MeterPlugin {
    fn meter(&self) -> std::sync::MutexGuard<'_, Meter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl egui::Plugin for MeterPlugin {
    fn debug_name(&self) -> &'static str {
        "frame meter"
    }

    fn input_hook(&mut self, _: &egui::Context, _: &mut egui::RawInput) {
        self.meter().began_s = thread_s();
    }

    fn output_hook(&mut self, ctx: &egui::Context, output: &mut egui::FullOutput) {
        let laid_out_s = thread_s();
        let shapes = output.shapes.clone();
        let copied_s = thread_s();
        // The window does the same right after this; here it is timed.
        drop(ctx.tessellate(shapes, output.pixels_per_point));
        let end_s = thread_s();
        let mut meter = self.meter();
        meter.last_s = laid_out_s - meter.began_s + end_s - copied_s;
        meter.sum_s += meter.last_s;
        meter.twice_s += end_s - laid_out_s;
    }
}

/// Seconds for which this thread had a processor; where the system does not tell, seconds on the clock.
#[cfg(target_os = "linux")]
pub(super) fn thread_s() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// Seconds for which this thread had a processor; where the system does not tell, seconds on the clock.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_s() -> f64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

/// Seconds of processor time of this process's threads, where the system tells them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Threads {
    /// All of them.
    pub all_s: f64,
    /// The script that stands for the engine.
    pub script_s: f64,
    /// Those that are neither the script, nor the window's own, nor the renderer's.
    pub workers_s: f64,
}

impl Threads {
    /// As it is now.
    pub fn now() -> Option<Self> {
        let mut times = Self::default();
        let own = std::process::id().to_string();
        for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
            // A thread may end while this looks.
            let Ok(used) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let Ok(name) = std::fs::read_to_string(thread.path().join("comm")) else { continue };
            let nanoseconds: u64 = used.split_whitespace().next()?.parse().ok()?;
            let used_s = nanoseconds as f64 / 1e9;
            times.all_s += used_s;
            match name.trim() {
                "engine" => times.script_s += used_s,
                // Mesa calls its threads by the program and their purpose.
                name if name.starts_with("llvmpipe") || name.contains(':') => {}
                _ if thread.file_name().to_str() == Some(&own) => {}
                _ => times.workers_s += used_s,
            }
        }
        Some(times)
    }

    /// What was used since an earlier time.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            all_s: self.all_s - earlier.all_s,
            script_s: self.script_s - earlier.script_s,
            workers_s: self.workers_s - earlier.workers_s,
        }
    }
}

/// Memory of this process in bytes, where the system tells it: resident, and of that what is in no file, which the
/// system cannot drop.
pub(super) fn memory_bytes() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| 1024 * kib)
    };
    Some((of("VmRSS:")?, of("RssAnon:")?))
}
