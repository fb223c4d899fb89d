//! What the reading pane remembers and nobody would save: scrolling, what is selected, drawn pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{ColorImage, TextureHandle, TextureOptions};
use engine::media::Page;

use super::layout::{Anchor, Layout};
use crate::state::{
    Finder, Load, MarkId, Passage, Position, Query, Reading, Tab, TabId, TextPos, Wanted, Zoom,
};

/// Places that can be gone back to.
const HISTORY: usize = 100;

/// Jumps to less than this part of a page away are no jumps.
const SAME_PLACE: f32 = 0.02;

/// The pane's memory.
#[derive(Default)]
pub struct ReaderView {
    tabs: BTreeMap<TabId, TabView>,
    /// The note that is written.
    pub(super) note: Option<NoteEdit>,
    /// Give the keyboard to the pages.
    pub(super) focus_pages: bool,
    /// Whether they have it.
    pub(in crate::ui) has_keyboard: bool,
    /// Bring this highlight into view in the list.
    pub(super) reveal_mark: Option<MarkId>,
}

/// The note that is written.
pub(super) struct NoteEdit {
    pub(super) mark: MarkId,
    pub(super) draft: String,
    pub(super) focus: bool,
}

/// A drawn page.
pub(super) struct Drawn {
    /// Its longest side in pixels.
    pub(super) side: u32,
    pub(super) image: Load<Image>,
}

/// Pixels on their way to the graphics card.
pub(super) enum Image {
    /// Not sent yet.
    Waiting(Arc<ColorImage>),
    /// There.
    Texture(TextureHandle),
}

/// What is selected, from where it began to where it was led.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) anchor: TextPos,
    pub(super) head: TextPos,
}

impl Selection {
    pub(super) fn range(&self) -> (TextPos, TextPos) {
        (self.anchor.min(self.head), self.anchor.max(self.head))
    }
}

/// Where to go, once the page is laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// To a place, at the top of the view.
    Top(Position),
    /// To a place on a page, in fractions of it, well into the view.
    Point(u32, f32),
    /// To a place in the text, well into the view.
    Text(TextPos),
}

/// Find in the document.
#[derive(Default)]
pub(super) struct FindBar {
    pub(super) open: bool,
    pub(super) focus: bool,
    pub(super) query: Query,
    /// The hit that is shown.
    pub(super) at: Option<TextPos>,
    /// Go to the next or previous hit as soon as there is one.
    pub(super) pending: Option<bool>,
}

/// The memory of one document.
#[derive(Default)]
pub struct TabView {
    pub(super) layout: Layout,
    pub(super) anchor: Anchor,
    /// How far the pages are scrolled to the side.
    pub(super) x: f32,
    pub(super) zoom: Zoom,
    pub(super) goal: Option<Goal>,
    /// Whether somebody has been here: then what was kept is older.
    moved: bool,
    /// Whether somebody chose how large pages are.
    zoomed: bool,
    pub(super) history: History,
    pub(super) selection: Option<Selection>,
    /// Whether the selection is being made with the pointer.
    pub(super) is_selecting: bool,
    pub(super) texts: BTreeMap<u32, Arc<Page>>,
    pub(super) pictures: BTreeMap<u32, Vec<Drawn>>,
    pub(super) small: BTreeMap<u32, Drawn>,
    pub(super) wanted: Wanted,
    /// Rows of the side strip that are in view.
    pub(super) small_in_view: Vec<u32>,
    pub(super) find: FindBar,
    /// What is written into the field for the page.
    pub(super) page_field: Option<String>,
    /// When the zoom last changed, in seconds.
    pub(super) zoomed_s: f64,
    /// Height of the view when it was last drawn.
    pub(super) height: f32,
}

/// Places to go back and forward to.
#[derive(Debug, Default)]
pub(super) struct History {
    back: Vec<Position>,
    forward: Vec<Position>,
}

impl History {
    /// Remembers a place before a jump.
    pub(super) fn leave(&mut self, from: Position) {
        if self.back.last().is_none_or(|last| !is_same(*last, from)) {
            self.back.push(from);
            if self.back.len() > HISTORY {
                self.back.remove(0);
            }
        }
        self.forward.clear();
    }

    /// The place before or after, when `now` is left for it.
    pub(super) fn go(&mut self, back: bool, now: Position) -> Option<Position> {
        let (from, to) =
            if back { (&mut self.back, &mut self.forward) } else { (&mut self.forward, &mut self.back) };
        let place = from.pop()?;
        to.push(now);
        Some(place)
    }

