"""Slots: what they hold is what was opened, appended, taken back, copied and moved; and what a
sampler does with it is what it does with the same history."""

import gc
import subprocess
import sys

import lmsample
import numpy as np
import pytest
from lmsample import Edits, Slots

V = 100
X = (3 * np.random.default_rng(4).standard_normal((4, V))).astype(np.float32)


@pytest.fixture(scope="module")
def context():
    return lmsample.Context()


@pytest.fixture
def slots(context):
    made = Slots(V, 8, 600, device=context)
    yield made
    made.close()


def held(slots, name):
    prompt, output = slots.export(name)
    assert prompt.dtype == output.dtype == np.int32
    return prompt.tolist(), output.tolist()


def test_what_is_opened_is_there(slots):
    long = np.arange(600) % V
    names = slots.open([[1, 2, 3], (), long], [[4], None, []])
    assert names.dtype == np.uint64 and len(set(names.tolist())) == 3 and (names > 0).all()
    assert held(slots, names[0]) == ([1, 2, 3], [4])
    assert held(slots, names[1]) == ([], [])
    assert held(slots, names[2]) == (long.tolist(), [])
    assert [slots.length(name) for name in names] == [4, 0, 600]
    again = slots.open([slots.export(names[0])[0]], [slots.export(names[0])[1]])
    assert held(slots, again[0]) == ([1, 2, 3], [4])


def test_append_and_roll_back(slots):
    a, b = slots.open([[1], [2]])
    slots.append([a, b], [3, 4])
    slots.append([b, a], np.array([[5, 6, 7], [8, -1, 9]]), counts=[2, 3])
    assert held(slots, a) == ([1], [3, 8, 9]) and held(slots, b) == ([2], [4, 5, 6])
    slots.append(a, 11)
    assert held(slots, a) == ([1], [3, 8, 9, 11])
    slots.roll_back([a, b], [2, 9])
    assert held(slots, a) == ([1], [3]) and held(slots, b) == ([2], [4, 5, 6])
    slots.roll_back([a, b], 1)
    assert held(slots, a) == ([1], []) and held(slots, b) == ([2], [])


def test_fork_and_reorder(slots):
    a, b = slots.open([[1, 2], [3]], [[4], [5, 6]])
    c, d = slots.fork([a, a])
    slots.append([c], [7])
    assert held(slots, a) == ([1, 2], [4]) and held(slots, d) == ([1, 2], [4])
    assert held(slots, c) == ([1, 2], [4, 7])
    slots.reorder([a, b, c], [1, 2, -1])
    assert held(slots, a) == ([3], [5, 6])
    assert held(slots, b) == held(slots, c) == ([1, 2], [4, 7])


def test_names_are_never_given_again(slots):
    (name,) = slots.open([[1]])
    slots.close(name)
    (other,) = slots.open([[2]])
    assert other != name
    for call in (slots.length, slots.export, slots.close):
        with pytest.raises(lmsample.SlotError, match=str(name)):
            call(name)
    for call in (
        lambda: slots.append([other, name], [1, 1]),
        lambda: slots.roll_back([other, name], 0),
        lambda: slots.fork([other, name]),
    ):
        with pytest.raises(lmsample.SlotError):
            call()
    assert held(slots, other) == ([2], [])


def test_room(context):
    slots = Slots(V, 8, 600, max_tokens=1024, device=context)
    assert slots.room == 1024
    names = slots.open([[1], [2] * 257])
    assert slots.room == 1024 - 256 - 512
    with pytest.raises(lmsample.SlotsFullError):
        slots.open([[3], [3] * 257])
    assert slots.room == 256
    slots.close(names)
    assert slots.room == 1024
    assert slots.workspace_bytes > 1024 * 20
    slots.close()
    slots.close()
    with pytest.raises(ValueError, match="the slots are closed"):
        slots.open([[1]])


def test_more_tokens_than_a_call_takes(context):
    slots = Slots(V, 12, 65536, device=context)
    names = slots.open([np.full(65000, row) for row in range(12)])
    assert all((slots.export(name)[0] == row).all() for row, name in enumerate(names))
    slots.close()


def test_many_at_once(context):
    """More than a call takes: in several, and all of them or none."""
    slots = Slots(V, 1500, 256, device=context)
    prompts = [[row % V] * (row % 5) for row in range(1400)]
    names = slots.open(prompts, [[7]] * 1400)
    for row in (0, 1, 1023, 1024, 1399):
        assert held(slots, names[row]) == (prompts[row], [7])
    room = slots.room
    with pytest.raises(lmsample.SlotsFullError):
        slots.open([[1]] * 1100)
    assert slots.room == room
    slots.close(names)


