"""Writes tests/golden/minilm.json: sentence vectors of all-MiniLM-L6-v2, computed in float64.

The encoder is written out in numpy (BERT as published, mean over tokens, length 1), independent of
the engine; only the tokenizer is a library. Needs: numpy, scipy, safetensors, tokenizers.
Usage: python minilm.py FOLDER_WITH_THE_CHECKPOINT > ../golden/minilm.json
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf, softmax
from tokenizers import Tokenizer

SENTENCES = [
    "What animal is this?",
    "tabby cat",
    "He was not an ill-disposed young man, unless to be rather cold hearted and rather selfish is to be ill-disposed.",
    "Où est la bibliothèque? 图书馆在哪里 — 3.14 %",
    "a " * 300,
]

folder = sys.argv[1]
w = {k: v.astype(np.float64) for k, v in load_file(f"{folder}/model.safetensors").items() if v.dtype == np.float32}
config = json.load(open(f"{folder}/config.json"))
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
tokenizer.enable_truncation(max_length=256)
heads, eps = config["num_attention_heads"], config["layer_norm_eps"]


def linear(x, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(x, name):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def embed(text):
    ids = tokenizer.encode(text).ids
    n = len(ids)
    e = "embeddings."
    x = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][:n] + w[e + "token_type_embeddings.weight"][0]
    x = norm(x, e + "LayerNorm")
    for i in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, f"{p}attention.self.{part}").reshape(n, heads, -1).swapaxes(0, 1) for part in ("query", "key", "value"))
        weights = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), axis=-1)
        attended = (weights @ v).swapaxes(0, 1).reshape(n, -1)
        x = norm(linear(attended, p + "attention.output.dense") + x, p + "attention.output.LayerNorm")
        inner = linear(x, p + "intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        x = norm(linear(inner, p + "output.dense") + x, p + "output.LayerNorm")
    mean = x.mean(0)
    return n, mean / np.linalg.norm(mean)


cases = []
for text in SENTENCES:
    n, vector = embed(text)
    cases.append({"text": text, "n_tokens": n, "vector": [round(float(x), 6) for x in vector]})
tools = {name: version(name) for name in ("numpy", "scipy", "tokenizers", "safetensors")}
json.dump({"checkpoint": "all-MiniLM-L6-v2", "tools": tools, "cases": cases}, sys.stdout, ensure_ascii=False)
print()
