/* Positions that were never written: their calls were terminated, or there was no candidate.
 * They take no part, that is said, and nothing else is different. */
#include "calls/contrastive_object.h"
#include "hooks.h"

#include "contrastive/contrastive.h" /* of host/ */

#include <math.h>

/* A request's choice, of what is proposed from one row of logits, in rows 0 .. 4. */
typedef struct choice {
    float row_scores[CONTRASTIVE_K], row_penalties[CONTRASTIVE_K];
    float score, penalty;
    int64_t next;
    int32_t row;
    uint32_t status;
} choice;

static const lms_contrastive_params usual = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, CONTRASTIVE_K);

static int close_all(void **state)
{
    const contrastive_rig *const r = *state;
    hook_reset();
    return object_end(&r->base, r->base.object) == LMS_OK ? 0 : -1;
}

static void append_rows(const contrastive_rig *r, uint32_t slot, uint32_t first, uint32_t count)
{
    const lms_contrastive_append_args s = {.requests = 1,
                                           .slots = &slot,
                                           .counts = &count,
                                           .first_rows = &first,
                                           .hidden = {r->states, 0}};
    RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
}

/* As if the call were terminated: by a wait list that failed, say. (Not by one that does so in
 * earnest: pocl ends the process then.) */
static void append_nothing(const contrastive_rig *r, uint32_t slot, uint32_t count)
{
    hook_reset();
    hook_drop_kernels();
    append_rows(r, slot, 0, count);
    hook_reset();
}

static void propose(const contrastive_rig *r, uint32_t slot, const int32_t *index)
{
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    p.requests = 1;
    p.slots = &slot;
    p.index = index;
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
}

static void select_from(const contrastive_rig *r, uint32_t slot, unsigned step)
{
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    b.requests = 1;
    b.slots = &slot;
    b.hidden.offset = (size_t)step * CONTRASTIVE_ROWS * CONTRASTIVE_WIDTH;
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
}

static choice choose(const contrastive_rig *r, uint32_t slot, unsigned step)
{
    contrastive_trace found;
    choice c;
    memset(&c, 0, sizeof c);
    propose(r, slot, NULL);
    select_from(r, slot, step);
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    memcpy(c.row_scores, found.row_scores[0], sizeof c.row_scores);
    memcpy(c.row_penalties, found.row_penalties[0], sizeof c.row_penalties);
    c.score = found.scores[0][0];
    c.penalty = found.penalties[0][0];
    c.next = found.next[0][0];
    c.row = found.rows[0][0];
    c.status = found.status[0][0];
    return c;
}

/* The same choice, but for the status. */
static void assert_same(choice a, choice b, uint32_t status_a, uint32_t status_b)
{
    assert_int_equal(a.status, status_a);
    assert_int_equal(b.status, status_b);
    a.status = b.status = 0;
    assert_memory_equal(&a, &b, sizeof a);
}

static uint32_t length_of(const contrastive_rig *r, uint32_t slot)
{
    uint32_t length = 0;
    RIG_OK(lms_contrastive_length(r->base.object, slot, &length));
    return length;
}

/* Steps of both contexts, which have the same positions but for those that one lacks. */
static void go_on(const contrastive_rig *r, uint32_t a, uint32_t b, uint32_t status_a,
                  uint32_t status_b)
{
    for (unsigned step = 0; step < CONTRASTIVE_STEPS; ++step) {
        const choice chosen = choose(r, a, step), other = choose(r, b, step);
        assert_same(chosen, other, status_a, status_b);
    }
}

static void test_terminated_appends(void **state)
{
    const contrastive_rig *const r = *state;
    lms_contrastive_params late = usual;
    RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
    RIG_OK(lms_contrastive_open(r->base.object, 1, &usual));
    append_rows(r, 0, 0, 10);
    append_nothing(r, 0, 25); /* into the next page */
    append_rows(r, 0, 40, 20);
    append_rows(r, 1, 0, 10);
    append_rows(r, 1, 40, 20);
    assert_int_equal(length_of(r, 0), 55);
    assert_int_equal(length_of(r, 1), 30);
    go_on(r, 0, 1, LMS_CHOICE_EMPTY_STATE, 0);
    /* What is not in the range is not said. */
    late.context_begin = 35;
    RIG_OK(lms_contrastive_update(r->base.object, 0, &late));
    late.context_begin = 10;
    RIG_OK(lms_contrastive_update(r->base.object, 1, &late));
    go_on(r, 0, 1, 0, 0);
}

/* Pages that another context has left behind are empty. */
static void test_nothing_of_earlier_contexts(void **state)
{
    const contrastive_rig *const r = *state;
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        RIG_OK(lms_contrastive_open(r->base.object, slot, &usual));
        append_rows(r, slot, slot, 64);
    }
    assert_int_equal(lms_contrastive_room(r->base.object), 0);
    RIG_OK(object_end(&r->base, r->base.object));
    RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
    RIG_OK(lms_contrastive_open(r->base.object, 1, &usual));
    append_nothing(r, 0, 50);
    const choice empty = choose(r, 1, 0);
    assert_true(empty.penalty == 0.0f);
    assert_same(choose(r, 0, 0), empty, LMS_CHOICE_EMPTY_STATE, 0);
    go_on(r, 0, 1, LMS_CHOICE_EMPTY_STATE, 0);
}

