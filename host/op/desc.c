#include "op/desc.h"

#include "op/shape.h"
#include "base/status.h"

#define LMSI_MAX_IN_FLIGHT 64u

lms_status lmsi_desc_check(const lms_context *ctx, const lmsi_desc *d)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(d->logits != LMS_FLOAT32 && d->logits != LMS_FLOAT16 &&
                     d->logits != LMS_BFLOAT16,
                 LMS_E_ARGUMENT, "logits: %d is not an lms_dtype", (int)d->logits);
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
fail:
    return status;
}
