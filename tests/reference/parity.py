#!/usr/bin/env python3
"""Writes tests/golden/parity/FAMILY: tiny random checkpoints and what transformers computes for them.

Each folder is a checkpoint in the layout of transformers (config.json, model.safetensors) with
inputs.safetensors (input_ids) and outputs.safetensors (logits and the greedy continuation), in float32
with eager attention; Whisper and BERT have the inputs and outputs of their own kinds. `medley parity FOLDER`
compares. What parity_gguf.py puts beside them has to be written again afterwards.

    pip install torch transformers safetensors && python tests/reference/parity.py [FAMILY…]
"""
import functools
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import (AutoConfig, AutoModelForCausalLM, BertConfig, BertModel, WhisperConfig, WhisperFeatureExtractor,
    WhisperForConditionalGeneration)

from randomise import randomise

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


def decoder(kind, sizes):
    config = AutoConfig.for_model(kind, attn_implementation="eager", **(COMMON | sizes))

    def run(model):
        ids = torch.randint(3, N_VOCAB, (1, N_PROMPT))
        logits = model(input_ids=ids).logits
        written = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=N_NEW, min_new_tokens=N_NEW)
        return {"input_ids": ids}, {"logits": logits, "greedy": written[:, N_PROMPT:]}
    return AutoModelForCausalLM.from_config(config), run


def whisper():
    """Two seconds instead of thirty, and sides with heads and widths of their own."""
    config = WhisperConfig(vocab_size=N_VOCAB, num_mel_bins=80, d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=40,
        max_source_positions=100, max_target_positions=24, decoder_start_token_id=3, bos_token_id=2, eos_token_id=1,
        pad_token_id=0, suppress_tokens=None, begin_suppress_tokens=None, attn_implementation="eager")

    def run(model):
        t = torch.arange(20_000) / 16_000
        wave = 0.4 * torch.sin(2 * torch.pi * (200 + 900 * t) * t) + 0.05 * torch.randn(t.shape)
        extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=2)
        features = extractor(wave.numpy(), sampling_rate=16_000, return_tensors="pt").input_features
        ids = torch.randint(3, N_VOCAB, (1, 13))
        out = model(input_features=features, decoder_input_ids=ids)
        return ({"waveform_16khz": wave, "input_features": features, "decoder_input_ids": ids},
            {"logits": out.logits, "encoder_last_hidden_state": out.encoder_last_hidden_state})
    return WhisperForConditionalGeneration(config), run


def bert():
    config = BertConfig(vocab_size=N_VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=40, attn_implementation="eager")

    def run(model):
        ids = torch.randint(3, N_VOCAB, (1, N_PROMPT))
        hidden = model(input_ids=ids).last_hidden_state
        return {"input_ids": ids}, {"last_hidden_state": hidden, "mean_pooled": hidden.mean(1)}
    return BertModel(config), run


makers = {name: functools.partial(decoder, kind, sizes) for name, (kind, sizes) in FAMILIES.items()}
makers |= {"whisper": whisper, "bert": bert}
makers["mixtral"] = functools.partial(decoder, "mixtral", dict(num_hidden_layers=2, num_local_experts=4,
    num_experts_per_tok=2, sliding_window=None, tie_word_embeddings=False))
root = pathlib.Path(__file__).parent.parent / "golden" / "parity"
for seed, (name, make) in enumerate(makers.items(), start=20):
    if sys.argv[1:] and name not in sys.argv[1:]:
        continue
    torch.manual_seed(seed)
    model, run = make()
    model = model.float().eval()
    randomise(model, seed)
    with torch.no_grad():
        inputs, outputs = run(model)
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    save_file({key: value.contiguous() for key, value in inputs.items()}, folder / "inputs.safetensors")
    save_file({key: value.contiguous() for key, value in outputs.items()}, folder / "outputs.safetensors")
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")
