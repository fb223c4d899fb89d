#!/usr/bin/env python3
"""Transcribes the same recordings with medley, faster-whisper and whisper.cpp, on the same weights, and writes the tables in README.md.

    pip install faster-whisper pywhispercpp jiwer numpy
    python tests/peers/speech.py [--medley PATH] [--models tiny.en base] [--rounds 3] [--recordings NAME…] [--write] FOLDER

At last it compares the times of words with those that espeak-ng told when it read them (`words.py`).

FOLDER gets the recordings, made of the licensed samples by a seeded generator: talks (the sentences of the samples in
each of their orders, with pauses; no sentence twice in a file, since text that repeats is taken for a mistake and heard
again), the same under white noise and under babble (the samples backwards, on top of each other) at 10 and 0 dB, sentences
a minute apart, half an hour of silence (faint noise) and half an hour of music (chords). It gets the weights, too, as
each of them wants them (`ggml.py` for whisper.cpp); they are those of `medley models`, which must be there.

Each contestant runs in a process of its own for each recording, with 2 threads; seconds are those of the transcription
without the loading of the model, the processor is left to one contestant at a time, and each round has all of them, in
another order each time. Words are compared without case and punctuation (jiwer); on silence and music every word counts as made
up. whisper.cpp hears no silence and music: it has no voice activity here and would take minutes. Memory is the peak of the process.
"""
import argparse
import itertools
import json
import os
import pathlib
import random
import sys
import time
import tomllib
import wave

import numpy as np

import ggml
import words
from common import ROOT, arguments_of, median, processor, ratio, rows_of, write_between

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
    """Name, files, what is said in each, and seconds in all."""
    clips = [(read(path), path.with_suffix(".txt").read_text().strip()) for path in sorted(SAMPLES.glob("*.wav"))]
    draw, numbers = random.Random(5), np.random.default_rng(5)
    power = np.mean(np.concatenate([sound for sound, _ in clips]) ** 2)
    backwards = np.concatenate([sound[::-1] for sound, _ in clips])

    def under(kind, db):
        def add(talk):
            if kind == "white":
                noise = numbers.standard_normal(len(talk))
            else:
                noise = sum(np.roll(np.resize(backwards, len(talk)), draw.randrange(len(backwards))) for _ in range(8))
            return talk + noise * np.sqrt(power / np.mean(noise**2) / 10 ** (db / 10))

        return add

    talks = []
    for order in itertools.permutations(clips):
        parts = [part for sound, _ in order for part in (np.zeros(int(RATE * draw.uniform(0.3, 1.2))), sound)]
        talks.append((np.concatenate(parts), " ".join(text for _, text in order)))
    gaps = np.concatenate([part for sound, _ in clips for part in (np.zeros(60 * RATE), sound)])
    faint = numbers.standard_normal(1800 * RATE) * 1e-4
    t = np.arange(4 * RATE) / RATE
    chords = [sum(np.sin(2 * np.pi * 220 * 2 ** (step / 12) * t) for step in chord) * np.exp(-t) for chord in ((0, 4, 7), (5, 9, 12), (7, 11, 14), (-3, 0, 4))]
    music = np.resize(np.concatenate(chords), 1800 * RATE) * 0.1
    sets = {"talks": talks}
    for kind, db in (("white", 10), ("white", 0), ("babble", 10), ("babble", 0)):
        add = under(kind, db)
        sets[f"{kind} noise, {db} dB" if kind == "white" else f"babble, {db} dB"] = [(add(talk), said) for talk, said in talks]
    sets["a minute between sentences"] = [(gaps, " ".join(text for _, text in clips))]
    sets["silence"], sets["music"] = [(faint, "")], [(music, "")]
    for name, files in sets.items():
        paths = [folder / f"{name.replace(', ', '-').replace(' ', '-')}-{i}.wav" for i in range(len(files))]
        for path, (sound, _) in zip(paths, files):
            write(path, sound)
        yield name, paths, [said for _, said in files], sum(len(sound) for sound, _ in files) / RATE


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
    from faster_whisper.feature_extractor import FeatureExtractor

    ggml.convert(into, into / "ggml.bin", FeatureExtractor.get_mel_filters(RATE, 400, 80))
    return into


