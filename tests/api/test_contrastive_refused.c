/* A call that is refused has changed nothing: searches go on between refusals as if there had
 * been none. */
#include "contrastive_api_rig.h"
#include "hooks.h"

/* Refused, whatever for, OpenCL was only asked, and lengths and room are as before. */
#define REFUSED(call)                                                                          \
    do {                                                                                       \
        const contrastive_view before_ = contrastive_look(search);                             \
        hook_reset();                                                                          \
        if ((call) == LMS_OK) fail_msg("%s was taken in kind %u", #call, kind);                \
        assert_null(hook_deed());                                                              \
        contrastive_assert_looks(search, &before_);                                            \
    } while (0)

enum {
    APPENDS = 11,
    PROPOSALS = 16,
    SELECTS = 17,
    OTHERS = 11
};

static const uint32_t twice[] = {1, 2, 1, 3}, beyond[] = {1, 2, CONTRASTIVE_REQUESTS, 3};
static const uint32_t overlap[] = {0, 4, 9, 12};

static void refuse_append(const contrastive_api_rig *r, lms_contrastive *search, unsigned kind)
{
    static const uint32_t many[] = {1, 1, CONTRASTIVE_LENGTH + 1}, far[] = {0, 0, 1000000};
    cl_uint num_wait = 0;
    cl_event event = NULL;
    lms_contrastive_append_args s = contrastive_states(r);
    if (kind != 5) s.counts = NULL;
    if (kind == 0) s.requests = CONTRASTIVE_REQUESTS + 1;
    if (kind == 1) s.slots = twice;
    if (kind == 2) s.slots = beyond;
    if (kind == 3) s.slots = NULL;
    if (kind == 4) num_wait = 1;
    if (kind == 5) s.counts = many;
    if (kind == 6) s.first_rows = far;
    if (kind == 7) s.hidden_rows = 2;
    if (kind == 8) s.row_stride = CONTRASTIVE_WIDTH - 1;
    if (kind == 9) s.hidden.offset = SIZE_MAX;
    if (kind == 10) s.hidden.buffer = NULL;
    REFUSED(lms_contrastive_append(search, r->queue, &s, num_wait, NULL, &event));
    assert_null(event);
}

static void refuse_propose(const contrastive_api_rig *r, lms_contrastive *search, unsigned kind,
                           unsigned step)
{
    static const int32_t bad[] = {0, 1, CONTRASTIVE_REQUESTS, 0};
    cl_uint num_wait = 0;
    cl_event event = NULL;
    lms_contrastive_propose_args p = contrastive_proposal(r, step);
    if (kind == 0) p.requests = CONTRASTIVE_REQUESTS + 1;
    if (kind == 1) p.slots = twice;
    if (kind == 2) p.slots = beyond;
    if (kind == 3) p.first_rows = overlap;
    if (kind == 4) p.candidate_rows = 11;
    if (kind == 5) p.row_stride = 1;
    if (kind == 6) p.logits.offset = SIZE_MAX;
    if (kind == 7) p.tokens.offset += CONTRASTIVE_STEPS * CONTRASTIVE_ROWS;
    if (kind == 8) p.status.offset += CONTRASTIVE_STEPS * CONTRASTIVE_REQUESTS;
    if (kind == 9) p.probs.buffer = NULL;
    if (kind == 10) p.tokens.buffer = r->logits; /* read-only */
    if (kind == 11) num_wait = 1;
    if (kind == 12) p.slots = NULL;
    if (kind == 13) p.logits_rows = ((size_t)1 << 31) + 1;
    if (kind >= 14) p.index = bad;
    if (kind == 15) p.index_device.buffer = r->index;
    REFUSED(lms_contrastive_propose(search, r->queue, &p, num_wait, NULL, &event));
    assert_null(event);
}

static void refuse_select(const contrastive_api_rig *r, lms_contrastive *search, unsigned kind,
                          unsigned step)
{
    cl_uint num_wait = 0;
    cl_event event = NULL;
    lms_contrastive_select_args b = contrastive_batch(r, step);
    if (kind == 0) b.requests = CONTRASTIVE_REQUESTS + 1;
    if (kind == 1) b.slots = twice;
    if (kind == 2) b.slots = beyond;
    if (kind == 3) b.first_rows = overlap;
    if (kind == 4) b.candidate_rows = 11;
    if (kind == 5) b.row_stride = 1;
    if (kind == 6) b.hidden.offset = SIZE_MAX;
    if (kind == 7) b.tokens.offset += CONTRASTIVE_STEPS * CONTRASTIVE_ROWS;
    if (kind == 8) b.probs.offset += CONTRASTIVE_STEPS * CONTRASTIVE_ROWS;
    if (kind == 9) b.rows.buffer = NULL;
    if (kind == 10) b.next.buffer = r->logits; /* read-only */
    if (kind == 11) num_wait = 1;
    if (kind == 12) b.slots = NULL;
    if (kind == 13) b.status.offset += CONTRASTIVE_STEPS * CONTRASTIVE_REQUESTS;
    if (kind == 14) b.row_penalties.offset += CONTRASTIVE_STEPS * CONTRASTIVE_ROWS;
    if (kind == 15) b.hidden.buffer = NULL;
    if (kind == 16) b.scores.offset = SIZE_MAX / 4;
    REFUSED(lms_contrastive_select(search, r->queue, &b, num_wait, NULL, &event));
    assert_null(event);
}

/* On slots. Slot 1 has the first request, slot 3 nobody, or its fork. */
static void refuse_other(const contrastive_api_rig *r, lms_contrastive *search, unsigned kind,
                         bool forked)
{
    const uint32_t far = CONTRASTIVE_REQUESTS, closed = forked ? far : 3;
    lms_contrastive_params bad = r->params[0];
    const lms_contrastive_params *const p = &r->params[1];
    uint32_t length = 0;
    bad.alpha = 1.5f;
#define FORK(from, to, params)                                                                 \
    lms_contrastive_fork(search, r->queue, (from), (to), (params), 0, NULL, NULL)
    switch (kind) {
    case 0: REFUSED(lms_contrastive_open(search, 1, p)); break;
    case 1: REFUSED(lms_contrastive_open(search, far, p)); break;
    case 2: REFUSED(lms_contrastive_open(search, 3, &bad)); break;
    case 3: REFUSED(lms_contrastive_update(search, 1, &bad)); break;
    case 4: REFUSED(lms_contrastive_update(search, closed, p)); break;
    case 5: REFUSED(lms_contrastive_close(search, closed)); break;
    case 6: REFUSED(lms_contrastive_length(search, closed, &length)); break;
    case 7: REFUSED(FORK(1, 0, p)); break;
    case 8: REFUSED(FORK(1, 3, &bad)); break;
    case 9: REFUSED(FORK(far, 3, p)); break;
    default: REFUSED(FORK(1, far, p)); break;
    }
#undef FORK
}

/* Everything that is wrong before a call of the search. */
static void refuse_all(const contrastive_api_rig *r, lms_contrastive *search, unsigned call)
{
    const unsigned step = call == 0 ? 0 : (call - 1) / 2 % CONTRASTIVE_STEPS;
    for (unsigned kind = 0; kind < APPENDS; ++kind) refuse_append(r, search, kind);
    for (unsigned kind = 0; kind < PROPOSALS; ++kind) refuse_propose(r, search, kind, step);
    for (unsigned kind = 0; kind < SELECTS; ++kind) refuse_select(r, search, kind, step);
    for (unsigned kind = 0; kind < OTHERS; ++kind) {
        refuse_other(r, search, kind, call > CONTRASTIVE_FORK);
    }
}

static void test_a_search_between_refusals(void **state)
{
    const contrastive_api_rig *const r = *state;
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->search));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        refuse_all(r, r->search, call);
        RIG_OK(contrastive_call(r, r->search, r->queue, call, 0, NULL, NULL));
    }
    refuse_all(r, r->search, CONTRASTIVE_CALLS);
    contrastive_assert_expected(r);
    RIG_OK(contrastive_close_all(r, r->search));
}

/* Refused calls take no stage: as many calls as ever can be in flight afterwards. */
static void test_refused_calls_are_not_in_flight(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    desc.max_in_flight = CONTRASTIVE_CALLS;
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    const cl_event hold = rig_user_event(r->context);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, search));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        refuse_all(r, search, call);
        RIG_OK(contrastive_call(r, search, r->queue, call, call == 0, call == 0 ? &hold : NULL,
                                NULL));
    }
    rig_complete(hold);
    contrastive_assert_expected(r);
    lms_contrastive_destroy(search);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_search_between_refusals),
        cmocka_unit_test(test_refused_calls_are_not_in_flight),
    };
    return cmocka_run_group_tests_name("contrastive_refused", tests, contrastive_setup,
                                       contrastive_teardown);
}
