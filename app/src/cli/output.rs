//! Results on stdout: text for people, or one JSON object per line.

use std::io::{self, Write};

use serde::Serialize;

use super::failure::{Failure, Outcome};

/// Stdout in one of its two forms.
pub struct Output {
    json: bool,
    out: io::Stdout,
}

impl Output {
    /// `json` as the `--json` flag says.
    pub fn new(json: bool) -> Self {
        Self { json, out: io::stdout() }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Writes text at once, so that an answer is seen while it is written.
    pub fn text(&mut self, text: &str) -> Outcome {
        self.bytes(text.as_bytes())
    }

    /// Writes the bytes of a file.
    pub fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        let mut out = self.out.lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| closed(&e))
    }

    /// Writes one line of text.
    pub fn line(&mut self, text: &str) -> Outcome {
        self.text(&format!("{text}\n"))
    }

    /// Writes one object on its line.
    pub fn object(&mut self, object: &impl Serialize) -> Outcome {
        let line = serde_json::to_string(object)
            .map_err(|e| Failure::Failed(format!("a result could not be written as JSON: {e}")))?;
        self.line(&line)
    }
}

fn closed(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        io::ErrorKind::StorageFull => {
            Failure::Failed("the output could not be written: the disk is full; free some space".into())
        }
        _ => Failure::Failed(format!("the output could not be written: {error}")),
    }
}
