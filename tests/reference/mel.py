#!/usr/bin/env python3
"""Writes tests/golden/mel.json: log-mel values that transformers computes for a made-up signal.

    pip install transformers numpy && python tests/reference/mel.py
"""
import json, math, pathlib
import numpy as np
import transformers
from transformers import WhisperFeatureExtractor

state, samples = 1, []
for i in range(24_000):
    t = i / 16_000
    state = (state * 1_664_525 + 1_013_904_223) % 2**32
    noise = (state >> 8) / 2**24 - 0.5
    tone = math.sin(math.tau * (220 + 400 * t) * t)
    high = math.sin(math.tau * 3000 * t) * (1 - t / 1.5)
    samples.append(0.3 * tone + 0.1 * high + 0.02 * noise)
samples = np.asarray(samples, dtype=np.float32)

cases = []
for n_mels in (80, 128):
    extract = WhisperFeatureExtractor(feature_size=n_mels)
    mel = extract(samples, sampling_rate=16_000, return_tensors="np").input_features[0]
    picked = [(b, t, round(float(mel[b, t]), 6)) for b in range(0, n_mels, 7) for t in (0, 1, 5, 77, 148, 149, 150, 151, 160, 2999)]
    cases.append({"made_with": f"transformers {transformers.__version__}, numpy {np.__version__}", "n_mels": n_mels,
                  "n_frames": mel.shape[1], "values": picked, "mean": float(mel.astype(np.float64).mean())})
path = pathlib.Path(__file__).parents[1] / "golden" / "mel.json"
path.write_text(json.dumps(cases).replace("}, {", "},\n{") + "\n")
