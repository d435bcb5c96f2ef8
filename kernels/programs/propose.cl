/* propose.cl - the program of the first half of contrastive search: candidates from logits. */
#include "rules/probe.cl"
#include "contrastive/rows.cl"

