/* offer.cl - what a live beam offers (specification, section 13): steps of its row beyond those
 * of task.cl, which find the filters' cut, and the key that is worth listing.
 *
 *   MAXIMUM -> [filters] -> MASS -> [top-k] -> TALLY -> LIST    search
 *                                -> DRAW, DRAW ..               drawn without replacement
 *
 * Listed are the first `want` kept tokens by falling score, then id: as many as their group can
 * need, and one for each end token that may be suppressed among them. Scores are monotone in
 * the logit, but different logits can have one score: those of the last score are the class of
 * ties, of which the lowest ids are taken. */

/* What a row's work-items know of their beam, beside the task. */
typedef struct lms_offer {
    lms_row_params filters;
    uint mode;
    bool of_eligible;    /* log-probabilities are relative to the eligible tokens */
    bool sums_fit;       /* the tile pass has summed at the temperature's scale */
    __global const int *ends;
    uint end_count;      /* ends that are suppressed */
    uint want;
    ulong seed;
    uint beam;
    uint turn;           /* the request's step */
    long score;          /* the beam's */
    long value;
    bool fallen_back;
    bool searching;      /* for the key that is worth listing */
    bool use_total;      /* no eligible token has any mass */
    lms_cut kept;        /* by the filters */
    int low, high;       /* the class of ties: low <= key <= high */
    ulong quota;         /* of it */
    lms_inverse inverse; /* 1 / temperature */
    long norm;
    /* The draw that is next. */
    ulong left;          /* mass */
    ulong first_left;    /* ... before the first one */
    float time;
    long last_value;
    int last_token;
    uint drawn;
    __global lms_candidate *out;
    uint count;
} lms_offer;

bool lms_is_end(const lms_offer *o, uint id)
{
    for (uint i = 0; i < o->end_count; ++i) {
        if ((uint)o->ends[i] == id) return true;
    }
    return false;
}

long lms_logprob_of(const lms_offer *o, const lms_row *row, int key)
{
    ulong gap = 0;
    if (key != row->max_key) {
        gap = lms_gap(o->inverse, lms_logit_of(row->max_key), lms_logit_of(key));
    }
    return -max((long)gap + o->norm, 0l);
}

/* The score of a candidate, monotone in its key. */
long lms_score_of(const lms_offer *o, const lms_row *row, int key)
{
    return max(o->score + lms_logprob_of(o, row, key), LMS_SCORE_FLOOR);
}

lms_candidate lms_candidate_of(const lms_offer *o, const lms_row *row, uint id)
{
    lms_candidate c;
    const int key = lms_key(lms_load(row->x, id));
    c.score = lms_score_of(o, row, key);
    c.value = c.score;
    c.token = (int)id;
    c.logprob = lms_nats(lms_logprob_of(o, row, key));
    return c;
}

/* --- The mass of the eligible tokens ----------------------------------------------------- */

/* Weights of a tile's kept tokens; returns their number. */
uint lms_kept_weights(const lms_row *row, lms_unit unit, lms_cut cut, uint tile, uint *w)
{
    lms_ints count = (lms_ints)(0);
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        const uint at = tile * LMS_TILE + i;
        const lms_floats x = lms_logits(row, at);
        const lms_ints kept = lms_kept(cut, lms_keys(x), at);
        LMS_V(vstore)(LMS_V(as_uint)(lms_weights(unit, x) & kept), 0, w + i);
        count -= kept;
    }
    return (uint)lms_sum(count);
}

/* Takes a token's weight out of its tile's. Returns 1 if it was kept and not out yet. */
uint lms_take_out(const lms_row *row, const lms_offer *o, uint tile, uint id, uint *w,
                  uint *out)
{
    const uint i = id - tile * LMS_TILE;
    if (i >= LMS_TILE || id >= row->vocab || (out[i / 32] >> i % 32 & 1)) return 0;
    const int key = lms_key(lms_load(row->x, id));
    out[i / 32] |= 1u << i % 32;
    w[i] = 0;
    return key != LMS_NEVER && lms_keeps(o->kept, key, id);
}

/* Weights of a tile's eligible tokens that have not been drawn; returns how many are eligible.
 * Entries of the last two draws may be on their way to `out`: one is known here, and the other
 * has been through a meeting. */
uint lms_eligible_weights(const lms_row *row, const lms_offer *o, lms_unit unit, uint tile,
                          uint *w)
{
    uint out[LMS_TILE / 32] = {0};
    uint count = lms_kept_weights(row, unit, o->kept, tile, w);
    for (uint i = 0; i < o->end_count; ++i) {
        count -= lms_take_out(row, o, tile, (uint)o->ends[i], w, out);
    }
    for (uint i = 0; i + 1 < o->drawn; ++i) {
        lms_take_out(row, o, tile, (uint)o->out[i].token, w, out);
    }
    if (o->drawn > 0) lms_take_out(row, o, tile, (uint)o->last_token, w, out);
    return count;
}

