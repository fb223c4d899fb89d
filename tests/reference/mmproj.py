#!/usr/bin/env python3
"""Writes tests/golden/mmproj/FAMILY.gguf: the encoders of tests/golden/parity/FAMILY as llama.cpp's converter writes them.

Names come from the gguf package's own table; what is permuted or computed on the way is what
llama.cpp's conversion/gemma.py does (Gemma3VisionModel, Gemma4VisionAudioModel, Gemma4UnifiedVisionAudioModel).

    pip install gguf safetensors numpy && python tests/reference/mmproj.py
"""
import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import load_file

golden = pathlib.Path(__file__).parent.parent / "golden"
NAMES = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, 16)
SUFFIXES = (".weight", ".bias", ".input_min", ".input_max", ".output_min", ".output_max")


def mapped(name):
    new = NAMES.get_name(name, try_suffixes=SUFFIXES)
    assert new, name
    return new


def to_colour_planes(array, side):
    """The last axis from (row, column, colour) to (colour, row, column)."""
    return array.reshape(*array.shape[:-1], side, side, 3).transpose(*range(array.ndim - 1), -1, -3, -2).reshape(array.shape)


def gemma3(tensors, config):
    for name, array in tensors.items():
        if name.startswith(("multi_modal_projector.", "vision_tower.")) and ".head." not in name:
            name = name.replace("_weight", ".weight").replace("vision_tower.", "vision_tower.vision_model.")
            yield mapped(name), array + 1 if "soft_emb_norm.weight" in name else array


def gemma4(tensors, config):
    for name, array in tensors.items():
        if array.ndim == 0:
            array = array[None]
        if "audio" in name:
            name = name.replace("model.audio_tower.", "conformer.").replace(".linear.", ".")
            if name.endswith("per_dim_scale"):
                name, array = name + ".weight", np.log1p(np.exp(array))
            if "depthwise_conv1d" in name:
                array = array[:, 0]
            yield mapped(name), array
        elif "vision" in name:
            name = name.replace("model.vision_tower.encoder.", "vision_model.model.").replace(".linear.weight", ".weight")
            if name.endswith("position_embedding_table"):
                name += ".weight"
            if name.endswith("patch_embedder.input_proj.weight"):
                side = config["vision_config"]["patch_size"]
                array = to_colour_planes(array, side).reshape(len(array), 3, side, side)
            yield mapped(name), array


def gemma4_unified(tensors, config):
    side = config["vision_config"]["patch_size"] * config["vision_config"]["pooling_kernel_size"]
    # This version of the package has no names for them yet.
    parts = {"patch_ln1": "v.patch_norm.1", "patch_dense": "v.patch_embd", "patch_ln2": "v.patch_norm.2", "pos_norm": "v.patch_norm.3"}
    for name, array in tensors.items():
        if name.startswith("model.vision_embedder."):
            part, _, kind = name.removeprefix("model.vision_embedder.").partition(".")
            if part == "pos_embedding":
                yield "v.position_embd.weight", array.transpose(1, 0, 2)
            else:
                moved = part == "patch_ln1" or name.endswith("patch_dense.weight")
                yield f"{parts[part]}.{kind}", to_colour_planes(array, side) if moved else array
        elif "embed_vision" in name or "embed_audio" in name:
            yield mapped(name), array


for family, converted, vision_kind, audio_kind in [
    ("gemma3-vision", gemma3, "gemma3", None),
    ("gemma4-e", gemma4, "gemma4v", "gemma4a"),
    ("gemma4-moe", gemma4, "gemma4v", None),
    ("gemma4-unified", gemma4_unified, "gemma4uv", "gemma4ua"),
]:
    folder = golden / "parity" / family
    config = json.loads((folder / "config.json").read_text())
    vision, audio = config["vision_config"], config.get("audio_config") or {}
    path = golden / "mmproj" / f"{family}.gguf"
    path.parent.mkdir(exist_ok=True)
    out = gguf.GGUFWriter(path, "clip")
    out.add_string("general.type", "mmproj")
    d_model = config["text_config"]["hidden_size"]
    out.add_bool("clip.has_vision_encoder", True)
    out.add_uint32("clip.vision.projection_dim", d_model)
    out.add_uint32("clip.vision.image_size", vision.get("image_size", 224))
    out.add_uint32("clip.vision.patch_size", vision["patch_size"])
    out.add_uint32("clip.vision.embedding_length", vision.get("hidden_size", vision.get("mm_embed_dim")))
    out.add_uint32("clip.vision.feed_forward_length", vision.get("intermediate_size", 0))
    out.add_uint32("clip.vision.block_count", vision.get("num_hidden_layers", 0))
    out.add_uint32("clip.vision.attention.head_count", vision.get("num_attention_heads", 0))
    out.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    if audio:
        out.add_string("clip.vision.projector_type", vision_kind)
        out.add_bool("clip.has_audio_encoder", True)
        out.add_string("clip.audio.projector_type", audio_kind)
        out.add_uint32("clip.audio.projection_dim", d_model)
        out.add_uint32("clip.audio.num_mel_bins", 128)
        out.add_uint32("clip.audio.embedding_length", audio.get("hidden_size", audio.get("audio_embed_dim")))
        out.add_uint32("clip.audio.block_count", audio.get("num_hidden_layers", 0))
        out.add_uint32("clip.audio.attention.head_count", audio.get("num_attention_heads", 0))
        out.add_float32("clip.audio.attention.layer_norm_epsilon", 1e-6)
    else:
        out.add_string("clip.projector_type" if vision_kind == "gemma3" else "clip.vision.projector_type", vision_kind)
    if vision_kind == "gemma3":
        n_side = int(config["mm_tokens_per_image"] ** 0.5)
        out.add_uint32("clip.vision.projector.scale_factor", vision["image_size"] // vision["patch_size"] // n_side)
    for name, array in converted(load_file(folder / "model.safetensors"), config):
        out.add_tensor(name, np.ascontiguousarray(array, dtype=np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    print(family, path.stat().st_size, "bytes")
