#!/usr/bin/env python3
"""Writes tests/golden/agreement/MODEL.json: what transformers predicts at every position of english.txt, in
float32 on the dequantised GGUF file.

Each file holds the ids that were fed, the likeliest next token after each, and the log-probability of the token
that does follow.

    pip install torch transformers gguf accelerate
    python tests/reference/agreement.py smollm2-135m=SmolLM2-135M-Instruct.Q4_1.gguf gemma-3-270m=gemma-3-270m-q4_k_m.gguf
"""
import json
import pathlib
import sys
import tempfile

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

golden = pathlib.Path(__file__).parent.parent / "golden"
text = (golden / "english.txt").read_text()
(golden / "agreement").mkdir(exist_ok=True)
for argument in sys.argv[1:]:
    name, file = argument.split("=", 1)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "m.gguf").symlink_to(pathlib.Path(file).resolve())
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="m.gguf")
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="m.gguf", dtype=torch.float32, attn_implementation="eager").eval()
    ids = tokenizer(text, add_special_tokens=False).input_ids
    if name.startswith("gemma"):
        ids = [tokenizer.bos_token_id] + ids
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    following = scores[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    result = {"made_with": f"transformers {transformers.__version__}, torch {torch.__version__}", "ids": ids,
        "likeliest": scores.argmax(-1).tolist(), "log_probabilities": [round(x, 5) for x in following.tolist()]}
    (golden / "agreement" / f"{name}.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
    print(name, len(ids), "tokens, mean log-probability", following.mean().item())
