//! The front door: one value that loads models when they are first needed and serves every task.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::cancel::Cancel;
use crate::device;
use crate::error::{Error, MediaProblem, Result};
use crate::generate::Conversation;
use crate::media::{Limits, Media, Opener};
use crate::model::LanguageModel;
use crate::models::{Store, inspect};
use crate::perception::embed::SentenceEncoder;
use crate::perception::speakers::SpeakerEncoder;
use crate::perception::{Reading, Specialists};
use crate::prefix_store::{ModelPrefixes, PrefixStore};
use crate::sequence::Evidence;
use crate::tasks::ask::{Ask, AskRequest, Clip, FoundInLibrary, ReadFile};
use crate::tasks::evidence::{self, Meanings};
use crate::tasks::perceive::{self, Perceived};
use crate::tasks::transcribe::{self, Live, TranscribeOptions, Transcription};
use crate::tune::Adapter;
use crate::weights::PanelStore;

/// What an [`Engine`] is made from.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Where models live.
    pub store: Store,
    /// The decoder: an id of `assets/models.toml`, or a path to a GGUF file or a Hugging Face folder.
    pub model: String,
    /// How much of a file is accepted.
    pub limits: Limits,
    /// Where the states of long prompts are kept for other runs; none keeps none.
    pub prefixes: Option<PrefixStore>,
    /// Where models are kept as the kernels want them; none arranges them at each start.
    pub panels: Option<PanelStore>,
}

/// A model that is in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedModel {
    /// An id of the registry, or a path.
    pub id: String,
    /// Bytes of its weights; those of a mapped file can be given back to the disk.
    pub bytes: u64,
    /// Bytes of keys and values of the conversation that it read last.
    pub conversation_bytes: u64,
    /// Where it computes: "cpu", "cuda:0", "metal".
    pub device: String,
}

/// Loads models on first use and keeps them. A clone is another handle to the same models, so one
/// engine serves many requests from any thread.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// The decoder that reads passages: the smallest that is fetched by default, since a question waits for it.
const READER: &str = "smollm2-135m";

struct Shared {
    specialists: Arc<Specialists>,
    limits: Limits,
    prefixes: Option<PrefixStore>,
    panels: Option<PanelStore>,
    decoder: Mutex<DecoderSlot>,
    draft: Mutex<Option<DraftSlot>>,
    /// What reads passages, once it is loaded.
    reader: Mutex<Option<Arc<LanguageModel>>>,
    /// What the decoder read last, for a follow-up that begins alike.
    conversation: Mutex<Option<Conversation>>,
    meanings: Arc<Meanings>,
    perceived: Mutex<Vec<(PerceivedKey, Arc<Perceived>)>>,
}

/// A file as it was when it was looked at, the part of it (bits of its seconds), and the room that there was for it.
type PerceivedKey = (PathBuf, Option<SystemTime>, Option<[u64; 2]>, usize);

/// Which decoder is wanted, and that one once it is loaded; with an adapter where one is wanted.
struct DecoderSlot {
    wanted: String,
    loaded: Option<Loaded>,
    adapter: Option<PathBuf>,
    adapted: Option<Adapted>,
}

/// A loaded decoder with an adapter; it shares its weights with the one without.
#[derive(Clone)]
struct Adapted {
    model: Arc<LanguageModel>,
    adapter: Arc<Adapter>,
}

/// A smaller model that guesses for the decoder.
struct DraftSlot {
    wanted: String,
    loaded: Option<Arc<LanguageModel>>,
}

/// A decoder with what is kept on disk of prompts that it read.
struct Loaded {
    model: Arc<LanguageModel>,
    prefixes: Option<ModelPrefixes>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Loads nothing yet.
    pub fn new(options: EngineOptions) -> Self {
        Self(Arc::new(Shared {
            specialists: Arc::new(Specialists::new(options.store)),
            limits: options.limits,
            prefixes: options.prefixes,
            panels: options.panels,
            decoder: Mutex::new(DecoderSlot {
                wanted: options.model,
                loaded: None,
                adapter: None,
                adapted: None,
            }),
            draft: Mutex::new(None),
            reader: Mutex::new(None),
            conversation: Mutex::new(None),
            meanings: Arc::default(),
            perceived: Mutex::default(),
        }))
    }

    /// Chooses another decoder: an id, or a path to a GGUF file or a Hugging Face folder. It is loaded when it is needed.
    pub fn set_model(&self, model: &str) {
        let mut slot = lock(&self.0.decoder);
        if slot.wanted != model {
            (slot.wanted, slot.loaded, slot.adapted) = (model.to_owned(), None, None);
            *lock(&self.0.conversation) = None;
            lock(&self.0.perceived).clear();
        }
    }

