"""The comparison with other samplers: its definitions, its peers, its timing and its results."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
sys.path.insert(0, str(BENCH))

import peers  # noqa: E402
import peers_beam  # noqa: E402
import peers_bits  # noqa: E402
import peers_common as common  # noqa: E402
import peers_install  # noqa: E402
import peers_reference as reference  # noqa: E402
import peers_torch  # noqa: E402
from peers_common import Absent, Strategy  # noqa: E402
from peers_flashinfer import FlashInfer  # noqa: E402
from peers_llama import LlamaCpp  # noqa: E402
from peers_openmp import OpenMP  # noqa: E402
from peers_ours import Ours, OursOnDevice, import_lmsample  # noqa: E402
from peers_torch import Torch, TorchSurvivors  # noqa: E402

STRATEGIES = list(common.STRATEGIES.values())


def run(*arguments: str, **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, "-B", str(BENCH / "peers.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def peer_or_skip(kind: Any) -> Any:
    try:
        return kind()
    except Absent as reason:
        pytest.skip(f"{kind.name}: {reason}")


@pytest.fixture(scope="module", params=[OpenMP, Torch, TorchSurvivors, LlamaCpp])
def peer(request):
    return peer_or_skip(request.param)


@pytest.fixture(scope="module")
def context():
    return import_lmsample().Context()


@pytest.fixture(scope="module", params=[Ours, OursOnDevice])
def ours(request, context):
    return request.param(import_lmsample(), context, "hugging-face")


# --- Definitions -----------------------------------------------------------------------------


def kept_by_hand(row, s):
    """As a reader would do it, token by token."""
    scaled = [float(x) / (s.temperature or 1.0) for x in row]
    left = sorted(range(len(row)), key=lambda i: -scaled[i])
    if s.is_greedy:
        return set(left[:1])
    if s.top_k:
        left = [i for i in left if scaled[i] >= scaled[left[min(s.top_k, len(left)) - 1]]]
    total = math.fsum(math.exp(scaled[i]) for i in left)
    nucleus, mass = [], 0.0
    for i in left:
        if mass < s.top_p * total:
            nucleus.append(i)
        mass += math.exp(scaled[i])
    best = math.exp(scaled[left[0]])
    return {i for i in nucleus if math.exp(scaled[i]) >= s.min_p * best}


@pytest.mark.parametrize("vocab", [2, 60, 3000])
@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_definitions(vocab, sigma):
    row = (np.random.default_rng(vocab).standard_normal(vocab) * sigma).astype(np.float32)
    for strategy in [*STRATEGIES, Strategy(0.7, 20, 0.8, 0.1), Strategy(top_p=1e-9)]:
        expected = kept_by_hand(row, strategy)
        found = reference.kept_by(row, strategy, True, 1e-4)
        assert found.number == len(expected)
        assert set(np.flatnonzero(found.must)) <= expected <= set(np.flatnonzero(found.may))
        assert found.may.sum() - found.must.sum() <= 2 + vocab // 100
        probs = reference.probabilities(row, strategy, True)
        assert set(np.flatnonzero(probs)) == expected
        assert probs.sum() == pytest.approx(1.0)


def test_definitions_of_ties():
    row = np.array([1, 3, 3, 3, 0, 2], np.float32)
    both = [reference.kept_by(row, Strategy(top_k=2), ties, 1e-4) for ties in (True, False)]
    assert [found.number for found in both] == [3, 2]
    assert both[0].must.tolist() == [False, True, True, True, False, False]
    assert both[1].must.tolist() == [False] * 6
    assert both[1].may.tolist() == [False, True, True, True, False, False]
    equal = reference.kept_by(np.zeros(1000, np.float32), Strategy(top_p=0.9), True, 1e-4)
    assert (equal.must.sum(), equal.may.sum(), equal.number) == (0, 1000, 900)


def test_checks_find_faults():
    row, strategy = reference.draws_row(), Strategy(top_k=3)
    found = reference.kept_by(row, strategy, True, 1e-4)
    ids = np.flatnonzero(found.must)
    reference.check_kept("peer", strategy, found, ids)
    wrong = [ids[:2], [*ids, int(np.argmin(row))], [*ids[:2], int(np.argmin(row))], [*ids, ids[0]]]
    for bad in wrong:
        with pytest.raises(reference.Wrong, match="peer: .* keeps"):
            reference.check_kept("peer", strategy, found, np.array(bad))
    with pytest.raises(reference.Wrong, match="which is cut"):
        reference.check_token("peer", strategy, found, int(np.argmin(row)))
    with pytest.raises(reference.Wrong, match="which is cut"):
        reference.check_token("peer", strategy, found, -1)
    equal = reference.kept_by(np.zeros(1000, np.float32), Strategy(top_p=0.9), True, 1e-4)
    with pytest.raises(reference.Wrong, match="keeps 850 tokens, by definition 900"):
        reference.check_count("peer", strategy, equal, 850)


@pytest.mark.parametrize("strategy", [Strategy(0.8), Strategy(top_k=50), Strategy(top_p=0.9)])
def test_draws_are_checked(strategy):
    row = reference.draws_row()
    generator = np.random.default_rng(3)

    def draw(probs):
        return lambda _: generator.choice(len(row), 4096, p=probs)

    right = reference.probabilities(row, strategy, True)
    reference.check_draws("peer", draw(right), row, strategy, True, 4)
    warmer = reference.probabilities(row, strategy._replace(temperature=1.0), True)
    for probs in ([warmer] if strategy.temperature != 1.0 else []) + [right**1.2, right + 1e-4]:
        with pytest.raises(reference.Wrong, match="deviations from the distribution"):
            reference.check_draws("peer", draw(probs / probs.sum()), row, strategy, True, 4)


# --- Logits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", common.SHAPES)
def test_shapes(shape):
    batch = common.make_batch(shape, 3, 20000, 1)
    assert batch.shape == (3, 20000) and batch.dtype == np.float32
    assert batch.flags.c_contiguous and np.isfinite(batch).all()
    x = batch.astype(np.float64)
    if shape in ("peaked", "flat"):
        assert x.std() == pytest.approx(5.0 if shape == "peaked" else 1.0, rel=0.02)
    elif shape == "dominant":
        probs = np.exp(x - x.max(axis=1, keepdims=True))
        assert (probs.max(axis=1) / probs.sum(axis=1)) == pytest.approx([0.9] * 3, rel=1e-4)
    elif shape == "equal":
        assert (x == x[:, :1]).all()
    elif shape == "zipf":
        ranked = -np.sort(-x, axis=1)
        expected = -1.1 * np.log(np.arange(1, 20001))
        np.testing.assert_allclose(ranked - ranked[:, :1], np.tile(expected, (3, 1)), atol=1e-5)
        assert (x[0] != x[1]).any()
    else:
        assert x.mean() == pytest.approx(0.5772, abs=0.03)
        assert x.var() == pytest.approx(math.pi**2 / 6, rel=0.05)


def test_batches_differ_and_are_bounded():
    made = peers.make_batches("flat", 2, 1000, 5)
    assert len(made) == 5 and all(batch.shape == (2, 1000) for batch in made)
    assert len({batch.tobytes() for batch in made}) == 5
    assert all(batch.flags.c_contiguous for batch in made)
    assert peers.batch_count(64, 128256, 100) == 3
    cache = max(common.llc_bytes(), 64 << 20)
    if common.memory_bytes() > 16 * cache:
        assert peers.batch_count(1, 1024, 1 << 20) * 4096 >= 4 * cache
    with pytest.raises(peers.Failure, match="512 rows of 128256 have .* more than --rotate 1"):
        peers.batch_count(512, 128256, 1)


def test_two_results_do_not_go_to_one_file(tmp_path):
    (tmp_path / "there").write_text("x")
    for one, other in (("new", "./new"), ("there", "link"), ("new", "d/../new")):
        (tmp_path / "d").mkdir(exist_ok=True)
        if not (tmp_path / "link").exists():
            (tmp_path / "link").hardlink_to(tmp_path / "there")
        assert peers.same_file(str(tmp_path / one), str(tmp_path / other))
        words = SimpleNamespace(json=str(tmp_path / one), csv=str(tmp_path / other))
        with pytest.raises(peers.Failure, match="--csv: .* is the file of --json"):
            peers.compare(words)
    assert not peers.same_file("/dev/null", "/dev/null")
    assert (tmp_path / "there").read_text() == "x"


def test_mixed_rows():
    rows = common.strategies_of(common.MIXED, 25)
    assert rows[:11] == STRATEGIES and rows[11:22] == STRATEGIES
    assert sorted(row for _, group in common.groups_of(rows) for row in group) == list(range(25))


# --- Peers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", common.SHAPES)
def test_kept(peer, shape):
    batch = common.make_batch(shape, len(STRATEGIES), 5000, 2)
    definitions = reference.Definitions(batch)
    peer.load([batch])
    for name in common.NAMES:
        rows = common.strategies_of(name, len(batch))
        if peer.plan(rows) is not None:
            assert reference.check_peer(peer, definitions, rows, 3) == 3


def test_draws(peer):
    peers.check_distributions(peer.name, peer)


def test_peers_have_strategies():
    class Fake(TorchSurvivors):
        def __init__(self):
            pass

    assert [s for s in STRATEGIES if Fake()._has(s)] == [s for s in STRATEGIES if s.top_k > 0]


class FakeFlashInfer:
    """FlashInfer's functions, by PyTorch on the CPU."""

    def __init__(self, torch):
        self.torch = torch

    def softmax(self, logits, temperature=None):
        column = self.torch.as_tensor(temperature).reshape(-1, 1)
        return self.torch.softmax(logits / column, dim=-1)

    def top_k_renorm_probs(self, probs, top_k):
        ranked = probs.sort(dim=-1, descending=True).values
        places = self.torch.as_tensor(top_k).reshape(-1, 1).expand(len(probs), 1).long() - 1
        probs = probs.where(probs >= ranked.gather(1, places), self.torch.zeros(()))
        return probs / probs.sum(dim=-1, keepdim=True)

    def top_p_renorm_probs(self, probs, top_p):
        ranked, ids = probs.sort(dim=-1, descending=True)
        before = ranked.cumsum(dim=-1) - ranked
        cut = before >= self.torch.as_tensor(top_p).reshape(-1, 1)
        probs = self.torch.zeros_like(probs).scatter(1, ids, ranked.masked_fill(cut, 0.0))
        return probs / probs.sum(dim=-1, keepdim=True)

    def sampling_from_probs(self, probs):
        return self.torch.multinomial(probs, 1)[:, 0].int()

    def sampling_from_logits(self, logits):
        return self.sampling_from_probs(self.softmax(logits, 1.0))

    def top_p_sampling_from_probs(self, probs, top_p):
        return self.sampling_from_probs(self.top_p_renorm_probs(probs, top_p))

    def min_p_sampling_from_probs(self, probs, min_p):
        least = self.torch.as_tensor(min_p).reshape(-1, 1) * probs.amax(dim=-1, keepdim=True)
        return self.sampling_from_probs(probs.masked_fill(probs < least, 0.0))

    def top_k_top_p_sampling_from_logits(self, logits, top_k, top_p):
        assert isinstance(top_k, int) and top_k <= logits.size(-1)
        probs = self.top_k_renorm_probs(self.softmax(logits, 1.0), top_k)
        return self.top_p_sampling_from_probs(probs, top_p)


