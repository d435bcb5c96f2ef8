/* beam_object.h - beam searches for the tests of the calls: three requests that differ in all
 * they can, logits for all of their steps, and room for all that every step gives. */
#ifndef LMS_TEST_BEAM_OBJECT_H
#define LMS_TEST_BEAM_OBJECT_H

#include "object.h"

enum {
    BEAM_VOCAB = 300,
    BEAM_REQUESTS = 3,
    BEAM_WIDTH = 4,
    BEAM_ROWS = 11, /* of 4, 4 and 3 beams */
    BEAM_STEPS = 8,
    BEAM_ENDS = 2,
    BEAM_SEQUENCES = BEAM_REQUESTS * BEAM_WIDTH,
    /* Calls of the scenario, in their order: open, step, results. */
    BEAM_FIRST_STEP = BEAM_REQUESTS,
    BEAM_RESULTS = BEAM_FIRST_STEP + BEAM_STEPS,
    BEAM_CALLS = BEAM_RESULTS + 1
};

/* What a search writes. */
typedef struct beam_trace {
    int64_t tokens[BEAM_STEPS][BEAM_ROWS];
    int64_t fixed[BEAM_STEPS][BEAM_ROWS];
    int32_t parents[BEAM_STEPS][BEAM_ROWS];
    float scores[BEAM_STEPS][BEAM_ROWS];
    uint32_t done[BEAM_STEPS][BEAM_REQUESTS];
    uint32_t status[BEAM_STEPS][BEAM_REQUESTS];
    int64_t sequences[BEAM_SEQUENCES][BEAM_STEPS];
    int32_t counts[BEAM_REQUESTS];
    int32_t lengths[BEAM_SEQUENCES];
    float ratings[BEAM_SEQUENCES];
    float logprobs[BEAM_SEQUENCES];
    float token_logprobs[BEAM_SEQUENCES][BEAM_STEPS];
    int32_t beams[BEAM_SEQUENCES][BEAM_STEPS];
} beam_trace;

typedef struct beam_rig {
    object_rig base;
    lms_beam_params params[BEAM_REQUESTS];
    int32_t ends[BEAM_ENDS];
    uint32_t slots[BEAM_REQUESTS];
    uint32_t first_rows[BEAM_REQUESTS];
    cl_mem logits; /* [BEAM_STEPS][BEAM_ROWS][BEAM_VOCAB] */
    cl_mem parents, tokens, scores, fixed, done, status;
    cl_mem counts, lengths, sequences, ratings, logprobs, token_logprobs, beams;
    beam_trace expected;
} beam_rig;

/* Float logits, int32 tokens, as many calls in flight as the scenario has, and more. */
lms_beam_desc beam_desc(void);

int beam_setup(void **state); /* *state is a beam_rig */

/* The calls' records, with all outputs. */
lms_beam_step_args beam_step_args(const beam_rig *r, unsigned step);
lms_beam_results_args beam_results_args(const beam_rig *r);
lms_status beam_open(const beam_rig *r, void *beam, unsigned request);

extern const call_type beam_open_type, beam_step_type, beam_results_type;
/* Of a description. */
enum {
    BEAM_DESC_LISTS = 1
};
extern const refusals beam_desc_refusals[BEAM_DESC_LISTS];

#endif
