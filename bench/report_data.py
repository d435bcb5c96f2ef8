"""The results that bench and peers write: read, checked, and looked up for the report."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

FORMAT = "lmsample-bench 1"
UNIFORM = (
    "greedy",
    "temperature",
    "top-k 1",
    "top-k 50",
    "top-k 1024",
    "top-p 0.5",
    "top-p 0.9",
    "top-p 0.99",
    "min-p 0.05",
    "k 50 + p 0.9",
    "k 50 + p 0.9 + min-p 0.05",
)
MIXED = "every row different"
STRATEGIES = (*UNIFORM, MIXED)
FAMILIES = {
    "peaked": ("peaked", "dominant", "model"),
    "flat": ("flat", "equal", "zipf", "gumbel"),
    "real": ("real",),
}
SHAPES = tuple(shape for shapes in FAMILIES.values() for shape in shapes)
DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2}
LIBRARY = "lmsample"
PEERS = (
    "torch",
    "torch survivors",
    "llama.cpp",
    "openmp",
    "torch cuda",
    "torch cuda survivors",
    "flashinfer",
)
LARGEST = 1e18  # what is above is no measurement, and its square still a number
# What is no sampler but a part of one, written by hand in C: limits, not peers; and the
# strategies that are made of little else.
C_LIMITS = {
    "C tile maxima": ("greedy",),
    "C row mass": ("temperature", "top-p 0.5", "top-p 0.9", "top-p 0.99"),
}

TEXTS = ("strategy", "shape", "dtype", "who")
COUNTS = ("rows", "vocab")
NUMBERS = (
    "repeats",
    "batches",
    "ratio",
    "ratio_p5",
    "ratio_p95",
    "median_s",
    "mean_s",
    "p95_s",
    "p99_s",
    "p99_over_median",
    "rows_per_s",
    "gb_per_s",
    "read_median_s",
    "read_gb_per_s",
    "device_s",
    "read_device_s",
    "device_ratio",
    "draws",
    "attempts",
    "passes",
    "pass_share",
    "launches",
    "checked_rows",
    "lmsample_median_s",
    "lmsample_device_s",
    "speedup",
    "speedup_p5",
    "speedup_p95",
    "one_core_speedup",
    "device_speedup",
    "threads",
    "requests",
    "width",
    "candidates",
    "over_top_k",
    "over_top_k_p5",
    "over_top_k_p95",
    "top_k_median_s",
    "context",
    "k",
    "batch_bytes",
)
PART_COUNTS = ("vocab", "requests", "live", "width", "max_width")
HEAVY_NUMBERS = ("over_mean", "over_mean_p5", "over_mean_p95", "median_s")
PART_NUMBERS = ("over_alone", "over_alone_p5", "over_alone_p95", "median_s", "alone_median_s")
CONTRASTIVE_SIZES = ("context", "k", "requests", "width")
OVER = ("over_temperature", "over_logprob", "over_beside")
REQUEST_NUMBERS = tuple(
    f"{name}{end}" for name in OVER for end in ("", "_p5", "_p95", "_cpu", "_at_most")
) + ("cpu_median_s", "temperature_median_s", "logprob_median_s")
SERVING_COUNTS = ("slots", "vocab", "steps", "resident_begin_bytes", "resident_end_bytes")
SERVING_NUMBERS = ("rows_per_step", "tokens_per_s", "median_s", "p99_s", "calls_per_step",
                   "launches_per_step")  # fmt: skip
USUAL_REQUESTS = 8  # of a contrastive search
LINEAR_FROM = 512  # positions: below, what a call costs by itself is more than a tenth
COLUMNS = (*TEXTS[:2], "call", *COUNTS, *TEXTS[2:], "rotated", "limit", *NUMBERS)


class ReportError(Exception):
    """What the user is told, in one line."""


def family_of(shape: str) -> str:
    return next(name for name, shapes in FAMILIES.items() if shape in shapes)


@dataclass(frozen=True)
class Device:
    """One device, however its platform is spelled and how many of its cores a run used."""

    name: str
    kind: str
    platform: str = field(compare=False)
    compute_units: int = field(compare=False)


@dataclass(frozen=True)
class Measured:
    dtype: str
    who: str
    device: Device
    fields: dict[str, Any]

    def number(self, name: str) -> float | None:
        return self.fields.get(name)

    @property
    def seconds(self) -> float:
        return self.fields["median_s"]

    @property
    def share(self) -> float:
        return self.fields["ratio"]

    @property
    def reads(self) -> float:
        """The step's time in reads of its logits, by the reads it was timed beside."""
        return 1 / self.fields["ratio"]


