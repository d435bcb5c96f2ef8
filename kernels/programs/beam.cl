/* programs/beam.cl - the program of a beam search. */
#include "row/probe.cl"
#include "beam/probe.cl"
#include "beam/rows.cl"
#include "beam/advance.cl"
#include "beam/results.cl"

