#!/usr/bin/env bash
# format.sh - C sources are as .clang-format says. The kernels are laid out by hand.
set -euo pipefail
. tests/check/sources.sh
formatter=clang-format-14 # other versions disagree with it
command -v "$formatter" >/dev/null || formatter=clang-format
c_files | xargs -0 "$formatter" --dry-run -Werror
