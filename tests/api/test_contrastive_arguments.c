/* What lms_contrastive_append, _propose and _select refuse, and that they say which argument,
 * its value and the rule. */
#include "contrastive_api_rig.h"
#include "hooks.h"

#define APPEND(states) lms_contrastive_append(r->search, r->queue, (states), 0, NULL, NULL)
#define PROPOSE(proposal)                                                                      \
    lms_contrastive_propose(r->search, r->queue, (proposal), 0, NULL, NULL)
#define SELECT(batch) lms_contrastive_select(r->search, r->queue, (batch), 0, NULL, NULL)
#define REFUSED(code, call, ...) CONTRASTIVE_REFUSED(r->search, code, call, __VA_ARGS__)

/* Every test begins with requests that have their prompts and have been proposed to, ... */
static int open_all(void **state)
{
    const contrastive_api_rig *const r = *state;
    hook_reset();
    if (contrastive_begin(r, r->search, contrastive_select_of(0)) != LMS_OK) return -1;
    clFinish(r->queue);
    return contrastive_poison(r) == CL_SUCCESS ? 0 : -1;
}

/* ... whose search is as ever, after all those refusals. */
static int go_on(void **state)
{
    const contrastive_api_rig *const r = *state;
    contrastive_trace found;
    const bool is_good =
        contrastive_calls(r, r->search, CONTRASTIVE_FIRST_STEP, CONTRASTIVE_CALLS) == LMS_OK &&
        contrastive_read(r, &found) == CL_SUCCESS &&
        contrastive_difference(&found, &r->expected) == NULL;
    return contrastive_close_all(r, r->search) == LMS_OK && is_good ? 0 : -1;
}

static lms_view *view_at(void *call, size_t at)
{
    return (lms_view *)(void *)((char *)call + at);
}

/* --- What is missing --------------------------------------------------------------------- */

typedef struct required {
    size_t at;
    const char *text;
} required;

static void test_append_lacks_something(void **state)
{
    const contrastive_api_rig *const r = *state;
    cl_event event = (cl_event)r->queue;
    lms_contrastive_append_args s = contrastive_states(r);
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_append(NULL, r->queue, &s, 0, NULL, &event),
            "contrastive: is NULL");
    assert_null(event);
    event = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_append(r->search, NULL, &s, 0, NULL, &event),
            "queue: is NULL");
    assert_null(event);
    REFUSED(LMS_E_ARGUMENT, APPEND(NULL), "states: is NULL");
    s.counts = NULL;
    s.slots = NULL;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "slots: is NULL");
    s = contrastive_states(r);
    s.counts = NULL;
    s.hidden.buffer = NULL;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "hidden: is NULL");
}

static void test_propose_lacks_something(void **state)
{
    static const required all[] = {
        {offsetof(lms_contrastive_propose_args, logits), "logits: is NULL"},
        {offsetof(lms_contrastive_propose_args, tokens), "tokens: is NULL"},
        {offsetof(lms_contrastive_propose_args, probs), "probs: is NULL"},
    };
    const contrastive_api_rig *const r = *state;
    cl_event event = (cl_event)r->queue;
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_propose(NULL, r->queue, &p, 0, NULL, &event),
            "contrastive: is NULL");
    assert_null(event);
    event = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_propose(r->search, NULL, &p, 0, NULL, &event),
            "queue: is NULL");
    assert_null(event);
    REFUSED(LMS_E_ARGUMENT, PROPOSE(NULL), "proposal: is NULL");
    p.slots = NULL;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "slots: is NULL");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        p = contrastive_proposal(r, 0);
        view_at(&p, all[i].at)->buffer = NULL;
        REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), all[i].text);
    }
}

