//! Embeddings and the tokens so far → logits of the next token.
//!
//! One step decodes one token of each of several hypotheses. With so little to multiply, the time
//! goes into reading weights, so they are rounded to blocks of eight bits, each is read once for all
//! hypotheses, and steps work on slices. A hypothesis is a *path* of rows on
//! the [`Tape`]: hypotheses that share a beginning share its keys and values, and none are copied.

use candle_core::{CpuStorage, DType, Storage, Tensor};
use half::f16;
use half::slice::HalfFloatSliceExt;

use super::{Precision, WhisperConfig, joined_linear, joined_tensors};
use crate::error::{Doing, Result};
use crate::kernels::activations::Activations;
use crate::kernels::packed::{self, Packed, Product};
use crate::kernels::plane::Bytes;
use crate::kernels::{Isa, dot, gelu, rows_times, softmax, team};
use crate::nn::Linear;
use crate::weights::Weights;

const LOADING: &str = "loading Whisper";

/// A matrix by rows.
enum Matrix {
    /// In blocks of eight bits; activations keep 15.
    Rounded(Packed),
    Half(Vec<f16>),
    Single(Vec<f32>),
}

impl Matrix {
    fn new(tensor: &Tensor, precision: Precision) -> candle_core::Result<Self> {
        let flat = tensor.flatten_all()?;
        if precision == Precision::Rounded {
            let flat = flat.to_dtype(DType::F16)?;
            let (storage, layout) = flat.storage_and_layout();
            let (Storage::Cpu(CpuStorage::F16(all)), Some((start, end))) =
                (&*storage, layout.contiguous_offsets())
            else {
                candle_core::bail!("a matrix of {:?} is not in half precision", flat.dtype());
            };
            let (all, shape) = (&all[start..end], tensor.dims2()?);
            let rounded = Bytes::from_rows(shape, |first, rows| {
                all[first * shape.1..][..rows.len()].convert_to_f32_slice(rows);
            });
            return Ok(match rounded {
                Some(bytes) => Self::Rounded(bytes.packed().clone()),
                None => Self::Half(all.to_vec()),
            });
        }
        Ok(Self::Single(flat.to_dtype(DType::F32)?.to_vec1()?))
    }

    /// # Shapes
    /// - `x`: `[n, width]`
    /// - `out`: `[n, n_rows]`
    fn times(&self, width: usize, x: &[f32], out: &mut [f32]) {
        match self {
            Self::Rounded(rows) => {
                let x = Activations::quantize(x, width);
                packed::times_each(Isa::detect(), &[Product::new(rows, &x, out)]);
            }
            Self::Half(rows) => rows_times(rows, width, x, out),
            Self::Single(rows) => rows_times(rows, width, x, out),
        }
    }

    /// Row `i`.
    fn row(&self, i: usize, width: usize) -> Vec<f32> {
        let range = i * width..(i + 1) * width;
        match self {
            Self::Rounded(rows) => {
                let mut row = vec![0.0; width];
                rows.row(i, &mut row);
                row
            }
            Self::Half(rows) => rows[range].iter().map(|x| x.to_f32()).collect(),
            Self::Single(rows) => rows[range].to_vec(),
        }
    }
}

/// `y = W x + b` for a few `x` at once.
struct Rows {
    /// `[d_out, d_in]`
    weight: Matrix,
    bias: Vec<f32>,
    d_in: usize,
}

impl Rows {
    fn new(weight: &Tensor, bias: &Tensor, precision: Precision) -> candle_core::Result<Self> {
        let d_in = weight.dim(1)?;
        Ok(Self { weight: Matrix::new(weight, precision)?, bias: bias.to_vec1()?, d_in })
    }

    fn load(weights: &Weights, d_out: usize, d_in: usize, precision: Precision) -> Result<Self> {
        let weight = weights.get_as("weight", &[d_out, d_in], stored_as(precision))?;
        Self::new(&weight, &weights.get("bias", &[d_out])?, precision).doing(LOADING)
    }

    /// `[n, d_in]` → `[n, d_out]`
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / self.d_in * self.bias.len()];
        self.weight.times(self.d_in, x, &mut out);
        for row in out.chunks_mut(self.bias.len()) {
            add(row, &self.bias);
        }
        out
    }
}

