/* Beam search on arrays of the host: what its calls write is what the calls on buffers write,
 * into memory of exactly that size. */
#include "beam_host_rig.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    GAP = 3,               /* elements between rows of logits */
    SPREAD = BEAM_ROWS + 4 /* rows, of which some are nobody's */
};

/* Where requests have their rows, not behind one another. */
static const uint32_t spread_rows[BEAM_REQUESTS] = {1, 6, 11};

/* The scenario, whole, with rows at `firsts`. */
static void search(const beam_rig *r, lms_beam *beam, const uint32_t *firsts, size_t rows,
                   size_t gap)
{
    open_all(r, beam);
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        arrays a = arrays_new(r, rows);
        a.logits = logits_of(r, step, firsts, rows, gap);
        void *const before = logits_of(r, step, firsts, rows, gap);
        lms_beam_step_host_args h = step_args(r, &a);
        h.first_rows = firsts;
        h.row_stride = gap > 0 ? BEAM_VOCAB + gap : 0;
        RIG_OK(lms_beam_step_host(beam, &h));
        assert_step(r, &a, step, firsts);
        assert_memory_equal(a.logits, before, BEAM_VOCAB);
        free(before);
        arrays_free(&a);
    }
    const arrays a = arrays_new(r, rows);
    const lms_beam_results_host_args h = results_args(r, &a);
    RIG_OK(lms_beam_results_host(beam, &h));
    assert_results(r, &a);
    arrays_free(&a);
    RIG_OK(object_end(&r->base, beam));
}

static void test_layouts(void **state)
{
    const beam_rig *const r = *state;
    search(r, r->base.object, r->first_rows, BEAM_ROWS, 0);
    search(r, r->base.object, r->first_rows, BEAM_ROWS, GAP);
    search(r, r->base.object, spread_rows, SPREAD, 0);
    search(r, r->base.object, spread_rows, SPREAD, GAP);
}

static void test_types(void **state)
{
    for (int t = LMS_FLOAT32; t <= LMS_BFLOAT16; ++t) {
        for (int token = LMS_INT32; token <= LMS_INT64; ++token) {
            object_desc desc = {.beam = beam_desc()};
            desc.beam.logits = (lms_dtype)t;
            desc.beam.tokens = (lms_token_type)token;
            object_rig *const other = object_beside(*state, &desc);
            const beam_rig *const r = (const beam_rig *)(const void *)other;
            desc.beam.max_in_flight = 1; /* each call is over when it returns */
            lms_beam *const beam = object_new(other, &desc);
            search(r, beam, spread_rows, SPREAD, GAP);
            lms_beam_destroy(beam);
            object_close(other);
            free(other);
        }
    }
}

/* What is not wanted is not written. */
static void test_any_outputs(void **state)
{
    const beam_rig *const r = *state;
    for (unsigned wanted = 0; wanted < 16; ++wanted) {
        arrays a = arrays_new(r, BEAM_ROWS);
        a.logits = logits_of(r, 0, r->first_rows, BEAM_ROWS, 0);
        lms_beam_step_host_args h = step_args(r, &a);
        lms_beam_results_host_args o = results_args(r, &a);
        if (!(wanted & 1)) h.scores = o.scores = NULL;
        if (!(wanted & 2)) h.scores_fixed = NULL, o.logprobs = NULL;
        if (!(wanted & 4)) h.status = NULL, o.token_logprobs = NULL;
        if (!(wanted & 8)) o.beams = NULL;
        open_all(r, r->base.object);
        RIG_OK(lms_beam_step_host(r->base.object, &h));
        RIG_OK(lms_beam_results_host(r->base.object, &o));
        assert_int_equal(is_poison(a.scores, BEAM_ROWS * 4), !(wanted & 1));
        assert_int_equal(is_poison(a.ratings, BEAM_SEQUENCES * 4), !(wanted & 1));
        assert_int_equal(is_poison(a.fixed, BEAM_ROWS * 8), !(wanted & 2));
        assert_int_equal(is_poison(a.logprobs, BEAM_SEQUENCES * 4), !(wanted & 2));
        assert_int_equal(is_poison(a.status, BEAM_REQUESTS * 4), !(wanted & 4));
        assert_int_equal(is_poison(a.token_logprobs, results_bytes(4)), !(wanted & 4));
        assert_int_equal(is_poison(a.beams, results_bytes(4)), !(wanted & 8));
        assert_memory_equal(a.parents, r->expected.parents[0], sizeof r->expected.parents[0]);
        RIG_OK(object_end(&r->base, r->base.object));
        arrays_free(&a);
    }
}

/* Threads that have a search each share the context, and its queue. */
static void *search_often(void *shared)
{
    const beam_rig *const r = shared;
    for (int i = 0; i < 5; ++i) search(r, r->base.object, r->first_rows, BEAM_ROWS, GAP);
    return NULL;
}

static void test_two_threads(void **state)
{
    const object_desc desc = {.beam = beam_desc()};
    object_rig *const other = object_beside(*state, &desc);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, search_often, other), 0);
    search_often(*state);
    assert_int_equal(pthread_join(thread, NULL), 0);
    object_close(other);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_any_outputs),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests_name("beam search on arrays", tests, beam_setup,
                                       object_teardown);
}
