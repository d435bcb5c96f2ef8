/* Batches whose rows have requests, from a seed. */
#ifndef LMSAMPLE_TESTS_REQUEST_BATCH_H
#define LMSAMPLE_TESTS_REQUEST_BATCH_H

#include "batch.h"
#include "gen_requests.h"

typedef struct request_mix {
    uint32_t vocab, rows, logits_rows;
    lms_dtype dtype;
    uint32_t kinds;   /* of edits, (1 << GEN_EDIT_...); 0: another set in every record */
    uint32_t longest; /* tokens of a sequence */
    uint32_t max_top; /* 0 = 20 */
    bool tame;        /* usual numbers only */
    bool plain_too;   /* some rows have no request */
    bool hostile;     /* some records and names are bad: for the doors on the device */
    bool own_slots;   /* no two rows name one: for appending */
} request_mix;

batch *request_batch(const request_mix *mix, uint64_t *state);

/* A random way, of the library's default team or of `work_items`, with all outputs wanted. */
batch_way request_way(uint32_t work_items, uint64_t *state);

/* A batch with rows `from[0..rows)` of another, which name the same; to be freed first. */
batch *request_rows(const batch *b, const uint32_t *from, uint32_t rows);

#endif
