"""Section 6 against the other stacks' own formulas, in float64: the tokens that each preset keeps.

Each formula takes the steps that its stack takes, as its sources had them in 2026: Hugging Face's
TemperatureLogitsWarper, TopK-, TopP- and MinPLogitsWarper; vLLM's min-p processor, its top-k of
exactly k (the Triton kernel) and apply_top_k_top_p; llama.cpp's samplers in their default order;
FlashInfer's joint top-k and top-p, then min-p as SGLang has it. Rows are away from the edges where a
rounding decides."""
import numpy as np
import pytest

import rows

CASES = 150
EDGE = 1e-5  # relative, of a threshold


class OnAnEdge(Exception):
    pass


def off_edge(values, threshold):
    if (np.abs(values - threshold) < EDGE * threshold).any():
        raise OnAnEdge


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def nucleus(x, top_p):
    """Ascending, as PyTorch's users write it: what lies in the lowest 1 - top_p goes."""
    order = np.argsort(x, kind="stable")
    below = np.cumsum(softmax(x)[order])
    off_edge(1 - below, top_p)
    gone = below <= 1 - top_p
    gone[-1] = False
    x = x.copy()
    x[order[gone]] = -np.inf
    return x


def above_share(x, min_p):
    probs = softmax(x)
    off_edge(probs[probs < probs.max()], min_p * probs.max())
    return np.where(probs < min_p * probs.max(), -np.inf, x)


def hugging_face(x, T, top_k, top_p, min_p):
    x = x / T
    if top_k:
        x = np.where(x < np.sort(x)[-top_k], -np.inf, x)
    if top_p < 1:
        x = nucleus(x, top_p)
    return (above_share(x, min_p) if min_p else x) > -np.inf


def vllm(x, T, top_k, top_p, min_p):
    x = x / T
    if min_p:
        x = above_share(x, min_p)
    if top_k:
        x[np.argsort(-x, kind="stable")[top_k:]] = -np.inf
    return (nucleus(x, top_p) if top_p < 1 else x) > -np.inf


def llama_cpp(x, T, top_k, top_p, min_p):
    order = np.argsort(-x, kind="stable")
    if top_k:
        order = order[:top_k]
    if top_p < 1:
        sums = np.cumsum(softmax(x[order]))
        off_edge(sums, top_p)
        order = order[:np.argmax(sums >= top_p) + 1]
    if min_p:
        least = x[order[0]] + np.log(min_p)
        off_edge(np.exp(x[order[1:]] - x[order[0]]), min_p)
        order = order[x[order] >= least]
    return np.isin(np.arange(len(x)), order)


def joint(x, T, top_k, top_p, min_p):
    probs = softmax(x / T)
    higher = probs[None, :] > probs[:, None]
    before = (higher * probs).sum(1)
    if top_p < 1:
        off_edge(before, top_p)
    kept = (before < top_p) | (top_p >= 1)
    if top_k:
        kept &= higher.sum(1) < top_k
    off_edge(probs[probs < probs.max()], min_p * probs.max())
    return kept & (probs >= min_p * probs.max())


PRESETS = {
    hugging_face: rows.TOP_K_TIES | rows.MIN_P_LAST,
    vllm: 0,
    llama_cpp: rows.TEMPERATURE_LAST | rows.MIN_P_LAST,
    joint: rows.TOP_P_WHOLE_ROW | rows.MIN_P_LAST,
}


def make_case(random, ties):
    V = int(random.integers(2, 300))
    x = random.normal(0, random.choice([1, 3]), V)
    x = np.round(4 * x) / 4 if ties else x
    T = np.float32(random.choice([0.3, 0.7, 1, 1.6, 3]))
    top_k = int(random.choice([0, 1, random.integers(1, V), random.integers(1, V)]))
    top_p = np.float32(random.choice([1, random.random(), 0.9, 0.99]))
    min_p = np.float32(random.choice([0, 0, 1, 0.02, random.random()]))
    return x.astype(np.float32), T, top_k, top_p, min_p


@pytest.mark.parametrize("stack", PRESETS, ids=lambda stack: stack.__name__)
def test_preset(stack):
    """Of equal logits any may be kept where some are, so logits are compared, not tokens."""
    random = np.random.default_rng(len(stack.__name__))
    seen = 0
    for i in range(CASES):
        x, T, top_k, top_p, min_p = make_case(random, ties=stack is not joint and i % 3 == 0)
        try:
            formula = stack(x.astype(np.float64), *map(float, (T,)), top_k, float(top_p), float(min_p))
        except OnAnEdge:
            continue
        row = rows.Row(x)
        params = rows.Params(temperature=T, top_k=top_k, top_p=top_p, min_p=min_p, flags=PRESETS[stack])
        kept, _ = rows.filters(row, params)
        assert sorted(x[formula]) == sorted(x[row.order[:kept]]), (stack.__name__, i, params)
        seen += 1
    assert seen > CASES * 0.8


def test_where_presets_differ_from_their_stacks():
    """As docs/use/coming-from.md says: equal logits at the edge of the joint filters, and min-p above 1."""
    x = np.array([2, 1, 1, 1, 0], np.float32)
    kept, _ = rows.filters(rows.Row(x), rows.Params(top_k=2, flags=PRESETS[joint]))
    assert kept == 2 and joint(x.astype(np.float64), 1, 2, 1, 0).sum() == 4
    kept, _ = rows.filters(rows.Row(x), rows.Params(top_k=2, flags=PRESETS[joint] | rows.TOP_K_TIES))
    assert kept == 4
    assert rows.bad_field(rows.Params(min_p=np.float32(1.05))) == 3
