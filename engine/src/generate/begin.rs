//! Where reading a prompt begins, and whether there is memory for it.

use super::{Conversation, GenerateOptions, Keeping};
use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, Decoder, DecoderConfig, Input};
use crate::error::{Error, Result};
use crate::memory::{available_bytes, human_bytes};
use crate::model::LanguageModel;
use crate::prefix_store::ModelPrefixes;

/// What of `prompt` need not be read: the beginning that `earlier` shares with it, or the one that is stored; and what
/// can be stored of the rest.
pub(super) fn begin(
    model: &LanguageModel,
    prompt: &Input,
    options: &GenerateOptions,
    earlier: Option<Conversation>,
    prefixes: Option<ModelPrefixes>,
    cancel: &Cancel,
) -> Result<(Conversation, Option<Keeping>)> {
    let format = model.decoder().cache_format(options.cache);
    let earlier = earlier.filter(|earlier| earlier.state.format() == format);
    let mut conversation = match earlier {
        Some(earlier) => earlier,
        None => Conversation { input: Input::default(), state: model.decoder().new_state(format)? },
    };
    // At least one token is read anew: its logits are needed.
    let shared = conversation.input.shared_with(prompt).min(prompt.len() - 1);
    let known = conversation.state.truncate(prompt.whole_media(shared));
    conversation.input.truncate(known);
    let Some(prefixes) = prefixes.filter(|_| options.prefix_cache) else { return Ok((conversation, None)) };
    let keeping = Keeping::new(prefixes, prompt, format, &model.decoder().device_name())?;
    if let Some(mut state) = keeping.restore(known, model.decoder(), cancel) {
        if state.pos() == prompt.media_end() {
            state.mark();
        }
        let mut input = prompt.clone();
        input.truncate(state.pos());
        return Ok((Conversation { input, state }, Some(keeping)));
    }
    // What is stored must be what reading the prompt alone gives, to the last bit. After tokens of another prompt it
    // is read in other steps and rounded otherwise; where these are few, it is read from its beginning instead.
    if keeping.is_worthwhile() && 8 * known <= prompt.len() {
        conversation.state.truncate(0);
        conversation.input.truncate(0);
    }
    let is_alone = conversation.input.is_empty();
    Ok((conversation, Some(keeping).filter(|_| is_alone)))
}

/// Bytes that keys and values may take: what is free, or what was asked for where that is less; `None` where neither is
/// known.
pub(crate) fn free_bytes(decoder: &Decoder, options: &GenerateOptions) -> Option<u64> {
    let free = if decoder.is_on_processor() { available_bytes() } else { None };
    [free, options.cache_bytes].into_iter().flatten().min()
}

/// The most tokens whose keys and values take at most so many bytes.
pub(crate) fn largest_context(config: &DecoderConfig, format: CacheFormat, bytes: u64) -> usize {
    let (mut least, mut most) = (0, config.context_tokens + 1);
    while most - least > 1 {
        let middle = least + (most - least) / 2;
        if config.cache_bytes(middle, format) <= bytes { least = middle } else { most = middle }
    }
    least
}

/// Takes the largest format in which keys and values fit into the memory that is free, where that is allowed; says so
/// where it is another one than was asked for.
pub(crate) fn shrink_cache(
    config: &DecoderConfig,
    n_prompt: usize,
    options: &mut GenerateOptions,
    available: Option<u64>,
) -> Option<String> {
    let n = (n_prompt + options.max_tokens).min(config.context_tokens);
    let available = available.filter(|_| options.shrink_cache)?;
    let asked = options.cache;
    let smaller = CacheFormat::ALL.into_iter().skip_while(|format| *format != asked);
    options.cache = smaller.clone().find(|format| config.cache_bytes(n, *format) <= available)?;
    (options.cache != asked).then(|| {
        format!(
            "memory is short, so the conversation is kept as {} and not as {}, which is a little less exact",
            options.cache.name(),
            asked.name()
        )
    })
}

/// Refuses a conversation whose keys and values do not fit into the memory that is free.
pub(super) fn check_memory(
    config: &DecoderConfig,
    n_prompt: usize,
    options: &GenerateOptions,
    available: Option<u64>,
) -> Result<()> {
    let n = (n_prompt + options.max_tokens).min(config.context_tokens);
    let needed = config.cache_bytes(n, options.cache);
    let Some(available) = available.filter(|available| needed > *available) else { return Ok(()) };
    let smaller = CacheFormat::ALL.into_iter().find(|format| config.cache_bytes(n, *format) <= available);
    let advice = match smaller {
        Some(format) => {
            format!("keep it as {} ({})", format.name(), human_bytes(config.cache_bytes(n, format)))
        }
        None => "shorten it, or choose a smaller model".to_owned(),
    };
    let (needed, available) = (human_bytes(needed), human_bytes(available));
    let format = options.cache.name();
    let reason =
        format!("a conversation of {n} tokens takes {needed} as {format} and {available} are free; {advice}");
    Err(Error::Request { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(max_tokens: usize) -> GenerateOptions {
        GenerateOptions { max_tokens, ..GenerateOptions::default() }
    }

    #[test]
    fn a_smaller_format_is_taken_where_memory_is_short_and_that_is_told() {
        let mut config = crate::decoder::DecoderConfig {
            context_tokens: 1 << 30,
            ..crate::decoder::DecoderConfig::tiny()
        };
        // Blocks of 32 numbers: shorter heads would be padded.
        config.layers.iter_mut().for_each(|layer| layer.attention.head_dim = 64);
        let shrunk = |available: u64, allowed: bool| {
            let mut options = GenerateOptions { shrink_cache: allowed, ..options(0) };
            let told = shrink_cache(&config, 1_000_000, &mut options, Some(available));
            (options.cache, told.is_some())
        };
        let whole = config.cache_bytes(1_000_000, CacheFormat::F16);
        assert_eq!(shrunk(whole, true), (CacheFormat::F16, false));
        let (smaller, told) = shrunk(config.cache_bytes(1_000_000, CacheFormat::Q8), true);
        assert!(smaller == CacheFormat::Q8 && told);
        assert_eq!(shrunk(100_000_000, false), (CacheFormat::F16, false));
        assert_eq!(shrunk(1000, true), (CacheFormat::F16, false), "nothing fits: that is refused later");
    }

    #[test]
    fn a_conversation_beyond_the_memory_is_refused_with_sizes_and_a_way_out() {
        let config = crate::decoder::DecoderConfig {
            context_tokens: 1 << 30,
            ..crate::decoder::DecoderConfig::tiny()
        };
        let check = |n, available| check_memory(&config, n, &options(0), Some(available));
        assert!(check(1000, 1 << 30).is_ok());
        assert!(
            check_memory(&config, 1 << 29, &options(0), None).is_ok(),
            "what is not known is not refused"
        );
        // Two layers, two heads of 8 numbers, keys and values, two bytes: 128 bytes per token.
        let refused = check(100_000_000, 10_000_000_000).unwrap_err().to_string();
        assert!(refused.contains("12.80 GB") && refused.contains("10.00 GB are free"), "{refused}");
        let refused = check(100_000_000, 1_000_000).unwrap_err().to_string();
        assert!(refused.contains("shorten it"), "{refused}");
    }
}
