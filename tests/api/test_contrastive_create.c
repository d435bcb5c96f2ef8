/* The smallest and the largest contrastive searches, and the memory that they take. */
#include "calls/contrastive_object.h"

#include <stdlib.h>

#define CREATE(desc) lms_contrastive_create(r->base.ctx, &(desc), &search)

/* A state of its own to append, a proposal and a choice in the last slot, of logits and states
 * that are all equal. The buffers are as small as can be. */
static void search_once(contrastive_rig *r, lms_contrastive *search,
                        const lms_contrastive_desc *d)
{
    const size_t rows = d->max_k, bytes = d->vocab * sizeof(float);
    const size_t wide = rows * d->width * sizeof(float), most = bytes > wide ? bytes : wide;
    const uint32_t slot = d->max_requests - 1, none = 0;
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, d->max_k);
    float *const ones = malloc(most);
    int32_t chosen[2] = {-7, -7};
    float penalty = -7.0f;
    assert_non_null(ones);
    for (size_t i = 0; i < most / sizeof *ones; ++i) ones[i] = 1.0f;
    const cl_mem in = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                     most, ones, NULL);
    const cl_mem probs = rig_buffer(r->base.context, CL_MEM_READ_WRITE, rows * sizeof(float));
    const cl_mem tokens = rig_buffer(r->base.context, CL_MEM_READ_WRITE, rows * sizeof(cl_int));
    const cl_mem out = rig_buffer(r->base.context, CL_MEM_READ_WRITE, 3 * sizeof(cl_int));
    const lms_contrastive_append_args s = {.requests = 1, .slots = &slot, .hidden = {in, 0}};
    const lms_contrastive_propose_args p = {.requests = 1,
                                            .slots = &slot,
                                            .first_rows = &none,
                                            .logits = {in, 0},
                                            .tokens = {tokens, 0},
                                            .probs = {probs, 0}};
    const lms_contrastive_select_args b = {.requests = 1,
                                           .slots = &slot,
                                           .hidden = {in, 0},
                                           .tokens = {tokens, 0},
                                           .probs = {probs, 0},
                                           .next = {out, 0},
                                           .rows = {out, 1},
                                           .penalties = {out, 2}};
    assert_non_null(in);
    RIG_OK(lms_contrastive_open(search, slot, &params));
    if (d->max_length > 1)
        RIG_OK(lms_contrastive_append(search, r->base.queue, &s, 0, NULL, NULL));
    clFinish(r->base.queue);
    RIG_OK(lms_contrastive_propose(search, r->base.queue, &p, 0, NULL, NULL));
    clFinish(r->base.queue);
    RIG_OK(lms_contrastive_select(search, r->base.queue, &b, 0, NULL, NULL));
    clEnqueueReadBuffer(r->base.queue, out, CL_TRUE, 0, sizeof chosen, chosen, 0, NULL, NULL);
    clEnqueueReadBuffer(r->base.queue, out, CL_TRUE, sizeof chosen, sizeof penalty, &penalty, 0,
                        NULL, NULL);
    assert_int_equal(chosen[0], 0); /* the first of equals */
    assert_int_equal(chosen[1], 0);
    if (d->max_length > 1) assert_true(penalty > 0.99999f && penalty <= 1.0f);
    if (d->max_length == 1) assert_true(penalty == 0.0f);
    RIG_OK(lms_contrastive_close(search, slot));
    clReleaseMemObject(in);
    clReleaseMemObject(probs);
    clReleaseMemObject(tokens);
    clReleaseMemObject(out);
    free(ones);
}

/* Limits, with everything that has a default left to it. */
static void test_smallest_and_largest(void **state)
{
    static const lms_contrastive_desc all[] = {
#define SHAPE(v, w, requests, k, length)                                                       \
    .vocab = (v), .width = (w), .max_requests = (requests), .max_k = (k), .max_length = (length)
        {SHAPE(1, 1, 1, 1, 1)},
        {SHAPE(1, 1, 2, 64, 2)},
        {SHAPE(2, 3, 3000, 3, 2)},
        {SHAPE(257, LMS_MAX_HIDDEN_WIDTH, 1, 64, 2)},
        {SHAPE(256, 1, 1, 1, LMS_MAX_CONTEXT_LENGTH), .max_positions = 32},
        {SHAPE(LMS_MAX_VOCAB, 16, 1, 2, 2)},
        {SHAPE(5, 17, 2, 2, 2), .max_rows = 2},
        {SHAPE(5, 64, 2, 2, 2), .max_rows = 4},
        {SHAPE(5, 65, 1, 1, 2), .max_in_flight = 64},
        {SHAPE(5, 65, 1, 1, 2), .max_in_flight = 1},
        {SHAPE(5, 8, 2, 1, 33), .max_positions = 1},
        {SHAPE(5, 8, 2, 1, 33), .max_buffer_bytes = UINT64_MAX},
#undef SHAPE
    };
    contrastive_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_contrastive_desc desc = all[i];
        lms_contrastive *search = NULL;
        desc.logits = desc.hidden = LMS_FLOAT32;
        RIG_OK(CREATE(desc));
        assert_true(lms_contrastive_workspace(search) > 0);
        search_once(r, search, &desc);
        lms_contrastive_destroy(search);
    }
}

/* --- Memory ------------------------------------------------------------------------------ */

/* max_positions is what can be used, in whole pages; the default is enough for all, and more
 * than that is not reserved. */
