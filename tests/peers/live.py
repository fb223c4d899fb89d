#!/usr/bin/env python3
"""How soon live text appears: plays the licensed samples to `medley transcribe --live -` at their own pace, and writes the
table in docs/measured.md.

    python tests/peers/live.py [--medley PATH] [--models whisper-tiny.en whisper-base] [--threads 2] [--write]

The sound is the sentences of the samples in each of their orders, with pauses from a seeded generator, in pieces of 100 ms,
each given when it would have been spoken. A word's latency is the time from its end (as the transcript places it) until
the line with it is read here: it has in it the waiting for more sound, the computing, and the pipe. A word has appeared
when the shown text (stable and tentative) has it as often as the final text up to it; it is stable when stable text has
it. A revision is a stable text that does not go on what was stable before. Errors are against what is said, without case and
punctuation, for live text and for `medley transcribe` of the same sound. The load is the processor's time of all threads
for a second of sound; the real-time factor is the time for a second of sound when it comes as fast as it is taken.
"""
import argparse
import array
import itertools
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import wave

from common import ROOT, arguments_of, processor, write_between

RATE = 16_000
SAMPLES = ROOT / "assets/samples/speech"


def words(text):
    return re.findall(r"[\w']+", text.lower().replace("mr.", "mister"))


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, one in enumerate(a):
        diagonal, row[0] = row[0], i + 1
        for j, other in enumerate(b):
            diagonal, row[j + 1] = row[j + 1], min(row[j] + 1, row[j + 1] + 1, diagonal + (one != other))
    return row[-1]


def talk():
    clips = []
    for path in sorted(SAMPLES.glob("*.wav")):
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            clips.append((array.array("h", file.readframes(file.getnframes())), path.with_suffix(".txt").read_text().strip()))
    # The model is loaded during a second of silence: once, not for each word.
    draw, sound, said = random.Random(5), array.array("h", [0] * RATE), []
    for order in itertools.permutations(clips):
        for clip, text in order:
            sound += array.array("h", [0] * int(RATE * draw.uniform(0.3, 1.2))) + clip
            said.append(text)
    return sound, " ".join(said)


def live(program, model, threads, sound, at_its_pace):
    """Lines with the seconds since the sound began, seconds in all, and the processor's time."""
    command = [program, "transcribe", "--live", "-", "--json", "--language", "en", "--model", model, "--threads", str(threads)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False)
    begin = time.monotonic()

    def feed():
        piece = RATE // 10
        for i in range(0, len(sound), piece):
            # A piece is there when its last sample was spoken.
            if at_its_pace:
                time.sleep(max(0.0, begin + min(i + piece, len(sound)) / RATE - time.monotonic()))
            process.stdin.write(sound[i : i + piece].tobytes())
            process.stdin.flush()
        process.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    lines = [(time.monotonic() - begin, json.loads(line)) for line in process.stdout]
    feeder.join()
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)}: ended with {process.returncode}: {process.stderr.read().decode()}")
    wall_s, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return lines, wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def latencies(lines):
    """Of each word's first appearance and of its becoming stable; the stable text, and how often it was revised."""
    stable, shown, ends = "", [], []
    for at_s, line in lines:
        if line["event"] == "stable":
            stable += line["text"]
            shown.append((at_s, words(stable), len(words(stable))))
        elif line["event"] == "tentative":
            shown.append((at_s, words(stable + line["text"]), len(words(stable))))
        elif line["event"] == "segment":
            ends += [(text, word["end_s"]) for word in line["words"] for text in words(word["text"])]
    first, sure, before = [], [], {}
    for i, (word, end_s) in enumerate(ends):
        before[word] = before.get(word, 0) + 1
        first.append(next(at for at, seen, _ in shown if seen.count(word) >= before[word]) - end_s)
        sure.append(next(at for at, _, n in shown if n > i) - end_s)
    revisions, so_far = 0, []
    for at_s, seen, n in shown:
        revisions += seen[: min(n, len(so_far))] != so_far[: min(n, len(so_far))] or n < len(so_far)
        so_far = seen[:n]
    revisions += [text for text, _ in ends] != so_far
    return first, sure, stable, revisions


def share(values, part):
    values = sorted(values)
    return values[int(part * (len(values) - 1))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--models", nargs="+", default=["whisper-tiny.en"])
    arguments = parser.parse_args()
    sound, said = talk()
    sound_s, rows = len(sound) / RATE, []
    for model in arguments.models:
        lines, _, busy_s = live(arguments.medley, model, arguments.threads, sound, True)
        first, sure, stable, revisions = latencies(lines)
        _, wall_s, _ = live(arguments.medley, model, arguments.threads, sound, False)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            with wave.open(file.name, "wb") as out:
                out.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
                out.writeframes(sound.tobytes())
            command = [arguments.medley, "transcribe", file.name, "--model", model, "--no-resume", "--language", "en"]
            whole = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        said_words = words(said)
        errors = [100 * edits(said_words, words(text)) / len(said_words) for text in (stable, whole)]
        rows.append(
            f"| {model} | {share(first, 0.5):.2f} and {share(first, 0.95):.2f} s | {share(sure, 0.5):.2f} and {share(sure, 0.95):.2f} s "
            f"| {wall_s / sound_s:.2f} | {busy_s / sound_s:.2f} | {revisions} | {errors[0]:.1f} and {errors[1]:.1f} % |"
        )
        print(rows[-1], flush=True)
    table = [
        "| Model | First appearance of a word, median and 95 % | Stable, median and 95 % | Real-time factor | Processor, seconds for one | Revisions of stable text | Word errors, live and as a recording |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        f"{len(said_words)} words in {sound_s:.0f} s at their own pace; {arguments.threads} threads of {processor()}; load of the machine {os.getloadavg()[0]:.1f} at the end.",
    ]
    if arguments.write:
        write_between("live", table)


if __name__ == "__main__":
    main()
