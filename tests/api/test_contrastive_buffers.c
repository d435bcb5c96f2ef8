/* Which buffers a contrastive search takes, how big they must be, and where in them its outputs
 * land. */
#include "contrastive_api_rig.h"

#include <math.h>
#include <stdlib.h>

enum {
    GUARD = 0x5a,
    STRIDE = CONTRASTIVE_WIDTH + 7,
    LOGITS_STRIDE = CONTRASTIVE_VOCAB + 9,
    ROWS = 12 /* candidate rows of the parents */
};

/* A view of a call: its record's place, the bytes of an element, and how many elements a first
 * step (of the parents) touches. */
typedef enum kind {
    APPEND,
    PROPOSE,
    SELECT
} kind;
typedef struct view {
    const char *name;
    kind of;
    size_t at;
    bool written;
    size_t element, elements;
} view;
#define IN_APPEND(name, elements)                                                              \
    {                                                                                          \
#name ": ", APPEND, offsetof(lms_contrastive_append_args, name), false, 4, elements    \
    }
#define IN_PROPOSE(name, written, elements)                                                    \
    {                                                                                          \
#name ": ", PROPOSE, offsetof(lms_contrastive_propose_args, name), written, 4,         \
            elements                                                                           \
    }
#define IN_SELECT(name, written, elements)                                                     \
    {                                                                                          \
#name ": ", SELECT, offsetof(lms_contrastive_select_args, name), written, 4, elements  \
    }
static const view views[] = {
    IN_APPEND(hidden, 2 * STRIDE + CONTRASTIVE_WIDTH),
    IN_PROPOSE(logits, false, 2 * LOGITS_STRIDE + CONTRASTIVE_VOCAB),
    IN_PROPOSE(index_device, false, CONTRASTIVE_PARENTS),
    IN_PROPOSE(tokens, true, ROWS),
    IN_PROPOSE(probs, true, ROWS),
    IN_PROPOSE(status, true, CONTRASTIVE_PARENTS),
    IN_SELECT(hidden, false, (ROWS - 1) * STRIDE + CONTRASTIVE_WIDTH),
    IN_SELECT(tokens, false, ROWS),
    IN_SELECT(probs, false, ROWS),
    IN_SELECT(next, true, CONTRASTIVE_PARENTS),
    IN_SELECT(rows, true, CONTRASTIVE_PARENTS),
    IN_SELECT(scores, true, CONTRASTIVE_PARENTS),
    IN_SELECT(penalties, true, CONTRASTIVE_PARENTS),
    IN_SELECT(row_scores, true, ROWS),
    IN_SELECT(row_penalties, true, ROWS),
    IN_SELECT(status, true, CONTRASTIVE_PARENTS),
};
enum {
    VIEWS = sizeof views / sizeof views[0]
};

/* Begins a search afresh, so that contexts never fill up, and proposes. */
static void reopen(const contrastive_api_rig *r)
{
    const lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    RIG_OK(contrastive_close_all(r, r->search));
    RIG_OK(contrastive_open_all(r, r->search));
    RIG_OK(lms_contrastive_propose(r->search, r->queue, &p, 0, NULL, NULL));
    clFinish(r->queue);
}

static int close_all(void **state)
{
    const contrastive_api_rig *const r = *state;
    return contrastive_close_all(r, r->search) == LMS_OK ? 0 : -1;
}

/* A first call of its kind, good but for one view; rows are apart if `strided`. */
static lms_status call_with(const contrastive_api_rig *r, const view *v, lms_view given,
                            bool strided)
{
    lms_contrastive_append_args s = contrastive_states(r);
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    char *const calls[] = {(char *)&s, (char *)&p, (char *)&b};
    s.counts = NULL;
    p.candidate_rows = b.candidate_rows = 0;
    p.logits_rows = 0;
    if (strided) {
        s.row_stride = b.row_stride = STRIDE;
        p.row_stride = LOGITS_STRIDE;
    }
    *(lms_view *)(void *)(calls[v->of] + v->at) = given;
    switch (v->of) {
    case APPEND: return lms_contrastive_append(r->search, r->queue, &s, 0, NULL, NULL);
    case PROPOSE: return lms_contrastive_propose(r->search, r->queue, &p, 0, NULL, NULL);
    default: return lms_contrastive_select(r->search, r->queue, &b, 0, NULL, NULL);
    }
}

