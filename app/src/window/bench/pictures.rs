//! Ten conversations that hold a hundred pictures each: what that takes of the memory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::meter::memory_bytes;
use crate::App;
use crate::command::{Command, MediaCommand};
use crate::state::ConversationId;

/// Conversations.
pub const TALKS: usize = 10;

/// Pictures in each of them.
pub const PICTURES: usize = 100;

/// How long reading the pictures of one conversation may take.
const WITHIN: Duration = Duration::from_secs(120);

/// What the process held, in bytes: all that is in memory, and of that what is in no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Before the first picture.
    pub before_bytes: u64,
    /// Before the first picture, in no file.
    pub before_own_bytes: u64,
    /// The most that was seen after it.
    pub most_bytes: u64,
    /// The most that was seen after it, in no file.
    pub most_own_bytes: u64,
}

/// Makes the conversations, asks a question in each, and looks at every second of them again.
pub(super) struct Walk {
    memory: Option<Memory>,
    talks: Vec<ConversationId>,
    /// What comes next.
    next: usize,
    stage: Stage,
    began: Instant,
}

enum Stage {
    Make,
    Read,
    Answer,
    Look(u32),
}

impl Walk {
    pub fn new(folder: &Path) -> Self {
        let before = memory_bytes();
        let memory = before.map(|(all, own)| Memory {
            before_bytes: all,
            before_own_bytes: own,
            most_bytes: all,
            most_own_bytes: own,
        });
        if let Err(error) = std::fs::create_dir_all(folder.join("pictures")) {
            log::error!("{}: {error}", folder.display());
        }
        Self { memory, talks: Vec::new(), next: 0, stage: Stage::Make, began: Instant::now() }
    }

    pub fn memory(&self) -> Option<Memory> {
        self.memory
    }

    /// Goes on a little; tells whether it is done.
    pub fn go_on(&mut self, app: &mut App, ctx: &egui::Context, folder: &Path) -> bool {
        if let (Some(memory), Some((all, own))) = (&mut self.memory, memory_bytes()) {
            memory.most_bytes = memory.most_bytes.max(all);
            memory.most_own_bytes = memory.most_own_bytes.max(own);
        }
        let is_late = self.began.elapsed() > WITHIN;
        match self.stage {
            Stage::Make => {
                let files: Vec<PathBuf> = (0..PICTURES).filter_map(|i| picture(folder, i)).collect();
                app.run(Command::NewConversation, ctx);
                app.run(Command::AttachFiles(files), ctx);
                app.run(Command::Media(MediaCommand::ShowAllFiles(true)), ctx);
                self.talks.extend(app.state().selected);
                self.to(Stage::Read);
            }
            Stage::Read => {
                let is_read =
                    app.state().current().is_some_and(|c| c.attachments.iter().all(|a| a.is_settled()));
                if is_read || is_late {
                    app.run(Command::Send("What is in these pictures?".into()), ctx);
                    self.to(Stage::Answer);
                }
            }
            Stage::Answer => {
                if app.state().running().is_none() || is_late {
                    self.next += 1;
                    let more = self.next < TALKS;
                    self.to(if more { Stage::Make } else { Stage::Look(0) });
                }
            }
            Stage::Look(n) => {
                // Each conversation again, and pictures of it at full size.
                const FRAMES: u32 = 20;
                let talk = (n / FRAMES) as usize;
                let Some(id) = self.talks.get(talk) else { return true };
                if n % FRAMES == 0 {
                    app.run(Command::Select(*id), ctx);
                } else if n % 4 == 0 {
                    let at = (n % FRAMES) as usize * 3 % PICTURES;
                    let file = app.state().current().and_then(|c| c.attachments.get(at)).map(|file| file.id);
                    if let Some(file) = file {
                        app.run(Command::Media(MediaCommand::Open(file)), ctx);
                    }
                }
                self.stage = Stage::Look(n + 1);
            }
        }
        false
    }

    fn to(&mut self, stage: Stage) {
        self.stage = stage;
        self.began = Instant::now();
    }
}

/// A photograph's size and about its detail, made once; another one for each number.
fn picture(folder: &Path, number: usize) -> Option<PathBuf> {
    let path = folder.join("pictures").join(format!("picture-{number}.jpg"));
    if path.exists() {
        return Some(path);
    }
    let n = number as u32;
    let picture = image::RgbImage::from_fn(1600, 1200, |x, y| {
        let wave = ((x + 13 * n) / 40 + (y + 29 * n) / 30) % 7;
        let grain = (x * 31 + y * 17 + n * 101) % 11;
        let part = |k: u32| ((x * k / 16 + y * (k + 1) / 12 + 40 * wave + grain + 11 * n) % 256) as u8;
        image::Rgb([part(1), part(2), part(3)])
    });
    match picture.save(&path) {
        Ok(()) => Some(path),
        Err(error) => {
            log::error!("{}: {error}", path.display());
            None
        }
    }
}
