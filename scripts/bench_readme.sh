#!/usr/bin/env bash
# Measures this machine with `medley bench` and rewrites the table between the marks in README.md.
#
#   scripts/bench_readme.sh [PATH-OF-MEDLEY]
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/medley/target}"
medley="${1:-$target/release/medley}"
rows="$(mktemp)"
trap 'rm -f "$rows"' EXIT

"$medley" bench --json >"$rows"
if [ -n "${DISPLAY:-}" ]; then
    "$medley" bench --window --json >>"$rows"
elif command -v xvfb-run >/dev/null; then
    xvfb-run -a "$medley" bench --window --json >>"$rows" || echo "the window was not measured" >&2
fi

python3 - "$rows" <<'PYTHON'
import json
import os
import pathlib
import re
import sys

rows = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
phase = {row["phase"]: row for row in rows}
table = ["| What | Figure |", "| --- | --- |"]


def add(what, figure):
    table.append(f"| {what} | {figure} |")


def mb(value):
    return f"{value / 1e6:.0f} MB"


for name, what, limit in [("prefill", "reading a prompt", "multiplies"), ("decode", "writing", "reads from memory")]:
    if row := phase.get(name):
        share = f", {100 * row['share']:.0f} % of what this machine {limit}" if row.get("share") else ""
        add(f"{row['model']}: {what}, {row['tokens']} tokens at depth {row['depth']}", f"{row['tokens_per_s']:.0f} tokens/s{share}")
if row := phase.get("memory"):
    add("decoder alone: peak memory", mb(row["peak_rss_bytes"]))
if row := phase.get("transcribe"):
    add(f"{row['model']}: transcription ({row['audio_s']:.1f} s of speech)", f"{row['audio_s_per_s']:.1f} seconds of speech per second")
if row := phase.get("cold_start"):
    cold = f" / {row['cold_first_token_s']:.2f} s" if row.get("cold_first_token_s") else ""
    what = "the first time / later" + (" / later with the weights read from the disk" if cold else "")
    add(f"`medley ask` without files: start to first token, {what}", f"{row['first_start_s']:.2f} s / {row['first_token_s']:.2f} s{cold}")
    if row.get("peak_rss_bytes"):
        add("`medley ask` without files: peak memory", mb(row["peak_rss_bytes"]))
if row := phase.get("window"):
    # Without the renderer: on a computer with a graphics card that is another processor's work.
    def own(frames):
        return f"{frames['own_median_ms']:.1f} ms / {frames['own_p99_ms']:.1f} ms / {frames['own_longest_ms']:.1f} ms"

    add("window: start to first frame", f"{row['first_frame_s']:.2f} s")
    for name, what in [("stream_at_decoder", "as fast as smollm2-135m writes"), ("stream_fast", "faster than that")]:
        stream = row[name]
        add(f"window: a frame while a 5,000-word answer streams, {stream['words_per_s']:.0f} words/s ({what}), median / 99 % / the longest", own(stream["frames"]))
        if stream.get("cpu_percent") is not None:
            add("window: processor meanwhile / with the software renderer", f"{stream['cpu_percent']:.1f} % / {stream['cpu_with_renderer_percent']:.1f} % of one core")
    add("window: a frame while a transcript of three hours (2,500 lines, 27,500 words) is scrolled and played, median / 99 % / the longest", own(row["transcript"]))
    if row.get("pages"):
        add(f"window: a frame while a document is scrolled through {row['pages']} pages, median / 99 % / the longest", own(row["document"]))
    add(f"window: a frame in a walk through all panes ({row['tour']['count']} frames), median / 99 % / the longest", own(row["tour"]))
    if memory := row.get("memory"):
        what = f"window: memory with {memory['conversations']} conversations of {memory['pictures_in_each']} pictures / of that in no file"
        add(what, f"{mb(memory['most_bytes'])} / {mb(memory['most_own_bytes'])}")
    add("window: repaints in two idle seconds", row["idle_frames"])
    if row.get("idle_cpu_percent") is not None:
        add("window: processor in those seconds", f"{row['idle_cpu_percent']:.1f} %")

processor = "an unknown processor"
try:
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
except OSError:
    pass
table.append("")
table.append(f"Measured on {os.cpu_count()} threads of {processor}; medians of {3} runs.")

readme = pathlib.Path("README.md")
text = readme.read_text(encoding="utf-8")
begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
text = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n" + "\n".join(table) + f"\n{end}", text, flags=re.S)
readme.write_text(text, encoding="utf-8")
print("\n".join(table))
PYTHON
