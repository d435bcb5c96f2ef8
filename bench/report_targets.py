"""What the figures are held against: the rules of targets.json, and their verdicts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report_data import Case, Device, family_of

FILE = Path(__file__).with_name("targets.json")

AIM = "reached aim"
FLOOR = "reached floor"
BELOW = "below floor"
REACHED = "reached"
MISSED = "missed"
VERDICTS = (AIM, FLOOR, BELOW, REACHED, MISSED)
NOT_REACHED = (BELOW, MISSED)


@dataclass(frozen=True)
class Limit:
    floor: float | None = None
    aim: float | None = None
    at_most: float | None = None

    def verdict(self, value: float) -> str:
        if self.at_most is not None:
            return REACHED if value <= self.at_most else MISSED
        if self.aim is None:
            return REACHED if value >= self.floor else MISSED
        if value >= self.aim:
            return AIM
        return FLOOR if value >= self.floor else BELOW

    @property
    def bounds(self) -> list[float]:
        return [bound for bound in (self.floor, self.aim, self.at_most) if bound is not None]


class Targets:
    """The rules, the first of which that fits holds."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules

    def limit(self, figure: str, case: Case) -> Limit | None:
        """None where there is none, or where the rule that fits has no bounds."""
        limit = next((limit_of(r) for r in self.rules if fits(r, figure, case)), None)
        return limit if limit and limit.bounds else None

    def size(self, device: Device) -> tuple[int, int, str]:
        """Rows, vocabulary and type for which shares have targets."""
        rules = [rule for rule in self.rules if rule["figure"] == "share"]
        rule = next((r for r in rules if r["device"] == device.kind), rules[0])
        return rule["rows"], rule["vocab"], rule["dtypes"][0]


def limit_of(rule: dict[str, Any]) -> Limit:
    floor = rule.get("floor", rule.get("at_least"))
    return Limit(floor, rule.get("aim"), rule.get("at_most"))


def fits(rule: dict[str, Any], figure: str, case: Case) -> bool:
    is_one_of = {
        "strategies": case.strategy,
        "dtypes": case.dtype,
        "who": case.who,
    }
    is_equal = {
        "figure": figure,
        "device": case.device.kind,
        "rows": case.rows,
        "vocab": case.vocab,
        "family": family_of(case.shape),
    }
    return (
        all(value in rule[name] for name, value in is_one_of.items() if name in rule)
        and all(value == rule[name] for name, value in is_equal.items() if name in rule)
        and any(case.device.name.startswith(driver) for driver in rule.get("drivers", [""]))
    )


def read_targets(file: Path = FILE) -> Targets:
    return Targets(json.loads(file.read_text(encoding="utf-8"))["rules"])
