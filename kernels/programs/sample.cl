/* programs/sample.cl - the program of a sampler without outputs beyond token and status. */
#include "row/probe.cl"
#include "sample/maxima.cl"
#include "sample/sample.cl"

