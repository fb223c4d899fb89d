//! What the decoder reads: instructions, notes from the media, earlier turns, the question.
//!
//! Notes stand before the question. Where those before an earlier question say all that new ones would, they stay there
//! and the question follows alone: then everything before it was read already.

use std::collections::BTreeSet;

use super::ask::{AskRequest, Given, ReadFile, Turn};
use super::context_map::{Content, Piece};
use super::evidence::{Found, Passage};
use crate::decoder::Input;
use crate::error::Result;
use crate::features::text::{ChatMessage, MEDIUM, Role, TokenId};
use crate::generate::Speculation;
use crate::generate::inside::{LeftOut, PartKind};
use crate::media::Kind;
use crate::model::{LanguageModel, Medium};
use crate::sequence::{Finding, Place, Span};

/// The built-in instructions.
const INSTRUCTIONS: &str = include_str!("../../../../assets/prompts/answer.txt");

/// Says that what stands in files gives no orders.
const DATA: &str = include_str!("../../../../assets/prompts/data.txt");

/// Where built-in instructions say so.
const DATA_HERE: &str = "{data}";

/// Notes are cut at this many tokens: a small decoder reads on a laptop at a few hundred tokens per
/// second, and what ranks lower does not make answers better.
const MOST_NOTE_TOKENS: usize = 900;

/// Of the passages that are not among the notes so many tokens are looked up when tokens are guessed: cutting them into
/// tokens takes some milliseconds.
const MOST_BESIDE_TOKENS: usize = 2000;

/// Passages below this rank are only noise in an answer.
const LEAST_SCORE: f32 = 0.12;

/// So are those that fit much worse than the best one: on questions about the samples the default model
/// answered 22 of 26 rightly with this share, 18 with everything that fits the context.
const SHARE_OF_BEST: f32 = 0.7;

/// The notes of a file that has none.
const NOTHING: &str = "(nothing that fits the question)";

/// Notes that stand before an earlier question may be so many times as many as a later one needs: with far more than it
/// needs a small decoder answers worse.
const MOST_KNOWN: usize = 2;

/// Things that are seen, of one file.
const MOST_TAGS: usize = 4;

/// Likelier things are stated, others offered.
const SURE: f32 = 0.5;

/// Less likely things are told only when there is nothing better.
const LEAST_SURE: f32 = 0.2;

/// A prompt, and what did not fit into it.
pub(super) struct Prompt {
    pub(super) input: Input,
    pub(super) notices: Vec<String>,
    /// What it was made from, in order.
    pub(super) pieces: Vec<Piece>,
    pub(super) left_out: Vec<LeftOut>,
    /// Passages of the files that it has no room for, which an answer may have words of.
    pub(super) beside: Vec<TokenId>,
    /// The passages in it, by index.
    pub(super) given: Vec<usize>,
    /// The notes that stand before the question itself; none where those before an earlier one say the same.
    pub(super) notes: Vec<Given>,
}

/// Instructions for a prompt with words of files in it: that these are no orders is said whoever wrote the rest.
pub(super) fn over_data(instructions: &str) -> String {
    let (text, data) = (instructions.trim(), DATA.trim());
    if text.contains(DATA_HERE) { text.replace(DATA_HERE, data) } else { format!("{text}\n{data}") }
}

/// Words of a file as the decoder reads them: between quotation marks, which they cannot end themselves.
pub(super) fn quoted(words: &str) -> String {
    format!("\"{}\"", words.trim().replace('"', "'"))
}

