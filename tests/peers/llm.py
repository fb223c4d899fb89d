#!/usr/bin/env python3
"""Times medley and llama.cpp on the same GGUF files, paired in one run, and writes three tables in README.md.

    pip install llama-cpp-python          # 0.3.36 or newer; CMAKE_ARGS=-DGGML_NATIVE=ON builds it for this machine
    python tests/peers/llm.py [--medley PATH] [--rounds 5] [--write] NAME=FILE.gguf ...

Any GGUF file that both can run will do. The mixture in README.md is one of random weights in the shape of a Qwen 3
mixture of experts (16 layers of width 1,024, 32 experts of which 4 are chosen, Q4_0, 537 MB): speed and memory are
those of a real model of this shape.

Speed: each round runs both, one after the other and in turn the one or the other first, in a process of its own with 2
threads: it reads `depth` tokens, then times reading 512 more and, also after `depth`, writing 64. Both keep
keys and values in half precision. llama.cpp is called through its C functions (`llama.py`), repacks its weights,
and keeps only the window of layers with one. Ratios are medians over the rounds of what the two reached in the same
round. Memory is the largest resident set of each process; what Python had in memory before the model is said apart.

Start: from the start of a process to the first token after a prompt of 32 tokens: warm, with all files in the page cache,
and cold, with the weights and the programs dropped from it. Of llama.cpp once the whole process and once without Python's
start and imports, which is what a program in C would take at least.

Limits: what of the bandwidth and of the products of bytes that `medley bench` measures on this machine the weights take.

--write puts the tables between the marks in README.md.
"""
import argparse
import pathlib
import sys
import time

import llama_cpp

from common import alternately, arguments_of, bench, cache_folder, files_below, first_token, forget, median, named, peer, processor, ratio, write_between

DEPTHS, PROMPT, PROMPT_TOKENS = (0, 512, 4096), 512, 32
WORDS = "the river runs slowly past an old stone mill where two boys are fishing in the morning sun and nobody else can be seen for miles around except one small brown dog".split()


def speed(name, path, arguments):
    """Rows of the first table, and of the third one."""
    table, limits = [], []
    for depth in arguments.depth:

        def ours():
            rows = bench(arguments.medley, path, [depth], arguments.threads)
            found = {phase: rows[phase, depth]["tokens_per_s"] for phase in ("decode", "prefill")}
            return {**found, "memory": rows["memory", None]["peak_rss_bytes"], "rows": rows}

        def theirs():
            found = peer("speed", path, depth, threads=arguments.threads)
            return {**found["rows"][0], "memory": found["memory"], "before": found["memory_before"]}

        rounds = [alternately(i, ours, theirs) for i in range(arguments.rounds)]

        def figure(what):
            pairs = [(a[what], b[what]) for a, b in rounds]
            us, them = (median(pair[i] for pair in pairs) for i in (0, 1))
            return f"{us:.0f} and {them:.0f} (**{ratio(pairs):.2f}**)"

        memory = [median(pair[i]["memory"] for pair in rounds) / 1e6 for i in (0, 1)]
        python = median(pair[1]["before"] for pair in rounds) / 1e6
        table.append(f"| {name} | {depth} | {figure('decode')} | {figure('prefill')} | {memory[0]:.0f} and {memory[1]:.0f} ({memory[1] - python:.0f}) |")
        print(table[-1], flush=True)
        limits.append(limit(name, depth, [us["rows"] for us, _ in rounds]))
        print(limits[-1], flush=True)
    return table, limits


def limit(name, depth, rounds):
    """What a token takes at the limits of the machine, and what it took, in milliseconds."""

    def of(phase, field):
        return median(rows[phase, depth if phase != "machine" else None][field] for rows in rounds)

    bandwidth, products = of("machine", "read_bytes_per_s"), of("machine", "byte_products_per_s")
    written, read = (median(1e3 / rows[phase, depth]["tokens_per_s"] for rows in rounds) for phase in ("decode", "prefill"))
    step = rounds[0]["decode", depth]["step"]
    weights, seen = 1e3 * step["bytes"] / bandwidth, 1e3 * step["cache_bytes"] / bandwidth
    planes = rounds[0]["machine", None]["products_per_weight"]
    once = 1e3 * rounds[0]["prefill", depth]["step"]["parameters"] / products
    return (
        f"| {name} | {depth} | {written:.2f} = {weights:.2f} + {seen:.2f} + {written - weights - seen:.2f} | **{100 * (weights + seen) / written:.0f} %** "
        f"| {read:.3f} = {planes:.0f} × {once:.3f} + {read - planes * once:.3f} | **{100 * planes * once / read:.0f} %** ({100 * once / read:.0f} %) |"
    )


