"""Sections 13 to 17 of docs/reference/specification.md: beam search. Small and slow."""
from dataclasses import dataclass, field
from typing import List

import numpy as np

import rows
from arithmetic import GUARD, philox, power, reciprocal, scale, to_float
from scores import FLOOR, NO_SCORE, exp_of, exponential, gap, log_of, norm, rate

SEARCH, STOCHASTIC, SAMPLE = range(3)
LENGTH_GENERATED, LENGTH_WITH_PROMPT, LENGTH_NONE = range(3)
HEURISTIC, YES, NEVER, OFF = range(4)
KEEP_LIVE, END_ANY_RANK, LENGTH_WITHOUT_END, RENORMALIZE, STOP_BY_CANDIDATE = 1, 2, 4, 8, 16
DONE, EARLY, EMPTY = 1, 2, 4


@dataclass
class Params:
    seed: int
    filters: rows.Params
    mode: int
    width: int
    groups: int
    diversity_penalty: np.float32
    length_penalty: np.float32
    length_counts: int
    early_stopping: int
    flags: int
    prompt_length: int
    min_length: int
    max_length: int
    results: int
    end_tokens: List[int]


@dataclass
class Beam:
    """A live beam, or a sequence in a pool. `beams` are those that its tokens continued."""

    score: int = 0
    value: int = 0
    tokens: List[int] = field(default_factory=list)
    logprobs: List[int] = field(default_factory=list)
    beams: List[int] = field(default_factory=list)


@dataclass
class Candidate:
    parent: int
    place: int  # among its parent's offers: the token, or the draw
    token: int
    logprob: int
    score: int
    value: int
    own_rank: int = 0  # how many of its parent's offers come before it


