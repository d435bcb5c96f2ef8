"""The report's section about contrastive search."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from test_report import BYTES, full_results, needs_matplotlib, page_of, results, run_script, tables

TARGET = {"requests": 8, "context": 2048, "width": 4096, "k": 5}


def select(rng: Any, dtype: str, share: float, **sizes: int) -> dict:
    size = {**TARGET, **sizes}
    count = size["requests"] * size["context"] * size["width"] * BYTES[dtype]
    read = count / 20e9 * rng.uniform(0.9, 1.1)
    return {
        "strategy": "contrastive search",
        "call": "select",
        **size,
        "vocab": None,
        "dtype": dtype,
        "who": "lmsample",
        "repeats": 61,
        "batches": 3,
        "batch_bytes": count,
        "limit": "plain C read",
        "ratio": share,
        "ratio_p5": share * 0.9,
        "ratio_p95": share * 1.1,
        "median_s": read / share,
        "p95_s": read / share * 1.1,
        "p99_s": read / share * 1.2,
        "gb_per_s": 1e-9 * count / read * share,
        "read_median_s": read,
        "read_gb_per_s": 1e-9 * count / read,
        "device_s": None,
        "launches": 4,
        "checked_rows": 20,
    }


def peer(case: dict, who: str, speedup: float) -> dict:
    names = ("strategy", "call", "requests", "context", "width", "k", "dtype", "repeats")
    times = {"median_s": case["median_s"] * speedup, "lmsample_median_s": case["median_s"]}
    return {**{name: case[name] for name in names}, "who": who, **times, "speedup": speedup}


def contrastive_results() -> tuple[dict, dict]:
    rng = np.random.default_rng(9)
    own = [select(rng, "float32", 0.83), select(rng, "float16", 0.57),
           select(rng, "bfloat16", 0.7)]  # fmt: skip
    own += [select(rng, "float16", 0.6 / k, k=k) for k in (1, 16, 64)]
    own += [select(rng, "float32", share, context=context, width=1024)
            for context, share in ((128, 0.3), (512, 0.7), (2048, 0.8), (16384, 0.84))]  # fmt: skip
    own += [select(rng, "float32", 0.8, requests=requests) for requests in (1, 32)]
    own += [select(rng, "float32", 0.75, requests=2, width=16384)]
    calls = [{**own[0], "call": "append", "ratio": 0.33},
             {**own[0], "call": "propose", "context": None, "width": None,
              "vocab": 128256}]  # fmt: skip
    theirs = [peer(own[0], "torch", 125.0), peer(own[0], "torch cached", 2.5)]
    return (
        results([], contrastive=own + calls),
        results([], mode="peers", contrastive=theirs, start=None),
    )


@pytest.fixture(scope="module")
def full() -> dict:
    return full_results()


def test_the_section(full, tmp_path):
    ours, theirs = contrastive_results()
    page = page_of(tmp_path, full, ours, theirs)
    found = tables(page.split("## Contrastive search")[1])
    shares = [line[1:4] for line in found[0][1:]]
    assert shares == [["float32", "at least 0.80", "0.83 reached"],
                      ["float16", "at least 0.60", "**0.57 missed**"],
                      ["bfloat16", "-", "0.70"]]  # fmt: skip
    linear, along = found[1], {lines[0][0]: lines for lines in found[2:6]}
    assert linear[1] == ["8 requests, 1024 wide, 5 candidates", "float32", "512 - 16384", "1.19",
                         "1.43", "at most 1.50", "1.20 reached"]  # fmt: skip
    assert [line[0] for line in along["candidates"][1:]] == ["1", "5", "16", "64"]
    assert [line[0] for line in along["requests"][1:]] == ["1", "8", "32"]
    assert [line[1] for line in along["positions of the context"][1:]] == ["0.30", "0.70", "0.80",
                                                                          "0.84"]  # fmt: skip
    widths = along["width of the states"]
    assert [line[:3] for line in widths[1:]] == [["1024", "8", "0.80"], ["4096", "8", "0.83"],
                                                 ["16384", "2", "0.75"]]  # fmt: skip
    calls, others = found[6], found[7]
    assert [line[:2] for line in calls[1:]] == [["append", "8 x 2048 x 4096, 5"],
                                               ["propose", "8 x 128256 logits, 5"]]  # fmt: skip
    assert [line[2::4] for line in others[1:]] == [["torch", "125x reached"],
                                                   ["torch cached", "2.5x"]]  # fmt: skip


@needs_matplotlib
def test_the_plot_and_the_same_report_again(full, tmp_path):
    page = page_of(tmp_path, full, *contrastive_results(), plots=True)
    assert "(contrastive.svg)" in page and (tmp_path / "out/contrastive.svg").exists()
    again = run_script(tmp_path, "out/results.json", "--out", "out", "--no-plots")
    assert again.returncode == 0 and not (tmp_path / "out/contrastive.svg").exists()
    without = page.replace("![Time of a select against context and candidates](contrastive.svg)", "")
    lines = (tmp_path / "out/README.md").read_text(encoding="utf-8").split("## Contrastive")[1]
    wanted = without.split("## Contrastive")[1]
    assert [line for line in lines.splitlines() if line] == [
        line for line in wanted.splitlines() if line
    ]
    csv = (tmp_path / "out/results.csv").read_text(encoding="utf-8").splitlines()
    ours, theirs = contrastive_results()
    count = len(full["cases"]) + len(ours["contrastive"]) + len(theirs["contrastive"])
    assert len(csv) == 1 + count


@pytest.mark.parametrize("name, value", [("requests", 0), ("context", None), ("k", 1.5),
                                         ("call", "choose"), ("ratio", 0)])  # fmt: skip
def test_a_bad_field_is_named(full, tmp_path, name, value):
    ours, _ = copy.deepcopy(contrastive_results())
    ours["contrastive"][0][name] = value
    for i, content in enumerate((full, ours)):
        (tmp_path / f"in{i}.json").write_text(json.dumps(content), encoding="utf-8")
    done = run_script(tmp_path, "in0.json", "in1.json", "--out", "out", "--no-plots")
    assert done.returncode == 1
    assert done.stderr.startswith(f"report.py: in1.json: contrastive[0].{name} is ")
