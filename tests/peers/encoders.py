#!/usr/bin/env python3
"""Times medley's encoders and onnxruntime on the same weights, paired in one run, and writes the table in README.md.

    pip install onnx onnxruntime numpy
    python tests/peers/encoders.py [--medley PATH] [--whisper model.bin] [--rounds 7] [--write] FOLDER

FOLDER gets a ViT-B/16 at 224 pixels (SigLIP as Gemma 3 uses it, one soft token for each patch; random weights) and the
encoder of Whisper base (the weights of a CTranslate2 file in float16 or float32, or random ones), each as ONNX for
onnxruntime and as safetensors for medley. The graphs come in two shapes, of plain operators and of onnxruntime's fused
ones, and eight bits in two, with one scale for a matrix and one for each of its columns; the faster of each counts.
onnxruntime runs with all optimisations, and both with 2 threads, in a process of their own each round, one after the
other. Ratios are medians over the rounds of what the two took in the same round; times are medians within a process.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import time

import numpy

from common import write_between

KINDS = {"ViT-B/16 at 224 px": "vit", "Whisper base, 30 s": "whisper"}


class Graph:
    """An ONNX graph in the making: `graph(operator, *inputs)` adds a node and names its result."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], {}, 0

    def constant(self, name, array):
        self.constants[name] = numpy.ascontiguousarray(array)
        return name

    def ints(self, *values):
        return self.constant("ints_" + "_".join(map(str, values)).replace("-", "m"), numpy.array(values, numpy.int64))

    def __call__(self, operator, *inputs, outputs=1, domain="", **attributes):
        from onnx import helper

        self.count += 1
        names = [f"{operator}_{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, name=f"{operator}_{self.count}", **attributes))
        return names[0] if outputs == 1 else names

    def fused(self, operator, *inputs, **more):
        return self(operator, *inputs, domain="com.microsoft", **more)

    def save(self, path, inputs, output):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "encoder",
            [info(inputs[0], TensorProto.FLOAT, inputs[1])],
            [info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def layers(graph, x, weights, prefix, names, n_heads, eps, tanh, fused):
    """The layers of a transformer that norms first; x of [1, n, width]."""
    width = weights[names["norm"]].shape[0]
    head = width // n_heads
    get = lambda name: graph.constant(name, weights[name])
    matrix = lambda name: graph.constant(name + ".t", weights[name].T)
    norm = lambda x, name: graph("LayerNormalization", x, get(name + ".weight"), get(name + ".bias"), axis=-1, epsilon=eps)
    n_layers = sum(re.fullmatch(re.escape(prefix) + r"\d+\." + names["up"] + r"\.weight", name) is not None for name in weights)
    scale = graph.constant("scale", numpy.array(head**-0.5, numpy.float32))
    h = None
    for i in range(n_layers):
        part = lambda name: f"{prefix}{i}.{names[name]}"
        if h is None:
            h = norm(x, part("attention_norm"))
        q, k, v = (graph("MatMul", h, matrix(part(name) + ".weight")) for name in "qkv")
        zeros = numpy.zeros(width, numpy.float32)
        biases = [weights.get(part(name) + ".bias", zeros) for name in "qkv"]
        if fused:
            bias = graph.constant(part("q") + ".biases", numpy.concatenate(biases))
            mixed = graph.fused("MultiHeadAttention", q, k, v, bias, num_heads=n_heads)
        else:
            q, k, v = (graph("Add", y, graph.constant(part(name) + ".bias", bias)) for y, name, bias in zip((q, k, v), "qkv", biases))
            cut = lambda y: graph("Reshape", y, graph.ints(0, 0, n_heads, head))
            q = graph("Transpose", cut(graph("Mul", q, scale)), perm=[0, 2, 1, 3])
            k, v = graph("Transpose", cut(k), perm=[0, 2, 3, 1]), graph("Transpose", cut(v), perm=[0, 2, 1, 3])
            mixed = graph("MatMul", graph("Softmax", graph("MatMul", q, k), axis=-1), v)
            mixed = graph("Reshape", graph("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(0, 0, width))
        y = graph("MatMul", mixed, matrix(part("output") + ".weight"))
        x, h = residual(graph, x, y, get(part("output") + ".bias"), part("network_norm"), get, norm, eps, fused)
        y = graph("MatMul", h, matrix(part("up") + ".weight"))
        if fused:
            y = graph.fused("FastGelu" if tanh else "BiasGelu", y, get(part("up") + ".bias"))
        else:
            y = graph("Gelu", graph("Add", y, get(part("up") + ".bias")), approximate="tanh" if tanh else "none")
        y = graph("MatMul", y, matrix(part("down") + ".weight"))
        after = f"{prefix}{i + 1}.{names['attention_norm']}" if i + 1 < n_layers else names["norm"].removesuffix(".weight")
        x, h = residual(graph, x, y, get(part("down") + ".bias"), after, get, norm, eps, fused)
    return h


def residual(graph, x, y, bias, name, get, norm, eps, fused):
    """The sum and its norm."""
    if fused:
        h, _, _, x = graph.fused("SkipLayerNormalization", x, y, get(name + ".weight"), get(name + ".bias"), bias, outputs=4, epsilon=eps)
        return x, h
    x = graph("Add", x, graph("Add", y, bias))
    return x, norm(x, name)


def save_safetensors(path, tensors):
    header, at = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for array in tensors.values():
            file.write(numpy.ascontiguousarray(array, "<f4").tobytes())


class Random:
    def __init__(self, seed):
        self.draw = numpy.random.default_rng(seed)

    def matrix(self, *shape):
        deviation = numpy.prod(shape[1:]) ** -0.5
        return (self.draw.standard_normal(shape, numpy.float32) * deviation).astype(numpy.float32)

    def norm(self, width):
        return 1 + 0.1 * self.draw.standard_normal(width, numpy.float32)

    def bias(self, width):
        return 0.1 * self.draw.standard_normal(width, numpy.float32)


def make_vit(folder):
    d, d_inner, n_layers, n_heads, side, size, d_model, eps = 768, 3072, 12, 12, 16, 224, 640, 1e-6
    random, n = Random(1), (size // side) ** 2
    tower = "vision_tower.vision_model."
    weights = {
        tower + "embeddings.patch_embedding.weight": random.matrix(d, 3, side, side),
        tower + "embeddings.patch_embedding.bias": random.bias(d),
        tower + "embeddings.position_embedding.weight": 0.2 * random.draw.standard_normal((n, d), numpy.float32),
        tower + "post_layernorm.weight": random.norm(d),
        tower + "post_layernorm.bias": random.bias(d),
        "multi_modal_projector.mm_soft_emb_norm.weight": 0.1 * random.bias(d),
        "multi_modal_projector.mm_input_projection_weight": random.matrix(d_model, d).T.copy(),
    }
    for i in range(n_layers):
        layer = f"{tower}encoder.layers.{i}."
        for name in ("layer_norm1", "layer_norm2"):
            weights[f"{layer}{name}.weight"], weights[f"{layer}{name}.bias"] = random.norm(d), random.bias(d)
        shapes = {"self_attn.q_proj": (d, d), "self_attn.k_proj": (d, d), "self_attn.v_proj": (d, d), "self_attn.out_proj": (d, d)}
        for name, shape in {**shapes, "mlp.fc1": (d_inner, d), "mlp.fc2": (d, d_inner)}.items():
            weights[f"{layer}{name}.weight"], weights[f"{layer}{name}.bias"] = random.matrix(*shape), random.bias(shape[0])
    names = {
        "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "output": "self_attn.out_proj",
        "attention_norm": "layer_norm1", "network_norm": "layer_norm2", "up": "mlp.fc1", "down": "mlp.fc2",
        "norm": tower + "post_layernorm.weight",
    }
    config = {
        "model_type": "gemma3", "mm_tokens_per_image": n, "text_config": {"hidden_size": d_model},
        "vision_config": {
            "hidden_size": d, "intermediate_size": d_inner, "num_hidden_layers": n_layers, "num_attention_heads": n_heads,
            "image_size": size, "patch_size": side, "layer_norm_eps": eps, "hidden_act": "gelu_pytorch_tanh",
        },
    }
    picture = numpy.clip(random.draw.standard_normal((3, size, size), numpy.float32) * 0.5, -1, 1)
    finish(folder, config, weights, "pixel_values", picture)
    for fused in (False, True):
        graph = Graph()
        x = graph("Conv", "input", graph.constant("patch", weights[tower + "embeddings.patch_embedding.weight"]), graph.constant("patch_bias", weights[tower + "embeddings.patch_embedding.bias"]), kernel_shape=[side, side], strides=[side, side])
        x = graph("Transpose", graph("Reshape", x, graph.ints(1, d, n)), perm=[0, 2, 1])
        x = graph("Add", x, graph.constant("positions", weights[tower + "embeddings.position_embedding.weight"]))
        x = layers(graph, x, weights, tower + "encoder.layers.", names, n_heads, eps, True, fused)
        squares = graph("ReduceMean", graph("Mul", x, x), graph.ints(-1), keepdims=1)
        x = graph("Div", x, graph("Sqrt", graph("Add", squares, graph.constant("eps", numpy.array(eps, numpy.float32)))))
        x = graph("Mul", x, graph.constant("soft", 1 + weights["multi_modal_projector.mm_soft_emb_norm.weight"]))
        x = graph("MatMul", x, graph.constant("projection", weights["multi_modal_projector.mm_input_projection_weight"]))
        graph.save(folder / f"{'fused' if fused else 'plain'}.onnx", ("input", (1, 3, size, size)), x)


def read_ctranslate2(path):
    """The variables of a model.bin of version 6; engine/src/weights/ctranslate2.rs describes it."""
    data, at = pathlib.Path(path).read_bytes(), 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def string():
        nonlocal at
        n = take("H")
        at += n
        return data[at - n : at - 1].decode()

    if take("I") != 6:
        sys.exit(f"{path}: not a CTranslate2 file of version 6")
    string()
    _, count = take("II")
    variables = {}
    for _ in range(count):
        name, rank = string(), take("B")
        shape = [take("I") for _ in range(rank)]
        kind, n_bytes = take("B"), take("I")
        if kind in (0, 4):
            variables[name] = numpy.frombuffer(data, "<f4" if kind == 0 else "<f2", n_bytes // (4 if kind == 0 else 2), at).reshape(shape).astype(numpy.float32)
        at += n_bytes
    return variables


def whisper_weights(path, d, d_inner, n_layers, n_mels):
    """The encoder's weights under the names of transformers."""
    random, stored, weights = Random(2), read_ctranslate2(path) if path else None, {}

    def put(name, theirs, make):
        weights["model.encoder." + name] = stored["encoder/" + theirs] if stored else make()

    for i, n_in in ((1, n_mels), (2, d)):
        put(f"conv{i}.weight", f"conv{i}/weight", lambda: random.matrix(d, n_in, 3))
        put(f"conv{i}.bias", f"conv{i}/bias", lambda: random.bias(d))
    put("embed_positions.weight", "position_encodings/encodings", lambda: 0.5 * random.draw.standard_normal((1500, d), numpy.float32))
    for i in range(n_layers):
        ours, theirs = f"layers.{i}.", f"layer_{i}/"
        for name, other in (("self_attn_layer_norm", "self_attention/layer_norm"), ("final_layer_norm", "ffn/layer_norm")):
            put(f"{ours}{name}.weight", f"{theirs}{other}/gamma", lambda: random.norm(d))
            put(f"{ours}{name}.bias", f"{theirs}{other}/beta", lambda: random.bias(d))
        for j, name in enumerate("qkv"):
            key = f"model.encoder.{ours}self_attn.{name}_proj"
            weights[key + ".weight"] = stored[f"encoder/{theirs}self_attention/linear_0/weight"][j * d : (j + 1) * d] if stored else random.matrix(d, d)
            weights[key + ".bias"] = stored[f"encoder/{theirs}self_attention/linear_0/bias"][j * d : (j + 1) * d] if stored else random.bias(d)
        for name, other, shape in (("self_attn.out_proj", "self_attention/linear_1", (d, d)), ("fc1", "ffn/linear_0", (d_inner, d)), ("fc2", "ffn/linear_1", (d, d_inner))):
            put(f"{ours}{name}.weight", f"{theirs}{other}/weight", lambda: random.matrix(*shape))
            put(f"{ours}{name}.bias", f"{theirs}{other}/bias", lambda: random.bias(shape[0]))
    put("layer_norm.weight", "layer_norm/gamma", lambda: random.norm(d))
    put("layer_norm.bias", "layer_norm/beta", lambda: random.bias(d))
    return weights


def make_whisper(folder, path):
    d, d_inner, n_layers, n_heads, n_mels, eps = 512, 2048, 6, 8, 80, 1e-5
    weights = whisper_weights(path, d, d_inner, n_layers, n_mels)
    stack = {"layers": n_layers, "attention_heads": n_heads, "ffn_dim": d_inner}
    config = {
        "model_type": "whisper", "vocab_size": 51865, "num_mel_bins": n_mels, "d_model": d, "max_source_positions": 1500, "max_target_positions": 448,
        **{f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in stack.items()},
    }
    random = Random(3)
    mel = numpy.clip(0.4 * random.draw.standard_normal((n_mels, 3000), numpy.float32) + 0.3 * numpy.sin(numpy.arange(3000) / 40, dtype=numpy.float32), -1, 1)
    finish(folder, config, weights, "input_features", mel.astype(numpy.float32))
    names = {
        "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "output": "self_attn.out_proj",
        "attention_norm": "self_attn_layer_norm", "network_norm": "final_layer_norm", "up": "fc1", "down": "fc2",
        "norm": "model.encoder.layer_norm.weight",
    }
    for fused in (False, True):
        graph, x = Graph(), "input"
        for i, stride in ((1, 1), (2, 2)):
            weight, bias = (graph.constant(f"conv{i}.{kind}", weights[f"model.encoder.conv{i}.{kind}"]) for kind in ("weight", "bias"))
            x = graph("Gelu", graph("Conv", x, weight, bias, kernel_shape=[3], strides=[stride], pads=[1, 1]))
        x = graph("Add", graph("Transpose", x, perm=[0, 2, 1]), graph.constant("positions", weights["model.encoder.embed_positions.weight"]))
        x = layers(graph, x, weights, "model.encoder.layers.", names, n_heads, eps, False, fused)
        graph.save(folder / f"{'fused' if fused else 'plain'}.onnx", ("input", (1, n_mels, 3000)), x)


def finish(folder, config, weights, name, value):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_safetensors(folder / "model.safetensors", weights)
    save_safetensors(folder / "inputs.safetensors", {name: value})
    numpy.save(folder / "input.npy", value[None])


def round_weights(folder):
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Its shape inference stops at fused operators.
    more = {"DefaultTensorType": TensorProto.FLOAT}
    for shape in ("plain", "fused"):
        for per_channel in (False, True):
            to = folder / f"{shape}-int8{'-columns' if per_channel else ''}.onnx"
            quantize_dynamic(folder / f"{shape}.onnx", to, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=per_channel, extra_options=more)


def session(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def peer(path, runs, threads):
    """Times onnxruntime in this process and prints the median."""
    model, value = session(path, threads), numpy.load(pathlib.Path(path).parent / "input.npy")
    model.run(None, {"input": value})
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        model.run(None, {"input": value})
        times.append(1000 * (time.perf_counter() - started))
    print(statistics.median(times))


def theirs(path, arguments):
    command = [sys.executable, __file__, "--peer", "--runs", str(arguments.runs), "--threads", str(arguments.threads), str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def ours(folder, bits, arguments):
    command = [arguments.medley, "bench", "--json", "--encoder", str(folder), "--runs", str(arguments.runs), "--threads", str(arguments.threads)]
    output = subprocess.run(command + (["--eight-bits"] if bits == 8 else []), check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def distance(got, want):
    return float(numpy.linalg.norm(got - want) / numpy.linalg.norm(want))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    parser.add_argument("--medley", default=str(cache / "medley/target/release/medley"))
    parser.add_argument("--whisper", help="model.bin of Whisper base as CTranslate2 writes it")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--make", action="store_true", help="only write the files")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("folder", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments.folder, arguments.runs, arguments.threads)

    folder = pathlib.Path(arguments.folder)
    for kind in KINDS.values():
        if not (folder / kind / "outputs.safetensors").exists():
            make_vit(folder / kind) if kind == "vit" else make_whisper(folder / kind, arguments.whisper)
            round_weights(folder / kind)
            reference = session(folder / kind / "plain.onnx", arguments.threads).run(None, {"input": numpy.load(folder / kind / "input.npy")})[0]
            save_safetensors(folder / kind / "outputs.safetensors", {"embeddings": reference[0]})
    if arguments.make:
        return None

    import onnxruntime

    table = ["| Encoder | Bits | medley, ms | onnxruntime, ms | Ratio | Error of medley | Error of onnxruntime |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, kind in KINDS.items():
        value = numpy.load(folder / kind / "input.npy")
        exact = session(folder / kind / "plain.onnx", arguments.threads).run(None, {"input": value})[0]
        for bits, candidates in ((32, ["plain", "fused"]), (8, [f"{shape}-int8{columns}" for shape in ("plain", "fused") for columns in ("", "-columns")])):
            paths = [folder / kind / f"{candidate}.onnx" for candidate in candidates]
            best = min(paths, key=lambda path: theirs(path, arguments))
            rounds = [(ours(folder / kind, bits, arguments), theirs(best, arguments)) for _ in range(arguments.rounds)]
            error = distance(session(best, arguments.threads).run(None, {"input": value})[0], exact)
            us, them = statistics.median(a["ms"] for a, _ in rounds), statistics.median(b for _, b in rounds)
            ratio = statistics.median(a["ms"] / b for a, b in rounds)
            table.append(f"| {name} | {bits} | {us:.0f} | {them:.0f} ({best.stem}) | **{ratio:.2f}** | {rounds[0][0]['relative_error']:.1e} | {error:.1e} |")
            print(table[-1], flush=True)
    weights = "of the released checkpoint" if arguments.whisper else "random"
    table += [
        "",
        f"Medley and onnxruntime {onnxruntime.__version__}, {arguments.threads} threads each, paired; medians of {arguments.rounds} rounds of {arguments.runs} runs. "
        f"Errors are distances from onnxruntime's float32 results, relative to their length. Weights of Whisper are {weights}, those of the ViT random.",
    ]
    if arguments.write:
        write_between("encoders", table)


main()
