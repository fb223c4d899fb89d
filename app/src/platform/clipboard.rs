//! Files and pictures in the clipboard.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// What was found in the clipboard.
#[derive(Debug, Clone, PartialEq)]
pub enum Pasted {
    /// Files that were copied in a file manager.
    Files(Vec<PathBuf>),
    /// A picture: width, height and RGBA bytes.
    Picture([usize; 2], Vec<u8>),
}

/// Looks for files, then for a picture, then for text that names files.
///
/// # Errors
/// Why there is nothing to add, as a sentence.
pub fn read() -> Result<Pasted, String> {
    let mut clipboard =
        arboard::Clipboard::new().map_err(|e| format!("The clipboard cannot be read: {e}"))?;
    if let Ok(files) = clipboard.get().file_list()
        && !files.is_empty()
    {
        return Ok(Pasted::Files(files));
    }
    if let Ok(image) = clipboard.get_image() {
        return Ok(Pasted::Picture([image.width, image.height], image.bytes.into_owned()));
    }
    let files = clipboard.get_text().map(|text| files_in(&text)).unwrap_or_default();
    match files.is_empty() {
        true => Err("There is no file and no picture in the clipboard".into()),
        false => Ok(Pasted::Files(files)),
    }
}

/// The files that a text names, when every line of it is the address or path of a file that exists:
/// what file managers put into the clipboard beside the files themselves.
pub fn files_in(text: &str) -> Vec<PathBuf> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut files = Vec::new();
    for line in lines {
        let path = match line.strip_prefix("file://") {
            Some(address) => {
                PathBuf::from(percent_decoded(address.strip_prefix("localhost").unwrap_or(address)))
            }
            None => PathBuf::from(line),
        };
        if !path.is_absolute() || !path.exists() {
            return Vec::new();
        }
        files.push(path);
    }
    files
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Pasted text that is longer becomes a file.
pub const LONG_TEXT_BYTES: usize = 50_000;

/// Saves a pasted text, so that it can be attached like any other file.
///
/// # Errors
/// When the data folder cannot be written.
pub fn save_text(folder: &Path, text: &str, now_s: f64) -> anyhow::Result<PathBuf> {
    let folder = folder.join("pasted");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let path = folder.join(format!("pasted-{:.0}.txt", now_s * 1000.0));
    super::files::write_whole(&path, text.as_bytes())
        .with_context(|| format!("{}: saving the pasted text failed", path.display()))?;
    Ok(path)
}

/// Saves a pasted picture, so that it can be attached like any other file.
///
/// # Errors
/// When the data folder cannot be written.
pub fn save_picture(folder: &Path, size: [usize; 2], rgba: &[u8], now_s: f64) -> anyhow::Result<PathBuf> {
    let path = place_for(folder, "pasted", now_s)?;
    let [width, height] = size.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    image::save_buffer(&path, rgba, width, height, image::ExtendedColorType::Rgba8)
        .with_context(|| format!("{}: saving the pasted picture failed", path.display()))?;
    Ok(path)
}

/// Saves a part of a picture, named after the picture, so that it can be attached like any other file.
///
/// # Errors
/// When the data folder cannot be written.
pub fn save_part(folder: &Path, stem: &str, part: &image::RgbImage, now_s: f64) -> anyhow::Result<PathBuf> {
    let short: String = stem.chars().take(40).collect();
    let path = place_for(folder, &format!("part-of-{short}"), now_s)?;
    part.save(&path).with_context(|| format!("{}: saving the part of the picture failed", path.display()))?;
    Ok(path)
}

/// Copies a picture that the desktop made of the screen, so that it stays when the desktop cleans up.
///
/// # Errors
/// When it cannot be read or the data folder cannot be written.
pub fn save_capture(folder: &Path, made: &Path, now_s: f64) -> anyhow::Result<PathBuf> {
    let path = place_for(folder, "screen", now_s)?;
    std::fs::copy(made, &path).with_context(|| format!("{}: keeping the picture failed", made.display()))?;
    Ok(path)
}

/// A name for a picture in the data folder that no other has.
fn place_for(folder: &Path, name: &str, now_s: f64) -> anyhow::Result<PathBuf> {
    let folder = folder.join("pasted");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    Ok(folder.join(format!("{name}-{:.0}.png", now_s * 1000.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_as_files_only_when_every_line_is_one() {
        let path = std::env::temp_dir().join(format!("medley pästed {}.txt", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        let address =
            format!("file://{}", path.display().to_string().replace(' ', "%20").replace('ä', "%C3%A4"));
        assert_eq!(files_in(&format!("{address}\r\n{}\n", path.display())), [path.clone(), path.clone()]);
        assert!(files_in(&format!("{address}\nand a question")).is_empty());
        assert!(files_in("/no/such/file").is_empty());
        assert!(files_in("100% sure").is_empty());
        std::fs::remove_file(path).unwrap();
    }
}
