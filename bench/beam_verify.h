/* beam_verify.h - checks steps of beam search against the oracle, before they are timed. What
 * differs ends the program. */
#ifndef BENCH_BEAM_VERIFY_H
#define BENCH_BEAM_VERIFY_H

#include "beams.h"

/* The first two steps of some requests, begun anew, on batches from `which` on; returns how
 * many rows were looked at. `all` steps all requests. */
unsigned verify_beams(beams *s, beam_call *all, const batches *b, size_t which);

#endif
