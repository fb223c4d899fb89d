//! A WAV file that can be played at any moment while it is written, also after a kill.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use engine::media::SAMPLE_RATE_HZ;

/// Bytes before the samples.
const HEADER: u64 = 44;
/// Samples after which the header tells of them: a second.
const TELL_EVERY: u64 = SAMPLE_RATE_HZ as u64;

/// 16 kHz mono in 16 bits.
pub struct WaveFile {
    path: PathBuf,
    file: File,
    n_samples: u64,
    told: u64,
}

impl WaveFile {
    /// Begins a file; one of that name is written over.
    ///
    /// # Errors
    /// Why it cannot be made, as a sentence.
    pub fn create(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| explain(path, &error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| explain(folder, &error))?;
        }
        let mut file = File::create(path).map_err(failed)?;
        file.write_all(&header(0)).map_err(failed)?;
        Ok(Self { path: path.to_path_buf(), file, n_samples: 0, told: 0 })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Seconds that were written.
    pub fn seconds(&self) -> f64 {
        self.n_samples as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    /// Adds samples, −1 to 1.
    ///
    /// # Errors
    /// Why they cannot be written, as a sentence; what was written before can be played.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), String> {
        let bytes: Vec<u8> = samples
            .iter()
            .flat_map(|x| ((x.clamp(-1.0, 1.0) * 32_767.0).round() as i16).to_le_bytes())
            .collect();
        self.file.write_all(&bytes).map_err(|error| explain(&self.path, &error))?;
        self.n_samples += samples.len() as u64;
        match self.n_samples - self.told >= TELL_EVERY {
            true => self.tell(),
            false => Ok(()),
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// As [`WaveFile::write`].
    pub fn finish(mut self) -> Result<PathBuf, String> {
        self.tell()?;
        self.file.sync_all().map_err(|error| explain(&self.path, &error))?;
        Ok(self.path)
    }

    fn tell(&mut self) -> Result<(), String> {
        let tell = |file: &mut File| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header(self.n_samples))?;
            file.seek(SeekFrom::Start(HEADER + 2 * self.n_samples)).map(drop)
        };
        tell(&mut self.file).map_err(|error| explain(&self.path, &error))?;
        self.told = self.n_samples;
        Ok(())
    }
}

fn explain(path: &Path, error: &std::io::Error) -> String {
    let advice = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "; free some space",
        std::io::ErrorKind::PermissionDenied => "; choose a folder that you may write to",
        _ => "",
    };
    format!("{}: the recording cannot be written: {error}{advice}", path.display())
}

fn header(n_samples: u64) -> [u8; HEADER as usize] {
    // Longer than 37 hours does not fit into a header; players then read to the end of the file.
    let bytes = u32::try_from(2 * n_samples).unwrap_or(u32::MAX - 36);
    let rate = SAMPLE_RATE_HZ;
    let mut header = [0; HEADER as usize];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        header[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(b"RIFF");
    put(&(bytes + 36).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&rate.to_le_bytes());
    put(&(2 * rate).to_le_bytes());
    put(&2_u16.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&bytes.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::{Media, Opener};

    #[test]
    fn it_can_be_read_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/talk.wav");
        let mut file = WaveFile::create(&path).unwrap();
        let samples: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.05).sin() * 0.5).collect();
        for block in samples.chunks(1600) {
            file.write(block).unwrap();
        }
        let read = || {
            let media = Opener::default().open(&path, &engine::Cancel::new()).unwrap();
            let Media::Sound(sound) = media else { panic!("no sound") };
            sound.flat_map(Result::unwrap).collect::<Vec<f32>>()
        };
        // As a kill would leave it: all but the last second.
        assert!(read().len() >= 32_000);
        assert_eq!(file.seconds(), 2.5);
        file.finish().unwrap();
        let all = read();
        assert_eq!(all.len(), 40_000);
        assert!(all.iter().zip(&samples).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = WaveFile::create(&file.join("talk.wav")).err().unwrap();
        assert!(error.contains("cannot be written"), "{error}");
    }
}
