/* Requests, and whole objects, beside others that they must not notice; forks and their
 * parents, which must not notice each other. */
#include "calls/contrastive_object.h"

static int close_all(void **state)
{
    const contrastive_rig *const r = *state;
    if (object_end(&r->base, r->base.object) != LMS_OK) return -1;
    return lms_contrastive_room(r->base.object) == CONTRASTIVE_PAGES * LMS_CONTEXT_PAGE ? 0
                                                                                        : -1;
}

/* --- Calls of fewer requests ------------------------------------------------------------- */

/* The two calls of a step for request q alone. */
static void step_of_one(const contrastive_rig *r, unsigned step, size_t q)
{
    lms_contrastive_propose_args p = contrastive_propose_args(r, step);
    lms_contrastive_select_args b = contrastive_select_args(r, step);
    lms_view *const views[] = {&p.status, &b.next, &b.rows, &b.scores, &b.penalties, &b.status};
    p.requests = b.requests = 1;
    p.slots += q;
    b.slots += q;
    p.first_rows += q;
    b.first_rows += q;
    if (p.index != NULL) p.index += q;
    if (p.index_device.buffer != NULL) p.index_device.offset += q;
    if (p.index == NULL && p.index_device.buffer == NULL) {
        p.logits.offset += q * CONTRASTIVE_VOCAB;
        p.logits_rows = 1;
    }
    for (size_t i = 0; i < sizeof views / sizeof views[0]; ++i) views[i]->offset += q;
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
}

/* Each request in calls of its own, the last one first. */
static void test_requests_one_by_one(void **state)
{
    const contrastive_rig *const r = *state;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_begin(&r->base, r->base.object, CONTRASTIVE_FIRST_STEP));
    for (unsigned step = 0; step < CONTRASTIVE_STEPS; ++step) {
        size_t q = step < CONTRASTIVE_FORK_STEP ? CONTRASTIVE_PARENTS : CONTRASTIVE_REQUESTS;
        if (step == CONTRASTIVE_FORK_STEP) {
            RIG_OK(
                object_calls(&r->base, r->base.object, CONTRASTIVE_FORK, CONTRASTIVE_FORK + 1));
        }
        while (q-- > 0) step_of_one(r, step, q);
        clFinish(r->base.queue);
    }
    object_assert_expected(&r->base);
}

/* Prompts in parts, of all requests in turn or of one after the other. */
static void test_prompts_in_parts(void **state)
{
    static const uint32_t sizes[] = {1, 7, 31, 32, 33, 100};
    const contrastive_rig *const r = *state;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; ++i) {
        uint32_t rows[] = {0, r->counts[0], r->counts[0] + r->counts[1]}, left = 0, done = 0;
        uint32_t counts[CONTRASTIVE_PARENTS], rest[CONTRASTIVE_PARENTS];
        memcpy(rest, r->counts, sizeof rest);
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(contrastive_open_all(r, r->base.object));
        do {
            lms_contrastive_append_args s = contrastive_append_args(r);
            left = done = 0;
            for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
                const uint32_t most = i % 2 && done > 0 ? 0 : sizes[i / 2];
                counts[q] = rest[q] < most ? rest[q] : most;
                done += counts[q];
            }
            s.counts = counts;
            s.first_rows = rows;
            RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
            clFinish(r->base.queue);
            for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
                rows[q] += counts[q];
                rest[q] -= counts[q];
                left += rest[q];
            }
        } while (left > 0);
        RIG_OK(
            object_calls(&r->base, r->base.object, CONTRASTIVE_FIRST_STEP, CONTRASTIVE_CALLS));
        object_assert_expected(&r->base);
        RIG_OK(object_end(&r->base, r->base.object));
    }
}

/* Requests join and leave one after the other; each is at another step, in rows far from those
 * of the others. */
typedef struct visit {
    uint32_t slots[CONTRASTIVE_PARENTS], first_rows[CONTRASTIVE_PARENTS];
    int32_t index[CONTRASTIVE_PARENTS];
    uint32_t count;
} visit;

static visit who_is_there(const contrastive_rig *r, unsigned now, const unsigned *delays)
{
    visit v = {.count = 0};
    for (uint32_t i = 0; i < CONTRASTIVE_PARENTS; ++i) { /* delays rise, and so rows fall */
        const uint32_t q = CONTRASTIVE_PARENTS - 1 - i, step = now - delays[q];
        if (now < delays[q] || step >= CONTRASTIVE_STEPS) continue;
        v.slots[v.count] = r->slots[q];
        v.first_rows[v.count] = step * CONTRASTIVE_ROWS + r->first_rows[q];
        v.index[v.count++] =
            (int32_t)(step * CONTRASTIVE_REQUESTS) + (step % 3 == 0 ? (int32_t)q : r->order[q]);
    }
    return v;
}

