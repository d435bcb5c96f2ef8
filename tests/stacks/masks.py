"""How xgrammar and llguidance apply their own masks to logits, as installed."""

import importlib.metadata
import warnings

import llguidance.numpy
import numpy as np
import torch
import xgrammar
from compare import V, edited, lmsample, random_rows, same

VERSION = ", ".join(
    f"{name} {importlib.metadata.version(name)}" for name in ("xgrammar", "llguidance")
)
WORDS = (V + 31) // 32


def random_masks(random, rows, words=WORDS):
    masks = random.integers(-(2**31), 2**31, (rows, words)).astype(np.int32)
    masks[0] = -1
    return masks


def theirs(x, masks, indices=None):
    """By both, which must agree where both have such a call."""
    one = torch.from_numpy(x.copy())
    xgrammar.apply_token_bitmask_inplace(one, torch.from_numpy(masks), indices=indices)
    if indices is None:
        other = x.copy()
        llguidance.numpy.apply_token_bitmask_inplace(other, masks.copy())
        np.testing.assert_array_equal(one.numpy(), other)
    return one.numpy()


def case_masks(random, case):
    """a mask for each row; V does not fill the last word"""
    x = random_rows(random)
    masks = random_masks(random, len(x))
    for kind in (masks, masks.view(np.uint32), torch.from_numpy(masks)):
        found = edited(x, mask=kind, mask_index=np.arange(len(x)), history=[None] * len(x))
        same(found, theirs(x, masks))


def case_some_rows(random, case):
    """masks of some rows of a batch, others as they are"""
    x = random_rows(random)
    masks = random_masks(random, len(x))
    some = sorted(random.choice(len(x), int(random.integers(1, len(x))), replace=False).tolist())
    which = [row if row in some else -1 for row in range(len(x))]
    found = edited(x, mask=masks, mask_index=which, history=[None] * len(x))
    same(found, theirs(x, masks, some))


def case_longer_masks(random, case):
    """masks with words beyond the vocabulary, as of a model whose logits are padded"""
    x = random_rows(random)
    masks = random_masks(random, len(x), WORDS + 3)
    found = edited(x, mask=masks, mask_index=np.arange(len(x)), history=[None] * len(x))
    same(found, theirs(x, np.ascontiguousarray(masks[:, :WORDS])))


def case_shorter_masks(random, case):
    """tokens beyond the words of a mask are banned, as by llguidance; xgrammar leaves them"""
    x = random_rows(random)
    masks = random_masks(random, len(x), WORDS - int(random.integers(1, 5)))
    expected = x.copy()
    cut = 32 * masks.shape[1]
    llguidance.numpy.apply_token_bitmask_inplace(expected[:, :cut], masks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says so
        left = torch.from_numpy(x.copy())
        xgrammar.apply_token_bitmask_inplace(left, torch.from_numpy(masks))
    np.testing.assert_array_equal(left.numpy()[:, cut:], x[:, cut:])
    expected[:, cut:] = -np.inf
    same(edited(x, mask=masks, mask_index=np.arange(len(x)), history=[None] * len(x)), expected)


def case_a_mask_of_nothing(random, case):
    """nothing is left: there, a row of -inf; here, a status"""
    x = random_rows(random)
    masks = np.zeros((1, WORDS), np.int32)
    assert np.isneginf(theirs(x, np.repeat(masks, len(x), axis=0))).all()
    found = lmsample.sample(x, mask=masks, outputs=())
    assert (found.status == lmsample.ROW_EMPTY).all() and (found.tokens == -1).all()
