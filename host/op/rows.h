/* rows.h - what operators that read rows of logits share: what their kernels are told of the
 * rows, a workspace, the check of an index, and the launch of a tile pass and a row pass. */
#ifndef LMSI_ROWS_H
#define LMSI_ROWS_H

#include "base/extent.h"
#include "op/operator.h"

/* The first buffers of such an operator, ... */
enum {
    LMSI_GROUPS,
    LMSI_TILE_KEYS,
    LMSI_SEEN,
    LMSI_LIST,
    LMSI_SUMS,
    LMSI_ROW_BUFFERS
};

/* ... and its first kernels. */
enum {
    LMSI_TILES,
    LMSI_ROWS,
    LMSI_ROW_KERNELS
};

/* The first member of a record whose call reads rows of logits. */
typedef struct lmsi_rows {
    lms_view logits;
    cl_ulong stride;
    cl_ulong logits_rows;
    cl_uint vocab;
    cl_uint rows;
    cl_uint chunk;      /* tiles of a work-group of the tile pass */
    cl_uint chunks;     /* work-groups that do a row's tiles */
    cl_uint with_tiles; /* the row pass does the tiles of its rows, too */
} lmsi_rows;

/* Entries of the tables: logits and their rows, what a tile pass writes, what a row pass
 * has. */
#define LMSI_ROWS_MEMBER(kind, name) LMSI_MEMBER(kind, lmsi_rows, name)
#define LMSI_LOGITS_ARGUMENTS                                                                  \
    LMSI_ROWS_MEMBER(LMSI_VIEW, logits), LMSI_ROWS_MEMBER(LMSI_ULONG, stride)
#define LMSI_LOGITS_ROWS_ARGUMENT LMSI_ROWS_MEMBER(LMSI_ULONG, logits_rows)
#define LMSI_VOCAB_ARGUMENT LMSI_ROWS_MEMBER(LMSI_UINT, vocab)
#define LMSI_ROWS_ARGUMENT LMSI_ROWS_MEMBER(LMSI_UINT, rows)
#define LMSI_MAXIMA_ARGUMENTS                                                                  \
    LMSI_ENTRY("groups", LMSI_BUFFER, LMSI_GROUPS),                                            \
        LMSI_ENTRY("tile_keys", LMSI_BUFFER, LMSI_TILE_KEYS)
#define LMSI_TILE_PASS_ARGUMENTS                                                               \
    LMSI_MAXIMA_ARGUMENTS, LMSI_ENTRY("sums", LMSI_BUFFER, LMSI_SUMS),                         \
        LMSI_ENTRY("seen", LMSI_BUFFER, LMSI_SEEN), LMSI_ROWS_MEMBER(LMSI_UINT, chunk)
#define LMSI_ROW_PASS_ARGUMENTS                                                                \
    LMSI_MAXIMA_ARGUMENTS, LMSI_ENTRY("seen", LMSI_BUFFER, LMSI_SEEN),                         \
        LMSI_ROWS_MEMBER(LMSI_UINT, chunks), LMSI_ROWS_MEMBER(LMSI_UINT, with_tiles),          \
        LMSI_ENTRY("list", LMSI_BUFFER, LMSI_LIST), LMSI_ENTRY("sums", LMSI_BUFFER, LMSI_SUMS)

/* Checks what descriptions have in common and keeps it; the operator's first program is `kind`,
 * in the shape for its logits. */
lms_status lmsi_rows_describe(lmsi_operator *op, const lmsi_desc *desc, lmsi_kind kind,
                              const lmsi_probe *const *probes);

/* Lists the first buffers, for calls of at most `max_rows` rows. Returns how many rows can
 * be in them at once. */
uint64_t lmsi_rows_plan(lmsi_operator *op, uint32_t max_rows);

/* What a call's record begins with; 0 for row_stride is vocab, for logits_rows is `rows`. */
lmsi_rows lmsi_rows_of(const lmsi_operator *op, uint32_t rows, lms_view logits,
                       size_t row_stride, size_t logits_rows);

/* The first kernel of a call. */
static inline size_t lmsi_rows_first(const lmsi_rows *r)
{
    return r->with_tiles ? LMSI_ROWS : LMSI_TILES;
}

/* The logits as an array of a call. */
lmsi_array lmsi_rows_array(const lmsi_operator *op, const lmsi_rows *r);

/* Which logits row each of a call's rows (`what`: "rows", "requests") reads: indices on the
 * host, on the device, or none. */
lms_status lmsi_index_check(const lmsi_rows *r, const char *what, const int32_t *index,
                            lms_view index_device);

/* The part of that which looks at the host's indices, which may be NULL. */
lms_status lmsi_indices_check(const int32_t *index, uint32_t rows, uint64_t logits_rows);

/* Launches the tile pass, unless the row pass does its work, and the row pass. */
lms_status lmsi_rows_launch(lmsi_call *call, const lmsi_rows *r);

#endif
