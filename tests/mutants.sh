#!/usr/bin/env bash
# mutants.sh - do the tests notice a kernel that is wrong? Plants one fault after the other in a
# copy of the sources, and expects the tests of the kernels to fail.
#
#   tests/mutants.sh [WORD]           all mutants, or those with WORD in their names
#   tests/mutants.sh --edits [WORD]   no test: what each edit changes
#
# A fault whose edit no longer fits the sources is an error, and so is one that survives. Run it
# after the tests: that they pass without a fault is taken for granted.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
mode=''
if [[ ${1:-} == --edits ]]; then
    mode=$1
    shift
fi
only=${1:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/lmsample-mutants.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
tests=(test_runs test_heads test_tiles test_flat test_shapes test_sample test_cuts test_doors
    test_uniforms test_repeat test_dtypes test_certain test_fuzz)
beam_tests=(test_beam_rules test_beam test_beam_stale test_beam_fuzz)
contrastive_tests=(test_contrastive test_contrastive_fuzz)
slots_tests=(test_slots_model test_slots_faults test_slots_order test_slots_refused)
host_tests=(test_kernel_arguments)
bracket_tests=(test_brackets)
prepare_tests=(test_prepare)
request_tests=(test_requests test_request_outputs test_request_calls test_request_refused
    test_slots_sampler test_host_parts)
search_tests=(test_search_requests test_beam_edits test_contrastive_edits)
survivors=0
tried=0

# Programs compiled from a mutant's kernels are of no use to anybody else.
export POCL_CACHE_DIR=$work/cache LMS_CACHE_DIR='' LMS_FUZZ_SECONDS=20
# A program ends at its first failing test, by abort().
export CMOCKA_TEST_ABORT=1
ulimit -c 0

build() {
    cmake --build "$work/build" -j "$(nproc)" --target "$@" >"$work/build.log" 2>&1 || {
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
            (cd "$work" && exec timeout -k 5 300 stdbuf -oL "build/tests/$name") >"$log" 2>&1 ||
                code=$?
        } 2>/dev/null # the shell would tell of the abort
        ((code)) || continue
        if grep -q clBuildProgram "$log"; then
            cat "$log" >&2
            exit 1 # no fault, but a kernel that does not compile
        fi
        caught="$name, $(sed -n 's/^\[ RUN *\] //p' "$log" | tail -n 1)"
        ((code != 124)) || caught+=', which does not end'
        return
    done
}

# mutant NAME FILE EDIT [TEST]: the sed command EDIT in kernels/FILE, or in FILE if that begins
# with host/. TEST is where it should show; the others are tried after it. They take the shared
# library, so they stay; one that has parts of the library in it is to come first.
mutant() {
    local name=$1 file=$work/kernels/$2 edit=$3 first=${4:-${tests[0]}} rest=() test
    [[ $name == *"$only"* ]] || return 0
    [[ $2 != host/* ]] || file=$work/$2
    tried=$((tried + 1))
    cp "$file" "$work/original"
    sed -i "$edit" "$file"
    if cmp -s "$file" "$work/original"; then
        printf 'mutants.sh: %s: the edit does not fit %s\n' "$name" "$2" >&2
        exit 1
    fi
    if [[ $mode == --edits ]]; then
        printf '%s (%s)\n' "$name" "$2"
        diff "$work/original" "$file" | grep '^[<>]' || true
        cp "$work/original" "$file"
        return
    fi
    for test in "${tests[@]}"; do
        [[ $test == "$first" ]] || rest+=("$test")
    done
    build lmsample "$first"
    find_failure "$first" "${rest[@]}"
    if [[ -n $caught ]]; then
        printf '%-46s caught by %s\n' "$name" "$caught"
    else
        printf '%-46s SURVIVED\n' "$name"
        survivors=$((survivors + 1))
    fi
    cp "$work/original" "$file"
    # Behind a fault of the host the kernels are as they were.
    [[ $2 == host/* ]] || rm -rf -- "$work/cache"
}

cp -r "$root"/{CMakeLists.txt,LICENSE,README.md,cli,cmake,docs,examples,host,include,kernels} \
    "$root"/{python,tests} "$work"
if [[ $mode != --edits ]]; then
    cmake -B "$work/build" -S "$work" -DLMS_BUILD_BENCH=OFF -DLMS_INSTALL=OFF \
        -DCMAKE_LINK_DEPENDS_NO_SHARED=ON >/dev/null
    build lmsample "${tests[@]}" "${beam_tests[@]}" "${contrastive_tests[@]}" \
        "${slots_tests[@]}" "${host_tests[@]}" "${bracket_tests[@]}" "${prepare_tests[@]}" \
        "${search_tests[@]}" "${request_tests[@]}" test_distribution
fi

# The order of tokens, and what takes part in it
mutant 'a tie at the cut goes to nobody' row/cut.cl \
    's/ids <= (lms_uints)(cut.id)/ids < (lms_uints)(cut.id)/' test_cuts
mutant 'the judge forgets the last kept tie' row/cut.cl \
    's/key == cut.key && id <= cut.id/key == cut.key \&\& id < cut.id/'
mutant 'of two cuts the looser' row/cut.cl \
    's/lms_keeps(a, b.key, b.id) ? b : a/lms_keeps(a, b.key, b.id) ? a : b/'
mutant 'NaN has a key' numeric/keys.cl \
    's/return magnitude > LMS_KEY_INF ? (lms_ints)(LMS_NEVER) : keys;/return keys;/'
mutant '+inf is dead to the draw' numeric/keys.cl \
    's/if (magnitude > LMS_KEY_INF) return/if (magnitude >= LMS_KEY_INF) return/'
mutant '-0 below +0' numeric/keys.cl \
    's/keys = (magnitude ^ sign) - sign;/keys = magnitude ^ sign;/'

# The read of the logits. What maxima by comparing floats do with zeros and subnormals cannot be
# shown on a device that has subnormals: there the other way gives the same keys.
mutant 'the last token is lost' row/read.cl 's/begin + i < x->vocab/begin + i + 1 < x->vocab/'
mutant 'bfloat16 shifted wrongly' numeric/types.cl \
    's/(uint)row\[i\] << 16/(uint)row[i] << 15/' test_dtypes
mutant 'vectors of bfloat16 shifted wrongly' numeric/types.cl \
    's/(0, row + i)) << 16/(0, row + i)) << 15/' test_dtypes
mutant 'NaN is not reported' row/tile.cl '/[*]seen = LMS_ROW_NAN_SEEN;/d' test_tiles
mutant 'NaN is not reported by big teams' row/teams.cl '/ seen = LMS_ROW_NAN_SEEN;/d' test_tiles
mutant 'NaN in a block' row/whole_tile.cl '/[*]odd |= nan/d' test_tiles
mutant 'NaN in all groups of a block but one' row/whole_tile.cl \
    's/nan |= (a != a) | (b != b)/nan = (a != a) | (b != b)/' test_tiles
mutant 'NaN in one half of a group' row/whole_tile.cl 's/(a != a) | (b != b)/(a != a)/' test_tiles
mutant 'maxima of other groups' row/whole_tile.cl \
    's/(float\([0-9]*\))(even.hi, odd.hi)/(float\1)(even.hi, odd.lo)/'
mutant 'maxima of other groups of 16 bits' row/whole_tile.cl \
    's/(short16)(even.hi, odd.hi)/(short16)(even.hi, odd.lo)/' test_dtypes
mutant 'NaN of 16 bits' row/whole_tile.cl 's/(keys > (short8)(LMS_INF16)) |//' test_tiles
mutant 'NaN of 16 bits with a sign' row/whole_tile.cl \
    's/min(least, min(a, b))/min(least, a)/' test_tiles
mutant 'a block goes beyond the row' row/blocks.cl \
    's|min(last, x->vocab / LMS_TILE)|last|' test_tiles
mutant 'odd maxima of a block are trusted' row/blocks.cl \
    's/return !lms_any8(odd);/return true;/' test_tiles
mutant 'the short tile is not done' row/blocks.cl \
    's/for (; next < end; ++next)/for (; next < end - 1; ++next)/' test_tiles
mutant 'the last tiles have no maximum' cut/own.cl '/for (; i < row->tiles; ++i) largest = /d'
mutant 'the last tile of big teams has no maximum' cut/own.cl \
    's/i = lms_item_of(row); i < row->tiles;/i = lms_item_of(row); i + 1 < row->tiles;/'

# Sums of tiles
mutant 'the tail of a tile has no mass' row/masses.cl \
    's/at < min(end, x->vocab)/at < min(end - LMS_GROUP, x->vocab)/' test_tiles
mutant 'the tail of a whole tile has no mass' row/masses.cl \
    's/i < LMS_TILE; i += 4/i < LMS_TILE - 4 * LMS_LANES; i += 4/' test_tiles
mutant 'all sums of a block in one unit' row/blocks.cl 's/scale, h\[i\])/scale, h[0])/' test_tiles
mutant 'sums of a block without C' row/blocks.cl 's/(c == 0.0f)/(c == c)/' test_tiles
mutant 'sums of big teams in one unit' row/teams.cl \
    's/top = lms_logit_of(lms_max8(groups\[tile\]))/top = lms_logit_of(lms_max8(groups[0]))/' test_tiles
mutant 'sums of big teams lack a vector' row/teams.cl \
    's/(uint i = 0; i < LMS_TILE_ITEMS; ++i) {/(uint i = 1; i < LMS_TILE_ITEMS; ++i) {/' test_tiles

# Numbers
mutant 'one guard bit less' numeric/weights.cl 's/LMS_GUARD_BITS 13u/LMS_GUARD_BITS 12u/'
mutant 'masses are rounded down' numeric/weights.cl \
    's/(LMS_V(as_uint)(w) + (1u << (down - 1))) >> down/LMS_V(as_uint)(w) >> down/' test_heads
mutant 'masses far below a unit' numeric/weights.cl \
    's/if (down > 30) return/if (down > 60) return/'
mutant 'masses in the list are rounded down' select/list.cl \
    's/(w + half_unit) >> max/w >> max/' test_heads
mutant 'masses in the list far below a unit' select/list.cl \
    's/down > 30 ? (lms_ints)(0)/down > 60 ? (lms_ints)(0)/' test_heads
mutant 'scales are rounded down' numeric/scale.cl 's/(q + (1ul << (h - 1))) >> h/q >> h/'

# Cuts
mutant 'a tie too many from the list' select/listed.cl \
    's/i < n && sum < stop; ++i/i < n \&\& sum <= stop; ++i/' test_cuts
mutant 'the last key of an interval' select/search.cl 's/(keys <= s->high)/(keys < s->high)/'
mutant 'top-p is rounded up where it is exact' rules/top_p.cl \
    's/whole + (rest != 0)/whole + 1/' test_cuts
mutant 'a subnormal min_p is off' rules/min_p.cl \
    's/as_int(f->min_p) > 0/as_int(f->min_p) >= 0x00800000/' test_certain
mutant 'a subnormal min_p is no rule' rules/rules.cl \
    's/as_int(r->min_p) > 0/as_int(r->min_p) >= 0x00800000/' test_certain
mutant 'a subnormal min_p cuts nothing' cut/begin.cl \
    's/as_int(rules->min_p) > 0/as_int(rules->min_p) >= 0x00800000/' test_certain
mutant 'a subnormal min_p is another' rules/min_p.cl \
    's/const uint exponent = max(bits >> 23, 1u)/const uint exponent = bits >> 23/' test_certain
mutant 'log-probabilities relative to an exact power' numeric/logarithm.cl \
    's/lms_lg((ulong)top << LMS_GUARD_BITS)/((long)42 << 32)/' test_certain
mutant 'the only token has a rounded probability' numeric/logarithm.cl \
    's/mass == all ? (lms_floats)(1.0f) : mass/mass/' test_certain
mutant 'min-p keeps a key too many' rules/min_p.cl \
    's/lms_cut_at((int)above, UINT_MAX)/lms_cut_at((int)below, UINT_MAX)/' test_cuts
mutant 'top-p without the end of its base' cut/begin.cl 's/c->base.key - 1/c->base.key/' test_cuts
mutant 'more candidates than the list holds' cut/next.cl \
    's/if (c->listed > LMS_LIST)/if (c->listed > LMS_LIST + 1)/' test_cuts
mutant 'ties with the k-th are cut' rules/top_k.cl \
    's/keeps_ties ? lms_cut_at(kth.key, UINT_MAX) : kth/kth/' test_cuts
mutant 'filters always after temperature' rules/rules.cl \
    's/f->flags & LMS_TEMPERATURE_LAST ? 1.0f : f->temperature/f->temperature/'
mutant 'greedy rows have rules' rules/rules.cl \
    's/lms_is_greedy(f) ? lms_rules_none() : lms_rules_of/lms_rules_of/'

# The list of a work-item that is alone. That ends at 0 or at subnormals are left to keys cannot
# be shown on a device that has subnormals.
mutant 'a group too few above the head' select/counting.cl \
    's/lms_key_with(keys, n, k, /lms_key_with(keys, n, k - 1, /' test_tiles
mutant 'the first key of the list' select/counting.cl \
    's/(long)s->high + 1;/(long)s->high;/' test_heads
mutant 'the end of the list is not searched' select/counting.cl \
    '/if (row->list_key\[i\] >= key) rest/d' test_heads
mutant 'the list reaches its target too late' select/counting.cl \
    's/s, n, middle) >= target/s, n, middle) > target/' test_heads
mutant 'ties of the list without those above' select/counting.cl \
    's/target - lms_listed_from(row, s, n, above)/target/' test_heads
mutant 'all masses of the list' select/counting.cl \
    's/row->list_mass + i) & mask;/row->list_mass + i);/' test_heads
mutant 'no masses for top-p of top-k' cut/cutting.cl \
    's/c->search.by_mass || c->wants_masses/c->search.by_mass/' test_heads
mutant 'the first token of an interval' select/list.cl \
    's/x > (lms_floats)(high)/x >= (lms_floats)(high)/' test_heads
mutant 'the first key of an interval' select/list.cl 's/keys > s->high/keys >= s->high/' test_heads
mutant 'the list has the tokens above it' select/list.cl 's/in & ~over & /in \& /' test_heads
mutant 'NaN is above the list' select/list.cl \
    's/x > (lms_floats)(high)/~(x <= (lms_floats)(high))/' test_heads
mutant 'tokens above the list are not counted' select/list.cl \
    '/[*]above += over & one;/d' test_heads
mutant 'tokens above the list are forgotten' cut/next.cl '/c->search.above = above;/d' test_heads
mutant 'the k-th is never above the list' cut/next.cl \
    's/if (above < c->search.target)/if (true)/' test_heads
mutant 'a list that is full has all above it' cut/next.cl \
    's/if (listed > LMS_LIST) {/if (false) {/' test_heads
mutant 'top-p of a list without its head' cut/next.cl \
    's/c->is_for_k && !c->wants_masses && /c->is_for_k \&\& /' test_heads

# Pivots. That a pivot is never 0 or subnormal cannot be shown on a device that has subnormals;
# what the sample of the row says shows in no result.
mutant 'measures above pivots add up' select/pivots.cl \
    's/s->above = p.above/s->above += p.above/' test_flat
mutant 'pivots without the short tile' select/pivots.cl \
    '/^            lms_pivot_any_tile(/d' test_flat
mutant 'masses at a pivot are above it' select/pivots.cl \
    's/(as_uint)(v > (lms_floats)(pivot\[j\]))/(as_uint)(v >= (lms_floats)(pivot[j]))/' test_flat
mutant 'tokens at a pivot are above it' select/pivots.cl \
    's/(v > (lms_floats)(pivot\[j\])) & one/(v >= (lms_floats)(pivot[j])) \& one/' test_flat
mutant 'a short tile at a pivot is above it' select/pivots.cl \
    's/(keys > p->key\[j\])/(keys >= p->key[j])/' test_flat
mutant 'tiles below the first pivot' select/pivots.cl \
    's/p->key\[LMS_PIVOTS - 1\]/p->key[0]/' test_flat
mutant 'masses above pivots not rounded' select/pivots.cl \
    's/ && unit.shift <= LMS_GUARD_BITS)/)/' test_flat
mutant 'masses above pivots without C' select/pivots.cl 's/ && unit.c == 0.0f//' test_tiles

# Work-items that share a row
mutant 'tiles beyond an even share' row/row.cl \
    's/(row->tiles + LMS_TEAM - 1) \/ LMS_TEAM/max(row->tiles \/ LMS_TEAM, 1u)/'
mutant 'the carry between halves of a bin' team/bins.cl \
    's/(old + low < low ? 1u : 0u)/0u/' test_cuts
mutant "a work-item's last bin" team/bins.cl \
    '/^ulong lms_own_bins/,/^}/s/first + LMS_OWN_BINS/first + LMS_OWN_BINS - 1/' test_cuts
mutant 'the crossing is in the first own bin' team/bins.cl '/^        before += here;/d' test_cuts
mutant 'bins are never cleared' team/meeting.cl \
    '/^lms_meeting lms_meet_more/,/^}/{/lms_clear_own_bins/d}' test_cuts
mutant 'the crossing of the step before' team/meeting.cl \
    '/if (item == 0) shared->bins.crossing.bin/d' test_cuts
mutant 'runs lack their last work-item' team/meeting.cl \
    's/(run + 1) \* LMS_RUN; ++i) {/(run + 1) * LMS_RUN - 1; ++i) {/' test_cuts
mutant 'a run has the best of its first work-item' team/meeting.cl '/sum.best = max(/d' test_cuts
mutant 'the best of the last run' team/meeting.cl \
    's/m.best = max(m.best, run.best)/m.best = run.best/' test_cuts
mutant 'the own run comes before' team/meeting.cl 's/i < own_run ? run/i <= own_run ? run/' test_cuts
mutant 'no work-item of the own run comes before' team/meeting.cl \
    's/i < item; ++i) m.before/i < own_run * LMS_RUN; ++i) m.before/' test_cuts
mutant 'other sums lack a work-item of each run' team/meeting.cl \
    's/(run + 1) \* LMS_RUN; ++i) sum/(run + 1) * LMS_RUN - 1; ++i) sum/' test_cuts
mutant 'other sums lack the last run' team/meeting.cl \
    's/i < LMS_RUNS; ++i) sum/i < LMS_RUNS - 1; ++i) sum/' test_cuts
mutant 'other sums are all the first' team/meeting.cl 's/shared, i \/ LMS_RUNS - 1, /shared, 0, /' test_cuts

# Searches of teams above one, in the list, by keys and by ids. That a cut goes on among ids and
# not in another round shows in no result, nor does what is measured again with nobody's target.
mutant 'masses in the list of big teams' select/list.cl 's/if (with_masses) {/if (false) {/' test_heads
mutant 'a list goes on behind the one before' cut/next.cl '/row->shared->listed = 0/d' test_cuts
mutant 'higher ids rank first' select/listed.cl 's/row->list_id\[j\] < id/row->list_id[j] > id/' test_cuts
mutant 'ties have one rank' select/listed.cl 's/other > key || .*;/other > key;/' test_cuts
mutant 'what is above the bin is forgotten' select/listed.cl 's/ulong before = s->above/ulong before = 0/' test_cuts
mutant 'what is above the bin counts twice' select/listed.cl 's/is_before && other <= s->high/is_before/' test_cuts
mutant 'a token too many is ranked' select/listed.cl \
    's/lms_listed_measure(row, s, i) >= s->target/lms_listed_measure(row, s, i) > s->target/' test_cuts
mutant 'the last id is not searched' select/search.cl 's/s->low = -1 - (int)ids/s->low = -(int)ids/' test_cuts
mutant 'the first id is not searched' select/search.cl 's/    s->high = -1;/    s->high = -2;/' test_cuts
mutant 'tokens of other keys among the ids' select/search.cl \
    's/return keys == s->key ? ~LMS_V(as_int)(ids) : (lms_ints)(INT_MIN)/return ~LMS_V(as_int)(ids)/' test_cuts
mutant 'groups of other keys among the ids' select/search.cl \
    's/: key == s->key ? (int)~id : INT_MIN/: (int)~id/' test_cuts
mutant 'tiles of other keys by ids' select/search.cl 's/s->by_id ? s->key : s->low + 1/s->low + 1/' test_cuts
mutant 'a cut inside a vector' row/cut.cl 's/id + LMS_LANES - 1 <= cut.id/id <= cut.id/' test_cuts
mutant 'a cut at the first token of a vector' row/cut.cl 's/if (id > cut.id/if (id >= cut.id/' test_cuts
mutant 'ties of whole vectors' row/cut.cl 's/cut.key - (id <= cut.id ? 1 : 0)/cut.key/' test_cuts

# Rows that share a work-item
mutant 'the rows that no run is full of' row/row.cl 's|(rows + teams - 1) / teams|rows / teams|'
mutant 'the last run goes beyond the batch' sample/sample.cl \
    's/min((team + 1) \* each, (ulong)rows)/(team + 1) * each/'
mutant 'runs that share a workspace' sample/sample.cl \
    's/lms_do_row(&c, r, team, /lms_do_row(\&c, r, 0, /'
mutant 'tiles in the workspace of another row' row/maxima.cl \
    's/lms_tiles_at(w, place, /lms_tiles_at(w, r, /'
mutant 'a report from the workspace of another row' sample/sample.cl \
    's/lms_row_to_sample(&c, r, at, team, /lms_row_to_sample(\&c, r, at, 0, /'

# The draw
mutant 'the last group is a whole one' row/row.cl 's/min(LMS_GROUP, vocab - begin)/LMS_GROUP/'
mutant 'a second tile in the unit of the first' draw/envelope.cl \
    's/lms_mass_of_sum((uint)shift\[j + 1\]/lms_mass_of_sum((uint)shift[j]/' test_flat
mutant 'a second tile begins with the first' draw/envelope.cl '/lms_sum4(slots.lo)/{n;d}' test_flat
mutant 'a draw depends on its place' sample/call.cl \
    's/words.step = p->step;/words.step = p->step + r;/'
mutant 'every attempt is accepted' draw/rejection.cl \
    's/slot.height < (uint)lms_weight(unit, x)/true/'
mutant 'the bound is the weight' draw/envelope.cl 's/(w + (w >> 20) + 2)/(w + 2)/' test_uniforms

mutant 'every attempt of a vector proposes' draw/tries.cl 's/low & made/made/' test_cuts
mutant 'the last accepted attempt of a vector' draw/alone.cl \
    's/31 - clz(found & -found)/31 - clz(found)/' test_cuts
mutant 'attempts of which one has the tile of another' draw/tries.cl \
    's/b = t->tile\[i + 1\]/b = t->tile[i]/' test_heads
mutant 'attempts at the end of a short tile' draw/tries.cl \
    's/\* lms_group_size(row, tile \* LMS_TILE_GROUPS + g)/* LMS_GROUP/'
mutant 'supplies have no end' draw/drawing.cl \
    's/if (d->words.attempts == LMS_ATTEMPTS) return true/return true/' test_uniforms
# Either of the two edits alone shows in no result.
mutant 'attempts behind a supply' draw/tries.cl \
    's/min(from + i, words->attempts - 1)/from + i/; s/low & made/low/' test_uniforms
mutant 'two work-items forget each other' sample/row.cl \
    's/^    shared->parts\[lms_item()\].sum = /    if (LMS_TEAM > 2) &/' test_shapes
mutant 'the envelope before a work-item' sample/row.cl \
    's/\.sum = m.before;/.sum = 0;/' test_cuts
mutant 'an envelope where a work-item begins' draw/rejection.cl \
    's/parts\[item + step\].sum <= place/parts[item + step].sum < place/' test_uniforms

# Groups in reach, and rounds. That the groups that tie with the last one are no base of top-p shows
# where they are many.
mutant 'a group too many in reach' draw/alone.cl \
    's/lms_first_groups(row, rules->k,/lms_first_groups(row, rules->k + 1,/' test_cuts
mutant 'a group too few in reach' draw/alone.cl \
    's/lms_first_groups(row, rules->k,/lms_first_groups(row, max(rules->k, 2u) - 1,/' test_cuts
mutant 'groups that tie with the k-th of big teams' draw/together_next.cl \
    's/t->rules.keeps_ties || s->above/s->above/' test_cuts
mutant 'all groups that tie with the k-th' draw/together_next.cl \
    's/crossing.measure == s->target/crossing.measure >= s->target/' test_cuts
mutant 'places of tiles among groups' draw/together_next.cl \
    's/lms_search_ids(s, row->tiles \* LMS_TILE_GROUPS)/lms_search_ids(s, row->tiles)/' test_cuts
mutant 'a group too many in reach of big teams' draw/together_next.cl \
    's/lms_search_of(t->rules.k, /lms_search_of(t->rules.k + 1, /' test_cuts
mutant 'groups that tie with the k-th are out of reach' draw/reach.cl \
    '/if (keeps_ties) return lms_cut_at/d' test_cuts
mutant 'groups that tie with the k-th are in the base' draw/alone.cl \
    '/rules->keeps_ties) base = /d' test_cuts
mutant 'reach to a key is all reach' draw/alone.cl \
    's/lms_is_same_cut(d->reach, base)/(d->reach.key == base.key)/' test_cuts
mutant 'reach is not narrowed' draw/drawing.cl \
    's/d->reach = lms_tighter(old, .*/d->reach = old;/' test_cuts
mutant 'a group without a token before is in reach' draw/reach.cl \
    's/row->groups\[group\] == x.key && lms_is_second(row, x)/row->groups[group] == x.key/' test_cuts
mutant 'a group with a tie before is out of reach' draw/reach.cl \
    's/row->groups\[group\] == x.key && lms_is_second(row, x)/false/' test_cuts
mutant 'a narrowed reach is a cut' draw/together_next.cl \
    's/if (d->attempts == 0) lms_learn_reach/lms_learn_reach/' test_cuts
mutant 'rounds of 16' draw/rejection.cl 's/LMS_ROUND 32u/LMS_ROUND 16u/' test_cuts
mutant 'rounds of 64' draw/rejection.cl 's/LMS_ROUND 32u/LMS_ROUND 64u/' test_cuts
mutant 'the last that a round proposes' draw/alone.cl \
    's/d->first = lms_tighter(d->first, x)/d->first = x/' test_cuts
mutant 'the last that a round of big teams proposes' draw/together_next.cl \
    's/d->first = lms_tighter(d->first, x)/d->first = x/' test_cuts
# No token is sure while others are open, as the draw ends with the first that is kept. And what
# ranks behind a judged token that is not kept has as much before it, in whichever tiles.
mutant 'what was judged is passed over' draw/together_next.cl \
    's/else if (t->judged_count == 0) {/else {/' test_cuts
mutant 'more are judged than there are sums' draw/together_next.cl \
    's/t->judged_count < most; ++i/t->judged_count <= most; ++i/' test_cuts
mutant 'all judged tokens have the sum of the first' draw/together_next.cl \
    's/return i == 0 ? m->total/return true ? m->total/' test_cuts
mutant 'the first counted token is judged again' draw/together_next.cl \
    's/round->judged\[left++\] = x/left++/' test_cuts
mutant 'the mass of the base in the next sum' draw/together_own.cl \
    's/row->shared->more\[0\]\[lms_item_of(row)\] = mass/row->shared->more[1][lms_item_of(row)] = mass/' test_cuts
mutant 'one of many ties is certain' draw/drawing.cl 's/ && !rules->keeps_ties//' test_cuts

# Judging a token. A closed bound that is taken as open, and the first token's mass that has to be
# more than enough, cost a pass or a draw, and give the same token. test_brackets has parts of the
# library in it.
mutant 'an open bound is a closed one' draw/judge.cl \
    's/before.most < lms_share_of/before.most <= lms_share_of/' test_brackets
mutant 'a base a unit too large' draw/judge.cl \
    's/known.mass + lms_least_of/known.mass + 1 + lms_least_of/' test_brackets
mutant 'a base a unit too small' draw/judge.cl \
    's/j->slots - known.excess)/j->slots - known.excess - 1)/' test_brackets
mutant 'a unit too much before a token' draw/judge.cl \
    's/range.least = known.above;/range.least = known.above + 1;/' test_brackets
mutant 'a unit too little before a token' draw/judge.cl \
    's/range.most = known.above;/range.most = max(known.above, 1ul) - 1;/' test_brackets
mutant 'other groups weigh all of a 32nd' draw/judge.cl \
    's/return (slots >> 5) - min(slots >> 5, off);/return slots >> 5;/' test_brackets
mutant 'what a group takes off is taken off again' draw/judge.cl \
    's/min(j->most, j->slots - known.excess)/j->most - min(j->most, known.excess)/' test_cuts
mutant 'the first is enough for the least base' draw/judge.cl \
    's/mass >= lms_share_of(j->most/mass >= lms_share_of(j->least/' test_brackets
mutant "the base at the draw's scale" draw/alone.cl \
    's/lms_envelope_own(row, &judge->scaled, base)/lms_envelope_own(row, \&d->scaled, base)/' test_cuts
mutant 'the judge forgets min-p' draw/judge.cl \
    's/lms_judge j = lms_judge_of_cut(min_p);/lms_judge j = lms_judge_of_cut(lms_cut_none());/' test_cuts
mutant 'k tokens before are not too many' draw/judge.cl \
    's/lms_count_kept(row, j->listed, before) < j->rules.k/lms_count_kept(row, j->listed, before) <= j->rules.k/' \
    test_brackets
mutant 'k tokens of full groups are not too many' draw/judge.cl \
    's/groups \* LMS_GROUP < j->rules.k/groups * LMS_GROUP <= j->rules.k/' test_brackets
mutant 'ties count against k' draw/judge.cl \
    's/return keeps_ties ? lms_cut_at(x.key + 1, UINT_MAX) : /return /' test_brackets
mutant 'the group of the last token before is not near' draw/before.cl \
    's/(group \* LMS_GROUP > cut.id)/(group * LMS_GROUP >= cut.id)/' test_brackets
mutant 'a pivot a key too high' draw/before.cl \
    's/cut.id < begin ? cut.key : cut.key - 1/cut.key/' test_brackets
mutant 'a cut at the first token of a tile' draw/before.cl \
    's/cut.id >= begin && cut.id < end - 1/cut.id > begin \&\& cut.id < end - 1/' test_brackets
mutant 'a cut near the end of a tile' draw/before.cl \
    's/cut.id < end - 1) return/cut.id < end - 2) return/' test_brackets
mutant 'rough sums are exact' draw/rough.cl \
    's/const ulong below = .*/const ulong below = vocab;/' test_brackets
mutant 'rough sums are as good as finer ones' draw/rough.cl \
    's/(is_finer ? 8 : 4)/8/' test_brackets
mutant 'rough sums are never too small' draw/rough.cl \
    's/sum + (sum >> 8) + vocab/sum + vocab/' test_brackets
mutant 'rough sums of any exponent' draw/rough.cl 's/ && fabs(scaled->h) < 0x1p+23f//' test_brackets
mutant 'a rough pass forgets the last tile' draw/rough.cl \
    's/min(first + LMS_ROUGH_BLOCK, row->tiles)/min(first + LMS_ROUGH_BLOCK, row->tiles - 1)/' \
    test_brackets
mutant 'the total lacks the last tile' row/masses.cl \
    '/^ulong lms_total_own/,/^}/s/tile < row->last/tile + 1 < row->last/' test_brackets
mutant 'what is kept lacks the last tile' row/masses.cl \
    '/^lms_kept_part lms_kept_own/,/^}/s/LMS_EACH_TILE(.*) /&if (tile + 1 < row->tiles) /' \
    test_brackets

# What is written
mutant 'probabilities behind the row' report/probs.cl \
    's/if (at + LMS_LANES <= row->logits.vocab)/if (true)/'
mutant 'outputs of skipped rows' report/row.cl 's/lms_item() != 0 || skipped/lms_item() != 0/'
mutant 'other tokens are certain' report/probs.cl \
    's/(lms_uints)(at) + LMS_LANE_IDS == (lms_uints)(certain)/(lms_uints)(at) == (lms_uints)(certain)/'
mutant 'only greedy rows are certain' report/row.cl \
    's/certain = has_token && !drawn/certain = outcome.filtered \&\& !drawn/'
mutant 'big teams report no count' report/row.cl \
    's/all.count = lms_total_of_more(shared, 1)/all.count = lms_total_of_more(shared, 0)/'
mutant 'an index one too large' sample/call.cl \
    's/(ulong)logits_row >= c->logits_rows/(ulong)logits_row > c->logits_rows/'
mutant 'hostile flags' row/filters.h 's/if (f.flags & ~LMS_FILTER_FLAGS)/if (f.flags \& ~31u)/' \
    test_doors
mutant 'slots are no error' row/params.h 's/^    if (r.slot && .*//' test_doors
mutant 'a buffer under the name of another' host/op/rows.h \
    's/("seen", LMSI_BUFFER, LMSI_SEEN)/("seen", LMSI_BUFFER, LMSI_LIST)/' test_sample
mutant 'edits are no error' row/params.h 's/^    if (r.edits > .*//' test_doors
mutant 'wants are no error' row/params.h 's/^    if (p.wants > .*//' test_doors
mutant 'rules are no error' row/filters.h 's/^    if (f.rules) .*//' test_doors

# --- Beam search ---------------------------------------------------------------------------------
tests=("${beam_tests[@]}")

# Scores
mutant 'a gap in half the unit' numeric/fixed.cl 's/inverse.b + 181/inverse.b + 182/'
mutant 'gaps without a largest one' numeric/fixed.cl \
    's/min(product >> down, LMS_GAP_MOST)/product >> down/'
mutant 'scores without a floor' beam/offer.cl \
    's/max(o->score + lms_logprob_of(o, key), LMS_SCORE_FLOOR)/o->score + lms_logprob_of(o, key)/'
mutant 'a root too few' numeric/fixed.cl \
    's/for (uint j = 0; j < 32; ++j) {/for (uint j = 0; j < 31; ++j) {/'
mutant 'whole powers are squares' beam/rating.cl \
    's/if (whole >> left \& 1) power/if (false) power/'
mutant 'whole powers alone' beam/rating.cl 's/if (fraction == 0 || down > 63) return/if (true) return/'
mutant 'length penalties have no sign' beam/rating.cl 's/penalty > 0.0f ? lms_wide_q/true ? lms_wide_q/'
mutant 'a quotient without its last digit' beam/rating.cl \
    's/const int digits = is_more ? 63 : 64;/const int digits = is_more ? 62 : 63;/'
mutant 'negative ratings in the order of their sizes' beam/rating.cl \
    's/is_negative ? ~size.mantissa : size/false ? ~size.mantissa : size/'

# What a beam offers
mutant 'ties of a score go by the logit' beam/offer.cl \
    '/^    if (key/s/== score) {$/== score \&\& false) {/'
mutant 'one token too few is listed' beam/slots.cl 's/per + p->end_tokens)) + p->width/per + p->end_tokens - 1)) + p->width/'
mutant 'no spare tokens for other groups' beam/slots.cl 's/ + p->width - per;/;/'
mutant 'sampled beams list as few as others' beam/slots.cl 's/ || p->mode == LMS_BEAM_SAMPLE;/;/'
mutant 'end tokens at any rank are not listed' beam/slots.cl \
    's/(p->flags & LMS_BEAM_END_ANY_RANK) || p->mode/p->mode/'
mutant 'suppressed tokens are in the maxima' beam/offer.cl \
    '/^        lms_do_tile(&row->logits, tile, /d'
mutant 'suppressed tokens are in the sums' beam/offer.cl \
    '/^        lms_sum_tile(&row->logits, tile, /d'
mutant "sums at the rules' scale are the temperature's" beam/offer.cl \
    's/return o->sums_scale == o->scale;/return true;/'
mutant 'end tokens are suppressed a step longer' beam/rows.cl \
    's/o.clocks.turn < p.min_length/o.clocks.turn <= p.min_length/'
mutant 'renormalized by the whole row' beam/offer_steps.cl \
    's/if (o->is_of_eligible) return/if (false) return/'

# The read of suppressed tokens. What lists or draws one token after the other asks only for tokens
# that are not suppressed, and the tile pass has none: that they would go by the edits, too, shows
# in no result.
mutant 'a suppressed token is read as it is stored' row/read.cl \
    's/lms_has_edits(x) ? lms_edited(x, begin, v) : v/v/'
mutant 'the first suppressed token only' row/read.cl \
    '/^LMS_INLINE lms_floats lms_edited/,/^}/s/x->suppressed_count/min(x->suppressed_count, 1u)/'
mutant 'one suppressed token, and all are' row/read.cl \
    's/if ((uint)x->suppressed.i. == id) return/return/'
mutant 'the first token of a tile is not edited' row/logits.cl 's/id >= begin/id > begin/'
mutant 'an edited tile is summed as it is stored' row/masses.cl \
    's/is_plain && !lms_is_edited(x, begin, end)/is_plain/'
mutant 'an edited tile is a plain one to pivots' select/pivots.cl \
    's/ || lms_is_edited(&logits, begin, end)//' test_beam_stale

# Draws
mutant 'tokens are drawn again' draw/without_replacement.cl \
    '/^    lms_take_out_drawn(row, c, tile, w);/d'
mutant 'the last token is drawn again' draw/without_replacement.cl \
    's/if ((uint)c->last_token - begin < LMS_TILE)/if (false)/'
mutant 'a tile keeps its mass' draw/without_replacement.cl 's/row->sums\[tile\] = after;//'
mutant 'a block keeps its mass' draw/without_replacement.cl \
    's/c->blocks\[tile .* += after - before;//'
mutant 'time does not depend on what is left' draw/without_replacement.cl \
    's/lms_clock(c, c->drawn) \* part_left/lms_clock(c, c->drawn)/'
mutant 'a beam forgets its value' beam/offer_steps.cl 's/return o->value;/return o->score;/'

# Who goes on, and who is finished
mutant 'equal values go to the higher parent' beam/pool.cl 's/value == own.value \&\& j < i/value == own.value \&\& j > i/'
mutant 'equal beams the other way round' beam/pool.cl 's/x->value == y->value \&\& i < j/x->value == y->value \&\& i > j/'
mutant 'sampled beams go on by value' beam/pool.cl 's/req->p.mode == LMS_BEAM_SAMPLE \&\& x->score/false \&\& x->score/'
mutant 'finished at any rank' beam/pool.cl 's/ || rank >= req->group_width || listed/ || listed/'
mutant 'finished twice' beam/pool.cl 's/ || rank >= req->group_width || listed/ || rank >= req->group_width/'
mutant 'the pool of another group' beam/pool.cl 's/return req->pool + lms_first_beam(req);/return req->pool;/'
mutant 'new ones before old ones in the pool' beam/pool.cl \
    's/j < req->pooled ? is_new || j < i :/j < req->pooled ? !is_new \&\& j < i :/'
mutant 'a penalty once a token' beam/candidates.cl 's/score = max(score - (long)req->penalty, LMS_SCORE_FLOOR);/return max(score - (long)req->penalty, LMS_SCORE_FLOOR);/'
mutant 'beams of groups that are done cost a penalty' beam/candidates.cl 's/if (group.length != req->step + 1) continue;//'
mutant 'early stopping without a full pool' beam/pool.cl '/if (req->pooled < req->group_width) return false;/d'
mutant 'never is like the heuristic' beam/pool.cl 's/const bool at_most = .*/const bool at_most = false;/'
mutant 'equal ratings do not end it' beam/pool.cl \
    's/return !lms_is_better(hope, \(.*\));/return lms_is_better(\1, hope);/'
mutant 'no stop by a candidate' beam/pool.cl 's/lms_has_flag(req, LMS_BEAM_STOP_BY_CANDIDATE)/false/'
mutant 'the step before the last is the last' beam/candidates.cl 's/req->step + 1 == req->p.max_length/req->step + 2 >= req->p.max_length/'
mutant 'end tokens count in the length' beam/choose.cl 's/(shorter ? 0 : 1)/1/'
mutant 'an interval without its ties' beam/choose.cl 's/t.within++ >= req->quota/t.within++ > req->quota/'

# Results
mutant 'live beams never compete' beam/results.cl 's/const bool competes = .*/const bool competes = false;/'
mutant 'live beams of early groups compete' beam/results.cl 's/ \&\& now.done != LMS_GROUP_EARLY;/;/'
mutant 'a parent too early' beam/results.cl 's/lms_put_links(g, result, h.length - 1, h.parent)/lms_put_links(g, result, h.length - 1, 0)/'

# Slots
mutant 'names are given again' host/slots/slots.c '/s->last_name += count;/d' test_beam_lost
mutant 'a closed slot is open' host/slots/slots.c \
    '/^lms_status lmsi_slot_close/,/^}/s/s->states\[slot\].name = 0/(void)0/' test_beam_open
mutant 'a slot twice in a call' host/slots/slots.c 's/state->seen == s->checks/0/' test_calls_refused
mutant 'another request behind a slot' beam/slots.cl \
    's/return state->serial == serial;/return true;/' test_beam_lost

# --- Contrastive search --------------------------------------------------------------------------
tests=("${contrastive_tests[@]}")

# Candidates
mutant 'equal logits by the higher token' contrastive/propose.cl \
    's/p.token < own.token/p.token > own.token/'
mutant 'ties with the k-th are candidates too' rules/rules.cl \
    '/^lms_rules lms_rules_top_k/,/^}/s/r.scale = scale;/&\n    r.keeps_ties = true;/'
mutant 'the first k by the rules of the row' cut/begin.cl \
    's/c->rules = lms_rules_top_k(k, scale);/c->rules.k = k;/'
mutant 'candidates that the filters cut' contrastive/propose.cl \
    's/lms_tighter(o->kept, c->cut);/c->cut;/'
mutant 'probabilities among the whole row' contrastive/propose.cl \
    's/o->is_filtered ? lms_kept_own/false ? lms_kept_own/'
mutant 'probabilities that rise' contrastive/rows.cl \
    's/prob = fmin(prob, ranked\[i\].prob)/prob = ranked[i].prob/'
mutant 'no candidate is token 0' contrastive/rows.cl \
    's/ranked\[i\].token : LMS_NO_TOKEN/ranked[i].token : 0/'

# States as they are kept
mutant 'a power of two less is kept' contrastive/lanes.cl 's/LMS_FIELD_RANGE 40/LMS_FIELD_RANGE 39/'
mutant 'subnormals are kept' contrastive/lanes.cl 's/(field > 0) & (field >=/(field >=/'
mutant 'a state beyond its width' contrastive/lanes.cl 's/e + i < width ? lms_element_at(x, e + i) : 0.0f/lms_element_at(x, e + i)/'
mutant 'neighbouring lanes are summed first' contrastive/states.cl 's/v.lo + v.hi/v.even + v.odd/'
mutant 'a norm in two rounds' contrastive/states.cl 's/uint i = 0; i < 3; ++i) y = y/uint i = 0; i < 2; ++i) y = y/'
mutant 'the first state of a run, again and again' contrastive/append.cl 's/(here ? (ulong)row + i : 0)/(here ? (ulong)row : 0)/'
mutant 'no choice is a state of zeros' contrastive/append.cl 's/!has_chosen || chosen\[other.row_or_turn\] >= 0/true/'
mutant 'a run wipes what was there before' contrastive/append.cl 's/= before | (here/= (here/'
mutant 'a fork fills what was empty' contrastive/append.cl 's/= written & lms_first_bits/= lms_first_bits/'
mutant 'a fork lacks the last elements' contrastive/append.cl 's/i < count; i += LMS_TEAM) {/i + 1 < count; i += LMS_TEAM) {/'

# Penalties
mutant 'products lack the last block' contrastive/whole_dots.cl 's/e < d->padded; e += LMS_DOT_LANES/e + LMS_DOT_LANES < d->padded; e += LMS_DOT_LANES/'
mutant 'elements of a lane in another order' contrastive/lanes.cl \
    's/fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))))/fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))))/'
mutant 'empty positions take part' contrastive/best.cl 's/if (!written)/if (false)/'
mutant 'norms of other positions' contrastive/best.cl 's/shared->inverses\[q % LMS_CREWS\]/shared->inverses[q % LMS_CREWS \/ 2]/'
mutant 'big teams forget earlier positions' contrastive/best.cl 's/float best = shared->best\[first + c\]/float best = -INFINITY/'
mutant 'no cosine is below 0' contrastive/scan.cl 's/shared.best\[c\] = -INFINITY/shared.best[c] = 0.0f/'
mutant 'a piece begins with its page' contrastive/scan.cl 's/LMS_CONTEXT_PAGE + piece.first/LMS_CONTEXT_PAGE/'
mutant 'a piece goes on behind its last position' contrastive/scan.cl 's/piece.count - 1)/LMS_CONTEXT_PAGE - 1)/'
mutant 'all blocks have the first candidates' contrastive/whole_dots.cl 's/d->candidates + (ulong)first \* d->padded/d->candidates/'
mutant 'the lower lanes twice' contrastive/half_dots.cl 's/v + upper \* count \* length \/ 2/v/'
mutant 'every stretch with the first elements' contrastive/half_dots.cl 's/d->candidates + (ulong)from \* d->k/d->candidates/'
mutant "another request's candidates" contrastive/scan.cl 's/candidates + (ulong)turn.first_state \* padded/candidates/'
mutant 'four positions in the wrong places' contrastive/best.cl 's/(a.hi, b.hi)/(b.hi, a.hi)/'
mutant 'a block begins with another candidate' contrastive/blocks.cl 's/first = i \/ each \* each/first = i \/ each/'
mutant 'big teams report nothing' contrastive/scan.cl '/if (status) atomic_or/d'
mutant 'penalties above 1' contrastive/choose.cl 's/return penalty > 1.0f ? 1.0f :/return/'
mutant 'penalties of next to nothing' contrastive/choose.cl '/if (fabs(penalty) < LMS_PENALTY_LEAST)/d'
mutant "the first lane's pieces" contrastive/choose.cl 's/if (shared->best\[item + i\] > m) m =/if (false) m =/'
mutant 'what later pieces report' contrastive/choose.cl 's/p = item; p < turn.pieces; p +=/p = item; p < min(turn.pieces, 1u); p +=/'

# The choice
mutant 'an alpha of next to nothing' contrastive/choose.cl 's/alpha < LMS_ALPHA_LEAST ? 0.0f : alpha/alpha/'
mutant 'the last of equal scores' contrastive/choose.cl 's/choice < 0 || score > \*top/choice < 0 || score >= *top/'
mutant 'probabilities below 0' contrastive/choose.cl 's/prob >= 0.0f && prob/prob/'
mutant 'no candidate is a bad one' contrastive/choose.cl 's/if (there && !good) \*status/if (!good) *status/'
mutant 'bad candidates have penalties' contrastive/choose.cl 's/there && good ? penalty : LMS_NAN/there ? penalty : LMS_NAN/'
mutant "the first candidate's state is appended" contrastive/choose.cl \
    's/chosen\[r\] = row;/chosen[r] = choice < 0 ? row : (int)turn.first_row;/'

# Pages
mutant 'pages are not shared' host/slots/pages.c \
    's/++p->shares\[to->pages\[i\]\]/(void)p->shares[to->pages[i]]/'
mutant 'pages taken again are as before' host/slots/pages.c '/++p->serials\[page\];/d'
mutant 'all pages of a buffer in one place' contrastive/append.cl 's/(ulong)(run.page - first_page)/(ulong)(run.page \& 0)/'
mutant 'windows of one more' host/contrastive/select.c 's/? length - window : 0/? length - window - 1 : 0/'
mutant 'a window and no begin' host/contrastive/select.c 's/own->context_begin > latest ? own->context_begin : latest/window ? latest : own->context_begin/'
mutant 'states of the first run' host/contrastive/append.c 's/{g.source + (at - g.from), /{g.source, /'

# --- What is prepared for rows with requests ------------------------------------------------------
tests=("${prepare_tests[@]}")

mutant 'a history before what is looked at' edits/history.cl 's/found &= ~0u << (low - at)/found |= 0/'
mutant 'a history behind what is looked at' edits/history.cl 's/^    if (high - at < LMS_LANES).*//'
mutant 'no pair where a page begins' edits/history.cl 's/before |= LMS_LANE_IDS == 0u/before |= 0/'
mutant 'the last of a page is left out' edits/history.cl 's/high = (int)begin - 1/high = (int)begin - 2/'
mutant 'stretches on one page only' edits/history.cl 's/= min((p - n) % LMS_SLOT_PAGE, .*/= (p - n) % LMS_SLOT_PAGE + 1;/'
mutant 'no n-gram of the whole sequence' edits/ngrams.cl 's/|| n > slot->length)/|| n >= slot->length)/'
mutant 'the first n-gram is left out' edits/ngrams.cl 's/low = n - 2,/low = n - 1,/'
mutant 'encoder n-grams need one more token' edits/ngrams.cl 's/n - 1 > slot->length/n > slot->length/'
mutant 'encoder trigrams by one token' edits/ngrams.cl 's/if (n < 3 || lms_is_suffix/if (n < 4 || lms_is_suffix/'
mutant 'repetitions end with what was compared' edits/repetitions.cl 's/if (n >= right - j) {/if (n > right - j) {/'
mutant 'pairs where one token counts' edits/repetitions.cl 's/pair = least >= 2/pair = least >= 1/'
mutant 'of breakers at one place the first' edits/repetitions.cl 's/(p >= 0 \&\& p == last \&\& k > \*length)/0/'
mutant 'a limit by the first token of a breaker' edits/repetitions.cl 's/(uint)at - length/(uint)at - 1/'
mutant 'parts of breakers are not penalized' edits/repetitions.cl '/lms_sequence_length(breakers, end) > 1/d'
mutant 'lengths of the call before' edits/repetitions.cl '/lms_set_words(repeats/d'
mutant 'tokens beyond the vocabulary are banned' edits/bans.cl 's/ | lms_beyond(b->vocab, g)//'
mutant 'allowed whatever the mask says' edits/bans.cl 's/if (!has_mask || .*)) lms_allow/lms_allow/'
mutant 'bits beyond a mask count' edits/masks.cl 's/return token . 32 < m->columns && /return /'
mutant 'bytes beyond a mask count' edits/masks.cl 's/if (32 \* g + 32 <= m->columns)/if (32 * g < m->columns)/'
mutant 'bad ids one by one' edits/lists.cl 's/if (id >= vocab && !ends) return true;//'
mutant 'NaN among many values' edits/lists.cl 's/bad |= ((bits .*/bad |= 0;/'
mutant 'sequences without an end' edits/lists.cl 's/list.ids\[list.count - 1\] != LMS_NO_TOKEN/false/'
mutant 'too many named tokens' edits/asked.cl 's/return .*count > LMS_MAX_NAMED/return false/'
mutant 'min_tokens of one more' edits/prepare.cl 's/< e.min_tokens/<= e.min_tokens/'
mutant 'top_p at once' edits/decays.cl 's/if (n == 0) return top_p;//'

# --- Edits of values, what a row tells, and the host's part of it ----------------------------------
tests=("${request_tests[@]}")

mutant 'a bias of one token once' edits/biases.cl 's/const float x = lms_value(&own, t);/const float x = lms_element_at(own.stored, t);/'
mutant 'biases of anybody' edits/biases.cl '0,/!lms_is_own_token(d, t)/s/!lms_is_own_token(d, t)/false/'
mutant 'a sequence whatever comes before' edits/biases.cl '/!lms_sequence_matches/d'
mutant 'end tokens decay each time' edits/biases.cl 's/ || lms_is_again(&ends, i)//'
mutant 'decay begins at once' edits/steps.cl 's/a->generated - a->e->decay_start);/a->generated);/'
mutant 'repetition of the output alone' edits/penalties.cl 's/flags & LMS_REPETITION_NOT_PROMPT ? 0 : all/0/'
mutant 'presence of the prompt always' edits/penalties.cl 's/flags & LMS_PRESENCE_PROMPT ? all : 0/all/'
mutant 'a prompt has no token 2048 times' edits/penalties.cl 's/ | (high << (32 - LMS_DISTINCT_PROMPT_AT) & most)//'
mutant 'the last entries are not penalized' edits/penalties.cl 's/const uint count = min((uint)LMS_LANES, sequence.distinct - first);/if (sequence.distinct - first < LMS_LANES) break; const uint count = LMS_LANES;/'
mutant 'a window of one more' edits/penalties.cl 's/slot->length - min(slot->length, window)/slot->length - min(slot->length, window + 1)/'
mutant 'what is ignored counts' edits/penalties.cl 's/is_counted = i >= slot->ignored/is_counted = true/'
mutant 'guidance of untidy logits' edits/guidance.cl 's/lms_tidied(c), lms_tidied(u)/c, u/'
mutant 'guidance without log-probabilities' edits/guidance.cl 's/if (!s.is_wanted) return x;/return x;/'
mutant 'guided by the row itself' sample/row.cl 's/request.unconditional ? p->request.unconditional - 1 : 0/request.unconditional ? 0 : 0/'
mutant 'nothing is appended' edits/append.cl 's/if (slot == 0) return;/return;/' test_slots_sampler
mutant 'ranks of ties from above' report/telling.cl 's/o->flags & LMS_WANT_RANK_FROM_0 ? key + 1 : key/key + 1/' test_request_outputs
mutant 'the edited view where nothing is edited' report/telling.cl 's/LMS_WANT_EDITED \&\& has_edits ?/LMS_WANT_EDITED ?/' test_request_outputs
mutant 'values of the raw row for cut tokens' report/telling.cl 's/if (key == LMS_NEVER || is_cut) {/if (key == LMS_NEVER) {/' test_request_outputs
mutant 'best tokens by their ids' report/best.cl 's/return rest + (uint)lms_sum(count);/return i;/' test_request_outputs
mutant 'sorted by three digits' report/best.cl 's/for (uint d = 0; d < LMS_DIGITS; ++d) {/for (uint d = 0; d + 1 < LMS_DIGITS; ++d) {/' test_request_outputs
mutant 'nothing behind the best tokens' report/tell_own.cl '/to->top_values\[r \* top + i\] = LMS_NAN/d' test_request_outputs
mutant 'the entropy of one view for all' report/tell_own.cl 's/if (o->needs & LMS_OUT_ENTROPY_RAW) to->entropy_raw/if (o->needs \& LMS_OUT_ENTROPY) to->entropy_raw/' test_request_outputs
mutant 'targets are not told of' report/tell_next.cl 's/p->target ? (int)(p->target - 1) : outcome->token/outcome->token/' test_request_outputs
mutant 'named tokens of the list before' report/tell_next.cl 's/offsets\[wants.named - 1\]/offsets[wants.named > 1 ? wants.named - 2 : 0]/' test_request_outputs
mutant 'ids of lists are not looked at' host/requests/check.c 's/(uint32_t)id >= q->vocab, LMS_E_ARGUMENT/0, LMS_E_ARGUMENT/' test_request_refused
mutant 'tables of any size' host/requests/check.c 's/LMSI_FAIL_IF(bytes > room/LMSI_FAIL_IF(bytes > room + 100000/' test_request_refused
mutant 'falling offsets' host/requests/check.c 's/t->list_offsets\[i + 1\] < t->list_offsets\[i\]/0/' test_request_refused
mutant 'a list is looked at once for all uses' host/requests/check.c 's/(q->checked\[list - 1\] & use) == use/q->checked[list - 1] != 0/' test_request_refused
mutant 'masks of one stride less' host/requests/check.c 's/lmsi_product(t->mask_count - 1, r->mask_stride)/0/' test_request_refused
mutant 'best tokens beyond their stride' host/sampler/check.c 's/top > s->requester.max_top && /0 \&\& /' test_request_refused
mutant 'values of the best without their tokens' host/sampler/check.c 's/lmsi_is_given(b->top_tokens) != lmsi_is_given(b->top_values)/0/' test_request_refused
mutant 'parts append without a look' host/sampler/host_call.c '/lmsi_sampler_append_check/d' test_request_calls
mutant 'parts of guided rows by themselves' host/sampler/host_call.c 's/\*is_needed = r < b->rows;/*is_needed = 0; return LMS_OK;/' test_request_calls
mutant 'both kernels append' host/sampler/run.c 's/run.sample_appends = batch->append && !run.report_appends/run.sample_appends = batch->append/' test_slots_sampler
mutant 'no kernel appends' host/sampler/run.c 's/run.report_appends = batch->append && reports(&s->op, &run)/run.report_appends = 0; run.sample_appends = 0/' test_slots_sampler
mutant 'pages of a call that failed' host/sampler/run.c 's/if (has_reserved) {/if (0) {/' test_slots_sampler

# --- Sequences in slots --------------------------------------------------------------------------
tests=("${slots_tests[@]}")

mutant 'a token stays when it is taken back' slots/store.cl '/^    --s->distinct;/d'
mutant 'counts of generated tokens only rise' slots/store.cl 's/ - (1ul << LMS_DISTINCT_OUTPUT_AT);/;/'
mutant 'words behind a hole stay' slots/store.cl \
    's/lms_slot_distance(home, at, size) < lms_slot_distance(hole, at, size)/true/'
mutant 'words move before their places' slots/store.cl \
    's/lms_slot_distance(home, at, size) < lms_slot_distance(hole, at, size)/false/'
mutant 'the index is never made anew' slots/store.cl \
    's/return s->distinct + room > s->index_pages \* LMS_SLOT_PAGE;/return s->index_pages == 0;/'
mutant 'pages of a lost slot' slots/store.cl 's/states\[index\].version + 1 == version/true/' test_slots_faults
mutant 'a token beyond the last page' slots/store.cl '/if (s->length >= s->pages \* LMS_SLOT_PAGE) return;/d' test_slots_faults
mutant 'one more token is ignored' slots/fill.cl 's/i >= s->ignored/i > s->ignored/'
mutant 'one more token is ignored alone' slots/fill.cl 's/i >= in->ignored/i > in->ignored/'
mutant 'the prompt of big teams' slots/fill.cl 's/position < s->prompt/position <= s->prompt/'
mutant 'the last of equal tokens' slots/fill.cl 's/atomic_min/atomic_max/'
mutant 'what is no token counts' slots/fill.cl 's/lms_mark(marks, round, token >= 0)/lms_mark(marks, round, true)/'
mutant 'marks of the round before' slots/fill.cl 's/marks->words\[(round + 1) % 3\]\[item\] = 0/(void)0/'
mutant 'a parent behind the last' slots/calls.cl 's/parent < (long)count/parent <= (long)count/'
mutant 'parents from 0 on' slots/calls.cl 's/ - (long)(int)first;/;/'
mutant 'a copy lacks its last words' slots/calls.cl 's/ + 3) \/ 4;/) \/ 4;/'
mutant 'a sweep by names alone' slots/calls.cl 's/ || state.version != right.version//' test_slots_faults
mutant 'pages that were parked' host/slots/room.c \
    's/\*must = s->must_sweep || pages > s->pages.free_count/*must = s->must_sweep || pages > UINT32_MAX/'
mutant 'a sweep that was terminated' host/slots/room.c 's/s->must_sweep = state < 0;/s->must_sweep = 0;/' test_slots_faults
mutant 'names begin again' host/slots/sequence_calls.c 's/s->last_name += c->count;/s->last_name += 0;/' test_slots_order
mutant 'pages of a failed call' host/slots/sequence_calls.c '/if (status != LMS_OK) lmsi_pages_trim/d' test_slots_faults
mutant 'a slot twice in a call of slots' host/slots/sequence_check.c 's/s->sequences\[slot\].seen == s->checks/0/' test_slots_refused
mutant "the slots' calls are others" host/op/call.c 's/^        call->events\[call->count++\] = latest_of(company);/        (void)company;/' test_slots_order
# --- Requests of searches ------------------------------------------------------------------------
tests=("${search_tests[@]}")

mutant 'a bad request of a beam is not told' beam/rows.cl 's/offer->seen = LMS_BEAM_BAD_REQUEST/offer->seen = 0/'
mutant 'bad requests are not gathered' beam/candidates.cl 's/part.sum += LMS_BAD_COUNTS/part.sum += 0/'
mutant 'bad requests are read' edits/rows.cl 's/LMS_REQUEST_STATUS(r) lms_refused(&requests, r)/LMS_REQUEST_STATUS(r) LMS_ROW_OK/'
mutant 'a decay of top-p' edits/asked.cl '/LMS_SEARCH_ROWS/,/endif/s/return true/return false/'
mutant 'reserved fields of requests' edits/asked.cl 's/if (!a.bad && request.reserved)/if (false)/'
mutant 'records by their places in the call' edits/prepare.cl 's/has_row_numbers ? /false ? /' test_beam_edits
mutant 'rows of a beam that are brought' host/beam/step.c 's/batch->row_requests\[entries\[i\].row\]/batch->row_requests[i]/' test_beam_edits
mutant 'numbers of rows that are brought' host/beam/step.c 's/staged)\[i\] = entries\[i\].row/staged)[i] = i/' test_beam_edits
mutant 'no edits of values in the row pass' edits/search.cl 's/if (row->logits.edited) {/if (false) {/' test_beam_edits
mutant 'guided by the first row' edits/search.cl 's/return name ? name - 1 : 0/return 0/' test_beam_edits
mutant 'temperature 1 for penalties' edits/search.cl 's/p.filters = filters;//' test_beam_edits
mutant 'beams without edits' beam/rows.cl 's/LMS_EDITED_ROW(e.row, r, team)/LMS_LOGITS_ROW(e.row)/' test_beam_edits
mutant 'candidates without edits' contrastive/rows.cl 's/LMS_EDITED_ROW(logits_row, r, team)/LMS_LOGITS_ROW(logits_row)/' test_contrastive_edits
mutant 'bans after the tile pass' edits/rows.cl 's/lms_edited_for_tiles(&requests, r, LMS_LOGITS_ROW(i))/LMS_LOGITS_ROW(i)/' test_beam_edits
mutant 'candidates of teams without values' contrastive/edit.cl 's/^    lms_patch_search_row/    if (false) &/' test_contrastive_edits
mutant 'requests are not prepared' host/requests/searches.c 's/requests->has_prepared = on_device ? 1 : 0/requests->has_prepared = 0/'
mutant 'requests on the host are not prepared' host/requests/searches.c 's/if (lmsi_has_request(p)) requests->has_prepared = 1;//' test_beam_edits

# --- Tables of kernel arguments ------------------------------------------------------------------
tests=("${host_tests[@]}")

mutant 'names of parameters are not compared' host/op/arguments.c 's/strcmp(name, wanted) != 0/0/'
mutant 'types of parameters are not compared' host/op/arguments.c \
    's/strcmp(type, expected->type) != 0/0/'
mutant 'names of buffers are not compared' host/op/arguments.c \
    's/strcmp(buffers\[a->from\].name, a->name) != 0/0/'
mutant 'parameters too many' host/op/arguments.c 's/LMSI_FAIL_IF(next != count/LMSI_FAIL_IF(next > count/'
mutant 'what is given is not told' host/op/arguments.c 's/is_given = (cl_uint)lmsi_is_given(\*view)/is_given = 0/'
mutant 'views begin with their buffer' host/op/arguments.c 's/offset = view->offset/offset = 0/'
mutant 'buffers of callers are kept' host/op/arguments.c 's/set(s, sizeof buffer, &buffer, is_own(s->from, buffer))/set(s, sizeof buffer, \&buffer, 1)/'
mutant 'what could not be set is kept' host/op/arguments.c 's/code == CL_SUCCESS && lasts/lasts/'
mutant 'numbers are set once' host/op/arguments.c 's/ && s->values->list\[i\] == bits//'

if [[ $mode == --edits ]]; then
    printf '%d edits fit\n' "$tried"
    ((tried > 0))
    exit
fi
printf '%d mutants, %d survived\n' "$tried" "$survivors"
((tried > 0 && survivors == 0))
