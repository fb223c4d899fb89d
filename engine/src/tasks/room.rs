//! A conversation that the memory has no room for is held in a smaller one, and that is told.

use crate::decoder::DecoderConfig;
use crate::error::Error;
use crate::generate::{GenerateOptions, largest_context};
use crate::memory::human_bytes;
use crate::model::Medium;

/// Fewer tokens hold no question with its answer.
const LEAST_TOKENS: usize = 192;

/// The context that there is memory for, where `n_prompt` tokens and their answer do not fit into `free`; `None` where
/// they do, or where not even a short question would.
pub(super) fn smaller(
    config: &DecoderConfig,
    n_prompt: usize,
    options: &GenerateOptions,
    free: Option<u64>,
) -> Option<usize> {
    let wanted = n_prompt.saturating_add(options.max_tokens).min(config.context_tokens);
    let fits = largest_context(config, options.smallest_cache(), free?);
    (fits < wanted && fits >= LEAST_TOKENS).then_some(fits)
}

/// Half of a context that a device had no memory for; `None` where that would be too little.
pub(super) fn halved(context: usize) -> Option<usize> {
    Some(context / 2).filter(|half| *half >= LEAST_TOKENS)
}

/// Cuts the longest answer to what such a context has room for: a third of it.
pub(super) fn cut_answer(options: &mut GenerateOptions, context: usize) {
    options.max_tokens = options.max_tokens.min(context / 3);
}

/// How many of the first media may stay: they take at most half of a context.
pub(super) fn media_that_fit(media: &[Medium], context: usize) -> usize {
    let mut left = context / 2;
    let fits = |medium: &&Medium| match left.checked_sub(medium.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    media.iter().take_while(fits).count()
}

/// What is said of it.
pub(super) fn notice(context: usize, trained: usize, free: Option<u64>) -> String {
    let free = match free {
        Some(free) => format!("{} are free", human_bytes(free)),
        None => "the device has no more".to_owned(),
    };
    format!(
        "memory is short ({free}), so this was answered with a context of {context} tokens and not of up to {trained}; \
         close other programs or choose a smaller model for more"
    )
}

/// Whether a device said that its memory is full.
pub(super) fn is_out_of_memory(error: &Error) -> bool {
    let Error::Compute { source, .. } = error else { return false };
    let text = source.to_string().to_lowercase();
    ["out of memory", "out_of_memory", "memory allocation", "insufficient memory"]
        .iter()
        .any(|said| text.contains(said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::CacheFormat;

    #[test]
    fn a_context_is_as_large_as_the_memory_lets_it_be() {
        let config = DecoderConfig { context_tokens: 4096, ..DecoderConfig::tiny() };
        let options = GenerateOptions { shrink_cache: false, ..GenerateOptions::default() };
        let bytes = |n| config.cache_bytes(n, CacheFormat::F16);
        assert_eq!(smaller(&config, 3000, &options, Some(bytes(4096))), None, "all fits");
        assert_eq!(smaller(&config, 3000, &options, None), None, "what is not known is no limit");
        let found = smaller(&config, 3000, &options, Some(bytes(1000))).unwrap();
        assert!(bytes(found) <= bytes(1000) && bytes(found + 1) > bytes(1000), "{found}");
        assert_eq!(smaller(&config, 3000, &options, Some(bytes(100))), None, "nothing useful fits");
        assert_eq!((halved(1000), halved(300)), (Some(500), None));
    }

    #[test]
    fn a_full_device_is_told_from_a_broken_one() {
        let error = |text: &str| Error::Compute { doing: "x", source: candle_core::Error::Msg(text.into()) };
        assert!(is_out_of_memory(&error("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")")));
        assert!(!is_out_of_memory(&error("DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)")));
        assert!(!is_out_of_memory(&Error::Request { reason: "out of memory".into() }));
    }
}
