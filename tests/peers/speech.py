#!/usr/bin/env python3
"""Transcribes the same recordings with medley and faster-whisper, on the same weights, and writes the tables in README.md.

    pip install faster-whisper jiwer numpy
    python tests/peers/speech.py [--medley PATH] [--models tiny.en base] [--rounds 3] [--write] FOLDER

FOLDER gets the recordings, made of the licensed samples by a seeded generator: a talk of some minutes (sentences in
random order with pauses), the same under white noise and under babble (the samples backwards, on top of each other) at
10 and 0 dB, sentences a minute apart, half an hour of silence (faint noise) and half an hour of music (chords). It gets
the weights, too, as faster-whisper wants them; they are those of `medley models`, which must be there.

Each contestant runs in a process of its own for each recording, with 2 threads; seconds are those of the transcription
without the loading of the model, the processor is left to one contestant at a time, and each round has all of them, in
another order each time. Words are compared without case and punctuation (jiwer); on silence and music every word counts as made
up. Memory is the peak of the process.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import tomllib
import wave

import numpy as np

from common import ROOT, arguments_of, median, processor, ratio, write_between

RATE = 16_000
SAMPLES = ROOT / "assets/samples/speech"
STORE = pathlib.Path(os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local/share") / "medley/models/blobs"


def read(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64) / 32768


def write(path, sound):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes())


def recordings(folder):
    """Name, path and what is said for each."""
    clips = [(read(path), path.with_suffix(".txt").read_text().strip()) for path in sorted(SAMPLES.glob("*.wav"))]
    draw, numbers = random.Random(5), np.random.default_rng(5)
    talk, said = [], []
    for _ in range(12):
        for sound, text in draw.sample(clips, len(clips)):
            talk += [sound, np.zeros(int(RATE * draw.uniform(0.3, 1.2)))]
            said.append(text)
    talk, said = np.concatenate(talk), " ".join(said)
    power = np.mean(np.concatenate([sound for sound, _ in clips]) ** 2)

    def under(noise, db):
        return talk + noise * np.sqrt(power / np.mean(noise**2) / 10 ** (db / 10))

    white = numbers.standard_normal(len(talk))
    babble = sum(np.roll(np.resize(np.concatenate([clip[0][::-1] for clip in clips]), len(talk)), draw.randrange(len(talk))) for _ in range(8))
    gaps = np.concatenate([part for sound, _ in clips for part in (np.zeros(60 * RATE), sound)])
    faint = numbers.standard_normal(1800 * RATE) * 1e-4
    t = np.arange(4 * RATE) / RATE
    chords = [sum(np.sin(2 * np.pi * 220 * 2 ** (step / 12) * t) for step in chord) * np.exp(-t) for chord in ((0, 4, 7), (5, 9, 12), (7, 11, 14), (-3, 0, 4))]
    music = np.resize(np.concatenate(chords), 1800 * RATE) * 0.1
    all_of = {
        "talk": (talk, said),
        "white noise, 10 dB": (under(white, 10), said),
        "white noise, 0 dB": (under(white, 0), said),
        "babble, 10 dB": (under(babble, 10), said),
        "babble, 0 dB": (under(babble, 0), said),
        "a minute between sentences": (gaps, " ".join(text for _, text in clips)),
        "silence": (faint, ""),
        "music": (music, ""),
    }
    for name, (sound, text) in all_of.items():
        path = folder / (name.replace(", ", "-").replace(" ", "-") + ".wav")
        if not path.exists():
            write(path, sound)
        yield name, path, text, len(sound) / RATE


def weights(folder, model):
    """A folder of a model of the store, in the layout of CTranslate2."""
    files = next(entry for entry in tomllib.loads((ROOT / "assets/models.toml").read_text())["model"] if entry["id"] == f"whisper-{model}")["file"]
    into = folder / f"whisper-{model}"
    into.mkdir(exist_ok=True)
    for file in files:
        blob = STORE / f"sha256-{file['sha256']}"
        if not blob.is_file():
            sys.exit(f"{blob}: missing; run `medley models pull whisper-{model}`")
        link = into / file["name"]
        link.unlink(missing_ok=True)
        link.symlink_to(blob)
    tokenizer = json.loads((into / "tokenizer.json").read_text(encoding="utf-8"))
    tokens = {id: token for token, id in tokenizer["model"]["vocab"].items()} | {added["id"]: added["content"] for added in tokenizer["added_tokens"]}
    vocabulary = [tokens.get(id, f"<{id}>") for id in range(max(tokens) + 1)]
    if "<|30.00|>" not in vocabulary:
        vocabulary += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    (into / "vocabulary.json").write_text(json.dumps(vocabulary))
    return into


def faster_whisper(folder, kind, beam, threads, path):
    """Run in a process of its own: prints what was heard, and in which time."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type=kind, cpu_threads=threads)
    since = time.monotonic()
    language = "en"
    segments, _ = model.transcribe(str(path), language=language, beam_size=beam, vad_filter=True)
    text = " ".join(segment.text.strip() for segment in segments)
    print(json.dumps({"seconds": time.monotonic() - since, "text": text}))


