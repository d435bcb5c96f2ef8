"""docs/use/python.md and the package's own examples, run as they stand."""

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

import lmsample

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["docs/use/python.md", "python/README.md"]


def blocks(page):
    """The Python in a page: the number of a block's first line, and its text."""
    text = (ROOT / page).read_text()
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, match.start(1)), match[1]


def run(name, line, text, names):
    test = doctest.DocTestParser().get_doctest(text, names, name, name, line)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert not runner.failures, "".join(report)
    return runner.tries


@pytest.mark.parametrize("page", PAGES)
def test_page(page):
    names, tries = {}, 0
    for line, text in blocks(page):
        missing = [
            module
            for module in ("torch", "ml_dtypes", "pyopencl")
            if f"import {module}" in text and importlib.util.find_spec(module) is None
        ]
        if missing:
            continue
        if ">>>" in text:
            tries += run(page, line, text, names)
        else:
            exec(compile("\n" * line + text, page, "exec"), names)
            tries += 1
    assert tries > 0


def test_package():
    run("lmsample", 0, lmsample.__doc__, {"lmsample": lmsample})


def test_every_name_is_described():
    """Each public name and each argument of sample() is in the page."""
    page = (ROOT / "docs/use/python.md").read_text()
    missing = [name for name in lmsample.__all__ if not re.search(rf"\b{name}\b", page)]
    assert missing == []
    arguments = lmsample.sample.__code__.co_varnames[: lmsample.sample.__code__.co_kwonlyargcount]
    assert [name for name in arguments if f"`{name}`" not in page] == []


def test_the_wheel_is_typed():
    assert (Path(lmsample.__file__).parent / "py.typed").exists()
