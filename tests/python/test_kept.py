"""Parameters that are kept between steps: what calls give with them is what they give with the
same values as arguments, whatever rows came, moved and went before."""

import numpy as np
import pytest

import lmsample
from lmsample import Edits

VOCAB = 300
X = np.random.default_rng(11).normal(0, 3, (8, VOCAB)).astype(np.float32)
COLUMNS = {
    "temperature": [0.0, 0.5, 1, None, 2.0, 1.3],
    "top_k": [0, 1, -1, 1 << 30, 20, None],
    "top_p": [None, 0.1, 0.5, 1, 0.9, 0.999],
    "min_p": [0, None, 0.01, 0.5, 1.0, 0.2],
    "seed": [0, -1, 2**63, 2**64 - 1, -(2**63), 2**32],
    "step": [2**64 - 2, 2**63 + 1, 0, 1, 2, 3],
    "preset": ["vllm", "hugging-face", "llama.cpp", "joint", "top-k-ties+min-p-last", 15],
}
OUTPUTS = ("logprobs", "raw_logprobs", "kept", "probs")
LISTS = ("edited_logprobs", "raw_ranks", "ranks", "top_logprobs", "named_logprobs")


@pytest.fixture(scope="module")
def plain():
    return lmsample.Sampler(VOCAB, max_rows=8, outputs=OUTPUTS)


@pytest.fixture(scope="module")
def slots():
    return lmsample.Slots(VOCAB, 64, 512)


@pytest.fixture(scope="module")
def full(slots):
    return lmsample.Sampler(VOCAB, max_rows=8, outputs=LISTS, slots=slots, requests="dry")


def same(found, expected):
    for name, one, other in zip(found._fields, found, expected):
        if name != "seed":
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_columns_row_by_row_and_at_once(plain):
    expected = plain.sample(X[:6], **COLUMNS)
    whole, rows, slices = (plain.params(6) for _ in range(3))
    for name, values in COLUMNS.items():
        setattr(whole, name, values)
        getattr(slices, name)[::2] = values[::2]
        getattr(slices, name)[[False, True] * 3] = values[1::2]
        for row, value in enumerate(values):
            getattr(rows, name)[row - 6 if row % 2 else row] = value
    for params in (whole, rows, slices):
        for _ in range(2):
            same(plain.sample(X[:6], params=params), expected)
    np.testing.assert_array_equal(whole.records, rows.records)
    assert whole.top_k[4] == 20 and whole.top_p[:2].tolist() == [1.0, np.float32(0.1)]
    assert whole.step.tolist() == COLUMNS["step"] and len(whole.step) == len(whole) == 6


def test_one_value_for_all_rows(plain):
    params = plain.params()
    assert len(params) == 8
    params.seed, params.temperature, params.top_p, params.preset = 5, 0.7, 0.8, "llama.cpp"
    for step in range(3):
        expected = plain.sample(
            X, seed=5, temperature=0.7, top_p=0.8, preset="llama.cpp", step=step
        )
        same(plain.sample(X, params=params), expected)
        params.step += 1
    assert params.seed.tolist() == [lmsample.row_seed(5, row) for row in range(8)]
    params.seed[2:4] = [7, None]
    assert params.seed[2] == 7 and params.seed[3] not in (7, lmsample.row_seed(5, 3))
    params.temperature, params.top_k, params.top_p, params.min_p = None, None, None, None
    params.preset = 0
    same(plain.sample(X, params=params), plain.sample(X, seed=params.seed[:], step=3))
    assert plain.params(3).seed.tolist() != plain.params(3).seed.tolist()


def test_steps_count_up(plain):
    params = plain.params(4)
    params.step = [0, 5, 2**63, 2**64 - 4]
    params.step += 2
    assert params.step.tolist() == [2, 7, 2**63 + 2, 2**64 - 2]
    with pytest.raises(ValueError, match=r"step.* is 18446744073709551615, must be a whole"):
        params.step += 1
    params.step += [1, 0, -1, -5]
    assert params.step.tolist() == [3, 7, 2**63 + 1, 2**64 - 7]
    with pytest.raises(ValueError, match="must be a whole number from 0"):
        params.step += -4
    with pytest.raises(TypeError, match="is not a whole number"):
        params.step += 0.5
    assert params.step.tolist() == [3, 7, 2**63 + 1, 2**64 - 7]
    params.step[0] += 2
    params.step[1:3] += 1
    params.seed[3] += 1
    params.temperature[1] -= 0.5
    params.step += np.int64(1)
    assert params.step.tolist() == [6, 9, 2**63 + 3, 2**64 - 6]
    assert params.temperature.tolist() == [1.0, 0.5, 1.0, 1.0] and list(params.top_k) == [0] * 4
    params.step = params.top_k  # of another column
    assert params.step.tolist() == [0, 0, 0, 0]


