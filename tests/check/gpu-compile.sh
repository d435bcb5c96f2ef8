#!/usr/bin/env bash
# gpu-compile.sh - every kernel through the compilers of GPUs, without a GPU: registers, stack, code,
# widths of reads and instructions of the tile loop, held against gpu_limits.txt. Another folder of
# kernels, single kernels and devices: tests/check/gpu_compile.py --help.
set -euo pipefail
exec python3 -B tests/check/gpu_compile.py
