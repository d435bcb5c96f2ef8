#!/usr/bin/env bash
# shell.sh - shellcheck over the scripts.
set -euo pipefail
shellcheck -x run .ci/run tests/check/*.sh tests/docs/page.sh bench/gpu.sh
