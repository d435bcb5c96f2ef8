"""What rows ask for: edits to the bit against edits_reference.py, what comes back, refusals."""

import edits_reference as plain
import lmsample
import numpy as np
import pytest
from lmsample import Edits

V = 100
X = (3 * np.random.default_rng(17).standard_normal((6, V))).astype(np.float32)
PROMPT, OUTPUT = [3, 14, 15, 92, 65, 3, 58], [97, 3, 23, 84, 62, 97, 3]
HISTORY = [(PROMPT, OUTPUT)] * len(X)
ALL = list(range(V))


def edited(x=X, **asked):
    """The logits as edited: those of all tokens, as named ones."""
    return lmsample.sample(
        x, named=ALL, logprobs_of="edited", as_logits=True, seed=1, **asked
    ).named_logprobs


def check(edits, expected, **more):
    found = edited(edits=edits, history=HISTORY, **more)
    np.testing.assert_array_equal(found, np.array([expected(row) for row in X]) + np.float32(0))


@pytest.mark.parametrize("preset", lmsample.EDIT_PRESETS)
@pytest.mark.parametrize("window", [0, 9])
def test_penalties(preset, window):
    numbers = dict(repetition=1.3, frequency=0.25, presence=0.5, window=window)
    check(Edits(preset=preset, **numbers),
          lambda row: plain.penalize(row, PROMPT, OUTPUT, preset, temperature=0.5, **numbers),
          temperature=0.5)  # fmt: skip


def test_flags_are_what_presets_are_made_of():
    flags = lmsample.FREQUENCY_PROMPT | lmsample.PRESENCE_PROMPT
    one = edited(edits=Edits(preset=flags, frequency=1.5), history=HISTORY)
    other = edited(edits=Edits(preset="llama.cpp", frequency=1.5), history=HISTORY)
    np.testing.assert_array_equal(one, other)
    assert (one != edited(edits=Edits(frequency=1.5), history=HISTORY)).any()


@pytest.mark.parametrize("bias", [
    {3: -1.5, 4: 2.25, 5: -np.inf},
    ([3, 4, 5], [-1.5, 2.25, -np.inf]),
    (np.array([3, 4, 4, 5]), np.array([-1.5, 1.25, 1.0, -np.inf], np.float32)),
])  # fmt: skip
def test_bias(bias):
    def expected(row):
        x = row.copy()
        x[3] += np.float32(-1.5)
        if len(bias) == 2 and len(bias[0]) == 4:
            x[4] = x[4] + np.float32(1.25) + np.float32(1.0)
        else:
            x[4] += np.float32(2.25)
        return plain.ban(x, [5])

    check(Edits(bias=bias), expected)


def test_a_bias_of_sequences():
    def expected(row):
        x = row.copy()
        x[7] += np.float32(2)
        x[9] += np.float32(1)
        return x

    check(Edits(sequence_bias={(97, 3, 7): 2.0, (9,): 1.0, (3, 97, 8): 5.0}), expected)


@pytest.mark.parametrize("edits, banned", [
    (dict(banned=[1, 2, 99]), [1, 2, 99]),
    (dict(allowed=[1, 2, 99]), sorted(set(ALL) - {1, 2, 99})),
    (dict(bad_words=[[5], [97, 3, 6], [3, 3, 8], [3, 9]]), [5, 6, 9]),
    (dict(end_tokens=[10, 11], min_tokens=8), [10, 11]),
    (dict(end_tokens=[10, 11], min_tokens=7), []),
    (dict(end_tokens=[10, 11], ignore_end=True), [10, 11]),
    (dict(ngram=1), sorted(set(PROMPT + OUTPUT))),
    (dict(ngram=2), sorted(plain.ends_of_ngrams(PROMPT + OUTPUT, 2))),
    (dict(ngram=3), [23]),
    (dict(encoder_ngram=2, encoder=[3, 50, 3, 51, 52]), [50, 51]),
])  # fmt: skip
def test_bans(edits, banned):
    check(Edits(**edits), lambda row: plain.ban(row, banned))


