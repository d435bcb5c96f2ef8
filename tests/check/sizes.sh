#!/usr/bin/env bash
# sizes.sh - lines of at most 96 columns, functions of at most 60 lines, C files of at most 400,
# kernel files of at most 250. Prints what is longer.
set -euo pipefail
. tests/check/sources.sh
export LC_ALL=C.UTF-8
# shellcheck disable=SC2016 # $0 is awk's
{
    c_files
    find kernels -type f \( -name '*.cl' -o -name '*.h' \) -print0
} | xargs -0 awk '
    function too_long(what, length_, limit) {
        printf "%s: %s of %d, at most %d\n", where, what, length_, limit
        bad = 1
    }
    function end_file() {
        where = file
        if (lines > limit) too_long("lines", lines, limit)
    }
    FNR == 1 {
        if (file != "") end_file()
        file = FILENAME
        limit = file ~ /\.cl$/ ? 250 : 400
        opened = 0
    }
    {
        lines = FNR
        where = FILENAME ":" FNR
        if (length($0) > 96) too_long("columns", length($0), 96)
    }
    # A function begins with a brace at the begin of a line, and ends with one.
    /^\{/ { opened = FNR }
    /^[A-Za-z_].*\) *\{$/ { opened = FNR }
    /^\}$/ {
        if (opened && FNR - opened - 1 > 60) too_long("function lines", FNR - opened - 1, 60)
        opened = 0
    }
    END {
        end_file()
        exit bad
    }'
