"""What the tests of the example programs share: running them, and the model in NumPy on what
they write."""

import os
import pathlib
import subprocess

import numpy as np

import language_model as lm
from conftest import ROOT, SANITIZED

EXAMPLES = pathlib.Path(os.environ["LMSAMPLE_BUILD"]) / "examples"
MODEL = ROOT / "examples" / "model"
MAN = "Blessed is the man that"
KING = "And the king said unto the woman,"
DAYS = "And it came to pass in those days, that"
PROMPTS = [DAYS, MAN, KING]
LENGTH = 10 if SANITIZED else 24  # of texts; the model takes several times as long there


def run(name, *arguments, status=0, model=MODEL, cwd=None):
    words = [EXAMPLES / name, "--model", model, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, timeout=300)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    assert done.stderr == "" if status == 0 else done.stdout == ""
    return done


def fails(name, parts, *arguments, **more):
    """It says so on standard error, which is returned, and nothing else."""
    err = run(name, *arguments, status=1, **more).stderr
    for part in [parts] if isinstance(parts, str) else parts:
        assert part in err, (part, err)
    return err


def held_out_prompts():
    return (MODEL / "held_out_prompts.txt").read_text(encoding="ascii").splitlines()


def logprobs_before(prompt, tokens):
    """What the model says before each of the tokens."""
    before = [0, *lm.TOKENIZER.encode(prompt.encode())]
    return lm.logprobs(before + tokens)[len(before) - 1:-1]


def logprob_of(prompt, tokens):
    return logprobs_before(prompt, tokens)[np.arange(len(tokens)), tokens].sum()


def is_greedy(prompt, tokens):
    raw = logprobs_before(prompt, tokens)
    return np.all(raw[np.arange(len(tokens)), tokens] > raw.max(-1) - 1e-3)


def has_ended(tokens, length):
    return 0 not in tokens[:-1] and (len(tokens) == length or tokens[-1] == 0)
