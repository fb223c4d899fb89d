//! How large pages are and which part of them is in view.
//!
//! The view hangs on one page: the one at its top, and how far that is scrolled. So heights that are only guessed, far
//! away, move nothing, and no position is so large that fractions of a pixel are lost.

use egui::Vec2;

use crate::state::{Extent, Position, Zoom};

/// Between two pages, in points.
pub(super) const GAP: f32 = 10.0;

/// Around the pages, in points.
pub(super) const MARGIN: f32 = 10.0;

/// Points of the screen for a point of paper at 100 percent: the screen has 96 to the inch, paper 72.
const PER_POINT: f32 = 96.0 / 72.0;

/// Widest column of text at 100 percent.
const COLUMN: f32 = 720.0;

/// What is at the top of the view.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Anchor {
    /// The page, counted from 0.
    pub(super) page: usize,
    /// Points of it that are above the view; before the first page less than 0.
    pub(super) above: f32,
}

/// The sizes of all pages in the pane.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) sizes: Vec<Vec2>,
    /// For text: whether the height was measured.
    measured: Vec<bool>,
    room: Vec2,
    zoom: Zoom,
    /// The widest page.
    pub(super) width: f32,
}

impl Layout {
    /// Takes in another pane or zoom; whether sizes changed.
    pub(super) fn update(&mut self, extent: &Extent, room: Vec2, zoom: Zoom) -> bool {
        let n = match extent {
            Extent::Paper(sizes) => sizes.len(),
            Extent::Text(parts) => parts.len(),
        };
        if self.room == room && self.zoom == zoom && self.sizes.len() == n {
            return false;
        }
        (self.room, self.zoom) = (room, zoom);
        let inner = (room - Vec2::splat(2.0 * MARGIN)).max(Vec2::splat(40.0));
        self.sizes = match extent {
            Extent::Paper(sizes) => {
                let usual = usual_width(sizes);
                sizes.iter().map(|size| paper_size(Vec2::from(*size), usual, inner, zoom)).collect()
            }
            Extent::Text(parts) => {
                let width = column(inner.x, zoom);
                parts.iter().map(|part| Vec2::new(width, guess(*part, width, text_scale(zoom)))).collect()
            }
        };
        self.measured = vec![matches!(extent, Extent::Paper(_)); n];
        self.width = self.sizes.iter().map(|size| size.x).fold(0.0, f32::max);
        true
    }

    /// Sets the height of a page of text.
    pub(super) fn measure(&mut self, page: usize, height: f32) {
        if let (Some(size), Some(known)) = (self.sizes.get_mut(page), self.measured.get_mut(page)) {
            (size.y, *known) = (height, true);
        }
    }

    pub(super) fn is_measured(&self, page: usize) -> bool {
        self.measured.get(page).copied().unwrap_or(true)
    }

    fn height(&self, page: usize) -> f32 {
        self.sizes.get(page).map_or(0.0, |size| size.y)
    }

    /// Height of everything.
    pub(super) fn total(&self) -> f32 {
        2.0 * MARGIN + self.sizes.iter().map(|size| size.y + GAP).sum::<f32>() - GAP
    }

    /// How far the view is from the top of everything.
    pub(super) fn offset(&self, anchor: Anchor) -> f32 {
        MARGIN + self.sizes.iter().take(anchor.page).map(|size| size.y + GAP).sum::<f32>() + anchor.above
    }

    /// The anchor of a view that is so far from the top.
    pub(super) fn at_offset(&self, offset: f32) -> Anchor {
        let mut left = offset - MARGIN;
        for (page, size) in self.sizes.iter().enumerate() {
            if left < size.y + GAP || page + 1 == self.sizes.len() {
                return Anchor { page, above: left };
            }
            left -= size.y + GAP;
        }
        Anchor::default()
    }

    /// The anchor with its page really at the top of a view of this height, and nothing but pages in view.
    pub(super) fn settle(&self, mut anchor: Anchor, height: f32) -> Anchor {
        let Some(last) = self.sizes.len().checked_sub(1) else { return Anchor::default() };
        anchor.page = anchor.page.min(last);
        while anchor.above < 0.0 && anchor.page > 0 {
            anchor.page -= 1;
            anchor.above += self.height(anchor.page) + GAP;
        }
        while anchor.page < last && anchor.above >= self.height(anchor.page) + GAP {
            anchor.above -= self.height(anchor.page) + GAP;
            anchor.page += 1;
        }
        // What is left below the top of the view.
        let mut below = MARGIN - anchor.above;
        for page in anchor.page..=last {
            below += self.height(page) + if page < last { GAP } else { 0.0 };
            if below >= height {
                break;
            }
        }
        if below < height {
            anchor.above -= height - below;
            while anchor.above < 0.0 && anchor.page > 0 {
                anchor.page -= 1;
                anchor.above += self.height(anchor.page) + GAP;
            }
        }
        if anchor.page == 0 {
            anchor.above = anchor.above.max(-MARGIN);
        }
        anchor
    }

    /// The page that is read in a view of this height, counted from 1: that a third below its top, and at the end the
    /// last one.
    pub(super) fn page_read(&self, anchor: Anchor, height: f32) -> u32 {
        let offset = self.offset(anchor);
        let at_end = offset > 0.0 && offset + height >= self.total() - 1.0;
        let page = if at_end { self.sizes.len() } else { self.at_offset(offset + 0.35 * height).page + 1 };
        u32::try_from(page.max(1)).unwrap_or(u32::MAX)
    }

    /// Where somebody is, for the next time.
    pub(super) fn position(&self, anchor: Anchor) -> Position {
        let height = self.height(anchor.page).max(1.0);
        Position { page: anchor.page as u32 + 1, y: (anchor.above / height).clamp(-1.0, 1.0) }
    }

