#!/usr/bin/env python3
"""Writes tests/golden/native: a tiny random Gemma 4 with a mixture of experts and encoders of its own, as a whole
Hugging Face folder with the tokenizer and chat template of tests/golden/folder; and tests/golden/native-deaf: the
same without an encoder for sound.

    pip install torch torchvision transformers && python tests/reference/native.py
"""
import json
import pathlib
import shutil

import torch
from transformers import (AutoModelForImageTextToText, Gemma4AudioConfig, Gemma4Config, Gemma4TextConfig,
    Gemma4VisionConfig)

golden = pathlib.Path(__file__).parent.parent / "golden"
source = golden / "folder"
n_words = json.loads((source / "config.json").read_text())["vocab_size"]
ends = json.loads((source / "config.json").read_text())
names = ["image_token_id", "video_token_id", "audio_token_id", "boi_token_id", "eoi_token_id", "boa_token_id",
    "eoa_token_index"]
marks = {name: n_words + i for i, name in enumerate(names)}
for name, hears in [("native", True), ("native-deaf", False)]:
    torch.manual_seed(50)
    text = Gemma4TextConfig(vocab_size=n_words + 16, hidden_size=32, intermediate_size=24, num_hidden_layers=3,
        num_attention_heads=2, num_key_value_heads=2, head_dim=8, global_head_dim=16, sliding_window=64,
        layer_types=["sliding_attention", "full_attention", "full_attention"], max_position_embeddings=4096,
        final_logit_softcapping=30.0, enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=12,
        use_bidirectional_attention="vision", hidden_size_per_layer_input=0, pad_token_id=0,
        bos_token_id=ends["bos_token_id"], eos_token_id=ends["eos_token_id"])
    vision = Gemma4VisionConfig(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=12, patch_size=4, pooling_kernel_size=3, position_embedding_size=512)
    audio = Gemma4AudioConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, output_proj_dims=20,
        subsampling_conv_channels=[128, 2]) if hears else None
    config = Gemma4Config(text_config=text, vision_config=vision, audio_config=audio, attn_implementation="eager", **marks)
    model = AutoModelForImageTextToText.from_config(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape)
            parameter.copy_(noise * 1.2 / parameter.shape[-1] ** 0.5 if parameter.ndim > 1 else parameter + 0.1 * noise)
    folder = golden / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]:
        shutil.copy(source / file, folder)
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")
