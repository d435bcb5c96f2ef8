#!/usr/bin/env bash
# sanitize.sh - the host code and the tests with AddressSanitizer (leaks too) and
# UndefinedBehaviorSanitizer: all tests of the host and of the command line, and those of the
# kernels that are not slow.
set -euo pipefail
folder=$LMS_CHECK_DIR/sanitize
cmake -S . -B "$folder" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DLMS_SANITIZE=address,undefined -DLMS_BUILD_BENCH=OFF \
    -DLMS_BUILD_{CLI,EXAMPLES,TESTS}=ON
cmake --build "$folder" --parallel 2 -- -k
export OCL_ICD_VENDORS=pocl.icd
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1
# pocl sets a signal stack of its own in the thread that begins, which need not be the first.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
ASAN_OPTIONS+=:use_sigaltstack=0
cd -- "$folder"
ctest --output-on-failure --no-tests=error -j2 -L 'unit|api|inside|kernel|cli'
