"""The report's text and tables, in Markdown."""

from dataclasses import dataclass, field
from statistics import median

import report_data as data
from report_beams import beam_section
from report_contrastive import contrastive_section
from report_data import Case, Device, Results
from report_draws import draws_section, heavy_section, p99_section, real_size
from report_requests import request_section
from report_targets import NOT_REACHED, VERDICTS, Limit, Targets
from report_text import (
    MICROSECONDS,
    NONE,
    SHARE,
    TIMES,
    Unit,
    binary_size,
    code,
    duration,
    figure,
    folded,
    optional,
    plain,
    prose,
    size_text,
    table,
    target_text,
)

REMAKE = "python3 bench/report.py {folder}/results.json --out {folder}"


@dataclass(frozen=True)
class Judged:
    """A figure that has a target."""

    line: str  # of the table
    column: str
    value: str
    target: str
    verdict: str


@dataclass
class Page:
    results: Results
    targets: Targets
    plots: frozenset[str]
    judged: dict[str, list[Judged]] = field(default_factory=dict)

    def size(self) -> tuple[int, int, str]:
        """Rows, vocabulary and type of most tables: what the targets are for, if measured."""
        return self.results.usual_size(self.targets.size(self.results.device))

    def judge(
        self, section: str, place: tuple[str, str], value: float, limit: Limit | None, unit: Unit
    ) -> str:
        """The figure and its verdict, as a cell of a table."""
        if limit is None:
            return unit.text(value)
        verdict = limit.verdict(value)
        text = figure(value, limit, unit)
        judged = Judged(*place, text, target_text(limit, unit), verdict)
        self.judged.setdefault(section, []).append(judged)
        return f"**{text} {verdict}**" if verdict in NOT_REACHED else f"{text} {verdict}"

    def cell(self, section: str, name: str, case: Case, value: float, unit: Unit) -> str:
        limit = self.targets.limit(name, case)
        return self.judge(section, (case.strategy, case.shape), value, limit, unit)

    def picture(self, name: str, says: str) -> list[str]:
        return [f"![{says}]({name})", ""] if name in self.plots else []


# --- Sections --------------------------------------------------------------------------------


def machine_section(page: Page) -> list[str]:
    main = next(r for r in page.results.runs if r.device == page.results.device)
    machine = main.fields["machine"]
    device = page.results.device
    rows = [
        ["CPU", f"{plain(machine['cpu'])}, {machine.get('cores', NONE)} cores"],
        ["memory", binary_size(machine.get("memory_bytes"))],
        ["last-level cache", binary_size(machine.get("llc_bytes"))],
        ["system", plain(machine.get("os") or NONE)],
        ["device", f"{plain(device.name)} ({device.kind}, {device.compute_units} compute units)"],
        ["OpenCL", plain(", ".join(filter(None, (device.platform, driver_of(main)))))],
        ["lmsample", plain(main.text("lmsample"))],
    ]
    others = [d for d in page.results.devices if d != device]
    if main.fields.get("huge_pages"):
        rows.append(["logits", "in huge pages"])
    if main.fields.get("cpu_time"):
        rows.append(["times", "CPU time, of all threads together"])
    rows += [["also measured", f"{plain(d.name)} ({d.kind})"] for d in others]
    lines = table(["", ""], rows, numbers_from=2)
    lines += ["| date | measured with | |", "|---|---|---|"]
    for run in page.results.runs:
        where = "" if run.device == device else f"on {plain(run.device.name)}"
        if run.fields.get("interrupted"):
            where = f"{where} interrupted: cases are missing".strip()
        lines.append(f"| {plain(run.text('date'))} | {code(run.text('command'))} | {where} |")
    return [*lines, ""]


def driver_of(run: data.Run) -> str:
    return run.fields["device"].get("driver") or ""


