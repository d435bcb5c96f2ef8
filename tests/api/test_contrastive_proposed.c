/* A select chooses among what was proposed to its slots, by the parameters of then, or is
 * refused: whatever is called in between, and whatever became of the proposal's commands. */
#include "calls/contrastive_object.h"
#include "hooks.h"

#include <math.h>

#define REFUSED(...) OBJECT_REFUSED(&r->base, r->base.object, LMS_E_SLOT, __VA_ARGS__)

enum {
    A = 1,
    B = 2,
    BEFORE = 40 /* positions of a context when a test begins */
};

static const lms_contrastive_params usual = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 3);

/* Parameters by which everything is otherwise: k, alpha, the range, and the candidates. */
static lms_contrastive_params others(uint32_t k)
{
    lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.0f, k);
    p.context_begin = 35;
    p.context_window = 2;
    p.filters.top_k = 1;
    return p;
}

static int close_all(void **state)
{
    const contrastive_rig *const r = *state;
    hook_reset();
    return object_end(&r->base, r->base.object) == LMS_OK ? 0 : -1;
}

static void append(const contrastive_rig *r, uint32_t slot, uint32_t count)
{
    static const uint32_t first;
    const lms_contrastive_append_args s = {.requests = 1,
                                           .slots = &slot,
                                           .counts = &count,
                                           .first_rows = &first,
                                           .hidden = {r->states, 0}};
    RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
}

static void begin(const contrastive_rig *r, uint32_t slot)
{
    RIG_OK(lms_contrastive_open(r->base.object, slot, &usual));
    append(r, slot, BEFORE);
}

static lms_status propose(const contrastive_rig *r, uint32_t slot, unsigned step)
{
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    p.requests = 1;
    p.slots = &slot;
    p.logits.offset = (size_t)step * CONTRASTIVE_VOCAB;
    return lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL);
}

static lms_status select_rows(const contrastive_rig *r, uint32_t slot, size_t rows)
{
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    b.requests = 1;
    b.slots = &slot;
    b.candidate_rows = rows;
    return lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL);
}

static lms_status select_of(const contrastive_rig *r, uint32_t slot)
{
    return select_rows(r, slot, CONTRASTIVE_ROWS);
}

static contrastive_trace after(const contrastive_rig *r)
{
    contrastive_trace found;
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    return found;
}

/* A step of the usual parameters, which nothing has come between. Rows that are not its own
 * have what they were poisoned with. */
static contrastive_trace usual_step(const contrastive_rig *r)
{
    begin(r, B);
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(propose(r, B, 0));
    RIG_OK(select_of(r, B));
    const contrastive_trace found = after(r);
    RIG_OK(lms_contrastive_close(r->base.object, B));
    assert_int_equal(found.status[0][0], 0);
    assert_in_range(found.rows[0][0], 0, 2);
    return found;
}

/* --- Between propose and select ---------------------------------------------------------- */

/* Other parameters are for the next proposal. */
static void test_update(void **state)
{
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    for (uint32_t k = 1; k <= CONTRASTIVE_K; ++k) {
        const lms_contrastive_params p = others(k);
        begin(r, A);
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(propose(r, A, 0));
        RIG_OK(lms_contrastive_update(r->base.object, A, &p));
        RIG_FAILS(LMS_E_ARGUMENT, select_rows(r, A, 2), "candidate_rows: 2", "the 3 that");
        RIG_OK(select_rows(r, A, 3));
        const contrastive_trace found = after(r);
        object_assert_same(&r->base, &found, &expected);
        /* The next step goes by them: the most probable token is the only candidate. */
        RIG_OK(propose(r, A, 1));
        RIG_OK(select_of(r, A));
        const contrastive_trace next = after(r);
        assert_int_equal(next.rows[0][0], 0);
        assert_true(next.scores[0][0] == 1.0f);
        for (uint32_t i = 1; i < k; ++i) {
            assert_int_equal(next.tokens[0][i], LMS_NO_TOKEN);
            assert_true(isnan(next.row_scores[0][i]));
        }
        RIG_OK(lms_contrastive_close(r->base.object, A));
    }
}