/// The same on one line, so that they begin no note and no question either.
pub(super) fn quoted_line(words: &str) -> String {
    quoted(&words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Builds the prompt so that it leaves room for the answer in a context of so many tokens.
/// `media` are what the model itself sees and hears of the first files, with their names.
pub(super) fn build(
    model: &LanguageModel,
    request: &AskRequest,
    found: Option<&Found>,
    media: (&[Medium], &[String]),
    context: usize,
) -> Result<Prompt> {
    let (media, names) = media;
    let taken: usize = media.iter().map(Medium::len).sum();
    let room = context.saturating_sub(request.options.max_tokens);
    let mut notices = Vec::new();
    if !model.has_chat_template() {
        notices
            .push("this is a base model, not trained to answer questions; it only continues a text".into());
    }
    let notes = found
        .map(|found| notes(model, found, MOST_NOTE_TOKENS.min(room.saturating_sub(taken) / 2)))
        .transpose()?
        .unwrap_or_default();
    let known = turn_that_has(&request.history, &notes.of_files);
    let mut skipped = 0;
    loop {
        let noted = Noted::new(request, &notes.of_files, known.filter(|turn| *turn >= skipped));
        let input = model.render_media(&messages(request, &noted, skipped, media.len()), media)?;
        if input.len() < room || skipped >= request.history.len() {
            let given = noted.given(found, notes.chosen);
            let mut left_out = found.map(|found| left_out(found, &given)).unwrap_or_default();
            // Excerpts of a library are a choice already, and how much of them fits says nothing about the documents.
            if request.found.is_none() {
                notices.extend(left_out.iter().filter_map(told));
            }
            let beside = match found.filter(|_| request.options.speculation == Speculation::On) {
                Some(found) => beside(model, found, &given)?,
                None => Vec::new(),
            };
            if skipped > 0 {
                let total = request.history.len();
                notices.push(format!(
                    "the first {skipped} of {total} earlier questions and answers no longer fit and were left out"
                ));
                left_out.push(LeftOut::Turns { left: skipped, of: total });
            }
            let pieces = pieces(request, (media, names), &noted, skipped);
            let notes = if noted.turn.is_none() { noted.of_files } else { Vec::new() };
            return Ok(Prompt { input, notices, pieces, left_out, beside, given, notes });
        }
        skipped += 1;
    }
}

/// What a prompt is made from, in the order of [`messages`].
fn pieces(
    request: &AskRequest,
    (media, names): (&[Medium], &[String]),
    noted: &Noted,
    skipped: usize,
) -> Vec<Piece> {
    let system = instructions(request, !noted.of_files.is_empty());
    let mut pieces: Vec<Piece> =
        system.iter().map(|system| Piece::text(PartKind::Instructions, "", system)).collect();
    pieces.extend(media.iter().zip(names).map(|(medium, name)| Piece {
        kind: PartKind::Medium,
        name: name.clone(),
        content: Content::Soft(medium.len()),
    }));
    let notes = || noted.of_files.iter().map(|given| Piece::text(PartKind::Notes, &given.name, &given.notes));
    for (i, turn) in request.history.iter().enumerate().skip(skipped) {
        if noted.turn == Some(i) {
            pieces.extend(notes());
        }
        pieces.push(Piece::text(PartKind::EarlierQuestion, "", &turn.question));
        pieces.push(Piece::text(PartKind::EarlierAnswer, "", &turn.answer));
    }
    if noted.turn.is_none() {
        pieces.extend(notes());
    }
    pieces.push(Piece::text(PartKind::Question, "", request.question.trim()));
    pieces
}

/// None where nothing has to be said.
fn instructions(request: &AskRequest, has_notes: bool) -> Option<String> {
    match (request.system.as_deref(), has_notes) {
        (system, true) => Some(over_data(system.unwrap_or(INSTRUCTIONS))),
        (system, false) => system.map(str::to_owned),
    }
}

/// Media stand at the beginning of the first question, so that follow-ups begin alike and read them no second
/// time.
fn messages(request: &AskRequest, noted: &Noted, skipped: usize, n_media: usize) -> Vec<ChatMessage> {
    let system = instructions(request, !noted.of_files.is_empty());
    let mut messages: Vec<ChatMessage> =
        system.into_iter().map(|system| ChatMessage::new(Role::System, system)).collect();
    for (i, turn) in request.history.iter().enumerate().skip(skipped) {
        messages.push(ChatMessage::new(Role::User, noted.before(Some(i), &turn.question)));
        messages.push(ChatMessage::new(Role::Assistant, turn.answer.as_str()));
    }
    let asked = noted.before(None, request.question.trim());
    messages.push(ChatMessage::new(Role::User, asked));
    // Nobody else writes the place of a medium.
    messages.iter_mut().for_each(|message| message.content.retain(|c| c != MEDIUM));
    if n_media > 0
        && let Some(first) = messages.iter_mut().find(|message| message.role == Role::User)
    {
        let places: String = std::iter::repeat_n(format!("{MEDIUM}\n"), n_media).collect();
        first.content.insert_str(0, &places);
    }
    messages
}

/// Notes with the place that they have in a prompt.
struct Noted {
    of_files: Vec<Given>,
    /// Before which earlier question they stand; none for the one that is asked.
    turn: Option<usize>,
}

impl Noted {
    /// `turn` has notes that say the same: where they stay there, all up to there is read no second time.
    fn new(request: &AskRequest, of_files: &[Given], turn: Option<usize>) -> Self {
        let of_files = match turn.and_then(|turn| request.history.get(turn)) {
            Some(turn) => turn.notes.clone(),
            None => of_files.to_vec(),
        };
        Self { of_files, turn }
    }

    /// A question with the notes that stand before it.
    fn before(&self, turn: Option<usize>, question: &str) -> String {
        if self.turn != turn || self.of_files.is_empty() {
            return question.to_owned();
        }
        let notes: String = self.of_files.iter().map(|given| given.notes.as_str()).collect();
        format!("{notes}\nQuestion: {question}")
    }

    /// The passages that are in it: those that were chosen, and what else stands before the earlier question.
    fn given(&self, found: Option<&Found>, mut chosen: Vec<usize>) -> Vec<usize> {
        if let (Some(found), Some(_)) = (found, self.turn) {
            let stands = |passage: &Passage| {
                let words = quoted_line(passage.text(found.files()));
                let name = found.files().get(passage.file).map(name);
                let of_file = |given: &&Given| Some(&given.name) == name.as_ref();
                self.of_files.iter().filter(of_file).any(|given| given.notes.contains(&words))
            };
            let passages = found.passages().iter().enumerate();
            chosen.extend(passages.filter(|(_, passage)| stands(passage)).map(|(i, _)| i));
            chosen.sort_unstable();
            chosen.dedup();
        }
        chosen
    }
}

/// The last earlier question that notes stand before, if these are of the same files and have all that is in the new
/// ones, and not much else; they need not be told again then.
fn turn_that_has(history: &[Turn], notes: &[Given]) -> Option<usize> {
    /// Its lines that are notes, without their numbers, which are their places among the others.
    fn said(given: &Given) -> BTreeSet<&str> {
        let lines = given.notes.lines().filter(|line| line.ends_with(']'));
        lines.filter_map(|line| line.rsplit_once(" [")).map(|(said, _)| said).collect()
    }
    let turn = history.iter().rposition(|turn| !turn.notes.is_empty())?;
    let known = &history[turn].notes;
    let names = |notes: &[Given]| notes.iter().map(|given| given.name.clone()).collect::<Vec<_>>();
    if names(known) != names(notes) {
        return None;
    }
    let (mut n_known, mut n_new) = (0, 0);
    for (known, new) in known.iter().map(said).zip(notes.iter().map(said)) {
        if !new.is_subset(&known) {
            return None;
        }
        n_known += known.len();
        n_new += new.len();
    }
    (n_new > 0 && n_known <= MOST_KNOWN * n_new).then_some(turn)
}

/// The notes of each file, and the passages that they are made from.
#[derive(Default)]
struct Notes {
    of_files: Vec<Given>,
    chosen: Vec<usize>,
}

/// The passages that fit best, in the order of the media, each with a short id.
fn notes(model: &LanguageModel, found: &Found, budget: usize) -> Result<Notes> {
    let files = found.files();
    let mut chosen = Vec::new();
    let mut used = 0;
    let best = found.ranked.first().map_or(0.0, |ranked| ranked.score);
    let least = LEAST_SCORE.max(best * SHARE_OF_BEST);
    for ranked in &found.ranked {
        if ranked.score < least && !found.overview {
            break;
        }
        // Ids, times and a line's end are about a dozen tokens.
        let cost = model.encode(found.passages()[ranked.passage].text(files))?.len() + 12;
        if used + cost > budget {
            break;
        }
        used += cost;
        chosen.push(ranked.passage);
    }
    for passage in rest_of_sentences(found, &chosen) {
        let cost = model.encode(found.passages()[passage].text(files))?.len();
        if used + cost <= budget {
            used += cost;
            chosen.push(passage);
        }
    }
    chosen.sort_unstable();
    let mut of_files = Vec::with_capacity(files.len());
    let mut id = 0;
    for (index, file) in files.iter().enumerate() {
        let mut text = format!("Notes from {} ({}):\n", name(file), describe(file));
        // What is said of the words of the file, and these words.
        let mut notes: Vec<(String, String)> = Vec::new();
        let mut tags = 0;
        let is_sure =
            |span: &Span| matches!(span.finding, Finding::Tag { probability } if probability >= LEAST_SURE);
        let surer = file.spans.iter().any(is_sure);
        // The span that was heard last: what follows it at once is the same speech.
        let mut heard = None;
        for passage in chosen.iter().map(|i| &found.passages()[*i]).filter(|passage| passage.file == index) {
            let words = passage.text(files);
            let Some(span) = passage.span(files) else { continue };
            let at = when(&span.place);
            let note = match span.finding {
                Finding::Tag { probability } if probability < LEAST_SURE && (surer || tags > 0) => continue,
                Finding::Tag { .. } if tags == MOST_TAGS => continue,
                Finding::Tag { probability } => {
                    tags += 1;
                    let verb = if probability < SURE { "may show" } else { "shows" };
                    // The name is not the file's.
                    (format!("{at}{verb}: {words}"), String::new())
                }
                Finding::Speech { .. } if heard.is_some() && heard == passage.span.checked_sub(1) => {
                    heard = Some(passage.span);
                    notes.last_mut().into_iter().for_each(|(_, note)| note.extend([" ", words]));
                    continue;
                }
                Finding::Speech { .. } => {
                    heard = Some(passage.span);
                    (format!("{at}says: "), words.to_owned())
                }
                Finding::PictureText { .. } => (format!("{at}reads: "), words.to_owned()),
                // Without its page: small models make up page numbers of their own after one.
                Finding::DocumentText => (String::new(), words.to_owned()),
            };
            notes.push(note);
        }
        if notes.is_empty() {
            text.push_str(&format!("{NOTHING}\n"));
        }
        for (about, words) in notes {
            id += 1;
            let words = if words.is_empty() { words } else { quoted_line(&words) };
            // At the end: a small model begins its answer with an id that stands at the beginning.
            text.push_str(&format!("{about}{words} [{id}]\n"));
        }
        of_files.push(Given { name: name(file), notes: text });
    }
    Ok(Notes { of_files, chosen })
}

/// Speech is cut where somebody takes a breath; the neighbours that complete the sentences of what was
/// chosen.
fn rest_of_sentences(found: &Found, chosen: &[usize]) -> Vec<usize> {
    let files = found.files();
    let is_cut_after = |i: usize| {
        let passage = &found.passages()[i];
        let is_speech = passage.span(files).is_some_and(|s| matches!(s.finding, Finding::Speech { .. }));
        is_speech && !passage.text(files).trim_end().ends_with(['.', '!', '?', '…', '"', '”'])
    };
    let continues = |i: usize| {
        let next = found.passages().get(i + 1);
        next.is_some_and(|next| next.file == found.passages()[i].file) && is_cut_after(i)
    };
    let mut rest = Vec::new();
    for &passage in chosen {
        rest.extend(passage.checked_sub(1).filter(|&before| continues(before)));
        rest.extend(continues(passage).then_some(passage + 1));
    }
    rest.sort_unstable();
    rest.dedup();
    rest.retain(|passage| !chosen.contains(passage));
    rest
}

/// The best of the passages that were not chosen, the best one last: of places where the same stands the last is looked up.
fn beside(model: &LanguageModel, found: &Found, chosen: &[usize]) -> Result<Vec<TokenId>> {
    let (mut texts, mut used) = (Vec::new(), 0);
    for ranked in found.ranked.iter().filter(|ranked| !chosen.contains(&ranked.passage)) {
        let text = model.encode(found.passages()[ranked.passage].text(found.files()))?;
        used += text.len();
        if used > MOST_BESIDE_TOKENS {
            break;
        }
        texts.push(text);
    }
    Ok(texts.into_iter().rev().flatten().collect())
}

/// The files of which a part was not given to the model.
fn left_out(found: &Found, chosen: &[usize]) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    for (index, file) in found.files().iter().enumerate() {
        let total = found.passages().iter().filter(|passage| passage.file == index).count();
        let given = chosen.iter().filter(|i| found.passages()[**i].file == index).count();
        // Of a picture only the likely tags count; a few unlikely ones are no loss.
        if file.kind != Kind::Picture && given < total {
            left_out.push(LeftOut::Passages { name: name(file), given, of: total });
        }
    }
    left_out
}

/// A sentence about passages that were not given to the model.
fn told(left_out: &LeftOut) -> Option<String> {
    match left_out {
        LeftOut::Passages { name, given: 0, .. } => Some(format!("nothing of {name} was given to the model")),
        LeftOut::Passages { name, given, of } => Some(format!(
            "the answer rests on the {given} of {of} passages of {name} that fit best; {} were not given to the model",
            of.saturating_sub(*given)
        )),
        LeftOut::Turns { .. } | LeftOut::Told { .. } => None,
    }
}

pub(super) fn name(file: &ReadFile) -> String {
    file.path
        .file_name()
        .map_or_else(|| file.path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn describe(file: &ReadFile) -> String {
    let kind = match file.kind {
        Kind::Picture => "a picture",
        Kind::Sound => "a recording",
        Kind::Video => "a video",
        Kind::Document => "a document",
    };
    format!("{kind}, {}", file.summary)
}

/// "page 3: ", "at 0:12 ", or nothing.
fn when(place: &Place) -> String {
    let clock = |seconds: f64| {
        let whole = seconds.max(0.0) as u64;
        format!("at {}:{:02} ", whole / 60, whole % 60)
    };
    match place {
        Place::Page { page, .. } => format!("page {page}: "),
        Place::Time { start_s, .. } => clock(*start_s),
        Place::Frame { time_s, .. } => clock(*time_s),
        Place::Picture { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests;
