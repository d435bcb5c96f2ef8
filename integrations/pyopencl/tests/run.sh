#!/usr/bin/env bash
# run.sh - lmsample.opencl with PyOpenCL, arrays of other packages, the pages, and the types.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.." && pwd -P)
cd -- "$root/integrations/pyopencl/tests" # the package is the installed one, not python/
tests=$root/tests/python
"$ENGINE_PYTHON" -B -m pytest -q -p no:cacheprovider --tb=short . "$tests/test_opencl.py" \
    "$tests/test_dlpack.py" "$tests/test_kept.py" "$tests/test_page.py"
# What the tools are made of is not here.
"$ENGINE_PYTHON" -B -m mypy --strict --ignore-missing-imports --cache-dir="$ENGINE_BUILD/mypy" \
    "$root/python/lmsample"/*.py
