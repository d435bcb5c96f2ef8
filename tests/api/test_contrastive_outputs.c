/* Where in its buffers the outputs of a contrastive search land, that nothing beside them is
 * written, and that rows may be apart. */
#include "calls/contrastive_object.h"

#include <math.h>
#include <stdlib.h>

enum {
    GUARD = 0x5a,
    STRIDE = CONTRASTIVE_WIDTH + 7,
    LOGITS_STRIDE = CONTRASTIVE_VOCAB + 9
};

static int close_all(void **state)
{
    const contrastive_rig *const r = *state;
    return object_end(&r->base, r->base.object) == LMS_OK ? 0 : -1;
}

/* An output with guards around it, and what is to be found there. */
typedef struct output {
    lms_view *view;
    size_t offset, count;
    const void *expected;
    cl_mem buffer;
} output;

static void make_output(const contrastive_rig *r, output *o)
{
    const size_t bytes = (2 * o->offset + o->count) * sizeof(cl_int);
    void *const guard = malloc(bytes);
    cl_int code = CL_SUCCESS;
    assert_non_null(guard);
    memset(guard, GUARD, bytes);
    o->buffer = clCreateBuffer(r->base.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes,
                               guard, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(guard);
}

static void check_output(const contrastive_rig *r, const output *o)
{
    const size_t bytes = (2 * o->offset + o->count) * sizeof(cl_int);
    unsigned char *const found = malloc(bytes);
    assert_non_null(found);
    assert_int_equal(
        clEnqueueReadBuffer(r->base.queue, o->buffer, CL_TRUE, 0, bytes, found, 0, NULL, NULL),
        CL_SUCCESS);
    unsigned char *const at = found + o->offset * sizeof(cl_int);
    assert_memory_equal(at, o->expected, o->count * sizeof(cl_int));
    memset(at, GUARD, o->count * sizeof(cl_int));
    for (size_t i = 0; i < bytes; ++i) assert_int_equal(found[i], GUARD);
    clReleaseMemObject(o->buffer);
    free(found);
}

/* A first step of the last parent alone, in rows in the midst of others. */
static void test_outputs(void **state)
{
    enum {
        AT = 13,
        FIRST = 4,
        K = 3,
        OLD = 9 /* its row in the rig's calls */
    };
    const contrastive_rig *const r = *state;
    const contrastive_trace *const e = &r->expected;
    const uint32_t first = FIRST;
    const int32_t row = e->rows[0][2] - OLD + FIRST, next = (int32_t)e->next[0][2];
    int32_t tokens[K];
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    for (size_t i = 0; i < K; ++i) tokens[i] = (int32_t)e->tokens[0][OLD + i];
    output all[] = {
        {&p.tokens, AT + FIRST, K, tokens, NULL},
        {&p.probs, AT + FIRST, K, &e->probs[0][OLD], NULL},
        {&p.status, AT, 1, &e->row_status[0][2], NULL},
        {&b.next, AT, 1, &next, NULL},
        {&b.rows, AT, 1, &row, NULL},
        {&b.scores, AT, 1, &e->scores[0][2], NULL},
        {&b.penalties, AT, 1, &e->penalties[0][2], NULL},
        {&b.row_scores, AT + FIRST, K, &e->row_scores[0][OLD], NULL},
        {&b.row_penalties, AT + FIRST, K, &e->row_penalties[0][OLD], NULL},
        {&b.status, AT, 1, &e->status[0][2], NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        make_output(r, &all[i]);
        *all[i].view = (lms_view){all[i].buffer, AT, NULL};
    }
    p.requests = b.requests = 1;
    p.slots = b.slots = &r->slots[2];
    p.first_rows = b.first_rows = &first;
    p.candidate_rows = b.candidate_rows = FIRST + K;
    p.logits.offset += 2 * CONTRASTIVE_VOCAB;
    b.tokens = p.tokens;
    b.probs = p.probs;
    b.hidden.offset += (OLD - FIRST) * CONTRASTIVE_WIDTH;
    RIG_OK(object_begin(&r->base, r->base.object, CONTRASTIVE_FIRST_STEP));
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) check_output(r, &all[i]);
}

/* The same rows apart, with NaN between them. */
static cl_mem spread(const contrastive_rig *r, cl_mem from, size_t rows, size_t width,
                     size_t stride)
{
    cl_int code = CL_SUCCESS;
    float *const values = malloc(rows * stride * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < rows * stride; ++i) values[i] = NAN;
    for (size_t row = 0; row < rows; ++row) {
        assert_int_equal(
            clEnqueueReadBuffer(r->base.queue, from, CL_TRUE, row * width * sizeof *values,
                                width * sizeof *values, values + row * stride, 0, NULL, NULL),
            CL_SUCCESS);
    }
    const cl_mem made = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                       rows * stride * sizeof *values, values, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(values);
    return made;
}

static void test_strides(void **state)
{
    const contrastive_rig *const r = *state;
    lms_contrastive_append_args s = contrastive_append_args(r);
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    s.row_stride = b.row_stride = STRIDE;
    p.row_stride = LOGITS_STRIDE;
    s.hidden.buffer = spread(r, r->states, CONTRASTIVE_PROMPT, CONTRASTIVE_WIDTH, STRIDE);
    p.logits.buffer =
        spread(r, r->logits, CONTRASTIVE_REQUESTS, CONTRASTIVE_VOCAB, LOGITS_STRIDE);
    b.hidden.buffer = spread(r, r->hidden, CONTRASTIVE_ROWS, CONTRASTIVE_WIDTH, STRIDE);
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->base.object));
    RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    /* What was appended by it shows in the rest of the search. */
    RIG_OK(
        object_calls(&r->base, r->base.object, contrastive_propose_of(1), CONTRASTIVE_CALLS));
    object_assert_expected(&r->base);
    clReleaseMemObject(s.hidden.buffer);
    clReleaseMemObject(p.logits.buffer);
    clReleaseMemObject(b.hidden.buffer);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_outputs),
        TEST(test_strides),
    };
    return cmocka_run_group_tests_name("contrastive_outputs", tests, contrastive_setup,
                                       object_teardown);
}
