#!/usr/bin/env bash
# counts.sh - meetings, barriers, atomics and reads of a row by a team of 256, strategy by strategy,
# against the limits of counts.txt. They are exact: Oclgrind counts what its work-items do.
set -euo pipefail
folder=$LMS_CHECK_DIR/counts
icd=$(find /usr/lib /usr/local/lib -name 'liboclgrind-rt-icd.so' 2>/dev/null | head -n 1)
if [[ -z $icd ]]; then
    echo "SKIP: there is no Oclgrind (liboclgrind-rt-icd.so)"
    exit
fi
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DLMS_BUILD_TESTS=OFF -DLMS_BUILD_BENCH=OFF \
    -DLMS_BUILD_EXAMPLES=OFF
cmake --build "$folder" --parallel 2
"${CC:-cc}" -std=c11 -O1 -Wall -Wextra -Iinclude -o "$folder/counts" tests/check/counts.c \
    -L"$folder" "-Wl,-rpath,$folder" -llmsample -lOpenCL -lm
# Nothing is inlined, or else calls could not be counted.
OCL_ICD_VENDORS=$icd LMS_CACHE_DIR=$folder/cache LMS_SHAPE=team=256 OCLGRIND_INST_COUNTS=1 \
    OCLGRIND_BUILD_OPTIONS=-fno-inline "$folder/counts" >"$folder/counted.txt"
# The last lines of the log are what a failed check shows.
awk -v team=256 -f tests/check/counts.awk tests/check/counts.txt "$folder/counted.txt"
