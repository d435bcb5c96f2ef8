/* Records of parameters for beam search that strain it, from a seed. */
#ifndef LMSAMPLE_TESTS_BEAM_GEN_H
#define LMSAMPLE_TESTS_BEAM_GEN_H

#include "lmsample.h"

/* What a request may at most be. */
typedef struct beam_limits {
    uint32_t vocab;
    uint32_t width;
    uint32_t length;
    uint32_t end_tokens;
    uint32_t modes; /* bit 1 << LMS_BEAM_SEARCH and so on: which to choose from */
} beam_limits;

/* Good parameters and their end tokens, room for limits->end_tokens. */
void beam_gen(lms_beam_params *p, int32_t *ends, const beam_limits *limits, uint64_t *state);

/* One line from which the record can be made again. */
void beam_gen_tell(const lms_beam_params *p, const int32_t *ends);

#endif
