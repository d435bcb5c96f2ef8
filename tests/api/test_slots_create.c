/* Making slots: what descriptions are refused, and how much memory they take. */
#include "rig.h"

enum {
    SLOTS = 4,
    CALL = 3,
    LENGTH = 600,
    PAGES = 5,
    VOCAB = 300
};

static lms_slots_desc good_desc(void)
{
    const lms_slots_desc d = {.max_tokens = PAGES * LMS_SLOT_PAGE,
                              .max_slots = SLOTS,
                              .max_length = LENGTH,
                              .vocab = VOCAB,
                              .max_call = CALL,
                              .max_host_tokens = 1000};
    return d;
}

static void test_descriptions(void **state)
{
    lms_context *ctx = NULL;
    lms_slots *made = (lms_slots *)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    const lms_slots_desc good = good_desc();
    lms_slots_desc d = good;
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_create(NULL, &d, &made), "ctx: is NULL");
    assert_null(made);
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_create(ctx, NULL, &made), "desc: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_create(ctx, &d, NULL), "out: is NULL");
#define BAD(field, value, ...)                                                                 \
    d = good;                                                                                  \
    d.field = (value);                                                                         \
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_create(ctx, &d, &made), __VA_ARGS__)
    BAD(max_slots, 0, "max_slots: 0 is not in 1..65536");
    BAD(max_slots, LMS_MAX_SLOTS + 1, "max_slots: 65537");
    BAD(max_length, 0, "max_length: 0 is not in 1..1048576");
    BAD(max_length, LMS_MAX_SLOT_LENGTH + 1, "max_length: 1048577");
    BAD(vocab, 0, "vocab: 0 is not in 1..");
    BAD(vocab, LMS_MAX_VOCAB + 1, "vocab: 1048577");
    BAD(tokens, (lms_token_type)7, "tokens: 7 is not an lms_token_type");
    BAD(max_in_flight, 65, "max_in_flight: 65 is not in 0..64");
    BAD(max_call, SLOTS + 1, "max_call: 5 is above max_slots (4)");
    BAD(max_host_tokens, 1u << 31, "max_host_tokens: 2147483648");
    BAD(reserved, 1, "reserved: is not 0");
    d = good;
    d.max_slots = LMS_MAX_SLOTS;
    d.max_length = LMS_MAX_SLOT_LENGTH;
    d.max_tokens = 0;
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_create(ctx, &d, &made), "max_tokens: 268435456 pages");
    d.max_tokens = UINT32_MAX / 2;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_slots_create(ctx, &d, &made), "max_tokens: 2147483648",
              "65536 slots of at most 1048576");
    assert_null(made);
    lms_slots_destroy(NULL);
    assert_int_equal(lms_slots_workspace(NULL), 0);
    assert_int_equal(lms_slots_room(NULL), 0);
    lms_context_destroy(ctx);
}

/* 10,000 slots of 4,096 tokens. */
static void test_memory(void **state)
{
    lms_context *ctx = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    const lms_slots_desc d = {.max_slots = 10000, .max_length = 4096, .vocab = VOCAB};
    lms_slots *made = NULL;
    RIG_OK(lms_slots_create(ctx, &d, &made));
    print_message("%zu bytes\n", lms_slots_workspace(made));
    assert_true(lms_slots_workspace(made) <= (size_t)1 << 30);
    assert_true(lms_slots_workspace(made) >= (size_t)20 * 10000 * 4096);
    assert_int_equal(lms_slots_room(made), 10000 * 4096);
    lms_slots_destroy(made);
    lms_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("slots_create", tests, NULL, NULL);
}
