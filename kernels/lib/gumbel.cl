/* gumbel.cl - draws a beam's tokens without replacement, in the order of their perturbed scores
 * (specification, section 15): exponential clocks that ring one after the other, a draw each.
 *
 * row->sums has the tiles' masses of what is left. A draw takes one superstep: the work-item
 * that owns the place draws a token and takes it out of its tile. */

/* Random words: i of a beam's step. */
ulong lms_offer_word(const lms_offer *o, uint i, bool second)
{
    const uint4 q = lms_counter_words(o->seed, i, 1 + o->beam, o->turn, 0);
    return second ? (ulong)q.w << 32 | q.z : (ulong)q.y << 32 | q.x;
}

float lms_clock(const lms_offer *o, uint draw)
{
    return (float)lms_exponential(lms_offer_word(o, 2 * draw + 1, false)) * 0x1p-32f;
}

bool lms_is_fresh(const lms_offer *o) { return o->mode == LMS_BEAM_SAMPLE || o->turn == 0; }

void lms_to_draws(lms_task *t, lms_offer *o)
{
    t->step = o->left > 0 ? LMS_STEP_OFFER_DRAW : LMS_STEP_DONE;
    o->first_left = o->left;
    o->drawn = 0;
    o->time = lms_is_fresh(o) ? lms_clock(o, 0) : lms_exp(o->score - o->value);
}

/* The token of a tile at which the weights exceed r; LMS_NO_TOKEN only if somebody writes to
 * the logits meanwhile. */
uint lms_token_at(const uint *w, ulong r)
{
    ulong sum = 0;
    for (uint i = 0; i < LMS_TILE; ++i) {
        sum += w[i];
        if (sum > r) return i;
    }
    return LMS_TILE;
}

/* The draw, if its place is in the own tiles: the token, or -1. */
lms_part lms_draw_part(const lms_row *row, const lms_task *t, const lms_offer *o)
{
    lms_part part;
    ulong place = mul_hi(lms_offer_word(o, 2 * o->drawn, false), o->left) - t->before;
    part.sum = t->own;
    part.best = -1;
    if (place >= t->own) return part;
    uint tile = row->first;
    for (; tile + 1 < row->last && place >= row->sums[tile]; ++tile) place -= row->sums[tile];
    uint w[LMS_TILE];
    const lms_unit unit = lms_unit_of(&t->draw_scale, row->tile_keys[tile]);
    lms_eligible_weights(row, o, unit, tile, w);
    const ulong sum = lms_sum_weights(w);
    const uint i = lms_token_at(w, mul_hi(lms_offer_word(o, 2 * o->drawn, true), sum));
    if (i == LMS_TILE) return part;
    part.best = (long)(tile * LMS_TILE + i);
    part.sum -= row->sums[tile];
    row->sums[tile] = lms_mass_of_sum(unit.shift, sum - w[i]);
    part.sum += row->sums[tile];
    return part;
}

/* Its perturbed score. */
long lms_draw_value(lms_offer *o)
{
    if (o->drawn > 0) {
        const float part_left = (float)o->first_left * lms_reciprocal((float)o->left);
        o->time += lms_clock(o, o->drawn) * part_left;
    } else if (!lms_is_fresh(o)) {
        return o->value;
    }
    const long value = max(o->score - lms_ln(o->time), LMS_SCORE_FLOOR);
    return o->drawn > 0 ? min(value, o->last_value) : value;
}

void lms_after_draw(lms_task *t, lms_offer *o, const lms_row *row, const lms_meeting *m)
{
    if (m->best < 0) {
        t->step = LMS_STEP_DONE;
        return;
    }
    o->last_value = lms_draw_value(o);
    o->last_token = (int)m->best;
    if (lms_lane() == 0) {
        lms_candidate c = lms_candidate_of(o, row, (uint)o->last_token);
        c.value = o->last_value;
        o->out[o->drawn] = c;
    }
    o->count = ++o->drawn;
    o->left = m->total;
    if (o->left == 0 || o->drawn == o->want) t->step = LMS_STEP_DONE;
}
