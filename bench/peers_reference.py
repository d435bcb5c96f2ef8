"""Which tokens the filters keep, by their definitions in float64, and the checks that a peer has
to pass before it is timed."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from peers_common import Floats, Ints, Peer, Strategy


class Wrong(Exception):
    """A peer, or lmsample, whose results are not those of the strategy."""


class Kept(NamedTuple):
    must: npt.NDArray[np.bool_]  # whatever rounding and ties do
    may: npt.NDArray[np.bool_]
    number: int


def _filtered(x: npt.NDArray[np.float64], s: Strategy, ties: bool, band: float) -> Any:
    """The ranks kept of a row sorted in descending order, and their weights. `band` moves each
    edge: above 0 keeps more."""
    weights = np.exp(x - x[0]) if s.is_greedy else np.exp((x - x[0]) / s.temperature)
    if s.is_greedy:
        return 1, weights
    n = len(x)
    if 0 < s.top_k < n:
        n = int(np.count_nonzero(x >= x[s.top_k - 1])) if ties else s.top_k
    if s.top_p < 1.0:
        mass = np.cumsum(weights[:n])
        before = np.concatenate(([0.0], mass[:-1])) / mass[-1]
        n = max(1, int(np.count_nonzero(before < s.top_p + band)))
    if s.min_p > 0.0:
        n = max(1, int(np.count_nonzero(weights[:n] >= s.min_p * (1.0 - band))))
    return n, weights


def kept_by(row: Floats, strategy: Strategy, ties: bool, band: float) -> Kept:
    """`ties`: top-k keeps all that is equal to the k-th, as Hugging Face's does. `band`: by what
    share of the mass, or of the weight, rounding may move a filter's edge."""
    x = row.astype(np.float64)
    order = np.argsort(-x, kind="stable")
    ranked = x[order]
    n, _ = _filtered(ranked, strategy, ties, 0.0)
    most, _ = _filtered(ranked, strategy, ties, band)
    least, _ = _filtered(ranked, strategy, ties, -band)
    must, may = np.zeros(len(x), bool), np.zeros(len(x), bool)
    may[order[: np.count_nonzero(ranked >= ranked[most - 1])]] = True
    is_cut = least < len(x) and ranked[least] == ranked[least - 1]
    must[order[: np.count_nonzero(ranked > ranked[least - 1]) if is_cut else least]] = True
    return Kept(must, may, n)


def probabilities(row: Floats, strategy: Strategy, ties: bool) -> npt.NDArray[np.float64]:
    """Of a row without ties, after the filters."""
    x = row.astype(np.float64)
    order = np.argsort(-x)
    n, weights = _filtered(x[order], strategy, ties, 0.0)
    probs = np.zeros(len(x))
    probs[order[:n]] = weights[:n] / weights[:n].sum()
    return probs


class Definitions:
    """What the definitions say of a batch's rows; each is asked for once for every peer."""

    def __init__(self, batch: Floats) -> None:
        self.batch = batch
        self._known: Dict[Tuple[int, Strategy, bool, float], Kept] = {}

    def kept(self, row: int, strategy: Strategy, peer: Peer) -> Kept:
        key = (row, strategy, peer.keeps_ties, peer.band)
        if key not in self._known:
            self._known[key] = kept_by(self.batch[row], *key[1:])
        return self._known[key]


def check_count(who: str, strategy: Strategy, found: Kept, count: int) -> None:
    least, most, vocab = int(found.must.sum()), int(found.may.sum()), len(found.may)
    # Where all are equal, must and may say nothing.
    is_near = abs(count - found.number) <= 1 + vocab // 1000
    if not least <= count <= most or (most == vocab and not is_near):
        raise Wrong(f"{who}: {strategy} keeps {count} tokens, by definition {found.number}")


def check_kept(who: str, strategy: Strategy, found: Kept, ids: Ints) -> None:
    mask = np.zeros(len(found.may), bool)
    mask[ids] = True
    missing, extra = found.must & ~mask, mask & ~found.may
    if missing.any() or extra.any() or mask.sum() != len(ids):
        raise Wrong(
            f"{who}: {strategy} keeps {len(ids)} tokens, of which {int(extra.sum())} are not to be "
            f"kept; {int(missing.sum())} are missing; by definition it keeps {found.number}"
        )
    check_count(who, strategy, found, len(ids))


def check_token(who: str, strategy: Strategy, found: Kept, token: int) -> None:
    if not 0 <= token < len(found.may) or not found.may[token]:
        raise Wrong(f"{who}: {strategy} drew token {token}, which is cut")


def chi_square(counts: Ints, probs: npt.NDArray[np.float64]) -> float:
    """How many standard deviations chi-square lies above its mean; rare tokens are one bin."""
    draws = int(counts.sum())
    if counts[probs == 0.0].any():
        return float("inf")
    common = probs * draws >= 10.0
    expected: List[float] = list(probs[common] * draws)
    observed: List[float] = list(counts[common])
    rest = draws - sum(expected)
    if rest >= 10.0:
        expected.append(rest)
        observed.append(float(counts[~common].sum()))
    if len(expected) < 2:
        return 0.0
    e, o = np.array(expected), np.array(observed)
    freedom = len(e) - 1
    return float((((o - e) ** 2 / e).sum() - freedom) / np.sqrt(2.0 * freedom))


def check_draws(
    who: str, draw: Callable[[int], Ints], row: Floats, strategy: Strategy, ties: bool, times: int
) -> None:
    """`draw` samples a batch that is `row` over and over, `times` times."""
    probs = probabilities(row, strategy, ties)
    counts = np.zeros(len(row), np.int64)
    for _ in range(times):
        counts += np.bincount(np.asarray(draw(0)), minlength=len(row))
    far = chi_square(counts, probs)
    if far > 8.0:
        raise Wrong(
            f"{who}: {strategy}: {int(counts.sum())} draws of one row are {far:.1f} standard "
            "deviations from the distribution"
        )


def draws_row(vocab: int = 97) -> Floats:
    """A row without ties in which no filter of the strategies has its edge near a token."""
    ranks = np.random.default_rng(7).permutation(vocab).astype(np.float32)
    return np.float32(2.0) - np.float32(0.11) * ranks


def check_peer(peer: Peer, definitions: Definitions, strategies: Sequence[Strategy],
               rows: int) -> int:
    """On the logits that are about to be timed; returns how many rows were looked at."""
    step = peer.plan(strategies)
    assert step is not None
    tokens = step(0)
    looked_at = min(rows, len(strategies))
    for row, strategy in enumerate(strategies[:looked_at]):
        found = definitions.kept(row, strategy, peer)
        check_token(peer.name, strategy, found, int(tokens[row]))
        ids = peer.kept(definitions.batch[row], strategy)
        if ids is not None:
            check_kept(peer.name, strategy, found, ids)
    return looked_at
