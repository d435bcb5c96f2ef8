"""Which tokens are shown, and how numbers and reasons are written: the same in every picture."""

from __future__ import annotations

import unicodedata
from typing import List, NamedTuple, Optional, Union

import numpy as np

from .._params import TOP_P_WHOLE_ROW
from .chain import Explanation, Stage

AROUND = 2  # tokens on each side of a cut beyond the head
MIN_GAP = 2  # a gap takes a line itself


class Token(NamedTuple):
    rank: int


class Cut(NamedTuple):
    """Before the token of this rank."""

    rank: int
    stage: Stage


class Gap(NamedTuple):
    """Tokens that are left out, from a rank on."""

    rank: int
    tokens: int
    before: float  # what they have before, together


Item = Union[Token, Cut, Gap]


def items_of(e: Explanation, top: int) -> List[Item]:
    """The most probable tokens, those around each cut, and gaps between."""
    cuts = [stage for stage in e.stages if stage.removed > 0]
    shown = np.zeros(e.vocab, bool)
    shown[:top] = True
    for stage in cuts:
        shown[max(0, stage.kept - AROUND) : stage.kept + AROUND] = True
    items: List[Item] = []
    ends = np.flatnonzero(np.diff(shown.astype(np.int8), prepend=0, append=0)).tolist()
    last = 0
    for begin, end in zip(ends[::2], ends[1::2]):
        _leave_out(e, items, last, begin, cuts)
        for rank in range(begin, end):
            _show(items, rank, cuts)
        last = end
    _leave_out(e, items, last, e.vocab, cuts)
    return items


def _show(items: List[Item], rank: int, cuts: List[Stage]) -> None:
    # Of several cuts in one place the first removed something.
    stage = next((stage for stage in cuts if stage.kept == rank), None)
    if stage is not None:
        items.append(Cut(rank, stage))
    items.append(Token(rank))


def _leave_out(e: Explanation, items: List[Item], begin: int, end: int, cuts: List[Stage]) -> None:
    if end - begin < MIN_GAP:
        for rank in range(begin, end):
            _show(items, rank, cuts)
        return
    items.append(Gap(begin, end - begin, float(e.before.probs[begin:end].sum())))


def scale_of(e: Explanation) -> float:
    """The largest probability there is, before or after."""
    if e.live == 0:
        return 1.0
    return max(float(e.before.probs[0]), float(e.after.probs[0]))


def percent(probability: float) -> str:
    """Three digits, at most 7 columns."""
    share = 100 * probability
    if share <= 0:
        return "0%"
    if share < 0.001:
        return "<0.001%"
    if share < 1:
        return f"{share:.3f}%"
    if share < 9.995:
        return f"{share:.2f}%"
    if share < 99.95:
        return f"{share:.1f}%"
    return ">99.9%" if share < 99.9999 else "100%"  # float32 leaves a sum of all short of 1


def aligned(probability: float, scale: float) -> str:
    """With its decimal point in one column for all of a picture; 7 columns at most."""
    decimals = 4 if scale < 0.01 and probability < 0.01 else 2
    share = 100 * probability
    if 0 < share < (0.0001 if decimals == 4 else 0.01):
        return "<.0001%" if decimals == 4 else "<0.01%"
    if 99.995 <= share < 99.9999:
        return ">99.99%"
    return f"{share:.{decimals}f}%"


def number(value: float) -> str:
    """Of choices or nats, with three digits or more."""
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def reason(e: Explanation, stage: Stage) -> str:
    """What decided a stage's cut, such as "below 0.05 × 31.2% = 1.56%"."""
    if stage.kept == 0 or stage.kind == "softmax":
        return ""
    before = e.stages[e.stages.index(stage) - 1]
    if stage.kind == "temperature":
        return f"best {percent(before.probs[0])} → {percent(stage.probs[0])}"
    if stage.kind == "min-p":
        least = percent(stage.threshold or 0)
        return f"below {stage.settings.min_p:g} × {percent(before.probs[0])} = {least}"
    if stage.kind == "top-k":
        tied = stage.kept - stage.settings.top_k
        if tied > 0 and stage.removed > 0:
            return f"{tied} tied with rank {stage.settings.top_k}"
        return f"rank {stage.kept} has {percent(stage.least_kept)}"
    if stage.kind == "top-p":
        verb = "reaches" if stage.kept == 1 else "reach"
        is_whole = stage.settings.flags & TOP_P_WHOLE_ROW and (
            e.settings.top_k > 0 or e.settings.min_p > 0
        )
        return f"{stage.kept} {verb} {percent(stage.reached)}" + (" of the row" if is_whole else "")
    return "the best token"


def cut_text(stage: Stage) -> str:
    share = percent(stage.removed_probability)
    return f"{stage.label} keeps {stage.kept}, removes {stage.removed} with {share} of what was left"


def draw_text(e: Explanation) -> str:
    """What names the random numbers: "seed 1, step 0", or, of row 3, "seed 1, row 3, step 0"."""
    row = f", row {e.draw.row}" if e.draw.row > 0 else ""
    return f"seed {e.draw.seed}{row}, step {e.draw.step}"


def never_text(e: Explanation) -> str:
    """Of a row of which no token can be drawn."""
    return (
        f"No token can be drawn: of {e.vocab} logits {e.nans} are NaN and "
        f"{e.vocab - e.live - e.nans} -inf."
    )


def text_of(e: Explanation, token: int) -> Optional[str]:
    """A token's text as it is shown, in quotes; None: there are no texts."""
    return None if e.texts is None else quoted(e.texts, token)


def quoted(texts: object, token: int) -> str:
    found = texts[token] if token < len(texts) else None  # type: ignore[index,arg-type]
    if found is None:
        return "(none)"
    shown = displayable(found)
    # What is behind it keeps its place also where it runs from right to left.
    is_turned = any(unicodedata.bidirectional(c) in ("R", "AL") for c in shown)
    return f'"{shown}"' + ("\u200e" if is_turned else "")


def displayable(text: Union[str, bytes]) -> str:
    """What can touch neither a terminal nor a page: control characters, marks of direction and
    what has no shape are escaped, and so are bytes that are no UTF-8 and marks that stack up."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    shown, marks = "", 0
    for place, character in enumerate(text):
        is_mark = _is_mark(character)
        marks = marks + 1 if is_mark else 0
        if not character.isprintable() or (is_mark and (place == 0 or marks > 2)):
            shown += _escaped(character)
        else:
            shown += character
    return shown


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me", "Mc")


def _escaped(character: str) -> str:
    plain = character.encode("unicode_escape").decode("ascii")
    if plain == character:  # a mark below U+0100, of which there is none
        plain = f"\\u{ord(character):04x}"
    # A byte of one character is one of a sequence of UTF-8 to who reads \x9b.
    if plain.startswith("\\x") and ord(character) >= 0x80:
        return f"\\u{ord(character):04x}"
    return plain
