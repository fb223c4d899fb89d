//! ZIP archives with a document in them, unpacked within a limit.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::super::detect::DocumentFormat;
use super::super::guard;
use crate::error::{Error, MediaProblem, Result};
use crate::media::Limits;

/// Which document an archive is, if any; leaves the file at its start.
pub(in super::super) fn format(path: &Path, mut file: &File) -> Result<Option<DocumentFormat>> {
    let copy = file.try_clone().map_err(|e| guard::read_error(path, e))?;
    let mut archive = Archive::open(path, copy, &Limits::default())?;
    let format = if archive.has("word/document.xml") {
        Some(DocumentFormat::Docx)
    } else if archive.has("META-INF/container.xml") {
        Some(DocumentFormat::Epub)
    } else {
        None
    };
    let other_office = ["xl/workbook.xml", "ppt/presentation.xml", "content.xml"];
    if format.is_none() && other_office.iter().any(|name| archive.has(name)) {
        let hint = "it is a table, a presentation or an OpenDocument file; save it as PDF or DOCX".to_owned();
        return Err(Error::media(path, MediaProblem::UnknownKind { hint: Some(hint) }));
    }
    file.rewind().map_err(|e| guard::read_error(path, e))?;
    Ok(format)
}

/// An archive that gives out no more bytes in all than its limit.
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    limit: u64,
    left: u64,
}

impl Archive {
    pub(super) fn open(path: &Path, mut file: File, limits: &Limits) -> Result<Self> {
        file.rewind().map_err(|e| guard::read_error(path, e))?;
        let zip =
            guard::catch(path, || ZipArchive::new(BufReader::new(file)))?.map_err(|e| failed(path, e))?;
        let limit = limits.unpacked_bytes;
        Ok(Self { path: path.to_path_buf(), zip, limit, left: limit })
    }

    pub(super) fn has(&mut self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// Unpacks one part; `None` when there is no such part.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let part = match self.zip.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(failed(&self.path, e)),
        };
        let mut bytes = Vec::new();
        // One byte more than allowed shows that there is more; the size in the header may lie.
        let read = part.take(self.left + 1).read_to_end(&mut bytes);
        read.map_err(|e| guard::damaged(&self.path, format!("{name}: {e}")))?;
        let n = bytes.len() as u64;
        if n > self.left {
            let limit = guard::bytes_text(self.limit);
            let actual = format!("more than {limit}");
            return Err(Error::media(&self.path, guard::too_large("its unpacked content", actual, limit)));
        }
        self.left -= n;
        Ok(Some(bytes))
    }

    /// Unpacks a part that has to be there.
    pub(super) fn require(&mut self, name: &str) -> Result<Vec<u8>> {
        let missing = guard::damaged(&self.path, format!("its part {name} is missing"));
        self.read(name)?.ok_or(missing)
    }
}

fn failed(path: &Path, error: ZipError) -> Error {
    match error {
        ZipError::UnsupportedArchive(text) if text == ZipError::PASSWORD_REQUIRED => {
            Error::media(path, MediaProblem::Password)
        }
        ZipError::Io(e) if e.kind() != std::io::ErrorKind::UnexpectedEof && e.get_ref().is_none() => {
            guard::read_error(path, e)
        }
        other => guard::damaged(path, other.to_string()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    /// A ZIP file with these parts.
    pub(in super::super) fn zip_file(parts: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        for (name, bytes) in parts {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    #[test]
    fn a_zip_bomb_is_stopped_at_the_limit() {
        let file = zip_file(&[("word/document.xml", &vec![b' '; 4 << 20]), ("b", &[0; 10])]);
        let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
        let mut archive = Archive::open(file.path(), file.reopen().unwrap(), &limits).unwrap();
        let text = archive.read("word/document.xml").unwrap_err().to_string();
        assert!(text.contains("its unpacked content is more than 1 MiB, the limit is 1 MiB;"), "{text}");
    }

    #[test]
    fn the_limit_counts_all_parts_together() {
        let file = zip_file(&[("a", &[1; 600]), ("b", &[2; 600])]);
        let limits = Limits { unpacked_bytes: 1000, ..Limits::default() };
        let mut archive = Archive::open(file.path(), file.reopen().unwrap(), &limits).unwrap();
        assert_eq!(archive.read("a").unwrap().unwrap().len(), 600);
        assert!(archive.read("b").is_err());
        assert!(archive.read("c").unwrap().is_none());
    }

    #[test]
    fn archives_are_told_apart_by_their_parts() {
        let of = |parts: &[(&str, &[u8])]| {
            let file = zip_file(parts);
            format(file.path(), &file.reopen().unwrap())
        };
        assert_eq!(of(&[("word/document.xml", b"x")]).unwrap(), Some(DocumentFormat::Docx));
        assert_eq!(of(&[("META-INF/container.xml", b"x")]).unwrap(), Some(DocumentFormat::Epub));
        assert_eq!(of(&[("photo.png", b"x")]).unwrap(), None);
        assert!(of(&[("xl/workbook.xml", b"x")]).unwrap_err().to_string().contains("table"));
    }

    #[test]
    fn a_cut_archive_is_damaged() {
        let file = zip_file(&[("word/document.xml", &[7; 5000])]);
        let bytes = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &bytes[..bytes.len() - 30]).unwrap();
        let error = format(file.path(), &file.reopen().unwrap()).unwrap_err();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Damaged { .. }, .. }), "{error}");
    }
}
