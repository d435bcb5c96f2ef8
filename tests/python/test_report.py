"""The benchmarks' report: its figures are those of the results, which are made up here."""

import copy
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "bench/report.py"
UNIFORM = [
    "greedy",
    "temperature",
    "top-k 1",
    "top-k 50",
    "top-k 1024",
    "top-p 0.5",
    "top-p 0.9",
    "top-p 0.99",
    "min-p 0.05",
    "k 50 + p 0.9",
    "k 50 + p 0.9 + min-p 0.05",
]
MIXED = "every row different"
PEAKED = ["peaked", "dominant", "model"]
FLAT = ["flat", "equal", "zipf", "gumbel"]
PEAKED_OTHERS, FLAT_OTHERS = "others of peaked", "others of flat"
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
USUAL = (64, 128256, "float32")
PLOTS = ["share.svg", "mixed.svg", "batch.svg", "cost.svg", "peers.svg"]
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
needs_matplotlib = pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")


# --- Results that nobody measured ------------------------------------------------------------


def own_case(rng: Any, strategy: str, shape: str, rows: int, vocab: int, dtype: str) -> dict:
    nominal = 0.9 - 0.05 * (UNIFORM + [MIXED]).index(strategy) - 0.1 * (shape in FLAT)
    read = rows * vocab * BYTES[dtype] / 20e9 * rng.uniform(0.9, 1.1)
    step = 15e-6 + read / nominal * rng.uniform(0.97, 1.03) * (1.2 if dtype != "float32" else 1)
    ratio = read / step
    return {
        "strategy": strategy,
        "shape": shape,
        "rows": rows,
        "vocab": vocab,
        "dtype": dtype,
        "who": "lmsample",
        "repeats": 31,
        "batches": 40,
        "rotated": True,
        "limit": "plain C read",
        "ratio": ratio,
        "ratio_p5": ratio * 0.95,
        "ratio_p95": ratio * 1.06,
        "median_s": step,
        "mean_s": step * 1.01,
        "p95_s": step * 1.1,
        "p99_s": step * 1.3,
        "p99_over_median": rng.uniform(1.2, 1.9),
        "rows_per_s": rows / step,
        "gb_per_s": rows * vocab * BYTES[dtype] / step / 1e9,
        "read_median_s": read,
        "read_gb_per_s": rows * vocab * BYTES[dtype] / read / 1e9,
        "device_s": None,
        "draws": rows * 31,
        "attempts": 0 if strategy == "greedy" else rng.uniform(1, 40),
        "pass_share": rng.uniform(0.01, 1) if strategy.startswith("top-p") else 0,
        "launches": 1,
        "checked_rows": 9,
    }


def peer_case(case: dict, who: str, speedup: float, **others: Any) -> dict:
    names = ("strategy", "shape", "rows", "vocab", "dtype", "repeats")
    return {
        **{name: case[name] for name in names},
        "who": who,
        "median_s": case["median_s"] * speedup,
        "lmsample_median_s": case["median_s"],
        "speedup": speedup,
        **others,
    }


def results(cases: list[dict], name: str = "pthread-haswell-Some CPU", **others: Any) -> dict:
    return {
        "format": "lmsample-bench 1",
        "lmsample": "0.1.0",
        "date": "2026-11-24",
        "command": "./run bench --full --json results.json",
        "mode": "full",
        "machine": {
            "cpu": "Some CPU @ 2.0 GHz",
            "cores": 2,
            "memory_bytes": 8 << 30,
            "llc_bytes": 32 << 20,
            "os": "Debian GNU/Linux 12",
        },
        "device": {
            "name": name,
            "platform": "Portable Computing Language",
            "driver": "3.1",
            "type": "cpu",
            "compute_units": 2,
        },
        "start": {"cold_s": 0.612, "warm_s": 0.0312},
        "cases": cases,
        **others,
    }


def full_results() -> dict:
    rng = np.random.default_rng(4)
    sizes = {(64, 128256, dtype) for dtype in BYTES}
    sizes |= {(2**i, 128256, "float32") for i in range(11)}
    sizes |= {(64, vocab, "float32") for vocab in (32000, 151936, 262144)}
    cases = [
        own_case(rng, strategy, shape, *size)
        for size in sorted(sizes)
        for strategy in [*UNIFORM, MIXED]
        for shape in PEAKED + FLAT
    ]
    for name, like in (("tile maxima", "greedy"), ("row mass", "top-p 0.9")):
        for shape in PEAKED + FLAT:
            case = own_case(rng, like, shape, 64, 128256, "float32")
            cases.append({**case, "who": f"C {name}", "strategy": name, "launches": None})
    return results(cases)


def peer_results(full: dict) -> dict:
    rng = np.random.default_rng(5)
    cases = []
    for case in full["cases"]:
        if (case["rows"], case["vocab"], case["dtype"]) != (64, 128256, "float32"):
            continue
        if case["shape"] not in ("peaked", "flat") or case["who"] != "lmsample":
            continue
        if case["strategy"] != MIXED:
            slow = 8 if "p 0" in case["strategy"] else 1
            cases.append(peer_case(case, "torch", float(rng.uniform(20, 40)) * slow))
            if "k " in case["strategy"]:
                cases.append(peer_case(case, "torch survivors", float(rng.uniform(5, 9))))
            cases.append(peer_case(case, "openmp", float(rng.uniform(2, 20))))
    absent = [{"who": "llama.cpp", "why": "not installed: pip install llama-cpp-python"}]
    return results(cases, mode="peers", absent=absent, start=None)


# --- Running it ------------------------------------------------------------------------------


def write_inputs(folder: Path, files: tuple[Any, ...]) -> list[str]:
    names = []
    for i, content in enumerate(files):
        text = content if isinstance(content, (str, bytes)) else json.dumps(content)
        name = f"in{i}.json"
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        names.append(name)
    return names