def test_flashinfer_calls():
    """Which functions make up a strategy; the kernels themselves need a GPU."""
    torch = pytest.importorskip("torch")

    class OnCpu(FlashInfer):
        _on_cuda = False

        def __init__(self):
            super(FlashInfer, self).__init__()
            self._api = FakeFlashInfer(torch)

    peer = OnCpu()
    peers.check_distributions("flashinfer", peer)
    rows = common.strategies_of(common.MIXED, 4400)
    row = reference.draws_row()
    peer.load([np.tile(row, (len(rows), 1))])
    tokens = np.concatenate([peer.plan(rows)(0).reshape(-1, len(STRATEGIES)) for _ in range(9)])
    for drawn, strategy in zip(tokens.T, STRATEGIES):
        reference.check_draws("flashinfer", lambda _, d=drawn: d, row, strategy, True, 1)


def test_llama_details():
    peer = peer_or_skip(LlamaCpp)
    batch = common.make_batch("flat", 4, 2000, 1)
    peer.load([batch])
    peer.plan(common.strategies_of("top-p 0.9", 4))(0)
    details = peer.details()
    assert set(details) == {"fill_s", "apply_s"} and min(details.values()) > 0


def test_absent_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Absent, match="not installed: pip install torch"):
        Torch()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__="1.13.0a0+git"))
    with pytest.raises(Absent, match=r"PyTorch 1\.13\.0a0\+git is older than 2\.4"):
        Torch()
    least = (BENCH / "requirements-peers.txt").read_text(encoding="utf-8")
    assert f"torch>={'.'.join(map(str, peers_torch.LEAST_VERSION))}" in least
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(Absent, match="not installed: pip install llama-cpp-python"):
        LlamaCpp()


