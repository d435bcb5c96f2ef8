#!/usr/bin/env bash
# kernels.sh - clang's OpenCL front end over the programs, put together as host/base/program.c and
# host/source.c do: every type of logits, teams of one with both widths of
# vectors, and of many.
set -euo pipefail
# The files of one of source.c's lists.
listed() {
    awk -v list="LMSI_$1_LIST" '$2 ~ "^" list { on = 1 } on; on && !/\\$/ { exit }' host/source.c |
        grep -o 'X([a-z_]*)' | sed 's/X(\(.*\))/\1/'
}
# join NAMES: the program of these files.
join() {
    local name file found
    for name in $1; do
        found=0
        for file in "include/$name.h" "kernels/lib/$name.h" "kernels/lib/$name.cl" \
            "kernels/$name.cl"; do
            [[ -e $file ]] || continue
            found=1
            printf '#line 1 "%s"\n' "$file"
            cat -- "$file"
        done
        if ((!found)); then
            echo "host/source.c names $name: there is no such file" >&2
            return 1
        fi
    done
}
join "$(listed ROW) $(listed REPORT) $(listed SAMPLE)" >"$LMS_CHECK_DIR/sample.cl"
join "$(listed ROW) $(listed BEAM)" >"$LMS_CHECK_DIR/beams.cl"
join "$(listed ROW) $(listed PROPOSE)" >"$LMS_CHECK_DIR/propose.cl"
join "$(listed CONTEXT)" >"$LMS_CHECK_DIR/context.cl"
failed=0
for logits in 1 2 3; do
    for tokens in 1 2; do
        for shape in '1 16' '1 8' '64 8'; do
            read -r team lanes <<<"$shape"
            for text in sample beams propose context; do
                echo "$text: LMS_LOGITS $logits, LMS_TOKENS $tokens, LMS_TEAM $team, LMS_LANES $lanes"
                {
                    printf '#pragma OPENCL FP_CONTRACT OFF\n'
                    printf '#define %s %s\n' LMS_LOGITS $logits LMS_TOKENS $tokens \
                        LMS_TEAM "$team" LMS_LANES "$lanes" LMS_CHUNK 32
                    [[ $text != beams ]] || printf '#define LMS_HAS_DEAD 1\n'
                    cat -- "$LMS_CHECK_DIR/$text.cl"
                } | clang -x cl -cl-std=CL1.2 -target spir64 -D__OPENCL_VERSION__=120 \
                    -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function \
                    -Xclang -finclude-default-header - ||
                    failed=1
            done
        done
    done
done
exit $failed