REFUSED = [
    ("temperature", 3, -2.0, ValueError, r"temperature\[3\]: is -2.0, must be 0 \(greedy\)"),
    ("temperature", slice(2, 5), [1, 2, -1], ValueError, r"temperature\[2:5\]\[2\]: is -1"),
    ("temperature", slice(None), [1, 2], ValueError, r"temperature: has shape \(2,\)"),
    ("top_k", 8, 1, IndexError, r"top_k\[8\]: there are 8 rows"),
    ("top_k", 0, 2.0, TypeError, r"top_k\[0\]: 2.0 is not a whole number"),
    ("top_p", 1, 1.5, ValueError, r"top_p\[1\]: is 1.5, must be from 0 to 1"),
    ("seed", 1, 2**64, ValueError, r"seed\[1\]: is"),
    ("preset", 1, "vlm", ValueError, "preset: is 'vlm', must be vllm"),
    ("edits", 1, Edits(bias={1: 1.0}), ValueError, "edits: needs a sampler made with requests"),
    ("target", 1, 3, ValueError, "target: needs a sampler made with requests"),
    ("slot", 1, 3, ValueError, "slot: needs a sampler made with slots"),
    ("step", 1, "slot", ValueError, "step: needs a sampler made with slots"),
]  # fmt: skip


@pytest.mark.parametrize("name, rows, value, error, message", REFUSED)
def test_refused_at_once(plain, name, rows, value, error, message):
    params = plain.params()
    before = params.records.copy()
    with pytest.raises(error, match=message):
        getattr(params, name)[rows] = value
    with pytest.raises((error, ValueError)):
        params.put(8, **{name: value}) if rows != 8 else params.put(9)
    assert len(params) == 8
    np.testing.assert_array_equal(params.records, before)


REFUSED_REQUESTS = [
    ("edits", 3, 7, TypeError, r"edits\[3\]: is a int, must be lmsample.Edits or None"),
    ("edits", 3, Edits(banned=[VOCAB]), ValueError, f"has token {VOCAB}, must be below {VOCAB}"),
    ("edits", slice(None), [None] * 7, ValueError, "edits: has 7 rows, must have one for each of 8"),
    ("named", 2, [1, VOCAB], ValueError, rf"named\[2\]: has token {VOCAB}, must be below"),
    ("top_logprobs", 2, 21, ValueError, r"top_logprobs\[2\]: is 21, must be .* 0 to 20"),
    ("target", 2, VOCAB, ValueError, rf"target\[2\]: is {VOCAB}, must be a token, 0 to 299, or -1"),
    ("mask_index", 2, 0, ValueError, r"mask_index\[2\]: must be set behind mask"),
    ("slot", 2, -1, ValueError, r"slot\[2\]: is -1, must be a slot's name, or 0"),
]  # fmt: skip


@pytest.mark.parametrize("name, rows, value, error, message", REFUSED_REQUESTS)
def test_requests_are_refused_at_once(full, name, rows, value, error, message):
    params = full.params()
    edits = Edits(banned=[1, 2])
    params.edits[3] = edits
    before = params.records.copy()
    with pytest.raises(error, match=message):
        getattr(params, name)[rows] = value
    np.testing.assert_array_equal(params.records, before)
    assert params.edits[3] is edits and params.edits[2] is None
    full.sample(X, params=params)


