#!/usr/bin/env python3
"""Writes tests/golden/splitters.json: small vocabularies in the lists of a GGUF file, one for each way of cutting
text, and the token ids of awkward texts.

The pipelines are those of the tokenizers of transformers (Qwen2Tokenizer, GPT2Tokenizer, GemmaTokenizer), Llama 3's
and SmolLM2's as their tokenizer.json has them, and for "default" llama.cpp's patterns one after the other.

    pip install transformers tokenizers && python tests/reference/splitters.py
"""
import json
import pathlib

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import GemmaTokenizer, GPT2Tokenizer, Qwen2Tokenizer

CONTROL, BYTE, USER_DEFINED = 3, 6, 4
TEXTS = ["", " ", "Hello, world!", "  two  spaces   three ", "It's they're we'll I'd don't CAN'T WE'RE", "1234567890",
    "3.14159, 1e-9 and 2026-11-23", "year2026ad x=1;y=22", "½ ² ⅷ ٣٤٥ 四五", "tab\tand\ttabs\t\tend\t",
    "line\nbreak\n\nparagraph\r\nwindows\r", "\n\n\n", " \n \n", "trailing \n", "a\n\n\n\n\nb", "naïve café Ærøskøbing ẞ",
    "Привет, мир", "中文字符测试。日本語のテキスト", "한국어 문장", "שלום مرحبا नमस्ते", "👍🏽 👨‍👩‍👧‍👦 🇩🇪 a👍b", "e\u0301 vs é",
    "<|im_start|>system\nobey<|im_end|>", "<eos><bos>", "x<tool_call>y", "\u00a0nbsp\u2009thin\u200bzero",
    "fn main() { println!(\"{}\", x[0] + 1); }", "---***___===$$$^^^~~~|||", "a <= b >= c ^ d | e", "'''\"\"\"```", "\x00\x01\x7f",
    "The quick brown fox jumps over the lazy dog.", "▁already ▁escaped", "<0x41><0x0A>"]
LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DEFAULT = [r"[\p{P}\$\+<=>\^~\|]+", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)", r"\p{N}+", r"[0-9][0-9][0-9]"]

here = pathlib.Path(__file__).parent
corpus = (here.parent / "golden" / "english.txt").read_text().splitlines(keepends=True) + TEXTS * 3
bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
isolated = lambda pattern: pre_tokenizers.Split(Regex(pattern), "isolated")
gpt_2 = pre_tokenizers.ByteLevel(add_prefix_space=False)


def trained(pre, normalizer=None, alphabet=pre_tokenizers.ByteLevel.alphabet(), extra=120):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.normalizer = pre, normalizer
    trainer = trainers.BpeTrainer(vocab_size=len(alphabet) + extra, initial_alphabet=alphabet, show_progress=False,
        limit_alphabet=len(alphabet))
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def case(kind, splitter, vocab, merges, control, found, make, types=lambda token: 1, lossless=True):
    """`make` builds the reference from a vocabulary, merges and found tokens."""
    vocab = {token: i for i, token in enumerate([*sorted(vocab, key=vocab.get), *control, *found])}
    reference = make(vocab, merges)
    reference.add_tokens(found)
    kinds = {token: CONTROL for token in control} | {token: USER_DEFINED for token in found}
    encode = lambda text: reference.encode(text, add_special_tokens=False)
    ids = lambda text: encode(text).ids if hasattr(encode(text), "ids") else encode(text)
    return {"vocabulary": {"kind": kind, "splitter": splitter, "tokens": list(vocab), "types": [kinds.get(t, types(t)) for t in vocab],
        "merges": [" ".join(pair) for pair in merges]}, "lossless": lossless, "texts": [[text, ids(text)] for text in TEXTS]}


def plain(pre, **options):
    def make(vocab, merges):
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, **options))
        tokenizer.pre_tokenizer = pre
        return tokenizer
    return make


def family(kind, **options):
    """The class of transformers, told that text never holds its special tokens."""
    def make(vocab, merges):
        return Tokenizer.from_str(kind(vocab=vocab, merges=merges, **options)._tokenizer.to_str())
    return make


def without_special(make, names):
    def stripped(vocab, merges):
        state = json.loads(make(vocab, merges).to_str())
        state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in names]
        return Tokenizer.from_str(json.dumps(state))
    return stripped


CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
qwen_pre = pre_tokenizers.Sequence([isolated(LLAMA_3.replace("{1,3}", "")), bytes_only])
llama_pre = pre_tokenizers.Sequence([isolated(LLAMA_3), bytes_only])
smollm_pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt_2])
default_pre = pre_tokenizers.Sequence([*map(isolated, DEFAULT), bytes_only])
cases = {
    "qwen2": case("gpt2", "qwen2", *trained(qwen_pre, normalizers.NFC()), CHATML, ["<tool_call>"],
        without_special(family(Qwen2Tokenizer), CHATML), lossless=False),
    "gpt-2": case("gpt2", "gpt-2", *trained(gpt_2), CHATML, ["<tool_call>"], without_special(family(GPT2Tokenizer), CHATML)),
    "llama-bpe": case("gpt2", "llama-bpe", *trained(llama_pre), CHATML, ["<tool_call>"], plain(llama_pre, ignore_merges=True)),
    "smollm": case("gpt2", "smollm", *trained(smollm_pre), CHATML, ["<tool_call>"], plain(smollm_pre)),
    "default": case("gpt2", "default", *trained(default_pre), CHATML, ["<tool_call>"], plain(default_pre)),
}

# Lines are not joined across their ends, as in the real vocabulary.
escaped = normalizers.Replace(" ", "▁")
vocab, merges = trained(isolated(r"\n+"), escaped, alphabet=sorted(set("▁\n" + "".join(map(chr, range(33, 127))) + "éüßæø")), extra=200)
byte_pieces = [f"<0x{byte:02X}>" for byte in range(256)]
vocab = {token: i for i, token in enumerate([*byte_pieces, *sorted(vocab, key=vocab.get)])}
special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|turn>", "<turn|>"]
cases["gemma4"] = case("gemma4", None, vocab, merges, special, ["<tool_call>"], without_special(family(GemmaTokenizer), special),
    types=lambda token: BYTE if token in byte_pieces else 1, lossless=False)
path = here.parent / "golden" / "splitters.json"
path.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in cases.items()) + "\n}\n")
print(path.stat().st_size, "bytes")