    /// Chooses an adapter for the decoder: a folder that `medley tune` or PEFT wrote; `None` for the decoder as it is. It
    /// is read when it is needed; the decoder is not loaded again.
    pub fn set_adapter(&self, folder: Option<&Path>) {
        let mut slot = lock(&self.0.decoder);
        if slot.adapter.as_deref() != folder {
            (slot.adapter, slot.adapted) = (folder.map(Path::to_path_buf), None);
            // What was read with the other one is of no use.
            *lock(&self.0.conversation) = None;
        }
    }

    /// The adapter that was chosen, read now if it was not yet.
    ///
    /// # Errors
    /// As [`Engine::language_model`].
    pub(crate) fn adapter(&self) -> Result<Option<Arc<Adapter>>> {
        self.language_model()?;
        Ok(lock(&self.0.decoder).adapted.as_ref().map(|adapted| adapted.adapter.clone()))
    }

    /// Chooses a smaller model of the same family that guesses what the decoder writes, so that it can read several
    /// tokens at once; the answers are the same. It is loaded when it is needed.
    pub fn set_draft(&self, model: Option<&str>) {
        *lock(&self.0.draft) = model.map(|model| DraftSlot { wanted: model.to_owned(), loaded: None });
    }

    /// Starts to read a file into spans.
    pub fn read(&self, path: &Path, cancel: &Cancel) -> Reading {
        Reading::new(path, self.opener(), self.0.specialists.clone(), cancel)
    }

    /// Starts to answer a question.
    pub fn ask(&self, request: AskRequest, cancel: &Cancel) -> Ask {
        Ask::new(self.clone(), request, cancel)
    }

    /// The evidence for a question in excerpts of a library, without an answer; nothing when cancelled.
    ///
    /// # Errors
    /// [`Error::ModelFile`], [`Error::Compute`].
    pub fn evidence(
        &self,
        files: Vec<ReadFile>,
        question: &str,
        library: &FoundInLibrary,
        cancel: &Cancel,
    ) -> Result<Vec<Evidence>> {
        let encoder = self.passage_encoder()?;
        evidence::find(files, question, encoder, self.meanings(), library, cancel)
    }

    /// Starts to transcribe the sound of a recording or video with this Whisper.
    ///
    /// # Errors
    /// [`Error::Media`] when there is no sound to be had; [`Error::ModelMissing`];
    /// [`Error::Request`] for options that the model cannot serve.
    pub fn transcribe(
        &self,
        path: &Path,
        whisper_id: &str,
        options: TranscribeOptions,
        cancel: &Cancel,
    ) -> Result<Transcription> {
        let no_sound = || Error::media(path, MediaProblem::NoSound);
        let sound = match self.opener().open(path, cancel)? {
            Media::Sound(sound) => sound,
            Media::Video(video) => video.sound().ok_or_else(no_sound)??,
            Media::Picture(_) | Media::Document(_) => return Err(no_sound()),
        };
        let models = self.0.specialists.speech(whisper_id)?;
        transcribe::check(&models, &options)?;
        Ok(transcribe::transcribe_file(models, sound, options, cancel))
    }

    /// Starts to transcribe sound that is still being made, with this Whisper.
    ///
    /// # Errors
    /// [`Error::ModelMissing`]; [`Error::Request`] for options that the model cannot serve.
    pub fn live(&self, whisper_id: &str, options: TranscribeOptions, cancel: &Cancel) -> Result<Live> {
        Live::new(self.0.specialists.speech(whisper_id)?, options, cancel)
    }

    /// What tells speakers apart, for [`Transcription::with_speakers`]; loaded now if it was not yet.
    ///
    /// # Errors
    /// [`Error::ModelMissing`], [`Error::ModelFile`].
    pub fn speaker_encoder(&self) -> Result<Arc<SpeakerEncoder>> {
        self.0.specialists.speakers()
    }