    pub(super) fn can_go(&self, back: bool) -> bool {
        !(if back { &self.back } else { &self.forward }).is_empty()
    }
}

fn is_same(a: Position, b: Position) -> bool {
    a.page == b.page && (a.y - b.y).abs() < SAME_PLACE
}

impl ReaderView {
    /// Gives the keyboard to the pages.
    pub(in crate::ui) fn give_keyboard(&mut self) {
        self.focus_pages = true;
    }

    pub(super) fn tab(&mut self, id: TabId) -> &mut TabView {
        self.tabs.entry(id).or_default()
    }

    /// Forgets a document.
    pub fn close(&mut self, id: TabId) {
        self.tabs.remove(&id);
        self.note = None;
    }

    /// Frees what was drawn; it is drawn again when it is shown.
    pub fn free_pictures(&mut self) {
        for tab in self.tabs.values_mut() {
            tab.pictures.clear();
            tab.small.clear();
            tab.texts.clear();
            tab.wanted = Wanted::default();
        }
        self.note = None;
    }

    /// The document was loaded again: nothing that was drawn counts.
    pub fn reload(&mut self, id: TabId) {
        let tab = self.tab(id);
        let position = tab.position();
        *tab = TabView {
            zoom: tab.zoom,
            goal: Some(Goal::Top(position)),
            moved: true,
            zoomed: true,
            history: std::mem::take(&mut tab.history),
            ..TabView::default()
        };
    }

    /// Goes to where the document was left, unless somebody has moved already, and draws it as large as it was.
    pub fn restore(&mut self, id: TabId, reading: &Reading) {
        let tab = self.tab(id);
        if !tab.zoomed {
            tab.zoom = reading.zoom;
        }
        if !tab.moved {
            tab.goal = Some(Goal::Top(reading.position));
        }
    }

    /// The page that is read.
    pub fn page(&mut self, id: TabId) -> u32 {
        self.tab(id).page()
    }

    /// Where a document is and how large.
    pub fn reading(&mut self, id: TabId) -> (Position, Zoom) {
        let tab = self.tab(id);
        (tab.position(), tab.zoom)
    }

    /// Goes to a page.
    pub fn go_to_page(&mut self, id: TabId, page: u32) {
        self.tab(id).jump(Goal::Top(Position { page, y: 0.0 }));
    }

    /// Goes to a place on a page, in fractions of it.
    pub fn go_to_point(&mut self, id: TabId, page: u32, y: f32) {
        self.tab(id).jump(Goal::Point(page, y));
    }

    /// A place one is on the way to is known better now.
    pub fn aim_at(&mut self, id: TabId, passage: &Passage) {
        self.tab(id).goal = Some(goal_of(passage));
    }

    /// No note is written any more.
    pub fn close_note(&mut self) {
        self.note = None;
    }

    /// Goes to a passage.
    pub fn show_passage(&mut self, id: TabId, passage: &Passage) {
        self.tab(id).jump(goal_of(passage));
    }

    /// Writes a note for a highlight.
    pub fn edit_note(&mut self, mark: MarkId, text: &str) {
        self.note = Some(NoteEdit { mark, draft: text.to_owned(), focus: true });
        self.reveal_mark = Some(mark);
    }

    /// Nothing is selected any more.
    pub fn deselect(&mut self, id: TabId) {
        self.tab(id).selection = None;
    }

    /// Gives the keyboard to the pages.
    pub fn focus(&mut self) {
        self.focus_pages = true;
    }

    /// Closes what lies over the pages; whether anything did.
    pub fn close_on_top(&mut self, id: TabId) -> bool {
        if self.note.take().is_some() {
            self.focus_pages = true;
            return true;
        }
        let tab = self.tab(id);
        if tab.find.open {
            tab.find.open = false;
            self.focus_pages = true;
            return true;
        }
        tab.selection.take().is_some()
    }

    /// The text of a page came.
    pub fn text(&mut self, id: TabId, page: Arc<Page>) {
        let tab = self.tab(id);
        if tab.wanted.texts.contains(&page.number) {
            tab.texts.insert(page.number, page);
        }
    }

    /// A page was drawn.
    pub fn picture(&mut self, id: TabId, page: u32, side: u32, image: Load<Arc<ColorImage>>) {
        let tab = self.tab(id);
        if tab.wanted.pictures.contains(&(page, side)) {
            let drawn = tab.pictures.entry(page).or_default();
            drawn.retain(|drawn| drawn.side != side);
            drawn.push(Drawn { side, image: waiting(image) });
        }
    }

