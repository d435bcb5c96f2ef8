/* request_rig.h - a sampler whose rows have requests, with tables by both doors and all
 * outputs, for tests of its calls. */
#ifndef LMS_TEST_REQUEST_RIG_H
#define LMS_TEST_REQUEST_RIG_H

#include "rig.h"

enum {
    VOCAB = 300,
    ROWS = 4,
    TOP = 5,
    NAMED = 3,
    LISTS = 4,
    ENTRIES = 13,
    MASK_WORDS = 10,
    REQUEST_OUTPUTS = 14,
    WORDS = ROWS * (10 + VOCAB + 2 * TOP + NAMED)
};

/* Outputs, by their members of the two records of arguments. */
typedef struct request_output {
    const char *name;
    size_t view, pointer, columns;
} request_output;
extern const request_output request_outputs[REQUEST_OUTPUTS];

typedef struct request_rig {
    lms_context *ctx;
    cl_context context;
    cl_command_queue queue;
    lms_slots *slots;
    lms_sampler *sampler;
    float values[ROWS * VOCAB];
    lms_row_params params[ROWS];
    lms_row_edits edits[2];
    lms_row_wants wants[2];
    uint32_t masks[2 * MASK_WORDS];
    lms_tables tables, tables_device;
    cl_mem logits, params_device, out[REQUEST_OUTPUTS];
    uint32_t expected[WORDS];
} request_rig;

extern const uint32_t request_offsets[LISTS + 1];
extern const int32_t request_ids[ENTRIES];
extern const float request_values[ENTRIES];
extern const uint32_t request_lengths[2]; /* of the two slots */

int request_setup(void **state); /* *state is a request_rig */
int request_teardown(void **state);

lms_sampler_desc request_desc(const request_rig *w, uint32_t max_rows);
/* A call with records on the host and these tables, and one with everything on the device. */
lms_sampler_run_args request_run(const request_rig *w, const lms_tables *tables);
lms_sampler_run_args request_run_device(const request_rig *w);
size_t request_bytes(size_t output);

void request_poison(const request_rig *w);
void request_read(const request_rig *w, uint32_t *words);
void request_assert_expected(const request_rig *w);

#endif
