"""What `lmsample sample` draws from, computed in float64 with numpy: the filters as
docs/reference/specification.md orders them, on exact softmaxes."""

import numpy as np

TEMPERATURE_LAST, MIN_P_LAST, TOP_P_WHOLE_ROW, TOP_K_TIES = 1, 2, 4, 8
PRESETS = {
    "vllm": 0,
    "hugging-face": TOP_K_TIES | MIN_P_LAST,
    "llama.cpp": TEMPERATURE_LAST | MIN_P_LAST,
    "joint": TOP_P_WHOLE_ROW | MIN_P_LAST,
    "temperature-last": TEMPERATURE_LAST,
    "min-p-last": MIN_P_LAST,
    "top-p-whole-row": TOP_P_WHOLE_ROW,
    "top-k-ties": TOP_K_TIES,
}

TOLERANCE = 2.0 ** -20  # in total variation, as the specification claims


def softmax(values):
    weights = np.exp(values - values.max())
    return weights / weights.sum()


def order(row):
    """The live tokens: logit descending, id ascending."""
    row = row.astype(np.float64)
    live = np.flatnonzero(~np.isnan(row) & (row != -np.inf))
    return live[np.argsort(-row[live], kind="stable")]


def greedy(row):
    """The best token, or -1."""
    tokens = order(row)
    return int(tokens[0]) if len(tokens) else -1


def keep(values, scale, top_k, top_p, min_p, flags):
    """How many of the tokens, in order, the filters keep."""
    weights = np.exp((values - values[0]) * scale)
    kept = by_top_k = by_min_p = len(values)
    if 0 < top_k < len(values):
        by_top_k = top_k
        if flags & TOP_K_TIES:
            by_top_k = np.count_nonzero(values >= values[top_k - 1])
    if min_p > 0:
        by_min_p = np.count_nonzero(weights >= min_p)
    kept = min(by_top_k, by_min_p)
    if top_p < 1:
        base = len(values)
        if not flags & TOP_P_WHOLE_ROW:
            base = min(base, by_top_k, base if flags & MIN_P_LAST else by_min_p)
        before = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
        kept = min(kept, np.count_nonzero(before < top_p * weights[:base].sum()))
    return kept


def probabilities(row, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, preset="vllm"):
    """The processed probabilities, and how many tokens are kept."""
    tokens = order(row)
    probs = np.zeros(len(row))
    if len(tokens) == 0:
        return probs, 0
    temperature, top_p, min_p = (float(np.float32(x)) for x in (temperature, top_p, min_p))
    flags = 0
    for name in preset.split("+"):
        flags |= PRESETS[name]
    if temperature == 0 or top_p <= 0:
        probs[tokens[0]] = 1
        return probs, 1
    values = row[tokens].astype(np.float64)
    if values[0] == np.inf:
        values = np.where(values == np.inf, 0.0, -1e6)
    scale = 1.0 if flags & TEMPERATURE_LAST else 1 / temperature
    kept = keep(values, scale, top_k, top_p, min_p, flags)
    probs[tokens[:kept]] = softmax(values[:kept] / temperature)
    return probs, kept


def distance(a, b):
    """Total variation."""
    return 0.5 * np.abs(a.astype(np.float64) - b).sum()
