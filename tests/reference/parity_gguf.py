#!/usr/bin/env python3
"""Writes tests/golden/parity/FAMILY/model.gguf: the decoders of checkpoints that parity.py and parity_media.py made,
as llama.cpp's `convert_hf_to_gguf.py` writes them: keys and names of tensors by gguf-py, experts in one tensor, rows of
Llama's queries and keys permuted. In float32, so that what differs is seen.

    pip install gguf safetensors && python tests/reference/parity_gguf.py [FAMILY…]
"""
import json
import pathlib
import re
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file

GOLDEN = pathlib.Path(__file__).parent.parent / "golden" / "parity"
FAMILIES = {
    "mixtral": gguf.MODEL_ARCH.LLAMA,
    "qwen3-moe": gguf.MODEL_ARCH.QWEN3MOE,
    "gemma4-e": gguf.MODEL_ARCH.GEMMA4,
}
ROOT = re.compile(r"^model\.(language_model\.)?|^lm_head\.")
EXPERT = re.compile(r"^(.*\.experts)\.(\d+)\.(\w+)\.weight$")


def permute(rows, n_heads):
    """Halves of heads to neighbours (`LlamaModel.permute`)."""
    return rows.reshape(n_heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def decoder_tensors(folder):
    """Tensors of the decoder by their names in transformers, with experts of a layer stacked."""
    tensors, experts = {}, {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if "language_model" not in name and ("vision" in name or "audio" in name or "embed_vision" in name):
            continue
        if not ROOT.match(name):
            raise ValueError(f"what is {name}?")
        name = name.replace("model.language_model.", "model.")
        if match := EXPERT.match(name):
            experts.setdefault(f"{match[1]}.{match[3]}", {})[int(match[2])] = tensor
        else:
            tensors[name] = tensor
    for name, parts in experts.items():
        tensors[f"{name}.weight"] = np.stack([parts[i] for i in range(len(parts))])
    return tensors


def write_keys(out, config):
    n_layers, n_heads = config["num_hidden_layers"], config["num_attention_heads"]
    out.add_block_count(n_layers)
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_head_count(n_heads)
    out.add_head_count_kv(config["num_key_value_heads"])
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if n_experts := config.get("num_local_experts") or config.get("num_experts"):
        out.add_expert_count(n_experts)
        out.add_expert_used_count(config["num_experts_per_tok"])
    if width := config.get("moe_intermediate_size"):
        out.add_expert_feed_forward_length(width)


def write_gemma4_keys(out, config, tensors):
    kinds, n_layers = config["layer_types"], config["num_hidden_layers"]
    rope = config["rope_parameters"]
    widest = max(overrides["head_dim"] for overrides in config["per_layer_config"].values())
    out.add_feed_forward_length([len(tensors[f"model.layers.{i}.mlp.gate_proj.weight"]) for i in range(n_layers)])
    out.add_key_length(widest)
    out.add_value_length(widest)
    out.add_key_length_swa(config["head_dim"])
    out.add_value_length_swa(config["head_dim"])
    out.add_sliding_window(config["sliding_window"])
    out.add_sliding_window_pattern([kind == "sliding_attention" for kind in kinds])
    out.add_shared_kv_layers(config["num_kv_shared_layers"])
    out.add_embedding_length_per_layer_input(config["hidden_size_per_layer_input"])
    out.add_final_logit_softcapping(config["final_logit_softcapping"])
    out.add_rope_freq_base(rope["full_attention"]["rope_theta"])
    out.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
    # Angles that do not rotate have an endless factor.
    n_turning = int(widest * rope["full_attention"]["partial_rotary_factor"] / 2)
    factors = np.array([1.0] * n_turning + [1e30] * (widest // 2 - n_turning), dtype=np.float32)
    out.add_tensor("rope_freqs.weight", factors)
    # Published checkpoints still hold what layers with a shared cache would make keys and values with.
    for layer in range(n_layers - config["num_kv_shared_layers"], n_layers):
        earlier = next(i for i in range(n_layers) if kinds[i] == kinds[layer])
        for part in ("k_proj", "v_proj", "k_norm"):
            name = f"model.layers.{{}}.self_attn.{part}.weight"
            tensors[name.format(layer)] = -tensors[name.format(earlier)]


def write(family, arch):
    folder = GOLDEN / family
    config = json.loads((folder / "config.json").read_text())
    config = config.get("text_config", config)
    tensors = decoder_tensors(folder)
    out = gguf.GGUFWriter(folder / "model.gguf", gguf.MODEL_ARCH_NAMES[arch])
    write_keys(out, config)
    if arch == gguf.MODEL_ARCH.GEMMA4:
        write_gemma4_keys(out, config, tensors)
    else:
        out.add_feed_forward_length(config["intermediate_size"])
        out.add_key_length(config["head_dim"])
        out.add_value_length(config["head_dim"])
        out.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    out.add_token_list([f"<{i}>" for i in range(config["vocab_size"])])
    names = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    for name, tensor in tensors.items():
        if arch == gguf.MODEL_ARCH.LLAMA and "q_proj" in name:
            tensor = permute(tensor, config["num_attention_heads"])
        if arch == gguf.MODEL_ARCH.LLAMA and "k_proj" in name:
            tensor = permute(tensor, config["num_key_value_heads"])
        theirs = names.get_name(name, try_suffixes=(".weight",))
        # A number of its own has no suffix in transformers.
        theirs = theirs if theirs and theirs.endswith(".weight") else f"{theirs}.weight"
        if theirs == "None.weight":
            raise ValueError(f"gguf-py has no name for {name}")
        out.add_tensor(theirs, np.ascontiguousarray(tensor, dtype=np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


for family in sys.argv[1:] or FAMILIES:
    write(family, FAMILIES[family])
