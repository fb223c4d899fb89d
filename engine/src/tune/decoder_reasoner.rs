//! A decoder with adapters or a soft prompt, as a reasoner.

use std::sync::Arc;
use std::time::Instant;

use candle_core::Tensor;

use super::data::Example;
use super::form::{Asked, END, Form, is_right};
use super::parameters::{Places, Tuned};
use super::reasoner::{Gradient, Reasoner, Term, Wanted};
use crate::cancel::Cancel;
use crate::decoder::{AdapterLayers, CacheFormat, Input, Modality, Scored};
use crate::error::{Doing, Error, Result};
use crate::features::text::TokenId;
use crate::generate::event::Event;
use crate::generate::{Chains, ChainsEvent, GenerateOptions};
use crate::model::LanguageModel;

/// Chains that are written at once: more keep more keys and values in memory.
const CHAINS: usize = 32;

/// The same on other devices than the processor, where a step takes about as long for few as for many.
const DEVICE_CHAINS: usize = 64;

/// Bytes that gradients may take at once: what all layers read, and what one of them keeps on its way.
const BYTES: usize = 384 << 20;

/// Tokens whose gradients are computed at once, beside what their prompts begin with, at least.
const TOKENS: usize = 512;

/// What a decoder wrote to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// All that was drawn, with the token that ended it.
    pub tokens: Vec<u32>,
    /// Its text; empty for one that did not end.
    pub text: String,
}

/// See the module.
pub struct DecoderReasoner {
    base: Arc<LanguageModel>,
    /// With what is tuned.
    model: Arc<LanguageModel>,
    form: Form,
    examples: Vec<Example>,
    tuned: Kind,
    /// What is trained asks for chains, or for answers alone.
    asked: Asked,
    parameters: Vec<f32>,
    max_tokens: usize,
}

enum Kind {
    LowRank(Places),
    /// So many soft tokens of this width; whether they stand for what prompts begin with.
    Prompt {
        n: usize,
        width: usize,
        instead: bool,
    },
}

impl DecoderReasoner {
    /// `asked` says what is trained. Chains have at most `max_tokens`.
    ///
    /// # Errors
    /// [`Error::Request`] for a model that cannot be tuned, and for matrices that it has not.
    pub fn new(
        base: Arc<LanguageModel>,
        form: Form,
        examples: Vec<Example>,
        tuned: &Tuned,
        asked: Asked,
        seed: u64,
        max_tokens: usize,
    ) -> Result<Self> {
        base.decoder().expect_gradients()?;
        let (kind, parameters) = match tuned {
            Tuned::LowRank { rank, alpha, targets } => {
                let places = Places::new(base.decoder(), *rank, *alpha, targets)?;
                let first = places.first(seed);
                (Kind::LowRank(places), first)
            }
            Tuned::Prompt { tokens } => {
                let beginning = base.raw_prompt(&form.beginning(asked))?;
                let ids: Vec<u32> = beginning.iter().map(|token| token.0).collect();
                let n = if *tokens == 0 { ids.len() } else { *tokens };
                let ids: Vec<u32> = ids.iter().copied().cycle().take(n).collect();
                let first = base.decoder().embedded(&ids)?;
                let kind = Kind::Prompt { n, width: first.len() / n.max(1), instead: *tokens == 0 };
                (kind, first)
            }
        };
        let model = base.clone();
        let mut reasoner =
            Self { base, model, form, examples, tuned: kind, asked, parameters: Vec::new(), max_tokens };
        reasoner.set_parameters(parameters)?;
        Ok(reasoner)
    }

    /// The model with what is tuned.
    pub fn model(&self) -> &Arc<LanguageModel> {
        &self.model
    }

    /// The text around questions.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The examples that it is asked for.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// What is tuned, with the numbers that it has now.
    pub(super) fn places(&self) -> Option<&Places> {
        match &self.tuned {
            Kind::LowRank(places) => Some(places),
            Kind::Prompt { .. } => None,
        }
    }

