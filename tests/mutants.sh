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
tests=(test_runs test_heads test_tiles test_flat test_shapes test_sample test_cuts test_doors
    test_uniforms test_repeat test_dtypes test_certain test_fuzz)
beam_tests=(test_beam_rules test_beam test_beam_stale test_beam_fuzz)
contrastive_tests=(test_contrastive test_contrastive_fuzz)
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
            timeout -k 5 300 stdbuf -oL "$work/build/tests/$name" >"$log" 2>&1 || code=$?
        } 2>/dev/null # the shell would tell of the abort
        ((code)) || continue
        caught="$name, $(sed -n 's/^\[ RUN *\] //p' "$log" | tail -n 1)"
        ((code != 124)) || caught+=', which does not end'
        return
    done
}

# mutant NAME FILE EDIT [TEST]: the sed command EDIT in kernels/FILE, or in FILE if that begins
# with host/. The tests take the shared library, so they stay. TEST is where it should show; the
# others are tried after it.
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
    for test in "${tests[@]}"; do
        [[ $test == "$first" ]] || rest+=("$test")
    done
    build lmsample
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

cp -r "$root"/{CMakeLists.txt,LICENSE,README.md,cli,cmake,docs,examples,host,include,kernels} \
    "$root"/{python,tests} "$work"
cmake -B "$work/build" -S "$work" -DLMS_BUILD_BENCH=OFF -DLMS_INSTALL=OFF >/dev/null
build lmsample "${tests[@]}" "${beam_tests[@]}" "${contrastive_tests[@]}" \
    test_distribution

# The order of tokens, and what takes part in it
mutant 'a tie at the cut goes to nobody' lib/order.cl \
    's/ids <= (lms_uints)(cut.id)/ids < (lms_uints)(cut.id)/' test_cuts
mutant 'the draw forgets the last kept tie' lib/order.cl \
    's/key == cut.key && id <= cut.id/key == cut.key \&\& id < cut.id/'
mutant 'a group that begins with the last token' lib/draw.cl \
    's/lms_kept_of(cut, keys, ids)/lms_kept_of(cut, keys, ids + 1)/' test_cuts
mutant 'an attempt at the last token' lib/tries.cl \
    's/LMS_V(vload)(0, t.id))/LMS_V(vload)(0, t.id) + 1)/'
mutant 'of two cuts the looser' lib/order.cl \
    's/lms_keeps(a, b.key, b.id) ? b : a/lms_keeps(a, b.key, b.id) ? a : b/'
mutant 'NaN has a key' lib/order.cl \
    's/return magnitude > LMS_KEY_INF ? (lms_ints)(LMS_NEVER) : keys;/return keys;/'
mutant '+inf is dead to the draw' lib/order.cl \
    's/if (magnitude > LMS_KEY_INF) return/if (magnitude >= LMS_KEY_INF) return/'
mutant '-0 below +0' lib/order.cl \
    's/keys = (magnitude ^ sign) - sign;/keys = magnitude ^ sign;/'

# The read of the logits. What maxima by comparing floats do with zeros and subnormals cannot be
# shown on a device that has subnormals: there the other way gives the same keys.
mutant 'the last token is lost' lib/dtype.cl 's/i + j < end/i + j + 1 < end/'
mutant 'bfloat16 shifted wrongly' lib/dtype.cl 's/(uint)row\[i\] << 16/(uint)row[i] << 15/' \
    test_dtypes
mutant 'vectors of bfloat16 shifted wrongly' lib/dtype.cl \
    's/(0, row + i)) << 16/(0, row + i)) << 15/' test_dtypes
mutant 'NaN is not reported' lib/block.cl '/[*]seen = LMS_ROW_NAN_SEEN;/d' test_tiles
mutant 'NaN is not reported by big teams' tile.cl '/ seen = LMS_ROW_NAN_SEEN;/d' test_tiles
mutant 'NaN in a block' lib/whole.cl '/[*]odd |= nan/d' test_tiles
mutant 'NaN in all groups of a block but one' lib/whole.cl \
    's/nan |= (a != a) | (b != b)/nan = (a != a) | (b != b)/' test_tiles
