#!/usr/bin/env bash
# page.sh PAGE - runs the commands of a page, the lines behind "    $ ", in an empty folder, and
# compares what they print with the lines below them. The library is installed there in prefix/,
# and its program is in PATH.
set -euo pipefail
page=$1
folder=$(mktemp -d "${TMPDIR:-/tmp}/lmsample-page.XXXXXX")
trap 'rm -rf -- "$folder"' EXIT
mkdir -p "$folder/bin"
ln -s "$LMS_PYTHON" "$folder/bin/python3"
cmake --install "$LMS_BUILD" --prefix "$folder/prefix" >"$folder/install.log"
export PATH=$folder/prefix/bin:$folder/bin:$PATH PYTHONDONTWRITEBYTECODE=1
export COLUMNS=80 LC_ALL=C.UTF-8 OPENBLAS_NUM_THREADS=1
# The Python package is the checkout's, on the library that was just built.
PYTHONPATH=$(pwd)/python LMSAMPLE_LIBRARY=$LMS_BUILD/liblmsample.so.0
export PYTHONPATH LMSAMPLE_LIBRARY
unset NO_COLOR
mkdir "$folder/work"
cd -- "$folder/work"
"$LMS_CLITEST" --prefix 4 --progress none "$page" </dev/null
