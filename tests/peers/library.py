#!/usr/bin/env python3
"""Measures the library: citations on real manuals, a long PDF, needles; writes the tables of docs/measured.md.

    library.py FOLDER [--medley PATH] [--lengths 1k,10k,100k,1m] [--write]

Fetches manuals of Debian packages into FOLDER with apt (nothing is installed) and asks the questions of library.jsonl,
whose answers, pages and quotes were written down by hand. The long PDF is joined from real manuals with qpdf.
"""
import argparse
import gzip
import os
import pathlib
import shutil
import subprocess
import sys

import common

HERE = pathlib.Path(__file__).resolve().parent
# Package and file; a name after = is the one in the questions.
DOCUMENTS = [
    ("bash-doc", "usr/share/doc/bash/bashref.pdf"),
    ("zsh-doc", "usr/share/doc/zsh-common/zsh.pdf"),
    ("octave-doc", "usr/share/doc/octave/octave.pdf"),
    ("gnuplot-doc", "usr/share/doc/gnuplot/gnuplot.pdf"),
    ("debian-policy", "usr/share/doc/debian-policy/policy.pdf.gz"),
    ("developers-reference", "usr/share/developers-reference/developers-reference.pdf"),
    ("ngspice-doc", "usr/share/doc/ngspice-doc/manual.pdf.gz=ngspice-manual.pdf"),
    ("r-doc-pdf", "usr/share/R/doc/manual/R-intro.pdf"),
    ("r-doc-pdf", "usr/share/R/doc/manual/R-admin.pdf"),
    ("r-doc-pdf", "usr/share/R/doc/manual/R-exts.pdf"),
    ("lilypond-doc-pdf", "usr/share/doc/lilypond/html/Documentation/essay.pdf"),
    ("lilypond-doc-pdf", "usr/share/doc/lilypond/html/Documentation/music-glossary.pdf"),
    ("texlive-latex-base-doc", "usr/share/doc/texlive-doc/latex/fancyhdr/fancyhdr.pdf"),
    ("texlive-latex-base-doc", "usr/share/doc/texlive-doc/latex/amsmath/amsldoc.pdf"),
]
HELD_OUT = ", held out"
LONG = [("fullrefman.pdf", "1-z"), ("octave.pdf", "1-1000"), ("zsh.pdf", "1-385")]


def unpacked(folder, package):
    """The files of a package, which is fetched once."""
    packages, files = folder / "packages", folder / "unpacked"
    packages.mkdir(parents=True, exist_ok=True)
    if not list(packages.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", package], cwd=packages, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", next(packages.glob(f"{package}_*.deb")), files], check=True)
    return files


def name_of(path):
    path, _, name = path.partition("=")
    return path, name or pathlib.Path(path).name.removesuffix(".gz")


