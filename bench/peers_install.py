"""Installs the peers, each for itself, into a virtual environment; goes on without those that
fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

_HERE = Path(__file__).resolve().parent
_PIP = ("-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "30")
_TORCH_FOR_CPUS = "https://download.pytorch.org/whl/cpu"


class Package(NamedTuple):
    module: str
    ways: Sequence[Sequence[str]]  # pip's arguments, in the order in which they are tried
    environment: Dict[str, str] = {}


def _requirement(name: str, file: str = "requirements-peers.txt") -> str:
    """With the version that the file asks for."""
    lines = (_HERE / file).read_text(encoding="utf-8").splitlines()
    return next(line.split("#")[0].strip() for line in lines if line.startswith(name))


def has_nvidia() -> bool:
    return bool(shutil.which("nvidia-smi")) or Path("/dev/nvidiactl").exists()


def packages() -> List[Package]:
    torch = _requirement("torch")
    # From PyPI comes the build for CUDA, some gigabytes; it works without a GPU too.
    ways = [[torch]] if has_nvidia() else [["--index-url", _TORCH_FOR_CPUS, torch], [torch]]
    # llama.cpp is compiled for this processor: only its libraries, not its programs.
    parts = ("TOOLS", "EXAMPLES", "TESTS", "SERVER")
    options = [f"-DLLAMA_BUILD_{part}=OFF" for part in parts] + ["-DGGML_NATIVE=ON"]
    llama = {
        "CMAKE_ARGS": " ".join(options),
        "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1),
    }
    found = [
        Package("torch", ways),
        Package("llama_cpp", [[_requirement("llama-cpp-python")]], llama),
    ]
    if has_nvidia():
        name = _requirement("flashinfer-python", "requirements-cuda.txt")
        found.append(Package("flashinfer", [[name]]))
    return found


def _has(python: Path, module: str) -> bool:
    command = [str(python), "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _install_one(python: Path, package: Package, log: Path) -> bool:
    if _has(python, package.module):
        return True
    with log.open("w", encoding="utf-8") as stream:
        for way in package.ways:
            command = [str(python), *_PIP, "install", *way]
            stream.write(" ".join(command) + "\n")
            stream.flush()
            environment = {**os.environ, **package.environment}
            subprocess.run(
                command, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False
            )
            if _has(python, package.module):
                return True
    return False


def _make_environment(folder: Path) -> Path:
    """NumPy is the system's where it is there."""
    python = folder / "bin" / "python"
    if not _has(python, "pip") if python.exists() else True:
        command = [sys.executable, "-m", "venv", "--clear", "--system-site-packages", str(folder)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            said = (made.stdout + made.stderr).strip().splitlines() or ["no reason given"]
            raise RuntimeError(f"no virtual environment in {folder} (python3-venv): {said[0]}")
    return python


def install(folder: Path, wanted: Optional[Sequence[Package]] = None) -> None:
    """Says what was installed; without `wanted`, the peers. Raises RuntimeError where there can be
    no environment."""
    python = _make_environment(folder)
    everything = [Package("numpy", [["numpy"]]), *(packages() if wanted is None else wanted)]
    for package in everything:
        log = folder / f"{package.module}.log"
        print(f"peers: {package.module} ...", file=sys.stderr, flush=True)
        if not _install_one(python, package, log):
            print(f"peers: {package.module} is not installed: see {log}", file=sys.stderr)
