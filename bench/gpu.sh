#!/usr/bin/env bash
# gpu.sh - build, correctness and benchmark on a machine with a GPU, in one go of under 8 minutes. A part
# that fails or takes too long is said in the summary, and the next one follows.
#
# Needs Debian or Ubuntu, a C and a C++ compiler, CMake, make and Python 3 with numpy; installs
# nothing and writes to no place but its folder and a temporary one. The driver's OpenCL file
# (.icd), the OpenCL loader, headers and libraries may be missing: --pack fetches them on a machine
# with a network, --from takes them from the folder that was carried along.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
driver_name=libnvidia-opencl.so.1
limit=470
rows=256
vocab=128256
device=NVIDIA
quick=0
driver=''
carried=''
python_version=3.12
pack=''
out=''

# Loader, headers, and what tests and benchmarks link to. Debian's and Ubuntu's names.
debs=(ocl-icd-libopencl1 ocl-icd-opencl-dev opencl-c-headers opencl-clhpp-headers libjson-c5
    libjson-c-dev libcsv3 libcsv-dev libcmocka0 libcmocka-dev clinfo clitest pkgconf pkgconf-bin
    libpkgconf3)
# FlashInfer with what it imports besides PyTorch. Later ones are three times as large.
wheels=(flashinfer-python==0.6.18.post1 apache-tvm-ffi nvidia-ml-py tqdm pytest iniconfig pluggy)

usage() {
    cat <<'TEXT'
usage: bench/gpu.sh OUT [options]      build, test and measure; all that is found is in OUT
       bench/gpu.sh --pack DIR         fetch what such a machine may lack, on one with a network
  --from DIR       take loader, headers, libraries and wheels from what --pack fetched
  --driver FILE    the driver's OpenCL library (default: libnvidia-opencl.so.1, looked for)
  --device NAME    a part of the device's name (NVIDIA); another one needs no --driver if the
                   system has its .icd
  --quick          a few small cases of each part, to try the script: say --device pocl
  --rows N         rows of the large batch (256)
  --vocab N        tokens of a row (128256)
  --seconds N      ends by then (470)
  --python X.Y     for --pack: that machine's Python (3.12)
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'gpu.sh: %s\n' "$*" >&2
    exit 1
}

parse() {
    local value
    while (($#)); do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --quick) quick=1 ;;
        --from | --driver | --device | --rows | --vocab | --seconds | --python | --pack)
            if (($# < 2)) || [[ -z $2 ]]; then fail "$1: needs a value"; fi
            value=$2
            case $1 in
            --from) carried=$value ;;
            --driver) driver=$value ;;
            --device) device=$value ;;
            --rows) rows=$value ;;
            --vocab) vocab=$value ;;
            --seconds) limit=$value ;;
            --python) python_version=$value ;;
            --pack) pack=$value ;;
            esac
            shift
            ;;
        -*) fail "there is no option $1 (--help lists them)" ;;
        *)
            [[ -z $out ]] || fail "takes one folder for the results: \"$out\" or \"$1\"?"
            out=$1
            ;;
        esac
        shift
    done
    for value in "$rows" "$vocab" "$limit"; do
        [[ $value =~ ^[1-9][0-9]{0,6}$ ]] || fail "\"$value\" is not a number from 1 to 9999999"
    done
    [[ $python_version =~ ^3\.[0-9]+$ ]] || fail "--python: \"$python_version\" is not like 3.12"
    ((!quick)) || { rows=4 vocab=4096; }
    [[ -n $out || -n $pack ]] || fail "needs a folder for the results (--help)"
    [[ -z $out || -z $pack ]] || fail "either measures or packs: leave out \"$out\" or --pack"
}

# --- Fetching what may be missing there --------------------------------------------------------

