/* sample_requests.cl - the program of a sampler whose rows have requests: edits, and all
 * outputs. */
#define LMS_REQUESTS
#include "rules/probe.cl"
#include "edits/patch.cl"
#include "report/requests.cl"
#include "sample/maxima.cl"
#include "sample/sample.cl"
