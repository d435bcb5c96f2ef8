"""Sections 1 and 3 to 10 of docs/reference/specification.md: what one row gives. Small and slow."""
from dataclasses import dataclass

import numpy as np

from arithmetic import (ATTEMPTS, GROUP, GUARD, NAN, ROUND, TILE, W, bits, fma, lg, mag, philox, power,
                        reciprocal, scale, split, to_float)

TEMPERATURE_LAST, MIN_P_LAST, TOP_P_WHOLE_ROW, TOP_K_TIES = 1, 2, 4, 8
OK, EMPTY, SKIPPED, BAD_PARAMS, BAD_INDEX, UNIFORMS_SPENT = range(6)
NAN_SEEN, INF_SEEN = 0x10000, 0x20000
INFINITY = 0x7F800000
P = [np.float32(float.fromhex(c)) for c in (
    "0x1.62e430p-1", "0x1.ebfbdcp-3", "0x1.c6aee8p-5", "0x1.3b2d4cp-7", "0x1.5f3e52p-10", "0x1.41fbbcp-13")]
LN2_UNITS = np.float32(float.fromhex("0x1.62e430p-33"))
LN2_FLOAT = np.float32(float.fromhex("0x1.62e430p-1"))


@dataclass
class Params:
    """In the order of the record; without a request, whose fields are 0."""

    seed: int = 0
    step: int = 0
    slot: int = 0
    edits: int = 0
    mask: int = 0
    unconditional: int = 0
    request_reserved: int = 0
    temperature: np.float32 = np.float32(1)
    top_p: np.float32 = np.float32(1)
    min_p: np.float32 = np.float32(0)
    top_k: int = 0
    flags: int = 0
    rules: int = 0
    wants: int = 0
    target: int = 0
    reserved: tuple = (0, 0)


@dataclass
class Sample:
    token: int
    status: int
    logprob_raw: np.float32
    logprob: np.float32
    kept: int
    probs: np.ndarray
    attempts: int = 0


class Row:
    """Section 1. `order` has the live tokens, best first; a token's rank is its place there."""

    def __init__(self, logits):
        x = np.asarray(logits, np.float32)
        self.x = np.where(mag(x) == 0, np.float32(0), x)
        self.V = len(x)
        self.live = (mag(x) <= INFINITY) & ~(x == -np.inf)
        self.keys = [int(k) for k in np.where(bits(x) >> 31, -mag(x), mag(x))]
        self.order = sorted(np.flatnonzero(self.live).tolist(), key=lambda i: (-self.keys[i], i))
        self.seen = NAN_SEEN * bool((mag(x) > INFINITY).any()) | INF_SEEN * bool((x == np.inf).any())

    @property
    def m(self):
        return self.x[self.order[0]]

    @property
    def key_m(self):
        return self.keys[self.order[0]]

    def largest(self, begin, end):
        """The live token of [begin, end) with the largest logit, or None."""
        tokens = [i for i in range(begin, min(end, self.V)) if self.live[i]]
        return max(tokens, key=lambda i: self.keys[i], default=None)


class Tile:
    """Section 3, of one tile and scale."""

    def __init__(self, row, begin, s):
        self.begin, self.end = begin, min(begin + TILE, row.V)
        best = row.largest(begin, begin + TILE)
        self.live = best is not None
        self.w = [0] * (self.end - self.begin)
        if not self.live:
            return
        self.key = row.keys[best]
        product = row.x[best] * s
        self.huge = abs(product) >= power(1, 40)
        tokens = range(self.begin, self.end)
        if self.huge:
            self.w = [2**W * bool(row.live[i] and row.keys[i] == self.key) for i in tokens]
            return
        self.hi = np.rint(product)
        self.lo = np.rint(fma(row.x[best], s, -self.hi))
        self.M = int(self.hi) + int(self.lo)
        w = self.weigh(row.x[self.begin:self.end], s)
        self.w = [int(v) if row.live[i] else 0 for i, v in zip(tokens, w)]

    def weigh(self, x, s):
        z = fma(np.where(np.isfinite(x), x, np.float32(0)), s, -self.hi)  # dead ones weigh 0 anyway
        floor = self.lo - np.float32(32)
        z = np.where(z > floor, z, floor)
        r = np.rint(z)
        f = z - r
        p = P[5]
        for c in P[4::-1]:
            p = fma(p, f, c)
        p = fma(p, f, np.float32(1))
        v = np.ldexp(p, (r - self.lo + W).astype(int))
        return np.trunc(v + np.float32(0.5))