class Offer:
    """Section 13: what a beam's row offers."""

    def __init__(self, logits, params, n):
        whole = rows.Row(logits)
        self.seen = whole.seen
        x = np.array(logits, np.float32)
        x[params.end_tokens if n < params.min_length else []] = -np.inf
        row = rows.Row(x)
        self.T = params.filters.temperature
        self.eligible = []
        if not row.order:
            return
        self.eligible = row.order[:rows.filters(row, params.filters)[0]]
        self.masses = rows.Masses(row, scale(self.T))
        if params.flags & RENORMALIZE or params.mode != SEARCH:
            self.row = row
            self.norm = norm(self.masses, sum(self.tile_masses(self.tile_weights())))
        else:
            self.row = whole
            masses = rows.Masses(whole, scale(self.T))
            self.norm = norm(masses, masses.total)

    def logprob(self, token):
        return -(gap(self.row, token, self.T) + self.norm)

    def tile_weights(self, without=()):
        """Sums of the weights of each tile's eligible tokens."""
        sums = [0] * len(self.masses.tiles)
        for i in self.eligible:
            if i not in without:
                sums[i // rows.TILE] += self.masses.w(i)
        return sums

    def tile_masses(self, sums):
        return [(weights << GUARD) >> tile.d if tile.counts else 0
                for weights, tile in zip(sums, self.masses.tiles)]  # fmt: skip

    def draw(self, words, left, drawn):
        """One draw of section 15; `left` has the sums of tile_weights()."""
        masses = self.tile_masses(left)
        tile, _ = rows.pick(masses, words[0] * sum(masses) >> 64)
        tokens = sorted(i for i in self.eligible if i // rows.TILE == tile and i not in drawn)
        place, _ = rows.pick([self.masses.w(i) for i in tokens], words[1] * left[tile] >> 64)
        return tokens[place]


def draws(offer, beam, number, params, n, C):
    """Section 15: tokens and values of beam `number`, in the order in which they are drawn."""

    def words(i):
        u0, u1, u2, u3 = philox(params.seed, (i, 1 + number, n, 0))
        return u0 + (u1 << 32), u2 + (u3 << 32)

    def arrival(i):
        return to_float(exponential(words(i)[0])) * power(1, -32)

    goes_on = params.mode == STOCHASTIC and n > 0
    time = exp_of(beam.score - beam.value) if goes_on else arrival(1)
    drawn, found = set(), []
    for i in range(C):
        weights = offer.tile_weights(drawn)
        left = sum(offer.tile_masses(weights))
        first_left = left if i == 0 else first_left
        if left == 0:
            break
        if i > 0:
            time = time + arrival(2 * i + 1) * (to_float(first_left) * reciprocal(to_float(left)))
        value = beam.value if goes_on and i == 0 else max(beam.score - log_of(time), FLOOR)
        value = value if i == 0 else min(value, found[-1][1])
        token = offer.draw(words(2 * i), weights, drawn)
        drawn.add(token)
        found.append((token, value))
    return found


class Group:
    """A beam group h."""

    def __init__(self):
        self.live, self.pool = [Beam()], []  # of the pool: (rating, Beam)
        self.goes_on, self.early = True, False


class Search:
    """A request."""

    def __init__(self, params):
        self.params, self.n, self.empty = params, 0, False
        self.B = params.width // params.groups
        self.C = max(2, 1 + len(params.end_tokens)) * self.B
        self.groups = [Group() for _ in range(params.groups)]

    def number(self, h, place):
        """Of a live beam, as a parent."""
        return h * self.B + place if self.n else 0

    # Section 14.
    def offers(self, logits):
        """Of all live beams of groups that go on, by their numbers as parents."""
        parents = {self.number(h, place) for h, group in enumerate(self.groups) if group.goes_on
                   for place in range(len(group.live))}  # fmt: skip
        return {number: Offer(logits[number], self.params, self.n) for number in parents}

    def candidate(self, offer, beam, number, place, token, value, taken):
        logprob = offer.logprob(token)
        score = max(beam.score + logprob, FLOOR)
        if value is None:
            penalty = min(int(np.float64(self.params.diversity_penalty) * 2**32), 2**61)
            score = value = max(score - taken.count(token) * penalty, FLOOR)
        return Candidate(number, place, token, logprob, score, value)

    def order(self, h, offers, taken):
        """What all beams of the group offer, in the order of ranks."""
        params, found = self.params, []
        for place, beam in enumerate(self.groups[h].live):
            number = self.number(h, place)
            offer = offers[number]
            if params.mode == SEARCH:
                own = [(token, token, None) for token in offer.eligible]
            else:
                drawn = draws(offer, beam, number, params, self.n, self.C) if offer.eligible else []
                own = [(i, token, value) for i, (token, value) in enumerate(drawn)]
            own = [self.candidate(offer, beam, number, *each, taken) for each in own]
            own.sort(key=lambda c: (-c.value, c.place))
            for rank, c in enumerate(own):
                c.own_rank = rank
            found += own
        return sorted(found, key=lambda c: (-c.value, c.parent, c.place))

    def continued(self, group, h, c):
        beam = group.live[c.parent - self.number(h, 0)]
        return Beam(c.score, c.value, beam.tokens + [c.token], beam.logprobs + [c.logprob], beam.beams + [c.parent])

    def turn(self, h, offers, taken):
        """A beam group's turn. What goes on in its beams, or None if it had no candidates."""
        params, group = self.params, self.groups[h]
        order = self.order(h, offers, taken)
        candidates = order[:self.C]
        if not candidates:
            group.goes_on, self.empty = False, True
            return None
        last = self.n + 1 == params.max_length and not params.flags & KEEP_LIVE
        takes = [c for c in candidates if c.token not in params.end_tokens]
        if params.mode == SAMPLE:
            takes.sort(key=lambda c: -c.score)
        takes = takes[:self.B]
        taken += [c.token for c in takes]
        finished = [c for c in candidates[:self.B] if last or c.token in params.end_tokens]
        if params.flags & END_ANY_RANK:
            finished += [c for c in order if c.token in params.end_tokens and c.own_rank < self.C and c not in finished]
        self.enter(h, finished)
        goes_on = [] if last else takes
        group.live = [self.continued(group, h, c) for c in goes_on]
        group.early = self.ends_early(group, candidates)
        group.goes_on = not (group.early or self.n + 1 == params.max_length or not group.live)
        return goes_on

    # Section 16.
    def length(self, tokens, ended=False):
        params = self.params
        length = tokens - (ended and bool(params.flags & LENGTH_WITHOUT_END))
        return max(length + params.prompt_length * (params.length_counts == LENGTH_WITH_PROMPT), 1)

    def rating(self, what, length):
        """Of a beam or a candidate."""
        params = self.params
        if params.mode == STOCHASTIC:
            return what.value
        return what.score if params.length_counts == LENGTH_NONE else rate(what.score, length, params.length_penalty)

    def enter(self, h, finished):
        group = self.groups[h]
        for c in sorted(finished, key=lambda c: (c.parent, c.place)):
            length = self.length(self.n + 1, c.token in self.params.end_tokens)
            group.pool.append((self.rating(c, length), self.continued(group, h, c)))
        group.pool.sort(key=lambda entry: entry[0], reverse=True)  # equal ones stay as they are
        del group.pool[self.B:]

    def ends_early(self, group, candidates):
        params = self.params
        if len(group.pool) < self.B or params.early_stopping == OFF:
            return False
        if params.early_stopping == YES:
            return True
        if not group.live:
            return False
        best = group.live[0]
        if params.flags & STOP_BY_CANDIDATE:
            best = max(candidates, key=lambda c: c.value if params.mode == STOCHASTIC else c.score)
        at_last = params.early_stopping == NEVER and params.length_penalty > 0
        hope = self.rating(best, self.length(params.max_length if at_last else self.n + 1))
        return not group.pool[-1][0] < hope

    # Section 17.
    def step(self, logits):
        """Parents, tokens and scores of all beams, and the status."""
        params = self.params
        parents, tokens, scores = list(range(params.width)), [-1] * params.width, [NO_SCORE] * params.width
        offers, taken, seen = self.offers(logits), [], 0
        for offer in offers.values():
            seen |= offer.seen
        for h, group in enumerate(self.groups):
            moved = self.turn(h, offers, taken) if group.goes_on else None
            for place, c in enumerate(moved or []):
                parents[h * self.B + place], tokens[h * self.B + place] = c.parent, c.token
            for place, beam in enumerate(group.live):
                scores[h * self.B + place] = beam.score
        self.n += 1
        done = not any(group.goes_on for group in self.groups)
        early = done and all(group.early for group in self.groups)
        return parents, tokens, scores, DONE * done | EARLY * early | EMPTY * self.empty | seen

    def results(self):
        """Ratings and sequences, best first."""
        entries = []
        for group in self.groups:
            entries += [(True, rating, beam) for rating, beam in group.pool]
            keeps = bool(self.params.flags & KEEP_LIVE) and not group.early
            entries += [(keeps, self.rating(beam, self.length(len(beam.tokens))), beam) for beam in group.live]
        entries.sort(key=lambda entry: entry[1], reverse=True)  # equal ones stay as they are
        entries.sort(key=lambda entry: not entry[0])
        return [(rating, beam) for _, rating, beam in entries[:self.params.results]]
