"""What `cmake --install` lays down: installed into a prefix, moved elsewhere, used from outside."""

import ctypes
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/docs"))
from links import dead_links  # noqa: E402
BUILD = pathlib.Path(os.environ["LMSAMPLE_BUILD"])
PROGRAM = pathlib.Path(os.environ["LMSAMPLE"])
CMAKE, CC, CXX, NM, STRIP, READELF, PKG_CONFIG, LIBDIR = (
    os.environ["LMS_" + name]
    for name in ("CMAKE", "CC", "CXX", "NM", "STRIP", "READELF", "PKG_CONFIG", "LIBDIR"))
SCRATCH = BUILD / "install-test"
# A link, or what is left of it.
LINK = r"\[|\](\([^)#:][^):]*\))?"
TOKENS = (ROOT / "tests/api/minimal.txt").read_text()
HEADER = "\n".join(path.read_text() for path in sorted((ROOT / "include").iterdir()))
VERSION = ".".join(re.findall(r"#define LMS_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", HEADER))


def run(*words, status=0, **more):
    """Runs a command, demands its exit status and gives back what it printed."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout


def needed(file):
    """The shared libraries that a program or library names."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run(READELF, "-d", file))


def symbols(*options):
    """The names in the listing of nm."""
    lines = run(NM, *options).splitlines()
    return {line.split()[2] for line in lines if re.match(r"[0-9a-f]+ \w \w", line)}


def pkg_config(libdir, *options):
    """The words that pkg-config says for an installation."""
    paths = {**os.environ, "PKG_CONFIG_LIBDIR": str(libdir / "pkgconfig"), "PKG_CONFIG_PATH": ""}
    return shlex.split(run(PKG_CONFIG, *options, "lmsample", env=paths))


