/* Buffers of a beam search that are just big enough, and a byte too small; extents that do not
 * fit 64 bits. */
#include "beam_rig.h"

#include <stdlib.h>

enum {
    LOGITS_STRIDE = BEAM_VOCAB + 7,
    TOKEN_STRIDE = BEAM_STEPS + 3,
    LOGITS = (BEAM_ROWS - 1) * LOGITS_STRIDE + BEAM_VOCAB,
    TOKENS = (BEAM_SEQUENCES - 1) * TOKEN_STRIDE + BEAM_STEPS
};

/* One view: where it is, the bytes of an element, and how many elements a full call touches. */
typedef struct extent {
    const char *name;
    size_t view;
    size_t element;
    size_t elements;
} extent;

#define IN_STEP(name) #name ": ", offsetof(lms_beam_step_args, name)
static const extent of_step[] = {
    {IN_STEP(logits), 4, LOGITS},          {IN_STEP(parents), 4, BEAM_ROWS},
    {IN_STEP(tokens), 4, BEAM_ROWS},       {IN_STEP(scores), 4, BEAM_ROWS},
    {IN_STEP(scores_fixed), 8, BEAM_ROWS}, {IN_STEP(done), 4, BEAM_REQUESTS},
    {IN_STEP(status), 4, BEAM_REQUESTS},
};
#define IN_RESULTS(name) #name ": ", offsetof(lms_beam_results_args, name)
static const extent of_results[] = {
    {IN_RESULTS(counts), 4, BEAM_REQUESTS},
    {IN_RESULTS(lengths), 4, BEAM_SEQUENCES},
    {IN_RESULTS(tokens), 4, TOKENS},
    {IN_RESULTS(scores), 4, BEAM_SEQUENCES},
    {IN_RESULTS(logprobs), 4, BEAM_SEQUENCES},
    {IN_RESULTS(token_logprobs), 4, TOKENS},
    {IN_RESULTS(beams), 4, TOKENS},
};
enum {
    STEP_VIEWS = sizeof of_step / sizeof of_step[0],
    RESULT_VIEWS = sizeof of_results / sizeof of_results[0],
    VIEWS = STEP_VIEWS + RESULT_VIEWS
};

/* A step and the results of the open requests; every view has a big buffer of its own, and rows
 * are apart. */
typedef struct pair {
    lms_beam_step_args batch;
    lms_beam_results_args output;
    cl_mem big[VIEWS];
} pair;

static const extent *extent_at(size_t i)
{
    return i < STEP_VIEWS ? &of_step[i] : &of_results[i - STEP_VIEWS];
}

static lms_view *view_at(pair *p, size_t i)
{
    char *const call = i < STEP_VIEWS ? (char *)&p->batch : (char *)&p->output;
    return (lms_view *)(void *)(call + extent_at(i)->view);
}

static void reset_pair(const beam_rig *r, pair *p)
{
    memset(&p->batch, 0, sizeof p->batch);
    memset(&p->output, 0, sizeof p->output);
    p->batch.requests = p->output.requests = BEAM_REQUESTS;
    p->batch.slots = p->output.slots = r->slots;
    p->batch.row_stride = LOGITS_STRIDE;
    p->output.max_results = BEAM_WIDTH;
    p->output.token_stride = TOKEN_STRIDE;
    for (size_t i = 0; i < VIEWS; ++i) view_at(p, i)->buffer = p->big[i];
}

static int open_pair(void **state)
{
    const beam_rig *const r = *state;
    return beam_calls(r, r->beam, 0, BEAM_FIRST_STEP) == LMS_OK ? 0 : -1;
}

static int close_pair(void **state)
{
    const beam_rig *const r = *state;
    return beam_close_all(r, r->beam) == LMS_OK ? 0 : -1;
}

static void make_pair(const beam_rig *r, pair *p)
{
    for (size_t i = 0; i < VIEWS; ++i) {
        p->big[i] = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 17);
    }
    reset_pair(r, p);
}

static void free_pair(pair *p)
{
    for (size_t i = 0; i < VIEWS; ++i) clReleaseMemObject(p->big[i]);
}

/* The call that has view i. */
static lms_status call_of(const beam_rig *r, lms_beam *beam, const pair *p, size_t i)
{
    return i < STEP_VIEWS ? lms_beam_step(beam, r->queue, &p->batch, 0, NULL, NULL)
                          : lms_beam_results(beam, r->queue, &p->output, 0, NULL, NULL);
}

