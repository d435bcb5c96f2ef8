"""The library, by tests/specification/library.c: what the specification is compared with."""
import ctypes
import os

import numpy as np

FLOAT32, FLOAT16, BFLOAT16 = 1, 2, 3
ROW = np.dtype([("seed", "u8"), ("step", "u8"), ("temperature", "f4"), ("top_p", "f4"), ("min_p", "f4"),
                ("top_k", "i4"), ("flags", "u4"), ("reserved", "u4", 3)], align=True)  # fmt: skip

CONTRASTIVE = np.dtype([("alpha", "f4"), ("k", "u4"), ("context_begin", "u4"), ("context_window", "u4"),
                        ("temperature", "f4"), ("top_p", "f4"), ("min_p", "f4"), ("top_k", "i4"),
                        ("filter_flags", "u4"), ("reserved", "u4", 3)])  # fmt: skip


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
