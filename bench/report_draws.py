"""The report's sections about draws: what they take, how steps of them differ, one heavy row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import report_data as data
from report_data import Case
from report_text import NONE, SHARE, duration, prose, size_text, table, target_text

if TYPE_CHECKING:
    from report_tables import Page

P99 = "p99 over median"
HEAVY = "heavy over uniform"


def cases_of_draws(page: Page) -> list[Case]:
    """Of the usual size, and rows of a real model, which have their own vocabulary."""
    cases = [case for case in page.results.own() if case.size == page.size()]
    real = [case for case in page.results.own() if case.size == real_size(page)]
    return cases + [case for case in real if case.shape == "real" and case not in cases]


def real_size(page: Page) -> tuple[int, int, str] | None:
    rows, _, dtype = page.size()
    sizes = {case.size for case in page.results.own() if case.shape == "real"}
    return next((size for size in sorted(sizes) if (size[0], size[2]) == (rows, dtype)), None)


def by_shape(cases: list[Case], name: str, cell: Callable[[Case], str]) -> list[str]:
    """A table of strategies and shapes."""
    shapes = data.shapes_of(cases)
    rows = []
    for strategy in data.strategies_of(cases):
        found = {case.shape: case for case in cases if case.strategy == strategy}
        rows.append([strategy, *(cell(found[s]) if s in found else NONE for s in shapes)])
    return table([name, *shapes], rows)


def draws_section(page: Page) -> list[str]:
    """Nothing where no draws were counted."""
    cases = [case for case in cases_of_draws(page) if case.number("draws")]
    if not cases:
        return []
    lines = [f"## What draws take, {size_text(page.size())}", ""]
    lines += prose(
        """The mean number of attempts of a draw, and the share of the draws for which bounds did
        not decide whether a proposed token is kept, so that the exponentials of all of the row
        were computed. Greedy rows draw nothing."""
    )
    drawn = [case for case in cases if case.number("attempts")]
    lines += by_shape(drawn, "attempts", lambda case: f"{case.fields['attempts']:.1f}")
    passed = {case.strategy for case in cases if case.number("pass_share")}
    with_pass = [case for case in cases if case.strategy in passed]
    if with_pass:
        lines += by_shape(
            with_pass, "draws with a pass", lambda case: f"{case.fields['pass_share']:.1%}"
        )
    return lines


def p99_section(page: Page) -> list[str]:
    """The spread of a step's time: rows that need a pass are not in all steps alike."""
    cases = [case for case in cases_of_draws(page) if case.number("p99_over_median")]
    limits = [page.targets.limit(P99, case) for case in cases]
    if not cases:
        return []
    known = next((limit for limit in limits if limit), None)
    target = f" Target for peaked logits: {target_text(known, SHARE)}." if known else ""
    lines = ["## The slowest steps", ""]
    lines += prose(
        f"""The 99th percentile of a step's time over its median.{target} Other work on the machine
        is in it."""
    )
    return lines + by_shape(
        cases,
        "p99 / median",
        lambda case: page.cell(P99, P99, case, case.fields["p99_over_median"], SHARE),
    )


def heavy_section(page: Page) -> list[str]:
    """Nothing where none was measured."""
    found = page.results.heavy()
    if not found:
        return []
    limit = page.targets.limit(HEAVY, found[0])
    target = f", target: {target_text(limit, SHARE)}" if limit else ""
    lines = ["## Small batches with one heavy row", ""]
    lines += prose(
        f"""One row is flat and the others are peaked. The time of the batch over the mean of
        batches of peaked rows and of flat ones, by rows, timed in turns; the median{target}."""
    )
    rows = []
    for one in found:
        place = (size_text((one.rows, one.vocab, one.dtype)), one.strategy)
        cell = page.judge("batches with one heavy row", place, one.over_mean, limit, SHARE)
        rows.append(
            [
                *place,
                cell,
                f"{one.fields['over_mean_p5']:.2f} - {one.fields['over_mean_p95']:.2f}",
                duration(one.seconds),
                duration(one.number("peaked_median_s")),
                duration(one.number("flat_median_s")),
            ]
        )
    header = ["batch", "strategy", "over the mean", "5 % - 95 %", "median"]
    return lines + table([*header, "all peaked", "all flat"], rows, numbers_from=2)
