#!/usr/bin/env python3
"""Plots how the time per token grows with the tokens before it, on one thread and two, for medley and llama.cpp.

    python tests/peers/growth.py [--medley PATH] [--rounds 1] [--write] NAME=FILE.gguf ...

Each engine reads one conversation from the start to its end and on the way, after each depth, times writing 16 tokens
and reading 128 more. A model is measured as deep as its file says that it was trained for, less these tokens. What was
measured goes to docs/growth.json, the picture to docs/growth.svg, and with --write the table to docs/measured.md;
models that are not named keep the figures that they have; --draw draws the picture again from docs/growth.json. 32,768 tokens take a quarter of an hour.
"""
import argparse
import json
import math
import subprocess
import sys

from common import ROOT, alternately, arguments_of, bench, median, named, peer, processor, write_between

DEPTHS, PROMPT, WRITTEN = (0, 512, 2048, 4096, 8192, 16384, 32768), 128, 16
DATA, PICTURE = ROOT / "docs/growth.json", ROOT / "docs/growth.svg"


def rounded(values):
    return [round(value, 4) for value in values]


def measure(arguments):
    found = []
    for name, path in named(arguments.files):
        told = subprocess.run([arguments.medley, "models", "info", path, "--json"], check=True, capture_output=True, text=True)
        context = json.loads(told.stdout)["context_tokens"]
        # What is measured after a depth has to fit, too: at the end of the context a little less deep.
        depths = sorted({min(depth, context - PROMPT - 8) for depth in DEPTHS if depth <= min(context, arguments.most)})
        for threads in (1, 2):

            def ours():
                rows = bench(arguments.medley, path, depths, threads, PROMPT, WRITTEN)
                return {phase: [1e3 / rows[phase, depth]["tokens_per_s"] for depth in depths] for phase in ("decode", "prefill")}

            def theirs():
                options = ["--prompt", str(PROMPT), "--generate", str(WRITTEN)]
                rows = peer("speed", path, ",".join(map(str, depths)), threads=threads, options=options)["rows"]
                return {phase: [1e3 / row[phase] for row in rows] for phase in ("decode", "prefill")}

            rounds = [alternately(i, ours, theirs) for i in range(arguments.rounds)]
            for phase in ("decode", "prefill"):
                medley, llama = ([median(pair[i][phase][at] for pair in rounds) for at in range(len(depths))] for i in (0, 1))
                found.append({"model": name, "phase": phase, "threads": threads, "depths": depths, "medley_ms": rounded(medley), "llama_cpp_ms": rounded(llama)})
                print(name, phase, threads, "threads", *(f"{d}: {a:.2f} {b:.2f}" for d, a, b in zip(depths, medley, llama)), flush=True)
    version = peer("system", threads=1)["version"]
    measured = f"{processor()}, llama.cpp of llama-cpp-python {version}, medians of {arguments.rounds} round{'s' * (arguments.rounds > 1)}"
    return {"measured": measured, "rows": found}


WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 220, 52, 46, 70
COLOURS = {"medley_ms": "#c2410c", "llama_cpp_ms": "#1d4ed8"}
NAMES = {"medley_ms": "Medley", "llama_cpp_ms": "llama.cpp"}
PHASES = {"decode": "writing a token, ms", "prefill": "reading a token, ms"}


def draw(data):
    """One panel for each model and phase: depth to the right, milliseconds per token upwards, both logarithmic."""
    models = list(dict.fromkeys(row["model"] for row in data["rows"]))
    size = (LEFT + len(PHASES) * (WIDTH + GAP), TOP + len(models) * (HEIGHT + GAP) + 20)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif" font-size="12">',
        f'<rect width="{size[0]}" height="{size[1]}" fill="#ffffff"/>',
    ]
    at = LEFT
    for engine, colour in COLOURS.items():
        for threads, dash in ((1, ' stroke-dasharray="5 4"'), (2, "")):
            out.append(f'<path d="M{at} 18h26" stroke="{colour}" stroke-width="2"{dash}/>')
            out.append(f'<text x="{at + 32}" y="22" fill="#222222">{NAMES[engine]}, {threads} thread{"s" * (threads > 1)}</text>')
            at += 160
    for i, model in enumerate(models):
        for j, phase in enumerate(PHASES):
            rows = [row for row in data["rows"] if (row["model"], row["phase"]) == (model, phase)]
            out += panel(f"{model}: {PHASES[phase]}", rows, LEFT + j * (WIDTH + GAP), TOP + i * (HEIGHT + GAP) + 20)
    out.append("</svg>")
    return "\n".join(out) + "\n"


