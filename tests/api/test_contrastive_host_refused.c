/* What the calls of a contrastive search on arrays refuse, and calls in flight before them. */
#include "contrastive_host_rig.h"

#include <stdlib.h>

static const uint32_t twice[] = {1, 1, 2}, beyond[] = {0, 1, 4}, overlap[] = {0, 4, 9};

#define REFUSES(call, code, change, ...)                                                       \
    do {                                                                                       \
        h = good;                                                                              \
        h.change;                                                                              \
        RIG_FAILS((code), call(search, &h), __VA_ARGS__);                                      \
    } while (0)

static void refuse_appends(const contrastive_rig *r, lms_contrastive *search)
{
    static const uint32_t long_counts[] = {71, 1, 1}, most[] = {1, 1, 111};
    static const uint32_t none[] = {0, 0, 0};
    void *const states = prompt_states(r, 0);
    const lms_contrastive_append_host_args good = append_host(r, states, 0);
    lms_contrastive_append_host_args h;
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_append_host(NULL, &good), "contrastive: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_append_host(search, NULL), "states: is NULL");
#define APPEND(code, change, ...)                                                              \
    REFUSES(lms_contrastive_append_host, code, change, __VA_ARGS__)
    APPEND(LMS_E_ARGUMENT, requests = 5, "requests: 5", "max_requests (4)");
    APPEND(LMS_E_ARGUMENT, slots = NULL, "slots: is NULL");
    APPEND(LMS_E_SLOT, slots = twice, "slots[1]: 1 is there twice");
    APPEND(LMS_E_SLOT, slots = beyond, "slots[2]: 4");
    APPEND(LMS_E_CONTEXT_FULL, counts = long_counts, "above max_length (70)");
    APPEND(LMS_E_ARGUMENT, hidden = NULL, "hidden: is NULL");
    APPEND(LMS_E_ARGUMENT, row_stride = 99, "row_stride: 99", "width (100)");
    APPEND(LMS_E_ARGUMENT, row_stride = SIZE_MAX, "row_stride: 112 rows of", "overflow");
    APPEND(LMS_E_ARGUMENT, row_stride = SIZE_MAX / 800, "row_stride: 112 rows of", "overflow");
    APPEND(LMS_E_BUFFER_SIZE, row_stride = SIZE_MAX / 2 / 4 / 113, "hidden: 112 rows have",
           "the device allocates at most");
    APPEND(LMS_E_ARGUMENT, hidden_rows = 111, "hidden_rows: 111", "112 that the requests need");
    APPEND(LMS_E_ARGUMENT, hidden_rows = SIZE_MAX, "hidden_rows: ", "2^31");
    APPEND(LMS_E_ARGUMENT, first_rows = most;
           h.hidden_rows = 112, "hidden_rows: 112 is less than the 141");
#undef APPEND
    /* Nothing to append needs no states. */
    h = good;
    h.counts = none;
    h.hidden = NULL;
    RIG_OK(lms_contrastive_append_host(search, &h));
    free(states);
}