mutant 'NaN in one half of a group' lib/whole.cl 's/(a != a) | (b != b)/(a != a)/' test_tiles
mutant 'maxima of other groups' lib/whole.cl 's/(float8)(even.hi, odd.hi)/(float8)(even.hi, odd.lo)/'
mutant 'maxima of other groups of 16 bits' lib/whole.cl \
    's/(short16)(even.hi, odd.hi)/(short16)(even.hi, odd.lo)/' test_dtypes
mutant 'NaN of 16 bits' lib/whole.cl 's/(keys > (short8)(LMS_INF16)) |//' test_tiles
mutant 'NaN of 16 bits with a sign' lib/whole.cl 's/min(least, min(a, b))/min(least, a)/' test_tiles
mutant 'a block goes beyond the row' lib/block.cl 's/min(end, whole)/end/' test_tiles
mutant 'the last tiles have no maximum' lib/part.cl '/for (; i < row->last; ++i) largest = /d'

# Sums of tiles
mutant 'the tail of a tile has no mass' lib/measure.cl \
    's/at < min(begin + LMS_TILE, vocab)/at < min(begin + LMS_TILE - LMS_GROUP, vocab)/' \
    test_tiles
mutant 'the tail of a whole tile has no mass' lib/measure.cl \
    's/i < LMS_TILE; i += 4/i < LMS_TILE - 4 * LMS_LANES; i += 4/' test_tiles
mutant 'all sums of a block in one unit' lib/block.cl 's/scale, h\[i\])/scale, h[0])/' \
    test_tiles
mutant 'sums of a block without C' lib/block.cl \
    's/(lms_rints(fma(top, .* == 0.0f);/(top == top);/' test_tiles
mutant 'sums of big teams in one unit' tile.cl \
    's/lms_largest_of(keys + own, /lms_largest_of(keys, /' test_tiles
mutant 'sums of big teams lack a vector' tile.cl \
    's/(uint i = 0; i < LMS_TILE_ITEMS; ++i) {/(uint i = 1; i < LMS_TILE_ITEMS; ++i) {/' \
    test_tiles

# Numbers
mutant 'one guard bit less' lib/number.cl 's/LMS_GUARD_BITS 13u/LMS_GUARD_BITS 12u/'
mutant 'masses are rounded down' lib/number.cl \
    's/(LMS_V(as_uint)(w) + (1u << (down - 1))) >> down/LMS_V(as_uint)(w) >> down/' test_heads
mutant 'masses far below a unit' lib/number.cl 's/if (down > 30) return/if (down > 60) return/'
mutant 'masses in the list are rounded down' lib/list.cl 's/(w + half_unit) >> max/w >> max/' \
    test_heads
mutant 'masses in the list far below a unit' lib/list.cl \
    's/down > 30 ? (lms_ints)(0)/down > 60 ? (lms_ints)(0)/' test_heads
mutant 'scales are rounded down' lib/number.cl 's/(q + (1ul << (h - 1))) >> h/q >> h/'

# Cuts
mutant 'a tie too many from the list' lib/select.cl 's/sum >= stop) break/sum > stop) break/' \
    test_cuts
mutant 'a tie too many from the row' lib/select.cl \
    's/ties && sum < stop; ties/ties \&\& sum <= stop; ties/' test_cuts
mutant 'the last key of an interval' lib/select.cl 's/(keys <= f->high)/(keys < f->high)/'
mutant 'top-p is rounded up where it is exact' lib/filter.cl \
    's/whole + (rest != 0)/whole + 1/' test_cuts
mutant 'a subnormal min_p is off' lib/task.cl \
    's/as_int(f->min_p) > 0/as_int(f->min_p) >= 0x00800000/' test_certain
mutant 'a subnormal min_p is another' lib/filter.cl \
    's/const uint exponent = max(bits >> 23, 1u)/const uint exponent = bits >> 23/' test_certain
mutant 'log-probabilities relative to an exact power' lib/number.cl \
    's/lms_lg((ulong)top << LMS_GUARD_BITS)/((long)42 << 32)/' test_certain
mutant 'the only token has a rounded probability' lib/number.cl \
    's/mass == all ? (lms_floats)(1.0f) : mass/mass/' test_certain
