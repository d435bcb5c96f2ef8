"""generate: the bundled model continues prompts, a token of every text at a time."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from .._params import _fresh_seed, row_seed
from .._sampler import sample
from . import files
from .chain import Settings
from .layout import displayable
from .language_model import LanguageModel, Text, model_of
from .options import Parser, add_sampling, checked, count, settings_of

_END = 0  # the token that ends a text


def add(commands: Any) -> None:
    parser: Parser = commands.add_parser(
        "generate",
        help="let a small language model continue prompts",
        description="Continues prompts (or lines of standard input) with a language model of 3.8 million "
        "parameters that was trained on the King James Bible. The same prompt, seed and parameters "
        "give the same text in any company.",
    )
    parser.add_argument("prompts", nargs="*", metavar="PROMPT", help="(default: lines of standard input)")
    what = parser.add_argument_group("what is generated")
    what.add_argument("-l", "--length", type=count(1), default=60, metavar="N", help="at most N tokens each (default 60)")
    what.add_argument("-n", "--number", type=count(1), default=1, metavar="N", help="of each prompt (default 1)")
    what.add_argument("--stop", action="append", default=[], metavar="TEXT", help="ends before TEXT; may be given several times")
    what.add_argument("--params", metavar="FILE", help="JSON: an object for all prompts, or an array with one for each")
    what.add_argument("-b", "--batch", type=count(1, 1024), default=16, metavar="N", help="texts at once; changes none of them (default 16)")
    what.add_argument("-m", "--model", metavar="DIRECTORY", help="model.safetensors and tokenizer.json (default: the bundled ones)")
    add_sampling(parser)
    shown = parser.add_argument_group("what is written")
    shown.add_argument("--format", choices=("text", "json"), default="text", help="(default text)")
    shown.add_argument("--details", action="store_true", help="JSON has log-probabilities and kept tokens, too")
    shown.add_argument("-o", "--output", metavar="FILE", help="(default -, standard output)")
    shown.add_argument("--stats", action="store_true", help="tokens a second, on standard error")
    parser.set_defaults(run=run, parser=parser)


@dataclass
class Continuation:
    prompt_index: int
    number: int
    prompt: str
    settings: Settings
    seed: int
    step: int
    text: Text
    next: List[int]  # tokens that the model has not read yet
    tokens: List[int] = field(default_factory=list)
    shown: str = ""
    finish: str = ""
    details: List[Any] = field(default_factory=list)


def generate(
    model: LanguageModel,
    prompts: Iterable[Tuple[str, Dict[str, Any]]],
    *,
    length: int = 60,
    number: int = 1,
    stop: Sequence[str] = (),
    batch: int = 16,
    device: Any = None,
    on_step: Optional[Callable[[Continuation], None]] = None,
) -> Iterator[Continuation]:
    """The continuations in the order of the prompts. prompts: each with its settings, seed and
    step, as _records() has them; taken as there is room. on_step: gets the one whose turn it is, as it grows."""
    waiting = (
        _begun(model, index, copy, prompt, record, number)
        for index, (prompt, record) in enumerate(prompts)
        for copy in range(number)
    )
    live: List[Continuation] = []
    done: Dict[int, Continuation] = {}
    given = 0
    while True:
        while len(live) < batch and (one := next(waiting, None)) is not None:
            live.append(one)
        if not live:
            return
        _take_a_step(model, live, length, stop, device)
        for one in [one for one in live if one.finish]:
            done[one.prompt_index * number + one.number] = one
        live = [one for one in live if not one.finish]
        front = next((one for one in live if one.prompt_index * number + one.number == given), None)
        if on_step is not None and front is not None:
            on_step(front)
        while given in done:
            yield done.pop(given)
            given += 1


def _begun(
    model: LanguageModel, index: int, copy: int, prompt: str, record: Dict[str, Any], number: int
) -> Continuation:
    tokens = model.encode(prompt)
    if len(tokens) > model.context:
        raise ValueError(
            f"prompt {index + 1}: is {len(tokens) - 1} tokens long, must be at most {model.context - 1}"
        )
    # A seed of the prompt's own names the batch of its continuations.
    row = copy if record["has_seed"] else index * number + copy
    seed = row_seed(record["seed"], row)
    return Continuation(index, copy, prompt, record["settings"], seed, record["step"], Text(model), tokens)


def _take_a_step(
    model: LanguageModel, live: List[Continuation], length: int, stop: Sequence[str], device: Any
) -> None:
    logits = np.stack([model.read(one.text, one.next) for one in live])
    arguments = [one.settings.arguments() for one in live]
    columns: Dict[str, Any] = {name: [found[name] for found in arguments] for name in arguments[0]}
    told = sample(
        logits,
        seed=np.array([one.seed for one in live], np.uint64),
        step=np.array([one.step for one in live], np.uint64),
        device=device,
        outputs=("logprobs", "raw_logprobs", "kept"),
        **columns,
    )
    for place, one in enumerate(live):
        token = int(told.tokens[place])
        if token < 0 or token == _END:
            one.finish = "none" if token < 0 else "end"
            continue
        one.tokens.append(token)
        one.details.append(
            (float(told.logprobs[place]), float(told.raw_logprobs[place]), int(told.kept[place]))
        )
        one.step += 1
        one.next = [token]
        one.shown = model.decode(one.tokens)
        begin = _stop(one.shown, stop)
        if begin is not None:
            one.shown = one.shown[:begin]
            one.finish = "stop"
        elif len(one.tokens) == length:
            one.finish = "length"
        elif one.text.length + 1 > model.context:
            one.finish = "context"


def _stop(text: str, stop: Sequence[str]) -> Optional[int]:
    """Where the stop text begins that is complete first."""
    found = [(text.find(one) + len(one), text.find(one)) for one in stop if one in text]
    return min(found)[1] if found else None


# --- The command ----------------------------------------------------------------------------


def _prompts(options: argparse.Namespace, seed: int) -> Iterable[Tuple[str, Dict[str, Any]]]:
    base = settings_of(options)
    plain = {"settings": base, "seed": seed, "has_seed": False, "step": options.step}
    lines: Iterable[str] = options.prompts
    if not options.prompts:
        if sys.stdin is None:
            raise files.FileError("standard input: cannot read: it is closed", files.INPUT)
        sys.stdin.reconfigure(errors="replace", newline=None)  # type: ignore[union-attr]
        lines = (line.rstrip("\n") for line in sys.stdin)
        if sys.stdin.isatty() and options.params is None:
            # Who types has an answer before the next line.
            return ((line, plain) for line in lines)
        lines = list(lines)
        if not lines:
            raise files.FileError("there is no prompt", files.INPUT)
    if options.params is None:
        return [(line, plain) for line in lines]
    return list(zip(lines, _records(options.params, len(list(lines)), plain)))


def _records(name: str, count_: int, plain: Dict[str, Any]) -> List[Dict[str, Any]]:
    """An object for all prompts, or an array of one for each, or of one."""
    try:
        with open(name, encoding="utf-8") as file:
            found = json.load(file)
    except OSError as error:
        raise files.FileError(f"{name}: cannot read: {error.strerror}", files.INPUT) from None
    except ValueError as error:
        raise files.FileError(f"{name}: is no JSON: {error}", files.INPUT) from None
    items = found if isinstance(found, list) else [found]
    if len(items) not in (1, count_):
        raise files.FileError(
            f"{name}: has {len(items)} records, must have one, or one for each of {count_} prompts",
            files.INPUT,
        )
    made = [_record(name, place, item, plain) for place, item in enumerate(items)]
    if len(made) == 1 and count_ > 1:
        # One for all is as options are: its seed names the whole batch.
        made = [{**made[0], "has_seed": False}] * count_
    return made


def _record(file: str, place: int, item: Any, plain: Dict[str, Any]) -> Dict[str, Any]:
    names = ("temperature", "top_k", "top_p", "min_p", "preset", "seed", "step")
    if not isinstance(item, dict) or not set(item) <= set(names):
        raise files.FileError(f"{file}: [{place}] must be an object of {', '.join(names)}", files.INPUT)
    given = {name: value for name, value in item.items() if value is not None}
    base: Settings = plain["settings"]
    values = {name: given.get(name, getattr(base, name)) for name in names[:5]}
    for name in ("seed", "step"):
        if name in given and (type(given[name]) is not int or not 0 <= given[name] < 2**64):
            raise files.FileError(f"{file}: [{place}]: {name} must be a whole number", files.INPUT)
    try:
        settings = checked(values)
    except (TypeError, ValueError) as error:
        raise files.FileError(f"{file}: [{place}]: {error}", files.INPUT) from None
    return {
        "settings": settings,
        "seed": given.get("seed", plain["seed"]),
        "has_seed": "seed" in given,
        "step": given.get("step", plain["step"]),
    }


def _json_of(one: Continuation, has_details: bool) -> str:
    told: Dict[str, Any] = {
        "prompt_index": one.prompt_index,
        "continuation": one.number,
        "prompt": one.prompt,
        "text": one.shown,
        "tokens": one.tokens,
        "finish": one.finish,
    }
    if not one.settings.is_greedy:
        told["seed"] = one.seed
    if has_details:
        names = ("logprobs", "raw_logprobs", "kept")
        told.update({name: [d[i] for d in one.details] for i, name in enumerate(names)})
    return json.dumps(told, ensure_ascii=False)


class _JsonWriter:
    def __init__(self, put: Callable[[str], None], has_details: bool) -> None:
        self.put, self.has_details, self.count = put, has_details, 0

    def grow(self, one: Continuation) -> None:
        """An object is written when it is whole."""

    def end(self, one: Continuation) -> None:
        self.put((",\n" if self.count else "[\n") + _json_of(one, self.has_details))
        self.count += 1

    def close(self) -> None:
        self.put("\n]\n" if self.count else "[]\n")


class _TextWriter:
    """Each prompt with its continuation, as it grows; a line "---" between two."""

    def __init__(self, put: Callable[[str], None], stop: Sequence[str]) -> None:
        self.put = put
        self.held = max((len(text) - 1 for text in stop), default=0)
        self.is_terminal = files.is_terminal(sys.stdout)
        self.count, self.written = 0, 0

    def _text(self, text: str) -> str:
        if not self.is_terminal:
            return text
        return "\n".join(displayable(line) for line in text.split("\n"))

    def grow(self, one: Continuation) -> None:
        """All of it but what may yet be a part of a stop text, or of a character."""
        whole = one.prompt + one.shown
        end = len(whole.rstrip("\ufffd")) - self.held
        if self.written == 0 and end > 0 and self.count:
            self.put("---\n")
        if end > self.written:
            self.put(self._text(whole[self.written : end]))
            self.written = end

    def end(self, one: Continuation) -> None:
        if self.written == 0 and self.count:
            self.put("---\n")
        whole = one.prompt + one.shown
        self.put(self._text(whole[self.written :]) + ("" if whole.endswith("\n") else "\n"))
        self.count += 1
        self.written = 0

    def close(self) -> None:
        """There is nothing behind the last."""


def run(options: argparse.Namespace) -> int:
    if options.details and options.format != "json":
        raise ValueError("--details: is for --format json")
    if "" in options.stop:
        raise ValueError('--stop: is "", must have a character')
    seed = _fresh_seed() if options.seed is None else options.seed % 2**64
    prompts = _prompts(options, seed)
    model = model_of(options.model)
    began, total, status = time.monotonic(), 0, 0
    parts: List[str] = []
    is_json = options.format == "json"
    is_direct = options.output in (None, "-")

    def put(text: str) -> None:
        if is_direct:
            files.write("-", text)
        else:
            parts.append(text)

    writer = _JsonWriter(put, options.details) if is_json else _TextWriter(put, options.stop)
    batch = options.batch if isinstance(prompts, list) else options.number
    for one in generate(model, prompts, length=options.length, number=options.number,
                        stop=options.stop, batch=batch, device=options.device,
                        on_step=writer.grow if is_direct else None):  # fmt: skip
        total += len(one.tokens)
        status = 1 if one.finish == "none" else status
        writer.end(one)
    writer.close()
    if not is_direct:
        files.write(options.output, "".join(parts))
    if options.stats or files.is_terminal(sys.stderr):
        seconds = max(time.monotonic() - began, 1e-9)
        print(f"{total} tokens, {total / seconds:.0f} a second", file=sys.stderr)
    if options.seed is None and files.is_terminal(sys.stderr):
        print(f"for the same again: --seed {seed}", file=sys.stderr)
    return status
