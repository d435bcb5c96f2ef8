"""lmsample tune: what it measures and stores, and what it leaves alone."""

import json
import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest

from conftest import PROGRAM, build_stand_ins, slow

FIELDS = ["team", "lanes", "chunk", "fuse_from"]
STRATEGIES = ["greedy", "temperature", "top-k 50", "top-p 0.9"]
#: Right on every device, and slow on a CPU.
SLOW = {"team": 64, "lanes": 8, "chunk": 8, "fuse_from": 7}
#: Slow where a stand-in says so.
NARROW = {"team": 1, "lanes": 8, "chunk": 8, "fuse_from": 7}


def fnv1a(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:016x}"


def as_text(shape):
    return ",".join(f"{name}={shape[name]}" for name in FIELDS)


# In the place of the real functions: a device that gives a wrong token, one with little memory,
# one whose kernels take small work-groups, one on which some shapes take 10 ms longer (which
# shape a kernel is for, tune says in the environment), and one on which any call may.
STAND_INS = r"""
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static cl_kernel slow[256];
static unsigned slow_count, is_slow;

cl_kernel clCreateKernel(cl_program p, const char *name, cl_int *code)
{
    const char *what = getenv("SLOW_SHAPE"), *shape = getenv("LMS_SHAPE");
    cl_kernel k = ((cl_kernel(*)(cl_program, const char *, cl_int *))dlsym(RTLD_NEXT, __func__))(
        p, name, code);
    unsigned i = 0;
    while (i < slow_count && slow[i] != k) i++;
    if (i < slow_count) slow[i] = slow[--slow_count]; /* an old one's place */
    if (what != NULL && shape != NULL && strstr(shape, what) != NULL && slow_count < 256)
        slow[slow_count++] = k;
    return k;
}

cl_int clEnqueueNDRangeKernel(cl_command_queue q, cl_kernel k, cl_uint dims, const size_t *first,
                              const size_t *all, const size_t *group, cl_uint n,
                              const cl_event *w, cl_event *e)
{
    for (unsigned i = 0; i < slow_count; i++) is_slow |= slow[i] == k;
    return ((cl_int(*)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                       const size_t *, cl_uint, const cl_event *, cl_event *))dlsym(
        RTLD_NEXT, __func__))(q, k, dims, first, all, group, n, w, e);
}

cl_int clWaitForEvents(cl_uint n, const cl_event *e)
{
    static unsigned long long state = 1;
    struct timespec pause = {0, is_slow ? 10000000 : 3000000};
    state = state * 6364136223846793005u + 1442695040888963407u;
    if (is_slow || (getenv("NOISE") != NULL && state >> 62 == 0)) nanosleep(&pause, NULL);
    is_slow = 0;
    return ((cl_int(*)(cl_uint, const cl_event *))dlsym(RTLD_NEXT, __func__))(n, e);
}

cl_int clEnqueueReadBuffer(cl_command_queue q, cl_mem m, cl_bool b, size_t at, size_t size, void *to,
                           cl_uint n, const cl_event *w, cl_event *e)
{
    static int reads = 0;
    const char *wrong = getenv("WRONG_READ");
    cl_int code = ((cl_int(*)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, void *, cl_uint,
                              const cl_event *, cl_event *))dlsym(RTLD_NEXT, __func__))(
        q, m, b, at, size, to, n, w, e);
    if (wrong != NULL && size == 4 && ++reads == atoi(wrong)) ++*(int *)to;
    return code;
}

cl_int clGetDeviceInfo(cl_device_id d, cl_device_info what, size_t size, void *value,
                       size_t *needed)
{
    const char *most = getenv("MOST_BYTES");
    cl_int code = ((cl_int(*)(cl_device_id, cl_device_info, size_t, void *, size_t *))dlsym(
        RTLD_NEXT, __func__))(d, what, size, value, needed);
    if (what == CL_DEVICE_MAX_MEM_ALLOC_SIZE && most != NULL && value != NULL) {
        *(cl_ulong *)value = strtoull(most, NULL, 10);
    }
    return code;
}

cl_int clGetKernelWorkGroupInfo(cl_kernel k, cl_device_id d, cl_kernel_work_group_info what,
                                size_t size, void *value, size_t *needed)
{
    const char *most = getenv("MOST_ITEMS");
    cl_int code = ((cl_int(*)(cl_kernel, cl_device_id, cl_kernel_work_group_info, size_t, void *,
                              size_t *))dlsym(RTLD_NEXT, __func__))(k, d, what, size, value, needed);
    if (what == CL_KERNEL_WORK_GROUP_SIZE && most != NULL && value != NULL) {
        *(size_t *)value = strtoull(most, NULL, 10);
    }
    return code;
}
"""


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """A library that has those functions."""
    return build_stand_ins(tmp_path_factory.mktemp("stand-ins"), STAND_INS)


