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


def open_terminal():
    """Both ends of a pseudo-terminal. Some containers have none."""
    try:
        return pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")


class Result:
    """How a run ended: its exit status and both outputs, as bytes and as text."""

    def __init__(self, done):
        self.status = done.returncode
        self.out_bytes = done.stdout
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")


@pytest.fixture
def lmsample(tmp_path):
    """lmsample("sample", "--seed", 1, input=b"...", status=0): runs it in tmp_path and demands
    the exit status."""

    def run(*arguments, input=b"", status=0, **more):
        words = [PROGRAM, *[str(word) for word in arguments]]
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
