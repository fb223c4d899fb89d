//! What a run gives, as PEFT writes it: `adapter_config.json` and `adapter_model.safetensors`; beside them the form in
//! which questions were put (`medley.json`).

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};

use super::checkpoint::{bytes, write_whole};
use super::decoder_reasoner::DecoderReasoner;
use super::form::{Asked, Form};
use super::method::Method;
use super::parameters::{Places, Tuned};
use super::reasoner::Reasoner;
use super::run::TuneOptions;
use crate::decoder::{AdapterLayers, Decoder, Input, Modality, Projection};
use crate::error::{Doing, Error, Result};
use crate::model::LanguageModel;
use crate::nn::{LowRank, RotaryStyle};
use crate::weights::{Weights, read_text, same_name};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
const FORM: &str = "medley.json";

/// What PEFT says of an adapter, as far as it matters here.
#[derive(Debug, Serialize, Deserialize)]
struct Config {
    peft_type: String,
    #[serde(default)]
    task_type: Option<String>,
    #[serde(default)]
    base_model_name_or_path: Option<String>,
    #[serde(default)]
    inference_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lora_alpha: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lora_dropout: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bias: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    use_rslora: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    use_dora: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_modules: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    num_virtual_tokens: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_dim: Option<usize>,
}

/// How questions were put while an adapter was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Habit {
    /// The text around questions.
    pub form: Form,
    /// For a chain, or for the answer alone.
    pub asked: Asked,
    /// Whether a soft prompt stands for what prompts begin with.
    pub instead: bool,
    /// How it was made.
    pub method: Method,
}

/// An adapter that is ready for a model.
pub struct Adapter {
    layers: AdapterLayers,
    /// `[n, d_model]`
    prompt: Option<Tensor>,
    habit: Option<Habit>,
}

fn file_name(layer: usize, of: Projection, part: &str) -> String {
    let block = match of {
        Projection::Gate | Projection::Up | Projection::Down => "mlp",
        _ => "self_attn",
    };
    format!("base_model.model.model.layers.{layer}.{block}.{}.lora_{part}.weight", of.name())
}

/// Rows of B of queries and keys in the order of transformers. Files of Llama models as GGUF have the pairs of a head
/// beside each other, so their decoders' adapters do, too.
fn reorder(
    decoder: &Decoder,
    layer: usize,
    of: Projection,
    rank: usize,
    b: &[f32],
    to_file: bool,
) -> Vec<f32> {
    let spec = &decoder.config().layers[layer].attention;
    let turns =
        matches!(of, Projection::Query | Projection::Key) && spec.rotary.style == RotaryStyle::Interleaved;
    if !turns {
        return b.to_vec();
    }
    let (head, half) = (spec.head_dim, spec.head_dim / 2);
    let mut out = vec![0.0; b.len()];
    for row in 0..b.len() / rank {
        let (start, within) = (row / head * head, row % head);
        let (side, pair) = (within / half, within % half);
        // `row` is where transformers has it.
        let here = start + 2 * pair + side;
        let (from, to) = if to_file { (here, row) } else { (row, here) };
        out[to * rank..(to + 1) * rank].copy_from_slice(&b[from * rank..(from + 1) * rank]);
    }
    out
}

/// Writes what a run gives.
pub(super) fn save(folder: &Path, options: &TuneOptions, reasoner: &DecoderReasoner) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::io("making", folder, source))?;
    let bad = |reason: String| Error::ModelFile { path: folder.to_path_buf(), reason };
    let decoder = reasoner.model().decoder();
    let (config, tensors) = match reasoner.places() {
        Some(places) => low_rank(options, places, decoder, reasoner.parameters()),
        None => soft_prompt(options, decoder, reasoner.parameters()),
    };
    let mut views = Vec::new();
    for (name, shape, bytes) in &tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((name.as_str(), view.map_err(|error| bad(format!("{name}: {error}")))?));
    }
    let about = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let file = serialize(views, Some(about)).map_err(|error| bad(error.to_string()))?;
    write_whole(&folder.join(TENSORS), &file)?;
    let habit = Habit {
        form: reasoner.form().clone(),
        asked: if options.method == Method::Direct { Asked::Directly } else { Asked::Steps },
        instead: matches!(options.tuned, Tuned::Prompt { tokens: 0 }),
        method: options.method,
    };
    let config = serde_json::to_vec_pretty(&config).map_err(|error| bad(error.to_string()))?;
    let habit = serde_json::to_vec_pretty(&habit).map_err(|error| bad(error.to_string()))?;
    write_whole(&folder.join(FORM), &habit)?;
    write_whole(&folder.join(CONFIG), &config)
}