static void test_positions(void **state)
{
    static const struct {
        uint64_t positions;
        uint32_t length;
        uint64_t room;
    } all[] = {{1, 70, 32},           {32, 70, 32},       {33, 70, 64},
               {256, 70, 256},        {352, 70, 352},     {353, 70, 384},
               {385, 70, 384},        {1 << 28, 70, 384}, {((uint64_t)1 << 32) - 1, 33, 256},
               {UINT64_MAX, 33, 256}, {0, 1, 4 * 32},     {0, 32, 4 * 32},
               {0, 33, 4 * 64},       {0, 70, 4 * 96}};
    contrastive_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        for (uint64_t bytes = 0; bytes < 100000; bytes += 20000) {
            lms_contrastive_desc desc = contrastive_desc();
            lms_contrastive *search = NULL;
            desc.max_positions = all[i].positions;
            desc.max_length = all[i].length;
            desc.max_buffer_bytes = bytes;
            RIG_OK(CREATE(desc));
            assert_int_equal(lms_contrastive_room(search), all[i].room);
            lms_contrastive_destroy(search);
        }
    }
}

static size_t workspace_of(contrastive_rig *r, lms_contrastive_desc desc)
{
    lms_contrastive *search = NULL;
    RIG_OK(CREATE(desc));
    const size_t bytes = lms_contrastive_workspace(search);
    lms_contrastive_destroy(search);
    return bytes;
}

/* What the header says of a position and of a candidate row, but for a little. */
static void test_workspace_is_as_described(void **state)
{
    static const lms_dtype types[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    enum {
        WIDTH = 1000,
        ROUNDED = 1024,
        POSITIONS = 4096,
        ROWS = 512
    };
    contrastive_rig *const r = *state;
    for (size_t i = 0; i < 3; ++i) {
        const size_t state_bytes = ROUNDED * (types[i] == LMS_FLOAT32 ? 4u : 2u) + 4;
        lms_contrastive_desc desc = {.max_positions = POSITIONS,
                                     .vocab = 1,
                                     .width = WIDTH,
                                     .max_requests = ROWS,
                                     .max_k = 8,
                                     .max_length = 32,
                                     .max_rows = 8,
                                     .logits = LMS_FLOAT32,
                                     .hidden = types[i]};
        const size_t base = workspace_of(r, desc);
        assert_true(base > POSITIONS * state_bytes);
        desc.max_positions = 2 * POSITIONS;
        const size_t more = workspace_of(r, desc) - base;
        assert_in_range(more, POSITIONS * state_bytes, POSITIONS * state_bytes / 100 * 101);
        desc.max_positions = POSITIONS;
        desc.max_rows = 8 + ROWS;
        const size_t rows = workspace_of(r, desc) - base;
        assert_in_range(rows, ROWS * 4 * WIDTH / 100 * 99, ROWS * 4 * WIDTH / 10 * 12);
    }
}

static void test_workspace_grows_with_the_shape(void **state)
{
    contrastive_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    const size_t base = workspace_of(r, desc);
    assert_int_equal(base, lms_contrastive_workspace(r->base.object));
    desc.max_positions *= 2;
    assert_true(workspace_of(r, desc) > base);
    desc = contrastive_desc();
    desc.width *= 2;
    desc.max_buffer_bytes *= 2;
    assert_true(workspace_of(r, desc) > base);
    desc = contrastive_desc();
    desc.vocab *= 1000;
    assert_true(workspace_of(r, desc) > base);
    desc = contrastive_desc();
    desc.max_rows = CONTRASTIVE_K;
    assert_true(workspace_of(r, desc) < base);
    desc = contrastive_desc();
    desc.hidden = LMS_FLOAT16;
    assert_true(workspace_of(r, desc) < base);
}

/* --- Buffers ----------------------------------------------------------------------------- */

static void same_with(contrastive_rig *r, lms_contrastive_desc desc)
{
    lms_contrastive *search = NULL;
    RIG_OK(CREATE(desc));
    object_assert_good(&r->base, search);
    lms_contrastive_destroy(search);
}

/* Neither does it matter how many buffers the contexts are in, or how much room there is. */
static void test_buffers_and_room(void **state)
{
    static const uint64_t bytes[] = {0, 17500, 35000, 80000, 1 << 20};
    static const lms_contrastive_desc all[] = {
        {.max_positions = 7 * 32, .max_requests = 4, .max_k = 5, .max_length = 70},
        {.max_positions = 0, .max_requests = 4, .max_k = 5, .max_length = 70},
        {.max_positions = 0, .max_requests = 9, .max_k = 5, .max_length = 500},
        {.max_positions = 0, .max_requests = 4, .max_k = 64, .max_length = 68},
    };
    contrastive_rig *const r = *state;
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; ++i) {
        lms_contrastive_desc desc = contrastive_desc();
        desc.max_buffer_bytes = bytes[i];
        same_with(r, desc);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_contrastive_desc desc = all[i];
        desc.max_buffer_bytes = 100000;
        desc.vocab = CONTRASTIVE_VOCAB;
        desc.width = CONTRASTIVE_WIDTH;
        desc.logits = desc.hidden = LMS_FLOAT32;
        desc.max_in_flight = CONTRASTIVE_CALLS;
        same_with(r, desc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest_and_largest),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_workspace_is_as_described),
        cmocka_unit_test(test_workspace_grows_with_the_shape),
        cmocka_unit_test(test_buffers_and_room),
    };
    return cmocka_run_group_tests_name("contrastive_create", tests, contrastive_setup,
                                       object_teardown);
}
