#!/usr/bin/env python3
"""gpu_compile.py - every kernel through the compilers of GPUs, without a GPU. What they make of it is
held against the limits of gpu_limits.txt, and fails by name: kernel, variant, device, figure and limit.

    tests/check/gpu_compile.py --table --only lms_sample --device sm_90 --type float32 --team 256

Figures: registers of a work-item; its stack (scratch) and what is spilled, bytes; local memory of a
work-group; code with all functions it calls, bytes; load: the widest read of global memory, in tile
kernels that of the tile loop, bytes; tiles, sums: instructions of that loop for 8 tokens of a
work-item, which are 256 of a warp, without and with sums (gpu_loops.py says how they are counted),
inf if there is no such loop.
Intel's registers are 32 bytes (pvc: 64) and shared by the work-items of a thread; what it spills is
counted in registers."""

import argparse
import collections
import fnmatch
import hashlib
import json
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gpu_loops

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"float32": 1, "float16": 2, "bfloat16": 3}  # lms_dtype
TEAMS = (64, 128, 256)
FIGURES = ("registers", "stack", "spills", "local", "code", "load", "tiles", "sums")
CL = ("-cl-std=CL1.2", "-D__OPENCL_VERSION__=120", "-w", "-Xclang", "-finclude-default-header")
INLINE = ("-mllvm", "-inline-threshold=1000000")  # in the place of a driver that inlines it all
BUILD = Path(os.environ.get("LMS_CHECK_DIR", ROOT / "build-check"))
FOLDERS = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/cuda/bin",
           *(str(path) for path in BUILD.glob("cuda/nvidia/*/bin"))]


class Failed(Exception):
    """A compiler has failed; what it says."""


def join(kernels, program, elements, team):
    """A program's text, as host/base/program.c and source.c give it to an OpenCL runtime."""
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


class Tools:
    """Runs compilers, and keeps what they gave by all that they were given."""

    def __init__(self, cache):
        self.cache = cache
        self.locks = collections.defaultdict(threading.Lock)
        cache.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def find(tool):
        return shutil.which(tool, path=os.pathsep.join(FOLDERS))

    def identity(self, word):
        """Of programs and libraries: another version is another one."""
        path = self.find(word) or word
        if not os.path.isfile(path):
            return word
        stat = os.stat(path)
        return [word, stat.st_size, stat.st_mtime_ns]

    def run(self, commands, text, gather):
        """What gather() makes of the folder the commands were run in, and of what they said. The
        text is a file there."""
        identity = [[self.identity(word) for word in command] for command in commands]
        key = hashlib.sha256((json.dumps(identity) + gather.__qualname__ + text).encode())
        for source in (__file__, gpu_loops.__file__):
            key.update(Path(source).read_bytes())
        kept = self.cache / key.hexdigest()
        with self.locks[kept]:
            if not kept.exists():
                self.fill(kept, commands, text, gather)
        result = json.loads(kept.read_text(encoding="utf-8"))
        if "failed" in result:
            raise Failed(result["failed"])
        return result["made"]

    def fill(self, kept, commands, text, gather):
        with tempfile.TemporaryDirectory(dir=self.cache) as name:
            folder, said = Path(name), ""
            (folder / "text").write_text(text, encoding="utf-8")
            # ocloc disassembles by a library that Debian has under another name.
            environment = dict(os.environ, LD_LIBRARY_PATH=name)
            for iga in Path("/usr/lib").glob("*/libiga64.so.1"):
                (folder / "libiga64.so").symlink_to(iga)
            result = {}
            for command in commands:
                done = subprocess.run([self.find(command[0]), *command[1:]], cwd=folder,
                                      capture_output=True, text=True, check=False, env=environment)
                said += done.stdout + done.stderr
                if done.returncode != 0:
                    result["failed"] = (f"{command[0]} has failed ({done.returncode}): "
                                        f"{(done.stdout + done.stderr).strip()[-1500:]}")
                    break
            else:
                result["made"] = gather(folder, said)
            made = folder / "made"
            made.write_text(json.dumps(result), encoding="utf-8")
            made.rename(kept)


def elf_sections(path):
    """Names and contents of an ELF file's sections."""
    data = path.read_bytes()
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3a)
    heads = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]

    def name(at):
        begin = heads[names][4] + at
        return data[begin:data.index(b"\0", begin)].decode()

    return {name(head[0]): data[head[4]:head[4] + head[5]] for head in heads}