static lms_status call_with(const beam_rig *r, pair *p, size_t i, size_t offset, size_t bytes)
{
    reset_pair(r, p);
    lms_view *const view = view_at(p, i);
    view->buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, bytes);
    view->offset = offset;
    const lms_status status = call_of(r, r->beam, p, i);
    clFinish(r->queue);
    clReleaseMemObject(view->buffer);
    return status;
}

static void test_exact_and_one_byte_less(void **state)
{
    static const size_t offsets[] = {0, 1, 5, 1000};
    const beam_rig *const r = *state;
    pair p;
    make_pair(r, &p);
    for (size_t i = 0; i < VIEWS; ++i) {
        for (size_t k = 0; k < sizeof offsets / sizeof offsets[0]; ++k) {
            const extent *const e = extent_at(i);
            const size_t bytes = (offsets[k] + e->elements) * e->element;
            RIG_OK(call_with(r, &p, i, offsets[k], bytes));
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with(r, &p, i, offsets[k], bytes - 1), e->name,
                      "the buffer has");
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with(r, &p, i, offsets[k], bytes - e->element),
                      e->name, "bytes need");
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with(r, &p, i, offsets[k] + 1, bytes), e->name);
        }
    }
    free_pair(&p);
}

/* The rows of logits are also those of what comes by rows; the last stride need not be there
 * whole. */
static void test_logits_rows_decide(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_step_args b = beam_batch(r, BEAM_STEPS - 1); /* all buffers end with it */
    RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
    b.logits_rows = BEAM_ROWS + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL),
              "logits: ", "(12 rows - 1) * stride 300", "the buffer has 105600");
    b.logits.offset = 0;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL),
              "parents: offset 77 + (12 rows - 1)", "need 356 bytes", "has 352");
    b = beam_batch(r, BEAM_STEPS - 1);
    b.logits_rows = 0; /* as many as the requests need */
    RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
    b.first_rows = NULL; /* by max_width */
    RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
    b.requests = 1;
    b.logits_rows = BEAM_WIDTH;
    b.logits.offset += (BEAM_ROWS - BEAM_WIDTH) * BEAM_VOCAB;
    RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
    b.logits_rows = BEAM_WIDTH + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL),
              "logits: ", "(5 rows - 1)");
    clFinish(r->queue);
}

/* A stride that is less than max_length is all that is touched of a sequence. */
static void test_short_token_stride(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_output(r);
    for (size_t less = 0; less < 2; ++less) {
        const size_t bytes = BEAM_SEQUENCES * sizeof(cl_int) - less;
        o.token_stride = 1;
        o.tokens.buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, bytes);
        const lms_status status = lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL);
        if (less == 0) {
            RIG_OK(status);
        } else {
            RIG_FAILS(LMS_E_BUFFER_SIZE, status, "tokens: ", "(12 rows - 1) * stride 1 + 1");
        }
        clFinish(r->queue);
        clReleaseMemObject(o.tokens.buffer);
    }
}

static void test_overflow(void **state)
{
    static const size_t huge[] = {SIZE_MAX,         SIZE_MAX - 1,      SIZE_MAX - 300,
                                  SIZE_MAX / 2,     SIZE_MAX / 4,      SIZE_MAX / 4 + 1,
                                  SIZE_MAX / 8 + 1, (size_t)1 << 62,   SIZE_MAX / 10,
                                  SIZE_MAX / 11,    SIZE_MAX / 40 + 1, SIZE_MAX / 44 + 1};
    const beam_rig *const r = *state;
    pair p;
    make_pair(r, &p);
    for (size_t k = 0; k < sizeof huge / sizeof huge[0]; ++k) {
        for (size_t i = 0; i < VIEWS; ++i) {
            reset_pair(r, &p);
            view_at(&p, i)->offset = huge[k];
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, i), extent_at(i)->name);
        }
        reset_pair(r, &p);
        p.batch.row_stride = huge[k];
        RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, 0), "logits: ");
        p.output.token_stride = huge[k];
        RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, STEP_VIEWS), "tokens: ");
        /* Three sequences are enough for that. */
        p.output.requests = 1;
        p.output.slots = &r->slots[2];
        p.output.max_results = 3;
        RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, STEP_VIEWS), "tokens: ");
    }
    free_pair(&p);
}

