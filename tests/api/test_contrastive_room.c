/* Pages: contexts that are full, what a call that does not fit leaves behind, what forks share,
 * and what comes back. */
#include "calls/contrastive_object.h"
#include "hooks.h"

#define REFUSED(search, call, ...)                                                             \
    OBJECT_REFUSED(&r->base, search, LMS_E_CONTEXT_FULL, call, __VA_ARGS__)

enum {
    PAGE = LMS_CONTEXT_PAGE
};

static int close_all(void **state)
{
    const contrastive_rig *const r = *state;
    clFinish(r->base.queue);
    return object_end(&r->base, r->base.object) == LMS_OK ? 0 : -1;
}

static uint32_t length_of(const lms_contrastive *search, uint32_t slot)
{
    uint32_t length = 0;
    RIG_OK(lms_contrastive_length(search, slot, &length));
    return length;
}

static void open_slots(lms_contrastive *search, uint32_t count)
{
    const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
    for (uint32_t slot = 0; slot < count; ++slot)
        RIG_OK(lms_contrastive_open(search, slot, &p));
}

/* Waits if the call is good: there are more of them than can be in flight. */
static lms_status finished(const contrastive_rig *r, lms_status status)
{
    if (status == LMS_OK) assert_int_equal(clFinish(r->base.queue), CL_SUCCESS);
    return status;
}

/* Appends the first rows of the rig's states. */
static lms_status append(const contrastive_rig *r, lms_contrastive *search, uint32_t requests,
                         const uint32_t *slots, const uint32_t *counts)
{
    static const uint32_t rows[CONTRASTIVE_REQUESTS];
    const lms_contrastive_append_args s = {.requests = requests,
                                           .slots = slots,
                                           .counts = counts,
                                           .first_rows = rows,
                                           .hidden = {r->states, 0}};
    return finished(r, lms_contrastive_append(search, r->base.queue, &s, 0, NULL, NULL));
}

static lms_status append_to(const contrastive_rig *r, lms_contrastive *search, uint32_t slot,
                            uint32_t count)
{
    return append(r, search, 1, &slot, &count);
}

/* Of two candidates for each. */
static const uint32_t rows[] = {0, 2, 4, 6};

static lms_status propose_to(const contrastive_rig *r, lms_contrastive *search,
                             uint32_t requests, const uint32_t *slots)
{
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    p.requests = requests;
    p.slots = slots;
    p.first_rows = rows;
    return finished(r, lms_contrastive_propose(search, r->base.queue, &p, 0, NULL, NULL));
}

/* A select, of hidden states that are there. */
static lms_status select_in(const contrastive_rig *r, lms_contrastive *search,
                            uint32_t requests, const uint32_t *slots)
{
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    b.requests = requests;
    b.slots = slots;
    b.first_rows = rows;
    return finished(r, lms_contrastive_select(search, r->base.queue, &b, 0, NULL, NULL));
}

static lms_status fork_to(const contrastive_rig *r, lms_contrastive *search, uint32_t from,
                          uint32_t to)
{
    return finished(r,
                    lms_contrastive_fork(search, r->base.queue, from, to, NULL, 0, NULL, NULL));
}

/* --- Full -------------------------------------------------------------------------------- */

