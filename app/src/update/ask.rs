//! Questions and the answers that stream in.

use std::collections::BTreeSet;

use engine::tasks::ask::{AskRequest, Attachment, Clip, Turn};
use engine::{Event, Place, StopReason};

use super::{Asking, Deleted, attach, conversation, drafts, transcript, viewer};
use crate::App;
use crate::command::{Command, TalkCommand};
use crate::jobs::{EngineJob, JobId};
use crate::state::{
    Answer, AnswerStatus, AppState, AttachmentId, AttachmentState, Context, Conversation, ConversationId,
    Exchange, ExchangeId, Passage, Progress, Setup, Thought, Toast,
};
use crate::storage::Write;
use crate::words::say;

/// A running answer is on the disk at most this much later, in seconds.
const SAVE_EVERY_S: f64 = 0.5;

/// Asks in the shown conversation; the question waits until its files are read.
pub(super) fn send(app: &mut App, text: &str, context: Context) -> Option<ExchangeId> {
    if app.state.current().is_none() {
        conversation::new(app);
    }
    let conversation = app.state.current_mut()?;
    let conversation_id = conversation.id;
    let attachments = conversation.drafts().map(|a| a.id).collect();
    for attachment in &mut conversation.attachments {
        attachment.sent = true;
    }
    let question = text.trim().to_owned();
    let parent = conversation.exchanges.last().map(|e| e.id);
    if conversation.exchanges.is_empty() && conversation.title == crate::state::UNTITLED {
        conversation.title = Conversation::title_from(&question);
    }
    let id = add(app, Asked { parent, question, attachments, context })?;
    app.view.draft.clear();
    drafts::keep(app);
    app.view.focus_composer = true;
    attach::save_all(app, conversation_id);
    Some(id)
}

/// A question that was not answered yet.
struct Asked {
    parent: Option<ExchangeId>,
    question: String,
    attachments: Vec<AttachmentId>,
    context: Context,
}

/// Adds a question to the shown conversation, and shows it.
fn add(app: &mut App, asked: Asked) -> Option<ExchangeId> {
    let id = ExchangeId(app.state.fresh_id());
    super::inside::follow(app, id);
    let now_s = app.state.now_s;
    let AppState { conversations, settings, selected, .. } = &mut app.state;
    let conversation = conversations.iter_mut().find(|c| Some(c.id) == *selected)?;
    let conversation_id = conversation.id;
    let Asked { parent, question, attachments, context } = asked;
    let model = conversation.setup.with(&context.setup).model(settings).to_owned();
    let answer = Answer { model, ..Answer::default() };
    let (asked_s, active, shown_s) = (now_s, true, now_s);
    let exchange = Exchange { id, parent, active, shown_s, question, attachments, context, asked_s, answer };
    let changed = conversation.add(exchange, now_s);
    app.view.scroll_to_end = true;
    conversation::touch(app, conversation_id);
    changed.into_iter().for_each(|id| save(app, id));
    Some(id)
}

