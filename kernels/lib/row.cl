/* row.cl - a row as the kernels after the tile pass see it.
 *
 * A team's work-items own contiguous runs of tiles, so that what they list or sum is in the
 * order of token ids when taken lane by lane. */

#define LMS_TILE 256u
#define LMS_GROUP 32u
#define LMS_TILE_GROUPS 8u
#define LMS_LIST 2048u /* tokens that a row's list holds */

/* A listed token. */
typedef struct lms_entry {
    int key;
    uint id;
    ulong mass;
} lms_entry;

typedef struct lms_row {
    __global const lms_logit *x;
    uint vocab;
    uint tiles;
    uint first; /* own tiles: [first, last) */
    uint last;
    int max_key;
    __global const int *groups; /* keys of the group maxima, 8 per tile, LMS_NEVER where dead */
    __global const int *tile_keys;
    __global lms_entry *list;   /* LMS_LIST entries in id order */
    __global ulong *prefix;     /* a tile's share of the envelope, then the sums before it */
    __local lms_shared *shared;
} lms_row;

int8 lms_tile_groups(const lms_row *row, uint tile)
{
    return vload8(tile, row->groups);
}

/* The logits of a quarter of a group; -inf beyond the vocabulary. */
float8 lms_quarter(const lms_row *row, uint begin)
{
    return lms_load8_until(row->x, begin, row->vocab);
}

/* Tokens in a group: 32, or fewer in the last one. */
uint lms_group_size(const lms_row *row, uint group)
{
    const uint begin = group * LMS_GROUP;
    return begin >= row->vocab ? 0 : min(LMS_GROUP, row->vocab - begin);
}

/* Which of eight tokens from `id` on a cut keeps: -1 where kept. */
int8 lms_kept8(lms_cut cut, int8 keys, uint id)
{
    const uint8 ids = (uint8)(id) + (uint8)(0, 1, 2, 3, 4, 5, 6, 7);
    return (keys > cut.key) | ((keys == cut.key) & (ids <= cut.id));
}

/* A sum of small numbers. */
int lms_sum_int8(int8 v)
{
    const int4 a = v.lo + v.hi;
    const int2 b = a.lo + a.hi;
    return b.x + b.y;
}

/* What lms_sample found out about a row, for lms_report. */
#define LMS_FILTERED 1u
#define LMS_GREEDY 2u
typedef struct lms_outcome {
    long source; /* the logits row */
    int token;
    uint status;
    int max_key;
    int cut_key;
    uint cut_id;
    uint filtered;
} lms_outcome;

/* Row r of the batch. */
lms_row lms_row_at(__global const lms_logit *x, uint vocab, size_t r,
                   __global const int *groups, __global const int *tile_keys,
                   __global lms_entry *list, __global ulong *prefix,
                   __local lms_shared *shared)
{
    lms_row row;
    row.x = x;
    row.vocab = vocab;
    row.tiles = (vocab + LMS_TILE - 1) / LMS_TILE;
    const uint per = (row.tiles + LMS_TEAM - 1) / LMS_TEAM;
    row.first = min(lms_lane() * per, row.tiles);
    row.last = min(row.first + per, row.tiles);
    row.groups = groups + r * row.tiles * LMS_TILE_GROUPS;
    row.tile_keys = tile_keys + r * row.tiles;
    row.list = list + r * LMS_LIST;
    row.prefix = prefix + r * row.tiles;
    row.shared = shared;
    row.max_key = LMS_NEVER;
    return row;
}
