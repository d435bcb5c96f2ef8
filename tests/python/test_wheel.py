"""The wheel and the source distribution: made, installed elsewhere, and run from there."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import lmsample

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "python"
RUN = """
import sys
sys.path.insert(0, {target!r})
import numpy as np, lmsample
assert lmsample.__file__.startswith({target!r}), lmsample.__file__
assert lmsample._library.lib._name.startswith({target!r}), lmsample._library.lib._name
x = np.eye(5, dtype=np.float32)
print(lmsample.__version__, lmsample.sample(x[::-1], temperature=0).tolist())
"""


def bare_environment():
    """Without anything that leads to this checkout."""
    kept = ("PATH", "HOME", "TMPDIR", "OCL_ICD_VENDORS", "OCL_ICD_FILENAMES", "POCL_CACHE_DIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def run(*command, **more):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False,
        env=bare_environment(), **more,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder):
    return sorted(
        (str(path), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    )


def pip_wheel(source, folder):
    run(sys.executable, "-m", "pip", "wheel", source, "--no-build-isolation", "--no-deps",
        "--no-index", "--no-cache-dir", "--disable-pip-version-check", "-w", folder)  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    before = files(SOURCE)
    made = pip_wheel(SOURCE, tmp_path_factory.mktemp("wheel"))
    assert files(SOURCE) == before  # nothing is left behind
    return made


def test_name_and_contents(wheel):
    assert re.fullmatch(rf"lmsample-{lmsample.__version__}-py3-none-\w+\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        text = archive.read(metadata).decode()
        packed = archive.read("lmsample/LICENSE").decode()
    sources = {str(path.relative_to(SOURCE)) for path in (SOURCE / "lmsample").rglob("*.py")}
    sources |= {f"lmsample/tools/templates/{path.name}"
                for path in (SOURCE / "lmsample/tools/templates").iterdir()}
    carried = {"lmsample/py.typed", "lmsample/LICENSE", f"lmsample/{lmsample._library.FILE_NAME}",
               *(f"lmsample/model/{name}"
                 for name in ("model.safetensors", "tokenizer.json", "README.md"))}
    assert {name for name in names if ".dist-info/" not in name} == sources | carried
    assert "Requires-Python: >=3.9" in text
    assert re.search(r"Requires-Dist: numpy ?\(?>=1.21\b", text)
    assert "Description-Content-Type: text/markdown" in text
    assert packed == (ROOT / "LICENSE").read_text()
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert re.search(rf"project\(lmsample VERSION {lmsample.__version__}\b", cmake)


def install_and_run(wheel, folder):
    target = folder / "site"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-cache-dir",
        "--disable-pip-version-check", "--no-compile", "--target", target, wheel)  # fmt: skip
    found = run(sys.executable, "-B", "-c", RUN.format(target=str(target)), cwd=folder)
    assert found == f"{lmsample.__version__} [4, 3, 2, 1, 0]\n"
    return target


def test_installed(wheel, tmp_path):
    target = install_and_run(wheel, tmp_path)
    library = target / "lmsample" / lmsample._library.FILE_NAME
    if sys.platform == "linux":
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", library))
        assert set(needed) <= {"libOpenCL.so.1", "libc.so.6", needed[-1]}
        assert all(name.startswith(("libOpenCL.so", "libc.so", "ld-")) for name in needed)
        assert str(ROOT) not in run("readelf", "-d", library)


def test_source_distribution(tmp_path):
    before = files(SOURCE)
    code = f"import setuptools.build_meta as b; b.build_sdist({str(tmp_path)!r})"
    run(sys.executable, "-B", "-c", code, cwd=SOURCE)
    assert files(SOURCE) == before
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
        for name in ("setup.py", "csrc/CMakeLists.txt", "csrc/LICENSE", "csrc/kernels/sample/sample.cl"):
            assert name in names
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        tar.extractall(tmp_path)
    folder = archive.with_name(archive.name[: -len(".tar.gz")])
    install_and_run(pip_wheel(folder, tmp_path / "made"), tmp_path)
