//! What encoders do with files and media that do not fit. That they compute what they should is tested in
//! `tasks/parity/encoders.rs`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::{Device, safetensors};
use serde_json::{Value as Json, json};

use super::*;
use crate::weights::gguf::GgufFile;
use crate::weights::same_name;

const FAMILIES: [&str; 4] = ["gemma3-vision", "gemma4-e", "gemma4-moe", "gemma4-unified"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/parity").join(name)
}

fn config(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(golden(name).join("config.json")).unwrap()).unwrap()
}

fn load_from(config: &Json, folder: &Path) -> Result<Encoders> {
    let parsed = EncodersConfig::from_json(config)?.unwrap();
    let w = Weights::from_folder(folder, &Device::Cpu, same_name).unwrap();
    Ok(Encoders::new(&parsed, 32, &w)?.unwrap())
}

fn load(name: &str) -> Encoders {
    load_from(&config(name), &golden(name)).unwrap()
}

/// The error of a golden checkpoint with one field changed, like `vision_config.head_dim`.
fn refused(name: &str, field: &str, value: Json) -> String {
    let mut config = config(name);
    let target = match field.split_once('.') {
        Some((part, field)) => &mut config[part][field],
        None => &mut config[field],
    };
    *target = value;
    match load_from(&config, &golden(name)) {
        Ok(_) => panic!("{name} was loaded with another {field}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn sizes_that_make_no_sense_are_named() {
    for (name, field, value) in [
        ("gemma4-e", "vision_config.hidden_size", json!(0)),
        ("gemma4-e", "vision_config.hidden_size", json!(u64::MAX)),
        ("gemma4-e", "vision_config.intermediate_size", json!(1u64 << 40)),
        ("gemma4-e", "vision_config.num_hidden_layers", json!(1_000_000)),
        ("gemma4-e", "vision_config.num_key_value_heads", json!(0)),
        ("gemma4-e", "vision_config.head_dim", json!(6)),
        ("gemma4-e", "vision_config.patch_size", json!(100_000)),
        ("gemma4-e", "vision_config.pooling_kernel_size", json!(0)),
        ("gemma4-e", "vision_config.position_embedding_size", json!(0)),
        ("gemma4-e", "vision_config.rms_norm_eps", json!(-1.0)),
        ("gemma4-e", "vision_config.hidden_activation", json!("relu")),
        ("gemma4-e", "vision_config.rope_parameters", json!({"rope_theta": 0.0})),
        ("gemma4-e", "audio_config.hidden_size", json!(15)),
        ("gemma4-e", "audio_config.num_attention_heads", json!(0)),
        ("gemma4-e", "audio_config.num_hidden_layers", json!(u32::MAX)),
        ("gemma4-e", "audio_config.conv_kernel_size", json!(0)),
        ("gemma4-e", "audio_config.subsampling_conv_channels", json!([128, 0])),
        ("gemma4-e", "audio_config.attention_chunk_size", json!(usize::MAX)),
        ("gemma4-e", "audio_config.attention_context_left", json!(99)),
        ("gemma4-e", "audio_config.attention_context_left", json!(0)),
        ("gemma4-e", "audio_config.attention_context_right", json!(4)),
        ("gemma4-e", "audio_config.attention_logit_cap", json!(0.0)),
        ("gemma4-e", "audio_config.hidden_act", json!("gelu")),
        ("gemma4-unified", "vision_config.mm_embed_dim", json!(0)),
        ("gemma4-unified", "vision_config.mm_posemb_size", json!(1u64 << 50)),
        ("gemma4-unified", "vision_config.patch_size", json!(0)),
        ("gemma4-unified", "audio_config.audio_embed_dim", json!(0)),
        ("gemma3-vision", "vision_config.image_size", json!(1_000_000)),
        ("gemma3-vision", "vision_config.patch_size", json!(5)),
        ("gemma3-vision", "vision_config.num_attention_heads", json!(5)),
        ("gemma3-vision", "vision_config.layer_norm_eps", json!(2.0)),
        ("gemma3-vision", "mm_tokens_per_image", json!(15)),
        ("gemma3-vision", "mm_tokens_per_image", json!(9)),
    ] {
        let error = refused(name, field, value);
        assert!(error.contains(&format!("config field {field}:")), "{field}: {error}");
    }
    // What is no number at all.
    assert!(refused("gemma4-e", "vision_config.head_dim", json!("many")).contains("vision_config"));
    assert!(refused("gemma4-e", "audio_config", json!([1])).contains("audio_config"));
}

#[test]
fn tensors_of_another_shape_and_missing_ones_are_named() {
    for (name, field, value, words) in [
        ("gemma4-e", "vision_config.hidden_size", json!(28), ["std", "[28"]),
        ("gemma4-e", "vision_config.num_hidden_layers", json!(3), ["encoder.layers.2", "missing"]),
        ("gemma4-e", "audio_config.num_hidden_layers", json!(3), ["audio_tower.layers.2", "missing"]),
        ("gemma4-e", "audio_config.output_proj_dims", json!(24), ["output_proj", "[24"]),
        ("gemma4-moe", "vision_config.use_clipped_linears", json!(true), ["input_min", "missing"]),
        ("gemma4-unified", "vision_config.mm_posemb_size", json!(9), ["pos_embedding", "[9"]),
        ("gemma3-vision", "vision_config.intermediate_size", json!(33), ["fc1", "[33"]),
    ] {
        let error = refused(name, field, value);
        let words = if words[0] == "std" { ["model.vision_tower", words[1]] } else { words };
        assert!(words.iter().all(|word| error.contains(word)), "{field}: {error}");
    }
}

#[test]
fn a_family_without_encoders_has_none() {
    assert_eq!(EncodersConfig::from_json(&json!({"model_type": "llama"})).unwrap(), None);
    assert_eq!(
        EncodersConfig::from_json(&json!({"model_type": "gemma4", "audio_config": null})).unwrap(),
        None
    );
    assert!(EncodersConfig::from_json(&json!([])).is_err());
    let moe = load("gemma4-moe");
    assert!(moe.sees() && !moe.hears());
    assert!(moe.sound(&[0.0; 16_000], &Cancel::new()).unwrap_err().to_string().contains("hears"));
}

#[test]
fn gemma3_is_read_in_every_layout() {
    let picture = RgbImage::from_fn(30, 20, |x, y| image::Rgb([(8 * x) as u8, (12 * y) as u8, 90]));
    let tokens = |encoders: &Encoders| {
        let tokens = encoders.picture(&picture, 280, &Cancel::new()).unwrap().unwrap();
        tokens.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let want = tokens(&load("gemma3-vision"));
    let stored = safetensors::load(golden("gemma3-vision").join("model.safetensors"), &Device::Cpu).unwrap();
    for (model, tower) in [("", "vision_model."), ("model.", "vision_model."), ("model.", "")] {
        let renamed: HashMap<String, Tensor> = stored
            .iter()
            .filter(|(name, _)| !name.starts_with("language_model"))
            .map(|(name, tensor)| {
                let name = name.replace("vision_tower.", &format!("vision_tower.{tower}"));
                (format!("{model}{name}"), tensor.clone())
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        safetensors::save(&renamed, folder.path().join("model.safetensors")).unwrap();
        let encoders = load_from(&config("gemma3-vision"), folder.path()).unwrap();
        assert_eq!(tokens(&encoders), want, "{model}vision_tower.{tower}");
    }
}

#[test]
fn pictures_of_every_shape_become_tokens_or_are_refused() {
    for name in FAMILIES {
        let encoders = load(name);
        for (width, height) in [(1, 1), (1, 10_000), (10_000, 1), (3, 500)] {
            let picture = RgbImage::from_pixel(width, height, image::Rgb([200, 100, 50]));
            let n = encoders.picture_tokens(width, height, 70).unwrap();
            assert!((1..=70).contains(&n), "{name}: {n} tokens of {width}×{height}");
            match encoders.picture(&picture, 70, &Cancel::new()) {
                Ok(tokens) => assert_eq!(tokens.unwrap().dims(), [n, 32], "{name}: {width}×{height}"),
                // These small checkpoints have few places along a side.
                Err(error) => {
                    assert!(width != height, "{name}: {error}");
                    assert!(error.to_string().contains("too long and thin"), "{name}: {error}");
                }
            }
        }
        let nothing = encoders.picture(&RgbImage::new(0, 0), 70, &Cancel::new()).unwrap_err();
        assert!(nothing.to_string().contains("nothing in the picture"), "{name}: {nothing}");
        if name != "gemma3-vision" {
            let picture = RgbImage::new(5, 5);
            let error = encoders.picture(&picture, 71, &Cancel::new()).unwrap_err().to_string();
            assert!(error.contains("70, 140"), "{name}: {error}");
        }
    }
}

#[test]
fn sounds_of_every_length_become_tokens_or_are_refused() {
    for (name, shortest) in [("gemma4-e", 161), ("gemma4-unified", 1)] {
        let encoders = load(name);
        let sound = vec![0.25; MOST_SAMPLES + 16_000];
        let hear = |n: usize| encoders.sound(&sound[..n], &Cancel::new());
        for n in [0, 1, shortest - 1, shortest] {
            let heard = hear(n);
            assert_eq!(heard.is_ok(), n >= shortest, "{name}: {n} samples");
            match heard {
                Ok(tokens) => assert_eq!(tokens.unwrap().dims(), [1, 32]),
                Err(error) => assert!(error.to_string().contains("too short"), "{name}: {error}"),
            }
        }
        assert_eq!(hear(MOST_SAMPLES).unwrap().unwrap().dims(), [750, 32], "{name}");
        let error = hear(MOST_SAMPLES + 16_000).unwrap_err().to_string();
        assert!(error.contains("31.0 s") && error.contains("30 s"), "{name}: {error}");
        let lengths: Vec<usize> = Encoders::clips(&sound).map(<[f32]>::len).collect();
        assert_eq!(lengths, [MOST_SAMPLES, 16_000]);
    }
}

#[test]
fn what_was_prepared_for_another_encoder_is_refused() {
    let (tower, unified, siglip) = (load("gemma4-e"), load("gemma4-unified"), load("gemma3-vision"));
    let picture = RgbImage::from_pixel(40, 30, image::Rgb([1, 2, 3]));
    let input = |encoders: &Encoders| encoders.picture_input(&picture, 70).unwrap();
    let all = [&tower, &unified, &siglip];
    for (i, of) in all.iter().enumerate() {
        for (j, by) in all.iter().enumerate() {
            let seen = by.see(&input(of), &Cancel::new());
            assert_eq!(seen.is_ok(), i == j, "{i} by {j}");
        }
    }
    let sound = tower.sound_input(&[0.1; 16_000]).unwrap();
    assert!(unified.hear(&sound, &Cancel::new()).is_err());
    assert!(siglip.hear(&sound, &Cancel::new()).is_err());
    let cut = SoundFrames { values: sound.values[1..].to_vec(), ..sound };
    assert!(tower.hear(&cut, &Cancel::new()).is_err());
}

#[test]
fn metadata_that_make_no_sense_are_refused() {
    let open = |pairs: &[(&str, Value)]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pairs: Vec<(&str, &Value)> = pairs.iter().map(|(key, value)| (*key, value)).collect();
        gguf_file::write(&mut file.reopen().unwrap(), &pairs, &[]).unwrap();
        EncodersConfig::from_mmproj(&GgufFile::open(file.path()).unwrap())
    };
    let sees = ("clip.has_vision_encoder", Value::Bool(true));
    let kind = |name: &str| ("clip.projector_type", Value::String(name.into()));
    let none = open(&[kind("gemma3")]).unwrap();
    assert!(none.vision.is_none() && none.audio.is_none());
    let error = open(&[sees.clone(), kind("pixtral")]).unwrap_err().to_string();
    assert!(error.contains("pixtral") && error.contains("gemma4v"), "{error}");
    let error = open(&[sees.clone(), kind("gemma3")]).unwrap_err().to_string();
    assert!(error.contains("clip.vision.image_size"), "{error}");
    let sizes = ["image_size", "patch_size", "embedding_length", "feed_forward_length", "block_count"];
    for size in [0, u32::MAX] {
        let mut pairs = vec![sees.clone(), kind("gemma3")];
        let keys: Vec<String> = sizes.iter().map(|name| format!("clip.vision.{name}")).collect();
        pairs.extend(keys.iter().map(|key| (key.as_str(), Value::U32(size))));
        pairs.push(("clip.vision.attention.head_count", Value::U32(size)));
        assert!(matches!(open(&pairs), Err(Error::Config { .. })));
    }
}
