#!/usr/bin/env bash
# clang.sh - gcc.sh's build with clang; and the headers with both compilers, in all languages.
set -euo pipefail
CHECK_CC=clang bash tests/check/gcc.sh
tests/api/headers.sh all
