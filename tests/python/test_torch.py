"""PyTorch tensors on the CPU, where PyTorch is."""

import subprocess
import sys

import numpy as np
import pytest

import lmsample

ALL = ("logprobs", "raw_logprobs", "kept", "probs")


def test_torch_is_not_imported():
    code = (
        "import sys, numpy, lmsample; lmsample.sample(numpy.ones((2, 3), 'f'));"
        "assert 'torch' not in sys.modules and 'ml_dtypes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-B", "-c", code], check=True)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def x(torch):
    return torch.randn(6, 300, generator=torch.Generator().manual_seed(1)) * 3


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_types(torch, x, name):
    y = x.to(getattr(torch, name))
    expected = lmsample.sample(y.float().numpy(), seed=range(6), top_k=50, outputs=ALL)
    layouts = [y, y.clone().requires_grad_(), y.T.contiguous().T, y.repeat_interleave(2, 0)[::2]]
    for z in layouts:
        found = lmsample.sample(z, seed=torch.arange(6), top_k=torch.tensor(50), outputs=ALL)
        for field in ("tokens", "status", *ALL):
            one, other = getattr(found, field), getattr(expected, field)
            assert isinstance(one, torch.Tensor)
            np.testing.assert_array_equal(one.numpy(), other)
    assert found.tokens.dtype == torch.int32 and found.status.dtype == torch.int32
    assert found.probs.dtype == torch.float32
    sampler = lmsample.Sampler(300, getattr(torch, name))
    assert torch.equal(sampler.sample(y, seed=range(6), top_k=50).tokens, found.tokens)


def test_parameters_that_are_tensors(torch, x):
    """As engines have them: [rows, 1], of any type, seeds signed."""
    expected = lmsample.sample(
        x.numpy(), temperature=[0.5, 1, 2] * 2, top_p=0.75, seed=[2**64 - 1 - row for row in range(6)]
    )
    for kind in (torch.float64, torch.float32, torch.bfloat16):
        temperature = torch.tensor([0.5, 1, 2] * 2, dtype=kind)[:, None].requires_grad_()
        top_p = torch.full((6, 1), 0.75, dtype=kind)
        seed = -1 - torch.arange(6)
        found = lmsample.sample(x, temperature=temperature, top_p=top_p, seed=seed)
        np.testing.assert_array_equal(found.numpy(), expected)
    with pytest.raises(TypeError, match="temperature: is a tensor on meta, must be on the CPU"):
        lmsample.sample(x, temperature=torch.ones(6, device="meta"))


def test_one_dimension(torch, x):
    for wanted in ("int64", torch.int64):
        token = lmsample.sample(x[2], temperature=0.0, token_dtype=wanted)
        assert token.shape == () and token.dtype == torch.int64
    assert token.item() == x[2].argmax().item()
    assert lmsample.sample(x[:0]).shape == (0,)


def test_expanded(torch, x):
    found = lmsample.sample(x[0].expand(50, 300), seed=range(50))
    expected = lmsample.sample(np.broadcast_to(x[0].numpy(), (50, 300)), seed=range(50))
    np.testing.assert_array_equal(found.numpy(), expected)


def test_not_copied_nor_changed(torch, x):
    read = lmsample._logits.prepare(x, None)
    assert read.memory.__array_interface__["data"][0] == x.data_ptr()
    brain = x.to(torch.bfloat16)
    read = lmsample._logits.prepare(brain[1:], None)
    assert read.memory.__array_interface__["data"][0] == brain[1:].data_ptr()
    before = x.clone()
    lmsample.sample(x, seed=3)
    assert torch.equal(x, before)


def test_refused(torch, x):
    with pytest.raises(TypeError, match=r"type torch\.float64, must be .*\.to\(torch\.float32\)"):
        lmsample.sample(x.double())
    with pytest.raises(TypeError, match="is a tensor on meta, must be on the CPU"):
        lmsample.sample(x.to("meta"))
    with pytest.raises(TypeError, match=r"torch\.sparse_coo tensor, must be dense"):
        lmsample.sample(x.to_sparse())
    with pytest.raises(TypeError, match="of type bfloat16, must be float32, as dtype says"):
        lmsample.sample(x.to(torch.bfloat16), dtype="float32")