def test_absent_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(Absent, match="no C compiler"):
        OpenMP()
    failing = tmp_path / "cc"
    failing.write_text("#!/bin/sh\necho 'no -fopenmp here' >&2\nexit 1\n")
    failing.chmod(0o755)
    with pytest.raises(Absent, match="does not compile: no -fopenmp here"):
        OpenMP()


# --- lmsample --------------------------------------------------------------------------------


def test_ours(ours):
    batches = [common.make_batch("flat", 23, 3001, seed) for seed in (1, 2)]
    ours.load(batches)
    lmsample = import_lmsample()
    seeds = np.arange(1, 24)
    for step, name in enumerate(common.NAMES, start=ours._step + 1):
        rows = common.strategies_of(name, 23)
        tokens = ours.plan(rows)(step % 2)
        given = {field: [getattr(s, field) for s in rows] for field in Strategy._fields}
        expected = lmsample.sample(
            batches[step % 2], seed=seeds, step=step, preset="hugging-face", **given
        )
        np.testing.assert_array_equal(tokens, expected)
    peers.check_ours(ours, reference.Definitions(batches[0]), rows)
    if isinstance(ours, OursOnDevice):
        assert 0.0 < ours.details()["device_s"] < 10.0
        ours.close()


def test_wrong_counts_of_ours(context):
    class Few(Ours):
        def kept_counts(self, batch, strategies):
            return super().kept_counts(batch, strategies) - 1

    ours = Few(import_lmsample(), context, "vllm")
    batch = common.make_batch("peaked", 2, 3000, 1)
    ours.load([batch])
    with pytest.raises(reference.Wrong, match="lmsample: .* keeps 49 tokens, by definition 50"):
        peers.check_ours(ours, reference.Definitions(batch), [Strategy(top_k=50)] * 2)