def run_script(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-B", str(SCRIPT), *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def page_of(folder: Path, *files: Any, plots: bool = False) -> str:
    words = ["--out", "out"] if plots else ["--out", "out", "--no-plots"]
    done = run_script(folder, *write_inputs(folder, files), *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (folder / "out/README.md").read_text(encoding="utf-8")


def tables(page: str) -> list[list[list[str]]]:
    """Each a list of lines, without the rule below the header."""
    found: list[list[list[str]]] = [[]]
    for line in page.splitlines():
        if line.startswith("| "):
            found[-1].append(re.split(r" (?<!\\)\| ", line.removeprefix("| ").removesuffix(" |")))
        elif found[-1]:
            found.append([])
    return [[t[0], *t[2:]] for t in found if t]


def table(page: str, *header: str) -> dict[str, dict[str, str]]:
    """The first table whose header begins like that: its lines by their first column."""
    for lines in tables(page):
        if lines[0][: len(header)] == list(header):
            return {line[0]: dict(zip(lines[0], line)) for line in lines[1:]}
    raise AssertionError(f"no table of {header}")


def find(cases: list[dict], **wanted: Any) -> dict:
    wanted = {"rows": 64, "vocab": 128256, "dtype": "float32", "who": "lmsample", **wanted}
    found = [c for c in cases if all(c[name] == value for name, value in wanted.items())]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def full() -> dict:
    return full_results()


@pytest.fixture(scope="module")
def page(full, tmp_path_factory) -> str:
    return page_of(tmp_path_factory.mktemp("page"), full, peer_results(full))


# --- Figures ---------------------------------------------------------------------------------

# Floor and aim, peaked and flat.
# (floor, aim), or what it is at least. Where peaked or flat logits have a target of their own, it is
# beside that of the other shapes of the family.
SHARES = {
    "greedy": ({PEAKED_OTHERS: (0.90, 0.95)}, {FLAT_OTHERS: (0.90, 0.95)}),
    "temperature": ({PEAKED_OTHERS: (0.50, 0.85)}, {FLAT_OTHERS: (0.50, 0.75)}),
    "top-k 1": ({"model": (0.25,)}, {}),
    "top-k 50": (
        {"peaked": (0.80,), PEAKED_OTHERS: (0.75, 0.90)},
        {"flat": (0.82,), FLAT_OTHERS: (0.70, 0.85)},
    ),
    "k 50 + p 0.9": (
        {"peaked": (0.79,), PEAKED_OTHERS: (0.75, 0.90)},
        {"flat": (0.79,), FLAT_OTHERS: (0.70, 0.85)},
    ),
    "k 50 + p 0.9 + min-p 0.05": ({"model": (0.25,)}, {}),
    "min-p 0.05": ({PEAKED_OTHERS: (0.75, 0.90)}, {FLAT_OTHERS: (0.40, 0.60)}),
    "top-k 1024": (
        {"peaked": (0.70,), PEAKED_OTHERS: (0.40, 0.60)},
        {"flat": (0.68,), FLAT_OTHERS: (0.35, 0.50)},
    ),
    "top-p 0.5": ({"peaked": (0.72,), "model": (0.25,)}, {"flat": (0.32,)}),
    "top-p 0.9": ({"peaked": (0.72,), PEAKED_OTHERS: (0.40, 0.80)}, {"flat": (0.32,)}),
    "top-p 0.99": ({"peaked": (0.64,), "model": (0.25,)}, {"flat": (0.30,)}),
    MIXED: ({"peaked": (0.75,), PEAKED_OTHERS: (0.50, 0.75)}, {"flat": (0.62,)}),
}


def share_target(strategy: str, family: int, shape: str) -> tuple[float, ...]:
    targets = SHARES[strategy][family]
    others = (PEAKED_OTHERS, FLAT_OTHERS)[family]
    if shape in targets or others in targets:
        return targets.get(shape, targets.get(others, ()))
    return (0.25,) if shape in ("equal", "zipf", "gumbel") else ()


def words_for(value: float, target: tuple[float, ...]) -> str:
    if len(target) < 2:
        return ("reached" if value >= target[0] else "missed") if target else ""
    if value < target[0]:
        return "below floor"
    return "reached floor" if value < target[1] else "reached aim"


def target_words(target: tuple[float, ...]) -> str:
    if len(target) == 1:
        return f"at least {target[0]:.2f}"
    return "{:.2f} / {:.2f}".format(*target) if target else "-"


@pytest.mark.parametrize("strategy", [*UNIFORM, MIXED])
def test_share(full, page, strategy):
    for family, shapes in enumerate((PEAKED, FLAT)):
        line = table(page, ("peaked", "flat")[family] + " logits", "floor / aim")[strategy]
        targets = {shape: share_target(strategy, family, shape) for shape in shapes}
        if len(set(targets.values())) == 1:
            assert line["floor / aim"] == target_words(targets[shapes[0]])
        else:
            told = dict(part.split(": ") for part in line["floor / aim"].split("; "))
            found = {shape: told[names] for names in told for shape in names.split(", ")}
            wanted = {shape: target_words(target) for shape, target in targets.items() if target}
            assert found == wanted
        for shape, target in targets.items():
            value = find(full["cases"], strategy=strategy, shape=shape)["ratio"]
            number, _, verdict = line[shape].strip("*").partition(" ")
            assert float(number) == pytest.approx(value, abs=0.0051)
            assert verdict == words_for(value, target)
            assert line[shape].startswith("**") == (verdict in ("below floor", "missed"))


@pytest.mark.parametrize(
    "ratio, shown",
    [
        (0.95, "0.95 reached aim"),
        (0.9496, "0.9496 reached floor"),
        (0.9, "0.90 reached floor"),
        (0.89996, "**0.89996 below floor**"),
        (0.8951, "**0.895 below floor**"),
        (0.894, "**0.89 below floor**"),
    ],
)
def test_a_rounded_figure_is_on_its_side_of_a_bound(tmp_path, ratio, shown):
    case = own_case(np.random.default_rng(1), "greedy", "peaked", 64, 128256, "float32")
    page = page_of(tmp_path, results([{**case, "ratio": ratio}]))
    assert table(page, "peaked logits")["greedy"]["peaked"] == shown


def test_all_figures_of_the_usual_size(full, page):
    lines = [t for t in tables(page) if t[0][:4] == ["strategy", "logits", "share", "5 % - 95 %"]]
    assert len(lines) == 1
    header = lines[0][0]
    assert len(lines[0]) == 1 + 12 * 7
    for cells in lines[0][1:]:
        line = dict(zip(header, cells))
        case = find(full["cases"], strategy=line["strategy"], shape=line["logits"])
        low, high = map(float, line["5 % - 95 %"].split(" - "))
        assert (low, high) == pytest.approx((case["ratio_p5"], case["ratio_p95"]), abs=0.0051)
        for name in ("median", "mean", "p95", "p99"):
            field = name + "_s"
            assert seconds(line[name]) == pytest.approx(case[field], rel=0.006)
        assert float(line["rows/s"].replace(",", "")) == pytest.approx(case["rows_per_s"], abs=1)
        assert float(line["GB/s"]) == pytest.approx(case["gb_per_s"], abs=0.051)
        assert float(line["read GB/s"]) == pytest.approx(case["read_gb_per_s"], abs=0.051)
        assert (line["device"], line["launches"], line["checked"]) == ("-", "1", "9")


def test_what_draws_take(full, page):
    usual = [c for c in full["cases"] if (c["rows"], c["vocab"], c["dtype"]) == USUAL]
    usual = [c for c in usual if c["who"] == "lmsample"]
    attempts, passes = table(page, "attempts"), table(page, "draws with a pass")
    assert list(attempts) == [*UNIFORM[1:], MIXED]
    assert list(passes) == [name for name in UNIFORM if name.startswith("top-p")]
    for case in usual:
        name, shape = case["strategy"], case["shape"]
        if name in attempts:
            assert float(attempts[name][shape]) == pytest.approx(case["attempts"], abs=0.051)
        if name in passes:
            share = float(passes[name][shape].strip("%")) / 100
            assert share == pytest.approx(case["pass_share"], abs=0.00051)


def test_no_draws_no_table(tmp_path):
    case = own_case(np.random.default_rng(1), "top-p 0.9", "flat", 64, 128256, "float32")
    for name in ("draws", "attempts", "pass_share", "p99_over_median", "mean_s"):
        del case[name]
    page = page_of(tmp_path, results([case]))
    assert "What draws take" not in page and "slowest steps" not in page


def test_the_slowest_steps(full, page):
    lines = table(page, "p99 / median")
    assert list(lines) == [*UNIFORM, MIXED]
    for strategy, line in lines.items():
        for shape in PEAKED + FLAT:
            value = find(full["cases"], strategy=strategy, shape=shape)["p99_over_median"]
            number, _, verdict = line[shape].strip("*").partition(" ")
            assert float(number) == pytest.approx(value, abs=0.0051)
            wanted = ("reached" if value <= 1.6 else "missed") if shape == "peaked" else ""
            assert verdict == wanted


def heavy_case(rows: int, over: float) -> dict:
    return {
        "strategy": "top-p 0.9",
        "rows": rows,
        "vocab": 128256,
        "dtype": "float32",
        "repeats": 128,
        "over_mean": over,
        "over_mean_p5": over * 0.9,
        "over_mean_p95": over * 1.1,
        "median_s": 3e-4,
        "peaked_median_s": 2e-4,
        "flat_median_s": 8e-4,
    }


def test_batches_with_one_heavy_row(full, tmp_path):
    heavy = [heavy_case(8, 1.06), heavy_case(16, 1.31)]
    page = page_of(tmp_path, {**full, "heavy": heavy})
    lines = table(page, "batch", "strategy", "over the mean")
    small, large = lines["8 x 128256 float32"], lines["16 x 128256 float32"]
    assert small["over the mean"] == "1.06 reached" and small["5 % - 95 %"] == "0.95 - 1.17"
    assert large["over the mean"] == "**1.31 missed**"
    assert [small[name] for name in ("median", "all peaked", "all flat")] == [
        "300 us",
        "200 us",
        "800 us",
    ]
    assert "Small batches with one heavy row" not in page_of(tmp_path, full)


@pytest.mark.parametrize(
    "name, value", [("rows", 0), ("dtype", "int8"), ("over_mean", 0), ("strategy", None)]
)
def test_a_bad_field_of_heavy_batches_is_named(full, tmp_path, name, value):
    heavy = {**heavy_case(8, 1.06), name: value}
    said = refused(tmp_path, {**full, "heavy": [heavy]})
    assert said.startswith(f"report.py: in0.json: heavy[0].{name}")


def test_rows_of_a_real_model(full, tmp_path):
    rng = np.random.default_rng(9)
    real = [own_case(rng, s, "real", 64, 262144, "float32") for s in ("greedy", "top-p 0.9")]
    real[1]["ratio"] = 0.66
    page = page_of(tmp_path, {**full, "cases": full["cases"] + real})
    assert "Rows of a real model, 64 x 262144 float32:" in page
    lines = table(page, "real logits", "floor / aim")
    assert (lines["greedy"]["floor / aim"], lines["top-p 0.9"]["floor / aim"]) == (
        "-",
        "at least 0.68",
    )
    assert lines["top-p 0.9"]["real"] == "**0.66 missed**"
    share = float(table(page, "draws with a pass")["top-p 0.9"]["real"].strip("%")) / 100
    assert share == pytest.approx(real[1]["pass_share"], abs=0.00051)


def seconds(text: str) -> float:
    number, unit = text.split(" ")
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def test_shares_by_rows_and_by_vocabulary(full, page):
    by_rows = [t for t in tables(page) if t[0][0] == "rows"]
    by_vocab = [t for t in tables(page) if t[0][0] == "vocabulary"]
    assert len(by_rows) == len(by_vocab) == 7
    for name, found in (("rows", by_rows), ("vocab", by_vocab)):
        for shape, (header, *lines) in zip(PEAKED + FLAT, found):
            assert [line[0] for line in lines] == [*UNIFORM, MIXED]
            for line in lines:
                for size, cell in zip(header[1:], line[1:]):
                    case = find(full["cases"], strategy=line[0], shape=shape, **{name: int(size)})
                    assert float(cell) == pytest.approx(case["ratio"], abs=0.0051)
    assert by_rows[0][0][1:] == [str(2**i) for i in range(11)]


def test_mixed_batches_beside_the_mean_of_their_rows(full, page):
    lines = table(page, "batch", *PEAKED, *FLAT)
    assert len(lines) == 10 + 3 + 2  # rows 2 to 1024, other vocabularies, other types
    for size, cells in lines.items():
        rows, _, vocab, dtype = size.split(" ")
        for shape in PEAKED + FLAT:
            at = {"shape": shape, "rows": int(rows), "vocab": int(vocab), "dtype": dtype}
            uniform = [find(full["cases"], strategy=s, **at)["median_s"] for s in UNIFORM]
            mean = np.mean([uniform[row % 11] for row in range(int(rows))])
            factor = find(full["cases"], strategy=MIXED, **at)["median_s"] / mean
            number, verdict = cells[shape].strip("*").split(" ")
            assert float(number) == pytest.approx(factor, abs=0.0051)
            assert verdict == ("reached" if factor <= 1.1 else "missed")


def test_one_row(full, tmp_path):
    rng = np.random.default_rng(6)
    singles = [own_case(rng, s, shape, 1, 128256, "float32") for s in UNIFORM for shape in SOME]
    for i, case in enumerate(singles):
        case["median_s"] = (60 + 20 * (i % 5)) * 1e-6 + 0.2e-6
    fresh = [{**case, "rotated": False, "median_s": 201e-6} for case in singles]
    basic = results(singles, name="basic-haswell-Some CPU")
    page = page_of(tmp_path, results(singles + fresh), basic)
    found = [t for t in tables(page) if t[0][:2] == ["strategy", "at most"]]
    assert len(found) == 3
    own, written, single = ({line[0]: dict(zip(t[0], line)) for line in t[1:]} for t in found)
    for case in singles:
        strategy, shape = case["strategy"], case["shape"]
        us = case["median_s"] * 1e6
        limit = 100 if re.match("greedy|temperature|top-k", strategy) else None
        limit = 150 if strategy.startswith("top-p") and shape == "peaked" else limit
        limit = {"peaked": 30, "flat": 75}[shape] if strategy == "top-p 0.9" else limit
        verdict = f" {'reached' if us <= limit else 'missed'}" if limit else ""
        bare = re.sub(r"[*]", "", single[strategy][shape])
        assert re.fullmatch(r"(\d+(\.\d+)?)" + verdict + r" \(\d+\)", bare)
        assert float(bare.split()[0]) == pytest.approx(us, abs=0.51)
        assert " reached (" in own[strategy][shape]
        assert written[strategy][shape].startswith("**201 missed** (")


SOME = ("peaked", "flat")


def test_types_beside_float32(full, page):
    for dtype in ("float16", "bfloat16"):
        lines = table(page, dtype, "target")
        for strategy, shape in ((s, p) for s in [*UNIFORM, MIXED] for p in PEAKED + FLAT):
            half = find(full["cases"], strategy=strategy, shape=shape, dtype=dtype)
            whole = find(full["cases"], strategy=strategy, shape=shape)
            part = 0.5 * whole["ratio"] / half["ratio"]
            number, _, verdict = lines[strategy][shape].strip("*").partition(" ")
            assert float(number) == pytest.approx(part, abs=0.0051)
            alike = ("greedy", "temperature", "top-k 1", "top-k 50", "top-k 1024")
            is_less = strategy in alike or (strategy.startswith("top-p") and shape == "peaked")
            most = 0.75 if is_less else 1.0
            has_target = not strategy.startswith("k 50")
            wanted = "reached" if part <= most else "missed"
            assert verdict == (wanted if has_target else "")
            if has_target:
                assert f"at most {most:.2f}" in lines[strategy]["target"]


def test_fixed_cost_and_slope(full, page):
    for shape in PEAKED + FLAT:
        lines = table(page, f"{shape} logits, float32", "fixed cost")
        for strategy in [*UNIFORM, MIXED]:
            cases = [
                c
                for c in full["cases"]
                if (c["strategy"], c["shape"], c["dtype"]) == (strategy, shape, "float32")
            ]
            x = np.array([c["rows"] * c["vocab"] for c in cases], float)
            t = np.array([c["median_s"] for c in cases])
            slope, fixed = np.polyfit(x, t, 1, w=1 / t)
            assert fixed > 0
            line = lines[strategy]
            assert seconds(line["fixed cost"]) == pytest.approx(fixed, rel=0.006)
            assert float(line["1000 logits"].split()[0]) == pytest.approx(slope * 1e12, abs=0.51)
            assert float(line["GB/s"]) == pytest.approx(4e-9 / slope, abs=0.051)
            assert line["sizes"] == str(len(cases)) == "14"
            far = np.max(np.abs(fixed + slope * x - t) / t)
            assert float(line["farthest"].rstrip("%")) == pytest.approx(100 * far, abs=0.51)


def test_a_fixed_cost_is_never_negative(tmp_path):
    rng = np.random.default_rng(1)
    cases = [own_case(rng, "greedy", "peaked", n, 128256, "float32") for n in (1, 8, 64, 512)]
    for case in cases:  # 10 us less than proportional
        case["median_s"] = case["rows"] * 100e-6 - 10e-6
    line = table(page_of(tmp_path, results(cases)), "peaked logits, float32")["greedy"]
    x = np.array([c["rows"] * 128256 for c in cases], float)
    t = np.array([c["median_s"] for c in cases])
    slope = np.sum(x / t) / np.sum((x / t) ** 2)
    assert line["fixed cost"] == "0"
    assert float(line["1000 logits"].split()[0]) == pytest.approx(slope * 1e12, abs=0.51)


def test_start_and_machine(page):
    assert table(page, "device", "cold")["pthread-haswell-Some CPU"] == {
        "device": "pthread-haswell-Some CPU",
        "cold": "612 ms",
        "warm": "31.2 ms",
    }
    facts = {line[0]: line[-1] for line in tables(page)[0]}
    assert facts["CPU"] == "Some CPU @ 2.0 GHz, 2 cores"
    assert (facts["memory"], facts["last-level cache"]) == ("8.0 GiB", "32 MiB")
    assert "`./run bench --full --json results.json`" in page


def test_peers(full, page):
    peers = peer_results(full)["cases"]
    for shape in SOME:
        part = page.split(f"\n{shape} logits, 64 x 128256 float32:\n")[1]
        lines = table(part, "strategy", "lmsample", "torch", "torch survivors", "llama.cpp")
        assert list(lines) == UNIFORM
        for strategy, line in lines.items():
            assert line["llama.cpp"] == "not installed"
            here = {c["who"]: c for c in peers if (c["strategy"], c["shape"]) == (strategy, shape)}
            assert seconds(line["lmsample"]) == pytest.approx(
                here["torch"]["lmsample_median_s"], rel=0.006
            )
            for who in ("torch", "torch survivors", "openmp"):
                if who not in here:
                    assert line[who] == "-"
                    continue
                number, _, verdict = line[who].strip("*").partition("x ")
                speedup = here[who]["speedup"]
                assert float(number.rstrip("x")) == pytest.approx(speedup, rel=0.03)
                least = 50 if strategy.startswith("top-p") else 20
                judged = who == "torch" and strategy != "greedy"
                assert verdict == (("missed", "reached")[speedup >= least] if judged else "")
    assert table(page, "not measured")["llama.cpp"]["why"] == (
        "not installed: pip install llama-cpp-python"
    )


def test_peers_per_core(full, tmp_path):
    case = find(full["cases"], strategy="top-k 50", shape="peaked")
    other = find(full["cases"], strategy="top-p 0.9", shape="peaked")
    cases = [
        peer_case(case, "llama.cpp", 11.0, threads=1),
        peer_case(other, "llama.cpp", 50.0, threads=1, one_core_speedup=9.5),
    ]
    lines = table(page_of(tmp_path, full, results(cases, mode="peers")), "strategy", "lmsample")
    assert lines["top-k 50"]["llama.cpp"] == "11.0x; per core 5.5x reached"
    assert lines["top-p 0.9"]["llama.cpp"] == "50.0x; per core **9.5x missed**"


def beam_case(rng: Any, mode: str, shape: str, requests: int, width: int, dtype: str) -> dict:
    case = own_case(rng, "greedy", shape, requests * width, 128256, dtype)
    over = rng.uniform(0.9, 1.5)
    return {
        **case,
        "strategy": mode,
        "requests": requests,
        "width": width,
        "candidates": 2 * width,
        "over_top_k": over,
        "over_top_k_p5": over * 0.9,
        "over_top_k_p95": over * 1.2,
        "top_k_median_s": case["median_s"] / over,
    }


def beam_results() -> tuple[dict, dict]:
    rng = np.random.default_rng(8)
    beams = [
        beam_case(rng, mode, shape, *size, dtype)
        for shape in ("peaked", "flat")
        for dtype in ("float32", "bfloat16")
        for size in ((64, 1), (16, 4), (1, 64))
        for mode in ("beam search", "stochastic beam search")
    ]
    part = {"shape": "peaked", "vocab": 128256, "dtype": "float32", "requests": 64, "live": 8}
    part |= {"width": 4, "max_width": 4, "repeats": 61, "over_alone": 1.07}
    part |= {"over_alone_p5": 1.01, "over_alone_p95": 1.15}
    part |= {"median_s": 0.0029, "alone_median_s": 0.0027}
    theirs = [
        peer_case(case, "torch", float(rng.uniform(5, 30)), requests=16, width=4)
        for case in beams
        if (case["requests"], case["dtype"]) == (16, "float32") and case["strategy"][0] == "b"
    ]
    return (
        results([], beams=beams, beam_parts=[part]),
        results([], mode="peers", beams=theirs, start=None),
    )


def test_beams(full, tmp_path):
    ours, theirs = beam_results()
    page = page_of(tmp_path, full, ours, theirs)
    section = page.split("## Beam search")[1]
    for dtype in ("float32", "bfloat16"):
        lines = next(t for t in tables(section) if t[0][:2] == [f"128256 {dtype}", ""])
        assert len(lines) == 1 + 3 * 2
        for line in lines[1:]:
            for shape, cells in (("peaked", line[3:6]), ("flat", line[6:9])):
                case = next(c for c in ours["beams"] if c["strategy"] == line[1]
                            and (c["shape"], c["dtype"]) == (shape, dtype)
                            and line[0] == f"{c['requests']} x {c['width']}")  # fmt: skip
                assert cells[0] == f"{case['ratio']:.2f}"
                word = "reached" if case["over_top_k"] <= 1.3 else "missed**"
                assert cells[1].endswith(word) and line[2] == "at most 1.30"
    lines = next(t for t in tables(section) if t[0][1] == "logits")
    assert [line[1] for line in lines[1:]] == ["peaked", "flat"]
    for line, case in zip(lines[1:], theirs["beams"]):
        assert line[0] == "16 x 4" and line[2] == "torch" and line[5] == "at least 10x"
        assert ("missed" in line[6]) == (case["speedup"] < 10)
    (part,) = next(t for t in tables(section) if t[0][0] == "logits")[1:]
    assert part[1:5] == ["64", "8", "4", "4"] and part[7] == "1.07"
    summary = table(page, "", "figures")
    assert summary["beam search over top-k"]["figures"] == str(len(ours["beams"]))
    assert summary["beam search, speedup over torch"]["figures"] == "2"
    again = run_script(tmp_path, "out/results.json", "--out", "out", "--no-plots")
    assert again.returncode == 0
    assert (tmp_path / "out/README.md").read_text(encoding="utf-8") == page
    lines = (tmp_path / "out/results.csv").read_text(encoding="utf-8").splitlines()
    cases = len(full["cases"]) + len(ours["beams"]) + len(theirs["beams"])
    assert len(lines) == 1 + cases


@pytest.mark.parametrize(
    "name, where, value",
    [
        ("beams[0].width", ("beams", "width"), 0),
        ("beams[0].requests", ("beams", "requests"), None),
        ("beams[0].over_top_k", ("beams", "over_top_k"), 0),
        ("beam_parts[0].live", ("beam_parts", "live"), 1.5),
        ("beam_parts[0].over_alone", ("beam_parts", "over_alone"), "little"),
    ],
)
def test_a_bad_field_of_beams_is_named(full, tmp_path, name, where, value):
    ours, _ = copy.deepcopy(beam_results())
    ours[where[0]][0][where[1]] = value
    assert refused(tmp_path, full, ours).startswith(f"report.py: in1.json: {name}")


def test_beams_that_are_there_twice(full, tmp_path):
    ours, _ = beam_results()
    twice = {**ours, "beams": ours["beams"][:3] + ours["beams"][1:2]}
    assert "beams[3] repeats beams[1]" in refused(tmp_path, full, twice)


def test_share_of_arithmetic_by_hand(full, page):
    found = [t for t in tables(page) if t[0][0] == "C"]
    assert len(found) == 1 and len(found[0]) == 1 + 7 * 5
    for line in found[0][1:]:
        who, strategy, shape = line[:3]
        limit = find(full["cases"], who=who, shape=shape)
        case = find(full["cases"], strategy=strategy, shape=shape)
        share = limit["median_s"] / case["median_s"]
        number, _, verdict = line[-1].strip("*").partition(" ")
        assert float(number) == pytest.approx(share, abs=0.0051)
        reached = "reached" if share >= 0.9 else "missed"
        assert verdict == (reached if strategy == "greedy" else "")


def test_summary_counts_every_verdict(page):
    summary = next(t for t in tables(page) if t[0][1] == "figures")
    counts = {
        verdict: sum(int(line[i]) for line in summary[1:] if line[i] != "-")
        for i, verdict in enumerate(summary[0])
        if i > 1
    }
    cells = [
        re.sub(r"[*]", "", cell)
        for lines in tables(page)
        if lines is not summary and lines[0][0] != "not reached"
        for line in lines[1:]
        for cell in line[1:]
    ]
    for verdict, count in counts.items():
        pattern = rf"[\dx] {verdict}(?! aim| floor)"
        assert count == sum(re.search(pattern, cell) is not None for cell in cells)
    listed = next(t for t in tables(page) if t[0][0] == "not reached")
    missed = sum(len(line[2].split(", ")) for line in listed[1:])
    assert missed == counts.get("below floor", 0) + counts.get("missed", 0)


GPU = {
    "name": "Some GPU",
    "platform": "Some CUDA",
    "driver": "1",
    "type": "gpu",
    "compute_units": 132,
}


def test_a_gpu_has_its_own_targets(tmp_path):
    rng = np.random.default_rng(7)
    own = own_case(rng, "greedy", "peaked", 256, 128256, "float32")
    flat = own_case(rng, "greedy", "flat", 256, 128256, "float32")
    one = own_case(rng, "greedy", "peaked", 1, 128256, "float32")
    cases = [
        {**own, "ratio": 0.49, "limit": "device read"},
        {**flat, "ratio": 0.26, "limit": "device read"},
        {**one, "median_s": 55e-6, "device_s": 41e-6},
    ]
    flashinfer = [
        peer_case({**own, "strategy": s}, "flashinfer", 2.9, device_speedup=3.5)
        for s in ("temperature", "top-p 0.9")
    ]
    page = page_of(tmp_path, results(cases + flashinfer, device=GPU))
    assert "256 x 128256 float32" in page and "OpenCL kernel" in page
    assert table(page, "peaked logits")["greedy"]["peaked"] == "**0.49 missed**"
    assert table(page, "flat logits")["greedy"]["flat"] == "0.26 reached"
    one_row = table(page, "strategy", "at most")["greedy"]
    assert (one_row["at most"], one_row["peaked"].split("; ")[1]) == ("40", "device **41 missed**")
    lines = table(page, "strategy", "lmsample", "flashinfer")
    assert lines["temperature"]["flashinfer"] == "2.9x; device 3.5x"
    assert lines["top-p 0.9"]["flashinfer"] == "**2.9x missed**; device 3.5x"


# --- Files -----------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_csv_has_every_case(full, tmp_path):
    peers = peer_results(full)
    page_of(tmp_path, full, peers)
    with open(tmp_path / "out/results.csv", encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    cases = full["cases"] + peers["cases"]
    assert len(lines) == len(cases)
    for line, case in zip(lines, cases):
        for name, value in case.items():
            if value is None:
                assert line[name] == ""
            elif isinstance(value, bool):
                assert line[name] == json.dumps(value)
            elif isinstance(value, (int, float)):
                assert float(line[name]) == pytest.approx(value, rel=1e-5)
            else:
                assert line[name] == value
        assert set(name for name, value in line.items() if value) <= {"device", *case}


def test_the_report_is_made_again_from_its_copy_of_the_results(full, tmp_path):
    page = page_of(tmp_path, full, peer_results(full), plots=HAS_MATPLOTLIB)
    first = contents(tmp_path / "out")
    assert json.loads(first["results.json"])[0]["cases"][0].keys() == full["cases"][0].keys()
    folder = "docs/benchmarks/out"
    assert f"    python3 bench/report.py {folder}/results.json --out {folder}\n" in page
    words = [] if HAS_MATPLOTLIB else ["--no-plots"]
    done = run_script(tmp_path, "out/results.json", "--out", "out", *words, PYTHONHASHSEED="7")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "out") == first


@needs_matplotlib
def test_plots(full, tmp_path):
    page = page_of(tmp_path, full, peer_results(full), plots=True)
    for name in PLOTS:
        assert f"]({name})" in page
        text = (tmp_path / "out" / name).read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert len(text) < 150_000 and "date" not in text
        assert len(list(root.iter("{http://www.w3.org/2000/svg}text"))) > 10
    share = (tmp_path / "out/share.svg").read_text(encoding="utf-8")
    for word in [*PEAKED, *FLAT, "temperature", "top-k 50", "floor", "aim"]:
        assert f">{word}</text>" in share


@needs_matplotlib
def test_bars_are_as_high_as_the_shares(tmp_path):
    rng = np.random.default_rng(8)
    pair = [own_case(rng, s, "peaked", 64, 128256, "float32") for s in ("greedy", "top-k 1")]
    pair[0]["ratio"], pair[1]["ratio"] = 0.8, 0.2
    page_of(tmp_path, results(pair), plots=True)
    text = (tmp_path / "out/share.svg").read_text(encoding="utf-8")
    blue = re.findall(r"\.(c\d+)\{fill: #0072b2\}", text)
    bars = re.findall(rf'd="M ([^"]*) z" [^>]*class="{blue[0]}"', text)
    heights = []
    for bar in bars:
        ys = [float(y) for y in bar.replace("L", "").split()[1::2]]
        heights.append(max(ys) - min(ys))
    tall, short = sorted(heights, reverse=True)[:2]
    assert tall / short == pytest.approx(4, rel=0.01)


@needs_matplotlib
def test_plots_that_are_not_made_any_more_are_removed(full, tmp_path):
    page_of(tmp_path, full, plots=True)
    (tmp_path / "out/other.svg").write_text("mine")
    assert set(PLOTS) - {"peers.svg"} <= set(contents(tmp_path / "out"))
    page = page_of(tmp_path, full)
    assert ".svg" not in page
    assert set(contents(tmp_path / "out")) == {
        "README.md",
        "other.svg",
        "results.csv",
        "results.json",
    }


def test_without_matplotlib_one_line_says_how_to_get_it(full, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none/matplotlib.py").write_text("raise ImportError('No module named matplotlib')")
    names = write_inputs(tmp_path, (full,))
    done = run_script(tmp_path, *names, "--out", "out", PYTHONPATH=str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    for word in ("matplotlib", "python3-matplotlib", "pip", "--no-plots"):
        assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_list_of_machines(full, tmp_path):
    begin, end = "<!-- machines: written by bench/report.py -->", "<!-- end of machines -->"
    (tmp_path / "README.md").write_text(f"# Before\n\n{begin}\nold\n{end}\n\nAfter\n")
    names = write_inputs(tmp_path, (full,))
    for folder in ("b", "a"):
        assert run_script(tmp_path, *names, "--out", folder, "--no-plots").returncode == 0
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# Before\n\n{begin}\n") and text.endswith(f"{end}\n\nAfter\n")
    lines = list(table(text, "machine", "device"))
    cpu = "Some CPU @ 2.0 GHz, 2 cores"
    assert lines == [f"[{cpu}](a/README.md)", f"[{cpu}](b/README.md)"]
    assert "old" not in text


def test_the_page_of_this_project_has_the_list():
    page = (ROOT / "docs/benchmarks/README.md").read_text(encoding="utf-8")
    assert "<!-- machines: written by bench/report.py -->" in page
    for file in (ROOT / "docs/benchmarks").glob("*/README.md"):
        assert f"({file.parent.name}/README.md)" in page


# --- Results with little in them -------------------------------------------------------------


def only(full: dict, **wanted: Any) -> dict:
    names = {
        name: value if isinstance(value, tuple) else (value,) for name, value in wanted.items()
    }
    cases = [c for c in full["cases"] if all(c[n] in values for n, values in names.items())]
    return {**full, "cases": cases}


@pytest.mark.parametrize(
    "wanted",
    [
        {"strategy": "greedy", "shape": "peaked", "rows": 64, "vocab": 128256, "dtype": "float32"},
        {"rows": 1},
        {"shape": "gumbel", "strategy": "top-p 0.5", "who": "lmsample"},
        {"vocab": 32000},
        {"strategy": MIXED},
        {"dtype": "float16"},
        {"strategy": ("greedy", "top-p 0.9"), "shape": "flat", "rows": (64, 128)},
        {"rows": (1, 2, 4, 8), "shape": "equal"},
    ],
)
def test_parts_of_the_results(full, tmp_path, wanted):
    part = only(full, **wanted)
    assert part["cases"]
    page = page_of(tmp_path, part, plots=HAS_MATPLOTLIB)
    assert "Not measured" in page and not re.search(r"\bnan\b", page)
    for name in re.findall(r"\]\((\w+\.svg)\)", page):
        ElementTree.parse(tmp_path / "out" / name)


def test_random_parts_of_the_results(full, tmp_path):
    rng = np.random.default_rng(9)
    for count in (1, 3, 10, 100):
        cases = [full["cases"][i] for i in rng.choice(len(full["cases"]), count, replace=False)]
        cases.append(own_case(rng, "greedy", "peaked", 7, 999, "bfloat16"))
        page_of(tmp_path, {**full, "cases": cases}, plots=HAS_MATPLOTLIB)


def test_optional_fields_can_be_missing(tmp_path):
    case = own_case(np.random.default_rng(1), "greedy", "zipf", 3, 77, "bfloat16")
    case["strategy"] = "new strategy"
    least = ("strategy", "shape", "rows", "vocab", "dtype", "who", "ratio", "median_s")
    given = results([{name: case[name] for name in least}])
    given["machine"] = {"cpu": "Some CPU"}
    for name in ("start", "mode"):
        del given[name]
    del given["device"]["driver"]
    page = page_of(tmp_path, given, plots=HAS_MATPLOTLIB)
    assert table(page, "flat logits")["new strategy"]["zipf"] == f"{case['ratio']:.2f}"
    fresh = {name: case[name] for name in least} | {"rotated": False}
    page_of(tmp_path, {**given, "cases": [fresh]}, plots=HAS_MATPLOTLIB)


def test_an_interrupted_run_is_named(full, tmp_path):
    assert "interrupted" not in page_of(tmp_path, full)
    assert "interrupted: cases are missing" in page_of(tmp_path, {**full, "interrupted": True})


def test_names_that_markdown_would_read(tmp_path):
    cpu = "A|B <script>alert(1)</script> *C* `d` [e](f)"
    given = results([own_case(np.random.default_rng(1), "greedy", "flat", 64, 99, "float32")])
    given["machine"]["cpu"] = cpu
    given["command"] = "a | b `c`"
    page = page_of(tmp_path, given)
    line = next(line for line in page.splitlines() if line.startswith("| CPU"))
    assert "<script>" not in line.replace("\\<", "")
    assert len(re.findall(r"(?<!\\)\|", line)) == 3
    assert re.search(r"(?<!\\)[*`\[]", line) is None


# --- What is no results ----------------------------------------------------------------------


def changed(where: str, value: Any) -> dict:
    given = results([own_case(np.random.default_rng(1), "greedy", "flat", 64, 99, "float32")])
    given["absent"] = [{"who": "torch", "why": "not here"}]
    *path, last = [int(key) if key.isdigit() else key for key in where.split(".")]
    inner: Any = given
    for key in path:
        inner = inner[key]
    if value is REMOVED:
        del inner[last]
    else:
        inner[last] = value
    return given


REMOVED = object()


@pytest.mark.parametrize(
    "where, value, named",
    [
        ("format", "lmsample-bench 2", "format"),
        ("format", REMOVED, "format is missing"),
        ("date", 7, "date"),
        ("command", "", "command"),
        ("command", "two\nlines", "command"),
        ("machine", [], "machine"),
        ("machine.cpu", REMOVED, "machine.cpu is missing"),
        ("machine.cores", "2", "machine.cores"),
        ("device", None, "device"),
        ("device.type", "fpga", "device.type"),
        ("device.compute_units", 0, "device.compute_units"),
        ("start", "soon", "start"),
        ("start.cold_s", -1, "start.cold_s"),
        ("interrupted", 1, "interrupted"),
        ("cases", {}, "cases"),
        ("cases", REMOVED, "cases is missing"),
        ("cases", [], "cases"),
        ("cases.0", 3, "cases[0]"),
        ("cases.0.strategy", None, "cases[0].strategy"),
        ("cases.0.strategy", "a|b", "cases[0].strategy"),
        ("cases.0.shape", "pointed", "cases[0].shape"),
        ("cases.0.rows", 0, "cases[0].rows"),
        ("cases.0.rows", 1.5, "cases[0].rows"),
        ("cases.0.rows", True, "cases[0].rows"),
        ("cases.0.vocab", 10**400, "cases[0].vocab"),
        ("cases.0.dtype", "float64", "cases[0].dtype"),
        ("cases.0.who", REMOVED, "cases[0].who is missing"),
        ("cases.0.who", "torch", "cases[0].lmsample_median_s is missing"),
        ("cases.0.ratio", None, "cases[0].ratio"),
        ("cases.0.ratio", 0, "cases[0].ratio"),
        ("cases.0.median_s", "fast", "cases[0].median_s"),
        ("cases.0.median_s", 1e300, "cases[0].median_s"),
        ("cases.0.median_s", 1e-300, "cases[0].median_s"),
        ("cases.0.p95_s", [], "cases[0].p95_s"),
        ("cases.0.rotated", "yes", "cases[0].rotated"),
        ("absent", {}, "absent"),
        ("absent.0.why", REMOVED, "absent[0].why is missing"),
    ],
)
def test_a_bad_field_is_named(tmp_path, where, value, named):
    assert refused(tmp_path, changed(where, value)).startswith(f"report.py: in0.json: {named}")


def refused(folder: Path, *files: Any) -> str:
    done = run_script(folder, *write_inputs(folder, files), "--out", "out", "--no-plots")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and len(done.stderr) < 400
    assert not (folder / "out").exists()
    return done.stderr


@pytest.mark.parametrize(
    "content, named",
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("3", "results"),
        ("null", "results"),
        ("[3]", "[0]"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "1e999"),
        ('{"a": ' + "9" * 5000 + "}", "in0.json"),
        ('{"format": "\\ud800"}', "format"),
    ],
)
def test_what_is_no_json_of_results(tmp_path, content, named):
    message = refused(tmp_path, content)
    assert message.startswith("report.py: in0.json: ") and named in message


def test_files_that_do_not_fit_together(full, tmp_path):
    other = copy.deepcopy(peer_results(full))
    other["machine"]["cpu"] = "Another CPU"
    message = refused(tmp_path, full, other)
    assert "in1.json: machine.cpu" in message and "Another CPU" in message
    twice = {**full, "cases": full["cases"][:3] + full["cases"][1:2]}
    assert "cases[3] repeats cases[1]" in refused(tmp_path, twice)
    assert "cases" in refused(tmp_path, peer_results(full))


def test_files_that_are_not_there(full, tmp_path):
    done = run_script(tmp_path, "none.json", "--out", "out", "--no-plots")
    assert (done.returncode, done.stderr) == (
        1,
        "report.py: none.json: No such file or directory\n",
    )
    names = write_inputs(tmp_path, (full,))
    (tmp_path / "file").write_text("")
    done = run_script(tmp_path, *names, "--out", "file", "--no-plots")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "file" in done.stderr
