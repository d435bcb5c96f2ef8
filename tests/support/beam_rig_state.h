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

/* An output: what the device has and what it should have, the gaps between included. */
typedef struct beam_array {
    const char *name;
    cl_mem mem;
    unsigned char *want;
    size_t element, offset, count;
} beam_array;

void beam_array_new(beam_rig *r, beam_array *a, const char *name, size_t element, size_t offset,
                    size_t elements);
lms_view beam_array_view(const beam_array *a);
/* At [offset + i]. */
void beam_array_i32(beam_array *a, size_t i, int32_t value);
void beam_array_i64(beam_array *a, size_t i, int64_t value);
void beam_array_f32(beam_array *a, size_t i, float value);
void beam_array_token(beam_array *a, size_t i, int32_t value); /* of either type */
/* Reads it from the device and frees it; false, with a message, if it is not as wanted. */
bool beam_array_check(beam_rig *r, beam_array *a);

uint32_t beam_rig_below(beam_rig *r, uint32_t end);
void *beam_rig_allocate(size_t count, size_t size);

/* Steps, or asks for results of, these slots. False if something differs. */
bool beam_rig_step(beam_rig *r, const uint32_t *slots, uint32_t count);
bool beam_rig_results(beam_rig *r, const uint32_t *slots, uint32_t count);

#endif
