#!/usr/bin/env bash
# kernels.sh - clang's OpenCL front end over every kernel file by itself and over every program,
# with the definitions that host/base/program.c puts before them: all types of logits and tokens,
# teams of one with both widths of vectors, and of many.
set -euo pipefail
failed=0
# check FILE LOGITS TOKENS TEAM LANES
check() {
    echo "$1: LMS_ELEMENTS $2, LMS_TOKENS $3, LMS_TEAM $4, LMS_LANES $5"
    printf '#include "%s"\n' "$1" |
        clang -x cl -cl-std=CL1.2 -target spir64 -D__OPENCL_VERSION__=120 -Ikernels -Iinclude \
            -DLMS_ELEMENTS="$2" -DLMS_TOKENS="$3" -DLMS_TEAM="$4" -DLMS_LANES="$5" \
            "${@:6}" -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function \
            -Xclang -finclude-default-header - || failed=1
}
for shape in '1 16' '1 8' '64 8'; do
    read -r team lanes <<<"$shape"
    for file in kernels/*/*.{cl,h}; do
        # What edits logits, and what tells of such rows, is in programs with requests alone.
        with=()
        [[ $file != kernels/edits/* && $file != */edit.cl && $file != */requests.cl ]] ||
            with=(-DLMS_REQUESTS)
        check "${file#kernels/}" 1 1 "$team" "$lanes" "${with[@]}"
    done
    for program in kernels/programs/*.cl; do
        for logits in 1 2 3; do
            for tokens in 1 2; do
                check "${program#kernels/}" $logits $tokens "$team" "$lanes"
            done
        done
    done
done
exit $failed
