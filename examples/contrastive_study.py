#!/usr/bin/env python3
"""How much do texts repeat themselves? Has contrastive_study continue the held-out prompts, and
writes what came out into docs/: a table in contrastive-search.md, pictures/contrastive.csv with a
line for each text, and pictures/contrastive.svg."""

import argparse
import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))

import report_text  # noqa: E402  (of the benchmarks' reports)

MODEL = ROOT / "examples/model"
PAGE = ROOT / "docs/use/contrastive-search.md"
FIGURES = ROOT / "docs/pictures/contrastive.csv"
PICTURE = ROOT / "docs/pictures/contrastive.svg"
BEGIN, END = "<!-- study: written by ./run study -->", "<!-- end of study -->"
SIZES = (2, 3, 4)  # of n-grams


class Text(NamedTuple):
    """What is measured of one continuation."""

    strategy: str
    prompt: int
    tokens: int
    repeated: tuple[float, ...]  # percent, for each size
    logprob: float
    spread: str  # of the candidates' penalties; "" where there are none


class Mean(NamedTuple):
    """Of a strategy's texts."""

    strategy: str
    repeated: list[float]
    diversity: float
    logprob: float  # of a token
    spread: float | None


# --- Figures ---------------------------------------------------------------------------------


def repeated(tokens: list[int], size: int) -> float:
    """rep-n: 100 * (1 - different n-grams / n-grams). A text without n-grams repeats none."""
    grams = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    return 100 * (1 - len(set(grams)) / len(grams)) if grams else 0.0


def measured(lines: Iterable[str]) -> list[Text]:
    """Of what contrastive_study prints."""
    texts = []
    for row in csv.DictReader(lines):
        tokens = [int(token) for token in row["tokens"].split()]
        shares = tuple(round(repeated(tokens, size), 2) for size in SIZES)
        texts.append(
            Text(
                row["strategy"],
                int(row["prompt"]),
                len(tokens),
                shares,
                float(row["logprob"]),
                row["spread"],
            )
        )
    return texts


