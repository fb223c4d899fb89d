#!/usr/bin/env python3
"""Text for `medley eval needle`: manuals and dictionaries of Debian packages as plain paragraphs, fetched with apt.

    haystack.py FOLDER [--bytes 60000000]

Downloads the packages into FOLDER/packages (nothing is installed), and writes FOLDER/text/*.txt: the paragraphs of
their HTML pages and the entries of a dictionary, in an order that a seed shuffles. No paragraph stands twice.
"""
import argparse
import gzip
import html.parser
import pathlib
import random
import re
import subprocess

PACKAGES = ["dict-gcide", "linux-doc-6.1", "python3.11-doc", "debian-handbook", "sqlite3-doc", "git-doc", "maxima-doc"]
BLOCKS = {"p", "li", "dd", "dt", "td", "h1", "h2", "h3", "h4", "blockquote", "div"}
HIDDEN = {"script", "style", "nav", "head", "pre"}
LEAST = 80


class Paragraphs(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.open, self.hidden = [], [], 0

    def close_paragraph(self):
        text = " ".join("".join(self.open).split())
        self.open.clear()
        if len(text) >= LEAST:
            self.found.append(text)

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in HIDDEN
        if tag in BLOCKS:
            self.close_paragraph()

    def handle_endtag(self, tag):
        self.hidden = max(0, self.hidden - (tag in HIDDEN))
        if tag in BLOCKS:
            self.close_paragraph()

    def handle_data(self, data):
        if not self.hidden:
            self.open.append(data)


def of_html(path):
    parser = Paragraphs()
    parser.feed(path.read_text(encoding="utf-8", errors="replace"))
    parser.close_paragraph()
    return parser.found


def of_dictionary(path):
    """Entries of a dictionary in the format of dictd, some dozens to a piece of text."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8", errors="replace")
    entries = [" ".join(entry.split()) for entry in re.split(r"\n(?=\S)", text)]
    entries = [entry for entry in entries if len(entry) >= LEAST]
    return [entries[i : i + 400] for i in range(0, len(entries), 400)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--bytes", type=int, default=60_000_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    packages, unpacked, text = (args.folder / name for name in ("packages", "unpacked", "text"))
    for folder in (packages, unpacked, text):
        folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if not list(packages.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=packages, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", str(next(packages.glob(f"{package}_*.deb"))), str(unpacked)], check=True)
    pieces = [(path, None) for path in sorted(unpacked.rglob("*.html")) if path.is_file() and not path.is_symlink()]
    for path in sorted(unpacked.rglob("*.dict.dz")):
        pieces += [(path, entries) for entries in of_dictionary(path)]
    random.Random(args.seed).shuffle(pieces)
    seen, written = set(), 0
    for i, (path, entries) in enumerate(pieces):
        if written >= args.bytes:
            break
        paragraphs = [p for p in (of_html(path) if entries is None else entries) if not (p in seen or seen.add(p))]
        if paragraphs:
            body = "\n\n".join(paragraphs) + "\n"
            (text / f"{i:06}.txt").write_text(body, encoding="utf-8")
            written += len(body.encode())
    print(f"{written} bytes in {text}")


if __name__ == "__main__":
    main()
