"""Samplers, contexts, devices; threads, forks; and how the library is found."""

import gc
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import lmsample

X = np.random.default_rng(5).normal(0, 3, (8, 900)).astype(np.float32)
PACKAGE = Path(lmsample.__file__).parent


def python(code, **environment):
    """Runs a program of its own."""
    variables = {**os.environ, **{k: v for k, v in environment.items() if v is not None}}
    return subprocess.run(
        [sys.executable, "-B", "-c", code], env=variables, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_devices():
    found = lmsample.devices()
    assert sum(device.chosen for device in found) == 1
    chosen = next(device for device in found if device.chosen)
    assert chosen == lmsample.Context().device
    assert chosen.problem == "" and chosen.type in ("cpu", "gpu", "accelerator")
    assert chosen.version.startswith("OpenCL ") and chosen.memory_bytes >= chosen.max_alloc_bytes
    assert str(chosen) == f"{chosen.platform}: {chosen.name}"
    assert lmsample.Context(str(chosen).upper()).device == chosen
    assert lmsample.sample(X[0], temperature=0, device=chosen.name[:12]) == X[0].argmax()


def test_no_device():
    with pytest.raises(lmsample.NoDeviceError, match='is named "no such device"') as caught:
        lmsample.sample(X, device="no such device")
    assert caught.value.status == 5
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.status) == (str(caught.value), 5)
    with pytest.raises(ValueError, match="NUL"):
        lmsample.Context("a\0b")


def test_no_platform(tmp_path):
    code = (
        "import lmsample, numpy\n"
        "print(lmsample.devices(), lmsample.sample(numpy.ones((0, 5), 'f')))\n"
        "lmsample.sample(numpy.ones(5, 'f'))"
    )
    done = python(code, OCL_ICD_VENDORS=str(tmp_path))
    assert done.stdout == "[] []\n"
    assert "RuntimeWarning: lmsample: there is no OpenCL platform" in done.stderr
    assert "NoDeviceError: there is no OpenCL platform" in done.stderr


def test_sampler():
    with lmsample.Sampler(900, max_rows=8, outputs=["probs", "logprobs"]) as sampler:
        assert (sampler.vocab, sampler.max_rows, sampler.dtype) == (900, 8, "float32")
        assert sampler.outputs == ("logprobs", "probs") and sampler.workspace_bytes > 0
        assert repr(sampler) == "<lmsample.Sampler of 900 float32 logits, 8 rows at once>"
        found = sampler.sample(X, seed=range(8), top_p=0.9)
        expected = lmsample.sample(X, seed=range(8), top_p=0.9, outputs=("probs", "logprobs"))
        assert found.kept is None and found.raw_logprobs is None
        for name in ("tokens", "status", "logprobs", "probs"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        nine = sampler.sample(X, index=[0] * 8 + [7], seed=3)
        expected = lmsample.sample(X, index=[0] * 8 + [7], seed=3, outputs=("probs",))
        assert nine.tokens.tolist() == expected.tokens.tolist()
        np.testing.assert_array_equal(nine.probs, expected.probs)
        with pytest.raises(ValueError, match="has 899 tokens in a row, .* was made for 900"):
            sampler.sample(X[:, :-1])
        with pytest.raises(TypeError, match="of type float16, must be float32"):
            sampler.sample(X.astype(np.float16))
    for use in (lambda: sampler.sample(X), lambda: sampler.workspace_bytes):
        with pytest.raises(ValueError, match="the sampler is closed"):
            use()
    sampler.close()


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(vocab=0), ValueError, "vocab: is 0, must be a whole number from 1 to 1048576"),
        (dict(vocab=2.0), TypeError, r"vocab: 2\.0 is not a whole number"),
        (dict(vocab=9, max_rows=0), ValueError, "max_rows: is 0"),
        (dict(vocab=9, max_rows=True), TypeError, "max_rows: True"),
        (dict(vocab=9, dtype="float64"), ValueError, "dtype: is float64"),
        (dict(vocab=9, outputs="tokens"), ValueError, "outputs: has 'tokens'"),
        (dict(vocab=9, token_dtype="uint32"), ValueError, "token_dtype: is uint32"),
        (dict(vocab=9, device=b"x"), TypeError, "device: is a bytes"),
        (dict(vocab=9, max_rows=(1 << 31) - 1), lmsample.ArgumentError, "max_rows: 2147483647"),
    ],
)  # fmt: skip
def test_sampler_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        lmsample.Sampler(**arguments)