static void join(const contrastive_rig *r, unsigned q)
{
    lms_contrastive_append_args s = contrastive_append_args(r);
    uint32_t first = 0;
    for (unsigned i = 0; i < q; ++i) first += r->counts[i];
    s.requests = 1;
    s.slots += q;
    s.counts += q;
    s.first_rows = &first;
    RIG_OK(lms_contrastive_open(r->base.object, r->slots[q], &r->params[q]));
    RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
}

static void step_of_those(const contrastive_rig *r, const visit *v)
{
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    p.requests = b.requests = v->count;
    p.slots = b.slots = v->slots;
    p.first_rows = b.first_rows = v->first_rows;
    p.candidate_rows = b.candidate_rows = CONTRASTIVE_STEPS * CONTRASTIVE_ROWS;
    p.logits_rows = CONTRASTIVE_STEPS * CONTRASTIVE_REQUESTS;
    p.index = v->index;
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
}

/* What comes by candidate rows, of all but the fork. */
static void assert_same_rows(const contrastive_trace *a, const contrastive_trace *b)
{
    enum {
        ROWS = 12
    };
    for (size_t t = 0; t < CONTRASTIVE_STEPS; ++t) {
        assert_memory_equal(a->tokens[t], b->tokens[t], ROWS * sizeof a->tokens[0][0]);
        assert_memory_equal(a->probs[t], b->probs[t], ROWS * sizeof a->probs[0][0]);
        assert_memory_equal(a->row_scores[t], b->row_scores[t],
                            ROWS * sizeof a->row_scores[0][0]);
        assert_memory_equal(a->row_penalties[t], b->row_penalties[t],
                            ROWS * sizeof a->row_penalties[0][0]);
    }
}

static void test_requests_join_and_leave(void **state)
{
    static const unsigned delays[CONTRASTIVE_PARENTS] = {0, 2, 5};
    const contrastive_rig *const r = *state;
    contrastive_trace found;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    for (unsigned now = 0; now < CONTRASTIVE_STEPS + 5; ++now) {
        for (unsigned q = 0; q < CONTRASTIVE_PARENTS; ++q) {
            if (now == delays[q]) join(r, q);
            if (now == delays[q] + CONTRASTIVE_STEPS) {
                RIG_OK(lms_contrastive_close(r->base.object, r->slots[q]));
            }
        }
        const visit v = who_is_there(r, now, delays);
        step_of_those(r, &v);
        clFinish(r->base.queue);
    }
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    assert_same_rows(&found, &r->expected);
}

/* A slot changes hands while the others go on. */
static void test_a_slot_changes_hands(void **state)
{
    const contrastive_rig *const r = *state;
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(1.0f, 1);
    const uint32_t slot = r->slots[CONTRASTIVE_PARENTS];
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->base.object));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        if (call < CONTRASTIVE_FORK) {
            const uint32_t count = call % 2 ? 32 : 3;
            const lms_contrastive_append_args s = {
                .requests = 1, .slots = &slot, .counts = &count, .hidden = {r->states, 0}};
            RIG_OK(lms_contrastive_open(r->base.object, slot, &params));
            RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
        }
        RIG_OK(object_call(&r->base, r->base.object, r->base.queue, call, 0, NULL, NULL));
        clFinish(r->base.queue);
        if (call + 1 <= CONTRASTIVE_FORK) RIG_OK(lms_contrastive_close(r->base.object, slot));
    }
    object_assert_expected(&r->base);
}

/* --- Forks ------------------------------------------------------------------------------- */

/* As expected, but for what request `gone` had from the fork's step on. */
static void assert_same_but_for(const contrastive_rig *r, size_t gone)
{
    contrastive_trace found, expected = r->expected;
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    const size_t first = r->first_rows[gone], k = r->params[gone].k;
    for (size_t t = CONTRASTIVE_FORK_STEP; t < CONTRASTIVE_STEPS; ++t) {
#define LEAVE(name)                                                                            \
    memcpy(&expected.name[t][first], &found.name[t][first], k * sizeof found.name[0][0])
        LEAVE(tokens);
        LEAVE(probs);
        LEAVE(row_scores);
        LEAVE(row_penalties);
#undef LEAVE
#define LEAVE(name) expected.name[t][gone] = found.name[t][gone]
        LEAVE(row_status);
        LEAVE(next);
        LEAVE(rows);
        LEAVE(scores);
        LEAVE(penalties);
        LEAVE(status);
#undef LEAVE
    }
    object_assert_same(&r->base, &found, &expected);
}

/* One of the two is closed right after the fork, or its page is given to another. The other one
 * goes on as if both did. */
static void without(const contrastive_rig *r, size_t gone, bool reused)
{
    const uint32_t slot = r->slots[gone], count = 32;
    const lms_contrastive_append_args s = {
        .requests = 1, .slots = &slot, .counts = &count, .hidden = {r->states, 0}};
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_begin(&r->base, r->base.object, CONTRASTIVE_FORK + 1));
    RIG_OK(lms_contrastive_close(r->base.object, slot));
    if (reused) {
        RIG_OK(lms_contrastive_open(r->base.object, slot, &r->params[gone]));
        RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
        RIG_OK(lms_contrastive_close(r->base.object, slot));
    }
    for (unsigned step = CONTRASTIVE_FORK_STEP; step < CONTRASTIVE_STEPS; ++step) {
        for (size_t q = 0; q < CONTRASTIVE_REQUESTS; ++q) {
            if (q != gone) step_of_one(r, step, q);
        }
        clFinish(r->base.queue);
    }
    assert_same_but_for(r, gone);
    RIG_OK(object_end(&r->base, r->base.object));
}