    /// The decoder with its adapter, loaded now if it was not yet.
    ///
    /// # Errors
    /// [`Error::ModelMissing`], [`Error::ModelUnknown`], [`Error::ModelFile`]; [`Error::Request`] for an adapter of
    /// another model.
    pub fn language_model(&self) -> Result<Arc<LanguageModel>> {
        let mut slot = lock(&self.0.decoder);
        let base = match &slot.loaded {
            Some(loaded) => loaded.model.clone(),
            None => {
                let path = self.model_path(&slot.wanted)?;
                let prefixes = self.0.prefixes.as_ref().and_then(|prefixes| prefixes.of_model(&path));
                let model = Arc::new(LanguageModel::load_with(&path, self.0.panels.as_ref())?);
                slot.loaded.insert(Loaded { model, prefixes }).model.clone()
            }
        };
        let Some(folder) = &slot.adapter else { return Ok(base) };
        if let Some(adapted) = &slot.adapted {
            return Ok(adapted.model.clone());
        }
        let adapter = Arc::new(Adapter::load(folder, &base)?);
        let model = Arc::new(base.adapted(adapter.layers())?);
        Ok(slot.adapted.insert(Adapted { model, adapter }).model.clone())
    }

    /// The model that guesses, loaded now if it was not yet; none where none was chosen.
    ///
    /// # Errors
    /// As [`Engine::language_model`].
    pub(crate) fn draft_model(&self) -> Result<Option<Arc<LanguageModel>>> {
        let mut slot = lock(&self.0.draft);
        let Some(DraftSlot { wanted, loaded }) = slot.as_mut() else { return Ok(None) };
        if loaded.is_none() {
            let path = self.model_path(wanted)?;
            *loaded = Some(Arc::new(LanguageModel::load_with(&path, self.0.panels.as_ref())?));
        }
        Ok(loaded.clone())
    }

    /// Where a model is: an id, or a path.
    fn model_path(&self, wanted: &str) -> Result<PathBuf> {
        let path = PathBuf::from(wanted);
        // A folder that happens to have the name of a model does not hide it.
        let is_path = path.is_file() || (path.is_dir() && self.store().registry().get(wanted).is_none());
        if is_path { Ok(path) } else { self.store().file(wanted, "model") }
    }

    /// What is kept on disk of prompts that the loaded decoder read; nothing with an adapter, which reads them otherwise.
    pub(crate) fn prefixes(&self) -> Option<ModelPrefixes> {
        let slot = lock(&self.0.decoder);
        slot.loaded.as_ref().filter(|_| slot.adapter.is_none()).and_then(|loaded| loaded.prefixes.clone())
    }

    /// Whether an answer can begin at once; not while another thread loads the decoder.
    pub(crate) fn decoder_is_loaded(&self) -> bool {
        self.0.decoder.try_lock().is_ok_and(|slot| slot.loaded.is_some())
    }

