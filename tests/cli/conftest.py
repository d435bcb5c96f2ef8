"""What the tests of the command line share: the program, run in a folder of its own."""

import os
import pathlib
import pty
import subprocess

import pytest

PROGRAM = os.environ["LMSAMPLE"]
ROOT = pathlib.Path(__file__).resolve().parents[2]


SANITIZED = bool(os.environ.get("LMS_SANITIZE"))

#: For tests that limit or measure memory.
unsanitized = pytest.mark.skipif(SANITIZED, reason="sanitizers take memory of their own")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: runs with LMS_SLOW_TESTS set, and then alone")


def pytest_collection_modifyitems(config, items):
    """As the programs of tests in C: those that are slow, or the others."""
    wanted = bool(os.environ.get("LMS_SLOW_TESTS"))
    left = [item for item in items if bool(item.get_closest_marker("slow")) != wanted]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


slow = pytest.mark.slow


def open_terminal():
    """Both ends of a pseudo-terminal. Some containers have none."""
    try:
        return pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")


def build_stand_ins(folder, source):
    """The path of a library, for LD_PRELOAD, with functions in the place of the real ones."""
    if SANITIZED:
        pytest.skip("a sanitizer wants to be the first library")
    (folder / "stand_ins.c").write_text(source)
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", "stand_ins.so", "stand_ins.c", "-ldl"],
                      cwd=folder, check=False).returncode != 0:
        pytest.skip("there is no C compiler")
    return str(folder / "stand_ins.so")


def read_terminal(ours):
    """All that was written to the other end, which nobody has open any more; it may come in
    pieces. Closes this one."""
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:  # how Linux says that nobody has it open
        pass
    os.close(ours)
    return b"".join(pieces)


class Result:
    """How a run ended: its exit status and both outputs, as bytes and as text."""

    def __init__(self, done):
        self.status = done.returncode
        self.out_bytes = done.stdout
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")


#: The multiplications of SplitMix64's mixing, and how far its state goes.
MIX_1, MIX_2, STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15


def row_seed(seed, row):
    """lms_row_seed() as lmsample.h defines it, from the page alone."""

    def mix(state):
        state = (state ^ state >> 30) * MIX_1 % 2**64
        state = (state ^ state >> 27) * MIX_2 % 2**64
        return state ^ state >> 31

    return seed if row == 0 else mix((mix(seed) + row * STEP) % 2**64)


def seeded(words):
    """With a seed, so that a test has the same random numbers each time."""
    has_seed = any(word == "-s" or word.startswith("--seed") for word in words)
    return words if has_seed or words[:1] != ["sample"] else [words[0], "--seed", "0", *words[1:]]


@pytest.fixture
def lmsample(tmp_path):
    """lmsample("sample", "--seed", 1, input=b"...", status=0): runs it in tmp_path and demands
    the exit status. is_fresh: without a seed, where none is given."""

    def run(*arguments, input=b"", status=0, is_fresh=False, **more):
        words = [str(word) for word in arguments]
        words = [PROGRAM, *(words if is_fresh else seeded(words))]
        done = subprocess.run(words, input=input, capture_output=True, cwd=tmp_path,
                              timeout=300, **more)
        result = Result(done)
        assert result.status == status, (words, result.status, result.out, result.err)
        return result

    return run


@pytest.fixture
def fails(lmsample, tmp_path):
    """fails(status, parts, *arguments): it ends with that status, one line on standard error
    that has every part, nothing on standard output and no new file."""

    def run(status, parts, *arguments, **more):
        before = sorted(tmp_path.iterdir())
        result = lmsample(*arguments, status=status, **more)
        assert result.err.count("\n") == 1, result.err
        assert result.err.startswith("lmsample"), result.err
        for part in [parts] if isinstance(parts, str) else parts:
            assert part in result.err, (part, result.err)
        assert result.out == ""
        assert sorted(tmp_path.iterdir()) == before
        return result

    return run
