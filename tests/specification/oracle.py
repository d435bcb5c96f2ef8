"""The oracle in C (tests/support/oracle.h), of which an object of its own is built for these tests."""
import ctypes
import os

import numpy as np

RESULT = np.dtype([("token", "i8"), ("status", "u4"), ("kept", "i8"), ("logprob_raw", "f4"), ("logprob", "f4"),
                   ("attempts", "u4")], align=True)  # fmt: skip


class Oracle:
    def __init__(self):
        self.calls = ctypes.CDLL(os.environ["LMS_SPECIFICATION_ORACLE"])
        self.calls.oracle_sample.restype = ctypes.c_bool

    def sample(self, x, record, uniforms=None):
        """Of a row of floats, a record of device.ROW and words, four for an attempt."""
        x, params, result = np.ascontiguousarray(x, np.float32), np.array(record), np.zeros((), RESULT)
        words = None if uniforms is None else np.ascontiguousarray(uniforms, np.uint32)
        pointers = [None if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in (x, params, words, result)]
        assert self.calls.oracle_sample(pointers[0], ctypes.c_uint32(len(x)), pointers[1], pointers[2],
                                        ctypes.c_uint32(0 if words is None else len(words)), pointers[3])  # fmt: skip
        return result
