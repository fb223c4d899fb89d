#!/usr/bin/env python3
"""What the arithmetic on stored weights costs: perplexity in every format beside that of the same weights in float32.

    pip install llama-cpp-python gguf
    python tests/peers/quality.py [--medley PATH] [--format Q4_K] [--write] SmolLM2-135M-Instruct.Q4_1.gguf [TEXT]

The weights of the given Llama file are widened with zeros to rows of whole blocks of 256, which computes the same and
lets every matrix take every format; then all matrices, the token table too, are stored in the format by ggml's own
quantiser. The reference is a file of float32 with the very numbers that these blocks stand for, as the Python package
`gguf` reads them. What a format itself loses is in both, so what differs is the arithmetic alone: how activations are
rounded, and in which order sums are made. Keys and values are kept in float32 everywhere.
"""
import argparse
import ctypes
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np

from common import ROOT, arguments_of, peer, rows_of, write_between

FORMATS = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "Q6_K", "Q5_K", "Q4_K")
BLOCK = 256
ENGLISH = (ROOT / "tests/golden/english.txt", ROOT / "assets/samples/documents/weather-station.md")


def quantizer():
    """ggml's own, out of the library that llama-cpp-python brings."""
    library = next(pathlib.Path(llama_cpp.__file__).parent.rglob("libggml-base*.so*"), None)
    if library is None:
        sys.exit("llama-cpp-python brings no libggml-base")
    function = ctypes.CDLL(str(library)).ggml_quantize_chunk
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    function.argtypes, function.restype = [ctypes.c_int, pointer, pointer, number, number, number, pointer], ctypes.c_size_t
    return function


class Widened:
    """A Llama file whose width is filled up with zeros, and its heads with as many that are zero."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        number = {key: self.reader.fields[f"llama.{key}"].contents() for key in ("embedding_length", "attention.head_count", "attention.head_count_kv")}
        self.width, heads, kv_heads = number["embedding_length"], number["attention.head_count"], number["attention.head_count_kv"]
        self.head = self.width // heads
        self.wide = -(-self.width // BLOCK) * BLOCK
        self.kv_width, self.kv_wide = kv_heads * self.head, self.wide * kv_heads // heads
        if self.wide % self.head or self.wide * kv_heads % (heads * self.head):
            sys.exit(f"{path}: heads do not fit a width of {self.wide}")
        self.changed = {
            "llama.embedding_length": self.wide,
            "llama.attention.head_count": self.wide // self.head,
            "llama.attention.head_count_kv": self.kv_wide // self.head,
            # The mean of the squares is over more numbers, of which the added ones are zero.
            "llama.attention.layer_norm_rms_epsilon": self.reader.fields["llama.attention.layer_norm_rms_epsilon"].contents() * self.width / self.wide,
        }

    def tensors(self):
        for tensor in self.reader.tensors:
            numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            if tensor.name.endswith("norm.weight"):
                numbers = numbers * np.float32((self.width / self.wide) ** 0.5)
            sides = [(0, self.wide - n if n == self.width else self.kv_wide - n if n == self.kv_width else 0) for n in numbers.shape]
            if tensor.name == "token_embd.weight" or tensor.name == "output.weight":
                sides[0] = (0, 0)
            yield tensor.name, np.ascontiguousarray(np.pad(numbers, sides))

    def writer(self, path):
        writer = gguf.GGUFWriter(path, "llama")
        for field in self.reader.fields.values():
            if field.name.startswith(("GGUF.", "general.architecture", "general.file_type")):
                continue
            kind, sub = field.types[0], field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, self.changed.get(field.name, field.contents()), kind, sub_type=sub)
        return writer


def store(numbers, kind, quantize):
    """Rows in a format, as bytes."""
    rows, columns = numbers.shape
    block, size = gguf.GGML_QUANT_SIZES[kind]
    stored = np.zeros((rows, columns // block * size), np.uint8)
    written = quantize(int(kind), numbers.ctypes.data, stored.ctypes.data, 0, rows, columns, None)
    if written != stored.nbytes:
        sys.exit(f"{kind.name}: ggml wrote {written} bytes and not {stored.nbytes}")
    return stored


def write_both(model, kind, in_format, in_floats, quantize):
    """The file in the format, and the same numbers in float32."""
    formatted, floats = model.writer(in_format), model.writer(in_floats)
    for name, numbers in model.tensors():
        if numbers.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
            formatted.add_tensor(name, numbers)
            floats.add_tensor(name, numbers)
            continue
        stored = store(numbers, kind, quantize)
        formatted.add_tensor(name, stored, raw_dtype=kind)
        floats.add_tensor(name, gguf.quants.dequantize(stored, kind).astype(np.float32))
    for writer in (formatted, floats):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser)
    parser.add_argument("--format", action="append", choices=FORMATS, help="only these")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the files there, and do not make again what is there")
    parser.add_argument("file", metavar="LLAMA.gguf")
    parser.add_argument("text", nargs="?", help="two texts of this repository unless given")
    arguments = parser.parse_args()
    quantize, model = quantizer(), Widened(arguments.file)
    table = [
        "| Format | Medley | Reference: the same weights in float32 | Medley − reference | llama.cpp | llama.cpp − its own in float32 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="medley-quality-") as temporary:
        folder = pathlib.Path(arguments.keep or temporary)
        folder.mkdir(exist_ok=True)
        text = pathlib.Path(arguments.text) if arguments.text else pathlib.Path(temporary) / "text"
        if not arguments.text:
            text.write_text("\n".join(path.read_text(encoding="utf-8") for path in ENGLISH), encoding="utf-8")

        def ours(path):
            command = [arguments.medley, "perplexity", "--json", "--cache", "f32", "--threads", arguments.threads, "--model", path, text]
            return rows_of(command, MEDLEY_CACHE=str(pathlib.Path(temporary) / "cache"))[-1]

        for name in arguments.format or FORMATS:
            paths = folder / f"{name}.gguf", folder / f"{name}-in-F32.gguf"
            if not all(path.exists() for path in paths):
                write_both(model, gguf.GGMLQuantizationType[name], *map(str, paths), quantize)
            found, reference = map(ours, paths)
            # Without flash attention, which rounds to half precision.
            its, its_reference = (peer("perplexity", path, text, threads=arguments.threads, options=["--no-flash"]) for path in paths)
            if len({row["tokens"] for row in (found, reference, its, its_reference)}) != 1:
                sys.exit(f"{name}: the engines scored different numbers of tokens")
            off, its_off = (100 * (a["perplexity"] / b["perplexity"] - 1) for a, b in ((found, reference), (its, its_reference)))
            worst = max(worst, abs(off))
            table.append(
                f"| {name} | {found['perplexity']:.4f} | {reference['perplexity']:.4f} | **{off:+.3f} %** | {its['perplexity']:.4f} | {its_off:+.3f} % |"
            )
            print(table[-1], flush=True)
            if not arguments.keep:
                for path in paths:
                    path.unlink()
    table += ["", f"SmolLM2-135M, all matrices in the format; windows of 512 tokens, {found['tokens']} tokens scored; keys and values in float32."]
    if arguments.write:
        write_between("peers-quality", table)
    if worst > 0.2:
        sys.exit(f"a format is {worst:.3f} % from the reference; 0.2 % is allowed")


main()