# --- Beam search -----------------------------------------------------------------------------


def log_softmax(batch):
    x = batch.astype(np.float64)
    x -= x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def continued(batch, scores):
    """All continuations: [requests, beams * vocabulary]."""
    totals = log_softmax(batch) + scores.reshape(-1)[:, None]
    return totals.reshape(len(scores), -1)


def best_of(totals, width, vocab):
    at = np.argsort(-totals, axis=1, kind="stable")[:, :width]
    return peers_beam.Moves(at // vocab, at % vocab, np.take_along_axis(totals, at, axis=1))


@pytest.mark.parametrize("requests, width", [(1, 4), (3, 5), (6, 1)])
def test_our_beams(context, requests, width):
    vocab = 900
    batches = peers.make_batches("peaked", requests * width, vocab, 3)
    ours = peers_beam.OursBeams(import_lmsample(), context)
    ours.load(batches)
    ours.begin(requests, width)
    scores = np.full((requests, width), -1e9)
    scores[:, 0] = 0.0
    for batch in range(3):
        totals = continued(batches[batch], scores)
        theirs, found = best_of(totals, width, vocab), ours.step(batch)
        peers_beam.check_moves("here", totals, vocab, found, theirs)
        scores = found.scores.astype(np.float64)
    ours.close()


def test_our_beams_begin_anew(context, monkeypatch):
    monkeypatch.setattr(peers_beam, "LENGTH", 5)
    ours = peers_beam.OursBeams(import_lmsample(), context)
    ours.load(peers.make_batches("flat", 4, 50, 1))
    ours.begin(2, 2)
    found = [ours.step(0) for _ in range(9)]
    assert all((moves.tokens >= 0).all() for moves in found)
    ours.close()


def test_moves_are_checked():
    vocab, totals = 5, np.array([[-3.0, -1.0, -4.0, -1.00005, -5.0, -2.0, -6.0, -7, -8, -9]])
    right = best_of(totals, 3, vocab)
    assert right.tokens.tolist() == [[1, 3, 0]] and right.parents.tolist() == [[0, 0, 1]]
    peers_beam.check_moves("here", totals, vocab, right, right)
    # Scores that are closer than the tolerance may change places.
    near = right._replace(tokens=np.array([[3, 1, 0]]))
    peers_beam.check_moves("here", totals, vocab, near, right)
    wrong = [
        right._replace(tokens=np.array([[1, 3, 1]])),
        right._replace(parents=np.array([[0, 0, 0]])),
        right._replace(parents=np.array([[0, 0, 9]])),
        right._replace(tokens=np.array([[-1, 3, 0]])),
        right._replace(scores=right.scores + 2e-4),
    ]
    for found in wrong:
        with pytest.raises(reference.Wrong, match="lmsample: here, request 0, place "):
            peers_beam.check_moves("here", totals, vocab, found, right)
    with pytest.raises(reference.Wrong, match="there twice"):
        twice = right._replace(tokens=np.array([[3, 3, 0]]))
        peers_beam.check_moves("here", totals, vocab, twice, right)


def test_torch_beams(context):
    peer = peer_or_skip(peers_beam.TorchBeams)
    ours = peers_beam.OursBeams(import_lmsample(), context)
    batches = peers.make_batches("flat", 12, 3000, 2)
    ours.load(batches)
    peer.load(batches)
    assert peers_beam.check_beams(ours, peer, batches, 3, 4) == 36
    steps = peers_beam.steps_of(ours, peer)
    found = peers.time_pair(steps, 2, 3, 60)
    assert len(found.ours) == len(found.peer) == 3
    ours.close()


def test_results_of_beams(tmp_path):
    ran = run("--beam=2x4,3x1", "--vocab=1000", "--shape=flat", "--repeats=3", "--rotate=4",
              f"--json={tmp_path}/r.json", f"--csv={tmp_path}/r.csv")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["cases"] == [] and found["mode"] == "peers"
    if found["absent"]:
        assert [item["who"] for item in found["absent"]] == ["torch"] and found["beams"] == []
        return
    assert [(c["requests"], c["width"], c["rows"]) for c in found["beams"]] == [
        (2, 4, 8), (3, 1, 3)
    ]  # fmt: skip
    for case in found["beams"]:
        assert case["who"] == "torch" and case["strategy"] == "beam search"
        assert case["repeats"] == 3 and case["speedup"] > 0 and case["checked_rows"] > 0


# --- Time ------------------------------------------------------------------------------------


class Steps:
    """Two samplers and a clock that only they move."""

    def __init__(self, monkeypatch, ours_s, peer_s):
        self.now = 0.0
        clock = SimpleNamespace(perf_counter=lambda: self.now, sleep=lambda _: None)
        monkeypatch.setattr(peers, "time", clock)
        self.read = {"ours": [], "peer": []}
        self.pair = {
            "ours": (SimpleNamespace(details=dict), self.step("ours", ours_s)),
            "peer": (SimpleNamespace(details=lambda: {"device_s": 0.5}), self.step("peer", peer_s)),
        }

    def step(self, who, seconds):
        def run_one(batch):
            self.read[who].append(batch)
            self.now += seconds(len(self.read[who]))
            return np.zeros(1)

        return run_one


def test_pairs(monkeypatch):
    # The first two calls are not for the result, and the third is a slow one.
    steps = Steps(monkeypatch, lambda n: 1.0 + (n == 3), lambda n: 8.0 + 8.0 * (n == 3))
    found = peers.time_pair(steps.pair, 4, 9, 1e9)
    assert found.ours == [2.0] + [1.0] * 8 and found.peer == [16.0] + [8.0] * 8
    assert steps.read["ours"][2:] == [0, 1, 2, 3] * 2 + [0]
    assert steps.read["peer"][2:] == [2, 3, 0, 1] * 2 + [2]
    peer = SimpleNamespace(name="some", threads=3, preset="vllm")
    case = peers.make_case("greedy", "flat", peer, [np.zeros((4, 10), "f")] * 4, found, 4)
    assert case["speedup"] == 8.0 and case["median_s"] == 8.0 and case["lmsample_median_s"] == 1.0
    assert case["rows_per_s"] == 0.5 and case["gb_per_s"] == pytest.approx(160e-9 / 8.0)
    assert case["device_s"] == 0.5 and case["threads"] == 3 and case["repeats"] == 9
    assert len(peers.time_pair(steps.pair, 4, 9, 1.0).ours) == peers.LEAST_REPEATS


def test_short_steps(monkeypatch):
    """Every other one is not timed, and reads another batch."""
    monkeypatch.setattr(peers, "WARM", 0.0)
    steps = Steps(monkeypatch, lambda n: 0.003 - 0.002 * (n % 2 == 0), lambda n: 2.0)
    found = peers.time_pair(steps.pair, 8, 4, 1e9)
    assert found.ours == pytest.approx([0.001] * 4) and found.peer == [2.0] * 4
    assert steps.read["ours"][2:] == [2, 0, 3, 1, 4, 2, 5, 3]
    assert steps.read["peer"][2:] == [4, 5, 6, 7]


# --- All of it -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    ran = run(
        "--rows=12", "--vocab=3000", "--shape=flat", "--strategy=Top-k50,everyrowdifferent",
        "--peer=openmp,flashinfer,torch cuda", "--repeats=4", "--rotate=8",
        f"--json={folder}/r.json", f"--csv={folder}/r.csv",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran, json.loads((folder / "r.json").read_text()), folder / "r.csv"


def test_results(results):
    ran, found, table = results
    assert found["format"] == "lmsample-bench 1" and found["mode"] == "peers"
    assert found["machine"]["cores"] == common.cores()
    absent = {item["who"]: item["why"] for item in found["absent"]}
    assert set(absent) <= {"flashinfer", "torch cuda", "openmp"} and all(absent.values())
    if "openmp" in absent:
        pytest.skip(absent["openmp"])
    names = [(case["who"], case["strategy"]) for case in found["cases"]]
    assert names == [("openmp", "top-k 50"), ("openmp", common.MIXED)]
    for case in found["cases"]:
        assert (case["rows"], case["vocab"], case["shape"]) == (12, 3000, "flat")
        assert case["dtype"] == "float32" and case["repeats"] == 4 and case["batches"] >= 4
        assert case["median_s"] > 0 and case["lmsample_median_s"] > 0 and case["speedup"] > 0
        assert case["speedup_p5"] <= case["speedup"] <= case["speedup_p95"]
        assert case["median_s"] <= case["p95_s"] <= case["p99_s"]
    with table.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [(line["who"], line["strategy"]) for line in lines] == names
    assert float(lines[0]["speedup"]) == found["cases"][0]["speedup"]
    assert ran.stdout.count("openmp ") == 2


def test_results_are_read_by_the_report(results, monkeypatch):
    report_data = pytest.importorskip("report_data")
    run_ = report_data.read_run(results[1], "r.json", "")
    assert run_.is_of_peers and len(run_.cases) == len(results[1]["cases"])


def test_one_core():
    llama = peer_or_skip(LlamaCpp)
    assert llama.name in peers.ONE_CORE
    cases = [{"strategy": "greedy", "shape": "flat", "rows": 1, "vocab": 9, "who": who,
              "speedup": 4.0} for who in ("llama.cpp", "torch")]  # fmt: skip
    single = [{**cases[0], "speedup": 6.0, "median_s": 0.6, "lmsample_median_s": 0.1}]
    peers.add_one_core(cases, single)
    assert cases[0]["one_core_speedup"] == 6.0 and cases[0]["speedup"] == 4.0
    assert "one_core_speedup" not in cases[1]


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["--rows=0"], "argument --rows: is '0', must be a whole number from 1 to 65536"),
        (["--rows=1,x"], "argument --rows: is 'x', must be"),
        (["--shape=round"], "argument --shape: has 'round', must be of: peaked"),
        (["--strategy=top-q 1"], "argument --strategy: has 'top-q 1', must be of: greedy"),
        (["--peer=numpy"], "argument --peer: has 'numpy', must be of: torch"),
        (["--case-seconds=0"], "argument --case-seconds: is '0', must be"),
        (["--beam=4"], "argument --beam: has '4', must be REQUESTSxBEAMS, such as 16x4"),
        (["--beam=1x2000"], "argument --beam: is '2000', must be a whole number from 1 to 1024"),
        (["--beam", "--rows=4"], "argument --rows: is not for --beam"),
        (["--faster"], "unrecognized arguments: --faster"),
        (["--device=abacus"], "is named \"abacus\""),
        (["--json=/nowhere/r.json"], "/nowhere/r.json: the folder is not there"),
        (["--rows=65536", "--vocab=1048576", "--peer=openmp"], "more than --rotate 2048"),
    ],
)
def test_errors(arguments, line):
    ran = run(*arguments)
    assert ran.returncode in (1, 2) and ran.stderr.startswith("peers: ")
    assert line in ran.stderr and ran.stderr.count("\n") == 1


