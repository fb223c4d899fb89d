//! What the view needs to remember and nobody would save: drafts, scrolling, textures.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use egui::{ColorImage, TextureHandle, TextureOptions};
use engine::tasks::ask::ReadFile;

use super::markdown::MarkdownCache;
use super::panels::{ReaderView, StageView, TranscriptView};
use crate::state::{Attachment, AttachmentId, ConversationId, ExchangeId, Load, Picture};

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
    /// Asked whether to delete everything.
    pub confirm_clear: bool,
    pub(super) markdown: MarkdownCache,
    /// Tokens of files, with the findings that they were counted in.
    tokens: BTreeMap<AttachmentId, (Weak<ReadFile>, usize)>,
    textures: BTreeMap<u64, (TextureHandle, u64)>,
    /// The frame of a film, its number, and when it was drawn.
    film: Option<(TextureHandle, u64, u64)>,
    frame: u64,
}

impl ViewState {
    pub(super) fn begin_frame(&mut self, _: &egui::Context) {
        self.frame += 1;
        let oldest = self.frame.saturating_sub(KEEP_FRAMES);
        self.textures.retain(|_, (_, used)| *used >= oldest);
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
