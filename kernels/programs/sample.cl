/* sample.cl - the program of a sampler without outputs beyond token and status. */
#include "rules/probe.cl"
#include "sample/maxima.cl"
#include "sample/sample.cl"

