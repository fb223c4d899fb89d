"""Whisper in the layout of whisper.cpp, made from the same weights in that of CTranslate2.

Layouts: CTranslate2 `python/ctranslate2/specs/model_spec.py`, whisper.cpp `models/convert-pt-to-ggml.py`.
"""
import json
import struct

import numpy as np

# Of our names in CTranslate2's files, those of OpenAI's, which whisper.cpp uses.
LAYER = {
    "self_attention/linear_1": "attn.out",
    "self_attention/layer_norm": "attn_ln",
    "attention/linear_0": "cross_attn.query",
    "attention/linear_2": "cross_attn.out",
    "attention/layer_norm": "cross_attn_ln",
    "ffn/linear_0": "mlp.0",
    "ffn/linear_1": "mlp.2",
    "ffn/layer_norm": "mlp_ln",
}
JOINED = {"self_attention/linear_0": ["attn.query", "attn.key", "attn.value"], "attention/linear_1": ["cross_attn.key", "cross_attn.value"]}
WHOLE = {
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
    "decoder/embeddings/weight": "decoder.token_embedding.weight",
    "encoder/layer_norm": "encoder.ln_post",
    "decoder/layer_norm": "decoder.ln",
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
}
ENDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
TYPES = [np.float32, np.int8, np.int16, np.int32, np.float16]


def tensors(path):
    """Names and arrays of a `model.bin`."""
    data, at = path.read_bytes(), 0

    def number(kind):
        nonlocal at
        (value,) = struct.unpack_from("<" + kind, data, at)
        at += struct.calcsize(kind)
        return value

    def name():
        nonlocal at
        size = number("H")
        at += size
        return data[at - size : at - 1].decode()

    number("I"), name(), number("I")
    for _ in range(number("I")):
        label = name()
        shape = [number("I") for _ in range(number("B"))]
        kind = TYPES[number("B")]
        size = number("I")
        yield label, np.frombuffer(data, kind, size // kind().itemsize, at).reshape(shape)
        at += size


def renamed(label, tensor):
    """Tensors with OpenAI's names; those of several matrices are parted."""
    if label in WHOLE:
        return [(WHOLE[label], tensor)]
    stem, end = label.rsplit("/", 1)
    if stem in WHOLE:
        return [(f"{WHOLE[stem]}.{ENDS[end]}", tensor)]
    side, layer, part = stem.split("/", 2)
    prefix = f"{side}.blocks.{layer.removeprefix('layer_')}."
    if part in LAYER:
        return [(f"{prefix}{LAYER[part]}.{ENDS[end]}", tensor)]
    names = JOINED[part]
    parts = np.split(tensor, len(names))
    # Keys have no bias in Whisper; here it is zeros.
    return [(f"{prefix}{name}.{end}", one) for name, one in zip(names, parts) if not (name.endswith("key") and end == "bias")]


def convert(folder, into, mel_filters):
    """Writes `into` from the `model.bin` and `tokenizer.json` of `folder`, in half precision; `mel_filters` are `[n_mels, 201]`."""
    weights = {name: tensor for label, stored in tensors(folder / "model.bin") if stored.ndim for name, tensor in renamed(label, stored)}
    n_vocab, d_text = weights["decoder.token_embedding.weight"].shape
    n_audio, d_audio = weights["encoder.positional_embedding"].shape if "encoder.positional_embedding" in weights else (1500, weights["encoder.ln_post.weight"].size)
    if "encoder.positional_embedding" not in weights:
        steps = np.exp(-np.log(10_000) / (d_audio // 2 - 1) * np.arange(d_audio // 2))
        angles = np.arange(n_audio)[:, None] * steps
        weights["encoder.positional_embedding"] = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
    n_layers = {side: 1 + max(int(name.split(".")[2]) for name in weights if name.startswith(f"{side}.blocks")) for side in ("encoder", "decoder")}
    n_mels = weights["encoder.conv1.weight"].shape[1]
    sizes = [n_vocab, n_audio, d_audio, d_audio // 64, n_layers["encoder"], weights["decoder.positional_embedding"].shape[0], d_text, d_text // 64, n_layers["decoder"], n_mels, 1]
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    ends = next(added["id"] for added in tokenizer["added_tokens"] if added["content"] == "<|endoftext|>")
    printable = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)}
    tokens = {id: bytes(letters[c] for c in token) for token, id in tokenizer["model"]["vocab"].items() if id < ends}
    with open(into, "wb") as file:
        file.write(struct.pack("<I11i", 0x67676D6C, *sizes))
        file.write(struct.pack("<2i", *mel_filters.shape) + mel_filters.astype(np.float32).tobytes())
        file.write(struct.pack("<i", len(tokens)))
        for id in range(len(tokens)):
            file.write(struct.pack("<I", len(tokens[id])) + tokens[id])
        for name, tensor in weights.items():
            if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
                tensor = tensor.reshape(-1, 1)
            is_half = tensor.ndim > 1 and not name.endswith(("conv1.bias", "conv2.bias", "positional_embedding"))
            tensor = tensor.astype(np.float16 if is_half else np.float32)
            file.write(struct.pack("<3i", tensor.ndim, len(name), int(is_half)) + struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)))
            file.write(name.encode() + np.ascontiguousarray(tensor).tobytes())
