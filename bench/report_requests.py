"""The report's sections about requests and serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import report_data as data
from report_data import RequestCase
from report_targets import Limit
from report_text import NONE, SHARE, TIMES, binary_size, duration, plain, prose, table, target_text

if TYPE_CHECKING:
    from report_tables import Page

SPEEDUP = "speedup of requests"


def request_section(page: Page) -> list[str]:
    """Nothing where nothing was measured."""
    cases = page.results.requests()
    own = [case for case in cases if case.who == data.LIBRARY]
    others = [case for case in cases if case.who != data.LIBRARY]
    lines = [*own_lines(page, own), *others_lines(page, others), *serving_lines(page)]
    return ["## Requests", "", *lines] if lines else []


def own_lines(page: Page, cases: list[RequestCase]) -> list[str]:
    if not cases:
        return []
    lines = prose(
        """What rows ask for: a step beside a step of the same rows that has the temperature alone,
        and, where it tells something of a row, beside one that returns the raw log-probability.
        All are timed in turns; the figures are medians of their ratios, by the wall clock and by
        CPU time."""
    )
    for key in dict.fromkeys((case.shape, case.size) for case in cases):
        lines += own_table(page, [case for case in cases if (case.shape, case.size) == key])
    return lines


def own_table(page: Page, cases: list[RequestCase]) -> list[str]:
    rows, vocab, dtype = cases[0].size
    lines = [
        [case.strategy, *cells(page, case, "over_temperature"), *cells(page, case, "over_logprob"),
         duration(case.seconds)]
        for case in cases
    ]  # fmt: skip
    columns = ["target", "wall", "CPU"]
    header = [f"{cases[0].shape}, {rows} x {vocab} {dtype}",
              *(f"over temperature: {columns[0]}", *columns[1:]),
              *(f"over log-probability: {columns[0]}", *columns[1:]), "median"]  # fmt: skip
    found = table(header, lines)
    for case in cases:
        over = case.number("over_beside")
        if over is not None:
            limit = limit_of(case, "over_beside")
            place = (case.strategy, f"{case.shape} {vocab} {dtype}")
            cell = page.judge(f"over {case.fields['beside']}", place, over, limit, SHARE)
            found += prose(f"*{case.strategy}* over *{case.fields['beside']}*: {cell}")
    return found


def limit_of(case: RequestCase, name: str) -> Limit | None:
    bound = case.number(name + "_at_most")
    return Limit(at_most=bound) if bound is not None else None


def cells(page: Page, case: RequestCase, name: str) -> list[str]:
    ratio, limit = case.number(name), limit_of(case, name)
    if ratio is None:
        return [NONE] * 3
    place = (case.strategy, f"{case.shape} {case.rows} x {case.vocab} {case.dtype}")
    title = "requests " + name.replace("_", " ").replace("logprob", "log-probability")
    cell = page.judge(title, place, ratio, limit, SHARE)
    cpu = case.number(name + "_cpu")
    return [
        target_text(limit, SHARE) if limit else NONE,
        cell,
        SHARE.text(cpu) if cpu is not None else NONE,
    ]


def others_lines(page: Page, cases: list[RequestCase]) -> list[str]:
    if not cases:
        return []
    rows = []
    for case in cases:
        limit = page.targets.limit(SPEEDUP, case)
        place = (case.strategy, f"{case.shape} {case.rows} x {case.vocab}")
        title = f"requests, speedup over {case.who}"
        cell = page.judge(title, place, case.fields["speedup"], limit, TIMES)
        times = [duration(case.seconds), duration(case.number("lmsample_median_s"))]
        target = target_text(limit, TIMES) if limit else NONE
        size = f"{case.rows} x {case.vocab}"
        rows.append([size, case.shape, case.strategy, case.who, *times, target, cell])
    header = ["rows", "logits", "", "", "its median", "lmsample", "target", "speedup"]
    return ["How many times as long others take for the same:", "", *table(header, rows, 4)]


def serving_lines(page: Page) -> list[str]:
    rows = []
    for run in page.results.servings():
        begin, end = run["resident_begin_bytes"], run["resident_end_bytes"]
        memory = f"{binary_size(begin)}, {binary_size(end)}"
        rows.append([
            f"{plain(run['shape'])}, {run['slots']} x {run['vocab']} {plain(run['dtype'])}",
            f"{run['rows_per_step']:.0f}", f"{run['tokens_per_s']:.0f}", duration(run["median_s"]),
            duration(run["p99_s"]), f"{run['calls_per_step']:.1f}",
            f"{run['launches_per_step']:.1f}", memory,
        ])  # fmt: skip
    if not rows:
        return []
    header = ["slots", "sequences", "tokens/s", "step, median", "p99", "calls", "launches",
              "resident at begin, at end"]  # fmt: skip
    return [
        *prose("""Serving, simulated: requests come and go, and every step samples all that are
               there in one call, beside beam search and contrastive search (bench/README.md)."""),
        *table(header, rows),
    ]
