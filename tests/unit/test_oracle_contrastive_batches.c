/* Contrastive search: what batched loops are known to get wrong (padding in the maximum, one
 * row's states in another's), and what candidates are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact_contrastive.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"
#include "../support/small_contrastive.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* One request by itself, and in an array that is padded on the left as batched loops do. */
static void pad(uint64_t seed, small_search *alone, small_search *padded)
{
    uint64_t state = seed;
    const uint32_t pads = 1 + gen_below(9, &state), width = 20, k = 5;
    const uint32_t length = gen_below(9, &state);
    small_search_new(alone, width, length, k, LMS_FLOAT32);
    small_search_new(padded, width, pads + length, k, LMS_FLOAT32);
    for (uint32_t j = 0; j < pads + length; j++) {
        /* what a model makes of padding is much like what it makes of anything */
        state_fill(j < pads ? STATE_DIRECTION : STATE_CROWDED, seed,
                   small_search_position(padded, j), width, LMS_FLOAT32, &state);
    }
    for (uint32_t i = 0; i < k; i++) {
        state_fill(STATE_CROWDED, seed, small_search_candidate(alone, i), width, LMS_FLOAT32,
                   &state);
    }
    memcpy(alone->context, small_search_position(padded, pads),
           length * width * sizeof *alone->context);
    memcpy(padded->v, alone->v, k * width * sizeof *padded->v);
}

static bool same_choice(const small_search *s, const oracle_choice *want)
{
    oracle_choice got;
    small_search_choose(s, &got);
    got.status &= ~LMS_CHOICE_EMPTY_STATE;
    return memcmp(&got, want, sizeof got) == 0;
}

/* Padding takes no part, by context_begin, by the window, or because it was never written; in
 * the range it would have changed the choice, as would the states of another row. */
static void test_padding(void **unused)
{
    (void)unused;
    uint32_t padding_shows = 0;
    uint32_t others_show = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        small_search alone, padded;
        oracle_choice want;
        pad(seed, &alone, &padded);
        const uint32_t pads = padded.length - alone.length;
        small_search_choose(&alone, &want);
        padding_shows += same_choice(&padded, &want) ? 0 : 1;
        padded.params.context_begin = pads;
        assert_true(same_choice(&padded, &want));
        padded.params.context_begin = 0;
        padded.params.context_window = alone.length;
        assert_true(alone.length == 0 || same_choice(&padded, &want));
        padded.params.context_window = 0;
        for (uint32_t j = 0; j < pads; j++) {
            padded.empty[j] = true;
        }
        assert_true(same_choice(&padded, &want));
        /* the next row's state, as a wrong gather has it */
        memcpy(padded.v, small_search_candidate(&padded, 1), padded.width * sizeof *padded.v);
        others_show += same_choice(&padded, &want) ? 0 : 1;
        small_search_free(&alone);
        small_search_free(&padded);
    }
    assert_true(padding_shows > 150 && others_show > 150);
}

static void test_candidates(void **unused)
{
    (void)unused;
    const float x[] = {1.0f, -INFINITY, 3.0f, NAN, 3.0f, 2.0f};
    const float dead[] = {-INFINITY, NAN};
    lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 3);
    oracle_candidates c;
    assert_true(oracle_candidates_of(x, 6, &p, &c));
    assert_int_equal(c.status, LMS_ROW_NAN_SEEN);
    assert_true(c.count == 3 && c.tokens[0] == 2 && c.tokens[1] == 4 && c.tokens[2] == 5);
    assert_true(c.probs[0] == c.probs[1] && c.probs[2] < c.probs[1]);
    p.k = 64;
    assert_true(oracle_candidates_of(x, 6, &p, &c));
    assert_true(c.count == 4 && c.tokens[3] == 0 && c.tokens[4] == LMS_NO_TOKEN);
    p.filters.top_k = 1;
    assert_true(oracle_candidates_of(x, 6, &p, &c));
    assert_true(c.count == 1 && c.probs[0] == 1.0f);
    assert_true(oracle_candidates_of(dead, 2, &p, &c));
    assert_int_equal(c.status, LMS_ROW_EMPTY | LMS_ROW_NAN_SEEN);
    assert_true(c.count == 0 && c.tokens[0] == LMS_NO_TOKEN && c.probs[0] == 0.0f);
}

/* Weights of neighbours are not quite monotone; probabilities are. */
static void test_monotone(void **unused)
{
    (void)unused;
    uint32_t lowered = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        uint64_t state = seed;
        float x[300], q[300];
        oracle_candidates c;
        const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 64);
        const oracle_params plain = {.temperature = 1.0f, .top_p = 1.0f};
        gen_row(GEN_NEIGHBOURS, x, 300, &state);
        oracle_row *const row = oracle_prepare(x, 300, &plain);
        assert_non_null(row);
        oracle_probs(row, q);
        assert_true(oracle_candidates_of(x, 300, &p, &c));
        for (uint32_t i = 1; i < 64; i++) {
            assert_true(c.probs[i] <= c.probs[i - 1] && c.probs[i] <= q[c.tokens[i]]);
            lowered += c.probs[i] < q[c.tokens[i]];
        }
        oracle_row_free(row);
    }
    print_message("%u probabilities are made lower\n", lowered);
    assert_true(lowered > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_monotone),
    };
    return cmocka_run_group_tests_name("oracle_contrastive_batches", tests, NULL, NULL);
}
