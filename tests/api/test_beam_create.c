/* Beam searches: what a description may say, types, and the memory that they take. */
#include "beam_rig.h"

#include <stdlib.h>

#define CREATE(desc) lms_beam_create(r->ctx, &(desc), &beam)

static void test_create_arguments(void **state)
{
    beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    lms_beam *beam = r->beam;
    lms_beam_destroy(NULL);
    assert_int_equal(lms_beam_workspace(NULL), 0);
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_create(r->ctx, &desc, NULL), "out: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_create(NULL, &desc, &beam), "ctx: is NULL");
    assert_null(beam);
    beam = r->beam;
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_create(r->ctx, NULL, &beam), "desc: is NULL");
    assert_null(beam);
}

/* One field of a good description at a time. */
typedef struct wrong {
    size_t at;
    uint32_t value;
    const char *text, *rule;
} wrong;

static void refuse_all(beam_rig *r, lms_beam_desc good, const wrong *all, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        lms_beam_desc desc = good;
        lms_beam *beam = r->beam;
        memcpy((char *)&desc + all[i].at, &all[i].value, sizeof all[i].value);
        RIG_FAILS(LMS_E_ARGUMENT, CREATE(desc), all[i].text, all[i].rule);
        assert_null(beam);
    }
}

#define AT(field, value) offsetof(lms_beam_desc, field), value
static void test_descriptions(void **state)
{
    static const wrong all[] = {
        {AT(vocab, 0), "vocab: 0", "1..1048576"},
        {AT(vocab, LMS_MAX_VOCAB + 1), "vocab: 1048577", "1..1048576"},
        {AT(vocab, UINT32_MAX), "vocab: 4294967295", "1..1048576"},
        {AT(max_requests, 0), "max_requests: 0", "max_width 4"},
        {AT(max_requests, INT32_MAX / 4 + 1), "max_requests: 536870912", "1..536870911"},
        {AT(max_requests, UINT32_MAX), "max_requests: 4294967295", "1..536870911"},
        {AT(max_width, 0), "max_width: 0", "1..1024"},
        {AT(max_width, LMS_MAX_BEAM_WIDTH + 1), "max_width: 1025", "1..1024"},
        {AT(max_width, UINT32_MAX), "max_width: 4294967295", "1..1024"},
        {AT(max_length, 0), "max_length: 0", "1..1048576"},
        {AT(max_length, LMS_MAX_BEAM_LENGTH + 1), "max_length: 1048577", "1..1048576"},
        {AT(max_length, UINT32_MAX), "max_length: 4294967295", "1..1048576"},
        {AT(max_end_tokens, 1024), "max_end_tokens: 1024", "max_width (4)"},
        {AT(max_end_tokens, UINT32_MAX), "max_end_tokens: 4294967295", "4096"},
        {AT(max_rows, 3), "max_rows: 3", "max_width (4)"},
        {AT(max_rows, 13), "max_rows: 13", "(12)"},
        {AT(max_rows, UINT32_MAX), "max_rows: 4294967295", "(12)"},
        {AT(logits, 0), "logits: 0", "lms_dtype"},
        {AT(logits, 4), "logits: 4", "lms_dtype"},
        {AT(logits, UINT32_MAX), "logits: -1", "lms_dtype"},
        {AT(tokens, 3), "tokens: 3", "lms_token_type"},
        {AT(tokens, UINT32_MAX), "tokens: -1", "lms_token_type"},
        {AT(max_in_flight, 65), "max_in_flight: 65", "0..64"},
        {AT(max_in_flight, UINT32_MAX), "max_in_flight: 4294967295", "0..64"},
        {AT(work_items, 3), "work_items: 3", "power of two"},
        {AT(work_items, 512), "work_items: 512", "up to 256"},
        {AT(work_items, 1u << 31), "work_items: 2147483648", "up to 256"},
        {AT(reserved[0], 1), "reserved: is not 0", ""},
        {AT(reserved[1], 1u << 31), "reserved: is not 0", ""},
    };
    beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    desc.max_rows = 0;
    refuse_all(r, desc, all, sizeof all / sizeof all[0]);
    refuse_all(r, beam_desc(), all, sizeof all / sizeof all[0]);
}