def test_wrong_calls(plain, full):
    params = plain.params(4)
    with pytest.raises(ValueError, match="params: has 4 rows, the call has 8"):
        plain.sample(X, params=params)
    with pytest.raises(ValueError, match="params: must be of this sampler"):
        full.sample(X[:4], params=params)
    with pytest.raises(ValueError, match="params: must be the only ones"):
        plain.sample(X[:4], params=params, temperature=0.5)
    with pytest.raises(ValueError, match="append: needs a sampler made with slots"):
        plain.sample(X[:4], params=params, append=True)
    with pytest.raises(AttributeError, match="temprature"):
        params.temprature = 0.5
    with pytest.raises(TypeError, match="put: 'temprature' is no column"):
        params.put(0, temprature=1.0)
    params.records["temperature"][2] = -1
    with pytest.raises(lmsample.ArgumentError, match="temperature"):
        plain.sample(X[:4], params=params)


def random_request(rng, edits):
    """What a row may be given."""
    return {
        "temperature": float(rng.choice([0.0, 0.7, 1.5])),
        "top_k": int(rng.choice([0, 5, 50])),
        "top_p": float(rng.choice([1.0, 0.9])),
        "seed": int(rng.integers(2**40)),
        "step": int(rng.integers(100)),
        "edits": edits[rng.integers(len(edits))],
        "target": int(rng.choice([-1, 3])),
        "top_logprobs": int(rng.choice([0, 2, 5])),
        "named": [None, [1, 2], [int(rng.integers(VOCAB))]][rng.integers(3)],
        "unconditional": int(rng.choice([-1, 0])),
    }


OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "step": 0, "edits": None, "target": -1,
       "top_logprobs": 0, "named": None, "unconditional": -1}  # fmt: skip


def some_edits(rng, count):
    return [None] + [
        Edits(
            bias={int(t): float(rng.normal()) for t in rng.integers(0, VOCAB, 5)},
            banned=rng.integers(0, VOCAB, rng.integers(1, 9)),
            sequence_bias={(1, 2): 0.5} if number % 2 else None,
            guidance=1.5 if number % 3 == 0 else None,
        )
        for number in range(count)
    ]


def test_rows_come_move_and_go(full):
    rng = np.random.default_rng(3)
    edits = some_edits(rng, 6)
    params, model = full.params(0), []
    for turn in range(150):
        what = rng.integers(7)
        one, other = rng.integers(len(model), size=2) if model else (0, 0)
        if what <= 1 and len(model) < 8 or not model:
            place = int(rng.integers(len(model) + 1))
            request = random_request(rng, edits)
            named = {k: v for k, v in request.items() if k == "seed" or rng.integers(4)}
            params.put(place, **named)
            model[place : place + 1] = [{**OFF, **named}]
        elif what == 2:
            params.swap(int(one), int(other))
            model[one], model[other] = model[other], model[one]
        elif what == 3:
            params.move(len(model) - 1, int(one))
            params.resize(len(model) - 1)
            model[one] = model[-1]
            model.pop()
        elif what == 4:
            which = rng.integers(len(model), size=rng.integers(9))
            params.take(which)
            model = [dict(model[row]) for row in which]
        elif what == 5:
            params.clear(int(one))
            model[one] = {**OFF, "seed": int(params.seed[one])}
        else:
            value = edits[rng.integers(len(edits))]
            params.edits[int(one)], params.top_k[int(one)] = value, 3
            model[one].update(edits=value, top_k=3)
            params.step += 1
            for row in model:
                row["step"] += 1
        rows = len(model)
        assert len(params) == rows
        arguments = {k: [row[k] for row in model] for k in [*OFF, "seed"]}
        expected = full.sample(X[:rows], **arguments)
        found = full.sample(X[:rows], params=params)
        for name, value, wanted in zip(found._fields, found, expected):
            if name == "seed":
                continue
            assert (value is None) == (wanted is None), (turn, name)
            if value is not None:
                np.testing.assert_array_equal(value, wanted, err_msg=f"turn {turn}: {name}")
        assert params.edits[:] == [row["edits"] for row in model]


def test_records_and_lists_of_gone_requests_go(full):
    params = full.params(4)
    rng = np.random.default_rng(8)
    for turn in range(400):
        params.put(turn % 4, edits=some_edits(rng, 1)[1], named=[turn % VOCAB])
        params._ready()
    assert params._edits.count <= 5
    assert params._lists.count < 150 and len(params._lists.ids) < 4096
    params.take([])
    assert not params._edits._numbers and not params._lists._numbers


