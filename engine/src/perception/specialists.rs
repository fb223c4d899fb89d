//! The specialists, loaded when they are first needed and kept.

use std::sync::{Arc, Mutex, PoisonError};

use super::embed::SentenceEncoder;
use super::ocr::Ocr;
use super::speakers::SpeakerEncoder;
use super::speech::SpeechModels;
use super::tags::Tagger;
use crate::error::Result;
use crate::models::Store;

/// A model that is loaded once; a failed load is tried again, since a person may fetch it meanwhile.
struct Lazy<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Lazy<T> {
    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_loaded(&self) -> bool {
        self.0.try_lock().is_ok_and(|slot| slot.is_some())
    }

    fn get(&self, load: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(loaded) => Ok(loaded.clone()),
            None => Ok(slot.insert(Arc::new(load()?)).clone()),
        }
    }
}

/// Everything that perception needs; cheap to share in an [`Arc`].
pub struct Specialists {
    store: Store,
    speech: Mutex<Option<(String, Arc<SpeechModels>)>>,
    ocr: Lazy<Ocr>,
    tagger: Lazy<Tagger>,
    sentences: Lazy<SentenceEncoder>,
    passages: Lazy<SentenceEncoder>,
    speakers: Lazy<SpeakerEncoder>,
}

impl Specialists {
    /// Loads nothing yet.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            speech: Mutex::new(None),
            ocr: Lazy::default(),
            tagger: Lazy::default(),
            sentences: Lazy::default(),
            passages: Lazy::default(),
            speakers: Lazy::default(),
        }
    }

    /// Frees all; each is loaded again when it is needed.
    pub fn unload(&self) {
        *self.speech.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.ocr.clear();
        self.tagger.clear();
        self.sentences.clear();
        self.passages.clear();
        self.speakers.clear();
    }

    /// The ids of those that are in memory.
    pub fn loaded(&self) -> Vec<String> {
        let speech = self.speech.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<String> = speech.iter().map(|(id, _)| id.clone()).collect();
        let has_sentences = self.sentences.is_loaded() || self.passages.is_loaded();
        for (is_loaded, id) in [
            (self.ocr.is_loaded(), "ppocr-v6-small"),
            (self.tagger.is_loaded(), "efficientnet-lite2"),
            (has_sentences, "minilm-l6"),
            (self.speakers.is_loaded(), "ge2e-speaker"),
        ] {
            ids.extend(is_loaded.then(|| id.to_owned()));
        }
        ids
    }

    /// Where the models are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Speech recognition with this Whisper; the last one stays loaded.
    ///
    /// # Errors
    /// As [`SpeechModels::load`].
    pub fn speech(&self, whisper_id: &str) -> Result<Arc<SpeechModels>> {
        let mut slot = self.speech.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, models)) = &*slot
            && id == whisper_id
        {
            return Ok(models.clone());
        }
        let models = Arc::new(SpeechModels::load(&self.store, whisper_id)?);
        *slot = Some((whisper_id.to_owned(), models.clone()));
        Ok(models)
    }

    /// Reading of text in pictures.
    ///
    /// # Errors
    /// As [`Ocr::load`].
    pub fn ocr(&self) -> Result<Arc<Ocr>> {
        self.ocr.get(|| Ocr::load(&self.store))
    }

    /// Recognition of things in pictures.
    ///
    /// # Errors
    /// As [`Tagger::load`].
    pub fn tagger(&self) -> Result<Arc<Tagger>> {
        self.tagger.get(|| Tagger::load(&self.store))
    }

    /// The meaning of sentences.
    ///
    /// # Errors
    /// As [`SentenceEncoder::load`].
    pub fn sentences(&self) -> Result<Arc<SentenceEncoder>> {
        self.sentences.get(|| SentenceEncoder::load(&self.store))
    }

    /// The meaning of the passages of a library: weights and activations of eight bits, for many texts.
    ///
    /// # Errors
    /// As [`SentenceEncoder::load`].
    pub fn passages(&self) -> Result<Arc<SentenceEncoder>> {
        self.passages.get(|| SentenceEncoder::load_rounded(&self.store))
    }

    /// Voices of speakers.
    ///
    /// # Errors
    /// As [`SpeakerEncoder::load`].
    pub fn speakers(&self) -> Result<Arc<SpeakerEncoder>> {
        self.speakers.get(|| SpeakerEncoder::load(&self.store))
    }
}
