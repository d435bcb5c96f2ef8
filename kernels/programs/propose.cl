/* programs/propose.cl - the program of the first half of contrastive search: candidates from logits. */
#include "row/probe.cl"
#include "contrastive/rows.cl"

