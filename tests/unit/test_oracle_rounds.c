/*
 * Rounds of attempts, by section 7 of docs/reference/specification.md, in cases worked out by
 * hand: tokens of equal weight, which are slots of equal size, and words that aim at them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define ROUND ORACLE_ROUND
#define VOCAB 512u

static const oracle_params plain = {.temperature = 1.0f, .top_p = 1.0f};

static float x[VOCAB];

static oracle_row *prepare(uint32_t vocab, const oracle_params *p)
{
    oracle_row *const row = oracle_prepare(x, vocab, p);
    assert_non_null(row);
    return row;
}

static uint32_t words[4 * ORACLE_ATTEMPTS];

static void put(uint32_t attempt, uint64_t for_tile, uint64_t for_slot)
{
    uint32_t *const at = &words[4 * attempt];
    at[0] = (uint32_t)for_tile;
    at[1] = (uint32_t)(for_tile >> 32);
    at[2] = (uint32_t)for_slot;
    at[3] = (uint32_t)(for_slot >> 32);
}

/* The last unit of the last slot is above every weight: nothing is proposed. */
static void miss_all(void) { memset(words, 0xff, sizeof words); }

/* The foot of slot `slot` of `slots` of the first tile. */
static void aim(uint32_t attempt, uint32_t slot, uint32_t slots)
{
    const uint64_t each = UINT64_MAX / slots + 1; /* rounded up, a power of two or not */
    put(attempt, 0, each * slot);
}

/* Of 128 equal tokens, of which the first eight are kept. */
static oracle_row *eight_of_128(void)
{
    rows_fill_equal(x, 128, 0.0f);
    oracle_params p = plain;
    p.top_p = 0.0625f;
    oracle_row *const row = prepare(128, &p);
    assert_int_equal(oracle_row_kept(row), 8);
    return row;
}

static void assert_draw(const oracle_row *row, uint32_t supply, int64_t token,
                        uint32_t attempts)
{
    oracle_result result;
    oracle_draw(row, 0, 0, words, supply, &result);
    assert_int_equal(result.token, token);
    assert_int_equal(result.attempts, attempts);
    assert_int_equal(result.status, token < 0 ? ORACLE_UNIFORMS_SPENT : ORACLE_OK);
}

/* That the round of attempt `next` has `slots` slots: then it takes token 6. With another
 * number, of 32, 64, 96 and 128, the same words would take another one. */
static void assert_slots(const oracle_row *row, uint32_t next, uint32_t slots)
{
    aim(next, 6, slots);
    assert_draw(row, next + 1, 6, next + 1);
    miss_all();
}

static void test_round_that_proposes_nothing(void **state)
{
    (void)state;
    oracle_row *const row = eight_of_128();
    miss_all();
    assert_slots(row, 0, 128);
    assert_slots(row, ROUND - 1, 128);
    assert_slots(row, ROUND, 128);
    assert_slots(row, 5 * ROUND, 128);
    oracle_row_free(row);
}

static void test_round_that_shrinks_reach(void **state)
{
    (void)state;
    oracle_row *const row = eight_of_128();
    /* the best proposed token, and how many slots the next round has */
    const uint32_t cases[][2] = {
        {127, 128}, {97, 128}, /* behind the first token of the last group, of the same key */
        {96, 96},              /* which is the first token itself: its group is out */
        {95, 96},   {65, 96},  {64, 64}, {63, 64}, {33, 64}, {32, 32}, {31, 32}, {8, 32},
    };
    miss_all();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint32_t token = cases[i][0];
        for (uint32_t place = 0; place < ROUND; place += ROUND - 1) {
            aim(place, token, 128);
            assert_slots(row, ROUND, cases[i][1]);
        }
        /* the best counts, wherever in the round it comes */
        aim(3, token, 128);
        aim(4, 127, 128);
        assert_slots(row, ROUND, cases[i][1]);
        aim(4, token, 128);
        aim(3, 127, 128);
        assert_slots(row, ROUND, cases[i][1]);
        /* within the round nothing changes */
        aim(0, token, 128);
        assert_slots(row, ROUND - 1, 128);
    }
    oracle_row_free(row);
}

