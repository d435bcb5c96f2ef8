#!/usr/bin/env bash
# kernels.sh - clang's OpenCL front end over the sampling program, put together as
# host/program.c and host/source.c do: every type of logits, teams of one with both widths of
# vectors, and of many.
set -euo pipefail
names=$(sed -n '/define LMSI_SOURCE_LIST/,/[^\\]$/p' host/source.c | grep -o 'X([a-z_]*)' |
    sed 's/X(\(.*\))/\1/')
names+=" report"
files=()
for name in $names; do
    for file in "include/$name.h" "kernels/lib/$name.h" "kernels/lib/$name.cl" \
        "kernels/$name.cl"; do
        [[ ! -e $file ]] || files+=("$file")
    done
done
if ((${#files[@]} != $(wc -w <<<"$names"))); then
    echo "host/source.c names ${names//$'\n'/ }; found: ${files[*]}"
    exit 1
fi
program=$LMS_CHECK_DIR/program.cl
for file in "${files[@]}"; do
    printf '#line 1 "%s"\n' "$file"
    cat -- "$file"
done >"$program"
failed=0
for logits in 1 2 3; do
    for tokens in 1 2; do
        for shape in '1 16' '1 8' '64 8'; do
            read -r team lanes <<<"$shape"
            echo "LMS_LOGITS $logits, LMS_TOKENS $tokens, LMS_TEAM $team, LMS_LANES $lanes"
            {
                printf '#pragma OPENCL FP_CONTRACT OFF\n'
                printf '#define %s %s\n' LMS_LOGITS $logits LMS_TOKENS $tokens LMS_TEAM "$team" \
                    LMS_LANES "$lanes" LMS_CHUNK 32
                cat -- "$program"
            } | clang -x cl -cl-std=CL1.2 -target spir64 -D__OPENCL_VERSION__=120 \
                -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function \
                -Xclang -finclude-default-header - ||
                failed=1
        done
    done
done
exit $failed
