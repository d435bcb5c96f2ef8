/* The inside of a running beam_case, for beam_rig*.c. */
#ifndef LMSAMPLE_TESTS_BEAM_RIG_STATE_H
#define LMSAMPLE_TESTS_BEAM_RIG_STATE_H

#include "beam_rig.h"
#include "oracle_beam.h"

#include <stdbool.h>

/* A slot and the request in it, if any. */
typedef struct beam_slot {
    bool open;
    lms_beam_params params;
    int32_t *ends;
    oracle_beam *oracle;
    beam_model model;
    uint32_t steps; /* that were asked for */
    uint32_t status;
} beam_slot;

typedef struct beam_rig {
    const beam_case *c;
    lms_context *ctx;
    cl_command_queue queue;
    lms_beam *beam;
    beam_slot *slots;
    uint64_t random;
    uint64_t compared;
    uint32_t round;
} beam_rig;

uint32_t beam_rig_below(beam_rig *r, uint32_t end);

/* Steps, or asks for results of, these slots. False if something differs. */
bool beam_rig_step(beam_rig *r, const uint32_t *slots, uint32_t count);
bool beam_rig_results(beam_rig *r, const uint32_t *slots, uint32_t count);

#endif
