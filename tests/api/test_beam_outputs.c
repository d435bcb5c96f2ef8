/* Where in its buffers the outputs of a beam search land, and that nothing beside them is
 * written. */
#include "calls/beam_object.h"

#include <stdlib.h>

enum {
    GUARD = 0x5a
};

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
    o->view.buffer = clCreateBuffer(r->base.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                    bytes, guard, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(guard);
}

static void check_output(const beam_rig *r, const output *o)
{
    const size_t bytes = (2 * o->view.offset + o->rows * o->stride) * o->element;
    unsigned char *const found = malloc(bytes);
    assert_non_null(found);
    assert_int_equal(clEnqueueReadBuffer(r->base.queue, o->view.buffer, CL_TRUE, 0, bytes,
                                         found, 0, NULL, NULL),
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
    lms_beam_step_args b = beam_step_args(r, 0);
    for (size_t i = 0; i < WIDTH; ++i) parents[i] = e->parents[0][OLD + i] - OLD + FIRST;
    narrow(&e->tokens[0][OLD], WIDTH, tokens);
    output all[] = {
        {{NULL, AT + FIRST, NULL}, 4, WIDTH, 1, WIDTH, parents},
        {{NULL, AT + FIRST, NULL}, 4, WIDTH, 1, WIDTH, tokens},
        {{NULL, AT + FIRST, NULL}, 4, WIDTH, 1, WIDTH, &e->scores[0][OLD]},
        {{NULL, AT + FIRST, NULL}, 8, WIDTH, 1, WIDTH, &e->fixed[0][OLD]},
        {{NULL, AT, NULL}, 4, 1, 1, 1, &e->done[0][2]},
        {{NULL, AT, NULL}, 4, 1, 1, 1, &e->status[0][2]},
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
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    RIG_OK(object_end(&r->base, r->base.object));
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
    lms_beam_results_args o = beam_results_args(r);
    narrow(e->sequences[0], BEAM_SEQUENCES * BEAM_STEPS, tokens);
    output all[] = {
        {{NULL, AT, NULL}, 4, BEAM_REQUESTS, 1, BEAM_REQUESTS, e->counts},
        {{NULL, AT, NULL}, 4, BEAM_SEQUENCES, 1, BEAM_SEQUENCES, e->lengths},
        {{NULL, AT, NULL}, 4, BEAM_STEPS, BEAM_SEQUENCES, STRIDE, tokens},
        {{NULL, AT, NULL}, 4, BEAM_SEQUENCES, 1, BEAM_SEQUENCES, e->ratings},
        {{NULL, AT, NULL}, 4, BEAM_SEQUENCES, 1, BEAM_SEQUENCES, e->logprobs},
        {{NULL, AT, NULL}, 4, BEAM_STEPS, BEAM_SEQUENCES, STRIDE, e->token_logprobs},
        {{NULL, AT, NULL}, 4, BEAM_STEPS, BEAM_SEQUENCES, STRIDE, e->beams},
    };
    lms_view *const targets[] = {&o.counts,   &o.lengths,        &o.tokens, &o.scores,
                                 &o.logprobs, &o.token_logprobs, &o.beams};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        make_output(r, &all[i]);
        *targets[i] = all[i].view;
    }
    o.token_stride = STRIDE;
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_RESULTS));
    RIG_OK(lms_beam_results(r->base.object, r->base.queue, &o, 0, NULL, NULL));
    RIG_OK(object_end(&r->base, r->base.object));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) check_output(r, &all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs_of_a_step),
        cmocka_unit_test(test_outputs_of_results),
    };
    return cmocka_run_group_tests_name("beam_outputs", tests, beam_setup, object_teardown);
}
