#!/usr/bin/env python3
"""Secret words, spoken somewhere in hours of speech: are they found, and where they were said?

    pip install numpy
    python tests/peers/sound_haystack.py FOLDER [--hours 1] [--step 10] [--medley PATH] [--write]

espeak-ng (three voices) and the licensed recordings speak sentences without end, of which none of the made ones comes
twice; at depths in steps of so many percent a sentence says a secret word. The sound goes to FOLDER as FLAC while it is
made, so that its length costs no memory. `medley library add` reads it as it reads any recording, and each word is
asked for as `medley read --library` does; it is found when a shown quote holds it, at the time at which it was said.
espeak-ng must be installed, and ffmpeg.
"""
import argparse
import itertools
import json
import pathlib
import random
import shutil
import subprocess

import numpy as np

import common
import words
from speech import RATE, SAMPLES, read

WHO = ["The farmer", "A young doctor", "My neighbour", "The captain", "An old teacher", "Her brother", "The painter", "Our guide", "The baker", "A tall stranger", "The musician", "His daughter", "The mechanic", "A famous writer", "The gardener"]
DOES = ["repaired", "described", "forgot", "painted", "bought", "carried", "measured", "cleaned", "moved", "admired", "borrowed", "found", "counted", "hid", "sold"]
WHAT = ["the wooden table", "a box of letters", "two heavy suitcases", "the broken clock", "a pair of boots", "the green curtains", "a bag of flour", "three old maps", "the kitchen window", "a silver spoon", "the yellow boat", "a ladder", "the empty bottles", "a leather coat", "the garden fence"]
WHERE = ["behind the church", "in the market square", "near the river", "on the second floor", "beside the fountain", "at the station", "under the bridge", "across the valley", "in a quiet street", "before the storm", "after the concert", "on a rainy Sunday", "during the holidays", "at the end of June", "late in the evening"]
# A quote is at the right place when it is no further away.
NEAR_S = 15
# Said in one go by the synthesizer, to keep little in memory.
AT_ONCE = 60


def sentences(seed):
    """Sentences without end, of which none comes twice."""
    draw = random.Random(seed)
    order = list(itertools.product(WHO, DOES, WHAT, WHERE))
    draw.shuffle(order)
    for who, does, what, where in order:
        yield f"{who} {does} {what} {where}."


def make(path, hours, depths, seed):
    """Writes the recording; when each secret begins, in seconds."""
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "s16le", "-ar", RATE, "-ac", 1, "-i", "-", "-c:a", "flac", path]
    encoder = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE)
    draw, made = random.Random(seed), sentences(seed)
    clips = [read(clip) for clip in sorted(SAMPLES.glob("*.wav"))]
    wanted, said, at_s = list(zip(depths, common.SECRETS)), [], 0.0

    def put(sound):
        nonlocal at_s
        pause = np.zeros(int(RATE * draw.uniform(0.2, 1.0)))
        both = np.concatenate([pause, sound])
        encoder.stdin.write((np.clip(both, -1, 1) * 32767).astype(np.int16).tobytes())
        begins = at_s + len(pause) / RATE
        at_s += len(both) / RATE
        return begins

    while at_s < hours * 3600 or wanted:
        while wanted and at_s >= wanted[0][0] / 100 * hours * 3600:
            depth, (place, secret) = wanted.pop(0)
            sound, _ = next(words.speak([f"The secret word of the {place} is {secret}."]))
            said.append((depth, place, secret, put(sound)))
        if at_s >= hours * 3600:
            # The last depth is the end.
            continue
        until_s = wanted[0][0] / 100 * hours * 3600 if wanted else hours * 3600
        for sound, _ in words.speak(list(itertools.islice(made, AT_ONCE))):
            if at_s >= until_s:
                break
            put(sound)
        put(draw.choice(clips))
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit(f"{path}: ffmpeg could not write it")
    return said, at_s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.arguments_of(parser)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--step", type=int, default=10, help="percent from one depth to the next")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("folder", metavar="FOLDER", type=pathlib.Path, help="where the recording and its library are put")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    name = options.folder / f"speech-{options.hours:g}h-{options.seed}"
    sound, told = (name.with_name(name.name + end) for end in (".flac", ".json"))
    if not (sound.exists() and told.exists()):
        said, seconds = make(sound, options.hours, range(0, 101, options.step), options.seed)
        told.write_text(json.dumps({"said": said, "seconds": seconds}))
    made = json.loads(told.read_text())
    library = options.folder / f"library-{name.name}"
    shutil.rmtree(library, ignore_errors=True)
    command = [options.medley, "library", "add", "--json", "--library", library, "--threads", options.threads, sound]
    took_s, peak_kb = common.run_measured(command)
    def is_near(event, at_s):
        return event["start_s"] - NEAR_S <= at_s <= event["end_s"] + NEAR_S

    found, wrong_place = common.secrets_found(options.medley, options.threads, library, made["said"], is_near)
    lines = [
        f"{common.processor()}, {options.threads} threads.",
        "",
        "| speech | read in | × real time | memory | secret words found, at their time | at a wrong time |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| {made['seconds'] / 3600:.1f} h | {took_s / 60:.1f} min | {made['seconds'] / took_s:.0f} | {peak_kb / 1024:.0f} MiB | {sum(found)} of {len(found)} | {wrong_place} |",
    ]
    print("\n".join(lines))
    if options.write:
        common.write_between("sound-haystack", lines)


if __name__ == "__main__":
    main()
