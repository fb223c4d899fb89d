//! Questions and the answers that stream in.

use engine::tasks::ask::{AskRequest, Attachment, Turn};
use engine::{Event, Place, StopReason};

use super::{Asking, attach, conversation, transcript, viewer};
use crate::App;
use crate::jobs::{EngineJob, JobId};
use crate::state::{
    Answer, AnswerStatus, AttachmentState, Context, Conversation, ConversationId, Exchange, ExchangeId,
    Passage, Progress, Thought,
};
use crate::storage::Write;

/// A running answer is on the disk at most this much later, in seconds.
const SAVE_EVERY_S: f64 = 0.5;

/// Asks in the shown conversation; the question waits until its files are read.
pub(super) fn send(app: &mut App, text: &str, context: Context) -> Option<ExchangeId> {
    if app.state.current().is_none() {
        conversation::new(app);
    }
    let id = ExchangeId(app.state.fresh_id());
    let (asked_s, model) = (app.state.now_s, app.state.settings.model.clone());
    let conversation = app.state.current_mut()?;
    let conversation_id = conversation.id;
    let attachments = conversation.drafts().map(|a| a.id).collect();
    for attachment in &mut conversation.attachments {
        attachment.sent = true;
    }
    let question = text.trim().to_owned();
    if conversation.exchanges.is_empty() && conversation.title == crate::state::UNTITLED {
        conversation.title = Conversation::title_from(&question);
    }
    let answer = Answer { model, ..Answer::default() };
    conversation.exchanges.push(Exchange { id, question, attachments, context, asked_s, answer });
    app.view.draft.clear();
    app.view.scroll_to_end = true;
    app.view.focus_composer = true;
    conversation::touch(app, conversation_id);
    attach::save_all(app, conversation_id);
    save(app, id);
    Some(id)
}

/// Starts a waiting question whose files are read; saves the running answer when it is due.
pub(super) fn tick(app: &mut App) -> Option<f64> {
    if app.active.ask.is_none() {
        let ready = app.state.conversations.iter().find_map(|c| {
            let exchange = c.exchanges.iter().find(|e| e.answer.status == AnswerStatus::Waiting)?;
            c.attachments.iter().all(|a| a.is_settled()).then_some((c.id, exchange.id))
        });
        let (conversation, exchange) = ready?;
        start(app, conversation, exchange);
    }
    let now_s = app.state.now_s;
    let asking = app.active.ask.as_mut()?;
    if !asking.unsaved {
        // The clock of a stage that gives no count.
        return Some(1.0);
    }
    let left_s = asking.saved_s + SAVE_EVERY_S - now_s;
    if left_s > 0.0 {
        return Some(left_s);
    }
    (asking.unsaved, asking.saved_s) = (false, now_s);
    let exchange = asking.exchange;
    save(app, exchange);
    Some(1.0)
}

fn start(app: &mut App, conversation: ConversationId, id: ExchangeId) {
    transcript::tell(app);
    let (options, model) = (app.state.settings.generate_options(), app.state.settings.model.clone());
    let (adapter, folder) = (app.state.settings.adapter.clone(), super::library::folder(app));
    let now_s = app.state.now_s;
    let Some(conversation) = app.state.conversation_mut(conversation) else { return };
    let mut request = AskRequest { options, ..AskRequest::default() };
    let mut notices = Vec::new();
    let context =
        conversation.exchanges.iter().find(|e| e.id == id).map(|e| e.context.clone()).unwrap_or_default();
    let passage = context.passage.as_ref();
    let is_asked = |id| match passage {
        Some(passage) => passage.attachment == id,
        None => context.about.is_empty() || context.about.contains(&id),
    };
    let library = context.library.clone().map(|scope| (folder, scope));
    let files = conversation.attachments.iter().filter(|_| library.is_none());
    for attachment in files.filter(|a| a.sent && is_asked(a.id)) {
        match &attachment.state {
            AttachmentState::Read(read) => {
                let mut read = read.as_ref().clone();
                if let Some(passage) = passage {
                    around(&mut read, &passage.passage);
                }
                request.media.push(Attachment::Read(read));
            }
            AttachmentState::Failed(reason) => {
                notices.push(format!("{} was left out: {reason}", attachment.name()));
            }
            _ => {}
        }
    }
    (request.whole, request.think) = (context.whole, context.think);
    for exchange in &mut conversation.exchanges {
        if exchange.id == id {
            request.question = match passage {
                Some(passage) => passage.question(&exchange.question),
                None => exchange.question.clone(),
            };
            exchange.answer.notices = notices;
            exchange.answer.model = model.clone();
            exchange.answer.status = AnswerStatus::Running(Progress {
                stage: engine::Stage::Load,
                done: 0,
                total: 0,
                since_s: now_s,
            });
            break;
        }
        if !exchange.answer.text.is_empty() {
            let (question, answer) = (exchange.question.clone(), exchange.answer.text.clone());
            request.history.push(Turn { question, answer });
        }
    }
    let job =
        app.jobs.engine(EngineJob::Ask { exchange: id, model, adapter, request: Box::new(request), library });
    app.active.ask = Some(Asking { job, exchange: id, saved_s: now_s, unsaved: false });
}

/// Leaves of a document the pages of a passage, and the one before and after.
fn around(read: &mut engine::tasks::ask::ReadFile, passage: &Passage) {
    let pages = passage.from.page.saturating_sub(1)..=passage.to.page.saturating_add(1);
    let near = |place: &Place| matches!(place, Place::Page { page, .. } if pages.contains(page));
    let spans = read.spans.iter().filter(|span| near(&span.place)).cloned().collect();
    read.spans = std::sync::Arc::new(spans);
}