static void test_select_lacks_something(void **state)
{
    static const required all[] = {
        {offsetof(lms_contrastive_select_args, hidden), "hidden: is NULL"},
        {offsetof(lms_contrastive_select_args, tokens), "tokens: is NULL"},
        {offsetof(lms_contrastive_select_args, probs), "probs: is NULL"},
        {offsetof(lms_contrastive_select_args, next), "next: is NULL"},
        {offsetof(lms_contrastive_select_args, rows), "rows: is NULL"},
    };
    const contrastive_api_rig *const r = *state;
    cl_event event = (cl_event)r->queue;
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_select(NULL, r->queue, &b, 0, NULL, &event),
            "contrastive: is NULL");
    assert_null(event);
    event = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_select(r->search, NULL, &b, 0, NULL, &event),
            "queue: is NULL");
    assert_null(event);
    REFUSED(LMS_E_ARGUMENT, SELECT(NULL), "batch: is NULL");
    b.slots = NULL;
    REFUSED(LMS_E_ARGUMENT, SELECT(&b), "slots: is NULL");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        b = contrastive_batch(r, 0);
        view_at(&b, all[i].at)->buffer = NULL;
        REFUSED(LMS_E_ARGUMENT, SELECT(&b), all[i].text);
    }
}

/* --- Slots ------------------------------------------------------------------------------- */

/* A good call of three, but for the slots. */
static lms_status with_slots(const contrastive_api_rig *r, int call, uint32_t requests,
                             const uint32_t *slots)
{
    lms_contrastive_append_args s = contrastive_states(r);
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    s.requests = p.requests = b.requests = requests;
    s.slots = p.slots = b.slots = slots;
    s.counts = NULL;
    return call == 0 ? APPEND(&s) : call == 1 ? PROPOSE(&p) : SELECT(&b);
}

static void test_slots(void **state)
{
    static const struct {
        uint32_t slots[CONTRASTIVE_PARENTS];
        const char *text, *rule;
    } all[] = {
        {{1, 2, 4}, "slots[2]: 4", "max_requests (4)"},
        {{UINT32_MAX, 2, 0}, "slots[0]: 4294967295", "max_requests (4)"},
        {{1, 2, 1}, "slots[2]: 1", "is there twice"},
        {{1, 1, 2}, "slots[1]: 1", "is there twice"},
        {{1, 2, 2}, "slots[2]: 2", "is there twice"},
        {{1, 3, 2}, "slots[1]: 3", "is not open"},
    };
    const contrastive_api_rig *const r = *state;
    for (int call = 0; call < 3; ++call) {
        REFUSED(LMS_E_ARGUMENT, with_slots(r, call, 5, r->slots), "requests: 5",
                "max_requests (4)");
        REFUSED(LMS_E_ARGUMENT, with_slots(r, call, UINT32_MAX, r->slots),
                "requests: 4294967295", "max_requests (4)");
        for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
            REFUSED(LMS_E_SLOT, with_slots(r, call, CONTRASTIVE_PARENTS, all[i].slots),
                    all[i].text, all[i].rule);
        }
    }
}

/* --- Rows -------------------------------------------------------------------------------- */

/* Candidate rows that overlap, which says so even where the last ones are not enough. */
static void test_first_rows(void **state)
{
    static const struct {
        uint32_t rows[CONTRASTIVE_PARENTS];
        const char *text;
    } all[] = {
        {{0, 4, 9}, "first_rows[1]: 4 is a row of the request before (the next is 5)"},
        {{0, 0, 9}, "first_rows[1]: 0"},
        {{5, 0, 9}, "first_rows[1]: 0"},
        {{0, 5, 8}, "first_rows[2]: 8"},
        {{0, 5, 5}, "first_rows[2]: 5"},
        {{5, 10, 3}, "first_rows[2]: 3"},
        {{100, 0, 9}, "first_rows[1]: 0"},
        {{0, 200, 9}, "first_rows[2]: 9"},
        {{0, UINT32_MAX, 9}, "first_rows[2]: 9"},
    };
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_contrastive_propose_args p = contrastive_proposal(r, 0);
        lms_contrastive_select_args b = contrastive_batch(r, 0);
        p.first_rows = b.first_rows = all[i].rows;
        for (size_t rows = 0; rows <= 1000; rows += 1000) {
            p.candidate_rows = b.candidate_rows = rows;
            REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), all[i].text);
            REFUSED(LMS_E_ARGUMENT, SELECT(&b), all[i].text);
        }
    }
}

