#!/usr/bin/env bash
# mutants.sh - do the tests notice a kernel that is wrong? Plants one fault after the other in a
# copy of the sources, and expects the tests of the kernels to fail.
#
#   tests/mutants.sh [WORD]   all mutants, or those with WORD in their names
#
# A fault whose edit no longer fits the sources is an error, and so is one that survives. Run it
# after the tests: that they pass without a fault is taken for granted.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
only=${1:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/lmsample-mutants.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
tests=(test_sample test_cuts test_doors test_uniforms test_repeat test_dtypes test_fuzz)
survivors=0
tried=0

# Programs compiled from a mutant's kernels are of no use to anybody else.
export POCL_CACHE_DIR=$work/cache LMS_CACHE_DIR='' LMS_FUZZ_SECONDS=20
# A program ends at its first failing test, by abort().
export CMOCKA_TEST_ABORT=1
ulimit -c 0

build() {
    cmake --build "$work/build" -j "$(nproc)" >"$work/build.log" 2>&1 || {
        cat "$work/build.log" >&2
        exit 1
    }
}

# The test that fails of those named, in caught. A fault may well keep a kernel from ending.
find_failure() {
    local name code log=$work/test.log
    caught=''
    for name in "$@"; do
        code=0
        {
            timeout -k 5 150 stdbuf -oL "$work/build/tests/$name" >"$log" 2>&1 || code=$?
        } 2>/dev/null # the shell would tell of the abort
        ((code)) || continue
        caught="$name, $(sed -n 's/^\[ RUN *\] //p' "$log" | tail -n 1)"
        ((code != 124)) || caught+=', which does not end'
        return
    done
}

# mutant NAME FILE EDIT [TEST]: the sed command EDIT in kernels/FILE. TEST is where it should
# show; the others are tried after it.
mutant() {
    local name=$1 file=$work/kernels/$2 edit=$3 first=${4:-test_sample} rest=() test
    [[ $name == *"$only"* ]] || return 0
    tried=$((tried + 1))
    cp "$file" "$work/original"
    sed -i "$edit" "$file"
    if cmp -s "$file" "$work/original"; then
        printf 'mutants.sh: %s: the edit does not fit %s\n' "$name" "$2" >&2
        exit 1
    fi
    for test in "${tests[@]}"; do
        [[ $test == "$first" ]] || rest+=("$test")
    done
    build
    find_failure "$first" "${rest[@]}"
    if [[ -n $caught ]]; then
        printf '%-46s caught by %s\n' "$name" "$caught"
    else
        printf '%-46s SURVIVED\n' "$name"
        survivors=$((survivors + 1))
    fi
    cp "$work/original" "$file"
    rm -rf -- "$work/cache"
}

cp -r "$root"/{CMakeLists.txt,include,host,kernels,tests} "$work"
cmake -B "$work/build" -S "$work" -DLMS_BUILD_EXAMPLES=OFF -DLMS_BUILD_BENCH=OFF >/dev/null
build

# The order of tokens, and what takes part in it
mutant 'a tie at the cut goes to nobody' lib/row.cl \
    's/(keys == cut.key) & (ids <= cut.id)/(keys == cut.key) \& (ids < cut.id)/' test_cuts
mutant 'the draw forgets the last kept tie' lib/order.cl \
    's/key == cut.key && id <= cut.id/key == cut.key \&\& id < cut.id/'
mutant 'of two cuts the looser' lib/order.cl \
    's/lms_keeps(a, b.key, b.id) ? b : a/lms_keeps(a, b.key, b.id) ? a : b/'
mutant 'NaN has a key' lib/order.cl \
    's/return select(lms_keys8_unchecked(x), .*/return lms_keys8_unchecked(x);/'
mutant '+inf is dead to the draw' lib/order.cl \
    's/if (magnitude > LMS_KEY_INF) return/if (magnitude >= LMS_KEY_INF) return/'
mutant '-0 below +0' lib/order.cl \
    's/return (lms_magnitudes8(x) ^ sign) - sign;/return lms_magnitudes8(x) ^ sign;/'

# The read of the logits
mutant 'the last token is lost' lib/dtype.cl 's/i + j < end/i + j + 1 < end/'
mutant 'NaN is not reported' tile.cl '/[*]seen = LMS_ROW_NAN_SEEN;/d'
mutant 'the tail of a tile has no mass' lib/measure.cl \
    's/at < tile \* LMS_TILE + LMS_TILE;/at < tile * LMS_TILE + LMS_TILE - LMS_GROUP;/'
mutant 'bfloat16 shifted wrongly' lib/dtype.cl 's/(uint)row\[i\] << 16/(uint)row[i] << 15/' \
    test_dtypes

# Numbers
mutant 'one guard bit less' lib/number.cl 's/LMS_GUARD_BITS 13u/LMS_GUARD_BITS 12u/'
mutant 'masses are rounded down' lib/number.cl 's/(r + (1ul << (down - 1))) >> down/r >> down/'
mutant 'scales are rounded down' lib/number.cl 's/(q + (1ul << (h - 1))) >> h/q >> h/'

# Cuts
mutant 'a tie too many from the list' lib/select.cl 's/sum >= stop) break/sum > stop) break/' \
    test_cuts
mutant 'a tie too many from the row' lib/select.cl \
    's/i < 8 && sum < stop/i < 8 \&\& sum <= stop/' test_cuts
mutant 'top-p is rounded up where it is exact' lib/filter.cl \
    's/whole + (rest != 0)/whole + 1/' test_cuts
mutant 'min-p keeps a key too many' lib/filter.cl \
    's/lms_cut_at((int)above, UINT_MAX)/lms_cut_at((int)below, UINT_MAX)/' test_cuts
mutant 'more candidates than the list holds' lib/next.cl \
    's/if (t->listed > LMS_LIST)/if (t->listed > LMS_LIST + 1)/' test_cuts
mutant 'ties with the k-th are cut' lib/begin.cl '/LMS_TOP_K_TIES) cut.id/d' test_cuts
mutant 'filters always after temperature' lib/begin.cl \
    's/t->p.flags & LMS_TEMPERATURE_LAST ? 1.0f : //'

# Work-items that share a row
mutant 'tiles beyond an even share' lib/row.cl \
    's/(row.tiles + LMS_TEAM - 1) \/ LMS_TEAM/max(row.tiles \/ LMS_TEAM, 1u)/'
mutant 'the carry between halves of a bin' lib/team.cl 's/(old + low < low ? 1u : 0u)/0u/' \
    test_cuts
mutant 'two work-items forget each other' lib/next.cl \
    's/LMS_TEAM > 1 ? LMS_STEP_PREFIX/LMS_TEAM > 2 ? LMS_STEP_PREFIX/'
mutant 'the last accepted attempt of a round' lib/draw.cl \
    's/(long)(INT_MAX - attempt) << 32/(long)attempt << 32/'

# The draw
mutant 'the last group is a whole one' lib/row.cl \
    's/min(LMS_GROUP, row->vocab - begin)/LMS_GROUP/'
mutant 'a draw depends on its place' sample.cl \
    's/task.source.step = task.p.step;/task.source.step = task.p.step + r;/' test_repeat
mutant 'every attempt is accepted' lib/draw.cl \
    's/rest - slot \* (ulong)b\[g\] < (ulong)lms_weight(scaled, unit, x)/true/' \
    test_distribution
mutant 'the bound is the weight' lib/draw.cl 's/(w + (w >> 20) + 2)/(w + 2)/'
mutant 'supplies have no end' lib/next.cl 's/t->source.attempts < LMS_ATTEMPTS)/false)/' \
    test_uniforms

# What is written
mutant 'probabilities behind the row' report.cl 's/if (at + 8 <= row->vocab)/if (true)/'
mutant 'outputs of skipped rows' report.cl 's/lms_lane() != 0 || skipped/lms_lane() != 0/' \
    test_doors
mutant 'an index one too large' sample.cl \
    's/(ulong)source_row >= logits_rows/(ulong)source_row > logits_rows/' test_doors
mutant 'hostile flags' lib/params.h 's/if (p.flags & ~LMS_ROW_FLAGS)/if (p.flags \& ~31u)/' \
    test_doors

printf '%d mutants, %d survived\n' "$tried" "$survivors"
((tried > 0 && survivors == 0))
