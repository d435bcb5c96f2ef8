"""The textbook definition of sampling, in NumPy and float64."""

import numpy as np

from lmsample import MIN_P_LAST, TEMPERATURE_LAST, TOP_K_TIES, TOP_P_WHOLE_ROW


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def log_softmax(x):
    return x - x.max() - np.log(np.exp(x - x.max()).sum())


def kept_in_order(logits, temperature, top_k, top_p, min_p, flags):
    """The tokens in their order, and how many of them the filters keep."""
    x = np.asarray(logits, np.float64)
    order = np.lexsort((np.arange(len(x)), -x))
    x = x[order]
    order, x = order[x > -np.inf], x[x > -np.inf]
    if temperature == 0 or top_p <= 0:
        return order, 1
    seen = x if flags & TEMPERATURE_LAST else x / temperature
    by_k = len(x)
    if 0 < top_k < len(logits):
        by_k = min(top_k, len(x))
        if flags & TOP_K_TIES:
            by_k = int((x >= x[by_k - 1]).sum())
    by_min_p = len(x)
    if min_p > 0:
        by_min_p = int((seen - seen[0] >= np.log(min_p)).sum())
    by_top_p = len(x)
    if top_p < 1:
        base = by_k if flags & MIN_P_LAST else min(by_k, by_min_p)
        if flags & TOP_P_WHOLE_ROW:
            base = len(x)
        share = softmax(seen[:base])
        before = np.cumsum(share) - share
        by_top_p = int((before < top_p).sum())
    return order, min(by_k, by_min_p, by_top_p)


def probs(logits, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, flags=0):
    x = np.asarray(logits, np.float64)
    order, kept = kept_in_order(x, temperature, top_k, top_p, min_p, flags)
    result = np.zeros(len(x))
    if temperature == 0 or top_p <= 0:
        result[order[0]] = 1.0
        return result
    result[order[:kept]] = softmax(x[order[:kept]] / temperature)
    return result