mutant 'min-p keeps a key too many' lib/filter.cl \
    's/lms_cut_at((int)above, UINT_MAX)/lms_cut_at((int)below, UINT_MAX)/' test_cuts
mutant 'top-p without the end of its base' lib/begin.cl 's/t->base.key - 1/t->base.key/' \
    test_cuts
mutant 'more candidates than the list holds' lib/next.cl \
    's/if (t->listed > LMS_LIST)/if (t->listed > LMS_LIST + 1)/' test_cuts
mutant 'ties with the k-th are cut' lib/begin.cl '/LMS_TOP_K_TIES) cut.id/d' test_cuts
mutant 'filters always after temperature' lib/task.cl \
    's/f->flags & LMS_TEMPERATURE_LAST ? 1.0f : f->temperature/f->temperature/'

# The list of a work-item that is alone. That ends at 0 or at subnormals are left to keys cannot
# be shown on a device that has subnormals.
mutant 'a group too few above the head' lib/alone.cl \
    's/lms_key_with(keys, n, k, /lms_key_with(keys, n, k - 1, /' test_tiles
mutant 'the first key of the list' lib/alone.cl 's/(long)f->high + 1;/(long)f->high;/' \
    test_heads
mutant 'the end of the list is not searched' lib/alone.cl \
    '/if (row->list_key\[i\] >= key) rest/d' test_heads
mutant 'the list reaches its target too late' lib/alone.cl \
    's/f, n, middle) >= target/f, n, middle) > target/' test_heads
mutant 'ties of the list without those above' lib/alone.cl \
    's/target - lms_listed_from(row, f, n, above)/target/' test_heads
mutant 'all masses of the list' lib/alone.cl \
    's/row->list_mass + i) & mask;/row->list_mass + i);/' test_heads
mutant 'no masses for top-p of top-k' lib/part.cl 's/t->f.by_mass || t->weigh/t->f.by_mass/' \
    test_heads
mutant 'the first token of an interval' lib/list.cl \
    's/x > (lms_floats)(high)/x >= (lms_floats)(high)/' test_heads
mutant 'the first key of an interval' lib/list.cl 's/keys > f->high/keys >= f->high/' test_heads
mutant 'the list has the tokens above it' lib/list.cl 's/in & ~over & /in \& /' test_heads
mutant 'NaN is above the list' lib/list.cl \
    's/x > (lms_floats)(high)/~(x <= (lms_floats)(high))/' test_heads
mutant 'tokens above the list are not counted' lib/list.cl '/[*]above += over & one;/d' test_heads
mutant 'tokens above the list are forgotten' lib/next.cl '/t->f.before = (ulong)above;/d' \
    test_heads
mutant 'the k-th is never above the list' lib/next.cl \
    's/if ((ulong)above < t->f.target)/if (true)/' test_heads
mutant 'a list that is full has all above it' lib/next.cl \
    's/if (sum > LMS_LIST) {/if (false) {/' test_heads
mutant 'top-p of a list without its head' lib/next.cl \
    's/t->for_k && !t->weigh && /t->for_k \&\& /' test_heads

# Pivots. That a pivot is never 0 or subnormal cannot be shown on a device that has subnormals;
# what the sample of the row says shows in no result.
mutant 'measures above pivots add up' lib/pivot.cl \
    's/f->before = p.above/f->before += p.above/' test_flat
mutant 'pivots without the short tile' lib/pivot.cl \
    '/^    lms_pivot_rest(row, scaled, f, &p);/d' test_flat
mutant 'masses at a pivot are above it' lib/pivot.cl \
    's/(v > (lms_floats)(pivot\[j\]))/(v >= (lms_floats)(pivot[j]))/' test_flat
mutant 'tokens at a pivot are above it' lib/pivot.cl \
    's/v > (lms_floats)(lms_logit_of/v >= (lms_floats)(lms_logit_of/' test_flat
mutant 'a short tile at a pivot is above it' lib/pivot.cl \
    's/(keys > p->key\[j\])/(keys >= p->key[j])/' test_flat
mutant 'tiles below the first pivot' lib/pivot.cl 's/p->key\[LMS_PIVOTS - 1\]/p->key[0]/' \
    test_flat
