"""Beam: what it finds is what the specification's search in Python and Hugging Face's steps find;
and what it refuses."""

import gc
import sys
import threading
from pathlib import Path

import lmsample
import numpy as np
import pytest
from lmsample import Beam, Edits, Slots

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "specification"))

import beams  # noqa: E402
import rows  # noqa: E402
from test_beam_presets import V, cases, hugging_face, vllm  # noqa: E402

EARLY = {False: beams.HEURISTIC, True: beams.YES, "never": beams.NEVER, None: beams.OFF}


@pytest.fixture(scope="module")
def context():
    return lmsample.Context()


@pytest.fixture(scope="module")
def shared(context):
    sizes = dict(max_requests=5, max_width=6, max_length=12, max_end_tokens=2)
    with Beam(V, **sizes, device=context) as made:
        yield made


@pytest.fixture
def beam(shared):
    yield shared
    shared.close(list(shared._opened))


def logits_of(model, texts, dtype=np.float32):
    return np.stack([model.logits(text) for text in texts]).astype(dtype)


def grown(texts, step):
    """As a model's cache: each beam's text is its parent's, and its token."""
    tokens = step.tokens.tolist()
    return [texts[p] + (t,) * (t >= 0) for p, t in zip(step.parents.tolist(), tokens)]


def found(beam, model, request, width):
    """The sequences of one request, alone, and how many steps it took."""
    texts, steps = [()] * width, 0
    while True:
        step = beam.step(request, logits_of(model, texts))
        texts, steps = grown(texts, step), steps + 1
        if step.done.all():
            break
    sequences = [tuple(s) for s in beam.results(request).sequences(0)]
    beam.close(request)
    return sequences


@pytest.mark.parametrize("early_stopping", [False, True, "never"])
def test_hugging_face(beam, early_stopping):
    for model, N, ends, length, penalty in cases(2):
        request = beam.open(
            N, length, end_tokens=ends, length_penalty=penalty, early_stopping=early_stopping
        )
        theirs = hugging_face(model, N, ends, length, penalty, early_stopping)
        assert found(beam, model, request, N)[: len(theirs)] == theirs, (N, ends, length, penalty)


def test_vllm(beam):
    for model, N, ends, length, penalty in cases(1):
        request = beam.open(
            N, length, end_tokens=ends or None, length_penalty=penalty, early_stopping="off",
            length_counts="with-prompt", prompt_length=7, flags="vllm"
        )  # fmt: skip
        assert found(beam, model, request, N) == vllm(model, N, ends, length, penalty, 7)


def make_params(random):
    groups = int(random.choice([1, 1, 2]))
    mode = "search" if groups > 1 else str(random.choice(["search", "stochastic", "sample"]))
    width = groups * int(random.integers(1, 4))
    return dict(
        width=width,
        max_length=int(random.integers(1, 7)),
        end_tokens=[int(end) for end in random.integers(0, V, int(random.integers(3)))],
        results=int(random.integers(1, width + 1)),
        length_penalty=float(random.choice([0, 1, -1, 2.5])),
        early_stopping=[False, True, "never", None][random.integers(4)],
        min_length=int(random.integers(3)),
        groups=groups,
        diversity_penalty=float(random.choice([0.5, 3])) if groups > 1 else 0.0,
        length_counts=str(random.choice(["generated", "with-prompt", "none"])),
        prompt_length=int(random.integers(9)),
        flags=int(random.integers(32)),
        mode=mode,
        seed=int(random.integers(2**63)),
        temperature=float(random.choice([1.0, 0.5])),
        top_k=int(random.choice([0, 9])),
        top_p=float(random.choice([1.0, 0.9])),
    )


def oracle_of(p):
    filters = rows.Params(
        temperature=np.float32(p["temperature"]), top_k=p["top_k"], top_p=np.float32(p["top_p"]),
        min_p=np.float32(0), flags=0,
    )  # fmt: skip
    numbers = {
        "mode": ["search", "stochastic", "sample"].index(p["mode"]),
        "length_counts": ["generated", "with-prompt", "none"].index(p["length_counts"]),
        "early_stopping": EARLY[p["early_stopping"]],
        "diversity_penalty": np.float32(p["diversity_penalty"]),
        "length_penalty": np.float32(p["length_penalty"]),
    }
    same = {k: v for k, v in p.items() if k not in ("temperature", "top_k", "top_p")}
    return beams.Search(beams.Params(filters=filters, **{**same, **numbers}))


