/* desc.c - what can be wrong with any operator's description. */
#include "op/desc.h"

#include "base/status.h"
#include "op/shape.h"

#define LMSI_MAX_IN_FLIGHT 64u

/* Calls that may be in flight where a description says 0. */
#define LMSI_DEFAULT_IN_FLIGHT 8u

lms_status lmsi_dtype_check(const char *name, lms_dtype type)
{
    if (type == LMS_FLOAT32 || type == LMS_FLOAT16 || type == LMS_BFLOAT16) return LMS_OK;
    return lmsi_fail(LMS_E_ARGUMENT, "%s: %d is not an lms_dtype", name, (int)type);
}

lms_status lmsi_desc_check(const lms_context *ctx, lmsi_desc *d)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(d->vocab < 1 || d->vocab > LMS_MAX_VOCAB, LMS_E_ARGUMENT,
                 "vocab: %u is not in 1..%u", (unsigned)d->vocab, LMS_MAX_VOCAB);
    LMSI_TRY(lmsi_dtype_check("logits", d->logits));
    LMSI_FAIL_IF((int)d->tokens != 0 && d->tokens != LMS_INT32 && d->tokens != LMS_INT64,
                 LMS_E_ARGUMENT, "tokens: %d is not an lms_token_type", (int)d->tokens);
    LMSI_FAIL_IF(d->max_in_flight > LMSI_MAX_IN_FLIGHT, LMS_E_ARGUMENT,
                 "max_in_flight: %u is not in 0..%u", (unsigned)d->max_in_flight,
                 LMSI_MAX_IN_FLIGHT);
    LMSI_FAIL_IF((d->work_items & (d->work_items - 1)) != 0 || d->work_items > LMSI_MAX_TEAM ||
                     d->work_items > ctx->device.max_work_items,
                 LMS_E_ARGUMENT,
                 "work_items: %u is not 0 or a power of two up to %u (the device's "
                 "limit is %zu)",
                 (unsigned)d->work_items, LMSI_MAX_TEAM, ctx->device.max_work_items);
    if ((int)d->tokens == 0) d->tokens = LMS_INT32;
    if (d->max_in_flight == 0) d->max_in_flight = LMSI_DEFAULT_IN_FLIGHT;
fail:
    return status;
}

uint64_t lmsi_dtype_bytes(lms_dtype type) { return type == LMS_FLOAT32 ? 4 : 2; }

uint64_t lmsi_token_bytes(lms_token_type type) { return type == LMS_INT64 ? 8 : 4; }