static void test_candidate_rows(void **state)
{
    static const size_t few[] = {1, 11}, many[] = {((size_t)1 << 31) + 1, SIZE_MAX};
    static const uint32_t far[] = {0, 5, (1u << 31) - 2};
    const contrastive_api_rig *const r = *state;
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    for (size_t i = 0; i < 2; ++i) {
        p.candidate_rows = b.candidate_rows = few[i];
        REFUSED(LMS_E_ARGUMENT, PROPOSE(&p),
                i == 0 ? "candidate_rows: 1" : "candidate_rows: 11", "12");
        REFUSED(LMS_E_ARGUMENT, SELECT(&b), i == 0 ? "candidate_rows: 1" : "candidate_rows: 11",
                "12");
        p.candidate_rows = b.candidate_rows = many[i];
        REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "candidate_rows: ", "2^31");
        REFUSED(LMS_E_ARGUMENT, SELECT(&b), "candidate_rows: ", "2^31");
    }
    p.candidate_rows = b.candidate_rows = 0;
    p.first_rows = b.first_rows = far;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "2^31");
    REFUSED(LMS_E_ARGUMENT, SELECT(&b), "2^31");
}

/* More candidates than were reserved: max_rows counts them, not the rows between. */
static void test_max_rows(void **state)
{
    static const uint32_t apart[] = {0, 20, 40, 60};
    const contrastive_api_rig *const r = *state;
    lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 3);
    lms_contrastive_propose_args proposal = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    RIG_OK(lms_contrastive_open(r->search, r->slots[3], &p));
    proposal.requests = b.requests = CONTRASTIVE_REQUESTS;
    proposal.first_rows = b.first_rows = apart;
    proposal.candidate_rows = b.candidate_rows = 63;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&proposal), "15 candidates", "max_rows (14)");
    lms_contrastive_propose_args last = proposal;
    last.requests = 1;
    last.slots += CONTRASTIVE_PARENTS;
    RIG_OK(PROPOSE(&last));
    REFUSED(LMS_E_ARGUMENT, SELECT(&b), "15 candidates", "max_rows (14)");
    p.k = 2;
    RIG_OK(lms_contrastive_update(r->search, r->slots[3], &p));
    RIG_OK(PROPOSE(&proposal));
    RIG_OK(lms_contrastive_close(r->search, r->slots[3]));
    clFinish(r->queue);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
}

/* Rows of logits: how many, and which of them. */
static void test_logits_rows(void **state)
{
    static const int32_t beyond[] = {0, 4, 1}, negative[] = {0, 1, -2};
    static const int32_t least[] = {INT32_MIN, 0, 0}, skipped[] = {-1, -1, -1};
    const contrastive_api_rig *const r = *state;
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    p.logits_rows = 2;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "logits_rows: 2", "3");
    p.logits_rows = ((size_t)1 << 31) + 1;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "logits_rows: 2147483649", "2^31");
    p.logits_rows = SIZE_MAX;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "logits_rows: ", "2^31");
    p.logits_rows = 4;
    p.index = beyond;
    REFUSED(LMS_E_ROW_INDEX, PROPOSE(&p), "index[1]: 4");
    p.index = negative;
    REFUSED(LMS_E_ROW_INDEX, PROPOSE(&p), "index[2]: -2");
    p.index = least;
    REFUSED(LMS_E_ROW_INDEX, PROPOSE(&p), "index[0]: -2147483648");
    p.index = r->order;
    p.index_device.buffer = r->index;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "index_device: ");
    p.index_device.buffer = NULL;
    p.index = skipped;
    RIG_OK(PROPOSE(&p));
}