type Named = (String, Vec<usize>, Vec<u8>);

fn config(options: &TuneOptions, peft_type: &str) -> Config {
    Config {
        peft_type: peft_type.into(),
        task_type: Some("CAUSAL_LM".into()),
        base_model_name_or_path: Some(options.model.clone()),
        inference_mode: true,
        r: None,
        lora_alpha: None,
        lora_dropout: None,
        bias: None,
        use_rslora: None,
        use_dora: None,
        target_modules: None,
        num_virtual_tokens: None,
        token_dim: None,
    }
}

fn low_rank(options: &TuneOptions, places: &Places, decoder: &Decoder, all: &[f32]) -> (Config, Vec<Named>) {
    let mut tensors = Vec::new();
    let mut targets = Vec::new();
    for ((layer, of, (n_out, n_in)), [a, b]) in places.each.iter().zip(places.cut(all)) {
        if !targets.contains(&of.name()) {
            targets.push(of.name());
        }
        let b = reorder(decoder, *layer, *of, places.rank, b, true);
        tensors.push((file_name(*layer, *of, "A"), vec![places.rank, *n_in], bytes(a)));
        tensors.push((file_name(*layer, *of, "B"), vec![*n_out, places.rank], bytes(&b)));
    }
    let config = Config {
        r: Some(places.rank),
        lora_alpha: Some(places.scale * places.rank as f64),
        lora_dropout: Some(0.0),
        bias: Some("none".into()),
        target_modules: Some(targets.into()),
        ..config(options, "LORA")
    };
    (config, tensors)
}

fn soft_prompt(options: &TuneOptions, decoder: &Decoder, all: &[f32]) -> (Config, Vec<Named>) {
    let width = decoder.config().d_model;
    let n = all.len() / width;
    let config =
        Config { num_virtual_tokens: Some(n), token_dim: Some(width), ..config(options, "PROMPT_TUNING") };
    (config, vec![("prompt_embeddings".to_owned(), vec![n, width], bytes(all))])
}

impl Adapter {
    /// Reads a folder that PEFT or a run wrote, for this model.
    ///
    /// # Errors
    /// [`Error::Request`] where it is no adapter or one for another model; [`Error::ModelFile`], [`Error::Io`].
    pub fn load(folder: &Path, model: &LanguageModel) -> Result<Self> {
        let path = folder.join(CONFIG);
        if !path.is_file() {
            let reason = format!(
                "{} is no adapter: there is no {CONFIG} in it; `medley tune` writes such a folder",
                folder.display()
            );
            return Err(Error::Request { reason });
        }
        let bad = |reason: String| Error::ModelFile { path: path.clone(), reason };
        let config: Config = serde_json::from_str(&read_text(&path)?)
            .map_err(|error| bad(format!("it cannot be read: {error}")))?;
        let habit = match folder.join(FORM) {
            form if form.is_file() => {
                let habit = serde_json::from_str(&read_text(&form)?);
                Some(habit.map_err(|error| Error::ModelFile {
                    path: form,
                    reason: format!("it cannot be read: {error}"),
                })?)
            }
            _ => None,
        };
        let weights = Weights::from_safetensors(&folder.join(TENSORS), &Device::Cpu, same_name)?;
        let (mut layers, mut prompt) = (AdapterLayers::default(), None);
        match config.peft_type.as_str() {
            "LORA" => layers = load_low_rank(&config, &weights, model.decoder(), &bad)?,
            "PROMPT_TUNING" => {
                let width = model.decoder().config().d_model;
                let shape = weights.shape("prompt_embeddings").unwrap_or_default();
                let n = shape.first().copied().unwrap_or(0);
                prompt = Some(weights.get("prompt_embeddings", &[n, width])?);
            }
            other => {
                return Err(bad(format!(
                    "adapters of the kind {other} are not known; LORA and PROMPT_TUNING are"
                )));
            }
        }
        weights.expect_all_used(|_| false)?;
        Ok(Self { layers, prompt, habit })
    }

