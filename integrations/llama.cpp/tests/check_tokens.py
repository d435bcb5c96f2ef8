"""The tokens that the C program drew in llama.cpp, against each sequence sampled alone, offline, by the
Python package from the logits that were dumped: check_tokens.py OUT SEQUENCES STEPS MODEL

OUT.json, OUT.logits and OUT.tokens are what `serve` wrote. Of each sequence all steps are one batch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import lmsample
import llama_cpp
import numpy as np


def mask_of(model: Any) -> np.ndarray:
    """Letters and spaces alone, as in serve.c."""
    vocabulary = llama_cpp.llama_n_vocab(model)
    allowed = np.zeros(vocabulary, dtype=bool)
    buffer = (llama_cpp.ctypes.c_char * 64)()
    for token in range(vocabulary):
        size = llama_cpp.llama_token_to_piece(model, token, buffer, 64, 0, True)
        text = bytes(buffer[: max(size, 0)])
        allowed[token] = bool(text) and all(c == 32 or 97 <= c <= 122 for c in text)
    return allowed


def edits_of(row: Dict[str, Any]) -> lmsample.Edits:
    # A list of (token, value) may name a token twice.
    bias = tuple(np.array(column) for column in zip(*row["bias"])) if row["bias"] else None
    more: Dict[str, Any] = {} if bias is None else {
        "bias": (bias[0].astype(np.int32), bias[1].astype(np.float32))}
    if row["last_n"]:
        more.update(repetition=row["repeat"], frequency=row["freq"], presence=row["present"])
        more["window"] = max(row["last_n"], 0)
    return lmsample.Edits(preset="llama.cpp", **more)


def sample_alone(row: Dict[str, Any], logits: np.ndarray, drawn: np.ndarray,
                 mask: np.ndarray) -> np.ndarray:
    steps = len(logits)
    prompt: List[int] = row["prompt"]
    history = [{"prompt": prompt, "output": drawn[:step].tolist()} for step in range(steps)]
    asked: Dict[str, Any] = {"edits": edits_of(row), "history": history}
    if row["mask"]:
        asked["mask"] = mask[None, :]
    return lmsample.sample(
        logits, temperature=max(row["temp"], 0.0), top_k=row["top_k"], top_p=row["top_p"],
        min_p=row["min_p"], seed=[row["seed"]] * steps, step=np.arange(steps), preset="llama.cpp", **asked)


def main() -> int:
    out, sequences, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = json.loads(Path(out + ".json").read_text())
    tokens = np.fromfile(out + ".tokens", np.int32).reshape(steps, sequences)
    logits = np.memmap(out + ".logits", np.float32, "r").reshape(steps, sequences, -1)
    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, None)
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(sys.argv[4].encode(), params)
    mask = mask_of(llama_cpp.llama_model_get_vocab(model))
    wrong = 0
    for i, row in enumerate(rows):
        if row["dry"]:
            continue  # its breakers come from the vocabulary: see checks.c
        alone = sample_alone(row, np.asarray(logits[:, i]), tokens[:, i], mask)
        different = int((alone != tokens[:, i]).sum())
        wrong += different
        if different:
            print(f"sequence {i}: {different} of {steps} tokens differ: {tokens[:, i]} {alone}")
        if row["mask"] and not mask[tokens[:, i]].all():
            print(f"sequence {i}: a token that its mask bans")
            wrong += 1
        banned = {token for token, value in row["bias"] if value < -50}
        if banned & set(tokens[:, i].tolist()):
            print(f"sequence {i}: a token that its bias bans")
            wrong += 1
    alone_count = sum(not row["dry"] for row in rows) * steps
    print(f"check_tokens: {alone_count - wrong} of {alone_count} tokens as sampled alone, offline")
    # The callback is used to the end.
    llama_cpp.llama_model_free(model)
    del silent
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
