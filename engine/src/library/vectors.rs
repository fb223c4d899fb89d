//! Meanings on disk: one row of eight-bit numbers for each text, looked through from the first row to the last.
//!
//! A row is the vector divided by its largest number and rounded to −127 … 127, that largest number, and a checksum.
//! All rows of ten million tokens of text take 40 MB, and comparing them with a question takes some ten
//! milliseconds; an index that looks at fewer rows would have to be kept in memory, made anew where texts go, and would
//! miss some. Rows are only added, and count once the catalogue says so: what a killed program left behind them is
//! written over.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::perception::embed::Meaning;

/// Rows that are read at once.
const ROWS_AT_ONCE: usize = 2_048;

/// Bytes behind the numbers of a row: what they are multiplied with, and the checksum.
const TAIL: usize = 8;

/// Largest number of a question's vector, whose sums with a row stay below 2³¹ for 8,000 numbers.
const QUESTION_MOST: f32 = 2_047.0;

/// The file of rows.
pub(super) struct Vectors {
    path: PathBuf,
    width: usize,
}

impl Vectors {
    /// The rows in this file, which need not exist yet; each has `width` numbers.
    pub(super) fn new(path: &Path, width: usize) -> Self {
        Self { path: path.to_path_buf(), width }
    }

    /// Bytes of a row.
    pub(super) fn row_bytes(&self) -> usize {
        self.width + TAIL
    }

    /// Writes rows from row `first` on and waits until they are on the disk.
    pub(super) fn write(&self, first: u64, meanings: &[Meaning]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(meanings.len() * self.row_bytes());
        for meaning in meanings {
            self.encode(meaning, &mut bytes);
        }
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(first * self.row_bytes() as u64))?;
        file.write_all(&bytes)?;
        file.sync_data()
    }

    fn encode(&self, Meaning(vector): &Meaning, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let most = vector.iter().fold(0f32, |most, x| most.max(x.abs())).max(f32::MIN_POSITIVE);
        let numbers = vector.iter().map(|x| (x / most * 127.0).round() as i8 as u8);
        bytes.extend(numbers.chain(std::iter::repeat(0)).take(self.width));
        bytes.extend((most / 127.0).to_le_bytes());
        let sum = crc32fast::hash(&bytes[start..]);
        bytes.extend(sum.to_le_bytes());
    }

    /// The similarity of a question with each of the first `n` rows; `None` for a row that is damaged or missing.
    pub(super) fn compare(&self, asked: &Meaning, n: u64) -> io::Result<Vec<Option<f32>>> {
        let (question, scale) = rounded(asked);
        let mut similar = Vec::with_capacity(n as usize);
        self.each(n, |row| {
            similar.push(row.map(|row| {
                let (numbers, tail) = row.split_at(self.width);
                let times = f32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
                dot(numbers, &question) as f32 * times * scale
            }));
        })?;
        Ok(similar)
    }

    /// Which of the first `n` rows are damaged or missing.
    pub(super) fn damaged(&self, n: u64) -> io::Result<Vec<u64>> {
        let (mut bad, mut at) = (Vec::new(), 0);
        self.each(n, |row| {
            bad.extend(row.is_none().then_some(at));
            at += 1;
        })?;
        Ok(bad)
    }

    /// Visits the first `n` rows: numbers and their scale, or `None`.
    fn each(&self, n: u64, mut visit: impl FnMut(Option<&[u8]>)) -> io::Result<()> {
        let row_bytes = self.row_bytes();
        let mut file = match File::open(&self.path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut left = n as usize;
        let mut block = vec![0; left.min(ROWS_AT_ONCE) * row_bytes];
        while left > 0 {
            let rows = left.min(ROWS_AT_ONCE);
            let block = &mut block[..rows * row_bytes];
            let read = file.as_mut().map_or(Ok(0), |file| read_up_to(file, block))?;
            for row in block.chunks_exact(row_bytes).take(read / row_bytes) {
                let (body, sum) = row.split_at(row_bytes - 4);
                visit((crc32fast::hash(body).to_le_bytes() == *sum).then_some(body));
            }
            (read / row_bytes..rows).for_each(|_| visit(None));
            left -= rows;
        }
        Ok(())
    }
}

/// Fills as much of `block` as the file has.
fn read_up_to(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < block.len() {
        match file.read(&mut block[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A question in whole numbers, and what makes them its numbers again.
fn rounded(Meaning(vector): &Meaning) -> (Vec<i16>, f32) {
    let most = vector.iter().fold(0f32, |most, x| most.max(x.abs())).max(f32::MIN_POSITIVE);
    (vector.iter().map(|x| (x / most * QUESTION_MOST).round() as i16).collect(), most / QUESTION_MOST)
}

/// The sum of products, in whole numbers.
fn dot(row: &[u8], question: &[i16]) -> i32 {
    row.iter().zip(question).map(|(&a, &b)| i32::from(i16::from(a as i8)) * i32::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of length 1 from a seed.
    fn meaning(seed: u64, width: usize) -> Meaning {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 2_001) as f32 / 1_000.0 - 1.0
        };
        let vector: Vec<f32> = (0..width).map(|_| next()).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        Meaning(vector.into_iter().map(|x| x / length).collect())
    }

    #[test]
    fn rounded_rows_are_as_similar_as_exact_ones() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = Vectors::new(&folder.path().join("rows"), 384);
        // More than one block.
        let all: Vec<Meaning> = (0..ROWS_AT_ONCE as u64 + 5).map(|i| meaning(i + 1, 384)).collect();
        vectors.write(0, &all).unwrap();
        let asked = meaning(99_999, 384);
        let similar = vectors.compare(&asked, all.len() as u64).unwrap();
        assert_eq!(similar.len(), all.len());
        for (row, similar) in all.iter().zip(similar) {
            let exact = asked.similarity(row);
            assert!((similar.unwrap() - exact).abs() < 2e-3, "{similar:?} {exact}");
        }
        let own = vectors.compare(&all[7], 8).unwrap()[7].unwrap();
        assert!((own - 1.0).abs() < 5e-3, "{own}");
    }

    /// `cargo test --release --workspace -- --ignored --nocapture rows_per_second`
    #[test]
    #[ignore = "a measurement"]
    fn rows_per_second() {
        let folder = tempfile::tempdir().unwrap();
        let vectors = Vectors::new(&folder.path().join("rows"), 384);
        let block: Vec<Meaning> = (0..10_000).map(|i| meaning(i + 1, 384)).collect();
        (0..13).for_each(|i| vectors.write(i * 10_000, &block).unwrap());
        for _ in 0..3 {
            let since = std::time::Instant::now();
            assert_eq!(vectors.compare(&block[3], 130_000).unwrap().len(), 130_000);
            eprintln!("130,000 rows: {:.1} ms", since.elapsed().as_secs_f64() * 1e3);
        }
    }

    #[test]
    fn damaged_and_missing_rows_are_found_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let vectors = Vectors::new(&path, 16);
        assert_eq!(vectors.damaged(2).unwrap(), [0, 1], "no file");
        let all: Vec<Meaning> = (1..5).map(|i| meaning(i, 16)).collect();
        vectors.write(0, &all).unwrap();
        assert_eq!(vectors.damaged(4).unwrap(), [0u64; 0]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[vectors.row_bytes() + 3] ^= 1;
        bytes.truncate(bytes.len() - 1);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(vectors.damaged(4).unwrap(), [1, 3]);
        vectors.write(1, &all[1..]).unwrap();
        assert_eq!(vectors.damaged(4).unwrap(), [0u64; 0]);
    }
}
