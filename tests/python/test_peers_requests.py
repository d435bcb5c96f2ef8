"""Requests beside vLLM's sampler in PyTorch and llama.cpp: greedy tokens with the same edits
agree with the definition, and so with each other."""

import json
import sys

import numpy as np
import pytest
from test_peers import BENCH, peer_or_skip, run

sys.path.insert(0, str(BENCH))

import peers  # noqa: E402
import peers_reference as reference  # noqa: E402
import peers_requests as requests  # noqa: E402
from peers_ours import import_lmsample  # noqa: E402

ROWS, VOCAB = 5, 3000


@pytest.fixture(scope="module")
def context():
    return import_lmsample().Context()


@pytest.fixture(scope="module")
def world():
    return requests.World(ROWS, VOCAB)


@pytest.fixture(scope="module")
def batches():
    return peers.make_batches("flat", ROWS, VOCAB, 2)


def test_edits_matter(world, batches):
    """Else nothing would be compared: every ask has another best token in most rows."""
    for name, ask in requests.ASKS.items():
        for counts_prompt in (False, True):
            found = [int(requests.edited(world, row, batches[0][row], ask, counts_prompt).argmax())
                     for row in range(ROWS)]
            changed = np.count_nonzero(np.array(found) != batches[0].argmax(axis=1))
            assert changed == 0 if name == "top 20" else changed >= 2, name


def test_bits(world):
    bits = world.bits()
    for row, token in ((0, 0), (1, 31), (2, 32), (4, VOCAB - 1)):
        assert bool(bits[row, token // 32] >> (token % 32) & 1) == world.allowed[row, token]


def begun(who, world, batches):
    who.load(batches)
    who.begin(world)
    return who


@pytest.mark.parametrize("counts_prompt", [False, True])
def test_ours_is_as_defined(context, world, batches, counts_prompt):
    ours = begun(requests.OursRequests(import_lmsample(), context, counts_prompt), world, batches)
    for ask in requests.ASKS.values():
        for batch in range(2):
            tokens = ours.ask(ask, 0.0)(batch)
            assert requests.check_greedy("here", world, batches[batch], ask, counts_prompt,
                                         tokens) == ROWS
        drawn = [ours.ask(ask, requests.TEMPERATURE)(0) for _ in range(2)]
        assert all(((0 <= tokens) & (tokens < VOCAB)).all() for tokens in drawn)
    ours.close()


def test_wrong_tokens_are_found(world, batches):
    ask = requests.ASKS["penalties"]
    x = [requests.edited(world, row, batches[0][row], ask, False) for row in range(ROWS)]
    tokens = np.array([int(one.argmax()) for one in x])
    requests.check_greedy("here", world, batches[0], ask, False, tokens)
    for wrong in (int(x[3].argmin()), -1, VOCAB):
        tokens[3] = wrong
        with pytest.raises(reference.Wrong, match=f"here: .*row 3 has token {wrong}, the"):
            requests.check_greedy("here", world, batches[0], ask, False, tokens)


@pytest.mark.parametrize("kind", [requests.TorchRequests, requests.LlamaRequests])
def test_peers_agree(context, world, batches, kind):
    peer = begun(peer_or_skip(kind), world, batches)
    ours = begun(requests.OursRequests(import_lmsample(), context, peer.counts_prompt), world,
                 batches)
    names = []
    for name, ask in requests.ASKS.items():
        if peer.ask(ask, 1.0) is not None:
            assert requests.check_asks(ours, peer, batches, world, ask) == ROWS
            names.append(name)
    assert len(names) == (3 if kind is requests.LlamaRequests else 7)
    ours.close()


@pytest.mark.parametrize("words, says", [
    (["--requests=speed"], "speed"),
    (["--requests", "--strategy", "greedy"], "--strategy"),
    (["--requests", "--beam"], "--beam"),
])
def test_wrong_options(words, says):
    done = run(*words)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1


def test_results(tmp_path):
    """Peers that are not there are named; those that are there have cases."""
    file = tmp_path / "r.json"
    done = run("--requests=penalties,mask", "--rows", "3", "--vocab", "2000", "--shape", "flat",
               "--repeats", "3", "--rotate", "1", "--json", str(file))
    assert done.returncode == 0, done.stderr
    got = json.loads(file.read_text(encoding="utf-8"))
    absent = {one["who"] for one in got["absent"]}
    here = {(case["who"], case["strategy"]) for case in got["requests"]}
    wanted = {("torch", "penalties"), ("torch", "mask"), ("llama.cpp", "penalties")}
    assert got["cases"] == [] and here == {one for one in wanted if one[0] not in absent}
    for case in got["requests"]:
        assert case["checked_rows"] == 3 and 0 < case["speedup_p5"] <= case["speedup"]
