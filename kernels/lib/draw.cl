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

/* Bounds of the tile's groups that are in the envelope, 0 for the others. */
int8 lms_bounds8(const lms_row *row, const lms_scaled *scaled, lms_unit unit, lms_cut cut,
                 uint tile)
{
    const int8 keys = lms_tile_groups(row, tile);
    const int8 w = lms_weights8(scaled, unit, lms_logits_of8(keys));
    const uint8 ids = (uint8)(tile * LMS_TILE) + LMS_GROUP * (uint8)(0, 1, 2, 3, 4, 5, 6, 7);
    const int8 in = (keys > cut.key) | ((keys == cut.key) & (ids <= cut.id));
    return (w + (w >> 20) + 2) & in;
}

/* Slots of the tile's envelope: E_t. */
ulong lms_tile_slots(const lms_row *row, int8 bounds, uint tile)
{
    if ((tile + 1) * LMS_TILE <= row->vocab) {
        return lms_sum8(convert_ulong8(bounds)) * LMS_GROUP;
    }
    int b[8];
    ulong sum = 0;
    vstore8(bounds, 0, b);
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        sum += (ulong)b[g] * lms_group_size(row, tile * LMS_TILE_GROUPS + g);
    }
    return sum;
}

/* Fills prefix[tile] with the sum of E' of the own tiles before it; returns that of all own. */
ulong lms_envelope_own(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    ulong own = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        row->prefix[tile] = own;
        if (row->tile_keys[tile] < cut.key) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= 64) continue;
        const int8 bounds = lms_bounds8(row, scaled, unit, cut, tile);
        own += lms_mass_of_sum(unit, lms_tile_slots(row, bounds, tile));
    }
    return own;
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
        if (row->prefix[middle] <= place) {
            tile = middle;
        } else {
            end = middle;
        }
    }
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
    const int8 bounds = lms_bounds8(row, scaled, unit, cut, tile);
    ulong rest = mul_hi((ulong)q.w << 32 | q.z, lms_tile_slots(row, bounds, tile));
    int b[8];
    vstore8(bounds, 0, b);
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
                  rest - slot * (ulong)b[g] < (ulong)lms_weight(scaled, unit, x);
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
