//! One window for a data folder: a program that starts second hands its files to the first.
//!
//! The first listens on a socket that only this user can reach. A message is the line `GREETING` and the absolute
//! paths, each ended by a zero byte (no path contains one); the answer is `TAKEN`.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// The first line of a message; another version of the protocol gets another number.
const GREETING: &[u8] = b"medley window 1\n";

/// What the first program answers when it has the files.
const TAKEN: &[u8] = b"taken\n";

/// Most bytes of a message: a thousand of the longest paths.
const MOST_BYTES: u64 = 4 << 20;

/// Files that other programs handed over, one list for each of them; a list may be empty.
#[derive(Debug)]
pub struct Inbox {
    files: mpsc::Receiver<Vec<PathBuf>>,
    /// Taken away with the inbox.
    #[cfg(unix)]
    _socket: unix::SocketFile,
}

impl Inbox {
    /// What came since the last call.
    pub fn take(&self) -> Vec<Vec<PathBuf>> {
        self.files.try_iter().collect()
    }
}

/// Who this program is among those over the same data folder.
#[derive(Debug)]
pub enum Instance {
    /// The first one; it shows what comes into the inbox. `None` where no socket can be had: then every program is
    /// the first.
    First(Option<Listener>),
    /// Another program has taken the files.
    HandedOver,
}

#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use unix::Listener;

/// Hands `files` to the window over `data_folder`, or becomes that window.
///
/// What stands in the way of a socket is logged and leaves a second window: that is a nuisance and no loss.
pub fn join(data_folder: &Path, files: &[PathBuf]) -> Instance {
    #[cfg(unix)]
    {
        unix::join(&unix::socket_path(data_folder), files)
    }
    #[cfg(not(unix))]
    {
        let _ = (data_folder, files);
        Instance::First(None)
    }
}

/// Where there are no sockets of this kind.
#[cfg(not(unix))]
#[derive(Debug)]
pub enum Listener {}

#[cfg(not(unix))]
impl Listener {
    /// Never called: there is no listener.
    pub fn listen(self, _: impl Fn() + Send + 'static) -> std::io::Result<Inbox> {
        match self {}
    }
}
