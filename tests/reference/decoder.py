#!/usr/bin/env python3
"""Writes tests/golden/decoder.json: logits of SmolLM2 in plain float32 NumPy from dequantised weights.

One pass over the whole text with no cache and no chunks: slow and obvious.
Reference for the arithmetic: Touvron et al., LLaMA (2023); GGUF holds Llama's query and key rows
permuted so that neighbours rotate together.

    pip install gguf numpy && python tests/reference/decoder.py SmolLM2-135M-Instruct.Q4_1.gguf
"""
import json, pathlib, sys
import numpy as np
import gguf

reader = gguf.GGUFReader(sys.argv[1])
get = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
field = lambda name: reader.fields[name].contents()
n_layers, n_heads, n_kv = (field("llama." + k) for k in ("block_count", "attention.head_count", "attention.head_count_kv"))
base, eps = field("llama.rope.freq_base"), field("llama.attention.layer_norm_rms_epsilon")
head_dim = get["blk.0.attn_q.weight"].shape[0] // n_heads


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x):  # [n, heads, head_dim]
    angle = np.arange(len(x))[:, None] * base ** (-np.arange(0, head_dim, 2) / head_dim)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = x[..., 0::2], x[..., 1::2]
    return np.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape).astype(np.float32)


def logits(ids):
    n = len(ids)
    x = get["token_embd.weight"][ids]
    mask = np.triu(np.full((n, n), -np.inf, np.float32), 1)
    for i in range(n_layers):
        w = lambda name: get[f"blk.{i}.{name}.weight"]
        h = norm(x, w("attn_norm"))
        q = rotate((h @ w("attn_q").T).reshape(n, n_heads, head_dim))
        k = rotate((h @ w("attn_k").T).reshape(n, n_kv, head_dim))
        v = (h @ w("attn_v").T).reshape(n, n_kv, head_dim)
        k, v = (np.repeat(t, n_heads // n_kv, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(head_dim) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        x = x + np.einsum("hqk,khd->qhd", scores, v).reshape(n, -1) @ w("attn_output").T
        h = norm(x, w("ffn_norm"))
        gate = h @ w("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w("ffn_up").T)) @ w("ffn_down").T
    return norm(x, get["output_norm.weight"]) @ get["token_embd.weight"].T


# The strings of tests/golden/tokenizer.json, so that both files stand for the same text.
tokenizer = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "tokenizer.json").read_text())
by_text = {case["text"]: case["ids"] for case in tokenizer}
PROMPTS = {
    "sentence": by_text["The quick brown fox jumps over the lazy dog."],
    "code": by_text['fn main() { println!("{}", x[0] + 1); }'],
    "long": [id for ids in by_text.values() if len(ids) > 8 for id in ids][:300],
}
cases = []
for name, ids in PROMPTS.items():
    rows = logits(ids)
    last = rows[-1].astype(np.float64)
    best = np.argsort(-last)[:12]
    shifted = rows - rows.max(-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    scores = [round(float(logp[i, ids[i + 1]]), 4) for i in range(len(ids) - 1)]
    greedy = list(ids)
    for _ in range(12 if name != "long" else 0):
        greedy.append(int(np.argmax(logits(greedy)[-1])))
    cases.append({"name": name, "ids": ids, "norm": float(np.sqrt((last**2).sum())), "top": [[int(i), round(float(last[i]), 4)] for i in best],
                  "mean_log_probability": float(np.mean(scores)), "greedy": greedy[len(ids) :]})
    print(name, len(ids), cases[-1]["top"][:3], cases[-1]["mean_log_probability"], cases[-1]["greedy"])
path = pathlib.Path(__file__).parents[1] / "golden" / "decoder.json"
made = f"numpy {np.__version__}, gguf 0.19.0"
path.write_text(json.dumps({"made_with": made, "cases": cases}).replace('}, {', '},\n{') + "\n")
