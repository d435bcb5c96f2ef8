"""lmsample devices, against what clinfo says and with no device at all."""

import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from conftest import build_stand_ins, open_terminal, read_terminal

PROGRAM = os.environ["LMSAMPLE"]
TYPES = ["float32", "float16", "bfloat16"]
TEXTS = ["platform", "name", "type", "version", "driver"]
NUMBERS = ["compute_units", "memory_bytes", "max_alloc_bytes", "rows_of_128256_float32",
           "rows_of_128256_float16"]
FLAGS = ["shares_memory", "usable", "default"]


@pytest.fixture
def no_device(tmp_path_factory):
    """The environment of a machine without OpenCL."""
    folder = tmp_path_factory.mktemp("no-vendors")
    return {**os.environ, "OCL_ICD_VENDORS": str(folder)}


def clinfo_facts():
    """Of every device, in clinfo's raw format: [platform/device] KEY value"""
    if shutil.which("clinfo") is None:
        pytest.skip("there is no clinfo")
    text = subprocess.run(["clinfo", "--raw"], check=True, capture_output=True, text=True,
                          timeout=60).stdout
    facts = {}
    for line in text.splitlines():
        found = re.match(r"\s*\[(\S+)\]\s+(CL_\S+)\s+(.*)", line)
        if found:
            facts.setdefault(found[1], {})[found[2]] = found[3].strip()
    return [{**facts[key.split("/")[0] + "/*"], **device} for key, device in facts.items()
            if not key.endswith("*")]


def test_json_has_all_facts(lmsample):
    devices = json.loads(lmsample("devices", "--json").out)
    assert devices
    for device in devices:
        assert sorted(device) == sorted([*TEXTS, *NUMBERS, *FLAGS, "problem"])
        for key in TEXTS:
            assert isinstance(device[key], str)
        for key in NUMBERS:
            assert isinstance(device[key], int)
        for key in FLAGS:
            assert isinstance(device[key], bool)
        assert (device["problem"] is None) == device["usable"]
        largest = device["max_alloc_bytes"]
        assert device["rows_of_128256_float32"] == largest // (128256 * 4)
        assert device["rows_of_128256_float16"] == largest // (128256 * 2)
    assert sum(device["default"] for device in devices) == 1
    assert all(device["usable"] for device in devices if device["default"])


def test_facts_are_those_of_clinfo(lmsample):
    devices = json.loads(lmsample("devices", "--json").out)
    expected = clinfo_facts()
    assert len(devices) == len(expected)
    for device, facts in zip(devices, expected):
        assert device["platform"] == facts["CL_PLATFORM_NAME"]
        assert device["name"] == facts["CL_DEVICE_NAME"]
        assert device["version"] == facts["CL_DEVICE_VERSION"].strip()
        assert device["driver"] == facts["CL_DRIVER_VERSION"]
        assert device["compute_units"] == int(facts["CL_DEVICE_MAX_COMPUTE_UNITS"])
        assert device["memory_bytes"] == int(facts["CL_DEVICE_GLOBAL_MEM_SIZE"])
        assert device["max_alloc_bytes"] == int(facts["CL_DEVICE_MAX_MEM_ALLOC_SIZE"])
        assert f"CL_DEVICE_TYPE_{device['type'].upper()}" in facts["CL_DEVICE_TYPE"]


def test_table_says_what_json_says(lmsample):
    devices = json.loads(lmsample("devices", "--json").out)
    blocks = lmsample("devices").out.split("\n\n")
    assert len(blocks) == len(devices)
    for block, device in zip(blocks, devices):
        lines = block.splitlines()
        assert lines[0] == f"{device['platform']}: {device['name']}"
        assert f"{device['type']}, {device['compute_units']} compute unit" in block
        assert device["version"] in block and device["driver"] in block
        assert f"{device['rows_of_128256_float32']} rows of 128256 float32" in block
        assert ("taken if no --device is given" in block) == device["default"]
        size = re.search(r"largest buffer ([\d.]+) (.)iB", block)
        unit = 1024 ** (" KMGT".index(size[2]))
        assert float(size[1]) * unit == pytest.approx(device["max_alloc_bytes"], rel=0.02)
        assert re.search(r"usable +yes", block) if device["usable"] else device["problem"] in block


def test_names(lmsample):
    devices = json.loads(lmsample("devices", "--json").out)
    assert lmsample("devices", "--names").out.splitlines() == [
        f"{device['platform']}: {device['name']}" for device in devices]


def test_test(lmsample):
    for device in json.loads(lmsample("devices", "--json", "--test").out):
        if not device["usable"]:
            assert "tests" not in device
            continue
        assert [test["logits"] for test in device["tests"]] == TYPES
        for test in device["tests"]:
            assert test["ok"] is True and test["problem"] is None
            assert 0 < test["start_seconds"] < 300
            assert 0 < test["again_seconds"] < 300
            assert 0 < test["sample_seconds"] < 300
    table = lmsample("devices", "--test").out
    for name in TYPES:
        assert re.search(rf"^  {name} +ok, ready after [\d.]+ s, again after [\d.]+ s; 8 known rows "
                         r"in [\d.]+ ms when warm$", table, re.M)