static void test_max_length(void **state)
{
    const contrastive_rig *const r = *state;
    const uint32_t slots[] = {1, 0}, counts[] = {5, 1};
    open_slots(r->base.object, 2);
    REFUSED(r->base.object, append_to(r, r->base.object, 0, CONTRASTIVE_LENGTH + 1), "71",
            "max_length (70)");
    RIG_OK(append_to(r, r->base.object, 0, CONTRASTIVE_LENGTH));
    assert_int_equal(length_of(r->base.object, 0), CONTRASTIVE_LENGTH);
    REFUSED(r->base.object, append_to(r, r->base.object, 0, 1), "70 positions and 1 more",
            "max_length (70)");
    /* With another for whom there is room, who gets nothing either. */
    REFUSED(r->base.object, append(r, r->base.object, 2, slots, counts),
            "slots[1]: ", "max_length (70)");
    RIG_OK(propose_to(r, r->base.object, 2, slots));
    REFUSED(r->base.object, select_in(r, r->base.object, 2, slots),
            "slots[1]: ", "max_length (70)");
    RIG_OK(append_to(r, r->base.object, 1, CONTRASTIVE_LENGTH - 1));
    RIG_OK(propose_to(r, r->base.object, 1, slots));
    RIG_OK(select_in(r, r->base.object, 1, slots));
    RIG_OK(propose_to(r, r->base.object, 1, slots));
    REFUSED(r->base.object, select_in(r, r->base.object, 1, slots),
            "slots[0]: ", "max_length (70)");
    /* A fork of a full context can be made, and is full. */
    RIG_OK(fork_to(r, r->base.object, 0, 2));
    assert_int_equal(length_of(r->base.object, 2), CONTRASTIVE_LENGTH);
    REFUSED(r->base.object, append_to(r, r->base.object, 2, 1), "max_length (70)");
}

/* Contexts have room, the pool has none: of a call with several requests none is appended. */
static void test_full_pool(void **state)
{
    const contrastive_rig *const r = *state;
    const uint32_t slots[] = {0, 1, 2, 3}, full[] = {64, 64, 64, 64}, parts[] = {32, 32, 33, 1};
    const uint32_t one_more[] = {0, 0, 0, 1}, late[] = {1, 0, 1, 1};
    open_slots(r->base.object, CONTRASTIVE_REQUESTS);
    RIG_OK(append(r, r->base.object, 3, slots, full));
    assert_int_equal(lms_contrastive_room(r->base.object), 2 * PAGE);
    REFUSED(r->base.object, append(r, r->base.object, 4, slots, full), "");
    REFUSED(r->base.object, append(r, r->base.object, 4, slots, late), "max_positions");
    REFUSED(r->base.object, append_to(r, r->base.object, 3, 65), "max_positions");
    RIG_OK(append_to(r, r->base.object, 3, 64));
    assert_int_equal(lms_contrastive_room(r->base.object), 0);
    /* A propose needs no room. */
    RIG_OK(propose_to(r, r->base.object, CONTRASTIVE_REQUESTS, slots));
    for (uint32_t q = 0; q < CONTRASTIVE_REQUESTS; ++q) {
        REFUSED(r->base.object, append_to(r, r->base.object, q, 1), "max_positions");
        REFUSED(r->base.object, select_in(r, r->base.object, 1, &slots[q]), "max_positions");
    }
    REFUSED(r->base.object, append(r, r->base.object, 4, slots, one_more), "max_positions");
    REFUSED(r->base.object, select_in(r, r->base.object, 4, slots), "max_positions");
    /* Two pages come back, for parts that need five. */
    RIG_OK(lms_contrastive_close(r->base.object, 0));
    open_slots(r->base.object, 1);
    REFUSED(r->base.object, append(r, r->base.object, 1, slots, (const uint32_t[]){65}),
            "max_positions");
    REFUSED(r->base.object, append(r, r->base.object, 4, slots, parts), "");
    RIG_OK(append(r, r->base.object, 1, slots, parts));
    RIG_OK(append_to(r, r->base.object, 1, 1));
    assert_int_equal(lms_contrastive_room(r->base.object), 0);
    RIG_OK(append_to(r, r->base.object, 1, 4)); /* in the page that is there */
    RIG_OK(propose_to(r, r->base.object, 1, &slots[1]));
    RIG_OK(select_in(r, r->base.object, 1, &slots[1]));
}

