"""The benchmark program: what it measures is right, its files agree, and it ends cleanly. The
times themselves are not tested."""

import csv
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import numpy as np
import pytest

from conftest import ROOT, SANITIZED

PROGRAM = pathlib.Path(os.environ["LMSAMPLE_BUILD"]) / "bench" / "bench"
STRATEGIES = ["greedy", "temperature", "top-k 1", "top-k 50", "top-k 1024", "top-p 0.5",
              "top-p 0.9", "top-p 0.99", "min-p 0.05", "k 50 + p 0.9",
              "k 50 + p 0.9 + min-p 0.05", "every row different"]
LIMITS = ["C tile maxima", "C row mass"]
SHAPES = ["peaked", "dominant", "model", "flat", "equal", "zipf", "gumbel"]
SMALL = ("--rotate", 1, "--repeats", 5)

pytestmark = pytest.mark.skipif(SANITIZED, reason="benchmarks are not built with sanitizers")


@pytest.fixture
def bench(tmp_path):
    """bench("--rows", 8, status=0): runs it in tmp_path and demands the exit status."""

    def run(*arguments, status=0, **more):
        words = [PROGRAM, *[str(word) for word in arguments]]
        done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=300,
                              **more)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def measure(bench, tmp_path):
    """The JSON of a run."""

    def run(*arguments):
        bench(*SMALL, *arguments, "--json", "out.json")
        return json.loads((tmp_path / "out.json").read_text())

    return run


def check_case(case):
    size = {"float32": 4, "float16": 2, "bfloat16": 2}[case["dtype"]]
    batch = case["rows"] * case["vocab"] * size
    assert case["batch_bytes"] == batch
    assert case["rows_per_s"] == pytest.approx(case["rows"] / case["median_s"], rel=1e-4)
    assert case["gb_per_s"] == pytest.approx(1e-9 * batch / case["median_s"], rel=1e-4)
    assert case["read_gb_per_s"] == pytest.approx(1e-9 * batch / case["read_median_s"], rel=1e-4)
    assert 0 < case["median_s"] <= case["p95_s"] <= case["p99_s"]
    assert 0 < case["ratio_p5"] <= case["ratio"] <= case["ratio_p95"]
    assert case["repeats"] == 5
    assert case["checked_rows"] >= min(case["rows"], 4)
    assert case["p99_over_median"] == pytest.approx(case["p99_s"] / case["median_s"], rel=1e-4)
    assert 0 < case["mean_s"] < 5 * case["p99_s"]
    if case["who"] == "lmsample":
        assert 1 <= case["launches"] <= 4
        assert case["device_s"] is None or 0 < case["device_s"]
        assert case["draws"] == case["rows"] * case["repeats"]
        check_efforts(case)
    else:
        assert case["launches"] is None and case["device_s"] is None
        assert case["draws"] is None and case["attempts"] is None and case["pass_share"] is None


def check_efforts(case):
    """Greedy rows make no attempts (nor need others that have one token left); and a pass is for
    top-p."""
    name = case["strategy"]
    if name == "greedy":
        assert case["attempts"] == 0
    elif name not in ("top-k 1", "every row different"):
        assert case["attempts"] >= 1
    assert 0 <= case["pass_share"] <= 1 and case["pass_share"] <= case["passes"]
    has_top_p = name.startswith("top-p") or "+ p " in name
    if not has_top_p and name != "every row different":
        assert case["pass_share"] == 0


