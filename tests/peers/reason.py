#!/usr/bin/env python3
"""How methods of tuning a model to reason compare: the figures of `medley eval reason --results FILE.jsonl` as tables.

    medley eval reason --results reason.jsonl …
    python tests/peers/reason.py [--write] reason.jsonl [MORE.jsonl …]

Only seeds for which every task and method is there count, so that a comparison that was stopped stays a fair one. The
mean over the tasks is made for each seed; its interval of 95 % is that of the t distribution over seeds. Differences
from `trice` are paired: the same task and seed, which is the same questions. With `--write` the tables go between their
marks in docs/measured.md.
"""
import argparse
import collections
import json
import math
import pathlib
import statistics
import sys

from common import processor, write_between

# Two rows are not tuned: what held-out accuracy the runs of a method began with.
METHODS = {
    "direct-prompting": "Answers, prompted only",
    "prompting": "Chains, prompted only",
    "direct": "Direct tuning",
    "star": "STaR",
    "rejection": "Rejection sampling",
    "trice-plain": "TRICE without the control variate",
    "trice": "TRICE",
}
QUANTILES = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
BINS = [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.01)]


def interval(numbers):
    """Mean and half of its interval of 95 %; none of a single number."""
    numbers = list(numbers)
    mean = statistics.fmean(numbers)
    if len(numbers) < 2:
        return mean, None
    freedom = len(numbers) - 1
    # Above ten the first terms of Cornish and Fisher's, within 0.01.
    t = QUANTILES[freedom] if freedom < len(QUANTILES) else 1.96 + 2.3723 / freedom + 2.8225 / freedom**2
    return mean, t * statistics.stdev(numbers) / math.sqrt(len(numbers))


def percent(mean, half, sign=""):
    around = "" if half is None else f" ± {100 * half:.1f}"
    return f"{100 * mean:{sign}.1f}{around} %"


def complete(rows):
    """The rows of the seeds that have every task and method, with the tasks, methods and seeds."""
    tasks = sorted({row["task"] for row in rows})
    methods = [name for name in METHODS if any(row["method"] == name for row in rows)]
    found = {(row["task"], row["method"], row["seed"]): row for row in rows}
    all_of = lambda seed: all((task, method, seed) in found for task in tasks for method in methods)
    seeds = sorted(seed for seed in {row["seed"] for row in rows} if all_of(seed))
    return found, tasks, methods, seeds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=pathlib.Path)
    parser.add_argument("--write", action="store_true", help="put the tables between their marks in docs/measured.md")
    arguments = parser.parse_args()
    rows = [json.loads(line) for path in arguments.results for line in path.read_text(encoding="utf-8").splitlines()]
    for method, of in (("direct-prompting", "direct"), ("prompting", "trice")):
        if not any(row["method"] == method for row in rows):
            began = [row for row in rows if row["method"] == of]
            rows += [row | {"method": method, "after": row["before"], "samples": 0, "seconds": 0, "variances": []} for row in began]
    if len({row["settings"] for row in rows}) != 1:
        sys.exit("these results are of runs with different settings, or none")
    found, tasks, methods, seeds = complete(rows)
    if not seeds:
        sys.exit("no seed has all tasks and methods yet")

    def mean_of(method, seed):
        return statistics.fmean(found[task, method, seed]["after"] for task in tasks)

    lines = [f"Settings: {rows[0]['settings']}. Processor: {processor()}. Seeds: {', '.join(map(str, seeds))}.", ""]
    lines += ["| Method | Mean of the tasks | TRICE − it, paired | " + " | ".join(tasks) + " | Chains drawn | Seconds |"]
    lines += ["| --- " * (len(tasks) + 5) + "|"]
    for method in methods:
        cells = [METHODS[method], f"**{percent(*interval(mean_of(method, seed) for seed in seeds))}**"]
        pairs = [found[task, "trice", seed]["after"] - found[task, method, seed]["after"] for task in tasks for seed in seeds] if "trice" in methods else []
        cells += [percent(*interval(pairs), sign="+") if pairs and method != "trice" else ""]
        cells += [f"{100 * statistics.fmean(found[task, method, seed]['after'] for seed in seeds):.0f} %" for task in tasks]
        of_method = [found[task, method, seed] for task in tasks for seed in seeds]
        cells += [f"{statistics.fmean(row['samples'] for row in of_method):.0f}", f"{statistics.fmean(row['seconds'] for row in of_method):.0f}"]
        lines += ["| " + " | ".join(cells) + " |"]
    points = [point for row in rows for point in row["variances"] if point[2] > 0]
    if points:
        lines += ["", "| Right proposals in a step | Steps | Variance of the gradient with the control variate, of that without |", "| --- | --- | --- |"]
        by_bin = collections.defaultdict(list)
        for accuracy, with_control, without in points:
            by_bin[next(b for b in BINS if b[0] <= accuracy < b[1])].append(with_control / without)
        for (low, high), ratios in sorted(by_bin.items()):
            mean, half = interval(ratios)
            around = "" if half is None else f" ± {half:.2f}"
            lines += [f"| {100 * low:.0f} to {100 * min(high, 1):.0f} % | {len(ratios)} | {mean:.2f}{around} |"]
    print("\n".join(lines))
    if arguments.write:
        write_between("reason", lines)


if __name__ == "__main__":
    main()
