"""Contrastive: what it proposes and chooses is what the specification in Python does; and what it
refuses."""

import gc
import sys
import threading
from pathlib import Path

import lmsample
import numpy as np
import pytest
from lmsample import Contrastive, Edits, Slots

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "specification"))

import contrast  # noqa: E402
import rows  # noqa: E402

V, WIDTH = 60, 70


@pytest.fixture(scope="module")
def context():
    return lmsample.Context()


@pytest.fixture(scope="module")
def shared(context):
    sizes = dict(max_requests=4, max_k=6, max_length=90, max_positions=320)
    with Contrastive(V, WIDTH, **sizes, device=context) as made:
        yield made


@pytest.fixture
def search(shared):
    yield shared
    shared.close(list(shared._opened))
    assert shared.room == 320


def bits(array):
    return np.asarray(array, np.float32).view(np.uint32).tolist()


def make_states(random, count):
    states = random.normal(0, 1, (count, WIDTH)).astype(np.float32)
    states[:: max(2, count // 3)] *= np.float32(1e-3)
    if count and random.random() < 0.3:
        states[random.integers(count), 3] = np.nan
    return states


class Request:
    """One that is served, and the specification's beside it."""

    def __init__(self, search, random, filters=True):
        self.search, self.random = search, random
        self.filters = dict(
            temperature=float(random.choice([1.0, 0.7])),
            top_k=int(random.choice([0, 4])) if filters else 0,
            top_p=float(random.choice([1.0, 0.8])) if filters else 1.0,
        )
        self.k = int(random.integers(1, 7))
        self.own = dict(
            alpha=float(random.choice([0.0, 0.6, 1.0])),
            k=self.k,
            context_begin=int(random.choice([0, 3])),
            context_window=int(random.choice([0, 7])),
        )
        self.number = search.open(**self.own, **self.filters)
        self.oracle = contrast.Context(self.params(), False)

    def params(self):
        own = {**self.own, "alpha": np.float32(self.own["alpha"])}
        filters = {k: v if k == "top_k" else np.float32(v) for k, v in self.filters.items()}
        return contrast.Params(**own, filters=rows.Params(**filters, min_p=np.float32(0), flags=0))

    def append(self, states):
        for state in states:
            self.oracle.append(state)

    def check_proposal(self, proposal, place, logits):
        first = proposal.first_rows[place]
        tokens, probs, status = contrast.propose(logits, self.oracle.params)
        assert proposal.tokens[first : first + self.k].tolist() == tokens
        assert bits(proposal.probs[first : first + self.k]) == bits(probs)
        assert proposal.status[place] == status
        assert proposal.requests[place] == self.number

    def check_choice(self, proposal, choice, place, hidden):
        first = int(proposal.first_rows[place])
        own = slice(first, first + self.k)
        token, row, score, penalty, scores, penalties, status = self.oracle.select(
            proposal.tokens[own].tolist(), proposal.probs[own], hidden[own]
        )
        assert choice.tokens[place] == token
        assert choice.rows[place] == (row + first if row >= 0 else -1)
        found = [choice.scores[place], choice.penalties[place]]
        same_floats(found, [score, penalty])
        same_floats(choice.row_scores[own], scores)
        same_floats(choice.row_penalties[own], penalties)
        assert choice.status[place] == status


def same_floats(found, want):
    found, want = np.asarray(found, np.float32), np.asarray(want, np.float32)
    assert np.array_equal(np.isnan(found), np.isnan(want))
    assert bits(np.nan_to_num(found)) == bits(np.nan_to_num(want))


def test_requests_come_and_go(search):
    random = np.random.default_rng(4)
    serving = []
    for _ in range(40):
        while len(serving) < 4 and random.random() < 0.6:
            serving.append(Request(search, random))
            prompt = make_states(random, int(random.integers(0, 40)))
            search.append([serving[-1].number], prompt)
            serving[-1].append(prompt)
        some = [r for r in serving if random.random() < 0.8]
        numbers = [r.number for r in some]
        logits = random.normal(0, 3, (len(some) + 1, V)).astype(np.float32)
        order = random.permutation(len(some) + 1)[: len(some)]
        firsts, at = [], 0
        for request in some:
            at += int(random.integers(2))
            firsts.append(at)
            at += request.k
        is_plain = random.random() < 0.5
        proposal = search.propose(
            numbers,
            logits[: max(len(some), 1)] if is_plain else logits,
            index=None if is_plain else order,
            first_rows=None if is_plain else firsts,
        )
        for place, request in enumerate(some):
            request.check_proposal(proposal, place, logits[place if is_plain else order[place]])
        hidden = make_states(random, len(proposal.tokens))
        if not some:
            continue
        choice = search.select(proposal, hidden)
        for place, request in enumerate(some):
            request.check_choice(proposal, choice, place, hidden)
            assert search.length(request.number) == len(request.oracle.states)
        for request in [r for r in some if len(r.oracle.states) > 60 or random.random() < 0.1]:
            search.close(request.number)
            serving.remove(request)
    assert serving


def test_append_counts_and_padded_batches(search):
    random = np.random.default_rng(5)
    one, other = Request(search, random), Request(search, random)
    states = random.normal(0, 1, (20, WIDTH)).astype(np.float32)
    search.append([one.number, other.number], states[:12], [5, 7])
    search.append([one.number, other.number], states, [2, 3], first_rows=[8, 16])
    search.append([other.number, one.number], states[18:])
    one.append(states[[*range(5), 8, 9, 19]])
    other.append(states[[*range(5, 12), 16, 17, 18, 18]])
    assert [search.length(r.number) for r in (one, other)] == [8, 11]
    x = random.normal(0, 3, (2, V)).astype(np.float32)
    proposal = search.propose([one.number, other.number], x)
    hidden = random.normal(0, 1, (one.k + other.k, WIDTH)).astype(np.float32)
    # A part of a proposal may be chosen from first.
    choice = search.select(proposal, hidden, [other.number])
    other.check_choice(proposal._replace(first_rows=proposal.first_rows[1:]), choice, 0, hidden)
    choice = search.select(proposal, hidden, [one.number])
    one.check_choice(proposal, choice, 0, hidden)


def test_fork_and_update(search):
    random = np.random.default_rng(6)
    one = Request(search, random, filters=False)
    states = random.normal(0, 1, (40, WIDTH)).astype(np.float32)
    search.append(one.number, states)
    one.append(states)
    room = search.room
    fork = search.fork(one.number)
    assert search.length(fork) == 40 and search.room >= room - 32
    two = Request.__new__(Request)
    two.__dict__.update(one.__dict__)
    two.number, two.own = fork, dict(alpha=0.5, k=3, context_begin=1, context_window=9)
    two.k, two.filters = 3, dict(temperature=0.5, top_k=2, top_p=1.0)
    search.update(fork, **two.own, **two.filters)
    two.oracle = contrast.Context(two.params(), False)
    two.append(states)
    x = random.normal(0, 3, (2, V)).astype(np.float32)
    for _ in range(2):
        proposal = search.propose([fork, one.number], x)
        hidden = random.normal(0, 1, (3 + one.k, WIDTH)).astype(np.float32)
        choice = search.select(proposal, hidden)
        for place, request in enumerate((two, one)):
            request.check_proposal(proposal, place, x[place])
            request.check_choice(proposal, choice, place, hidden)


def loop(search, x, states, hidden, **others):
    """A whole search of two requests."""
    a, b = search.open(0.6, 4), search.open(0.3, 3)
    search.append([a, b], states, [3, 4])
    found = []
    for n in range(3):
        proposal = search.propose([a, b], x[2 * n : 2 * n + 2], **others)
        choice = search.select(proposal, hidden[7 * n : 7 * n + 7])
        found += [*proposal[:3], *choice]
    search.close([a, b])
    return found


@pytest.fixture(scope="module")
def arrays():
    random = np.random.default_rng(7)
    shapes = [(6, V), (7, WIDTH), (21, WIDTH)]
    return [random.normal(0, 2, shape).astype(np.float32) for shape in shapes]


def same(found, want):
    assert len(found) == len(want)
    for a, b in zip(found, want):
        a, b = np.asarray(a), np.asarray(b)
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def wide(array):
    made = np.zeros((len(array), array.shape[1] + 3), array.dtype)
    made[:, :-3] = array
    return made[:, :-3]


def test_layouts(search, arrays):
    want = loop(search, *arrays)
    same(loop(search, *(wide(array) for array in arrays)), want)
    same(loop(search, *(np.asfortranarray(array) for array in arrays)), want)


def test_types(context, arrays):
    x, states, hidden = (array.astype(np.float16).astype(np.float32) for array in arrays)
    sizes = dict(max_requests=2, max_k=4, max_length=40, device=context)
    with Contrastive(V, WIDTH, token_dtype="int64", **sizes) as long:
        want = loop(long, x, states, hidden)
        assert want[0].dtype == want[3].dtype == np.int64
    with Contrastive(V, WIDTH, "float16", hidden_dtype="float32", **sizes) as mixed:
        same(loop(mixed, x.astype(np.float16), states, hidden), want)
    with Contrastive(V, WIDTH, "float32", hidden_dtype="float16", **sizes) as mixed:
        found = loop(mixed, x, states.astype(np.float16), hidden.astype(np.float16))
        same(found[:3], want[:3])
        same_choices = [found[3 + 10 * n].tolist() == want[3 + 10 * n].tolist() for n in range(3)]
        assert all(same_choices)


def test_tensors(search, arrays):
    torch = pytest.importorskip("torch")
    found = loop(search, *(torch.from_numpy(array) for array in arrays))
    assert all(isinstance(value, torch.Tensor) for value in found)
    same(found, loop(search, *arrays))


def test_edits_masks_and_slots(context, arrays):
    x, states, hidden = arrays
    slots = Slots(V, 4, 256, device=context)
    sizes = dict(max_requests=2, max_k=4, max_length=40)
    with Contrastive(V, WIDTH, slots=slots, **sizes) as kept:
        mask = np.ones((2, V), bool)
        mask[:, ::2] = False
        bans = [Edits(banned=list(range(0, V, 2)))] * 2
        found = loop(kept, x, states, hidden, mask=mask)
        same(found, loop(kept, x, states, hidden, edits=bans))
        assert (found[0] % 2 == 1).all()
        # What is there already may not come again, by the slots' tokens.
        names = slots.open([[1], [2]])
        a, b = kept.open(0.6, 4), kept.open(0.6, 3)
        kept.append([a, b], states, [3, 4])
        texts = [[1], [2]]
        for n in range(3):
            edits = Edits(frequency=1000.0, preset=lmsample.FREQUENCY_PROMPT)
            proposal = kept.propose([a, b], x[:2], edits=edits, slots=names)
            choice = kept.select(proposal, hidden[:7])
            slots.append(names, choice.tokens)
            for text, token in zip(texts, choice.tokens.tolist()):
                assert token not in text
                text.append(token)
    with Contrastive(V, WIDTH, requests=True, device=context, **sizes) as plain:
        big = np.random.default_rng(1).random((1, V)) < 0.5
        same(
            loop(plain, x, states, hidden, mask=big),
            loop(plain, np.where(big, x, -np.inf).astype(np.float32), states, hidden),
        )


def test_large_tables(context):
    """Masks are not bound by what the search has room for in one call."""
    V = 4000
    random = np.random.default_rng(5)
    x = random.normal(0, 2, (2, V)).astype(np.float32)
    mask = random.random((2, V)) < 0.1
    with Contrastive(V, 4, requests=True, max_requests=2, max_length=32, device=context) as search:
        both = [search.open(k=8), search.open(k=8)]
        found = search.propose(both, x, mask=mask)
        banned = np.where(mask, x, -np.inf).astype(np.float32)
        same(found[:2], search.propose(both, banned)[:2])
        assert mask[np.repeat([0, 1], 8), found.tokens].all()
        with pytest.raises(lmsample.ArgumentError, match="top_p_decay"):
            search.propose(both, x, mask=mask, edits=Edits(top_p_decay=0.5))


def test_threads_share_a_search(shared, arrays):
    want, got = loop(shared, *arrays), {}

    def work(part):
        got[part] = [loop(shared, *arrays) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found in got[0] + got[1]:
        same(found, want)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"alpha": -0.1}, "params.alpha: -0.1 is not in [0, 1]"),
        ({"alpha": None}, "alpha: None is not a number"),
        ({"k": 0}, "params.k: 0 is not in 1..max_k (6)"),
        ({"k": 7}, "params.k: 7"),
        ({"k": 1.5}, "k: 1.5 is not a whole number"),
        ({"context_begin": -1}, "context_begin: is -1"),
        ({"context_window": 2**32}, "context_window: is 4294967296"),
        ({"temperature": 0.0}, "params.filters.temperature: 0"),
        ({"top_p": 0.0}, "params.filters.top_p: 0"),
        ({"request": 4}, "request: is 4, must be a whole number from 0 to 3"),
    ],
)
def test_open_refuses(search, wrong, message):
    one = search.open()
    calls = [lambda: search.open(**wrong)]
    if "request" not in wrong:
        calls.append(lambda: search.update(one, **wrong))
    for call in calls:
        with pytest.raises((ValueError, TypeError)) as error:
            call()
        assert message in str(error.value)
    assert [search.open() for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ValueError, match="all of max_requests"):
        search.fork(one)


