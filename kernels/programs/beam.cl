/* beam.cl - the program of a beam search. */
#define LMS_EDITS_ROWS /* end tokens are suppressed */
#include "rules/probe.cl"
#include "beam/probe.cl"
#include "beam/rows.cl"
#include "beam/advance.cl"
#include "beam/results.cl"