@dataclass(frozen=True)
class Case(Measured):
    strategy: str
    shape: str
    rows: int
    vocab: int
    rotated: bool  # over more logits than the caches hold; else they have just been written

    @property
    def size(self) -> tuple[int, int, str]:
        return self.rows, self.vocab, self.dtype

    @property
    def key(self) -> tuple[Any, ...]:
        return self.strategy, self.shape, *self.size, self.who, self.rotated, self.device


@dataclass(frozen=True)
class BeamCase(Case):
    """A step of beam search."""

    requests: int
    width: int

    @property
    def key(self) -> tuple[Any, ...]:
        return *super().key, self.requests, self.width


@dataclass(frozen=True)
class RequestCase(Case):
    """Rows that ask for something."""


@dataclass(frozen=True)
class HeavyCase(Measured):
    """Batches of peaked rows and a flat one, beside batches of one kind."""

    strategy: str
    rows: int
    vocab: int

    @property
    def over_mean(self) -> float:
        return self.fields["over_mean"]


@dataclass(frozen=True)
class ContrastiveCase(Measured):
    """A call of contrastive search."""

    call: str
    requests: int
    k: int
    context: int | None  # None: of propose
    width: int | None
    vocab: int | None

    @property
    def key(self) -> tuple[Any, ...]:
        sizes = (self.requests, self.context, self.width, self.k, self.vocab)
        return self.call, *sizes, self.dtype, self.who, self.device

    @property
    def size_text(self) -> str:
        if self.vocab is not None:
            return f"{self.requests} x {self.vocab} logits, {self.k}"
        return f"{self.requests} x {self.context} x {self.width}, {self.k}"

    def others_text(self, along: str) -> str:
        """All sizes but the one."""
        texts = {
            "requests": f"{self.requests} requests",
            "context": f"{self.context} positions",
            "width": f"{self.width} wide",
            "k": f"{self.k} candidates",
        }
        left_out = (along, "requests") if along == "width" else (along,)
        return ", ".join(text for name, text in texts.items() if name not in left_out)


