#!/usr/bin/env python3
"""Writes tests/golden/gemma3.json: token ids and perplexity of Gemma 3 270M by transformers, in float32 on
the dequantised GGUF file.

    pip install torch transformers gguf accelerate && python tests/reference/gemma3.py gemma-3-270m-q4_k_m.gguf
"""
import json
import math
import pathlib
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["The capital of France is", "  two  spaces\tand a tab", "one\n\ntwo\n\n\n", "naïve café ✓ 日本語 👍🏽",
    "x = [1, 23, 456]; // don't", "<b>bold</b> & <eos>".replace("<eos>", "end"), ""]
WINDOW = 512

golden = pathlib.Path(__file__).parent.parent / "golden"
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "m.gguf").symlink_to(pathlib.Path(sys.argv[1]).resolve())
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="m.gguf")
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="m.gguf", dtype=torch.float32, attn_implementation="eager").eval()

encode = lambda text: tokenizer(text, add_special_tokens=False).input_ids
ids = encode((golden / "english.txt").read_text())
loss, n = 0.0, 0
for start in range(0, len(ids) - WINDOW + 1, WINDOW):
    window = [tokenizer.bos_token_id] + ids[start + 1:start + WINDOW]
    with torch.no_grad():
        scores = model(torch.tensor([window])).logits[0].log_softmax(-1)
    for i in range(WINDOW // 2 + 1, WINDOW):
        loss -= scores[i - 1, window[i]].item()
        n += 1
result = {"texts": [{"text": text, "ids": encode(text)} for text in TEXTS],
    "english": {"perplexity": math.exp(loss / n), "tokens": n}}
(golden / "gemma3.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
print(result["english"], len(ids))