class Request:
    """One that is served, and the specification's beside it."""

    def __init__(self, beam, random):
        self.params = make_params(random)
        self.width = self.params["width"]
        self.oracle = oracle_of(self.params)
        self.number = beam.open(**self.params)
        self.done = False

    def check(self, step, first, place, x):
        parents, tokens, scores, status = self.oracle.step(dict(enumerate(x)))
        own = slice(first, first + self.width)
        assert (step.parents[own] - first).tolist() == parents
        assert step.tokens[own].tolist() == tokens
        assert step.scores_fixed[own].tolist() == scores
        gone = step.scores_fixed[own] == np.iinfo(np.int64).min
        sums = (step.scores_fixed[own] / lmsample.BEAM_SCORE_ONE).astype(np.float32)
        assert np.array_equal(step.scores[own], np.where(gone, np.float32(-np.inf), sums))
        assert step.status[place] == status and step.done[place] == bool(status & 1)
        self.done = bool(status & 1)

    def check_results(self, results, place):
        want = [entry for _, entry in self.oracle.results()]
        assert results.counts[place] == len(want)
        assert results.sequences(place) == [entry.tokens for entry in want]
        for i, entry in enumerate(want):
            n = len(entry.tokens)
            assert results.lengths[place, i] == n
            assert results.beams[place, i, :n].tolist() == entry.beams
            logprobs = np.array(entry.logprobs) / lmsample.BEAM_SCORE_ONE
            assert np.array_equal(results.token_logprobs[place, i, :n], logprobs.astype(np.float32))
            assert results.logprobs[place, i] == np.float32(entry.score / lmsample.BEAM_SCORE_ONE)
            assert (results.tokens[place, i, n:] == -1).all()
            assert (results.beams[place, i, n:] == -1).all()


def test_requests_come_and_go(beam):
    """Bit for bit, whoever else is there and wherever the rows are."""
    random = np.random.default_rng(8)
    serving, served = [], 0
    while served < 40:
        while len(serving) < 5 and random.random() < 0.7:
            serving.append(Request(beam, random))
        some = [r for r in serving if random.random() < 0.8]
        firsts, at = [], 0
        for request in some:
            at += int(random.integers(3))
            firsts.append(at)
            at += request.width
        x = random.normal(0, 3, (at + int(random.integers(2)), V)).astype(np.float32)
        is_dense = random.random() < 0.5
        if is_dense:
            firsts = np.cumsum([0] + [r.width for r in some])[:-1].tolist()
            x = x[: sum(r.width for r in some)]
        before = x.copy()
        step = beam.step([r.number for r in some], x, first_rows=None if is_dense else firsts)
        assert np.array_equal(x, before) and len(step.tokens) == len(x)
        nobody = np.ones(len(x), bool)
        for place, (request, first) in enumerate(zip(some, firsts)):
            request.check(step, first, place, x[first : first + request.width])
            nobody[first : first + request.width] = False
        assert (step.tokens[nobody] == -1).all() and np.isneginf(step.scores[nobody]).all()
        assert np.array_equal(step.parents[nobody], np.flatnonzero(nobody))
        ended = [r for r in some if r.done or random.random() < 0.1]
        results = beam.results([r.number for r in ended])
        for place, request in enumerate(ended):
            request.check_results(results, place)
            beam.close([request.number])
            serving.remove(request)
            served += 1
    beam.close([r.number for r in serving])


def run(beam, x, **others):
    """Two steps of two requests, whose logits are rows of x."""
    a, b = beam.open(3, 9, end_tokens=5), beam.open(2, 9, seed=0)
    first = beam.step([a, b], x[:5], **others)
    second = beam.step([a, b], x[5:], **others)
    results = beam.results([a, b])
    beam.close([a, b])
    return [*first, *second, *results]


def same(found, want):
    for a, b in zip(found, want):
        assert np.array_equal(np.asarray(a), np.asarray(b))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(3).normal(0, 2, (10, V)).astype(np.float32)


def test_layouts_of_logits(beam, x):
    want = run(beam, x)
    wide = np.zeros((10, V + 5), np.float32)
    wide[:, :V] = x
    same(run(beam, wide[:, :V]), want)
    same(run(beam, np.asfortranarray(x)), want)
    # At first, one row each; all the same row; and the row of one request alone.
    a, b = beam.open(3, 9), beam.open(2, 9)
    same(beam.step([a, b], x[[0, 3]]), beam_of(beam, x[[0, 0, 0, 3, 3]]))
    beam.close([a, b])
    a, b = beam.open(3, 9), beam.open(2, 9)
    once = np.broadcast_to(x[0], (2, V))
    same(beam.step([a, b], once), beam_of(beam, x[[0, 0, 0, 0, 0]]))
    beam.close([a, b])
    a = beam.open(3, 9)
    step = beam.step(a, x[0])
    assert step.tokens.tolist() == np.argsort(-x[0], kind="stable")[:3].tolist()
    assert step.parents.tolist() == [0, 0, 0] and step.done.tolist() == [False]
    beam.close(a)


