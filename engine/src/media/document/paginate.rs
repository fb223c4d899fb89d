//! Deals paragraphs onto pages, for formats that have none.

use super::{Block, BlockKind, Line, Page};

/// Pages of about `page_chars` characters, cut at paragraph borders. A longer paragraph is cut at the end
/// of a sentence, else between words.
pub(super) fn paginate(blocks: Vec<Block>, page_chars: usize) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    let mut page = Page::default();
    let (mut chars, mut paragraph, mut heading) = (0, 0, None);
    for block in blocks {
        let n = block.text.chars().count();
        // A heading is not left alone at the foot of a page.
        let late_heading = block.kind == BlockKind::Heading && chars > page_chars * 4 / 5;
        let full = chars > 0 && (chars + n > page_chars || late_heading || block.kind == BlockKind::Chapter);
        if full {
            close(&mut page, &mut pages, &heading);
            (chars, paragraph) = (0, 0);
        }
        if block.kind != BlockKind::Paragraph {
            heading = Some(block.text.replace('\n', " "));
            if page.lines.is_empty() || page.heading.is_none() {
                page.heading = heading.clone();
            }
        }
        let level = match block.kind {
            BlockKind::Chapter => 1,
            BlockKind::Heading => 2,
            BlockKind::Paragraph => 0,
        };
        for (i, piece) in pieces(&block.text, page_chars) {
            let n = piece.chars().count();
            if chars > 0 && chars + n > page_chars {
                close(&mut page, &mut pages, &heading);
                (chars, paragraph) = (0, 0);
            }
            chars += n;
            let time_s = block.times_s.get(i).copied();
            page.lines.push(Line { text: piece.to_owned(), paragraph, level, time_s, ..Line::default() });
        }
        paragraph += 1;
    }
    close(&mut page, &mut pages, &None);
    pages
}

/// Ends a page; the next one begins under the heading that is in force.
fn close(page: &mut Page, pages: &mut Vec<Page>, heading: &Option<String>) {
    let next = Page { heading: heading.clone(), ..Page::default() };
    let mut done = std::mem::replace(page, next);
    if !done.lines.is_empty() {
        done.number = pages.len() as u32 + 1;
        done.has_text = true;
        pages.push(done);
    }
}

/// The lines of a block with their numbers; one that is longer than a page comes in pieces.
fn pieces(text: &str, page_chars: usize) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    for (i, mut line) in text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        while let Some((end, _)) = line.char_indices().nth(page_chars) {
            let head = &line[..end];
            let sentence =
                [". ", "! ", "? ", "。"].iter().filter_map(|mark| Some(head.rfind(mark)? + mark.len())).max();
            let word = head.rfind(' ').map(|at| at + 1);
            let cut = sentence.filter(|cut| *cut > end / 2).or(word).unwrap_or(end);
            pieces.push((i, line[..cut].trim_end()));
            line = &line[cut..];
        }
        pieces.push((i, line));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: impl Into<String>, kind: BlockKind) -> Block {
        Block { text: text.into(), kind, ..Block::default() }
    }

    #[test]
    fn pages_are_cut_between_paragraphs() {
        let blocks = (0..10).map(|_| block("x".repeat(40), BlockKind::Paragraph)).collect();
        let pages = paginate(blocks, 100);
        assert_eq!(pages.len(), 5);
        assert!(pages.iter().all(|page| page.lines.len() == 2 && page.has_text));
        assert_eq!(pages[4].number, 5);
        assert_eq!(pages[0].lines[1].paragraph, 1);
    }

    #[test]
    fn nothing_of_a_long_paragraph_is_lost() {
        let text = "A sentence of words. ".repeat(50);
        let pages = paginate(vec![block(text.trim(), BlockKind::Paragraph)], 100);
        let words: Vec<String> = pages
            .iter()
            .flat_map(|page| &page.lines)
            .flat_map(|line| line.text.split(' ').map(str::to_owned))
            .collect();
        assert_eq!(words.join(" "), text.trim());
        assert!(pages.len() >= 10 && pages.iter().all(|page| page.lines[0].text.ends_with('.')));
        let unbroken = paginate(vec![block("漢".repeat(250), BlockKind::Paragraph)], 100);
        assert_eq!(unbroken.len(), 3);
    }

    #[test]
    fn headings_go_with_what_follows_and_name_the_pages_under_them() {
        let mut blocks =
            vec![block("y".repeat(90), BlockKind::Paragraph), block("Results", BlockKind::Heading)];
        blocks.extend((0..3).map(|_| block("z".repeat(60), BlockKind::Paragraph)));
        blocks.push(block("Two", BlockKind::Chapter));
        let pages = paginate(blocks, 100);
        assert_eq!(pages[0].lines.len(), 1);
        assert_eq!(pages[1].lines[0].text, "Results");
        let headings: Vec<Option<&str>> = pages.iter().map(|page| page.heading.as_deref()).collect();
        assert_eq!(headings, [None, Some("Results"), Some("Results"), Some("Results"), Some("Two")]);
    }
}