def bits_of(tokens):
    words = np.zeros((VOCAB + 31) // 32, np.uint32)
    for token in tokens:
        words[token // 32] |= np.uint32(1 << token % 32)
    return words


def test_masks_are_read_by_each_call(full):
    params = full.params(3)
    masks = np.stack([bits_of([row + 5]) for row in range(4)]).view(np.int32)
    params.mask = masks
    assert params.mask is masks
    assert full.sample(X[:3], params=params).tokens.tolist() == [5, 6, 7]
    masks[1] = bits_of([77]).view(np.int32)
    assert full.sample(X[:3], params=params).tokens.tolist() == [5, 77, 7]
    params.swap(0, 1)  # masks are the places'
    params.put(3, temperature=0.0)
    assert full.sample(X[:4], params=params).tokens.tolist() == [5, 77, 7, 8]
    params.mask_index = [3, 1, -1, 0]
    params.swap(0, 1)  # these go with the rows
    params.temperature[2] = 0.0
    best = int(np.argmax(X[2]))
    assert full.sample(X[:4], params=params).tokens.tolist() == [77, 8, best, 5]
    assert params.mask_index.tolist() == [1, 3, -1, 0]
    params.mask_index = None
    assert full.sample(X[:4], params=params).tokens.tolist() == [5, 77, 7, 8]
    params.mask = np.arange(VOCAB) == 200
    assert full.sample(X[:4], params=params).tokens.tolist() == [200] * 4
    params.mask = None
    params.temperature = 0.0
    assert full.sample(X[:4], params=params).tokens.tolist() == X[:4].argmax(1).tolist()
    with pytest.raises(ValueError, match="must have rows in one piece"):
        params.mask = np.ones((4, 2 * VOCAB), bool)[:, ::2]


def test_slots(full, slots):
    names = slots.open([[1, 2, 3], [4], [5, 6]])
    others = slots.open([[1, 2, 3], [4], [5, 6]])
    edits = Edits(repetition=1.3, ngram=1)
    params = full.params(4)
    params.step = "slot"
    params.slot[:3] = names
    params.step[3] = 9
    params.edits, params.seed = edits, [1, 2, 3, 4]
    for step in range(4):
        found = full.sample(X[:4], params=params, append=True)
        expected = full.sample(X[:4], slots=[*others, 0], append=True, edits=edits,
                               seed=[1, 2, 3, 4], step=[step, step, step, 9 + step])  # fmt: skip
        same(found, expected)
        params.step += 1  # of the row that has no slot
    assert [slots.length(name) for name in names] == [7, 5, 6]
    params.slot[1] = 0
    with pytest.raises(lmsample.ArgumentError, match="step"):
        full.sample(X[:4], params=params)
    slots.close([*names, *others])


def test_out(plain, full):
    params = plain.params(4)
    params.seed = 3
    expected = plain.sample(X[:4], seed=3)
    tokens = np.full(4, -7, np.int32)
    found = plain.sample(X[:4], params=params, out=tokens)
    assert found.tokens is tokens
    same(found, expected)
    arrays = {"tokens": np.empty((6, 1), np.int32), "probs": np.empty((9, VOCAB), np.float32),
              "status": np.empty(4, np.int32)}  # fmt: skip
    found = plain.sample(X[:4], params=params, out=arrays)
    assert found.tokens.base is arrays["tokens"] and found.probs.base is arrays["probs"]
    assert found.tokens[:, 0].tolist() == expected.tokens.tolist()
    np.testing.assert_array_equal(arrays["probs"][:4], expected.probs)
    again = plain.sample(X[:4] * 0.5, seed=3, out=found)  # of an earlier call, by arguments
    assert again.logprobs is found.logprobs and again.probs is found.probs
    same(again._replace(tokens=again.tokens[:, 0]), plain.sample(X[:4] * 0.5, seed=3))
    wide = {
        "top_tokens": np.empty((4, 7), np.int32),
        "named_logprobs": np.zeros((4, 3), np.float32),
    }
    kept = full.params(4)
    kept.top_logprobs, kept.seed = [2, 0, 7, 1], 3
    found = full.sample(X[:4], params=kept, out=wide)
    expected = full.sample(X[:4], top_logprobs=[2, 0, 7, 1], seed=3)
    np.testing.assert_array_equal(found.top_tokens, expected.top_tokens)
    np.testing.assert_array_equal(found.top_logprobs, expected.top_logprobs)
    assert np.isnan(wide["named_logprobs"]).all()


OUT = [
    (
        np.empty(3, np.int32),
        ValueError,
        r"out: tokens has shape \(3,\), must be \(4,\), or more",
    ),
    (np.empty(4, np.int64), TypeError, "out: tokens has values of type int64, must be int32"),
    (np.empty(8, np.int32)[::2], ValueError, "out: tokens must be in one piece, aligned"),
    (np.broadcast_to(np.int32(0), 4), ValueError, "out: tokens must be in one piece"),
    ([0, 0, 0, 0], TypeError, "out: tokens is a list, must be a NumPy array"),
    (
        {"ranks": np.empty(4, np.int32)},
        ValueError,
        "out: has 'ranks', which the sampler does not",
    ),
    (
        {"probs": np.empty((4, 299), np.float32)},
        ValueError,
        r"out: probs has shape .* \(4, 300\)",
    ),
]


@pytest.mark.parametrize("out, error, message", OUT)
def test_out_is_refused(plain, out, error, message):
    params = plain.params(4)
    with pytest.raises(error, match=message):
        plain.sample(X[:4], params=params, out=out)
    with pytest.raises(error, match=message):
        plain.sample(X[:4], out=out)


def test_index_and_uniforms(plain):
    params = plain.params(5)
    params.seed = 3
    words = np.random.default_rng(2).integers(0, 2**32, (5, 6, 4), dtype=np.uint32)
    index = [2, -1, 7, 2, 0]
    same(plain.sample(X, params=params, index=index), plain.sample(X, seed=3, index=index))
    same(
        plain.sample(X[:5], params=params, uniforms=words), plain.sample(X[:5], uniforms=words)
    )
    same(plain.sample(X[:5], params=params), plain.sample(X[:5], seed=3))
    one = np.broadcast_to(X[2], (5, VOCAB))
    same(plain.sample(one, params=params), plain.sample(one, seed=3))
    params.resize(1)
    assert plain.sample(X[3], params=params).tokens == plain.sample(X[3], seed=3).tokens
    params.resize(0)
    assert plain.sample(X[:0], params=params).tokens.shape == (0,)


def test_torch():
    torch = pytest.importorskip("torch")
    for name in ("float32", "bfloat16"):
        sampler = lmsample.Sampler(VOCAB, name, 8, outputs="logprobs", token_dtype="int64")
        params = sampler.params(8)
        params.seed, params.temperature = 3, torch.full((8, 1), 0.5)
        logits = torch.from_numpy(X).to(getattr(torch, name))
        expected = sampler.sample(logits, seed=3, temperature=0.5)
        found = sampler.sample(logits, params=params)
        assert found.tokens.dtype == torch.int64 and found.status.dtype == torch.int32
        out = torch.zeros(8, 1, dtype=torch.int64)
        into = sampler.sample(logits, params=params, out={"tokens": out})
        assert into.tokens is out
        wide = torch.cat([logits, logits], dim=1)[:, :VOCAB]
        strided = sampler.sample(wide, params=params)
        skipped = sampler.sample(logits, params=params, index=[0, 1, 2, 3, 4, 5, 6, -1])
        for samples in (found, into, strided):
            assert torch.equal(samples.tokens.reshape(-1), expected.tokens)
            assert torch.equal(samples.logprobs, expected.logprobs)
        assert torch.equal(skipped.tokens[:7], expected.tokens[:7]) and skipped.tokens[7] == -1
        assert torch.isnan(skipped.logprobs[7])


# --- What was found by reading -----------------------------------------------------------------


def test_fresh_seeds_of_some_rows_are_each_its_own(plain):
    params = plain.params(6)
    before = params.seed.tolist()
    params.seed[1:4] = None
    after = params.seed.tolist()
    assert len(set(after)) == 6 and after[0] == before[0] and after[1:4] != before[1:4]
    params.seed[[0, 5]] = None
    assert len(set(params.seed.tolist())) == 6


def test_single_values_can_be_counted_up(plain):
    params = plain.params(3)
    params.step[1] += 1
    params.top_k[2] += 5
    params.seed[0] = 2**64 - 2
    params.seed[0] += 1
    assert params.step.tolist() == [0, 1, 0] and params.top_k.tolist() == [0, 0, 5]
    assert params.seed[0] == 2**64 - 1 and params.target[0] == -1
    assert [type(params.step[0]), type(params.target[0])] == [int, int]


def test_masks_that_are_one_for_all_or_cannot_be_read_where_they_are(full):
    allowed = np.zeros((1, (VOCAB + 31) // 32), np.uint32)
    allowed[0, 0] = 1 << 5
    params = full.params(6)
    for array in (np.broadcast_to(allowed, (6, allowed.shape[1])), allowed.repeat(6, 0)):
        params.mask = array
        assert full.sample(X[:6], params=params).tokens.tolist() == [5] * 6
    several = allowed.repeat(6, 0)
    bytes_ = np.zeros(several.nbytes + 1, np.uint8)
    unaligned = bytes_[1:].view(np.uint32).reshape(several.shape)
    unaligned[:] = several
    overlapping = np.lib.stride_tricks.as_strided(several, (3, several.shape[1]), (4, 4))
    for array in (several[::-1], unaligned, overlapping):
        with pytest.raises(ValueError, match="mask: has strides of .* rows in one piece each"):
            params.mask = array
    assert full.sample(X[:6], params=params).tokens.tolist() == [5] * 6
    assert full.sample(X[:6], mask=unaligned).tokens.tolist() == [5] * 6


def test_a_refused_index_of_masks_leaves_masks_to_the_places(full):
    masks = np.zeros((5, (VOCAB + 31) // 32), np.uint32)
    masks[:, 0] = 1 << np.arange(5)
    params = full.params(3)
    params.mask = masks
    for refused in (dict(mask_index=9), dict(mask_index=4, top_p=2.0)):
        with pytest.raises(ValueError):
            params.put(0, **refused)
    with pytest.raises(ValueError):
        params.mask_index = 9
    params.resize(5)
    params.take([4, 3, 2, 1, 0])
    assert full.sample(X[:5], params=params).tokens.tolist() == [0, 1, 2, 3, 4]


def test_columns_of_objects_take_iterators_and_name_themselves(full):
    params = full.params(3)
    params.named = iter([5, 6])
    assert [item.tolist() for item in params.named[:]] == [[5, 6]] * 3
    params.named[1] = iter([7])
    params.edits = iter([None, Edits(banned=iter([1])), None])
    assert params.named[1].tolist() == [7] and params.edits[1] is not None
    for name in ("edits", "named", "top_logprobs"):
        with pytest.raises(TypeError, match=f"{name}: is a float, must be a sequence"):
            setattr(params, name, 1.0)
    with pytest.raises(TypeError, match=r"named\[1\]: is a int, must be a sequence of tokens"):
        params.named = [None, 1, 2]


def test_out_is_looked_at_where_no_row_wants_it(full):
    params = full.params(2)
    tokens = np.full(2, 77, np.int32)
    for array, error in ((np.zeros((2, 3), np.int32), TypeError), ([1, 2], TypeError)):
        with pytest.raises(error, match="out: top_logprobs"):
            full.sample(X[:2], params=params, out={"tokens": tokens, "top_logprobs": array})
    assert tokens.tolist() == [77, 77]


def test_what_is_no_params_is_refused_whatever_the_logits(plain):
    for x in (X[:2], np.broadcast_to(X[0], (2, VOCAB))):
        with pytest.raises(ValueError, match="params: must be of this sampler"):
            plain.sample(x, params={})


def test_records_are_those_of_the_next_call(full):
    params = full.params(3)
    params.top_logprobs = [0, 2, 0]
    assert params.records["wants"].tolist() == [0, 2, 0]
    params.top_logprobs = None
    assert params.records["wants"].tolist() == [0, 0, 0]


def test_lists_that_nobody_uses_are_not_counted():
    from lmsample._library import MAX_LISTS
    from lmsample._pools import Lists
    from lmsample._requests import _list

    lists = Lists()
    kept = [_list(np.array([number], np.int32)) for number in range(MAX_LISTS // 2 + 2000)]
    for tokens in kept:
        lists.take(tokens)
    for _ in range(MAX_LISTS // 2 - 1000):
        lists.drop(lists.take(_list(np.zeros(1, np.int32))))
    assert lists.count > MAX_LISTS and lists.is_wasteful
    lists.pack()
    assert lists.count == len(kept) and not lists.is_wasteful
