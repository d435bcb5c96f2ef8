"""What the tests of python3 -m lmsample share: the command, called in this process, in a folder of
its own. What a test needs of PyPI that is not there skips it; ./run test engines tools has it all."""

import importlib.util
import io
import os
import sys

import pytest

# The model's products are small: more threads would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["COLUMNS"] = "80"

from lmsample.tools import command  # noqa: E402

#: The packages that a model needs; Debian has not all of them.
needs_model = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("tokenizers", "safetensors")),
    reason="tokenizers or safetensors is not installed",
)
needs_pixels = pytest.mark.skipif(
    not importlib.util.find_spec("cairosvg"), reason="cairosvg is not installed"
)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out_bytes, self.err = status, out, err
        self.out = out.decode("utf-8")


def seeded(words):
    """With a seed, so that a test has the same random numbers each time."""
    has_seed = any(word == "-s" or word.startswith("--seed") for word in words)
    return words if has_seed or not words else [words[0], "--seed", "0", *words[1:]]


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """tool("explain", "--seed", 1, input=b"...", status=0): calls it in tmp_path and demands the
    exit status. is_fresh: without a seed, where none is given."""

    def run(*arguments, input=b"", status=0, is_fresh=False):
        words = [str(word) for word in arguments]
        words = words if is_fresh else seeded(words)
        out, err = io.BytesIO(), io.StringIO()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input), encoding="utf-8"))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8"))
            patch.setattr(sys, "stderr", err)
            try:
                found = command.main(words)
            except SystemExit as end:
                found = end.code or 0
            sys.stdout.flush()
            result = Result(found, out.getvalue(), err.getvalue())
        assert result.status == status, (words, result.status, result.out, result.err)
        return result

    return run


@pytest.fixture
def fails(tool, tmp_path):
    """fails(status, parts, *arguments): it ends with that status, one line on standard error
    that has every part, nothing on standard output and no new file."""

    def run(status, parts, *arguments, **more):
        before = sorted(tmp_path.iterdir())
        result = tool(*arguments, status=status, **more)
        assert result.err.count("\n") == 1, result.err
        assert result.err.startswith("lmsample-tools"), result.err
        for part in [parts] if isinstance(parts, str) else parts:
            assert part in result.err, (part, result.err)
        assert result.out == ""
        assert sorted(tmp_path.iterdir()) == before
        return result

    return run
