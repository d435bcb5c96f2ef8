"""The report's section about beam search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import report_data as data
from report_data import BeamCase
from report_text import NONE, SHARE, TIMES, duration, plain, prose, table, target_text

if TYPE_CHECKING:
    from report_tables import Page

OVER_TOP_K = "beams over top-k"
SPEEDUP = "speedup of beams"


def beam_section(page: Page) -> list[str]:
    """Nothing where nothing was measured."""
    own = [case for case in page.results.beams() if case.who == data.LIBRARY]
    others = [case for case in page.results.beams() if case.who != data.LIBRARY]
    parts = page.results.beam_parts()
    if not own and not others and not parts:
        return []
    lines = ["## Beam search", ""]
    if own:
        lines += prose(
            """A step of all beams, until its moves are on the host. *share*: the time of a read of
            the same logits over the step's. *over top-k*: the step's time over that of a top-k
            step of the same rows that returns log-probabilities too, with k twice the number of
            beams. All are timed in turns; the figures are medians of their ratios."""
        )
    for vocab, dtype in dict.fromkeys((case.vocab, case.dtype) for case in own):
        lines += own_table(page, [c for c in own if (c.vocab, c.dtype) == (vocab, dtype)])
    if others:
        lines += ["How many times as long others take for the same step:", ""]
    for vocab in dict.fromkeys(case.vocab for case in others):
        lines += others_table(page, [case for case in others if case.vocab == vocab])
    return lines + parts_lines(parts)


def size_of(case: BeamCase) -> str:
    return f"{case.requests} x {case.width}"


def own_table(page: Page, cases: list[BeamCase]) -> list[str]:
    shapes = data.shapes_of(cases)
    rows = []
    for size, strategy in dict.fromkeys((size_of(c), c.strategy) for c in cases):
        found = {c.shape: c for c in cases if (size_of(c), c.strategy) == (size, strategy)}
        row = [size, strategy, limit_text(page, OVER_TOP_K, next(iter(found.values())), SHARE)]
        for shape in shapes:
            row += own_cells(page, found[shape]) if shape in found else [NONE] * 3
        rows.append(row)
    header = [f"{cases[0].vocab} {cases[0].dtype}", "", "target"]
    for shape in shapes:
        header += [f"{shape}: share", "over top-k", "median"]
    return table(header, rows, numbers_from=2)


def own_cells(page: Page, case: BeamCase) -> list[str]:
    limit = page.targets.limit(OVER_TOP_K, case)
    place = (f"{size_of(case)} {case.strategy}", f"{case.shape} {case.vocab} {case.dtype}")
    over = page.judge("beam search over top-k", place, case.fields["over_top_k"], limit, SHARE)
    return [SHARE.text(case.share), over, duration(case.seconds)]


def limit_text(page: Page, name: str, case: BeamCase, unit: Any) -> str:
    limit = page.targets.limit(name, case)
    return target_text(limit, unit) if limit else NONE


def others_table(page: Page, cases: list[BeamCase]) -> list[str]:
    rows = []
    for case in cases:
        limit = page.targets.limit(SPEEDUP, case)
        place = (f"{size_of(case)} beams", f"{case.shape} {case.vocab}")
        speedup = case.fields["speedup"]
        cell = page.judge(f"beam search, speedup over {case.who}", place, speedup, limit, TIMES)
        times = [duration(case.seconds), duration(case.number("lmsample_median_s"))]
        target = limit_text(page, SPEEDUP, case, TIMES)
        rows.append([size_of(case), case.shape, case.who, *times, target, cell])
    header = [f"{cases[0].vocab} {cases[0].dtype}", "logits", "", "its median", "lmsample"]
    return table([*header, "target", "speedup"], rows, numbers_from=3)


def parts_lines(parts: list[dict[str, Any]]) -> list[str]:
    if not parts:
        return []
    rows = []
    for part in parts:
        counts = [str(part[name]) for name in ("requests", "live", "width", "max_width")]
        times = [duration(part["median_s"]), duration(part["alone_median_s"])]
        low, high = part["over_alone_p5"], part["over_alone_p95"]
        spread = f"{SHARE.text(low)} - {SHARE.text(high)}"
        logits = f"{plain(part['shape'])}, {part['vocab']} {part['dtype']}"
        rows.append([logits, *counts, *times, SHARE.text(part["over_alone"]), spread])
    header = ["logits", "requests", "live", "beams of each", "made for", "median", "alone"]
    return [
        *prose(
            """Requests that are done, and narrow ones in a search that was made for wide ones:
            the step beside one of the live beams alone, in a search made for their width."""
        ),
        *table([*header, "step / alone", "5 % - 95 %"], rows),
    ]
