/* filters.h - the host's side of filter records: what is wrong with one, for all objects. */
#ifndef LMSI_FILTERS_H
#define LMSI_FILTERS_H

#include "lmsample.h"

/* Fails by `code` with the reason why `field` (LMS_FIELD_...) of the record is bad; `name` is
 * the record's in the message: "params[3].filters". */
lms_status lmsi_filters_fail(lms_status code, const char *name, const lms_filters *filters,
                             uint32_t field);

/* The filters of a search, params.filters, which is never greedy by them: `code` if they are
 * bad. */
lms_status lmsi_filters_check(const lms_filters *filters, lms_status code);

#endif
