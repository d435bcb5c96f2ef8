"""What parameters do to a row of logits: the chain of temperature and filters, a stage at a time.

A filter's base is what the filters before it keep (specification, section 6), so the first
stages of a chain are a set of parameters whose result is what the whole chain has at that point.
All stages are rows of one call of the library on the same logits: nothing of the sampling is
computed here a second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from .._logits import prepare
from .._params import (
    MIN_P_LAST,
    TEMPERATURE_LAST,
    TOP_P_WHOLE_ROW,
    _fresh_seed,
    preset_flags,
    row_seed,
)
from .._sampler import sample

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """Parameters of a row, as sample() takes them."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    preset: Union[str, int] = "vllm"
    name: Optional[str] = None  # what pictures call it; None: what is on

    @property
    def flags(self) -> int:
        return preset_flags(self.preset) if isinstance(self.preset, str) else self.preset

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0 or self.top_p <= 0

    def arguments(self) -> Dict[str, Any]:
        return {
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "preset": self.flags,
        }

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.is_greedy:
            return "greedy"
        on = [f"temperature {self.temperature:g}"] if self.temperature != 1 else []
        on += [f"top-k {self.top_k}"] if self.top_k > 0 else []
        on += [f"top-p {self.top_p:g}"] if self.top_p < 1 else []
        on += [f"min-p {self.min_p:g}"] if self.min_p > 0 else []
        # The order of the filters matters where there are two of them.
        if self.flags and len(on) > 1:
            on.append(self.preset if isinstance(self.preset, str) else f"flags {self.preset}")
        return ", ".join(on) or "temperature 1"


@dataclass
class Stage:
    """What is left after temperature or a filter, and all that went before it."""

    kind: str  # softmax, temperature, min-p, top-k, top-p, greedy
    label: str  # such as "min-p 0.05"
    settings: Settings
    kept: int = 0
    removed: int = 0  # by this stage
    removed_probability: float = 0.0  # of what was left before it
    reached: float = 0.0  # top-p: what the kept tokens have of its base
    least_kept: float = 0.0  # the least probability that is kept, of what was left before
    threshold: Optional[float] = None  # min-p: the least to be kept; top-p: what to reach
    entropy: float = 0.0  # in nats
    probs: Array = field(default_factory=lambda: np.zeros(0))  # float64, by rank

    @property
    def choices(self) -> float:
        """How many equally probable tokens would be as uncertain."""
        return float(np.exp(self.entropy)) if self.kept else 0.0


class Draw(NamedTuple):
    seed: int  # as it was given, of all rows
    row: int
    step: int


@dataclass
class Explanation:
    """Of one row and one setting. Everything by rank: 0 is the most probable token."""

    title: str
    settings: Settings
    draw: Draw
    logits: Array  # float32, by rank
    order: Array  # the token of each rank; those that are never drawn come last
    live: int  # tokens that can be drawn
    nans: int
    infinites: int  # logits that are +inf
    stages: List[Stage]
    drawn: int  # token, or -1
    texts: Any = None  # of tokens: a Vocabulary, or None

    @property
    def vocab(self) -> int:
        return len(self.order)

    @property
    def before(self) -> Stage:
        return self.stages[0]

    @property
    def after(self) -> Stage:
        return self.stages[-1]

    @property
    def kept(self) -> int:
        return self.after.kept

    def removed_by(self, rank: int) -> Optional[Stage]:
        return next((stage for stage in self.stages[1:] if rank >= stage.kept), None)

    def rank(self, token: int) -> int:
        return int(np.flatnonzero(self.order == token)[0])


def _chain(all_: Settings, vocab: int) -> List[Stage]:
    """The stages in the order in which the settings' preset applies them."""
    flags = all_.flags
    so_far = Settings(preset=flags)
    stages = [Stage("softmax", "softmax", Settings())]

    def add(kind: str, value: Any, **members: Any) -> None:
        nonlocal so_far
        so_far = replace(so_far, **members)
        stages.append(Stage(kind, f"{kind} {value:g}", so_far))

    def add_temperature() -> None:
        if all_.temperature != 1:
            add("temperature", all_.temperature, temperature=all_.temperature)

    def add_min_p() -> None:
        if all_.min_p > 0:
            add("min-p", all_.min_p, min_p=all_.min_p)

    if all_.is_greedy:
        return [*stages, Stage("greedy", "greedy", all_)]
    if not flags & TEMPERATURE_LAST:
        add_temperature()
    if not flags & MIN_P_LAST:
        add_min_p()
    if 0 < all_.top_k < vocab:
        add("top-k", all_.top_k, top_k=all_.top_k)
        stages[-1].label = f"top-k {all_.top_k}"
    if all_.top_p < 1:
        add("top-p", all_.top_p, top_p=all_.top_p)
    if flags & MIN_P_LAST:
        add_min_p()
    if flags & TEMPERATURE_LAST:
        add_temperature()
    return stages