def beam_of(beam, rows):
    a, b = beam.open(3, 9), beam.open(2, 9)
    step = beam.step([a, b], rows)
    beam.close([a, b])
    return step


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_types(context, x, dtype):
    if dtype == "bfloat16":
        narrow = (x.view(np.uint32) >> 16).astype(np.uint16)
        wide = (narrow.astype(np.uint32) << 16).view(np.float32)
    else:
        narrow, wide = x.astype(np.float16), x.astype(np.float16).astype(np.float32)
    sizes = dict(max_requests=2, max_width=3, device=context)
    with Beam(V, dtype, token_dtype="int64", **sizes) as few, Beam(V, **sizes) as many:
        found = run(few, narrow)
        assert found[1].dtype == np.int64
        same(found, run(many, wide))


def test_tensors(beam, x):
    torch = pytest.importorskip("torch")
    found = run(beam, torch.from_numpy(x))
    assert all(isinstance(value, torch.Tensor) for value in found[:12])
    assert found[3].dtype == torch.bool and found[4].dtype == torch.int32
    same(found, run(beam, x))
    request = beam.open(2, 4, end_tokens=torch.tensor([1, 2]))
    beam.close(request)


def banned_by_ngram(texts, n):
    mask = np.ones((len(texts), V), bool)
    for row, text in enumerate(texts):
        for i in range(len(text) - n + 1):
            if text[i : i + n - 1] == text[len(text) - n + 1 :]:
                mask[row, text[i + n - 1]] = False
    return mask


def test_texts_follow_their_beams(context):
    """n-grams by slots are what masks are that the host makes of the beams' texts."""
    prompt, width = (1, 2, 1), 3
    x = np.random.default_rng(9).normal(0, 1, (8, V)).astype(np.float32)
    x[:, :4] += 4
    slots = Slots(V, 32, 64, device=context)
    with Beam(V, max_requests=2, max_width=width, slots=slots) as kept, Beam(
        V, max_requests=2, max_width=width, requests=True, device=context
    ) as masked:
        a, b = kept.open(width, 8), masked.open(width, 8)
        (root,) = slots.open([prompt])
        names, texts = slots.fork([root] * width), [prompt] * width
        for n in range(8):
            rows_ = np.stack([np.roll(x[n], sum(text)) for text in texts])
            step = kept.step(a, rows_, edits=Edits(ngram=2), slots=names, append=True)
            same(step, masked.step(b, rows_, mask=banned_by_ngram(texts, 2)))
            texts = grown(texts, step)
            if not step.done.all():
                for name, text in zip(names, texts):
                    assert tuple(np.concatenate(slots.export(name)).tolist()) == text
        same(kept.results(a), masked.results(b))
        plain = masked.open(width, 8)
        assert not np.array_equal(
            masked.step(plain, x[:width]).tokens, kept.results(a).tokens[0, :, 0]
        )


def test_a_refused_step_with_slots_is_none(context, x):
    slots = Slots(V, 8, 4, device=context)
    with Beam(V, max_requests=1, max_width=2, slots=slots) as beam, Beam(
        V, max_requests=1, max_width=2, device=context
    ) as plain:
        a, b = beam.open(2, 8), plain.open(2, 8)
        names = slots.fork(slots.open([[1, 2]]).repeat(2))
        with pytest.raises(lmsample.SlotError, match="twice"):
            beam.step(a, x[:2], slots=names[[0, 0]], append=True)
        for _ in range(2):
            same(beam.step(a, x[:2], slots=names, append=True), plain.step(b, x[:2]))
        with pytest.raises(lmsample.SlotsFullError, match="max_length"):
            beam.step(a, x[:2], slots=names, append=True)
        same(beam.step(a, x[:2]), plain.step(b, x[:2]))
        same(beam.results(a), plain.results(b))
    slots.close()


def test_all_are_closed_or_none(beam):
    a, b = beam.open(2, 8), beam.open(2, 8)
    for bad in ([a, b, a], [a, 3]):
        with pytest.raises(lmsample.SlotError):
            beam.close(bad)
    beam.close([a, b])