    /// A page was drawn small.
    pub fn small(&mut self, id: TabId, page: u32, image: Load<Arc<ColorImage>>) {
        let tab = self.tab(id);
        if tab.wanted.small.contains(&page) {
            tab.small.insert(page, Drawn { side: 0, image: waiting(image) });
        }
    }

    /// Whether everything that is wanted of a document is here.
    pub fn is_ready(&self, id: TabId) -> bool {
        let Some(tab) = self.tabs.get(&id) else { return false };
        let drawn = |(page, side): &(u32, u32)| {
            let right =
                |drawn: &Drawn| drawn.side == *side && !matches!(drawn.image, Load::Ready(Image::Waiting(_)));
            tab.pictures.get(page).is_some_and(|drawn| drawn.iter().any(right))
        };
        tab.goal.is_none()
            && !tab.wanted.texts.is_empty()
            && tab.wanted.texts.iter().all(|page| tab.texts.contains_key(page))
            && tab.wanted.pictures.iter().all(drawn)
    }

    /// Whether a page is drawn: its picture, or its text in a document without pages.
    pub fn shows(&self, id: TabId, page: u32) -> bool {
        let Some(tab) = self.tabs.get(&id) else { return false };
        if tab.wanted.pictures.is_empty() {
            return tab.texts.contains_key(&page);
        }
        let is_drawn = |drawn: &Drawn| matches!(drawn.image, Load::Ready(Image::Texture(_)));
        tab.pictures.get(&page).is_some_and(|drawn| drawn.iter().any(is_drawn))
    }

    /// Bytes of the pictures that are held, for the largest measure of it.
    pub fn picture_bytes(&self) -> usize {
        let of = |drawn: &Drawn| match &drawn.image {
            Load::Ready(Image::Waiting(image)) => 4 * image.pixels.len(),
            Load::Ready(Image::Texture(texture)) => 4 * texture.size()[0] * texture.size()[1],
            _ => 0,
        };
        let tab = |tab: &TabView| -> usize {
            tab.pictures.values().flatten().chain(tab.small.values()).map(of).sum()
        };
        self.tabs.values().map(tab).sum()
    }
}

fn waiting(image: Load<Arc<ColorImage>>) -> Load<Image> {
    match image {
        Load::Ready(image) => Load::Ready(Image::Waiting(image)),
        Load::Loading => Load::Loading,
        Load::None => Load::None,
        Load::Failed(reason) => Load::Failed(reason),
    }
}

/// Where a passage is brought into view.
pub(super) fn goal_of(passage: &Passage) -> Goal {
    match passage.places.first().and_then(|place| Some((place.page, place.boxes.first()?))) {
        Some((page, area)) => Goal::Point(page, area.y0),
        None => Goal::Text(passage.from),
    }
}

impl TabView {
    /// Where somebody is; where they will be, while the pages are not laid out yet.
    pub(super) fn position(&self) -> Position {
        match self.goal {
            Some(Goal::Top(position)) => position,
            Some(Goal::Point(page, _)) => Position { page, y: 0.0 },
            Some(Goal::Text(place)) => Position { page: place.page, y: 0.0 },
            None => self.layout.position(self.anchor),
        }
    }

    /// The page that is read, counted from 1; where somebody wants to be, while the pages are not laid out yet.
    pub(super) fn page(&self) -> u32 {
        match self.goal {
            Some(_) => self.position().page,
            None => self.layout.page_read(self.anchor, self.height),
        }
    }

    /// Goes somewhere, so that one can go back.
    pub(super) fn jump(&mut self, goal: Goal) {
        if !self.layout.sizes.is_empty() && self.goal.is_none() {
            self.history.leave(self.position());
        }
        self.moved = true;
        self.goal = Some(goal);
    }

    /// Goes back or forward.
    pub(super) fn go(&mut self, back: bool) {
        let now = self.position();
        if let Some(place) = self.history.go(back, now) {
            self.moved = true;
            self.goal = Some(Goal::Top(place));
        }
    }

    /// Scrolls; a scroll is no jump.
    pub(super) fn scroll(&mut self, down: f32) {
        if down != 0.0 {
            self.moved = true;
            self.anchor.above += down;
            self.goal = None;
        }
    }