static void refuse_proposals(const contrastive_rig *r, lms_contrastive *search,
                             const step_arrays *a, const places *p)
{
    static const int32_t far[] = {0, 1, 4}, low[] = {0, -2, 1};
    static const lms_tables tables = {0};
    static const lms_request request = {0};
    const lms_contrastive_propose_host_args good = propose_host(r, 0, a, p);
    lms_contrastive_propose_host_args h;
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_propose_host(NULL, &good),
              "contrastive: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_propose_host(search, NULL), "proposal: is NULL");
#define PROPOSE(code, change, ...)                                                             \
    REFUSES(lms_contrastive_propose_host, code, change, __VA_ARGS__)
    PROPOSE(LMS_E_ARGUMENT, requests = 5, "requests: 5", "max_requests (4)");
    PROPOSE(LMS_E_ARGUMENT, slots = NULL, "slots: is NULL");
    PROPOSE(LMS_E_SLOT, slots = twice, "slots[1]: 1 is there twice");
    PROPOSE(LMS_E_SLOT, slots = beyond, "slots[2]: 4");
    PROPOSE(LMS_E_ARGUMENT, first_rows = overlap, "first_rows[1]: 4 is a row of the request");
    PROPOSE(LMS_E_ARGUMENT, candidate_rows = 1, "candidate_rows: 1 is less than");
    PROPOSE(LMS_E_ARGUMENT, candidate_rows = SIZE_MAX, "candidate_rows: ", "2^31");
    PROPOSE(LMS_E_ARGUMENT, logits = NULL, "logits: is NULL");
    PROPOSE(LMS_E_ARGUMENT, row_stride = 299, "row_stride: 299", "vocab (300)");
    PROPOSE(LMS_E_ARGUMENT, row_stride = SIZE_MAX, "row_stride: 4 rows of", "overflow");
    PROPOSE(LMS_E_BUFFER_SIZE, row_stride = SIZE_MAX / 48, "logits: 4 rows have");
    PROPOSE(LMS_E_ARGUMENT, logits_rows = 2, "logits_rows: 2");
    PROPOSE(LMS_E_ARGUMENT, logits_rows = SIZE_MAX, "logits_rows: ", "2^31");
    PROPOSE(LMS_E_ROW_INDEX, index = far, "index[2]: 4 is not LMS_SKIP_ROW or in 0..3");
    PROPOSE(LMS_E_ROW_INDEX, index = low, "index[1]: -2");
    PROPOSE(LMS_E_ARGUMENT, tokens = NULL, "tokens: is NULL");
    PROPOSE(LMS_E_ARGUMENT, probs = NULL, "probs: is NULL");
    PROPOSE(LMS_E_ARGUMENT, tables = &tables, "tables: are given, but");
    PROPOSE(LMS_E_ARGUMENT, row_requests = &request, "row_requests: are given, but");
#undef PROPOSE
    assert_true(is_poison(a->tokens, p->rows * 4) && is_poison(a->probs, p->rows * 4));
}

static void refuse_choices(const contrastive_rig *r, lms_contrastive *search,
                           const step_arrays *a, const places *p)
{
    const lms_contrastive_select_host_args good = select_host(r, 0, a, p);
    lms_contrastive_select_host_args h;
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_select_host(NULL, &good), "contrastive: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_select_host(search, NULL), "batch: is NULL");
#define SELECT(code, change, ...)                                                              \
    REFUSES(lms_contrastive_select_host, code, change, __VA_ARGS__)
    SELECT(LMS_E_ARGUMENT, requests = 5, "requests: 5", "max_requests (4)");
    SELECT(LMS_E_ARGUMENT, slots = NULL, "slots: is NULL");
    SELECT(LMS_E_SLOT, slots = twice, "slots[1]: 1 is there twice");
    SELECT(LMS_E_SLOT, slots = beyond, "slots[2]: 4");
    SELECT(LMS_E_ARGUMENT, first_rows = overlap, "first_rows[1]: 4 is a row of the request");
    SELECT(LMS_E_ARGUMENT, candidate_rows = 1, "candidate_rows: 1 is less than");
    SELECT(LMS_E_ARGUMENT, candidate_rows = SIZE_MAX, "candidate_rows: ", "2^31");
    SELECT(LMS_E_ARGUMENT, hidden = NULL, "hidden: is NULL");
    SELECT(LMS_E_ARGUMENT, row_stride = 99, "row_stride: 99", "width (100)");
    SELECT(LMS_E_ARGUMENT, row_stride = SIZE_MAX, "row_stride: 14 rows of", "overflow");
    SELECT(LMS_E_BUFFER_SIZE, row_stride = SIZE_MAX / 2 / 4 / 15, "hidden: 14 rows have");
    SELECT(LMS_E_ARGUMENT, tokens = NULL, "tokens: is NULL");
    SELECT(LMS_E_ARGUMENT, probs = NULL, "probs: is NULL");
    SELECT(LMS_E_ARGUMENT, next = NULL, "next: is NULL");
    SELECT(LMS_E_ARGUMENT, rows = NULL, "rows: is NULL");
#undef SELECT
    assert_true(is_poison(a->next, 12) && is_poison(a->chosen, 12));
}

