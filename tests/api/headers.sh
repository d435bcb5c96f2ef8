#!/usr/bin/env bash
# headers.sh few|all - the public headers, in every language that may include them, with gcc and
# clang: by themselves, before and behind the OpenCL headers in C and in C++, at targets 120 and
# 300 and with none chosen. No compiler says a word. few: all programs in one standard of each
# language, one program in the others.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
choice=${1:-few}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmsample-headers.XXXXXX")
trap 'rm -rf -- "$scratch"' EXIT
compilers_c=()
compilers_cxx=()

# add_compiler LIST NAME: if it is there, and is not in the list under another name.
add_compiler() {
    local -n list=$1
    local other version
    [[ -n $2 ]] && command -v "$2" >/dev/null || return 0
    version=$("$2" --version | sed -n 's/^[^ ]* //;1p')
    for other in "${list[@]}"; do
        [[ $("$other" --version | sed -n 's/^[^ ]* //;1p') != "$version" ]] || return 0
    done
    list+=("$2")
}

# write NAME LINE...: a program of these lines and of what hosts do.
write() {
    local file=$scratch/$1
    shift
    { printf '%s\n' "$@" && printf '#include "header_use.h"\n'; } >"$file"
}

write_programs() {
    local header target use
    for header in lmsample lms_beam lms_contrastive lms_recording lms_slots lms_tuning; do
        write "alone_$header.h" "#include <$header.h>"
    done
    # They have records only.
    for header in lms_abi lms_edits lms_filters lms_opencl lms_tables; do
        printf '#include <%s.h>\n' "$header" >"$scratch/alone_$header.h"
    done
    # After lmsample.h alone, all of OpenCL is there.
    write unchosen.h '#include <lmsample.h>' '#define USE_OPENCL_1' '#define USE_OPENCL_3'
    for target in 120 300; do
        use='#define USE_OPENCL_1'
        ((target < 300)) || use='#define USE_OPENCL_3'
        target="#define CL_TARGET_OPENCL_VERSION $target"
        write "alone_${target: -3}.h" "$target" '#include <lmsample.h>' "$use"
        write "before_${target: -3}.h" '#include <lmsample.h>' "$target" '#include <CL/opencl.h>' \
            "$use"
        write "behind_${target: -3}.h" "$target" '#include <CL/opencl.h>' '#include <lmsample.h>' \
            "$use"
    done
    for target in 120 300; do
        set -- "#define CL_HPP_TARGET_OPENCL_VERSION $target" \
            "#define CL_HPP_MINIMUM_OPENCL_VERSION $target"
        write "before_$target.hpp" '#include <lmsample.h>' "$@" '#include <CL/opencl.hpp>'
        write "behind_$target.hpp" "$@" '#include <CL/opencl.hpp>' '#include <lmsample.h>'
    done
}

has_hpp() {
    printf '#include <CL/opencl.hpp>\n' | "$1" -x c++ -E - >/dev/null 2>&1
}

# list_cases LANGUAGE COMPILER FULL STANDARD...: lines of COMPILER LANGUAGE STANDARD PROGRAM. FULL is
# the standard that has all programs.
list_cases() {
    local language=$1 compiler=$2 full=$3 standard
    local -a programs
    shift 3
    for standard; do
        programs=("$scratch/unchosen.h")
        if [[ $choice == all || $standard == "$full" ]]; then
            programs=("$scratch"/*.h)
            [[ $language == c ]] || ! has_hpp "$compiler" || programs+=("$scratch"/*.hpp)
        fi
        printf "$compiler $language $standard %s\n" "${programs[@]}"
    done
}

compile() {
    local said status=0
    said=$("$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
        -fsyntax-only -I include -I tests/api "$4" 2>&1) || status=$?
    [[ $status != 0 || -n $said ]] || return 0
    printf '%s: %s -std=%s: status %d\n%s\n' "${4##*/}" "$1" "$3" "$status" "$said"
    return 1
}
export -f compile

for compiler in "${CC-}" gcc clang; do add_compiler compilers_c "$compiler"; done
for compiler in "${CXX-}" g++ clang++; do add_compiler compilers_cxx "$compiler"; done
while IFS= read -r macro; do
    grep -q "$macro" tests/api/header_use.h || { echo "header_use.h lacks $macro" && exit 1; }
done < <(sed -n 's/^#define \(LMS_[A-Z_]*_INIT\)\b.*/\1/p' include/*.h)
write_programs
for compiler in "${compilers_c[@]}"; do list_cases c "$compiler" c11 c11 c17; done >"$scratch/cases"
for compiler in "${compilers_cxx[@]}"; do
    list_cases c++ "$compiler" c++17 c++11 c++17 c++20
done >>"$scratch/cases"
printf 'compilers: %s\n' "${compilers_c[*]} ${compilers_cxx[*]}"
# shellcheck disable=SC2016 # expanded by the inner shell
xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 bash -c 'compile "$@" || exit 1' _ <"$scratch/cases"
printf '%d programs\n' "$(wc -l <"$scratch/cases")"
