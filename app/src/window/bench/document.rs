//! A document from the drop on: until its first page is there, until all of it was searched, and while it is scrolled.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::App;
use crate::command::{Command, ReaderCommand};
use crate::state::{Load, Query};

/// How long a document may take to show its first page, in seconds.
const OPEN_WITHIN_S: f64 = 30.0;

/// How long searching all of its pages may take, in seconds.
const SEARCH_WITHIN_S: f64 = 300.0;

/// Words that stand nowhere, so that every page is searched.
const NOWHERE: &str = "zwq nowhere qwz";

/// How often it is looked while workers are waited for; drawing all the time would take their processor.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The document, as far as it is.
pub(super) struct Visit {
    dropped: Instant,
    stage: Stage,
    /// Seconds from the drop until its first page was on the screen.
    pub first_page_s: Option<f64>,
    /// Seconds from the drop until all of its pages were searched.
    pub searched_s: Option<f64>,
}

enum Stage {
    /// The first page is waited for; it may have been drawn in the frame before.
    Page {
        is_drawn: bool,
    },
    Search,
    Scroll,
    End,
}

impl Visit {
    /// Opens a document and drops it on the window, so that it is looked at for its card as well.
    pub fn begin(app: &mut App, path: &Path, ctx: &egui::Context) -> Self {
        let dropped = Instant::now();
        crate::update::open_document(app, path);
        app.run(Command::AttachFiles(vec![path.to_path_buf()]), ctx);
        Self { dropped, stage: Stage::Page { is_drawn: false }, first_page_s: None, searched_s: None }
    }

    /// Whether it is scrolled now.
    pub fn is_scrolled(&self) -> bool {
        matches!(self.stage, Stage::Scroll)
    }

    /// Whether it cannot be shown, or not in time.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::End)
    }

    /// Looks how far it is, once in each frame.
    pub fn go_on(&mut self, app: &mut App, ctx: &egui::Context) {
        let since_s = self.dropped.elapsed().as_secs_f64();
        let Some(tab) = app.state.reader.tabs.first() else { return self.stage = Stage::End };
        if matches!(tab.document, Load::Failed(_)) {
            self.stage = Stage::End;
        }
        let is_searched = tab.finder.is_done;
        match &mut self.stage {
            Stage::Page { is_drawn: true } => {
                self.first_page_s = Some(since_s);
                let query = Query { text: NOWHERE.into(), ..Query::default() };
                app.run(Command::Reader(ReaderCommand::Find(query, 1)), ctx);
                self.stage = Stage::Search;
            }
            Stage::Page { .. } if since_s > OPEN_WITHIN_S => self.stage = Stage::End,
            Stage::Page { is_drawn } => {
                *is_drawn = app.shows_first_page();
                if *is_drawn {
                    ctx.request_repaint();
                }
            }
            Stage::Search if is_searched || since_s > SEARCH_WITHIN_S => {
                self.searched_s = is_searched.then_some(since_s);
                app.run(Command::Reader(ReaderCommand::Find(Query::default(), 1)), ctx);
                self.stage = Stage::Scroll;
            }
            Stage::Search | Stage::Scroll | Stage::End => {}
        }
        match self.stage {
            Stage::Scroll => ctx.request_repaint(),
            _ => ctx.request_repaint_after(LOOK_EVERY),
        }
    }
}