def csv_text(texts: list[Text]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    shares = [f"rep-{n}" for n in SIZES]
    writer.writerow(["strategy", "prompt", "tokens", *shares, "logprob", "spread"])
    for text in texts:
        shares = [f"{share:.2f}" for share in text.repeated]
        writer.writerow(
            [text.strategy, text.prompt, text.tokens, *shares, f"{text.logprob:.3f}", text.spread]
        )
    return stream.getvalue()


def read_texts(file: Path) -> list[Text]:
    with file.open(encoding="utf-8", newline="") as stream:
        return [
            Text(
                row["strategy"],
                int(row["prompt"]),
                int(row["tokens"]),
                tuple(float(row[f"rep-{n}"]) for n in SIZES),
                float(row["logprob"]),
                row["spread"],
            )
            for row in csv.DictReader(stream)
        ]


def means(texts: list[Text]) -> list[Mean]:
    found = []
    for strategy in dict.fromkeys(text.strategy for text in texts):
        own = [text for text in texts if text.strategy == strategy]
        tokens = sum(text.tokens for text in own)
        shares = [sum(text.repeated[i] for text in own) / len(own) for i in range(len(SIZES))]
        diversity = 1.0
        for share in shares:
            diversity *= 1 - share / 100
        logprob = sum(text.logprob for text in own) / tokens
        spreads = [float(text.spread) for text in own if text.spread]
        spread = sum(spreads) / len(spreads) if spreads else None
        found.append(Mean(strategy, shares, diversity, logprob, spread))
    return found


def table(texts: list[Text]) -> str:
    sizes = [f"rep-{n}, %" for n in SIZES]
    heads = ["strategy", *sizes, "diversity", "log-probability of a token", "spread"]
    rows = []
    for mean in means(texts):
        shares = [f"{share:.1f}" for share in mean.repeated]
        figures = [f"{mean.diversity:.3f}", f"{mean.logprob:.2f}"]
        figures.append("" if mean.spread is None else f"{mean.spread:.2f}")
        rows.append([mean.strategy, *shares, *figures])
    return "\n".join(report_text.table(heads, rows))


# --- The picture -----------------------------------------------------------------------------


def picture(texts: list[Text]) -> bytes:
    import matplotlib
    import report_plots as plots

    found = means(texts)
    with matplotlib.rc_context(plots.STYLE):
        figure = plots.new_figure(1.2 + 0.34 * len(found))
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
        draw_repeated(left, found, plots)
        draw_trade(right, found, plots)
        return plots.svg(figure)


def draw_repeated(axes, found: list[Mean], plots) -> None:
    height = 0.8 / len(SIZES)
    axes.grid(axis="x")
    for i, (size, (colour, _)) in enumerate(zip(SIZES, plots.SERIES)):
        places = [y + (i - (len(SIZES) - 1) / 2) * height for y in range(len(found))]
        shares = [mean.repeated[i] for mean in found]
        axes.barh(places, shares, height * 0.9, color=colour, label=f"rep-{size}")
    axes.set_yticks(range(len(found)), [mean.strategy for mean in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of a text's n-grams that are repetitions")
    axes.legend(loc="lower right")


def draw_trade(axes, found: list[Mean], plots) -> None:
    """Diversity against probability; the alphas are joined."""
    axes.grid(axis="both")
    contrastive = [mean for mean in found if mean.strategy.startswith("contrastive")]
    others = [mean for mean in found if mean not in contrastive]
    for points, (colour, marker), line, place, label in (
        (contrastive, plots.SERIES[0], "-", (6, 4), "contrastive search"),
        (others, plots.SERIES[3], "", (7, -3), "other strategies"),
    ):
        x, y = [mean.diversity for mean in points], [mean.logprob for mean in points]
        axes.plot(x, y, color=colour, marker=marker, linestyle=line, label=label)
        for mean in points:
            name = mean.strategy.replace("contrastive, ", "")
            at = (-4, -20) if name == "greedy" else place  # there is no room beside it
            axes.annotate(name, (mean.diversity, mean.logprob), at, textcoords="offset points")
    axes.set_xlim(-0.03, 1.2)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.margins(y=0.12)
    axes.set_xlabel("diversity")
    axes.set_ylabel("log-probability of a token")
    axes.legend(loc="lower left")


# --- The command -----------------------------------------------------------------------------


def page_text(texts: list[Text]) -> str:
    """The page with its table made anew."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"contrastive_study.py: {PAGE} has no place for the table: {BEGIN}")
    return f"{before}{begin}\n\n{table(texts)}\n{end}{after}"


def run(program: str, prompts: int, length: int) -> list[Text]:
    """The prompts in parts, one for each core, because the model has one thread."""
    size = -(-prompts // (os.cpu_count() or 1))

    def run_part(first: int) -> list[Text]:
        count = min(size, prompts - first)
        words = [program, "--model", str(MODEL), "--length", str(length)]
        words += ["--first", str(first), "--prompts", str(count)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        return measured(done.stdout.splitlines())

    with ThreadPoolExecutor() as pool:
        texts = [text for part in pool.map(run_part, range(0, prompts, size)) for text in part]
    strategies = list(dict.fromkeys(text.strategy for text in texts))
    return sorted(texts, key=lambda text: (strategies.index(text.strategy), text.prompt))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="contrastive_study.py", description=__doc__)
    parser.add_argument(
        "--program",
        default=ROOT / "build/examples/contrastive_study",
        help="(build/examples/contrastive_study)",
    )
    parser.add_argument("--prompts", type=int, metavar="N", help="of fewer prompts; writes nothing")
    parser.add_argument("--length", type=int, metavar="N", help="shorter texts; writes nothing")
    parser.add_argument(
        "--redraw", action="store_true", help="table and picture from pictures/contrastive.csv"
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    is_whole = options.prompts is None and options.length is None
    if is_whole:
        import report_plots  # noqa: F401  (to fail now, not in minutes, without matplotlib)
    if options.redraw:
        texts = read_texts(FIGURES)
    else:
        lines = (MODEL / "held_out_prompts.txt").read_text(encoding="ascii").splitlines()
        prompts = min(options.prompts or len(lines), len(lines))
        try:
            texts = run(str(options.program), prompts, options.length or 200)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"contrastive_study.py: {error}") from error
    print(table(texts), end="")
    if is_whole:
        contents = {
            FIGURES: csv_text(texts).encode(),
            PICTURE: picture(texts),
            PAGE: page_text(texts).encode(),
        }
        for file, content in contents.items():
            file.write_bytes(content)
            print(f"Written: {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