/* --- Which ------------------------------------------------------------------------------- */

/* Puts a buffer into each place in turn: those that are written, those that are read, or (-1)
 * all. */
static void refuse_everywhere(const contrastive_api_rig *r, cl_mem buffer, int written,
                              const char *why)
{
    for (size_t i = 0; i < VIEWS; ++i) {
        const contrastive_view before = contrastive_look(r->search);
        if (written >= 0 && views[i].written != (written != 0)) continue;
        RIG_FAILS(LMS_E_ARGUMENT, call_with(r, &views[i], (lms_view){buffer, 0}, false),
                  views[i].name, why);
        contrastive_assert_looks(r->search, &before);
    }
}

static void test_wrong_buffers(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_context *other = NULL;
    RIG_OK(lms_context_open(NULL, &other));
    const cl_mem foreign =
        rig_buffer(lms_context_cl_context(other), CL_MEM_READ_WRITE, 1 << 20);
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, 1 << 20);
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 20);
    RIG_OK(contrastive_begin(r, r->search, contrastive_select_of(0)));
    clFinish(r->queue);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    refuse_everywhere(r, foreign, -1, "another cl_context");
    refuse_everywhere(r, in, 1, "CL_MEM_READ_ONLY");
    refuse_everywhere(r, out, 0, "CL_MEM_WRITE_ONLY");
    clFinish(r->queue);
    contrastive_assert_poisoned(r);
    RIG_OK(contrastive_calls(r, r->search, CONTRASTIVE_FIRST_STEP, CONTRASTIVE_CALLS));
    contrastive_assert_expected(r);
    clReleaseMemObject(foreign);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
    lms_context_destroy(other);
}

static void test_images_are_no_buffers(void **state)
{
    const contrastive_api_rig *const r = *state;
    const cl_image_format format = {CL_RGBA, CL_UNSIGNED_INT32};
    cl_image_desc desc;
    cl_int code = CL_SUCCESS;
    cl_bool images = CL_FALSE;
    clGetDeviceInfo(lms_context_device(r->ctx), CL_DEVICE_IMAGE_SUPPORT, sizeof images, &images,
                    NULL);
    if (!images) skip();
    memset(&desc, 0, sizeof desc);
    desc.image_type = CL_MEM_OBJECT_IMAGE2D;
    desc.image_width = desc.image_height = 256;
    const cl_mem image =
        clCreateImage(r->context, CL_MEM_READ_WRITE, &format, &desc, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    reopen(r);
    refuse_everywhere(r, image, -1, "not a buffer, but a memory object of type 0x10f1");
    clReleaseMemObject(image);
}

/* Inputs are made read-only by the rig; outputs may be write-only. */
static void test_write_only_outputs(void **state)
{
    const contrastive_api_rig *const r = *state;
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 16);
    for (size_t i = 0; i < VIEWS; ++i) {
        if (!views[i].written) continue;
        reopen(r);
        RIG_OK(call_with(r, &views[i], (lms_view){out, 0}, false));
        clFinish(r->queue);
    }
    clReleaseMemObject(out);
}

/* --- How big ----------------------------------------------------------------------------- */

static lms_status call_with_bytes(const contrastive_api_rig *r, size_t i, size_t offset,
                                  size_t bytes)
{
    const lms_view given = {rig_buffer(r->context, CL_MEM_READ_WRITE, bytes), offset};
    const lms_status status = call_with(r, &views[i], given, true);
    clFinish(r->queue);
    clReleaseMemObject(given.buffer);
    return status;
}