def test_a_context_of_several_samplers():
    context = lmsample.Context()
    samplers = [lmsample.Sampler(900, device=context) for _ in range(3)]
    assert all(sampler.context is context for sampler in samplers)
    expected = lmsample.sample(X, seed=1)
    assert (lmsample.sample(X, seed=1, device=context) == expected).all()
    assert repr(context).startswith("<lmsample.Context on ")
    lmsample.clear_cache()
    del context
    gc.collect()
    for sampler in samplers:
        assert (sampler.sample(X, seed=1).tokens == expected).all()


def test_any_number_of_rows():
    """More than a buffer of parameters has, on a device that gives 4 GiB at most for one."""
    rows = 131073
    x = np.zeros((rows, 64), np.float32)
    tokens = lmsample.sample(x, seed=5)
    for row in (0, 1023, 1024, 65536, rows - 1):
        assert tokens[row] == lmsample.sample(x[0], seed=lmsample.row_seed(5, row))
    assert (np.bincount(tokens, minlength=64) > rows / 64 * 0.9).all()
    found = lmsample.sample(x[:5000], seed=5, outputs=("kept", "probs"))
    assert (found.tokens == tokens[:5000]).all()
    assert (found.kept == 64).all() and (found.probs == np.float32(1 / 64)).all()


def test_the_cache_is_bounded():
    lmsample.clear_cache()
    for vocab in range(1, 41):
        assert lmsample.sample(np.zeros((2, vocab), np.float32), temperature=0).tolist() == [0, 0]
    assert len(lmsample._sampler._cache.samplers) == 16
    for rows in (1, 16, 17, 100, 3, 5000):
        lmsample.sample(np.zeros((rows, 40), np.float32))
    kept = lmsample._sampler._cache.samplers.values()
    assert [sampler.max_rows for sampler in kept if sampler.vocab == 40] == [1024]
    lmsample.clear_cache()
    assert not lmsample._sampler._cache.samplers


def in_threads(count, work):
    errors = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_threads_share_a_sampler():
    sampler = lmsample.Sampler(900, outputs="probs")
    expected = [sampler.sample(X, seed=seed) for seed in range(8)]

    def work(number):
        for turn in range(40):
            found = sampler.sample(X, seed=(number + turn) % 8)
            assert (found.tokens == expected[(number + turn) % 8].tokens).all()
            assert (found.probs == expected[0].probs).all()

    in_threads(8, work)


def test_threads_and_the_cache():
    expected = {v: lmsample.sample(X[:, :v], seed=range(8)) for v in range(500, 900, 20)}

    def work(number):
        for turn in range(40):
            vocab = 500 + (7 * number + turn) % 20 * 20
            rows = 1 + (number + turn) % 8
            found = lmsample.sample(X[:rows, :vocab], seed=range(rows))
            assert (found == expected[vocab][:rows]).all()
            if turn % 13 == 0:
                lmsample.clear_cache()

    in_threads(8, work)


