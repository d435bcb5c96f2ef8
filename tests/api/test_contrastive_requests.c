/* Which requests a contrastive search takes in a call, and what calls of many requests cost:
 * rules of its own, beside those of all calls. */
#include "calls/contrastive_object.h"
#include "hooks.h"

#define APPEND(states)                                                                         \
    lms_contrastive_append(r->base.object, r->base.queue, (states), 0, NULL, NULL)
#define PROPOSE(proposal)                                                                      \
    lms_contrastive_propose(r->base.object, r->base.queue, (proposal), 0, NULL, NULL)
#define SELECT(batch)                                                                          \
    lms_contrastive_select(r->base.object, r->base.queue, (batch), 0, NULL, NULL)
#define REFUSED(code, call, ...)                                                               \
    OBJECT_REFUSED(&r->base, r->base.object, code, call, __VA_ARGS__)

/* Every test begins with requests that have their prompts and have been proposed to, ... */
static int open_all(void **state)
{
    const contrastive_rig *const r = *state;
    hook_reset();
    if (object_begin(&r->base, r->base.object, contrastive_select_of(0)) != LMS_OK) return -1;
    clFinish(r->base.queue);
    return object_poison(&r->base) == CL_SUCCESS ? 0 : -1;
}

/* ... whose search is as ever, after all those refusals. */
static int go_on(void **state)
{
    const contrastive_rig *const r = *state;
    contrastive_trace found;
    const bool is_good = object_calls(&r->base, r->base.object, CONTRASTIVE_FIRST_STEP,
                                      CONTRASTIVE_CALLS) == LMS_OK &&
                         object_read(&r->base, &found) == CL_SUCCESS &&
                         object_difference(&r->base, &found, &r->expected) == NULL;
    return object_end(&r->base, r->base.object) == LMS_OK && is_good ? 0 : -1;
}

/* More candidates than were reserved: max_rows counts them, not the rows between. */
static void test_max_rows(void **state)
{
    static const uint32_t apart[] = {0, 20, 40, 60};
    const contrastive_rig *const r = *state;
    lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 3);
    lms_contrastive_propose_args proposal = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    RIG_OK(lms_contrastive_open(r->base.object, r->slots[3], &p));
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
    RIG_OK(lms_contrastive_update(r->base.object, r->slots[3], &p));
    RIG_OK(PROPOSE(&proposal));
    RIG_OK(lms_contrastive_close(r->base.object, r->slots[3]));
    clFinish(r->base.queue);
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
}

/* An index by both doors, and one that skips all. */
static void test_indices(void **state)
{
    static const int32_t skipped[] = {-1, -1, -1};
    const contrastive_rig *const r = *state;
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    p.index = r->order;
    p.index_device.buffer = r->index;
    REFUSED(LMS_E_ARGUMENT, PROPOSE(&p), "index_device: ");
    p.index_device.buffer = NULL;
    p.index = skipped;
    RIG_OK(PROPOSE(&p));
}

/* A request that has nothing to append is there for nothing. */
static void test_no_states(void **state)
{
    static const uint32_t zeros[CONTRASTIVE_PARENTS], some[] = {0, 2, 0};
    const contrastive_rig *const r = *state;
    const object_view before = object_look(&r->base, r->base.object);
    lms_contrastive_append_args s = contrastive_append_args(r);
    s.counts = zeros;
    RIG_OK(APPEND(&s));
    object_assert_looks(&r->base, r->base.object, &before);
    s.counts = some;
    RIG_OK(APPEND(&s));
    const object_view after = object_look(&r->base, r->base.object);
    for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
        assert_int_equal(after.lengths[r->slots[q]], r->counts[q] + some[q]);
    }
    RIG_OK(object_end(&r->base, r->base.object));
    RIG_OK(object_begin(&r->base, r->base.object, CONTRASTIVE_FIRST_STEP));
}

