/* propose_requests.cl - the program of the first half of contrastive search, where rows of
 * logits have requests. */
#define LMS_REQUESTS
#include "rules/probe.cl"
#include "edits/search.cl"
#include "contrastive/rows.cl"
#include "contrastive/edit.cl"
