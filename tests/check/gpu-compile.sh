#!/usr/bin/env bash
# gpu-compile.sh - every kernel through the compilers of GPUs, without a GPU: registers, stack, code,
# widths of reads and instructions of the tile loop, held against gpu_limits.txt. To look at one
# kernel, one device or another checkout: tests/check/gpu_compile.py --help.
set -euo pipefail
folder=$LMS_CHECK_DIR/cuda

# Debian has no CUDA toolkit: 50 MB from PyPI are in its place, if that can be reached.
# install TOOL PACKAGE
install() {
    ! PATH=$PATH:/usr/local/cuda/bin type "$1" &>/dev/null || return 0
    ! compgen -G "$folder/nvidia/*/bin/$1" >/dev/null || return 0
    python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --upgrade \
        --target "$folder" "$2" || true
}
install ptxas nvidia-cuda-nvcc
install nvdisasm nvidia-cuda-nvdisasm
exec python3 -B tests/check/gpu_compile.py "$@"
