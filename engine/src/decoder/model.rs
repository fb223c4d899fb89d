//! The decoder: embed, layers, norm, logits.

use candle_core::Device;

use super::adapter::{AdapterLayers, Projection};
use super::block::Block;
use super::config::DecoderConfig;
use super::input::Input;
use super::per_layer::PerLayerEmbedding;
use super::state::DecodeState;
use super::step::Step;
use crate::cancel::Cancel;
use crate::device;
use crate::error::{Doing, Error, Result};
use crate::kernels::buffer::Buffer;
use crate::nn::{Array, CacheFormat, Embedding, Linear, RmsNorm, Rotary, RotarySpec, Rows, softcap};
use crate::weights::Weights;

/// Logits after a position, `[n_vocab]`.
pub type Logits = Buffer;

/// A decoder with its weights; read-only, so many requests can share it. A clone shares the weights.
#[derive(Clone)]
pub struct Decoder {
    pub(super) config: DecoderConfig,
    embedding: Embedding,
    per_layer: Option<PerLayerEmbedding>,
    /// The kinds of angles that its layers use.
    pub(super) rotaries: Vec<Rotary>,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: RmsNorm,
    pub(super) output: Linear,
    pub(super) device: Device,
}

/// Which rows are wanted of a pass through the layers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// None: only the caches are filled.
    Nothing,
    /// The last of each sequence.
    Last,
    All,
}

/// What to read, and after what.
pub(super) struct Turn<'a> {
    pub(super) input: &'a Input,
    pub(super) state: &'a mut DecodeState,
}

