"""What the pages quote without running it is what the tests of it expect; links lead somewhere."""

import pathlib
import re

from links import dead_links

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = {path.name for base in (ROOT, ROOT / "kernels") for path in base.iterdir()
           if path.is_dir() and not path.name.startswith((".", "build"))}


def test_explain_prints_what_the_page_shows():
    # tests/tools/test_explain.py runs the command and compares with the same file.
    printed = (ROOT / "tests/tools/explain_prompt.txt").read_text(encoding="utf-8")
    page = (ROOT / "docs/use/tools.md").read_text(encoding="utf-8")
    command = '$ python3 -m lmsample explain --prompt "The LORD is my" --temperature 0.8 --top-p 0.9 --min-p 0.02 --seed 0\n'
    assert "```\n" + command + printed + "```\n" in page


def test_links():
    folders = ["bench", "docs", "examples", "integrations", "kernels", "python", "tests"]
    pages = sorted(ROOT.glob("*.md"))
    for folder in folders:
        pages += sorted((ROOT / folder).rglob("*.md"))
    assert len(pages) > 15
    assert dead_links(pages) == []


def test_files_that_pages_name_exist():
    """What a maintainer's page puts in backquotes and is a path leads to a file or folder."""
    pages = [ROOT / "CONTRIBUTING.md", ROOT / "kernels/README.md", *(ROOT / "docs/develop").glob("*.md")]
    missing = []
    for page in pages:
        for name in re.findall(r"`([\w.*/-]+)`", page.read_text(encoding="utf-8")):
            bases = [ROOT, ROOT / "kernels"]
            if "/" not in name or "NAME" in name or name.split("/")[0] not in FOLDERS:
                continue
            if not any(list(base.glob(name.rstrip("/"))) for base in bases):
                missing.append(f"{page.name}: {name}")
    assert missing == []


def test_names_that_pages_use_exist():
    """Each name of C, of the environment or of CMake in a page is somewhere in the sources."""
    sources = [ROOT / "CMakeLists.txt", ROOT / "CHANGELOG.md", *(ROOT / "tests/docs").glob("*.h")]
    for folder in ("include", "host", "kernels", "cli", "cmake", "python", "integrations", "tests/support", "tests/check"):
        sources += [file for file in (ROOT / folder).rglob("*") if file.suffix in (".c", ".h", ".cl", ".py", ".cmake", ".sh")]
    name = re.compile(r"\b(?:lms|LMS)_\w+")
    known = {word for file in sources for word in name.findall(file.read_text(encoding="utf-8"))}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "kernels/README.md"]
    missing = set()
    for page in pages:
        for word in name.findall(page.read_text(encoding="utf-8")):
            # What ends in _ stands for a family, NAME for any name.
            family = word[-1] == "_" and any(other.startswith(word) for other in known)
            if word not in known and "NAME" not in word and not family:
                missing.add(f"{page.relative_to(ROOT)}: {word}")
    assert sorted(missing) == []


def test_the_lists_of_files_are_whole():
    kernels = ROOT / "kernels"
    page = (kernels / "README.md").read_text(encoding="utf-8")
    files = [*kernels.glob("*/*.cl"), *kernels.glob("*/*.h")]
    assert len(files) > 40
    assert [file.name for file in files if f"`{file.relative_to(kernels)}`" not in page] == []
    page = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    folders = [path.name for path in (ROOT / "tests").iterdir() if path.is_dir()]
    assert len(folders) > 10
    assert [name for name in folders if f"`{name}`" not in page and f"{name}/" not in page] == []
