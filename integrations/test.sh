#!/usr/bin/env bash
# test.sh - the adapters against the engines themselves: test.sh BUILD FOLDER [NAME...]
#
# Each folder beside this file that has tests/ gets an environment of its own in FOLDER/NAME: the wheel
# of lmsample as it is in this tree, what requirements.txt names (from PyPI; gigabytes, where it is
# PyTorch), and the adapter, where it is a package. Then its tests/run.sh runs, or pytest on its tests/.
# BUILD: where the C library was built. Names: the folders to be tested; none: all. A second run downloads
# nothing that is there already. `./run test engines` calls this.
set -uo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
ENGINE_LIBRARY=$(realpath -- "$1") folder=$(realpath -m -- "$2")
shift 2
export ENGINE_LIBRARY
# Engines and their models must not look for anything at hubs that are not there.
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Two pools of threads on the same cores wait for each other.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

# "tools": python3 -m lmsample, with what Debian has not.
names() { (cd -- "$here" && printf '%s\n' tools */tests | sed 's|/tests||'); }

# tests_of NAME: their folder; what they need is named beside it, or in it.
tests_of() {
    [[ $1 == tools ]] && echo "$here/../tests/tools" || echo "$here/$1/tests"
}

# install NAME: quiet, but for what fails.
install() {
    local environment=$folder/$1 python=$folder/$1/bin/python source=$here/$1
    [[ $1 != tools ]] || source=$(tests_of tools)
    [[ -x $python ]] && "$python" -m pip --version || python3 -m venv --clear "$environment" || return
    if [[ -e $source/requirements.txt ]] && ! cmp "$source/requirements.txt" "$environment/installed.txt"; then
        "$python" -m pip install -r "$source/requirements.txt" || return
        cp "$source/requirements.txt" "$environment/installed.txt" || return
    fi
    # As they are now; what they need besides is there.
    "$python" -m pip install pytest numpy || return
    "$python" -m pip install --no-deps --force-reinstall "$folder"/wheels/lmsample-*.whl || return
    [[ ! -e $source/pyproject.toml ]] ||
        "$python" -m pip install --no-deps --force-reinstall "$source" || return
}

# The package is built once, as a user would, but for downloads.
build_wheel() {
    rm -rf -- "$folder/wheels"
    python3 -m pip wheel --quiet --no-deps --wheel-dir "$folder/wheels" "$here/../python"
}

# try NAME: its tests find the environment's Python in ENGINE_PYTHON, a folder to build in in
# ENGINE_BUILD, the C library's build folder in ENGINE_LIBRARY.
try() {
    local environment=$folder/$1
    export ENGINE_PYTHON=$environment/bin/python ENGINE_BUILD=$environment/work
    mkdir -p -- "$ENGINE_BUILD"
    local tests
    tests=$(tests_of "$1")
    if [[ -e $tests/run.sh ]]; then
        bash "$tests/run.sh"
    else
        (cd -- "$tests" && "$ENGINE_PYTHON" -B -m pytest -q -p no:cacheprovider --tb=short .)
    fi
}

(($#)) || mapfile -t all < <(names)
(($#)) || set -- "${all[@]}"
failed=()
for name; do
    [[ -d $(tests_of "$name") ]] && continue
    echo "engines: there is no \"$name\"; there are: $(names | paste -s -d ' ')" >&2
    exit 2
done
mkdir -p -- "$folder"
build_wheel >"$folder/wheel.log" 2>&1 || { cat "$folder/wheel.log" >&2; exit 1; }
for name; do
    echo "engines: $name ..."
    began=$SECONDS
    if ! install "$name" >"$folder/$name.log" 2>&1; then
        tail -n 20 "$folder/$name.log" >&2
        echo "engines: $name could not be installed: all of it is in $folder/$name.log" >&2
        failed+=("$name")
        continue
    fi
    installed=$((SECONDS - began)) began=$SECONDS
    try "$name" || failed+=("$name")
    echo "engines: $name: $installed s to install, $((SECONDS - began)) s to test"
done
((${#failed[@]} == 0)) || { echo "engines: failed: ${failed[*]}" >&2; exit 1; }
