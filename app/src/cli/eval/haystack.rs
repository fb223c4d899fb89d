//! A long text in volumes, with sentences hidden in it.

use std::path::{Path, PathBuf};

use super::super::failure::{Failure, Outcome};

/// Bytes of a volume: a book of a few hundred pages is one file, not the whole library.
const VOLUME_BYTES: usize = 200_000;

/// Shorter pieces are titles and rules, not text.
const LEAST_PARAGRAPH_BYTES: usize = 60;

/// Paragraphs of real text, in the order of their files, no two alike.
pub struct Text {
    paragraphs: Vec<String>,
    bytes: usize,
}

impl Text {
    /// Reads text files and folders of them, as much as `most_bytes`.
    pub fn read(paths: &[PathBuf], most_bytes: usize) -> Outcome<Self> {
        let mut files = Vec::new();
        paths.iter().try_for_each(|path| gather(path, &mut files))?;
        let (mut paragraphs, mut bytes) = (Vec::new(), 0);
        let mut seen = std::collections::HashSet::new();
        for file in files {
            if bytes >= most_bytes {
                break;
            }
            let content = std::fs::read(&file).map_err(|e| reading(&file, &e))?;
            let content = String::from_utf8_lossy(&content);
            for paragraph in content.replace("\r\n", "\n").split("\n\n") {
                let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
                if paragraph.len() < LEAST_PARAGRAPH_BYTES || !seen.insert(hash(&paragraph)) {
                    continue;
                }
                bytes += paragraph.len() + 2;
                paragraphs.push(paragraph);
            }
        }
        Ok(Self { paragraphs, bytes })
    }

    /// Bytes of all paragraphs.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first bytes, for measuring how long tokens are: pieces from everywhere.
    pub fn sample(&self, bytes: usize) -> String {
        let every = (self.bytes / bytes.max(1)).max(1);
        self.paragraphs.iter().step_by(every).map(|paragraph| format!("{paragraph}\n\n")).collect()
    }
}

fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn reading(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{}: reading failed: {error}", path.display()))
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(|e| reading(path, &e))?;
    let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inside.sort();
    inside.iter().try_for_each(|path| gather(path, files))
}

/// A haystack of one length in a folder.
pub struct Haystack {
    folder: PathBuf,
    /// Paragraphs of each volume.
    volumes: Vec<Vec<String>>,
    bytes: usize,
}

impl Haystack {
    /// Cuts the first `bytes` of the text into volumes and writes them; volumes of an earlier, shorter haystack stay.
    pub fn write(text: &Text, bytes: usize, folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder).map_err(|e| Failure::writing(folder, &e))?;
        let mut volumes: Vec<Vec<String>> = vec![Vec::new()];
        let (mut all, mut here) = (0, 0);
        for paragraph in &text.paragraphs {
            if all >= bytes {
                break;
            }
            if here >= VOLUME_BYTES {
                volumes.push(Vec::new());
                here = 0;
            }
            // The last one is cut to the length.
            let end =
                paragraph.floor_char_boundary(paragraph.len().min((bytes - all).max(LEAST_PARAGRAPH_BYTES)));
            all += end + 2;
            here += end + 2;
            if let Some(volume) = volumes.last_mut() {
                volume.push(paragraph[..end].to_owned());
            }
        }
        let haystack = Self { folder: folder.to_path_buf(), volumes, bytes: all };
        (0..haystack.volumes.len()).try_for_each(|i| haystack.write_volume(i, &[]))?;
        haystack.delete_others()?;
        Ok(haystack)
    }

    /// Bytes of all volumes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hides sentences at these depths (0 to 1) and takes out those that were hidden before.
    pub fn hide(&self, sentences: &[(f64, &str)]) -> Outcome {
        let mut of: Vec<Vec<(usize, &str)>> = vec![Vec::new(); self.volumes.len()];
        for &(depth, sentence) in sentences {
            let (volume, before) = self.place(depth);
            of[volume].push((before, sentence));
        }
        (0..self.volumes.len()).try_for_each(|i| self.write_volume(i, &of[i]))
    }

    /// The volume, and the paragraph in it that a sentence at this depth stands before.
    fn place(&self, depth: f64) -> (usize, usize) {
        let wanted = (depth.clamp(0.0, 1.0) * self.bytes as f64) as usize;
        let mut at = 0;
        for (volume, paragraphs) in self.volumes.iter().enumerate() {
            for (i, paragraph) in paragraphs.iter().enumerate() {
                if at + paragraph.len() / 2 >= wanted {
                    return (volume, i);
                }
                at += paragraph.len() + 2;
            }
        }
        let last = self.volumes.len().saturating_sub(1);
        (last, self.volumes.get(last).map_or(0, Vec::len))
    }

    fn path(&self, volume: usize) -> PathBuf {
        self.folder.join(format!("volume-{:04}.txt", volume + 1))
    }

    /// Writes a volume, unless it is as it should be.
    fn write_volume(&self, i: usize, hidden: &[(usize, &str)]) -> Outcome {
        let paragraphs = &self.volumes[i];
        let mut text = String::with_capacity(VOLUME_BYTES * 2);
        for at in 0..=paragraphs.len() {
            for (_, sentence) in hidden.iter().filter(|(before, _)| *before == at) {
                text.push_str(sentence);
                text.push_str("\n\n");
            }
            if let Some(paragraph) = paragraphs.get(at) {
                text.push_str(paragraph);
                text.push_str("\n\n");
            }
        }
        let path = self.path(i);
        if std::fs::read(&path).is_ok_and(|now| now == text.as_bytes()) {
            return Ok(());
        }
        std::fs::write(&path, text).map_err(|e| Failure::writing(&path, &e))
    }

    /// Volumes of a longer haystack go.
    fn delete_others(&self) -> Outcome {
        let mut i = self.volumes.len();
        while std::fs::remove_file(self.path(i)).is_ok() {
            i += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_stands_where_it_should_and_leaves_again() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.txt");
        let paragraphs: Vec<String> = (0..8_000)
            .map(|i| format!("Paragraph {i} has enough words to count as real text, {}.", i * 7))
            .collect();
        std::fs::write(&source, paragraphs.join("\n\n")).unwrap();
        let text = Text::read(&[source], usize::MAX).unwrap();
        let stack = Haystack::write(&text, 300_000, &folder.path().join("stack")).unwrap();
        assert_eq!(stack.volumes.len(), 2);
        let whole = |stack: &Haystack| -> String {
            (0..stack.volumes.len()).map(|i| std::fs::read_to_string(stack.path(i)).unwrap()).collect()
        };
        let clean = whole(&stack);
        assert!((clean.len() as f64 - 300_000.0).abs() < 500.0, "{}", clean.len());
        for depth in [0.0, 0.3, 0.5, 1.0] {
            stack.hide(&[(depth, "Here it is.")]).unwrap();
            let text = whole(&stack);
            let at = text.find("Here it is.").unwrap() as f64 / text.len() as f64;
            assert!((at - depth).abs() < 0.01, "{at} {depth}");
            assert_eq!(text.matches("Here it is.").count(), 1);
        }
        stack.hide(&[]).unwrap();
        assert_eq!(whole(&stack), clean);
    }
}
