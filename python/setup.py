"""Builds the wheel: the package and, with CMake, the C library that it carries.

The sources are those of the checkout that this folder is in, or, in a source distribution, a
copy in csrc/. Whatever is made on the way lies in a temporary folder.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70
    from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
COPY = "csrc"
SOURCES = ["CMakeLists.txt", "LICENSE", "cmake", "host", "include", "kernels"]
MODEL = ["model.safetensors", "tokenizer.json", "README.md"]  # of examples/model
LIBRARY = "liblmsample.0.dylib" if sys.platform == "darwin" else "liblmsample.so.0"
OPTIONS = ["TESTS", "BENCH", "EXAMPLES", "CLI"]


def source_root():
    for root in (HERE / COPY, HERE.parent):
        if (root / "include" / "lmsample.h").exists():
            return root
    raise SystemExit(f"lmsample: the C sources are neither in {HERE / COPY} nor in {HERE.parent}")


def build_library(root, folder):
    """The path of the shared library, made in `folder`."""
    if shutil.which("cmake") is None:
        raise SystemExit("lmsample: building the C library needs CMake 3.18 or later")
    switches = [f"-DLMS_BUILD_{name}=OFF" for name in OPTIONS] + ["-DLMS_INSTALL=OFF"]
    configure = ["cmake", "-S", root, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", *switches]
    subprocess.run(configure, check=True)
    build = ["cmake", "--build", folder, "--target", "lmsample", "--parallel"]
    subprocess.run(build + [str(os.cpu_count() or 1)], check=True)
    return Path(folder, LIBRARY)


class BuildPackage(build_py):
    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return  # LMSAMPLE_LIBRARY or the system's library is used
        package = Path(self.build_lib, "lmsample")
        root = source_root()
        with tempfile.TemporaryDirectory(prefix="lmsample-build-") as folder:
            shutil.copyfile(build_library(root, folder), package / LIBRARY)
        shutil.copyfile(root / "LICENSE", package / "LICENSE")
        (package / "model").mkdir(exist_ok=True)
        for name in MODEL:
            shutil.copyfile(root / "examples" / "model" / name, package / "model" / name)


class BuildWheel(bdist_wheel):
    """For any Python 3, but for one platform."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class SourceDistribution(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        root = source_root()
        for name in [*SOURCES, *(f"examples/model/{name}" for name in MODEL)]:
            source, target = root / name, Path(base_dir, COPY, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


scratch = tempfile.mkdtemp(prefix="lmsample-setup-")
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
setup(
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildPackage, "bdist_wheel": BuildWheel, "sdist": SourceDistribution},
    options={
        "build": {"build_base": f"{scratch}/build"},
        "egg_info": {"egg_base": scratch},
        "bdist_wheel": {"bdist_dir": f"{scratch}/wheel"},
    },
)
