"""What the figures are held against: the rules of targets.json, and their verdicts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report_data import Device, Measured, family_of

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

    def limit(self, figure: str, case: Measured) -> Limit | None:
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


LISTS = {"strategies": "strategy", "shapes": "shape", "dtypes": "dtype", "who": "who"}
SIZES = ("rows", "vocab", "requests", "context", "width", "k")


def fits(rule: dict[str, Any], figure: str, case: Measured) -> bool:
    return (
        rule["figure"] == figure
        and rule.get("device", case.device.kind) == case.device.kind
        and all(getattr(case, one) in rule[many] for many, one in LISTS.items() if many in rule)
        and all(getattr(case, name) == rule[name] for name in SIZES if name in rule)
        and ("family" not in rule or rule["family"] == family_of(case.shape))
        and any(case.device.name.startswith(driver) for driver in rule.get("drivers", [""]))
    )


def read_targets(file: Path = FILE) -> Targets:
    return Targets(json.loads(file.read_text(encoding="utf-8"))["rules"])
