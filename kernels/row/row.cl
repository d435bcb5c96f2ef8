/* row.cl - a row as the kernels after the tile pass see it, and the workspace that they share.
 *
 * A team's work-items own contiguous runs of tiles, so that what they list or sum is in the
 * order of token ids when taken item by item. */
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
    __global int *groups, __global int *tile_keys, __global ulong *sums, __global uint *seen
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
    __global ulong *list_mass; /* listed tokens, LMS_LIST at most, in id order */
    __global int *list_key;
    __global uint *list_id;
    __global ulong *sums; /* a tile's sum of weights, later the envelope before it */
    __local lms_shared *shared;
} lms_row;

uint lms_tiles_of(uint vocab) { return (vocab + LMS_TILE - 1) / LMS_TILE; }

/* A row in a place of the workspace. */
lms_row lms_row_at(lms_logits logits, const lms_workspace *w, ulong place,
                   __local lms_shared *shared)
{
    lms_row row;
    row.logits = logits;
    row.next = 0;
    row.tiles = lms_tiles_of(logits.vocab);
    const uint per = (row.tiles + LMS_TEAM - 1) / LMS_TEAM;
    row.first = min(lms_item() * per, row.tiles);
    row.last = min(row.first + per, row.tiles);
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