    /// Shows other exemplars.
    ///
    /// # Errors
    /// As [`DecoderReasoner::new`].
    pub fn set_form(&mut self, form: Form, tuned: &Tuned) -> Result<()> {
        let is_soft = matches!(self.tuned, Kind::Prompt { .. });
        self.form = form;
        if is_soft {
            let fresh = Self::new(
                self.base.clone(),
                self.form.clone(),
                Vec::new(),
                tuned,
                self.asked,
                0,
                self.max_tokens,
            )?;
            self.tuned = fresh.tuned;
            self.set_parameters(fresh.parameters)?;
        }
        Ok(())
    }

    /// What all prompts of a kind begin with, with soft tokens.
    fn beginning(&self, asked: Asked) -> Result<Input> {
        let tokens = |form: &Form| self.model.raw_prompt(&form.beginning(asked)).map(Input::from);
        let Kind::Prompt { n, width, instead } = self.tuned else { return tokens(&self.form) };
        let soft = Tensor::from_slice(&self.parameters, (n, width), &candle_core::Device::Cpu);
        let mut input = Input::default();
        input.push_media(
            self.model.decoder().config().pad_token,
            soft.doing("making a soft prompt")?,
            Modality::Text,
            0,
        );
        // A guide shows its own exemplars: the soft prompt was made from those of questions.
        if !instead || asked != self.asked {
            input.append(&tokens(&self.form)?);
        }
        Ok(input)
    }

    fn question(&self, example: usize, asked: Asked) -> Result<Vec<TokenId>> {
        let Some(Example { question, answer, .. }) = self.examples.get(example) else {
            return Err(Error::Request { reason: format!("there is no question {example}") });
        };
        self.model.encode(&self.form.question(question, answer, asked))
    }

    fn write(&self, asked: Asked, wanted: &[Wanted], cancel: &Cancel) -> Result<Option<Vec<Chain>>> {
        let options = GenerateOptions {
            max_tokens: self.max_tokens,
            temperature: if wanted.iter().all(|wanted| wanted.seed.is_none()) { 0.0 } else { 1.0 },
            stop: vec![END.to_owned()],
            cache: CacheFormat::default(),
            ..GenerateOptions::plain()
        };
        let ends: Result<Vec<Input>> =
            wanted.iter().map(|wanted| self.question(wanted.example, asked).map(Input::from)).collect();
        let seeds: Vec<u64> = wanted.iter().map(|wanted| wanted.seed.unwrap_or(0)).collect();
        let beginning = self.beginning(asked)?;
        let since = Instant::now();
        let mut chains = Chains::after(self.model.clone(), beginning, ends?, &options, &seeds, cancel)?;
        let mut texts = vec![String::new(); wanted.len()];
        let mut ended = vec![false; wanted.len()];
        for event in chains.by_ref() {
            match event? {
                ChainsEvent::Chain { chain, event: Event::Text(text) } => texts[chain].push_str(&text),
                ChainsEvent::Chain { chain, event: Event::Done { reason, .. } } => match reason {
                    crate::StopReason::Cancelled => return Ok(None),
                    crate::StopReason::Stop => ended[chain] = true,
                    crate::StopReason::Length => {}
                },
                _ => {}
            }
        }
        log::debug!("{} chains in {:.2} s", wanted.len(), since.elapsed().as_secs_f64());
        let each = texts.into_iter().zip(ended).enumerate().map(|(i, (text, ended))| Chain {
            tokens: chains.drawn(i).iter().map(|token| token.0).collect(),
            text: if ended { text } else { String::new() },
        });
        Ok(Some(each.collect()))
    }
}

impl Reasoner for DecoderReasoner {
    type Chain = Chain;

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn set_parameters(&mut self, parameters: Vec<f32>) -> Result<()> {
        if let Kind::LowRank(places) = &self.tuned {
            let adapters = places.adapters(&parameters, self.base.decoder().device(), false)?;
            self.model = Arc::new(self.base.adapted(&adapters)?);
        }
        self.parameters = parameters;
        Ok(())
    }

