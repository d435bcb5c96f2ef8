#include "op/filters.h"

#include "kernels/row/params.h"

#include "base/status.h"

lms_status lmsi_filters_check(const lms_row_params *filters, lms_status code)
{
    lms_status status = LMS_OK;
    const uint32_t field = lms_bad_field(*filters);
    LMSI_FAIL_IF(field == LMS_FIELD_TEMPERATURE || !(filters->temperature > 0.0f), code,
                 "params.temperature: %g is not in [2^-64, 2^64]",
                 (double)filters->temperature);
    LMSI_FAIL_IF(field == LMS_FIELD_TOP_P || !(filters->top_p > 0.0f), code,
                 "params.top_p: %g is not above 0", (double)filters->top_p);
    LMSI_FAIL_IF(field == LMS_FIELD_MIN_P, code, "params.min_p: %g is not at most 1",
                 (double)filters->min_p);
    LMSI_FAIL_IF(field == LMS_FIELD_FLAGS, code,
                 "params.filter_flags: 0x%x has bits other than 0x%x", (unsigned)filters->flags,
                 LMS_FILTER_FLAGS);
fail:
    return status;
}