def faster_whisper(folder, kind, beam, threads, paths):
    """Run in a process of its own: prints what was heard, and in which time."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type=kind, cpu_threads=threads)
    since, texts = time.monotonic(), []
    for path in paths:
        segments, _ = model.transcribe(str(path), language="en", beam_size=beam, vad_filter=True)
        texts.append(" ".join(segment.text.strip() for segment in segments))
    told(time.monotonic() - since, texts)


def whisper_cpp(file, beam, threads, paths):
    """The same with whisper.cpp."""
    from pywhispercpp.model import Model

    beams = {"params_sampling_strategy": 1, "beam_search": {"beam_size": beam, "patience": -1.0}} if beam > 1 else {}
    model = Model(str(file), n_threads=threads, print_progress=False, print_realtime=False, language="en", **beams)
    since, texts = time.monotonic(), []
    for path in paths:
        texts.append(" ".join(segment.text.strip() for segment in model.transcribe(str(path))))
    told(time.monotonic() - since, texts)


def told(seconds, texts):
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "texts": texts, "peak_rss_bytes": peak}))


def word_times(options, models, folder):
    """How far words are off, of medley and of faster-whisper."""
    sound, said = words.recording()
    path = folder / "words.wav"
    write(path, sound)
    lines = ["| model | contestant | words compared | starts: median, 95th percentile, worst | ends |", "| --- | --- | --- | --- | --- |"]

    def row(model, name, heard):
        starts, ends, n = words.distances(said, heard)
        at = lambda values: ", ".join(f"{1000 * values[min(int(part * n), n - 1)]:.0f}" for part in (0.5, 0.95, 1.0)) + " ms"
        lines.append(f"| {model} | {name} | {n} of {len(said)} | {at(starts)} | {at(ends)} |")

    for model, there in models.items():
        for beam in (1, 5):
            way = "greedy" if beam == 1 else f"beam {beam}"
            events = rows_of([options.medley, "transcribe", "--json", "--no-resume", "--language", "en", "--model", there, "--threads", options.threads, "--beam", beam, path])
            heard = [word for event in events if event["event"] == "segment" for word in event["words"]]
            row(model, f"medley, {way}", [(word["text"], word["start_s"], word["end_s"]) for word in heard])
            heard = rows_of([sys.executable, __file__, "--threads", options.threads, "--hear", there, "words", beam, path])[-1]
            row(model, f"faster-whisper float32, {way}", heard["words"])
    return lines


def timed_words(folder, beam, threads, path):
    """Run in a process of its own: prints the words of faster-whisper with their times."""
    from faster_whisper import WhisperModel

    segments, _ = WhisperModel(str(folder), device="cpu", compute_type="float32", cpu_threads=threads).transcribe(path, language="en", beam_size=beam, vad_filter=True, word_timestamps=True)
    print(json.dumps({"words": [(word.word.strip(), word.start, word.end) for segment in segments for word in segment.words]}))


def hear(contestant, options, folder, paths):
    """Seconds, texts and bytes of memory."""
    kind, beam = contestant
    if kind == "medley":
        command = [options.medley, "transcribe", "--json", "--no-resume", "--language", "en", "--model", folder, "--threads", options.threads, "--beam", beam, *paths]
        events = rows_of(command)
        spoken = [event for event in events if event["event"] == "segment"]
        texts = [" ".join(event["text"].strip() for event in spoken if event["file"] == str(path)) for path in paths]
        return events[-1]["wall_s"], texts, events[-1]["peak_rss_bytes"]
    heard = rows_of([sys.executable, __file__, "--threads", options.threads, "--hear", folder, kind, beam, *paths])[-1]
    return heard["seconds"], heard["texts"], heard["peak_rss_bytes"]


def errors(said, heard):
    """Wrong words for each that was said; where nothing was, the words that were made up."""
    import jiwer

    def plain(text):
        return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).replace("mister", "mr").split())

    if not any(said):
        return sum(len(plain(text).split()) for text in heard)
    # An empty text is no text to jiwer.
    return jiwer.wer([plain(text) for text in said], [plain(text) or "-" for text in heard])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--models", nargs="+", default=["tiny.en", "base"])
    parser.add_argument("--rounds", type=int, default=3, help="of the talks; other recordings are heard once")
    parser.add_argument("--recordings", nargs="+", metavar="NAME", help="only these, as the table names them; talks always")
    parser.add_argument("--hear", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("folder", metavar="FOLDER", nargs="?", help="where recordings and weights are put")
    options = parser.parse_args()
    if options.hear:
        folder, kind, beam, *paths = options.hear
        if kind == "words":
            return timed_words(folder, int(beam), options.threads, paths[0])
        if kind == "whisper.cpp":
            return whisper_cpp(pathlib.Path(folder) / "ggml.bin", int(beam), options.threads, paths)
        return faster_whisper(folder, kind, int(beam), options.threads, paths)
    if not options.folder:
        parser.error("a FOLDER for recordings and weights is needed")
    folder = pathlib.Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    contestants = [(kind, beam) for beam in (1, 5) for kind in ("medley", "int8", "float32", "whisper.cpp")]
    names = {"medley": "medley", "int8": "faster-whisper int8", "float32": "faster-whisper float32", "whisper.cpp": "whisper.cpp f16"}
    speed = ["| model | contestant | × real time | of the fastest peer's time | wrong words | MB |", "| --- | --- | --- | --- | --- | --- |"]
    quality = ["| model | recording | medley, greedy and beam 5 | faster-whisper int8 | faster-whisper float32 | whisper.cpp f16 |", "| --- | --- | --- | --- | --- | --- |"]
    all_recordings = [each for each in recordings(folder) if not options.recordings or each[0] in ("talks", *options.recordings)]
    models = {model: weights(folder, model) for model in options.models}
    for model in options.models:
        there = models[model]
        for name, paths, said, duration in all_recordings:
            heard = {contestant: [] for contestant in contestants}
            for round_ in range(options.rounds if name == "talks" else 1):
                for contestant in contestants[round_ % len(contestants) :] + contestants[: round_ % len(contestants)]:
                    if contestant[0] == "whisper.cpp" and not any(said):
                        continue
                    heard[contestant].append(hear(contestant, options, there, paths))
                    print(model, name, contestant, heard[contestant][-1][0], errors(said, heard[contestant][-1][1]), file=sys.stderr)
            wrong = {contestant: median(errors(said, texts) for _, texts, _ in runs) for contestant, runs in heard.items() if runs}
            shown = (lambda n: f"{100 * n:.1f} %") if any(said) else (lambda n: f"{n:.0f} words")
            quality.append(f"| {model} | {name} | " + " | ".join(" and ".join(shown(wrong[kind, beam]) for beam in (1, 5)) if (kind, 1) in wrong else "" for kind in names) + " |")
            if name != "talks":
                continue
            for beam in (1, 5):
                peers = [(kind, beam) for kind in names if kind != "medley"]
                best = min(peers, key=lambda peer: median(seconds for seconds, _, _ in heard[peer]))
                for contestant in [("medley", beam), *peers]:
                    pairs = [(ours[0], theirs[0]) for ours, theirs in zip(heard[contestant], heard[best])]
                    took, memory = median(seconds for seconds, _, _ in heard[contestant]), median(memory for _, _, memory in heard[contestant])
                    way = "greedy" if beam == 1 else f"beam {beam}"
                    speed.append(f"| {model} | {names[contestant[0]]}, {way} | {duration / took:.1f} | {ratio(pairs):.2f} | {100 * wrong[contestant]:.1f} % | {memory / 1e6:.0f} |")
    lines = [f"{processor()}, {options.threads} threads.", "", *speed, "", *quality, "", *word_times(options, models, folder)]
    print("\n".join(lines))
    if options.write:
        write_between("speech", lines)


if __name__ == "__main__":
    main()
