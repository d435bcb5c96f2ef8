/*
 * Requests of contrastive search that come, fork and go, on the device and by the oracle,
 * compared bit for bit at every call: all outputs, and that nothing else was written.
 */
#ifndef LMSAMPLE_TESTS_CONTRASTIVE_RIG_H
#define LMSAMPLE_TESTS_CONTRASTIVE_RIG_H

#include "lmsample.h"

typedef enum contrastive_logits {
    CONTRASTIVE_LOGITS_SANE,
    CONTRASTIVE_LOGITS_ALL_KINDS, /* half of them of all kinds of gen.h */
    CONTRASTIVE_LOGITS_NEIGHBOURS /* floats next to each other: weights are not monotone */
} contrastive_logits;

/* One lms_contrastive and what is served by it; everything random comes from the seed. */
typedef struct contrastive_case {
    uint64_t seed;
    uint64_t max_positions; /* as in lms_contrastive_desc */
    uint64_t max_buffer_bytes;
    uint32_t vocab;
    uint32_t width;
    uint32_t slots;
    uint32_t k;
    uint32_t length;
    uint32_t max_rows;
    uint32_t work_items;
    uint32_t rounds; /* of appending, proposing, selecting */
    lms_dtype logits;
    lms_dtype hidden;
    lms_token_type tokens;
    contrastive_logits rows;
    int hostile; /* 1: bad states, and tokens and probabilities that were never proposed */
    int plain;   /* 1: requests with all k candidates and the whole context only */
} contrastive_case;

/* Fails the test, after telling the case, at the first difference. */
void contrastive_case_run(lms_context *ctx, const contrastive_case *c);

/* Proposals and choices that were compared so far. */
uint64_t contrastive_proposed(void);
uint64_t contrastive_chosen(void);

#endif