static void test_refused(void **state)
{
    static const lms_contrastive_append_host_args no_states = {.requests = 0};
    static const lms_contrastive_propose_host_args no_proposal = {.requests = 0};
    static const lms_contrastive_select_host_args no_choice = {.requests = 0};
    const contrastive_rig *const r = *state;
    lms_contrastive *const search = r->base.object;
    const places p = {r->first_rows, CONTRASTIVE_ROWS, 0};
    const step_arrays a = step_arrays_new(r, 0, &p);
    const lms_contrastive_propose_host_args propose = propose_host(r, 0, &a, &p);
    const lms_contrastive_select_host_args choose = select_host(r, 0, &a, &p);
    void *const states = prompt_states(r, 0);
    const lms_contrastive_append_host_args append = append_host(r, states, 0);
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_append_host(search, &append), "is not open");
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_propose_host(search, &propose), "is not open");
    RIG_FAILS(LMS_E_ARGUMENT, lms_contrastive_fork_host(NULL, 0, 1, NULL),
              "contrastive: is NULL");
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_fork_host(search, 0, 1, NULL), "is not open");
    RIG_OK(contrastive_open_all(r, search));
    const object_view before = object_look(&r->base, search);
    refuse_appends(r, search);
    refuse_proposals(r, search, &a, &p);
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_select_host(search, &choose), "has no proposal");
    object_assert_looks(&r->base, search, &before);
    RIG_OK(lms_contrastive_append_host(search, &no_states));
    RIG_OK(lms_contrastive_propose_host(search, &no_proposal));
    RIG_OK(lms_contrastive_select_host(search, &no_choice));
    /* It goes on. */
    RIG_OK(lms_contrastive_append_host(search, &append));
    RIG_OK(lms_contrastive_propose_host(search, &propose));
    assert_proposal(r, 0, &a, &p);
    refuse_choices(r, search, &a, &p);
    RIG_OK(lms_contrastive_select_host(search, &choose));
    assert_choice(r, 0, &a, &p);
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_select_host(search, &choose), "has a proposal for");
    RIG_OK(object_end(&r->base, search));
    step_arrays_free(&a);
    free(states);
}

/* With every stage in flight the call does not wait, but says so. */
static void test_busy(void **state)
{
    object_desc desc = {.contrastive = contrastive_desc()};
    const contrastive_rig *const r = *state;
    const places p = {r->first_rows, CONTRASTIVE_ROWS, 0};
    const step_arrays a = step_arrays_new(r, 0, &p);
    const lms_contrastive_propose_host_args propose = propose_host(r, 0, &a, &p);
    const cl_event hold = rig_user_event(r->base.context);
    desc.contrastive.max_in_flight = 1;
    lms_contrastive *const search = object_new(&r->base, &desc);
    RIG_OK(contrastive_open_all(r, search));
    RIG_OK(object_call(&r->base, search, r->base.queue, 0, 1, &hold, NULL));
    RIG_FAILS(LMS_E_BUSY, lms_contrastive_propose_host(search, &propose), "max_in_flight: 1");
    assert_true(is_poison(a.tokens, p.rows * 4));
    rig_complete(hold);
    clFinish(r->base.queue);
    RIG_OK(lms_contrastive_propose_host(search, &propose));
    assert_proposal(r, 0, &a, &p);
    lms_contrastive_destroy(search);
    step_arrays_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_busy),
    };
    return cmocka_run_group_tests_name("contrastive search on arrays, refused", tests,
                                       contrastive_setup, object_teardown);
}
