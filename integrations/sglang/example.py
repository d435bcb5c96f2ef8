"""Requests in SGLang's own batch, sampled by lmsample, without a model: logits are random.

With a model nothing changes but that SGLang makes the logits (README.md)."""

import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tests"))

import numpy as np  # noqa: E402
from batch import info, ours, random_logits, run  # noqa: E402
from sglang.srt.runtime_context import get_context, get_parallel  # noqa: E402

VOCAB = 32000
asked = [
    {"temperature": 0.0},
    {"temperature": 0.8, "top_p": 0.95, "sampling_seed": 1},
    {"temperature": 1.0, "top_k": 50, "min_p": 0.05, "sampling_seed": 2},
    {"temperature": 0.8, "top_p": 0.95, "sampling_seed": 1},
]
group = types.SimpleNamespace(device_group=None)
with get_context().override_server_args(sampling_backend="lmsample", device="cpu"):
    with get_parallel().override(tp_group=group):
        sampler, batch = ours(), info(VOCAB, asked)
        random = np.random.default_rng(0)
        for position in range(100, 105):
            logits = random_logits(random, 4, VOCAB)
            logits[3] = logits[1]  # and the same seed: the same tokens
            print(run(sampler, logits, batch, position)[0].tolist())
