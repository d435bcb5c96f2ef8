"""Sections 19 to 23 of docs/reference/specification.md: contrastive search. Small and slow."""
from dataclasses import dataclass, field

import numpy as np

import rows
from arithmetic import NAN, bits, fma, from_bits, mag, power

ZERO, ONE = np.float32(0), np.float32(1)
NONE, BAD_CANDIDATE, BAD_STATE, EMPTY_STATE = 1, 2, 4, 8


@dataclass
class Params:
    alpha: np.float32
    k: int
    context_begin: int = 0
    context_window: int = 0
    filters: rows.Params = field(default_factory=rows.Params)


# Section 19.
def propose(logits, params, index=0, logits_rows=1):
    """k tokens, k probabilities, and the row's status."""
    tokens, probs = [-1] * params.k, [ZERO] * params.k
    if not 0 <= index < logits_rows:
        return tokens, probs, rows.SKIPPED if index == -1 else rows.BAD_INDEX
    row = rows.Row(logits)
    if not row.order:
        return tokens, probs, rows.EMPTY | row.seen
    kept, filtered = rows.filters(row, params.filters)
    masses = rows.Masses(row, rows.scale(params.filters.temperature))
    mass = masses.mass_of(row.order[:kept], filtered)
    smallest = None
    for i, token in enumerate(row.order[:min(kept, params.k)]):
        prob = rows.processed(masses, token, mass)
        smallest = prob if smallest is None else min(smallest, prob)
        tokens[i], probs[i] = token, smallest
    return tokens, probs, rows.OK | row.seen


# Section 20.
def keep(state, is_float16):
    """The state as it is kept, or None for a bad one."""
    state = np.asarray(state, np.float32)
    fields = mag(state) >> 23
    top = fields.max()
    if top == 255:
        return None
    if is_float16:
        return state
    moved = bits(state) + ((127 - top) << 23)
    return np.where((fields == 0) | (fields < top - 40), ZERO, from_bits(moved))


# Section 21.
def dot(left, right):
    lanes = np.zeros(16, np.float32)
    for begin in range(0, len(left), 16):
        end = min(begin + 16, len(left))
        lanes[:end - begin] = fma(left[begin:end], right[begin:end], lanes[:end - begin])
    for step in (8, 4, 2, 1):
        lanes[:step] = lanes[:step] + lanes[step:2 * step]
    return lanes[0]


def inverse(state):
    square = dot(state, state)
    if square == 0:
        return ZERO
    half = square * np.float32(0.5)
    y = from_bits(0x5F3759DF - (bits(square) >> 1))
    for _ in range(3):
        y = y * fma(-(half * y), y, np.float32(1.5))
    rest = fma(-(square * y), y, ONE)
    return fma(y * np.float32(0.5), rest, y)


class Context:
    """A request: its parameters, and the states of its positions; None for an empty one."""

    def __init__(self, params, is_float16):
        self.params, self.is_float16 = params, is_float16
        self.states = []  # of positions: (kept state or None for a bad one,), or None if empty

    def append(self, state):
        self.states.append((keep(state, self.is_float16),))

    # Section 22.
    def in_range(self):
        begin, length = self.params.context_begin, len(self.states)
        if self.params.context_window:
            begin = max(begin, length - self.params.context_window)
        return self.states[begin:]

    def penalty(self, own):
        there = [s[0] for s in self.in_range() if s is not None and s[0] is not None]
        if not there:
            return ZERO
        highest = max(dot(own, state) * inverse(state) for state in there)
        penalty = highest * inverse(own)
        if abs(penalty) < power(1, -60):
            return ZERO
        return min(max(penalty, -ONE), ONE)

    # Section 23.
    def select(self, tokens, probs, states):
        """Token, row, score and penalty of the choice, scores and penalties of all, status."""
        alpha = self.params.alpha if self.params.alpha >= power(1, -60) else ZERO
        scores, penalties = [NAN] * len(tokens), [NAN] * len(tokens)
        chosen, status = None, 0
        for s in self.in_range():
            status |= EMPTY_STATE if s is None else BAD_STATE if s[0] is None else 0
        for i, token in enumerate(tokens):
            if token < 0:
                continue
            own, p = keep(states[i], self.is_float16), np.float32(probs[i])
            if own is None or not 0 <= p <= 1:
                status |= BAD_CANDIDATE
                continue
            if p < power(1, -64):
                p = ZERO
            penalties[i] = self.penalty(own)
            scores[i] = (ONE - alpha) * p - alpha * penalties[i]
            if chosen is None or scores[i] > scores[chosen]:
                chosen = i
        if chosen is None:
            self.states.append(None)
            return -1, -1, NAN, NAN, scores, penalties, status | NONE
        self.append(states[chosen])
        return tokens[chosen], chosen, scores[chosen], penalties[chosen], scores, penalties, status