def test_more_calls_than_can_be_unfinished(slots):
    (name,) = slots.open([[]])
    for token in range(40):
        slots.append([name], [token])
    assert held(slots, name) == ([], list(range(40)))
    forks = [slots.fork([name])[0] for _ in range(5)]
    for _ in range(20):
        slots.reorder(forks, [1, 2, 3, 4, 0])
    assert held(slots, forks[3]) == held(slots, name)


# --- With samplers -----------------------------------------------------------------------------

EDITS = Edits(repetition=1.3, frequency=0.2, presence=0.4, ngram=2)
PROMPTS, OUTPUTS = [[1, 2, 3], [4], [], [5, 5]], [[3, 1], [], [6, 6], [5]]


def test_slots_are_histories(slots):
    names = slots.open(PROMPTS, OUTPUTS)
    options = dict(edits=EDITS, seed=[1, 2, 3, 4], temperature=0.9)
    with lmsample.Sampler(V, slots=slots, outputs="edited_logprobs") as sampler:
        found = sampler.sample(X, slots=names, **options)
        # As a history of the call, which is forgotten with it ...
        room = slots.room
        pairs = list(zip(PROMPTS, OUTPUTS))
        other = sampler.sample(X, history=pairs, **options)
        assert slots.room == room
        # ... in another order, and some without.
        some = sampler.sample(X[[2, 0]], slots=[names[2], 0], edits=EDITS, seed=[3, 1])
    expected = lmsample.sample(X, history=pairs, outputs="edited_logprobs", **options)
    for name in ("tokens", "edited_logprobs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        np.testing.assert_array_equal(getattr(other, name), getattr(expected, name))
    plain = lmsample.sample(X[0], seed=1)
    assert some.tokens[1] == plain


def test_a_loop_without_histories_on_the_host(slots):
    """What is appended by the sampler is what it drew; the slot counts the steps."""
    names = slots.open(PROMPTS)
    outputs = [[], [], [], []]
    seeds = [9, 8, 7, 6]
    with lmsample.Sampler(V, slots=slots) as sampler:
        for step in range(5):
            found = sampler.sample(
                X, slots=names, append=True, seed=seeds, step="slot", edits=EDITS
            )
            expected = lmsample.sample(
                X, history=list(zip(PROMPTS, outputs)), seed=seeds, step=step, edits=EDITS
            )
            assert found.tokens.tolist() == expected.tolist()
            for output, token in zip(outputs, found.tokens):
                output.append(int(token))
    for name, prompt, output in zip(names, PROMPTS, outputs):
        assert held(slots, name) == (prompt, output)


def test_ignored_prompts(slots):
    """Frequency and presence do not count them; repetition does."""
    preset = "tensorrt-llm"
    (name,) = slots.open([[1, 1, 2]], ignored=[2])
    asked = dict(named=[1, 2], logprobs_of="edited", as_logits=True, seed=1)
    with lmsample.Sampler(V, slots=slots, outputs="named_logprobs") as sampler:
        x = X[:1]
        one = sampler.sample(x, slots=[name], edits=Edits(preset=preset, presence=1.0), **asked)
        np.testing.assert_array_equal(one.named_logprobs, [[x[0, 1], x[0, 2] - np.float32(1)]])


def test_step_of_a_history(slots):
    found = lmsample.sample(X, history=[[1, 2], None, ([3], []), [4]], step="slot", seed=[5] * 4)
    assert found.tolist() == lmsample.sample(X, step=[2, 0, 0, 1], seed=[5] * 4).tolist()


def test_lifetimes(context):
    slots = Slots(V, 4, 64, device=context)
    sampler = lmsample.Sampler(V, slots=slots)
    names = slots.open([[1]])
    assert sampler.context is context and sampler.slots is slots
    slots.close()  # the sampler's, too
    with pytest.raises(ValueError, match="the sampler is closed"):
        sampler.sample(X[:1], slots=names)
    # A sampler keeps its slots.
    sampler = lmsample.Sampler(V, slots=Slots(V, 4, 64, device=context))
    gc.collect()
    assert sampler.sample(X[:1], history=[[1]], seed=1).tokens.shape == (1,)
    del sampler
    gc.collect()


FORK = """
import os, sys, threading, warnings
import lmsample
warnings.simplefilter("ignore")  # Python 3.12 warns of forks
slots = lmsample.Slots(100, 4, 64)
(name,) = slots.open([[1]])
slots._lock.acquire()  # as by another thread
pid = os.fork()
if pid == 0:
    calls = [lambda: slots.open([[1]]), lambda: slots.append([name], [1]), lambda: slots.room,
             lambda: slots.roll_back([name], 1), lambda: slots.fork([name]),
             lambda: slots.reorder([name], [0]), lambda: slots.length(name),
             lambda: slots.export(name), lambda: slots.close(name), lambda: slots.workspace_bytes]
    for call in calls:
        try:
            call()
            os._exit(1)
        except RuntimeError as error:
            if "does not survive a fork" not in str(error):
                os._exit(2)
    slots.close()
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_child_is_told():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, timeout=120,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


# --- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, message", [
    (dict(vocab=0), "vocab: is 0, must be a whole number from 1 to 1048576"),
    (dict(max_slots=0), "max_slots: is 0, must be a whole number from 1 to 65536"),
    (dict(max_length=2**20 + 1), "max_length: is 1048577"),
    (dict(max_tokens=0), "max_tokens: is 0"),
])  # fmt: skip
def test_slots_refused(context, arguments, message):
    with pytest.raises(ValueError, match=message):
        Slots(**{"vocab": V, "device": context, **arguments})


def test_there_is_room_for_as_many_as_were_asked_for(context):
    with_rest = Slots(V, 5, 40, device=context)
    names = with_rest.open([[1] * 40] * 5)
    assert [with_rest.length(name) for name in names] == [40] * 5
    with_rest.close()


def test_one_number_of_ignored_tokens_is_for_all(slots):
    names = slots.open([[1, 2], [3, 4], [5]], ignored=1)
    slots.close(names)
    names = slots.open([[1, 2], [3, 4], [5]], ignored=[1])
    slots.close(names)
    with pytest.raises(lmsample.ArgumentError, match=r"ignored\[2\]: 2 is above the prompt"):
        slots.open([[1, 2], [3, 4], [5]], ignored=[2])


def test_all_are_closed_or_none(slots):
    names = slots.open([[1], [2]])
    for bad in ([names[0], 12345], [names[0], names[1], names[0]]):
        with pytest.raises(lmsample.SlotError):
            slots.close(bad)
        assert [slots.length(name) for name in names] == [1, 1]
    slots.append([], [])
    slots.close([])
    slots.close(names)


def test_what_is_no_sequence_is_named(slots):
    with pytest.raises(TypeError, match=r"prompts\[0\]: is a int, must be a sequence of tokens"):
        slots.open([1, 2])


def test_calls_refused(slots):
    a, b = slots.open([[1, 2], [3]])
    with pytest.raises(ValueError, match=r"prompts\[1\]\[0\]: is -1, must be a token"):
        slots.open([[1], [-1]])
    with pytest.raises(ValueError, match="100"):
        slots.open([[V]])
    with pytest.raises(ValueError, match="outputs: has 1 items, must have 2"):
        slots.open([[1], [2]], [[1]])
    with pytest.raises(ValueError, match="tokens: has 100, must have tokens, 0 to 99, or -1"):
        slots.append([a], [V])
    with pytest.raises(ValueError, match=r"tokens: has shape \(3, 1\), must have a row for each"):
        slots.append([a, b], [1, 2, 3])
    with pytest.raises(TypeError, match="tokens: has values of type float64"):
        slots.append([a], [0.5])
    with pytest.raises(ValueError, match=r"counts\[0\]: is 2, must be a whole number from 0 to 1"):
        slots.append([a], [1], counts=[2])
    with pytest.raises(lmsample.SlotError, match="twice"):
        slots.append([a, a], [1, 2])
    with pytest.raises(lmsample.ArgumentError, match="prompt"):
        slots.roll_back([a], [1])
    with pytest.raises(TypeError, match="names: 'a' is not a whole number"):
        slots.fork(["a"])
    with pytest.raises(lmsample.SlotsFullError):
        slots.append([a], np.ones((1, 600), np.int32))
    assert held(slots, a) == ([1, 2], []) and held(slots, b) == ([3], [])
    with lmsample.Sampler(V, slots=slots) as sampler:
        with pytest.raises(ValueError, match="slots: has 3 names, must have one for each of 2"):
            sampler.sample(X[:2], slots=[a, b, b])
        with pytest.raises(ValueError, match="history: must be without slots"):
            sampler.sample(X[:2], slots=[a, b], history=[[1], [2]])
        with pytest.raises(lmsample.ArgumentError, match="is no open slot"):
            sampler.sample(X[:2], slots=[a, 12345])
    with pytest.raises(ValueError, match="device: must be None or the context of the slots"):
        lmsample.Sampler(V, slots=slots, device="pocl")
