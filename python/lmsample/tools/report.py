"""Explanations and comparisons for programs: what JSON has of them."""

from __future__ import annotations

import math
from typing import Any, Dict, Optional

import numpy as np

from .._params import MIN_P_LAST, TEMPERATURE_LAST, TOP_K_TIES, TOP_P_WHOLE_ROW
from . import layout
from .chain import Explanation, Stage
from .comparison import Comparison

_RULES = {
    "temperature-last": TEMPERATURE_LAST,
    "min-p-last": MIN_P_LAST,
    "top-p-whole-row": TOP_P_WHOLE_ROW,
    "top-k-ties": TOP_K_TIES,
}


def _text(texts: Any, token: int) -> Dict[str, Any]:
    """A text that is no UTF-8 has its bytes beside it, in hexadecimal."""
    if texts is None:
        return {}
    found = texts[token] if token < len(texts) else None
    if isinstance(found, bytes):
        return {"text": found.decode("utf-8", "replace"), "bytes": found.hex()}
    return {"text": found}


def _logit(value: float) -> Any:
    """JSON has no numbers that are none."""
    return float(value) if math.isfinite(value) else str(float(value))


def _stage(stage: Stage, e: Explanation) -> Dict[str, Any]:
    told = {
        "stage": stage.kind,
        "label": stage.label,
        "kept": stage.kept,
        "removed": stage.removed,
        "removed_probability": stage.removed_probability,
        "entropy": stage.entropy,
        "choices": stage.choices,
        "because": layout.reason(e, stage),
    }
    if stage.threshold is not None:
        told["threshold"] = stage.threshold
    if stage.kind == "top-p":
        told["reached"] = stage.reached
    elif stage.kind in ("min-p", "top-k"):
        told["least_kept"] = stage.least_kept
    return told


def _token(e: Explanation, rank: int, sums: Any) -> Dict[str, Any]:
    token = int(e.order[rank])
    remover: Optional[Stage] = e.removed_by(rank)
    by = [float(stage.probs[rank]) for stage in e.stages]
    return {
        "rank": rank + 1,
        "id": token,
        **_text(e.texts, token),
        "logit": _logit(float(e.logits[rank])),
        "before": by[0],
        "before_sum": float(sums[0][rank]),
        "after": by[-1],
        "after_sum": float(sums[1][rank]),
        "by_stage": by,
        "removed_by": "never" if rank >= e.live else None if remover is None else remover.kind,
    }


def explanation(e: Explanation, source: Dict[str, Any], row_seed: int, top: int = 20) -> Dict[str, Any]:
    sums = np.cumsum(e.before.probs), np.cumsum(e.after.probs)
    ranks = [item.rank for item in layout.items_of(e, top) if isinstance(item, layout.Token)]
    settings = e.settings

    def named(token: int) -> Dict[str, Any]:
        return {"rank": e.rank(token) + 1, "id": token, **_text(e.texts, token)}

    return {
        "source": source,
        "vocabulary": e.vocab,
        "never": e.vocab - e.live,
        "nan": e.nans,
        "inf": e.infinites,
        "parameters": {
            "temperature": settings.temperature,
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "min_p": settings.min_p,
            "flags": [name for name, flag in _RULES.items() if settings.flags & flag],
            "seed": e.draw.seed,
            "row_seed": row_seed,
            "step": e.draw.step,
        },
        "stages": [_stage(stage, e) for stage in e.stages],
        "tokens": [_token(e, rank, sums) for rank in ranks],
        "greedy": named(int(e.order[0])) if e.live else None,
        "drawn": named(e.drawn) if e.drawn >= 0 else None,
    }


def comparison(c: Comparison, source: Dict[str, Any]) -> Dict[str, Any]:
    def of(number: int) -> Dict[str, Any]:
        setting = c.settings[number]
        return {
            "setting": str(setting),
            **setting.arguments(),
            "kept": c.kept[number].tolist(),
            "mass": c.mass[number].tolist(),
            "entropy": c.entropies[number].tolist(),
            "tokens": c.tokens[number].tolist(),
        }

    return {
        "source": source,
        "vocabulary": c.vocab,
        "seed": c.seed,
        "rows": c.rows.tolist(),
        "raw_entropy": c.raw_entropies.tolist(),
        "best": c.best.tolist(),
        "settings": [of(number) for number in range(len(c.settings))],
    }
