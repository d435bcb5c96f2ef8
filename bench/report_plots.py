"""The report's plots, as SVG whose bytes depend on the results (and matplotlib) only."""

import io
import re
import textwrap
from collections import Counter
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

import report_data as data
from report_data import Case, Results
from report_targets import Limit, Targets

WIDTH = 10.4  # inches: where the page is 900 pixels wide, a point is 1.2 of them
INK = "#24292f"
FAINT = "#d5dadf"
MIDDLE = "#6e7781"
# Okabe and Ito's colours, which the colour-blind can tell apart; peaked shapes are cool, flat warm.
SHAPE_COLOURS = {
    "peaked": "#0072b2",
    "dominant": "#56b4e9",
    "model": "#009e73",
    "flat": "#d55e00",
    "equal": "#e69f00",
    "zipf": "#cc79a7",
    "gumbel": "#7a5c3e",
    "real": "#555555",
}
SHAPE_MARKERS = dict(zip(data.SHAPES, "osDv^PX*"))
SERIES = [
    ("#0072b2", "o"),
    ("#e69f00", "s"),
    ("#009e73", "D"),
    ("#d55e00", "^"),
    ("#cc79a7", "v"),
    ("#56b4e9", "P"),
    ("#000000", "X"),
    ("#7a5c3e", "*"),
]
COST_STRATEGIES = (
    "greedy",
    "temperature",
    "top-k 50",
    "top-k 1024",
    "top-p 0.9",
    data.MIXED,
)
STYLE = {
    "svg.hashsalt": "lmsample",
    # Text as text: small files. Few fonts are wider than DejaVu, by whose widths it is laid out.
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": MIDDLE,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
}


def svg(figure: Figure) -> bytes:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return smaller(stream.getvalue()).encode()


def smaller(text: str) -> str:
    """The same picture in about half the bytes: styles named once, coordinates of two digits."""
    classes: dict[str, str] = {}

    def class_of(match: re.Match[str]) -> str:
        name = classes.setdefault(match[1], f"c{len(classes)}")
        return f' class="{name}"'

    def rounded(number: re.Match[str]) -> str:
        return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")

    def short(match: re.Match[str]) -> str:
        numbers = re.sub(r"\d+\.\d+", rounded, match[2])
        return f' {match[1]}="{" ".join(numbers.split())}"'

    text = re.sub(r' style="([^"]*)"', class_of, text)
    text = re.sub(r' (d|x|y|width|height|transform)="([^"]*)"', short, text)
    text = re.sub(r"<g>\s*(<use [^>]*>)\s*</g>", r"\1", text)
    text = re.sub(r"\n\s+", "\n", text)
    rules = "".join(f".{name}{{{style}}}\n" for style, name in classes.items())
    return text.replace("</style>", "\n" + rules + "</style>", 1)


def new_figure(height: float) -> Figure:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    return figure


def legend_above(figure: Figure, handles: list[Line2D], columns: int = 0) -> None:
    columns = columns or len(handles)
    inches = 0.1 + 0.21 * -(-len(handles) // columns)
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - inches / figure.get_figheight()))
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, 1),
        ncol=columns,
        borderaxespad=0.3,
        columnspacing=1.6,
        handletextpad=0.5,
    )


def sample(label: str, **style: Any) -> Line2D:
    """For a legend."""
    return Line2D([], [], **{"color": MIDDLE, **style}, label=label)


def broken(name: str) -> str:
    """A strategy's name in short lines."""
    parts = [textwrap.wrap(part, 11) for part in name.replace(" + ", " +|").split("|")]
    return "\n".join(line for part in parts for line in part)


def plain_number(value: float, _: int = 0) -> str:
    return f"{value:g}"


def counts_axis(axes: Axes, counts: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))


# --- Share of the memory's limit -------------------------------------------------------------