/* The last request of a select is one too many. */
static void test_select_of_many(void **state)
{
    static const uint32_t counts[][CONTRASTIVE_REQUESTS] = {
        {64, 64, 64, 64}, {64, 64, 64, 32}, {64, 64, 32, 32}, {64, 32, 32, 32}};
    const contrastive_rig *const r = *state;
    const uint32_t slots[] = {0, 1, 2, 3};
    for (uint32_t pages = 0; pages < CONTRASTIVE_REQUESTS; ++pages) {
        open_slots(r->base.object, CONTRASTIVE_REQUESTS);
        RIG_OK(append(r, r->base.object, CONTRASTIVE_REQUESTS, slots, counts[pages]));
        assert_int_equal(lms_contrastive_room(r->base.object), pages * PAGE);
        RIG_OK(propose_to(r, r->base.object, CONTRASTIVE_REQUESTS, slots));
        REFUSED(r->base.object, select_in(r, r->base.object, pages + 1, slots),
                "max_positions");
        if (pages > 0) RIG_OK(select_in(r, r->base.object, pages, slots));
        assert_int_equal(lms_contrastive_room(r->base.object), 0);
        RIG_OK(object_end(&r->base, r->base.object));
    }
}

/* --- Lengths and room -------------------------------------------------------------------- */

/* Counted by the calls made, and by whole pages. */
static void test_counting(void **state)
{
    const contrastive_rig *const r = *state;
    const cl_event hold = rig_user_event(r->base.context);
    const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
    const cl_command_queue queue = rig_queue(r->base.ctx, 0);
    const lms_contrastive_append_args s = {
        .requests = 1, .slots = (const uint32_t[]){2}, .hidden = {r->states, 0}};
    RIG_OK(lms_contrastive_open(r->base.object, 2, &p));
    for (uint32_t n = 0; n < 10; ++n) {
        RIG_OK(lms_contrastive_append(r->base.object, queue, &s, n == 0, n == 0 ? &hold : NULL,
                                      NULL));
        assert_int_equal(length_of(r->base.object, 2), n + 1);
        assert_int_equal(lms_contrastive_room(r->base.object), (CONTRASTIVE_PAGES - 1) * PAGE);
    }
    rig_complete(hold);
    clFinish(queue);
    for (uint32_t n = 10; n < CONTRASTIVE_LENGTH; ++n) {
        RIG_OK(append_to(r, r->base.object, 2, 1));
        assert_int_equal(length_of(r->base.object, 2), n + 1);
        assert_int_equal(lms_contrastive_room(r->base.object),
                         (CONTRASTIVE_PAGES - 1 - n / PAGE) * PAGE);
    }
    clReleaseCommandQueue(queue);
}

/* A fork takes a page where the last one is not full, and pages are free when all are closed
 * that have them. */
static void test_forks_share(void **state)
{
    static const uint32_t lengths[] = {0, 1, 31, 32, 33, 63, 64, 65, 70};
    const contrastive_rig *const r = *state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; ++i) {
        for (int from_first = 0; from_first < 2; ++from_first) {
            const uint32_t n = lengths[i], whole = n / PAGE, part = n % PAGE != 0;
            open_slots(r->base.object, 1);
            if (n > 0) RIG_OK(append_to(r, r->base.object, 0, n));
            RIG_OK(fork_to(r, r->base.object, 0, 1));
            RIG_OK(fork_to(r, r->base.object, 1, 2));
            assert_int_equal(length_of(r->base.object, 1), n);
            assert_int_equal(length_of(r->base.object, 2), n);
            uint32_t used = whole + 3 * part;
            assert_int_equal(lms_contrastive_room(r->base.object),
                             (CONTRASTIVE_PAGES - used) * PAGE);
            for (uint32_t k = 0; k < 3; ++k) {
                RIG_OK(lms_contrastive_close(r->base.object, from_first ? k : 2 - k));
                used -= k < 2 ? part : whole + part;
                assert_int_equal(lms_contrastive_room(r->base.object),
                                 (CONTRASTIVE_PAGES - used) * PAGE);
            }
        }
    }
}

