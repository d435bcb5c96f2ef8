"""Figures and texts as they stand in the report's tables."""

import textwrap
from dataclasses import dataclass

from report_targets import Limit

NONE = "-"


@dataclass(frozen=True)
class Unit:
    digits: int
    scale: float = 1
    name: str = ""

    def text(self, value: float, more: int = 0) -> str:
        digits = self.digits if value < 100 else 0
        return f"{value * self.scale:.{digits + more}f}{self.name}"


SHARE = Unit(2)
TIMES = Unit(1, name="x")
MICROSECONDS = Unit(0, 1e6)


def figure(value: float, limit: Limit, unit: Unit) -> str:
    """With so many digits that it does not seem to be on the other side of a bound."""
    for more in range(6):
        text = unit.text(value, more)
        printed = float(text.removesuffix(unit.name)) / unit.scale
        if limit.verdict(printed) == limit.verdict(value):
            break
    return text


def target_text(limit: Limit, unit: Unit) -> str:
    if limit.at_most is not None:
        return "at most " + bound_text(limit.at_most, unit)
    if limit.aim is None:
        return "at least " + bound_text(limit.floor, unit)
    return f"{bound_text(limit.floor, unit)} / {bound_text(limit.aim, unit)}"


def bound_text(bound: float, unit: Unit) -> str:
    return f"{bound:g}{unit.name}" if unit is TIMES else unit.text(bound)


def duration(seconds: float | None) -> str:
    if seconds is None:
        return NONE
    for scale, name in ((1, "s"), (1e3, "ms")):
        if seconds * scale >= 0.9995:
            return f"{three_digits(seconds * scale)} {name}"
    return f"{three_digits(seconds * 1e6)} us"


def three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def optional(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def binary_size(size: float | None) -> str:
    if size is None:
        return NONE
    if size >= 1 << 30:
        return f"{size / (1 << 30):.1f} GiB"
    return f"{size / (1 << 20):.0f} MiB"


def size_text(size: tuple[int, int, str]) -> str:
    return f"{size[0]} x {size[1]} {size[2]}"


def prose(text: str) -> list[str]:
    """A paragraph."""
    return [*textwrap.wrap(" ".join(text.split()), 140), ""]


def plain(text: str) -> str:
    """Text of a file that is to stand in Markdown as it is."""
    for character in "\\`*_{}[]<>|#":
        text = text.replace(character, "\\" + character)
    return text


def code(text: str) -> str:
    """A command as code, unless it has what would end that, or the cell of a table."""
    return plain(text) if set(text) & {"`", "|"} else f"`{text}`"


def table(header: list[str], rows: list[list[str]], numbers_from: int = 1) -> list[str]:
    rule = ["---" if i < numbers_from else "---:" for i in range(len(header))]
    lines = [header, rule, *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def folded(summary: str, lines: list[str]) -> list[str]:
    return [f"<details><summary>{summary}</summary>", "", *lines, "</details>", ""]
