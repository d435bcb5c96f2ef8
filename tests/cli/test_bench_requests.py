"""The benchmark of requests and the simulation of serving: what they measure is right, and what
they write says it. The times themselves are not tested."""

import csv
import json

import pytest

from conftest import SANITIZED, slow
from test_bench import SMALL, bench, measure  # noqa: F401, fixtures

pytestmark = pytest.mark.skipif(SANITIZED, reason="benchmarks are not built with sanitizers")

#: Kernels of two programs: what tells nothing of the row, and what tells all of this.
FEW = ["no request", "slot and append", "penalties", "penalties 100 of 100",
       "penalties 100 of 32000", "bias 300", "bias 300 from host", "mask", "mask bytes",
       "penalties + bias + mask + top 20", "8 draws of a row"]
SIZE = ("--rows", 4, "--vocab", 1500, "--shape", "flat")


def check_request(case, rows=4, repeats=5):
    assert (case["who"], case["vocab"], case["rows"]) == ("lmsample", 1500, rows)
    assert case["repeats"] == repeats and case["batch_bytes"] == rows * 1500 * 4
    assert case["checked_rows"] == 4
    assert 1 <= case["launches"] <= 4
    tells = case["over_logprob"] is not None
    assert tells == (case["logprob_median_s"] is not None)
    for name in ("temperature", *(["logprob"] if tells else [])):
        over = "over_" + name
        assert 0 < case[over + "_p5"] <= case[over] <= case[over + "_p95"]
        assert 0 < case[over + "_cpu"] and 0 < case[name + "_cpu_median_s"]
    assert 0 < case["median_s"] and 0 < case["cpu_median_s"]


def test_requests(measure):  # noqa: F811
    got = measure(f"--requests={','.join(FEW)}", *SIZE)
    assert got["format"] == "lmsample-bench 1" and got["cases"] == []
    assert [case["strategy"] for case in got["requests"]] == FEW
    for case in got["requests"]:
        check_request(case)
    by_name = {case["strategy"]: case for case in got["requests"]}
    assert by_name["penalties"]["over_temperature_at_most"] == 1.15
    assert by_name["slot and append"]["over_temperature_at_most"] is None
    assert by_name["penalties + bias + mask + top 20"]["over_logprob_at_most"] == 1.2
    longer = by_name["penalties 100 of 32000"]
    assert longer["beside"] == "penalties 100 of 100" and longer["over_beside_at_most"] == 1.1
    assert 0 < longer["over_beside_p5"] <= longer["over_beside"] <= longer["over_beside_p95"]


@slow
def test_every_request_and_type(measure):  # noqa: F811
    """Compiles kernels for each set of outputs."""
    got = measure("--requests", *SIZE, "--dtype", "all")
    for case in got["requests"]:
        of_prompts = case["strategy"] == "prompt log-probabilities"
        assert case["vocab"] == 1500 and case["rows"] == (32 if of_prompts else 4)
        assert case["checked_rows"] == 4
    names = [case["strategy"] for case in got["requests"] if case["dtype"] == "float16"]
    assert len(names) == len(set(names)) == 32
    assert len(got["requests"]) == 3 * 32


def test_csv_of_requests_has_what_json_has(bench, tmp_path):  # noqa: F811
    bench(*SMALL, "--requests=mask,penalties", *SIZE, "--json", "a.json", "--csv", "a.csv")
    cases = json.loads((tmp_path / "a.json").read_text())["requests"]
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(cases) == len(lines) == 2
    for case, line in zip(cases, lines):
        assert list(case) == list(line)
        for name, value in case.items():
            if isinstance(value, str):
                assert line[name] == value
            else:
                assert line[name] == "" if value is None else float(line[name]) == value


def test_list_names_the_requests(bench):  # noqa: F811
    lines = bench("--list", "--requests").stdout.splitlines()
    assert lines[0] == "cases:" and lines[33] == "settings:" and len(lines) == 34 + 2 * 2
    assert lines[34].startswith("  peaked       64 x 128256 float32  : no request, slot and append")
    assert lines[35] == "  peaked      512 x 128256 float32  : prompt log-probabilities"
    alone = bench("--list", "--requests=mask,DRY", "--rows", "1,2", "--shape", "zipf",
                  "--dtype", "float16").stdout.splitlines()
    assert alone[-2:] == ["  zipf          1 x 128256 float16  : mask, DRY",
                          "  zipf          2 x 128256 float16  : mask, DRY"]


@pytest.mark.parametrize("parts, words", [
    (["--requests", '"speed"', "--list"], ["--requests=mask,speed"]),
    (["--strategy", "--requests"], ["--requests", "--strategy", "greedy"]),
    (["--fresh", "--serve"], ["--serve", "--fresh"]),
    (["--beam", "--requests"], ["--beam", "--requests"]),
    (["--contrastive", "--serve"], ["--contrastive", "--serve"]),
    (["--rows-file", "--requests"], ["--requests", "--rows-file", "x.npy"]),
    (["--serve", '"0"'], ["--serve=0"]),
    (["--serve", '"soon"'], ["--serve=soon"]),
])
def test_a_wrong_option_is_one_line(bench, parts, words):  # noqa: F811
    done = bench(*words, status=2)
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert all(part in done.stderr for part in parts), done.stderr


def test_serving(bench, tmp_path):  # noqa: F811
    """Two seconds: the program itself fails if a call fails, a row gets no token, a request gets
    other tokens than alone, a page is lost, or memory grows."""
    done = bench("--rotate", 1, "--serve=2", "--rows", 32, "--vocab", 1500, "--shape", "flat",
                 "--json", "s.json", "--csv", "s.csv")
    got = json.loads((tmp_path / "s.json").read_text())["serving"]
    assert (got["slots"], got["vocab"], got["dtype"]) == (32, 1500, "float32")
    assert 2 <= got["seconds"] < 10 and got["steps"] >= 20
    assert 16 < got["rows_per_step"] <= 32
    # A token of each sequence, of each of 8 beam searches, and of 4 contrastive ones.
    assert got["tokens"] == pytest.approx(got["steps"] * (got["rows_per_step"] + 12), rel=1e-6)
    assert 0 < got["median_s"] <= got["p99_s"]
    assert got["sampler_median_s"] < got["median_s"]
    # The sampler's, three of beams, and two of contrastive search; what opens, and what forks.
    assert 6 <= got["calls_per_step"] < 10
    assert got["finished"] > 32 and got["samples"] >= 10
    assert got["compared_tokens"] >= got["samples"]
    assert got["resident_end_bytes"] < got["resident_begin_bytes"] + 2**24
    assert got["device_end_bytes"] == got["device_begin_bytes"] > 0
    with open(tmp_path / "s.csv", newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert list(line) == list(got)
    assert "all as they were" in done.stdout
