#!/usr/bin/env bash
# shell.sh - shellcheck over the scripts.
set -euo pipefail
find run .ci/run tests bench cli integrations \( -name run -o -name '*.sh' -o -name '*.bash' \) -type f -print0 | xargs -0 shellcheck -x
