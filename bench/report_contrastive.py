"""The report's section about contrastive search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import report_data as data
from report_data import ContrastiveCase
from report_text import NONE, SHARE, TIMES, duration, optional, prose, table, target_text

if TYPE_CHECKING:
    from report_tables import Page

SHARE_FIGURE = "contrastive share"
LINEAR = "contrastive reads"
SPEEDUP = "speedup of contrastive search"
TITLES = {
    "context": "positions of the context",
    "k": "candidates",
    "requests": "requests",
    "width": "width of the states",
}


def contrastive_section(page: Page) -> list[str]:
    """Nothing where nothing was measured."""
    cases = page.results.contrasts()
    own = [case for case in cases if case.who == data.LIBRARY]
    selects = [case for case in own if case.call == "select"]
    if not cases:
        return []
    lines = ["## Contrastive search", ""]
    if own:
        lines += prose(
            """A select of all requests, until the choices are on the host: each candidate against
            each position of its request's context, and the chosen one's state behind it. *share*:
            the time of a read of the contexts, once and as they are stored, over the select's. The
            two are timed in turns; the figures are medians of their ratios."""
        )
    lines += target_lines(page, selects)
    lines += page.picture("contrastive.svg", "Time of a select against context and candidates")
    lines += linear_lines(page, selects)
    for along in data.CONTRASTIVE_SIZES:
        for group in data.contrastive_groups(selects, along):
            lines += along_table(along, group)
    lines += calls_table([case for case in own if case.call != "select"])
    return lines + others_table(page, [case for case in cases if case.who != data.LIBRARY])


def limit_text(page: Page, name: str, case: ContrastiveCase, unit: Any) -> str:
    limit = page.targets.limit(name, case)
    return target_text(limit, unit) if limit else NONE


def target_lines(page: Page, cases: list[ContrastiveCase]) -> list[str]:
    """The sizes that have a target, or some if none has."""
    sizes = {case.size_text for case in cases if page.targets.limit(SHARE_FIGURE, case)}
    found = [case for case in cases if case.size_text in sizes] or cases[:3]
    rows = []
    for case in found:
        limit = page.targets.limit(SHARE_FIGURE, case)
        place = (case.size_text, case.dtype)
        share = page.judge("contrastive search, share of a read", place, case.share, limit, SHARE)
        low, high = case.number("ratio_p5"), case.number("ratio_p95")
        spread = f"{optional(low, 2)} - {optional(high, 2)}"
        target = limit_text(page, SHARE_FIGURE, case, SHARE)
        rates = [optional(case.number(name), 1) for name in ("gb_per_s", "read_gb_per_s")]
        row = [case.size_text, case.dtype, target, share, spread, duration(case.seconds)]
        rows.append([*row, *rates])
    header = ["requests x context x width, candidates", "", "target", "share", "5 % - 95 %"]
    header += ["median", "GB/s", "read GB/s"]
    return table(header, rows, numbers_from=2) if rows else []


def linear_lines(page: Page, cases: list[ContrastiveCase]) -> list[str]:
    rows = []
    for group in data.contrastive_groups(cases, "context"):
        for dtype in dict.fromkeys(case.dtype for case in group):
            found = [case for case in group if case.dtype == dtype]
            found = [c for c in found if c.context >= data.LINEAR_FROM]
            if len(found) < 3:
                continue
            reads = [case.reads for case in found]
            limit = page.targets.limit(LINEAR, found[0])
            place = (found[0].others_text("context"), dtype)
            factor = max(reads) / min(reads)
            cell = page.judge("contrastive search, linear", place, factor, limit, SHARE)
            span = f"{min(c.context for c in found)} - {max(c.context for c in found)}"
            ends = [SHARE.text(min(reads)), SHARE.text(max(reads))]
            rows.append([*place, span, *ends, limit_text(page, LINEAR, found[0], SHARE), cell])
    if not rows:
        return []
    text = prose(
        """Time is linear in the context where a select takes as many reads of a short context as
        of a long one (the machine's speed changes between settings, and the reads' with it):"""
    )
    header = ["", "", "positions", "least reads", "most", "target", "most / least"]
    return [*text, *table(header, rows, numbers_from=2)]


def along_table(along: str, cases: list[ContrastiveCase]) -> list[str]:
    dtypes = data.ordered({case.dtype for case in cases}, tuple(data.DTYPES))
    values = sorted({getattr(case, along) for case in cases})
    rows = []
    for value in values:
        row = [str(value)]
        if along == "width":
            row.append(str(next(c.requests for c in cases if c.width == value)))
        for dtype in dtypes:
            case = next((c for c in cases if (getattr(c, along), c.dtype) == (value, dtype)), None)
            row += [SHARE.text(case.share), duration(case.seconds)] if case else [NONE] * 2
        rows.append(row)
    header = [TITLES[along]] + ["requests"] * (along == "width")
    for dtype in dtypes:
        header += [f"{dtype}: share", "median"]
    return [f"By {TITLES[along]}; {cases[0].others_text(along)}:", "", *table(header, rows)]


def calls_table(cases: list[ContrastiveCase]) -> list[str]:
    if not cases:
        return []
    rows = []
    for case in cases:
        rate = optional(case.number("gb_per_s"), 1)
        row = [case.call, case.size_text, case.dtype, SHARE.text(case.share)]
        rows.append([*row, duration(case.seconds), rate])
    text = prose(
        """The other calls: *append* of whole contexts, as prompts are, beside a read of them (it
        writes them too); *propose*, until the candidates are on the host, beside a read of the
        logits."""
    )
    header = ["", "requests x context x width, candidates", "", "share", "median", "GB/s"]
    return [*text, *table(header, rows, numbers_from=3)]


def others_table(page: Page, cases: list[ContrastiveCase]) -> list[str]:
    if not cases:
        return []
    rows = []
    for case in cases:
        limit = page.targets.limit(SPEEDUP, case)
        speedup = case.fields["speedup"]
        section = f"contrastive search, speedup over {case.who}"
        cell = page.judge(section, (case.size_text, case.dtype), speedup, limit, TIMES)
        times = [duration(case.seconds), duration(case.number("lmsample_median_s"))]
        target = limit_text(page, SPEEDUP, case, TIMES)
        rows.append([case.size_text, case.dtype, case.who, *times, target, cell])
    text = prose(
        """How many times as long others take for the same step. *torch*: the formula of Hugging
        Face's generate(), which copies and normalises the contexts once for each candidate in
        every step. *torch cached*: norms are kept, one product, nothing is copied."""
    )
    header = ["requests x context x width, candidates", "", "", "its median", "lmsample"]
    return [*text, *table([*header, "target", "speedup"], rows, numbers_from=3)]