static void test_reach_only_shrinks(void **state)
{
    (void)state;
    oracle_row *const row = eight_of_128();
    miss_all();
    aim(0, 64, 128); /* 64 slots are left */
    aim(ROUND, 63, 64);
    assert_slots(row, 2 * ROUND, 64);
    aim(0, 64, 128);
    aim(ROUND, 32, 64);
    assert_slots(row, 2 * ROUND, 32);
    /* a round that proposes nothing leaves the reach as it is */
    aim(0, 64, 128);
    aim(2 * ROUND, 32, 64);
    assert_slots(row, 3 * ROUND, 32);
    aim(0, 64, 128);
    aim(2 * ROUND, 32, 64);
    aim(3 * ROUND, 9, 32);
    assert_slots(row, 4 * ROUND, 32);
    oracle_row_free(row);
}

/* A token that a round proposes may be behind the best one of an earlier round. */
static void test_worse_token_of_a_group_in_reach(void **state)
{
    (void)state;
    rows_fill_equal(x, 128, 0.0f);
    x[0] = x[32] = x[64] = x[96] = 0x1p-20f; /* the order begins with these */
    oracle_params p = plain;
    p.top_p = 0.0078f; /* of 128 only the first is kept */
    oracle_row *const row = prepare(128, &p);
    assert_int_equal(oracle_row_kept(row), 1);
    const uint64_t of_32 = UINT64_C(3) << 57; /* slot 0.75 of 32, 1.5 of 64 */
    const uint64_t of_64 = UINT64_C(3) << 56; /* slot 0.75 of 64, 1.5 of 128 */
    miss_all();
    aim(0, 64, 128); /* groups 0 and 1 are left */
    put(ROUND, 0, of_32);
    assert_draw(row, ROUND + 1, -1, ROUND + 1);
    put(ROUND, 0, of_64);
    assert_draw(row, ROUND + 1, 0, ROUND + 1);
    aim(ROUND, 63, 64); /* behind the first tokens of all groups: nothing new */
    put(2 * ROUND, 0, of_32);
    assert_draw(row, 2 * ROUND + 1, -1, 2 * ROUND + 1);
    put(2 * ROUND, 0, of_64);
    assert_draw(row, 2 * ROUND + 1, 0, 2 * ROUND + 1);
    aim(2 * ROUND, 32, 64); /* group 0 is left */
    put(3 * ROUND, 0, of_32);
    assert_draw(row, 3 * ROUND + 1, 0, 3 * ROUND + 1);
    oracle_row_free(row);
}

/* Whether a group's first token is before x is a matter of the order, not of places. */
static void test_own_group_by_the_order(void **state)
{
    (void)state;
    rows_fill_equal(x, 128, 0.0f);
    oracle_params p = plain;
    p.top_p = 0.0625f;
    x[60] = 0x1p-20f;
    oracle_row *row = prepare(128, &p);
    assert_int_equal(oracle_row_kept(row), 8);
    assert_int_equal(oracle_row_order(row)[0], 60);
    miss_all();
    aim(0, 40, 128); /* behind 60: groups 1 and 0 stay, whose first tokens are 60 and 0 */
    assert_slots(row, ROUND, 64);
    aim(0, 32, 128);
    assert_slots(row, ROUND, 64);
    oracle_row_free(row);
    /* group 1 has a lower place than x, and smaller keys */
    x[60] = 0.0f;
    for (uint32_t i = 32; i < 64; i++) {
        x[i] = -0x1p-20f;
    }
    row = prepare(128, &p);
    assert_int_equal(oracle_row_kept(row), 8);
    aim(0, 97, 128); /* the groups 0, 2, 3; the bound of group 1 is a few units less */
    aim(ROUND, 6, 96);
    assert_draw(row, ROUND + 1, 6, ROUND + 1);
    oracle_row_free(row);
}

/* With top-k, reach shrinks from the groups that top-k leaves. */
static void test_shrinks_from_top_k(void **state)
{
    (void)state;
    rows_fill_equal(x, 128, 0.0f);
    oracle_params p = plain;
    p.top_k = 3;
    p.top_p = 0.5f; /* two of the three */
    oracle_row *row = prepare(128, &p);
    assert_int_equal(oracle_row_kept(row), 2);
    miss_all();
    aim(0, 95, 96); /* the last of three groups */
    aim(ROUND, 1, 96);
    assert_draw(row, ROUND + 1, 1, ROUND + 1);
    miss_all();
    aim(0, 64, 96);
    aim(ROUND, 33, 64);
    aim(2 * ROUND, 32, 64);
    put(3 * ROUND, 0, UINT64_C(1) << 60); /* slot 2 of 32, which is not kept; 4 of 64 */
    aim(3 * ROUND + 1, 1, 32);
    assert_draw(row, 3 * ROUND + 2, 1, 3 * ROUND + 2);
    oracle_row_free(row);
    /* with top-k alone: kept are 0, 1, 2, of groups 0, 1, 2 */
    p.top_p = 1.0f;
    row = prepare(128, &p);
    miss_all();
    aim(0, 32, 96);
    put(ROUND, 0, UINT64_C(1) << 60);
    assert_draw(row, ROUND + 1, 2, ROUND + 1);
    oracle_row_free(row);
}

