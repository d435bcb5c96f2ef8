"""llama.cpp's samplers (src/llama-sampler.cpp), through llama-cpp-python."""

import ctypes

import llama_cpp
import numpy as np
from compare import V, edited, histories, lengths, random_rows, random_tokens, same
from lmsample import Edits

VERSION = f"llama-cpp-python {llama_cpp.__version__}"
ALL = 1000  # more tokens than any history has
LEAST = np.float32(-1e37)
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class _Vector(ctypes.Structure):
    """A std::vector of libstdc++."""

    _fields_ = [("begin", ctypes.c_void_p), ("end", ctypes.c_void_p), ("room", ctypes.c_void_p)]


def _dry_with_breakers(multiplier, base, allowed_length, last_n, breakers):
    """The door of its own tests, as its usual one finds breakers in a model's vocabulary."""
    name = "_Z30llama_sampler_init_dry_testingffiiRKSt6vectorIS_IiSaIiEESaIS1_EE"
    function = getattr(llama_cpp.llama_cpp._lib, name)
    function.restype = llama_cpp.llama_sampler_p_ctypes
    function.argtypes = [ctypes.c_float, ctypes.c_float, ctypes.c_int32, ctypes.c_int32]
    function.argtypes += [ctypes.POINTER(_Vector)]
    arrays = [(ctypes.c_int32 * len(b))(*b) for b in breakers]
    inner = (_Vector * len(arrays))()
    for vector, array in zip(inner, arrays):
        begin = ctypes.addressof(array)
        vector.begin, vector.end = begin, begin + ctypes.sizeof(array)
        vector.room = vector.end
    begin = ctypes.addressof(inner)
    end = begin + ctypes.sizeof(inner)
    return function(multiplier, base, allowed_length, last_n, ctypes.byref(_Vector(begin, end, end)))


def their_rows(x, tokens, samplers):
    """Each row through the samplers, which have accepted its tokens."""
    found = np.empty_like(x)
    for row, history in enumerate(tokens):
        candidates = np.zeros(V, _CANDIDATE)
        candidates["id"], candidates["logit"] = np.arange(V), x[row]
        array = llama_cpp.llama_token_data_array()
        address = candidates.__array_interface__["data"][0]
        array.data = ctypes.cast(address, type(array.data))
        array.size, array.selected, array.sorted = V, -1, False
        for make in samplers:
            sampler = make()
            for token in history:
                llama_cpp.llama_sampler_accept(sampler, int(token))
            llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
            llama_cpp.llama_sampler_free(sampler)
        found[row, candidates["id"]] = candidates["logit"]
    return found


def penalties(last_n, repeat, frequency, presence):
    return lambda: llama_cpp.llama_sampler_init_penalties(V, last_n, repeat, frequency, presence)


def dry(multiplier, base, allowed_length, last_n, breakers):
    numbers = (multiplier, base, allowed_length, last_n)
    if breakers:
        return lambda: _dry_with_breakers(*numbers, breakers)
    return lambda: llama_cpp.llama_sampler_init_dry(None, *numbers, None, 0)


def logit_bias(pairs):
    made = (llama_cpp.llama_logit_bias * len(pairs))()
    for entry, (token, bias) in zip(made, pairs):
        entry.token, entry.bias = token, bias
    return lambda: llama_cpp.llama_sampler_init_logit_bias(V, len(pairs), made)


def setting(random, case):
    p, o = lengths(random, case)
    prompt, output = random_tokens(random, p), random_tokens(random, o)
    return random_rows(random), histories(prompt, output), np.concatenate([prompt, output], axis=1)


def held(x, history, tokens, samplers, edits, scale=None, ulps=4):
    ours, theirs = edited(x, edits=edits, history=history), their_rows(x, tokens, samplers)
    # DRY ends where its base would overflow there, and at the largest float here.
    least = [np.where(np.isneginf(rows), rows, np.maximum(rows, LEAST)) for rows in (ours, theirs)]
    same(*least, scale, ulps)


