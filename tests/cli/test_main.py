"""The frame of the command line: commands, help, version, messages."""

import re
import subprocess

import pytest

from conftest import PROGRAM, ROOT

COMMANDS = ["devices", "sample", "tune", "completion"]


def run_shell(command, folder):
    return subprocess.run(command.replace("lmsample", f"'{PROGRAM}'", 1), shell=True, cwd=folder,
                          capture_output=True, timeout=60)


def test_version_is_the_library_s(lmsample):
    text = (ROOT / "include" / "lmsample.h").read_text()
    numbers = [re.search(rf"LMS_VERSION_{part} (\d+)", text).group(1)
               for part in ("MAJOR", "MINOR", "PATCH")]
    abi = (ROOT / "include" / "lms_abi.h").read_text()
    specification = re.search(r"LMS_SPECIFICATION (\d+)u", abi).group(1)
    for option in ("--version", "-V"):
        result = lmsample(option)
        assert result.out == f"lmsample {'.'.join(numbers)} (specification {specification})\n"
        assert result.err == ""


def test_help_lists_the_commands(lmsample):
    for words in (["--help"], ["-h"], ["-?"], ["help"]):
        result = lmsample(*words)
        assert result.err == ""
        found = re.findall(r"^  (\w+) +(\S.*)$", result.out, re.MULTILINE)
        assert [name for name, _ in found] == [*COMMANDS, "help"]


def test_no_command(lmsample):
    result = lmsample(status=2)
    assert result.out == "" and "COMMAND" in result.err


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(lmsample, name):
    result = lmsample(name, "--help")
    assert result.err == "" and f"Usage: lmsample {name}" in result.out
    assert lmsample("help", name).out == result.out
    assert max(len(line) for line in result.out.splitlines()) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_options_of_a_command(fails, name):
    fails(2, [f"lmsample {name}: ", "no-such-option"], name, "--no-such-option")


def test_wrong_commands(fails):
    fails(2, '"extra"', "sample", "extra", "--seed", 1)
    fails(2, '"smaple"', "smaple")
    fails(2, '"smaple"', "help", "smaple")
    fails(2, '""', "")
    fails(2, '"-"', "-")
    fails(2, '"--smaple"', "--smaple")
    fails(2, '"a\\nb\\x1b[m"', "a\nb\x1b[m")


def test_full_disk(tmp_path):
    for words in ("--help", "--version", "help", "sample --help", "help sample", "sample --usage"):
        done = run_shell(f"lmsample {words} >/dev/full", tmp_path)
        assert done.returncode == 5, words
        assert done.stderr.count(b"\n") == 1
        assert b"standard output" in done.stderr and b"No space left" in done.stderr


def test_closed_standard_files(tmp_path):
    done = run_shell("lmsample --version >&-", tmp_path)
    assert done.returncode == 5 and b"standard output" in done.stderr
    done = run_shell("lmsample smaple >&- 2>&-", tmp_path)
    assert done.returncode == 2
    done = run_shell("lmsample --version <&- 2>&-", tmp_path)
    assert done.returncode == 0 and done.stdout.startswith(b"lmsample ")


def test_statuses_that_help_tells(lmsample):
    text = (ROOT / "cli" / "message.h").read_text()
    numbers = re.findall(r"EXIT_\w+ = (\d)", text)
    told = lmsample("sample", "--help").out.split("Exit status:")[1]
    assert re.findall(r"(\d) [a-z]", told) == numbers
