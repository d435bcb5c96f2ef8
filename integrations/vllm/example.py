"""Ten requests in vLLM's own batch, sampled by lmsample, without a model: logits are random.

With a model nothing changes but that vLLM makes the logits: once lmsample-vllm is installed,
`vllm serve MODEL` and `vllm.LLM(MODEL)` sample by lmsample. This runs wherever vLLM's Python
code does, also from PyPI's wheel, whose compiled operators are for GPUs.
"""

import os
import sys
from pathlib import Path

os.environ["VLLM_TARGET_DEVICE"] = "cpu"
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
sys.path.insert(0, str(Path(__file__).parent / "tests"))

import numpy as np  # noqa: E402
from lmsample_vllm import counts  # noqa: E402
from server import OurSampler, Server, random_logits  # noqa: E402

VOCAB = 32000
server, sampler = Server(VOCAB, max_rows=16), OurSampler()
server.add("greedy", [1, 2, 3], temperature=0.0)
server.add("seeded", [1, 2, 3], temperature=0.8, top_p=0.95, seed=42)
server.add(
    "penalties", [1, 2, 3], temperature=0.8, repetition_penalty=1.1, presence_penalty=0.5
)
server.add("some tokens", [1, 2, 3], temperature=1.0, allowed_token_ids=[10, 20, 30])
server.add("bias", [1, 2, 3], temperature=1.0, logit_bias={7: 50.0})
server.add("no end yet", [1, 2, 3], temperature=1.0, min_tokens=5, stop=[2])
server.add("no bad words", [1, 2, 3], temperature=1.0, bad_words=[[5], [6, 7]])
server.add("logprobs", [1, 2, 3], temperature=0.5, min_p=0.1, logprobs=2)
server.add("top-k", [1, 2, 3], temperature=1.2, top_k=20)
server.add("again", [1, 2, 3], temperature=0.8, top_p=0.95, seed=42)

random = np.random.default_rng(0)
for _ in range(5):
    logits = random_logits(random, 10, VOCAB)
    logits[9] = logits[1]  # the same as "seeded" has: the same tokens
    server.step(sampler, logits)
for name, request in server.requests.items():
    print(f"{name:13s} {request.output_token_ids}")
print(f"steps: {dict(counts)}")
