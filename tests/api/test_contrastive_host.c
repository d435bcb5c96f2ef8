/* Contrastive search on arrays of the host: what its calls write is what the calls on buffers
 * write, into memory of exactly that size. */
#include "contrastive_host_rig.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    GAP = 3,
    SPREAD = CONTRASTIVE_ROWS + 6
};

/* Where requests have their candidates, not behind one another. */
static const uint32_t spread_rows[CONTRASTIVE_REQUESTS] = {1, 6, 13, 17};

static places dense(const contrastive_rig *r, size_t gap)
{
    const places p = {r->first_rows, CONTRASTIVE_ROWS, gap};
    return p;
}

static places spread(size_t gap)
{
    const places p = {spread_rows, SPREAD, gap};
    return p;
}

static void begin(const contrastive_rig *r, lms_contrastive *search, size_t gap)
{
    void *const states = prompt_states(r, gap);
    const lms_contrastive_append_host_args h = append_host(r, states, gap);
    RIG_OK(contrastive_open_all(r, search));
    RIG_OK(lms_contrastive_append_host(search, &h));
    free(states);
}

/* The scenario, whole. */
static void search_all(const contrastive_rig *r, lms_contrastive *search, places p)
{
    begin(r, search, p.gap);
    for (unsigned step = 0; step < CONTRASTIVE_STEPS; ++step) {
        const step_arrays a = step_arrays_new(r, step, &p);
        const lms_contrastive_propose_host_args propose = propose_host(r, step, &a, &p);
        const lms_contrastive_select_host_args choose = select_host(r, step, &a, &p);
        if (step == CONTRASTIVE_FORK_STEP) {
            RIG_OK(lms_contrastive_fork_host(search, r->slots[0], r->slots[CONTRASTIVE_PARENTS],
                                             &r->params[CONTRASTIVE_PARENTS]));
        }
        RIG_OK(lms_contrastive_propose_host(search, &propose));
        assert_proposal(r, step, &a, &p);
        RIG_OK(lms_contrastive_select_host(search, &choose));
        assert_choice(r, step, &a, &p);
        step_arrays_free(&a);
    }
    RIG_OK(object_end(&r->base, search));
}

static void test_layouts(void **state)
{
    const contrastive_rig *const r = *state;
    search_all(r, r->base.object, dense(r, 0));
    search_all(r, r->base.object, dense(r, GAP));
    search_all(r, r->base.object, spread(0));
    search_all(r, r->base.object, spread(GAP));
}

static void test_types(void **state)
{
    for (int t = LMS_FLOAT32; t <= LMS_BFLOAT16; ++t) {
        for (int token = LMS_INT32; token <= LMS_INT64; ++token) {
            object_desc desc = {.contrastive = contrastive_desc()};
            desc.contrastive.logits = (lms_dtype)t;
            desc.contrastive.hidden = (lms_dtype)(1 + t % 3);
            desc.contrastive.tokens = (lms_token_type)token;
            object_rig *const other = object_beside(*state, &desc);
            const contrastive_rig *const r = (const contrastive_rig *)(const void *)other;
            desc.contrastive.max_in_flight = 1; /* each call is over when it returns */
            lms_contrastive *const search = object_new(other, &desc);
            search_all(r, search, spread(GAP));
            lms_contrastive_destroy(search);
            object_close(other);
            free(other);
        }
    }
}

/* What is not wanted is not written. */
static void test_any_outputs(void **state)
{
    const contrastive_rig *const r = *state;
    const places p = dense(r, 0);
    for (unsigned wanted = 0; wanted < 64; ++wanted) {
        const step_arrays a = step_arrays_new(r, 0, &p);
        lms_contrastive_propose_host_args propose = propose_host(r, 0, &a, &p);
        lms_contrastive_select_host_args choose = select_host(r, 0, &a, &p);
        if (!(wanted & 1)) propose.status = NULL;
        if (!(wanted & 2)) choose.scores = NULL;
        if (!(wanted & 4)) choose.penalties = NULL;
        if (!(wanted & 8)) choose.row_scores = NULL;
        if (!(wanted & 16)) choose.row_penalties = NULL;
        if (!(wanted & 32)) choose.status = NULL;
        begin(r, r->base.object, 0);
        RIG_OK(lms_contrastive_propose_host(r->base.object, &propose));
        RIG_OK(lms_contrastive_select_host(r->base.object, &choose));
        assert_int_equal(is_poison(a.row_status, CONTRASTIVE_PARENTS * 4), !(wanted & 1));
        assert_int_equal(is_poison(a.scores, CONTRASTIVE_PARENTS * 4), !(wanted & 2));
        assert_int_equal(is_poison(a.penalties, CONTRASTIVE_PARENTS * 4), !(wanted & 4));
        assert_int_equal(is_poison(a.row_scores, CONTRASTIVE_ROWS * 4), !(wanted & 8));
        assert_int_equal(is_poison(a.row_penalties, CONTRASTIVE_ROWS * 4), !(wanted & 16));
        assert_int_equal(is_poison(a.status, CONTRASTIVE_PARENTS * 4), !(wanted & 32));
        assert_memory_equal(a.chosen, r->expected.rows[0], CONTRASTIVE_PARENTS * 4);
        RIG_OK(object_end(&r->base, r->base.object));
        step_arrays_free(&a);
    }
}

/* Threads that have a search each share the context, and its queue. */
static void *search_often(void *shared)
{
    const contrastive_rig *const r = shared;
    for (int i = 0; i < 5; ++i) search_all(r, r->base.object, dense(r, GAP));
    return NULL;
}

static void test_two_threads(void **state)
{
    const object_desc desc = {.contrastive = contrastive_desc()};
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
    return cmocka_run_group_tests_name("contrastive search on arrays", tests, contrastive_setup,
                                       object_teardown);
}
