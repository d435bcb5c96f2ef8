#!/usr/bin/env python3
"""Makes a machine's report, with tables and plots, from the results that the benchmarks wrote."""

import argparse
import csv
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import report_index
import report_tables
from report_data import COLUMNS, ReportError, Results, Run, read_runs
from report_targets import read_targets

LISTS = ("cases", "heavy", "beams", "beam_parts", "contrastive", "requests")
PLOT_NAMES = ("share.svg", "mixed.svg", "batch.svg", "cost.svg", "peers.svg", "contrastive.svg")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="report.py",
        description="Makes README.md, plots, results.json and results.csv of a machine.",
        epilog="The first device with results of lmsample is the one the report is about."
        " results.json has all that is needed to make the report again.",
    )
    parser.add_argument(
        "results", nargs="+", metavar="RESULTS.json", help="what bench and peers wrote with --json"
    )
    parser.add_argument(
        "--out", required=True, metavar="FOLDER", help="docs/benchmarks/NAME; made if need be"
    )
    parser.add_argument("--no-plots", action="store_true", help="only tables: no matplotlib needed")
    return parser.parse_args()


def plots_of(results: Results, targets: object) -> dict[str, bytes]:
    try:
        import report_plots
    except ImportError as error:
        raise ReportError(
            f"{error}: install python3-matplotlib (apt) or matplotlib (pip), or use --no-plots"
        ) from error
    return report_plots.draw(results, targets)


def json_text(runs: list[Run]) -> str:
    """An object a run, a line a case."""
    objects = []
    for run in runs:
        names = [name for name in run.fields if name not in LISTS]
        fields = [f"{json.dumps(name)}: {json.dumps(run.fields[name])}" for name in names]
        for name in LISTS:
            lines = [json.dumps(one, separators=(",", ":")) for one in run.fields.get(name) or []]
            if name in run.fields:
                fields.append(f"{json.dumps(name)}: [\n" + ",\n".join(lines) + "\n]")
        objects.append("{" + ",\n".join(fields) + "}")
    return "[\n" + ",\n".join(objects) + "\n]\n"


def csv_text(runs: list[Run]) -> str:
    cases = [
        case
        for run in runs
        for case in (*run.cases, *run.beams, *run.contrasts, *run.requests)
    ]
    used = {name for case in cases for name in case.fields}
    names = [name for name in COLUMNS if name in used] + sorted(used - set(COLUMNS))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["device", *names])
    for case in cases:
        writer.writerow([case.device.name, *(csv_value(case.fields.get(n)) for n in names)])
    return stream.getvalue()


def csv_value(value: object) -> object:
    return json.dumps(value) if isinstance(value, (bool, list, dict)) else value


def write(file: Path, content: bytes) -> None:
    """All of it or nothing."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as stream:
        try:
            stream.write(content)
            stream.close()
            os.chmod(stream.name, 0o666 & ~umask())
            os.replace(stream.name, file)
        except OSError:
            os.unlink(stream.name)
            raise


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def make_report(options: argparse.Namespace) -> None:
    runs = read_runs(options.results)
    results = Results(runs)
    targets = read_targets()
    plots = {} if options.no_plots else plots_of(results, targets)
    folder = Path(options.out)
    page = report_tables.Page(results, targets, frozenset(plots))
    text = report_tables.page_text(page, f"docs/benchmarks/{folder.resolve().name}")
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "results.json": json_text(runs).encode(),
        "results.csv": csv_text(runs).encode(errors="backslashreplace"),
        **plots,
        "README.md": text.encode(),
    }
    for name, content in contents.items():
        write(folder / name, content)
    # An older report's plots would show other figures than the tables.
    for name in PLOT_NAMES:
        if name not in plots:
            (folder / name).unlink(missing_ok=True)
    index = folder.resolve().parent / "README.md"
    listed = report_index.index_text(index)
    if listed is not None:
        write(index, listed.encode())


def main() -> int:
    options = arguments()
    try:
        make_report(options)
    except ReportError as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"report.py: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
