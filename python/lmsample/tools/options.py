"""Options that commands share: parameters, the device, errors in one line."""

from __future__ import annotations

import argparse
from typing import Any, Dict, NoReturn, Optional

from .._params import row_params
from .chain import Settings

USAGE = 2


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as the C program does."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def count(least: int, most: Optional[int] = None) -> Any:
    """A whole number."""

    def parse(text: str) -> int:
        try:
            value = int(text, 10)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            rule = f"from {least}" + ("" if most is None else f" to {most}")
            raise argparse.ArgumentTypeError(f'is "{text}", must be a whole number {rule}')
        return value

    return parse


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'is "{text}", must be a number') from None


def add_sampling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how is sampled")
    group.add_argument("-t", "--temperature", type=_number, metavar="T", help="0 is greedy (default 1)")
    group.add_argument("-k", "--top-k", type=count(-1), metavar="K", help="the K best; 0: off (default)")
    group.add_argument("-p", "--top-p", type=_number, metavar="P", help="the best that reach P; 1: off (default)")
    group.add_argument("--min-p", type=_number, metavar="M", help="M times as probable as the best; 0: off (default)")
    group.add_argument("--preset", metavar="NAME",
                       help="order and rules of vllm (default), hugging-face, llama.cpp or joint")  # fmt: skip
    group.add_argument("-s", "--seed", type=count(-(2**63), 2**64 - 1), metavar="N", help="of the batch (default: a fresh one)")
    group.add_argument("--step", type=count(0, 2**64 - 2), default=0, metavar="N", help="of the first token (default 0)")
    group.add_argument("--device", metavar="NAME", help="a part of an OpenCL device's name")


_FIELDS = ("temperature", "top_k", "top_p", "min_p", "preset")


def checked(values: Dict[str, Any], name: Optional[str] = None) -> Settings:
    """Settings of what is given; ValueError as sample() has it."""
    given = {field: values[field] for field in _FIELDS if values.get(field) is not None}
    if given.get("top_k", 0) < 0:
        given["top_k"] = 0
    found = Settings(**given, name=name)
    row_params(1, found.temperature, found.top_k, found.top_p, found.min_p, 0, 0, found.preset)
    return found


def settings_of(options: argparse.Namespace) -> Settings:
    return checked(vars(options))


def setting(base: Settings, text: str) -> Settings:
    """Of a text such as "top_p=0.9,temperature=0.7"; what it leaves out is as in `base`."""
    values: Dict[str, Any] = {field: getattr(base, field) for field in _FIELDS}
    for part in filter(None, (part.strip() for part in text.split(","))):
        field, _, value = part.partition("=")
        field = field.strip().replace("-", "_")
        if field not in _FIELDS or not value:
            raise ValueError(
                f'--setting: has "{part}", must be NAME=VALUE, with commas between, of '
                f"{', '.join(_FIELDS)}"
            )
        try:
            values[field] = (
                value if field == "preset" else int(value) if field == "top_k" else float(value)
            )
        except ValueError:
            raise ValueError(f'--setting: {field}: is "{value}", must be a number') from None
    return checked(values)
