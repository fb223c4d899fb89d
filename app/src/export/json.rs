//! A conversation as JSON: every branch, file and piece of evidence, so that nothing is lost when it is taken in again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use engine::media::Kind;
use engine::tasks::ask::ReadFile;
use serde::{Deserialize, Serialize};

use crate::state::{
    Attachment, AttachmentId, AttachmentState, Conversation, ConversationId, Exchange, ExchangeId, Setup,
};

/// What the file says it is.
const FORMAT: &str = "medley-conversation";

/// The form of what follows; a later one that cannot be read here has a higher number.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Exported {
    #[serde(flatten)]
    head: Head,
    title: String,
    created_s: f64,
    updated_s: f64,
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    setup: Setup,
    files: Vec<ExportedFile>,
    questions: Vec<Exchange>,
}

#[derive(Serialize, Deserialize)]
struct ExportedFile {
    id: AttachmentId,
    path: PathBuf,
    kind: Option<Kind>,
    sha256: Option<String>,
    sent: bool,
    /// Why it could not be read.
    failed: Option<String>,
    /// What was found in it.
    found: Option<ReadFile>,
}

/// The whole conversation; questions and files are numbered from 1.
pub(super) fn file(conversation: &Conversation) -> anyhow::Result<Vec<u8>> {
    let mut conversation = conversation.clone();
    let mut next = 0;
    renumber(&mut conversation, &mut || {
        next += 1;
        next
    });
    let files = conversation.attachments.iter().map(|attachment| ExportedFile {
        id: attachment.id,
        path: readable(&attachment.path),
        kind: attachment.kind,
        sha256: attachment.sha256.clone(),
        sent: attachment.sent,
        failed: match &attachment.state {
            AttachmentState::Failed(reason) => Some(reason.clone()),
            _ => None,
        },
        found: attachment.read().map(|read| {
            let mut read = read.as_ref().clone();
            read.path = readable(&read.path);
            Arc::make_mut(&mut read.spans).iter_mut().for_each(|span| span.source = readable(&span.source));
            read
        }),
    });
    let files = files.collect();
    let mut questions: Vec<Exchange> = conversation.all().cloned().collect();
    questions.sort_by_key(|exchange| exchange.id);
    for exchange in &mut questions {
        exchange.answer.evidence.iter_mut().for_each(|e| e.source = readable(&e.source));
        exchange.answer.parts.iter_mut().for_each(|part| part.source = readable(&part.source));
        exchange.context.passage.iter_mut().for_each(|passage| passage.path = readable(&passage.path));
    }
    let exported = Exported {
        head: Head { format: FORMAT.into(), version: VERSION },
        title: conversation.title,
        created_s: conversation.created_s,
        updated_s: conversation.updated_s,
        pinned: conversation.pinned,
        folder: conversation.folder,
        setup: conversation.setup,
        files,
        questions,
    };
    let mut bytes = serde_json::to_vec_pretty(&exported)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// JSON is text; a name that is none loses what cannot be written.
fn readable(path: &Path) -> PathBuf {
    path.to_string_lossy().into_owned().into()
}

/// A conversation from such a file, numbered as there.
///
/// # Errors
/// When it is no such file, from a newer Medley, or damaged.
pub fn import(bytes: &[u8]) -> anyhow::Result<Conversation> {
    let head: Head =
        serde_json::from_slice(bytes).context("this is no conversation that Medley exported as JSON")?;
    if head.format != FORMAT {
        bail!("this is no conversation that Medley exported as JSON");
    }
    if head.version > VERSION {
        bail!(
            "a newer Medley exported this (form {}, this one knows {VERSION}); update Medley",
            head.version
        );
    }
    let exported: Exported = serde_json::from_slice(bytes).context("the conversation is damaged")?;
    let mut conversation = Conversation::new(ConversationId(0), exported.created_s);
    conversation.title = exported.title;
    conversation.updated_s = exported.updated_s;
    conversation.pinned = exported.pinned;
    conversation.folder = exported.folder;
    conversation.setup = exported.setup;
    conversation.attachments = exported.files.into_iter().map(attachment).collect();
    conversation.exchanges = exported.questions;
    conversation.arrange();
    Ok(conversation)
}

fn attachment(file: ExportedFile) -> Attachment {
    Attachment {
        id: file.id,
        path: file.path,
        kind: file.kind,
        sha256: file.sha256,
        state: match (file.found, file.failed) {
            (Some(found), _) => AttachmentState::Read(Arc::new(found)),
            (None, Some(reason)) => AttachmentState::Failed(reason),
            (None, None) => AttachmentState::Checking,
        },
        sent: file.sent,
    }
}

/// Gives the conversation, its questions and its files other numbers, in the order of the old ones.
pub fn renumber(conversation: &mut Conversation, fresh: &mut dyn FnMut() -> i64) {
    conversation.id = ConversationId(fresh());
    let mut exchanges: Vec<ExchangeId> = conversation.all().map(|e| e.id).collect();
    exchanges.sort();
    let exchanges: BTreeMap<ExchangeId, ExchangeId> =
        exchanges.into_iter().map(|id| (id, ExchangeId(fresh()))).collect();
    let mut files: Vec<AttachmentId> = conversation.attachments.iter().map(|a| a.id).collect();
    files.sort();
    let files: BTreeMap<AttachmentId, AttachmentId> =
        files.into_iter().map(|id| (id, AttachmentId(fresh()))).collect();
    for attachment in &mut conversation.attachments {
        attachment.id = files.get(&attachment.id).copied().unwrap_or(attachment.id);
    }
    let renamed = |ids: &mut Vec<AttachmentId>| {
        *ids = ids.iter().filter_map(|id| files.get(id).copied()).collect();
    };
    for exchange in conversation.all_mut() {
        exchange.id = exchanges.get(&exchange.id).copied().unwrap_or(exchange.id);
        exchange.parent = exchange.parent.and_then(|id| exchanges.get(&id).copied());
        renamed(&mut exchange.attachments);
        renamed(&mut exchange.context.about);
        if let Some(passage) = &mut exchange.context.passage
            && let Some(id) = files.get(&passage.attachment)
        {
            passage.attachment = *id;
        }
    }
}
