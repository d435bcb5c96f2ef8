/* filters.c - what is wrong with a filter record, in words. */
#include "op/filters.h"

#include "kernels/row/filters.h"

#include "base/status.h"

/* Callers' compilers and the device lay these records out, too: callers have been compiled with
 * these numbers, and the device is asked by a probe (op/probe.c). */
_Static_assert(sizeof(lms_filters) == 24 && offsetof(lms_filters, rules) == 20, "its layout");
_Static_assert(sizeof(lms_request) == 24 && offsetof(lms_request, edits) == 8, "its layout");
_Static_assert(sizeof(lms_row_edits) == 128 && offsetof(lms_row_edits, reserved) == 108,
               "its layout");
_Static_assert(sizeof(lms_row_wants) == 16, "its layout");
_Static_assert(sizeof(lms_row_params) == 80 && offsetof(lms_row_params, request) == 16 &&
                   offsetof(lms_row_params, filters) == 40 &&
                   offsetof(lms_row_params, wants) == 64 &&
                   offsetof(lms_row_params, reserved) == 72,
               "its layout");
_Static_assert(sizeof(lms_beam_params) == 96 && offsetof(lms_beam_params, filters) == 8 &&
                   offsetof(lms_beam_params, mode) == 32 &&
                   offsetof(lms_beam_params, reserved) == 84,
               "its layout");
_Static_assert(sizeof(lms_contrastive_params) == 56 &&
                   offsetof(lms_contrastive_params, filters) == 16 &&
                   offsetof(lms_contrastive_params, reserved) == 40,
               "its layout");

lms_status lmsi_filters_fail(lms_status code, const char *name, const lms_filters *filters,
                             uint32_t field)
{
    switch (field) {
    case LMS_FIELD_TEMPERATURE:
        return lmsi_fail(code, "%s.temperature: %g is not 0 or in [2^-64, 2^64]", name,
                         (double)filters->temperature);
    case LMS_FIELD_TOP_P: return lmsi_fail(code, "%s.top_p: is NaN", name);
    case LMS_FIELD_MIN_P:
        return lmsi_fail(code, "%s.min_p: %g is not at most 1", name, (double)filters->min_p);
    case LMS_FIELD_FLAGS:
        return lmsi_fail(code, "%s.flags: 0x%x has bits other than 0x%x", name,
                         (unsigned)filters->flags, LMS_FILTER_FLAGS);
    default: return lmsi_fail(code, "%s.rules: %u is not 0", name, (unsigned)filters->rules);
    }
}

lms_status lmsi_filters_check(const lms_filters *filters, lms_status code)
{
    lms_status status = LMS_OK;
    const uint32_t field = lms_bad_filter(*filters);
    LMSI_FAIL_IF(field == LMS_FIELD_TEMPERATURE || !(filters->temperature > 0.0f), code,
                 "params.filters.temperature: %g is not in [2^-64, 2^64]",
                 (double)filters->temperature);
    LMSI_FAIL_IF(field == LMS_FIELD_TOP_P || !(filters->top_p > 0.0f), code,
                 "params.filters.top_p: %g is not above 0", (double)filters->top_p);
    if (field) return lmsi_filters_fail(code, "params.filters", filters, field);
fail:
    return status;
}
