//! Text of any size: no more of a file is read than the pages that can be shown.

use std::io::Read;
use std::path::Path;

use super::paginate::paginate;
use super::{Flow, PAGE_CHARS, Page, text};
use crate::error::Result;
use crate::media::{Limits, guard};

/// Most bytes that are read for each character that can be shown: of four in UTF-8, half may be white space and marks.
const MOST_BYTES_PER_CHAR: u64 = 8;

/// A text, or as much of its beginning as fits on the pages.
pub(super) struct Beginning {
    pub(super) title: Option<String>,
    /// More than the limit when there is more to show.
    pub(super) pages: Vec<Page>,
    pub(super) notices: Vec<String>,
}

/// Reads a text from its start until more pages are full than may be shown. `parse` finds the paragraphs.
///
/// Each try reads twice as much as the one before: a log needs one, other scripts two, and no text needs many.
pub(super) fn read(
    path: &Path,
    mut source: impl Read,
    limits: &Limits,
    parse: impl Fn(&str) -> Result<Flow>,
) -> Result<Beginning> {
    let n_chars = limits.pages as u64 * PAGE_CHARS as u64;
    let most = n_chars.saturating_mul(MOST_BYTES_PER_CHAR).min(limits.unpacked_bytes);
    // Line ends are not counted, and no page is quite full.
    let mut wanted = (n_chars + n_chars / 4).clamp(1, most.max(1));
    let mut bytes = Vec::new();
    loop {
        // One byte more than wanted shows that there is more.
        let missing = (wanted + 1).saturating_sub(bytes.len() as u64);
        source.by_ref().take(missing).read_to_end(&mut bytes).map_err(|e| guard::read_error(path, e))?;
        let is_whole = bytes.len() as u64 <= wanted;
        let (text, encoding) = match is_whole {
            true => text::decode(&bytes),
            false => text::decode_start(whole_lines(&bytes)),
        };
        let mut flow = parse(&text)?;
        drop(text);
        let pages = paginate(flow.blocks, PAGE_CHARS);
        if !is_whole && pages.len() <= limits.pages && wanted < most {
            wanted = (2 * wanted).min(most);
            continue;
        }
        flow.notices.extend(encoding.notice());
        if !is_whole {
            let shown = shown_bytes(whole_lines(&bytes).len(), &pages, limits.pages);
            flow.notices.push(left_out(path, shown, limits.pages));
        }
        // What was read behind them is no measure of how much there is.
        let pages = if is_whole { pages } else { pages.into_iter().take(limits.pages).collect() };
        return Ok(Beginning { title: flow.title, pages, notices: flow.notices });
    }
}

/// Up to the end of the last whole line; everything when there is none.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
    &bytes[..end]
}

/// About how many of these bytes stand on the first pages: their share of the characters.
fn shown_bytes(n_bytes: usize, pages: &[Page], n_shown: usize) -> u64 {
    let chars = |pages: &[Page]| -> usize {
        pages.iter().flat_map(|page| &page.lines).map(|line| line.text.chars().count()).sum()
    };
    let (shown, all) = (chars(&pages[..n_shown.min(pages.len())]), chars(pages));
    (n_bytes as f64 * shown as f64 / all.max(1) as f64) as u64
}

fn left_out(path: &Path, shown: u64, n_pages: usize) -> String {
    let all = std::fs::metadata(path)
        .map_or_else(|_| "the file".to_owned(), |about| guard::bytes_text(about.len()));
    let shown = guard::bytes_text(shown);
    format!(
        "only the first {shown} of {all} can be read, the rest is left out: the limit is {n_pages} pages; cut the \
         file into parts to have the others"
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Lines without an end that count what is taken from them.
    struct Endless<'a>(&'a Cell<u64>, &'static [u8]);

    impl Read for Endless<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            for byte in out.iter_mut() {
                *byte = self.1[(self.0.get() % self.1.len() as u64) as usize];
                self.0.set(self.0.get() + 1);
            }
            Ok(out.len())
        }
    }

    fn first_pages(line: &'static [u8], limits: &Limits) -> (Beginning, u64) {
        let (taken, path) = (Cell::new(0), Path::new("endless.log"));
        let read = read(path, Endless(&taken, line), limits, |text| Ok(text::read(text))).unwrap();
        (read, taken.get())
    }

    #[test]
    fn of_a_text_without_end_only_the_pages_that_can_be_shown_are_read() {
        let limits = Limits { pages: 10, ..Limits::default() };
        let (read, taken) = first_pages(b"12:00:01 the pump started again without a sound\n", &limits);
        assert_eq!(read.pages.len(), 10);
        assert_eq!(taken, 10 * PAGE_CHARS as u64 * 5 / 4 + 1);
        assert!(read.pages[9].text().ends_with("the pump started again without a sound"), "only whole lines");
        assert_eq!(read.notices.len(), 1, "{:?}", read.notices);
        let told = &read.notices[0];
        assert!(
            told.starts_with("only the first 30 KiB of the file") && told.contains("the limit is 10 pages"),
            "{told}"
        );
    }

    #[test]
    fn letters_of_two_bytes_need_a_second_try_and_fill_the_pages() {
        let limits = Limits { pages: 5, ..Limits::default() };
        let (read, taken) = first_pages("Насос снова заработал без единого звука\n\n".as_bytes(), &limits);
        assert_eq!(read.pages.len(), 5);
        assert_eq!(taken, 2 * 5 * PAGE_CHARS as u64 * 5 / 4 + 1);
        assert!(read.notices.iter().all(|told| !told.contains("Latin-1")), "{:?}", read.notices);
    }

    #[test]
    fn nothing_to_show_ends_the_reading_too() {
        let limits = Limits { pages: 10, ..Limits::default() };
        let (read, taken) = first_pages(b" \n", &limits);
        assert!(read.pages.is_empty());
        assert!(taken <= MOST_BYTES_PER_CHAR * 10 * PAGE_CHARS as u64 + 1, "{taken}");
        let (_, taken) = first_pages(b"no line ends here ", &Limits { unpacked_bytes: 4096, ..limits });
        assert_eq!(taken, 4097);
    }

    #[test]
    fn a_text_that_fits_is_whole_and_tells_nothing() {
        let limits = Limits { pages: 2, ..Limits::default() };
        for n in [1, 100, 2 * PAGE_CHARS] {
            let text = "x".repeat(n);
            let read = read("a.txt".as_ref(), text.as_bytes(), &limits, |text| Ok(text::read(text))).unwrap();
            let chars: usize = read.pages.iter().map(|page| page.text().len()).sum();
            assert_eq!((chars, read.notices.len()), (n, 0));
        }
    }
}