def reach(functions, name):
    """The texts of all functions that are called from this one, and its own."""
    seen, new = {}, [name]
    while new:
        one = new.pop()
        if one in functions and one not in seen:
            seen[one] = functions[one]
            new.extend(re.findall(r"\blms_\w+", functions[one]))
    return seen


def loads_and_loops(language, texts, name, elements):
    """Figures of what a kernel reads, and of the tile loop where it has one."""
    figures = {"load": max((load for text in texts for block in gpu_loops.blocks_of(language, text)
                            for load in block.loads), default=0)}
    if "tile" in name:
        figures.update(tiles=float("inf"), sums=float("inf"))  # where there is no such loop
        for text in texts:
            found = gpu_loops.count(language, text, 4 if elements == "float32" else 2)
            figures.update(found if "tiles" in found else {})
    return figures


class Device:
    """A compiler for a device: what it needs, and what it makes of a program's text. The main one of
    a family is for all teams; what the others say of a smaller team is no news."""
    family = ""
    can_inline = False

    def __init__(self, name, is_main=False):
        self.name = name
        self.is_main = is_main

    def needs(self):
        """{tool or file: the package that has it}"""
        raise NotImplementedError

    def missing(self):
        return sorted({package for what, package in self.needs().items()
                       if not Tools.find(what) and not os.path.isfile(what)})

    def figures(self, tools, text, elements, inlined):
        """{kernel: its figures}"""
        raise NotImplementedError


class Ptx(Device):
    """clang's PTX for sm_80, which serves all later devices: what it reads, and the tile loop."""
    family = "ptx"
    builtins = "/usr/lib/clc/nvptx64--nvidiacl.bc"

    def needs(self):
        return {"clang-19": "clang-19", self.builtins: "libclc-19"}

    def ptx(self, tools, text, inlined):
        if inlined:
            plain = self.ptx(tools, text, False)
            if not self.has_calls(plain):
                return plain
        return tools.run([["clang-19", "-x", "cl", *CL, "-O3", "-target", "nvptx64-nvidia-nvcl",
                           "-Xclang", "-target-cpu", "-Xclang", "sm_80", "-Xclang",
                           "-target-feature", "-Xclang", "+ptx80", "-Xclang",
                           "-mlink-builtin-bitcode", "-Xclang", self.builtins,
                           *(INLINE if inlined else ()), "-S", "-o", "ptx", "text"]], text,
                         lambda folder, said: (folder / "ptx").read_text(encoding="utf-8"))

    @staticmethod
    def kernels(ptx):
        """{kernel: the texts of its functions}"""
        functions = dict(re.findall(r"^(?:\.visible )?\.(?:entry|func)\b[^\n]*?(\w+)\((.*?^\})", ptx,
                                    flags=re.M | re.S))
        return {name: reach(functions, name) for name in re.findall(r"\.entry (\w+)\(", ptx)}

    def has_calls(self, ptx):
        return any(len(texts) > 1 for texts in self.kernels(ptx).values())

    def figures(self, tools, text, elements, inlined):
        return {name: loads_and_loops("ptx", texts.values(), name, elements)
                for name, texts in self.kernels(self.ptx(tools, text, inlined)).items()}


class Nvidia(Ptx):
    """ptxas on the same PTX. Loops are counted where there is a disassembler."""
    family = "nvidia"
    can_inline = True

    def needs(self):
        return {**super().needs(), "ptxas": "ptxas (of the CUDA toolkit)"}

    def figures(self, tools, text, elements, inlined):
        ptx = self.ptx(tools, text, inlined)
        commands = [["ptxas", "-v", f"-arch={self.name}", "-o", "cubin", "text"]]
        if tools.find("nvdisasm"):
            commands.append(["sh", "-c", "nvdisasm=$1; \"$nvdisasm\" -c cubin >sass", "sh",
                             tools.find("nvdisasm")])

        def gather(folder, said):
            sections = elf_sections(folder / "cubin")
            kernels = {}
            for part in said.split("Compiling entry function '")[1:]:
                name = part.split("'", 1)[0]
                shared = re.search(r"(\d+) bytes smem", part)
                kernels[name] = {
                    "registers": int(re.search(r"Used (\d+) registers", part).group(1)),
                    "stack": max(int(n) for n in re.findall(
                        r"(\d+) bytes (?:stack frame|cumulative stack)", part)),
                    "spills": sum(int(n) for n in re.findall(r"(\d+) bytes spill", part)),
                    "local": int(shared.group(1)) if shared else 0,
                    "code": len(sections[f".text.{name}"])}
            sass = folder / "sass"
            parts = re.split(r"^\.text\.(\w+):", sass.read_text(encoding="utf-8") if
                             sass.exists() else "", flags=re.M)
            for name, body in zip(parts[1::2], parts[2::2]):
                kernels[name].update(loads_and_loops("sass", [body], name, elements))
            return kernels

        return tools.run(commands, ptx + f"// {elements}\n", gather)


