/* The slots of a batch on the device, brought to what they are in one of several ways. */
#ifndef LMSAMPLE_TESTS_BATCH_SLOTS_H
#define LMSAMPLE_TESTS_BATCH_SLOTS_H

#include "batch.h"

typedef struct batch_opened {
    lms_slots *slots;
    uint64_t *names; /* [slot_count] */
} batch_opened;

/* Zeros if the batch names none. */
batch_opened batch_open_slots(lms_context *ctx, const batch *b, const batch_way *way);
void batch_close_slots(batch_opened *opened);
/* The batch's parameters with the slots' names; to be freed. */
lms_row_params *batch_named_params(const batch *b, const batch_opened *opened);
/* Fails the test unless each slot has what it had, and, if `way` appends, its row's token. */
void batch_check_slots(const batch *b, const batch_way *way, const batch_opened *opened,
                       const batch_out *out);

#endif
