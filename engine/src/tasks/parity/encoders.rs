//! Encoders against the reference: what they read of pictures and sound, and the soft tokens they make of it.

use candle_core::{DType, Tensor};
use image::RgbImage;

use super::{ParityEvent, relative_error};
use crate::cancel::Cancel;
use crate::encoders::Encoders;
use crate::error::{Doing, Error, Result};
use crate::features::gemma_mel::SoundFrames;
use crate::features::soft_tokens::{PICTURE_BUDGET, Patches, PictureInput};
use crate::weights::Weights;

const COMPARING: &str = "comparing encoders";

/// Soft tokens of everything in `inputs.safetensors`, each `[n_soft_tokens, d_model]`, in the order in which
/// their places come in the sequence.
#[derive(Default)]
pub(super) struct SoftTokens {
    /// Of `pixel_values`.
    pub(super) pictures: Vec<Tensor>,
    /// Of `pixel_values_videos`, frame by frame.
    pub(super) frames: Vec<Tensor>,
    /// Of `input_features`.
    pub(super) sounds: Vec<Tensor>,
}

/// Encodes what the reference encoded; `None` when cancelled.
///
/// # Errors
/// [`Error::ModelFile`](crate::Error::ModelFile) when the inputs make no sense, and as [`Encoders::see`] and
/// [`Encoders::hear`].
pub(super) fn soft_tokens(
    encoders: &Encoders,
    inputs: &Weights,
    cancel: &Cancel,
) -> Result<Option<SoftTokens>> {
    let mut made = SoftTokens::default();
    for picture in pictures(inputs, "pixel_values", "image_position_ids")? {
        let Some(tokens) = encoders.see(&picture, cancel)? else { return Ok(None) };
        made.pictures.push(tokens);
    }
    for frame in pictures(inputs, "pixel_values_videos", "video_position_ids")? {
        let Some(tokens) = encoders.see(&frame, cancel)? else { return Ok(None) };
        made.frames.push(tokens);
    }
    for sound in sounds(inputs)? {
        let Some(tokens) = encoders.hear(&sound, cancel)? else { return Ok(None) };
        made.sounds.push(tokens);
    }
    Ok(Some(made))
}

/// Compares what is read of `image_rgb` and `waveform_16khz`, the soft tokens `image_embeddings`,
/// `video_embeddings` and `audio_embeddings`, and how many places for them the sequence has; of these, what
/// the files have.
///
/// # Errors
/// As [`soft_tokens`].
pub(super) fn compare(
    encoders: &Encoders,
    inputs: &Weights,
    outputs: &Weights,
    made: &SoftTokens,
) -> Result<Vec<ParityEvent>> {
    let mut events = Vec::new();
    if let Some((shape, rgb)) = numbers(inputs, "image_rgb")? {
        events.extend(compare_picture(encoders, inputs, &shape, &rgb)?);
    }
    if let Some((_, samples)) = numbers(inputs, "waveform_16khz")? {
        let (_, reference) =
            numbers(inputs, "input_features")?.ok_or_else(|| missing(inputs, "input_features"))?;
        events.push(event("input_features", &encoders.sound_input(&samples)?.values, &reference, 0.0));
    }
    for (name, tokens) in [
        ("image_embeddings", &made.pictures),
        ("video_embeddings", &made.frames),
        ("audio_embeddings", &made.sounds),
    ] {
        if let Some((_, reference)) = numbers(outputs, name)? {
            let ours = match tokens.is_empty() {
                true => Vec::new(),
                false => values(&Tensor::cat(tokens, 0).doing(COMPARING)?)?,
            };
            events.push(ParityEvent::Tensor {
                tensor: name.into(),
                relative_error: distance(&ours, &reference),
            });
        }
    }
    events.extend(compare_places(inputs, made)?);
    Ok(events)
}

/// Whether the sequence has as many places of each kind as there are soft tokens.
fn compare_places(inputs: &Weights, made: &SoftTokens) -> Result<Option<ParityEvent>> {
    let kinds = match numbers(inputs, "mm_token_type_ids")? {
        Some(kinds) => Some(kinds),
        None => numbers(inputs, "token_type_ids")?,
    };
    let Some((_, kinds)) = kinds else { return Ok(None) };
    let places = [1.0, 2.0, 3.0].map(|kind| kinds.iter().filter(|found| **found == kind).count() as f32);
    let count = |tokens: &[Tensor]| tokens.iter().filter_map(|t| t.dim(0).ok()).sum::<usize>() as f32;
    let ours = [count(&made.pictures), count(&made.frames), count(&made.sounds)];
    Ok(Some(ParityEvent::Tensor { tensor: "places".into(), relative_error: distance(&ours, &places) }))
}

