//! The desktop's dialog for choosing files. It can take half a minute to say that there is none,
//! so it never runs on the window's thread.

use std::path::PathBuf;

/// Lets the user choose where a file goes; none when the dialog was closed or the desktop has none.
pub fn choose_place(
    title: &str,
    name: &str,
    extension: &str,
    folder: Option<&std::path::Path>,
) -> Option<PathBuf> {
    if super::without_desktop() {
        return None;
    }
    let mut dialog = rfd::FileDialog::new()
        .set_title(title)
        .set_file_name(format!("{name}.{extension}"))
        .add_filter(extension, &[extension]);
    if let Some(folder) = folder {
        dialog = dialog.set_directory(folder);
    }
    // Not every dialog adds the extension.
    dialog
        .save_file()
        .map(|path| if path.extension().is_some() { path } else { path.with_extension(extension) })
}

/// Formats of documents and recordings, for a library.
const DOCUMENTS: [&str; 24] = [
    "pdf", "epub", "docx", "html", "htm", "md", "txt", "wav", "mp3", "flac", "ogg", "opus", "m4a", "aac",
    "aiff", "mp4", "mkv", "webm", "mov", "avi", "srt", "vtt", "ass", "ssa",
];

/// Words of a dialog. They are chosen by the window, whose thread knows its language.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Above it.
    pub title: &'static str,
    /// What is offered.
    pub kinds: &'static str,
    /// All files.
    pub all: &'static str,
}

/// Lets the user choose documents and recordings; empty when the dialog was closed or the desktop has none.
pub fn choose_documents(words: Words) -> Vec<PathBuf> {
    rfd::FileDialog::new()
        .set_title(words.title)
        .add_filter(words.kinds, &DOCUMENTS)
        .add_filter(words.all, &["*"])
        .pick_files()
        .unwrap_or_default()
}

/// Lets the user choose a folder; none when the dialog was closed or the desktop has none.
pub fn choose_folder(title: &str) -> Option<PathBuf> {
    rfd::FileDialog::new().set_title(title).pick_folder()
}

/// Lets the user choose a file of questions and answers.
pub fn choose_questions(words: Words) -> Option<PathBuf> {
    rfd::FileDialog::new()
        .set_title(words.title)
        .add_filter(words.kinds, &["jsonl"])
        .add_filter(words.all, &["*"])
        .pick_file()
}

/// Lets the user choose files; empty when the dialog was closed or the desktop has none.
pub fn choose_files() -> Vec<PathBuf> {
    if super::without_desktop() {
        return Vec::new();
    }
    let media = [
        "png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "wav", "mp3", "flac", "ogg", "opus",
        "m4a", "aac", "aiff", "mp4", "mkv", "webm", "mov", "avi", "pdf", "txt", "md", "html", "htm", "docx",
        "epub", "srt", "vtt", "ass", "ssa",
    ];
    rfd::FileDialog::new()
        .set_title("Add files to the conversation")
        .add_filter("Pictures, sound, video, documents", &media)
        .add_filter("All files", &["*"])
        .pick_files()
        .unwrap_or_default()
}

/// Lets the user choose files that were exported before; empty when the dialog was closed or the desktop has none.
pub fn choose_exported(title: &str) -> Vec<PathBuf> {
    rfd::FileDialog::new().set_title(title).add_filter("JSON", &["json"]).pick_files().unwrap_or_default()
}
