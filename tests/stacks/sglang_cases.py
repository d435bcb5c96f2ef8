"""SGLang's penalties (srt/sampling), as its wheel has them."""

import abc
import os
import types
import weakref

import numpy as np
import torch
from compare import V, edited, histories, lengths, random_rows, random_tokens, same
from definitions import Definitions
from lmsample import Edits

_FOLDER = "srt/sampling/"
_KINDS = {
    "frequency_penalty.py": ("BatchedFrequencyPenalizer",),
    "presence_penalty.py": ("BatchedPresencePenalizer",),
    "repetition_penalty.py": ("apply_scaling_penalties", "BatchedRepetitionPenalizer"),
    "min_new_tokens.py": ("BatchedMinNewTokensPenalizer",),
}
NUMBERS = {"repetition": 1.25, "frequency": 0.5, "presence": 0.75}
END = [7, V - 1]


def load():
    found = Definitions(os.environ["LMS_STACKS_WHEELS"], "sglang", torch=torch, abc=abc,
                        weakref=weakref, is_pin_memory_available=lambda _: False)  # fmt: skip
    found.take(_FOLDER + "penaltylib/orchestrator.py", "_BatchedPenalizer",
               "BatchedPenalizerOrchestrator")  # fmt: skip
    for file, names in _KINDS.items():
        found.take(f"{_FOLDER}penaltylib/{file}", *names)
    found.space.update(dataclass=None, dataclasses=None)
    return found.names(), found.version


theirs, VERSION = load()


class Batch:
    """What the orchestrator knows of a batch: it asks for its requests and its device."""

    def __init__(self, rows, least, asked):
        params = types.SimpleNamespace(
            frequency_penalty=asked.get("frequency", 0.0),
            presence_penalty=asked.get("presence", 0.0),
            repetition_penalty=asked.get("repetition", 1.0),
            min_new_tokens=least,
            stop_token_ids=set(END),
        )
        tokenizer = types.SimpleNamespace(additional_stop_token_ids=None, eos_token_id=END[0])
        request = types.SimpleNamespace(
            sampling_params=params, eos_token_ids=None, tokenizer=tokenizer
        )
        self.reqs = [request] * rows
        self.device = "cpu"


def their_rows(x, output, least=0, bias=None, **asked):
    """As SamplingBatchInfo does it where steps overlap, which is the default: what is added, what is
    scaled, and last the bias."""
    batch = Batch(len(x), least, asked)
    kinds = [theirs.__dict__[names[-1]] for names in _KINDS.values()]
    orchestrator = theirs.BatchedPenalizerOrchestrator(V, batch, kinds)
    for step in output.T:
        orchestrator.cumulate_output_tokens(torch.tensor(step).long())
    logits, added = torch.from_numpy(x.copy()), torch.zeros(x.shape)
    orchestrator.accumulate_additive_penalties(added)
    logits.add_(added)
    scaling = orchestrator.accumulate_scaling_penalties()
    if scaling is not None:
        theirs.apply_scaling_penalties(logits, scaling)
    for token, value in (bias or {}).items():
        logits[:, token] += value
    return logits.numpy()


def setting(random, case):
    p, o = lengths(random, case)
    prompt, output = random_tokens(random, p), random_tokens(random, o)
    return random_rows(random), output, histories(prompt, output)


def case_penalties(random, case):
    """frequency and presence of the output, and then repetition of it"""
    x, output, history = setting(random, case)
    for asked in (NUMBERS, {"repetition": 0.8}, {"frequency": -0.5}, {"presence": 1.5}):
        found = edited(x, edits=Edits(preset="sglang", **asked), history=history)
        same(found, their_rows(x, output, **asked), scale=64)


def case_min_new_tokens(random, case):
    """min_new_tokens: end and stop tokens until so many are generated"""
    x, output, history = setting(random, case)
    for least in (1, output.shape[1], output.shape[1] + 1):
        found = edited(x, edits=Edits(end_tokens=END, min_tokens=least), history=history)
        same(found, their_rows(x, output, least))


def case_what_differs(random, case):
    """a bias is added behind penalties there, and before them here"""
    x, output = np.ones((1, V), np.float32), np.array([[3, 4]])
    found = edited(x, edits=Edits(bias={3: 1.0}, repetition=2.0, preset="sglang"),
                   history=histories(np.zeros((1, 0)), output))  # fmt: skip
    rows = their_rows(x, output, repetition=2.0, bias={3: 1.0})
    assert rows[0, 3] == 1.5 and found[0, 3] == 1.0 and rows[0, 4] == found[0, 4] == 0.5