def share_plot(results: Results, targets: Targets) -> Figure | None:
    size = results.usual_size(targets.size(results.device))
    cases = [case for case in results.own() if case.size == size]
    families = [
        [s for s in shapes if s in data.shapes_of(cases)] for shapes in data.FAMILIES.values()
    ]
    present = [(n, s) for n, s in zip(data.FAMILIES, families) if s]
    strategies = data.strategies_of(cases)
    if not cases:
        return None
    figure = new_figure(0.6 + 3.0 * len(present))
    panels = figure.subplots(len(present), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (_, shapes) in zip(panels, present):
        share_panel(axes, cases, strategies, shapes, targets)
        axes.set_title(f"{size[0]} x {size[1]} {size[2]}")  # the legend has the shapes
    panels[-1].set_xticks(range(len(strategies)), [broken(s) for s in strategies])
    panels[-1].tick_params(axis="x", length=0, labelsize=9)
    figure.supylabel("share of the memory's limit", fontsize=10)
    return figure


def share_limits(axes: Axes, limit: Limit, at: float, width: float) -> None:
    """Over the bar that they are for."""
    ends = (at - width / 2, at + width / 2)
    axes.hlines(limit.floor, *ends, color=INK, linewidth=1.4)
    if limit.aim is not None:
        axes.hlines(limit.aim, *ends, color=INK, linewidth=1.2, linestyle=":")


def share_panel(
    axes: Axes, cases: list[Case], strategies: list[str], shapes: list[str], targets: Targets
) -> None:
    width = min(0.3, 0.8 / len(shapes))
    places = {(c.strategy, c.shape): c for c in cases}
    missed = []
    axes.grid(axis="y")
    axes.axhline(1, color=INK, linewidth=1)
    for j, shape in enumerate(shapes):
        found = [(i, places[s, shape]) for i, s in enumerate(strategies) if (s, shape) in places]
        x = [i + (j - (len(shapes) - 1) / 2) * width for i, _ in found]
        heights = [case.share for _, case in found]
        axes.bar(x, heights, width * 0.9, color=SHAPE_COLOURS[shape], label=shape)
        for at, (_, case) in zip(x, found):
            limit = targets.limit("share", case)
            if limit is not None:
                share_limits(axes, limit, at, width)
            if limit is not None and case.share < limit.floor:
                missed.append(at)
            low, high = case.number("ratio_p5"), case.number("ratio_p95")
            if low is not None and high is not None:
                axes.vlines(at, low, high, color=INK, linewidth=0.9)
    axes.set_ylim(bottom=0)
    axes.set_xlim(-0.6, len(strategies) - 0.4)
    handles = axes.get_legend_handles_labels()[0]
    handles += [
        sample("floor", color=INK, linewidth=1.4),
        sample("aim", color=INK, linewidth=1.2, linestyle=":"),
        sample("5 % - 95 %", color=INK, marker="|", linestyle="", markersize=9),
    ]
    if missed:
        mark = dict(color=INK, marker="x", linestyle="", markersize=6)
        axes.plot(missed, [0.05] * len(missed), **mark)
        handles.append(sample("below the floor", **mark))
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncol=len(handles),
        borderaxespad=0.2,
        handlelength=1.4,
        columnspacing=1.4,
    )


# --- Share against the batch's size ----------------------------------------------------------


