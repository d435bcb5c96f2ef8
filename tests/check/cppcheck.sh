#!/usr/bin/env bash
# cppcheck.sh - cppcheck over the C sources, without the tests' own.
set -euo pipefail
cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr \
    --enable=warning,performance,portability --suppress=missingIncludeSystem \
    --suppress=invalidPointerCast \
    -D__STDC_VERSION__=201112L -I include -I host -I . -I tests/support -I examples -I cli \
    host cli examples bench tests/support