fn compare_picture(
    encoders: &Encoders,
    inputs: &Weights,
    shape: &[usize],
    rgb: &[f32],
) -> Result<Vec<ParityEvent>> {
    let bytes = rgb.iter().map(|value| *value as u8).collect();
    let picture = match shape {
        [height, width, 3] => RgbImage::from_raw(*width as u32, *height as u32, bytes),
        _ => None,
    };
    let picture = picture.ok_or_else(|| bad(inputs, "image_rgb is no picture"))?;
    let (shape, reference) =
        numbers(inputs, "pixel_values")?.ok_or_else(|| missing(inputs, "pixel_values"))?;
    // The reference fills up to its budget.
    let budget = match shape.as_slice() {
        [_, n_patches, _] => n_patches / encoders.patches_per_token(),
        _ => PICTURE_BUDGET,
    };
    let patches = match encoders.picture_input(&picture, budget)? {
        PictureInput::Planes { values, .. } => {
            return Ok(vec![event("pixel_values", &values, &reference, 0.0)]);
        }
        PictureInput::Patches(patches) => patches,
    };
    let mut events = vec![event("pixel_values", &patches.values, &reference, 0.0)];
    if let Some((_, reference)) = numbers(inputs, "image_position_ids")? {
        let n = patches.columns * patches.rows;
        let places = (0..n).flat_map(|i| [(i % patches.columns) as f32, (i / patches.columns) as f32]);
        events.push(event("image_position_ids", &places.collect::<Vec<_>>(), &reference, -1.0));
    }
    Ok(events)
}

/// `ours`, filled up as the reference fills up, against the reference.
fn event(name: &str, ours: &[f32], reference: &[f32], filling: f32) -> ParityEvent {
    let mut ours = ours.to_vec();
    ours.resize(ours.len().max(reference.len()), filling);
    ParityEvent::Tensor { tensor: name.into(), relative_error: distance(&ours, reference) }
}

/// Other lengths are infinitely far apart.
fn distance(ours: &[f32], reference: &[f32]) -> f64 {
    if ours.len() == reference.len() { relative_error(ours, reference) } else { f64::INFINITY }
}

fn bad(inputs: &Weights, reason: &str) -> Error {
    inputs.unusable(reason)
}

fn missing(inputs: &Weights, name: &str) -> Error {
    inputs.unusable(&format!("{name} is missing"))
}

/// A tensor's shape and numbers, if it is there.
fn numbers(weights: &Weights, name: &str) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
    let Some(shape) = weights.shape(name) else { return Ok(None) };
    let tensor = weights.get_as(name, &shape, DType::F32)?;
    Ok(Some((shape, values(&tensor)?)))
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all().and_then(|tensor| tensor.to_vec1()).doing(COMPARING)
}

/// The pictures of a batch.
fn pictures(inputs: &Weights, pixels: &str, positions: &str) -> Result<Vec<PictureInput>> {
    let Some((shape, values)) = numbers(inputs, pixels)? else { return Ok(Vec::new()) };
    match shape.as_slice() {
        [_, 3, height, width] if height == width && *width > 0 => {
            let planes = |values: &[f32]| PictureInput::Planes { side_px: *width, values: values.to_vec() };
            Ok(values.chunks(3 * width * width).map(planes).collect())
        }
        [_, n, width] if n * width > 0 => {
            let (_, places) = numbers(inputs, positions)?.ok_or_else(|| missing(inputs, positions))?;
            let each = values.chunks(n * width).zip(places.chunks(2 * n));
            let patches =
                each.map(|(values, places)| patches(values, *width, places).map(PictureInput::Patches));
            patches.collect::<Option<_>>().ok_or_else(|| bad(inputs, &format!("{positions} are no grid")))
        }
        _ => Err(bad(inputs, &format!("{pixels} of shape {shape:?} are no pictures"))),
    }
}

/// The patches of one picture without those that only fill up.
fn patches(values: &[f32], width: usize, places: &[f32]) -> Option<Patches> {
    let (places, _) = places.as_chunks::<2>();
    let n = places.iter().take_while(|[x, y]| *x >= 0.0 && *y >= 0.0).count();
    let last = places.get(n.checked_sub(1)?)?;
    let (columns, rows) = (last[0] as usize + 1, last[1] as usize + 1);
    let on_grid = |(i, [x, y]): (usize, &[f32; 2])| (*x as usize, *y as usize) == (i % columns, i / columns);
    let whole = columns.checked_mul(rows) == Some(n) && places.iter().take(n).enumerate().all(on_grid);
    let side_px = (width / 3).isqrt();
    whole.then(|| Patches { columns, rows, side_px, values: values[..n * width].to_vec() })
}

