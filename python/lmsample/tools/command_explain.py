"""explain: what parameters do to rows of logits, one or many, one setting or several beside each
other; for a terminal, for programs, as SVG, PNG or a page."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from .._params import _fresh_seed, row_seed
from . import files, layout, report
from .chain import Explanation, Settings
from .chain import explain as explain_row
from .comparison import Comparison
from .comparison import compare as compare_rows
from .options import Parser, add_sampling, count, setting, settings_of

_EPILOG = """\
examples:
  %(prog)s --prompt "The LORD is my" -t 0.8 -p 0.9 --min-p 0.02 --svg cut.svg
  %(prog)s --logits dump.npy --row 3 --vocabulary tokenizer.json -p 0.9
  %(prog)s --logits dump.npy --rows all --setting top_p=0.9 --setting min_p=0.05 --html page.html

Exit status: 0; 1 if no token of the row can be drawn; 2 and above for errors, as in lmsample(1)."""


def add(commands: Any) -> None:
    parser: Parser = commands.add_parser(
        "explain",
        help="show what the parameters do to rows of logits",
        description="Shows what temperature and filters do to the probabilities: of one row each "
        "token, where each cut falls and why; of several rows or settings how many tokens are kept.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_argument_group("which logits")
    which.add_argument("-l", "--logits", metavar="FILE", help="a .npy file of rows; - is standard input")
    which.add_argument("--row", type=count(0), metavar="N", help="the row, from 0 (default 0)")
    which.add_argument("--rows", metavar="A-B", help='several, "all", "0-31" or "1,5,7-9": they are compared')
    which.add_argument("--bfloat16", action="store_true", help="items of 16 bits in FILE are bfloat16")
    which.add_argument("--vocabulary", metavar="FILE",
                       help="texts of tokens: tokenizer.json, vocab.json, a SentencePiece or tiktoken "
                       "file, an array of texts, or a token a line")  # fmt: skip
    which.add_argument("--prompt", metavar="TEXT", help="what the bundled model expects after TEXT")
    which.add_argument("-m", "--model", metavar="DIRECTORY", help="another one than the bundled model")
    add_sampling(parser)
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE,...",
                        help="several times: settings beside each other; what one leaves out is as the "
                        "options above have it")  # fmt: skip
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--top", type=count(1, 1 << 20), default=20, metavar="N",
                       help="the N best tokens, and those around each cut (default 20)")  # fmt: skip
    shown.add_argument("--format", choices=("text", "json"), default="text", help="(default text)")
    shown.add_argument("-o", "--output", metavar="FILE", help="where text or JSON goes (default -)")
    shown.add_argument("--svg", metavar="FILE", help="a picture, too; - is standard output")
    shown.add_argument("--png", metavar="FILE", help="the same in pixels")
    shown.add_argument("--html", metavar="FILE", help="a page to move the pointer over, in one file")
    shown.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="(default auto)")
    parser.set_defaults(run=run, parser=parser)


def _check(options: argparse.Namespace) -> None:
    if options.logits is None and options.prompt is None:
        raise ValueError("--logits or --prompt is missing: which logits are to be explained?")
    if options.logits is not None and options.prompt is not None:
        raise ValueError("--logits and --prompt: only one of them can be given")
    for name in ("vocabulary", "row", "rows", "bfloat16") if options.prompt is not None else ("model",):
        if getattr(options, name) is not None and getattr(options, name) is not False:
            one, other = ("logits", "prompt") if options.prompt is not None else ("prompt", "logits")
            raise ValueError(f"--{name}: is for --{one}, not for --{other}")
    if options.row is not None and options.rows is not None:
        raise ValueError("--row and --rows: only one of them can be given")
    _check_files(options)


def _check_files(options: argparse.Namespace) -> None:
    """No result may take another's place, nor that of what is read."""
    taken: Dict[str, str] = {}
    for name in ("logits", "vocabulary", "output", "svg", "png", "html"):
        file = getattr(options, name)
        if file is None or (file == "-" and name in ("logits", "vocabulary")):
            continue
        place = file if file == "-" else os.path.realpath(file)
        if place in taken and not (name == "vocabulary" and taken[place] == "logits"):
            raise ValueError(f'--{name}: is "{file}", and so is --{taken[place]}')
        taken[place] = name


