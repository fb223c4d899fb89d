#!/usr/bin/env python3
"""The distance to ik_llama.cpp, a llama.cpp with other kernels and repacked formats: Medley beside its llama-sweep-bench.

    git clone https://github.com/ikawrakow/ik_llama.cpp && cd ik_llama.cpp
    cmake -B build -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_BUILD_SERVER=OFF
    cmake --build build --target llama-sweep-bench
    python tests/peers/ik.py --sweep build/bin/llama-sweep-bench [--medley PATH] [--rounds 3] [--write] NAME=FILE.gguf ...

Each round runs, in processes of their own with 2 threads, Medley and the other with and without repacking at load
(-rtr); of the latter two the better median counts in each figure. Both write 64 tokens and read 512 more after each
depth of one conversation. --commit says which state of it was built.
"""
import argparse
import pathlib
import tempfile

from common import arguments_of, bench, median, named, processor, ratio, rows_of, write_between

DEPTHS, PROMPT, WRITTEN = (0, 512, 4096), 512, 64
WAYS = (["-rtr"], [])


def other(arguments, path, options):
    command = [arguments.sweep, "-m", path, "-t", arguments.threads, "-c", DEPTHS[-1] + PROMPT, "-b", PROMPT, "-ub", PROMPT]
    command += ["-n", WRITTEN, "--output-format", "jsonl", *options]
    # It writes a log to where it runs.
    with tempfile.TemporaryDirectory() as folder:
        rows = {row["n_kv"]: row for row in rows_of(command, folder)}
    return {depth: {"decode": rows[depth]["speed_tg"], "prefill": rows[depth]["speed_pp"]} for depth in DEPTHS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--sweep", required=True, metavar="PATH", help="its llama-sweep-bench")
    parser.add_argument("--commit", default="of unknown state")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE.gguf")
    arguments = parser.parse_args()
    arguments.sweep = pathlib.Path(arguments.sweep).resolve()
    table = ["| Model | Depth | Writing, tokens/s (ratio) | Reading 512, tokens/s (ratio) |", "| --- | --- | --- | --- |"]
    for name, path in named(arguments.files):
        rounds = []
        for _ in range(arguments.rounds):
            rows = bench(arguments.medley, path, DEPTHS, arguments.threads, PROMPT, WRITTEN)
            ours = {depth: {phase: rows[phase, depth]["tokens_per_s"] for phase in ("decode", "prefill")} for depth in DEPTHS}
            rounds.append((ours, [other(arguments, path, way) for way in WAYS]))
        for depth in DEPTHS:

            def figure(phase):
                best = max(range(len(WAYS)), key=lambda way: median(its[way][depth][phase] for _, its in rounds))
                pairs = [(ours[depth][phase], its[best][depth][phase]) for ours, its in rounds]
                us, them = (median(pair[i] for pair in pairs) for i in (0, 1))
                return f"{us:.0f} and {them:.0f} (**{ratio(pairs):.2f}**)"

            table.append(f"| {name} | {depth} | {figure('decode')} | {figure('prefill')} |")
            print(table[-1], flush=True)
    table += ["", f"Medley and ik_llama.cpp {arguments.commit}, the better of repacked and not; paired, medians of {arguments.rounds} rounds; {arguments.threads} threads of {processor()}."]
    if arguments.write:
        write_between("peers-ik", table)


main()