def test_other_threads_run_during_a_call():
    """The interpreter's lock is free while the library works: this thread gets to look at the
    clock in the middle of another's calls, which take some ten milliseconds each."""
    x = np.zeros((64, 100000), np.float32)
    sampler = lmsample.Sampler(100000, outputs="probs")
    call = lmsample._sampler._call_of(x, None, None, None, (1.0, 0, 0.5, 0.0, 0, 0, 0))
    calls, looks = [], []

    def work():
        for _ in range(8):
            begin = time.perf_counter()
            sampler._run(call)
            calls.append((begin, time.perf_counter()))

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        looks.append(time.perf_counter())
    thread.join()
    middles = [(begin + (end - begin) * 0.3, end - (end - begin) * 0.3) for begin, end in calls]
    seen = [any(begin < look < end for look in looks) for begin, end in middles]
    assert len(seen) == 8 and sum(seen) >= 4


FIRST_USE = """
import threading
import lmsample
uses = [lmsample.Context, lmsample.devices, lambda: lmsample.Sampler(50)]
start, failures = threading.Barrier(len(uses)), []
def work(use):
    start.wait()
    try:
        use()
    except Exception as error:
        failures.append(error)
threads = [threading.Thread(target=work, args=(use,)) for use in uses]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert failures == []
"""


def test_first_use_from_threads():
    for _ in range(3):
        done = python(FIRST_USE)
        assert (done.returncode, done.stderr) == (0, "")


FORK = """
import os
import warnings
import numpy as np
import lmsample
warnings.simplefilter("ignore")  # Python 3.12 warns of forks
x = np.zeros((2, 50), np.float32)
def work():
    return lmsample.sample(x, temperature=0).tolist()
if sys.argv[1] == "used":
    sampler = lmsample.Sampler(50)
    work()
    sampler._lock.acquire()  # as another thread may have, at that moment
pid = os.fork()
if pid == 0:
    if sys.argv[1] == "used":
        for use in (work, lmsample.devices, lambda: sampler.sample(x), lmsample.Context):
            try:
                use()
            except RuntimeError as error:
                assert "does not survive a fork" in str(error), error
            else:
                os._exit(1)
        sampler.close()
        del sampler
        lmsample.clear_cache()
        os._exit(7)
    os._exit(7 if work() == [0, 0] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
if sys.argv[1] == "used":
    sampler._lock.release()
assert work() == [0, 0]
"""


@pytest.mark.parametrize("before", ["used", "unused"])
def test_fork(before):
    code = FORK.replace("sys.argv[1]", repr(before))
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_library(tmp_path):
    done = python("import lmsample", LMSAMPLE_LIBRARY=str(tmp_path / "none.so"))
    assert "ImportError: lmsample: the C library cannot be loaded: " in done.stderr
    assert "none.so" in done.stderr and "LMSAMPLE_LIBRARY" in done.stderr
    other = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    libc = [line.split()[-1] for line in other.splitlines() if "libc.so.6" in line]
    if libc:
        done = python("import lmsample", LMSAMPLE_LIBRARY=libc[0])
        assert "ImportError: lmsample: the C library cannot be loaded: " in done.stderr


def test_another_version(tmp_path):
    """A package that is newer than its library."""
    copy = tmp_path / "lmsample"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    version = (copy / "_version.py").read_text()
    (copy / "_version.py").write_text(version.replace(lmsample.__version__, "9.8.7"))
    done = python("import lmsample", PYTHONPATH=str(tmp_path))
    message = f"is version {lmsample.__version__}, the Python package is 9.8.7; the first two"
    assert "ImportError" in done.stderr and message in done.stderr


def test_everything_is_given_back():
    """Device memory: samplers of some 50 MB, one after the other."""
    code = (
        "import lmsample\n"
        "def size():\n"
        "    return int(open('/proc/self/status').read().split('VmSize:')[1].split()[0]) * 1024\n"
        "context = lmsample.Context()\n"
        "for turn in range(45):\n"
        "    sampler = lmsample.Sampler(1000, max_rows=600000, device=context, outputs='kept')\n"
        "    if turn == 5: before = size()\n"
        "print(sampler.workspace_bytes, size() - before)\n"
    )
    done = python(code)
    assert done.stderr == ""
    workspace, grown = map(int, done.stdout.split())
    assert workspace > 40e6 and grown < 5 * workspace
