/* Contrastive searches: what a description may say, types, and the memory that they take. */
#include "contrastive_api_rig.h"

#include <stdlib.h>

#define CREATE(desc) lms_contrastive_create(r->ctx, &(desc), &search)

static void test_create_arguments(void **state)
{
    contrastive_api_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = r->search;
    lms_contrastive_destroy(NULL);
    assert_int_equal(lms_contrastive_workspace(NULL), 0);
    assert_int_equal(lms_contrastive_room(NULL), 0);
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_create(r->ctx, &desc, NULL), "out: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_create(NULL, &desc, &search), "ctx: is NULL");
    assert_null(search);
    search = r->search;
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_create(r->ctx, NULL, &search), "desc: is NULL");
    assert_null(search);
}

/* One field of a good description at a time. */
typedef struct wrong {
    size_t at;
    size_t size;
    uint64_t value;
    const char *text, *rule;
} wrong;

static lms_contrastive_desc changed(const lms_contrastive_desc *good, const wrong *w)
{
    lms_contrastive_desc desc = *good;
    const uint32_t low = (uint32_t)w->value;
    if (w->size == sizeof low) {
        memcpy((char *)&desc + w->at, &low, sizeof low);
    } else {
        memcpy((char *)&desc + w->at, &w->value, sizeof w->value);
    }
    return desc;
}

static void refuse_all(contrastive_api_rig *r, lms_contrastive_desc good, const wrong *all,
                       size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        const lms_contrastive_desc desc = changed(&good, &all[i]);
        lms_contrastive *search = r->search;
        RIG_FAILS(LMS_E_ARGUMENT, CREATE(desc), all[i].text, all[i].rule);
        assert_null(search);
    }
}

#define AT(field, value)                                                                       \
    offsetof(lms_contrastive_desc, field), sizeof(((lms_contrastive_desc *)NULL)->field), value
static void test_descriptions(void **state)
{
    static const wrong all[] = {
        {AT(vocab, 0), "vocab: 0", "1..1048576"},
        {AT(vocab, LMS_MAX_VOCAB + 1), "vocab: 1048577", "1..1048576"},
        {AT(vocab, UINT32_MAX), "vocab: 4294967295", "1..1048576"},
        {AT(width, 0), "width: 0", "1..16384"},
        {AT(width, LMS_MAX_HIDDEN_WIDTH + 1), "width: 16385", "1..16384"},
        {AT(width, UINT32_MAX), "width: 4294967295", "1..16384"},
        {AT(max_requests, 0), "max_requests: 0", ""},
        {AT(max_requests, UINT32_MAX), "max_requests: 4294967295", ""},
        {AT(max_requests, INT32_MAX / 5 + 1), "max_requests: 429496730", ""},
        {AT(max_k, 0), "max_k: 0", "1..64"},
        {AT(max_k, LMS_MAX_CONTRASTIVE_K + 1), "max_k: 65", "1..64"},
        {AT(max_k, UINT32_MAX), "max_k: 4294967295", "1..64"},
        {AT(max_length, 0), "max_length: 0", "1..1048576"},
        {AT(max_length, LMS_MAX_CONTEXT_LENGTH + 1), "max_length: 1048577", "1..1048576"},
        {AT(max_length, UINT32_MAX), "max_length: 4294967295", "1..1048576"},
        {AT(max_rows, 4), "max_rows: 4", "max_k (5)"},
        {AT(max_rows, 21), "max_rows: 21", "(20)"},
        {AT(max_rows, UINT32_MAX), "max_rows: 4294967295", "(20)"},
        {AT(logits, 0), "logits: 0", "lms_dtype"},
        {AT(logits, 4), "logits: 4", "lms_dtype"},
        {AT(logits, UINT32_MAX), "logits: -1", "lms_dtype"},
        {AT(hidden, 0), "hidden: 0", "lms_dtype"},
        {AT(hidden, 4), "hidden: 4", "lms_dtype"},
        {AT(hidden, UINT32_MAX), "hidden: -1", "lms_dtype"},
        {AT(tokens, 3), "tokens: 3", "lms_token_type"},
        {AT(tokens, UINT32_MAX), "tokens: -1", "lms_token_type"},
        {AT(max_in_flight, 65), "max_in_flight: 65", "0..64"},
        {AT(max_in_flight, UINT32_MAX), "max_in_flight: 4294967295", "0..64"},
        {AT(work_items, 3), "work_items: 3", "power of two"},
        {AT(work_items, 512), "work_items: 512", "up to 256"},
        {AT(work_items, 1u << 31), "work_items: 2147483648", "up to 256"},
        {AT(reserved, 1), "reserved: is not 0", ""},
        {AT(reserved, 1u << 31), "reserved: is not 0", ""},
    };
    contrastive_api_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    desc.max_rows = 0;
    refuse_all(r, desc, all, sizeof all / sizeof all[0]);
    refuse_all(r, contrastive_desc(), all, sizeof all / sizeof all[0]);
}

/* --- Limits ------------------------------------------------------------------------------ */

/* A state of its own to append, a proposal and a choice in the last slot, of logits and states
 * that are all equal. The buffers are as small as can be. */