def panel(title, rows, left, top):
    values = [ms for row in rows for engine in COLOURS for ms in row[engine]]
    least, most = math.log(min(values) / 1.15), math.log(max(values) * 1.15)
    # Depth 0 has no logarithm: it stands where 256 would.
    first, last = math.log(256), math.log(max(512, *(max(row["depths"]) for row in rows)))

    def x(depth):
        return left + WIDTH * (math.log(max(depth, 256)) - first) / (last - first)

    def y(ms):
        return top + HEIGHT * (most - math.log(ms)) / (most - least)

    out = [f'<text x="{left}" y="{top - 8}" font-weight="bold" fill="#222222">{title}</text>']
    for depth in rows[0]["depths"]:
        out.append(f'<path d="M{x(depth):.1f} {top}v{HEIGHT}" stroke="#e5e5e5"/>')
        out.append(f'<text x="{x(depth):.1f}" y="{top + HEIGHT + 16}" text-anchor="middle" fill="#555555">{depth:,}</text>')
    for ms in (m * 10.0**e for e in range(-2, 4) for m in (1, 2, 5)):
        if least <= math.log(ms) <= most:
            out.append(f'<path d="M{left} {y(ms):.1f}h{WIDTH}" stroke="#e5e5e5"/>')
            out.append(f'<text x="{left - 6}" y="{y(ms) + 4:.1f}" text-anchor="end" fill="#555555">{ms:g}</text>')
    for row in rows:
        for engine, colour in COLOURS.items():
            points = " ".join(f"{x(depth):.1f},{y(ms):.1f}" for depth, ms in zip(row["depths"], row[engine]))
            dash = ' stroke-dasharray="5 4"' if row["threads"] == 1 else ""
            out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    return out


def table(data):
    lines = ["| Model | Threads | Depth | Writing a token, ms (ratio) | Reading a token, ms (ratio) |", "| --- | --- | --- | --- | --- |"]
    found = {(row["model"], row["threads"], row["phase"]): row for row in data["rows"]}
    for model, threads in dict.fromkeys((row["model"], row["threads"]) for row in data["rows"]):
        rows = [found[model, threads, phase] for phase in PHASES]
        for i, depth in enumerate(rows[0]["depths"]):
            if depth in (rows[0]["depths"][0], rows[0]["depths"][-1]):
                figures = [f"{row['medley_ms'][i]:.2f} and {row['llama_cpp_ms'][i]:.2f} (**{row['llama_cpp_ms'][i] / row['medley_ms'][i]:.2f}**)" for row in rows]
                lines.append(f"| {model} | {threads} | {depth:,} | {figures[0]} | {figures[1]} |")
    return [*lines, "", f"{data['measured']}; the depths between are in [growth.json](growth.json).", "", "![Time per token over the tokens before it](growth.svg)"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--most", type=int, default=DEPTHS[-1], metavar="N", help="no deeper than this")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("files", nargs="*", metavar="NAME=FILE.gguf")
    arguments = parser.parse_args()
    if not arguments.draw:
        if not arguments.files:
            sys.exit("give at least one NAME=FILE.gguf, or --draw")
        found = measure(arguments)
        # Models that are not measured now keep what was.
        if DATA.exists():
            measured = {row["model"] for row in found["rows"]}
            found["rows"] += [row for row in json.loads(DATA.read_text(encoding="utf-8"))["rows"] if row["model"] not in measured]
        rows = ",\n".join(json.dumps(row) for row in found["rows"])
        DATA.write_text(f'{{"measured": {json.dumps(found["measured"])}, "rows": [\n{rows}\n]}}\n', encoding="utf-8")
    data = json.loads(DATA.read_text(encoding="utf-8"))
    PICTURE.write_text(draw(data), encoding="utf-8")
    lines = table(data)
    print("\n".join(lines))
    if arguments.write:
        write_between("peers-growth", lines)


main()
