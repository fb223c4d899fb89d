//! A decoder, with the encoders of its checkpoint, against the reference: logits, the likeliest continuation,
//! soft tokens of media and what encoders read of them.

use std::path::Path;

use candle_core::Tensor;

use super::encoders::{self, SoftTokens};
use super::{Case, ParityEvent, token_ids};
use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, Decoder, Input, Modality, hugging_face};
use crate::encoders::Encoders;
use crate::error::{Error, Result};
use crate::model::folder;
use crate::weights::Weights;

/// What is compared: `logits`, `[1, n, n_vocab]`; `greedy`, where the reference has it; what
/// [`encoders::compare`] compares. The prompt is read at once for the logits, and in chunks and then token by
/// token for the continuation, so that the cache is compared, too.
pub(super) fn parity(folder: &Path, cancel: &Cancel) -> Result<Option<Vec<ParityEvent>>> {
    let reader = Reader::open(folder)?;
    let case = Case::open(folder)?;
    let made = match &reader.encoders {
        None => SoftTokens::default(),
        Some(encoders) => match encoders::soft_tokens(encoders, &case.inputs, cancel)? {
            Some(made) => made,
            None => return Ok(None),
        },
    };
    let mut events = match &reader.encoders {
        Some(encoders) => encoders::compare(encoders, &case.inputs, &case.outputs, &made)?,
        None => Vec::new(),
    };
    let Reader { decoder, weights, .. } = &reader;
    let ids = token_ids(&case.inputs, "input_ids", &folder.join("inputs.safetensors"))?;
    let input = reader.place(&ids, &made)?;
    let mut state = decoder.new_state(CacheFormat::F32)?;
    let Some(ours) = decoder.forward_all(&input, &mut state, cancel)? else { return Ok(None) };
    let ours: Vec<f32> = ours.iter().flat_map(|row| row.iter().copied()).collect();
    if ours.iter().any(|logit| !logit.is_finite()) {
        weights.expect_finite()?;
    }
    let reference = case.output("logits", &[1, ids.len(), decoder.config().n_vocab])?;
    events.push(ParityEvent::tensor("logits", &ours, &reference));
    if case.outputs.has("greedy") {
        let wanted = token_ids(&case.outputs, "greedy", &folder.join("outputs.safetensors"))?;
        case.outputs.get("greedy", &[1, wanted.len()])?;
        let greedy = continuation(decoder, &input, wanted.len(), &reader.ends, cancel)?;
        let Some(greedy) = greedy else { return Ok(None) };
        events.push(ParityEvent::Greedy { greedy_equal: greedy == wanted });
    }
    case.finish(events).map(Some)
}

struct Reader {
    decoder: Decoder,
    encoders: Option<Encoders>,
    weights: Weights,
    /// The ids that stand for media.
    placeholders: [Option<u32>; 3],
    /// The ids that end a text.
    ends: Vec<u32>,
}

/// The media that have soft tokens, in the order of `Reader::placeholders`.
const MEDIA: [Modality; 3] = [Modality::Picture, Modality::Video, Modality::Sound];

impl Reader {
    fn open(folder: &Path) -> Result<Self> {
        let folder::Checkpoint { decoder, encoders, weights, config } = folder::checkpoint(folder)?;
        let placeholders = MEDIA.map(|modality| hugging_face::media_token(&config, modality));
        Ok(Self { decoder, encoders, weights, placeholders, ends: hugging_face::end_tokens(&config) })
    }

    /// Puts soft tokens where the ids hold their placeholders.
    fn place(&self, ids: &[u32], made: &SoftTokens) -> Result<Input> {
        let mut left = [&made.pictures, &made.frames, &made.sounds].map(|made| made.iter());
        let medium = |id: u32| self.placeholders.iter().position(|placeholder| *placeholder == Some(id));
        let mut input = Input::default();
        for run in ids.chunk_by(|a, b| a == b && medium(*a).is_some()) {
            let Some(kind) = medium(run[0]) else {
                input.push_tokens(run.iter().copied());
                continue;
            };
            let end = input.len() + run.len();
            while input.len() < end {
                let next: Option<&Tensor> = left[kind].next();
                let fits = next.filter(|next| next.dim(0).is_ok_and(|n| n > 0 && input.len() + n <= end));
                let Some(next) = fits else {
                    let reason =
                        format!("the sequence has other places for media than there are: at {}", input.len());
                    return Err(Error::Request { reason });
                };
                input.push_media(run[0], next.clone(), MEDIA[kind], 0);
            }
        }
        Ok(input)
    }
}

/// The likeliest tokens after `input`, which is read in two chunks and the last position alone. The reference
/// was told to write exactly so many, so `ends` are not among them.
fn continuation(
    decoder: &Decoder,
    input: &Input,
    n: usize,
    ends: &[u32],
    cancel: &Cancel,
) -> Result<Option<Vec<u32>>> {
    let mut state = decoder.new_state(CacheFormat::F32)?;
    let mut written = Vec::with_capacity(n);
    let mut read = 0;
    for size in [input.len() / 2, input.len() / 2, 1] {
        let chunk = input.chunk(read, size.min(input.len() - 1 - read));
        if !chunk.is_empty() && !decoder.read(&chunk, &mut state, cancel)? {
            return Ok(None);
        }
        read += chunk.len();
    }
    let mut next = input.chunk(read, input.len() - read);
    while written.len() < n {
        let Some(logits) = decoder.forward(&next, &mut state, cancel)? else { return Ok(None) };
        let goes_on = (0..logits.len()).rev().filter(|id| !ends.contains(&(*id as u32)));
        let best = goes_on.max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        let token = best.unwrap_or_default() as u32;
        written.push(token);
        next = Input::from([token].as_slice());
    }
    Ok(Some(written))
}
