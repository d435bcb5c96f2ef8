"""What the caller gives for each prompt, as what each row has."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

import lmsample
import numpy as np
import torch

NAMES = ("temperature", "top_k", "top_p", "min_p", "seed", "preset", "edits")


def _items(name: str, value: Any, prompts: int, each: int) -> Optional[List[Any]]:
    """One for each row, or None: one for all of them."""
    if value is None or isinstance(value, (str, int, float, lmsample.Edits, np.number)):
        return None
    items = value.tolist() if isinstance(value, (np.ndarray, torch.Tensor)) else list(value)
    if len(items) == prompts:
        return [item for item in items for _ in range(each)]
    if len(items) == prompts * each:
        return items
    raise ValueError(
        f"lms_params: {name} has {len(items)} values, must have one, or one for each of {prompts} "
        "prompts"
    )


def seeds_of(value: Any, prompts: int, each: int) -> np.ndarray:
    """uint64[rows]. A seed for all: row r has row_seed(seed, r). A seed for each prompt: as it is,
    but of several sequences of a prompt, number i has row_seed(seed, i)."""
    if value is None:
        value = int(torch.randint(2**63 - 1, ()))  # torch.manual_seed() names them, too
    items = _items("seed", value, prompts, each)
    if items is None:
        seeds = [lmsample.row_seed(int(value), row) for row in range(prompts * each)]
    elif len(np.atleast_1d(value)) == prompts and each > 1:
        seeds = [lmsample.row_seed(int(s), row % each) for row, s in enumerate(items)]
    else:
        seeds = [int(seed) % 2**64 for seed in items]
    return np.array(seeds, np.uint64)


def columns(
    params: Optional[Mapping[str, Any]],
    filters: Dict[str, float],
    is_drawn: bool,
    prompts: int,
    each: int,
) -> Dict[str, Any]:
    """Arguments of lmsample: the configuration's, and over them the caller's."""
    params = dict(params or {})
    unknown = set(params) - set(NAMES)
    if unknown:
        raise ValueError(
            f"lms_params: has {sorted(unknown)[0]!r}, must be of {', '.join(NAMES)}"
        )
    found: Dict[str, Any] = {"temperature": 1.0 if is_drawn else 0.0, "preset": "hugging-face"}
    found.update(filters)
    seed = seeds_of(params.pop("seed", None), prompts, each)
    edits = params.pop("edits", None)
    for name, value in params.items():
        items = _items(name, value, prompts, each)
        found[name] = value if items is None else items
    found["seed"] = seed
    if edits is not None:
        found["edits"] = _items("edits", edits, prompts, each) or edits
    return found