fn stored_as(precision: Precision) -> DType {
    match precision {
        Precision::Rounded => DType::F16,
        Precision::Single => DType::F32,
    }
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    fn load(weights: &Weights, d_model: usize) -> Result<Self> {
        let get = |name: &str| weights.get(name, &[d_model])?.to_vec1().doing(LOADING);
        Ok(Self { weight: get("weight")?, bias: get("bias")? })
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let d = self.weight.len();
        let mut out = Vec::with_capacity(x.len());
        for row in x.chunks(d) {
            let mean = row.iter().sum::<f32>() / d as f32;
            let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / d as f32;
            let scale = (variance + 1e-5).sqrt().recip();
            let scaled = row.iter().zip(&self.weight).zip(&self.bias);
            out.extend(scaled.map(|((v, w), b)| (v - mean) * scale * w + b));
        }
        out
    }
}

struct DecoderLayer {
    attention_norm: Norm,
    qkv: Rows,
    out: Rows,
    cross_norm: Norm,
    cross_q: Rows,
    /// Keys and values of what was heard.
    cross_kv: Linear,
    cross_out: Rows,
    mlp_norm: Norm,
    up: Rows,
    down: Rows,
}

/// Tokens of a prompt that are read at once; more take more memory.
const READ_AT_ONCE: usize = 32;

/// What the decoder needs of one half minute: keys and values of each layer, computed once.
pub struct Heard {
    layers: Vec<HeardLayer>,
    /// Positions of 20 ms.
    pub n_positions: usize,
}

struct HeardLayer {
    /// `[n_heads, n_positions, head_dim]`
    keys: Vec<f32>,
    /// `[n_heads, head_dim, n_positions]`
    values: Vec<f32>,
}

/// Everything that changes while decoding: one row for each token of each hypothesis.
#[derive(Default)]
pub struct Tape {
    /// For each layer `[n_rows, d_model]`.
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    /// `[n_rows, n_alignment_heads, n_positions]`: where those heads looked. Half precision,
    /// because it is the largest part and only the places of its peaks matter.
    attention: Vec<f16>,
    n_rows: usize,
}

impl Tape {
    /// Rows written so far.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Forgets all rows but the first `n_rows`.
    pub fn truncate(&mut self, n_rows: usize) {
        let keep = |len: usize| len / self.n_rows.max(1) * n_rows.min(self.n_rows);
        for layer in self.keys.iter_mut().chain(&mut self.values) {
            layer.truncate(keep(layer.len()));
        }
        self.attention.truncate(keep(self.attention.len()));
        self.n_rows = n_rows.min(self.n_rows);
    }

    /// Where the alignment heads looked when this row was decoded, `[n_alignment_heads, n_positions]`.
    pub fn attention(&self, row: usize) -> &[f16] {
        let width = self.attention.len() / self.n_rows.max(1);
        &self.attention[row * width..(row + 1) * width]
    }
}

/// The decoder.
pub struct Decoder {
    /// `[n_vocab, d_model]`, also the output layer.
    embedding: Matrix,
    /// `[n_text_positions, d_model]`
    positions: Vec<f32>,
    layers: Vec<DecoderLayer>,
    norm: Norm,
    d_model: usize,
    n_heads: usize,
    n_vocab: usize,
}

impl DecoderLayer {
    fn new(config: &WhisperConfig, precision: Precision, weights: &Weights) -> Result<Self> {
        let (d, d_hidden) = (config.d_model, config.decoder.d_hidden);
        let rows = |name: &str, d_out, d_in| Rows::load(&weights.sub(name), d_out, d_in, precision);
        let names = ["attention.q", "attention.k", "attention.v"];
        let (qkv, qkv_bias) = joined_tensors(weights, "attention.qkv", &names, d, d)?;
        Ok(Self {
            attention_norm: Norm::load(&weights.sub("attention_norm"), d)?,
            qkv: Rows::new(&qkv, &qkv_bias, precision).doing(LOADING)?,
            out: rows("attention.out", d, d)?,
            cross_norm: Norm::load(&weights.sub("cross_norm"), d)?,
            cross_q: rows("cross.q", d, d)?,
            cross_kv: joined_linear(weights, "cross.kv", &["cross.k", "cross.v"], d, d)?,
            cross_out: rows("cross.out", d, d)?,
            mlp_norm: Norm::load(&weights.sub("mlp_norm"), d)?,
            up: rows("mlp.up", d_hidden, d)?,
            down: rows("mlp.down", d, d_hidden)?,
        })
    }
}