/// The sounds of a batch, without the frames that only fill up.
fn sounds(inputs: &Weights) -> Result<Vec<SoundFrames>> {
    let Some((shape, values)) = numbers(inputs, "input_features")? else { return Ok(Vec::new()) };
    let (_, mask) =
        numbers(inputs, "input_features_mask")?.ok_or_else(|| missing(inputs, "input_features_mask"))?;
    match shape.as_slice() {
        [_, n, width] if n * width > 0 => Ok(values
            .chunks(n * width)
            .zip(mask.chunks(*n))
            .map(|(values, mask)| {
                let n = mask.iter().take_while(|valid| **valid != 0.0).count();
                SoundFrames { width: *width, values: values[..n * width].to_vec() }
            })
            .collect()),
        _ => Err(bad(inputs, &format!("input_features of shape {shape:?} are no sounds"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use candle_core::Device;

    use super::*;
    use crate::encoders::EncodersConfig;
    use crate::weights::gguf::GgufFile;
    use crate::weights::names::encoders::is_unused_by_encoders;
    use crate::weights::same_name;

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
    }

    fn weights(folder: &Path, name: &str) -> Weights {
        Weights::from_safetensors(&folder.join(name), &Device::Cpu, same_name).unwrap()
    }

    /// The encoders of a Hugging Face folder, and the width of its decoder.
    fn load(folder: &Path) -> (Encoders, usize) {
        let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
        let config = EncodersConfig::from_json(&serde_json::from_str(&text).unwrap()).unwrap().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let d_model = json["text_config"]["hidden_size"].as_u64().unwrap() as usize;
        let w = Weights::from_folder(folder, &Device::Cpu, same_name).unwrap();
        let encoders = Encoders::new(&config, d_model, &w).unwrap().unwrap();
        w.expect_all_used(|name| name.contains("language_model") || is_unused_by_encoders(name)).unwrap();
        (encoders, d_model)
    }

    fn errors(encoders: &Encoders, folder: &Path) -> Vec<(String, f64)> {
        let (inputs, outputs) =
            (weights(folder, "inputs.safetensors"), weights(folder, "outputs.safetensors"));
        let made = soft_tokens(encoders, &inputs, &Cancel::new()).unwrap().unwrap();
        let events = compare(encoders, &inputs, &outputs, &made).unwrap();
        let each = events.into_iter().filter_map(|event| match event {
            ParityEvent::Tensor { tensor, relative_error } => Some((tensor, relative_error)),
            _ => None,
        });
        each.collect()
    }

    const FAMILIES: [&str; 4] = ["gemma3-vision", "gemma4-e", "gemma4-moe", "gemma4-unified"];

    /// What each family has to compare: 5 of a picture, 2 of a sound.
    fn check(name: &str, errors: &[(String, f64)]) {
        let n = match name {
            "gemma4-e" => 7,
            "gemma4-unified" => 6,
            "gemma4-moe" => 5,
            _ => 3,
        };
        assert_eq!(errors.len(), n, "{name}: {errors:?}");
        for (tensor, error) in errors {
            // Pixels are scaled in another order.
            let most = match tensor.as_str() {
                "places" | "image_position_ids" => 0.0,
                "pixel_values" => 5e-7,
                _ => 5e-6,
            };
            assert!(*error <= most, "{name}: {tensor} is {error:.1e} off");
        }
    }

    #[test]
    fn every_family_makes_the_soft_tokens_of_the_reference() {
        for name in FAMILIES {
            let folder = golden("parity").join(name);
            check(name, &errors(&load(&folder).0, &folder));
        }
    }

    #[test]
    fn files_for_llama_cpp_make_the_same_soft_tokens() {
        for name in FAMILIES {
            let folder = golden("parity").join(name);
            let file = GgufFile::open(&golden("mmproj").join(format!("{name}.gguf"))).unwrap();
            let config = EncodersConfig::from_mmproj(&file).unwrap();
            let (folder_encoders, d_model) = load(&folder);
            let w = file.weights(&Device::Cpu, same_name);
            let encoders = Encoders::new(&config, d_model, &w).unwrap().unwrap();
            w.expect_all_used(|_| false).unwrap();
            assert_eq!(
                (encoders.sees(), encoders.hears()),
                (folder_encoders.sees(), folder_encoders.hears())
            );
            check(name, &errors(&encoders, &folder));
        }
    }

    #[test]
    fn inputs_that_make_no_sense_are_refused() {
        // Places that are no grid; another width of patches.
        assert!(patches(&[0.0; 24], 12, &[0.0, 0.0, 2.0, 0.0]).is_none());
        assert!(patches(&[0.0; 24], 12, &[-1.0, -1.0, -1.0, -1.0]).is_none());
        assert!(patches(&[0.0; 24], 12, &[0.0, 0.0, 1.0, 0.0]).is_some());
        let (encoders, _) = load(&golden("parity/gemma4-e"));
        let (unified, _) = load(&golden("parity/gemma4-unified"));
        let inputs = weights(&golden("parity/gemma4-unified"), "inputs.safetensors");
        assert!(soft_tokens(&encoders, &inputs, &Cancel::new()).is_err());
        assert!(compare(&encoders, &inputs, &inputs, &SoftTokens::default()).is_err());
        let cancelled = Cancel::new();
        cancelled.cancel();
        let inputs = weights(&golden("parity/gemma4-e"), "inputs.safetensors");
        assert!(soft_tokens(&encoders, &inputs, &cancelled).unwrap().is_none());
        assert!(soft_tokens(&unified, &inputs, &Cancel::new()).is_err());
    }
}