mutant 'masses above pivots not rounded' lib/pivot.cl \
    's/ && unit.shift <= LMS_GUARD_BITS;/;/' test_flat
mutant 'masses above pivots without C' lib/pivot.cl 's/ && unit.c == 0.0f//' test_tiles

# Work-items that share a row
mutant 'tiles beyond an even share' lib/row.cl \
    's/(row.tiles + LMS_TEAM - 1) \/ LMS_TEAM/max(row.tiles \/ LMS_TEAM, 1u)/'
mutant 'the carry between halves of a bin' lib/team.cl 's/(old + low < low ? 1u : 0u)/0u/' \
    test_cuts
mutant 'two work-items forget each other' lib/next.cl \
    's/LMS_TEAM > 1 ? LMS_STEP_PREFIX/LMS_TEAM > 2 ? LMS_STEP_PREFIX/' test_sample
mutant 'the last accepted attempt of a round' lib/draw.cl \
    's/(long)(INT_MAX - attempt) << 32/(long)attempt << 32/'

# Rows that share a work-item
mutant 'the rows that no run is full of' sample.cl \
    's/(rows + get_num_groups(0) - 1) \/ /rows \/ /'
mutant 'the last run goes beyond the batch' sample.cl \
    's/r < min((team + 1) \* per, (ulong)rows)/r < (team + 1) * per/'
mutant 'runs that share a workspace' sample.cl 's/lms_do_row(&c, r, team, rows/lms_do_row(\&c, r, 0, rows/'
mutant 'tiles in the workspace of another row' sample.cl \
    's/c->sums, slot, c->vocab/c->sums, r, c->vocab/'
mutant 'a report from the workspace of another row' sample.cl \
    's/lms_row_at(c.logits + source \* stride, vocab, team, groups/lms_row_at(c.logits + source * stride, vocab, 0, groups/'

# The draw
mutant 'the last group is a whole one' lib/row.cl \
    's/min(LMS_GROUP, row->vocab - begin)/LMS_GROUP/'
mutant 'a second tile in the unit of the first' lib/draw.cl \
    's/lms_mass_of_sum((uint)shift\[j + 1\]/lms_mass_of_sum((uint)shift[j]/' test_flat
mutant 'a second tile begins with the first' lib/draw.cl \
    '/^        row->sums\[tile + 1\] = own;/d' test_flat
mutant 'a draw depends on its place' sample.cl \
    's/task.source.step = p.step;/task.source.step = p.step + r;/'
mutant 'every attempt is accepted' lib/draw.cl \
    's/slot.height < (uint)lms_weight(unit, x)/true/'
mutant 'every attempt of a vector is accepted' lib/tries.cl \
    's/kept & low & made/kept \& made/' test_distribution
mutant 'attempts at tokens that are cut' lib/tries.cl 's/kept & low & made/low \& made/'
mutant 'the last accepted attempt of a vector' lib/tries.cl \
    's/31 - clz(found & -found)/31 - clz(found)/'
mutant 'attempts of which one has the tile of another' lib/tries.cl \
    's/b = t->tile\[i + 1\]/b = t->tile[i]/' test_heads
mutant 'attempts at the end of a short tile' lib/tries.cl \
    's/\* lms_group_size(row, tile \* LMS_TILE_GROUPS + g)/* LMS_GROUP/'
mutant 'the bound is the weight' lib/draw.cl 's/(w + (w >> 20) + 2)/(w + 2)/' \
    test_uniforms
mutant 'supplies have no end' lib/next.cl 's/t->source.attempts < LMS_ATTEMPTS)/false)/' \
    test_uniforms
# Either of the two edits alone shows in no result.
mutant 'attempts behind a supply' lib/tries.cl \
    's/min(from + i, source->attempts - 1)/from + i/; s/kept & low & made/kept \& low/' \
    test_uniforms

# What is written
mutant 'probabilities behind the row' report.cl 's/if (at + LMS_LANES <= row->vocab)/if (true)/'
mutant 'outputs of skipped rows' report.cl 's/lms_lane() != 0 || skipped/lms_lane() != 0/'
mutant 'an index one too large' sample.cl \
    's/(ulong)source >= c->logits_rows/(ulong)source > c->logits_rows/'