def prompt_of(path):
    """Some words that are so many tokens, with those that begin a text."""
    texts = [" ".join((WORDS * 2)[first : first + n]) for n in range(20, 33) for first in range(len(WORDS) // 2)]
    counts = peer("tokens", path, *texts, threads=1)["tokens"]
    return next((text for text, count in zip(texts, counts) if count == PROMPT_TOKENS), texts[0])


def start(name, path, arguments):
    """A row of the second table."""
    text = prompt_of(path)
    library = pathlib.Path(llama_cpp.__file__).parent
    found, kept = {}, []
    with cache_folder() as cache:

        def ours():
            seconds, n_tokens = first_token(arguments.medley, path, text, arguments.threads, cache)
            if n_tokens != PROMPT_TOKENS:
                sys.exit(f"{name}: the prompt has {n_tokens} tokens for medley and {PROMPT_TOKENS} for llama.cpp")
            return seconds

        def theirs():
            since = time.monotonic()
            at = peer("start", path, text, threads=arguments.threads)
            return at["known"] - since, at["known"] - at["imported"]

        first = ours()
        for state in ("warm", "cold"):
            # Once more, so that all is in the page cache.
            ours(), theirs()

            def dropped(run, files):
                kept.append(forget(files) if state == "cold" else 0)
                return run()

            mine = [path, arguments.medley, *files_below(cache)]
            its = [path, *library.rglob("*.so*")]
            found[state] = [alternately(i, lambda: dropped(ours, mine), lambda: dropped(theirs, its)) for i in range(arguments.starts)]

    def figure(state):
        whole, inner = ([(us, them[i]) for us, them in found[state]] for i in (0, 1))
        us, them, core = median(us for us, _ in whole), median(them for _, them in whole), median(them for _, them in inner)
        return f"{us:.2f} and {them:.2f} (**{ratio(whole):.2f}**), {core:.2f} (**{ratio(inner):.2f}**)"

    if max(kept) > 0.05:
        print(f"note: {100 * max(kept):.0f} % of what was to be dropped from the page cache stayed in it", file=sys.stderr)
    row = f"| {name} | {figure('warm')} | {figure('cold')} | {first:.2f} |"
    print(row, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--rounds", type=int, default=5, help="of each depth")
    parser.add_argument("--starts", type=int, default=7, help="pairs of starts")
    parser.add_argument("--depth", type=int, action="append", help=f"only these; {', '.join(map(str, DEPTHS))} unless given")
    parser.add_argument("--only", choices=("speed", "start"))
    parser.add_argument("files", nargs="+", metavar="NAME=FILE.gguf")
    arguments = parser.parse_args()
    arguments.depth = arguments.depth or DEPTHS
    models = list(named(arguments.files))
    built = peer("system", threads=1)
    caption = f"{arguments.threads} threads of {processor()}; llama.cpp of `llama-cpp-python` {built['version']}, built for this machine"
    print(built["system"], flush=True)

    table = ["| Model | Depth | Writing, tokens/s (ratio) | Reading 512, tokens/s (ratio) | Peak memory, MB (without Python) |", "| --- | --- | --- | --- | --- |"]
    limits = [
        "| Model | Depth | Writing a token, ms = weights + keys and values + rest | Of the bandwidth | Reading a token, ms = products + rest | Of the products (one for each weight) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    if arguments.only != "start":
        for name, path in models:
            of_speed, of_limits = speed(name, path, arguments)
            table += of_speed
            limits += of_limits
        table += ["", f"Medley and llama.cpp, paired, medians of {arguments.rounds} rounds; {caption}."]
        limits += ["", "What weights, keys and values, and products take at the bandwidth and the products of bytes that `medley bench` measures in the same runs."]
    starts = ["| Model | Warm, s: Medley and Python's process (ratio), without its imports (ratio) | Cold | Medley's very first start |", "| --- | --- | --- | --- |"]
    if arguments.only != "speed":
        starts += [start(name, path, arguments) for name, path in models]
        starts += ["", f"From the start of the process to the first token after {PROMPT_TOKENS} tokens, medians of {arguments.starts} pairs; {caption}."]
    if arguments.write:
        for mark, lines in (("peers", table), ("peers-limits", limits), ("peers-start", starts)):
            # A table that was not measured keeps what it has.
            if len(lines) > 2:
                write_between(mark, lines)


main()
