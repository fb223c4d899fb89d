//! The format of a file: magic with version, key, state, and behind them their length and SHA-256.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Take, Write};

use sha2::{Digest, Sha256};

use super::key::PrefixKey;
use crate::cancel::Cancel;

/// Another layout has another number.
pub(super) const MAGIC: [u8; 16] = *b"medley prefix 01";

/// Length and hash.
const TRAILER_BYTES: u64 = 8 + 32;

/// Counts and hashes what goes through it, and fails when cancelled.
pub(super) struct Hashed<'a, T> {
    inner: T,
    hash: Sha256,
    n_bytes: u64,
    cancel: &'a Cancel,
}

impl<'a, T> Hashed<'a, T> {
    fn new(inner: T, cancel: &'a Cancel) -> Self {
        Self { inner, hash: Sha256::new(), n_bytes: 0, cancel }
    }

    fn count(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        Ok(())
    }

    fn trailer(&self) -> [u8; TRAILER_BYTES as usize] {
        let mut trailer = [0; TRAILER_BYTES as usize];
        trailer[..8].copy_from_slice(&self.n_bytes.to_le_bytes());
        trailer[8..].copy_from_slice(&self.hash.clone().finalize());
        trailer
    }
}

impl<T: Read> Read for Hashed<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count(&buffer[..n])?;
        Ok(n)
    }
}

impl<T: Write> Write for Hashed<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.count(&bytes[..n])?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a whole file.
///
/// # Errors
/// Those of `save` and of the file, and when cancelled.
pub(super) fn write<'a>(
    file: &'a File,
    key: &PrefixKey,
    cancel: &'a Cancel,
    save: impl FnOnce(&mut Hashed<'a, BufWriter<&'a File>>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = Hashed::new(BufWriter::new(file), cancel);
    out.write_all(&MAGIC)?;
    out.write_all(&key.0)?;
    save(&mut out)?;
    let trailer = out.trailer();
    out.inner.write_all(&trailer)?;
    out.inner.flush()
}

/// Reads a file; what `load` made of it is handed out only when the whole file is as it was written.
///
/// # Errors
/// Those of `load` and of the file, when it is not whole or not of this key, and when cancelled.
pub(super) fn read<'a, T>(
    file: &'a File,
    key: &PrefixKey,
    cancel: &'a Cancel,
    load: impl FnOnce(&mut Hashed<'a, Take<BufReader<&'a File>>>) -> io::Result<T>,
) -> io::Result<T> {
    let not_whole = || io::Error::other("it is not whole");
    let n_bytes = file.metadata()?.len().checked_sub(TRAILER_BYTES).ok_or_else(not_whole)?;
    let mut from = Hashed::new(BufReader::new(file).take(n_bytes), cancel);
    let (mut magic, mut found) = ([0; MAGIC.len()], [0; 32]);
    from.read_exact(&mut magic)?;
    from.read_exact(&mut found)?;
    if magic != MAGIC || found != key.0 {
        return Err(io::Error::other("it is of another version or another prompt"));
    }
    let loaded = load(&mut from)?;
    let expected = from.trailer();
    let mut trailer = [0; TRAILER_BYTES as usize];
    let mut rest = from.inner.into_inner();
    rest.read_exact(&mut trailer)?;
    if from.n_bytes != n_bytes || trailer != expected {
        return Err(not_whole());
    }
    Ok(loaded)
}
