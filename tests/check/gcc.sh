#!/usr/bin/env bash
# gcc.sh - builds everything with CHECK_CC (gcc) and warnings as errors, from scratch.
set -euo pipefail
compiler=${CHECK_CC:-gcc}
folder=$LMS_CHECK_DIR/$compiler
rm -rf -- "$folder"
cmake -S . -B "$folder" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release \
    -DLMS_WERROR=ON -DLMS_BUILD_{CLI,EXAMPLES,BENCH,TESTS}=ON
cmake --build "$folder" --parallel 2 -- -k
