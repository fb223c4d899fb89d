//! The meeting over a Unix socket.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::net::Shutdown;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{GREETING, Inbox, Instance, MOST_BYTES, TAKEN};

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(2);

/// The socket of the first program.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    file: SocketFile,
}

/// The name of a socket, deleted with this value.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

/// In the folder that the system keeps for this user's running programs, else in the data folder. The name is of
/// the data folder, because a socket's path may have about a hundred bytes.
pub(super) fn socket_path(data_folder: &Path) -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    let hash = Sha256::digest(data_folder.as_os_str().as_bytes());
    let name: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    folder.unwrap_or_else(|| data_folder.to_path_buf()).join(format!("medley-{name}.socket"))
}

pub(super) fn join(path: &Path, files: &[PathBuf]) -> Instance {
    match hand_over(path, files) {
        Ok(()) => return Instance::HandedOver,
        // Nobody listens: there is no socket, or one of a program that was killed.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
        // Somebody does, but does not answer as a window of this version would.
        Err(error) => {
            log::warn!("{}: another window did not take the files: {error}", path.display());
            return Instance::First(None);
        }
    }
    match bind(path) {
        Ok(socket) => Instance::First(Some(Listener { socket, file: SocketFile(path.to_path_buf()) })),
        Err(error) => {
            log::warn!("{}: a second window will not find this one: {error}", path.display());
            Instance::First(None)
        }
    }
}

fn bind(path: &Path) -> Result<UnixListener> {
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

fn hand_over(path: &Path, files: &[PathBuf]) -> Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut message = GREETING.to_vec();
    for file in files {
        message.extend_from_slice(std::path::absolute(file)?.as_os_str().as_bytes());
        message.push(0);
    }
    stream.write_all(&message)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(TAKEN.len() as u64).read_to_end(&mut answer)?;
    match answer == TAKEN {
        true => Ok(()),
        false => Err(ErrorKind::InvalidData.into()),
    }
}

impl Listener {
    /// Waits for other programs on a thread of its own and calls `wake` for each.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn listen(self, wake: impl Fn() + Send + 'static) -> Result<Inbox> {
        let (sender, files) = mpsc::channel();
        let Self { socket, file } = self;
        std::thread::Builder::new().name("instance".into()).spawn(move || {
            for stream in socket.incoming() {
                match stream.and_then(|stream| take(stream, &sender)) {
                    Ok(true) => wake(),
                    Ok(false) => return,
                    Err(error) => log::warn!("another program's files were not taken: {error}"),
                }
            }
        })?;
        Ok(Inbox { files, _socket: file })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            log::debug!("{}: {error}", self.0.display());
        }
    }
}

/// Whether somebody still reads the inbox.
fn take(mut stream: UnixStream, inbox: &mpsc::Sender<Vec<PathBuf>>) -> Result<bool> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut message = Vec::new();
    (&mut stream).take(MOST_BYTES).read_to_end(&mut message)?;
    let paths = message.strip_prefix(GREETING).ok_or(ErrorKind::InvalidData)?;
    let files = paths
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|path| path.strip_suffix(&[0]))
        .map(|path| PathBuf::from(std::ffi::OsString::from_vec(path.to_vec())))
        .collect();
    if inbox.send(files).is_err() {
        return Ok(false);
    }
    stream.write_all(TAKEN)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(path: &Path) -> Inbox {
        let Instance::First(Some(listener)) = join(path, &[]) else { panic!("it is the first") };
        listener.listen(|| {}).unwrap()
    }

    #[test]
    fn the_second_program_hands_its_files_to_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let inbox = first(&path);
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/tmp/a\xff b\n.png".to_vec()));
        assert!(matches!(join(&path, &[odd.clone(), "relative.txt".into()]), Instance::HandedOver));
        assert!(matches!(join(&path, &[]), Instance::HandedOver));
        let here = std::env::current_dir().unwrap();
        assert_eq!(inbox.take(), [vec![odd, here.join("relative.txt")], vec![]]);
        assert!(inbox.take().is_empty());
        drop(inbox);
        assert!(!path.exists(), "a window that was closed leaves no socket");
    }

    #[test]
    fn a_killed_program_leaves_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "the socket is still there");
        let inbox = first(&path);
        assert!(matches!(join(&path, &["/a".into()]), Instance::HandedOver));
        assert_eq!(inbox.take().len(), 1);
    }

    #[test]
    fn noise_is_no_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let inbox = first(&path);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty() && inbox.take().is_empty());
        assert!(matches!(join(&path, &["/a".into()]), Instance::HandedOver), "it still listens");
    }

    #[test]
    fn data_folders_do_not_share_a_socket_and_long_ones_fit() {
        let long = PathBuf::from("/").join("a".repeat(300));
        assert_ne!(socket_path(&long).file_name(), socket_path(Path::new("/b")).file_name());
        assert!(socket_path(&long).file_name().unwrap().len() < 40);
    }
}
