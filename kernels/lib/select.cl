/* select.cl - where a cut falls: the shortest run of tokens, in their order, that reaches a
 * count or a mass. Exact for every input; only the time depends on the data.
 *
 * What a work-item does of it in a superstep is here; sample.cl says which step follows which.
 * Invariant of every search: the cut lies among the tokens with low < key <= high, and
 * `before` is the measure (count or mass) of the tokens with key > high. A round bins the
 * interval and narrows it to the bin in which the target is reached. Bins of keys shrink 1024
 * times a round, so four rounds reach a single key; among tokens of one key the ids decide. */

typedef struct lms_search {
    ulong target; /* kept are the tokens whose predecessors measure less; > 0 */
    ulong before;
    int low;
    int high;
    bool by_mass;
    uint shift;   /* a bin is 2^shift keys, or, ... */
    float linear; /* > 0: 1 / linear in the logit   */
} lms_search;

lms_search lms_search_of(ulong target, bool by_mass, int low, int high)
{
    lms_search f;
    f.target = target;
    f.before = 0;
    f.low = low;
    f.high = high;
    f.by_mass = by_mass;
    f.shift = 0;
    f.linear = 0.0f;
    return f;
}

bool lms_inside(const lms_search *f, int key) { return key > f->low && key <= f->high; }

/* Bins for the interval as it is: as narrow as fit. */
void lms_fit_bins(lms_search *f)
{
    const uint span = (uint)f->high - (uint)f->low - 1;
    f->shift = (uint)max(22 - (int)clz(span), 0);
}

/* One key left: its tokens' ids decide. */
bool lms_single_key(const lms_search *f) { return f->high - 1 == f->low; }

/* Monotone in the key, which is all that a bin must be. */
uint lms_bin_of(const lms_search *f, int key)
{
    if (f->linear > 0.0f) {
        const float d = (lms_logit_of(f->high) - lms_logit_of(key)) * f->linear;
        return d < (float)(LMS_BINS - 1) ? (uint)d : LMS_BINS - 1;
    }
    return ((uint)f->high - (uint)key) >> f->shift;
}

/* Of eight keys; LMS_BINS for those outside the interval. */
uint8 lms_bins_of8(const lms_search *f, int8 keys)
{
    const int8 inside = (keys > f->low) & (keys <= f->high);
    uint8 bins;
    if (f->linear > 0.0f) {
        const float8 d = (lms_logit_of(f->high) - lms_logits_of8(keys)) * f->linear;
        const float8 last = (float8)((float)(LMS_BINS - 1));
        bins = as_uint8(convert_int8(d < last ? d : last));
    } else {
        bins = ((uint8)((uint)f->high) - as_uint8(keys)) >> f->shift;
    }
    return select((uint8)(LMS_BINS), bins, as_uint8(inside));
}

/* The largest key in (low, high] whose bin is at least `bin`; low if none. */
int lms_bin_top(const lms_search *f, uint bin)
{
    long above = (long)f->high + 1, below = f->low; /* bin_of(above) < bin <= bin_of(below) */
    while (above - below > 1) {
        const long middle = below + ((above - below) >> 1);
        if (lms_bin_of(f, (int)middle) >= bin) {
            below = middle;
        } else {
            above = middle;
        }
    }
    return (int)below;
}

/* Narrows the interval to the bin in which the target is reached. */
void lms_narrow(lms_search *f, lms_meeting m)
{
    f->before += m.bin_before;
    if (f->linear > 0.0f) {
        const int high = lms_bin_top(f, m.bin);
        if (m.bin < LMS_BINS - 1) f->low = lms_bin_top(f, m.bin + 1);
        f->high = high;
        f->linear = 0.0f;
        return;
    }
    f->high = (int)((uint)f->high - (m.bin << f->shift));
    f->low = (int)max((long)f->high - (1l << f->shift), (long)f->low);
}

/* Tokens of the row with low < key <= high into the bins. */
void lms_bin_row(const lms_row *row, const lms_scaled *scaled, const lms_search *f)
{
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] <= f->low) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            if (row->groups[tile * LMS_TILE_GROUPS + g] <= f->low) continue;
            const uint begin = tile * LMS_TILE + g * LMS_GROUP;
            for (uint at = begin; at < begin + LMS_GROUP; at += 8) {
                const float8 x = lms_quarter(row, at);
                const int8 key8 = lms_keys8(x);
                if (!any((key8 > f->low) & (key8 <= f->high))) continue;
                const ulong8 measure = f->by_mass
                                           ? lms_masses8(unit, lms_weights8(scaled, unit, x))
                                           : (ulong8)(1);
                lms_bin_add8(row->shared, lms_bins_of8(f, key8), measure);
            }
        }
    }
}