class Tuned:
    """A cache folder of its own, and the tuning file in it as its format says."""

    def __init__(self, lmsample, folder):
        self.lmsample = lmsample
        self.folder = folder
        self.environment = {**os.environ, "LMS_CACHE_DIR": str(folder)}
        self.environment.pop("LMS_SHAPE", None)
        devices = json.loads(lmsample("devices", "--json").out)
        self.device = next(device for device in devices if device["default"])
        version = lmsample("--version").out.split()[1]
        self.head = (f"lmsample tuning 1\nlibrary {version}\n"
                     f"platform {self.device['platform']}\ndevice {self.device['name']}\n"
                     f"units {self.device['compute_units']}\ndriver {self.device['driver']}\n"
                     f"version {self.device['version']}\n")
        self.path = folder / f"tuning-{fnv1a(self.head.encode())}.txt"

    def text(self, wide, narrow):
        body = self.head + f"float32 {as_text(wide)}\n16-bit {as_text(narrow)}\n"
        return body + f"checksum {fnv1a(body.encode())}\n"

    def write(self, wide, narrow):
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.path.write_text(self.text(wide, narrow))

    def run(self, *arguments, status=0, **more):
        return self.lmsample("tune", *arguments, status=status,
                             env={**self.environment, **more})

    def show(self, **more):
        shown = json.loads(self.run("--show", "--json", **more).out)
        assert shown["file"] == str(self.path)
        return shown["float32"], shown["16-bit"]

    def files(self):
        """Those of the tuner: compiled programs are there too, on some devices, and what a process
        had begun to write of one when it was killed."""
        return [path for path in self.folder.glob("*") if ".bin" not in path.suffixes]


@pytest.fixture
def tuned(lmsample, tmp_path):
    return Tuned(lmsample, tmp_path / "cache")


def test_show(tuned):
    wide, narrow = tuned.show()
    lines = tuned.run("--show").out.splitlines()
    assert lines == [f"float32  {as_text(wide['shape'])} ({wide['origin']})",
                     f"16-bit   {as_text(narrow['shape'])} ({narrow['origin']})",
                     f"file     {tuned.path}"]
    assert wide["origin"] in ("facts of the device", "table of known devices")
    assert not tuned.folder.exists()
    assert tuned.run("--show", LMS_CACHE_DIR="").out.splitlines()[2] == (
        "file     none: there is no cache folder")


def test_show_who_says_it(tuned):
    before = tuned.show()
    other = {"team": 2, "lanes": 16, "chunk": 128, "fuse_from": 4294967295}
    tuned.write(SLOW, other)
    assert tuned.show() == ({"shape": SLOW, "origin": "tuning file"},
                            {"shape": other, "origin": "tuning file"})
    assert tuned.show(LMS_SHAPE="chunk=64") == (
        {"shape": {**SLOW, "chunk": 64}, "origin": "what was asked for"},
        {"shape": {**other, "chunk": 64}, "origin": "what was asked for"})
    tuned.path.write_text(tuned.text(SLOW, other).replace("chunk=8", "chunk=16"))
    assert tuned.show() == before


def test_a_file_changes_no_token(tuned, lmsample, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).standard_normal((9, 3000)).astype("f4"))
    words = ["sample", "-l", "x.npy", "--temperature", 0.8, "--format", "json"]
    before = lmsample(*words, env=tuned.environment).out
    tuned.write(NARROW, NARROW)
    assert lmsample(*words, env=tuned.environment).out == before


def test_bad_shape(tuned, fails, tmp_path):
    environment = {**tuned.environment, "LMS_SHAPE": "team=3"}
    fails(2, ['LMS_SHAPE: is "team=3": team must be a power of two from 1 to 256'], "tune",
          "--show", env=environment)
    np.save(tmp_path / "x.npy", np.zeros((2, 5), np.float32))
    fails(2, ["LMS_SHAPE", "team=3"], "sample", "-l", "x.npy", env=environment)
    fails(2, ['LMS_SHAPE: is "team=1", must not be set'], "tune",
          env={**environment, "LMS_SHAPE": "team=1"})


def test_reset(tuned):
    assert tuned.run("--reset").out == "nothing was stored for this device\n"
    tuned.write(SLOW, SLOW)
    assert tuned.run("--reset").out == f"removed {tuned.path}\n"
    assert not tuned.path.exists()
    assert tuned.run("--reset").out == "nothing was stored for this device\n"
    assert tuned.run("--reset", LMS_CACHE_DIR="").out == "nothing was stored for this device\n"
    tuned.path.mkdir(parents=True)
    result = tuned.run("--reset", status=5)
    assert result.err == f"lmsample tune: {tuned.path}: cannot remove: Is a directory\n"


