//! One file over HTTP, going on where an earlier run was interrupted.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};

use super::Failure;
use crate::cancel::Cancel;
use crate::models::store::sha256;

/// Where a file is.
pub(super) struct Link {
    /// `https://…`, or `file://…` where an index is a folder.
    pub url: String,
    /// Lower-case hexadecimal, where the index states it.
    pub sha256: Option<String>,
}

/// Fetches a file into `folder` under the last segment of its address and returns its path.
///
/// Until it is whole it is called `….partial`, and a later call asks only for the rest. `told` hears
/// the fraction that is there.
pub(super) fn download(
    link: &Link,
    folder: &Path,
    cancel: &Cancel,
    told: &dyn Fn(f64),
) -> Result<PathBuf, Failure> {
    let address = link.url.split(['?', '#']).next().unwrap_or_default();
    let name = address.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || name.contains(['\\', '%']) {
        return Err(Failure::Because(format!("the address {address} names no file")));
    }
    let (whole, partial) = (folder.join(name), folder.join(format!("{name}.partial")));
    if let Some(local) = address.strip_prefix("file://") {
        std::fs::copy(local, &partial)?;
    } else {
        fetch_rest(&link.url, &partial, cancel, told)?;
    }
    if let Some(expected) = &link.sha256
        && sha256(&mut File::open(&partial)?)? != *expected
    {
        std::fs::remove_file(&partial)?;
        return Err(Failure::Because(format!("{name} came with a wrong SHA-256 and was deleted")));
    }
    std::fs::rename(&partial, &whole)?;
    Ok(whole)
}

/// Appends to `partial` what it lacks.
fn fetch_rest(url: &str, partial: &Path, cancel: &Cancel, told: &dyn Fn(f64)) -> Result<(), Failure> {
    // The certificates of the system, so that a company's own proxy is trusted as the browser trusts it.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut out = OpenOptions::new().create(true).append(true).open(partial)?;
    let mut done = out.metadata()?.len();
    let request = |from: u64| {
        let request = agent.get(url).header("Accept-Encoding", "identity");
        match from {
            0 => request.call(),
            from => request.header("Range", format!("bytes={from}-")).call(),
        }
    };
    let response = match request(done) {
        // The partial file is longer than the whole: it is another file's.
        Err(ureq::Error::StatusCode(416)) => request(0),
        response => response,
    };
    let response = response.map_err(|error| match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Failure::NoConnection,
        error => Failure::Because(error.to_string()),
    })?;
    if response.status().as_u16() != 206 {
        out.set_len(0)?;
        done = 0;
    }
    let rest = response.headers().get("content-length").and_then(|n| n.to_str().ok()?.parse::<u64>().ok());
    let total = rest.map(|rest| done + rest);
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 256 << 10];
    loop {
        if cancel.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        out.write_all(&buffer[..read])?;
        done += read as u64;
        if let Some(total) = total {
            told(done as f64 / total.max(1) as f64);
        }
    }
    if total.is_some_and(|total| done < total) {
        return Err(Failure::Because("the connection ended early".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    const WHOLE: &[u8] = b"hello";
    const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    /// Answers one request and returns the range it asked for. `answer` makes the answer from it.
    fn serve(answer: fn(Option<usize>) -> Vec<u8>) -> (String, JoinHandle<Option<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x/w.whl", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let range = head.iter().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
            });
            stream.write_all(&answer(range)).unwrap();
            range
        });
        (url, served)
    }

    fn honour(range: Option<usize>) -> Vec<u8> {
        let from = range.unwrap_or(0);
        let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
        let mut out =
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", WHOLE.len() - from).into_bytes();
        out.extend(&WHOLE[from..]);
        out
    }

    fn ignore(_range: Option<usize>) -> Vec<u8> {
        honour(None)
    }

    fn cut(range: Option<usize>) -> Vec<u8> {
        let mut out = honour(range);
        out.truncate(out.len() - 2);
        out
    }

    fn get(url: &str, folder: &Path, sha256: &str) -> Result<Vec<u8>, Failure> {
        let link = Link { url: url.to_owned(), sha256: Some(sha256.to_owned()) };
        download(&link, folder, &Cancel::new(), &|_| {}).map(|path| std::fs::read(path).unwrap())
    }

    #[test]
    fn an_interrupted_download_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (url, served) = serve(cut);
        assert!(matches!(get(&url, folder.path(), SHA256), Err(Failure::Because(_))));
        assert_eq!(served.join().unwrap(), None);
        assert_eq!(std::fs::read(folder.path().join("w.whl.partial")).unwrap(), b"hel");
        let (url, served) = serve(honour);
        assert_eq!(get(&url, folder.path(), SHA256).ok().unwrap(), WHOLE);
        assert_eq!(served.join().unwrap(), Some(3), "only the rest is asked for");
        assert!(!folder.path().join("w.whl.partial").exists());
    }

    #[test]
    fn a_server_that_knows_no_ranges_gives_the_whole_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.whl.partial"), b"hel").unwrap();
        let (url, served) = serve(ignore);
        assert_eq!(get(&url, folder.path(), SHA256).ok().unwrap(), WHOLE);
        assert_eq!(served.join().unwrap(), Some(3));
    }

    #[test]
    fn a_wrong_hash_deletes_what_came() {
        let folder = tempfile::tempdir().unwrap();
        let (url, _served) = serve(honour);
        assert!(matches!(get(&url, folder.path(), &"0".repeat(64)), Err(Failure::Because(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_as_an_index_is_copied_from() {
        let folder = tempfile::tempdir().unwrap();
        let index = tempfile::tempdir().unwrap();
        std::fs::write(index.path().join("w.whl"), WHOLE).unwrap();
        let url = format!("file://{}/w.whl", index.path().display());
        assert_eq!(get(&url, folder.path(), SHA256).ok().unwrap(), WHOLE);
    }
}