    /// Loads what an answer needs on another thread, while this one reads media. Failures are told
    /// when the model is asked for.
    pub(crate) fn preload(&self, with_search: bool) {
        if self.decoder_is_loaded() {
            return;
        }
        let engine = self.clone();
        let load = move || {
            let decoder = engine.language_model().err();
            let sentences = if with_search { engine.specialists().sentences().err() } else { None };
            for error in [decoder, sentences].into_iter().flatten() {
                log::info!("loading ahead: {error}");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("load".into()).spawn(load) {
            log::info!("nothing is loaded ahead: {error}");
        }
    }

    /// Frees all models and what they read; each is loaded again when it is needed.
    pub fn unload(&self) {
        let mut slot = lock(&self.0.decoder);
        (slot.loaded, slot.adapted) = (None, None);
        drop(slot);
        if let Some(draft) = lock(&self.0.draft).as_mut() {
            draft.loaded = None;
        }
        *lock(&self.0.reader) = None;
        *lock(&self.0.conversation) = None;
        lock(&self.0.perceived).clear();
        self.0.specialists.unload();
    }

    /// What is in memory now; nothing of a decoder that another thread is loading.
    pub fn loaded(&self) -> Vec<LoadedModel> {
        let mut found = Vec::new();
        if let Ok(slot) = self.0.decoder.try_lock()
            && let Some(loaded) = &slot.loaded
        {
            found.push(self.described(&slot.wanted, &loaded.model));
        }
        if let Some(DraftSlot { wanted, loaded: Some(model) }) = &*lock(&self.0.draft) {
            found.push(self.described(wanted, model));
        }
        if let Some(model) = &*lock(&self.0.reader) {
            found.push(self.described(READER, model));
        }
        let specialists = self.0.specialists.loaded().into_iter().map(|id| LoadedModel {
            bytes: self.store().registry().get(&id).map_or(0, |model| model.bytes()),
            id,
            conversation_bytes: 0,
            device: "cpu".into(),
        });
        found.extend(specialists);
        found
    }

    fn described(&self, wanted: &str, model: &LanguageModel) -> LoadedModel {
        let file = self.model_path(wanted).ok().and_then(|path| inspect(&path, None).ok());
        let decoder = model.decoder();
        let conversation = lock(&self.0.conversation);
        LoadedModel {
            id: wanted.to_owned(),
            bytes: file.map_or(0, |info| info.memory.weights_bytes),
            conversation_bytes: conversation.as_ref().map_or(0, |held| held.bytes(decoder)),
            device: decoder.device_name(),
        }
    }

    /// What a failure means: a device that broke is not asked again, and what it held is given up.
    pub(crate) fn lost(&self, error: Error) -> Error {
        let device = lock(&self.0.decoder).loaded.as_ref().and_then(|loaded| {
            let decoder = loaded.model.decoder();
            (!decoder.is_on_processor()).then(|| decoder.device_name())
        });
        let error = device::lost_at(device, error);
        if let Error::DeviceLost { device, .. } = &error {
            device::lose(device);
            self.unload();
        }
        error
    }

    /// What a person should know of where the decoder computes.
    pub(crate) fn notice(&self) -> Option<String> {
        let device = device::lost()?;
        Some(format!(
            "the processor computes, because the device {device} stopped answering; start Medley anew to use it"
        ))
    }

    /// Where the models are.
    pub fn store(&self) -> &Store {
        self.0.specialists.store()
    }

    /// Opens files within this engine's limits.
    pub fn opener(&self) -> Opener {
        Opener { limits: self.0.limits.clone(), pdfium: self.store().file("pdfium", "library").ok() }
    }

    pub(crate) fn specialists(&self) -> &Specialists {
        &self.0.specialists
    }

    /// What compares passages by their meaning; none where it was not fetched, and then words alone are compared.
    ///
    /// # Errors
    /// [`Error::ModelFile`].
    pub(crate) fn passage_encoder(&self) -> Result<Option<Arc<SentenceEncoder>>> {
        match self.specialists().passages() {
            Ok(encoder) => Ok(Some(encoder)),
            Err(Error::ModelMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The decoder that reads passages for a question, which is small; none where it was not fetched. When it is also
    /// the one that answers, it is loaded once.
    ///
    /// # Errors
    /// [`Error::ModelFile`].
    pub(crate) fn reader(&self) -> Result<Option<Arc<LanguageModel>>> {
        let answers = {
            let slot = lock(&self.0.decoder);
            slot.wanted == READER && slot.adapter.is_none()
        };
        let mut slot = lock(&self.0.reader);
        if let Some(reader) = slot.as_ref().filter(|_| !answers) {
            return Ok(Some(reader.clone()));
        }
        let load = || Ok(Arc::new(LanguageModel::load(&self.store().file(READER, "model")?)?));
        match if answers { self.language_model() } else { load() } {
            // Held twice, it would stay when the decoder is freed.
            Ok(reader) if answers => Ok(Some(reader)),
            Ok(reader) => Ok(Some(slot.insert(reader).clone())),
            Err(Error::ModelMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn meanings(&self) -> Arc<Meanings> {
        self.0.meanings.clone()
    }

    /// What the model itself sees and hears of a file; kept, so that a follow-up encodes nothing again. `None`
    /// when cancelled.
    ///
    /// # Errors
    /// As [`perceive::perceive`].
    pub(crate) fn perceive(
        &self,
        model: &LanguageModel,
        path: &Path,
        clip: Option<&Clip>,
        room: usize,
        cancel: &Cancel,
    ) -> Result<Option<Arc<Perceived>>> {
        /// Media that are kept: some megabytes each.
        const MOST: usize = 32;
        let about = std::fs::metadata(path).ok();
        let changed = about.as_ref().and_then(|about| about.modified().ok());
        let clip = clip.filter(|clip| clip.path == path);
        let part = clip.map(|clip| [clip.from_s, clip.to_s].map(f64::to_bits));
        let key = (path.to_path_buf(), changed, part, room);
        let known = lock(&self.0.perceived).iter().find(|(known, _)| *known == key).map(|(_, p)| p.clone());
        if known.is_some() {
            return Ok(known);
        }
        let Some(perceived) = perceive::perceive(model, &self.opener(), path, clip, room, cancel)? else {
            return Ok(None);
        };
        let perceived = Arc::new(perceived);
        let mut kept = lock(&self.0.perceived);
        if kept.len() >= MOST {
            kept.remove(0);
        }
        kept.push((key, perceived.clone()));
        Ok(Some(perceived))
    }

    pub(crate) fn take_conversation(&self) -> Option<Conversation> {
        lock(&self.0.conversation).take()
    }

    pub(crate) fn keep_conversation(&self, conversation: Conversation) {
        *lock(&self.0.conversation) = Some(conversation);
    }
}
