#!/usr/bin/env bash
# clang.sh - gcc.sh's build with clang.
set -euo pipefail
CHECK_CC=clang bash tests/check/gcc.sh
