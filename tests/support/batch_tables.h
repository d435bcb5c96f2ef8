/* The tables of a batch's requests as a call takes them. */
#ifndef LMSAMPLE_TESTS_BATCH_TABLES_H
#define LMSAMPLE_TESTS_BATCH_TABLES_H

#include "batch.h"
#include "batch_array.h"

typedef struct batch_tables {
    lms_tables tables;
    batch_array edits, wants, offsets, ids, values, masks; /* if they are on the device */
} batch_tables;

void batch_tables_make(lms_context *ctx, const batch *b, const batch_way *way, batch_tables *t);
void batch_tables_free(batch_tables *t);
/* What a sampler's description says of requests. */
void batch_describe_requests(const batch *b, lms_slots *slots, lms_sampler_desc *desc);

#endif