def check_result(result):
    """One type's result holds together."""
    sizes = {1, 64}
    assert sorted(result["before"]) == sorted(result["best"]) == sorted(FIELDS)
    assert result["changed"] == (result["before"] != result["best"])
    tried = [contest["what"] for contest in result["contests"]]
    assert [what for what in tried if what != "again"][-1] in ("chunk", "fuse_from")
    for contest in result["contests"]:
        assert contest["rounds"] >= 5
        first = contest["shapes"][0]
        assert all(case["ratio"] == 1 for case in first["cases"])
        for shape in contest["shapes"]:
            assert shape["problem"] is None
            assert {case["strategy"] for case in shape["cases"]} == set(STRATEGIES)
            assert all(case["ratio"] > 0 and case["median_s"] > 0 and case["error"] >= 0
                       for case in shape["cases"])
            rows = {case["rows"] for case in shape["cases"]}
            assert rows == sizes or contest["what"] == "fuse_from" and rows >= sizes


def tune(tuned, stand_ins, *words):
    """Finds that 16 lanes are faster than 8, on any machine."""
    return tuned.run("--quick", "--seconds", 1, *words, LD_PRELOAD=stand_ins,
                     SLOW_SHAPE="lanes=8")


def test_json_and_the_file(tuned, stand_ins):
    tuned.write(NARROW, NARROW)
    result = json.loads(tune(tuned, stand_ins, "--json").out)
    wide, narrow = result["types"]
    assert (wide["logits"], narrow["logits"]) == ("float32", "16-bit")
    for one in (wide, narrow):
        assert one["before"] == NARROW and one["origin"] == "tuning file"
        assert one["changed"] and one["best"]["lanes"] == 16
        check_result(one)
    assert result["stored"] == str(tuned.path)
    assert tuned.files() == [tuned.path]
    assert tuned.path.read_text() == tuned.text(wide["best"], narrow["best"])
    assert tuned.show()[0]["shape"] == wide["best"]


NUMBER = r" +\d+\.\d+"


def check_table(out, *lines):
    assert len(re.findall(rf"^  ms +({NUMBER}){{8}}", out, re.M)) == 2
    for line in lines:
        assert len(re.findall(rf"^  {line} +({NUMBER}){{10}}$", out, re.M)) == 2
    assert len(re.findall(r"^  fused, by rows: 1: \d+\.\d+, .*64: \d+\.\d+$", out, re.M)) == 2
    assert len(re.findall(r"^  noise: up to \d+\.\d % of the mean with one row, \d+\.\d % with 64",
                          out, re.M)) == 2


def test_table_and_dry_run(tuned, stand_ins):
    tuned.write(NARROW, NARROW)
    out = tune(tuned, stand_ins, "--dry-run").out
    assert tuned.path.read_text() == tuned.text(NARROW, NARROW)
    assert tuned.files() == [tuned.path]
    for name in ("float32", "16-bit"):
        assert f"{name}: {as_text(NARROW)} (tuning file)" in out
    check_table(out, "lanes=16", "chunk=32", "chunk=128", "again")
    assert len(re.findall(r"^  better: team=1,lanes=16,", out, re.M)) == 2
    assert out.endswith("\ndry run: nothing is stored\n")


def test_noise_is_not_called_better(tuned, stand_ins):
    """Every fourth call, of any shape, takes 3 ms longer: many times what it computes."""
    out = tuned.run("--quick", "--seconds", 1, LD_PRELOAD=stand_ins, NOISE="1").out
    assert out.count("  stays: no other shape is more than 3 % faster\n") == 2
    assert out.endswith("nothing to store\n")
    assert tuned.files() == []


@slow
def test_a_full_search(tuned):
    """With teams, which are programs of their own."""
    tuned.write(SLOW, SLOW)
    out = tuned.run("--seconds", 2).out
    if tuned.device["type"] == "CPU":
        check_table(out, "team=1", "team=8", "lanes=16", "chunk=16", "chunk=256")
        assert len(re.findall(r"^  better: team=[18],", out, re.M)) == 2
        assert f"stored in {tuned.path}\n" in out
    assert tuned.files() == [tuned.path]