class Amd(Device):
    """clang with ROCm's device libraries and options, as ROCm builds OpenCL programs."""
    family = "amd"
    can_inline = True

    def needs(self):
        return {"clang-19": "clang-19", str(self.folder() / "opencl.bc"): "rocm-device-libs"}

    @staticmethod
    def folder():
        places = [Path(place, "amdgcn/bitcode")
                  for place in ("/usr/lib/x86_64-linux-gnu", "/opt/rocm")]
        return next((place for place in places if place.is_dir()), places[0])

    def libraries(self):
        folder = self.folder()
        wave = "on" if self.name.startswith("gfx9") else "off"
        names = ["opencl", "ocml", "ockl", "oclc_daz_opt_off", "oclc_unsafe_math_off",
                 "oclc_finite_only_off", "oclc_correctly_rounded_sqrt_on",
                 f"oclc_wavefrontsize64_{wave}", "oclc_abi_version_500"]
        # Libraries that are older than a device: as of the latest that they know. They ask for
        # it in a few functions of mathematics.
        known = [path.stem for path in folder.glob("oclc_isa_version_*.bc")]
        own = f"oclc_isa_version_{self.name[3:]}"
        alike = [name for name in known if len(name) == len(own) and name <= own]
        names.append(max(alike or known, key=lambda name: (len(name), name)))
        return [word for name in names for word in (
            "-Xclang", "-mlink-builtin-bitcode", "-Xclang", str(folder / f"{name}.bc"))]

    def figures(self, tools, text, elements, inlined):
        def gather(folder, said):
            assembly = (folder / "assembly").read_text(encoding="utf-8")
            parts = re.findall(r"^(\w+):\s*; @\1\n(.*?)^\.Lfunc_end.*?codeLenInByte = (\d+)",
                               assembly, flags=re.M | re.S)
            functions = {name: body for name, body, _ in parts}
            sizes = {name: int(size) for name, _, size in parts}
            metadata = assembly.split("amdhsa.kernels:", 1)[1].split("amdhsa.target:", 1)[0]
            kernels = {}
            has_calls = False
            for part in re.split(r"^  - ", metadata, flags=re.M)[1:]:
                fields = dict(re.findall(r"^ *\.(\w+): +(\S+)$", part, flags=re.M))
                name = fields["name"]
                texts = reach(functions, name)
                has_calls = has_calls or len(texts) > 1
                kernels[name] = {
                    "registers": int(fields["vgpr_count"]),
                    "stack": int(fields["private_segment_fixed_size"]),
                    "spills": 4 * int(fields["vgpr_spill_count"]),
                    "local": int(fields["group_segment_fixed_size"]),
                    "code": sum(sizes[one] for one in texts),
                    **loads_and_loops("amd", texts.values(), name, elements)}
            return kernels, has_calls

        def build(*inline):
            return tools.run([[
                "clang-19", "-x", "cl", *CL, "-O3", "-target", "amdgcn-amd-amdhsa",
                f"-mcpu={self.name}", "-nogpulib", "-mcode-object-version=5", *self.libraries(),
                "-mllvm", "-amdgpu-internalize-symbols", *inline, "-S", "-o", "assembly", "text"]],
                             text + f"// {elements}\n", gather)

        kernels, has_calls = build()
        return build(*INLINE)[0] if inlined and has_calls else kernels


