/* call.cl - what a call's requests bring, as the kernels that read logits see it: the tables
 * that rows name, the sequences in slots, what is prepared for each row, and room for what is
 * edited. */
#pragma once
#include "edits/lists.cl"
#include "edits/records.h"
#include "row/row.cl"
#include "slots/slot.cl"

typedef struct lms_requests {
    __global const lms_prepared *prepared; /* [rows], or 0: no row has a request */
    __global const lms_row_edits *edits;
    __global const lms_row_wants *wants;
    lms_lists lists;
    __global uint *slot_pages;
    __global uint *page_tables;
    uint table_stride;
    __global lms_slot_state *slot_states;
    __global uint *bans; /* [rows][groups] */
    __global const uint *masks; /* of bits */
    ulong mask_stride;
    __global const uint *repeats; /* [rows][max_length], DRY's, of each distinct entry: 0, or
                                     1 + the exponent */
    ulong max_length;
    __global float *values; /* [places][groups][32]: edited logits, ... */
    __global uint *edited;  /* [places][groups]: ... which those are, bit by bit, ... */
    __global uint *places;  /* [places][groups]: ... and where those of a group begin */
    __global int *raw_keys;  /* [places][groups + tiles]: maxima before edits */
    __global uint *counts;   /* [places][max_length]: 0 between rows */
    uint max_top;
} lms_requests;

/* The same as arguments of a kernel, as host/requests/requests.h lists them. */
#define LMS_REQUEST_ARGUMENTS                                                                  \
    __global const lms_prepared *prepared, uint has_prepared,                                  \
        __global const lms_row_edits *edits, ulong edits_offset,                               \
        __global const lms_row_wants *wants, ulong wants_offset,                               \
        __global const uint *list_offsets, ulong list_offsets_offset,                          \
        __global const int *list_ids, ulong list_ids_offset,                                   \
        __global const float *list_values, ulong list_values_offset, uint list_count,          \
        ulong list_entries, __global uint *slot_pages, __global uint *page_tables,             \
        uint table_stride, __global lms_slot_state *slot_states, __global uint *bans,          \
        __global const uint *masks, ulong masks_offset, ulong mask_stride,                     \
        __global const uint *repeats, ulong max_length, __global float *values,                \
        __global uint *edited, __global uint *places, __global int *raw_keys,                  \
        __global uint *counts, uint max_top
#ifdef LMS_REQUESTS
#define LMS_AND_REQUESTS , LMS_REQUEST_ARGUMENTS
#else
#define LMS_AND_REQUESTS
#endif
#define LMS_REQUESTS_GIVEN                                                                     \
    {                                                                                          \
        has_prepared ? prepared : 0, edits + edits_offset, wants + wants_offset,               \
            {list_offsets + list_offsets_offset, list_ids + list_ids_offset,                   \
             list_values + list_values_offset, list_count, list_entries},                      \
            slot_pages, page_tables, table_stride, slot_states, bans, masks + masks_offset,    \
            mask_stride, repeats, max_length, values, edited, places, raw_keys, counts,        \
            max_top                                                                            \
    }

#ifdef LMS_REQUESTS

/* The parameters of a row as they were prepared: its step, its top-p. */
lms_row_params lms_params_of(const lms_requests *q, __global const lms_row_params *params,
                             ulong r)
{
    lms_row_params p = params[r];
    if (q->prepared) {
        p.step = q->prepared[r].step;
        p.filters.top_p = q->prepared[r].top_p;
    }
    return p;
}

/* A row's ban words, if it has some. */
__global const uint *lms_bans_of(const lms_requests *q, ulong r, ulong groups)
{
    const uint mask = q->prepared[r].mask;
    return mask ? q->masks + (mask - 1) * q->mask_stride : q->bans + r * groups;
}

/* What is edited of a row's logits, in a place of the workspace. */
lms_logits lms_edited_logits(const lms_requests *q, ulong r, ulong place, lms_logits x)
{
    const ulong groups = lms_tiles_of(x.vocab) * LMS_TILE_GROUPS;
    if (!q->prepared) return x;
    if (q->prepared[r].has_bans) x.bans = lms_bans_of(q, r, groups);
    if (q->prepared[r].has_values) {
        x.edited = q->edited + place * groups;
        x.values = q->values + place * groups * LMS_GROUP;
#if LMS_TEAM == 1
        x.places = q->places + place * groups;
#endif
    }
    return x;
}

/* The same for a tile pass that is a kernel of its own: values of rows of teams of one are
 * edited after it. */
lms_logits lms_edited_for_tiles(const lms_requests *q, ulong r, lms_logits x)
{
    lms_logits edited = lms_edited_logits(q, r, r, x);
#if LMS_TEAM == 1
    edited.edited = 0;
#endif
    return edited;
}

/* Why row r cannot be sampled, as who prepares rows has found; without one, the host has looked
 * at all of it. */
uint lms_refused(const lms_requests *q, ulong r)
{
    return q->prepared ? q->prepared[r].status : LMS_ROW_OK;
}

/* Is the cut of row r's filters to be found, whatever its token needs? `wants_cut` is the
 * call's. */
uint lms_row_wants_cut(const lms_requests *q, ulong r, const lms_row_params *p, uint wants_cut)
{
    if (wants_cut & LMS_CUT_WANTED) return 1;
    if (!(wants_cut & LMS_CUT_BY_WANTS) || !p->wants || lms_refused(q, r)) return 0;
    return (q->wants[p->wants - 1].flags & LMS_WANT_PROCESSED) != 0;
}

#endif
