"""`cmake -S . -B build` demands what is asked for, and no more."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE, CC = os.environ["LMS_CMAKE"], os.environ["LMS_CC"]
OPENCL = os.environ["LMS_OPENCL"].split("|")
PARTS = ("CLI", "EXAMPLES", "BENCH", "TESTS")
MISSING = {"CLI": ["libjson-c", "json-c/json.h", "libcsv", "csv.h"],
           "EXAMPLES": ["libjson-c", "json-c/json.h"],
           "BENCH": ["libjson-c", "json-c/json.h"],
           "TESTS": ["the command line", "the examples", "libcmocka", "cmocka.h"]}
# CMake finds no library and no header but those that are named.
BARE = ["-DCMAKE_FIND_ROOT_PATH=/nowhere", "-DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY",
        "-DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY"]
HAS_OPENCL = [f"-DOpenCL_INCLUDE_DIR={OPENCL[0]}", f"-DOpenCL_LIBRARY={OPENCL[1]}"]


def configure(source, build, *options):
    """The exit status, and what was said, without line breaks."""
    done = subprocess.run([CMAKE, "-S", source, "-B", build, f"-DCMAKE_C_COMPILER={CC}", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.returncode, " ".join(done.stdout.split())


def targets(build):
    done = subprocess.run([CMAKE, "--build", build, "--target", "help"], capture_output=True,
                          text=True, timeout=60, check=True)
    return done.stdout.split()


def test_the_library_needs_opencl_alone(tmp_path):
    build = tmp_path / "build"
    status, said = configure(ROOT, build, *BARE, *HAS_OPENCL)
    assert status == 0, said
    assert said.count("left out, for want of: ") == len(PARTS), said
    for part in PARTS:
        assert ", ".join(MISSING[part]) in said, (part, said)
    found = targets(build)
    assert "lmsample" in found and "lmsample_static" in found
    assert not {"lmsample_program", "demo", "bench", "test_context"} & set(found)

    # What is asked for has to be there, and the message says what is not.
    for part in PARTS:
        status, said = configure(ROOT, build, *(f"-DLMS_BUILD_{name}=AUTO" for name in PARTS),
                                 f"-DLMS_BUILD_{part}=ON")
        assert status != 0
        wanted = f"LMS_BUILD_{part} is ON, and this is missing: " + ", ".join(MISSING[part])
        assert wanted in said, (wanted, said)
    # What nobody wants is not looked for.
    status, said = configure(ROOT, build, *(f"-DLMS_BUILD_{name}=OFF" for name in PARTS))
    assert status == 0 and "left out" not in said, said


def test_a_part_of_another_project(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\n"
        "project(outside LANGUAGES C)\n"
        "include(FetchContent)\n"
        "if(WITH_BENCH)\n  set(LMS_BUILD_BENCH ON)\nendif()\n"
        f"FetchContent_Declare(lmsample SOURCE_DIR {ROOT})\n"
        "FetchContent_MakeAvailable(lmsample)\n")
    build = tmp_path / "build"
    status, said = configure(source, build, *BARE, *HAS_OPENCL)
    assert status == 0 and "left out" not in said, said
    assert "lmsample_static" in targets(build)
    status, said = configure(source, build, "-DWITH_BENCH=ON")
    assert status != 0
    assert "LMS_BUILD_BENCH is ON, and this is missing: libjson-c, json-c/json.h" in said, said


def test_without_opencl(tmp_path):
    status, said = configure(ROOT, tmp_path / "build", *BARE)
    assert status != 0
    assert "lmsample needs the OpenCL headers (CL/cl.h) and loader (libOpenCL)" in said, said
