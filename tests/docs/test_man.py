"""The man pages and --help name the same options, and the pages' cross references exist."""

import os
import pathlib
import re
import subprocess

import pytest

MAN = pathlib.Path(__file__).resolve().parents[2] / "docs/reference/man"
COMMANDS = ["devices", "sample", "tune", "completion"]
COMMON = {"--help", "--usage", "--version"}


def options_of_help(command):
    text = subprocess.run([os.environ["LMSAMPLE"], command, "--help"], check=True,
                          capture_output=True, text=True).stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - COMMON


def options_of_page(name):
    """Options that a page describes: the heads of its lists, not those it mentions."""
    text = (MAN / name).read_text(encoding="utf-8")
    heads = re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE)
    return {"-" + word for head in heads for word in re.findall(r"(?<=[ ,])-[a-z][a-z-]+", head)}


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_those_of_help(command):
    described = options_of_page(f"lmsample-{command}.1")
    if command == "sample":
        described |= options_of_page("lmsample.1")
    assert described == options_of_help(command)


def test_every_command_has_a_page():
    text = subprocess.run([os.environ["LMSAMPLE"], "--help"], check=True, capture_output=True,
                          text=True).stdout
    listed = re.findall(r"^  ([a-z]+)  ", text, re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS + ["help"])


def test_references_exist():
    for page in MAN.iterdir():
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.MULTILINE):
            assert (MAN / f"{name}.{section}").exists(), (page.name, name)


def test_functions_that_pages_refer_to_are_described():
    text = (MAN / "lmsample.3").read_text(encoding="utf-8")
    described = text[text.index(".Sh DESCRIPTION"):]
    for page in MAN.glob("*.1"):
        for name in re.findall(r"^\.Fn (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert f".Fn {name}\n" in described, (page.name, name)


def test_functions_are_those_of_the_headers():
    headers = (MAN.parents[2] / "include").glob("*.h")
    header = "\n".join(path.read_text(encoding="utf-8") for path in headers)
    declared = set(re.findall(r"^LMS_API [^;]*?\b(lms_\w+)\(", header, re.MULTILINE))
    page = (MAN / "lmsample.3").read_text(encoding="utf-8")
    synopsis = page[page.index(".Sh SYNOPSIS"):page.index(".Sh DESCRIPTION")]
    assert set(re.findall(r"^\.F[no] (lms_\w+)", synopsis, re.MULTILINE)) == declared