def test_bad_words_that_begin_in_the_prompt():
    history = [([97, 3], [5])] * 6
    for preset in (lmsample.BAD_WORDS_PROMPT, "hugging-face", "tensorrt-llm"):
        edits = Edits(bad_words=[[97, 3, 5, 6], [5, 7]], preset=preset)
        found = edited(edits=edits, history=history)
        np.testing.assert_array_equal(found, [plain.ban(row, [6, 7]) for row in X])
    found = edited(edits=Edits(bad_words=[[97, 3, 5, 6], [5, 7]]), history=history)
    np.testing.assert_array_equal(found, [plain.ban(row, [7]) for row in X])


def test_a_forced_token():
    found = lmsample.sample(X, edits=Edits(forced=42, banned=[42]), seed=1)
    assert found.tolist() == [42] * 6


def test_dry():
    tokens = [1, 2, 3, 4, 5, 1, 2, 3, 9, 2, 3, 7, 1, 2, 3]
    found = edited(edits=Edits(dry_multiplier=0.75), history=[tokens] * 6)
    expected = [plain.dry(row, tokens, 0.75) for row in X]
    np.testing.assert_array_equal(found, expected)
    assert (found != X).sum(axis=1).tolist() == [3] * 6
    # A breaker of one token within the repetition shortens it.
    broken = edited(edits=Edits(dry_multiplier=0.75, dry_breakers=[[2]]), history=[tokens] * 6)
    np.testing.assert_array_equal(broken, X)


def test_decay_of_end_tokens():
    def expected(row):
        x = row.copy()
        for token in (10, 11):
            x[token] = plain.fma(abs(x[token]), np.float32(1.5 * 1.5) - np.float32(1), x[token])
        return x

    check(Edits(end_tokens=[10, 11], decay_start=5, decay_factor=1.5), expected)


def test_decay_of_top_p():
    edits = Edits(top_p_decay=0.5, top_p_min=0.01)
    found = lmsample.sample(X, edits=edits, history=[OUTPUT[:2]] * 6, top_p=0.8, outputs="kept")
    expected = lmsample.sample(X, top_p=0.2, outputs="kept")
    assert found.kept.tolist() == expected.kept.tolist()


def test_guidance():
    found = edited(edits=Edits(guidance=1.5), unconditional=[3, 4, 5, -1, 0, 0])
    expected = [plain.guide(X[row], X[other], 1.5) for row, other in enumerate([3, 4, 5])]
    np.testing.assert_array_equal(found[:3], expected)
    np.testing.assert_array_equal(found[3], X[3])


def test_edits_come_one_after_another():
    edits = Edits(bias={3: 1.0, 97: -0.5}, repetition=1.2, frequency=0.1, presence=0.2,
                  banned=[14], bad_words=[[3, 15]])  # fmt: skip

    def expected(row):
        x = row.copy()
        x[3] += np.float32(1.0)
        x[97] += np.float32(-0.5)
        x = plain.penalize(x, PROMPT, OUTPUT, repetition=1.2, frequency=0.1, presence=0.2)
        return plain.ban(x, [14, 15])

    check(edits, expected)


def test_none_among_others_is_none():
    mask = np.zeros((2, V), bool)
    mask[0, 5], mask[1, 6] = True, True
    with_none = dict(
        target=[3, None, None], top_logprobs=[None, 2, None], mask_index=[None, 0, 1],
        unconditional=[None, 0, None], edits=[None, Edits(guidance=2.0), None],
    )  # fmt: skip
    spelled = dict(
        with_none, target=[3, -1, -1], top_logprobs=[0, 2, 0], mask_index=[-1, 0, 1],
        unconditional=[-1, 0, -1],
    )  # fmt: skip
    found = lmsample.sample(X[:3], seed=7, mask=mask, **with_none)
    expected = lmsample.sample(X[:3], seed=7, mask=mask, **spelled)
    assert found.tokens.tolist() == expected.tokens.tolist() == [3, 5, 6]
    np.testing.assert_array_equal(found.top_tokens, expected.top_tokens)


