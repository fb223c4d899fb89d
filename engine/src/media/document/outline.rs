//! Tables of contents.

use pdfium_render::prelude::{PdfBookmark, PdfDestination, PdfDestinationViewSettings, PdfDocument};

use super::{MOST_OUTLINE, OutlineEntry, Page};
use crate::cancel::Cancel;

/// Deepest level that is followed.
const DEEPEST: u8 = 24;

/// The headings of a format without pages.
pub(super) fn of_headings(pages: &[Page]) -> Vec<OutlineEntry> {
    let lines = pages
        .iter()
        .flat_map(|page| page.lines.iter().enumerate().map(move |(i, line)| (page.number, i, line)));
    let mut headings: Vec<OutlineEntry> = lines
        .filter(|(_, _, line)| line.level > 0)
        .take(MOST_OUTLINE)
        .map(|(page, i, line)| OutlineEntry {
            level: line.level,
            title: line.text.clone(),
            page,
            y: None,
            line: Some(i as u32),
        })
        .collect();
    // Where nothing is a chapter the headings are the first level.
    let least = headings.iter().map(|entry| entry.level).min().unwrap_or(1);
    headings.iter_mut().for_each(|entry| entry.level -= least - 1);
    headings
}

/// The bookmarks of a PDF, in the order in which a reader shows them. Chains that come back to themselves end at the
/// limits.
pub(super) fn of_pdf(document: &PdfDocument<'_>, page_count: u32, cancel: &Cancel) -> Vec<OutlineEntry> {
    let mut entries = Vec::new();
    let mut open: Vec<(u8, PdfBookmark<'_>)> =
        document.bookmarks().root().map(|root| (1, root)).into_iter().collect();
    let mut seen = 0;
    while let Some((level, bookmark)) = open.pop() {
        seen += 1;
        if seen > MOST_OUTLINE || cancel.is_cancelled() {
            break;
        }
        // The sibling waits below the children.
        open.extend(bookmark.next_sibling().map(|next| (level, next)));
        if level < DEEPEST {
            open.extend(bookmark.first_child().map(|child| (level + 1, child)));
        }
        let title = bookmark.title().unwrap_or_default();
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        let destination = bookmark.destination();
        let target = destination.as_ref().and_then(|place| place.page_index().ok());
        let y = target.zip(destination.as_ref()).and_then(|(index, place)| y_of(document, index, place));
        let page = target.and_then(|index| u32::try_from(index).ok()).map(|index| index + 1);
        if let Some(page) = page.filter(|page| *page <= page_count)
            && !title.is_empty()
        {
            entries.push(OutlineEntry { level, title, page, y, line: None });
        }
    }
    entries
}

/// How far down its page a destination is; a page that is turned or cropped shows its top instead.
pub(super) fn y_of(document: &PdfDocument<'_>, index: i32, place: &PdfDestination<'_>) -> Option<f32> {
    let top = match place.view_settings().ok()? {
        PdfDestinationViewSettings::SpecificCoordinatesAndZoom(_, top, _) => top?,
        PdfDestinationViewSettings::FitPageHorizontallyToWindow(top) => top?,
        _ => return None,
    };
    let height = document.pages().page_size(index).ok()?.height().value;
    let y = 1.0 - top.value / height.max(1.0);
    (0.0..1.0).contains(&y).then_some(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Line;

    #[test]
    fn headings_are_the_contents_and_the_highest_of_them_is_level_one() {
        let line = |text: &str, level| Line { text: text.into(), level, ..Line::default() };
        let page = |number, lines| Page { number, lines, ..Page::default() };
        let pages = [page(1, vec![line("Words", 0), line("One", 2)]), page(2, vec![line("Two", 3)])];
        let entry = |level, title: &str, page, line| OutlineEntry {
            level,
            title: title.into(),
            page,
            y: None,
            line: Some(line),
        };
        assert_eq!(of_headings(&pages), [entry(1, "One", 1, 1), entry(2, "Two", 2, 0)]);
        assert_eq!(of_headings(&[]), []);
    }
}