static void test_closing_one_of_two(void **state)
{
    for (int reused = 0; reused < 2; ++reused) {
        without(*state, 0, reused != 0);
        without(*state, CONTRASTIVE_PARENTS, reused != 0);
    }
}

/* At every call but select, which needs what was proposed to the slot: a request is forked into
 * the free one, closed, and forked back. */
static void test_a_fork_takes_its_parents_place(void **state)
{
    const contrastive_rig *const r = *state;
    const uint32_t spare = r->slots[CONTRASTIVE_PARENTS];
    for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
        const uint32_t slot = r->slots[q];
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(contrastive_open_all(r, r->base.object));
        for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
            const bool selects = call > 0 && call % 2 == 0;
            if (call <= CONTRASTIVE_FORK && !selects) {
                RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, slot, spare, NULL, 0,
                                            NULL, NULL));
                RIG_OK(lms_contrastive_close(r->base.object, slot));
                RIG_OK(lms_contrastive_fork(r->base.object, r->base.queue, spare, slot, NULL, 0,
                                            NULL, NULL));
                RIG_OK(lms_contrastive_close(r->base.object, spare));
            }
            RIG_OK(object_call(&r->base, r->base.object, r->base.queue, call, 0, NULL, NULL));
        }
        object_assert_expected(&r->base);
        RIG_OK(object_end(&r->base, r->base.object));
    }
}

/* Many forks of one prompt, which share its pages: each goes on as the prompt itself. */
static void test_many_forks(void **state)
{
    enum {
        FORKS = 12,
        PROMPT = 70
    };
    const contrastive_rig *const r = *state;
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, CONTRASTIVE_K);
    const uint32_t zero = 0, count = PROMPT;
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    contrastive_trace first, found;
    desc.max_requests = FORKS;
    desc.max_positions = (2 + FORKS) * LMS_CONTEXT_PAGE;
    desc.max_length = PROMPT + 2;
    RIG_OK(lms_contrastive_create(r->base.ctx, &desc, &search));
    const lms_contrastive_append_args s = {
        .requests = 1, .slots = &zero, .counts = &count, .hidden = {r->states, 0}};
    RIG_OK(lms_contrastive_open(search, 0, &params));
    RIG_OK(lms_contrastive_append(search, r->base.queue, &s, 0, NULL, NULL));
    for (uint32_t slot = 1; slot < FORKS; ++slot) {
        RIG_OK(
            lms_contrastive_fork(search, r->base.queue, slot / 2, slot, NULL, 0, NULL, NULL));
    }
    assert_int_equal(lms_contrastive_room(search), 0);
    for (uint32_t i = 0; i < FORKS; ++i) {
        const uint32_t slot = (i * 5 + 1) % FORKS;
        lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
        lms_contrastive_select_args b = contrastive_select_args(r, 0);
        p.requests = b.requests = 1;
        p.slots = b.slots = &slot;
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(lms_contrastive_propose(search, r->base.queue, &p, 0, NULL, NULL));
        RIG_OK(lms_contrastive_select(search, r->base.queue, &b, 0, NULL, NULL));
        assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
        if (i == 0) first = found;
        object_assert_same(&r->base, &found, &first);
        RIG_OK(lms_contrastive_close(search, slot));
    }
    assert_int_equal(lms_contrastive_room(search), (2 + FORKS) * LMS_CONTEXT_PAGE);
    lms_contrastive_destroy(search);
}

/* A slot that is open in one is not open in the other. */
static void test_slots_are_an_objects_own(void **state)
{
    const contrastive_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *second = NULL;
    RIG_OK(lms_contrastive_create(r->base.ctx, &desc, &second));
    RIG_OK(object_begin(&r->base, r->base.object, 1));
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_close(second, r->slots[0]), "not open");
    RIG_FAILS(LMS_E_SLOT, object_calls(&r->base, second, 1, 2), "not open");
    RIG_OK(object_begin(&r->base, second, CONTRASTIVE_CALLS));
    RIG_OK(object_end(&r->base, second));
    lms_contrastive_destroy(second);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_requests_one_by_one),
        TEST(test_prompts_in_parts),
        TEST(test_requests_join_and_leave),
        TEST(test_a_slot_changes_hands),
        TEST(test_closing_one_of_two),
        TEST(test_a_fork_takes_its_parents_place),
        TEST(test_many_forks),
        TEST(test_slots_are_an_objects_own),
    };
    return cmocka_run_group_tests_name("contrastive_company", tests, contrastive_setup,
                                       object_teardown);
}