/* Wide searches leave less room for end tokens, and for requests. */
static void test_candidates(void **state)
{
    static const wrong wide[] = {
        {AT(max_end_tokens, 4), "max_end_tokens: 4", "max_width (1024)"},
        {AT(max_requests, INT32_MAX / 1024 + 1), "max_requests: 2097152", "1..2097151"},
    };
    static const wrong thin[] = {
        {AT(max_end_tokens, 4096), "max_end_tokens: 4096", "max_width (1)"},
        {AT(max_requests, (uint32_t)INT32_MAX + 1), "max_requests: 2147483648",
         "1..2147483647"},
    };
    beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    desc.max_width = 1024;
    desc.max_end_tokens = 3;
    desc.max_rows = 0;
    refuse_all(r, desc, wide, sizeof wide / sizeof wide[0]);
    desc.max_width = 1;
    desc.max_end_tokens = 4095;
    refuse_all(r, desc, thin, sizeof thin / sizeof thin[0]);
}

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
    b.logits.buffer =
        clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, zeros, NULL);
    assert_non_null(b.logits.buffer);
    const cl_mem out =
        rig_buffer(r->context, CL_MEM_READ_WRITE, desc->max_width * sizeof(cl_int));
    const cl_mem found = rig_buffer(r->context, CL_MEM_READ_WRITE, sizeof token);
    b.parents.buffer = b.tokens.buffer = b.done.buffer = out;
    o.counts.buffer = o.lengths.buffer = out;
    o.tokens.buffer = found;
    RIG_OK(lms_beam_open(beam, r->queue, slot, &p, NULL, 0, NULL, NULL));
    RIG_OK(lms_beam_step(beam, r->queue, &b, 0, NULL, NULL));
    RIG_OK(lms_beam_results(beam, r->queue, &o, 0, NULL, NULL));
    assert_int_equal(
        clEnqueueReadBuffer(r->queue, found, CL_TRUE, 0, sizeof token, &token, 0, NULL, NULL),
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

/* A search that may have one or two calls in flight can be made, every time. */
static void test_few_in_flight(void **state)
{
    beam_rig *const r = *state;
    for (uint32_t i = 0; i < 60; ++i) {
        lms_beam_desc desc = beam_desc();
        lms_beam *beam = NULL;
        desc.max_in_flight = 1 + i % 2;
        RIG_OK(CREATE(desc));
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        for (unsigned call = 0; i < 4 && call < BEAM_CALLS; ++call) {
            RIG_OK(beam_calls(r, beam, call, call + 1));
            clFinish(r->queue);
        }
        if (i < 4) beam_assert_expected(r);
        lms_beam_destroy(beam);
    }
}

/* What the device does not allocate at once is said. */
static void test_too_much_memory(void **state)
{
    beam_rig *const r = *state;
    lms_beam *beam = NULL;
    lms_beam_desc desc = beam_desc();
    desc.max_rows = 0;
    desc.max_requests = INT32_MAX / BEAM_WIDTH;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_requests: 536870911", "of 4 beams",
              "the device allocates at most");
    assert_null(beam);
    desc.max_rows = BEAM_WIDTH;
    desc.max_length = LMS_MAX_BEAM_LENGTH;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_requests: 536870911",
              "(at most 4 in a step)", "1048576 tokens");
    assert_null(beam);
    desc.max_width = LMS_MAX_BEAM_WIDTH;
    desc.max_rows = LMS_MAX_BEAM_WIDTH;
    desc.max_requests = INT32_MAX / LMS_MAX_BEAM_WIDTH;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_requests: 2097151");
    assert_null(beam);
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
    assert_int_equal(base, lms_beam_workspace(r->beam));
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

/* Logits that all types have exactly give the same search, in tokens of both types. */
static void test_types(void **state)
{
    static const lms_dtype logits[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    static const lms_token_type tokens[] = {(lms_token_type)0, LMS_INT32, LMS_INT64};
    const beam_rig *const r = *state;
    for (size_t i = 0; i < 9; ++i) {
        lms_beam_desc desc = beam_desc();
        beam_rig other;
        desc.logits = logits[i / 3];
        desc.tokens = tokens[i % 3];
        beam_rig_open(&other, r->ctx, &desc);
        beam_assert_same(&other.expected, &r->expected);
        beam_assert_good(&other, other.beam);
        beam_rig_close(&other);
    }
}

/* The number of work-items never changes a result, and neither does the number of kernels. */
static void test_teams(void **state)
{
    static const char *const shapes[] = {"fuse_from=1000000", "fuse_from=1", "chunk=8",
                                         "lanes=16,fuse_from=11"};
    static const uint32_t teams[] = {1, 8, 256};
    beam_rig *const r = *state;
    lms_beam *beam = NULL;
    for (size_t i = 0; i < sizeof teams / sizeof teams[0]; ++i) {
        lms_beam_desc desc = beam_desc();
        desc.work_items = teams[i];
        RIG_OK(CREATE(desc));
        beam_assert_good(r, beam);
        lms_beam_destroy(beam);
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
        const lms_beam_desc desc = beam_desc();
        setenv("LMS_SHAPE", shapes[i], 1);
        RIG_OK(CREATE(desc));
        setenv("LMS_SHAPE", shapes[0], 1);
        beam_assert_good(r, beam);
        lms_beam_destroy(beam);
    }
}

static void test_bad_shape(void **state)
{
    beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    lms_beam *beam = r->beam;
    setenv("LMS_SHAPE", "team=3", 1);
    RIG_FAILS(LMS_E_ARGUMENT, CREATE(desc), "LMS_SHAPE: is \"team=3\"");
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    assert_null(beam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_arguments),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_smallest_and_largest),
        cmocka_unit_test(test_few_in_flight),
        cmocka_unit_test(test_too_much_memory),
        cmocka_unit_test(test_workspace_grows_with_the_shape),
        cmocka_unit_test(test_workspace_is_as_described),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_teams),
        cmocka_unit_test(test_bad_shape),
    };
    return cmocka_run_group_tests_name("beam_create", tests, beam_setup, beam_teardown);
}
