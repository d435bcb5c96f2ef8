#!/usr/bin/env bash
# oclgrind.sh - every kernel on Oclgrind, a simulated device that finds data races, accesses
# outside of buffers and divergent barriers: it must find none, and give pocl's results.
# OCLGRIND_UNINITIALIZED stays off: with it, 21.10 crashes while lms_sample copies a struct.
# Instead, pocl must give the same results whatever new memory is filled with.
# Nothing is inlined: 21.10 does not know what LLVM leaves of an inlined function that returns a
# struct, and kernels of such functions could not be made.
set -euo pipefail
folder=$LMS_CHECK_DIR/oclgrind
icd=$(find /usr/lib /usr/local/lib -name 'liboclgrind-rt-icd.so' 2>/dev/null | head -n 1)
if [[ -z $icd ]]; then
    echo "SKIP: there is no Oclgrind (liboclgrind-rt-icd.so)"
    exit
fi
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DLMS_BUILD_TESTS=OFF -DLMS_BUILD_BENCH=OFF \
    -DLMS_BUILD_EXAMPLES=OFF
cmake --build "$folder" --parallel 2
log=$folder/found.log
rm -f -- "$log"
failed=0
for name in shapes beams contrastive slots requests; do
    program=$folder/$name
    "${CC:-cc}" -std=c11 -O1 -Wall -Wextra -Iinclude -o "$program" "tests/check/oclgrind_$name.c" \
        -L"$folder" "-Wl,-rpath,$folder" -llmsample -lOpenCL -lm
    OCL_ICD_VENDORS=pocl.icd "$program" >"$program-pocl.txt"
    OCL_ICD_VENDORS=pocl.icd MALLOC_PERTURB_=90 "$program" >"$program-perturbed.txt"
    cmp -- "$program-pocl.txt" "$program-perturbed.txt"
    # Oclgrind's own exit status says nothing: what it found is in the log.
    OCL_ICD_VENDORS=$icd LMS_CACHE_DIR=$folder/cache OCLGRIND_LOG=$log OCLGRIND_DATA_RACES=1 \
        OCLGRIND_BUILD_OPTIONS=-fno-inline "$program" Oclgrind >"$program-oclgrind.txt"
    wc -l "$program-pocl.txt" "$program-oclgrind.txt"
    if ! cmp -- "$program-pocl.txt" "$program-oclgrind.txt"; then
        diff -- "$program-pocl.txt" "$program-oclgrind.txt" | head -n 40 || true
        failed=1
    fi
done
if [[ -s $log ]]; then
    head -n 60 -- "$log"
    failed=1
fi
exit $failed
