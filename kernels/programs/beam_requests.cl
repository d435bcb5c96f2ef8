/* beam_requests.cl - the program of a beam search whose beams' rows have requests. */
#define LMS_REQUESTS
#define LMS_EDITS_ROWS
#include "rules/probe.cl"
#include "beam/probe.cl"
#include "edits/search.cl"
#include "beam/edit.cl"
#include "beam/rows.cl"
#include "beam/advance.cl"
#include "beam/results.cl"
