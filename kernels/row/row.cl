/* row.cl - a row as the kernels after the tile pass see it, and the workspace that they share.
 *
 * A team's work-items own contiguous runs of tiles, so that what they list or sum is in the
 * order of token ids when taken item by item. Where order does not matter, all of them go
 * through the tokens together: LMS_EACH_TILE. */
#pragma once
#include "row/read.cl"
#include "team/meeting.cl"

/* What the tile pass finds out, and room for what follows. Rows that are under way at once have
 * a place each; what is seen has one for each row of the call. */
typedef struct lms_workspace {
    __global int *groups;    /* [places][tiles][LMS_TILE_GROUPS], keys of the group maxima */
    __global int *tile_keys; /* [places][tiles], the largest of each tile */
    __global ulong *sums;    /* [places][tiles] */
    __global uint *seen;     /* [rows][chunks], LMS_ROW_NAN_SEEN */
    uint chunks;             /* of the tile pass, if that is a kernel of its own */
    bool is_fused;           /* the tile pass of a row is done when the row's turn comes */
    __global ulong *list;    /* [places][LMS_LIST] masses, keys and ids */
} lms_workspace;

lms_workspace lms_workspace_of(__global int *groups, __global int *tile_keys,
                               __global ulong *sums, __global uint *seen, uint chunks,
                               bool is_fused, __global ulong *list)
{
    lms_workspace w;
    w.groups = groups;
    w.tile_keys = tile_keys;
    w.sums = sums;
    w.seen = seen;
    w.chunks = chunks;
    w.is_fused = is_fused;
    w.list = list;
    return w;
}

/* What kernels that read rows have among their arguments, as host/op/rows.h lists it: the
 * logits; what the tile pass fills of the workspace; all of that. The rows are those of a
 * buffer. */
#define LMS_LOGITS_ARGUMENTS                                                                   \
    __global const lms_element *logits, ulong logits_offset, ulong stride
#define LMS_LOGITS_ROW(i) lms_logits_at(logits + logits_offset + (ulong)(i) * stride, vocab)
#define LMS_TILE_PASS_ARGUMENTS                                                                \
    __global int *groups, __global int *tile_keys, __global ulong *sums, __global uint *seen,  \
        uint chunk
#define LMS_TILE_PASS_WORKSPACE lms_workspace_of(groups, tile_keys, sums, seen, 0, false, 0)
#define LMS_ROW_PASS_ARGUMENTS                                                                 \
    __global int *groups, __global int *tile_keys, __global uint *seen, uint chunks,           \
        uint with_tiles, __global ulong *list, __global ulong *sums
#define LMS_ROW_PASS_WORKSPACE                                                                 \
    lms_workspace_of(groups, tile_keys, sums, seen, chunks, with_tiles != 0, list)

typedef struct lms_row {
    lms_logits logits;
    __global const lms_element *next; /* what will be read next, or 0 */
    uint tiles;
    uint first; /* own tiles: [first, last) */
    uint last;
    int max_key;
    __global int *groups; /* keys of the group maxima, LMS_NEVER where no token is live */
    __global int *tile_keys;
    __global ulong *list_mass; /* listed tokens, LMS_LIST at most; select/list.cl */
    __global int *list_key;
    __global uint *list_id;
    __global ulong *sums; /* a tile's sum of weights, later the envelope before it */
    __local lms_shared *shared;
#if LMS_TEAM > 1
    uint item; /* this work-item */
#endif
} lms_row;

/* The work-item that goes through a row. Not lms_item(): pocl compiles a function that asks for
 * it, and all that call it, into every kernel anew, and three times there. */
#if LMS_TEAM == 1
uint lms_item_of(const lms_row *row)
{
    (void)row;
    return 0;
}
#else
uint lms_item_of(const lms_row *row) { return row->item; }
#endif

uint lms_tiles_of(uint vocab) { return (vocab + LMS_TILE - 1) / LMS_TILE; }

/* The first of the tiles that a work-item owns: a contiguous run. */
uint lms_first_of(const lms_row *row, uint item)
{
    return min(item * ((row->tiles + LMS_TEAM - 1) / LMS_TEAM), row->tiles);
}

/* Makes it this work-item's. */
void lms_make_own(lms_row *row)
{
#if LMS_TEAM > 1
    row->item = lms_item();
#endif
    row->first = lms_first_of(row, lms_item_of(row));
    row->last = lms_first_of(row, lms_item_of(row) + 1);
}

/* A row in a place of the workspace. */
lms_row lms_row_at(lms_logits logits, const lms_workspace *w, ulong place,
                   __local lms_shared *shared)
{
    lms_row row;
    row.logits = logits;
    row.next = 0;
    row.tiles = lms_tiles_of(logits.vocab);
    lms_make_own(&row);
    row.groups = w->groups + place * row.tiles * LMS_TILE_GROUPS;
    row.tile_keys = w->tile_keys + place * row.tiles;
    row.list_mass = w->list + place * 2 * LMS_LIST;
    row.list_key = (__global int *)(row.list_mass + LMS_LIST);
    row.list_id = (__global uint *)(row.list_key + LMS_LIST);
    row.sums = w->sums + place * row.tiles;
    row.shared = shared;
    row.max_key = LMS_NEVER;
    return row;
}

#if LMS_TEAM > 1
/* A team's row as this work-item sees it. It is in local memory, and read from there in every
 * superstep, so that it takes no registers at a meeting. */