def rows_of(text: str, most: int) -> List[int]:
    """The numbers that "all", "3", "0-31" or "1,5,7-9" stand for."""
    if text == "all":
        return list(range(most))
    rows: List[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            begin = int(first)
            end = int(last) if dash else begin
        except ValueError:
            begin, end = 1, 0
        if not 0 <= begin <= end:
            raise ValueError(f'--rows: has "{part}", must be all, a row, or A-B, with commas between')
        if end >= most:
            raise ValueError(f"--rows: has {end}, must be from 0 to {most - 1}, the last row of the file")
        rows += range(begin, end + 1)
    return rows


class _Source:
    """Rows of a file, or the one that follows a prompt."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.texts: Any = None
        self.dtype: Optional[str] = "bfloat16" if options.bfloat16 else None
        if options.prompt is not None:
            from .language_model import logits_after, model_of

            model = model_of(options.model)
            self.logits = logits_after(model, options.prompt)[None]
            self.texts = model.texts
            self.file = f'what follows "{options.prompt}"'
            self.rows, self.json = [0], {"prompt": options.prompt}
            self.is_single = True
            return
        self.logits = files.read_logits(options.logits, options.bfloat16)
        self.file = "standard input" if options.logits == "-" else options.logits
        self.json = {"logits": options.logits}
        self.is_single = len(self.logits) == 1
        self.rows = [options.row or 0] if options.rows is None else rows_of(options.rows, len(self.logits))
        if self.rows[0] >= len(self.logits):
            raise ValueError(
                f"--row: is {self.rows[0]}, must be from 0 to {len(self.logits) - 1}, the last row "
                f"of {self.file}"
            )
        if options.vocabulary is not None:
            from .vocabulary import VocabularyError, load

            try:
                self.texts = load(options.vocabulary)
            except VocabularyError as error:
                raise files.FileError(str(error), files.INPUT) from None
            except OSError as error:
                raise files.FileError(f"{options.vocabulary}: cannot read: {error.strerror}", files.INPUT) from None

    def title(self, row: int) -> str:
        return self.file if self.is_single else f"row {row} of {self.file}"


def _explanations(source: _Source, settings: Sequence[Settings], seed: int, options: Any) -> List[Explanation]:
    row = source.rows[0]
    return [
        explain_row(
            source.logits[row],
            one,
            seed=seed,
            step=options.step,
            row=row,
            title=source.title(row),
            texts=source.texts,
            dtype=source.dtype,
            device=options.device,
        )
        for one in settings
    ]


def _compared(source: _Source, settings: Sequence[Settings], seed: int, options: Any) -> Comparison:
    many = len(source.rows) > 1
    return compare_rows(
        source.logits,
        settings,
        seed=seed,
        step=options.step,
        rows=source.rows,
        title=source.file if many else source.title(source.rows[0]),
        texts=source.texts,
        dtype=source.dtype,
        device=options.device,
    )


def _text(options: Any, found: List[Explanation], c: Optional[Comparison]) -> str:
    from . import terminal

    is_stdout = options.output in (None, "-")
    stream = sys.stdout if is_stdout and files.is_terminal(sys.stdout) else io.StringIO()
    console = terminal.console(stream, options.color)
    kept = io.StringIO()
    width = console.width
    console.file = kept
    if c is not None:
        console.print(terminal.comparison(c))
    if c is not None and found:
        console.print("")
        console.print(terminal.side_by_side(found, width, options.top))
    elif found:
        console.print(terminal.explanation(found[0], width, options.top))
    return "".join(line.rstrip(" ") + "\n" for line in kept.getvalue().splitlines())


def _json(source: _Source, found: List[Explanation], c: Optional[Comparison], top: int) -> str:
    told: Dict[str, Any]
    if c is not None:
        told = report.comparison(c, source.json)
    else:
        place = source.json if "prompt" in source.json else {**source.json, "row": source.rows[0]}
        draw = found[0].draw
        told = report.explanation(found[0], place, row_seed(draw.seed, draw.row), top)
    return json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"


def _draw(options: Any, found: List[Explanation], c: Optional[Comparison]) -> None:
    if options.svg is None and options.png is None and options.html is None:
        return
    from . import pictures

    svg = pictures.comparison_svg(c) if c is not None else pictures.explanation_svg(found[0], options.top)
    if options.svg is not None:
        files.write(options.svg, svg)
    if options.png is not None:
        files.write(options.png, pictures.png(svg))
    if options.html is not None:
        files.write(options.html, pictures.page(found, c, options.top))


def run(options: argparse.Namespace) -> int:
    _check(options)
    base = settings_of(options)
    settings = [setting(base, text) for text in options.setting] or [base]
    source = _Source(options)
    seed = _fresh_seed() if options.seed is None else options.seed % 2**64
    is_one = len(source.rows) == 1
    c = None if is_one and len(settings) == 1 else _compared(source, settings, seed, options)
    found = _explanations(source, settings, seed, options) if is_one else []
    _draw(options, found, c)
    is_drawn_only = "-" in (options.svg, options.png, options.html)
    if options.output is not None or not is_drawn_only:
        is_json = options.format == "json"
        content = _json(source, found, c, options.top) if is_json else _text(options, found, c)
        files.write(options.output, content)
    if found and found[0].live == 0:
        title = layout.displayable(found[0].title)
        raise files.FileError(
            f"{title}: no token can be drawn, each of the {found[0].vocab} logits is NaN or -inf", 1
        )
    return 0