/// Ends the running answer at once; what the engine still sends about it only fills in the figures.
pub(super) fn stop(app: &mut App) {
    let Some(id) = app.state.running().map(|e| e.id) else { return };
    if let Some(asking) = app.active.ask.take() {
        app.jobs.cancel(asking.job);
    }
    if let Some((_, exchange)) = app.state.exchange_mut(id) {
        exchange.answer.status = AnswerStatus::Done(StopReason::Cancelled);
    }
    save(app, id);
}

pub(super) fn event(app: &mut App, job: JobId, id: ExchangeId, event: Event) {
    let now_s = app.state.now_s;
    let Some((_, exchange)) = app.state.exchange_mut(id) else { return };
    let answer = &mut exchange.answer;
    let current = app.active.ask.as_mut().filter(|asking| asking.job == job);
    if let Event::Done { reason, usage } = event {
        if current.is_some() {
            answer.status = AnswerStatus::Done(reason);
            app.active.ask = None;
        }
        if matches!(answer.status, AnswerStatus::Done(_)) {
            answer.usage = usage;
        }
        app.jobs.close(job);
        save(app, id);
        return;
    }
    let Some(asking) = current else { return };
    match event {
        Event::Progress { stage, done, total, .. } => {
            let since_s = match answer.status {
                AnswerStatus::Running(p) if p.stage == stage => p.since_s,
                _ => now_s,
            };
            answer.status = AnswerStatus::Running(Progress { stage, done, total, since_s });
        }
        Event::Text(piece) => {
            answer.text.push_str(&piece);
            let writing = |p: &Progress| p.stage == engine::Stage::Generate;
            if !matches!(&answer.status, AnswerStatus::Running(p) if writing(p)) {
                answer.status = AnswerStatus::Running(Progress {
                    stage: engine::Stage::Generate,
                    done: 0,
                    total: 0,
                    since_s: now_s,
                });
            }
            asking.unsaved = true;
        }
        Event::Evidence(evidence) => {
            answer.evidence.push(evidence);
            asking.unsaved = true;
        }
        Event::Thought { chain, text, answer: said } => {
            answer.thoughts.push(Thought { chain, text, answer: said });
            asking.unsaved = true;
        }
        Event::Part(part) => {
            answer.parts.push(part);
            asking.unsaved = true;
        }
        Event::Notice(notice) => {
            answer.notices.push(notice);
            asking.unsaved = true;
        }
        // A later engine may tell more than this window shows.
        _ => {}
    }
}

pub(super) fn failed(app: &mut App, job: JobId, id: ExchangeId, reason: String) {
    app.jobs.close(job);
    if app.active.ask.as_ref().is_some_and(|asking| asking.job == job) {
        app.active.ask = None;
        if let Some((_, exchange)) = app.state.exchange_mut(id) {
            exchange.answer.status = AnswerStatus::Failed(reason);
        }
        super::models::refresh(app);
        save(app, id);
    }
}

/// Answers the last question of the shown conversation again.
/// From every section of its files, if `whole` or if it was so before.
pub(super) fn regenerate(app: &mut App, whole: bool) {
    let Some(exchange) = app.state.current_mut().and_then(|c| c.exchanges.last_mut()) else { return };
    let id = exchange.id;
    exchange.answer = Answer::default();
    exchange.context.whole |= whole;
    viewer::leave(app, id);
    app.view.scroll_to_end = true;
    save(app, id);
}

/// Puts a question back into the composer and takes it and everything after it out.
pub(super) fn edit(app: &mut App, id: ExchangeId) {
    let Some(conversation) = app.state.current_mut() else { return };
    let Some(at) = conversation.exchanges.iter().position(|e| e.id == id) else { return };
    let removed = conversation.exchanges.split_off(at);
    for attachment in &mut conversation.attachments {
        if removed.iter().any(|e| e.attachments.contains(&attachment.id)) {
            attachment.sent = false;
        }
    }
    let conversation_id = conversation.id;
    viewer::close(app);
    if let Some(first) = removed.first() {
        app.view.draft = first.question.clone();
        app.state.about = first.context.about.clone();
        app.state.passage = first.context.passage.clone();
        app.state.about_library = first.context.library.clone();
        app.state.think = first.context.think;
    }
    for exchange in removed {
        app.storage.write(Write::DeleteExchange(exchange.id));
    }
    attach::save_all(app, conversation_id);
    app.view.focus_composer = true;
}

pub(super) fn delete(app: &mut App, id: ExchangeId) {
    let Some(conversation) = app.state.current_mut() else { return };
    conversation.exchanges.retain(|e| e.id != id);
    viewer::leave(app, id);
    app.storage.write(Write::DeleteExchange(id));
}

pub(super) fn copy(app: &mut App, id: Option<ExchangeId>, ctx: &egui::Context) {
    let exchanges = app.state.current().map(|c| c.exchanges.as_slice()).unwrap_or_default();
    let chosen = match id {
        Some(id) => exchanges.iter().find(|e| e.id == id),
        None => exchanges.iter().rev().find(|e| !e.answer.text.is_empty()),
    };
    if let Some(exchange) = chosen {
        ctx.copy_text(exchange.answer.text.clone());
        app.state.say("Answer copied");
    }
}

fn save(app: &mut App, id: ExchangeId) {
    if let Some((conversation, exchange)) = app.state.exchange_mut(id) {
        let write = Write::Exchange(conversation, Box::new(exchange.clone()));
        app.storage.write(write);
    }
}
