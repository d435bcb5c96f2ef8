/* prepare.cl - the program of what is prepared for rows with requests, before their logits are
 * looked at. */
#include "edits/probe.cl"
#include "edits/prepare.cl"
