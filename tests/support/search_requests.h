/* What the rows of searches are edited by: tables, and a sequence for each search, of which
 * every beam gets a slot of its own. */
#ifndef LMSAMPLE_TESTS_SEARCH_REQUESTS_H
#define LMSAMPLE_TESTS_SEARCH_REQUESTS_H

#include "batch_tables.h"
#include "gen_requests.h"

typedef struct search_requests {
    lms_context *ctx;
    uint32_t vocab;
    requests *named;
    batch_tables tables;
    lms_slots *slots;
    uint64_t *from;      /* [named->slot_count], slots that beams' are forked from */
    lms_request *common; /* [named->slot_count], what the rows of each search name */
    uint64_t *state;     /* of the random numbers */
} search_requests;

typedef struct search_shape {
    uint32_t vocab;
    uint32_t searches;
    uint32_t width; /* slots of each */
    uint32_t room;  /* tokens that they may generate */
    uint32_t kinds; /* of edits, as in gen_edits(); 0: any but a decay of top-p */
    bool wild;      /* as in gen_of */
    bool on_device; /* tables are */
    lms_token_type tokens;
} search_shape;

void search_requests_make(search_requests *s, lms_context *ctx, const search_shape *shape,
                          uint64_t *state);
void search_requests_free(search_requests *s);

/* Slots for the beams of a search, each with its sequence. */
void search_requests_open(search_requests *s, uint32_t search, uint32_t count, uint64_t *names);

/* A row of a search, which may be guided by any of `rows` rows of logits. */
lms_request search_requests_row(search_requests *s, uint32_t search, uint64_t slot,
                                uint32_t rows);

/* The row's logits by the oracle, behind `count` tokens more than the search's sequence; logits
 * are all rows of the call. */
void search_requests_edit(const search_requests *s, uint32_t search, const lms_request *row,
                          const int32_t *tokens, uint32_t count, float temperature,
                          const float *logits, const float *x, float *edited);

/* Records on the device. */
cl_mem search_requests_buffer(lms_context *ctx, const lms_request *rows, uint32_t count);

#endif