class Intel(Device):
    """ocloc, which is the compiler of Intel's driver; and its SPIR-V is validated."""
    family = "intel"

    def needs(self):
        return {"ocloc": "ocloc (of intel-opencl-icd)"}

    def figures(self, tools, text, elements, inlined):
        commands = [["ocloc", "compile", "-file", "text", "-device", self.name, "-options",
                     "-cl-std=CL1.2 -cl-kernel-arg-info", "--format", "zebin", "-exclude_ir",
                     "-output", "program", "-output_no_suffix"],
                    ["ocloc", "disasm", "-file", "program", "-device", self.name, "-dump", "."]]
        if tools.find("spirv-val"):
            commands.append(["spirv-val", "program.spv"])

        def gather(folder, said):
            sections = elf_sections(folder / "program")
            spilled = {name: int(n) for name, n in re.findall(
                r"kernel (\w+) .*spilled around (\d+)", said)}
            info = sections[".ze_info"].decode().split("kernels_misc_info", 1)[0]
            kernels = {}
            for part in re.split(r"^  - name: +", info, flags=re.M)[1:]:
                name = part.split("\n", 1)[0].strip()
                if not name.startswith("lms_"):  # a table of functions that are called
                    continue
                fields = dict(re.findall(r"^ +(\w+): +(\d+)$", part, flags=re.M))
                scratch = part.split("per_thread_memory_buffers", 1)[1:]
                bytes_ = sum(int(n) for text in scratch for n in re.findall(r"size: +(\d+)", text))
                assembly = folder / f".text.{name}.asm"
                kernels[name] = {
                    "registers": int(fields["grf_count"]),
                    "stack": bytes_ // int(fields.get("simd_size", 8)),
                    "spills": spilled.get(name, 0), "local": int(fields.get("slm_size", 0)),
                    "code": len(sections[f".text.{name}"])}
                if assembly.exists():
                    kernels[name]["load"] = self.widest(assembly.read_text(encoding="utf-8"))
            return kernels

        return tools.run(commands, text, gather)

    @staticmethod
    def widest(assembly):
        """Reads of a work-item, not those that a thread does for all of its work-items."""
        sizes = [int(bits) // 8 * int(lanes) for bits, lanes in re.findall(
            r"load\.ugm\.d(\d+)x(\d)\.", assembly)]
        sizes += [4 * len(lanes) for lanes in re.findall(
            r"untyped surface read with ([xyzw]+)", assembly)]
        return max(sizes, default=4)


class SpirV(Device):
    """SPIR-V by clang and its translator, as for runtimes that take no source; only validated."""
    family = "spirv"

    def version(self):
        return next((n for n in range(30, 13, -1)
                     if Tools.find(f"clang-{n}") and Tools.find(f"llvm-spirv-{n}")), None)

    def needs(self):
        return {"spirv-val": "spirv-tools", f"llvm-spirv-{self.version()}": "llvm-spirv and clang"}

    def figures(self, tools, text, elements, inlined):
        number = self.version()
        tools.run([[f"clang-{number}", "-x", "cl", *CL, "-O0", "-target", "spir64", "-emit-llvm",
                    "-c", "-o", "bitcode", "text"],
                   [f"llvm-spirv-{number}", "bitcode", "-o", "spv"], ["spirv-val", "spv"]], text,
                  lambda folder, said: None)
        return {}


DEVICES = [Ptx("ptx", is_main=True), Nvidia("sm_90", is_main=True), Nvidia("sm_80"),
           Nvidia("sm_100"), Amd("gfx942", is_main=True), Amd("gfx90a"), Amd("gfx1100"),
           Amd("gfx1201"), Intel("dg2", is_main=True), Intel("tgllp"), Intel("pvc"),
           SpirV("spirv", is_main=True)]


class Limits:
    """The table of gpu_limits.txt. The last line that is about a kernel and a device, or its family,
    counts. Kernels are called program/kernel; lines without a program are about all of them."""

    def __init__(self, path):
        lines = [line.split("#", 1)[0].split() for line in
                 path.read_text(encoding="utf-8").splitlines()]
        self.lines = [(words[0], words[1], dict(zip(FIGURES, words[2:])))
                      for words in lines if words and words[0] != "kernel"]

    def of(self, kernel, family, device=""):
        alone = kernel.rsplit("/", 1)[-1]
        found = [limits for pattern, of, limits in self.lines
                 if (of == family or fnmatch.fnmatch(device, of)) and
                 fnmatch.fnmatch(kernel if "/" in pattern else alone, pattern)]
        return {figure: int(limit) for figure, limit in (found[-1] if found else {}).items()
                if limit != "-"}


