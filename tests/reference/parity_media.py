#!/usr/bin/env python3
"""Writes tests/golden/parity/FAMILY for families with encoders of their own: tiny random checkpoints and what
transformers computes for them.

Each folder is a checkpoint in the layout of transformers (config.json, model.safetensors) with
inputs.safetensors (input_ids) and outputs.safetensors (logits and the greedy continuation), in float32
with eager attention. Families with encoders have pictures and sound among their inputs, as they are
(image_rgb, waveform_16khz) and as transformers prepares them, and soft tokens among their outputs.
`medley parity FOLDER` compares.

    pip install torch torchvision transformers safetensors && python tests/reference/parity_media.py [NAME...]
"""
import pathlib
import shutil
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText

from randomise import randomise

N_VOCAB, N_PROMPT, N_NEW = 96, 29, 8


def picture(seed, width, height):
    """Three smooth waves, uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(random.uniform(0.05, 0.6) * x + random.uniform(0.05, 0.6) * y + random.uniform(0, 6)) for _ in range(3)]
    return np.stack([127.5 + 127.5 * wave for wave in waves], -1).astype(np.uint8)


def sound(seed, n):
    """A rising tone and noise, -1 to 1."""
    seconds = np.arange(n) / 16000
    noise = np.random.default_rng(seed).standard_normal(n)
    return (0.4 * np.sin(2 * np.pi * (300 + 900 * seconds) * seconds) + 0.05 * noise).astype(np.float32)


IDS = dict(bos_token_id=2, eos_token_id=1, pad_token_id=0)
# Token ids of what stands around and for pictures, frames and sound.
MARKS = dict(image_token_id=90, video_token_id=91, audio_token_id=92, boi_token_id=93, eoi_token_id=94, boa_token_id=95,
    eoa_token_index=89)
# Width and height: a strip of two rows of tokens, and a frame that is one token wide.
PICTURE, FRAME = (39, 5), (3, 53)


def words(n):
    return torch.randint(3, 88, (n,)).tolist()


def gemma4_text(**more):
    return dict(vocab_size=N_VOCAB, hidden_size=32, intermediate_size=24, num_hidden_layers=4, num_attention_heads=2, num_key_value_heads=2,
        head_dim=8, global_head_dim=16, sliding_window=8, max_position_embeddings=512, final_logit_softcapping=30.0) | IDS | more


def gemma4(seed, image_processor, audio_processor, model, frames=True):
    """What a Gemma 4 is fed: a picture, two frames, a sound; and what it makes of each."""
    raw = picture(seed, *PICTURE)
    image = image_processor([raw], return_tensors="pt")
    inputs = dict(pixel_values=image["pixel_values"], image_position_ids=image["image_position_ids"])
    extra = dict(image_rgb=torch.from_numpy(raw))
    ids = [2] + words(5) + [93] + [90] * int(image["num_soft_tokens_per_image"][0]) + [94] + words(3)
    outputs = {}
    see = lambda *given: torch.cat(list(model.model.get_image_features(*given).pooler_output))
    if frames:
        film = image_processor([picture(seed + 1 + i, *FRAME) for i in range(2)], return_tensors="pt")
        inputs |= dict(pixel_values_videos=film["pixel_values"], video_position_ids=film["image_position_ids"],
            num_frames_per_video=torch.tensor([2]))
        for n in film["num_soft_tokens_per_image"]:
            ids += words(2) + [93] + [91] * int(n) + [94]
        outputs["video_embeddings"] = see(film["pixel_values"], film["image_position_ids"])
    if audio_processor:
        # More tokens than attend together.
        wave = sound(seed, 11000)
        features = audio_processor([wave], return_tensors="pt")
        heard = dict(input_features=features["input_features"], input_features_mask=features["input_features_mask"])
        inputs |= heard
        extra["waveform_16khz"] = torch.from_numpy(wave)
        heard = model.model.get_audio_features(**heard)
        outputs["audio_embeddings"] = heard.pooler_output[heard.attention_mask.bool()]
        ids += words(2) + [95] + [92] * len(outputs["audio_embeddings"]) + [89]
    ids = torch.tensor([ids + words(6)])
    types = sum((ids == 90 + kind) * (kind + 1) for kind in range(3))
    outputs["image_embeddings"] = see(image["pixel_values"], image["image_position_ids"])
    return inputs | dict(input_ids=ids, mm_token_type_ids=types), extra, outputs


def gemma4_towers(seed, *, moe, omni=False):
    from transformers import Gemma4AudioConfig, Gemma4Config, Gemma4TextConfig, Gemma4VisionConfig
    from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor
    from transformers.models.gemma4.image_processing_gemma4 import Gemma4ImageProcessor
    if moe:
        text = gemma4_text(num_global_key_value_heads=1, layer_types=["sliding_attention", "full_attention"] * 2, attention_k_eq_v=True, enable_moe_block=True, num_experts=4, top_k_experts=2,
            moe_intermediate_size=12, use_bidirectional_attention="vision", hidden_size_per_layer_input=8 if omni else 0, vocab_size_per_layer_input=N_VOCAB)
    else:
        text = gemma4_text(hidden_size_per_layer_input=8, vocab_size_per_layer_input=N_VOCAB, num_kv_shared_layers=2, use_double_wide_mlp=True,
            num_hidden_layers=5, layer_types=["sliding_attention", "full_attention", "sliding_attention", "sliding_attention", "full_attention"])
    vision = Gemma4VisionConfig(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=12,
        patch_size=2, pooling_kernel_size=3, position_embedding_size=128, use_clipped_linears=omni or not moe, standardize=moe)
    audio = None if moe and not omni else Gemma4AudioConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, output_proj_dims=20,
        subsampling_conv_channels=[128, 8])
    config = Gemma4Config(text_config=Gemma4TextConfig(**text), vision_config=vision, audio_config=audio, attn_implementation="eager", **MARKS)
    model = AutoModelForImageTextToText.from_config(config).float().eval()
    randomise(model, seed)
    with torch.no_grad():
        return model, *gemma4(seed, Gemma4ImageProcessor(patch_size=2, max_soft_tokens=70), Gemma4AudioFeatureExtractor() if audio else None, model)


def gemma4_unified(seed):
    from transformers.models.gemma4_unified.configuration_gemma4_unified import (
        Gemma4UnifiedAudioConfig, Gemma4UnifiedConfig, Gemma4UnifiedTextConfig, Gemma4UnifiedVisionConfig)
    from transformers.models.gemma4_unified.feature_extraction_gemma4_unified import Gemma4UnifiedAudioFeatureExtractor
    from transformers.models.gemma4_unified.image_processing_gemma4_unified import Gemma4UnifiedImageProcessor
    text = gemma4_text(num_global_key_value_heads=1, layer_types=["sliding_attention", "full_attention"] * 2, attention_k_eq_v=True, use_bidirectional_attention="vision")
    vision = Gemma4UnifiedVisionConfig(patch_size=2, pooling_kernel_size=3, mm_embed_dim=24, mm_posemb_size=64, output_proj_dims=24)
    config = Gemma4UnifiedConfig(text_config=Gemma4UnifiedTextConfig(**text), vision_config=vision,
        audio_config=Gemma4UnifiedAudioConfig(audio_embed_dim=640), attn_implementation="eager", **MARKS)
    model = AutoModelForImageTextToText.from_config(config).float().eval()
    randomise(model, seed)
    with torch.no_grad():
        return model, *gemma4(seed, Gemma4UnifiedImageProcessor(patch_size=2, max_soft_tokens=70),
            Gemma4UnifiedAudioFeatureExtractor(), model, frames=False)


def gemma3_vision(seed):
    from transformers import Gemma3Config
    from transformers.models.gemma3.image_processing_gemma3 import Gemma3ImageProcessor
    config = Gemma3Config(text_config=dict(vocab_size=N_VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=6, num_attention_heads=2,
            num_key_value_heads=1, head_dim=12, query_pre_attn_scalar=10, sliding_window=8, max_position_embeddings=64, **IDS),
        vision_config=dict(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=3),
        mm_tokens_per_image=16, image_token_index=90, boi_token_index=93, eoi_token_index=94, attn_implementation="eager")
    model = AutoModelForImageTextToText.from_config(config).float().eval()
    randomise(model, seed)
    raw = picture(seed, 50, 37)
    pixels = Gemma3ImageProcessor(size=dict(height=24, width=24))([raw], return_tensors="pt")["pixel_values"]
    ids = torch.tensor([[2] + words(5) + [93] + [90] * 16 + [94] + words(6)])
    with torch.no_grad():
        seen = model.model.get_image_features(pixels).pooler_output
    return model, dict(input_ids=ids, pixel_values=pixels, token_type_ids=(ids == 90).long()), dict(image_rgb=torch.from_numpy(raw)), dict(image_embeddings=seen)


root = pathlib.Path(__file__).parent.parent / "golden" / "parity"
BUILDERS = {
    "gemma3-vision": gemma3_vision,
    "gemma4-e": lambda seed: gemma4_towers(seed, moe=False),
    "gemma4-moe": lambda seed: gemma4_towers(seed, moe=True),
    "gemma4-unified": gemma4_unified,
    "gemma4-omni-moe": lambda seed: gemma4_towers(seed, moe=True, omni=True),
}
for seed, (name, build) in enumerate(BUILDERS.items(), start=27):
    if sys.argv[1:] and name not in sys.argv[1:]:
        continue
    torch.manual_seed(seed)
    model, inputs, extra, outputs = build(seed)
    with torch.no_grad():
        outputs["logits"] = model(**inputs).logits
        ids = inputs["input_ids"]
        written = model.generate(**inputs, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=N_NEW, min_new_tokens=N_NEW)
    outputs["greedy"] = written[:, ids.shape[1]:]
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # Truth values and small integers as whole numbers.
    plain = lambda tensors: {key: (value if value.is_floating_point() or value.dtype == torch.uint8 else value.long()).contiguous()
        for key, value in tensors.items()}
    save_file(plain(inputs | extra), folder / "inputs.safetensors")
    save_file(plain(outputs), folder / "outputs.safetensors")
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")
