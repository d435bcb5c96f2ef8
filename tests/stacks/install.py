"""Installs packages into the environment that bench --peers has, and goes on without those that
fail: install.py ENVIRONMENT WHEELS MODULE... The wheels of READ are only put into the folder WHEELS."""

import pathlib
import subprocess
import sys

READ = ("sglang", "vllm")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench"))

import peers_install  # noqa: E402
from peers_install import Package  # noqa: E402


def requirement(name):
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return next(line.split("#")[0].strip() for line in lines if line.startswith(name))


def download(environment, wheels, name):
    """Without what it needs, which is ten times as large."""
    if list(wheels.glob(f"{name}-*.whl")):
        return
    wheels.mkdir(parents=True, exist_ok=True)
    command = [environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "download"]
    options = ["--no-deps", "--only-binary", ":all:", "--dest", wheels, requirement(name)]
    subprocess.run([*command, *options], check=False)


def main(environment, wheels, *modules):
    peers = {package.module: package for package in peers_install.packages()}
    wanted = [
        peers.get(module) or Package(module, [[requirement(module)]])
        for module in modules
        if module not in READ
    ]
    peers_install.install(pathlib.Path(environment), wanted)
    for module in set(READ) & set(modules):
        download(pathlib.Path(environment), pathlib.Path(wheels), module)


if __name__ == "__main__":
    main(*sys.argv[1:])
