#!/usr/bin/env bash
# format.sh - C sources are as .clang-format says. The kernels are laid out by hand.
set -euo pipefail
. tests/check/sources.sh
for formatter in clang-format-14 clang-format ''; do
    [[ -n $formatter ]] || { echo "SKIP: there is no clang-format 14, and others disagree with it" && exit; }
    ! "$formatter" --version 2>/dev/null | grep -q 'version 14\.' || break
done
c_files | xargs -0 "$formatter" --dry-run -Werror