def batch_plot(results: Results, targets: Targets) -> Figure | None:
    vocab, dtype = results.usual_size(targets.size(results.device))[1:]
    cases = [c for c in results.own() if (c.vocab, c.dtype) == (vocab, dtype)]
    counts = sorted({case.rows for case in cases})
    if len(counts) < 2:
        return None
    strategies = data.strategies_of(cases)
    columns = min(4, len(strategies))
    lines = -(-len(strategies) // columns)
    figure = new_figure(1.0 + 2.3 * lines)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, strategy in zip(panels.flat, strategies):
        batch_panel(axes, [c for c in cases if c.strategy == strategy], strategy, counts)
    for axes in panels.flat[len(strategies) :]:
        axes.set_visible(False)
    for axes in panels[:-1].flat:
        axes.tick_params(axis="x", labelbottom=False)
    legend_above(figure, shape_handles(data.shapes_of(cases)))
    figure.supxlabel(f"rows of the batch (vocabulary {vocab}, {dtype})", fontsize=10)
    figure.supylabel("share of the memory's limit", fontsize=10)
    return figure


def batch_panel(axes: Axes, cases: list[Case], strategy: str, counts: list[int]) -> None:
    axes.grid(axis="y")
    axes.axhline(1, color=INK, linewidth=1)
    for shape in data.shapes_of(cases):
        points = sorted((c.rows, c.share) for c in cases if c.shape == shape)
        axes.plot(
            *zip(*points), color=SHAPE_COLOURS[shape], marker=SHAPE_MARKERS[shape], markersize=4
        )
    axes.set_title(strategy)
    axes.set_ylim(bottom=0)
    counts_axis(axes, counts if len(counts) < 7 else counts[::2])


def shape_handles(shapes: list[str]) -> list[Line2D]:
    return [sample(s, color=SHAPE_COLOURS[s], marker=SHAPE_MARKERS[s]) for s in shapes]


# --- Time against rows and vocabulary --------------------------------------------------------


def cost_plot(results: Results, targets: Targets) -> Figure | None:
    rows, vocab, dtype = results.usual_size(targets.size(results.device))
    cases = [c for c in results.own() if c.dtype == dtype]
    strategies = [s for s in COST_STRATEGIES if s in data.strategies_of(cases)]
    strategies = strategies or data.strategies_of(cases)[: len(COST_STRATEGIES)]
    shapes = [
        s
        for s in ("peaked", "flat", *data.SHAPES)
        if any(data.line_of(results, strategy, s, dtype) for strategy in strategies)
    ]
    shapes = list(dict.fromkeys(shapes))[:2]
    if not shapes:
        return None
    along_rows = [case for case in cases if case.vocab == vocab]
    along_vocab = [case for case in cases if case.rows == rows]
    columns = [
        (of_size, name, label, other)
        for of_size, name, label, other in (
            (along_rows, "rows", "rows", vocab),
            (along_vocab, "vocab", "vocabulary", rows),
        )
        if len({getattr(case, name) for case in of_size}) > 1
    ]
    if not columns:
        return None
    series = dict(zip(strategies, SERIES))
    figure = new_figure(0.8 + 3.3 * len(shapes))
    panels = figure.subplots(len(shapes), len(columns), squeeze=False, sharey="row")
    for line, shape in zip(panels, shapes):
        for axes, (of_size, name, label, other) in zip(line, columns):
            of_shape = [c for c in of_size if c.shape == shape and c.strategy in series]
            cost_panel(axes, results, of_shape, name, other, series)
            axes.set_title(
                f"{shape} logits, " + (f"vocabulary {vocab}" if name == "rows" else f"{rows} rows")
            )
            if shape == shapes[-1]:
                axes.set_xlabel(label)
        line[0].set_ylabel("time of a step")
    handles = [
        sample(strategy, color=colour, marker=marker, linestyle="")
        for strategy, (colour, marker) in series.items()
    ]
    legend_above(figure, [*handles, sample("fixed cost + slope x rows x vocabulary")], 4)
    return figure


def cost_panel(
    axes: Axes,
    results: Results,
    cases: list[Case],
    along: str,
    other: int,
    series: dict[str, tuple[str, str]],
) -> None:
    axes.grid(axis="both")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(time_tick))
    ticks = sorted({getattr(c, along) for c in cases})
    axes.set_xticks(ticks, staggered(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    for strategy in data.strategies_of(cases):
        colour, marker = series[strategy]
        found = sorted((getattr(c, along), c.seconds) for c in cases if c.strategy == strategy)
        axes.plot(*zip(*found), color=colour, marker=marker, linestyle="")
        line = data.line_of(results, strategy, cases[0].shape, cases[0].dtype)
        low, high = found[0][0], found[-1][0]
        if line and low < high:
            xs = [low * (high / low) ** (i / 40) for i in range(41)]
            axes.plot(xs, [line.at(x * other) for x in xs], color=colour, linewidth=1)


def staggered(ticks: list[int]) -> list[str]:
    """Labels on a logarithmic axis; those too near to the one before are a line lower."""
    labels: list[str] = []
    for i, tick in enumerate(ticks):
        is_near = i > 0 and tick < 1.3 * ticks[i - 1] and not labels[-1].startswith("\n")
        labels.append("\n" * is_near + str(tick))
    return labels


def time_tick(seconds: float, _: int) -> str:
    if seconds < 0.9e-3:
        return f"{seconds * 1e6:g} us"
    return f"{seconds * 1e3:g} ms" if seconds < 0.9 else f"{seconds:g} s"


# --- Mixed batches ---------------------------------------------------------------------------


def mixed_plot(results: Results, targets: Targets) -> Figure | None:
    found = data.mixtures(results)
    if not found:
        return None
    sizes = {case.size for case, _ in found}
    size = results.usual_size(targets.size(results.device))
    if size not in sizes:
        size = max(sizes)
    limit = targets.limit("mixed over uniform", found[0][0])
    here = {case.shape: mixture for case, mixture in found if case.size == size}
    shapes = data.ordered(set(here), data.SHAPES)
    figure = new_figure(1.2 + 0.42 * max(len(shapes), 5))
    left, right = figure.subplots(1, 2)
    for y, shape in enumerate(shapes):
        mixed, uniform = 1e3 * here[shape].mixed, 1e3 * here[shape].uniform
        left.hlines(y, uniform, mixed, color=MIDDLE, linewidth=1.5, zorder=1)
        left.scatter(mixed, y, s=45, color=SHAPE_COLOURS[shape], zorder=2)
        left.scatter(uniform, y, s=75, facecolor="none", edgecolor=INK, zorder=3)
        if limit:
            left.vlines(limit.at_most * uniform, y - 0.25, y + 0.25, color=INK)
    left.set_yticks(range(len(shapes)), shapes)
    left.set_ylim(len(shapes) - 0.4, -0.6)
    left.set_xlim(left=0)
    left.grid(axis="x")
    left.set_xlabel("time of a step, ms")
    left.set_title(f"{size[0]} x {size[1]} {size[2]}")
    mixed_factors(right, [(c, m) for c, m in found if c.size[1:] == size[1:]], limit)
    dot = {"marker": "o", "linestyle": ""}
    handles = [
        sample("every row different", **dot, markersize=7),
        sample(
            "mean of the uniform batches", **dot, color="none", markeredgecolor=INK, markersize=8
        ),
    ]
    if limit:
        edge = {"marker": "|", "markersize": 11, "markeredgewidth": 1.5, "linestyle": ""}
        handles.append(sample(f"{limit.at_most:g} times that mean", **edge, color=INK))
    legend_above(figure, handles)
    return figure


def mixed_factors(axes: Axes, found: list[tuple[Case, data.Mixture]], limit: Limit | None) -> None:
    axes.grid(axis="y")
    axes.axhline(1, color=INK, linewidth=1)
    if limit:
        axes.axhline(limit.at_most, color=INK, linewidth=1, linestyle="--")
    shapes = data.ordered({case.shape for case, _ in found}, data.SHAPES)
    for shape in shapes:
        points = sorted((c.rows, m.factor) for c, m in found if c.shape == shape)
        axes.plot(
            *zip(*points), color=SHAPE_COLOURS[shape], marker=SHAPE_MARKERS[shape], label=shape
        )
    counts_axis(axes, sorted({case.rows for case, _ in found}))
    axes.set_ylim(0, max(1.3, axes.get_ylim()[1]))
    axes.set_xlabel("rows of the batch")
    axes.set_ylabel("mixed / mean of uniform")
    axes.set_title("by batch size")
    axes.legend(loc="lower left", ncol=3)


# --- Peers -----------------------------------------------------------------------------------


def peers_plot(results: Results, targets: Targets) -> Figure | None:
    peers = results.peers()
    if not peers:
        return None
    device = results.device if any(c.device == results.device for c in peers) else peers[0].device
    peers = [c for c in peers if c.device == device]
    size = max((c.size for c in peers), key=lambda s: sum(c.size == s for c in peers))
    cases = [c for c in peers if c.size == size]
    shapes = data.shapes_of(cases)
    shapes = ([s for s in ("peaked", "flat") if s in shapes] or shapes)[:2]
    cases = [c for c in cases if c.shape in shapes]
    names = data.ordered({c.who for c in cases}, data.PEERS)
    strategies = data.strategies_of(cases)
    figure = new_figure(1.3 + 0.36 * len(strategies))
    panels = figure.subplots(1, len(shapes), sharex=True, sharey=True, squeeze=False)[0]
    for axes, shape in zip(panels, shapes):
        peers_panel(axes, [c for c in cases if c.shape == shape], strategies, names)
        axes.set_title(f"{shape} logits, {size[0]} x {size[1]} {size[2]}")
    legend_above(
        figure,
        [
            sample(name, color=colour, marker=marker, linestyle="", markersize=7)
            for name, (colour, marker) in zip(names, SERIES * 2)
        ],
    )
    figure.supxlabel("time of the other / time of lmsample", fontsize=10)
    return figure


def peers_panel(axes: Axes, cases: list[Case], strategies: list[str], names: list[str]) -> None:
    axes.set_xscale("log")
    axes.grid(axis="x")
    axes.axvline(1, color=INK, linewidth=1)
    for y, strategy in enumerate(strategies):
        found = {c.who: c.fields["speedup"] for c in cases if c.strategy == strategy}
        axes.hlines(
            y, *(min([1, *found.values()]), max([1, *found.values()])), color=FAINT, zorder=1
        )
        for name, (colour, marker) in zip(names, SERIES * 2):
            if name in found:
                axes.scatter(found[name], y, s=45, color=colour, marker=marker, zorder=2)
    axes.set_yticks(range(len(strategies)), strategies)
    axes.set_ylim(len(strategies) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))


# --- Contrastive search ----------------------------------------------------------------------


def contrastive_plot(results: Results, targets: Targets) -> Figure | None:
    """Times against context and candidates, with those of the reads beside which they were
    measured."""
    selects = [case for case in results.contrasts() if case.call == "select"]
    selects = [case for case in selects if case.who == data.LIBRARY]
    found = [
        (along, max(groups, key=len))
        for along in ("context", "k")
        for groups in [data.contrastive_groups(selects, along)]
        if groups
    ]
    if not found:
        return None
    found = [(along, in_several_sizes(group)) for along, group in found]
    figure = new_figure(4.0)
    dtypes = data.ordered({case.dtype for _, group in found for case in group}, tuple(data.DTYPES))
    series = dict(zip(dtypes, SERIES))
    for axes, (along, group) in zip(figure.subplots(1, len(found), squeeze=False)[0], found):
        contrastive_panel(axes, along, group, series)
    handles = [
        sample(dtype, color=colour, marker=marker) for dtype, (colour, marker) in series.items()
    ]
    read = sample("the read of the same contexts", linestyle="--")
    legend_above(figure, [*handles, read])
    return figure


def in_several_sizes(group: list[data.ContrastiveCase]) -> list[data.ContrastiveCase]:
    """Without the types of which there is one point, which is no line; all, if no type has more."""
    counts = Counter(case.dtype for case in group)
    return [case for case in group if counts[case.dtype] > 1] or group


def contrastive_panel(
    axes: Axes, along: str, cases: list[data.ContrastiveCase], series: dict[str, tuple[str, str]]
) -> None:
    axes.grid(axis="both")
    for dtype in dict.fromkeys(case.dtype for case in cases):
        colour, marker = series[dtype]
        of_type = sorted((c for c in cases if c.dtype == dtype), key=lambda c: getattr(c, along))
        xs = [getattr(case, along) for case in of_type]
        axes.plot(xs, [case.seconds for case in of_type], color=colour, marker=marker)
        reads = [case.number("read_median_s") for case in of_type]
        if None not in reads:
            axes.plot(xs, reads, color=colour, linestyle="--", linewidth=1)
    counts_axis(axes, sorted({getattr(case, along) for case in cases}))
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(time_tick))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # also where there is one decade
    axes.set_title(cases[0].others_text(along))
    axes.set_xlabel({"context": "positions of the context", "k": "candidates"}[along])
    axes.set_ylabel("time of a select")


PLOTS = {
    "share.svg": share_plot,
    "mixed.svg": mixed_plot,
    "batch.svg": batch_plot,
    "cost.svg": cost_plot,
    "peers.svg": peers_plot,
    "contrastive.svg": contrastive_plot,
}


def draw(results: Results, targets: Targets) -> dict[str, bytes]:
    drawn = {}
    with matplotlib.rc_context(STYLE):
        for name, plot in PLOTS.items():
            figure = plot(results, targets)
            if figure is not None:
                drawn[name] = svg(figure)
    return drawn
