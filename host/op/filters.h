/* filters.h - a search's temperature and filters: what rows of a sampler have too. */
#ifndef LMSI_FILTERS_H
#define LMSI_FILTERS_H

#include "lmsample.h"

/* Are the filters good, for a search, which is never greedy by them? `code` if not. */
lms_status lmsi_filters_check(const lms_row_params *filters, lms_status code);

#endif