def documents(folder, most):
    """The folder of the manuals, and the questions over them."""
    manuals = folder / "manuals"
    manuals.mkdir(parents=True, exist_ok=True)
    chosen = sorted((name_of(path)[1], package, name_of(path)[0]) for package, path in DOCUMENTS)[:most]
    for name, package, path in chosen:
        if not (manuals / name).exists():
            source = unpacked(folder, package) / path
            opened = gzip.open(source) if source.suffix == ".gz" else open(source, "rb")
            with opened, open(manuals / name, "wb") as out:
                shutil.copyfileobj(opened, out)
    names = {name for name, _, _ in chosen}
    lines = (HERE / "library.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    questions = folder / "questions.jsonl"
    asked = [row for row in map(common.json.loads, lines) if row.get("document", "") in names | {""}]
    # Every second question was not looked at when it was tuned when a decoder reads.
    for row in asked[1::2]:
        row["kind"] += HELD_OUT
    questions.write_text("".join(common.json.dumps(row, ensure_ascii=False) + "\n" for row in asked), encoding="utf-8")
    return manuals, questions


def long_pdf(folder, manuals):
    path = folder / "long.pdf"
    if not path.exists():
        qpdf = shutil.which("qpdf")
        if not qpdf:
            return None
        full = unpacked(folder, "r-doc-pdf") / "usr/share/R/doc/manual/fullrefman.pdf"
        pages = [part for name, numbers in LONG for part in (full if name == full.name else manuals / name, numbers)]
        subprocess.run([qpdf, "--empty", "--pages", *pages, "--", path], check=True)
    return path


def citations(args, manuals, questions):
    command = [args.medley, "eval", "cite", questions, "--documents", manuals, "--json", "--threads", args.threads]
    if args.work:
        command += ["--work", args.work]
    rows = common.rows_of(command)
    about = next(row for row in rows if row["event"] == "searched")
    kinds = {row["kind"]: row for row in rows if row["event"] == "cited"}
    shown = [kinds[kind + half] for kind in ("direct", "reworded") for half in ("", HELD_OUT)]
    none = [kinds["unanswerable" + half] for half in ("", HELD_OUT)]
    line = lambda what, cell: f"| {what} | {' | '.join(cell(row) for row in shown)} |"
    ways = "read", "fused", "words", "meaning"
    found = lambda row: ", ".join(f"{row['recall_at_5'][way]:.1f}" for way in ways) + " %"

    def of_all(rows, cell, weight="questions"):
        return sum(cell(row) * row[weight] for row in rows) / max(1, sum(row[weight] for row in rows))

    def together(name, rows):
        recall = ", ".join(f"{of_all(rows, lambda row: row['recall_at_5'][way]):.1f}" for way in ways)
        shares = [f"{of_all(rows, lambda row: row[key]):.1f} %" for key in ("page_right", "first_right", "page_cited", "answer_in_evidence")]
        precision = of_all(rows, lambda row: row["citation_precision"], "citations")
        return f"| {sum(row['questions'] for row in rows)} {name} | {recall} % | {' | '.join(shares)} | {precision:.1f} % |"

    refused = of_all(none, lambda row: row["refused"], "unanswerable")
    return [
        f"Questions over {about['documents']} manuals of Debian packages, {about['pages']} pages, {about['passages']} passages. Direct ones use words of the manuals, reworded ones ask for the same in words of somebody who has not read them. When a decoder reads, and what that counts, was tuned on every second question; the others were held out. The weights of BM25 were chosen with all in view.",
        "",
        line("", lambda r: f"{r['questions']} {r['kind']}"),
        "| --- " * (1 + len(shown)) + "|",
        line("answer among the first five passages: read by a small decoder where words do not decide, fused, words alone (BM25), meaning alone", found),
        line("citations that stand word for word on their page", lambda r: f"{r['verbatim']:.1f} % of {r['citations']}"),
        line("the page of the answer is cited first; it or the answer is", lambda r: f"{r['page_right']:.1f} %, {r['first_right']:.1f} %"),
        line("the page of the answer is cited at all", lambda r: f"{r['page_cited']:.1f} %"),
        line("the answer stands in a citation", lambda r: f"{r['answer_in_evidence']:.1f} %"),
        line("citations on the right page or with the answer", lambda r: f"{r['citation_precision']:.1f} %"),
        line("time to the evidence (median)", lambda r: f"{r['median_s']:.2f} s"),
        "",
        "| both halves | recall at 5: read, fused, words, meaning | page first | page or answer first | page cited | answer cited | precision |",
        "| --- " * 7 + "|",
        together("direct", shown[:2]),
        together("reworded", shown[2:]),
        together("of all", shown),
        "",
        f"Of {sum(row['unanswerable'] for row in none)} questions that the manuals do not answer, {refused:.0f} % were answered with “Not in these documents.”",
    ]


def indexing(args, folder, pdf):
    shelf = folder / "shelf"
    shutil.rmtree(shelf, ignore_errors=True)
    command = [args.medley, "library", "add", pdf, "--library", shelf, "--json", "--threads", args.threads]
    row = common.rows_of(command if args.meanings else [*command, "--words-only"])[-1]
    status = row["status"]
    meanings = f", by meaning after {row['seconds']:.0f} s" if args.meanings else ""
    return [
        "",
        f"A PDF of {status['leaves']} pages with text ({status['passages']} passages): searchable by words after {row['readable_s']:.0f} s{meanings}; "
        f"{row['peak_rss_bytes'] / 2**20:.0f} MiB of memory at most; text with its positions takes {status['text_bytes'] / status['leaves'] / 1000:.1f} kB for a page, "
        f"the index of words {status['words_bytes'] / status['leaves'] / 1000:.1f} kB, meanings {392 * status['passages'] / status['leaves'] / 1000:.1f} kB.",
    ]


def needles(args, rows):
    """The table of needles from the rows of `medley eval needle --json`."""
    indexed = {row["tokens"]: row for row in rows if row["event"] == "indexed"}
    recall = {(row["tokens"], row["kind"]): row for row in rows if row["event"] == "recall"}
    kinds = sorted({kind for _, kind in recall})
    lines = [
        "",
        "Needles in text of Debian packages, at depths in steps of 10 %; found means that the answer stands in a citation.",
        "",
        f"| tokens | passages | {' | '.join(f'{kind} found' for kind in kinds)} | evidence after, median (worst) | words, meanings on disk | new meanings per second |",
        "| --- " * (5 + len(kinds)) + "|",
    ]
    for tokens, row in sorted(indexed.items()):
        found = [recall.get((tokens, kind)) for kind in kinds]
        times = [r for r in found if r]
        median, worst = max(r["median_s"] for r in times), max(r["worst_s"] for r in times)
        spent = row["seconds"] - row["words_s"]
        name = f"{tokens:,}" + ("" if row["meanings_bytes"] else " (words alone)")
        speed = f"{row['new_meanings'] / spent:.0f}" if spent > 5 else "–"
        cells = [f"{r['recall']:.0f} % of {r['asked']}" if r else "–" for r in found]
        lines.append(
            f"| {name} | {row['passages']:,} | {' | '.join(cells)} | {median:.2f} s ({worst:.2f} s) | "
            f"{row['words_bytes'] / 1e6:.1f}, {row['meanings_bytes'] / 1e6:.1f} MB | {speed} |"
        )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.arguments_of(parser)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--lengths", default="1k,10k,100k,1m")
    parser.add_argument("--work", type=pathlib.Path, help="where the library of the manuals is kept for another run")
    parser.add_argument("--most-documents", type=int, default=len(DOCUMENTS), help="only the first ones by name, and their questions")
    parser.add_argument("--meanings", action="store_true", help="of the long PDF, too: some more minutes")
    parser.add_argument("--needle-rows", type=pathlib.Path, metavar="FILE", help="what `medley eval needle --json` printed before")
    args = parser.parse_args()
    args.folder = args.folder.resolve()
    manuals, questions = documents(args.folder, args.most_documents)
    lines = [f"Processor: {common.processor()}, {args.threads} threads.", "", *citations(args, manuals, questions)]
    pdf = long_pdf(args.folder, manuals)
    if pdf:
        lines += indexing(args, args.folder, pdf)
    else:
        print("qpdf is not here; the long PDF is left out", file=sys.stderr)
    if args.needle_rows:
        rows = [common.json.loads(line) for line in args.needle_rows.read_text().splitlines() if line.startswith("{")]
    else:
        subprocess.run([sys.executable, HERE / "haystack.py", args.folder / "haystack"], check=True)
        command = [args.medley, "eval", "needle", "--text", args.folder / "haystack/text", "--lengths", args.lengths, "--json"]
        rows = common.rows_of([*command, "--kinds", "classic,topic,many", "--work", args.folder / "needles"], **os.environ)
    lines += needles(args, rows)
    print("\n".join(lines))
    if args.write:
        common.write_between("library", lines)


if __name__ == "__main__":
    main()