static void search_once(contrastive_api_rig *r, lms_contrastive *search,
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
    const cl_mem in =
        clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, most, ones, NULL);
    const cl_mem probs = rig_buffer(r->context, CL_MEM_READ_WRITE, rows * sizeof(float));
    const cl_mem tokens = rig_buffer(r->context, CL_MEM_READ_WRITE, rows * sizeof(cl_int));
    const cl_mem out = rig_buffer(r->context, CL_MEM_READ_WRITE, 3 * sizeof(cl_int));
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
    if (d->max_length > 1) RIG_OK(lms_contrastive_append(search, r->queue, &s, 0, NULL, NULL));
    clFinish(r->queue);
    RIG_OK(lms_contrastive_propose(search, r->queue, &p, 0, NULL, NULL));
    clFinish(r->queue);
    RIG_OK(lms_contrastive_select(search, r->queue, &b, 0, NULL, NULL));
    clEnqueueReadBuffer(r->queue, out, CL_TRUE, 0, sizeof chosen, chosen, 0, NULL, NULL);
    clEnqueueReadBuffer(r->queue, out, CL_TRUE, sizeof chosen, sizeof penalty, &penalty, 0,
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
    contrastive_api_rig *const r = *state;
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
    contrastive_api_rig *const r = *state;
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

/* What the device does not allocate at once, or at all, is said. */
static void test_too_much_memory(void **state)
{
    contrastive_api_rig *const r = *state;
    lms_contrastive *search = NULL;
    lms_contrastive_desc desc = contrastive_desc();
    desc.max_rows = 0;
    desc.max_positions = 0;
    desc.max_buffer_bytes = 0;
    desc.max_requests = 1u << 28;
    desc.max_length = LMS_MAX_CONTEXT_LENGTH;
    RIG_FAILS(LMS_E_ARGUMENT, CREATE(desc), "max_requests: 268435456 contexts of 1048576");
    assert_null(search);
    desc.max_positions = 32;
    desc.max_length = 32;
    desc.max_requests = INT32_MAX / CONTRASTIVE_K;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_requests: 429496729 requests of 5",
              "the device allocates at most");
    assert_null(search);
    /* A page is the least that a buffer can have. */
    desc = contrastive_desc();
    desc.max_buffer_bytes = 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_buffer_bytes: ", "more than 1");
    assert_null(search);
    desc.max_buffer_bytes = 16383;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_buffer_bytes: ", "16384", "16383");
    assert_null(search);
    desc.max_buffer_bytes = 16384;
    RIG_OK(CREATE(desc));
    lms_contrastive_destroy(search);
}

static size_t workspace_of(contrastive_api_rig *r, lms_contrastive_desc desc)
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
    contrastive_api_rig *const r = *state;
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
    contrastive_api_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    const size_t base = workspace_of(r, desc);
    assert_int_equal(base, lms_contrastive_workspace(r->search));
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

/* --- Types, teams, buffers --------------------------------------------------------------- */

/* Logits and states that all types have exactly give the same search, in tokens of both types:
 * scaling by a power of two changes no cosine. */
static void test_types(void **state)
{
    static const struct {
        lms_dtype logits, hidden;
        lms_token_type tokens;
    } all[] = {{LMS_FLOAT32, LMS_FLOAT16, LMS_INT64},
               {LMS_FLOAT16, LMS_BFLOAT16, LMS_INT32},
               {LMS_BFLOAT16, LMS_FLOAT32, (lms_token_type)0}};
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_contrastive_desc desc = contrastive_desc();
        contrastive_api_rig other;
        desc.logits = all[i].logits;
        desc.hidden = all[i].hidden;
        desc.tokens = all[i].tokens;
        contrastive_api_rig_open(&other, r->ctx, &desc);
        contrastive_assert_same(&other.expected, &r->expected);
        contrastive_assert_good(&other, other.search);
        contrastive_api_rig_close(&other);
    }
}

static void same_with(contrastive_api_rig *r, lms_contrastive_desc desc)
{
    lms_contrastive *search = NULL;
    RIG_OK(CREATE(desc));
    contrastive_assert_good(r, search);
    lms_contrastive_destroy(search);
}

/* The number of work-items never changes a result, and neither does the number of kernels. */
static void test_teams(void **state)
{
    static const char *const shapes[] = {"fuse_from=1000000", "fuse_from=1", "chunk=8",
                                         "lanes=16,fuse_from=11"};
    contrastive_api_rig *const r = *state;
    for (uint32_t team = 1; team <= 256; team *= 16) {
        lms_contrastive_desc desc = contrastive_desc();
        desc.work_items = team;
        same_with(r, desc);
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
        setenv("LMS_SHAPE", shapes[i], 1);
        same_with(r, contrastive_desc());
        setenv("LMS_SHAPE", shapes[0], 1);
    }
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
    contrastive_api_rig *const r = *state;
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

static void test_bad_shape(void **state)
{
    contrastive_api_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = r->search;
    setenv("LMS_SHAPE", "team=3", 1);
    RIG_FAILS(LMS_E_ARGUMENT, CREATE(desc), "LMS_SHAPE: is \"team=3\"");
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    assert_null(search);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_arguments),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_smallest_and_largest),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_too_much_memory),
        cmocka_unit_test(test_workspace_is_as_described),
        cmocka_unit_test(test_workspace_grows_with_the_shape),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_teams),
        cmocka_unit_test(test_buffers_and_room),
        cmocka_unit_test(test_bad_shape),
    };
    return cmocka_run_group_tests_name("contrastive_create", tests, contrastive_setup,
                                       contrastive_teardown);
}
