#!/usr/bin/env bash
# all.sh - runs the checks of this folder, all or the named ones. `./run check` calls it.
# Each is a script <name>.sh or <name>.py that is run in the repository root and fails by its exit status.
# LMS_CHECK_DIR is a folder for what they build, LMS_PACKAGES one for packages of PyPI.
set -uo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
cd -- "$here/../.." || exit 1

# name: what it does
checks="gcc: builds everything with gcc and -Werror
clang: builds everything with clang and -Werror
compilers: the example's products and the demo by every gcc and clang, for bits and speed
format: C sources are as clang-format lays them out
tidy: clang-tidy over the C sources
cppcheck: cppcheck over the C sources
shell: shellcheck over the scripts
sizes: lengths of lines, functions and files
layers: who includes whom, first lines of sources, nothing six lines long twice
kernels: clang's OpenCL front end over every variant of the kernels
sanitize: the tests with AddressSanitizer and UndefinedBehaviorSanitizer
fuzz: what reads files, fuzzed with both sanitizers for three minutes
gpu-compile: what compilers for NVIDIA's, AMD's and Intel's GPUs make of every kernel, against limits
oclgrind: every kernel on a simulated device that finds races and stray accesses
teams: every kernel by teams of 32 to 256 on pocl, Intel's runtime for CPUs and Oclgrind
counts: meetings, barriers, atomics and reads of a row by a team of 256, against limits
grammars: xgrammar's and llguidance's masks (PyPI): the example model writes valid JSON for 1000 seeds
stacks: edits and masks against Hugging Face's, vLLM's, llama.cpp's and others' own code (PyPI)
package: Debian packages: lintian, and their use in a new system
bits: every result as in another commit, which LMS_BASE names; else nothing"

# --list [NAME...] says what there is, after a look at the names.
only_list=0
[[ ${1-} != --list ]] || { only_list=1 && shift; }
names=("$@")
(($#)) || mapfile -t names < <(cut -d: -f1 <<<"$checks")
for name in "${names[@]}"; do
    if ! grep -q "^$name: " <<<"$checks"; then
        printf 'run: there is no check "%s"; ./run check --list names them\n' "$name" >&2
        exit 1
    fi
done
((!only_list)) || { printf '%s\n' "$checks" && exit; }

mkdir -p -- "$LMS_CHECK_DIR" || exit 1
summary='' failed=0
for name in "${names[@]}"; do
    log=$LMS_CHECK_DIR/$name.log
    printf 'Checking: %s\n' "$(grep "^$name: " <<<"$checks")"
    start=$SECONDS
    script=("$here/$name".[ps]*)
    with=bash
    [[ ${script[0]} != *.py ]] || with="python3 -B"
    # shellcheck disable=SC2086 # a command and its option
    if $with "${script[0]}" >"$log" 2>&1 </dev/null; then
        verdict=PASS
        grep '^SKIP: ' -- "$log"
    else
        verdict=FAIL
        failed=1
        tail -n 80 -- "$log"
        printf '(all of it: %s)\n' "$log"
    fi
    summary+="$verdict $name ($((SECONDS - start)) s)"$'\n'
done
printf '\n%s' "$summary"
exit $failed
