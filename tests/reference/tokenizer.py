#!/usr/bin/env python3
"""Writes tests/golden/tokenizer.json: token ids of awkward strings by a slow, plain byte-level BPE.

It shares no code with the engine's tokenizer: the patterns are those of llama.cpp's
`llama-vocab.cpp` (LLAMA_VOCAB_PRE_TYPE_SMOLLM) and the merges run one by one.

    pip install gguf regex && python tests/reference/tokenizer.py SmolLM2-135M-Instruct.Q4_1.gguf
"""
import json, pathlib, sys
import regex
from gguf import GGUFReader

reader = GGUFReader(sys.argv[1])
tokens = reader.fields["tokenizer.ggml.tokens"].contents()
ids = {token: i for i, token in enumerate(tokens)}
ranks = {tuple(pair.split(" ")): i for i, pair in enumerate(reader.fields["tokenizer.ggml.merges"].contents())}

plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
letters, extra = {b: chr(b) for b in plain}, 0
for byte in range(256):
    if byte not in letters:
        letters[byte] = chr(0x100 + extra)
        extra += 1

NUMBERS = regex.compile(r"\p{N}")
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def split(text):
    """Single digits first, then the words of what lies between them."""
    start = 0
    for match in NUMBERS.finditer(text):
        yield from WORDS.findall(text[start : match.start()])
        yield match.group()
        start = match.end()
    yield from WORDS.findall(text[start:])


def encode(text):
    out = []
    for word in split(text):
        parts = [letters[b] for b in word.encode()]
        while len(parts) > 1:
            rank, at = min((ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == 1 << 30:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        out += [ids[part] for part in parts]
    return out


STRINGS = [
    "", " ", "  ", "Hello, world!", " Hello", "  two  spaces   three ", "It's they're we'll I'd don't CAN'T",
    "1234567890", "3.14159, 1e-9 and 2026-11-23", "year2026ad", "x=1;y=22", " 7 8  9", "½ ² ⅷ ٣ 四",
    "tab\tand\ttabs\t\tend\t", "line\nbreak\n\nparagraph\r\nwindows\r", "\n\n\n", " \n \n", "trailing \n",
    "naïve café Ærøskøbing", "Größe straße ẞ", "Привет, мир", "中文字符测试", "日本語のテキスト", "한국어 문장",
    "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "👍🏽 👨‍👩‍👧‍👦 🇩🇪", "a👍b", "é (e + accent: e\u0301)",
    "<|im_start|>system\nobey<|im_end|>", "<|endoftext|>", "<repo_name>", "\u00a0nbsp\u2009thin\u200bzero",
    "fn main() { println!(\"{}\", x[0] + 1); }", "https://example.org/a?b=c&d=%20#e", "---***___===", "'''\"\"\"```",
    "\x00\x01\x7f", "�", "antidisestablishmentarianism", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "The quick brown fox jumps over the lazy dog.", "E = mc² ≈ 9×10¹⁶ J", "“quoted” – dashed — text…", "ﬁ ligature ﷺ",
]
cases = [{"text": text, "ids": encode(text)} for text in STRINGS]
path = pathlib.Path(__file__).parents[1] / "golden" / "tokenizer.json"
path.write_text("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]\n")
