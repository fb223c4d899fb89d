#!/usr/bin/env python3
"""Writes tests/golden/vad.json: the probabilities of speech in a sample, silence, and the sample again.

    pip install numpy safetensors && pip download --no-deps silero-vad==6.2.3 && unzip silero_vad-*.whl
    python tests/reference/vad.py silero_vad/data/silero_vad_16k.safetensors

The network of silero_vad/tinygrad_model.py in plain numpy. The ONNX files of the package hold other
weights than its safetensors file, so their numbers differ in the second digit.
"""
import json, pathlib, sys, wave
import numpy as np
from safetensors.numpy import load_file

root = pathlib.Path(__file__).parents[2]
with wave.open(str(root / "assets/samples/speech/austen-0880.wav")) as file:
    sample = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64) / 32768
signal = np.concatenate([sample, np.zeros(4 * 16_000), sample])
signal = np.pad(signal, (0, -len(signal) % 512))
w = load_file(sys.argv[1])


def conv(x, name, stride):
    weight, bias = w[name + ".weight"], w.get(name + ".bias")
    n = (x.shape[1] - weight.shape[2]) // stride + 1
    windows = [x[:, i * stride : i * stride + weight.shape[2]] for i in range(n)]
    out = np.stack([np.tensordot(weight, window, axes=([1, 2], [0, 1])) for window in windows], 1)
    return out if bias is None else out + bias[:, None]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


h, c, context, probabilities = np.zeros(128), np.zeros(128), np.zeros(64), []
for frame in signal.reshape(-1, 512):
    x = np.pad(np.concatenate([context, frame]), (0, 64), mode="reflect")[None]
    x = conv(x, "stft_conv", 128)
    x = np.hypot(x[:129], x[129:])
    for i, stride in enumerate((1, 2, 2, 1), 1):
        x = np.maximum(conv(np.pad(x, ((0, 0), (1, 1))), f"conv{i}", stride), 0)
    gates = w["lstm_cell.weight_ih"] @ x[:, 0] + w["lstm_cell.bias_ih"] + w["lstm_cell.weight_hh"] @ h + w["lstm_cell.bias_hh"]
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    logit = w["final_conv.weight"][0, :, 0] @ np.maximum(h, 0) + w["final_conv.bias"][0]
    probabilities.append(round(float(sigmoid(logit)), 5))
    context = frame[-64:]
golden = {"made_with": f"silero-vad 6.2.3, numpy {np.__version__}", "silence_s": 4, "probabilities": probabilities}
(root / "tests/golden/vad.json").write_text(json.dumps(golden) + "\n")
