//! What the view needs to remember and nobody would save: drafts, scrolling, textures.

use std::collections::BTreeMap;

use egui::{ColorImage, TextureHandle, TextureOptions};

use super::markdown::MarkdownCache;
use super::panels::{LibraryView, ReaderView, TeachView, TranscriptView};
use crate::state::{AttachmentId, ConversationId, Load, Picture};

/// Textures that were not drawn for this many frames are freed.
const KEEP_FRAMES: u64 = 240;

/// The view's memory.
#[derive(Default)]
pub struct ViewState {
    /// The question that is being written.
    pub draft: String,
    /// The title that is being edited.
    pub rename: Option<(ConversationId, String)>,
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
    /// The library.
    pub library: LibraryView,
    /// Teaching.
    pub teach: TeachView,
    /// Text on its way to the clipboard.
    pub to_copy: Option<String>,
    /// Small pictures of files.
    pub thumbnails: BTreeMap<AttachmentId, Load<Picture>>,
    /// Asked whether to delete everything.
    pub confirm_clear: bool,
    pub(super) markdown: MarkdownCache,
    textures: BTreeMap<u64, (TextureHandle, u64)>,
    frame: u64,
}

impl ViewState {
    pub(super) fn begin_frame(&mut self, _: &egui::Context) {
        self.frame += 1;
        let oldest = self.frame.saturating_sub(KEEP_FRAMES);
        self.textures.retain(|_, (_, used)| *used >= oldest);
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
}