class Masses:
    """Sections 3 and 4, of a row and one scale."""

    def __init__(self, row, s):
        self.row, self.s = row, s
        self.tiles = [Tile(row, begin, s) for begin in range(0, row.V, TILE)]
        first = self.tiles[row.order[0] // TILE]
        self.huge = first.huge
        for tile in self.tiles:
            tile.counts = tile.live and (tile.key == row.key_m if self.huge else not tile.huge)
        R = 0 if self.huge else max(tile.M for tile in self.tiles if tile.counts)
        for tile in self.tiles:
            tile.d = 0 if self.huge or not tile.counts else R - tile.M
        self.total = sum((sum(tile.w) << GUARD) >> tile.d for tile in self.tiles if tile.counts)
        if not self.huge:
            self.hi, self.lo = first.hi, first.lo

    def w(self, i):
        tile = self.tiles[i // TILE]
        return tile.w[i - tile.begin]

    def mass(self, i):
        """floor(w * 2^GUARD / 2^d + 1/2) in integers."""
        tile = self.tiles[i // TILE]
        return ((self.w(i) << GUARD + 1) + (1 << tile.d)) >> tile.d + 1 if tile.counts and tile.d < 60 else 0

    def mass_of(self, tokens, filtered):
        return sum(map(self.mass, tokens)) if filtered else self.total

    def z(self, x):
        return fma(x, self.s, -self.hi) - self.lo

    # Section 9.
    def logmass(self, i):
        return lg(i) - lg(self.mass(self.row.order[0]))

    def K(self, i):
        return to_float(self.logmass(i)) * LN2_UNITS

    def diff(self, i):
        row = self.row
        return np.float32(0) if row.keys[i] == row.key_m else row.x[i] - row.m


# Section 6. Every filter tells how many tokens of the order it keeps, or None if it is not active.
def top_k(row, params):
    if not 0 < params.top_k < row.V:
        return None
    n = min(params.top_k, len(row.order))
    if params.flags & TOP_K_TIES:
        last = row.keys[row.order[n - 1]]
        n = sum(row.keys[i] >= last for i in row.order)
    return n


def min_p(row, params, masses):
    if not params.min_p > 0:
        return None
    if params.min_p == 1 or masses.huge:
        return sum(row.keys[i] == row.key_m for i in row.order)
    a, b = split(params.min_p)
    lam = to_float(lg(a) + b * 2**32) * power(1, -32)
    z_m = masses.z(row.m)
    return sum(bool(masses.z(row.x[i]) - z_m >= lam) for i in row.order)


def top_p(row, params, masses, by_k, by_min_p):
    if not 0 < params.top_p < 1:
        return None
    narrows = [by_k, None if params.flags & MIN_P_LAST else by_min_p]
    narrows = [n for n in narrows if n is not None]
    if params.flags & TOP_P_WHOLE_ROW or not narrows:
        base = masses.total
    else:
        base = masses.mass_of(row.order[:min(narrows)], True)
    a, b = split(params.top_p)
    target = -(-a * base >> -b)  # b < 0
    kept = before = 0
    for i in row.order:
        if before >= target:
            break
        kept += 1
        before += masses.mass(i)
    return kept


def filters_scale(params):
    return scale(np.float32(1) if params.flags & TEMPERATURE_LAST else params.temperature)


def filters(row, params):
    """How many tokens of the order are kept, and whether a filter is active."""
    masses = Masses(row, filters_scale(params))
    by_k, by_min_p = top_k(row, params), min_p(row, params, masses)
    cuts = [by_k, by_min_p, top_p(row, params, masses, by_k, by_min_p)]
    cuts = [n for n in cuts if n is not None]
    return min(cuts, default=len(row.order)), bool(cuts)


# Sections 5 and 7. A group is told by its first token in the order.
def reach(row, params):
    """The groups in reach at first, as they are ranked."""
    groups = [row.largest(begin, begin + GROUP) for begin in range(0, row.V, GROUP)]
    groups = sorted((best for best in groups if best is not None), key=lambda best: (-row.keys[best], best))
    found = groups
    if 0 < params.top_k < row.V:
        found = groups[:params.top_k]
        if params.flags & TOP_K_TIES:
            found = [best for best in groups if best in found or row.keys[best] == row.keys[found[-1]]]
    if params.min_p > 0:
        keeps = row.order[:min_p(row, params, Masses(row, filters_scale(params)))]
        found = [best for best in found if best in keeps]
    return found


def envelope(masses, groups):
    """Of every tile: E_t, E'_t and its groups in reach as (first id, size, bound), in id order."""
    parts = [[] for _ in masses.tiles]
    for best in sorted(groups):
        begin, w_g = best // GROUP * GROUP, masses.w(best)
        size = min(GROUP, masses.row.V - begin)
        parts[best // TILE].append((begin, size, w_g + (w_g >> 20) + 2))
    E = [sum(size * bound for _, size, bound in tile) for tile in parts]
    inside = [(E_t << GUARD) >> tile.d if tile.counts else 0 for E_t, tile in zip(E, masses.tiles)]
    return list(zip(E, inside, parts))


def pick(parts, at):
    """Which of the parts, in turn, `at` falls into, and how far."""
    for place, part in enumerate(parts):
        if at < part:
            return place, at
        at -= part
    raise AssertionError("beyond the sum")


def attempt(masses, tiles, words):
    """The token that an attempt proposes, or None."""
    A, B = words[0] + (words[1] << 32), words[2] + (words[3] << 32)
    t, _ = pick([E for _, E, _ in tiles], A * sum(E for _, E, _ in tiles) >> 64)
    E_t, _, groups = tiles[t]
    g, within = pick([size * bound for _, size, bound in groups], B * E_t >> 64)
    begin, _, bound = groups[g]
    slot, rest = divmod(within, bound)
    return begin + slot if rest < masses.w(begin + slot) else None


def words_of(params, i, uniforms):
    """Those of attempt i; None if they are spent."""
    if uniforms is None:
        return philox(params.seed, (i, 0, params.step & 0xFFFFFFFF, params.step >> 32))
    return [int(word) for word in uniforms[i]] if i < len(uniforms) else None


def draw(row, masses, kept, params, uniforms=None):
    """The token and the number of attempts; no token if the uniforms are spent."""
    groups = reach(row, params)
    for begin in range(0, ATTEMPTS, ROUND):
        tiles, proposed = envelope(masses, groups), []
        for i in range(begin, begin + ROUND):
            words = words_of(params, i, uniforms)
            if words is None:
                return None, i
            token = attempt(masses, tiles, words)
            if token is None:
                continue
            if token in row.order[:kept]:
                return token, i + 1
            proposed.append(token)
        if proposed:
            x = min(row.order.index(token) for token in proposed)
            groups = [best for best in groups if best in row.order[:x]]
    return row.order[0], ATTEMPTS


# Section 9.
def processed(masses, i, kept_mass):
    """The processed probability of a kept token."""
    mass, kept_mass = to_float(masses.mass(i)), to_float(kept_mass)
    return np.float32(1) if mass == kept_mass else mass * reciprocal(kept_mass)


# Section 10.
def bad_field(params):
    """The number of the first bad field, or 0."""
    t, low, high = params.temperature, power(1, -64), power(1, 64)
    if not (t == 0 or low <= t <= high):
        return 1
    if np.isnan(params.top_p):
        return 2
    if not params.min_p <= 1:
        return 3
    if params.flags & ~15:
        return 4
    if params.rules:
        return 6
    for value, field in ((params.slot, 7), (params.edits, 8), (params.mask, 10), (params.unconditional, 11),
                         (params.wants, 9), (params.target, 12), (params.step == 2**64 - 1, 13)):  # fmt: skip
        if value:
            return field
    return 5 if params.request_reserved or any(params.reserved) else 0


def without_token(row, status, attempts=0):
    return Sample(-1, status, NAN, NAN, 0, np.zeros(row.V, np.float32), attempts)


def sample(logits, params, uniforms=None):
    row = Row(logits)
    if bad_field(params):
        return without_token(row, BAD_PARAMS | bad_field(params) << 8)
    if not row.order:
        return without_token(row, EMPTY | row.seen)
    raw = Masses(row, scale(np.float32(1)))
    probs, attempts = np.zeros(row.V, np.float32), 0
    if params.temperature == 0 or params.top_p <= 0:
        token, kept, logprob = row.order[0], 1, np.float32(0)
        probs[token] = 1
    else:
        kept, filtered = filters(row, params)
        masses = Masses(row, scale(params.temperature))
        token, attempts = draw(row, masses, kept, params, uniforms)
        if token is None:
            return without_token(row, UNIFORMS_SPENT | row.seen, attempts)
        mass = masses.mass_of(row.order[:kept], filtered)
        logprob = fma(masses.diff(token) * masses.s, LN2_FLOAT, -masses.K(mass))
        for i in row.order[:kept]:
            probs[i] = processed(masses, i, mass)
    return Sample(token, OK | row.seen, raw.diff(token) - raw.K(raw.total), logprob, kept, probs, attempts)