/* Where there is no page for the fork's part, it is refused; where it needs none, it is not. */
static void test_fork_of_a_full_pool(void **state)
{
    const contrastive_rig *const r = *state;
    open_slots(r->base.object, 3);
    RIG_OK(append_to(r, r->base.object, 0, 40));
    RIG_OK(append_to(r, r->base.object, 1, 70));
    RIG_OK(append_to(r, r->base.object, 2, 70));
    assert_int_equal(lms_contrastive_room(r->base.object), 0);
    REFUSED(r->base.object, fork_to(r, r->base.object, 0, 3), "max_positions");
    REFUSED(r->base.object, fork_to(r, r->base.object, 1, 3), "max_positions");
    RIG_OK(lms_contrastive_close(r->base.object, 2));
    RIG_OK(append_to(r, r->base.object, 0, 24)); /* 64 */
    RIG_OK(fork_to(r, r->base.object, 1, 2));
    RIG_OK(lms_contrastive_close(r->base.object, 1)); /* the fork keeps all it shared */
    RIG_OK(fork_to(r, r->base.object, 0, 1));
    RIG_OK(fork_to(r, r->base.object, 1, 3));
    assert_int_equal(lms_contrastive_room(r->base.object), 3 * PAGE);
    RIG_OK(append_to(r, r->base.object, 0, 1));
    RIG_OK(append_to(r, r->base.object, 1, 1));
    RIG_OK(append_to(r, r->base.object, 3, 1));
    assert_int_equal(lms_contrastive_room(r->base.object), 0);
}

/* Whatever was done to it, a pool that is empty of contexts is whole. */
static void test_pages_come_back(void **state)
{
    const contrastive_rig *const r = *state;
    uint32_t noise = 1;
    for (unsigned i = 0; i < 600; ++i) {
        noise = noise * 1664525u + 1013904223u;
        const uint32_t slot = noise >> 30, other = noise >> 28 & 3, count = noise >> 22 & 31;
        const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
        switch (noise >> 19 & 7) {
        case 0: (void)lms_contrastive_open(r->base.object, slot, &p); break;
        case 1: (void)lms_contrastive_close(r->base.object, slot); break;
        case 2:
            if (propose_to(r, r->base.object, 1, &slot) == LMS_OK) {
                (void)select_in(r, r->base.object, 1, &slot);
            }
            break;
        case 3:
        case 4: (void)fork_to(r, r->base.object, slot, other); break;
        default: (void)append_to(r, r->base.object, slot, count); break;
        }
    }
    RIG_OK(object_end(&r->base, r->base.object));
    assert_int_equal(lms_contrastive_room(r->base.object), CONTRASTIVE_PAGES * PAGE);
    object_assert_good(&r->base, r->base.object);
}

/* A search that is refused for want of room at every call, until another is closed. */
static void test_a_search_that_waits_for_room(void **state)
{
    const contrastive_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    desc.max_requests = CONTRASTIVE_REQUESTS + 1;
    desc.max_rows = 0;
    desc.max_length = 8 * PAGE;
    desc.max_in_flight = 64;
    RIG_OK(lms_contrastive_create(r->base.ctx, &desc, &search));
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
        if (call == 0) RIG_OK(contrastive_open_all(r, search));
        RIG_OK(lms_contrastive_open(search, CONTRASTIVE_REQUESTS, &p));
        for (uint64_t room = lms_contrastive_room(search); room > 0; room -= PAGE) {
            RIG_OK(append_to(r, search, CONTRASTIVE_REQUESTS, PAGE));
        }
        if (call == 0 || call == CONTRASTIVE_FORK || call == contrastive_select_of(2)) {
            REFUSED(search, object_call(&r->base, search, r->base.queue, call, 0, NULL, NULL),
                    "max_positions");
        }
        RIG_OK(lms_contrastive_close(search, CONTRASTIVE_REQUESTS));
        RIG_OK(object_call(&r->base, search, r->base.queue, call, 0, NULL, NULL));
        clFinish(r->base.queue);
    }
    object_assert_expected(&r->base);
    lms_contrastive_destroy(search);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_max_length),      TEST(test_full_pool),
        TEST(test_select_of_many),  TEST(test_counting),
        TEST(test_forks_share),     TEST(test_fork_of_a_full_pool),
        TEST(test_pages_come_back), TEST(test_a_search_that_waits_for_room),
    };
    return cmocka_run_group_tests_name("contrastive_room", tests, contrastive_setup,
                                       object_teardown);
}
