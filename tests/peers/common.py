"""What the scripts beside this one share: starting both engines, the page cache, tables in README.md and docs/measured.md."""
import json
import mmap
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DRIVER = pathlib.Path(__file__).resolve().parent / "llama.py"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")


# What the haystacks of sound and video hide: a place, and the secret word that is said of it.
SECRETS = [("castle", "umbrella"), ("harbour", "marmalade"), ("library", "elephant"), ("railway", "pineapple"), ("hospital", "butterfly"), ("theatre", "saxophone"), ("museum", "chocolate"), ("airport", "telescope"), ("bakery", "dragonfly"), ("school", "lavender"), ("prison", "volcano")]


def arguments_of(parser):
    """What every script takes."""
    parser.add_argument("--medley", default=str(CACHE / "medley/target/release/medley"), metavar="PATH", help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the tables between their marks in README.md and docs/measured.md")


def named(files):
    """Pairs of a name and a path from NAME=FILE."""
    for file in files:
        name, _, path = file.rpartition("=")
        if not name or not pathlib.Path(path).is_file():
            sys.exit(f"{file}: expected NAME=FILE with a file that exists")
        yield name, str(pathlib.Path(path).resolve())


def rows_of(command, folder=None, **environment):
    """The objects that a command prints, one a line."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=folder, env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: ended with {done.returncode}: {done.stderr.strip()}")
    # Some programs tell results where others tell problems.
    return [json.loads(line) for line in [*done.stdout.splitlines(), *done.stderr.splitlines()] if line.startswith("{")]


def peer(*command, threads, options=()):
    """What `llama.py` prints for a command."""
    return rows_of([sys.executable, DRIVER, *command, "--threads", threads, *options])[-1]


def bench(medley, path, depths, threads, prompt=512, generate=64, runs=1):
    """The rows of `medley bench`, by phase and depth."""
    command = [medley, "bench", "--json", "--decoder-only", "--runs", runs, "--model", path, "--depth", ",".join(map(str, depths))]
    command += ["--prompt", prompt, "--generate", generate, "--threads", threads]
    return {(row["phase"], row.get("depth")): row for row in rows_of(command)}


def alternately(round_, first, second):
    """Runs both, the other one first in every second round; results in the order given."""
    if round_ % 2 == 0:
        return first(), second()
    later = second()
    return first(), later


def run_measured(command):
    """Seconds that a command takes, and the most memory that it held, in KiB."""
    since = time.monotonic()
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - since, usage.ru_maxrss


def secrets_found(medley, threads, library, said, is_near):
    """Asks a library for each secret, (depth, place, word, seconds); found is what a quote holds where `is_near` says
    that its evidence is. For each whether it was found, and how many stood at a wrong place only."""
    found, wrong_place = [], 0
    for depth, place, secret, at_s in said:
        question = f"What is the secret word of the {place}?"
        events = rows_of([medley, "read", f"--library={library}", "--json", "--max-tokens", 1, "--threads", threads, question])
        quotes = [event for event in events if event["event"] == "evidence" and secret in event.get("quote", "").lower()]
        near = any(is_near(event, at_s) for event in quotes)
        wrong_place += bool(quotes) and not near
        found += [near]
        print(f"{depth} %: {secret} at {at_s:.2f} s: {'found' if near else 'missed'}", flush=True)
    return found, wrong_place


def median(values):
    return statistics.median(values)


def ratio(pairs):
    """Median of what the two of a pair come to."""
    return median(ours / theirs for ours, theirs in pairs)


def forget(paths):
    """Drops files from the system's page cache; how much of them is left in it, from 0 to 1."""
    kept = pages = 0
    for path in paths:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                continue
            # Only what is on the disk already is dropped.
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            for at in range(0, size, 64 * mmap.PAGESIZE):
                pages += 1
                try:
                    kept += os.preadv(file.fileno(), [bytearray(1)], at, os.RWF_NOWAIT) > 0
                except BlockingIOError:
                    pass
    return kept / max(pages, 1)


def files_below(*folders):
    return [path for folder in folders for path in pathlib.Path(folder).rglob("*") if path.is_file()]


def first_token(medley, path, text, threads, cache):
    """Seconds from our start to the first token of the answer to a raw text, and the tokens of that text."""
    command = [medley, "ask", "--json", "--raw", "--max-tokens", "8", "--temperature", "0", "--model", path, "--threads", str(threads), text]
    since = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "MEDLEY_CACHE": cache})
    known, usage = None, {}
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "text" and known is None:
            known = time.monotonic() - since
        usage = event.get("usage") or usage
    if process.wait() != 0 or known is None:
        sys.exit(f"medley ask: no answer: {process.stderr.read().strip()}")
    return known, usage["prompt_tokens"]


def cache_folder():
    return tempfile.TemporaryDirectory(prefix="medley-peers-")


def write_between(mark, lines):
    """Puts lines between two marks in README.md or docs/measured.md."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    for page in (ROOT / "README.md", ROOT / "docs/measured.md"):
        text, n = re.subn(f"{begin}.*?{end}", lambda _: "\n".join([begin, *lines, end]), page.read_text(encoding="utf-8"), flags=re.S)
        if n == 1:
            return page.write_text(text, encoding="utf-8")
    sys.exit(f"README.md and docs/measured.md have no place for {mark}")


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return "an unknown processor"
