//! What a request changes: the keys and values of the tokens so far.

use std::io::{Error as IoError, Read, Write};

use candle_core::Device;

use super::config::DecoderConfig;
use super::routing::{Choice, Routing};
use crate::error::{Doing, Result};
use crate::nn::{CacheFormat, KvCache};

/// The memory of one conversation with one decoder; the caller owns it.
pub struct DecodeState {
    /// One for each layer; none for a layer that reads another's.
    pub(super) caches: Vec<Option<KvCache>>,
    pub(super) pos: usize,
    routing: Routing,
    /// What was counted in the last step, which can be taken back.
    choices: Vec<Choice>,
    format: CacheFormat,
    mark: Option<Mark>,
}

/// A position to come back to, with what layers with a window saw then.
pub struct Mark {
    pos: usize,
    windows: Vec<Option<KvCache>>,
}

impl DecodeState {
    /// An empty state for this decoder.
    pub(super) fn new(
        config: &DecoderConfig,
        format: CacheFormat,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let cache = |layer: &super::LayerSpec| {
            layer.attention.cache().map(|shape| KvCache::new(shape, format, device)).transpose()
        };
        let caches = config.layers.iter().map(cache).collect::<candle_core::Result<_>>()?;
        Ok(Self { caches, pos: 0, routing: Routing::new(config), choices: Vec::new(), format, mark: None })
    }

    /// Tokens that it holds.
    pub fn pos(&self) -> usize {
        self.pos
    }

    /// Makes room for `n` tokens in all.
    pub fn reserve(&mut self, n: usize) {
        self.caches.iter_mut().flatten().for_each(|cache| cache.reserve(n));
    }

    /// How it keeps its numbers.
    pub fn format(&self) -> CacheFormat {
        self.format
    }

    /// Which experts were used so far.
    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// A step begins: what was counted before it stays.
    pub(super) fn begin_step(&mut self) {
        self.choices.clear();
    }

    pub(super) fn count(&mut self, choice: Choice) {
        self.routing.count(choice, 1);
        self.choices.push(choice);
    }

    /// As many states of the same conversation, which then go on each for itself; what they share stays in memory
    /// once, except for a few hundred positions.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) when a device has no memory left.
    pub fn fork(self, n: usize) -> Result<Vec<Self>> {
        let Self { caches, pos, routing, format, .. } = self;
        let mut forks: Vec<Self> = (0..n)
            .map(|_| Self {
                caches: Vec::with_capacity(caches.len()),
                pos,
                routing: routing.clone(),
                choices: Vec::new(),
                format,
                mark: None,
            })
            .collect();
        for cache in caches {
            let copies = cache.map(|cache| cache.fork(n)).transpose().doing("parting conversations")?;
            let mut copies = copies.unwrap_or_default().into_iter();
            forks.iter_mut().for_each(|fork| fork.caches.push(copies.next()));
        }
        Ok(forks)
    }

    /// This position, so that it can be saved however far the conversation goes on.
    pub fn here(&self) -> Mark {
        let window = |cache: &Option<KvCache>| cache.as_ref().filter(|cache| cache.has_window()).cloned();
        Mark { pos: self.pos, windows: self.caches.iter().map(window).collect() }
    }

    /// Makes this position one that [`DecodeState::truncate`] can come back to, however far the conversation
    /// goes on; the one before is forgotten.
    pub fn mark(&mut self) {
        self.mark = Some(self.here());
    }

    /// Forgets all tokens from `pos` on, so that another continuation can follow, and returns how many it
    /// still holds: fewer than `pos` when a layer with a window no longer has what a token there sees. Then it
    /// is the marked position, or none. Of the last step, what it counted of experts is forgotten too.
    pub fn truncate(&mut self, pos: usize) -> usize {
        if pos < self.pos {
            let reaches = |caches: &[Option<KvCache>], pos| caches.iter().flatten().all(|c| c.reaches(pos));
            let marked = self.mark.as_ref().map(|mark| mark.pos).filter(|marked| *marked <= pos);
            self.pos = match marked {
                _ if reaches(&self.caches, pos) => pos,
                Some(marked) => {
                    self.return_to_mark();
                    marked
                }
                None => 0,
            };
            self.mark = self.mark.take().filter(|mark| mark.pos <= self.pos);
            self.caches.iter_mut().flatten().for_each(|cache| cache.truncate(self.pos));
            for choice in self.choices.extract_if(.., |choice| choice.pos >= pos) {
                self.routing.count(choice, -1);
            }
        }
        self.pos
    }

    fn return_to_mark(&mut self) {
        let Some(mark) = &self.mark else { return };
        for (cache, window) in self.caches.iter_mut().zip(&mark.windows) {
            if window.is_some() {
                cache.clone_from(window);
            }
        }
    }

    /// Writes the state as it was at a position that it went through.
    ///
    /// # Errors
    /// Those of the writer, or when it has gone back beyond that position.
    pub fn save(&self, at: &Mark, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&(at.pos as u64).to_le_bytes())?;
        let caches =
            self.caches.iter().zip(&at.windows).filter_map(|(now, then)| then.as_ref().or(now.as_ref()));
        for cache in caches {
            cache.save(at.pos, out)?;
        }
        Ok(())
    }

    /// Reads what [`DecodeState::save`] wrote of a state of the same decoder and format.
    ///
    /// # Errors
    /// Those of the reader, or when it is another decoder's state.
    pub(super) fn load(
        config: &DecoderConfig,
        format: CacheFormat,
        device: &Device,
        from: &mut impl Read,
    ) -> std::io::Result<Self> {
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes)?;
        let pos = usize::try_from(u64::from_le_bytes(bytes)).map_err(IoError::other)?;
        let most = config.context_tokens;
        let mut caches = Vec::with_capacity(config.layers.len());
        for layer in &config.layers {
            let shape = layer.attention.cache();
            caches.push(shape.map(|shape| KvCache::load(shape, format, device, most, from)).transpose()?);
        }
        if pos == 0 || !caches.iter().flatten().all(|cache| cache.reaches(pos) && cache.end() == pos) {
            return Err(IoError::other("its layers hold different positions"));
        }
        Ok(Self { caches, pos, routing: Routing::new(config), choices: Vec::new(), format, mark: None })
    }
}