/* Nothing is written of a context from `end` on: candidates that are the states which a failed
 * call was to write, the rig's first ones, have no penalty. */
static void assert_empty_from(const contrastive_rig *r, uint32_t slot, uint32_t end)
{
    lms_contrastive_params late = usual;
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    contrastive_trace found;
    late.context_begin = end;
    RIG_OK(lms_contrastive_update(r->base.object, slot, &late));
    propose(r, slot, NULL);
    b.requests = 1;
    b.slots = &slot;
    b.hidden = (lms_view){r->states, 0, NULL};
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    assert_true(found.penalties[0][0] == 0.0f);
    assert_int_equal(found.status[0][0], LMS_CHOICE_EMPTY_STATE);
}

/* A search of its own, so that it is known where pages are. Slot 0 with 10 positions in the
 * first buffer of three pages; slot 1 with the other two of them, and 5 positions in the
 * second. */
static contrastive_rig in_two_buffers(const contrastive_rig *r)
{
    contrastive_rig own = *r;
    own.base.object = object_new(&r->base, &r->base.desc);
    RIG_OK(lms_contrastive_open(own.base.object, 0, &usual));
    RIG_OK(lms_contrastive_open(own.base.object, 1, &usual));
    append_rows(&own, 0, 50, 10);
    append_rows(&own, 1, 40, 69);
    return own;
}

/* The failed call's states are in the buffer whose launch has succeeded; the calls behind it
 * are to write over them, but come to nothing. */
static void test_terminated_after_a_failed_append(void **state)
{
    const contrastive_rig own = in_two_buffers(*state), *const r = &own;
    const uint32_t slot = 0, count = 40;
    const lms_contrastive_append_args s = {
        .requests = 1, .slots = &slot, .counts = &count, .hidden = {r->states, 0}};
    hook_reset();
    hook_fail("clEnqueueNDRangeKernel", 2, CL_OUT_OF_RESOURCES);
    RIG_FAILS(CL_OUT_OF_RESOURCES,
              lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL), "");
    assert_true(hook_failed());
    assert_int_equal(length_of(r, 0), 10);
    append_nothing(r, 0, 5);
    assert_empty_from(r, 0, 10);
    lms_contrastive_destroy(own.base.object);
}

/* The same of the states that a select appends. */
static void test_terminated_after_a_failed_select(void **state)
{
    static const uint32_t both[] = {0, 1}, rows[] = {0, 5};
    const contrastive_rig own = in_two_buffers(*state), *const r = &own;
    lms_contrastive_params late = usual;
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    late.context_begin = 1000; /* no scan */
    for (uint32_t slot = 0; slot < 2; ++slot) {
        RIG_OK(lms_contrastive_update(r->base.object, slot, &late));
    }
    p.requests = b.requests = 2;
    p.slots = b.slots = both;
    p.first_rows = b.first_rows = rows;
    b.hidden = (lms_view){r->states, 0, NULL};
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    clFinish(r->base.queue);
    hook_reset();
    hook_fail("clEnqueueNDRangeKernel", 4,
              CL_OUT_OF_RESOURCES); /* candidates, choose, append */
    RIG_FAILS(CL_OUT_OF_RESOURCES,
              lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL), "");
    assert_true(hook_failed());
    assert_int_equal(length_of(r, 0), 10);
    hook_reset();
    hook_drop_kernels();
    propose(r, 0, NULL);
    select_from(r, 0, 0);
    hook_reset();
    assert_int_equal(length_of(r, 0), 11);
    assert_empty_from(r, 0, 10);
    lms_contrastive_destroy(own.base.object);
}

/* Pages that have been taken so often that their serials are at their end, and begin again with
 * that of a page which was never written. */
static void test_serials_begin_again(void **state)
{
    contrastive_rig own = *(const contrastive_rig *)*state, *const r = &own;
    for (uint32_t before = 0; before < 3; ++before) {
        own.base.object = object_new(&r->base, &r->base.desc);
        for (uint32_t i = 0; i < ((lms_contrastive *)own.base.object)->pages.count; ++i) {
            ((lms_contrastive *)own.base.object)->pages.serials[i] = UINT32_MAX - before;
        }
        for (unsigned life = 0; life < 3; ++life) {
            RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
            append_nothing(r, 0, 40);
            assert_empty_from(r, 0, 0);
            RIG_OK(lms_contrastive_close(r->base.object, 0));
            object_assert_good(&r->base, r->base.object);
        }
        lms_contrastive_destroy(own.base.object);
    }
}

/* Its outputs are not written, its position stays empty; that does not stop the request. */
static void test_terminated_selects(void **state)
{
    const contrastive_rig *const r = *state;
    RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
    RIG_OK(lms_contrastive_open(r->base.object, 1, &usual));
    append_rows(r, 0, 0, 31);
    append_rows(r, 1, 0, 31);
    for (unsigned i = 0; i < 3; ++i) { /* the last of a page, and the first of the next */
        propose(r, 0, NULL);
        clFinish(r->base.queue);
        hook_reset();
        hook_drop_kernels();
        select_from(r, 0, i);
        hook_reset();
    }
    assert_int_equal(length_of(r, 0), 34);
    go_on(r, 0, 1, LMS_CHOICE_EMPTY_STATE, 0);
}

