/* Which buffers a beam search takes, and where in them its outputs land. */
#include "beam_rig.h"

#include <stdlib.h>

enum {
    GUARD = 0x5a
};

/* A view of a step or of results, and whether the call writes there. */
typedef struct view {
    const char *name;
    bool of_step;
    size_t at;
    bool written;
} view;
#define IN_STEP(name, written)                                                                 \
    {                                                                                          \
#name ": ", true, offsetof(lms_beam_step_args, name), written                          \
    }
#define IN_RESULTS(name)                                                                       \
    {                                                                                          \
#name ": ", false, offsetof(lms_beam_results_args, name), true                         \
    }
static const view views[] = {
    IN_STEP(logits, false),     IN_STEP(parents, true),      IN_STEP(tokens, true),
    IN_STEP(scores, true),      IN_STEP(scores_fixed, true), IN_STEP(done, true),
    IN_STEP(status, true),      IN_RESULTS(counts),          IN_RESULTS(lengths),
    IN_RESULTS(tokens),         IN_RESULTS(scores),          IN_RESULTS(logprobs),
    IN_RESULTS(token_logprobs), IN_RESULTS(beams),
};
enum {
    VIEWS = sizeof views / sizeof views[0]
};

/* A good call, but for one view. */
static lms_status call_with(const beam_rig *r, const view *v, cl_mem buffer)
{
    lms_beam_step_args b = beam_batch(r, 0);
    lms_beam_results_args o = beam_output(r);
    char *const call = v->of_step ? (char *)&b : (char *)&o;
    ((lms_view *)(void *)(call + v->at))->buffer = buffer;
    return v->of_step ? lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL)
                      : lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL);
}

/* Puts a buffer into each place in turn: those that are written, those that are read, or (-1)
 * all. */
static void refuse_everywhere(const beam_rig *r, cl_mem buffer, int written, const char *why)
{
    for (size_t i = 0; i < VIEWS; ++i) {
        if (written >= 0 && views[i].written != (written != 0)) continue;
        RIG_FAILS(LMS_E_ARGUMENT, call_with(r, &views[i], buffer), views[i].name, why);
    }
}

static void test_wrong_buffers(void **state)
{
    const beam_rig *const r = *state;
    lms_context *other = NULL;
    RIG_OK(lms_context_open(NULL, &other));
    const cl_mem foreign =
        rig_buffer(lms_context_cl_context(other), CL_MEM_READ_WRITE, 1 << 20);
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, 1 << 20);
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 20);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    refuse_everywhere(r, foreign, -1, "another cl_context");
    refuse_everywhere(r, in, 1, "CL_MEM_READ_ONLY");
    refuse_everywhere(r, out, 0, "CL_MEM_WRITE_ONLY");
    clFinish(r->queue);
    beam_assert_poisoned(r);
    RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP, BEAM_CALLS));
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
    clReleaseMemObject(foreign);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
    lms_context_destroy(other);
}

static void test_images_are_no_buffers(void **state)
{
    const beam_rig *const r = *state;
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
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    refuse_everywhere(r, image, -1, "not a buffer, but a memory object of type 0x10f1");
    RIG_OK(beam_close_all(r, r->beam));
    clReleaseMemObject(image);
}

/* Logits are made read-only by the rig; outputs may be write-only. */
static void test_write_only_outputs(void **state)
{
    const beam_rig *const r = *state;
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 16);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    for (size_t i = 1; i < VIEWS; ++i) {
        RIG_OK(call_with(r, &views[i], out));
        clFinish(r->queue);
    }
    RIG_OK(beam_close_all(r, r->beam));
    clReleaseMemObject(out);
}

/* --- Where outputs land ------------------------------------------------------------------ */

/* Room for an output with guards around, and what is to be found there. */
typedef struct output {
    lms_view view;
    size_t element, elements; /* those that belong to the call, `stride` apart in `rows` rows */
    size_t rows, stride;
    const void *expected; /* dense */
} output;

