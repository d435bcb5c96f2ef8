"""What the cases of all stacks share: rows of lmsample as it edits them, and their comparison."""

import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

import lmsample  # noqa: E402

V = 300  # three lists of named tokens, and no whole number of words
ROWS = 4
PIECE = 128
CASES = 12  # of random histories
changes = []  # of each call of edited(): did edits change a logit?


def random_rows(random, rows=ROWS):
    """Logits with ties, both zeros, and tokens that a mask has banned already."""
    x = (3 * random.standard_normal((rows, V))).astype(np.float32)
    x[:, ::7] = np.round(x[:, ::7])
    x[:, 5], x[:, 6] = 0.0, -0.0
    x[random.random((rows, V)) < 0.05] = -np.inf
    x[:, V - 1] = 1.5  # some token is always left
    return x


def random_tokens(random, count, rows=ROWS):
    """Few different ones, so that they repeat; the first and the last id among them."""
    some = np.concatenate([[0, 5, 6, V - 1], random.integers(0, V, 6)])
    return random.choice(some, (rows, count))


def lengths(random, case):
    """Of prompt and output: none, few, many, more than a page of a slot."""
    some = [(0, 0), (3, 0), (0, 2), (1, 1), (2, 3), (40, 0), (0, 40), (300, 400)]
    return some[case] if case < len(some) else tuple(map(int, random.integers(0, 60, 2)))


def histories(prompt, output):
    return [(list(map(int, p)), list(map(int, o))) for p, o in zip(prompt, output)]


def edited(x, **asked):
    """The rows as they are after edits, as logits: all their tokens, as named ones."""
    pieces = [list(range(begin, min(begin + PIECE, V))) for begin in range(0, V, PIECE)]
    rows = len(asked["history"])
    index = np.repeat(np.arange(rows), len(pieces))
    for name in ("history", "edits"):
        if isinstance(asked.get(name), list):
            asked[name] = [item for item in asked[name] for _ in pieces]
    for name in ("mask_index", "unconditional"):
        if name in asked:
            asked[name] = np.repeat(asked[name], len(pieces))
    found = lmsample.sample(x, index=index, named=pieces * rows, logprobs_of="edited",
                            as_logits=True, seed=1, **asked).named_logprobs  # fmt: skip
    parts = found.reshape(rows, len(pieces), PIECE)
    whole = np.concatenate([parts[:, i, :len(piece)] for i, piece in enumerate(pieces)], axis=1)
    changes.append((whole != x[:rows]).any())
    return whole


def same(found, theirs, scale=None, ulps=4):
    """Equal but for rounding: `scale` is the largest number that was added or subtracted, of all of
    them or of each."""
    theirs = np.asarray(theirs, np.float64)
    found = np.asarray(found, np.float64)
    infinite = ~np.isfinite(theirs)
    np.testing.assert_array_equal(np.isfinite(found), ~infinite)
    np.testing.assert_array_equal(found[infinite], theirs[infinite])
    size = np.maximum(np.abs(theirs), 0 if scale is None else scale)[~infinite]
    bad = np.abs(found[~infinite] - theirs[~infinite]) > ulps * 2.0**-23 * size + 2.0**-60
    assert not bad.any(), (found[~infinite][bad][:5], theirs[~infinite][bad][:5])