def share_section(page: Page) -> list[str]:
    wanted = page.targets.size(page.results.device)
    size = page.size()
    cases = [case for case in page.results.own() if case.size == size]
    lines = [
        f"## Share of the memory's limit, {size_text(size)}",
        "",
        *prose(
            f"""The time of {read_name(cases)}, divided by the time of the step: the median of pairs
            timed in alternation. 1.00 is as fast as the logits can be read."""
        ),
    ]
    if not cases:
        return [lines[0], "", "Not measured.", ""]
    if size != wanted:
        lines += [f"The targets are for {size_text(wanted)}, which was not measured here.", ""]
    lines += page.picture(
        "share.svg", "Share of the memory's limit by strategy, peaked and flat logits"
    )
    for family, names in data.FAMILIES.items():
        own_size = real_size(page) if family == "real" else size
        own = [case for case in page.results.own() if case.size == own_size]
        shapes = [s for s in names if s in data.shapes_of(own)]
        if own_size != size and shapes:
            lines += [f"Rows of a real model, {size_text(own_size)}:", ""]
        if shapes:
            lines += share_table(page, family, shapes, own_size)
    lines += folded(f"All figures of {size_text(size)}", figures_table(cases))
    return lines


def read_name(cases: list[Case]) -> str:
    if any(case.fields.get("limit") == "device read" for case in cases):
        return "a read of the logits by an OpenCL kernel that does nothing else"
    return "a plain C read of the logits, by as many threads"


def share_table(
    page: Page, family: str, shapes: list[str], size: tuple[int, int, str]
) -> list[str]:
    section = "share of the memory's limit"
    rows = []
    cases = [c for c in page.results.own() if c.size == size and c.shape in shapes]
    for strategy in data.strategies_of(cases):
        found = {c.shape: c for c in cases if c.strategy == strategy}
        row = [strategy, targets_text(page, "share", [found[s] for s in shapes if s in found])]
        for shape in shapes:
            case = found.get(shape)
            row.append(page.cell(section, "share", case, case.share, SHARE) if case else NONE)
        rows.append(row)
    return table([f"{family} logits", "floor / aim", *shapes], rows)


