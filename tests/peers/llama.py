"""llama.cpp at its best, for the scripts beside this one: through the C functions of `llama-cpp-python`, without its
classes, so that Python costs it nothing between two steps.

    python llama.py system                                    what it was built with
    python llama.py tokens FILE TEXT                          tokens of a text, with those that begin it
    python llama.py speed FILE DEPTH[,DEPTH…]                 tokens per second after so many tokens, and memory
    python llama.py start FILE TEXT                           when the first token after TEXT is known
    python llama.py perplexity FILE TEXT-FILE                 windows of 512, the second half scored

Every command prints one JSON object. Weights are repacked, as llama.cpp does unless told otherwise; layers with a
window keep a window only, as its own programs do (its library would keep everything); flash attention is
its own choice unless --flash or --no-flash is given.
"""
import argparse
import ctypes
import json
import math
import os
import resource
import sys
import time

imported_from = time.monotonic()
import llama_cpp as api
import numpy as np

imported = time.monotonic()
BATCH = 512


def resident():
    """Bytes that the process has in memory now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@api.llama_log_callback
def quiet(_level, _text, _data):
    pass


class Peer:
    """A model with one conversation."""

    def __init__(self, path, n_ctx, threads, flash=None, cache=None, outputs=1):
        # Kept here, since the library keeps its address.
        api.llama_log_set(quiet, ctypes.c_void_p(0))
        api.llama_backend_init()
        self.model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
        if not self.model:
            sys.exit(f"{path}: llama.cpp cannot load this")
        options = api.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch = n_ctx, max(BATCH, outputs), BATCH
        options.n_threads = options.n_threads_batch = threads
        options.swa_full = False
        if flash is not None:
            options.flash_attn_type = int(flash)
        if cache is not None:
            options.type_k = options.type_v = cache
        self.context = api.llama_init_from_model(self.model, options)
        if not self.context:
            sys.exit(f"{path}: llama.cpp cannot make a context of {n_ctx} tokens")
        self.vocabulary = api.llama_model_get_vocab(self.model)
        self.n_vocab = api.llama_vocab_n_tokens(self.vocabulary)
        self.memory = api.llama_get_memory(self.context)
        self.n_tokens = 0

    def read(self, tokens):
        """Appends tokens; logits of the last one are computed."""
        for first in range(0, len(tokens), BATCH):
            part = tokens[first : first + BATCH]
            array = (api.llama_token * len(part))(*part)
            if api.llama_decode(self.context, api.llama_batch_get_one(array, len(part))) != 0:
                sys.exit(f"llama.cpp failed at token {self.n_tokens + first}")
        self.n_tokens += len(tokens)
        api.llama_synchronize(self.context)
        return api.llama_get_logits_ith(self.context, -1)

    def truncate(self, n_tokens):
        if not api.llama_memory_seq_rm(self.memory, -1, n_tokens, -1):
            sys.exit(f"llama.cpp cannot go back to token {n_tokens}")
        self.n_tokens = n_tokens

    def tokens(self, text, special=True):
        raw = text.encode()
        room = (api.llama_token * (len(raw) + 8))()
        return list(room[: api.llama_tokenize(self.vocabulary, raw, len(raw), room, len(room), special, False)])


def speed(arguments):
    """At each depth, from the least on: first writing, since a window then still reaches back, then reading."""
    before = resident()
    depths = sorted(map(int, arguments.rest[0].split(",")))
    prompt, written = arguments.prompt, arguments.generate
    peer = Peer(arguments.file, depths[-1] + max(prompt, written) + 8, arguments.threads, arguments.flash)
    tokens = [i * 7919 % peer.n_vocab for i in range(depths[-1] + max(prompt, written))]
    # Twice: threads, buffers and the scheduler are then there.
    for warm_up in (64, 1):
        peer.read(tokens[:warm_up])
    peer.truncate(0)
    rows = []
    for depth in depths:
        peer.read(tokens[peer.n_tokens : depth])
        row = {"depth": depth}
        if written:
            started = time.perf_counter()
            for token in tokens[depth : depth + written]:
                peer.read([token])
            row["decode"] = written / (time.perf_counter() - started)
            peer.truncate(depth)
        if prompt:
            started = time.perf_counter()
            peer.read(tokens[depth : depth + prompt])
            row["prefill"] = prompt / (time.perf_counter() - started)
            # The next depth begins here where it can: what a window has dropped does not come back.
            if depth + prompt > min((d for d in depths if d > depth), default=math.inf):
                peer.truncate(depth)
        rows.append(row)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"rows": rows, "memory": peak, "memory_before": before}


def start(arguments):
    """Times by the clock that all processes share; the one who started us knows when that was."""
    peer = Peer(arguments.file, BATCH, arguments.threads, arguments.flash)
    loaded = time.monotonic()
    tokens = peer.tokens(arguments.rest[0])
    logits = peer.read(tokens)
    token = int(np.argmax(np.ctypeslib.as_array(logits, (peer.n_vocab,))))
    known = time.monotonic()
    return {"imported_from": imported_from, "imported": imported, "loaded": loaded, "known": known, "token": token, "prompt_tokens": len(tokens)}


def perplexity(arguments):
    """As `medley perplexity`: each window of 512 from an empty state, tokens 257 to 511 scored; float32 cache."""
    peer = Peer(arguments.file, BATCH, arguments.threads, arguments.flash, cache=0, outputs=BATCH)
    with open(arguments.rest[0], encoding="utf-8") as file:
        tokens = peer.tokens(file.read(), special=False)
    begin = api.llama_vocab_bos(peer.vocabulary)
    adds = api.llama_vocab_get_add_bos(peer.vocabulary)
    batch = api.llama_batch_init(BATCH, 0, 1)
    total, n = 0.0, 0
    for first in range(0, len(tokens) - BATCH + 1, BATCH):
        window = tokens[first : first + BATCH]
        if adds:
            window[0] = begin
        peer.truncate(0)
        batch.n_tokens = BATCH
        for i, token in enumerate(window):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = token, i, 1, 0
            batch.logits[i] = BATCH // 2 <= i < BATCH - 1
        if api.llama_decode(peer.context, batch) != 0:
            sys.exit(f"llama.cpp failed in the window at token {first}")
        for i in range(BATCH // 2, BATCH - 1):
            logits = np.ctypeslib.as_array(api.llama_get_logits_ith(peer.context, i), (peer.n_vocab,)).astype(np.float64)
            most = logits.max()
            total += most + math.log(np.exp(logits - most).sum()) - logits[window[i + 1]]
            n += 1
    return {"perplexity": math.exp(total / n), "tokens": n}


def system(_arguments):
    return {"version": api.__version__, "system": api.llama_print_system_info().decode()}


def tokens(arguments):
    options = api.llama_model_default_params()
    options.vocab_only = True
    api.llama_log_set(quiet, ctypes.c_void_p(0))
    model = api.llama_model_load_from_file(arguments.file.encode(), options)
    peer = Peer.__new__(Peer)
    peer.vocabulary = api.llama_model_get_vocab(model)
    return {"tokens": [len(peer.tokens(text)) for text in arguments.rest]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {command.__name__: command for command in (system, tokens, speed, start, perplexity)}
    parser.add_argument("command", choices=commands)
    parser.add_argument("file", nargs="?")
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=BATCH)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--flash", action=argparse.BooleanOptionalAction)
    arguments = parser.parse_args()
    print(json.dumps(commands[arguments.command](arguments)))


main()