# In the place of the real functions: a compiler that fails or is slow, a device without one, a device with
# an odd name.
STAND_INS = r"""
#define _GNU_SOURCE
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

cl_int clBuildProgram(cl_program p, cl_uint n, const cl_device_id *d, const char *options,
                      void (*f)(cl_program, void *), void *data)
{
    const struct timespec some = {0, 800000000};
    if (getenv("NO_BUILD") != NULL) return CL_BUILD_PROGRAM_FAILURE;
    if (getenv("SLOW_BUILD") != NULL) nanosleep(&some, NULL);
    return ((cl_int(*)(cl_program, cl_uint, const cl_device_id *, const char *,
                       void (*)(cl_program, void *), void *))dlsym(RTLD_NEXT, __func__))(
        p, n, d, options, f, data);
}

cl_int clGetDeviceInfo(cl_device_id d, cl_device_info what, size_t size, void *value,
                       size_t *needed)
{
    const char *name = getenv("DEVICE_NAME");
    if (what == CL_DEVICE_NAME && name != NULL) {
        if (value != NULL) strcpy(value, name);
        if (needed != NULL) *needed = strlen(name) + 1;
        return CL_SUCCESS;
    }
    cl_int code = ((cl_int(*)(cl_device_id, cl_device_info, size_t, void *, size_t *))dlsym(
        RTLD_NEXT, __func__))(d, what, size, value, needed);
    if (what == CL_DEVICE_COMPILER_AVAILABLE && getenv("NO_COMPILER") != NULL && value != NULL) {
        memset(value, 0, size);
    }
    return code;
}
"""


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """The environment that has those functions; the one given is what they do."""
    folder = tmp_path_factory.mktemp("stand-ins")
    library = build_stand_ins(folder, STAND_INS)

    def environment(**switches):
        return {**os.environ, "LD_PRELOAD": library,
                "LMS_CACHE_DIR": str(folder / "cache"), **switches}
    return environment


def test_kernels_that_do_not_build(lmsample, stand_ins):
    environment = stand_ins(NO_BUILD="1")
    count = len(json.loads(lmsample("devices", "--json", env=environment).out))
    result = lmsample("devices", "--test", env=environment, status=4)
    assert result.err == (f"lmsample devices: {count} of the OpenCL devices ({count}) failed the "
                          "test\n")
    for name in TYPES:
        assert re.search(rf"^  {name} +FAILED: .*", result.out, re.M)
    result = lmsample("devices", "--test", "--json", env=environment, status=4)
    for device in json.loads(result.out):
        for test in device["tests"]:
            assert test["ok"] is False and "clBuildProgram" in test["problem"]


def test_a_terminal_is_told_of_the_compiler(stand_ins, tmp_path):
    """While it works longer than a moment; and nobody else."""
    np.save(tmp_path / "x.npy", np.zeros((2, 40), np.float32))
    words = [PROGRAM, "sample", "-l", "x.npy", "-t", "0"]

    def told(environment):
        ours, theirs = open_terminal()
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=theirs, cwd=tmp_path,
                              env=environment, timeout=300, check=True)
        os.close(theirs)
        assert done.stdout == b"0\n0\n"
        return read_terminal(ours).decode()

    environment = stand_ins(SLOW_BUILD="1", LMS_CACHE_DIR=str(tmp_path / "cache"))
    line = "\r\x1b[Kcompiling kernels for this device, which happens once ..."
    assert told(environment) == line + "\r\x1b[K"
    # From the cache of binaries now: the same calls, which take no time.
    environment.pop("SLOW_BUILD")
    environment.pop("LD_PRELOAD")
    quiet = subprocess.run(words, capture_output=True, cwd=tmp_path, env=environment, check=True)
    assert quiet.stderr == b""


def test_no_device_can_be_used(lmsample, stand_ins):
    environment = stand_ins(NO_COMPILER="1")
    result = lmsample("devices", "--test", env=environment, status=4)
    assert "usable    no: has no compiler" in result.out and "FAILED" not in result.out
    assert re.fullmatch(r"lmsample devices: none of the OpenCL devices \(\d+\) can be used\n",
                        result.err)
    for device in json.loads(lmsample("devices", "--json", env=environment, status=4).out):
        assert device["usable"] is False and device["default"] is False
        assert device["problem"] == "has no compiler for OpenCL C"


@pytest.mark.parametrize("name, shown", [
    (b"Intel\xae Arc\t770", "Intel? Arc 770"), (b"\xc3\xa9" * 100, "\u00e9" * 63 + "?"),
    (b"", ""), (b"\x1b[31mred", "?[31mred")])
def test_odd_names(lmsample, stand_ins, name, shown):
    environment = {os.fsencode(key): os.fsencode(value) for key, value in stand_ins().items()}
    environment[b"DEVICE_NAME"] = name
    devices = json.loads(lmsample("devices", "--json", env=environment).out)
    assert devices[0]["name"] == shown
    first = lmsample("devices", env=environment).out.splitlines()[0]
    assert first == f"{devices[0]['platform']}: {shown}"


@pytest.mark.parametrize("option", [[], ["--names"], ["--test"]])
def test_no_device(fails, no_device, option):
    fails(4, ["there is no OpenCL", "pocl-opencl-icd"], "devices", *option, env=no_device)


def test_no_device_json(lmsample, no_device):
    result = lmsample("devices", "--json", env=no_device, status=4)
    assert result.out == "[]\n"
    assert result.err.startswith("lmsample devices: there is no OpenCL platform")


def test_wrong_words(fails):
    fails(2, ["no argument", "all"], "devices", "all")
    fails(2, ["--names", "--json"], "devices", "--names", "--json")
    fails(2, ["--names", "--test"], "devices", "--test", "--names")


@pytest.mark.parametrize("option", [[], ["--json"], ["--names"]])
def test_output_that_fails(option):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "devices", *option], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert done.stderr == ("lmsample devices: standard output: cannot write: "
                           "No space left on device\n")