impl Decoder {
    pub(super) fn new(config: &WhisperConfig, precision: Precision, weights: &Weights) -> Result<Self> {
        let d = config.d_model;
        let flat = |t: Tensor| t.flatten_all().doing(LOADING);
        let embedding = weights.get_as("embedding.weight", &[config.n_vocab, d], stored_as(precision))?;
        let layers = (0..config.decoder.n_layers)
            .map(|i| DecoderLayer::new(config, precision, &weights.sub("layers").sub(i)))
            .collect::<Result<_>>()?;
        Ok(Self {
            embedding: Matrix::new(&embedding, precision).doing(LOADING)?,
            positions: flat(weights.get("positions", &[config.n_text_positions, d])?)?
                .to_vec1()
                .doing(LOADING)?,
            layers,
            norm: Norm::load(&weights.sub("norm"), d)?,
            d_model: d,
            n_heads: config.decoder.n_heads,
            n_vocab: config.n_vocab,
        })
    }

    /// The keys and values of the encoder's output `[n_positions, d_model]`.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn hear(&self, embeddings: &Tensor) -> Result<Heard> {
        let layers = self.layers.iter().map(|layer| self.hear_layer(layer, embeddings));
        let layers = layers.collect::<candle_core::Result<_>>().doing("hearing")?;
        Ok(Heard { layers, n_positions: embeddings.dim(0).doing("hearing")? })
    }

    fn hear_layer(&self, layer: &DecoderLayer, embeddings: &Tensor) -> candle_core::Result<HeardLayer> {
        let (n, d) = embeddings.dims2()?;
        let both = layer.cross_kv.forward(embeddings)?;
        let keys = both.narrow(1, 0, d)?.reshape((n, self.n_heads, d / self.n_heads))?.transpose(0, 1)?;
        let values = both.narrow(1, d, d)?.t()?;
        Ok(HeardLayer { keys: keys.flatten_all()?.to_vec1()?, values: values.flatten_all()?.to_vec1()? })
    }

    /// Decodes one token for each hypothesis and writes it on the tape.
    ///
    /// `paths[i]` are the rows of hypothesis `i` before `tokens[i]`; its new row is the number of
    /// rows so far plus `i`, and is appended to the path. The pairs `(layer, head)` in `alignment`
    /// are recorded. Returns logits `[n, n_vocab]`.
    pub fn step(
        &self,
        heard: &Heard,
        tape: &mut Tape,
        paths: &mut [Vec<usize>],
        tokens: &[u32],
        alignment: &[(usize, usize)],
    ) -> Vec<f32> {
        self.logits(&self.layers(heard, tape, paths, tokens, alignment))
    }

    /// The output layer: `[n, d_model]` → `[n, n_vocab]`.
    pub fn logits(&self, x: &[f32]) -> Vec<f32> {
        let mut logits = vec![0.0; x.len() / self.d_model * self.n_vocab];
        self.embedding.times(self.d_model, &self.norm.forward(x), &mut logits);
        logits
    }

    /// Writes tokens that follow one another on the tape, and its rows on the path. Returns what the output layer takes of
    /// the last one, `[d_model]`; nothing when there is none.
    pub fn read(
        &self,
        heard: &Heard,
        tape: &mut Tape,
        path: &mut Vec<usize>,
        tokens: &[u32],
        alignment: &[(usize, usize)],
    ) -> Vec<f32> {
        let mut last = Vec::new();
        for tokens in tokens.chunks(READ_AT_ONCE) {
            let first = tape.n_rows;
            let ends = 0..tokens.len();
            // As hypotheses of one step, each with those before it as its past.
            let mut paths: Vec<Vec<usize>> =
                ends.map(|n| path.iter().copied().chain(first..first + n).collect()).collect();
            let x = self.layers(heard, tape, &mut paths, tokens, alignment);
            last = x[x.len() - self.d_model..].to_vec();
            path.extend(first..first + tokens.len());
        }
        last
    }

    /// As [`Decoder::step`], up to the output layer: `[n, d_model]`. A path may hold rows of this step before its own.
    fn layers(
        &self,
        heard: &Heard,
        tape: &mut Tape,
        paths: &mut [Vec<usize>],
        tokens: &[u32],
        alignment: &[(usize, usize)],
    ) -> Vec<f32> {
        let (n, d) = (tokens.len(), self.d_model);
        let mut x = Vec::with_capacity(n * d);
        for (i, (&token, path)) in tokens.iter().zip(paths.iter_mut()).enumerate() {
            let position = &self.positions[path.len() * d..(path.len() + 1) * d];
            let embedding = self.embedding.row(token as usize, d);
            x.extend(embedding.iter().zip(position).map(|(e, p)| e + p));
            path.push(tape.n_rows + i);
        }
        tape.keys.resize_with(self.layers.len(), Vec::new);
        tape.values.resize_with(self.layers.len(), Vec::new);
        let mut looked = vec![f16::ZERO; n * alignment.len() * heard.n_positions];
        for (l, layer) in self.layers.iter().enumerate() {
            let qkv = layer.qkv.forward(&layer.attention_norm.forward(&x));
            for row in qkv.chunks(3 * d) {
                tape.keys[l].extend_from_slice(&row[d..2 * d]);
                tape.values[l].extend_from_slice(&row[2 * d..]);
            }
            let attended = self.attend(&qkv, &tape.keys[l], &tape.values[l], paths);
            add(&mut x, &layer.out.forward(&attended));

            let q = layer.cross_q.forward(&layer.cross_norm.forward(&x));
            let (attended, weights) = self.cross_attend(&q, &heard.layers[l], heard.n_positions);
            for (a, _) in alignment.iter().enumerate().filter(|(_, pair)| pair.0 == l) {
                let of_head = &weights[alignment[a].1];
                for (i, weights) in of_head.chunks(heard.n_positions).enumerate() {
                    let at = (i * alignment.len() + a) * heard.n_positions;
                    looked[at..at + heard.n_positions].convert_from_f32_slice(weights);
                }
            }
            add(&mut x, &layer.cross_out.forward(&attended));

            let mut hidden = layer.up.forward(&layer.mlp_norm.forward(&x));
            gelu(&mut hidden);
            add(&mut x, &layer.down.forward(&hidden));
        }
        tape.attention.extend_from_slice(&looked);
        tape.n_rows += n;
        x
    }

    /// Each hypothesis attends to the rows of its own path.
    fn attend(&self, qkv: &[f32], keys: &[f32], values: &[f32], paths: &[Vec<usize>]) -> Vec<f32> {
        let (d, head_dim) = (self.d_model, self.d_model / self.n_heads);
        let scale = (head_dim as f32).powf(-0.5);
        let mut out = vec![0.0; paths.len() * d];
        team::for_each_chunk(&mut out, d, |i, out| {
            let (q, path) = (&qkv[i * 3 * d..], &paths[i]);
            let mut weights = vec![0.0; path.len()];
            for (head, out) in out.chunks_mut(head_dim).enumerate() {
                let at = head * head_dim;
                let q = &q[at..at + head_dim];
                for (w, &row) in weights.iter_mut().zip(path) {
                    *w = scale * dot(q, &keys[row * d + at..row * d + at + head_dim]);
                }
                softmax(&mut weights);
                for (&w, &row) in weights.iter().zip(path) {
                    for (o, v) in out.iter_mut().zip(&values[row * d + at..row * d + at + head_dim]) {
                        *o += w * v;
                    }
                }
            }
        });
        out
    }

    /// `[n, d_model]` → `[n, d_model]`, and for each head its weights `[n, n_positions]`.
    fn cross_attend(&self, q: &[f32], heard: &HeardLayer, n_positions: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
        let (d, head_dim) = (self.d_model, self.d_model / self.n_heads);
        let n = q.len() / d;
        let scale = (head_dim as f32).powf(-0.5);
        let size = n_positions * head_dim;
        let heads = team::map(self.n_heads, |head| {
            let (keys, values) = (&heard.keys[head * size..][..size], &heard.values[head * size..][..size]);
            let mut of_head = Vec::with_capacity(n * head_dim);
            for row in q.chunks(d) {
                of_head.extend(row[head * head_dim..(head + 1) * head_dim].iter().map(|x| x * scale));
            }
            let mut weights = vec![0.0; n * n_positions];
            rows_times(keys, head_dim, &of_head, &mut weights);
            weights.chunks_mut(n_positions).for_each(softmax);
            rows_times(values, n_positions, &weights, &mut of_head);
            (of_head, weights)
        });
        let mut out = vec![0.0; n * d];
        for (head, (of_head, _)) in heads.iter().enumerate() {
            for (out, of_head) in out.chunks_mut(d).zip(of_head.chunks(head_dim)) {
                out[head * head_dim..(head + 1) * head_dim].copy_from_slice(of_head);
            }
        }
        (out, heads.into_iter().map(|(_, weights)| weights).collect())
    }
}