@dataclass(frozen=True)
class Run:
    """One object of results: what one call of a benchmark wrote."""

    fields: dict[str, Any]
    device: Device
    cases: tuple[Case, ...]
    beams: tuple[BeamCase, ...]
    contrasts: tuple[ContrastiveCase, ...]
    heavy: tuple[HeavyCase, ...] = ()
    requests: tuple[RequestCase, ...] = ()

    def text(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def is_of_peers(self) -> bool:
        return not any(case.who == LIBRARY for case in self.cases)

    @property
    def absent(self) -> list[dict[str, str]]:
        return self.fields.get("absent", [])


# --- Reading ---------------------------------------------------------------------------------


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else text[:57] + "..."


class Fields:
    """The fields of one object of a file, and where it is, for messages."""

    def __init__(self, value: Any, file: str, place: str) -> None:
        self.file = file
        self.place = place
        if not isinstance(value, dict):
            self.fail(place.rstrip(".") or "results", value, "an object")
        self.value = value

    def fail(self, field: str, value: Any, rule: str) -> None:
        raise ReportError(f"{self.file}: {field} is {shown(value)}: must be {rule}")

    def get(self, name: str, required: bool) -> Any:
        if name not in self.value and required:
            raise ReportError(f"{self.file}: {self.place}{name} is missing")
        return self.value.get(name)

    def text(self, name: str, required: bool = True) -> str | None:
        value = self.get(name, required)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.fail(self.place + name, value, "a line of text that is not empty")
        return value

    def name(self, name: str) -> str:
        """A text that can stand in tables and plots as it is."""
        value = self.text(name)
        if not re.fullmatch(r"[A-Za-z0-9 .,+=()/-]{1,60}", value):
            self.fail(self.place + name, value, "up to 60 letters, digits and any of .,+=()/-")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in choices:
            self.fail(self.place + name, value, "one of " + ", ".join(choices))
        return value

    def number(self, name: str, required: bool = True, least: float = 0) -> float | None:
        value = self.get(name, required)
        if value is None and not required:
            return None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not least <= value <= LARGEST:
            self.fail(self.place + name, value, f"a number from {least:g} to {LARGEST:g}")
        return value

    def positive(self, name: str) -> None:
        self.number(name, least=1 / LARGEST)

    def count(self, name: str, required: bool = True) -> int | None:
        value = self.number(name, required, 1)
        if value is not None and not isinstance(value, int):
            self.fail(self.place + name, value, "a whole number")
        return value

    def truth(self, name: str, default: bool) -> bool:
        value = self.value.get(name, default)
        if not isinstance(value, bool):
            self.fail(self.place + name, value, "true or false")
        return value

    def inner(self, name: str) -> "Fields":
        return Fields(self.get(name, True), self.file, f"{self.place}{name}.")

    def items(self, name: str, required: bool) -> list["Fields"]:
        value = self.get(name, required)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            self.fail(self.place + name, value, "a list")
        return [
            Fields(item, self.file, f"{self.place}{name}[{i}].") for i, item in enumerate(value)
        ]


def rounded(value: Any) -> Any:
    """With the digits that the report's copy of the results keeps."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def read_json(file: str) -> Any:
    def refuse(constant: str) -> None:
        raise ReportError(f"{file}: has {constant}: not a number of JSON")

    def finite(text: str) -> float:
        if math.isinf(float(text)):
            raise ReportError(f"{file}: has {text[:40]}: too large")
        return float(text)

    try:
        with open(file, encoding="utf-8") as stream:
            return json.load(stream, parse_constant=refuse, parse_float=finite)
    except OSError as error:
        raise ReportError(f"{file}: {error.strerror or error}") from error
    except RecursionError as error:
        raise ReportError(f"{file}: nested too deeply") from error
    except ValueError as error:  # not JSON, not UTF-8, too many digits
        raise ReportError(f"{file}: not JSON: {error}") from error


def read_case(fields: Fields, device: Device) -> Case:
    for name in NUMBERS:
        fields.number(name, required=False)
    who = fields.name("who")
    if who == LIBRARY or who in C_LIMITS:
        fields.positive("ratio")
    else:
        fields.positive("lmsample_median_s")
        fields.positive("speedup")
    fields.positive("median_s")
    fields.text("limit", required=False)
    return Case(
        strategy=fields.name("strategy"),
        shape=fields.one_of("shape", SHAPES),
        rows=fields.count("rows"),
        vocab=fields.count("vocab"),
        dtype=fields.one_of("dtype", tuple(DTYPES)),
        who=who,
        rotated=fields.truth("rotated", True),
        device=device,
        fields=fields.value,
    )


def read_beam(fields: Fields, device: Device) -> BeamCase:
    case = read_case(fields, device)
    if case.who == LIBRARY:
        fields.positive("over_top_k")
    return BeamCase(**vars(case), requests=fields.count("requests"), width=fields.count("width"))


def read_request(fields: Fields, device: Device) -> RequestCase:
    for name in (*NUMBERS, *REQUEST_NUMBERS):
        fields.number(name, required=False)
    who = fields.name("who")
    for name in ("over_temperature",) if who == LIBRARY else ("lmsample_median_s", "speedup"):
        fields.positive(name)
    fields.positive("median_s")
    fields.text("beside", required=False)
    return RequestCase(
        strategy=fields.name("strategy"),
        shape=fields.one_of("shape", SHAPES),
        rows=fields.count("rows"),
        vocab=fields.count("vocab"),
        dtype=fields.one_of("dtype", tuple(DTYPES)),
        who=who,
        rotated=True,
        device=device,
        fields=fields.value,
    )


def check_serving(fields: Fields) -> None:
    fields.one_of("shape", SHAPES)
    fields.one_of("dtype", tuple(DTYPES))
    for name in SERVING_COUNTS:
        fields.count(name)
    for name in SERVING_NUMBERS:
        fields.positive(name)


def read_contrast(fields: Fields, device: Device) -> ContrastiveCase:
    for name in NUMBERS:
        fields.number(name, required=False)
    who, call = fields.name("who"), fields.one_of("call", ("select", "append", "propose"))
    for name in ("ratio",) if who == LIBRARY else ("lmsample_median_s", "speedup"):
        fields.positive(name)
    fields.positive("median_s")
    of_logits = call == "propose"
    return ContrastiveCase(
        dtype=fields.one_of("dtype", tuple(DTYPES)),
        who=who,
        device=device,
        fields=fields.value,
        call=call,
        requests=fields.count("requests"),
        k=fields.count("k"),
        context=None if of_logits else fields.count("context"),
        width=None if of_logits else fields.count("width"),
        vocab=fields.count("vocab") if of_logits else None,
    )


def read_heavy(fields: Fields, device: Device) -> HeavyCase:
    for name in HEAVY_NUMBERS:
        fields.positive(name)
    return HeavyCase(
        dtype=fields.one_of("dtype", tuple(DTYPES)),
        who=LIBRARY,
        device=device,
        fields=fields.value,
        strategy=fields.name("strategy"),
        rows=fields.count("rows"),
        vocab=fields.count("vocab"),
    )


def check_part(fields: Fields) -> None:
    fields.one_of("shape", SHAPES)
    fields.one_of("dtype", tuple(DTYPES))
    for name in PART_COUNTS:
        fields.count(name)
    for name in PART_NUMBERS:
        fields.positive(name)


def read_device(fields: Fields) -> Device:
    return Device(
        name=fields.text("name"),
        kind=fields.one_of("type", ("cpu", "gpu", "other")),
        platform=fields.text("platform"),
        compute_units=fields.count("compute_units"),
    )


def read_run(value: Any, file: str, place: str) -> Run:
    fields = Fields(value, file, place)
    fields.one_of("format", (FORMAT,))
    for name in ("date", "command", "lmsample"):
        fields.text(name)
    fields.text("mode", required=False)
    for name in ("interrupted", "huge_pages", "cpu_time"):
        fields.truth(name, False)
    machine = fields.inner("machine")
    machine.text("cpu")
    machine.text("os", required=False)
    for name in ("cores", "memory_bytes", "llc_bytes"):
        machine.number(name, required=False)
    device = read_device(fields.inner("device"))
    fields.inner("device").text("driver", required=False)
    if fields.get("start", False) is not None:
        start = fields.inner("start")
        for name in ("cold_s", "warm_s"):
            start.number(name, required=False)
    for item in fields.items("absent", False):
        item.name("who")
        item.text("why")
    cases = [read_case(item, device) for item in fields.items("cases", True)]
    beams = [read_beam(item, device) for item in fields.items("beams", False)]
    refuse_repeats(cases, file, place + "cases")
    refuse_repeats(beams, file, place + "beams")
    contrasts = [read_contrast(item, device) for item in fields.items("contrastive", False)]
    refuse_repeats(contrasts, file, place + "contrastive")
    for item in fields.items("beam_parts", False):
        check_part(item)
    heavy = [read_heavy(item, device) for item in fields.items("heavy", False)]
    requests = [read_request(item, device) for item in fields.items("requests", False)]
    refuse_repeats(requests, file, place + "requests")
    if fields.get("serving", False) is not None:
        check_serving(fields.inner("serving"))
    return Run(
        fields.value, device, tuple(cases), tuple(beams), tuple(contrasts), tuple(heavy),
        tuple(requests),
    )  # fmt: skip


def refuse_repeats(cases: list[Any], file: str, where: str) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for i, case in enumerate(cases):
        if case.key in seen:
            name = where.rpartition(".")[2]
            raise ReportError(f"{file}: {where}[{i}] repeats {name}[{seen[case.key]}]")
        seen[case.key] = i


def read_runs(files: list[str]) -> list[Run]:
    runs = []
    for file in files:
        value = rounded(read_json(file))
        if isinstance(value, list):
            runs += [read_run(item, file, f"[{i}].") for i, item in enumerate(value)]
        else:
            runs.append(read_run(value, file, ""))
        for run in runs[1:]:
            first, other = runs[0].fields["machine"]["cpu"], run.fields["machine"]["cpu"]
            if other.split() != first.split():
                raise ReportError(
                    f"{file}: machine.cpu is {shown(other)}: must be {shown(first)}"
                    " as in the first results; a report is of one machine"
                )
    if not any(case.who == LIBRARY for run in runs for case in run.cases):
        raise ReportError(f"{files[0]}: cases has none whose who is {LIBRARY}: nothing to report")
    return runs


# --- Looking up ------------------------------------------------------------------------------


def ordered(names: set[str], known: tuple[str, ...]) -> list[str]:
    """Known names in their order, then others by the alphabet."""
    return [name for name in known if name in names] + sorted(names - set(known))


class Results:
    """All cases of a machine. The first device with cases of the library is the main one."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        found: dict[tuple[Any, ...], Case] = {}
        for run in runs:
            found.update((case.key, case) for case in run.cases)
        self.cases = list(found.values())
        self.device = next(case.device for case in self.cases if case.who == LIBRARY)
        self.devices = list(dict.fromkeys(case.device for case in self.cases))
        self._own = {
            (case.device, case.strategy, case.shape, *case.size): case
            for case in self.cases
            if case.who == LIBRARY and case.rotated
        }

    def own(self) -> list[Case]:
        """The main device's, of logits that come from memory."""
        return [case for key, case in self._own.items() if key[0] == self.device]

    def get(self, strategy: str, shape: str, size: tuple[int, int, str]) -> Case | None:
        return self._own.get((self.device, strategy, shape, *size))

    def single_rows(self) -> list[Case]:
        """Of all devices, from memory or just written."""
        return [case for case in self.cases if case.who == LIBRARY and case.rows == 1]

    def peers(self) -> list[Case]:
        return [case for case in self.cases if case.who not in (LIBRARY, *C_LIMITS)]

    def beams(self) -> list[BeamCase]:
        """Of the main device."""
        found: dict[tuple[Any, ...], BeamCase] = {}
        for run in self.runs:
            found.update((case.key, case) for case in run.beams)
        return [case for case in found.values() if case.device == self.device]

    def contrasts(self) -> list[ContrastiveCase]:
        """Of the main device."""
        found: dict[tuple[Any, ...], ContrastiveCase] = {}
        for run in self.runs:
            found.update((case.key, case) for case in run.contrasts)
        return [case for case in found.values() if case.device == self.device]

    def requests(self) -> list[RequestCase]:
        """Of the main device."""
        found: dict[tuple[Any, ...], RequestCase] = {}
        for run in self.runs:
            found.update((case.key, case) for case in run.requests)
        return [case for case in found.values() if case.device == self.device]

    def servings(self) -> list[dict[str, Any]]:
        runs = [run for run in self.runs if run.device == self.device]
        return [run.fields["serving"] for run in runs if run.fields.get("serving")]

    def heavy(self) -> list[HeavyCase]:
        """Of the main device."""
        return [one for run in self.runs for one in run.heavy if one.device == self.device]

    def beam_parts(self) -> list[dict[str, Any]]:
        runs = [run for run in self.runs if run.device == self.device]
        return [part for run in runs for part in run.fields.get("beam_parts") or []]

    def c_limits(self) -> list[tuple[Case, Case]]:
        """Each with a strategy that it is a limit of, measured in the same turns."""
        return [
            (limit, case)
            for limit in self.cases
            for strategy in C_LIMITS.get(limit.who, ())
            for case in [self.get(strategy, limit.shape, limit.size)]
            if case is not None and limit.rotated and limit.device == self.device
        ]

    def usual_size(self, wanted: tuple[int, int, str]) -> tuple[int, int, str]:
        """The wanted size, or the one with most cases if it was not measured."""
        counts = Counter(case.size for case in self.own())
        if wanted in counts or not counts:
            return wanted
        return max(counts, key=lambda size: (counts[size], size[0] * size[1], size[2]))


def strategies_of(cases: list[Case]) -> list[str]:
    return ordered({case.strategy for case in cases}, STRATEGIES)


def shapes_of(cases: list[Case]) -> list[str]:
    return ordered({case.shape for case in cases}, SHAPES)


def contrastive_groups(cases: list[ContrastiveCase], along: str) -> list[list[ContrastiveCase]]:
    """Cases of three or more values of one size, by the others. Where states are wide there may be
    fewer requests: by width, the most for each."""
    others = [name for name in CONTRASTIVE_SIZES if name != along]
    if along == "width":
        most: dict[tuple[Any, ...], ContrastiveCase] = {}
        for case in sorted(cases, key=lambda case: case.requests):
            if case.requests <= USUAL_REQUESTS:
                most[case.context, case.width, case.k, case.dtype] = case
        cases, others = list(most.values()), ["context", "k"]
    groups: dict[tuple[Any, ...], list[ContrastiveCase]] = {}
    for case in cases:
        groups.setdefault(tuple(getattr(case, name) for name in others), []).append(case)
    return [g for g in groups.values() if len({getattr(case, along) for case in g}) > 2]


# --- Figures that are computed from several cases --------------------------------------------


@dataclass(frozen=True)
class Line:
    """time = fixed + slope x rows x vocabulary."""

    fixed_s: float
    slope_s: float
    points: int
    logit_bytes: int
    deviation: float  # of the point farthest from the line, as a part of its time

    def at(self, logits: float) -> float:
        return self.fixed_s + self.slope_s * logits

    @property
    def bytes_per_s(self) -> float | None:
        return self.logit_bytes / self.slope_s if self.slope_s else None


def fit_line(points: list[tuple[float, float]], logit_bytes: int) -> Line | None:
    """Least squares of the relative deviations; neither cost is negative."""
    sizes = {x for x, _ in points}
    if len(sizes) < 4 or max(sizes) < 2 * min(sizes):
        return None
    weights = [1 / (time * time) for _, time in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points)) / total
    mean_t = sum(w * t for w, (_, t) in zip(weights, points)) / total
    above = sum(w * (x - mean_x) * (t - mean_t) for w, (x, t) in zip(weights, points))
    below = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points))
    slope = above / below
    if slope <= 0:
        fixed, slope = mean_t, 0.0
    elif mean_t - slope * mean_x < 0:
        fixed = 0.0
        slope = sum(w * x * t for w, (x, t) in zip(weights, points)) / sum(
            w * x * x for w, (x, _) in zip(weights, points)
        )
    else:
        fixed = mean_t - slope * mean_x
    deviation = max(abs(fixed + slope * x - t) / t for x, t in points)
    return Line(fixed, slope, len(points), logit_bytes, deviation)


