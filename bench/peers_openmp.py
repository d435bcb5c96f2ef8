"""The plain program in C and OpenMP of openmp.c, compiled here and called through ctypes."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np

from peers_common import Absent, Floats, Ints, Peer, Step, Strategy, cores

_SOURCE = Path(__file__).resolve().with_name("openmp.c")
_FLAGS = ["-std=c11", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"]

# openmp_params
_PARAMS = np.dtype(
    [
        ("temperature", np.float32),
        ("top_p", np.float32),
        ("min_p", np.float32),
        ("top_k", np.int32),
        ("seed", np.uint64),
    ]
)
_CANDIDATE_BYTES = 8


def _compilers() -> List[List[str]]:
    named = os.environ.get("CC")
    found = [shlex.split(named)] if named else [["cc"], ["gcc"], ["clang"]]
    return [words for words in found if words and shutil.which(words[0])]


def _compile() -> ctypes.CDLL:
    said = ""
    with tempfile.TemporaryDirectory(prefix="lmsample-openmp-") as folder:
        library = str(Path(folder) / "openmp.so")
        for compiler in _compilers():
            command = [*compiler, *_FLAGS, str(_SOURCE), "-o", library, "-lm"]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            if built.returncode == 0:
                return ctypes.CDLL(library)
            said = (built.stderr.strip().splitlines() or [""])[0]
    raise Absent(f"openmp.c does not compile: {said}" if said else "no C compiler (cc) is here")


class OpenMP(Peer):
    name = "openmp"
    preset = "min-p-last"

    def __init__(self) -> None:
        library = _compile()
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._sample = library.openmp_sample
        self._sample.restype = None
        self._sample.argtypes = [pointer, size, size, pointer, ctypes.c_int, pointer, pointer]
        self._kept = library.openmp_kept
        self._kept.restype = size
        self._kept.argtypes = [pointer, size, pointer, pointer, pointer]
        self.threads = cores()
        self.version = " ".join(_FLAGS[1:4])
        self._batches: Sequence[Floats] = ()
        self._step = 0

    def load(self, batches: Sequence[Floats]) -> None:
        self._batches = batches
        vocab = batches[0].shape[1]
        self._scratch = np.zeros(self.threads * vocab * _CANDIDATE_BYTES, np.uint8)

    @staticmethod
    def _records(strategies: Sequence[Strategy]) -> Ints:
        records = np.zeros(len(strategies), _PARAMS)
        for record, s in zip(records, strategies):
            for name in s._fields:
                record[name] = getattr(s, name)
        return records

    def plan(self, strategies: Sequence[Strategy]) -> Optional[Step]:
        records = self._records(strategies)
        tokens = np.empty(len(strategies), np.int32)

        def step(batch: int) -> Ints:
            logits = self._batches[batch]
            rows, vocab = logits.shape
            self._step += rows
            records["seed"] = np.arange(self._step, self._step + rows, dtype=np.uint64)
            self._sample(
                logits.ctypes.data,
                rows,
                vocab,
                records.ctypes.data,
                self.threads,
                self._scratch.ctypes.data,
                tokens.ctypes.data,
            )
            return tokens

        return step

    def kept(self, row: Floats, strategy: Strategy) -> Ints:
        row = np.ascontiguousarray(row)
        records = self._records([strategy])
        ids = np.empty(len(row), np.int32)
        scratch = np.zeros(len(row) * _CANDIDATE_BYTES, np.uint8)
        count = self._kept(
            row.ctypes.data,
            len(row),
            records.ctypes.data,
            scratch.ctypes.data,
            ids.ctypes.data,
        )
        return ids[:count]