def ranks_of(logits: Array) -> Tuple[Array, int]:
    """The tokens, the most probable first, equal ones by id (specification, section 1), and how
    many of them can be drawn."""
    dead = np.isnan(logits) | np.isneginf(logits)
    # Of two zeros the sign does not count.
    keys = np.where(dead, np.float32(np.inf), -(logits + np.float32(0)))
    order = np.argsort(keys, kind="stable")
    order = np.concatenate([order[~dead[order]], np.flatnonzero(dead)])
    return order, int(len(logits) - np.count_nonzero(dead))


def entropy_of(probs: Array) -> float:
    positive = probs[probs > 0]
    return max(0.0, float(-np.sum(positive * np.log(positive))))


def _base_of(stages: Sequence[Stage], number: int) -> Stage:
    """What top-p takes its share of."""
    flags = stages[number].settings.flags
    if not flags & TOP_P_WHOLE_ROW:
        return stages[number - 1]
    is_tempered = stages[1].kind == "temperature" and not flags & TEMPERATURE_LAST
    return stages[1 if is_tempered else 0]


def _measure(stages: List[Stage], number: int) -> None:
    stage = stages[number]
    stage.entropy = entropy_of(stage.probs[: stage.kept])
    if number == 0 or stage.kept == 0:
        return
    before = stages[number - 1]
    stage.removed = before.kept - stage.kept
    stage.removed_probability = float(before.probs[stage.kept : before.kept].sum())
    stage.least_kept = float(before.probs[stage.kept - 1])
    if stage.kind == "top-p":
        stage.reached = float(_base_of(stages, number).probs[: stage.kept].sum())
        stage.threshold = float(np.float32(stage.settings.top_p))
    elif stage.kind == "min-p":
        stage.threshold = float(np.float32(stage.settings.min_p)) * float(before.probs[0])


def explain(
    logits: Any,
    settings: Optional[Settings] = None,
    *,
    seed: Optional[int] = None,
    step: int = 0,
    row: int = 0,
    title: str = "a row of logits",
    texts: Any = None,
    dtype: Optional[str] = None,
    device: Any = None,
    **parameters: Any,
) -> Explanation:
    """What the settings (or `temperature`, `top_k`, `top_p`, `min_p`, `preset`) do to one row.

    logits: one row, as sample() takes it.
    seed, step, row: what names the random number of the draw; row: its place in a batch of that
        seed.
    title, texts: for pictures; texts: a Vocabulary, or a list of texts.
    """
    chosen = settings if settings is not None else Settings(**parameters)
    found = prepare(logits, dtype)
    if found.rows != 1:
        raise ValueError(f"logits: has {found.rows} rows, must be one row")
    stages = _chain(chosen, found.vocab)
    seed = _fresh_seed() if seed is None else seed
    names = ("temperature", "top_k", "top_p", "min_p", "preset")
    columns: Dict[str, Any] = {name: [stage.settings.arguments()[name] for stage in stages] for name in names}
    told = sample(
        found.memory,
        index=[0] * len(stages),
        seed=[row_seed(seed, row)] * len(stages),
        step=step,
        dtype=found.dtype,
        device=device,
        outputs=("kept", "probs"),
        **columns,
    )
    values = as_floats(found.memory[0], found.dtype)
    order, live = ranks_of(values)
    for number, stage in enumerate(stages):
        stage.kept = int(told.kept[number])
        stage.probs = told.probs[number][order].astype(np.float64)
        _measure(stages, number)
    return Explanation(
        title=title,
        settings=chosen,
        draw=Draw(seed, row, step),
        logits=values[order],
        order=order,
        live=live,
        nans=int(np.count_nonzero(np.isnan(values))),
        infinites=int(np.count_nonzero(np.isposinf(values))),
        stages=stages,
        drawn=int(told.tokens[-1]),
        texts=texts,
    )


def as_floats(array: Array, dtype: str) -> Array:
    """float32 of what sample() reads, exactly."""
    if dtype == "bfloat16":
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32)