def line_of(results: Results, strategy: str, shape: str, dtype: str) -> Line | None:
    points = [
        (case.rows * case.vocab, case.seconds)
        for case in results.own()
        if (case.strategy, case.shape, case.dtype) == (strategy, shape, dtype)
    ]
    return fit_line(points, DTYPES[dtype])


@dataclass(frozen=True)
class Mixture:
    """Seconds of a batch in which every row differs, and of the uniform batches it is made of."""

    mixed: float
    uniform: float

    @property
    def factor(self) -> float:
        return self.mixed / self.uniform


def mixture_of(results: Results, shape: str, size: tuple[int, int, str]) -> Mixture | None:
    """Row i of a mixed batch has strategy i modulo their number."""
    mixed = results.get(MIXED, shape, size)
    rows = size[0]
    counts = {s: len(range(i, rows, len(UNIFORM))) for i, s in enumerate(UNIFORM[:rows])}
    uniform = {strategy: results.get(strategy, shape, size) for strategy in counts}
    if mixed is None or rows == 1 or None in uniform.values():
        return None
    mean = sum(n * uniform[strategy].seconds for strategy, n in counts.items()) / rows
    return Mixture(mixed.seconds, mean)


def mixtures(results: Results) -> list[tuple[Case, Mixture]]:
    """The mixed batches of the main device that can be compared, the shapes in their order."""
    found = [
        (case, mixture_of(results, case.shape, case.size))
        for case in results.own()
        if case.strategy == MIXED
    ]
    found.sort(key=lambda item: SHAPES.index(item[0].shape))
    return [(case, mixture) for case, mixture in found if mixture]


def time_of_float32(results: Results, case: Case) -> float | None:
    """The time beside that of float32, each counted in the reads it was timed beside, so that a
    machine that became slower between the two does not change it."""
    rows, vocab, dtype = case.size
    full = results.get(case.strategy, case.shape, (rows, vocab, "float32"))
    if full is None:
        return None
    return case.reads / full.reads * DTYPES[dtype] / DTYPES["float32"]
