//! The second half of a request: the prompt is built, and the answer is written from it.

use super::super::evidence::Found;
use super::super::think::{STEPS, Thinking};
use super::super::{context_map, prompt, room};
use super::{Ask, AskRequest, Step};
use crate::decoder::Input;
use crate::error::{Error, Result};
use crate::generate::event::{Event, StopReason, Usage};
use crate::generate::inside::{ContextMap, LeftOut};
use crate::generate::{Generation, Speculation, free_bytes, shrink_cache};
use crate::tune::form::END;

impl Ask {
    pub(super) fn prompt(&mut self, mut found: Option<Box<Found>>) -> Result<()> {
        let model = self.engine.language_model()?;
        if self.context.is_none() {
            self.events.extend(self.engine.notice().into_iter().map(Event::Notice));
            self.events.extend(model.notice().map(|text| Event::Notice(text.to_owned())));
        }
        let adapter = self.engine.adapter()?;
        let mut options = self.request.options.clone();
        // Without media a question is put as those that the adapter learnt from.
        let tuned = adapter.as_ref().filter(|adapter| {
            adapter.habit().is_some() && !self.request.raw && found.is_none() && self.media.is_empty()
        });
        let (mut pieces, mut beside) = (None, Vec::new());
        let input = if let Some(adapter) = tuned {
            options.stop.push(END.to_owned());
            options.repetition_penalty = 1.0;
            adapter.prompt(&model, &self.request.question)?
        } else {
            if self.request.think.is_some() && self.context.is_none() {
                self.request.question = format!("{}\n{STEPS}", self.request.question);
            }
            let input = if self.request.raw {
                Input::from(model.raw_prompt(&self.request.question)?)
            } else {
                let context = self.context.unwrap_or(model.context_tokens());
                if self.context.is_some() {
                    room::cut_answer(&mut options, context);
                    let fits = room::media_that_fit(&self.media, context);
                    self.media.truncate(fits);
                }
                let media = (&self.media[..], &self.media_names[..]);
                let request = AskRequest { options: options.clone(), ..self.request.clone() };
                let prompt = prompt::build(&model, &request, found.as_deref(), media, context)?;
                // Where there is no memory for it, it is built once more, smaller.
                let free = free_bytes(model.decoder(), &options);
                let smaller = room::smaller(model.decoder().config(), prompt.input.len(), &options, free);
                if let (Some(smaller), None) = (smaller, self.context) {
                    return self.prompt_within(smaller, free, found);
                }
                self.events.extend(prompt.notices.into_iter().map(Event::Notice));
                if let Some(found) = &mut found {
                    found.gave(prompt.given);
                }
                if !prompt.notes.is_empty() {
                    self.events.push_back(Event::Notes(prompt.notes));
                }
                pieces = Some((prompt.pieces, prompt.left_out));
                beside = prompt.beside;
                prompt.input
            };
            match &adapter {
                Some(adapter) => adapter.before(&model, input)?,
                None => input,
            }
        };
        if let Some(inside) = &mut self.inside {
            let (pieces, left_out) = pieces.unwrap_or_default();
            let context = &mut inside.context;
            context.left_out.extend(left_out);
            *context = ContextMap {
                parts: context_map::parts(&model, &input, pieces)?,
                prompt_tokens: input.len(),
                context_tokens: self.context.unwrap_or(model.context_tokens()),
                ..std::mem::take(context)
            };
        }
        if found.is_some() {
            // A small model goes on with notes and questions of its own.
            options.stop.extend(["\nQuestion: ", "\nNotes from "].map(str::to_owned));
        }
        let free = free_bytes(model.decoder(), &options);
        let shrunk = shrink_cache(model.decoder().config(), input.len(), &mut options, free);
        self.events.extend(shrunk.map(Event::Notice));
        if let Some(n) = self.request.think {
            let thinking = Thinking::new(model, input, &options, n, &self.cancel)?;
            self.step = Step::Think(Box::new(thinking));
            return Ok(());
        }
        let earlier = self.engine.take_conversation();
        let prefixes = self.engine.prefixes();
        self.before_s = self.started.elapsed().as_secs_f64();
        let begun = Generation::new(model, input, &options, earlier, prefixes, &self.cancel);
        let mut generation = match begun {
            Ok(generation) => generation,
            Err(error) => return self.failed(error, found),
        };
        if options.speculation == Speculation::On
            && let Some(draft) = self.engine.draft_model()?
        {
            generation = generation.with_draft(draft)?;
        }
        self.step = Step::Write(Box::new(generation.with_text(&beside)), found);
        Ok(())
    }

    /// Asks again in a smaller context.
    fn prompt_within(&mut self, context: usize, free: Option<u64>, found: Option<Box<Found>>) -> Result<()> {
        let trained = self.engine.language_model()?.context_tokens();
        let text = room::notice(context, trained, free);
        if let Some(inside) = &mut self.inside {
            inside.context.left_out.push(LeftOut::Told { text: text.clone() });
        }
        self.events.push_back(Event::Notice(text));
        self.context = Some(context);
        self.step = Step::Prompt(found);
        Ok(())
    }

    /// What becomes of an answer that could not be computed: a smaller context where memory ran out before its first
    /// word, and a device that is not asked again where it broke.
    fn failed(&mut self, error: Error, found: Option<Box<Found>>) -> Result<()> {
        let tried = self.context.unwrap_or(self.engine.language_model()?.context_tokens());
        match room::halved(tried) {
            Some(half) if self.answer.is_empty() && !self.request.raw && room::is_out_of_memory(&error) => {
                self.prompt_within(half, None, found)
            }
            _ => Err(self.engine.lost(error)),
        }
    }

    pub(super) fn think(&mut self, mut thinking: Box<Thinking>) -> Result<()> {
        match thinking.next().transpose()? {
            Some(Event::Done { reason, usage }) => {
                let first_token_s = self.started.elapsed().as_secs_f64();
                self.done(reason, Usage { first_token_s, ..usage });
            }
            Some(event) => {
                self.events.push_back(event);
                self.step = Step::Think(thinking);
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn write(&mut self, mut generation: Box<Generation>, found: Option<Box<Found>>) -> Result<()> {
        match generation.next().transpose() {
            Ok(Some(Event::Done { reason, mut usage })) => {
                if let Some(inside) = &mut self.inside {
                    (inside.tokens, inside.experts) = generation.take_inside();
                }
                self.engine.keep_conversation(generation.into_conversation());
                // People wait from the question on, not from the prompt on.
                usage.first_token_s += self.before_s;
                match found {
                    Some(found) if reason != StopReason::Cancelled => {
                        self.step = Step::Support(found, reason, usage);
                    }
                    _ => self.done(reason, usage),
                }
            }
            Ok(Some(event)) => {
                if let Event::Text(piece) = &event {
                    self.answer.push_str(piece);
                }
                self.events.push_back(event);
                self.step = Step::Write(generation, found);
            }
            Ok(None) => {}
            Err(error) => {
                // Its memory is needed.
                drop(generation);
                self.failed(error, found)?;
            }
        }
        Ok(())
    }

    pub(super) fn support(&mut self, found: &mut Found, reason: StopReason, usage: Usage) -> Result<()> {
        let mut more = found.support(&self.answer, &self.cancel)?;
        more.extend(found.repeated(&self.answer));
        self.events.extend(more.into_iter().map(Event::Evidence));
        self.done(reason, usage);
        Ok(())
    }
}