static void test_row_strides(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_contrastive_append_args s = contrastive_states(r);
    lms_contrastive_propose_args p = contrastive_proposal(r, 0);
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    s.counts = NULL;
    for (size_t i = 0; i < 2; ++i) {
        s.row_stride = b.row_stride = i == 0 ? 1 : CONTRASTIVE_WIDTH - 1;
        p.row_stride = i == 0 ? 1 : CONTRASTIVE_VOCAB - 1;
        REFUSED(LMS_E_ARGUMENT, APPEND(&s), i == 0 ? "row_stride: 1" : "row_stride: 99",
                "width (100)");
        REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), i == 0 ? "row_stride: 1" : "row_stride: 299",
                "vocab (300)");
        REFUSED(LMS_E_ARGUMENT, SELECT(&b), i == 0 ? "row_stride: 1" : "row_stride: 99",
                "width (100)");
    }
    s.row_stride = b.row_stride = p.row_stride = SIZE_MAX;
    REFUSED(LMS_E_BUFFER_SIZE, APPEND(&s), "hidden: ");
    REFUSED(LMS_E_BUFFER_SIZE, PROPOSE(&p), "logits: ");
    REFUSED(LMS_E_BUFFER_SIZE, SELECT(&b), "hidden: ");
}

/* Rows of what is appended; they may be shared. */
static void test_hidden_rows(void **state)
{
    static const uint32_t ones[] = {1, 2, 1}, rows[] = {7, 2, 7}, far[] = {0, 0, UINT32_MAX};
    static const uint32_t huge[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    const contrastive_api_rig *const r = *state;
    lms_contrastive_append_args s = contrastive_states(r);
    s.counts = ones;
    s.hidden_rows = 3;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "hidden_rows: 3", "4");
    s.first_rows = rows;
    s.hidden_rows = 7;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "hidden_rows: 7", "8");
    s.hidden_rows = ((size_t)1 << 31) + 1;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "hidden_rows: 2147483649", "2^31");
    s.hidden_rows = SIZE_MAX;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "hidden_rows: ", "2^31");
    s.hidden_rows = 0;
    s.first_rows = far;
    REFUSED(LMS_E_ARGUMENT, APPEND(&s), "2^31");
    s.first_rows = NULL;
    s.counts = huge;
    assert_true(APPEND(&s) != LMS_OK); /* too many rows, or too long a context */
    s = contrastive_states(r);
    s.counts = ones;
    s.hidden_rows = CONTRASTIVE_PROMPT + 1;
    REFUSED(LMS_E_BUFFER_SIZE, APPEND(&s), "hidden: ", "(113 rows - 1) * stride 100");
}

/* --- Queues and events ------------------------------------------------------------------- */

static void refuse_queues_and_events(const contrastive_api_rig *r, unsigned call)
{
    cl_event none[2] = {NULL, NULL}, made = (cl_event)r->queue;
    lms_context *other = NULL;
#define CALL(queue, ...) contrastive_call(r, r->search, (queue), call, __VA_ARGS__)
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 2, NULL, &made), "num_wait: 2");
    assert_null(made);
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 0, none, NULL), "num_wait: 0");
    none[0] = rig_user_event(r->context);
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 2, none, NULL), "wait_list[1]: is NULL");
    rig_complete(none[0]);
    RIG_OK(lms_context_open(NULL, &other));
    REFUSED(LMS_E_ARGUMENT, CALL(lms_context_queue(other), 0, NULL, NULL),
            "queue: ", "another cl_context or device");
    /* An event of another context is OpenCL's to refuse, before anything is enqueued. */
    none[0] = rig_user_event(lms_context_cl_context(other));
    made = (cl_event)r->queue;
    const contrastive_view before = contrastive_look(r->search);
    hook_reset();
    RIG_FAILS(CL_INVALID_CONTEXT, CALL(r->queue, 1, none, &made), "clEnqueueMarkerWithWaitList",
              "invalid context");
    assert_null(made);
    assert_int_equal(hook_count("clEnqueueWriteBuffer"), 0);
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 0);
    contrastive_assert_looks(r->search, &before);
