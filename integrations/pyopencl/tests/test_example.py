"""The example writes the same text again, and rows with the same seed write the same."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import example  # noqa: E402


def test_example():
    lines = example.main()
    assert lines == example.main()
    assert [len(line) for line in lines] == [example.STEPS] * example.ROWS
    assert lines[2] == lines[3] and len(set(lines)) == 3
    pairs = {example.TEXT[i : i + 2] for i in range(len(example.TEXT) - 1)}
    for line in lines:
        assert all(line[i : i + 2] in pairs for i in range(example.STEPS - 1))
