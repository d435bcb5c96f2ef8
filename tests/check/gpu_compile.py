#!/usr/bin/env python3
"""gpu_compile.py - every kernel through the compilers of GPUs, without a GPU: what they make of it is
held against the limits of gpu_limits.txt. --help names the options."""

import argparse
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"float32": 1, "float16": 2, "bfloat16": 3}  # lms_dtype
TEAMS = (64, 128, 256)
FIGURES = ("registers", "stack", "spills", "local", "code", "load")
CLANG = ("clang-19", "-x", "cl", "-cl-std=CL1.2", "-D__OPENCL_VERSION__=120", "-O3", "-w",
         "-Xclang", "-finclude-default-header", "-S", "-o", "-", "-")
INLINE = ("-mllvm", "-inline-threshold=1000000")


class Failed(Exception):
    """A compiler that fails, and what it says."""


def join(kernels, program, elements, team):
    """A program's text as host/base/program.c and source.c give it to an OpenCL runtime."""
    lines = ["#pragma OPENCL FP_CONTRACT OFF", f"#define LMS_ELEMENTS {TYPES[elements]}",
             "#define LMS_TOKENS 1", f"#define LMS_TEAM {team}", "#define LMS_LANES 8",
             "#define LMS_CHUNK 32"]
    included = set()

    def add(name):
        if name in included:
            return
        included.add(name)
        path = next(p for p in (kernels / name, kernels.parent / "include" / name) if p.is_file())
        lines.append(f'#line 1 "{name}"')
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = re.match(r'#include "([^"]*)"', line)
            if found:
                add(found.group(1))
                lines.append(f'#line {number + 1} "{name}"')
            else:
                lines.append("" if line == "#pragma once" else line)

    add(f"programs/{program}.cl")
    return "\n".join(lines) + "\n"


class Builder:
    """Runs compilers, and keeps what they gave by all that they were given."""

    def __init__(self, cache):
        self.cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def run(self, command, text, produce=None):
        """The command's output for a text; produce: from its files, of which {out} is the folder."""
        key = hashlib.sha256(json.dumps([command, version(command[0])]).encode() + text.encode())
        kept = self.cache / key.hexdigest()
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=self.cache) as out:
                done = subprocess.run([word.replace("{out}", out) for word in command], cwd=out,
                                      input=text, capture_output=True, text=True, check=False)
                result = {"failed": done.returncode != 0,
                          "output": done.stdout, "said": done.stderr}
                if produce and not result["failed"]:
                    result.update(produce(Path(out)))
                made = Path(out) / "result"
                made.write_text(json.dumps(result), encoding="utf-8")
                made.rename(kept)
        result = json.loads(kept.read_text(encoding="utf-8"))
        if result["failed"]:
            raise Failed(f"{command[0]}: {(result['said'] + result['output']).strip()[:2000]}")
        return result


VERSIONS = {}


def version(tool):
    if tool not in VERSIONS:
        path = find(tool)
        stat = os.stat(path)
        VERSIONS[tool] = f"{path} {stat.st_size} {stat.st_mtime_ns}"
    return VERSIONS[tool]


def find(tool):
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"])
    return shutil.which(tool, path=places)


def first(*paths):
    return next((path for path in paths if Path(path).is_file()), paths[0])


def elf_sections(data):
    """Names and sizes of an ELF file's sections."""
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3a)
    heads = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]
    base = heads[names][4]

    def name(at):
        return data[base + at:data.index(b"\0", base + at)].decode()

    return {name(head[0]): head[5] for head in heads}