def targets_text(page: Page, name: str, cases: list[Case]) -> str:
    """The targets of a line; which shapes one is for, where it is not for all."""
    limits = {case.shape: page.targets.limit(name, case) for case in cases}
    texts = {s: target_text(limit, SHARE) if limit else NONE for s, limit in limits.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    groups: dict[str, list[str]] = {}
    for shape, text in texts.items():
        groups.setdefault(text, []).append(shape)
    named = [f"{', '.join(shapes)}: {text}" for text, shapes in groups.items() if text != NONE]
    return "; ".join(named)


def figures_table(cases: list[Case]) -> list[str]:
    rows = []
    for strategy in data.strategies_of(cases):
        for shape in data.shapes_of(cases):
            rows += [figures_row(c) for c in cases if (c.strategy, c.shape) == (strategy, shape)]
    header = ["strategy", "logits", "share", "5 % - 95 %", "median", "mean", "p95", "p99", "rows/s"]
    header += ["GB/s", "read GB/s", "device", "launches", "checked"]
    return table(header, rows, numbers_from=2)


def figures_row(case: Case) -> list[str]:
    low, high = case.number("ratio_p5"), case.number("ratio_p95")
    return [
        case.strategy,
        case.shape,
        optional(case.share, 2),
        NONE if low is None or high is None else f"{low:.2f} - {high:.2f}",
        duration(case.seconds),
        duration(case.number("mean_s")),
        duration(case.number("p95_s")),
        duration(case.number("p99_s")),
        optional(case.number("rows_per_s"), 0),
        optional(case.number("gb_per_s"), 1),
        optional(case.number("read_gb_per_s"), 1),
        duration(case.number("device_s")),
        optional(case.number("launches"), 0),
        optional(case.number("checked_rows"), 0),
    ]


def batch_section(page: Page) -> list[str]:
    rows, vocab, dtype = page.size()
    own = [case for case in page.results.own() if case.dtype == dtype]
    of_vocab = [case for case in own if case.vocab == vocab]
    of_rows = [case for case in own if case.rows == rows]
    lines = [f"## Share by batch size and vocabulary, {dtype}", ""]
    tables = sizes_tables(of_vocab, "rows", f"vocabulary {vocab}")
    tables += sizes_tables(of_rows, "vocab", f"{rows} rows")
    if not tables:
        return [*lines, "Not measured: needs batches of several sizes.", ""]
    lines += page.picture("batch.svg", "Share of the memory's limit against rows, by strategy")
    return lines + tables


def sizes_tables(cases: list[Case], along: str, others: str) -> list[str]:
    sizes = sorted({getattr(case, along) for case in cases})
    if len(sizes) < 2:
        return []
    lines = []
    for shape in data.shapes_of(cases):
        rows = []
        of_shape = [case for case in cases if case.shape == shape]
        for strategy in data.strategies_of(of_shape):
            found = {getattr(c, along): c for c in of_shape if c.strategy == strategy}
            rows.append(
                [strategy, *(SHARE.text(found[n].share) if n in found else NONE for n in sizes)]
            )
        name = "rows" if along == "rows" else "vocabulary"
        lines += folded(f"{shape} logits, {others}", table([name, *map(str, sizes)], rows))
    return lines


def one_row_section(page: Page) -> list[str]:
    lines = ["## One row", ""]
    found = [case for case in page.results.single_rows() if case.dtype == "float32"]
    if not found:
        return [*lines, "Not measured: needs batches of one row.", ""]
    lines += prose(
        """Microseconds from enqueueing to the token on the host: the median, and in parentheses
        p95. Logits *from memory* are read from more batches than the caches hold; those *just
        written* lie in the cache, as behind a model on the same device."""
    )
    wanted = page.targets.size(page.results.device)[1]
    found = [case for case in found if case.vocab == wanted] or found
    for place in dict.fromkeys((c.device, c.rotated, c.vocab) for c in found):
        lines += one_row_table(page, [c for c in found if (c.device, c.rotated, c.vocab) == place])
    return lines


def one_row_table(page: Page, cases: list[Case]) -> list[str]:
    shapes = data.shapes_of(cases)
    where = "from memory" if cases[0].rotated else "just written"
    section = f"one row, {plain(cases[0].device.name)}, logits {where}"
    rows = []
    for strategy in data.strategies_of(cases):
        found = {c.shape: c for c in cases if c.strategy == strategy}
        cells = [one_row_cell(page, section, found[s]) if s in found else NONE for s in shapes]
        rows.append([strategy, one_row_bounds(page, list(found.values())), *cells])
    title = section.removeprefix("one row, ") + f", vocabulary {cases[0].vocab}:"
    return [title, "", *table(["strategy", "at most", *shapes], rows)]


def one_row_bounds(page: Page, cases: list[Case]) -> str:
    names = ("one row", "one row on the device")
    limits = [page.targets.limit(name, c) for c in cases for name in names]
    bounds = sorted({limit.at_most for limit in limits if limit})
    return ", ".join(MICROSECONDS.text(bound) for bound in bounds) or NONE


def one_row_cell(page: Page, section: str, case: Case) -> str:
    text = page.cell(section, "one row", case, case.seconds, MICROSECONDS)
    if case.number("p95_s") is not None:
        text += f" ({MICROSECONDS.text(case.fields['p95_s'])})"
    on_device = case.number("device_s")
    if on_device is not None and case.device.kind != "cpu":
        name = "one row on the device"
        text += f"; device {page.cell(section, name, case, on_device, MICROSECONDS)}"
    return text


def dtype_section(page: Page) -> list[str]:
    size = page.size()[:2]
    lines = [f"## float16 and bfloat16, {size[0]} x {size[1]}", ""]
    cases = [
        (case, part)
        for case in page.results.own()
        if case.size[:2] == size and case.dtype != "float32"
        for part in [data.time_of_float32(page.results, case)]
        if part is not None
    ]
    if not cases:
        return [*lines, "Not measured: needs float16 or bfloat16 beside float32.", ""]
    lines += prose(
        """The time as a part of float32's. The two are measured one after the other, so each is
        counted in reads of its logits that were timed beside it; a read of 16-bit logits takes
        half of what one of 32-bit logits takes."""
    )
    shapes = data.shapes_of([case for case, _ in cases])
    return lines + dtype_tables(page, cases, shapes)


def dtype_tables(page: Page, cases: list[tuple[Case, float]], shapes: list[str]) -> list[str]:
    lines = []
    for dtype in [d for d in data.DTYPES if any(c.dtype == d for c, _ in cases)]:
        rows = []
        of_dtype = [(c, part) for c, part in cases if c.dtype == dtype]
        for strategy in data.strategies_of([c for c, _ in of_dtype]):
            found = {c.shape: (c, part) for c, part in of_dtype if c.strategy == strategy}
            own = [case for case, _ in found.values()]
            row = [strategy, targets_text(page, "time of float32", own)]
            for shape in shapes:
                row.append(
                    page.cell(f"{dtype}'s time", "time of float32", *found[shape], SHARE)
                    if shape in found
                    else NONE
                )
            rows.append(row)
        lines += table([dtype, "target", *shapes], rows)
    return lines


def mixed_section(page: Page) -> list[str]:
    lines = ["## Every row different, beside uniform batches", ""]
    found = data.mixtures(page.results)
    if not found:
        return [
            *lines,
            "Not measured: needs a mixed batch, and batches of each of its strategies.",
            "",
        ]
    lines += page.picture("mixed.svg", "Mixed batches against the mean of the uniform ones")
    lines += prose(
        f"""A batch whose rows cycle through the {len(data.UNIFORM)} strategies, and the mean of
        a batch of each, timed in turns."""
    )
    limit = page.targets.limit("mixed over uniform", found[0][0])
    target = f", target: {target_text(limit, SHARE)}" if limit else ""
    here = [(case, mixture) for case, mixture in found if case.size == page.size()]
    if here:
        rows = [
            [case.shape, duration(m.mixed), duration(m.uniform), SHARE.text(m.factor)]
            for case, m in here
        ]
        header = [size_text(page.size()), "mixed", "mean of uniform", "mixed / mean"]
        lines += table(header, rows)
    return [*lines, f"Mixed / mean of uniform{target}:", "", *mixed_table(page, found)]


def mixed_table(page: Page, found: list[tuple[Case, data.Mixture]]) -> list[str]:
    shapes = data.shapes_of([case for case, _ in found])
    rows = []
    for size in sorted({case.size for case, _ in found}, key=lambda s: (s[2], s[1], s[0])):
        of_size = {case.shape: (case, m) for case, m in found if case.size == size}
        row = [size_text(size)]
        for shape in shapes:
            if shape not in of_size:
                row.append(NONE)
                continue
            case, mixture = of_size[shape]
            limit = page.targets.limit("mixed over uniform", case)
            place = (size_text(size), shape)
            row.append(page.judge("mixed batches", place, mixture.factor, limit, SHARE))
        rows.append(row)
    return table(["batch", *shapes], rows)


def start_section(page: Page) -> list[str]:
    rows = [
        [plain(run.device.name), duration(start.get("cold_s")), duration(start.get("warm_s"))]
        for run in page.results.runs
        for start in [run.fields.get("start") or {}]
        if start and not run.is_of_peers
    ]
    lines = ["## Start", ""]
    if not rows:
        return [*lines, "Not measured.", ""]
    lines += ["Until the first token: cold compiles the kernels, warm finds them in the cache.", ""]
    return lines + table(["device", "cold", "warm"], rows)


def cost_section(page: Page) -> list[str]:
    lines = ["## Fixed cost, and cost of a logit", ""]
    tables = []
    for dtype in data.DTYPES:
        cases = [case for case in page.results.own() if case.dtype == dtype]
        shapes = [s for s in data.SHAPES if s in data.shapes_of(cases)]
        for shape in shapes:
            rows = [
                cost_row(strategy, line)
                for strategy in data.strategies_of(cases)
                for line in [data.line_of(page.results, strategy, shape, dtype)]
                if line
            ]
            header = [f"{shape} logits, {dtype}", "fixed cost", "1000 logits", "GB/s"]
            if rows:
                tables.append(table([*header, "sizes", "farthest"], rows))
    if not tables:
        return [*lines, "Not measured: needs one strategy and shape in at least four sizes.", ""]
    lines += page.picture("cost.svg", "Time against rows and against the vocabulary")
    lines += prose(
        """Time = fixed cost + slope x rows x vocabulary, fitted to all sizes measured by least
        squares of the relative deviations. GB/s is what the slope comes to; *farthest* is the
        deviation of the size that is farthest from the line."""
    )
    lines += tables[0]
    others = [line for table_ in tables[1:] for line in table_]
    return lines + (folded("Other logits", others) if others else [])


def cost_row(strategy: str, line: data.Line) -> list[str]:
    return [
        strategy,
        duration(line.fixed_s) if line.fixed_s else "0",
        f"{line.slope_s * 1e12:.0f} ns",
        optional(line.bytes_per_s and line.bytes_per_s / 1e9, 1),
        str(line.points),
        f"{line.deviation:.0%}",
    ]


# --- Peers -----------------------------------------------------------------------------------


def peers_section(page: Page) -> list[str]:
    peers = page.results.peers()
    absent: dict[str, str] = {}
    for run in page.results.runs:
        absent.update((item["who"], item["why"]) for item in run.absent)
    for case in peers:
        absent.pop(case.who, None)
    lines = ["## Side by side with others", ""]
    if not peers and not absent:
        return [*lines, "Not measured.", ""]
    lines += prose(
        """How many times as long the other takes for the same logits: the median of pairs timed
        in alternation. Above 1, lmsample is faster."""
    )
    lines += page.picture("peers.svg", "Speedup over other samplers, on a logarithmic scale")
    names = data.ordered({c.who for c in peers} | set(absent), data.PEERS)
    places = dict.fromkeys((c.device, c.size, c.shape) for c in peers)
    for device, size, shape in sorted(places, key=place_order):
        cases = [c for c in peers if (c.device, c.size, c.shape) == (device, size, shape)]
        lines += peers_table(page, cases, names, absent)
    if peers:
        lines += folded("All figures", peers_figures(peers))
    if absent:
        rows = [[who, plain(why)] for who, why in absent.items()]
        lines += table(["not measured", "why"], rows, numbers_from=2)
    return lines


def place_order(place: tuple[Device, tuple[int, int, str], str]) -> tuple[str, int, int, str, int]:
    device, (rows, vocab, dtype), shape = place
    return device.name, vocab, rows, dtype, data.SHAPES.index(shape)


def peers_table(
    page: Page, cases: list[Case], names: list[str], absent: dict[str, str]
) -> list[str]:
    rows = []
    for strategy in data.strategies_of(cases):
        found = {c.who: c for c in cases if c.strategy == strategy}
        own = median(c.fields["lmsample_median_s"] for c in found.values())
        cells = [
            peer_cell(page, found[name]) if name in found else absent_cell(name, absent)
            for name in names
        ]
        rows.append([strategy, duration(own), *cells])
    first = cases[0]
    title = f"{first.shape} logits, {size_text(first.size)}"
    if first.device != page.results.device:
        title += f", {plain(first.device.name)}"
    header = ["strategy", "lmsample", *names]
    return [f"{title}:", "", *table(header, rows)]


def absent_cell(name: str, absent: dict[str, str]) -> str:
    if name not in absent:
        return NONE
    return "not installed" if absent[name].startswith("not installed") else "not measured"


def per_core(case: Case) -> float:
    """Measured on one core, or else by the cores that both had."""
    measured = case.number("one_core_speedup")
    if measured is not None:
        return measured
    threads = case.number("threads") or 1
    return case.fields["speedup"] * threads / case.device.compute_units


def peer_cell(page: Page, case: Case) -> str:
    section = f"speedup over {case.who}"
    text = page.cell(section, "speedup", case, case.fields["speedup"], TIMES)
    if page.targets.limit("speedup per core", case):
        name = "speedup per core"
        text += "; per core " + page.cell(section + " per core", name, case, per_core(case), TIMES)
    if case.number("device_speedup"):
        text += "; device " + TIMES.text(case.fields["device_speedup"])
    return text


def peers_figures(peers: list[Case]) -> list[str]:
    header = ["other", "strategy", "logits", "batch", "its median", "p95", "lmsample"]
    rows = []
    for case in sorted(peers, key=lambda c: (c.who, *place_order_of(c))):
        low, high = case.number("speedup_p5"), case.number("speedup_p95")
        both = NONE if low is None or high is None else f"{TIMES.text(low)} - {TIMES.text(high)}"
        times = [case.seconds, case.number("p95_s"), case.number("lmsample_median_s")]
        row = [case.who, case.strategy, case.shape, size_text(case.size), *map(duration, times)]
        rows.append([*row, TIMES.text(case.fields["speedup"]), both])
    return table([*header, "speedup", "5 % - 95 %"], rows, numbers_from=4)


def c_section(page: Page) -> list[str]:
    pairs = page.results.c_limits()
    pairs = [p for p in pairs if p[0].size == page.size()] or pairs
    if not pairs:
        return []
    lines = [
        "## Share of the arithmetic's limit",
        "",
        *prose("""Plain C with vectors on as many threads, timed in turns with the steps. *C tile
            maxima* finds what the first pass finds; *C row mass* computes a row's exponentials
            too, all of them. The share is the time of the C divided by that of the whole step. The
            greedy step is little more than the first pass, so it has a target; top-p's steps go on
            after the mass, and temperature's do without most of the exponentials."""),
    ]
    section = "share of C's arithmetic"
    rows = []
    for limit, case in sorted(pairs, key=lambda p: (place_order_of(p[0]), p[0].who)):
        cell = page.cell(section, "share of C", case, limit.seconds / case.seconds, SHARE)
        row = [limit.who, case.strategy, case.shape, size_text(case.size), SHARE.text(limit.share)]
        rows.append([*row, duration(limit.seconds), duration(case.seconds), cell])
    header = ["C", "strategy", "logits", "batch", "C of the read", "time of C", "lmsample"]
    return lines + table([*header, "share of C"], rows, numbers_from=4)


def place_order_of(case: Case) -> tuple[str, int, int, str, int]:
    return place_order((case.device, case.size, case.shape))


# --- All of it -------------------------------------------------------------------------------


def summary_section(page: Page) -> list[str]:
    if not page.judged:
        return ["## Targets", "", "None of the figures measured has a target.", ""]
    used = [v for v in VERDICTS if any(j.verdict == v for js in page.judged.values() for j in js)]
    rows = [
        [section, str(len(judged))]
        + [str(sum(j.verdict == v for j in judged) or NONE) for v in used]
        for section, judged in page.judged.items()
    ]
    lines = ["## Targets", "", "Figures that have a target, and how many reach it:", ""]
    lines += table(["", "figures", *used], rows)
    return lines + not_reached(page)


def not_reached(page: Page) -> list[str]:
    rows = []
    for section, judged in page.judged.items():
        missed = [j for j in judged if j.verdict in NOT_REACHED]
        for line, target in dict.fromkeys((j.line, j.target) for j in missed):
            figures = [
                f"{j.column} {j.value}" for j in missed if (j.line, j.target) == (line, target)
            ]
            rows.append([section, line, ", ".join(figures), target])
    if not rows:
        return ["All are reached.", ""]
    lines = table(["not reached", "", "figures", "target"], rows, numbers_from=4)
    return folded(f"Not reached ({len(rows)} lines)", lines) if len(rows) > 15 else lines


def page_text(page: Page, folder: str) -> str:
    device = page.results.device
    sections = (
        share_section,
        draws_section,
        p99_section,
        mixed_section,
        heavy_section,
        batch_section,
        one_row_section,
        dtype_section,
        cost_section,
        start_section,
        c_section,
        peers_section,
        beam_section,
        contrastive_section,
        request_section,
    )
    parts = [section(page) for section in sections]
    lines = [
        f"# Benchmarks: {plain(device.name)}",
        "",
        *prose(
            """Made by `bench/report.py` from [results.json](results.json); every case is a line of
            [results.csv](results.csv). [How to read it](../README.md). To make it again:"""
        ),
        f"    {REMAKE.format(folder=folder)}",
        "",
        *machine_section(page),
        *summary_section(page),
    ]
    for part in parts:
        lines += part
    return "\n".join(lines).rstrip("\n") + "\n"