static void assert_cost(unsigned kernels, unsigned writes)
{
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), kernels);
    assert_in_range(hook_count("clEnqueueWriteBuffer"), 0, writes);
}

/* As many requests as there can be, and contexts of many pages, make no more of them. */
static void test_many_requests_are_quiet(void **state)
{
    enum {
        MANY = 40,
        LENGTH = 100
    };
    const contrastive_rig *const r = *state;
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 1);
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    uint32_t slots[MANY], rows[MANY], zeros[MANY] = {0}, counts[MANY];
    desc.max_positions = 0;
    desc.max_buffer_bytes = 0;
    desc.max_requests = MANY;
    desc.max_length = LENGTH;
    desc.max_rows = 0;
    RIG_OK(lms_contrastive_create(r->base.ctx, &desc, &search));
    for (uint32_t q = 0; q < MANY; ++q) {
        slots[q] = MANY - 1 - q;
        rows[q] = q;
        counts[q] = LENGTH - 1 - q % 3;
        RIG_OK(lms_contrastive_open(search, q, &params));
    }
    const cl_mem ints = rig_buffer(r->base.context, CL_MEM_READ_WRITE, MANY * sizeof(cl_int));
    const cl_mem probs =
        rig_buffer(r->base.context, CL_MEM_READ_WRITE, MANY * sizeof(cl_float));
    const lms_contrastive_append_args s = {MANY, slots, counts, zeros, {r->states, 0, NULL},
                                           0,    0};
    const lms_contrastive_propose_args p = {.requests = MANY,
                                            .slots = slots,
                                            .first_rows = rows,
                                            .logits = {r->logits, 0},
                                            .logits_rows = 1,
                                            .index = (const int32_t *)zeros,
                                            .tokens = {ints, 0},
                                            .probs = {probs, 0}};
    const lms_contrastive_select_args b = {.requests = MANY,
                                           .slots = slots,
                                           .first_rows = rows,
                                           .hidden = {r->hidden, 0},
                                           .tokens = {ints, 0},
                                           .probs = {probs, 0},
                                           .next = {ints, 0},
                                           .rows = {ints, 0}};
    hook_reset();
    RIG_OK(lms_contrastive_append(search, r->base.queue, &s, 0, NULL, NULL));
    assert_cost(1, 1);
    hook_reset();
    RIG_OK(lms_contrastive_propose(search, r->base.queue, &p, 0, NULL, NULL));
    assert_cost(2, 1);
    hook_reset();
    RIG_OK(lms_contrastive_select(search, r->base.queue, &b, 0, NULL, NULL));
    assert_cost(4, 3);
    clFinish(r->base.queue);
    clReleaseMemObject(ints);
    clReleaseMemObject(probs);
    lms_contrastive_destroy(search);
}

/* Those that enqueue nothing ask OpenCL nothing either. */
static void test_silent_calls(void **state)
{
    const contrastive_rig *const r = *state;
    uint32_t length = 0;
    hook_reset();
    for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
        const uint32_t slot = r->slots[q];
        RIG_OK(lms_contrastive_length(r->base.object, slot, &length));
        assert_true(lms_contrastive_room(r->base.object) > 0);
        RIG_OK(lms_contrastive_update(r->base.object, slot, &r->params[3]));
        RIG_OK(lms_contrastive_update(r->base.object, slot, &r->params[q]));
    }
    RIG_OK(lms_contrastive_open(r->base.object, r->slots[3], &r->params[3]));
    RIG_OK(lms_contrastive_close(r->base.object, r->slots[3]));
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_all, go_on)
    const struct CMUnitTest tests[] = {
        TEST(test_max_rows),     TEST(test_indices),
        TEST(test_no_states),    TEST(test_many_requests_are_quiet),
        TEST(test_silent_calls),
    };
    return cmocka_run_group_tests_name("contrastive_requests", tests, contrastive_setup,
                                       object_teardown);
}