fetch() {
    local name failed=0 tag='' part
    local -a platforms=()
    mkdir -p -- "$pack/debs" "$pack/wheels" || fail "--pack: cannot make the folder $pack"
    command -v apt-get >/dev/null || fail "--pack: needs apt-get (Debian or Ubuntu)"
    for name in "${debs[@]}"; do
        if ! (cd -- "$pack/debs" && apt-get -q download "$name" >/dev/null 2>"$name.err"); then
            say "  $name: not fetched: $(tail -n 1 -- "$pack/debs/$name.err")" >&2
            failed=1
        fi
        rm -f -- "$pack/debs/$name.err"
    done
    for part in 2_28 2_27 2_17 2014 1; do
        [[ $part == *_* ]] && tag=manylinux_$part || tag=manylinux$part
        platforms+=(--platform "${tag}_$(uname -m)")
    done
    for name in "${wheels[@]}"; do
        python3 -m pip --disable-pip-version-check download -q --no-deps --only-binary=:all: \
            --implementation cp --python-version "$python_version" "${platforms[@]}" \
            -d "$pack/wheels" "$name" || failed=1
    done
    note_bits
    ((failed == 0)) || fail "--pack: some of it could not be fetched (apt-get update?)"
    say "fetched: $(du -sh -- "$pack" | cut -f1) in $pack"
}

# What this machine's own device gives, for the other to be held against.
note_bits() {
    if [[ -e ${LMSAMPLE_LIBRARY:-$root/build/liblmsample.so.0} ]]; then
        python3 -B "$root/bench/peers_bits.py" --write "$pack/bits.json" &&
            return
    fi
    say "without bits to compare with: build the library first (./run test), and have numpy" >&2
}

# --- What is here ------------------------------------------------------------------------------

left() { printf '%d' $((limit - SECONDS)); }

# Runs a command for at most so many seconds, and never longer than there is time.
within() {
    local most=$1 rest
    shift
    rest=$(($(left) - 5))
    ((rest > 2)) || {
        say "no time left for: $*"
        return 124
    }
    printf '%q ' "$@" >>"$out/commands.txt"
    printf '\n' >>"$out/commands.txt"
    timeout -k 5 "$((most < rest ? most : rest))" "$@"
}

result() {
    printf '%-22s %s\n' "$1" "$2" | tee -a "$out/summary.txt"
}

