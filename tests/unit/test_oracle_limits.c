/* The oracle at the limits of its parameters and sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "../support/exact.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const oracle_params plain = {.seed = 5, .step = 6, .temperature = 1.0f, .top_p = 1.0f};

static oracle_row *prepare(const float *x, uint32_t vocab, const oracle_params *p)
{
    oracle_row *const row = oracle_prepare(x, vocab, p);
    assert_non_null(row);
    return row;
}

static oracle_result sample(const float *x, uint32_t vocab, const oracle_params *p)
{
    oracle_result result;
    assert_true(oracle_sample(x, vocab, p, NULL, 0, &result));
    return result;
}

static void assert_no_token(const oracle_result *result, uint32_t status)
{
    assert_int_equal(result->token, -1);
    assert_int_equal(result->status, status);
    assert_int_equal(result->kept, 0);
    assert_true(isnan(result->logprob_raw) && isnan(result->logprob));
}

static void check_bad(oracle_params p, uint32_t field)
{
    const float x[] = {NAN, INFINITY, 0.0f};
    const oracle_result result = sample(x, 3, &p);
    assert_no_token(&result, ORACLE_BAD_PARAMS | field << 8);
    oracle_row *const row = prepare(x, 3, &p);
    float probs[3] = {1, 1, 1};
    oracle_probs(row, probs);
    assert_true(probs[0] == 0.0f && probs[1] == 0.0f && probs[2] == 0.0f);
    oracle_row_free(row);
}

static void test_bad_params(void **state)
{
    (void)state;
    const float bad_temperatures[] = {NAN,      -1.0f,     -0x1p-149f,      0x1p-149f,
                                      INFINITY, -INFINITY, 0x1.fffffep-65f, 0x1.000002p64f};
    for (size_t i = 0; i < LENGTH(bad_temperatures); i++) {
        oracle_params p = plain;
        p.temperature = bad_temperatures[i];
        check_bad(p, 1);
        p.top_p = NAN;
        check_bad(p, 1);
    }
    oracle_params p = plain;
    p.reserved[1] = 1;
    check_bad(p, 5);
    p.wants = 1;
    check_bad(p, 9);
    p.edits = 1u << 31;
    check_bad(p, 8);
    p.slot = 1;
    check_bad(p, 7);
    p.rules = 1;
    check_bad(p, 6);
    p.flags = 16;
    check_bad(p, 4);
    p.flags = 0x80000001u;
    check_bad(p, 4);
    p.min_p = rows_neighbour(1.0f, 1);
    check_bad(p, 3);
    p.min_p = NAN;
    check_bad(p, 3);
    p.top_p = -NAN;
    check_bad(p, 2);
    p = plain;
    p.temperature = -0.0f;
    p.top_p = -INFINITY;
    p.flags = 15;
    assert_int_equal(oracle_check_params(&p), 0);
    assert_null(oracle_prepare(&p.min_p, 0, &p));
    assert_null(oracle_prepare(&p.min_p, ORACLE_VOCAB_MAX + 1, &p));
}

static void check_sizes(uint32_t vocab, uint64_t *random)
{
    float x[1025];
    rows_fill_normal(x, vocab, 4.0, random);
    oracle_params p = plain;
    p.temperature = 0.8f;
    oracle_row *const row = prepare(x, vocab, &p);
    const oracle_measure *const measure = oracle_row_measure(row, false);
    uint64_t envelope = 0;
    uint64_t masses = 0;
    uint64_t of_tile = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        /* every token is one slot of its group's bound */
        of_tile += oracle_row_group_bound(row, i / ORACLE_GROUP);
        assert_true(measure->weights[i] <= oracle_row_group_bound(row, i / ORACLE_GROUP));
        masses += oracle_measure_mass(measure, i);
        if (i % ORACLE_TILE == ORACLE_TILE - 1 || i + 1 == vocab) {
            envelope += (of_tile << 13) >> measure->tiles[i / ORACLE_TILE].shift;
            of_tile = 0;
        }
    }
    assert_true(oracle_row_envelope(row) == envelope);
    /* exact as long as no tile is 13 octaves below the first */
    assert_true(masses == measure->total);
    oracle_row_free(row);
}

static void test_sizes(void **state)
{
    (void)state;
    const uint32_t sizes[] = {2, 31, 32, 33, 255, 256, 257, 287, 288, 289, 511, 513, 1025};
    uint64_t random = 10;
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        check_sizes(sizes[i], &random);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_params),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests_name("oracle limits", tests, NULL, NULL);
}