    /// What it changes in the decoder.
    pub fn layers(&self) -> &AdapterLayers {
        &self.layers
    }

    /// How questions were put while it was made; `None` for one that was made elsewhere.
    pub fn habit(&self) -> Option<&Habit> {
        self.habit.as_ref()
    }

    /// A question as it was put while the adapter was made, or as it stands where that is not known.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn prompt(&self, model: &LanguageModel, question: &str) -> Result<Input> {
        let mut input = Input::default();
        let Some(Habit { form, asked, instead, .. }) = &self.habit else {
            return self.before(model, model.raw_prompt(question)?.into());
        };
        if !(*instead && self.prompt.is_some()) {
            input.append(&model.raw_prompt(&form.beginning(*asked))?.into());
        }
        input.append(&model.encode(&form.question(question, "", *asked))?.into());
        self.before(model, input)
    }

    /// An input with the soft prompt before it, where there is one.
    ///
    /// # Errors
    /// None today.
    pub fn before(&self, model: &LanguageModel, input: Input) -> Result<Input> {
        let Some(prompt) = &self.prompt else { return Ok(input) };
        let mut whole = Input::default();
        let numbers =
            prompt.flatten_all().and_then(|all| all.to_vec1::<f32>()).doing("reading a soft prompt")?;
        // Another prompt is another beginning for what was read before.
        let key =
            numbers.iter().fold(1u64, |key, x| key.wrapping_mul(0x100_0000_01B3) ^ u64::from(x.to_bits()));
        whole.push_media(model.decoder().config().pad_token, prompt.clone(), Modality::Text, key);
        whole.append(&input);
        Ok(whole)
    }
}

fn load_low_rank(
    config: &Config,
    weights: &Weights,
    decoder: &Decoder,
    bad: &dyn Fn(String) -> Error,
) -> Result<AdapterLayers> {
    let rank = config.r.filter(|rank| *rank > 0).ok_or_else(|| bad("its rank r is missing".into()))?;
    if config.use_dora == Some(true) || config.bias.as_deref().is_some_and(|bias| bias != "none") {
        return Err(bad("it changes magnitudes or biases, which only plain low-rank adapters do not".into()));
    }
    let alpha = config.lora_alpha.unwrap_or(rank as f64);
    let scale = match config.use_rslora {
        Some(true) => alpha / (rank as f64).sqrt(),
        _ => alpha / rank as f64,
    };
    let mut layers = AdapterLayers::default();
    for (layer, of) in decoder.matrices() {
        let (a, b) = (file_name(layer, of, "A"), file_name(layer, of, "B"));
        let Some((n_out, n_in)) = decoder.matrix_shape(layer, of).filter(|_| weights.has(&a)) else {
            continue;
        };
        let numbers = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
            weights.get(name, shape)?.flatten_all().and_then(|all| all.to_vec1()).doing("reading an adapter")
        };
        let a = numbers(&a, &[rank, n_in])?;
        let b = reorder(decoder, layer, of, rank, &numbers(&b, &[n_out, rank])?, false);
        let device = decoder.device();
        let adapter = Tensor::from_vec(a, (rank, n_in), device)
            .and_then(|a| LowRank::new(a, Tensor::from_vec(b, (n_out, rank), device)?, scale));
        layers.insert(layer, of, adapter.doing("making an adapter")?);
    }
    Ok(layers)
}
