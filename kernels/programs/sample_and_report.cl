/* sample_and_report.cl - the program of a sampler with log-probabilities and other outputs. */
#include "rules/probe.cl"
#include "report/report.cl"
#include "sample/maxima.cl"
#include "sample/sample.cl"