def peak_of(command):
    """What a command prints, and the most memory it had."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: ended with {process.returncode}: {err.strip()[-500:]}")
    return out, usage.ru_maxrss * 1024


def hear(contestant, options, folder, path):
    """Seconds, text and bytes of memory."""
    kind, beam = contestant
    if kind == "medley":
        command = [options.medley, "transcribe", "--json", "--language", "en", "--model", folder, "--threads", options.threads, "--beam", beam, path]
        out, memory = peak_of(command)
        events = [json.loads(line) for line in out.splitlines()]
        text = " ".join(event["segment"]["text"].strip() if "segment" in event else event["text"].strip() for event in events if event["event"] == "segment")
        return next(event["wall_s"] for event in events if event["event"] == "done"), text, memory
    out, memory = peak_of([sys.executable, __file__, "--hear", folder, kind, beam, path, "--threads", options.threads, "-"])
    heard = json.loads(out.splitlines()[-1])
    return heard["seconds"], heard["text"], memory


def errors(said, heard):
    """Wrong words for each that was said; where nothing was, the words that were made up."""
    import jiwer

    def plain(text):
        return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split())

    if not said:
        return len(plain(heard).split())
    return jiwer.wer(plain(said), plain(heard)) if plain(heard) else 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--models", nargs="+", default=["tiny.en", "base"])
    parser.add_argument("--rounds", type=int, default=3, help="of the talk; other recordings are heard once")
    parser.add_argument("--hear", nargs=4, metavar=("WEIGHTS", "KIND", "BEAM", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("folder", metavar="FOLDER")
    options = parser.parse_args()
    if options.hear:
        folder, kind, beam, path = options.hear
        return faster_whisper(folder, kind, int(beam), options.threads, path)
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    contestants = [(kind, beam) for beam in (1, 5) for kind in ("medley", "int8", "float32")]
    names = {"medley": "medley", "int8": "faster-whisper int8", "float32": "faster-whisper float32"}
    speed = ["| model | contestant | × real time | of the fastest peer's time | wrong words | MB |", "| --- | --- | --- | --- | --- | --- |"]
    quality = ["| model | recording | medley, greedy and beam 5 | faster-whisper int8 | faster-whisper float32 |", "| --- | --- | --- | --- | --- |"]
    for model in options.models:
        there = weights(folder, model)
        for name, path, said, duration in recordings(folder):
            heard = {contestant: [] for contestant in contestants}
            for round_ in range(options.rounds if name == "talk" else 1):
                for contestant in contestants[round_ % len(contestants) :] + contestants[: round_ % len(contestants)]:
                    heard[contestant].append(hear(contestant, options, there, path))
                    print(model, name, contestant, heard[contestant][-1][0], errors(said, heard[contestant][-1][1]), file=sys.stderr)
            wrong = {contestant: median(errors(said, text) for _, text, _ in runs) for contestant, runs in heard.items()}
            shown = (lambda n: f"{100 * n:.1f} %") if said else (lambda n: f"{n:.0f} words")
            quality.append(f"| {model} | {name} | " + " | ".join(" and ".join(shown(wrong[kind, beam]) for beam in (1, 5)) for kind in ("medley", "int8", "float32")) + " |")
            if name != "talk":
                continue
            for beam in (1, 5):
                peers = [("int8", beam), ("float32", beam)]
                best = min(peers, key=lambda peer: median(seconds for seconds, _, _ in heard[peer]))
                for contestant in [("medley", beam), *peers]:
                    pairs = [(ours[0], theirs[0]) for ours, theirs in zip(heard[contestant], heard[best])]
                    took, memory = median(seconds for seconds, _, _ in heard[contestant]), median(memory for _, _, memory in heard[contestant])
                    way = "greedy" if beam == 1 else f"beam {beam}"
                    speed.append(f"| {model} | {names[contestant[0]]}, {way} | {duration / took:.1f} | {ratio(pairs):.2f} | {100 * wrong[contestant]:.1f} % | {memory / 1e6:.0f} |")
    lines = [f"{processor()}, {options.threads} threads.", "", *speed, "", *quality]
    print("\n".join(lines))
    if options.write:
        write_between("speech", lines)


if __name__ == "__main__":
    main()