#undef CALL
    rig_complete(none[0]);
    lms_context_destroy(other);
}

static void test_queues_and_events(void **state)
{
    const contrastive_api_rig *const r = *state;
    refuse_queues_and_events(r, contrastive_propose_of(0));
    refuse_queues_and_events(r, contrastive_select_of(0));
    contrastive_assert_poisoned(r);
    RIG_OK(contrastive_close_all(r, r->search));
    RIG_OK(contrastive_open_all(r, r->search));
    refuse_queues_and_events(r, 0);
    RIG_OK(contrastive_call(r, r->search, r->queue, 0, 0, NULL, NULL));
}

/* No requests: the rest is not looked at, but for queue and wait list. */
static void test_no_requests(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_contrastive_append_args s;
    lms_contrastive_propose_args p;
    lms_contrastive_select_args b;
    memset(&s, 0, sizeof s);
    memset(&p, 0, sizeof p);
    memset(&b, 0, sizeof b);
#define EACH(queue, num_wait, text)                                                            \
    do {                                                                                       \
        REFUSED(LMS_E_ARGUMENT,                                                                \
                lms_contrastive_append(r->search, (queue), &s, (num_wait), NULL, NULL), text); \
        REFUSED(LMS_E_ARGUMENT,                                                                \
                lms_contrastive_propose(r->search, (queue), &p, (num_wait), NULL, NULL),       \
                text);                                                                         \
        REFUSED(LMS_E_ARGUMENT,                                                                \
                lms_contrastive_select(r->search, (queue), &b, (num_wait), NULL, NULL), text); \
    } while (0)
    EACH(NULL, 0, "queue: ");
    EACH(r->queue, 1, "num_wait: 1");
#undef EACH
    s.row_stride = p.row_stride = b.row_stride = 1;
    s.hidden_rows = p.candidate_rows = p.logits_rows = b.candidate_rows = SIZE_MAX;
    RIG_OK(APPEND(&s));
    RIG_OK(PROPOSE(&p));
    RIG_OK(SELECT(&b));
    clFinish(r->queue);
    contrastive_assert_poisoned(r);
}

/* A request that has nothing to append is there for nothing. */
static void test_no_states(void **state)
{
    static const uint32_t zeros[CONTRASTIVE_PARENTS], some[] = {0, 2, 0};
    const contrastive_api_rig *const r = *state;
    const contrastive_view before = contrastive_look(r->search);
    lms_contrastive_append_args s = contrastive_states(r);
    s.counts = zeros;
    RIG_OK(APPEND(&s));
    contrastive_assert_looks(r->search, &before);
    s.counts = some;
    RIG_OK(APPEND(&s));
    const contrastive_view after = contrastive_look(r->search);
    for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
        assert_int_equal(after.lengths[r->slots[q]], r->counts[q] + some[q]);
    }
    RIG_OK(contrastive_close_all(r, r->search));
    RIG_OK(contrastive_begin(r, r->search, CONTRASTIVE_FIRST_STEP));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_all, go_on)
    const struct CMUnitTest tests[] = {
        TEST(test_append_lacks_something),
        TEST(test_propose_lacks_something),
        TEST(test_select_lacks_something),
        TEST(test_slots),
        TEST(test_first_rows),
        TEST(test_candidate_rows),
        TEST(test_max_rows),
        TEST(test_logits_rows),
        TEST(test_row_strides),
        TEST(test_hidden_rows),
        TEST(test_queues_and_events),
        TEST(test_no_requests),
        TEST(test_no_states),
    };
    return cmocka_run_group_tests_name("contrastive_arguments", tests, contrastive_setup,
                                       contrastive_teardown);
}
