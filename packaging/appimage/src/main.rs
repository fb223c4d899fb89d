//! The beginning of an AppImage (type 2: a program with a SquashFS file system behind it).
//!
//! The usual one mounts the file system with FUSE 2, which many systems no longer have. This one unpacks it once into
//! the cache folder, as `--appimage-extract-and-run` of the usual one does, and starts `AppRun` from there; later
//! starts cost nothing. `--appimage-extract`, `--appimage-offset` and `--appimage-help` do what they do elsewhere.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use backhand::{FilesystemReader, InnerNode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("medley: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let image = std::env::current_exe().context("this file cannot be found")?;
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    let arguments: Vec<_> = arguments.collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("--appimage-offset") => println!("{}", program_bytes(&mut File::open(&image)?)?),
        Some("--appimage-extract") => {
            let folder = Path::new("squashfs-root");
            unpack(&image, folder)?;
            println!("{}", folder.display());
        }
        Some("--appimage-help") => println!(
            "--appimage-extract   unpack into squashfs-root\n--appimage-offset    where the file system begins\n\
             Everything else is handed to Medley; `--help` shows its options."
        ),
        _ => {
            let folder = unpacked(&image)?;
            let failed = Command::new(folder.join("AppRun"))
                .args(arguments)
                .env("APPIMAGE", &image)
                .env("APPDIR", &folder)
                .env("ARGV0", called)
                .exec();
            return Err(failed).context(format!("{} cannot be started", folder.display()));
        }
    }
    Ok(())
}

/// The folder with the files of `image`, unpacked now if this is its first start.
fn unpacked(image: &Path) -> Result<PathBuf> {
    let about = image.metadata()?;
    let name = format!("{:x}-{:x}-{:x}", about.len(), about.mtime(), about.mtime_nsec());
    let all = cache_folder()?.join("medley").join("appimage");
    let folder = all.join(&name);
    if folder.join("AppRun").exists() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&all).with_context(|| format!("{} cannot be made", all.display()))?;
    let new = all.join(format!(".{name}-{}", std::process::id()));
    let done = unpack(image, &new).and_then(|()| match std::fs::rename(&new, &folder) {
        // Another start was faster.
        Err(_) if folder.join("AppRun").exists() => Ok(std::fs::remove_dir_all(&new)?),
        renamed => Ok(renamed?),
    });
    if let Err(error) = done {
        if new.exists() {
            std::fs::remove_dir_all(&new)?;
        }
        return Err(error);
    }
    // Only one version is kept.
    for other in std::fs::read_dir(&all)?.flatten().filter(|other| other.file_name() != *name) {
        if let Err(error) = std::fs::remove_dir_all(other.path()) {
            eprintln!("medley: {}: an older version cannot be deleted: {error}", other.path().display());
        }
    }
    Ok(folder)
}

fn cache_folder() -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    named.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")
}

/// Writes the files of the file system behind the program in `image` to `folder`.
fn unpack(image: &Path, folder: &Path) -> Result<()> {
    let mut file = File::open(image)?;
    let offset = program_bytes(&mut file)?;
    let system = FilesystemReader::from_reader_with_offset(BufReader::new(file), offset)
        .context("the file system behind the program cannot be read; fetch the file again")?;
    for node in system.files() {
        let inside: PathBuf =
            node.fullpath.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        let path = folder.join(inside);
        let told = || format!("{} cannot be written", path.display());
        match &node.inner {
            InnerNode::Dir(_) => std::fs::create_dir_all(&path).with_context(told)?,
            InnerNode::File(inner) => {
                let mut to = File::create(&path).with_context(told)?;
                std::io::copy(&mut system.file(inner).reader(), &mut to).with_context(told)?;
                to.set_permissions(std::fs::Permissions::from_mode(u32::from(node.header.permissions)))?;
            }
            InnerNode::Symlink(link) => {
                std::os::unix::fs::symlink(&link.link, &path).with_context(told)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// How long the program at the beginning of an ELF file is: to the end of its table of sections, which stands last.
///
/// Source: the ELF-64 object file format, "File header".
fn program_bytes(file: &mut File) -> Result<u64> {
    let mut header = [0; 64];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    ensure!(header.starts_with(b"\x7fELF\x02\x01"), "this is no 64-bit little-endian ELF file");
    let u16_at = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let mut sections = [0; 8];
    sections.copy_from_slice(&header[0x28..0x30]);
    let (size, count) = (u16_at(0x3a), u16_at(0x3c));
    Ok(u64::from_le_bytes(sections) + size * count)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use backhand::compression::Compressor;
    use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};

    use super::*;

    #[test]
    fn what_lies_behind_a_program_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        std::fs::copy(std::env::current_exe().unwrap(), &image).unwrap();
        let program = program_bytes(&mut File::open(&image).unwrap()).unwrap();
        let whole = image.metadata().unwrap().len();
        assert!(program <= whole, "{program} of {whole} bytes");
        let mut image_file = File::options().write(true).open(&image).unwrap();
        image_file.set_len(program).unwrap();

        let mut system = FilesystemWriter::default();
        system.set_compressor(FilesystemCompressor::new(Compressor::Gzip, None).unwrap());
        let header = |permissions| NodeHeader { permissions, ..NodeHeader::default() };
        system.push_dir("usr", header(0o755)).unwrap();
        system.push_file(Cursor::new(b"#!/bin/sh\n"), "usr/start", header(0o755)).unwrap();
        system.push_symlink("usr/start", "AppRun", header(0o777)).unwrap();
        let mut bytes = Cursor::new(Vec::new());
        system.write(&mut bytes).unwrap();
        image_file.seek(SeekFrom::End(0)).unwrap();
        image_file.write_all(bytes.get_ref()).unwrap();

        let out = folder.path().join("out");
        unpack(&image, &out).unwrap();
        assert_eq!(std::fs::read(out.join("AppRun")).unwrap(), b"#!/bin/sh\n");
        assert_eq!(out.join("usr/start").metadata().unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read_link(out.join("AppRun")).unwrap(), Path::new("usr/start"));
    }

    #[test]
    fn something_else_is_no_program() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 100]).unwrap();
        assert!(program_bytes(&mut file).unwrap_err().to_string().contains("ELF"));
    }
}
