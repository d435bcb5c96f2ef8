"""Pictures in files: SVG and a page of HTML by Jinja2, PNG by CairoSVG from the SVG."""

from __future__ import annotations

import math
import unicodedata
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from . import layout
from .chain import Explanation
from .comparison import Comparison
from .terminal import histogram_edges

COLORS = {
    "softmax": "#9aa3ad",
    "temperature": "#2f6fdd",
    "min-p": "#a1308f",
    "top-k": "#c26a00",
    "top-p": "#0b7a55",
    "greedy": "#0a7f96",
}
SETTINGS = ("#2f6fdd", "#a1308f", "#0b7a55", "#c26a00", "#0a7f96", "#b3261e")
_LINE, _BAR = 24, 29  # pixels from stage to stage, from token to token
_PLOT = (716, 972)  # left, right


def setting_color(number: int) -> str:
    return SETTINGS[number % len(SETTINGS)]


def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("lmsample.tools"),
        autoescape=select_autoescape(["svg", "html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(
        layout=layout,
        percent=layout.percent,
        number=layout.number,
        colors=COLORS,
        setting_color=setting_color,
    )
    found.filters["shown"] = layout.displayable
    found.filters["fit"] = _fit
    return found


def _fit(text: str, columns: int) -> str:
    """Cut to a width that the picture has room for; East Asian characters take two."""
    wide = 0
    for place, character in enumerate(text):
        wide += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if wide > columns:
            return text[:place] + "…"
    return text


# --- Curves ---------------------------------------------------------------------------------


def _x(e: Explanation, rank: float) -> float:
    """Ranks are from 1, on a logarithmic axis."""
    most = math.log(e.vocab)
    left, right = _PLOT
    return left + (math.log(rank) / most * (right - left) if most > 0 else 0)


def _ranks(last: int, points: int = 300) -> List[int]:
    return sorted({int(round(rank)) for rank in np.geomspace(1, max(last, 1), points)})


def _curve(e: Explanation, probs: Any, last: int, top: float, height: float) -> str:
    sums = np.minimum(np.cumsum(probs), 1.0)
    points = [
        f"{_x(e, rank):.1f} {top + height * (1 - sums[rank - 1]):.1f}" for rank in _ranks(last)
    ]
    return "M" + "L".join(points) + f"H{_PLOT[1]}" if points else ""


def _plot(e: Explanation, top: float, height: float) -> Dict[str, Any]:
    powers = range(int(math.log10(e.vocab)) + 1)
    return {
        "left": _PLOT[0],
        "right": _PLOT[1],
        "top": top,
        "height": height,
        "shares": [(top + height * (1 - share / 100), share) for share in range(0, 101, 25)],
        "ranks": [(_x(e, 10**power), 10**power) for power in powers],
        # Between the last token that is kept and the first that is not.
        "cuts": [(_x(e, math.sqrt(s.kept * (s.kept + 1))), s) for s in e.stages if s.removed],
        "before": _curve(e, e.before.probs, e.vocab, top, height),
        "after": _curve(e, e.after.probs, e.kept, top, height),
    }


# --- One row --------------------------------------------------------------------------------


def _lines(e: Explanation, top: int) -> List[Dict[str, Any]]:
    """A line of the picture for each item."""
    scale = layout.scale_of(e)
    before, after = np.cumsum(e.before.probs), np.cumsum(e.after.probs)
    lines: List[Dict[str, Any]] = []
    for item in layout.items_of(e, top):
        if isinstance(item, layout.Cut):
            lines.append({"kind": "cut", "stage": item.stage, "text": layout.cut_text(item.stage)})
        elif isinstance(item, layout.Gap):
            share = layout.percent(item.before)
            lines.append({"kind": "gap", "text": f"{item.tokens} more tokens, together {share} before"})
        else:
            rank = item.rank
            token = int(e.order[rank])
            remover = e.removed_by(rank)
            by = None if remover is None else remover.kind
            by = by if rank < e.live else "never"
            lines.append(
                {
                    "kind": "token",
                    "rank": rank + 1,
                    "id": token,
                    "text": layout.text_of(e, token) or "",
                    "logit": f"{e.logits[rank]:g}",
                    "before": layout.aligned(float(e.before.probs[rank]), scale),
                    "sum": layout.aligned(float(before[rank]), scale),
                    "after": layout.aligned(float(e.after.probs[rank]), scale),
                    "after_sum": layout.aligned(float(after[rank]), scale),
                    "by": by,
                    "bar": float(e.before.probs[rank]) / scale,
                    "after_bar": float(e.after.probs[rank]) / scale,
                    "stages": [
                        (s.label, "" if rank >= s.kept else layout.percent(float(s.probs[rank])))
                        for s in e.stages
                    ],
                    "is_drawn": token == e.drawn,
                }
            )
    return lines


def explanation_svg(e: Explanation, top: int = 20) -> str:
    """1000 pixels wide."""
    lines = _lines(e, top) if e.live else []
    upper = max(96 + _LINE * (len(e.stages) + 2), 290)
    y = upper + 70
    for line in lines:
        line["y"] = y
        y += _BAR if line["kind"] == "token" else 26
    return str(
        _environment()
        .get_template("explanation.svg")
        .render(e=e, lines=lines, plot=_plot(e, 98, 178), upper=upper, height=y + 10, step=_LINE)
    )


# --- Several settings -----------------------------------------------------------------------


def _bins(c: Comparison) -> Tuple[Any, List[Any]]:
    edges = histogram_edges(c.kept, 40)
    return edges, [np.histogram(kept, edges)[0] for kept in c.kept]


def comparison_svg(c: Comparison) -> str:
    """For each setting a line of numbers and how many rows keep how many tokens."""
    edges, counts = _bins(c)
    left, right, top, step = 470, 970, 118, 92
    most = max(int(count.max()) for count in counts)

    def x(kept: float) -> float:
        share = math.log(kept / edges[0]) / math.log(edges[-1] / edges[0])
        return left + share * (right - left)

    settings = []
    for number, setting in enumerate(c.settings):
        y = top + number * step
        bars = [
            (x(edges[i]), y + 62 - 54 * count / most, x(edges[i + 1]) - x(edges[i]) - 1, 54 * count / most, count,
             int(math.ceil(edges[i])), int(edges[i + 1]))
            for i, count in enumerate(counts[number])
            if count
        ]  # fmt: skip
        kept = c.kept[number]
        settings.append(
            {
                "name": str(setting),
                "color": setting_color(number),
                "y": y,
                "bars": bars,
                "median": float(np.median(kept)),
                "median_x": x(max(1.0, float(np.median(kept)))),
                "least": int(kept.min()),
                "most": int(kept.max()),
                "mass": float(np.mean(c.mass[number])),
                "choices": float(np.median(c.choices[number])),
            }
        )
    powers = [10**p for p in range(int(math.log10(edges[-1])) + 1)]
    bottom = top + len(settings) * step
    return str(
        _environment()
        .get_template("comparison.svg")
        .render(
            c=c,
            settings=settings,
            ticks=[(x(p), p) for p in powers],
            left=left,
            right=right,
            top=top,
            bottom=bottom,
            before=float(np.median(c.raw_choices)),
        )
    )


def comparison_rows(c: Comparison) -> List[Dict[str, Any]]:
    """A line for each row of logits, for the page."""
    most = math.log(max(float(c.kept.max()), 2.0))
    rows = []
    for place, row in enumerate(c.rows):
        cells = []
        for number in range(len(c.settings)):
            kept, token = int(c.kept[number, place]), int(c.tokens[number, place])
            cells.append(
                {
                    "kept": kept,
                    "bar": math.log(max(kept, 1)) / most,
                    "mass": layout.percent(float(c.mass[number, place])),
                    "choices": layout.number(float(c.choices[number, place])),
                    "token": token,
                    "text": "" if c.texts is None or token < 0 else layout.quoted(c.texts, token),
                }
            )
        rows.append(
            {
                "row": int(row),
                "best": layout.percent(float(c.best[place])),
                "choices": layout.number(float(c.raw_choices[place])),
                "cells": cells,
            }
        )
    return rows


# --- Files ----------------------------------------------------------------------------------


def page(
    explanations: Sequence[Explanation], comparison: Any = None, top: int = 20, most_rows: int = 2000
) -> str:
    """A page that needs nothing from anywhere else; what the pointer is on is told in full."""
    pictures = [explanation_svg(e, top) for e in explanations]
    rows = [] if comparison is None else comparison_rows(comparison)
    return str(
        _environment()
        .get_template("page.html")
        .render(
            title=comparison.title if comparison is not None else explanations[0].title,
            pictures=pictures,
            c=comparison,
            comparison_svg="" if comparison is None else comparison_svg(comparison),
            rows=rows[:most_rows],
            left_out=max(0, len(rows) - most_rows),
        )
    )


def png(svg: str, width: int = 2000) -> bytes:
    """Of a picture of 1000 pixels, twice as fine, for screens that are."""
    try:
        import cairosvg  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except (ImportError, OSError) as error:  # OSError: of the library that it is made for
        why = "" if isinstance(error, ImportError) else f" and Debian's libcairo2 ({str(error)[:60]})"
        raise RuntimeError(
            f"a PNG needs the package CairoSVG{why}: pip install cairosvg, or apt-get install "
            "python3-cairosvg"
        ) from None
    return bytes(cairosvg.svg2png(bytestring=svg.encode("utf-8"), output_width=width))
