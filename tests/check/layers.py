#!/usr/bin/env python3
"""layers.py - the house keeps its order: who includes whom, a first line in every source that says
what it is, and nothing six lines long twice. A folder as argument is looked at in the place of this
one. Prints what is wrong, and fails then."""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]

# Who may include whom, besides itself and the public headers: docs/develop/architecture.md has the
# same as a table. Of kernels/, the host includes the headers, which are compiled by both.
KERNELS = ("numeric", "slots", "team", "row", "edits", "select", "rules", "cut", "draw")  # each those before it
MAY_INCLUDE = {
    **{f"kernels/{name}": {f"kernels/{other}" for other in KERNELS[:i]}
       for i, name in enumerate(KERNELS)},
    "host/base": {"kernels"},
    "host/op": {"host/base", "kernels"},
    "host/slots": {"host/base", "host/op", "kernels"},
    "host/requests": {"host/base", "host/op", "host/slots", "kernels"},
}
MAY_INCLUDE["kernels/slots"] = {"kernels/numeric", "kernels/team"}
for user in ("sample", "report", "beam", "contrastive"):
    MAY_INCLUDE[f"kernels/{user}"] = {f"kernels/{name}" for name in KERNELS}
MAY_INCLUDE["kernels/sample"] = MAY_INCLUDE["kernels/sample"] | {"kernels/report"}
MAY_INCLUDE["kernels/programs"] = set(MAY_INCLUDE)
for user in ("sampler", "beam", "contrastive"):
    MAY_INCLUDE[f"host/{user}"] = {"host/base", "host/op", "host/slots", "host/requests",
                                   "kernels"}

# They see public headers and their own; tests/inside, which says why, everything.
OUTSIDE = ("cli", "bench", "examples", "tests")

# Runs of six lines that may stand twice: a line of the run, and why.
MAY_REPEAT = {
    ".describe = describe,": "a table of functions, which have the same names in every object",
}

LINES = 6
problems: list[str] = []


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*")
                  if path.suffix in (".c", ".h", ".cl") and path.is_file())


def folder_of(path: Path) -> str:
    """kernels/row, host/base; of a file right in it: kernels, host."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def find(name: str, source: Path) -> Path | None:
    """The file of the checkout that is included, as the compiler finds it."""
    for base in (source.parent, ROOT / "host", ROOT / "kernels", ROOT, ROOT / "include"):
        if (base / name).is_file():
            return (base / name).resolve()
    return None


def includes(source: Path) -> list[tuple[int, str]]:
    lines = source.read_text(encoding="utf-8").splitlines()
    found = [(number, re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line))
             for number, line in enumerate(lines, 1)]
    return [(number, match.group(1)) for number, match in found if match]


def check_includes() -> None:
    for source in sources("kernels", "host", "include", *OUTSIDE):
        place = folder_of(source)
        for number, name in includes(source):
            target = find(name, source)
            if target is None or not target.is_relative_to(ROOT):
                continue
            to = folder_of(target)
            if to in ("include", place):
                continue
            where = f"{source.relative_to(ROOT)}:{number}"
            if place.startswith(("kernels", "host")):
                allowed = MAY_INCLUDE.get(place, set())
                is_header = to.startswith("kernels") and target.suffix == ".h"
                if to not in allowed and not ("kernels" in allowed and is_header):
                    problems.append(f"{where}: {place} may not include {name} of {to}")
            elif to.startswith(("kernels", "host")) and place != "tests/inside":
                problems.append(f"{where}: only public headers belong here, {name} is of {to}")
    for source in sorted(ROOT.rglob("CMakeLists.txt")) + sorted(ROOT.rglob("*.cmake")):
        check_include_paths(source)


def check_include_paths(source: Path) -> None:
    """Of all targets, the library's own and those of tests/inside have host/ on their path."""
    if source.relative_to(ROOT).parts[0] not in ("tests", *OUTSIDE):
        return
    text = source.read_text(encoding="utf-8")
    for match in re.finditer(r"target_include_directories\(([^)]*)\)", text):
        words = re.split(r"\s+", match.group(1).strip())
        inside = re.search(r"if\(source MATCHES \"/inside/\"\)[^\n]*\n(?:(?!endif).)*\Z",
                           text[:match.start()], re.S)
        if any(re.search(r"\}/(host|kernels)\b", word) for word in words) and not (
                inside or words[0] == "lms_hooked"):
            number = text.count("\n", 0, match.start()) + 1
            problems.append(f"{source.relative_to(ROOT)}:{number}: host/ or kernels/ on the "
                            f"include path of {words[0]}")


def check_first_lines() -> None:
    for source in sources("kernels", "host"):
        first = source.read_text(encoding="utf-8").split("\n", 1)[0]
        names = "|".join(re.escape(name) for name in (
            source.name, f"{source.parent.name}/{source.name}"))
        if not re.match(rf"/\* ({names}) - \S", first):
            problems.append(f"{source.relative_to(ROOT)}:1: does not begin with "
                            f"\"/* {source.name} - \" and what it is")


def says_something(line: str) -> bool:
    """No bracket, label or directive, and not what every function of the host ends with."""
    return re.fullmatch(r"[^\w]*|#.*|fail:|return status;|\} else \{", line) is None


def check_repeats() -> None:
    """Blank lines and comments apart, and where fewer than half of the lines say something."""
    seen: dict[tuple[str, ...], tuple[Path, int]] = {}
    for source in sources("kernels", "host"):
        texts = [line.strip() for line in source.read_text(encoding="utf-8").splitlines()]
        lines = [(number, text) for number, text in enumerate(texts, 1)
                 if not re.fullmatch(r"|/?\*.*", text)]
        reported = 0
        for i in range(len(lines) - LINES + 1):
            run = tuple(text for _, text in lines[i:i + LINES])
            number = lines[i][0]
            if 2 * sum(says_something(text) for text in run) < LINES:
                continue
            first, at = seen.setdefault(run, (source, number))
            if (first, at) == (source, number) or i < reported:
                continue
            if any(text in MAY_REPEAT for text in run):
                continue
            reported = i + LINES
            problems.append(f"{source.relative_to(ROOT)}:{number}: {LINES} lines as at "
                            f"{first.relative_to(ROOT)}:{at}: {run[0]}")


check_includes()
check_first_lines()
check_repeats()
print("\n".join(problems) if problems else "all in order")
sys.exit(1 if problems else 0)