def test_every_strategy_shape_and_type(measure):
    got = measure("--rows", "8,13", "--vocab", 1000, "--dtype", "all", "--shape", "all")
    assert got["format"] == "lmsample-bench 1"
    assert got["mode"] == "quick" and got["interrupted"] is False and got["start"] is None
    assert got["machine"]["cores"] >= 1 and got["machine"]["llc_bytes"] > 0
    assert got["device"]["type"] in ("cpu", "gpu")
    wanted = {(name, shape, rows, dtype)
              for name in STRATEGIES + LIMITS for shape in SHAPES for rows in (8, 13)
              for dtype in ("float32", "float16", "bfloat16")}
    found = [(case["strategy"] if case["who"] == "lmsample" else case["who"], case["shape"],
              case["rows"], case["dtype"]) for case in got["cases"]]
    assert len(found) == len(set(found)) and set(found) == wanted
    for case in got["cases"]:
        assert case["rotated"] is True and case["vocab"] == 1000
        # Rows for 1 MiB, and at least four of the larger batches.
        rows = max(-(-2**20 * case["rows"] // case["batch_bytes"]), 4 * 13)
        assert case["batches"] == rows // case["rows"]
        check_case(case)
    assert len(got["mixed"]) == len(SHAPES) * 2 * 3
    assert all(0.01 < one["mixed_over_mean"] < 100 for one in got["mixed"])


def test_a_case_is_of_a_thousand_draws(bench, tmp_path):
    bench("--rotate", 1, "--rows", "1,3,8,2000", "--vocab", 300, "--shape", "flat", "--strategy",
          "temperature", "--case-seconds", 1e-6, "--json", "out.json")
    repeats = {case["rows"]: case["repeats"]
               for case in json.loads((tmp_path / "out.json").read_text())["cases"]}
    for rows, count in repeats.items():
        assert count == max(5, -(-1024 // rows))


def test_cpu_time(bench, measure):
    words = ("--rows", 8, "--vocab", 3000, "--shape", "flat", "--strategy", "greedy,top-p 0.5")
    got = measure(*words, "--cpu-time")
    assert got["cpu_time"] is True and len(got["cases"]) == 2
    for case in got["cases"]:
        check_case(case)
    assert measure(*words)["cpu_time"] is False
    assert "CPU time" in bench(*SMALL, *words, "--cpu-time").stdout


def test_one_flat_row_among_peaked_ones(measure):
    got = measure("--rows", 8, "--vocab", 300, "--shape", "flat", "--strategy", "greedy",
                  "--extras")
    assert [one["rows"] for one in got["heavy"]] == [8, 16]
    for one in got["heavy"]:
        assert (one["strategy"], one["vocab"], one["dtype"]) == ("top-p 0.9", 128256, "float32")
        assert one["repeats"] == 5
        assert 0 < one["over_mean_p5"] <= one["over_mean"] <= one["over_mean_p95"]
        assert all(one[name + "median_s"] > 0 for name in ("", "peaked_", "flat_"))


# --- Rows of a real model --------------------------------------------------------------------


@pytest.fixture
def rows_file(tmp_path):
    """Rows that stand for a model's: each has one token that all draws take."""
    rows = np.zeros((5, 700), np.float32)
    rows[np.arange(5), [3, 600, 41, 699, 0]] = 200
    np.save(tmp_path / "rows.npy", rows)
    return tmp_path / "rows.npy"


def test_rows_of_a_file(measure, rows_file):
    got = measure("--rows-file", rows_file, "--rows", "1,8", "--dtype", "all", "--strategy",
                  "greedy,temperature,top-p 0.9", "--shape", "real,flat", "--vocab", 1000)
    found = {(case["shape"], case["vocab"], case["rows"], case["dtype"]) for case in got["cases"]}
    assert found == {(shape, vocab, rows, dtype)
                     for shape, vocab in (("real", 700), ("flat", 1000)) for rows in (1, 8)
                     for dtype in ("float32", "float16", "bfloat16")}
    for case in got["cases"]:
        check_case(case)


def test_a_file_of_rows_adds_a_shape(bench, rows_file):
    lines = bench("--list").stdout.splitlines()
    more = bench("--list", "--rows-file", rows_file).stdout.splitlines()
    assert more[:len(lines)] == lines
    assert [line.split()[:4] for line in more[len(lines):]] == [["real", "64", "x", "700"]]
    every = bench("--list", "--shape", "all", "--strategy", "greedy").stdout
    assert "flat" in every and "real" not in every
    every = bench("--list", "--shape", "all", "--strategy", "greedy", "--rows-file", rows_file)
    assert "real         64 x    700" in every.stdout


@pytest.mark.parametrize("content, says", [
    (None, "No such file"),
    (b"", "empty"),
    (b"a,b\n1,2\n", "no .npy file"),
    (np.zeros((2, 3)), "float32"),
    (np.zeros((2, 3), ">f4"), "float32"),
    (np.zeros((2, 3), np.float32, "F"), "C order"),
    (np.zeros(3, np.float32), "rows of float32"),
    (np.zeros((0, 3), np.float32), "1 to 1048576"),
    (np.zeros((3, 0), np.float32), "1 to 1048576"),
    (np.zeros((1, 2**20 + 1), np.float32), "1 to 1048576"),
    (np.float32([[1, 2], [np.inf, 0]]), "row 1 has a logit that is not finite"),
    (np.float32([[np.nan, 2], [3, 0]]), "row 0 has a logit that is not finite"),
])
def test_a_file_that_has_no_rows(bench, tmp_path, content, says):
    if isinstance(content, bytes):
        (tmp_path / "bad.npy").write_bytes(content)
    elif content is not None:
        np.save(tmp_path / "bad.npy", content)
    done = bench("--list", "--rows-file", "bad.npy", status=1)
    assert done.stdout == "" and done.stderr.startswith("bench: --rows-file: bad.npy: ")
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_a_file_that_is_cut(bench, rows_file):
    whole = rows_file.read_bytes()
    for size in (1, 11, 60, 127, 128, len(whole) - 1):
        rows_file.write_bytes(whole[:size])
        done = bench("--list", "--rows-file", rows_file, status=1)
        assert done.stderr.startswith(f"bench: --rows-file: {rows_file}: "), done.stderr
    rows_file.write_bytes(whole + b"1")
    assert "as long as" in bench("--list", "--rows-file", rows_file, status=1).stderr


# --- Files -----------------------------------------------------------------------------------


def test_csv_has_what_json_has(bench, tmp_path):
    bench(*SMALL, "--rows", "1,8", "--vocab", 777, "--shape", "flat", "--json", "a.json", "--csv",
          "a.csv")
    cases = json.loads((tmp_path / "a.json").read_text())["cases"]
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(cases) == len(lines) == len(STRATEGIES) * 2 + len(LIMITS)
    for case, line in zip(cases, lines):
        assert list(case) == list(line)
        for name, value in case.items():
            if value is None:
                assert line[name] == ""
            elif isinstance(value, bool):
                assert line[name] == str(value).lower()
            elif isinstance(value, str):
                assert line[name] == value
            else:
                assert float(line[name]) == value


def test_logits_that_have_just_been_written(measure):
    got = measure("--rows", 1, "--vocab", 4096, "--shape", "peaked", "--fresh", "--strategy",
                  "greedy,topp0.9")
    assert [case["strategy"] for case in got["cases"]] == ["greedy", "top-p 0.9"]
    for case in got["cases"]:
        assert case["rotated"] is False and case["batches"] == 1
        check_case(case)


def test_the_limit_can_be_a_kernel(measure):
    got = measure("--rows", 16, "--vocab", 5000, "--shape", "flat", "--strategy", "greedy",
                  "--read-on-device")
    (case,) = got["cases"]
    assert case["limit"] == "device read"
    assert case["device_ratio"] == pytest.approx(case["read_device_s"] / case["device_s"],
                                                 rel=1e-4)
    check_case(case)


def test_list_names_what_would_run(bench):
    lines = bench("--list", "--full").stdout.splitlines()
    settings = [line.split() for line in lines[lines.index("settings:") + 1:]]
    for shape in SHAPES:
        assert any(words[0] == shape for words in settings), shape
    for rows in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        assert any(words[1] == str(rows) for words in settings), rows
    for vocab in (32000, 128256, 151936, 262144):
        assert any(words[3] == str(vocab) for words in settings), vocab
    for name in STRATEGIES + LIMITS:
        assert f"  {name}" in lines
    alone = bench("--list", "--rows", "2,3", "--shape", "zipf", "--strategy", "min-p 0.05")
    assert alone.stdout.splitlines()[-2:] == ["  zipf          2 x 128256 float32  : min-p 0.05",
                                              "  zipf          3 x 128256 float32  : min-p 0.05"]


# --- Beam search -----------------------------------------------------------------------------

MODES = ["beam search", "diverse beam search", "stochastic beam search"]


def check_beam(case):
    size = {"float32": 4, "bfloat16": 2}[case["dtype"]]
    batch = case["rows"] * case["vocab"] * size
    assert case["rows"] == case["requests"] * case["width"]
    assert case["candidates"] == 2 * case["width"]
    assert case["batch_bytes"] == batch
    assert case["rows_per_s"] == pytest.approx(case["rows"] / case["median_s"], rel=1e-4)
    assert case["gb_per_s"] == pytest.approx(1e-9 * batch / case["median_s"], rel=1e-4)
    assert case["read_gb_per_s"] == pytest.approx(1e-9 * batch / case["read_median_s"], rel=1e-4)
    assert 0 < case["median_s"] <= case["p95_s"] <= case["p99_s"]
    for name in ("ratio", "over_top_k"):
        assert 0 < case[name + "_p5"] <= case[name] <= case[name + "_p95"]
    assert 0 < case["top_k_median_s"]
    assert case["repeats"] == 5
    assert 1 <= case["launches"] <= 3
    # A step of one row, then one of all beams, of the first and the last request.
    assert case["checked_rows"] == min(case["requests"], 2) * (1 + case["width"])


def test_beams_of_every_way_and_type(measure):
    got = measure("--beam=3x4,1x16,5x1", "--vocab", "700,1500")
    assert got["format"] == "lmsample-bench 1" and got["cases"] == []
    assert got["beam_parts"] == []
    wanted = {(name, shape, *size, vocab, dtype)
              for size in ((3, 4), (1, 16), (5, 1)) for name in MODES
              for shape in ("peaked", "flat") for vocab in (700, 1500)
              for dtype in ("float32", "bfloat16")
              if size[1] % 4 == 0 or not name.startswith("diverse")}
    found = [tuple(case[name] for name in ("strategy", "shape", "requests", "width", "vocab",
                                           "dtype")) for case in got["beams"]]
    assert len(found) == len(set(found)) and set(found) == wanted
    for case in got["beams"]:
        check_beam(case)


def test_beams_that_are_done_or_narrow(measure):
    got = measure("--beam=1x4", "--mode", "search", "--vocab", 512, "--dtype", "float32",
                  "--shape", "peaked", "--extras")
    assert [case["strategy"] for case in got["beams"]] == ["beam search"]
    parts = [(part["requests"], part["live"], part["max_width"]) for part in got["beam_parts"]]
    assert parts == [(64, 1, 4), (64, 8, 4), (64, 32, 4), (64, 64, 4), (16, 16, 64)]
    for part in got["beam_parts"]:
        assert part["width"] == 4 and part["vocab"] == 512 and part["repeats"] == 5
        assert 0 < part["over_alone_p5"] <= part["over_alone"] <= part["over_alone_p95"]
        assert 0 < part["median_s"] and 0 < part["alone_median_s"]


def test_beams_that_become_too_long_begin_anew(bench, tmp_path):
    bench("--rotate", 1, "--repeats", 1100, "--case-seconds", 60, "--beam=2x2", "--mode", "search",
          "--vocab", 33, "--dtype", "float32", "--shape", "flat", "--json", "out.json")
    (case,) = json.loads((tmp_path / "out.json").read_text())["beams"]
    assert case["repeats"] == 1100


def test_csv_of_beams_has_what_json_has(bench, tmp_path):
    bench(*SMALL, "--beam=2x4", "--vocab", 777, "--json", "a.json", "--csv", "a.csv")
    cases = json.loads((tmp_path / "a.json").read_text())["beams"]
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(cases) == len(lines) == 12
    for case, line in zip(cases, lines):
        assert list(case) == list(line)
        for name, value in case.items():
            if isinstance(value, str):
                assert line[name] == value
            else:
                assert line[name] == "" if value is None else float(line[name]) == value


def test_list_names_the_beams(bench):
    lines = bench("--list", "--beam", "--full").stdout.splitlines()
    assert lines[:5] == ["modes:", "  search", "  diverse", "  stochastic", "settings:"]
    assert len(lines) == 5 + 7 * 2 * 2 * 2
    assert len(bench("--list", "--beam").stdout.splitlines()) == 5 + 7 * 2 * 2
    alone = bench("--list", "--beam=2x6,3x8", "--shape", "zipf", "--dtype", "float16", "--mode",
                  "diverse,stochastic").stdout.splitlines()
    assert alone[-2:] == ["  zipf        2 x 6    beams of 128256 float16  : stochastic",
                          "  zipf        3 x 8    beams of 128256 float16  : diverse, stochastic"]


# --- Contrastive search ----------------------------------------------------------------------


def check_contrast(case):
    size = {"float32": 4, "float16": 2, "bfloat16": 2}[case["dtype"]]
    elements = case["vocab"] if case["call"] == "propose" else case["context"] * case["width"]
    bytes_read = case["requests"] * elements * size
    assert case["strategy"] == "contrastive search" and case["who"] == "lmsample"
    assert case["batch_bytes"] == bytes_read and case["batches"] >= 2
    assert case["gb_per_s"] == pytest.approx(1e-9 * bytes_read / case["median_s"], rel=1e-4)
    assert case["read_gb_per_s"] == pytest.approx(1e-9 * bytes_read / case["read_median_s"],
                                                  rel=1e-4)
    assert 0 < case["median_s"] <= case["p95_s"] <= case["p99_s"]
    assert 0 < case["ratio_p5"] <= case["ratio"] <= case["ratio_p95"]
    assert case["repeats"] == 5
    assert 1 <= case["launches"] <= (2 if case["call"] == "propose" else 6)


def test_selects_of_every_type(measure):
    sizes = [(1, 7, 5, 3), (3, 40, 64, 5), (2, 129, 100, 64), (5, 32, 33, 1)]
    words = ",".join("x".join(map(str, size)) for size in sizes)
    got = measure(f"--contrastive={words}")
    assert got["format"] == "lmsample-bench 1" and got["cases"] == []
    found = [(tuple(case[name] for name in ("requests", "context", "width", "k")), case["dtype"])
             for case in got["contrastive"]]
    assert found == [(size, dtype) for dtype in ("float32", "float16", "bfloat16")
                     for size in sizes]
    for case in got["contrastive"]:
        assert case["call"] == "select" and case["vocab"] is None
        # Two steps of the first and of the last request.
        assert case["checked_rows"] == 2 * min(case["requests"], 2) * case["k"]
        check_contrast(case)


def test_append_and_propose(measure):
    got = measure("--contrastive=1x8x16x2", "--dtype", "float16", "--extras")
    found = [(case["call"], case["dtype"]) for case in got["contrastive"]]
    assert found == [("select", "float16"), ("append", "float32"), ("append", "float16"),
                     ("propose", "float32")]
    for case in got["contrastive"]:
        check_contrast(case)
    propose = got["contrastive"][-1]
    assert propose["context"] is None and propose["width"] is None and propose["vocab"] == 128256
    assert propose["checked_rows"] == 8 * 5


def test_contexts_that_become_full_begin_anew(bench, tmp_path):
    bench("--rotate", 1, "--repeats", 700, "--case-seconds", 60, "--contrastive=1x2000x64x2",
          "--dtype", "float32", "--json", "out.json")
    (case,) = json.loads((tmp_path / "out.json").read_text())["contrastive"]
    assert case["repeats"] == 700 and case["batches"] < 10  # of 64 steps each


def test_csv_of_contrastive_search_has_what_json_has(bench, tmp_path):
    bench(*SMALL, "--contrastive=2x50x70x3", "--json", "a.json", "--csv", "a.csv")
    cases = json.loads((tmp_path / "a.json").read_text())["contrastive"]
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(cases) == len(lines) == 3
    for case, line in zip(cases, lines):
        assert list(case) == list(line)
        for name, value in case.items():
            if isinstance(value, str):
                assert line[name] == value
            else:
                assert line[name] == "" if value is None else float(line[name]) == value


def test_list_names_the_contexts(bench):
    lines = bench("--list", "--contrastive").stdout.splitlines()
    assert lines[0] == "settings: requests x context x width, candidates"
    assert "    8 x  2048 x  4096, k  5, bfloat16" in lines
    for context in (128, 16384):
        assert f"    8 x {context:5} x  1024, k  5, float16" in lines
    full = bench("--list", "--contrastive", "--full").stdout.splitlines()
    assert len(full) > len(lines) and (len(full) - 1) % 3 == 0
    alone = bench("--list", "--contrastive=1x2x3x2,4x5x6x1", "--dtype", "bfloat16").stdout
    assert alone.splitlines()[1:] == ["    1 x     2 x     3, k  2, bfloat16",
                                      "    4 x     5 x     6, k  1, bfloat16"]


def preload(tmp_path, source):
    """A library that comes before OpenCL's loader."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("there is no C compiler")
    (tmp_path / "shim.c").write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"],
                   cwd=tmp_path, check=True)
    return {**os.environ, "LD_PRELOAD": str(tmp_path / "shim.so")}


WRONG_TOKENS = """
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
cl_int clEnqueueReadBuffer(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, void *p,
                           cl_uint w, const cl_event *l, cl_event *e)
{
    cl_int (*real)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, void *, cl_uint,
                   const cl_event *, cl_event *);
    *(void **)&real = dlsym(RTLD_NEXT, "clEnqueueReadBuffer");
    const cl_int code = real(q, m, b, o, n, p, w, l, e);
    if (n == COUNT * sizeof(int)) ((int *)p)[LAST] += 1; /* the last row's */
    return code;
}
"""


def wrong_tokens(count, last):
    return f"#define COUNT {count}\n#define LAST {last}\n{WRONG_TOKENS}"


def test_the_summary_comes_first(bench):
    out = bench(*SMALL, "--rows", 2, "--vocab", 600, "--shape", "flat,peaked", "--strategy",
                "greedy,temperature").stdout
    begin = out.index("\nsummary\n")
    for shape in ("flat", "peaked"):
        found = re.search(rf"^  {shape} 2 x 600 float32 +[\d.]+ of a read's speed \(median of 2; from "
                          r"([\d.]+), (greedy|temperature), to ([\d.]+)\)$", out, re.M)
        ratios = [float(ratio) for ratio in re.findall(
            r"^  (?:greedy|temperature) +([\d.]+) ",
            out[out.index(f"\n{shape}: 2 x 600 float32"):], re.M)[:2]]
        assert sorted([float(found[1]), float(found[3])]) == pytest.approx(sorted(ratios), abs=6e-3)
        assert begin < found.start() < out.index(f"\n{shape}: 2 x 600 float32")
    assert re.search(r"^  spread +±\d+ % ", out, re.M)


def test_a_wrong_token_ends_it(bench, tmp_path):
    done = bench(*SMALL, "--rows", 8, "--vocab", 1000, "--shape", "peaked", "--strategy",
                 "temperature", status=1, env=preload(tmp_path, wrong_tokens(8, 7)))
    line = done.stderr.splitlines()[-1]
    assert line.startswith("bench: temperature, peaked, 8 x 1000 float32: row 7 has token ")
    assert "the oracle has" in line


def test_a_wrong_beam_ends_it(bench, tmp_path):
    # Parents and tokens of 3 x 4 rows, and whether 3 requests are done.
    done = bench(*SMALL, "--beam=3x4", "--vocab", 1000, "--shape", "flat", "--dtype", "float32",
                 status=1, env=preload(tmp_path, wrong_tokens(27, 23)))
    line = done.stderr.splitlines()[-1]
    assert line.startswith("bench: beam search, flat, 3 x 4 beams of 1000 float32, step 1: beam 3 "
                           "of request 2 has parent 0, token ")
    assert "the oracle has 0, " in line


def test_a_wrong_choice_ends_it(bench, tmp_path):
    # Tokens and rows of 3 requests.
    done = bench(*SMALL, "--contrastive=3x40x64x4", "--dtype", "float32", status=1,
                 env=preload(tmp_path, wrong_tokens(6, 5)))
    line = done.stderr.splitlines()[-1]
    assert line.startswith("bench: contrastive search, 3 x 40 x 64 float32, k 4, position 41: "
                           "request 2 has chosen row ")
    assert ", it should be " in line


def test_an_interrupt_ends_it_with_what_there_is(tmp_path):
    words = [PROGRAM, "--rows", "1,2,3,5,6,7,9,10", "--vocab", "30000", "--shape", "peaked",
             "--rotate", "1", "--repeats", "2000", "--case-seconds", "1", "--json", "i.json"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    for line in process.stderr:  # of progress, every ten seconds
        if re.match("[2-7]/8 ", line):
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: not all was measured" in out
    got = json.loads((tmp_path / "i.json").read_text())
    assert got["interrupted"] is True
    assert len(STRATEGIES) <= len(got["cases"]) < 8 * len(STRATEGIES)


@pytest.mark.parametrize("parts, words", [
    (["--rows", '"0"', "from 1"], ["--rows", "0"]),
    (["--rows", '"8x"'], ["--rows", "1,8x"]),
    (["--vocab", '"1048577"', "1048576"], ["--vocab", "1048577"]),
    (["--shape", '"round"', "--list"], ["--shape", "flat,round"]),
    (["--strategy", '"beam"'], ["--strategy", "beam"]),
    (["--dtype", "list is empty"], ["--dtype", ","]),
    (["--repeats", '"-1"'], ["--repeats", "-1"]),
    (["--case-seconds", '"nan"'], ["--case-seconds", "nan"]),
    (["'--speed'"], ["--speed"]),
    (["--shape", "real", "--rows-file"], ["--shape", "flat,real"]),
    (["--rows-file", "--beam"], ["--beam", "--rows-file", "x.npy"]),
    (["--rows-file", "--contrastive"], ["--contrastive", "--rows-file", "x.npy"]),
    (["--beam", '"4"', "16x4"], ["--beam=4"]),
    (["--beam", '"0"', "from 1"], ["--beam=0x4"]),
    (["--beam", '"1025"', "1024"], ["--beam=16x4,1x1025"]),
    (["--beam", "list is empty"], ["--beam="]),
    (["--mode", '"greedy"'], ["--beam", "--mode", "greedy"]),
    (["--mode", "--beam"], ["--mode", "search"]),
    (["--rows", "--beam"], ["--beam", "--rows", "4"]),
    (["--strategy", "--beam"], ["--beam", "--strategy", "greedy"]),
    (["--fresh", "--beam"], ["--beam", "--fresh"]),
    (["--contrastive", '"8x2048"', "8x2048x4096x5"], ["--contrastive=8x2048"]),
    (["--contrastive", '"0"', "from 1"], ["--contrastive=0x4x4x4"]),
    (["--contrastive", '"16385"', "16384"], ["--contrastive=1x8x4x4,1x8x16385x4"]),
    (["--contrastive", '"65"', "64"], ["--contrastive=1x80x4x65"]),
    (["--contrastive", "more candidates than positions"], ["--contrastive=1x4x4x5"]),
    (["--contrastive", "four parts"], ["--contrastive=1x4x4x4x4"]),
    (["--contrastive", "list is empty"], ["--contrastive="]),
    (["--beam", "--contrastive"], ["--beam", "--contrastive"]),
    (["--vocab", "--contrastive"], ["--contrastive", "--vocab", "100"]),
    (["--mode", "--beam"], ["--contrastive", "--mode", "search"]),
    (['"p"'], ["p"]),
])
def test_a_wrong_option_is_one_line(bench, parts, words):
    done = bench(*words, status=2)
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert all(part in done.stderr for part in parts), done.stderr
    assert done.stderr.startswith("bench: ")


def test_files_that_cannot_be_written_are_found_before_measuring(bench):
    done = bench("--json", "no/folder.json", status=1)
    assert done.stdout == ""
    assert done.stderr == "bench: cannot write to no/folder.json: No such file or directory\n"


def test_two_results_do_not_go_to_one_file(bench):
    done = bench(*SMALL, "--rows", 1, "--vocab", 777, "--json", "both", "--csv", "./both", status=1)
    assert done.stdout == "" and done.stderr == "bench: --csv: ./both is the file of --json\n"


def test_the_model_is_named_if_it_is_missing(bench):
    done = bench(*SMALL, "--rows", 1, "--shape", "model", "--model", ROOT / "nowhere", status=1)
    assert "the example model in" in done.stderr and "nowhere" in done.stderr


def test_what_does_not_fit_the_memory_is_left_out(bench, tmp_path):
    done = bench(*SMALL, "--rows", 65536, "--vocab", 1048576, "--shape", "flat", "--json",
                 "m.json")
    assert "left out" in done.stdout
    assert json.loads((tmp_path / "m.json").read_text())["cases"] == []
