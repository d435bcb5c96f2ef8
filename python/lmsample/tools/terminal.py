"""Pictures for a terminal, drawn by rich."""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np
from rich.bar import Bar
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import layout
from .chain import Explanation, Stage
from .comparison import Comparison

STYLES = {
    "softmax": "bright_black",
    "temperature": "blue",
    "min-p": "magenta",
    "top-k": "dark_orange",
    "top-p": "green",
    "greedy": "cyan",
}
_SETTINGS = ("blue", "magenta", "green", "dark_orange", "cyan", "red")
_QUIET = "bright_black"
_WIDE = 100  # columns; from here on there is room for the sums after
_SHORT = 20  # columns of a text in a line with more behind it
_BLOCKS = " ▁▂▃▄▅▆▇█"


def setting_style(number: int) -> str:
    return _SETTINGS[number % len(_SETTINGS)]


def _plain(text: str, style: str = "") -> Text:
    """Never read as rich's own markup."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _table(*columns: Any, header: bool = True) -> Table:
    """Columns: (title, right-justified?, width or None)."""
    table = Table(box=None, show_header=header, header_style=_QUIET, pad_edge=False, padding=(0, 1, 0, 0))
    for title, is_right, width in columns:
        table.add_column(
            title,
            justify="right" if is_right else "left",
            width=width,
            no_wrap=True,
            overflow="ellipsis",
        )
    return table


# --- One row, one setting -------------------------------------------------------------------


def _stages(e: Explanation) -> Table:
    table = _table(
        ("stage", False, None),
        ("kept", True, None),
        ("removed", True, None),
        ("mass", True, 7),
        ("choices", True, 7),
        ("because", False, None),
    )
    for stage in e.stages:
        is_filter = stage.kind not in ("softmax", "temperature")
        table.add_row(
            _plain(stage.label, STYLES[stage.kind]),
            str(stage.kept),
            str(stage.removed) if is_filter else "",
            layout.percent(stage.removed_probability) if is_filter else "",
            layout.number(stage.choices),
            _plain(layout.reason(e, stage), _QUIET),
        )
    return table


class _Widths:
    """Of the columns of tokens: what is left goes to the two bars."""

    def __init__(self, e: Explanation, shown: List[layout.Item], columns: int) -> None:
        ranks = [item.rank for item in shown if isinstance(item, layout.Token)]
        ids = [int(e.order[rank]) for rank in ranks]
        self.rank = max(4, len(str(max(ranks, default=0) + 1)))
        self.id = max(2, len(str(max(ids, default=0))))
        texts = [layout.text_of(e, token) or "" for token in ids]
        widest = max([7, *map(cell_len, texts)])
        self.token = min(widest, columns // 5) if e.texts is not None else 0
        self.has_both_sums = columns >= _WIDE
        numbers = (4 if self.has_both_sums else 3) * 9
        fixed = self.rank + self.id + 2 + (self.token + 1 if self.token else 0) + numbers
        self.bar = max(4, (columns - fixed - 2) // 2)

    def table(self, header: bool) -> Table:
        columns: List[Any] = [("rank", True, self.rank), ("id", True, self.id)]
        columns += [("token", False, self.token)] if self.token else []
        columns += [("before", True, 8), ("sum", True, 8), ("", False, self.bar), ("after", True, 8)]
        columns += [("sum", True, 8)] if self.has_both_sums else []
        return _table(*columns, ("", False, self.bar), header=header)


def _token_row(
    table: Table, e: Explanation, widths: _Widths, rank: int, scale: float, sums: Any
) -> None:
    token = int(e.order[rank])
    remover = e.removed_by(rank)
    is_live = rank < e.live
    quiet = "" if is_live and remover is None else _QUIET
    before = float(e.before.probs[rank])
    cells: List[RenderableType] = [Text(str(rank + 1), quiet), Text(str(token), quiet)]
    if widths.token:
        cells.append(_plain(layout.text_of(e, token) or "", quiet))
    cells.append(Text(layout.aligned(before, scale), quiet))
    cells.append(Text(layout.aligned(float(sums[0][rank]), scale), quiet))
    cells.append(Bar(scale, 0, before, width=widths.bar, color=_QUIET if quiet else "white"))
    after: List[RenderableType] = [""]
    bar: RenderableType = ""
    if not is_live:
        after = [Text("never", quiet)]
    elif remover is not None:
        after = [Text(remover.kind, STYLES[remover.kind])]
    else:
        share = float(e.after.probs[rank])
        after = [layout.aligned(share, scale)]
        bar = Bar(scale, 0, share, width=widths.bar, color="blue")
    if widths.has_both_sums:
        total = float(sums[1][rank])
        after.append(layout.aligned(total, scale) if is_live and remover is None else "")
    table.add_row(*cells, *after, bar)


def _tokens(e: Explanation, top: int, columns: int) -> List[RenderableType]:
    """Tables with the lines of the cuts between them."""
    shown = layout.items_of(e, top)
    widths = _Widths(e, shown, columns)
    scale = layout.scale_of(e)
    sums = np.cumsum(e.before.probs), np.cumsum(e.after.probs)
    parts: List[RenderableType] = []
    table = widths.table(True)
    for item in shown:
        if isinstance(item, layout.Token):
            _token_row(table, e, widths, item.rank, scale, sums)
            continue
        parts.append(table)
        table = widths.table(False)
        if isinstance(item, layout.Cut):
            style = STYLES[item.stage.kind]
            line = f"──── {layout.cut_text(item.stage)} "
            parts.append(_plain(line + "─" * max(0, columns - cell_len(line)), style))
        else:
            gap = f"{item.tokens} more tokens, together {layout.percent(item.before)} before"
            parts.append(_plain(f"{'⋮':>{widths.rank}} {gap}", _QUIET))
    return [*parts, table] if table.row_count else parts


def _named(e: Explanation, name: str, token: int, more: str = "") -> Text:
    text = layout.text_of(e, token)
    # A line that is too long goes on in the next: its end is what a draw is repeated by.
    return Text(f"{name:<9} " + ("" if text is None else f"{_short(text)} ") + f"(id {token}){more}")


def _short(text: str) -> str:
    """So that what is behind it, such as the seed, is there to be read."""
    if cell_len(text) <= _SHORT:
        return text
    return str(set_cell_size(text, _SHORT - 2)) + '…"'


def _summary(e: Explanation) -> List[RenderableType]:
    never = e.vocab - e.live
    lines: List[RenderableType] = []
    if e.live == 0:
        return [_plain(layout.never_text(e))]
    before, after = e.before, e.after
    lines.append(
        _plain(
            f"{'entropy':<9} {layout.number(before.entropy)} → {layout.number(after.entropy)} nats, as "
            f"of {layout.number(before.choices)} → {layout.number(after.choices)} equally probable tokens"
        )
    )
    lines.append(_named(e, "greedy", int(e.order[0])))
    if e.drawn >= 0:
        rank = e.rank(e.drawn) + 1
        by = "" if e.settings.is_greedy else f", by {layout.draw_text(e)}"
        lines.append(_named(e, "drawn", e.drawn, f", rank {rank}{by}"))
    if never:
        lines.append(_plain(f"{'never':<9} {never} tokens: {e.nans} NaN, {never - e.nans} -inf"))
    if e.infinites:
        lines.append(_plain(f"{'+inf':<9} {e.infinites} tokens; the draw is among them"))
    return lines


def explanation(e: Explanation, columns: int, top: int = 20) -> Group:
    facts = f" ({e.vocab} token{'' if e.vocab == 1 else 's'})"
    head = Text.assemble((layout.displayable(e.title), "bold"), facts)
    body: List[RenderableType] = [head, Text(str(e.settings)), ""]
    if e.live:
        body += [_stages(e), "", *_tokens(e, top, columns), ""]
    return Group(*body, *_summary(e))


# --- Several settings -----------------------------------------------------------------------


def _histogram(kept: Any, edges: Any) -> str:
    counts = np.histogram(kept, edges)[0]
    most = max(int(counts.max()), 1)
    # A bin with a row in it is never empty to see.
    return "".join(_BLOCKS[int(np.ceil(8 * count / most))] for count in counts)


def histogram_edges(kept: Any, bins: int = 20) -> Any:
    """Of equal ratios, from one token to the most that are kept."""
    return np.geomspace(0.999, max(float(np.max(kept)), 2.0) * 1.001, bins + 1)


def comparison(c: Comparison) -> Group:
    """A line for each setting, over all rows."""
    edges = histogram_edges(c.kept)
    many = len(c.rows) > 1
    columns: List[Any] = [("setting", False, None), ("kept", True, None)]
    columns += [("least", True, None), ("most", True, None)] if many else []
    columns += [("mass", True, 7), ("choices", True, None)]
    columns += [("rows by tokens kept", False, None)] if many else [("drawn", False, None)]
    table = _table(*columns)
    for number, setting in enumerate(c.settings):
        kept = c.kept[number]
        cells: List[RenderableType] = [_plain(str(setting), setting_style(number))]
        cells.append(f"{np.median(kept):g}")
        cells += [str(kept.min()), str(kept.max())] if many else []
        cells.append(layout.percent(float(np.mean(c.mass[number]))))
        cells.append(layout.number(float(np.median(c.choices[number]))))
        if many:
            cells.append(Text(_histogram(kept, edges), setting_style(number)))
        else:
            token = int(c.tokens[number, 0])
            text = "" if c.texts is None or token < 0 else _short(layout.quoted(c.texts, token)) + " "
            cells.append(_plain(f"{text}(id {token})"))
        table.add_row(*cells)
    rows = f"{len(c.rows)} rows, " if many else ""
    head = Text.assemble((layout.displayable(c.title), "bold"), f" ({rows}{c.vocab} tokens)")
    body: List[RenderableType] = [head, "", table]
    if many:
        body += ["", _plain(_comparison_note(c, edges), _QUIET)]
    return Group(*body)


def _comparison_note(c: Comparison, edges: Any) -> str:
    return (
        f"medians, and the mean mass; {layout.number(float(np.median(c.raw_choices)))} choices before; "
        f"bars: 1 to {int(edges[-1])} tokens"
    )


def side_by_side(found: List[Explanation], columns: int, top: int = 20) -> Group:
    """Several settings on one row: the tokens, and what each setting makes of them."""
    first = found[0]
    ranks = sorted({i.rank for e in found for i in layout.items_of(e, top) if isinstance(i, layout.Token)})
    tokens = [int(first.order[rank]) for rank in ranks]
    wide = max([7, *(cell_len(layout.text_of(first, token) or "") for token in tokens)])
    token = min(wide, columns // 5) if first.texts is not None else 0
    rank_wide = max(4, len(str(ranks[-1] + 1)))
    room = max(8, (columns - rank_wide - (token or 7) - 11) // len(found) - 1)
    head: List[Any] = [("rank", True, rank_wide)] + ([("token", False, token)] if token else [("id", True, 7)])
    table = _table(*head, ("before", True, 8), *[("", False, room) for _ in found])
    for number in range(len(found)):
        table.columns[3 + number].header = Text(f"{'after ' + _letter(number):>8}", setting_style(number))
    scale = max(layout.scale_of(e) for e in found)
    last: Optional[int] = None
    for rank, name in zip(ranks, tokens):
        if last is not None and rank > last + 1:
            table.add_row(Text("⋮", _QUIET))
        last = rank
        cells: List[RenderableType] = [str(rank + 1)]
        cells.append(_plain(layout.text_of(first, name) or "") if token else str(name))
        cells.append(layout.aligned(float(first.before.probs[rank]), scale))
        for number, e in enumerate(found):
            cells.append(_share(e, rank, scale, setting_style(number), room))
        table.add_row(*cells)
    legend = [Text(f"{_letter(n)}  {e.settings}", setting_style(n)) for n, e in enumerate(found)]
    return Group(*legend, "", table)


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _share(e: Explanation, rank: int, scale: float, style: str, columns: int) -> RenderableType:
    remover: Optional[Stage] = e.removed_by(rank)
    if rank >= e.live or remover is not None:
        return Text(f"{'never' if remover is None else remover.kind:>8}", _QUIET)
    share = float(e.after.probs[rank])
    filled = int(round((columns - 9) * share / scale))
    return Text.assemble(f"{layout.aligned(share, scale):>8} ", ("█" * filled, style))


def console(stream: Any, color: str = "auto") -> Console:
    """At least 80 columns; colours by `color`: auto (on a terminal), always, never."""
    made = Console(
        file=stream,
        force_terminal=True if color == "always" else None,
        no_color=True if color == "never" else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    made.width = max(80, made.width if made.is_terminal else 80)
    return made