def test_no_library():
    ran = run("--check", LMSAMPLE_LIBRARY="/nowhere/liblmsample.so.0")
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1
    assert "the C library cannot be loaded: /nowhere/liblmsample.so.0" in ran.stderr


def test_bits(tmp_path, monkeypatch):
    """A device against itself, against what it gave before, and against what it did not give."""
    monkeypatch.setattr(peers_bits, "VOCABS", (1, 97, 1024))
    file = tmp_path / "bits.json"
    assert peers_bits.main(["", "", "--rows=12"]) == 0
    assert peers_bits.main(["--write", str(file), "--rows=12"]) == 0
    assert peers_bits.main(["--against", str(file)]) == 0
    known = json.loads(file.read_text())
    assert len(known["batches"]) == 3 * 3 * 6 * 4
    known["batches"]["97 float16 zipf joint"]["probs"] = "0"
    file.write_text(json.dumps(known))
    assert peers_bits.main(["--against", str(file)]) == 1
    assert peers_bits.main(["--against", str(tmp_path / "none")]) == 2
    for batch in known["batches"].values():
        batch["logits"] = "0"
    file.write_text(json.dumps(known))
    assert peers_bits.main(["--against", str(file)]) == 1  # nothing to compare is not equal


def test_install(monkeypatch, tmp_path, capsys):
    """Each package by itself, in the ways there are, and on without those that fail."""
    commands, there = [], set()

    def run_one(command, **options):
        commands.append(command)
        code = 1
        if command[1] == "-c":
            code = 0 if command[2].split()[1] in there else 1
        elif command[1:3] == ["-m", "venv"]:
            (tmp_path / "peers" / "bin").mkdir(parents=True)
            code = 0
        elif command[-1].startswith("llama"):
            there.add("llama_cpp")
            assert "GGML_NATIVE" in options["env"]["CMAKE_ARGS"]
        return subprocess.CompletedProcess(command, code, "", "")

    monkeypatch.setattr(peers_install.subprocess, "run", run_one)
    monkeypatch.setattr(peers_install, "has_nvidia", lambda: False)
    there.add("numpy")
    peers_install.install(tmp_path / "peers")
    said = capsys.readouterr().err.splitlines()
    assert said[:3] == [f"peers: {module} ..." for module in ("numpy", "torch")] + [
        f"peers: torch is not installed: see {tmp_path}/peers/torch.log"
    ]
    assert said[3:] == ["peers: llama_cpp ..."]
    installs = [command for command in commands if "install" in command]
    assert [command[-1].split(">")[0] for command in installs] == [
        "torch", "torch", "llama-cpp-python",
    ]  # fmt: skip
    assert "--index-url" in installs[0] and "--index-url" not in installs[1]
    monkeypatch.setattr(peers_install, "has_nvidia", lambda: True)
    assert [p.module for p in peers_install.packages()] == ["torch", "llama_cpp", "flashinfer"]
    assert peers_install.packages()[0].ways == [["torch>=2.4"]]