def test_rows_that_share_edits_and_rows_that_have_their_own():
    numbers = [None, dict(repetition=1.5), dict(banned=[0, 1, 2]), dict(repetition=1.5), None,
               dict(bias={1: 3.0})]  # fmt: skip
    rows = [None if n is None else Edits(**n) for n in numbers]
    found = edited(edits=rows, history=HISTORY)
    shared = [rows[1] if row == 3 else edits for row, edits in enumerate(rows)]
    np.testing.assert_array_equal(edited(edits=shared, history=HISTORY), found)
    for row, edits in enumerate(rows):
        alone = edited(X[row], edits=edits, history=HISTORY[0])
        np.testing.assert_array_equal(alone, found[row])
        assert (alone != X[row]).any() == (edits is not None)


def test_engines_values_of_off():
    off = Edits(repetition=None, frequency=0, presence=None, window=-1, ngram=None,
                dry_multiplier=0.0, dry_range=-1, min_tokens=0, guidance=1, decay_factor=0,
                forced=-1, top_p_reset=-1, bias={}, banned=[], bad_words=[])  # fmt: skip
    check(off, lambda row: row)
    with pytest.warns(lmsample.RowWarning):
        assert lmsample.sample(X, edits=Edits(allowed=[]), seed=1).tolist() == [-1] * 6


# --- Masks -------------------------------------------------------------------------------------