    /// The anchor at a position.
    pub(super) fn at(&self, position: Position) -> Anchor {
        let page = (position.page.max(1) as usize - 1).min(self.sizes.len().saturating_sub(1));
        Anchor { page, above: position.y * self.height(page) }
    }
}

/// Of several widths the one that most pages have.
fn usual_width(sizes: &[[f32; 2]]) -> f32 {
    let mut widths: Vec<i32> = sizes.iter().map(|[width, _]| width.round() as i32).collect();
    widths.sort_unstable();
    let longest = widths.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    longest.map_or(612.0, |run| run[0] as f32).max(1.0)
}

fn paper_size(paper: Vec2, usual: f32, inner: Vec2, zoom: Zoom) -> Vec2 {
    let scale = match zoom {
        Zoom::Percent(percent) => PER_POINT * percent / 100.0,
        // A page that is wider than the others is made smaller alone.
        Zoom::FitWidth => (inner.x / usual).min(inner.x / paper.x),
        Zoom::FitPage => (inner.x / paper.x).min(inner.y / paper.y),
    };
    paper * scale
}

/// Size of text against the ordinary one.
pub(super) fn text_scale(zoom: Zoom) -> f32 {
    match zoom {
        Zoom::Percent(percent) => percent / 100.0,
        Zoom::FitWidth | Zoom::FitPage => 1.0,
    }
}

/// Text is never wider than the pane: it wraps.
fn column(room: f32, zoom: Zoom) -> f32 {
    (COLUMN * text_scale(zoom)).min(room)
}

/// A height for text that was not laid out yet, from its characters and lines.
fn guess((characters, lines): (u32, u32), width: f32, scale: f32) -> f32 {
    let per_row = (width / (7.2 * scale)).max(1.0);
    let rows = characters as f32 / per_row + lines as f32;
    30.0 + 22.0 * scale * rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let mut layout = Layout::default();
        // 20 pages of 300 × 400 points of the screen.
        let paper = Extent::Paper(vec![[225.0, 300.0]; 20]);
        assert!(layout.update(&paper, Vec2::new(500.0, 600.0), Zoom::Percent(100.0)));
        assert!(!layout.update(&paper, Vec2::new(500.0, 600.0), Zoom::Percent(100.0)));
        layout
    }

    fn is_near(a: Anchor, page: usize, above: f32) -> bool {
        a.page == page && (a.above - above).abs() < 0.01
    }

    #[test]
    fn scrolling_goes_from_page_to_page_and_ends_at_the_ends() {
        let layout = layout();
        let go = |page, above| layout.settle(Anchor { page, above }, 600.0);
        for (from, to) in [((0, -500.0), (0, -MARGIN)), ((0, 450.0), (1, 40.0)), ((3, -10.0), (2, 400.0))] {
            let found = go(from.0, from.1);
            assert!(is_near(found, to.0, to.1), "{from:?}: {found:?}");
        }
        let end = go(19, 5_000.0);
        assert!((layout.offset(end) + 600.0 - layout.total()).abs() < 0.1, "{end:?}");
        assert!(is_near(layout.settle(Anchor { page: 3, above: 0.0 }, 9e6), 0, -MARGIN));
        assert_eq!(layout.page_read(go(0, -500.0), 600.0), 1);
        assert_eq!(layout.page_read(go(4, -MARGIN), 600.0), 5, "not the one whose last line is in view");
        assert_eq!(layout.page_read(end, 600.0), 20);
        for offset in [0.0, 37.0, 409.0, 411.0, 4_000.0, 7_000.0] {
            assert!((layout.offset(layout.at_offset(offset)) - offset).abs() < 0.01, "{offset}");
        }
    }

    #[test]
    fn a_position_is_the_same_place_in_another_zoom() {
        let mut layout = layout();
        let position = layout.position(Anchor { page: 7, above: 100.0 });
        assert!(position.page == 8 && (position.y - 0.25).abs() < 1e-4, "{position:?}");
        let paper = Extent::Paper(vec![[225.0, 300.0]; 20]);
        assert!(layout.update(&paper, Vec2::new(500.0, 600.0), Zoom::Percent(200.0)));
        assert!(is_near(layout.at(position), 7, 200.0));
        assert_eq!(layout.at(Position { page: 99, y: 0.0 }).page, 19);
    }

    #[test]
    fn the_usual_page_fits_and_a_wider_one_is_made_smaller_alone() {
        let mut layout = Layout::default();
        let paper = Extent::Paper(vec![[600.0, 800.0], [1200.0, 800.0], [600.0, 800.0], [300.0, 300.0]]);
        layout.update(&paper, Vec2::new(620.0, 420.0), Zoom::FitWidth);
        let widths: Vec<f32> = layout.sizes.iter().map(|size| size.x).collect();
        let expected = [600.0, 600.0, 600.0, 300.0];
        assert!(widths.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.1), "{widths:?}");
        layout.update(&paper, Vec2::new(620.0, 420.0), Zoom::FitPage);
        assert!(layout.sizes.iter().all(|size| size.x <= 600.01 && size.y <= 400.01));
    }

    #[test]
    fn heights_that_are_measured_move_what_is_below_only() {
        let mut layout = Layout::default();
        let text = Extent::Text(vec![(3_000, 20); 50]);
        layout.update(&text, Vec2::new(500.0, 600.0), Zoom::FitWidth);
        let anchor = Anchor { page: 30, above: 5.0 };
        assert!(!layout.is_measured(4));
        layout.measure(4, 123.0);
        assert!(layout.is_measured(4));
        assert_eq!(layout.settle(anchor, 600.0), anchor);
        assert_eq!(layout.sizes[4].y, 123.0);
    }
}
