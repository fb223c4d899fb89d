//! Transcripts as files, written as `medley transcribe` writes them.

use std::path::{Path, PathBuf};

use engine::tasks::transcribe::format::Format;
use engine::tasks::transcribe::subtitles::SubtitleStyle;
use engine::tasks::transcribe::writer::Writer;

use crate::App;
use crate::jobs::{JobEvent, JobId};
use crate::platform::{dialog, files};
use crate::state::{Document, file_name};

/// Lets the user choose where it goes.
pub(super) fn choose(app: &mut App, format: Format) {
    super::leave_row(app);
    let Some(pane) = &app.state.transcript else { return };
    let name = title(&pane.path);
    let folder = pane.path.parent().map(Path::to_path_buf);
    app.state.picking = true;
    app.jobs.spawn("file dialog", move |job, _, events| {
        let place = dialog::choose_place("Export the transcript", &name, format.name(), folder.as_deref());
        events.send(job, JobEvent::ExportPlace(format, place));
    });
}

pub(in crate::update) fn place_chosen(app: &mut App, job: JobId, format: Format, place: Option<PathBuf>) {
    app.jobs.close(job);
    app.state.picking = false;
    if let Some(path) = place {
        write(app, format, path);
    }
}

/// Writes the transcript, off the window's thread.
pub(super) fn write(app: &mut App, format: Format, path: PathBuf) {
    super::leave_row(app);
    let Some(pane) = &app.state.transcript else { return };
    let (document, title) = (pane.editor.document().clone(), title(&pane.path));
    app.jobs.spawn("export", move |job, _, events| {
        let written = save(&document, format, &title, &path).map(|()| path.clone());
        let result = written.map_err(|error| format!("{}: it could not be written: {error}", path.display()));
        events.send(job, JobEvent::Exported(result));
    });
}

pub(in crate::update) fn exported(app: &mut App, job: JobId, result: Result<PathBuf, String>) {
    app.jobs.close(job);
    match result {
        Ok(path) => app.state.say(format!("Transcript written to {}", file_name(&path))),
        Err(reason) => app.state.say(reason),
    }
}

fn save(document: &Document, format: Format, title: &str, path: &Path) -> anyhow::Result<()> {
    let mut writer = Writer::new(format, title, SubtitleStyle::default());
    let mut bytes = writer.begin().into_bytes();
    for segment in document.segments() {
        bytes.extend(writer.segment(&segment).into_bytes());
    }
    bytes.extend(writer.finish()?);
    files::write_whole(path, &bytes)?;
    Ok(())
}

fn title(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