def bits_of(allowed):
    """As xgrammar writes them."""
    rows, vocab = allowed.shape
    padded = np.zeros((rows, -(-vocab // 32) * 32), np.uint8)
    padded[:, :vocab] = allowed
    return np.packbits(padded, axis=1, bitorder="little").view(np.int32)


ALLOWED = np.random.default_rng(3).random((6, V)) < 0.3
ALLOWED[:, 0] = True


@pytest.mark.parametrize("mask", [
    bits_of(ALLOWED), bits_of(ALLOWED).view(np.uint32), ALLOWED, ALLOWED.astype(np.uint8),
], ids=["int32", "uint32", "bool", "uint8"])  # fmt: skip
def test_masks(mask):
    found = edited(mask=mask)
    np.testing.assert_array_equal(found, np.where(ALLOWED, X, -np.inf))
    one = edited(mask=mask[2])
    np.testing.assert_array_equal(one, np.where(ALLOWED[2], X, -np.inf))
    some = edited(mask=mask[:2], mask_index=[1, -1, 0, 0, -1, 1])
    expected = [ALLOWED[1], True, ALLOWED[0], ALLOWED[0], True, ALLOWED[1]]
    np.testing.assert_array_equal(
        some, [np.where(allowed, row, -np.inf) for allowed, row in zip(expected, X)]
    )


def test_a_mask_that_is_too_short_bans_the_rest():
    found = edited(mask=np.full(2, -1, np.int32))
    np.testing.assert_array_equal(found[:, :64], X[:, :64])
    assert (found[:, 64:] == -np.inf).all()


def test_a_mask_in_other_layouts():
    wide = np.zeros((6, 2 * V), bool)
    wide[:, ::2] = ALLOWED
    np.testing.assert_array_equal(edited(mask=wide[:, ::2]), edited(mask=ALLOWED))
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(bits_of(ALLOWED))
    np.testing.assert_array_equal(edited(mask=tensor), edited(mask=ALLOWED))


def test_a_mask_that_leaves_nothing():
    nothing = ALLOWED.copy()
    nothing[4] = False
    with pytest.warns(lmsample.RowWarning, match="1 of 6 rows .* is row 4: .* or banned"):
        found = lmsample.sample(X, mask=nothing, seed=1)
    assert found[4] == -1 and (np.delete(found, 4) >= 0).all()


# --- What comes back ---------------------------------------------------------------------------


def test_outputs():
    bias = Edits(bias={7: 4.0}, banned=[8])
    outputs = ("raw_logprobs", "edited_logprobs", "logprobs", "raw_ranks", "ranks",
               "raw_entropies", "entropies")  # fmt: skip
    target = np.array([7, 8, 20, 7, 8, 20])
    found = lmsample.sample(X, edits=bias, target=target, temperature=0.5, outputs=outputs)
    assert found.tokens.tolist() == target.tolist()
    after = X.copy()
    after[:, 7] += np.float32(4.0)
    after[:, 8] = -np.inf
    raw, edits, processed = (
        np.array([plain.log_softmax(row) for row in rows]) for rows in (X, after, after * 2)
    )
    at = (np.arange(6), target)
    near = dict(atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found.raw_logprobs, raw[at], **near)
    np.testing.assert_allclose(found.edited_logprobs, edits[at], **near)
    np.testing.assert_allclose(found.logprobs, processed[at], **near)
    assert found.raw_ranks.tolist() == (X >= X[at][:, None]).sum(axis=1).tolist()
    dead = target == 8
    expected = (after >= after[at][:, None]).sum(axis=1)
    assert found.ranks[~dead].tolist() == expected[~dead].tolist()
    assert found.ranks[dead].tolist() == [V] * 2  # all that live, and itself

    def entropy(values):
        shares = np.exp(values)
        return -(shares * np.where(shares > 0, values, 0)).sum(axis=1)

    np.testing.assert_allclose(found.raw_entropies, entropy(raw), atol=1e-3)
    np.testing.assert_allclose(found.entropies, entropy(processed), atol=1e-3)


def test_ranks_from_0():
    from_1 = lmsample.sample(X, seed=1, outputs=("raw_ranks", "ranks"))
    from_0 = lmsample.sample(X, seed=1, outputs=("raw_ranks", "ranks"), ranks_from=0)
    assert (from_1.raw_ranks - from_0.raw_ranks == 1).all()
    assert (from_1.ranks - from_0.ranks == 1).all()


@pytest.mark.parametrize("of", ["raw", "edited", "processed"])
def test_top_tokens(of):
    edits = Edits(bias={7: 9.0})
    found = lmsample.sample(X, edits=edits, top_k=4, temperature=0.5, seed=1,
                            top_logprobs=[3, 5, 0, 1, 2, 3], logprobs_of=of)  # fmt: skip
    after = X.copy()
    if of != "raw":
        after[:, 7] += np.float32(9.0)
    assert found.top_tokens.shape == found.top_logprobs.shape == (6, 5)
    for row, count in enumerate([3, 5, 0, 1, 2, 3]):
        order = np.argsort(-after[row], kind="stable")
        values = plain.log_softmax(after[row])
        if of == "processed":
            values = plain.log_softmax(after[row][order[:4]] * 2)[np.argsort(order[:4])]
            count = min(count, 4)
            order = order[:4]
            values = dict(zip(sorted(order), values))
        assert found.top_tokens[row].tolist() == [*order[:count], *[-1] * (5 - count)]
        np.testing.assert_allclose(
            found.top_logprobs[row, :count], [values[t] for t in order[:count]], atol=1e-5
        )
        assert np.isnan(found.top_logprobs[row, count:]).all()


def test_named_tokens():
    found = lmsample.sample(X, seed=1, named=[[5, 7], None, [9], [], [1, 2, 3], [0]])
    assert found.named_logprobs.shape == (6, 3)
    for row, tokens in enumerate([[5, 7], [], [9], [], [1, 2, 3], [0]]):
        np.testing.assert_allclose(found.named_logprobs[row, : len(tokens)],
                                   plain.log_softmax(X[row])[tokens], atol=1e-5)  # fmt: skip
        assert np.isnan(found.named_logprobs[row, len(tokens) :]).all()


def test_one_row():
    found = lmsample.sample(X[0], top_logprobs=2, history=[3, 3], edits=Edits(ngram=1), seed=1)
    best = np.argsort(-X[0])[:2]
    assert found.top_tokens.tolist() == best.tolist()
    assert found.top_logprobs.shape == (2,) and found.tokens.ndim == 0


def test_prompt_log_probabilities():
    """All positions of a prompt in one call, each with the next token as its target."""
    tokens = [4, 8, 15, 16, 23, 42]
    found = lmsample.sample(X, target=tokens, outputs="raw_logprobs", seed=1)
    expected = [plain.log_softmax(row)[token] for row, token in zip(X, tokens)]
    np.testing.assert_allclose(found.raw_logprobs, expected, atol=1e-5)
    assert found.tokens.tolist() == tokens


def test_skipped_rows():
    found = lmsample.sample(X, index=[0, -1, 2], seed=1, top_logprobs=2, named=[1, 2],
                            outputs=("ranks", "entropies"))  # fmt: skip
    assert found.tokens[1] == -1 and found.ranks[1] == 0 and np.isnan(found.entropies[1])
    assert found.top_tokens[1].tolist() == [-1, -1] and np.isnan(found.top_logprobs[1]).all()
    assert np.isnan(found.named_logprobs[1]).all()


def test_without_rows():
    found = lmsample.sample(X[:0], edits=Edits(banned=[1]), top_logprobs=3, history=[])
    assert found.tokens.shape == (0,)


def test_rows_in_parts():
    """More rows than the sampler has at once: tables and what rows name go along."""
    edits = [Edits(banned=[row], bias={row + 1: float(row)}) for row in range(6)]
    asked = dict(edits=edits, mask=ALLOWED, seed=1, top_logprobs=4, logprobs_of="edited")
    whole = lmsample.sample(X, **asked)
    with lmsample.Sampler(V, max_rows=2, requests=True, outputs="top_logprobs") as sampler:
        found = sampler.sample(X, **asked)
    for name in ("tokens", "top_tokens", "top_logprobs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_other_types_of_logits():
    for dtype in (np.float16, np.float32):
        rows = X.astype(dtype)
        found = edited(rows, edits=Edits(bias={3: 1.5}))
        expected = rows.astype(np.float32)
        expected[:, 3] += np.float32(1.5)
        np.testing.assert_array_equal(found, expected)


# --- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, message", [
    (dict(repetition=0), r"repetition: is 0, must be from 2\^-24 to 2\^24"),
    (dict(repetition=np.nan), "repetition: is nan, must be"),
    (dict(frequency=np.inf), "frequency: is inf, must be a finite number"),
    (dict(window=-2), r"window: is -2, must be a whole number from 0 to 2\^32 - 1"),
    (dict(min_tokens=-1), "min_tokens: is -1"),
    (dict(dry_multiplier=-0.5), r"dry_multiplier: is -0\.5, must be a finite number from 0"),
    (dict(dry_base=0.5), r"dry_base: is 0\.5, must be a finite number from 1"),
    (dict(decay_factor=0.5), r"decay_factor: is 0\.5, must be a finite number from 1"),
    (dict(top_p_decay=1.5), r"top_p_decay: is 1\.5, must be from 0 to 1"),
    (dict(guidance=np.nan), "guidance: is nan"),
    (dict(preset="VLLM"), "preset: is 'VLLM', must be vllm, hugging-face, llama.cpp"),
    (dict(preset=2048), "preset: is 2048"),
    (dict(preset=True), "preset: is True"),
    (dict(preset=256), "preset: is 256"),
    (dict(bias={-1: 1.0}), r"bias\[0\]: is -1, must be a token"),
    (dict(bias=([1, 2], [1.0])), "bias: has 1 values, must have 2"),
    (dict(bias={3: np.nan}), "bias: value 0 is NaN"),
    (dict(bias={3: 1e300}), r"bias: value 0 is 1e\+300, must be infinite, or a number that"),
    (dict(bias=[1, 2, 3]), "bias: has 3 parts, must be {token: value}"),
    (dict(bad_words=[[1], []]), r"bad_words\[1\]: is empty"),
    (dict(bad_words=[[1], [2, -3]]), r"bad_words\[1\]\[1\]: is -3, must be a token"),
    (dict(banned=np.zeros((2, 2), int)), r"banned: has shape \(2, 2\)"),
    (dict(forced=-2), "forced: is -2, must be a token"),
])  # fmt: skip
def test_edits_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Edits(**arguments)


@pytest.mark.parametrize("arguments, message", [
    (dict(repetition="1"), "repetition: '1' is not a number"),
    (dict(frequency=True), "frequency: True is not a number"),
    (dict(ngram=1.5), r"ngram: 1\.5 is not a whole number"),
    (dict(banned=[1.5]), r"banned: 1\.5 is not a whole number"),
    (dict(banned=5), "banned: is a int, must be a sequence of tokens"),
    (dict(bad_words=[1, 2]), r"bad_words\[0\]: is a int, must be a sequence of tokens"),
    (dict(bias={5: "x"}), "bias: its values must be numbers"),
    (dict(bias=5), "bias: is a int, must be"),
])  # fmt: skip
def test_edits_of_a_wrong_type(arguments, message):
    with pytest.raises(TypeError, match=message):
        Edits(**arguments)


@pytest.mark.parametrize("arguments, message", [
    (dict(edits=Edits(banned=[3, V])), "edits: banned has token 100, must be below 100"),
    (dict(edits=Edits(forced=V)), "edits: forced is 100, must be below 100"),
    (dict(edits=[None] * 5), "edits: has 5 rows, must have one for each of 6"),
    (dict(mask=np.zeros((2, 4), np.int32)), "mask: has 2 rows, must have 1 or the 6"),
    (dict(mask=np.zeros((2, 2, 4), np.int32)), r"mask: has shape \(2, 2, 4\)"),
    (dict(mask=np.zeros((2, 4), np.int32), mask_index=[0, 1, 2, 0, 0, 0]),
     r"mask_index\[2\]: is 2, must be a row of the mask, 0 to 1, or -1"),
    (dict(unconditional=6), "unconditional: is 6, must be a row of the logits, 0 to 5, or -1"),
    (dict(target=[0, 1, 2, V, 4, 5]), r"target\[3\]: is 100, must be a token, 0 to 99, or -1"),
    (dict(top_logprobs=1025), "top_logprobs: is 1025, must be a whole number from 0 to 1024"),
    (dict(named=[[1]] * 5), "named: has 5 lists, must have one for each of 6"),
    (dict(named=[V]), "named: has token 100, must be below 100"),
    (dict(named=[0] * 129), "named: has 129 tokens, must have at most 128"),
    (dict(logprobs_of="cooked"), "logprobs_of: is 'cooked', must be raw, edited or processed"),
    (dict(top_logprobs=1, logprobs_of="processed", as_logits=True), "as_logits: must be with"),
    (dict(ranks_from=2), "ranks_from: is 2, must be 0 or 1"),
    (dict(history=[[1]] * 5), "history: has 5 rows, must have one for each of 6"),
    (dict(history=[[1, -1], *[None] * 5]), r"history\[0\]\[1\]: is -1, must be a token"),
    (dict(history=[{"input": [1]}, *[None] * 5]), r"history\[0\]: has 'input', must have"),
    (dict(history=[[V], *[None] * 5], edits=Edits(ngram=1)), "100"),
    (dict(outputs="top"), "outputs: has 'top', must be of"),
])  # fmt: skip
def test_calls_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        lmsample.sample(X, **arguments)


def test_calls_of_a_wrong_type():
    with pytest.raises(TypeError, match="edits: row 1 is a dict, must be lmsample.Edits or None"):
        lmsample.sample(X, edits=[None, {}, None, None, None, None])
    with pytest.raises(TypeError, match="edits: is a int, must be a sequence"):
        lmsample.sample(X, edits=5)
    with pytest.raises(TypeError, match=r"history\[0\]: is a int, must be a sequence of tokens"):
        lmsample.sample(X, history=[1, 2, 3, 4, 5, 6])
    with pytest.raises(TypeError, match="mask: has values of type float64"):
        lmsample.sample(X, mask=np.zeros((6, V)))
    with pytest.raises(TypeError, match="mask: is a list"):
        lmsample.sample(X, mask=[1, 2, 3])


def test_samplers_that_were_not_made_for_it():
    with lmsample.Sampler(V) as sampler:
        with pytest.raises(ValueError, match="need a sampler made with requests=True"):
            sampler.sample(X, edits=Edits(banned=[1]))
    with lmsample.Sampler(V, requests=True, outputs="raw_logprobs") as sampler:
        with pytest.raises(ValueError, match='dry_multiplier needs .* requests="dry"'):
            sampler.sample(X, edits=Edits(dry_multiplier=1.0))
        with pytest.raises(ValueError, match="history: needs a sampler made with slots"):
            sampler.sample(X, history=[[1]] * 6)
        with pytest.raises(ValueError, match="slots: needs a sampler made with slots"):
            sampler.sample(X, slots=[1] * 6)
        with pytest.raises(ValueError, match='top_logprobs: needs .* outputs="top_logprobs"'):
            sampler.sample(X, top_logprobs=3)
        with pytest.raises(ValueError, match="append: must be with slots"):
            sampler.sample(X, append=True)
    with pytest.raises(ValueError, match='requests: is "all"|requests: is \'all\''):
        lmsample.Sampler(V, requests="all")