impl Decoder {
    /// Takes its tensors from `w` by our names.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(config: &DecoderConfig, w: &Weights) -> Result<Self> {
        let embedding = Embedding::new(config.n_vocab, config.d_model, &w.sub("embedding"))?;
        let output = if config.tied_output {
            Linear::tied(&embedding, config.d_model, config.n_vocab, &w.sub("embedding"))?
        } else {
            Linear::new(config.d_model, config.n_vocab, &w.sub("output"))?
        };
        let mut blocks = Vec::with_capacity(config.layers.len());
        let mut kinds: Vec<(RotarySpec, usize, bool)> = Vec::new();
        for (i, layer) in config.layers.iter().enumerate() {
            let attention = &layer.attention;
            let kind = (attention.rotary, attention.head_dim, attention.window.is_some());
            let rotary = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
                kinds.push(kind);
                kinds.len() - 1
            });
            blocks.push(Block::new(config, i, rotary, &w.sub("blocks").sub(i))?);
        }
        let rotaries = kinds.into_iter().map(|kind| rotary(kind, w)).collect::<Result<_>>()?;
        let norm = RmsNorm::new(config.d_model, config.norm, &w.sub("norm"))?;
        let per_layer = config.per_layer.map(|spec| PerLayerEmbedding::new(config, spec, w)).transpose()?;
        let (config, device) = (config.clone(), w.device().clone());
        Ok(Self { config, embedding, per_layer, rotaries, blocks, norm, output, device })
    }

    /// What it looks like.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// A state that holds no tokens.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) when memory runs out.
    pub fn new_state(&self, format: CacheFormat) -> Result<DecodeState> {
        let format = self.cache_format(format);
        DecodeState::new(&self.config, format, &self.device).doing("making room for the conversation")
    }

    /// How keys and values are kept where `wanted` is asked for: on other devices than the processor always as f32.
    pub fn cache_format(&self, wanted: CacheFormat) -> CacheFormat {
        if matches!(self.device, Device::Cpu) { wanted } else { CacheFormat::F32 }
    }

    /// So many positions may be read in one step with the same results, to the last bit, as one by one.
    pub fn rows_alike(&self) -> usize {
        if matches!(self.device, Device::Cpu) { self.config.rows_alike() } else { 1 }
    }

    /// Where it computes.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// What the first layer reads for some tokens, `[n, d_model]`.
    ///
    /// # Errors
    /// [`Error::Request`] for a token that is not in the vocabulary.
    pub fn embedded(&self, ids: &[u32]) -> Result<Vec<f32>> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.config.n_vocab) {
            let reason = format!("token {id} is not in the vocabulary of {}", self.config.n_vocab);
            return Err(Error::Request { reason });
        }
        let rows: candle_core::Result<Rows> = self.embedding.forward(ids, &Device::Cpu);
        let rows = rows.and_then(|rows| rows.times(self.config.embedding_scale));
        rows.and_then(|rows| rows.read(<[f32]>::to_vec)).doing("looking tokens up")
    }

    /// Whether keys and values are in the processor's memory.
    pub(crate) fn is_on_processor(&self) -> bool {
        matches!(self.device, Device::Cpu)
    }

    /// The device that it computes on, by the name with which it is chosen: "cpu", "cuda:0", "metal".
    pub fn device_name(&self) -> String {
        device::name(&self.device)
    }

    /// Bytes that are in use on the device, by whomever; `None` where that is not known.
    pub fn device_bytes(&self) -> Option<u64> {
        device::used_bytes(&self.device)
    }

    /// Reads a state that [`DecodeState::save`] wrote for this decoder in this format.
    ///
    /// # Errors
    /// Those of the reader, or when it is another decoder's state.
    pub fn load_state(
        &self,
        format: CacheFormat,
        from: &mut impl std::io::Read,
    ) -> std::io::Result<DecodeState> {
        DecodeState::load(&self.config, self.cache_format(format), &self.device, from)
    }

    /// The same decoder with adapters, in the place of those that it has; it shares its weights with this one.
    ///
    /// # Errors
    /// [`Error::Request`] when an adapter is for a layer that this decoder has not, or has another shape.
    pub fn adapted(&self, adapter: &AdapterLayers) -> Result<Self> {
        for (layer, of) in adapter.keys() {
            if self.matrix_shape(layer, of).is_none() {
                let reason = format!(
                    "the adapter changes {} of layer {layer}, which this model has not; use it with the model that it was made for",
                    of.name()
                );
                return Err(Error::Request { reason });
            }
        }
        let blocks: candle_core::Result<_> = self.blocks.iter().map(|block| block.adapted(adapter)).collect();
        let blocks = blocks.map_err(|error| Error::Request {
            reason: format!("the adapter was made for another model: {error}"),
        })?;
        Ok(Self { blocks, ..self.clone() })
    }

    /// The matrices that an adapter can change: layer, and which.
    pub fn matrices(&self) -> Vec<(usize, Projection)> {
        let has = |(layer, of): &(usize, Projection)| self.matrix_shape(*layer, *of).is_some();
        let all = (0..self.blocks.len()).flat_map(|layer| Projection::ALL.map(|of| (layer, of)));
        all.filter(has).collect()
    }

    /// `[n_out, n_in]` of a matrix, where there is one that an adapter can change.
    pub fn matrix_shape(&self, layer: usize, of: Projection) -> Option<(usize, usize)> {
        self.blocks.get(layer)?.linear(of)?.shape().ok()
    }

    /// Reads inputs after their states; `None` when cancelled, with the states as they were before.
    ///
    /// # Shapes
    /// - returns: the wanted rows, `[n, d_model]`, before the last norm
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute).
    pub(super) fn run(&self, turns: &mut [Turn], wanted: Wanted, cancel: &Cancel) -> Result<Option<Rows>> {
        let doing = "running the decoder";
        let (mut x, ids) = self.embed(turns.iter().map(|turn| turn.input)).doing(doing)?;
        let placed = turns.iter().map(|turn| (turn.input, turn.state.pos));
        let mut step = Step::new(placed, &self.rotaries);
        turns.iter_mut().for_each(|turn| turn.state.begin_step());
        let embeddings = self.per_layer.as_ref().map(|per_layer| per_layer.forward(&ids, &x, &self.device));
        let mut embeddings = embeddings.transpose().doing(doing)?;
        let mut states: Vec<&mut DecodeState> = turns.iter_mut().map(|turn| &mut *turn.state).collect();
        let first_reading = self.config.first_reading_layer();
        for (i, block) in self.blocks.iter().enumerate() {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            // From here on nothing is written for later tokens, so only rows that are wanted go on.
            if i == first_reading && wanted == Wanted::Nothing {
                break;
            }
            if i == first_reading && wanted == Wanted::Last {
                let (last, rows) = step.last_rows(&self.rotaries);
                x = x.select(&rows).doing(doing)?;
                embeddings = embeddings.map(|e| e.select(&rows)).transpose().doing(doing)?;
                step = last;
            }
            x = block.forward(&x, &step, embeddings.as_ref(), &mut states).doing(doing)?;
        }
        let ends: Vec<u32> = step.parts.iter().map(|part| part.rows.end as u32 - 1).collect();
        for turn in turns.iter_mut() {
            turn.state.pos += turn.input.len();
        }
        match wanted {
            Wanted::Last => x.select(&ends),
            Wanted::Nothing | Wanted::All => Ok(x),
        }
        .doing(doing)
        .map(Some)
    }

    /// What the first layer reads, `[n, d_model]`, and the ids with the padding token where media stand.
    pub(super) fn embed<'a>(
        &self,
        inputs: impl Iterator<Item = &'a Input>,
    ) -> candle_core::Result<(Rows, Vec<u32>)> {
        let DecoderConfig { pad_token, media_tokens, .. } = &self.config;
        let mut ids = Vec::new();
        let mut soft = Vec::new();
        for input in inputs {
            let first = ids.len();
            // As the reference does, should a model write such a token.
            let plain = |id: &u32| if media_tokens.contains(id) { *pad_token } else { *id };
            ids.extend(input.ids.iter().map(plain));
            for medium in &input.soft {
                let rows = medium.range();
                ids[first + rows.start..first + rows.end].fill(*pad_token);
                soft.push((first + rows.start, &medium.embeddings));
            }
        }
        let mut x: Rows = self.embedding.forward(&ids, &self.device)?;
        if self.config.embedding_scale != 1.0 {
            x = x.times(self.config.embedding_scale)?;
        }
        // What encoders give is not scaled.
        for (row, embeddings) in soft {
            x.write(row, embeddings)?;
        }
        Ok((x, ids))
    }

    /// Logits of rows of what [`Decoder::run`] returns, `[n, n_vocab]`.
    pub(super) fn logits(&self, rows: &Rows) -> Result<Rows> {
        self.norm.forward(rows).and_then(|rows| self.logits_of_normed(&rows)).doing("computing logits")
    }

    /// The same of rows that went through the last norm.
    pub(super) fn logits_of_normed(&self, rows: &Rows) -> candle_core::Result<Rows> {
        let logits = self.output.forward(rows)?;
        match self.config.logit_softcap {
            Some(cap) => softcap(&logits, cap),
            None => Ok(logits),
        }
    }
}