# --- The script for GPUs -----------------------------------------------------------------------


def gpu(*arguments: str, **environment: str) -> Any:
    return subprocess.run(
        ["bash", str(BENCH / "gpu.sh"), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments, line",
    [
        ([], "needs a folder for the results (--help)"),
        (["a", "b"], 'takes one folder for the results: "a" or "b"?'),
        (["--from"], "--from: needs a value"),
        (["--fast"], "there is no option --fast (--help lists them)"),
        (["out", "--rows", "many"], '"many" is not a number from 1 to 9999999'),
        (["out", "--pack", "there"], 'either measures or packs: leave out "out" or --pack'),
        (["--pack", "there", "--python", "2"], '--python: "2" is not like 3.12'),
    ],
)
def test_gpu_arguments(arguments, line):
    ran = gpu(*arguments)
    assert (ran.returncode, ran.stderr, ran.stdout) == (1, f"gpu.sh: {line}\n", "")


def test_gpu_missing_things(tmp_path):
    out, folder = str(tmp_path / "out"), str(tmp_path)
    ran = gpu(out, "--driver", "/nowhere/libnvidia-opencl.so.1", TMPDIR=folder)
    assert ran.returncode == 1 and "there is no file /nowhere/libnvidia-opencl.so.1" in ran.stderr
    ran = gpu(out, "--driver", "/bin/sh", "--from", str(tmp_path / "none"), TMPDIR=folder)
    assert ran.returncode == 1 and f"there is no folder {tmp_path}/none" in ran.stderr
    (tmp_path / "empty").mkdir()
    ran = gpu(out, "--driver", "/bin/sh", "--from", str(tmp_path / "empty"), TMPDIR=folder)
    assert ran.returncode == 1 and "has no debs/*.deb: make it with --pack" in ran.stderr
    ran = gpu(out, "--driver", "/bin/sh", CC="no-such-compiler", TMPDIR=folder)
    assert ran.returncode == 1 and "these commands are missing: no-such-compiler" in ran.stderr
    assert not list(tmp_path.glob("lmsample-gpu.*"))