static void make_output(const beam_rig *r, output *o)
{
    const size_t bytes = (2 * o->view.offset + o->rows * o->stride) * o->element;
    void *const guard = malloc(bytes);
    cl_int code = CL_SUCCESS;
    assert_non_null(guard);
    memset(guard, GUARD, bytes);
    o->view.buffer = clCreateBuffer(r->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes,
                                    guard, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(guard);
}

static void check_output(const beam_rig *r, const output *o)
{
    const size_t bytes = (2 * o->view.offset + o->rows * o->stride) * o->element;
    unsigned char *const found = malloc(bytes);
    assert_non_null(found);
    assert_int_equal(
        clEnqueueReadBuffer(r->queue, o->view.buffer, CL_TRUE, 0, bytes, found, 0, NULL, NULL),
        CL_SUCCESS);
    for (size_t row = 0; row < o->rows; ++row) {
        unsigned char *const at = found + (o->view.offset + row * o->stride) * o->element;
        const size_t size = o->elements * o->element;
        assert_memory_equal(at, (const char *)o->expected + row * size, size);
        memset(at, GUARD, size);
    }
    for (size_t i = 0; i < bytes; ++i) assert_int_equal(found[i], GUARD);
    clReleaseMemObject(o->view.buffer);
    free(found);
}

static void narrow(const int64_t *wide, size_t count, int32_t *out)
{
    for (size_t i = 0; i < count; ++i) out[i] = (int32_t)wide[i];
}

/* A first step of the last request alone, in rows in the midst of others. Its own results move
 * by as much as its rows do. */
static void test_outputs_of_a_step(void **state)
{
    enum {
        AT = 13,
        FIRST = 5,
        WIDTH = 3,
        OLD = 8 /* its row in the rig's batches */
    };
    const beam_rig *const r = *state;
    const beam_trace *const e = &r->expected;
    const uint32_t first = FIRST;
    int32_t parents[WIDTH], tokens[WIDTH];
    lms_beam_step_args b = beam_batch(r, 0);
    for (size_t i = 0; i < WIDTH; ++i) parents[i] = e->parents[0][OLD + i] - OLD + FIRST;
    narrow(&e->tokens[0][OLD], WIDTH, tokens);
    output all[] = {
        {{NULL, AT + FIRST}, 4, WIDTH, 1, WIDTH, parents},
        {{NULL, AT + FIRST}, 4, WIDTH, 1, WIDTH, tokens},
        {{NULL, AT + FIRST}, 4, WIDTH, 1, WIDTH, &e->scores[0][OLD]},
        {{NULL, AT + FIRST}, 8, WIDTH, 1, WIDTH, &e->fixed[0][OLD]},
        {{NULL, AT}, 4, 1, 1, 1, &e->done[0][2]},
        {{NULL, AT}, 4, 1, 1, 1, &e->status[0][2]},
    };
    lms_view *const targets[] = {&b.parents,      &b.tokens, &b.scores,
                                 &b.scores_fixed, &b.done,   &b.status};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        make_output(r, &all[i]);
        *targets[i] = all[i].view;
        if (i < 4) targets[i]->offset -= FIRST;
    }
    b.requests = 1;
    b.slots = &r->slots[2];
    b.first_rows = &first;
    b.logits.offset += (OLD - FIRST) * BEAM_VOCAB;
    b.logits_rows = FIRST + WIDTH;
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
    RIG_OK(beam_close_all(r, r->beam));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) check_output(r, &all[i]);
}

static void test_outputs_of_results(void **state)
{
    enum {
        AT = 11,
        STRIDE = BEAM_STEPS + 5
    };
    const beam_rig *const r = *state;
    const beam_trace *const e = &r->expected;
    int32_t tokens[BEAM_SEQUENCES * BEAM_STEPS];
    lms_beam_results_args o = beam_output(r);
    narrow(e->sequences[0], BEAM_SEQUENCES * BEAM_STEPS, tokens);
    output all[] = {
        {{NULL, AT}, 4, BEAM_REQUESTS, 1, BEAM_REQUESTS, e->counts},
        {{NULL, AT}, 4, BEAM_SEQUENCES, 1, BEAM_SEQUENCES, e->lengths},
        {{NULL, AT}, 4, BEAM_STEPS, BEAM_SEQUENCES, STRIDE, tokens},
        {{NULL, AT}, 4, BEAM_SEQUENCES, 1, BEAM_SEQUENCES, e->ratings},
        {{NULL, AT}, 4, BEAM_SEQUENCES, 1, BEAM_SEQUENCES, e->logprobs},
        {{NULL, AT}, 4, BEAM_STEPS, BEAM_SEQUENCES, STRIDE, e->token_logprobs},
        {{NULL, AT}, 4, BEAM_STEPS, BEAM_SEQUENCES, STRIDE, e->beams},
    };
    lms_view *const targets[] = {&o.counts,   &o.lengths,        &o.tokens, &o.scores,
                                 &o.logprobs, &o.token_logprobs, &o.beams};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        make_output(r, &all[i]);
        *targets[i] = all[i].view;
    }
    o.token_stride = STRIDE;
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_RESULTS));
    RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL));
    RIG_OK(beam_close_all(r, r->beam));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) check_output(r, &all[i]);
}

/* What is not asked for makes no difference to the rest. */
static void test_optional_outputs(void **state)
{
    const beam_rig *const r = *state;
    const beam_trace *const e = &r->expected;
    for (unsigned bits = 0; bits < 1u << 7; ++bits) {
        beam_trace found, poison;
        lms_beam_results_args o = beam_output(r);
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        assert_int_equal(beam_read(r, &poison), CL_SUCCESS);
        RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
        for (unsigned step = 0; step < BEAM_STEPS; ++step) {
            lms_beam_step_args b = beam_batch(r, step);
            if (!(bits & 1)) b.scores.buffer = NULL;
            if (!(bits & 2)) b.scores_fixed.buffer = NULL;
            if (!(bits & 4)) b.status.buffer = NULL;
            RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
        }
        if (!(bits & 8)) o.scores.buffer = NULL;
        if (!(bits & 16)) o.logprobs.buffer = NULL;
        if (!(bits & 32)) o.token_logprobs.buffer = NULL;
        if (!(bits & 64)) o.beams.buffer = NULL;
        RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL));
        RIG_OK(beam_close_all(r, r->beam));
        beam_trace expected = *e;
#define LEAVE(bit, name)                                                                       \
    if (!(bits & (bit))) memcpy(expected.name, poison.name, sizeof expected.name)
        LEAVE(1, scores);
        LEAVE(2, fixed);
        LEAVE(4, status);
        LEAVE(8, ratings);
        LEAVE(16, logprobs);
        LEAVE(32, token_logprobs);
        LEAVE(64, beams);
#undef LEAVE
        assert_int_equal(beam_read(r, &found), CL_SUCCESS);
        beam_assert_same(&found, &expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_buffers),      cmocka_unit_test(test_images_are_no_buffers),
        cmocka_unit_test(test_write_only_outputs), cmocka_unit_test(test_outputs_of_a_step),
        cmocka_unit_test(test_outputs_of_results), cmocka_unit_test(test_optional_outputs),
    };
    return cmocka_run_group_tests_name("beam_buffers", tests, beam_setup, beam_teardown);
}