find_driver() {
    local found
    if [[ -n $driver ]]; then
        [[ -e $driver ]] || fail "--driver: there is no file $driver"
        driver=$(readlink -f -- "$driver")
        return
    fi
    driver=$(ldconfig -p 2>/dev/null | awk -v name="$driver_name" '$1 == name { print $NF; exit }')
    if [[ -z $driver ]]; then
        found=$(find /usr/local/nvidia /usr/lib /usr/lib64 /usr/local/cuda* /opt /run \
            -name "$driver_name" -print -quit 2>/dev/null || true)
        driver=$found
    fi
    [[ -n $driver || $device != NVIDIA ]] || fail "$driver_name is not here: the NVIDIA driver's OpenCL library
(a container needs the \"compute\" capability: NVIDIA_DRIVER_CAPABILITIES=compute,utility)"
}

# The driver compiles kernels with a library of its own, without which builds fail wordlessly.
check_compiler() {
    [[ $(basename -- "$driver") == libnvidia-opencl* ]] || return 0
    compgen -G "$(dirname -- "$driver")/libnvidia-nvvm.so*" >/dev/null ||
        ldconfig -p 2>/dev/null | grep -q libnvidia-nvvm ||
        say "warning: libnvidia-nvvm.so.4 is not beside $driver: kernels may not compile" >&2
}

# Registers the driver in a folder of its own, besides the runtimes that the system has.
register() {
    local file
    mkdir -p -- "$work/vendors"
    for file in /etc/OpenCL/vendors/*.icd; do
        [[ -e $file ]] || continue
        grep -q nvidia-opencl -- "$file" || cp -- "$file" "$work/vendors/"
    done
    [[ -z $driver ]] || printf '%s\n' "$driver" >"$work/vendors/driver.icd"
    # ocl-icd and Khronos' loader take a folder by different names.
    export OCL_ICD_VENDORS=$work/vendors
    [[ -n $driver ]] || return 0
    OCL_ICD_FILENAMES=$driver
    export OCL_ICD_FILENAMES
    LD_LIBRARY_PATH=$(dirname -- "$driver")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
}

unpack() {
    local file folder
    [[ -d $carried ]] || fail "--from: there is no folder $carried"
    command -v dpkg-deb >/dev/null || fail "--from: dpkg-deb is missing to unpack it"
    for file in "$carried"/debs/*.deb; do
        [[ -e $file ]] || fail "--from: $carried has no debs/*.deb: make it with --pack"
        dpkg-deb -x "$file" "$work/carried" || fail "--from: $file cannot be unpacked"
    done
    # Symbolic links of -dev packages point to libraries beside them.
    for folder in "$work/carried/usr/lib/$(uname -m)-linux-gnu" "$work/carried/usr/lib"; do
        [[ -d $folder ]] || continue
        export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        export LIBRARY_PATH=$folder${LIBRARY_PATH:+:$LIBRARY_PATH}
        export PKG_CONFIG_PATH=$folder/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
    done
    export CPATH=$work/carried/usr/include${CPATH:+:$CPATH}
    export CMAKE_PREFIX_PATH=$work/carried/usr${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}
    export PATH=$work/carried/usr/bin:$PATH
    unpack_wheels
}

# Only those that this Python lacks: PyTorch may depend on the versions that are there.
unpack_wheels() {
    local file name
    local -a wanted=()
    for file in "$carried"/wheels/*.whl; do
        [[ -e $file ]] || return 0
        name=$(basename -- "${file%%-[0-9]*}")
        python3 -c 'import importlib.metadata as m, sys; m.version(sys.argv[1])' "$name" \
            2>/dev/null || wanted+=("$file")
    done
    for file in "${wanted[@]}"; do
        python3 -m pip --disable-pip-version-check install -q --no-index --no-deps --no-compile \
            --target "$work/site" "$file" 2>>"$out/setup.log" ||
            say "warning: $(basename -- "$file") does not fit this Python (--pack --python)" >&2
    done
    export PYTHONPATH=$work/site${PYTHONPATH:+:$PYTHONPATH}
}

require() {
    local tool what
    local -a missing=()
    for tool in cmake make "${CC:-cc}" "${CXX:-c++}" python3 timeout readelf; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) || fail "these commands are missing: ${missing[*]}"
    for what in numpy pytest setuptools wheel pip; do
        python3 -c "import $what" 2>/dev/null || missing+=("$what")
    done
    ((${#missing[@]} == 0)) || fail "python3 lacks: ${missing[*]} (--from can bring pytest)"
    for what in CL/cl.h:OpenCL json-c/json.h:json-c csv.h:csv cmocka.h:cmocka; do
        has_library "${what%%:*}" "${what##*:}" || missing+=("${what##*:} (${what%%:*})")
    done
    command -v clitest >/dev/null || missing+=(clitest)
    command -v pkg-config >/dev/null || command -v pkgconf >/dev/null || missing+=(pkg-config)
    ((${#missing[@]} == 0)) ||
        fail "missing: ${missing[*]}
install them, or bring them along: --pack DIR on a machine with a network, then --from DIR here"
}

has_library() {
    printf '#include <stddef.h>\n#include <stdarg.h>\n#include <setjmp.h>\n#include <stdint.h>
        #define CL_TARGET_OPENCL_VERSION 120\n#include <%s>\nint main(void) { return 0; }\n' "$1" \
        >"$work/probe.c"
    "${CC:-cc}" "$work/probe.c" -o "$work/probe" "-l$2" 2>/dev/null
}

# --- The parts -----------------------------------------------------------------------------------

build_all() {
    {
        cmake -S "$root" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
            -DLMS_BUILD_TESTS=ON -DLMS_BUILD_BENCH=ON -DLMS_BUILD_CLI=ON &&
            cmake --build "$work/build" --parallel "$(nproc)"
    } >>"$out/setup.log" 2>&1 || {
        tail -n 20 -- "$out/setup.log" >&2
        fail "the build failed: see $out/setup.log"
    }
    result build "$SECONDS s"
}

show_devices() {
    local lmsample=$work/build/prefix/bin/lmsample
    {
        command -v nvidia-smi >/dev/null && nvidia-smi
        command -v clinfo >/dev/null && clinfo >"$out/clinfo.txt"
    } >>"$out/setup.log" 2>&1 || true
    "$lmsample" devices 2>&1 | tee -a "$out/summary.txt" || fail "OpenCL finds no device"
    python3 -B - "$device" <<'CODE' 2>&1 | tee -a "$out/setup.log" ||
import sys
import numpy
import lmsample
try:
    context = lmsample.Context(sys.argv[1])
    lmsample.sample(numpy.zeros((2, 8), "f"), device=context)
except (RuntimeError, MemoryError) as error:
    sys.exit(f"gpu.sh: {error}\n{getattr(error, 'log', '')}")
print("device:", context.device)
CODE
        fail "the device cannot be used"
}

# FlashInfer compiles its kernels for minutes: beside the tests.
warm_flashinfer() {
    (cd -- "$root/bench" && within 400 python3 -B -c 'import peers_flashinfer as f
try:
    f.FlashInfer()
except f.Absent as reason:
    print("flashinfer:", reason)') >>"$out/setup.log" 2>&1 &
    warming=$!
}

# Every kernel against the oracle, bit for bit, in the shape that GPUs have.
run_teams() {
    local status=0
    local -a size=()
    ((!quick)) || size=(tiny)
    within "$1" env LMS_TEST_DEVICE="$device" LMS_SHAPE=team=256 "$work/build/tests/teams" \
        "${size[@]}" >"$out/teams.log" 2>&1 || status=$?
    ((status == 0)) || bad=1
    result "bits, teams of 256" "$(ended $status "equal to the oracle's: teams.log" teams.log)"
}

run_tests() {
    local status=0 start=$SECONDS
    local labels='^(unit|kernel|api|statistics)$'
    ((!quick)) || labels='^unit$'
    within "$1" env LMS_TEST_DEVICE="$device" ctest --test-dir "$work/build" \
        --output-on-failure --parallel "$(nproc)" -L "$labels" >"$out/tests.log" 2>&1 ||
        status=$?
    if ((status == 124)); then
        result tests "not finished after $((SECONDS - start)) s"
    else
        result tests "$(grep -a 'tests passed' "$out/tests.log" || say "failed: tests.log")"
    fi
    ((status == 0)) || bad=1
}

# With pocl where it is here, and with what --pack noted elsewhere.
compare_bits() {
    local status=0 other=''
    if grep -qi pocl "$work"/vendors/*.icd; then
        other="Portable Computing Language"
        within "$1" python3 -B "$root/bench/peers_bits.py" "$device" "$other" \
            >>"$out/tests.log" 2>&1 || status=$?
        ((status == 0)) || bad=1
        result "bits against pocl" "$(verdict $status)"
    fi
    status=0
    if [[ -n $carried && -e $carried/bits.json ]]; then
        within "$1" python3 -B "$root/bench/peers_bits.py" --against "$carried/bits.json" \
            "$device" >>"$out/tests.log" 2>&1 || status=$?
        ((status == 0)) || bad=1
        result "bits against --from" "$(verdict $status)"
    elif [[ -z $other ]]; then
        result bits "compared with the oracle only (in the tests): no pocl here"
    fi
}

verdict() {
    case $1 in
    0) say "equal: $(tail -n 1 "$out/tests.log")" ;;
    124) say "not finished" ;;
    *)
        say "NOT equal: $(tail -n 1 "$out/tests.log")"
        return 0
        ;;
    esac
}

# run_bench NAME ROWS SECONDS SHAPES
run_bench() {
    local status=0
    within "$3" "$work/build/bench/bench" --device "$device" --rows "$2" --vocab "$vocab" \
        --shape "$4" --strategy "$strategies" --dtype float32,bfloat16 --read-on-device \
        --case-seconds "$case_seconds" --json "$out/bench_$1.json" \
        >>"$out/bench.log" 2>&1 || status=$?
    ((status == 0)) || bad=1
    result "bench, $2 rows" "$(ended $status "bench_$1.json")"
}

# run_search NAME SECONDS OPTION ...
run_search() {
    local status=0 name=$1 seconds=$2
    shift 2
    within "$seconds" "$work/build/bench/bench" --device "$device" "$@" --read-on-device \
        --case-seconds "$case_seconds" --json "$out/$name.json" >>"$out/bench.log" 2>&1 || status=$?
    ((status == 0)) || bad=1
    result "bench, $name" "$(ended $status "$name.json")"
}

# run_peers NAME ROWS SECONDS
run_peers() {
    local status=0
    within "$3" python3 -B "$root/bench/peers.py" --device "$device" --rows "$2" \
        --vocab "$vocab" --case-seconds 2 \
        --peer 'torch cuda,torch cuda survivors,flashinfer' --json "$out/peers_$1.json" \
        >>"$out/bench.log" 2>&1 || status=$?
    ((status == 0)) || bad=1
    result "peers, $2 rows" "$(ended $status "peers_$1.json")"
}

ended() {
    case $1 in
    0) say "$2" ;;
    124) say "not finished" ;;
    *) say "failed: $(tail -n 1 "$out/${3:-bench.log}")" ;;
    esac
}

# What was measured, as a table: device us, and how many device reads of the same bytes that is.
shares() {
    python3 -B - "$out" <<'CODE' || true
import json, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    if path.name.startswith("peers"):
        continue
    run = json.loads(path.read_text())
    for c in run["cases"] + run.get("beams", []) + run.get("contrastive", []):
        name = c.get("call") or c.get("mode") or c["strategy"]
        size = "x".join(str(c[n]) for n in ("requests", "rows", "context", "width", "k") if n in c)
        us, share = c.get("device_s"), c.get("device_ratio") or c["ratio"]
        us = f"{1e6 * us:8.0f} us on the device" if us else f"{1e6 * c['median_s']:8.0f} us by the clock"
        beam = f", / top-k step {c['over_top_k']:.2f}" if "over_top_k" in c else ""
        print(f"  {name:14} {c.get('shape', ''):7} {size:14} {c['dtype']:9} {us}, "
              f"{1 / share:.2f} reads{beam}")
CODE
}

measure() {
    local bad=0 warming='' case_seconds=0.6 shapes=peaked,flat
    local strategies='greedy,temperature,top-k 50,top-p 0.9,k 50 + p 0.9,min-p 0.05'
    local beams=64x4,16x4 contexts=8x2048x4096x5,8x2048x4096x64,8x16384x1024x5
    ((!quick)) || {
        case_seconds=0.1 shapes=peaked strategies=greedy,temperature
        beams=2x2 contexts=2x64x256x5
    }
    ((quick)) || warm_flashinfer
    run_teams 80
    run_tests 90
    ((quick)) || compare_bits 30
    run_bench batch "$rows" 90 "$shapes"
    run_bench row 1 45 "$shapes"
    run_search beams 30 --beam="$beams" --mode search --vocab "$vocab" --shape peaked \
        --dtype float32,bfloat16
    run_search contrastive 30 --dtype float32,float16 --contrastive="$contexts"
    if ((!quick)); then
        wait "$warming" || true
        run_peers batch "$rows" 60
        run_peers row 1 40
    fi
    shares | tee -a "$out/summary.txt"
    result "in all" "$SECONDS s"
    return $bad
}

main() {
    parse "$@"
    if [[ -n $pack ]]; then
        fetch
        return
    fi
    mkdir -p -- "$out" || fail "cannot make the folder $out"
    out=$(cd -- "$out" && pwd -P)
    : >"$out/summary.txt" || fail "cannot write to $out"
    : >"$out/setup.log"
    : >"$out/bench.log"
    : >"$out/commands.txt"
    work=$(mktemp -d "${TMPDIR:-/tmp}/lmsample-gpu.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    [[ -z $carried ]] || carried=$(readlink -m -- "$carried")
    find_driver
    [[ -z $carried ]] || unpack
    check_compiler
    register
    require
    mkdir -p -- "$work/cache" "$work/cuda"
    # Kernel caches: of this run, and cold at first.
    export CUDA_CACHE_PATH=$work/cuda XDG_CACHE_HOME=$work/cache FLASHINFER_WORKSPACE_BASE=$work
    export PYTHONPATH=$root/python${PYTHONPATH:+:$PYTHONPATH}
    export LMSAMPLE_LIBRARY=$work/build/liblmsample.so.0
    build_all
    show_devices
    measure || fail "something failed: see $out/summary.txt"
}

main "$@"
