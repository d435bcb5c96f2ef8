"""vLLM's own sampler in Python, run with stand-ins for what it imports."""

import collections
import enum
import types

import numpy as np
import torch
from definitions import Definitions

_CPU = "cpu"


class _Direction(enum.Enum):
    UNIDIRECTIONAL = 0
    SWAP = 1


def _to_device(data, dtype=None, device=_CPU):
    return torch.as_tensor(data, dtype=dtype)


class _NoSync:
    def __init__(self, **_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def make_tensor_with_pad(rows, pad, dtype=torch.int64, **_):
    longest = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], dtype=dtype)


def load(folder):
    """The names, and the version."""
    found = Definitions(
        folder,
        "vllm",
        torch=torch,
        np=np,
        nn=torch.nn,
        LogitsProcessor=object,
        LogprobsTensors=collections.namedtuple("Logprobs", "tokens logprobs ranks"),
        MoveDirectionality=_Direction,
        PIN_MEMORY=False,
        _SMALLEST_LOGIT=float("-inf"),
        async_tensor_h2d=_to_device,
        gpu_sync_allowed=_NoSync,
        make_tensor_with_pad=make_tensor_with_pad,
    )
    found.take("_custom_ops.py", "apply_repetition_penalties_torch")
    found.space["apply_repetition_penalties"] = found.space["apply_repetition_penalties_torch"]
    found.take("model_executor/layers/utils.py", "get_token_bin_counts_and_mask", "apply_penalties")
    found.take("v1/sample/ops/penalties.py", "apply_all_penalties", "_convert_to_tensors")
    found.take("v1/sample/ops/bad_words.py", "_apply_bad_words_single_batch", "apply_bad_words")
    found.take("v1/sample/ops/logprobs.py", "batched_count_greater_than")
    processors = ("LogitBiasLogitsProcessor", "MinTokensLogitsProcessor", "process_dict_updates")
    found.take("v1/sample/logits_processor/builtin.py", *processors)
    found.space["_SAMPLING_EPS"] = 1e-5
    found.take("v1/sample/sampler.py", "Sampler")
    return found.names(), found.version


def edited(vllm, x, requests):
    """Sampler.apply_logits_processors() on requests: dictionaries of prompt, output and what
    SamplingParams have."""
    rows, vocab = x.shape
    added = []
    for row, request in enumerate(requests):
        params = types.SimpleNamespace(
            logit_bias=request.get("logit_bias"),
            min_tokens=request.get("min_tokens", 0),
            all_stop_token_ids=set(request.get("stop", ())),
            structured_outputs=None,
        )
        added.append((row, params, request["prompt"], request["output"]))
    update = types.SimpleNamespace(added=added, removed=[], moved=[])
    processors = []
    for kind in (vllm.MinTokensLogitsProcessor, vllm.LogitBiasLogitsProcessor):
        processors.append(kind(None, torch.device(_CPU), False))
        processors[-1].update_state(update)

    def each(name, off):
        return torch.tensor([request.get(name, off) for request in requests], dtype=torch.float32)

    allowed = torch.zeros((rows, vocab), dtype=torch.bool)
    for row, request in enumerate(requests):
        if "allowed" in request:
            allowed[row] = True
            allowed[row, request["allowed"]] = False
    metadata = types.SimpleNamespace(
        bad_words_token_ids={r: q["bad_words"] for r, q in enumerate(requests) if "bad_words" in q},
        no_penalties=False,
        output_token_ids=[request["output"] for request in requests],
        allowed_token_ids_mask=allowed,
        logitsprocs=types.SimpleNamespace(non_argmax_invariant=processors),
        thinking_budget_state_holder=None,
        prompt_token_ids=make_tensor_with_pad([q["prompt"] for q in requests], vocab),
        repetition_penalties=each("repetition", 1),
        frequency_penalties=each("frequency", 0),
        presence_penalties=each("presence", 0),
    )
    logits = torch.from_numpy(x.copy())
    sampler = types.SimpleNamespace(apply_penalties=vllm.Sampler.apply_penalties)
    return vllm.Sampler.apply_logits_processors(sampler, logits, metadata, False).numpy()