static void test_exact_and_one_byte_less(void **state)
{
    static const size_t offsets[] = {0, 1, 1000};
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < VIEWS; ++i) {
        for (size_t k = 0; k < sizeof offsets / sizeof offsets[0]; ++k) {
            const view *const v = &views[i];
            const size_t bytes = (offsets[k] + v->elements) * v->element;
            reopen(r);
            const contrastive_view before = contrastive_look(r->search);
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with_bytes(r, i, offsets[k], bytes - 1), v->name,
                      "the buffer has");
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with_bytes(r, i, offsets[k], bytes - v->element),
                      v->name, "bytes need");
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with_bytes(r, i, offsets[k] + 1, bytes), v->name);
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with_bytes(r, i, SIZE_MAX, bytes), v->name);
            RIG_FAILS(LMS_E_BUFFER_SIZE, call_with_bytes(r, i, SIZE_MAX / 4, bytes), v->name);
            contrastive_assert_looks(r->search, &before);
            RIG_OK(call_with_bytes(r, i, offsets[k], bytes));
        }
    }
}

/* --- Where outputs land ------------------------------------------------------------------ */

/* An output with guards around it, and what is to be found there. */
typedef struct output {
    lms_view *view;
    size_t offset, count;
    const void *expected;
    cl_mem buffer;
} output;

static void make_output(const contrastive_api_rig *r, output *o)
{
    const size_t bytes = (2 * o->offset + o->count) * sizeof(cl_int);
    void *const guard = malloc(bytes);
    cl_int code = CL_SUCCESS;
    assert_non_null(guard);
    memset(guard, GUARD, bytes);
    o->buffer = clCreateBuffer(r->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes,
                               guard, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(guard);
}

static void check_output(const contrastive_api_rig *r, const output *o)
{
    const size_t bytes = (2 * o->offset + o->count) * sizeof(cl_int);
    unsigned char *const found = malloc(bytes);
    assert_non_null(found);
    assert_int_equal(
        clEnqueueReadBuffer(r->queue, o->buffer, CL_TRUE, 0, bytes, found, 0, NULL, NULL),
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
    const contrastive_api_rig *const r = *state;
    const contrastive_trace *const e = &r->expected;
    const uint32_t first = FIRST;
    const int32_t row = e->rows[0][2] - OLD + FIRST, next = (int32_t)e->next[0][2];
    int32_t tokens[K];
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
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
        *all[i].view = (lms_view){all[i].buffer, AT};
    }
    p.requests = b.requests = 1;
    p.slots = b.slots = &r->slots[2];
    p.first_rows = b.first_rows = &first;
    p.candidate_rows = b.candidate_rows = FIRST + K;
    p.logits.offset += 2 * CONTRASTIVE_VOCAB;
    b.tokens = p.tokens;
    b.probs = p.probs;
    b.hidden.offset += (OLD - FIRST) * CONTRASTIVE_WIDTH;
    RIG_OK(contrastive_begin(r, r->search, CONTRASTIVE_FIRST_STEP));
    RIG_OK(lms_contrastive_propose(r->search, r->queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->search, r->queue, &b, 0, NULL, NULL));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) check_output(r, &all[i]);
}

/* The same rows apart, with NaN between them. */
static cl_mem spread(const contrastive_api_rig *r, cl_mem from, size_t rows, size_t width,
                     size_t stride)
{
    cl_int code = CL_SUCCESS;
    float *const values = malloc(rows * stride * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < rows * stride; ++i) values[i] = NAN;
    for (size_t row = 0; row < rows; ++row) {
        assert_int_equal(
            clEnqueueReadBuffer(r->queue, from, CL_TRUE, row * width * sizeof *values,
                                width * sizeof *values, values + row * stride, 0, NULL, NULL),
            CL_SUCCESS);
    }
    const cl_mem made = clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                       rows * stride * sizeof *values, values, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(values);
    return made;
}

