/* The smallest and the largest beam searches, and the memory that they take. */
#include "calls/beam_object.h"

#include <stdlib.h>

#define CREATE(desc) lms_beam_create(r->base.ctx, &(desc), &beam)

/* The first token of a search of one step, in the last slot, of logits that are all equal. */
static int32_t first_token(beam_rig *r, lms_beam *beam, const lms_beam_desc *desc)
{
    const size_t bytes = (size_t)desc->max_width * desc->vocab * sizeof(float);
    const uint32_t slot = desc->max_requests - 1;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(desc->max_width);
    lms_beam_step_args b = {.requests = 1, .slots = &slot};
    lms_beam_results_args o = {
        .requests = 1, .slots = &slot, .max_results = 1, .token_stride = 1};
    int32_t token = -7;
    float *const zeros = calloc(1, bytes);
    assert_non_null(zeros);
    p.max_length = 1;
    b.logits.buffer = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                     bytes, zeros, NULL);
    assert_non_null(b.logits.buffer);
    const cl_mem out =
        rig_buffer(r->base.context, CL_MEM_READ_WRITE, desc->max_width * sizeof(cl_int));
    const cl_mem found = rig_buffer(r->base.context, CL_MEM_READ_WRITE, sizeof token);
    b.parents.buffer = b.tokens.buffer = b.done.buffer = out;
    o.counts.buffer = o.lengths.buffer = out;
    o.tokens.buffer = found;
    RIG_OK(lms_beam_open(beam, r->base.queue, slot, &p, NULL, 0, NULL, NULL));
    RIG_OK(lms_beam_step(beam, r->base.queue, &b, 0, NULL, NULL));
    RIG_OK(lms_beam_results(beam, r->base.queue, &o, 0, NULL, NULL));
    assert_int_equal(clEnqueueReadBuffer(r->base.queue, found, CL_TRUE, 0, sizeof token, &token,
                                         0, NULL, NULL),
                     CL_SUCCESS);
    clReleaseMemObject(b.logits.buffer);
    clReleaseMemObject(out);
    clReleaseMemObject(found);
    free(zeros);
    return token;
}

/* Limits, with everything that has a default left to it. */
static void test_smallest_and_largest(void **state)
{
    static const lms_beam_desc all[] = {
        {.vocab = 1, .max_requests = 1, .max_width = 1, .max_length = 1},
        {.vocab = 1, .max_requests = 2, .max_width = 1024, .max_length = 1},
        {.vocab = 2, .max_requests = 5000, .max_width = 3, .max_length = 2},
        {.vocab = 257,
         .max_requests = 1,
         .max_width = 1024,
         .max_length = 2,
         .max_end_tokens = 3},
        {.vocab = 257,
         .max_requests = 1,
         .max_width = 1,
         .max_length = 1,
         .max_end_tokens = 4095},
        {.vocab = 256, .max_requests = 1, .max_width = 1, .max_length = LMS_MAX_BEAM_LENGTH},
        {.vocab = LMS_MAX_VOCAB, .max_requests = 1, .max_width = 1, .max_length = 1},
        {.vocab = 5, .max_requests = 2, .max_width = 2, .max_length = 1, .max_rows = 2},
        {.vocab = 5, .max_requests = 2, .max_width = 2, .max_length = 1, .max_rows = 4},
        {.vocab = 5, .max_requests = 1, .max_width = 1, .max_length = 1, .max_in_flight = 64},
    };
    beam_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_beam_desc desc = all[i];
        lms_beam *beam = NULL;
        desc.logits = LMS_FLOAT32;
        RIG_OK(CREATE(desc));
        assert_true(lms_beam_workspace(beam) > 0);
        assert_int_equal(first_token(r, beam, &desc), 0); /* the first of equals */
        lms_beam_destroy(beam);
    }
}

static size_t workspace_of(beam_rig *r, lms_beam_desc desc)
{
    lms_beam *beam = NULL;
    RIG_OK(CREATE(desc));
    const size_t bytes = lms_beam_workspace(beam);
    lms_beam_destroy(beam);
    return bytes;
}

/* What the header says of a request and of a beam, but for a little. */
static void test_workspace_is_as_described(void **state)
{
    enum {
        REQUESTS = 1000,
        WIDTH = 8,
        ENDS = 3,
        LENGTH = 100,
        CANDIDATES = (1 + ENDS) * WIDTH,
        OF_REQUEST = WIDTH * (12 * LENGTH + 180) + 136 * CANDIDATES,
        OF_ROW = 24 * CANDIDATES
    };
    beam_rig *const r = *state;
    lms_beam_desc desc = {.vocab = 1,
                          .max_requests = REQUESTS,
                          .max_width = WIDTH,
                          .max_length = LENGTH,
                          .max_end_tokens = ENDS,
                          .max_rows = WIDTH,
                          .logits = LMS_FLOAT32,
                          .work_items = 1};
    const size_t few = workspace_of(r, desc);
    desc.max_requests = 2 * REQUESTS;
    const size_t more = workspace_of(r, desc) - few;
    assert_in_range(more, REQUESTS * OF_REQUEST / 50 * 49, REQUESTS * OF_REQUEST / 50 * 51);
    /* More rows than a team of one has places for. */
    desc.max_rows = REQUESTS * WIDTH;
    setenv("LMS_SHAPE", "fuse_from=1", 1);
    const size_t base = workspace_of(r, desc);
    desc.max_rows = 2 * REQUESTS * WIDTH;
    const size_t rows = workspace_of(r, desc) - base;
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    assert_in_range(rows, REQUESTS * WIDTH * OF_ROW / 10 * 9,
                    REQUESTS * WIDTH * OF_ROW / 10 * 11);
}

static void test_workspace_grows_with_the_shape(void **state)
{
    beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    const size_t base = workspace_of(r, desc);
    assert_int_equal(base, lms_beam_workspace(r->base.object));
    desc.max_length = BEAM_STEPS + 1000;
    assert_int_equal(workspace_of(r, desc), base + 1000 * 12 * BEAM_REQUESTS * BEAM_WIDTH);
    desc = beam_desc();
    desc.max_requests = 2 * BEAM_REQUESTS;
    assert_true(workspace_of(r, desc) > base);
    desc = beam_desc();
    desc.max_width = 2 * BEAM_WIDTH;
    assert_true(workspace_of(r, desc) > base);
    desc = beam_desc();
    desc.max_end_tokens = 100;
    assert_true(workspace_of(r, desc) > base);
    desc = beam_desc();
    desc.vocab = 100 * BEAM_VOCAB;
    assert_true(workspace_of(r, desc) > base);
    desc = beam_desc();
    desc.max_rows = BEAM_WIDTH;
    assert_true(workspace_of(r, desc) < base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest_and_largest),
        cmocka_unit_test(test_workspace_grows_with_the_shape),
        cmocka_unit_test(test_workspace_is_as_described),
    };
    return cmocka_run_group_tests_name("beam_create", tests, beam_setup, object_teardown);
}
