/* desc.h - what the descriptions of samplers and of beam searches have in common. */
#ifndef LMSI_DESC_H
#define LMSI_DESC_H

#include "base/context.h"

/* Calls that may be in flight where a description says 0. */
#define LMSI_DEFAULT_IN_FLIGHT 8u

/* Types, calls in flight and the team: the members of the same names. */
typedef struct lmsi_desc {
    lms_dtype logits;
    lms_token_type tokens;
    uint32_t max_in_flight;
    uint32_t work_items;
} lmsi_desc;

lms_status lmsi_desc_check(const lms_context *ctx, const lmsi_desc *d);

#endif
