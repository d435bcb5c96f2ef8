#!/usr/bin/env bash
# run.sh - SGLang's wheel as it is, without its dependencies, and the tests of the backend.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
"$ENGINE_PYTHON" -m pip install --quiet --no-deps 'sglang==0.5.23'
"$ENGINE_PYTHON" -B -m pytest -q -p no:cacheprovider --tb=short tests
