"""The list of machines in the page above their reports."""

from pathlib import Path

from report_data import Results, read_runs
from report_text import plain, table

BEGIN, END = "<!-- machines: written by bench/report.py -->", "<!-- end of machines -->"


def index_text(page: Path) -> str | None:
    """The page with its list made anew; None if it has none."""
    if not page.is_file():
        return None
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return None
    rows = [machine_row(file) for file in sorted(page.parent.glob("*/results.json"))]
    lines = table(["machine", "device", "date"], rows, numbers_from=3) if rows else []
    return "\n".join([before + BEGIN, "", *lines, END + after])


def machine_row(file: Path) -> list[str]:
    runs = read_runs([str(file)])
    device = Results(runs).device
    run = next(run for run in runs if run.device == device)
    machine = run.fields["machine"]
    cores = f", {machine['cores']} cores" if "cores" in machine else ""
    link = f"[{plain(machine['cpu'])}{cores}]({file.parent.name}/README.md)"
    dates = sorted({run.text("date") for run in runs})
    return [link, plain(device.name), plain(", ".join(dates))]
