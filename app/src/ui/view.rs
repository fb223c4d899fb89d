//! What the view needs to remember and nobody would save: drafts, scrolling, textures.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use egui::{ColorImage, TextureHandle, TextureOptions};
use engine::tasks::ask::ReadFile;

use super::announce::Announcer;
use super::markdown::MarkdownCache;
use super::panels::{
    InsideView, LibraryView, ModelsView, PaletteView, ReaderView, StageView, TalkList, TeachView,
    TranscriptView,
};
use super::panes::PanesView;
use crate::state::{Attachment, AttachmentId, ConversationId, Editing, ExchangeId, Keep, Load, Picture};

/// Textures that were not drawn for this many frames are freed.
const KEEP_FRAMES: u64 = 240;

/// Textures that are not drawn at the moment take no more than this: who leafs through photographs would otherwise fill
/// the memory within these frames.
const KEEP_BYTES: usize = 48 << 20;

/// Which folder is being named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folding {
    /// A new one, for this conversation.
    New(ConversationId),
    /// One that has a name.
    Rename(String),
}

/// The view's memory.
#[derive(Default)]
pub struct ViewState {
    /// The question that is being written.
    pub draft: String,
    /// The conversation that it belongs to.
    pub draft_of: Option<ConversationId>,
    /// Whether it changed since it was last looked at.
    pub draft_changed: bool,
    /// The title that is being edited.
    pub rename: Option<(ConversationId, String)>,
    /// The question or answer that is being edited, and what it became.
    pub edit: Option<(Editing, String)>,
    /// The list of questions and answers.
    pub talk: TalkList,
    /// Show this question.
    pub jump: Option<ExchangeId>,
    /// The question that was looked for.
    pub found: Option<ExchangeId>,
    /// Folders that are folded up.
    pub folded: std::collections::BTreeSet<String>,
    /// The name of a folder that is being written: of the conversation that goes there, or the one to rename.
    pub folder_name: Option<(Folding, String)>,
    /// What conversations are looked for.
    pub hunt: String,
    /// Put the cursor into the field for it.
    pub focus_hunt: bool,
    /// The name of a preset that is being written.
    pub preset_name: String,
    /// The path that is being typed.
    pub path: String,
    /// Put the cursor into the question field.
    pub focus_composer: bool,
    /// Show the end of the conversation.
    pub scroll_to_end: bool,
    /// Show the quote in the evidence pane.
    pub scroll_to_quote: bool,
    /// The transcript pane.
    pub transcript: TranscriptView,
    /// The reading pane.
    pub reader: ReaderView,
    /// The pane of models.
    pub models: ModelsView,
    /// The pane that looks into answers.
    pub inside: InsideView,
    /// The library.
    pub library: LibraryView,
    /// Teaching.
    pub teach: TeachView,
    /// Text on its way to the clipboard.
    pub to_copy: Option<String>,
    /// Small pictures of files.
    pub thumbnails: BTreeMap<AttachmentId, Load<Picture>>,
    /// Pictures for marks in answers.
    pub previews: BTreeMap<(ExchangeId, usize), Load<Picture>>,
    /// The picture or frame that is looked at.
    pub stage: StageView,
    /// All files that are added are shown, however many.
    pub all_files: bool,
    /// Asked whether to delete what is kept of a kind; everything when it names none.
    pub confirm_delete: Option<Option<Keep>>,
    /// What is looked for in the settings.
    pub settings_query: String,
    /// What is looked for in the shortcuts.
    pub shortcuts_query: String,
    /// The command palette.
    pub palette: PaletteView,
    /// Give the keyboard to a pane so many further on.
    pub step_pane: i32,
    /// Whether the colours are dark.
    pub is_dark: bool,
    /// Whether the middle of the window has the question field.
    pub(super) has_composer: bool,
    pub(super) panes: PanesView,
    pub(super) announcer: Announcer,
    pub(super) markdown: MarkdownCache,
    /// Tokens of files, with the findings that they were counted in.
    tokens: BTreeMap<AttachmentId, (Weak<ReadFile>, usize)>,
    textures: BTreeMap<u64, (TextureHandle, u64)>,
    /// The frame of a film, its number, and when it was drawn.
    film: Option<(TextureHandle, u64, u64)>,
    frame: u64,
}

impl ViewState {
    pub(super) fn begin_frame(&mut self, editing: Option<Editing>) {
        self.frame += 1;
        let oldest = self.frame.saturating_sub(KEEP_FRAMES);
        // The next edit begins with the text that is there then.
        self.edit.take_if(|_| editing.is_none());
        self.textures.retain(|_, (_, used)| *used >= oldest);
        self.free_textures();
        self.film.take_if(|(_, _, used)| *used < oldest);
    }

    /// About how many tokens a file takes; counted once for what was found in it.
    pub fn tokens_of(&mut self, attachment: &Attachment) -> Option<usize> {
        let read = attachment.read()?;
        match self.tokens.get(&attachment.id) {
            Some((counted, tokens)) if counted.as_ptr() == Arc::as_ptr(&read) => Some(*tokens),
            _ => {
                let tokens = attachment.about_tokens()?;
                self.tokens.insert(attachment.id, (Arc::downgrade(&read), tokens));
                Some(tokens)
            }
        }
    }

    /// Frees those that were drawn longest ago while all that are not drawn now take too much.
    fn free_textures(&mut self) {
        let drawn = self.frame.saturating_sub(1);
        let bytes = |(texture, _): &(TextureHandle, u64)| 4 * texture.size()[0] * texture.size()[1];
        let idle = self.textures.iter().filter(|(_, (_, used))| *used < drawn);
        let mut idle: Vec<_> = idle.map(|(serial, entry)| (entry.1, *serial, bytes(entry))).collect();
        let mut sum: usize = idle.iter().map(|(.., bytes)| bytes).sum();
        if sum <= KEEP_BYTES {
            return;
        }
        idle.sort_unstable();
        for (_, serial, bytes) in idle {
            if sum <= KEEP_BYTES {
                return;
            }
            self.textures.remove(&serial);
            sum -= bytes;
        }
    }

    /// The texture of a picture; sent to the graphics card when first drawn.
    pub fn texture(&mut self, ctx: &egui::Context, picture: &Picture) -> TextureHandle {
        let frame = self.frame;
        let entry = self.textures.entry(picture.serial).or_insert_with(|| {
            let image = ColorImage::from_rgb(picture.size, &picture.rgb);
            (ctx.load_texture(format!("picture {}", picture.serial), image, TextureOptions::LINEAR), frame)
        });
        entry.1 = frame;
        entry.0.clone()
    }

    /// The texture of a frame of a film: one for all of them, or a second would take as much memory as hundred pictures.
    pub fn film_texture(&mut self, ctx: &egui::Context, picture: &Picture) -> TextureHandle {
        let image = || ColorImage::from_rgb(picture.size, &picture.rgb);
        let frame = self.frame;
        let (texture, serial, used) = self.film.get_or_insert_with(|| {
            (ctx.load_texture("film", image(), TextureOptions::LINEAR), picture.serial, frame)
        });
        *used = frame;
        if std::mem::replace(serial, picture.serial) != picture.serial {
            texture.set(image(), TextureOptions::LINEAR);
        }
        texture.clone()
    }
}
