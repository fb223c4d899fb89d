#!/usr/bin/env python3
"""Times medley and llama.cpp on the same GGUF files, paired in one run, and writes the table in README.md.

    pip install llama-cpp-python          # 0.3.36 or newer, built on this machine
    python tests/peers/llm.py [--medley PATH] [--rounds 5] [--write] NAME=FILE.gguf ...

Each round runs both, one after the other, in a process of its own with 2 threads: first it reads `depth` tokens,
then it times reading 512 more, then writing 64 after the first `depth`. Ratios are medians over the rounds of
what the two reached in the same round. Memory is the largest resident set of each process. --write puts the table
between the marks in README.md.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
PROMPT, WRITTEN, DEPTHS = 512, 64, (0, 512, 4096)


def peer(path, depth, threads):
    """Times llama.cpp in this process and prints what it reached."""
    import time

    from llama_cpp import Llama

    model = Llama(path, n_ctx=depth + PROMPT + WRITTEN + 8, n_threads=threads, n_threads_batch=threads, n_batch=512, verbose=False)
    tokens = [(7 * i) % 1000 + 100 for i in range(depth + PROMPT)]
    if depth:
        model.eval(tokens[:depth])
    started = time.perf_counter()
    model.eval(tokens[depth:])
    prefill = PROMPT / (time.perf_counter() - started)
    model.n_tokens = depth
    model._ctx.kv_cache_seq_rm(-1, depth, -1)
    if not depth:
        model.eval(tokens[:1])
    started = time.perf_counter()
    for i in range(WRITTEN):
        model.eval([200 + i])
    decode = WRITTEN / (time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"prefill": prefill, "decode": decode, "memory": peak}))


def ours(medley, path, depth, threads):
    command = [medley, "bench", "--json", "--decoder-only", "--runs", "1", "--model", path, "--depth", str(depth)]
    command += ["--prompt", str(PROMPT), "--generate", str(WRITTEN), "--threads", str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = {row["phase"]: row for row in map(json.loads, output.splitlines())}
    return {"prefill": rows["prefill"]["tokens_per_s"], "decode": rows["decode"]["tokens_per_s"], "memory": rows["memory"]["peak_rss_bytes"]}


def theirs(path, depth, threads):
    command = [sys.executable, __file__, "--peer", path, str(depth), "--threads", str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    parser.add_argument("--medley", default=str(cache / "medley/target/release/medley"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE.gguf")
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments.files[0], int(arguments.files[1]), arguments.threads)

    import llama_cpp

    table = ["| Model | Depth | Writing, tokens/s (ratio) | Reading 512, tokens/s (ratio) | Peak memory, MB |", "| --- | --- | --- | --- | --- |"]
    for name, path in (file.split("=", 1) for file in arguments.files):
        for depth in DEPTHS:
            rounds = [(ours(arguments.medley, path, depth, arguments.threads), theirs(path, depth, arguments.threads)) for _ in range(arguments.rounds)]

            def figure(what):
                us, them = (statistics.median(pair[i][what] for pair in rounds) for i in (0, 1))
                ratio = statistics.median(a[what] / b[what] for a, b in rounds)
                return f"{us:.0f} and {them:.0f} (**{ratio:.2f}**)"

            memory = [statistics.median(pair[i]["memory"] for pair in rounds) / 1e6 for i in (0, 1)]
            table.append(f"| {name} | {depth} | {figure('decode')} | {figure('prefill')} | {memory[0]:.0f} and {memory[1]:.0f} |")
            print(table[-1], flush=True)
    table += ["", f"Medley and llama.cpp (`llama-cpp-python` {llama_cpp.__version__}), {arguments.threads} threads each, paired; medians of {arguments.rounds} rounds."]
    if arguments.write:
        readme = root / "README.md"
        begin, end = "<!-- peers: begin -->", "<!-- peers: end -->"
        text = readme.read_text(encoding="utf-8")
        readme.write_text(re.sub(f"{begin}.*?{end}", lambda _: "\n".join([begin, *table, end]), text, flags=re.S), encoding="utf-8")


main()
