#!/usr/bin/env python3
"""Writes tests/golden/parity/FAMILY: tiny random checkpoints and what transformers computes for them.

Each folder is a checkpoint in the layout of transformers (config.json, model.safetensors) with
inputs.safetensors (input_ids) and outputs.safetensors (logits and the greedy continuation), in float32
with eager attention. `medley parity FOLDER` compares.

    pip install torch transformers safetensors && python tests/reference/parity.py
"""
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

N_VOCAB, N_PROMPT, N_NEW = 96, 29, 8
COMMON = dict(vocab_size=N_VOCAB, hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2,
    head_dim=12, max_position_embeddings=64, bos_token_id=2, eos_token_id=1, pad_token_id=0)
FAMILIES = {
    "llama": ("llama", dict(num_hidden_layers=2, tie_word_embeddings=True)),
    "gemma": ("gemma", dict(num_hidden_layers=2, num_key_value_heads=1)),
    "gemma2": ("gemma2", dict(num_hidden_layers=2, query_pre_attn_scalar=10, sliding_window=8)),
    "gemma3-text": ("gemma3_text", dict(num_hidden_layers=6, query_pre_attn_scalar=10, sliding_window=8)),
    "qwen3": ("qwen3", dict(num_hidden_layers=2, tie_word_embeddings=False)),
    "qwen3-moe": ("qwen3_moe", dict(num_hidden_layers=2, moe_intermediate_size=20, num_experts=6, num_experts_per_tok=2,
        norm_topk_prob=True, decoder_sparse_step=1, tie_word_embeddings=False)),
    # A dense layer before the sparse one, and weights of experts that do not sum to 1.
    "qwen3-moe-mixed": ("qwen3_moe", dict(num_hidden_layers=2, moe_intermediate_size=20, num_experts=4, num_experts_per_tok=2,
        norm_topk_prob=False, decoder_sparse_step=2, tie_word_embeddings=False)),
}


def randomise(model, seed):
    """Numbers that matter everywhere, in norms, too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                parameter.add_(0.1 * noise)
            else:
                parameter.copy_(noise * 1.2 / parameter.shape[-1] ** 0.5)


root = pathlib.Path(__file__).parent.parent / "golden" / "parity"
for seed, (name, (kind, sizes)) in enumerate(FAMILIES.items(), start=20):
    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind, attn_implementation="eager", **(COMMON | sizes))
    model = AutoModelForCausalLM.from_config(config).float().eval()
    randomise(model, seed)
    ids = torch.randint(3, N_VOCAB, (1, N_PROMPT))
    with torch.no_grad():
        logits = model(input_ids=ids).logits
        written = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=N_NEW, min_new_tokens=N_NEW)
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    save_file({"input_ids": ids}, folder / "inputs.safetensors")
    save_file({"logits": logits.contiguous(), "greedy": written[:, N_PROMPT:].contiguous()}, folder / "outputs.safetensors")
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")