    /// Another size.
    pub(super) fn set_zoom(&mut self, zoom: Zoom, now_s: f64) {
        if self.zoom != zoom {
            (self.zoom, self.zoomed_s) = (zoom, now_s);
            (self.moved, self.zoomed) = (true, true);
        }
    }

    /// Keeps what is wanted; what is not is freed. A page that is drawn in another size stays until the right one came.
    pub(super) fn hold(&mut self, wanted: &Wanted) {
        self.texts.retain(|page, _| wanted.texts.contains(page));
        self.small.retain(|page, _| wanted.small.contains(page));
        self.pictures.retain(|page, drawn| {
            let Some((_, side)) = wanted.pictures.iter().find(|(wanted, _)| wanted == page) else {
                return false;
            };
            let has_right =
                drawn.iter().any(|d| d.side == *side && matches!(d.image, Load::Ready(Image::Texture(_))));
            let newest = drawn.last().map(|d| d.side);
            drawn.retain(|d| d.side == *side || (!has_right && Some(d.side) == newest));
            true
        });
        self.wanted = wanted.clone();
    }

    /// The hit that is shown, with its number.
    pub(super) fn hit<'a>(&self, finder: &'a Finder) -> Option<(usize, &'a crate::state::Hit)> {
        let at = self.find.at?;
        let index = finder.hits.binary_search_by_key(&at, |hit| hit.from).ok()?;
        Some((index, &finder.hits[index]))
    }

    /// Goes to the next or previous hit; when there is none yet, as soon as there is one.
    pub(super) fn step_hit(&mut self, tab: &Tab, forward: bool) {
        let finder = &tab.finder;
        let from = match (self.find.at, forward) {
            (Some(at), true) => TextPos { byte: at.byte + 1, ..at },
            (Some(at), false) => at,
            (None, _) => TextPos { page: self.page(), line: 0, byte: 0 },
        };
        self.find.pending = None;
        // What comes next may be on a page that was not searched yet.
        let Some(index) = finder.near(from, forward) else {
            self.find.pending = (!finder.is_done).then_some(forward);
            return;
        };
        let hit = &finder.hits[index];
        self.find.at = Some(hit.from);
        self.selection = Some(Selection { anchor: hit.from, head: hit.to });
        let goal = match hit.boxes.first() {
            Some(area) => Goal::Point(hit.from.page, area.y0),
            None => Goal::Text(hit.from),
        };
        self.jump(goal);
    }
}

impl Drawn {
    /// The texture; it is sent to the graphics card when `send` allows it, and then no other one in this frame.
    pub(super) fn texture(&mut self, ctx: &egui::Context, send: &mut bool) -> Option<&TextureHandle> {
        if let Load::Ready(image) = &mut self.image
            && let Image::Waiting(pixels) = image
        {
            if !std::mem::take(send) {
                ctx.request_repaint();
                return None;
            }
            *image = Image::Texture(ctx.load_texture("page", pixels.clone(), TextureOptions::LINEAR));
        }
        match &self.image {
            Load::Ready(Image::Texture(texture)) => Some(texture),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(page: u32, y: f32) -> Position {
        Position { page, y }
    }

    #[test]
    fn back_and_forward_lead_to_where_one_was() {
        let mut history = History::default();
        assert_eq!(history.go(true, at(1, 0.0)), None);
        history.leave(at(1, 0.0));
        history.leave(at(1, 0.01));
        history.leave(at(5, 0.5));
        assert_eq!(history.go(true, at(9, 0.0)), Some(at(5, 0.5)));
        assert_eq!(history.go(true, at(5, 0.5)), Some(at(1, 0.0)), "hardly moved is not moved");
        assert_eq!(history.go(true, at(1, 0.0)), None);
        assert_eq!(history.go(false, at(1, 0.0)), Some(at(5, 0.5)));
        assert!(history.can_go(false) && history.can_go(true));
        history.leave(at(5, 0.5));
        assert!(!history.can_go(false), "a jump begins a new way");
    }

    #[test]
    fn an_old_picture_stays_until_the_right_one_is_there() {
        let mut tab = TabView::default();
        let drawn = |side| Drawn { side, image: Load::Loading };
        tab.pictures.insert(1, vec![drawn(100)]);
        tab.pictures.insert(2, vec![drawn(100)]);
        tab.hold(&Wanted { pictures: vec![(1, 200)], ..Wanted::default() });
        assert_eq!(tab.pictures.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(tab.pictures[&1][0].side, 100);
    }
}
