"""tests/check/gpu_compile.py reads compilers' texts rightly, fails over a limit, and says what it has
not checked. The compilers themselves are not needed."""

import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import gpu_compile  # noqa: E402
import gpu_loops  # noqa: E402

# A loop with a rare way that reads scalars, two wide reads, and weights that are jumped over: 16 tokens
# of float32 are two vectors, so the numbers are half of the instructions.
RARE, WEIGHTS = 30, 20
SASS = "\n".join([
    ".L_x_0:", *["        /*0010*/                   LDG.E.128 R4, desc[UR6][R2.64] ;"] * 4,
    "        /*0050*/              @!P0 BRA `(.L_x_1) ;",
    *["        /*0060*/                   LDG.E R4, desc[UR6][R2.64] ;"] * RARE,
    ".L_x_1:", "        /*0070*/               @P1 BRA P2, `(.L_x_2) ;",
    *["        /*0080*/                   FFMA R4, R5, R6, R7 ;"] * WEIGHTS,
    ".L_x_2:", "        /*0090*/               @P2 BRA `(.L_x_0) ;",
    "        /*00a0*/                   EXIT ;", ".L_x_3:", "        /*00b0*/                   BRA `(.L_x_3);"])
PTX = "\n".join([
    "$L__BB0_1:", *["\tld.global.nc.v4.u32 \t{%r1, %r2, %r3, %r4}, [%rd1];"] * 4, "\t@%p1 bra \t$L__BB0_2;",
    *["\tld.global.f32 \t%f1, [%rd1];"] * RARE, "$L__BB0_2:", "\t@!%p2 bra \t$L__BB0_3;",
    *["\tfma.rn.f32 \t%f1, %f2, %f3, %f4;"] * WEIGHTS, "$L__BB0_3:", "\t@%p3 bra \t$L__BB0_1;", "\tret;"])
AMD = "\n".join([
    ".LBB0_1:                                ; =>This Inner Loop Header: Depth=1",
    *["\tglobal_load_dwordx4 v[2:5], v[10:11], off offset:16"] * 4, "\ts_cbranch_execz .LBB0_2",
    *["\tglobal_load_dword v2, v[10:11], off"] * RARE, ".LBB0_2:", "\ts_cbranch_vccnz .LBB0_3",
    *["\tv_fma_f32 v1, v2, v3, v4"] * WEIGHTS, ".LBB0_3:", "\ts_cbranch_scc1 .LBB0_1", "\ts_endpgm"])


TEXTS = {"sass": SASS, "ptx": PTX, "amd": AMD}


@pytest.mark.parametrize("language", TEXTS)
def test_the_tile_loop(language):
    figures = gpu_compile.loads_and_loops(language, [TEXTS[language]], "lms_tile_maxima", "float32")
    assert figures == {"load": 16, "tiles": round(7 / 2), "sums": round((7 + WEIGHTS) / 2)}


@pytest.mark.parametrize("language", TEXTS)
def test_a_tile_loop_that_is_not_found(language):
    text = TEXTS[language].rsplit("\n", 2 if language != "sass" else 4)[0]
    figures = gpu_compile.loads_and_loops(language, [text], "lms_tile_maxima", "float32")
    assert figures == {"load": 16, "tiles": float("inf"), "sums": float("inf")}


@pytest.mark.parametrize("suffix, size", [
    (".E", 4), (".E.64", 8), (".E.128.CONSTANT", 16), (".E.U16", 2), (".E.U8", 1), (".E.ENL2.256", 32),
    (".nc.v2.u64", 16), (".v4.f32", 16), (".u16", 2), (".s8", 1), (".b64", 8),
    ("dword", 4), ("dwordx3", 12), ("b128", 16), ("b32", 4), ("ushort", 2), ("short_d16_hi", 2),
    ("d16_hi_b16", 2), ("u16", 2), ("ubyte", 1), ("u8", 1)])
def test_widths_of_loads(suffix, size):
    assert gpu_loops.load_bytes(suffix) == size


