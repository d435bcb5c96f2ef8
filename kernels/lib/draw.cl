/* draw.cl - the envelope and the draw (specification, sections 5 and 7).
 *
 * A group's maximum bounds the weight of each of its tokens, so 1/32 of the exponentials give
 * an envelope of the kept tokens; a draw from it is accepted with at least one slot in 65, and
 * an accepted draw is exact. No pass over the logits, no sum of weights. */

#define LMS_ATTEMPTS 4096u

/* A kept token's place in the envelope. */
typedef struct lms_drawn {
    bool found;
    uint id;
} lms_drawn;

/* Bounds of groups in the envelope, from the weights and keys of their maxima; 0 for others.
 * `id` is the first one's first token. */
lms_uints lms_bounds_of(lms_ints w, lms_ints keys, lms_cut cut, uint id)
{
    const lms_uints ids = (lms_uints)(id) + LMS_GROUP * LMS_LANE_IDS;
    const lms_ints in =
        (keys > cut.key) | ((keys == cut.key) & (ids <= (lms_uints)(cut.id)));
    return LMS_V(as_uint)((w + (w >> 20) + 2) & in);
}

/* Of a tile's groups. */
lms_uints lms_tile_bounds(const lms_row *row, lms_unit unit, lms_cut cut, uint tile)
{
    const lms_ints keys = lms_tile_groups(row, tile);
    return lms_bounds_of(lms_weights(unit, lms_logits_of(keys)), keys, cut, tile * LMS_TILE);
}

/* Slots of the tile's envelope: E_t. */
ulong lms_tile_slots(const lms_row *row, lms_uints bounds, uint tile)
{
    if ((tile + 1) * LMS_TILE <= row->vocab) return lms_sum_pairs(lms_widen(bounds)) * LMS_GROUP;
    uint b[LMS_LANES];
    ulong sum = 0;
    LMS_V(vstore)(bounds, 0, b);
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        sum += (ulong)b[g] * lms_group_size(row, tile * LMS_TILE_GROUPS + g);
    }
    return sum;
}

/* Fills sums[tile] with `own` and the sum of E' of the tiles from `from` to before it; returns
 * that of all up to `to`. */
ulong lms_envelope_of(const lms_row *row, const lms_scaled *scaled, lms_cut cut, uint from,
                      uint to, ulong own)
{
    for (uint tile = from; tile < to; ++tile) {
        row->sums[tile] = own;
        if (row->tile_keys[tile] < cut.key) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= LMS_NO_SHARE) continue;
        const lms_uints bounds = lms_tile_bounds(row, unit, cut, tile);
        own += lms_mass_of_sum(unit.shift, lms_tile_slots(row, bounds, tile));
    }
    return own;
}

#if LMS_TEAM == 1
/* The same for LMS_LANES whole tiles of a row that is not huge: what belongs to tiles is
 * computed for all of them at once. */
ulong lms_envelope_block(const lms_row *row, const lms_scaled *scaled, lms_cut cut, uint from,
                         ulong own)
{
    const lms_ints tile_keys = LMS_V(vload)(0, row->tile_keys + from);
    const lms_units units = lms_units_of(scaled, tile_keys);
    const lms_ints in = tile_keys >= cut.key;
    float h[LMS_LANES], c[LMS_LANES];
    int shift[LMS_LANES], any_in[LMS_LANES];
    LMS_V(vstore)(units.h, 0, h);
    LMS_V(vstore)(units.c, 0, c);
    LMS_V(vstore)(units.shift, 0, shift);
    LMS_V(vstore)(in, 0, any_in);
    for (uint j = 0; j < LMS_LANES; j += LMS_LANES / LMS_TILE_GROUPS) {
        const uint tile = from + j;
#if LMS_LANES == 16
        row->sums[tile] = own;
        row->sums[tile + 1] = own;
        if (!(any_in[j] | any_in[j + 1])) continue;
        const lms_floats hs = (lms_floats)((float8)(h[j]), (float8)(h[j + 1]));
        const lms_floats cs = (lms_floats)((float8)(c[j]), (float8)(c[j + 1]));
#else
        row->sums[tile] = own;
        if (!any_in[j]) continue;
        const lms_floats hs = (lms_floats)(h[j]), cs = (lms_floats)(c[j]);
#endif
        const lms_ints keys = LMS_V(vload)(0, row->groups + tile * LMS_TILE_GROUPS);
        const lms_ints w = lms_weights_at(scaled->s, hs, cs, lms_logits_of(keys));
        const lms_pairs slots = lms_widen(lms_bounds_of(w, keys, cut, tile * LMS_TILE));
#if LMS_LANES == 16
        own += lms_mass_of_sum((uint)shift[j], lms_sum4(slots.lo) * LMS_GROUP);
        row->sums[tile + 1] = own;
        own += lms_mass_of_sum((uint)shift[j + 1], lms_sum4(slots.hi) * LMS_GROUP);
#else
        own += lms_mass_of_sum((uint)shift[j], lms_sum4(slots) * LMS_GROUP);
#endif
    }
    return own;
}
#endif

