//! Whisper against the reference: log-mel frames, the encoder, and the decoder fed with given tokens.

use std::path::Path;

use candle_core::Device;

use super::{Case, ParityEvent};
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::mel::{LogMel, Mel};
use crate::perception::speech::whisper::{Precision, Tape, Whisper};

/// What is compared:
/// - `input_features` of the inputs: the log-mel frames of `waveform_16khz`, where there is one;
/// - `encoder_last_hidden_state`, `[1, n_positions, d_model]`, of the given `input_features`;
/// - `logits`, `[1, n_tokens, n_vocab]`, of the given `decoder_input_ids`.
pub(super) fn parity(folder: &Path, cancel: &Cancel) -> Result<Option<Vec<ParityEvent>>> {
    let whisper = Whisper::load_as(folder, &Device::Cpu, Precision::Single)?;
    let config = whisper.config;
    let case = Case::open(folder)?;
    let n_frames = 2 * config.n_audio_positions;
    let frames = case.input("input_features", &[1, config.n_mels, n_frames])?;
    let mut events = Vec::new();
    if let Some(shape) = case.input_shape("waveform_16khz") {
        let samples = case.input("waveform_16khz", &shape)?;
        let ours = LogMel::new(config.n_mels).compute(&samples, n_frames);
        events.push(ParityEvent::tensor("input_features", &ours.values, &frames));
    }

    let mel = Mel { n_mels: config.n_mels, n_frames, values: frames };
    let Some(embeddings) = whisper.encoder.forward(&mel, cancel)? else { return Ok(None) };
    let ours = embeddings.flatten_all().and_then(|t| t.to_vec1::<f32>()).doing("reading embeddings")?;
    let reference =
        case.output("encoder_last_hidden_state", &[1, config.n_audio_positions, config.d_model])?;
    events.push(ParityEvent::tensor("encoder_last_hidden_state", &ours, &reference));

    let ids = case.token_ids("decoder_input_ids", config.n_vocab, config.n_text_positions)?;
    let heard = whisper.decoder.hear(&embeddings)?;
    let (mut tape, mut paths, mut logits) = (Tape::default(), vec![Vec::new()], Vec::new());
    for id in &ids {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        logits.extend(whisper.decoder.step(&heard, &mut tape, &mut paths, &[*id], &[]));
    }
    let reference = case.output("logits", &[1, ids.len(), config.n_vocab])?;
    events.push(ParityEvent::tensor("logits", &logits, &reference));
    case.finish(events).map(Some)
}