/* What a slot is given to do between the calls of a step: a proposal is for the context that
 * there was. */
static void test_append(void **state)
{
    const contrastive_rig *const r = *state;
    begin(r, A);
    RIG_OK(propose(r, A, 0));
    append(r, A, 0); /* nothing */
    append(r, A, 2);
    REFUSED(select_of(r, A), "slots[0]: 1", "40 positions", "42 now");
    RIG_OK(propose(r, A, 0));
    RIG_OK(select_of(r, A));
}

static void test_append_of_nothing(void **state)
{
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    begin(r, A);
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(propose(r, A, 0));
    append(r, A, 0);
    hook_reset();
    hook_fail("clEnqueueNDRangeKernel", 1, CL_OUT_OF_RESOURCES);
    const uint32_t slot = A, count = 7;
    const lms_contrastive_append_args s = {
        .requests = 1, .slots = &slot, .counts = &count, .hidden = {r->states, 0}};
    RIG_FAILS(CL_OUT_OF_RESOURCES,
              lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL), "");
    RIG_OK(select_of(r, A));
    const contrastive_trace found = after(r);
    object_assert_same(&r->base, &found, &expected);
}

/* A slot that is opened again, with as long a context, has no proposal; nor has a fork, while
 * the slot that it was made of keeps its own. */
static void test_slots_that_begin(void **state)
{
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    begin(r, A);
    REFUSED(select_of(r, A), "slots[0]: 1 has no proposal");
    RIG_OK(propose(r, A, 0));
    RIG_OK(lms_contrastive_close(r->base.object, A));
    begin(r, A);
    REFUSED(select_of(r, A), "slots[0]: 1 has no proposal");
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(propose(r, A, 0));
    RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, A, B, NULL, 0, NULL, NULL));
    REFUSED(select_of(r, B), "slots[0]: 2 has no proposal");
    RIG_OK(select_of(r, A));
    const contrastive_trace found = after(r);
    object_assert_same(&r->base, &found, &expected);
    RIG_OK(lms_contrastive_close(r->base.object, A));
    RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, B, A, NULL, 0, NULL, NULL));
    REFUSED(select_of(r, A), "slots[0]: 1 has no proposal");
}

/* One proposal, one choice; a second proposal takes the place of the first. */
static void test_one_for_one(void **state)
{
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    lms_contrastive_params p = others(5);
    begin(r, A);
    RIG_OK(lms_contrastive_update(r->base.object, A, &p));
    RIG_OK(propose(r, A, 1));
    RIG_OK(lms_contrastive_update(r->base.object, A, &usual));
    clFinish(r->base.queue);
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(propose(r, A, 0));
    RIG_OK(select_of(r, A));
    const contrastive_trace found = after(r);
    object_assert_same(&r->base, &found, &expected);
    REFUSED(select_of(r, A), "slots[0]: 1", "40 positions", "41 now");
}

/* One request without a proposal, of two: the other is left as it was too. */
static void test_one_of_two_lacks_one(void **state)
{
    static const uint32_t both[] = {A, B};
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    begin(r, A);
    begin(r, B);
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(propose(r, A, 0));
    b.requests = 2;
    b.slots = both;
    REFUSED(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL),
            "slots[1]: 2 has no proposal");
    RIG_OK(select_of(r, A));
    const contrastive_trace found = after(r);
    object_assert_same(&r->base, &found, &expected);
}

/* --- Proposals that came to nothing ------------------------------------------------------ */

