//! What the thread of a document tells.

use super::content;
use super::marks;
use super::passages;
use crate::App;
use crate::jobs::{Found, JobId, ReaderNews};
use crate::state::{Load, TabId};

pub(in crate::update) fn news(app: &mut App, job: JobId, id: TabId, news: ReaderNews) {
    let is_replaced = app.active.reader.open.get(&id).is_none_or(|open| open.job != job);
    match news {
        ReaderNews::Looked(looked) => content::looked(app, job, id, looked),
        // A thread that was replaced may still talk.
        _ if is_replaced => {}
        ReaderNews::Opened(result) => {
            let Some(tab) = app.state.reader.tab_mut(id) else { return };
            tab.document = match result {
                Ok(info) => Load::Ready(info),
                Err(reason) => {
                    app.jobs.close(job);
                    Load::Failed(reason)
                }
            };
        }
        ReaderNews::Text(page) => app.view.reader.text(id, page),
        ReaderNews::Picture(page, side, picture) => app.view.reader.picture(id, page, side, picture),
        ReaderNews::Small(page, picture) => app.view.reader.small(id, page, picture),
        ReaderNews::Found(found) => self::found(app, id, found),
        ReaderNews::Taken(purpose, Ok(passage)) => passages::taken(app, id, purpose, passage),
        ReaderNews::Taken(_, Err(reason)) => app.state.say(reason),
        ReaderNews::Cited(passage) => {
            let Some(citation) = app.state.reader.tab_mut(id).and_then(|tab| tab.citation.as_mut()) else {
                return;
            };
            match passage {
                Some(passage) => {
                    citation.page = passage.from.page;
                    citation.places = passage.places.clone();
                    citation.range = Some((passage.from, passage.to));
                    citation.is_lost = false;
                    app.view.reader.aim_at(id, &passage);
                }
                None => citation.is_lost = true,
            }
        }
        ReaderNews::Located(found) => marks::located(app, id, found),
        ReaderNews::Changed(reason) => {
            if let Some(tab) = app.state.reader.tab_mut(id) {
                tab.changed = Some(reason);
            }
        }
    }
}

fn found(app: &mut App, id: TabId, found: Found) {
    let Some(tab) = app.state.reader.tab_mut(id) else { return };
    let finder = &mut tab.finder;
    if finder.serial != found.serial {
        return;
    }
    finder.add(found.hits);
    (finder.searched, finder.is_done, finder.has_more) = (found.searched, found.is_done, found.has_more);
}
