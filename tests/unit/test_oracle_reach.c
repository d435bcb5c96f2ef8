/* Which groups are in reach at first, by section 7 of docs/reference/specification.md, in cases
 * worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define VOCAB 512u

static const oracle_params plain = {.temperature = 1.0f, .top_p = 1.0f};

static float x[VOCAB];

static oracle_row *prepare(uint32_t vocab, const oracle_params *p)
{
    oracle_row *const row = oracle_prepare(x, vocab, p);
    assert_non_null(row);
    return row;
}

/* Bit g for group g. */
static uint32_t reach_of(uint32_t vocab, const oracle_params *p)
{
    oracle_row *const row = prepare(vocab, p);
    uint32_t reach = 0;
    for (uint32_t g = 0; g * ORACLE_GROUP < vocab; g++) {
        reach |= (uint32_t)(oracle_row_group_bound(row, g) > 0) << g;
    }
    oracle_row_free(row);
    return reach;
}

/* Four groups whose largest logits are 1, 2, 1, 1, each at another place in its group. */
static void fill_four_groups(void)
{
    rows_fill_equal(x, 128, -3.0f);
    x[31] = x[80] = x[96] = 1.0f;
    x[45] = 2.0f;
}

static void test_reach_of_top_k(void **state)
{
    (void)state;
    fill_four_groups();
    oracle_params p = plain;
    const uint32_t first_k[] = {0x2, 0x3, 0x7, 0xf, 0xf};
    for (int32_t k = 1; k <= 5; k++) {
        p.top_k = k;
        p.flags = 0;
        assert_int_equal(reach_of(128, &p), first_k[k - 1]);
        p.flags = ORACLE_TOP_K_TIES;
        assert_int_equal(reach_of(128, &p), k == 1 ? 0x2 : 0xf);
    }
    /* not active: V and more, 0 and less, whatever the flag */
    const int32_t off[] = {128, 129, 0, -1};
    for (int i = 0; i < 4; i++) {
        p.top_k = off[i];
        assert_int_equal(reach_of(128, &p), 0xf);
    }
    /* -0 and +0 are one key */
    p = plain;
    p.top_k = 2;
    rows_fill_equal(x, 128, -3.0f);
    x[31] = x[96] = 0.0f;
    x[45] = 1.0f;
    x[80] = -0.0f;
    assert_int_equal(reach_of(128, &p), 0x3);
    p.flags = ORACLE_TOP_K_TIES;
    assert_int_equal(reach_of(128, &p), 0xf);
}

static void test_reach_of_fewer_groups_than_top_k(void **state)
{
    (void)state;
    rows_fill_equal(x, 128, -INFINITY);
    for (uint32_t i = 0; i < 4; i++) {
        x[32 + i] = x[96 + i] = NAN;
    }
    x[40] = 0.0f;
    x[127] = 5.0f;
    oracle_params p = plain;
    for (uint32_t flags = 0; flags <= ORACLE_TOP_K_TIES; flags += ORACLE_TOP_K_TIES) {
        p.flags = flags;
        p.top_k = 100;
        assert_int_equal(reach_of(128, &p), 0xa);
        p.top_k = 2;
        assert_int_equal(reach_of(128, &p), 0xa);
        p.top_k = 1;
        assert_int_equal(reach_of(128, &p), 0x8);
    }
}

static void test_reach_of_min_p(void **state)
{
    (void)state;
    /* exp(-0.69) is above 1/2, exp(-0.70) is below */
    rows_fill_equal(x, 128, -9.0f);
    x[0] = -0.70f;
    x[33] = -0.69f;
    x[66] = 0.0f;
    x[99] = 0.0f;
    oracle_params p = plain;
    p.min_p = 0.5f;
    assert_int_equal(reach_of(128, &p), 0xe);
    p.min_p = 1.0f;
    assert_int_equal(reach_of(128, &p), 0xc);
    p.min_p = 0.49f;
    assert_int_equal(reach_of(128, &p), 0xf);
    /* both filters */
    p.top_k = 1;
    assert_int_equal(reach_of(128, &p), 0x4);
    p.top_k = 3;
    assert_int_equal(reach_of(128, &p), 0xe);
    p.min_p = 1.0f;
    assert_int_equal(reach_of(128, &p), 0xc);
    /* at twice the temperature -0.70 counts for -0.35; before temperature it is what it was */
    p = plain;
    p.min_p = 0.5f;
    p.temperature = 2.0f;
    assert_int_equal(reach_of(128, &p), 0xf);
    p.flags = ORACLE_TEMPERATURE_LAST;
    assert_int_equal(reach_of(128, &p), 0xe);
}

static void test_reach_does_not_know_top_p(void **state)
{
    (void)state;
    fill_four_groups();
    x[45] = 50.0f;
    rows_fill_equal(x + 128, 32, -INFINITY);
    oracle_params p = plain;
    p.top_p = 0.5f;
    assert_int_equal(reach_of(160, &p), 0xf);
    p.top_k = 2;
    p.flags = ORACLE_TOP_P_WHOLE_ROW;
    assert_int_equal(reach_of(160, &p), 0x3);
    /* of another tile, and out of sight: still in reach */
    rows_fill_equal(x, VOCAB, -1e9f);
    x[0] = 0.0f;
    assert_int_equal(reach_of(VOCAB, &plain), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_of_top_k),
        cmocka_unit_test(test_reach_of_fewer_groups_than_top_k),
        cmocka_unit_test(test_reach_of_min_p),
        cmocka_unit_test(test_reach_does_not_know_top_p),
    };
    return cmocka_run_group_tests_name("oracle reach", tests, NULL, NULL);
}