/// Angles of one kind of layers; files that list factors of the frequencies mean layers without a window.
fn rotary((spec, head_dim, has_window): (RotarySpec, usize, bool), w: &Weights) -> Result<Rotary> {
    let rotary = Rotary::new(spec, head_dim);
    let factors = w.sub("rotary_factors");
    if has_window || factors.shape("weight") != Some(vec![head_dim / 2]) {
        return Ok(rotary);
    }
    let factors = factors.get("weight", &[head_dim / 2])?.to_vec1::<f32>().doing("reading rotary factors")?;
    Ok(rotary.divided(&factors))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use candle_core::{DType, Tensor};

    use super::super::config::KeySource;
    use super::super::reading::log_probability;
    use super::*;
    use crate::weights::{TensorFile, same_name};

    /// Seeded random weights for every tensor that the configuration asks for.
    struct Seeded(HashMap<String, Vec<usize>>);

    impl TensorFile for Seeded {
        fn shapes(&self) -> &HashMap<String, Vec<usize>> {
            &self.0
        }

        fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
            let shape = &self.0[name];
            let mut seed = name.bytes().fold(1u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
            let values: Vec<f32> = (0..shape.iter().product::<usize>())
                .map(|_| {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    ((seed >> 40) as f32 / (1 << 24) as f32 - 0.5) * 0.6
                })
                .collect();
            Tensor::from_vec(values, shape.as_slice(), device)?.to_dtype(DType::F32)
        }
    }

    fn text(ids: &[u32]) -> Input {
        Input::from(ids)
    }

    fn tiny() -> Decoder {
        seeded(&DecoderConfig::tiny())
    }

    /// A decoder with random weights, for configurations made from [`DecoderConfig::tiny`].
    pub(crate) fn seeded(config: &DecoderConfig) -> Decoder {
        seeded_but(config, &[])
    }

    /// The same without some tensors.
    fn seeded_but(config: &DecoderConfig, without: &[&str]) -> Decoder {
        let mut shapes = HashMap::from([
            ("embedding.weight".to_owned(), vec![config.n_vocab, config.d_model]),
            ("norm.weight".to_owned(), vec![config.d_model]),
        ]);
        for i in 0..config.layers.len() {
            for (name, shape) in [
                ("attention_norm", vec![32]),
                ("attention.q", vec![32, 32]),
                ("attention.k", vec![16, 32]),
                ("attention.v", vec![16, 32]),
                ("attention.output", vec![32, 32]),
                ("feed_forward_norm", vec![32]),
                ("feed_forward.gate", vec![48, 32]),
                ("feed_forward.up", vec![48, 32]),
                ("feed_forward.down", vec![32, 48]),
            ] {
                shapes.insert(format!("blocks.{i}.{name}.weight"), shape);
            }
        }
        shapes.retain(|name, _| !without.iter().any(|part| name.starts_with(part)));
        let device = device::for_decoders().unwrap();
        let weights = Weights::new(Seeded(shapes), "tiny".as_ref(), device, same_name);
        let decoder = Decoder::new(config, &weights).unwrap();
        weights.expect_all_used(|_| false).unwrap();
        decoder
    }

    fn logits(decoder: &Decoder, chunks: &[&[u32]]) -> Logits {
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        let mut last = Logits::default();
        for chunk in chunks {
            last = decoder.forward(&Input::from(*chunk), &mut state, &Cancel::new()).unwrap().unwrap();
        }
        last
    }

    fn assert_close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() < 1e-4, "logit {i}: {a} and {b}");
        }
    }

    #[test]
    fn cached_steps_equal_one_pass() {
        let decoder = tiny();
        let whole = logits(&decoder, &[&[1, 2, 3, 4, 5, 6]]);
        assert_close(&whole, &logits(&decoder, &[&[1], &[2], &[3], &[4], &[5], &[6]]));
        assert_close(&whole, &logits(&decoder, &[&[1, 2, 3], &[4, 5], &[6]]));
    }

    #[test]
    fn the_past_matters_and_the_future_does_not() {
        let decoder = tiny();
        let a = logits(&decoder, &[&[1, 2, 3]]);
        let b = logits(&decoder, &[&[9, 2, 3]]);
        assert!(a.iter().zip(&b[..]).any(|(a, b)| (a - b).abs() > 1e-3));
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        let scores =
            decoder.score(&[1, 2, 3, 4], 1, &mut state, &Cancel::new(), log_probability).unwrap().unwrap();
        let mut other = decoder.new_state(CacheFormat::F32).unwrap();
        let changed =
            decoder.score(&[1, 2, 3, 50], 1, &mut other, &Cancel::new(), log_probability).unwrap().unwrap();
        assert!((scores[0] - changed[0]).abs() < 1e-5 && (scores[1] - changed[1]).abs() < 1e-5);
        assert!((scores[2] - changed[2]).abs() > 1e-5);
    }

    #[test]
    fn a_truncated_state_continues_as_if_the_rest_had_never_been() {
        let decoder = tiny();
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        let cancel = Cancel::new();
        decoder.forward(&text(&[1, 2, 3, 40, 41]), &mut state, &cancel).unwrap();
        state.truncate(3);
        let again = decoder.forward(&text(&[4]), &mut state, &cancel).unwrap().unwrap();
        assert_close(&again, &logits(&decoder, &[&[1, 2, 3, 4]]));
    }

    #[test]
    fn the_cache_grows_past_its_first_size() {
        let decoder = tiny();
        let tokens: Vec<u32> = (0..120).map(|i| i % 64).collect();
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        for _ in 0..3 {
            state.truncate(0);
            decoder.forward(&text(&tokens), &mut state, &Cancel::new()).unwrap();
        }
        assert_eq!(state.pos(), 120);
    }

    #[test]
    fn a_batch_of_two_is_twice_one() {
        let decoder = tiny();
        let cancel = Cancel::new();
        let mut states = [(); 2].map(|()| decoder.new_state(CacheFormat::F32).unwrap());
        decoder.read(&text(&[7, 8, 9]), &mut states[0], &cancel).unwrap();
        let [first, second] = &mut states;
        let inputs = [text(&[1, 2]), text(&[3, 4, 5, 6])];
        let mut batch = [(&inputs[0], first), (&inputs[1], second)];
        let rows = decoder.forward_batch(&mut batch, &cancel).unwrap().unwrap();
        assert_close(&rows[0], &logits(&decoder, &[&[7, 8, 9, 1, 2]]));
        assert_close(&rows[1], &logits(&decoder, &[&[3, 4, 5, 6]]));
        assert_eq!((states[0].pos(), states[1].pos()), (5, 4));
    }

    /// A decoder whose layers look back over few positions, and one that reads the other's cache.
    fn windowed(context_tokens: usize) -> Decoder {
        let mut config = DecoderConfig { context_tokens, ..DecoderConfig::tiny() };
        config.layers.iter_mut().for_each(|layer| layer.attention.window = Some(16));
        config.layers[1].attention.keys = KeySource::Layer(0);
        seeded_but(&config, &["blocks.1.attention.k", "blocks.1.attention.v"])
    }

    #[test]
    fn a_window_that_moves_gives_what_reading_at_once_gives() {
        let decoder = windowed(1000);
        let tokens: Vec<u32> = (0..700).map(|i| (i * 7) % 64).collect();
        let whole = logits(&decoder, &[&tokens]);
        let chunks: Vec<&[u32]> = tokens[..600].chunks(90).chain(tokens[600..].chunks(1)).collect();
        assert_close(&whole, &logits(&decoder, &chunks));
    }

    #[test]
    fn a_state_that_cannot_go_back_so_far_begins_anew() {
        let decoder = windowed(1000);
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        let tokens: Vec<u32> = (0..700).map(|i| (i * 7) % 64).collect();
        for chunk in tokens.chunks(90) {
            decoder.read(&text(chunk), &mut state, &Cancel::new()).unwrap();
        }
        assert_eq!(state.truncate(690), 690);
        assert_eq!(state.truncate(100), 0);
        // A mark is a place to come back to.
        for chunk in tokens[..90].chunks(30).chain(tokens[90..].chunks(305)) {
            decoder.read(&text(chunk), &mut state, &Cancel::new()).unwrap();
            if state.pos() == 90 {
                state.mark();
            }
        }
        assert_eq!(state.truncate(100), 90);
        let after = decoder.forward(&text(&tokens[90..400]), &mut state, &Cancel::new()).unwrap().unwrap();
        assert_close(&after, &logits(&decoder, &[&tokens[..400]]));
        assert_eq!(state.truncate(50), 0);
        let again = decoder.forward(&text(&tokens), &mut state, &Cancel::new()).unwrap().unwrap();
        assert_close(&again, &logits(&decoder, &[&tokens]));
    }

    #[test]
    fn a_saved_state_goes_on_as_if_it_had_stayed() {
        let decoder = windowed(1000);
        for format in CacheFormat::ALL {
            let read = || {
                let mut state = decoder.new_state(format).unwrap();
                for chunk in (0..600).map(|i| i % 64).collect::<Vec<u32>>().chunks(100) {
                    decoder.read(&text(chunk), &mut state, &Cancel::new()).unwrap();
                }
                state
            };
            let (mut stayed, mut state) = (read(), read());
            let mut bytes = Vec::new();
            // It is saved as it is now, not as it will be.
            let at = state.here();
            decoder.read(&text(&[1; 400]), &mut state, &Cancel::new()).unwrap();
            state.save(&at, &mut bytes).unwrap();
            let mut again = decoder.load_state(format, &mut bytes.as_slice()).unwrap();
            assert_eq!(again.pos(), 600);
            let next = |state: &mut DecodeState| {
                decoder.forward(&text(&[3]), state, &Cancel::new()).unwrap().unwrap()
            };
            assert_eq!(next(&mut stayed), next(&mut again), "{format:?}");
            assert!(decoder.load_state(format, &mut &bytes[..bytes.len() - 3]).is_err(), "cut short");
            bytes[0] ^= 1;
            assert!(decoder.load_state(format, &mut bytes.as_slice()).is_err(), "another position");
        }
    }

    #[test]
    fn tokens_that_do_not_fit_are_refused_before_any_work() {
        let decoder = tiny();
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        for (tokens, reason) in [(vec![], "no tokens"), (vec![1; 129], "128"), (vec![64], "vocabulary")] {
            let error = decoder.forward(&text(&tokens), &mut state, &Cancel::new()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert_eq!(state.pos(), 0);
        }
    }

    #[test]
    fn cancel_stops_within_a_layer_and_leaves_the_position() {
        let decoder = tiny();
        let mut state = decoder.new_state(CacheFormat::F32).unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(decoder.forward(&text(&[1, 2]), &mut state, &cancel).unwrap().is_none());
        assert_eq!(state.pos(), 0);
    }
}