class Results:
    """The figures of all variants, and what is wrong with them."""

    def __init__(self, limits):
        self.limits = limits
        self.worst = {}  # (kernel, device, inlined): figures
        self.over = collections.defaultdict(list)  # (kernel, device, figure): [(by, value, variant)]
        self.failures = []

    def add(self, device, kernel, figures, variant, inlined):
        worst = self.worst.setdefault((kernel, device.name, inlined), dict(figures))
        limits = self.limits.of(kernel, device.family, device.name)
        for figure, value in figures.items():
            choose = min if figure == "load" else max
            worst[figure] = choose(worst.get(figure, value), value)
            limit = limits.get(figure)
            if limit is not None and (value < limit if figure == "load" else value > limit):
                self.over[kernel, device.name, figure].append((abs(value - limit), value, limit,
                                                               variant))

    def print_worst(self):
        print(f"\nThe worst of all variants:\n{'kernel':38} {'device':7} {'':7}",
              *(f"{figure:>9}" for figure in FIGURES))
        for (kernel, device, inlined), figures in sorted(self.worst.items()):
            print(row(kernel, device, "", inlined, figures))

    def print_wrong(self):
        for text in self.failures:
            print(f"FAIL {text}")
        lines = collections.defaultdict(list)
        for (kernel, device, figure), found in sorted(self.over.items()):
            _, value, limit, variant = max(found)
            least = "at least" if figure == "load" else "at most"
            others = f"; {len(found)} variants" if len(found) > 1 else ""
            lines[kernel, device].append(f"{figure} {value}, {least} {limit} ({variant}{others})")
        for (kernel, device), texts in lines.items():
            print(f"FAIL {kernel} on {device}: {'; '.join(texts)}")
        return bool(self.failures or self.over)


def row(kernel, device, variant, inlined, figures):
    return " ".join([f"{kernel:38} {device:7} {variant}{'inlined' if inlined else '':7}",
                     *(f"{figures.get(figure, '-'):>9}" for figure in FIGURES)])


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", type=Path, default=ROOT / "kernels", metavar="FOLDER",
                        help="those of another checkout")
    parser.add_argument("--only", action="append", metavar="NAME", help="a program or a kernel")
    parser.add_argument("--device", action="append", choices=[device.name for device in DEVICES])
    parser.add_argument("--type", action="append", choices=list(TYPES))
    parser.add_argument("--team", action="append", type=int)
    parser.add_argument("--table", action="store_true", help="the figures of every variant")
    return parser.parse_args()


def has(kernels, program, kernel):
    return re.search(rf"\bvoid {kernel}\(", join(kernels, program, "float32", 64)) is not None


def wanted_work(options, devices):
    """The variants to compile, and the kernels of which figures are wanted: all if there are none."""
    programs = sorted(path.stem for path in (options.kernels / "programs").glob("*.cl"))
    only = set(options.only or programs)
    kernels = only - set(programs)
    for kernel in sorted(kernels):  # one program that has it will do
        only.update([name for name in programs if has(options.kernels, name, kernel)][:1])
    work = [(device, program, elements, team, inlined)
            for program in programs if program in only
            for elements in options.type or TYPES for device in devices
            for team in options.team or (TEAMS if device.is_main else TEAMS[-1:])
            for inlined in ((False, True) if device.is_main and device.can_inline else (False,))]
    return work, kernels


def main():
    options = arguments()
    options.kernels = options.kernels.resolve()
    tools = Tools(BUILD / "gpu-compile")
    devices = [d for d in DEVICES if not options.device or d.name in options.device]
    work, kernels = wanted_work(options, [d for d in devices if not d.missing()])
    results = Results(Limits(Path(__file__).with_name("gpu_limits.txt")))

    def compile_one(item):
        device, program, elements, team, inlined = item
        try:
            return device.figures(tools, join(options.kernels, program, elements, team), elements,
                                  inlined)
        except Failed as error:
            return error

    if options.table:
        print(f"{'kernel':38} {'device':7} {'type':8} team {'':7}",
              *(f"{figure:>9}" for figure in FIGURES))
    with ThreadPoolExecutor(2) as pool:
        for item, result in zip(work, pool.map(compile_one, work)):
            device, program, elements, team, inlined = item
            variant = f"{elements}, team {team}" + (", inlined" if inlined else "")
            if isinstance(result, Failed):
                results.failures.append(f"{program}.cl on {device.name}, {variant}: {result}")
                continue
            for kernel, figures in result.items():
                if kernels and kernel not in kernels:
                    continue
                called = f"{program}/{kernel}"
                results.add(device, called, figures, variant, inlined)
                if options.table:
                    print(row(called, device.name, f"{elements:8} {team:4} ", inlined, figures),
                          flush=True)
    results.print_worst()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    print(f"\n{len(work)} builds, {sum(u.ru_utime + u.ru_stime for u in used):.0f} s of processor time "
          "for those that were not in the cache")
    for device in devices:
        if device.missing():
            print(f"SKIP: {device.name} is not checked: missing: {', '.join(device.missing())}")
    if any(device.family == "nvidia" for device in devices) and not tools.find("nvdisasm"):
        print("SKIP: the tile loop's instructions are counted in PTX alone: missing: nvdisasm")
    return results.print_wrong()


if __name__ == "__main__":
    sys.exit(main())
