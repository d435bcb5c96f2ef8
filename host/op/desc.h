/* desc.h - what the descriptions of all operators have in common. */
#ifndef LMSI_DESC_H
#define LMSI_DESC_H

#include "base/context.h"

/* Members that every object's description has, by the same names. */
typedef struct lmsi_desc {
    lms_dtype logits;
    lms_token_type tokens;
    uint32_t vocab;
    uint32_t max_in_flight;
    uint32_t work_items;
} lmsi_desc;

/* Is it good? Where it says 0, *d gets what that stands for. */
lms_status lmsi_desc_check(const lms_context *ctx, lmsi_desc *d);

lms_status lmsi_dtype_check(const char *name, lms_dtype type);

/* Bytes of an element. */
uint64_t lmsi_dtype_bytes(lms_dtype type);
uint64_t lmsi_token_bytes(lms_token_type type);

#endif