static void test_strides(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_contrastive_append_args s = contrastive_states(r);
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    s.row_stride = b.row_stride = STRIDE;
    p.row_stride = LOGITS_STRIDE;
    s.hidden.buffer = spread(r, r->states, CONTRASTIVE_PROMPT, CONTRASTIVE_WIDTH, STRIDE);
    p.logits.buffer =
        spread(r, r->logits, CONTRASTIVE_REQUESTS, CONTRASTIVE_VOCAB, LOGITS_STRIDE);
    b.hidden.buffer = spread(r, r->hidden, CONTRASTIVE_ROWS, CONTRASTIVE_WIDTH, STRIDE);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->search));
    RIG_OK(lms_contrastive_append(r->search, r->queue, &s, 0, NULL, NULL));
    RIG_OK(lms_contrastive_propose(r->search, r->queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->search, r->queue, &b, 0, NULL, NULL));
    /* What was appended by it shows in the rest of the search. */
    RIG_OK(contrastive_calls(r, r->search, contrastive_propose_of(1), CONTRASTIVE_CALLS));
    contrastive_assert_expected(r);
    clReleaseMemObject(s.hidden.buffer);
    clReleaseMemObject(p.logits.buffer);
    clReleaseMemObject(b.hidden.buffer);
}

/* What is not asked for makes no difference to the rest. */
static void test_optional_outputs(void **state)
{
    const contrastive_api_rig *const r = *state;
    for (unsigned bits = 0; bits < 1u << 6; ++bits) {
        contrastive_trace found, poison, expected = r->expected;
        RIG_OK(contrastive_close_all(r, r->search));
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        assert_int_equal(contrastive_read(r, &poison), CL_SUCCESS);
        for (unsigned call = 0; call < CONTRASTIVE_FORK; ++call) {
            lms_contrastive_propose_args p = contrastive_proposal(r, (call - 1) / 2);
            lms_contrastive_select_args b = contrastive_batch(r, (call - 1) / 2);
            if (!(bits & 1)) p.status.buffer = NULL;
            if (!(bits & 2)) b.scores.buffer = NULL;
            if (!(bits & 4)) b.penalties.buffer = NULL;
            if (!(bits & 8)) b.row_scores.buffer = NULL;
            if (!(bits & 16)) b.row_penalties.buffer = NULL;
            if (!(bits & 32)) b.status.buffer = NULL;
            if (call == 0) {
                RIG_OK(contrastive_begin(r, r->search, 1));
            } else if (call % 2) {
                RIG_OK(lms_contrastive_propose(r->search, r->queue, &p, 0, NULL, NULL));
            } else {
                RIG_OK(lms_contrastive_select(r->search, r->queue, &b, 0, NULL, NULL));
            }
        }
        assert_int_equal(contrastive_read(r, &found), CL_SUCCESS);
#define LEAVE(is_left, name)                                                                   \
    memcpy(expected.name[(is_left) ? 0 : CONTRASTIVE_FORK_STEP],                               \
           poison.name[(is_left) ? 0 : CONTRASTIVE_FORK_STEP],                                 \
           ((is_left) ? CONTRASTIVE_STEPS : CONTRASTIVE_STEPS - CONTRASTIVE_FORK_STEP) *       \
               sizeof poison.name[0])
        LEAVE(false, tokens);
        LEAVE(false, probs);
        LEAVE(false, next);
        LEAVE(false, rows);
        LEAVE(!(bits & 1), row_status);
        LEAVE(!(bits & 2), scores);
        LEAVE(!(bits & 4), penalties);
        LEAVE(!(bits & 8), row_scores);
        LEAVE(!(bits & 16), row_penalties);
        LEAVE(!(bits & 32), status);
#undef LEAVE
        contrastive_assert_same(&found, &expected);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_buffers),
        TEST(test_images_are_no_buffers),
        TEST(test_write_only_outputs),
        TEST(test_exact_and_one_byte_less),
        TEST(test_outputs),
        TEST(test_strides),
        TEST(test_optional_outputs),
    };
    return cmocka_run_group_tests_name("contrastive_buffers", tests, contrastive_setup,
                                       contrastive_teardown);
}
