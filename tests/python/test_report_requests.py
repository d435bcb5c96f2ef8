"""The report's section about requests and serving."""

import copy
import json

import pytest
from test_report import full_results, page_of, results, run_script, tables

OVER = ("over_temperature", "over_logprob", "over_beside")


def own(strategy: str, *ratios: float | None, bounds: tuple = (None,) * 3) -> dict:
    case = {"strategy": strategy, "shape": "peaked", "rows": 64, "vocab": 128256,
            "dtype": "float32", "who": "lmsample", "repeats": 31, "batches": 8,
            "batch_bytes": 64 * 128256 * 4, "beside": None, "median_s": 0.002,
            "cpu_median_s": 0.003, "launches": 2, "checked_rows": 4}  # fmt: skip
    for name, ratio, bound in zip(OVER, ratios, bounds):
        case[name] = ratio
        case[name + "_cpu"] = None if ratio is None else ratio + 0.02
        case[name + "_at_most"] = bound
    return case


def request_results() -> tuple[dict, dict, dict]:
    cases = [own("no request", 1.004, None, None, bounds=(1.01, None, None)),
             own("penalties", 1.31, None, None, bounds=(1.15, None, None)),
             own("top 20", 1.6, 1.1, None),
             own("penalties 100 of 32000", 1.2, None, 1.04, bounds=(None, None, 1.1))]  # fmt: skip
    cases[3]["beside"] = "penalties 100 of 100"
    names = ("strategy", "shape", "rows", "vocab", "dtype")
    theirs = [{**{name: cases[1][name] for name in names}, "who": who, "median_s": 0.1 * speedup,
               "lmsample_median_s": 0.1, "speedup": speedup}
              for who, speedup in (("torch", 130.0), ("llama.cpp", 8.5))]  # fmt: skip
    serving = {"strategy": "serving", "shape": "peaked", "slots": 1024, "vocab": 128256,
               "dtype": "float32", "steps": 100, "rows_per_step": 921.4, "tokens_per_s": 21000.4,
               "median_s": 0.045, "p99_s": 0.06, "calls_per_step": 7.3, "launches_per_step": 17.5,
               "resident_begin_bytes": 2 << 30, "resident_end_bytes": 2 << 30}  # fmt: skip
    return (
        results([], requests=cases),
        results([], mode="peers", requests=theirs, start=None),
        results([], serving=serving),
    )


@pytest.fixture(scope="module")
def full() -> dict:
    return full_results()


def test_the_section(full, tmp_path):
    section = page_of(tmp_path, full, *request_results()).split("## Requests")[1]
    ours, others, serving = tables(section)[:3]
    assert ours[0][0] == "peaked, 64 x 128256 float32"
    assert [line[:7] for line in ours[1:]] == [
        ["no request", "at most 1.01", "1.00 reached", "1.02", "-", "-", "-"],
        ["penalties", "at most 1.15", "**1.31 missed**", "1.33", "-", "-", "-"],
        ["top 20", "-", "1.60", "1.62", "-", "1.10", "1.12"],
        ["penalties 100 of 32000", "-", "1.20", "1.22", "-", "-", "-"],
    ]
    assert "*penalties 100 of 32000* over *penalties 100 of 100*: 1.04 reached" in section
    assert [line[3:4] + line[6:] for line in others[1:]] == [
        ["torch", "at least 10x", "130x reached"], ["llama.cpp", "at least 10x", "**8.5x missed**"],
    ]  # fmt: skip
    assert serving[1] == ["peaked, 1024 x 128256 float32", "921", "21000", "45.0 ms", "60.0 ms",
                          "7.3", "17.5", "2.0 GiB, 2.0 GiB"]  # fmt: skip


def test_the_same_report_again(full, tmp_path):
    page = page_of(tmp_path, full, *request_results())
    again = run_script(tmp_path, "out/results.json", "--out", "out", "--no-plots")
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "out/README.md").read_text(encoding="utf-8") == page
    csv = (tmp_path / "out/results.csv").read_text(encoding="utf-8").splitlines()
    assert len(csv) == 1 + len(full["cases"]) + 4 + 2


@pytest.mark.parametrize("name, value", [("rows", 0), ("shape", "round"), ("median_s", None),
                                         ("over_temperature", 0)])  # fmt: skip
def test_a_bad_field_is_named(full, tmp_path, name, value):
    ours = copy.deepcopy(request_results()[0])
    ours["requests"][0][name] = value
    for i, content in enumerate((full, ours)):
        (tmp_path / f"in{i}.json").write_text(json.dumps(content), encoding="utf-8")
    done = run_script(tmp_path, "in0.json", "in1.json", "--out", "out", "--no-plots")
    assert done.returncode == 1
    assert done.stderr.startswith(f"report.py: in1.json: requests[0].{name} is ")