/* Of the own tiles. */
ulong lms_envelope_own(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    uint tile = row->first;
    ulong own = 0;
#if LMS_TEAM == 1
    const uint whole = scaled->huge ? 0 : row->vocab / LMS_TILE;
    for (; tile + LMS_LANES <= whole; tile += LMS_LANES) {
        own = lms_envelope_block(row, scaled, cut, tile, own);
    }
#endif
    return lms_envelope_of(row, scaled, cut, tile, row->last, own);
}

/* One attempt: the token it hits, and whether it is accepted. */
lms_drawn lms_attempt(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong envelope,
                      uint4 q)
{
    const ulong place = mul_hi((ulong)q.y << 32 | q.x, envelope);
    /* The last tile with prefix <= place: one without a share has the prefix of the next. */
    uint tile = 0, end = row->tiles;
    while (end - tile > 1) {
        const uint middle = (tile + end) / 2;
        if (row->sums[middle] <= place) {
            tile = middle;
        } else {
            end = middle;
        }
    }
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
    const lms_uints bounds = lms_tile_bounds(row, unit, cut, tile);
    ulong rest = mul_hi((ulong)q.w << 32 | q.z, lms_tile_slots(row, bounds, tile));
    uint b[LMS_LANES];
    LMS_V(vstore)(bounds, 0, b);
    uint g = 0;
    for (; g < LMS_TILE_GROUPS - 1; ++g) {
        const ulong slots = (ulong)b[g] * lms_group_size(row, tile * LMS_TILE_GROUPS + g);
        if (rest < slots) break;
        rest -= slots;
    }
    const ulong slot = rest / (ulong)b[g];
    lms_drawn drawn;
    drawn.id = tile * LMS_TILE + g * LMS_GROUP + (uint)slot;
    const float x = lms_load(row->x, drawn.id);
    drawn.found = lms_keeps(cut, lms_key(x), drawn.id) &&
                  rest - slot * (ulong)b[g] < (ulong)lms_weight(unit, x);
    return drawn;
}

/* Where a row's random words come from. */
typedef struct lms_source {
    ulong seed;
    ulong step;
    __global const uint *words; /* the caller's, or NULL */
    uint attempts;
} lms_source;

/* The own attempt of a round that begins at `from`: larger is earlier, LMS_NOT_DRAWN is none.
 * The low 32 bits are the token. */
#define LMS_NOT_DRAWN (-1l)
long lms_try(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong envelope,
             const lms_source *source, uint from)
{
    const uint attempt = from + lms_lane();
    /* No envelope: only if somebody writes to the logits meanwhile. */
    if (attempt >= source->attempts || envelope == 0) return LMS_NOT_DRAWN;
    const uint4 q = source->words ? vload4(attempt, source->words)
                                  : lms_attempt_words(source->seed, source->step, attempt);
    const lms_drawn drawn = lms_attempt(row, scaled, cut, envelope, q);
    return drawn.found ? (long)(INT_MAX - attempt) << 32 | drawn.id : LMS_NOT_DRAWN;
}