def test_edits_masks_and_guidance(context, x):
    with Beam(V, max_requests=2, max_width=3, requests=True, device=context) as beam:
        bits = np.full((5, 1), 2**V - 2, np.int32)
        same(run(beam, x, mask=bits), run(beam, x, edits=Edits(banned=[0])))
        each = [Edits(bias={3: 50.0}), None, None, Edits(forced=7), None]
        found = run(beam, x, edits=each)
        assert found[1][0] == 3 and found[1][3:].tolist() == [7, -1]
        # Behind the beams' rows are those that guidance goes away from.
        a = beam.open(2, 9)
        both = np.concatenate([x[:2], x[5:7]])
        step = beam.step(a, both, edits=Edits(guidance=1.5), unconditional=[2, 3, -1, -1])
        b = beam.open(2, 9)
        ours = x[5:7] + np.float32(1.5) * (x[:2] - x[5:7])
        want = beam.step(b, ours)
        assert step.tokens.tolist() == [*want.tokens, -1, -1]
        assert step.parents.tolist() == [0, 0, 2, 3]
        np.testing.assert_allclose(step.scores[:2], want.scores, rtol=1e-5)


def test_large_tables(context):
    """Masks are not bound by what the search has room for in one call."""
    V = 4000
    x = np.random.default_rng(5).normal(0, 2, (8, V)).astype(np.float32)
    mask = np.random.default_rng(6).random((8, V)) < 0.1
    with Beam(V, max_requests=1, max_width=8, requests=True, device=context) as beam:
        a, b = beam.open(8, 3), None
        found = [beam.step(a, x, mask=mask), beam.step(a, x, mask=mask)]
        beam.close(a)
        b = beam.open(8, 3)
        banned = np.where(mask, x, -np.inf).astype(np.float32)
        for step in found:
            same(step, beam.step(b, banned))
        assert mask[np.asarray(found[0].parents), found[0].tokens].all()


def test_threads_share_a_search(beam, x):
    want = [found(beam, model, beam.open(N, 5, end_tokens=ends), N)
            for model, N, ends, _, _ in cases(2)]  # fmt: skip
    got = {}

    def work(part):
        for i, (model, N, ends, _, _) in enumerate(cases(2)):
            if i % 2 == part:
                got[i] = found(beam, model, beam.open(N, 5, end_tokens=ends), N)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[i] for i in range(len(want))] == want


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"width": 0}, "width: is 0, must be a whole number from 1 to 6"),
        ({"width": 7}, "width: is 7"),
        ({"width": 2.0}, "width: 2.0 is not a whole number"),
        ({"max_length": 13}, "params.max_length: 13 is not in 1..12"),
        ({"max_length": -1}, "max_length: is -1"),
        ({"end_tokens": [1, 2, 3]}, "params.end_tokens: 3 is above max_end_tokens (2)"),
        ({"end_tokens": V}, f"end_tokens[0]: {V} is not in 0..{V - 1}"),
        ({"end_tokens": -1}, "end_tokens[0]: is -1"),
        ({"results": 4}, "params.results: 4 is not in 1..width (3)"),
        ({"length_penalty": float("nan")}, "params.length_penalty: nan is not finite"),
        ({"length_penalty": "1"}, "length_penalty: '1' is not a number"),
        ({"early_stopping": "sometimes"}, "early_stopping: is 'sometimes', must be one of"),
        ({"early_stopping": 1}, "early_stopping: is 1, must be one of"),
        ({"min_length": -1}, "min_length: is -1"),
        ({"groups": 2, "diversity_penalty": 1.0}, "params.groups: 2 does not divide the width (3)"),
        ({"groups": 3}, "params.diversity_penalty: 0 is below 2^-32"),
        ({"diversity_penalty": True}, "diversity_penalty: True is not a number"),
        ({"length_counts": "all"}, "length_counts: is 'all', must be one of 'generated'"),
        ({"prompt_length": 2**31}, "params.prompt_length: 2147483648 is above"),
        ({"flags": "huggingface"}, "flags: is 'huggingface', must be one of 'hugging-face'"),
        ({"flags": 32}, "flags: is 32, must be a whole number from 0 to 31"),
        ({"mode": "beam"}, "mode: is 'beam', must be one of 'search'"),
        ({"seed": 2**64}, "seed: is 18446744073709551616"),
        ({"temperature": 0.0}, "params.filters.temperature: 0"),
        ({"top_p": 0.0}, "params.filters.top_p: 0"),
        ({"min_p": 2.0}, "min_p: is 2.0"),
        ({"request": 5}, "request: is 5, must be a whole number from 0 to 4"),
    ],
)
def test_open_refuses(beam, wrong, message):
    with pytest.raises((ValueError, TypeError)) as error:
        beam.open(**{"width": 3, **wrong})
    assert message in str(error.value)
    numbers = [beam.open(1) for _ in range(5)]
    assert numbers == list(range(5))
    with pytest.raises(ValueError, match="open: all of max_requests"):
        beam.open(1)
    with pytest.raises(lmsample.SlotError, match="slot: 3 is open already"):
        beam.open(1, request=3)
    beam.close(numbers)