lms_row lms_own_row(__local const lms_row *ours, __local lms_shared *shared)
{
    lms_row row = *ours;
    lms_make_own(&row);
    row.next = 0;
    row.shared = shared;
#ifndef LMS_EDITS_ROWS
    row.logits.suppressed_count = 0; /* which is as good as saying that it is not there */
#endif
    return row;
}
#endif

/* Keys of a tile's groups; LMS_NEVER in the lanes above. */
lms_ints lms_tile_groups(const lms_row *row, uint tile)
{
#if LMS_LANES == 16
    return (lms_ints)(vload8(tile, row->groups), (int8)(LMS_NEVER));
#else
    return vload8(tile, row->groups);
#endif
}

/* Tokens in a group: LMS_GROUP, or fewer in the last one. */
uint lms_group_size(const lms_row *row, uint group)
{
    const uint begin = group * LMS_GROUP, vocab = row->logits.vocab;
    return begin >= vocab ? 0 : min(LMS_GROUP, vocab - begin);
}

/* --- All tokens of a row, by a team. ---------------------------------------------------- */

/* A tile is gone through by neighbouring work-items, which read neighbouring vectors, several
 * tiles at once if the team is large enough. In a team of one these are plain loops over all
 * tiles with a key of at least `least`, their groups, and the vectors of a group. */
#define LMS_GROUP_TEAM min((uint)LMS_TEAM, LMS_GROUP / LMS_LANES)
#define LMS_TILE_TEAM min((uint)LMS_TEAM, LMS_TILE / LMS_LANES)
#define LMS_TILES_AT_ONCE (LMS_TEAM / LMS_TILE_TEAM)

uint lms_first_bit(uint bits) { return 31 - clz(bits & -bits); }

#if LMS_TEAM == 1
#define LMS_EACH_TILE(tile, row, least)                                                        \
    for (uint tile = 0; tile < (row)->tiles; ++tile)                                           \
        if ((row)->tile_keys[tile] >= (least))
#else
/* Tiles whose keys are looked at together, as each look takes its time to come back. */
#define LMS_LOOK 8u
#define LMS_EACH_TILE(tile, row, least)                                                        \
    for (uint look = lms_item_of(row) / LMS_TILE_TEAM; look < (row)->tiles;                    \
         look += LMS_LOOK * LMS_TILES_AT_ONCE)                                                 \
        for (uint there = lms_look(row, look, least), tile;                                    \
             there && (tile = look + lms_first_bit(there) * LMS_TILES_AT_ONCE, true);          \
             there &= there - 1)

/* Bits of those of the next tiles that have a key of at least `least`. */
uint lms_look(const lms_row *row, uint from, int least)
{
    uint there = 0;
#pragma unroll
    for (uint i = 0; i < LMS_LOOK; ++i) {
        const uint tile = from + i * LMS_TILES_AT_ONCE;
        const int key = row->tile_keys[min(tile, row->tiles - 1)];
        there |= (tile < row->tiles && key >= least ? 1u : 0u) << i;
    }
    return there;
}
#endif
#if LMS_TEAM >= 32
/* One group and one vector of each tile, and a compiler is to see that: what is the same for
 * all turns of a loop, compilers for AMD's GPUs keep in registers, one for each lane. */
#define LMS_EACH_GROUP(begin, row, tile, least)                                                \
    for (uint begin = (tile) * LMS_TILE +                                                      \
                      lms_item_of(row) % LMS_TILE_TEAM / LMS_GROUP_TEAM * LMS_GROUP,           \
              group = 0;                                                                       \
         group < 1; ++group)                                                                   \
        if ((row)->groups[begin / LMS_GROUP] >= (least))
#define LMS_EACH_VECTOR(at, row, begin)                                                        \
    for (uint at = (begin) + lms_item_of(row) % LMS_GROUP_TEAM * LMS_LANES, turn = 0;          \
         turn < 1; ++turn)
#else
#define LMS_EACH_GROUP(begin, row, tile, least)                                                \
    for (uint group = lms_item_of(row) % LMS_TILE_TEAM / LMS_GROUP_TEAM, begin;                \
         group < LMS_TILE_GROUPS && (begin = (tile) * LMS_TILE + group * LMS_GROUP, true);     \
         group += LMS_TILE_TEAM / LMS_GROUP_TEAM)                                              \
        if ((row)->groups[begin / LMS_GROUP] >= (least))
#define LMS_EACH_VECTOR(at, row, begin)                                                        \
    for (uint at = (begin) + lms_item_of(row) % LMS_GROUP_TEAM * LMS_LANES;                    \
         at < (begin) + LMS_GROUP; at += LMS_GROUP_TEAM * LMS_LANES)
#endif

/* --- The rows of a team. ------------------------------------------------------------------ */

/* How often a team takes a row. Only teams of one take more than one: no barrier is in a loop
 * over rows. */
ulong lms_rounds(ulong rows, ulong teams)
{
    return LMS_TEAM == 1 ? (rows + teams - 1) / teams : 1;
}

/* While a row is computed with, a CPU asks for the one that it reads next: so many logits with
 * each tile of the envelope, and so many behind those with each attempt, which is about what
 * comes in that time. */
#define LMS_NEXT 64u
#define LMS_NEXT_TRY 128u
#define LMS_NEXT_PASS (LMS_TILE - LMS_NEXT) /* with each tile of a pass: the rest */

LMS_INLINE void lms_prefetch_next(const lms_row *row, uint from, uint count)
{
    if (!row->next || from >= row->logits.vocab) return;
    for (uint i = from; i < from + count; i += LMS_LINE) LMS_PREFETCH(row->next + i);
}
