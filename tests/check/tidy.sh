#!/usr/bin/env bash
# tidy.sh - clang-tidy, as .clang-tidy says.
set -euo pipefail
folder=$LMS_CHECK_DIR/tidy
cmake -S . -B "$folder" -DCMAKE_C_COMPILER=clang -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DLMS_BUILD_{CLI,EXAMPLES,BENCH,TESTS}=ON
cmake --build "$folder" --parallel 2 --target lms_kernels
# bench/openmp.c is compiled by bench/peers_openmp.py, not by CMake.
find host cli examples bench tests/support -name '*.c' ! -name openmp.c -type f -print0 | sort -z |
    xargs -0 -n 4 -P 2 clang-tidy -p "$folder" --quiet --warnings-as-errors='*'