/* Whole tiles go out of reach, and E with them. */
static void test_tiles_out_of_reach(void **state)
{
    (void)state;
    rows_fill_equal(x, VOCAB, 0.0f);
    oracle_params p = plain;
    p.top_p = 0.4f; /* 205 of 512 */
    oracle_row *const row = prepare(VOCAB, &p);
    assert_int_equal(oracle_row_kept(row), 205);
    const uint64_t half = UINT64_C(1) << 63;
    miss_all();
    put(ROUND, half, 0); /* the second tile of two */
    assert_draw(row, ROUND + 1, -1, ROUND + 1);
    put(0, half, 0); /* token 256: only the first tile is left */
    assert_draw(row, ROUND + 1, 0, ROUND + 1);
    put(0, half, UINT64_C(1) << 56); /* token 257: eight groups of nine are in the first tile */
    assert_draw(row, ROUND + 1, 0, ROUND + 1);
    put(ROUND, UINT64_MAX / 9 * 8 + 9, 0);
    assert_draw(row, ROUND + 1, -1, ROUND + 1);
    put(ROUND, UINT64_MAX / 9 * 8 - 9, 0);
    assert_draw(row, ROUND + 1, 0, ROUND + 1);
    oracle_row_free(row);
}

/* --- the ends --- */

static void test_words_end_within_a_round(void **state)
{
    (void)state;
    oracle_row *const row = eight_of_128();
    const uint32_t supplies[] = {0, 1, ROUND - 1, ROUND, ROUND + 1, 100, ORACLE_ATTEMPTS - 1};
    for (size_t i = 0; i < sizeof supplies / sizeof supplies[0]; i++) {
        miss_all();
        aim(0, 40, 128);
        assert_draw(row, supplies[i], -1, supplies[i]);
        if (supplies[i] >= ROUND) {
            aim(supplies[i], 6, 64);
            assert_draw(row, supplies[i], -1, supplies[i]);
            assert_draw(row, supplies[i] + 1, 6, supplies[i] + 1);
        }
    }
    oracle_row_free(row);
}

static void test_attempts_end_with_the_first_token(void **state)
{
    (void)state;
    rows_fill_equal(x, 128, 0.0f);
    x[70] = 0x1p-20f;
    oracle_params p = plain;
    p.top_p = 0.0625f;
    oracle_row *const row = prepare(128, &p);
    assert_int_equal(oracle_row_kept(row), 8);
    miss_all();
    assert_draw(row, ORACLE_ATTEMPTS - 1, -1, ORACLE_ATTEMPTS - 1);
    assert_draw(row, ORACLE_ATTEMPTS, 70, ORACLE_ATTEMPTS);
    /* tokens are proposed in every attempt: 20 is not kept, with group 0 and 2 in reach */
    aim(0, 20, 128);
    for (uint32_t a = 1; a < ORACLE_ATTEMPTS; a++) {
        aim(a, 20, a < ROUND ? 128 : 64);
    }
    assert_draw(row, ORACLE_ATTEMPTS, 70, ORACLE_ATTEMPTS);
    /* the last of all is accepted */
    aim(ORACLE_ATTEMPTS - 1, 6, 64);
    assert_draw(row, ORACLE_ATTEMPTS, 6, ORACLE_ATTEMPTS);
    oracle_row_free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_that_proposes_nothing),
        cmocka_unit_test(test_round_that_shrinks_reach),
        cmocka_unit_test(test_reach_only_shrinks),
        cmocka_unit_test(test_worse_token_of_a_group_in_reach),
        cmocka_unit_test(test_own_group_by_the_order),
        cmocka_unit_test(test_shrinks_from_top_k),
        cmocka_unit_test(test_tiles_out_of_reach),
        cmocka_unit_test(test_words_end_within_a_round),
        cmocka_unit_test(test_attempts_end_with_the_first_token),
    };
    return cmocka_run_group_tests_name("oracle rounds", tests, NULL, NULL);
}