mutant 'hostile flags' row/filters.h 's/if (f.flags & ~LMS_FILTER_FLAGS)/if (f.flags \& ~31u)/' \
    test_doors
mutant 'slots are no error' row/params.h 's/^    if (p.slot) .*//' test_doors

# --- Beam search ---------------------------------------------------------------------------------
tests=("${beam_tests[@]}")

# Scores
mutant 'a gap in half the unit' lib/score.cl 's/inverse.b + 181/inverse.b + 182/'
mutant 'gaps without a largest one' lib/score.cl 's/min(product >> down, LMS_GAP_MOST)/product >> down/'
mutant 'scores without a floor' lib/offer.cl \
    's/max(o->score + lms_logprob_of(o, key), LMS_SCORE_FLOOR)/o->score + lms_logprob_of(o, key)/'
mutant 'a root too few' lib/score.cl 's/for (uint j = 0; j < 32; ++j) {/for (uint j = 0; j < 31; ++j) {/'
mutant 'whole powers are squares' beam/rating.cl \
    's/if (whole >> left \& 1) power/if (false) power/'
mutant 'whole powers alone' beam/rating.cl 's/if (fraction == 0 || down > 63) return/if (true) return/'
mutant 'length penalties have no sign' beam/rating.cl 's/penalty > 0.0f ? lms_wide_q/true ? lms_wide_q/'
mutant 'a quotient without its last digit' beam/rating.cl \
    's/const int digits = is_more ? 63 : 64;/const int digits = is_more ? 62 : 63;/'
mutant 'negative ratings in the order of their sizes' beam/rating.cl \
    's/is_negative ? ~size.mantissa : size/false ? ~size.mantissa : size/'

# What a beam offers
mutant 'ties of a score go by the logit' lib/offer.cl 's/== score) {$/== score \&\& false) {/'
mutant 'one token too few is listed' beam/slots.cl 's/per + p->end_tokens)) + p->width/per + p->end_tokens - 1)) + p->width/'
mutant 'no spare tokens for other groups' beam/slots.cl 's/ + p->width - per;/;/'
mutant 'sampled beams list as few as others' beam/slots.cl 's/ || p->mode == LMS_BEAM_SAMPLE;/;/'
mutant 'end tokens at any rank are not listed' beam/slots.cl \
    's/(p->flags & LMS_BEAM_END_ANY_RANK) || p->mode/p->mode/'
mutant 'suppressed tokens are in the maxima' lib/offer.cl 's/o->groups\[group\] = lms_max(best);//'
mutant 'suppressed tokens are in the sums' lib/offer.cl \
    's/row->sums\[tile\] = lms_tile_sum_of(row, tile, unit);//'
mutant 'end tokens are suppressed a step longer' beam_rows.cl 's/o.turn < p.min_length/o.turn <= p.min_length/'
mutant 'renormalized by the whole row' lib/offer_next.cl 's/if (o->of_eligible) {/if (false) {/'

# Draws
mutant 'tokens are drawn again' lib/gumbel.cl 's/lms_take_out_drawn(row, o, tile, w);//'
mutant 'the last token is drawn again' lib/gumbel.cl \
    's/if ((uint)o->last_token - begin < LMS_TILE)/if (false)/'
mutant 'a tile keeps its mass' lib/gumbel.cl 's/row->sums\[tile\] = after;//'
mutant 'a block keeps its mass' lib/gumbel.cl 's/o->blocks\[tile .* += after - before;//'
mutant 'time does not depend on what is left' lib/gumbel.cl 's/lms_clock(o, o->drawn) \* part_left/lms_clock(o, o->drawn)/'
mutant 'a beam forgets its value' lib/gumbel.cl 's/return o->value;/return o->score;/'

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
mutant 'end tokens count in the length' beam/choose.cl 's/(shorter ? 1 : 0)/0/'
mutant 'an interval without its ties' beam/choose.cl 's/t.within++ >= req->quota/t.within++ > req->quota/'