@pytest.fixture(scope="module")
def prefix():
    """A prefix that was moved after the installation."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    first = SCRATCH / "first"
    moved = SCRATCH / "moved" / "elsewhere"
    # The manifest is the user's, of an installation that is to stay.
    manifest = BUILD / "install_manifest.txt"
    kept = manifest.read_bytes() if manifest.exists() else None
    run(CMAKE, "--install", BUILD, "--prefix", first, env={**os.environ, "DESTDIR": ""})
    if kept is not None:
        manifest.write_bytes(kept)
    moved.parent.mkdir()
    first.rename(moved)
    return moved


@pytest.fixture(scope="module")
def libdir(prefix):
    return prefix / LIBDIR


@pytest.fixture
def outside(tmp_path):
    """The sources of the programs outside."""
    folder = tmp_path / "source"
    shutil.copytree(ROOT / "tests/install/outside", folder)
    shutil.copy(ROOT / "examples/minimal.c", folder)
    shutil.copy(ROOT / "examples/minimal.cpp", folder)
    return folder


def test_files(prefix, libdir):
    """All that belongs there, nothing else, and links that stay inside."""
    expected = {"bin/lmsample"}
    expected |= {f"include/{header.name}" for header in (ROOT / "include").iterdir()}
    expected |= {f"{LIBDIR}/{name}" for name in (
        "liblmsample.a", "liblmsample.so", "liblmsample.so.0", f"liblmsample.so.{VERSION}",
        "pkgconfig/lmsample.pc", "cmake/lmsample/lmsampleConfig.cmake",
        "cmake/lmsample/lmsampleConfigVersion.cmake", "cmake/lmsample/lmsampleTargets.cmake")}
    expected |= {f"share/doc/lmsample/{name}" for name in (
        "README.md", "CHANGELOG.md", "LICENSE", "examples/minimal.c", "examples/minimal.cpp",
        "examples/CMakeLists.txt")}
    expected |= {f"share/doc/lmsample/{file.relative_to(ROOT)}"
                 for folder in ("*.md", "use/*.md", "reference/*.md", "develop/*.md", "pictures/*")
                 for file in (ROOT / "docs").glob(folder)}
    expected |= {f"share/man/man{page.suffix[1:]}/{page.name}"
                 for page in (ROOT / "docs/reference/man").glob("*.[13]")}
    expected |= {"share/bash-completion/completions/lmsample", "share/zsh/site-functions/_lmsample",
                 "share/fish/vendor_completions.d/lmsample.fish"}
    found = {str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir()}
    found = {name for name in found if not re.search(r"lmsampleTargets-\w+\.cmake$", name)}
    assert found == expected
    assert os.readlink(libdir / "liblmsample.so") == "liblmsample.so.0"
    assert os.readlink(libdir / "liblmsample.so.0") == f"liblmsample.so.{VERSION}"


def test_links_of_pages(prefix):
    """No installed page has a dead link, and those among the pages stay."""
    folder = prefix / "share/doc/lmsample"
    pages = sorted(folder.rglob("*.md"))
    assert dead_links(pages) == []
    text = (folder / "README.md").read_text()
    assert "[docs/use/install.md](docs/use/install.md)" in text
    assert "include/lmsample.h" in text and "(include/lmsample.h)" not in text
    assert "](../pictures/explain.svg)" in (folder / "docs/use/tools.md").read_text()
    # Nothing else changes.
    for page in pages:
        source = (ROOT / page.relative_to(folder)).read_text()
        installed = page.read_text()
        assert re.sub(LINK, "", source) == re.sub(LINK, "", installed), page


def test_names_no_other_place(prefix, tmp_path):
    """Nothing installed knows where it was made or was installed first."""
    places = [str(place).encode() for place in (ROOT, BUILD, SCRATCH)]
    for file in prefix.rglob("*"):
        if file.is_dir() or file.suffix == ".safetensors":
            continue
        content = file.read_bytes()
        if content.startswith((b"\x7fELF", b"!<arch>")):
            # What a debugger reads does name the sources.
            stripped = tmp_path / "stripped"
            run(STRIP, "-g", "-o", stripped, file)
            content = stripped.read_bytes()
        for place in places:
            assert place not in content, (file, place)


def test_versions_agree(prefix, libdir, tmp_path):
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert run(prefix / "bin/lmsample", "--version").startswith(f"lmsample {VERSION} (")
    assert pkg_config(libdir, "--modversion") == [VERSION]
    major, minor, patch = (int(part) for part in VERSION.split("."))
    number = ctypes.CDLL(str(libdir / "liblmsample.so")).lms_version()
    assert number == major * 10000 + minor * 100 + patch
    # CMake takes the version for a request of major.minor, and for no other.
    script = tmp_path / "version.cmake"
    script.write_text(
        "set(PACKAGE_FIND_VERSION ${ASKED})\n"
        'string(REPLACE "." ";" parts ${ASKED})\n'
        "list(GET parts 0 PACKAGE_FIND_VERSION_MAJOR)\n"
        "list(GET parts 1 PACKAGE_FIND_VERSION_MINOR)\n"
        "include(${FILE})\n"
        'message("${PACKAGE_VERSION} ${PACKAGE_VERSION_COMPATIBLE}")\n')
    file = libdir / "cmake/lmsample/lmsampleConfigVersion.cmake"
    for asked, good in ((f"{major}.{minor}", True), (f"{major}.{minor}.{patch + 1}", False),
                        (f"{major}.{minor + 1}", False), (f"{major}.{minor - 1}", False),
                        (f"{major + 1}.{minor}", False)):
        said = subprocess.run([CMAKE, f"-DASKED={asked}", f"-DFILE={file}", "-P", script],
                              capture_output=True, text=True, check=True).stderr.split()
        assert said[0] == VERSION
        assert (said[1:] == ["TRUE"]) == good, (asked, said)


def test_symbols(libdir):
    """The shared library shows what the headers declare; the archive takes no other names."""
    shared = libdir / "liblmsample.so"
    declared = set(re.findall(r"LMS_API [^;(]*?\b(lms_\w+)\(", HEADER))
    assert len(declared) >= 10
    assert symbols("-D", "--defined-only", shared) - {"_init", "_fini"} == declared
    assert "[liblmsample.so.0]" in re.search("SONAME.*", run(READELF, "-d", shared)).group()
    assert not re.search("RPATH|RUNPATH", run(READELF, "-d", shared))
    names = symbols("-g", "--defined-only", libdir / "liblmsample.a")
    assert declared <= names
    assert {name for name in names if not re.match("lmsi?_", name)} == set()


@pytest.mark.parametrize("language", ["C", "CXX"])
def test_find_package(prefix, outside, tmp_path, language):
    build = tmp_path / "build"
    said = run(CMAKE, "-S", outside, "-B", build, f"-DOUTSIDE_LANGUAGE={language}",
               f"-DCMAKE_C_COMPILER={CC}", f"-DCMAKE_CXX_COMPILER={CXX}",
               f"-DCMAKE_PREFIX_PATH={prefix}")
    assert f"Found lmsample {VERSION} in {prefix}" in said
    run(CMAKE, "--build", build)
    assert run(build / "with_lmsample") == TOKENS
    assert run(build / "with_lmsample_static") == TOKENS
    assert "liblmsample.so.0" in needed(build / "with_lmsample")
    assert "liblmsample.so.0" not in needed(build / "with_lmsample_static")
    if language == "CXX":
        assert run(build / "by_classes") == TOKENS


@pytest.mark.parametrize("compiler, source", [
    (CC, "minimal.c"), (CXX, "outside.cpp"), (CXX, "minimal.cpp")])
def test_pkg_config(libdir, outside, tmp_path, compiler, source):
    flags = pkg_config(libdir, "--cflags", "--libs")
    program = tmp_path / "shared"
    run(compiler, "-o", program, outside / source, *flags)
    assert "liblmsample.so.0" in needed(program)
    assert run(program, env={**os.environ, "LD_LIBRARY_PATH": str(libdir)}) == TOKENS
    # As docs/use/install.md has it.
    flags = pkg_config(libdir, "--static", "--cflags", "--libs")
    program = tmp_path / "static"
    run(compiler, "-o", program, outside / source,
        *("-l:liblmsample.a" if flag == "-llmsample" else flag for flag in flags))
    assert "liblmsample.so.0" not in needed(program)
    assert run(program) == TOKENS


def test_program(prefix, tmp_path):
    """It is the same wherever it is called from."""
    np.save(tmp_path / "x.npy", np.random.default_rng(1).standard_normal((4, 300)).astype("f4"))
    words = ["sample", "--seed=3", "--logits", tmp_path / "x.npy"]
    expected = run(PROGRAM, *words)
    assert len(expected.split()) == 4
    assert run(prefix / "bin/lmsample", *words, cwd=tmp_path) == expected
    link = tmp_path / "other-name"
    link.symlink_to(prefix / "bin/lmsample")
    assert run(link, *words, cwd="/") == expected


def test_program_is_by_itself(prefix):
    """It needs the shared libraries of the system and no path to them."""
    program = prefix / "bin/lmsample"
    assert "liblmsample.so.0" not in needed(program)
    assert not re.search("RPATH|RUNPATH", run(READELF, "-d", program))


def test_completions(prefix):
    shells = {"bash": "bash-completion/completions/lmsample", "zsh": "zsh/site-functions/_lmsample",
              "fish": "fish/vendor_completions.d/lmsample.fish"}
    for shell, name in shells.items():
        text = (prefix / "share" / name).read_text()
        assert text == run(prefix / "bin/lmsample", "completion", shell)
        if shutil.which(shell):
            run(shell, "-n", prefix / "share" / name)


def test_subproject(outside, tmp_path):
    """Builds in another project, which installs it only if asked to, in a folder as it likes."""
    build = tmp_path / "build"
    configure = [CMAKE, "-S", outside, "-B", build, "-DOUTSIDE_LANGUAGE=C",
                 f"-DCMAKE_C_COMPILER={CC}", f"-DOUTSIDE_SUBPROJECT={ROOT}"]
    run(*configure)
    run(CMAKE, "--build", build, "--parallel", "2")
    assert run(build / "with_lmsample") == TOKENS
    assert run(build / "with_lmsample_static") == TOKENS
    assert not (build / "lmsample/prefix").exists()
    assert not any((build / "lmsample" / part).exists()
                   for part in ("cli", "examples", "bench", "tests"))
    prefix = tmp_path / "prefix"
    run(CMAKE, "--install", build, "--prefix", prefix)
    assert not prefix.exists() or not any(file.is_file() for file in prefix.rglob("*"))

    run(*configure, "-DLMS_INSTALL=ON", "-DCMAKE_INSTALL_LIBDIR=lib/deep/er")
    run(CMAKE, "--build", build, "--parallel", "2")
    run(CMAKE, "--install", build, "--prefix", prefix)
    libdir = prefix / "lib/deep/er"
    program = tmp_path / "program"
    run(CC, "-o", program, outside / "minimal.c", *pkg_config(libdir, "--cflags", "--libs"))
    assert run(program, env={**os.environ, "LD_LIBRARY_PATH": str(libdir)}) == TOKENS
