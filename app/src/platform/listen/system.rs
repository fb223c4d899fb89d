//! What the computer plays: the monitor source of the sound server.
//!
//! ALSA, through which microphones are opened, does not show it unless its plugin for the sound server is installed and
//! set up. `parec` asks the server itself, is on nearly every Linux desktop, and PipeWire answers it like PulseAudio.

#[cfg(target_os = "linux")]
pub(super) use linux::{Process, open};

#[cfg(not(target_os = "linux"))]
pub(super) use other::{Process, open};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Read as _;
    use std::process::{Child, Command, Stdio};
    use std::sync::{Arc, Mutex, PoisonError};

    use super::super::bytes::{self, RAW};
    use super::super::{Held, Listening};

    /// The program that hands over the sound.
    pub struct Process(Arc<Mutex<Child>>);

    impl Process {
        /// Ends it.
        pub fn stop(&mut self) {
            let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            self.stop();
        }
    }

    /// Opens the monitor of the default output.
    pub fn open() -> Result<Listening, String> {
        let spawned = Command::new("parec")
            .args(["--device=@DEFAULT_MONITOR@", "--format=s16le", "--rate=16000", "--channels=1", "--raw"])
            .args(["--latency-msec=50", "--client-name=Medley", "--stream-name=Transcription"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                "system sound needs the program parec; install pulseaudio-utils (also with PipeWire)"
                    .to_owned()
            }
            _ => format!("parec could not be started: {error}"),
        })?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let (Some(output), Some(mut errors)) = (output, errors) else {
            return Err("parec gave no sound; try again".to_owned());
        };
        let child = Arc::new(Mutex::new(child));
        let held = Held::Process(Process(child));
        let end = move |ended: std::io::Result<()>| {
            let mut said = String::new();
            drop(errors.read_to_string(&mut said));
            let said = said.lines().last().unwrap_or_default().trim();
            let why = match ended {
                Err(error) => error.to_string(),
                Ok(()) if said.is_empty() => "parec has ended".to_owned(),
                Ok(()) => said.to_owned(),
            };
            Err(format!(
                "there is no system sound ({why}); check that PulseAudio or PipeWire runs (`pactl info`)"
            ))
        };
        Ok(Listening { held, ..bytes::open(RAW, Vec::new(), output, end)? })
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::super::Listening;

    /// None here.
    pub enum Process {}

    impl Process {
        /// Ends it.
        pub fn stop(&mut self) {
            match *self {}
        }
    }

    /// Only on Linux.
    pub fn open() -> Result<Listening, String> {
        Err("system sound can be transcribed on Linux only; elsewhere choose a loopback device as the microphone".into())
    }
}
