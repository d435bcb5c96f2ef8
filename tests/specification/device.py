"""The library, by tests/specification/library.c: what the specification is compared with."""
import ctypes
import os

import numpy as np

FLOAT32, FLOAT16, BFLOAT16 = 1, 2, 3
ROW = np.dtype([("seed", "u8"), ("step", "u8"), ("slot", "u8"), ("edits", "u4"), ("mask", "u4"),
                ("unconditional", "u4"), ("request_reserved", "u4"), ("temperature", "f4"), ("top_p", "f4"),
                ("min_p", "f4"), ("top_k", "i4"), ("flags", "u4"), ("rules", "u4"), ("wants", "u4"),
                ("target", "u4"), ("reserved", "u4", 2)], align=True)  # fmt: skip

BEAM = np.dtype([("seed", "u8"), ("temperature", "f4"), ("top_p", "f4"), ("min_p", "f4"), ("top_k", "i4"),
                 ("filter_flags", "u4"), ("rules", "u4"), ("mode", "u4"), ("width", "u4"), ("groups", "u4"),
                 ("diversity_penalty", "f4"), ("length_penalty", "f4"), ("length_counts", "u4"),
                 ("early_stopping", "u4"), ("flags", "u4"), ("prompt_length", "u4"), ("min_length", "u4"),
                 ("max_length", "u4"), ("results", "u4"), ("end_tokens", "u4"),
                 ("reserved", "u4", 3)],
                align=True)  # fmt: skip
CONTRASTIVE = np.dtype([("alpha", "f4"), ("k", "u4"), ("context_begin", "u4"), ("context_window", "u4"),
                        ("temperature", "f4"), ("top_p", "f4"), ("min_p", "f4"), ("top_k", "i4"),
                        ("filter_flags", "u4"), ("rules", "u4"), ("reserved", "u4", 4)])  # fmt: skip


class Library:
    def __init__(self):
        self.calls = ctypes.CDLL(os.environ["LMS_SPECIFICATION_LIBRARY"])
        self.context = ctypes.c_void_p()
        self.calls.lms_error_message.restype = ctypes.c_char_p
        name = os.environ.get("LMS_TEST_DEVICE", "").encode()
        self._check(self.calls.lms_context_open(name, ctypes.byref(self.context)))

    def _check(self, status):
        assert status == 0, f"{status}: {self.calls.lms_error_message().decode()}"

    def call(self, name, *arguments):
        """Arrays go as they are, an integer as 32 bits; the context goes before all."""
        made = [a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray)
                else ctypes.c_uint32(a) if isinstance(a, int) else a for a in arguments]  # fmt: skip
        self._check(getattr(self.calls, "specification_" + name)(self.context, *made))

    def rows(self, dtype, stored, params, index, uniforms=None):
        rows, vocab = len(params), stored.shape[1]
        out = dict(
            token=np.empty(rows, np.int32), status=np.empty(rows, np.uint32),
            logprob_raw=np.empty(rows, np.float32), logprob=np.empty(rows, np.float32),
            kept=np.empty(rows, np.int32), probs=np.empty((rows, vocab), np.float32),
        )  # fmt: skip
        self.call("rows", dtype, vocab, rows, len(stored), np.ascontiguousarray(stored), params, index,
                  uniforms, 0 if uniforms is None else uniforms.shape[1], *out.values())  # fmt: skip
        return out


class Beam:
    """An lms_beam with one request."""

    def __init__(self, library, dtype, vocab, record, ends):
        self.library, self.dtype, self.vocab = library, dtype, vocab
        self.width, self.results_wanted = int(record["width"]), int(record["results"])
        self.max_length = int(record["max_length"])
        self.handle = ctypes.c_void_p()
        library.call("beam_open", dtype, vocab, record, np.array(ends, np.int32), ctypes.byref(self.handle))

    def close(self):
        self.library.calls.lms_beam_destroy(self.handle)

    def step(self, stored):
        parents, tokens = np.empty(self.width, np.int32), np.empty(self.width, np.int32)
        scores, fixed = np.empty(self.width, np.float32), np.empty(self.width, np.int64)
        done, status = np.empty(1, np.uint32), np.empty(1, np.uint32)
        self.library.call("beam_step", self.handle, self.dtype, self.vocab, self.width, stored, parents, tokens,
                          scores, fixed, done, status)  # fmt: skip
        return parents, tokens, scores, fixed, done[0], status[0]

    def results(self):
        n, length = self.results_wanted, self.max_length
        count, lengths = np.empty(1, np.int32), np.empty(n, np.int32)
        tokens, beams = np.empty((n, length), np.int32), np.empty((n, length), np.int32)
        scores, logprobs = np.empty(n, np.float32), np.empty(n, np.float32)
        token_logprobs = np.empty((n, length), np.float32)
        self.library.call("beam_results", self.handle, n, length, count, lengths, tokens, scores, logprobs,
                          token_logprobs, beams)  # fmt: skip
        return count[0], lengths, tokens, scores, logprobs, token_logprobs, beams


class Contrastive:
    """An lms_contrastive with one request."""

    def __init__(self, library, logits, hidden, vocab, width, max_length, record):
        self.library, self.logits, self.hidden, self.vocab, self.width = library, logits, hidden, vocab, width
        self.k = int(record["k"])
        self.handle = ctypes.c_void_p()
        library.call("contrastive_open", logits, hidden, vocab, width, max_length, record,
                     ctypes.byref(self.handle))  # fmt: skip

    def close(self):
        self.library.calls.lms_contrastive_destroy(self.handle)

    def append(self, stored):
        self.library.call("contrastive_append", self.handle, self.hidden, self.width, len(stored), stored)

    def propose(self, stored, index):
        tokens, probs = np.empty(self.k, np.int32), np.empty(self.k, np.float32)
        status = np.empty(1, np.uint32)
        self.library.call("contrastive_propose", self.handle, self.logits, self.vocab, self.k, stored,
                          np.array([index], np.int32), tokens, probs, status)  # fmt: skip
        return tokens, probs, status[0]

    def select(self, tokens, probs, stored):
        one = [np.empty(1, kind) for kind in (np.int32, np.int32, np.float32, np.float32)]
        all_rows = [np.empty(self.k, np.float32) for _ in range(2)]
        status = np.empty(1, np.uint32)
        self.library.call("contrastive_select", self.handle, self.hidden, self.width, self.k, stored, tokens,
                          probs, *one, *all_rows, status)  # fmt: skip
        return [value[0] for value in one] + all_rows + [status[0]]


def store(dtype, x):
    """Rows of floats as the library reads them, and what these are as floats."""
    x = np.asarray(x, np.float32)
    if dtype == FLOAT16:
        with np.errstate(over="ignore"):
            stored = x.astype(np.float16)
        return stored, stored.astype(np.float32)
    if dtype == BFLOAT16:
        stored = (x.view(np.uint32) >> 16).astype(np.uint16)
        return stored, (stored.astype(np.uint32) << 16).view(np.float32)
    return x, x
