//! Questions about a part: seconds of a recording, or a rectangle of a picture.

use std::path::PathBuf;

use engine::Rect;
use engine::media::Kind;

use super::{attach, conversation, stop_sound};
use crate::App;
use crate::command::MediaCommand;
use crate::jobs::{CropJob, MediaJob};
use crate::state::Clip;
use crate::words::say;

/// Sides of a part that are shorter are a slip of the hand, as a share of the picture.
const SMALLEST: f32 = 0.01;

/// Marks the beginning or the end at the second that is heard or shown.
pub(super) fn mark(app: &mut App, command: &MediaCommand) {
    let Some(viewer) = &mut app.state.viewer else { return };
    let at_s = viewer.at_s();
    match command {
        MediaCommand::MarkStart => viewer.marks_s.0 = Some(at_s),
        MediaCommand::MarkEnd => viewer.marks_s.1 = Some(at_s),
        _ => viewer.marks_s = (None, None),
    }
}

/// Makes the marked part what the next question is about.
pub(super) fn ask(app: &mut App) {
    let Some(viewer) = &app.state.viewer else { return };
    let Some((from_s, to_s)) = viewer.part_s() else {
        return app.state.say(say("media-mark-first"));
    };
    let Some(attachment) = viewer.attachment else {
        return app.state.say(say("media-not-in-conversation"));
    };
    let path = viewer.path.clone();
    app.state.clip = Some(Clip { attachment, path, from_s, to_s });
    app.state.passage = None;
    stop_sound(app);
    app.view.focus_composer = true;
}

/// Saves a part of the picture or frame, to be added to the conversation.
pub(super) fn crop(app: &mut App, area: Rect) {
    let Some(viewer) = &app.state.viewer else { return };
    if area.x1 - area.x0 < SMALLEST || area.y1 - area.y0 < SMALLEST {
        return app.state.say(say("media-too-small"));
    }
    let time_s = (viewer.kind == Kind::Video).then(|| viewer.at_s());
    let (path, now_s) = (viewer.path.clone(), app.state.now_s);
    // A part of a picture of a temporary conversation goes with it, too.
    let folder = match conversation::folder_for_files(app) {
        Ok(folder) => folder,
        Err(reason) => return app.state.say(reason),
    };
    let crop = CropJob { path, time_s, area, folder, now_s };
    stop_sound(app);
    app.jobs.media(MediaJob::Crop(crop));
}

/// The next question is about the part.
pub(super) fn cropped(app: &mut App, saved: Result<PathBuf, String>) {
    match saved {
        Ok(path) => {
            attach::add(app, vec![path.clone()]);
            let part = app.state.current().and_then(|c| c.attachments.iter().find(|a| a.path == path));
            app.state.about = part.map(|part| part.id).into_iter().collect();
            app.state.passage = None;
            app.view.focus_composer = true;
        }
        Err(reason) => app.state.say(reason),
    }
}