def case_penalties(random, case):
    """penalties over the last n tokens of prompt and output"""
    x, history, tokens = setting(random, case)
    for last_n in (1, 7, 64, ALL):
        for numbers in ((1.3, 0.0, 0.0), (0.8, 0.0, 0.0), (1.0, 0.5, 0.0), (1.1, -0.25, 1.5)):
            edits = Edits(preset="llama.cpp", window=last_n, repetition=numbers[0],
                          frequency=numbers[1], presence=numbers[2])  # fmt: skip
            held(x, history, tokens, [penalties(last_n, *numbers)], edits, scale=64)


def case_logit_bias(random, case):
    """logit bias; a token that is there twice gets both"""
    x, history, tokens = setting(random, case)
    pairs = [(int(random.integers(0, V)), float(random.normal() * 8)) for _ in range(40)]
    pairs += [(0, -np.inf), (V - 1, 2.5), (V - 1, 1.25)]
    edits = Edits(bias=([token for token, _ in pairs], [bias for _, bias in pairs]))
    held(x, history, tokens, [logit_bias(pairs)], edits, scale=32)


def repeating(random, case):
    """Histories in which the last tokens were there before."""
    x, history, tokens = setting(random, case)
    n = tokens.shape[1]
    if n >= 8:
        size = int(random.integers(2, n // 2))
        begin = int(random.integers(max(0, n - 2 * size - 4), n - 2 * size + 1))
        tokens[:, n - size:] = tokens[:, begin:begin + size]
    p = len(history[0][0])
    return x, histories(tokens[:, :p], tokens[:, p:]), tokens


def case_dry(random, case):
    """DRY: multiplier, base, allowed length and range; no breakers"""
    x, history, tokens = repeating(random, case)
    some = [(0.8, 1.75, 2, int(random.integers(1, tokens.shape[1] + 2))) for _ in range(8)]
    for multiplier, base, allowed, last_n in (
        *some,
        (0.8, 1.75, 2, ALL), (0.8, 1.75, 0, ALL), (1.5, 1.0, 1, ALL), (0.5, 1.2, 2, 8), (0.8, 1.75, 3, 2),
    ):  # fmt: skip
        edits = Edits(dry_multiplier=multiplier, dry_base=base, dry_allowed_length=allowed,
                      dry_range=last_n)  # fmt: skip
        held(x, history, tokens, [dry(multiplier, base, allowed, last_n, [])], edits, ulps=256)


def case_dry_with_breakers(random, case):
    """DRY's breakers: of one token, of several, of which one is the beginning of another"""
    x, history, tokens = repeating(random, case)
    n = tokens.shape[1]
    some = []
    for _ in range(2):
        at = int(random.integers(0, max(n - 3, 1)))
        size = int(random.integers(1, 4))
        some.append([int(t) for t in tokens[int(random.integers(0, len(tokens))), at:at + size]])
    for breakers in ([[5]], [[2], [5, 6]], [b for b in some if b] or [[1]],
                     [[5], [5, 0], [5, 0, 6]]):  # fmt: skip
        edits = Edits(dry_multiplier=0.8, dry_allowed_length=1, dry_breakers=breakers)
        held(x, history, tokens, [dry(0.8, 1.75, 1, ALL, breakers)], edits, ulps=256)


def case_all_of_them(random, case):
    """bias, penalties and DRY, in the order of the default chain"""
    x, history, tokens = repeating(random, case)
    pairs = [(int(t), 3.0) for t in random.integers(0, V, 20)]
    edits = Edits(bias=([t for t, _ in pairs], [b for _, b in pairs]), preset="llama.cpp", window=64,
                  repetition=1.2, frequency=0.1, presence=0.2, dry_multiplier=0.8)  # fmt: skip
    chain = [logit_bias(pairs), penalties(64, 1.2, 0.1, 0.2), dry(0.8, 1.75, 2, ALL, [])]
    held(x, history, tokens, chain, edits, scale=64, ulps=256)


def case_what_differs(random, case):
    """a last n of 0 is off there, and all here: as the page says"""
    x, history, tokens = setting(random, case)
    same(their_rows(x, tokens, [penalties(0, 1.3, 0.5, 0.5)]), x)
    same(their_rows(x, tokens, [dry(0.8, 1.75, 0, 0, [])]), x)
    all_of_them = edited(x, edits=Edits(repetition=1.3, window=0), history=history)
    same(their_rows(x, tokens, [penalties(ALL, 1.3, 0.0, 0.0)]), all_of_them)
