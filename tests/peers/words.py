"""When words are said: a recording whose words have known times, and how far transcripts are from them.

espeak-ng reads sentences (three voices) and tells at which sample each word begins; the sentences are put together with
pauses. A word ends where the next one begins, or its sentence ends. Only words that were heard right can be compared.
"""
import ctypes
import ctypes.util
import difflib
import random

import numpy as np

SENTENCES = [
    "The river runs past the old mill and turns towards the harbour.",
    "Nobody had opened the window since the beginning of winter.",
    "She put the letters on the table and looked for her glasses.",
    "After the storm the children found pieces of wood on the beach.",
    "Every morning the train brings bread from the next town.",
    "He counted the steps twice, because he did not trust himself.",
    "A cold wind came down from the hills and shook the garden gate.",
    "They promised to write, and for a year they really did.",
    "Most people in the village remember the day the bridge fell.",
    "The teacher closed the book and asked what we would have done.",
    "Between the two houses there is a narrow path to the lake.",
    "If the weather stays dry, the farmers will begin on Monday.",
]
VOICES = ["en-us", "en-gb", "en-gb-scotland"]
RATE = 16_000


class Event(ctypes.Structure):
    """`espeak_EVENT` of espeak-ng's `speak_lib.h`."""

    _fields_ = [("kind", ctypes.c_int), ("id", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("value", ctypes.c_char * 8)]


WORD, LIST_ENDS = 1, 0


def speak(sentences):
    """For each sentence its sound at 16 kHz, and its words as (text, start, end) in seconds."""
    library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
    synchronous, in_characters, utf8 = 2, 1, 1
    rate = library.espeak_Initialize(synchronous, 0, None, 0)
    blocks, begins = [], []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
    def take(sound, n_samples, events):
        if sound and n_samples:
            blocks.append(np.ctypeslib.as_array(sound, (n_samples,)).copy())
        i = 0
        while events[i].kind != LIST_ENDS:
            if events[i].kind == WORD:
                begins.append((events[i].text_position - 1, events[i].length, events[i].sample / rate))
            i += 1
        return 0

    library.espeak_SetSynthCallback(take)
    for i, sentence in enumerate(sentences):
        blocks.clear(), begins.clear()
        library.espeak_SetVoiceByName(VOICES[i % len(VOICES)].encode())
        text = sentence.encode()
        library.espeak_Synth(text, len(text) + 1, 0, in_characters, 0, utf8, None, None)
        sound = np.concatenate(blocks).astype(np.float64) / 32768
        loud = np.flatnonzero(np.abs(sound) > 0.01)
        ends = [begin for _, _, begin in begins[1:]] + [(loud[-1] + 1) / rate]
        words = [(sentence[at : at + length].strip(" .,"), begin, end) for (at, length, begin), end in zip(begins, ends)]
        n = int(len(sound) * RATE / rate)
        # Bands above 8 kHz are cut off in the spectrum: synthetic speech at 22 kHz has few.
        spectrum = np.fft.rfft(sound)[: n // 2 + 1]
        yield np.fft.irfft(spectrum, n) * n / len(sound), words


def recording():
    """The sound, and its words as (text, start, end)."""
    draw, sound, words, at = random.Random(7), [], [], 0.0
    for one, said in speak(SENTENCES):
        pause = np.zeros(int(RATE * draw.uniform(0.2, 1.5)))
        at += len(pause) / RATE
        sound += [pause, one]
        words += [(text, start + at, end + at) for text, start, end in said]
        at += len(one) / RATE
    return np.concatenate(sound), words


def plain(text):
    return "".join(c for c in text.lower() if c.isalnum() or c == "'")


def distances(said, heard):
    """How far starts and ends are off, in seconds, and how many words could be compared."""
    matcher = difflib.SequenceMatcher(None, [plain(text) for text, _, _ in said], [plain(text) for text, _, _ in heard], autojunk=False)
    pairs = [(said[a + i], heard[b + i]) for a, b, n in matcher.get_matching_blocks() for i in range(n)]
    starts = sorted(abs(ours[1] - theirs[1]) for ours, theirs in pairs)
    ends = sorted(abs(ours[2] - theirs[2]) for ours, theirs in pairs)
    return starts, ends, len(pairs)