ulong lms_sum_weights(const uint *w)
{
    ulong sum = 0;
    for (uint i = 0; i < LMS_TILE; ++i) sum += w[i];
    return sum;
}

/* The own tiles' masses of eligible tokens, into row->sums; *any is whether there are any. */
ulong lms_eligible_own(const lms_row *row, const lms_task *t, const lms_offer *o, bool *any)
{
    const bool filtered = (t->outcome.filtered & LMS_FILTERED) != 0;
    ulong mass = 0;
    uint w[LMS_TILE];
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(&t->draw_scale, row->tile_keys[tile]);
        ulong sum = row->sums[tile];
        bool has_end = false;
        for (uint i = 0; i < o->end_count; ++i) has_end |= (uint)o->ends[i] / LMS_TILE == tile;
        if (row->tile_keys[tile] < o->kept.key) {
            sum = 0;
        } else if (filtered || has_end || !o->sums_fit) {
            *any |= lms_eligible_weights(row, o, unit, tile, w) > 0;
            sum = lms_sum_weights(w);
        } else {
            *any = true;
        }
        row->sums[tile] = lms_mass_of_sum(unit.shift, sum);
        mass += row->sums[tile];
    }
    return mass;
}

lms_part lms_mass_part(const lms_row *row, const lms_task *t, const lms_offer *o)
{
    lms_part part;
    bool any = false;
    part.sum = 0;
    if (o->of_eligible && !o->use_total) {
        part.sum = lms_eligible_own(row, t, o, &any);
    } else if (o->sums_fit && !o->use_total) {
        part.sum = lms_summed_own(row, &t->draw_scale);
    } else {
        part.sum = lms_total_own(row, &t->draw_scale);
    }
    part.best = any;
    return part;
}

/* --- The list ----------------------------------------------------------------------------- */

/* Counts the own kept tokens above the class of ties, and, times 2^32, those in it; with
 * `write`, from the counts `at` on, lists them and counts those that are not suppressed. */
ulong lms_offer_own(const lms_row *row, const lms_offer *o, ulong at, bool write)
{
    const int least = o->high == LMS_NEVER ? o->kept.key : max(o->kept.key, o->low);
    uint above = (uint)at, tied = (uint)(at >> 32), eligible = 0;
    const uint end = row->last * LMS_TILE_GROUPS;
    for (uint group = row->first * LMS_TILE_GROUPS; group < end; ++group) {
        if (row->groups[group] < least) continue;
        for (uint i = group * LMS_GROUP; i < (group + 1) * LMS_GROUP; i += LMS_LANES) {
            const lms_ints keys = lms_keys(lms_logits(row, i));
            const lms_ints kept = lms_kept(o->kept, keys, i);
            const uint over = lms_mask(kept & (keys > o->high));
            const uint ties = lms_mask(kept & (keys >= o->low) & (keys <= o->high));
            for (uint both = over | ties; write && both; both &= both - 1) {
                const uint bit = 31 - clz(both & -both), id = i + bit;
                const bool is_tie = ties >> bit & 1;
                const uint place = above + min(tied, (uint)o->quota);
                if (is_tie && tied++ >= o->quota) continue;
                if (!is_tie) ++above;
                if (place >= o->want) continue; /* somebody writes to the logits */
                o->out[place] = lms_candidate_of(o, row, id);
                if (lms_is_end(o, id)) {
                    o->out[place].score = LMS_NO_SCORE;
                } else {
                    ++eligible;
                }
            }
            above += write ? 0 : popcount(over);
            tied += write ? 0 : popcount(ties);
        }
    }
    return write ? eligible : (ulong)tied << 32 | above;
}

/* The last key from `in` on, which has this score, towards `out`, which has not, that has. */
int lms_last_with(const lms_offer *o, const lms_row *row, long score, long in, long out)
{
    while (out - in > 1 || in - out > 1) {
        const long middle = in + (out - in) / 2;
        if (lms_score_of(o, row, (int)middle) == score) {
            in = middle;
        } else {
            out = middle;
        }
    }
    return (int)in;
}

/* The keys of one score with `key`; nearly always that one alone. */
void lms_class_of(lms_offer *o, const lms_row *row, int key)
{
    const long score = lms_score_of(o, row, key);
    o->low = key;
    o->high = key;
    if (key - 1 > LMS_NEVER && lms_score_of(o, row, key - 1) == score) {
        o->low = lms_last_with(o, row, score, key, LMS_NEVER);
    }
    if (key < row->max_key && lms_score_of(o, row, key + 1) == score) {
        o->high = lms_last_with(o, row, score, key, (long)row->max_key + 1);
    }
}
