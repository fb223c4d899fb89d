#!/usr/bin/env python3
"""Writes tests/golden/ge2e.json: spectra and voices that Resemblyzer computes of two samples.

    pip install Resemblyzer==0.1.4 torch "setuptools<80" soundfile
    python tests/reference/ge2e.py

Resemblyzer imports a function of scipy from where it no longer is; the first lines put it there.
"""
import json, pathlib, sys, types
import numpy as np, scipy, scipy.ndimage, soundfile, librosa, torch

moved = types.ModuleType("scipy.ndimage.morphology")
moved.binary_dilation = scipy.ndimage.binary_dilation
sys.modules["scipy.ndimage.morphology"] = moved
from resemblyzer import VoiceEncoder
from resemblyzer.audio import wav_to_mel_spectrogram

root = pathlib.Path(__file__).parents[2]
encoder = VoiceEncoder("cpu", verbose=False)
cases = []
for name in ("austen-0870", "austen-0880"):
    samples, _ = soundfile.read(root / f"assets/samples/speech/{name}.wav", dtype="float32")
    mel = wav_to_mel_spectrogram(samples)
    picked = [(t, b, float(mel[t, b])) for t in (0, 1, 2, 50, 101, len(mel) - 2, len(mel) - 1) for b in range(0, 40, 3)]
    voices = []
    for start, end in ((0, 160), (60, 160)):
        with torch.no_grad():
            voice = encoder(torch.from_numpy(mel[None, start:end]))[0].numpy()
        voices.append({"start": start, "end": end, "voice": [round(float(x), 6) for x in voice]})
    cases.append({"file": name, "n_frames": len(mel), "mel": picked, "voices": voices})
golden = {"made_with": f"Resemblyzer 0.1.4, librosa {librosa.__version__}, torch {torch.__version__}", "cases": cases}
(root / "tests/golden/ge2e.json").write_text(json.dumps(golden).replace("}, {", "},\n{") + "\n")
