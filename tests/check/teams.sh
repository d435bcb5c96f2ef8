#!/usr/bin/env bash
# teams.sh - every kernel by teams of 32 to 256 work-items, as on GPUs, against the oracle, bit for
# bit, on every runtime that is here: pocl, Intel's for CPUs (from PyPI), and Oclgrind, which looks
# for data races, stray accesses and divergent barriers meanwhile. teams.c has the cases.
#
# OCLGRIND_UNINITIALIZED stays off: oclgrind.sh says why.
# Building programs takes nearly all of the time, so that the cases are many and small. Oclgrind
# builds in no time but simulates: it gets the tiny ones.
# LMS_TEAMS has other teams ("64"), LMS_RUNTIMES other runtimes ("pocl").
set -euo pipefail
folder=$LMS_CHECK_DIR/teams
read -r -a teams <<<"${LMS_TEAMS:-256 128 64 32}"
read -r -a runtimes <<<"${LMS_RUNTIMES:-intel pocl oclgrind}"
mkdir -p -- "$folder"
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DLMS_BUILD_BENCH=OFF
cmake --build "$folder" --parallel 2 --target teams

# The runtime's library, or nothing.
library_of() {
    case $1 in
    pocl) find /etc/OpenCL/vendors -name 'pocl*.icd' 2>/dev/null ;;
    oclgrind) find /usr/lib /usr/local/lib -name 'liboclgrind-rt-icd.so' 2>/dev/null ;;
    intel) find "$folder/intel" -name 'libintelocl.so' 2>/dev/null ;;
    esac | head -n 1
}

# 700 MB of files, from two packages: the second has libraries that the first one needs.
install_intel() {
    [[ -z $(library_of intel) ]] || return 0
    python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --ignore-installed \
        --prefix "$folder/intel" intel-opencl-rt intel-cmplr-lib-rt && return
    rm -rf -- "$folder/intel"
}

# check RUNTIME LIBRARY TEAM: runs the cases; true if all of them, and Oclgrind, found nothing.
check() {
    local log=$folder/$1-$3.log found=$folder/$1-$3.found
    local -a size=() setting=(OCL_ICD_VENDORS="$2" LMS_SHAPE="team=$3,chunk=8"
        LMS_CACHE_DIR="$folder/cache" LMS_TEST_DEVICE=)
    case $1 in
    intel) setting+=(LD_LIBRARY_PATH="$folder/system:${2%/*}") ;;
    oclgrind)
        size=(tiny)
        setting+=(OCLGRIND_DATA_RACES=1 OCLGRIND_LOG="$found" OCLGRIND_BUILD_OPTIONS=-fno-inline)
        ;;
    esac
    rm -f -- "$found"
    env "${setting[@]}" "$folder/tests/teams" "${size[@]}" >"$log" 2>&1 && [[ ! -s $found ]]
}

# Intel's libraries need their folder on the loader's path, and an OpenCL loader that does not know
# OCL_ICD_VENDORS is in it: the system's comes before.
mkdir -p -- "$folder/system"
ln -sf -- "$(ldd "$folder/tests/teams" | awk '/libOpenCL/ { print $3 }')" "$folder/system/libOpenCL.so.1"

# One job a core, each with a team on a runtime.
jobs=() failed=0
for runtime in "${runtimes[@]}"; do
    [[ $runtime != intel ]] || install_intel || true
    library=$(library_of "$runtime")
    if [[ -z $library ]]; then
        echo "SKIP: there is no runtime $runtime here: teams were not checked on it"
        continue
    fi
    for team in "${teams[@]}"; do jobs+=("$runtime $library $team"); done
done
run_job() {
    local TIMEFORMAT="%R s, %U s of a core" took verdict=good
    took=$({ time check "$@"; } 2>&1) || verdict=BAD
    echo "$verdict $1 team $3 ($took): $(tail -n 1 "$folder/$1-$3.log")"
    [[ $verdict == BAD ]] || return 0
    tail -n 40 -- "$folder/$1-$3.log"
    head -n 40 -- "$folder/$1-$3.found" 2>/dev/null
    return 1
}
running=0
for job in "${jobs[@]}"; do
    if ((running >= 2)); then
        wait -n || failed=1
        running=$((running - 1))
    fi
    # shellcheck disable=SC2086 # its words
    run_job $job &
    running=$((running + 1))
done
while ((running-- > 0)); do wait -n || failed=1; done
exit $failed
