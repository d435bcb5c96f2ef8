/* context.cl - the program of the second half of contrastive search: the choice from hidden
 * states. */
#include "contrastive/probe.cl"
#include "contrastive/append.cl"
#include "contrastive/scan.cl"
#include "contrastive/choose.cl"