    fn propose(&mut self, wanted: &[Wanted], cancel: &Cancel) -> Result<Option<Vec<Chain>>> {
        let mut all = vec![None; wanted.len()];
        let at_once = if self.model.decoder().is_on_processor() { CHAINS } else { DEVICE_CHAINS };
        // Those that are asked alike are written together.
        for asked in [Asked::Steps, Asked::Guided, Asked::Directly] {
            for drawn in [true, false] {
                let is_one = |i: &usize| wanted[*i].asked == asked && wanted[*i].seed.is_some() == drawn;
                let places: Vec<usize> = (0..wanted.len()).filter(is_one).collect();
                for places in places.chunks(at_once) {
                    let some: Vec<Wanted> = places.iter().map(|i| wanted[*i]).collect();
                    let Some(chains) = self.write(asked, &some, cancel)? else { return Ok(None) };
                    places.iter().zip(chains).for_each(|(i, chain)| all[*i] = Some(chain));
                }
            }
        }
        let nothing = || Chain { tokens: Vec::new(), text: String::new() };
        Ok(Some(all.into_iter().map(|chain| chain.unwrap_or_else(nothing)).collect()))
    }

    fn is_right(&self, example: usize, chain: &Chain) -> bool {
        // Asked directly, the answer alone is a chain, too.
        self.examples.get(example).is_some_and(|example| is_right(&chain.text, &example.answer))
    }

    fn direct(&self, example: usize) -> Result<Chain> {
        let answer = self.examples.get(example).map(|example| self.form.direct_answer(&example.answer));
        let text = answer.unwrap_or_default();
        let tokens = self.model.encode(&text)?.into_iter().map(|token| token.0).collect();
        Ok(Chain { tokens, text: text.trim().to_owned() })
    }

    fn gradient(&mut self, terms: &[Term<Chain>], cancel: &Cancel) -> Result<Option<Gradient>> {
        let adapters = match &self.tuned {
            Kind::LowRank(places) => places.adapters(&self.parameters, self.base.decoder().device(), true)?,
            Kind::Prompt { .. } => AdapterLayers::default(),
        };
        let decoder = self.base.decoder().adapted(&adapters)?;
        let beginning = self.beginning(self.asked)?;
        let mut texts = Vec::with_capacity(terms.len());
        for term in terms {
            let question = self.question(term.example, self.asked)?;
            let first = question.len();
            let tokens = question.into_iter().map(|token| token.0).chain(term.chain.tokens.iter().copied());
            texts.push(Scored { tokens: tokens.collect(), first, weight: term.weight });
        }
        let mut of = vec![0.0f32; self.parameters.len()];
        let mut log_p = Vec::with_capacity(terms.len());
        let of_token = decoder.config().bytes_of_traced_token();
        let most = (BYTES / of_token).saturating_sub(beginning.len()).max(TOKENS);
        let mut rest = &texts[..];
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = |text: &&Scored| {
                tokens += text.tokens.len();
                tokens <= most
            };
            let n = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(n);
            rest = later;
            let Some(gradients) = decoder.gradients(&beginning, now, &adapters, cancel)? else {
                return Ok(None);
            };
            log_p.extend(gradients.log_p);
            let parts: Vec<&Tensor> = match &self.tuned {
                Kind::LowRank(_) => gradients.adapters.iter().flatten().collect(),
                Kind::Prompt { .. } => gradients.beginning.iter().collect(),
            };
            let mut sums = of.iter_mut();
            for part in parts {
                let numbers =
                    part.flatten_all().and_then(|part| part.to_vec1::<f32>()).doing("reading gradients")?;
                // Of what prompts begin with only the soft tokens are tuned.
                numbers.iter().zip(&mut sums).for_each(|(number, sum)| *sum += number);
            }
        }
        Ok(Some(Gradient { log_p, of }))
    }
}