# Results
mutant 'live beams never compete' beam/results.cl 's/const bool competes = .*/const bool competes = false;/'
mutant 'live beams of early groups compete' beam/results.cl 's/ \&\& now.done != LMS_GROUP_EARLY;/;/'
mutant 'a parent too early' beam/results.cl 's/lms_put_links(g, result, h.length - 1, h.parent)/lms_put_links(g, result, h.length - 1, 0)/'

# --- Contrastive search --------------------------------------------------------------------------
tests=("${contrastive_tests[@]}")

# Candidates
mutant 'equal logits by the higher token' lib/propose.cl 's/p.token < own.token/p.token > own.token/'
mutant 'ties with the k-th are candidates too' lib/propose.cl 's/^    t->filters.flags = 0;$//'
mutant 'candidates that the filters cut' lib/propose.cl 's/lms_tighter(o->kept, t->cut) : t->cut/t->cut : t->cut/'
mutant 'probabilities among the whole row' lib/propose.cl \
    's/if (!(t->outcome.filtered & LMS_FILTERED)) return/if (true) return/'
mutant 'probabilities that rise' contrastive_rows.cl 's/prob = fmin(prob, o.ranked\[i\].prob)/prob = o.ranked[i].prob/'
mutant 'no candidate is token 0' contrastive_rows.cl 's/: (lms_token)LMS_NO_TOKEN;/: 0;/'

# States as they are kept
mutant 'a power of two less is kept' contrastive/lanes.cl 's/LMS_FIELD_RANGE 40/LMS_FIELD_RANGE 39/'
mutant 'subnormals are kept' contrastive/lanes.cl 's/(field > 0) & (field >=/(field >=/'
mutant 'subnormals are kept by big teams' contrastive/lanes.cl 's/field == 0 || field < largest/field < largest/'
mutant 'a state beyond its width' contrastive/lanes.cl 's/e + i < width ? lms_element_at(x, e + i) : 0.0f/lms_element_at(x, e + i)/'
mutant 'neighbouring lanes are summed first' contrastive/states.cl 's/v.lo + v.hi/v.even + v.odd/'
mutant 'a norm in two rounds' contrastive/states.cl 's/uint i = 0; i < 3; ++i) y = y/uint i = 0; i < 2; ++i) y = y/'
mutant 'the first state of a run, again and again' contrastive/append.cl 's/(here ? (ulong)row + i : 0)/(here ? (ulong)row : 0)/'
mutant 'no choice is a state of zeros' contrastive/append.cl 's/!has_chosen || chosen\[other.row_or_turn\] >= 0/true/'
mutant 'a run wipes what was there before' contrastive/append.cl 's/= before | (here/= (here/'
mutant 'a fork fills what was empty' contrastive/append.cl 's/= written & lms_first_bits/= lms_first_bits/'
mutant 'a fork lacks the last elements' contrastive/append.cl 's/i < padded; i += LMS_TEAM) {/i < padded - 1; i += LMS_TEAM) {/'

# Penalties
mutant 'products lack the last block' contrastive/whole_dots.cl 's/e < d->padded; e += LMS_INTERLEAVED/e + LMS_INTERLEAVED < d->padded; e += LMS_INTERLEAVED/'
mutant 'elements of a lane in another order' contrastive/whole_dots.cl \
    's/fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))))/fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))))/'
mutant 'empty positions take part' contrastive/best.cl 's/if (!written)/if (false)/'
mutant 'norms of other positions' contrastive/best.cl 's/shared->inverses\[q % positions\]/shared->inverses[q % positions \/ 2]/'
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
mutant 'pages are not shared' host/slots/pages.c 's/++p->shares\[page\]/(void)p->shares[page]/'
mutant 'all pages of a buffer in one place' contrastive/append.cl 's/(ulong)(run.page - first_page)/(ulong)(run.page \& 0)/'
mutant 'windows of one more' host/contrastive/select.c 's/? length - window : 0/? length - window - 1 : 0/'
mutant 'a window and no begin' host/contrastive/select.c 's/own->context_begin > latest ? own->context_begin : latest/window ? latest : own->context_begin/'
mutant 'states of the first run' host/contrastive/append.c 's/{g.source + (at - g.from), /{g.source, /'

printf '%d mutants, %d survived\n' "$tried" "$survivors"
((tried > 0 && survivors == 0))
