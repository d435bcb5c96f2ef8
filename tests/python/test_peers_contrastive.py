"""Contrastive search beside PyTorch: choices and figures are checked, and the results say what was
compared."""

import json
import sys

import numpy as np
import pytest
from test_peers import BENCH, peer_or_skip, run

sys.path.insert(0, str(BENCH))

import peers  # noqa: E402
import peers_contrastive as contrastive  # noqa: E402
import peers_reference as reference  # noqa: E402
from peers_ours import import_lmsample  # noqa: E402

SIZE = contrastive.Size(3, 40, 70, 4)


@pytest.fixture(scope="module")
def context():
    return import_lmsample().Context()


@pytest.mark.parametrize("dtype", contrastive.DTYPES)
@pytest.mark.parametrize("size", [SIZE, contrastive.Size(1, 1, 1, 1),
                                  contrastive.Size(2, 65, 129, 17)])  # fmt: skip
def test_all_choose_the_same(context, size, dtype):
    torch_peer = peer_or_skip(contrastive.TorchContrastive)
    cached = contrastive.TorchCached()
    ours = contrastive.OursContrastive(import_lmsample(), context)
    states = contrastive.States(torch_peer.torch, size, dtype, 2)
    for one in (ours, torch_peer, cached):
        one.begin(states)
    checked = contrastive.check_contrastive(ours, [torch_peer, cached], states)
    assert checked == 2 * size.requests * size.k
    # Our contexts have the chosen states now: for the same candidates, a cosine of 1.
    ours.step(0, True)
    assert np.all(ours.figures[1].max(axis=1) > 0.99)
    found = peers.time_pair(contrastive.steps_of(ours, cached), 2, 3, 60)
    assert len(found.ours) == len(found.peer) == 3
    ours.close()


def test_our_contexts_begin_anew(context, monkeypatch):
    torch_peer = peer_or_skip(contrastive.TorchContrastive)
    monkeypatch.setattr(contrastive, "ROOM", 3)
    ours = contrastive.OursContrastive(import_lmsample(), context)
    ours.begin(contrastive.States(torch_peer.torch, SIZE, "float32", 1))
    first = ours.step(0).tolist()
    assert [ours.step(0).tolist() for _ in range(6)][2] == first
    ours.close()


def test_choices_and_figures_are_checked():
    scores = np.array([[0.1, 0.4, 0.39995], [0.3, 0.2, 0.1]])
    contrastive.check_choices("torch", "here", scores, np.array([2, 0]), 1e-4)
    for chosen in ([0, 0], [1, 1], [3, 0], [-1, 0]):
        with pytest.raises(reference.Wrong, match="torch: here, request [01]: chose "):
            contrastive.check_choices("torch", "here", scores, np.array(chosen), 1e-5)
    contrastive.check_figures("here", scores, scores + 5e-5)
    for found in (scores + 2e-4, np.full_like(scores, np.nan)):
        with pytest.raises(reference.Wrong, match="lmsample: here: a figure is off by "):
            contrastive.check_figures("here", scores, found)


def test_results(tmp_path):
    ran = run("--contrastive=2x50x64x3,1x9x8x2", "--dtype=float32,bfloat16", "--repeats=3",
              "--rotate=1", f"--json={tmp_path}/r.json", f"--csv={tmp_path}/r.csv")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["cases"] == [] and found["mode"] == "peers"
    if found["absent"]:
        assert [item["who"] for item in found["absent"]] == ["torch"]
        assert found["contrastive"] == []
        return
    assert [(c["requests"], c["width"], c["dtype"], c["who"]) for c in found["contrastive"]] == [
        (*size, dtype, who)
        for size in ((2, 64), (1, 8))
        for dtype in ("float32", "bfloat16")
        for who in ("torch", "torch cached")
    ]
    for case in found["contrastive"]:
        assert case["call"] == "select" and case["strategy"] == "contrastive search"
        assert case["repeats"] == 3 and case["speedup"] > 0 and case["checked_rows"] > 0


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["--contrastive=8x4"], "has '8x4', must be REQUESTSxCONTEXTxWIDTHxCANDIDATES"),
        (["--contrastive=8x4x4x65"], "is '65', must be a whole number from 1 to 64"),
        (["--contrastive", "--vocab=4"], "argument --vocab: is not for --contrastive"),
        (["--contrastive", "--dtype=int8"], "argument --dtype: has 'int8', must be of: float32"),
        (["--contrastive=4096x9999x99x1"], "more than --rotate 2048"),
    ],
)
def test_errors(arguments, line):
    ran = run(*arguments)
    if ran.returncode == 0 and "absent" in ran.stdout:
        pytest.skip("PyTorch is not here")
    assert ran.returncode in (1, 2) and ran.stderr.startswith("peers: ")
    assert line in ran.stderr and ran.stderr.count("\n") == 1
