#!/usr/bin/env bash
# cpp.sh few|all LIBRARY EXPECTED - lmsample.hpp with gcc and clang, with exceptions and without:
# cpp_use.cpp and examples/minimal.cpp compile without a word, and do what they should; what is
# printed by the latter is the file EXPECTED. few: each compiler once with exceptions and once
# without, in the oldest and the newest standard.
set -euo pipefail
choice=$1
library=$(realpath -- "$2")
expected=$(realpath -- "$3")
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmsample-cpp.XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT
flags=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I include)
read -ra opencl <<<"${OPENCL-} -lOpenCL"

# build COMPILER STANDARD EXCEPTIONS SOURCE
build() {
    local said
    said=$("$1" -std="$2" "-f$3" "${flags[@]}" -o "$scratch/program" "$4" "$library" \
        -Wl,-rpath,"$(dirname -- "$library")" "${opencl[@]}" 2>&1) ||
        { echo "$1 -std=$2 -f$3: $4 does not compile" && echo "$said" && exit 1; }
    [[ -z $said ]] || { echo "$1 -std=$2 -f$3: $4: $said" && exit 1; }
}

# try COMPILER STANDARD EXCEPTIONS
try() {
    build "$@" tests/api/cpp_use.cpp
    [[ $("$scratch/program") == good ]] || { echo "$*: cpp_use.cpp fails" && exit 1; }
    if [[ $3 == exceptions ]]; then
        build "$@" examples/minimal.cpp
        "$scratch/program" | diff "$expected" - || { echo "$*: minimal.cpp prints other things" && exit 1; }
    fi
    echo "$*: good"
}

# Where a call that fails is not looked at, a compiler says so.
notice() {
    printf '%s\n' '#include <lmsample.hpp>' \
        'int main() { lmsample::beam beam; beam.close(0); return 0; }' >"$scratch/careless.cpp"
    ! "$1" -std=c++11 -fno-exceptions -Werror -I include -c -o /dev/null "$scratch/careless.cpp" \
        2>/dev/null || { echo "$1: a status that nobody looks at is no warning" && exit 1; }
}

# A program of two files, one with exceptions and one without, in either order.
mix() {
    local order
    printf '%s\n' '#include <lmsample.hpp>' 'lms_status returned();' 'int main() {' \
        'lmsample::slots slots; bool thrown = false;' \
        'try { slots.close(5); } catch (const lmsample::error &) { thrown = true; }' \
        'return thrown && returned() == LMS_E_ARGUMENT ? 0 : 1; }' >"$scratch/throws.cpp"
    printf '%s\n' '#include <lmsample.hpp>' 'lms_status returned();' \
        'lms_status returned() { lmsample::slots slots; return slots.close(5); }' \
        >"$scratch/returns.cpp"
    "$1" -std=c++11 "${flags[@]}" -c -o "$scratch/throws.o" "$scratch/throws.cpp"
    "$1" -std=c++11 -fno-exceptions "${flags[@]}" -c -o "$scratch/returns.o" \
        "$scratch/returns.cpp"
    for order in "throws returns" "returns throws"; do
        "$1" -o "$scratch/program" "$scratch/${order% *}.o" "$scratch/${order#* }.o" "$library" \
            -Wl,-rpath,"$(dirname -- "$library")" "${opencl[@]}"
        "$scratch/program" ||
            { echo "$1: $order: files with exceptions and without are not told apart" && exit 1; }
    done
}

# Numbers of four bytes that are no floats are no logits.
refuse() {
    printf '%s\n' '#include <lmsample.hpp>' '#include <vector>' 'int main() {' \
        'lmsample::sampler sampler; std::vector<LOGIT> logits; std::vector<lms_row_params> params;' \
        'std::vector<std::int32_t> tokens; return sampler.sample(logits, params, tokens); }' \
        >"$scratch/types.cpp"
    "$1" -std=c++11 -DLOGIT=std::uint16_t -I include -c -o /dev/null "$scratch/types.cpp"
    ! "$1" -std=c++11 -DLOGIT=std::int32_t -I include -c -o /dev/null "$scratch/types.cpp" 2>/dev/null ||
        { echo "$1: int32_t is taken for logits" && exit 1; }
}

tried=0
for compiler in g++ clang++; do
    command -v "$compiler" >/dev/null || continue
    cases=(c++11:exceptions c++20:no-exceptions)
    [[ $compiler == g++ ]] || cases=(c++11:no-exceptions c++20:exceptions)
    [[ $choice == few ]] ||
        cases=(c++{11,14,17,20}:{exceptions,no-exceptions})
    for case in "${cases[@]}"; do try "$compiler" "${case%:*}" "${case#*:}"; done
    notice "$compiler"
    mix "$compiler"
    refuse "$compiler"
    tried=1
done
((tried)) || echo "SKIP: there is no C++ compiler"
