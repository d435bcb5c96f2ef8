/* beam.cl - the program of a beam search. */
#include "rules/probe.cl"
#include "beam/probe.cl"
#include "beam/rows.cl"
#include "beam/advance.cl"
#include "beam/results.cl"

