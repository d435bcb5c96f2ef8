#!/usr/bin/env bash
# bits.sh - the bits of another commit: LMS_BASE=COMMIT ./run check bits
#
# Builds the program bits (bits*.c beside this file) in a checkout of that commit and here, and
# runs both: 100,000 rows, 2,000 requests of beam search and 2,000 choices of contrastive search
# must come out the same, on the device that LMS_TEST_DEVICE names or the library picks, and once
# more as on a CPU without AVX-512 where there is a library for that. Each checkout has its own
# bits*.c, as the public names may differ; what they make from a seed must not. So the oldest
# base is the commit that brought them. LMS_BITS has other options for both, such as "--rows
# 1000" or "--shape team=4"; without LMS_BASE nothing is done.
set -euo pipefail
if [[ -z ${LMS_BASE-} ]]; then
    echo "SKIP: no LMS_BASE, the commit to compare with"
    exit
fi
folder=$LMS_CHECK_DIR/bits
base=$(git rev-parse --verify "$LMS_BASE^{commit}")
tree=$folder/tree
read -r -a options <<<"${LMS_BITS-}"
mkdir -p -- "$folder"
trap 'git worktree remove --force "$tree"' EXIT
rm -rf -- "$tree"
git worktree prune
git worktree add --detach "$tree" "$base"
if [[ ! -e $tree/tests/check/bits.c ]]; then
    echo "$LMS_BASE has no tests/check/bits.c: it is older than that"
    exit 1
fi

# build SOURCE FOLDER: the program, and what takes AVX-512 away if this CPU has it.
build() {
    cmake -S "$1" -B "$2" -DCMAKE_BUILD_TYPE=Release -DLMS_BUILD_BENCH=OFF
    cmake --build "$2" --parallel 2 --target bits
    if cmake --build "$2" --target help | grep lms_without_avx512 >/dev/null; then
        cmake --build "$2" --target lms_without_avx512
    fi
}

# bits SETTING PROGRAM OPTION...: runs it, with the kernels of a setting in a cache of their own.
bits() {
    local -a setting=(LMS_CACHE_DIR="$folder/cache-$1" POCL_CACHE_DIR="$folder/pocl-$1")
    [[ $1 == plain ]] || setting+=(LD_PRELOAD="$folder/new/tests/liblms_without_avx512.so")
    mkdir -p -- "$folder/pocl-$1"
    env "${setting[@]}" "$folder/$2/tests/bits" "${@:3}"
}

# compare SETTING: says the first few cases that differ, and in what the first one does.
compare() {
    local one side
    for side in base new; do
        bits "$1" "$side" "${options[@]}" >"$folder/$side-$1.txt"
    done
    wc -l "$folder/base-$1.txt" "$folder/new-$1.txt"
    if cmp -- "$folder/base-$1.txt" "$folder/new-$1.txt"; then return; fi
    failed=1
    diff -- "$folder/base-$1.txt" "$folder/new-$1.txt" >"$folder/differ-$1.txt" || true
    head -n 20 "$folder/differ-$1.txt"
    one=$(sed -n 's/^[<>] \([a-z]*:[0-9]*\) .*/\1/p' "$folder/differ-$1.txt" | head -n 1)
    for side in base new; do
        bits "$1" "$side" "${options[@]}" --only "$one" --full >"$folder/$side-$1-full.txt"
    done
    diff -- "$folder/base-$1-full.txt" "$folder/new-$1-full.txt" | head -n 40 || true
}

failed=0
build "$tree" "$folder/base"
build . "$folder/new"
compare plain
if [[ -e $folder/new/tests/liblms_without_avx512.so ]]; then compare without_avx512; fi
exit $failed