/* A sum that wraps to something small. */
static void test_wrap_around(void **state)
{
    const beam_rig *const r = *state;
    pair p;
    make_pair(r, &p);
    p.batch.row_stride = ((size_t)1 << 63) + BEAM_VOCAB; /* ten times that is 3000 */
    RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, 0),
              "logits: ", "need 18446744073709551615 bytes");
    p.batch.row_stride = 0;
    p.batch.parents.offset = SIZE_MAX - BEAM_ROWS + 1; /* ends at 0 */
    RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, 0),
              "parents: offset 18446744073709551605");
    p.output.token_stride = ((size_t)1 << 62) + BEAM_STEPS; /* four times that is 32 */
    RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, STEP_VIEWS), "tokens: ");
    p.output.token_stride = (size_t)1 << 63;
    p.output.requests = 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, call_of(r, r->beam, &p, STEP_VIEWS), "tokens: ");
    free_pair(&p);
}

/* One sequence needs none of its stride. */
static void test_lonely_sequence(void **state)
{
    const beam_rig *const r = *state;
    const uint32_t slot = r->slots[0];
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(1);
    lms_beam_results_args o = beam_output(r);
    params.max_length = 1;
    RIG_OK(lms_beam_close(r->beam, slot));
    RIG_OK(lms_beam_open(r->beam, r->queue, slot, &params, NULL, 0, NULL, NULL));
    o.requests = 1;
    o.max_results = 1;
    o.token_stride = SIZE_MAX;
    RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL));
    clFinish(r->queue);
}

/* Elements of other sizes. */
static void test_half_logits_and_long_tokens(void **state)
{
    const beam_rig *const r = *state;
    static const struct {
        size_t view, element;
    } other[] = {{0, 2}, {2, 8}, {STEP_VIEWS + 2, 8}};
    for (int type = LMS_FLOAT16; type <= LMS_BFLOAT16; ++type) {
        lms_beam_desc desc = beam_desc();
        lms_beam *beam = NULL;
        pair p;
        make_pair(r, &p);
        desc.logits = (lms_dtype)type;
        desc.tokens = LMS_INT64;
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        RIG_OK(beam_calls(r, beam, 0, BEAM_FIRST_STEP));
        for (size_t k = 0; k < 2 * sizeof other / sizeof other[0]; ++k) {
            const size_t i = other[k / 2].view, less = k % 2;
            lms_view *const view = view_at(&p, i);
            reset_pair(r, &p);
            view->buffer = rig_buffer(r->context, CL_MEM_READ_WRITE,
                                      extent_at(i)->elements * other[k / 2].element - less);
            const lms_status status = call_of(r, beam, &p, i);
            if (less == 0) {
                RIG_OK(status);
            } else {
                RIG_FAILS(LMS_E_BUFFER_SIZE, status, extent_at(i)->name);
            }
            clFinish(r->queue);
            clReleaseMemObject(view->buffer);
        }
        lms_beam_destroy(beam);
        free_pair(&p);
    }
}

/* A sub-buffer is as big as itself, not as the buffer it is of. */
static void test_sub_buffers(void **state)
{
    const beam_rig *const r = *state;
    cl_int code = CL_SUCCESS;
    const cl_mem whole = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 17);
    pair p;
    make_pair(r, &p);
    for (size_t i = 0; i < 2 * VIEWS; ++i) {
        const extent *const e = extent_at(i / 2);
        const cl_buffer_region region = {4096, e->elements * e->element - i % 2};
        reset_pair(r, &p);
        lms_view *const view = view_at(&p, i / 2);
        view->buffer = clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                         &region, &code);
        assert_int_equal(code, CL_SUCCESS);
        const lms_status status = call_of(r, r->beam, &p, i / 2);
        if (i % 2 == 0) {
            RIG_OK(status);
        } else {
            RIG_FAILS(LMS_E_BUFFER_SIZE, status, e->name, "the buffer has");
        }
        clFinish(r->queue);
        clReleaseMemObject(view->buffer);
    }
    clReleaseMemObject(whole);
    free_pair(&p);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(test_exact_and_one_byte_less),
        TEST(test_logits_rows_decide),
        TEST(test_short_token_stride),
        TEST(test_overflow),
        TEST(test_wrap_around),
        TEST(test_lonely_sequence),
        TEST(test_half_logits_and_long_tokens),
        TEST(test_sub_buffers),
    };
    return cmocka_run_group_tests_name("beam_extents", tests, beam_setup, beam_teardown);
}
