"""What ./run does before it does anything: help and refusals install, build and write nothing."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ("demo", "install", "package", "wheel", "test", "bench", "study", "check")
CHANGES_SOMETHING = ("apt-get", "dpkg", "sudo", "cmake", "make", "ninja", "cc", "gcc", "clang", "pip",
                     "pip3", "ldconfig")


@pytest.fixture
def checkout(tmp_path):
    """A folder with what ./run reads, on a machine without any package."""
    folder = tmp_path / "checkout"
    for name in ("run", "tests/check", "examples/contrastive_study.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    for name in CHANGES_SOMETHING:
        (fakes / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{tmp_path}/called"\nexit 1\n')
    (fakes / "dpkg-query").write_text("#!/bin/sh\nexit 1\n")
    for fake in fakes.iterdir():
        fake.chmod(0o755)
    return folder


def run(checkout, *words):
    tmp = checkout.parent
    before = sorted(checkout.rglob("*"))
    environment = {**os.environ, "PATH": f"{tmp / 'fakes'}:{os.environ['PATH']}"}
    for name in ("BUILD_DIR", "CC", "CXX"):
        environment.pop(name, None)
    done = subprocess.run([checkout / "run", *words], cwd=tmp, env=environment, timeout=60,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    called = tmp / "called"
    assert not called.exists(), (words, called.read_text())
    assert sorted(checkout.rglob("*")) == before
    return done


def test_help_changes_nothing(checkout):
    for command in COMMANDS:
        for words in (["--help"], ["-h"], ["--some-option", "--help"]):
            done = run(checkout, command, *words)
            assert done.returncode == 0, (command, done.stderr)
            assert done.stdout.startswith(f"usage: ./run {command}"), (command, done.stdout)
            if shutil.which("apt-get"):
                assert "cmake make opencl-headers" in " ".join(done.stdout.split()), done.stdout
    for words in ([], ["help"], ["--help"]):
        listed = run(checkout, *words).stdout
        for command in COMMANDS:
            assert f"\n  {command} " in listed
    # Every check, and every option of the demo.
    assert run(checkout, "check", "--list").stdout.splitlines() == [
        line[2:] for line in run(checkout, "check", "--help").stdout.splitlines()
        if line.startswith("  ") and ": " in line]
    source = (ROOT / "examples/demo.c").read_text()
    for option in ("--model", "--device", "--length", "--compare"):
        assert f'"  {option}' in source.replace("\\n", "")
        assert option in run(checkout, "demo", "--help").stdout


@pytest.mark.parametrize("words", [["check", "nonsense"], ["check", "gcc", "nonsense"],
                                   ["test", "nonsense"], ["install", "--nonsense"],
                                   ["package", "--nonsense"], ["nonsense"]])
def test_nonsense_changes_nothing(checkout, words):
    done = run(checkout, *words)
    assert done.returncode != 0
    assert "run: " in done.stderr and "nonsense" in done.stderr + " ".join(words)
