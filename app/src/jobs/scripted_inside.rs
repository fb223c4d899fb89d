//! What a script shows of how its answers come about.

use engine::decoder::{LayerRouting, Modality, Routing};
use engine::generate::inside::{
    ContextMap, ContextPart, Experts, Inside, LeftOut, Likely, PartKind, Spent, Written,
};
use engine::media::Kind;
use engine::tasks::ask::{AskRequest, Attachment};
use engine::{Stage, Usage};

/// Tokens are words; experts are there where the question says so.
pub(super) fn inside(request: &AskRequest, answer: &str, usage: &Usage) -> Inside {
    Inside {
        tokens: tokens(answer),
        experts: request.question.contains("experts").then(|| experts(request)),
        context: context(request, usage),
        time: [
            (Stage::Load, "", 0.05),
            (Stage::Search, "", 0.12),
            (Stage::Prefill, "", 0.4),
            (Stage::Generate, "", 1.3),
        ]
        .map(|(stage, what, seconds)| Spent { stage, what: what.to_owned(), seconds })
        .to_vec(),
        seconds: 1.9,
    }
}

fn tokens(answer: &str) -> Vec<Written> {
    let likely =
        |id: u32, text: &str, probability, is_end| Likely { id, text: text.into(), probability, is_end };
    let mut written: Vec<Written> = (0..)
        .zip(answer.split_inclusive(' '))
        .map(|(id, word)| {
            let probability = [0.97, 0.62, 0.31, 0.88, 0.12][id as usize % 5];
            let others = [("maybe ", 0.5), ("perhaps ", 0.3), ("never ", 0.15), ("so ", 0.05)];
            let mut likeliest = vec![likely(id, word, probability, false)];
            likeliest.extend(
                (0..)
                    .zip(others)
                    .map(|(i, (text, share))| likely(10_000 + i, text, (1.0 - probability) * share, false)),
            );
            likeliest.sort_by(|a, b| b.probability.total_cmp(&a.probability));
            Written { id, text: word.to_owned(), probability, is_end: false, likeliest }
        })
        .collect();
    let end = vec![likely(1, "", 0.9, true), likely(2, " And", 0.05, false)];
    written.push(Written { id: 1, text: String::new(), probability: 0.9, is_end: true, likeliest: end });
    written
}

/// Sixteen layers of eight experts, of which two are chosen; the higher the layer, the clearer the choice.
fn experts(request: &AskRequest) -> Experts {
    let has = |wanted: Kind| {
        request.media.iter().any(|media| matches!(media, Attachment::Read(read) if read.kind == wanted))
    };
    let routing = |of: [u64; 4], turn: usize| Routing {
        layers: (0..16)
            .map(|layer| LayerRouting {
                layer,
                n_chosen: 2,
                counts: Modality::ALL.map(|modality| {
                    let n = of[modality as usize];
                    let favourite = (layer * 3 + modality as usize * 2 + turn) % 8;
                    let kept = n * layer as u64 / 16;
                    let mut counts = vec![(2 * n - kept) / 8; 8];
                    counts[favourite] += 2 * n - counts.iter().sum::<u64>();
                    counts[(favourite + 5) % 8] = 0;
                    counts[(favourite + 1) % 8] += 2 * n - counts.iter().sum::<u64>();
                    counts
                }),
            })
            .collect(),
    };
    let of = [120, 256 * u64::from(has(Kind::Picture)), 0, 180 * u64::from(has(Kind::Sound))];
    Experts { prompt: routing(of, 0), written: routing([24, 0, 0, 0], 1) }
}

fn context(request: &AskRequest, usage: &Usage) -> ContextMap {
    let part = |kind, name: &str, text: &str, tokens| ContextPart {
        kind,
        name: name.to_owned(),
        text: text.to_owned(),
        tokens,
    };
    let mut parts = vec![part(PartKind::Instructions, "", "Answer from the notes.", 6)];
    let mut left_out = Vec::new();
    for media in &request.media {
        let Attachment::Read(read) = media else { continue };
        let name = crate::state::file_name(&read.path);
        let notes: String = read.spans.iter().take(2).map(|span| format!("{}\n", span.text)).collect();
        parts.push(part(PartKind::Notes, &name, &notes, 20));
        if read.spans.len() > 2 {
            left_out.push(LeftOut::Passages { name, given: 2, of: read.spans.len() });
        }
    }
    for turn in &request.history {
        parts.push(part(PartKind::EarlierQuestion, "", &turn.question, 7));
        parts.push(part(PartKind::EarlierAnswer, "", &turn.answer, 9));
    }
    parts.push(part(PartKind::Question, "", &request.question, 8));
    let known: usize = parts.iter().map(|part| part.tokens).sum();
    parts.push(part(PartKind::Form, "", "", usage.prompt_tokens.saturating_sub(known)));
    ContextMap {
        parts,
        prompt_tokens: usage.prompt_tokens,
        cached_tokens: usage.cached_tokens,
        context_tokens: usage.context_tokens,
        left_out,
    }
}
