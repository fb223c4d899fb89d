#!/usr/bin/env python3
"""Writes tests/golden/resize.json: what torchvision makes of small pictures of bytes, with antialiasing.

    pip install torch torchvision numpy && python tests/reference/resize.py
"""
import json
import pathlib

import numpy as np
import torch
import torchvision
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

cases = []
for (width, height), (to_width, to_height) in [((23, 17), (8, 5)), ((7, 5), (24, 12)), ((40, 3), (9, 6)), ((1, 1), (6, 6)),
        ((64, 1), (5, 4)), ((1, 90), (4, 7)), ((12, 12), (12, 5)), ((31, 29), (13, 12))]:
    # A picture that both sides can compute: hard edges and noise.
    pixels = np.array([[[(37 * x * x + 91 * y * (c + 1) + 17 * x * y) % 256 for c in range(3)] for x in range(width)]
        for y in range(height)], dtype=np.uint8)
    chw = torch.from_numpy(pixels).permute(2, 0, 1)
    for name, mode in [("bilinear", InterpolationMode.BILINEAR), ("bicubic", InterpolationMode.BICUBIC)]:
        resized = F.resize(chw, [to_height, to_width], interpolation=mode, antialias=True)
        cases.append(dict(size=[width, height], to=[to_width, to_height], filter=name,
            bytes=resized.permute(1, 2, 0).flatten().tolist()))
golden = dict(torch=torch.__version__, torchvision=torchvision.__version__, cases=cases)
path = pathlib.Path(__file__).parent.parent / "golden" / "resize.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path.stat().st_size, "bytes")