/// Starts a waiting question whose files are read; saves the running answer when it is due.
pub(super) fn tick(app: &mut App) -> Option<f64> {
    if app.active.ask.is_none() {
        let ready = app.state.conversations.iter().find_map(|c| {
            let exchange = c.all().find(|e| e.answer.status == AnswerStatus::Waiting)?;
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
    let folder = super::library::folder(app);
    let now_s = app.state.now_s;
    let AppState { conversations, settings, teach, .. } = &mut app.state;
    let Some(conversation) = conversations.iter_mut().find(|c| c.id == conversation) else { return };
    let path = conversation.path_to(id);
    let Some((exchange, before)) = path.split_last() else { return };
    let context = exchange.context.clone();
    let setup = conversation.setup.with(&context.setup);
    let mut options = setup.generate_options(settings);
    // What a temporary conversation says is nowhere kept.
    options.prefix_cache &= !conversation.temporary;
    let mut request = AskRequest { options, system: setup.system.clone(), ..AskRequest::default() };
    let mut notices = Vec::new();
    let passage = context.passage.as_ref();
    // Files of other branches are not on the way here.
    let on_path: BTreeSet<AttachmentId> = path.iter().flat_map(|e| &e.attachments).copied().collect();
    let elsewhere: BTreeSet<AttachmentId> =
        conversation.all().flat_map(|e| &e.attachments).copied().collect();
    let about_one = passage.map(|p| p.attachment).or(context.clip.as_ref().map(|clip| clip.attachment));
    let is_asked = |id: AttachmentId| match about_one {
        Some(attachment) => attachment == id,
        None if !context.about.is_empty() => context.about.contains(&id),
        None => on_path.contains(&id) || !elsewhere.contains(&id),
    };
    request.clip = context.clip.as_ref().map(|clip| Clip {
        path: clip.path.clone(),
        from_s: clip.from_s,
        to_s: clip.to_s,
    });
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
    request.question = match passage {
        Some(passage) => passage.question(&exchange.question),
        None => exchange.question.clone(),
    };
    request.history = before
        .iter()
        .filter(|exchange| !exchange.answer.text.is_empty())
        .map(|exchange| Turn {
            question: exchange.question.clone(),
            answer: exchange.answer.text.clone(),
            notes: exchange.answer.notes.clone(),
        })
        .collect();
    let model = setup.model(settings).to_owned();
    // An adapter fits the model that it was made for.
    let adapter = settings.adapter.clone().filter(|_| model == settings.model);
    if let Some(exchange) = conversation.all_mut().find(|e| e.id == id) {
        exchange.answer.notices = notices;
        exchange.answer.model = model.clone();
        exchange.answer.adapter = adapter.as_deref().map(|folder| teach.name_of(folder));
        exchange.answer.status =
            AnswerStatus::Running(Progress { stage: engine::Stage::Load, done: 0, total: 0, since_s: now_s });
    }
    let job =
        app.jobs.engine(EngineJob::Ask { exchange: id, model, adapter, request: Box::new(request), library });
    app.active.ask = Some(Asking { job, exchange: id, saved_s: now_s, unsaved: false });
}

/// What is said so many seconds before and after a passage of subtitles goes with it.
const AROUND_S: f64 = 120.0;

/// Leaves of a document the pages of a passage, and the one before and after; of subtitles the minutes around.
fn around(read: &mut engine::tasks::ask::ReadFile, passage: &Passage) {
    let pages = passage.from.page.saturating_sub(1)..=passage.to.page.saturating_add(1);
    let near = |place: &Place| match (place, passage.times_s) {
        (Place::Page { page, .. }, _) => pages.contains(page),
        (Place::Time { start_s, end_s }, Some((from_s, to_s))) => {
            *end_s >= from_s - AROUND_S && *start_s <= to_s + AROUND_S
        }
        _ => false,
    };
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
    let event = match event {
        Event::Inside(seen) => return super::inside::seen(app, id, *seen),
        event => event,
    };
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
        Event::Notes(notes) => answer.notes = notes,
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

/// Answers the last question of the shown conversation again, from every section of its files if `whole`.
pub(super) fn regenerate(app: &mut App, whole: bool) {
    if let Some(id) = app.state.current().and_then(|c| c.exchanges.last()).map(|e| e.id) {
        answer_again(app, id, whole, Setup::default());
    }
}

/// Answers a question again, beside the answer that it has; one that has none is answered in its place.
/// From every section of the files, if `whole` or if it was so before.
pub(super) fn answer_again(app: &mut App, id: ExchangeId, whole: bool, setup: Setup) {
    let Some(exchange) = app.state.exchange(id) else { return };
    let mut context = exchange.context.clone();
    context.whole |= whole;
    context.setup = context.setup.with(&setup);
    if exchange.answer.text.trim().is_empty() {
        let now_s = app.state.now_s;
        let AppState { conversations, settings, .. } = &mut app.state;
        let Some((conversation, exchange)) = conversations.iter_mut().find_map(|c| {
            let conversation = c.setup.clone();
            Some((conversation, c.all_mut().find(|e| e.id == id)?))
        }) else {
            return;
        };
        let model = conversation.with(&context.setup).model(settings).to_owned();
        exchange.answer = Answer { model, ..Answer::default() };
        (exchange.context, exchange.asked_s) = (context, now_s);
        viewer::leave(app, id);
        app.view.scroll_to_end = true;
        return save(app, id);
    }
    let (parent, question) = (exchange.parent, exchange.question.clone());
    let attachments = exchange.attachments.clone();
    viewer::leave(app, id);
    add(app, Asked { parent, question, attachments, context });
}

/// Asks in other words, beside the question as it was; its files go with it.
pub(super) fn ask_edited(app: &mut App, id: ExchangeId, text: &str) {
    app.state.editing = None;
    let question = text.trim().to_owned();
    let Some(exchange) = app.state.exchange(id) else { return };
    if question.is_empty() || question == exchange.question {
        return;
    }
    let (parent, attachments) = (exchange.parent, exchange.attachments.clone());
    let context = exchange.context.clone();
    viewer::close(app);
    add(app, Asked { parent, question, attachments, context });
}

/// Keeps an answer as somebody wrote it; what the model wrote stays beside it.
pub(super) fn keep_edited(app: &mut App, id: ExchangeId, text: &str) {
    app.state.editing = None;
    let Some((_, exchange)) = app.state.exchange_mut(id) else { return };
    let answer = &mut exchange.answer;
    if text.trim().is_empty() || text == answer.text {
        return;
    }
    let before = std::mem::replace(&mut answer.text, text.to_owned());
    let original = answer.original.take().unwrap_or(before);
    answer.original = (original != answer.text).then_some(original);
    save(app, id);
}

/// Goes back to what the model wrote.
pub(super) fn restore(app: &mut App, id: ExchangeId) {
    let Some((_, exchange)) = app.state.exchange_mut(id) else { return };
    if let Some(original) = exchange.answer.original.take() {
        exchange.answer.text = original;
        save(app, id);
    }
}

/// Shows the branch that a question is on.
pub(super) fn show_branch(app: &mut App, id: ExchangeId) {
    let now_s = app.state.now_s;
    let Some(conversation) = app.state.conversations.iter_mut().find(|c| c.find(id).is_some()) else {
        return;
    };
    let changed = conversation.show(id, now_s);
    app.state.editing = None;
    viewer::close(app);
    changed.into_iter().for_each(|id| save(app, id));
}

/// Takes a question with its answer out; what followed it stays.
pub(super) fn delete(app: &mut App, id: ExchangeId) {
    let Some(conversation) = app.state.current_mut() else { return };
    let followers = conversation.all().filter(|e| e.parent == Some(id)).map(|e| e.id).collect();
    let conversation_id = conversation.id;
    let Some((exchange, changed)) = conversation.take_out(id) else { return };
    viewer::leave(app, id);
    app.state.editing = None;
    app.storage.write(Write::DeleteExchange(id));
    changed.into_iter().for_each(|id| save(app, id));
    app.state.toast = Some(Toast {
        text: say("conversations-question-deleted").to_owned(),
        action: Some((say("conversations-undo"), Command::Talk(TalkCommand::UndoDelete(id)))),
        until_s: app.state.now_s + conversation::UNDO_S,
    });
    app.active.deleted = Some(Deleted { conversation: conversation_id, exchange, followers });
}

/// Brings back the question that was deleted last, with what followed it.
pub(super) fn undo_delete(app: &mut App, id: ExchangeId) {
    app.state.toast = None;
    let Some(deleted) = app.active.deleted.take_if(|deleted| deleted.exchange.id == id) else { return };
    let now_s = app.state.now_s;
    let Some(conversation) = app.state.conversation_mut(deleted.conversation) else { return };
    let mut changed = conversation.add(deleted.exchange, now_s);
    for follower in conversation.all_mut().filter(|e| deleted.followers.contains(&e.id)) {
        follower.parent = Some(id);
        changed.push(follower.id);
    }
    conversation.arrange();
    changed.into_iter().for_each(|id| save(app, id));
}

pub(super) fn copy(app: &mut App, id: Option<ExchangeId>, ctx: &egui::Context) {
    let exchanges = app.state.current().map(|c| c.exchanges.as_slice()).unwrap_or_default();
    let chosen = match id {
        Some(id) => exchanges.iter().find(|e| e.id == id),
        None => exchanges.iter().rev().find(|e| !e.answer.text.is_empty()),
    };
    if let Some(exchange) = chosen {
        ctx.copy_text(exchange.answer.text.clone());
        app.state.say(say("conversations-answer-copied"));
    }
}

fn save(app: &mut App, id: ExchangeId) {
    if let Some((conversation, exchange)) = app.state.exchange_mut(id) {
        let write = Write::Exchange(conversation, Box::new(exchange.clone()));
        app.storage.write(write);
    }
}