@pytest.mark.parametrize("line, size", [
    ("send.ugm (32|M0) r23 r7 null:0 0x0 0x0880 // wr:4+0, rd:8; load.ugm.d32x4.a64", 16),
    ("send.ugm (32|M0) r23 r7 null:0 0x0 0x0880 // wr:4+0, rd:8; load.ugm.d64x2.a64", 16),
    ("send.ugm (1|M0) r1 r127 null:0 0xFF 0x6228 // wr:1+0, rd:2; load.ugm.d32x32t.a32.ca.ca.bti[255]", 4),
    ("send.dc1 (8|M0) r95 r5 null:0 0x0 0x0240 // wr:1+0, rd:4; untyped surface read with xyzw", 16),
    ("send.dc1 (8|M0) r5 r3 null:0 0x0 0x0210 // wr:1+0, rd:1; untyped surface read with x", 4)])
def test_widths_of_loads_on_intel(line, size):
    assert gpu_compile.Intel.widest(line) == size


def results(tmp_path, figures):
    table = tmp_path / "limits.txt"
    table.write_text("kernel family registers stack spills local code load  # columns\n"
                     "*      nvidia       96   128      0     -    -    -\n"
                     "*tile* nvidia       64     -      -     -    -   16  # a reason\n")
    found = gpu_compile.Results(gpu_compile.Limits(table))
    for kernel, one in figures:
        found.add(gpu_compile.Nvidia("sm_90"), kernel, one, "float32, team 64", False)
    return found


def test_what_is_within_the_limits_passes(tmp_path, capsys):
    found = results(tmp_path, [("lms_sample", {"registers": 96, "stack": 128, "load": 4}),
                               ("lms_tiles", {"registers": 64, "stack": 999, "load": 16})])
    assert not found.print_wrong() and capsys.readouterr().out == ""


@pytest.mark.parametrize("kernel, figure, value, says", [
    ("lms_sample", "registers", 97, "at most 96"), ("lms_sample", "spills", 4, "at most 0"),
    ("lms_tiles", "registers", 65, "at most 64"), ("lms_tiles", "load", 8, "at least 16"),
    ("lms_tiles", "registers", float("inf"), "at most 64")])
def test_what_is_over_a_limit_is_named(tmp_path, capsys, kernel, figure, value, says):
    found = results(tmp_path, [(kernel, {figure: value})])
    assert found.print_wrong()
    assert capsys.readouterr().out == (
        f"FAIL {kernel} on sm_90: {figure} {value}, {says} (float32, team 64)\n")


def test_all_variants_are_counted(tmp_path, capsys):
    found = results(tmp_path, [("lms_sample", {"registers": 97, "stack": 128}),
                               ("lms_sample", {"registers": 250, "stack": 130})])
    assert found.print_wrong()
    assert capsys.readouterr().out == (
        "FAIL lms_sample on sm_90: registers 250, at most 96 (float32, team 64; 2 variants); "
        "stack 130, at most 128 (float32, team 64)\n")


def test_the_table_itself():
    limits = gpu_compile.Limits(FOLDER / "gpu_limits.txt")
    for family in {device.family for device in gpu_compile.DEVICES} - {"spirv"}:
        assert limits.of("lms_tile_maxima", family)["load"] == 16
    assert limits.of("lms_beam_advance", "nvidia")["registers"] == 96


def test_limits_of_a_program(tmp_path):
    table = tmp_path / "limits.txt"
    table.write_text("kernel family registers\n* nvidia 96\n*_requests/lms_* nvidia 160\n")
    limits = gpu_compile.Limits(table)
    assert limits.of("sample_requests/lms_sample", "nvidia") == {"registers": 160}
    assert limits.of("sample/lms_sample", "nvidia") == {"registers": 96}
    assert limits.of("lms_sample", "nvidia") == {"registers": 96}


def test_compilers_that_are_missing_are_named(tmp_path):
    (tmp_path / "programs").mkdir()
    done = subprocess.run([sys.executable, "-B", FOLDER / "gpu_compile.py", "--kernels", tmp_path],
                          env={**os.environ, "PATH": "", "LMS_CHECK_DIR": str(tmp_path)},
                          capture_output=True, text=True, timeout=60, check=False)
    for name in ("sm_90", "gfx942", "dg2", "spirv"):
        assert f"SKIP: {name} is not checked: missing: " in done.stdout, done.stdout + done.stderr


def test_a_compiler_that_fails(tmp_path):
    tools = gpu_compile.Tools(tmp_path / "cache")
    for _ in range(2):  # the second time, out of the cache
        with pytest.raises(gpu_compile.Failed, match=r"sh has failed \(3\): no"):
            tools.run([["sh", "-c", "echo no; exit 3"]], "text", lambda folder, said: None)
    assert tools.run([["sh", "-c", "cat text"]], "text", lambda folder, said: said) == "text"