/* No candidate: no token, no row to go on with, and an empty position. */
static void test_no_candidates(void **state)
{
    const int32_t none = LMS_SKIP_ROW;
    const contrastive_rig *const r = *state;
    contrastive_trace found;
    RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
    RIG_OK(lms_contrastive_open(r->base.object, 1, &usual));
    append_rows(r, 0, 0, 20);
    append_rows(r, 1, 0, 20);
    for (unsigned i = 0; i < 2; ++i) {
        propose(r, 0, &none);
        select_from(r, 0, 0);
        assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
        assert_int_equal(found.row_status[0][0], LMS_ROW_SKIPPED);
        for (size_t row = 0; row < CONTRASTIVE_K; ++row) {
            assert_int_equal(found.tokens[0][row], LMS_NO_TOKEN);
            assert_true(found.probs[0][row] == 0.0f);
            assert_true(isnan(found.row_scores[0][row]));
            assert_true(isnan(found.row_penalties[0][row]));
        }
        assert_int_equal(found.next[0][0], LMS_NO_TOKEN);
        assert_int_equal(found.rows[0][0], LMS_SKIP_ROW);
        assert_true(isnan(found.scores[0][0]) && isnan(found.penalties[0][0]));
        assert_int_equal(found.status[0][0] & LMS_CHOICE_NONE, LMS_CHOICE_NONE);
        assert_int_equal(length_of(r, 0), 21 + i);
    }
    go_on(r, 0, 1, LMS_CHOICE_EMPTY_STATE, 0);
}

/* Forks have the empty positions of their parents, whether shared or copied. */
static void test_forks_of_empty_positions(void **state)
{
    const contrastive_rig *const r = *state;
    RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
    append_rows(r, 0, 0, 10);
    append_nothing(r, 0, 30);
    append_rows(r, 0, 60, 10);
    RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, 0, 1, NULL, 0, NULL, NULL));
    go_on(r, 0, 1, LMS_CHOICE_EMPTY_STATE, LMS_CHOICE_EMPTY_STATE);
    RIG_OK(lms_contrastive_close(r->base.object, 0));
    append_rows(r, 1, 0, 3);
    RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, 1, 2, NULL, 0, NULL, NULL));
    go_on(r, 1, 2, LMS_CHOICE_EMPTY_STATE, LMS_CHOICE_EMPTY_STATE);
}

/* A fork that was terminated lacks the page that was to be copied, and its parent nothing. */
static void test_terminated_forks(void **state)
{
    const contrastive_rig *const r = *state;
    RIG_OK(lms_contrastive_open(r->base.object, 0, &usual));
    append_rows(r, 0, 0, 40);
    hook_reset();
    hook_drop_kernels();
    RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, 0, 1, NULL, 0, NULL, NULL));
    hook_reset();
    RIG_OK(lms_contrastive_open(r->base.object, 2, &usual));
    append_rows(r, 2, 0, 32);
    assert_int_equal(length_of(r, 1), 40);
    go_on(r, 1, 2, LMS_CHOICE_EMPTY_STATE, 0);
    RIG_OK(lms_contrastive_close(r->base.object, 1));
    RIG_OK(lms_contrastive_close(r->base.object, 2));
    RIG_OK(lms_contrastive_open(r->base.object, 2, &usual));
    append_rows(r, 2, 0, 40);
    go_on(r, 0, 2, 0, 0);
}

/* One request loses calls of all kinds between those of a search, which does not notice. */
static void test_others_are_untouched(void **state)
{
    const contrastive_rig *const r = *state;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->base.object));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        if (call < CONTRASTIVE_FORK) {
            const int32_t none = LMS_SKIP_ROW;
            RIG_OK(lms_contrastive_open(r->base.object, 3, &usual));
            append_nothing(r, 3, 5 + call);
            hook_drop_kernels();
            propose(r, 3, &none);
            select_from(r, 3, 0);
            hook_reset();
            append_rows(r, 3, call, 10);
            RIG_OK(lms_contrastive_close(r->base.object, 3));
        }
        RIG_OK(object_call(&r->base, r->base.object, r->base.queue, call, 0, NULL, NULL));
        clFinish(r->base.queue);
    }
    object_assert_expected(&r->base);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_terminated_appends),
        TEST(test_nothing_of_earlier_contexts),
        TEST(test_terminated_after_a_failed_append),
        TEST(test_terminated_after_a_failed_select),
        TEST(test_serials_begin_again),
        TEST(test_terminated_selects),
        TEST(test_no_candidates),
        TEST(test_forks_of_empty_positions),
        TEST(test_terminated_forks),
        TEST(test_others_are_untouched),
    };
    return cmocka_run_group_tests_name("contrastive_empty", tests, contrastive_setup,
                                       object_teardown);
}