def test_step_refuses(beam, x, context):
    a, b = beam.open(3, 9), beam.open(2, 9)

    def refuses(message, *arguments, kind=(ValueError, TypeError), **others):
        with pytest.raises(kind) as error:
            beam.step(*arguments, **others)
        assert message in str(error.value)

    refuses("requests: 4 is not open", [a, 4], x, kind=lmsample.SlotError)
    refuses("requests[1]: is 5, must be a request, 0 to 4", [a, 5], x)
    refuses("slots[1]: 0 is there twice", [a, a], x[:6], kind=lmsample.SlotError)
    refuses("logits: has 4 rows, must have 5", [a, b], x[:4])
    refuses("has 15 tokens in a row", [a, b], x[:5, :15].copy())
    refuses("logits: has values of type float64", [a, b], x.astype(np.float64))
    refuses("first_rows: has shape (1,)", [a, b], x, first_rows=[0])
    refuses("first_rows[1]: 2 is a row of the request before", [a, b], x, first_rows=[0, 2])
    refuses("need a search made with requests=True", [a, b], x[:5], edits=Edits(ngram=2))
    refuses("append: is True, must be False, or True with slots", [a, b], x[:5], append=True)
    assert beam.step([a, b], x[[0, 3]]).parents.tolist() == [0, 0, 0, 3, 3]  # still the first one
    refuses("logits: has 2 rows, must have 5", [a, b], x[:2])
    with pytest.raises(ValueError, match="max_results: is 2, must be a whole number from 3 to 6"):
        beam.results([a, b], 2)
    with pytest.raises(lmsample.SlotError, match="requests: 3 is not open"):
        beam.results(3)
    with pytest.raises(lmsample.SlotError, match="requests: 3 is not open"):
        beam.close(3)
    beam.close([a, b])
    with Beam(V, requests=True, max_requests=1, device=context) as other:
        request = other.open(2)
        with pytest.raises(ValueError, match="slots: needs a search made with slots"):
            other.step(request, x[:2], slots=[1, 2])
        with pytest.raises(ValueError, match='needs a search made with requests="dry"'):
            other.step(request, x[:2], edits=Edits(dry_multiplier=1.0))
        with pytest.raises(lmsample.ArgumentError, match="top_p_decay"):
            other.step(request, x[:2], edits=Edits(top_p_decay=0.5))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"vocab": 0}, "vocab: is 0"),
        ({"dtype": "float64"}, "dtype: is float64"),
        ({"max_requests": 0}, "max_requests: is 0"),
        ({"max_width": 1025}, "max_width: is 1025"),
        ({"max_length": 0}, "max_length: is 0"),
        ({"max_width": 1000, "max_end_tokens": 4}, "max_end_tokens: 4 gives"),
        ({"max_rows": 3}, "max_rows: 3 is not 0 or from max_width (8)"),
        ({"token_dtype": "int8"}, "token_dtype: is int8"),
        ({"requests": "all"}, "requests: is 'all'"),
    ],
)
def test_create_refuses(context, wrong, message):
    with pytest.raises(ValueError) as error:
        Beam(**{"vocab": V, "device": context, **wrong})
    assert message in str(error.value)


def test_lives(context, x):
    made = Beam(V, max_requests=1, device=context)
    assert "Beam of 16 float32 logits" in repr(made) and made.workspace_bytes > 0
    made.close()
    made.close()
    with pytest.raises(ValueError, match="the search is closed"):
        made.open(1)
    slots = Slots(V, 8, 64)
    made = Beam(V, max_requests=1, slots=slots)
    assert made.context is slots.context
    with pytest.raises(ValueError, match="device: must be None or the context of the slots"):
        Beam(V, slots=slots, device=context)
    slots.close()
    with pytest.raises(ValueError, match="the search is closed"):
        made.open(1)
    del made, slots
    gc.collect()