def test_calls_refuse(search, arrays, context):
    x, states, hidden = arrays
    a, b = search.open(0.6, 4), search.open(0.3, 3)

    def refuses(message, call, *arguments, kind=(ValueError, TypeError), **others):
        with pytest.raises(kind) as error:
            call(*arguments, **others)
        assert message in str(error.value)

    refuses("requests: 3 is not open", search.append, [a, 3], states, kind=lmsample.SlotError)
    refuses("slots[1]: 0 is there twice", search.append, [a, a], states)
    refuses("hidden: has 60 elements in a row", search.append, [a, b], x)
    refuses("hidden: has values of type float64", search.append, a, states.astype(float))
    refuses("hidden: is a list, must be", search.append, a, [1.0])
    refuses("counts[1]: is 8", search.append, [a, b], states, [1, 8])
    refuses("hidden_rows: 7 is less than the 9", search.append, [a, b], states, [2, 7])
    with pytest.raises(lmsample.SlotsFullError, match="above max_length"):
        search.append(a, np.zeros((91, WIDTH), np.float32))
    refuses("logits: has 1 rows, must have 2", search.propose, [a, b], x[:1])
    refuses("logits: has 70 tokens in a row", search.propose, [a, b], hidden)
    refuses("index[1]: is 2", search.propose, [a, b], x[:2], index=[0, 2])
    refuses("index: has 1 rows, must have 2", search.propose, [a, b], x[:2], index=[0])
    refuses("first_rows[1]: 3 is a row", search.propose, [a, b], x[:2], first_rows=[0, 3])
    refuses("requests=True", search.propose, [a, b], x[:2], edits=Edits(banned=[1]))
    proposal = search.propose([a, b], x[:2])
    refuses("hidden: has 6 rows, must have 7", search.select, proposal, hidden[:6])
    refuses("requests: 2 is not open", search.select, proposal, hidden[:7], [2])
    c = search.open()
    refuses("requests: 2 is none of the proposal's", search.select, proposal, hidden[:7], [c])
    for firsts in ([], [0], [0, 4, 5]):
        refuses("first_rows: has shape", search.select, proposal._replace(first_rows=firsts), hidden[:7])
    refuses("request: has 2 requests, must be one", search.fork, [a, b])
    refuses("request: has 2 requests, must be one", search.length, [a, b])
    first = search.select(proposal._replace(first_rows=[0, 4], requests=[a, b]), hidden[:7])
    assert first.rows.min() >= 0
    refuses("slots[0]: 0 has a proposal for a context of 0 positions; it has 1 now",
            search.select, proposal, hidden[:7], kind=lmsample.SlotError)  # fmt: skip
    with Contrastive(V, WIDTH, requests=True, max_requests=1, device=context) as other:
        other.open()
        refuses("slots: needs a search made with slots", other.propose, 0, x[:1], slots=[1])


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"vocab": 0}, "vocab: is 0"),
        ({"width": 0}, "width: is 0"),
        ({"width": 16385}, "width: is 16385"),
        ({"hidden_dtype": "int8"}, "dtype: is int8"),
        ({"max_requests": 0}, "max_requests: is 0"),
        ({"max_k": 65}, "max_k: is 65"),
        ({"max_length": 0}, "max_length: is 0"),
        ({"max_positions": 0}, "max_positions: is 0"),
        ({"max_rows": 3}, "max_rows: 3 is not 0 or from max_k (8)"),
    ],
)
def test_create_refuses(context, wrong, message):
    with pytest.raises(ValueError) as error:
        Contrastive(**{"vocab": V, "width": WIDTH, "device": context, **wrong})
    assert message in str(error.value)


def test_lives(context):
    made = Contrastive(V, WIDTH, max_requests=1, max_length=32, device=context)
    assert "Contrastive of 60 float32 logits and 70 float32 states" in repr(made)
    assert made.workspace_bytes > 0 and made.room == 32
    made.close()
    made.close()
    with pytest.raises(ValueError, match="the search is closed"):
        made.open()
    slots = Slots(V, 8, 64)
    made = Contrastive(V, WIDTH, max_requests=1, max_length=32, slots=slots)
    slots.close()
    with pytest.raises(ValueError, match="the search is closed"):
        made.open()
    del made, slots
    gc.collect()