/* A call that failed has changed nothing: the proposal before it stands, or there is none. */
static void test_failed_proposals(void **state)
{
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    const lms_contrastive_params p = others(5);
    for (unsigned nth = 1; nth <= 2; ++nth) {
        begin(r, A);
        hook_reset();
        hook_fail("clEnqueueNDRangeKernel", nth, CL_OUT_OF_RESOURCES);
        RIG_FAILS(CL_OUT_OF_RESOURCES, propose(r, A, 0), "");
        REFUSED(select_of(r, A), "slots[0]: 1 has no proposal");
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(propose(r, A, 0));
        RIG_OK(lms_contrastive_update(r->base.object, A, &p));
        hook_reset();
        hook_fail("clEnqueueNDRangeKernel", nth, CL_OUT_OF_RESOURCES);
        RIG_FAILS(CL_OUT_OF_RESOURCES, propose(r, A, 1), "");
        RIG_OK(select_of(r, A));
        const contrastive_trace found = after(r);
        object_assert_same(&r->base, &found, &expected);
        RIG_OK(lms_contrastive_close(r->base.object, A));
    }
}

static void assert_no_choice(const contrastive_trace *t, size_t request, uint32_t first)
{
    assert_int_equal(t->next[0][request], LMS_NO_TOKEN);
    assert_int_equal(t->rows[0][request], LMS_SKIP_ROW);
    assert_true(isnan(t->scores[0][request]) && isnan(t->penalties[0][request]));
    assert_int_equal(t->status[0][request], LMS_CHOICE_NONE | LMS_CHOICE_NOT_PROPOSED);
    for (uint32_t i = first; i < first + usual.k; ++i) {
        assert_true(isnan(t->row_scores[0][i]) && isnan(t->row_penalties[0][i]));
    }
}

/* A terminated call has proposed nothing: what its outputs had before are no candidates, be
 * they an earlier proposal's, to this context or to another in the slot. */
static void test_terminated_proposals(void **state)
{
    const contrastive_rig *const r = *state;
    for (int reopened = 0; reopened < 2; ++reopened) {
        begin(r, A);
        RIG_OK(propose(r, A, 0));
        if (reopened) {
            RIG_OK(lms_contrastive_close(r->base.object, A));
            begin(r, A);
        }
        clFinish(r->base.queue);
        hook_reset();
        hook_drop_kernels();
        RIG_OK(propose(r, A, 1));
        hook_reset();
        RIG_OK(select_of(r, A));
        const contrastive_trace found = after(r);
        assert_in_range(found.tokens[0][0], 0, CONTRASTIVE_VOCAB - 1);
        assert_no_choice(&found, 0, 0);
        RIG_OK(lms_contrastive_close(r->base.object, A));
    }
}

/* ... which is nothing to the others of a select. */
static void test_terminated_for_one_of_two(void **state)
{
    static const uint32_t both[] = {B, A}, rows[] = {0, 3};
    const contrastive_rig *const r = *state;
    const contrastive_trace expected = usual_step(r);
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    begin(r, A);
    begin(r, B);
    p.requests = b.requests = 2;
    p.slots = b.slots = both;
    p.first_rows = b.first_rows = rows;
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    clFinish(r->base.queue);
    p.requests = 1;
    p.slots = both + 1;
    p.first_rows = rows + 1;
    hook_reset();
    hook_drop_kernels();
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    hook_reset();
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    const contrastive_trace found = after(r);
    assert_int_equal(found.next[0][0], expected.next[0][0]);
    assert_int_equal(found.rows[0][0], expected.rows[0][0]);
    assert_true(found.scores[0][0] == expected.scores[0][0]);
    assert_int_equal(found.status[0][0], 0);
    assert_no_choice(&found, 1, 3);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_update),
        TEST(test_append),
        TEST(test_append_of_nothing),
        TEST(test_slots_that_begin),
        TEST(test_one_for_one),
        TEST(test_one_of_two_lacks_one),
        TEST(test_failed_proposals),
        TEST(test_terminated_proposals),
        TEST(test_terminated_for_one_of_two),
    };
    return cmocka_run_group_tests_name("contrastive_proposed", tests, contrastive_setup,
                                       object_teardown);
}