def widest(loads):
    """Bytes of the widest of [(lanes, bits of one)]."""
    return max((lanes * bits // 8 for lanes, bits in loads), default=0)


class Nvidia:
    """clang to PTX for sm_80, as a driver's front end makes one for all; ptxas for the device."""
    family = "nvidia"

    def __init__(self, name):
        self.name = name
        self.library = "/usr/lib/clc/nvptx64--nvidiacl.bc"

    def missing(self):
        return [tool for tool in ("clang-19", "ptxas") if not find(tool)] + (
            [] if Path(self.library).is_file() else ["libclc-19"])

    def figures(self, builder, text, inlined):
        ptx = builder.run([*CLANG, "-target", "nvptx64-nvidia-nvcl", "-Xclang", "-target-cpu",
                           "-Xclang", "sm_80", "-Xclang", "-target-feature", "-Xclang", "+ptx80",
                           "-Xclang", "-mlink-builtin-bitcode", "-Xclang", self.library,
                           *(INLINE if inlined else ())], text)["output"]
        made = builder.run([find("ptxas"), "-v", f"-arch={self.name}", "-o", "{out}/cubin",
                            "/dev/stdin"], ptx, lambda out: {
                                "sections": elf_sections((out / "cubin").read_bytes())})
        return self.read(ptx, made)

    def read(self, ptx, made):
        kernels = {}
        for part in re.split(r"Compiling entry function '", made["said"])[1:]:
            name = part.split("'", 1)[0]
            used = re.search(r"Used (\d+) registers(.*)", part)
            shared = re.search(r"(\d+) bytes smem", used.group(2))
            spills = [int(n) for n in re.findall(r"(\d+) bytes spill", part)]
            stack = max(int(n) for n in re.findall(r"(\d+) bytes (?:stack frame|cumulative stack)",
                                                   part))
            kernels[name] = {"registers": int(used.group(1)), "stack": stack,
                             "spills": sum(spills), "local": int(shared.group(1)) if shared else 0,
                             "code": made["sections"][f".text.{name}"], "load": 0}
        bodies = re.split(r"^(?:\.visible )?\.(?:entry|func)\b[^\n]*?(\w+)\(", ptx, flags=re.M)
        loads = {name: widest((int(v or 1), int(bits)) for v, bits in re.findall(
            r"ld\.global(?:\.nc)?(?:\.v(\d))?\.[a-z](\d+)", body))
                 for name, body in zip(bodies[1::2], bodies[2::2])}
        calls = {name: set(re.findall(r"^\s*(lms_\w+),", body, flags=re.M))
                 for name, body in zip(bodies[1::2], bodies[2::2])}
        for name, kernel in kernels.items():
            kernel["load"] = max(loads[callee] for callee in reach(calls, name) if callee in loads)
        return kernels


def reach(calls, name):
    """All functions that are called from this one, and itself."""
    seen, new = set(), [name]
    while new:
        callee = new.pop()
        if callee not in seen:
            seen.add(callee)
            new.extend(calls.get(callee, ()))
    return seen


class Amd:
    """clang with ROCm's device libraries, as ROCm's OpenCL builds programs."""
    family = "amd"

    def __init__(self, name):
        self.name = name
        self.folder = Path("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode")

    def missing(self):
        return [tool for tool in ("clang-19",) if not find(tool)] + (
            [] if (self.folder / "opencl.bc").is_file() else ["rocm-device-libs"])

    def libraries(self):
        wave = "on" if self.name.startswith("gfx9") else "off"
        names = ["opencl", "ocml", "ockl", "oclc_daz_opt_off", "oclc_unsafe_math_off",
                 "oclc_finite_only_off", "oclc_correctly_rounded_sqrt_on",
                 f"oclc_wavefrontsize64_{wave}", "oclc_abi_version_500"]
        # Devices that are newer than the libraries: the latest before them. It only tells
        # functions of mathematics what the device has.
        isa = [p.stem for p in self.folder.glob("oclc_isa_version_*.bc")]
        own = f"oclc_isa_version_{self.name[3:]}"
        same = [name for name in isa if len(name) == len(own) and name <= own]
        names.append(max(same) if same else max(isa, key=lambda n: (len(n), n)))
        return [word for name in names for word in (
            "-Xclang", "-mlink-builtin-bitcode", "-Xclang", str(self.folder / f"{name}.bc"))]

    def figures(self, builder, text, inlined):
        made = builder.run([*CLANG, "-target", "amdgcn-amd-amdhsa", f"-mcpu={self.name}",
                            "-nogpulib", "-mcode-object-version=5", *self.libraries(), "-mllvm",
                            "-amdgpu-internalize-symbols", *(INLINE if inlined else ())], text)
        return self.read(made["output"])

    def read(self, text):
        functions = {}
        for name, body in re.findall(r"^(\w+):\s*; @\1\n(.*?)^\.Lfunc_end\d+:(?:.*?)codeLenInByte",
                                     text, flags=re.M | re.S):
            functions[name] = body
        sizes = [int(n) for n in re.findall(r"codeLenInByte = (\d+)", text)]
        sizes = dict(zip(functions, sizes))
        calls = {name: set(re.findall(r"(lms_\w+)@", body)) for name, body in functions.items()}
        kernels = {}
        metadata = text.split("amdhsa.kernels:", 1)[1].split("amdhsa.target:", 1)[0]
        for part in re.split(r"^  - ", metadata, flags=re.M)[1:]:
            fields = dict(re.findall(r"^ *\.(\w+): +(\S+)$", part, flags=re.M))
            name = fields["name"]
            all_of_it = [f for f in reach(calls, name) if f in functions]
            loads = [int(n or 1) for f in all_of_it for n in re.findall(
                r"global_load_(?:dword|b)(?:x(\d))?", functions[f])]
            kernels[name] = {
                "registers": int(fields["vgpr_count"]),
                "stack": int(fields["private_segment_fixed_size"]),
                "spills": 4 * int(fields["vgpr_spill_count"]),
                "local": int(fields["group_segment_fixed_size"]),
                "code": sum(sizes[f] for f in all_of_it), "load": 4 * max(loads, default=0)}
        return kernels


DEVICES = [Nvidia("sm_80"), Nvidia("sm_90"), Nvidia("sm_100"), Amd("gfx90a"), Amd("gfx942"),
           Amd("gfx1100"), Amd("gfx1201")]


def arguments():
    parser = argparse.ArgumentParser(description="GPU compilers' figures of the kernels.")
    parser.add_argument("--kernels", type=Path, default=ROOT / "kernels", metavar="FOLDER",
                        help="those of another checkout")
    parser.add_argument("--only", action="append", metavar="NAME", help="a program or a kernel")
    parser.add_argument("--device", action="append", metavar="NAME", help="such as sm_90")
    parser.add_argument("--type", action="append", choices=list(TYPES))
    parser.add_argument("--team", action="append", type=int)
    parser.add_argument("--inlined", action="store_true", help="only with everything inlined")
    parser.add_argument("--table", action="store_true", help="print all figures")
    return parser.parse_args()


def main():
    options = arguments()
    kernels = options.kernels.resolve()
    programs = sorted(path.stem for path in (kernels / "programs").glob("*.cl"))
    if options.only and set(options.only) & set(programs):
        programs = [name for name in programs if name in options.only]
    wanted = set(options.only or ()) - set(programs)
    cache = Path(os.environ.get("LMS_CHECK_DIR", ROOT / "build-check")) / "gpu-compile"
    builder = Builder(cache)
    devices = [d for d in DEVICES if not options.device or d.name in options.device]
    for device in devices:
        for what in device.missing():
            print(f"not checked: {device.name}: missing: {what}")
    devices = [d for d in devices if not d.missing()]
    work = [(device, program, elements, team, inlined)
            for program in programs for elements in options.type or TYPES
            for team in options.team or TEAMS for device in devices
            for inlined in ((True,) if options.inlined else (False, True))]

    def do(item):
        device, program, elements, team, inlined = item
        try:
            return device.figures(builder, join(kernels, program, elements, team), inlined)
        except Failed as error:
            return str(error)

    failed = False
    print(f"{'kernel':24} {'device':8} {'type':8} {'team':>4} {'':7}", *(f"{f:>9}" for f in FIGURES))
    with ThreadPoolExecutor(2) as pool:
        for item, result in zip(work, pool.map(do, work)):
            device, program, elements, team, inlined = item
            how = "inlined" if inlined else ""
            if isinstance(result, str):
                failed = True
                print(f"{program}.cl: {device.name} {elements} team {team} {how}: {result}")
                continue
            for name, figures in result.items():
                if not wanted or name in wanted:
                    print(f"{name:24} {device.name:8} {elements:8} {team:4} {how:7}",
                          *(f"{figures[f]:9}" for f in FIGURES), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