/* Tokens with low < key <= high of the own tiles: counts them, and lists them from `at` on
 * where `write`. Returns the count, which may be more than the list holds. */
uint lms_list_own(const lms_row *row, const lms_scaled *scaled, const lms_search *f, uint at,
                  bool write)
{
    for (uint tile = row->first; tile < row->last && at <= LMS_LIST; ++tile) {
        if (row->tile_keys[tile] <= f->low) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            if (row->groups[tile * LMS_TILE_GROUPS + g] <= f->low) continue;
            const uint begin = tile * LMS_TILE + g * LMS_GROUP;
            for (uint quarter = begin; quarter < begin + LMS_GROUP; quarter += 8) {
                const float8 x = lms_quarter(row, quarter);
                const int8 key8 = lms_keys8(x);
                if (!any((key8 > f->low) & (key8 <= f->high))) continue;
                int key[8];
                ulong mass[8];
                vstore8(key8, 0, key);
                if (write && f->by_mass) {
                    vstore8(lms_masses8(unit, lms_weights8(scaled, unit, x)), 0, mass);
                }
                for (uint i = 0; i < 8; ++i) {
                    if (!lms_inside(f, key[i])) continue;
                    if (write && at < LMS_LIST) {
                        row->list[at].key = key[i];
                        row->list[at].id = quarter + i;
                        row->list[at].mass = f->by_mass ? mass[i] : 1;
                    }
                    ++at;
                }
            }
        }
    }
    return at;
}

/* The own entries of a list of n. */
uint lms_list_first(uint n) { return min(lms_lane() * ((n + LMS_TEAM - 1) / LMS_TEAM), n); }
uint lms_list_last(uint n) { return min(lms_list_first(n) + (n + LMS_TEAM - 1) / LMS_TEAM, n); }

void lms_bin_list(const lms_row *row, const lms_search *f, uint n)
{
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        const int key = row->list[i].key;
        if (lms_inside(f, key)) lms_bin_add(row->shared, lms_bin_of(f, key), row->list[i].mass);
    }
}

/* Mass of the own entries that `base` keeps. */
ulong lms_listed_mass(const lms_row *row, uint n, lms_cut base)
{
    ulong mass = 0;
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        if (lms_keeps(base, row->list[i].key, row->list[i].id)) mass += row->list[i].mass;
    }
    return mass;
}

/* Measure of the own entries with the key f->high. Where `stop` > 0, which they reach: until
 * they do, and *id is the token at which that is. */
ulong lms_tie_list(const lms_row *row, const lms_search *f, uint n, ulong stop, uint *id)
{
    ulong sum = 0;
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        if (row->list[i].key != f->high) continue;
        sum += row->list[i].mass;
        *id = row->list[i].id;
        if (stop > 0 && sum >= stop) break;
    }
    return sum;
}

/* The same in the own tiles, where the ties are too many for the list. */
ulong lms_tie_row(const lms_row *row, const lms_scaled *scaled, const lms_search *f, ulong stop,
                  uint *id)
{
    ulong sum = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] < f->high) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        /* In one tile, tokens of one key weigh the same. */
        const int w = lms_weight(scaled, unit, lms_logit_of(f->high));
        const ulong mass = f->by_mass ? lms_masses8(unit, (int8)(w)).s0 : 1;
        for (uint at = tile * LMS_TILE; at < (tile + 1) * LMS_TILE; at += 8) {
            const int8 ties = lms_keys8(lms_quarter(row, at)) == f->high;
            const ulong eight = mass * (ulong)-lms_sum_int8(ties);
            if (eight == 0 || stop == 0 || sum + eight < stop) {
                sum += eight;
                continue;
            }
            int tie[8];
            vstore8(ties, 0, tie);
            for (uint i = 0; i < 8 && sum < stop; ++i) {
                if (!tie[i]) continue;
                sum += mass;
                *id = at + i;
            }
            return sum;
        }
    }
    return sum;
}