def test_folders_that_cannot_be_used(fails, tuned, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in [tmp_path / "file", tmp_path / "file" / "below", "/proc/none"]:
        fails(5, str(folder), "tune", env={**tuned.environment, "LMS_CACHE_DIR": str(folder)})
    nowhere = {**tuned.environment, "LMS_CACHE_DIR": ""}
    fails(5, "there is no folder", "tune", env=nowhere)
    result = tuned.run("--quick", "--seconds", 1, "--dry-run", LMS_CACHE_DIR="")
    assert result.out.endswith(("nothing is stored\n", "nothing to store\n"))


def test_a_folder_that_others_can_write(fails, tuned):
    tuned.write(SLOW, SLOW)
    assert tuned.show()[0]["origin"] == "tuning file"
    tuned.folder.chmod(0o777)
    assert tuned.show()[0]["origin"] != "tuning file"
    fails(5, [str(tuned.folder), "can be written by others", "LMS_CACHE_DIR"], "tune",
          env=tuned.environment)
    assert tuned.files() == [tuned.path]


def start(tuned, **more):
    return subprocess.Popen([PROGRAM, "tune", "--quick", "--seconds", "1"],
                            env={**tuned.environment, **more}, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def test_several_at_once(tuned, stand_ins):
    tuned.write(NARROW, NARROW)
    running = [start(tuned, LD_PRELOAD=stand_ins, SLOW_SHAPE="lanes=8") for _ in range(2)]
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert f"stored in {tuned.path}\n" in out
    assert tuned.files() == [tuned.path]
    shown = tuned.show()
    assert [one["origin"] for one in shown] == 2 * ["tuning file"]
    assert tuned.path.read_text() == tuned.text(shown[0]["shape"], shown[1]["shape"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tuned, number):
    tuned.write(NARROW, NARROW)
    process = start(tuned)
    end = time.monotonic() + 60
    while len(tuned.files()) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(tuned.files()) == 2  # and a temporary one
    time.sleep(0.5)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    assert tuned.files() == [tuned.path]
    assert tuned.path.read_text() == tuned.text(NARROW, NARROW)


def test_wrong_words(fails):
    fails(2, ["no argument", "fast"], "tune", "fast")
    fails(2, ["--seconds", "from 1 to 3600"], "tune", "--seconds", 0)
    fails(2, ["--seconds", '"soon"'], "tune", "--seconds", "soon")
    fails(2, ["--reset", "--show"], "tune", "--reset", "--show")
    fails(2, ["--reset", "--json"], "tune", "--reset", "--json")
    fails(2, ["--show", "--quick"], "tune", "--show", "--quick")
    fails(2, ["--reset", "--dry-run"], "tune", "--reset", "--dry-run")
    fails(4, "no-such-device", "tune", "--show", "--device", "no-such-device")


def test_no_device(fails, tmp_path):
    (tmp_path / "none").mkdir()
    fails(4, "device", "tune", env={**os.environ, "OCL_ICD_VENDORS": str(tmp_path / "none")})


def test_a_wrong_token(tuned, stand_ins):
    if tuned.device["type"] != "CPU":
        pytest.skip("the first shapes tried are those of a CPU")
    tuned.write({**SLOW, "team": 1}, SLOW)
    # The first read is the first shape's tokens, the second one the second shape's.
    result = tuned.run("--quick", "--seconds", 1, LD_PRELOAD=stand_ins, WRONG_READ="2", status=4)
    assert re.search(r"^lmsample tune: the shape team=1,lanes=16,chunk=8,fuse_from=7 gives token "
                     r"(\d+), must be (\d+) as by team=1,lanes=8,chunk=8,fuse_from=7 \(greedy, row "
                     r"0 of 1\): .*nothing is stored$", result.err, re.M)
    assert "stored in" not in result.out
    assert tuned.files() == [tuned.path]
    assert tuned.path.read_text() == tuned.text({**SLOW, "team": 1}, SLOW)


def test_little_memory(tuned, stand_ins):
    row = 128256 * 4
    words = ["--quick", "--seconds", 1, "--dry-run", "--json"]
    result = json.loads(tuned.run(*words, LD_PRELOAD=stand_ins, MOST_BYTES=str(22 * row)).out)
    for one, rows in zip(result["types"], (5, 11)):
        assert {case["rows"] for case in one["contests"][0]["shapes"][0]["cases"]} == {1, rows}
    result = json.loads(tuned.run(*words, LD_PRELOAD=stand_ins, MOST_BYTES=str(4 * row)).out)
    cases = result["types"][0]["contests"][0]["shapes"][0]["cases"]
    assert [case["rows"] for case in cases] == 4 * [1]
    result = tuned.run(*words, LD_PRELOAD=stand_ins, MOST_BYTES=str(2 * row), status=4)
    assert "too few for 4 rows of 128256 logits" in result.err


@slow
def test_a_shape_that_is_not_possible(tuned, stand_ins):
    result = tuned.run("--seconds", 1, "--dry-run", LD_PRELOAD=stand_ins, MOST_ITEMS="4")
    team = 8 if tuned.device["type"] == "CPU" else 32
    assert len(re.findall(rf"^  team={team} +is not possible: work_items: {team} is above the 4 ",
                          result.out, re.M)) == 2
