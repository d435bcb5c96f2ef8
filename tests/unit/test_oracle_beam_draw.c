/*
 * The random modes of the oracle of beam search: what they draw, over many seeds, against the
 * probabilities of small models that are worked out in double precision. The seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact_beam.h"
#include "../support/oracle_beam.h"
#include "../support/oracle_rows.h"

#define LEAVES 64u
#define LONGEST 4u

/* --- all sequences of a model, with their probabilities --- */

typedef struct leaf {
    uint32_t length;
    int32_t tokens[LONGEST];
    double p;
} leaf;

typedef struct tree {
    beam_model model;
    uint32_t length;
    int32_t end; /* -1: none */
    double temperature;
    uint32_t count;
    leaf leaves[LEAVES];
} tree;

static void grow(tree *t, const leaf *before)
{
    float x[EXACT_BEAM_VOCAB];
    double logprobs[EXACT_BEAM_VOCAB];
    beam_model_row(&t->model, before->tokens, before->length, x);
    exact_log_softmax(x, t->model.vocab, t->temperature, logprobs);
    for (int32_t token = 0; token < (int32_t)t->model.vocab; token++) {
        leaf next = *before;
        next.tokens[next.length++] = token;
        next.p *= exp(logprobs[token]);
        if (token == t->end || next.length == t->length) {
            assert_true(t->count < LEAVES);
            t->leaves[t->count++] = next;
        } else {
            grow(t, &next);
        }
    }
}

static void make_tree(tree *t, uint32_t vocab, uint32_t length, int32_t end, float temperature)
{
    const leaf root = {0, {0}, 1.0};
    memset(t, 0, sizeof *t);
    t->model = (beam_model){17 + vocab, vocab, BEAM_MODEL_NORMAL, 1.0};
    t->length = length;
    t->end = end;
    t->temperature = (double)temperature;
    grow(t, &root);
}

static uint32_t leaf_of(const tree *t, const oracle_beam_result *result)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const leaf *const l = &t->leaves[i];
        if (l->length == result->length &&
            memcmp(l->tokens, result->tokens, l->length * sizeof *l->tokens) == 0) {
            return i;
        }
    }
    fail();
    return 0;
}

/* --- running --- */

static lms_beam_params params_of(const tree *t, uint32_t mode, uint32_t width)
{
    lms_beam_params p = {0};
    p.filters.temperature = (float)t->temperature;
    p.filters.top_p = 1.0f;
    p.mode = mode;
    p.width = width;
    p.groups = 1;
    p.max_length = t->length;
    p.results = width;
    p.end_tokens = t->end >= 0 ? 1 : 0;
    return p;
}

/* The leaves that come out, best first; returns how many. */
static uint32_t run(const tree *t, const lms_beam_params *p, uint32_t *leaves)
{
    float rows[8][EXACT_BEAM_VOCAB];
    oracle_beam_move moves[8];
    oracle_beam *const beam = oracle_beam_new(p, &t->end, t->model.vocab);
    while (!oracle_beam_done(beam)) {
        for (uint32_t n = 0; n < p->width; n++) {
            int32_t tokens[LONGEST];
            const uint32_t length = oracle_beam_sequence(beam, n, tokens);
            beam_model_row(&t->model, tokens, length, rows[n]);
        }
        oracle_beam_step(beam, rows[0], EXACT_BEAM_VOCAB, moves);
    }
    const oracle_beam_result *results;
    const uint32_t count = oracle_beam_results(beam, &results);
    for (uint32_t i = 0; i < count; i++) {
        leaves[i] = leaf_of(t, &results[i]);
        /* the score is the model's, whatever was drawn */
        const double score = (double)results[i].score * 0x1p-32;
        assert_true(fabs(score - log(t->leaves[leaves[i]].p)) < 1e-5);
    }
    oracle_beam_free(beam);
    return count;
}

/* --- statistics --- */

/* How many standard deviations chi-square is above what it should be. */
static double excess(const double *counts, const double *p, uint32_t cells, double total)
{
    double chi = 0.0;
    double sum = 0.0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < cells; i++) {
        const double expected = p[i] * total;
        sum += p[i];
        if (p[i] <= 0.0) {
            assert_true(counts[i] == 0.0);
            continue;
        }
        chi += (counts[i] - expected) * (counts[i] - expected) / expected;
        used++;
    }
    assert_true(fabs(sum - 1.0) < 1e-9);
    const double freedom = (double)used - 1.0;
    return (chi - freedom) / sqrt(2.0 * freedom);
}

static void expect_fit(const char *what, const double *counts, const double *p, uint32_t cells,
                       double total)
{
    const double deviations = excess(counts, p, cells, total);
    print_message("%s: chi-square %+.2f standard deviations off\n", what, deviations);
    assert_true(deviations < 4.5);
}

/* The probability that i, then j, come first of what is drawn without replacement. */
static double in_turn(const double *p, uint32_t i, uint32_t j)
{
    return i == j ? 0.0 : p[i] * p[j] / (1.0 - p[i]);
}

/* --- LMS_BEAM_STOCHASTIC --- */

/* The first of the results is a sample of the model, all of them one without replacement. */
static void check_stochastic(const char *what, const tree *t, uint32_t early, double seeds)
{
    double first[LEAVES] = {0};
    double pairs[LEAVES * LEAVES] = {0};
    double p[LEAVES];
    double expected[LEAVES * LEAVES];
    lms_beam_params params = params_of(t, LMS_BEAM_STOCHASTIC, 3);
    params.early_stopping = early;
    for (params.seed = 0; (double)params.seed < seeds; params.seed++) {
        uint32_t leaves[3];
        assert_int_equal(run(t, &params, leaves), 3);
        assert_true(leaves[0] != leaves[1] && leaves[0] != leaves[2] && leaves[1] != leaves[2]);
        first[leaves[0]] += 1.0;
        pairs[leaves[0] * t->count + leaves[1]] += 1.0;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        p[i] = t->leaves[i].p;
    }
    for (uint32_t i = 0; i < t->count * t->count; i++) {
        expected[i] = in_turn(p, i / t->count, i % t->count);
    }
    print_message("%s\n", what);
    expect_fit("  first", first, p, t->count, seeds);
    expect_fit("  first two", pairs, expected, t->count * t->count, seeds);
}

static void test_stochastic(void **state)
{
    (void)state;
    tree t;
    make_tree(&t, 3, 2, -1, 1.0f);
    check_stochastic("9 sequences of 2", &t, LMS_BEAM_EARLY_OFF, 60000.0);
}

static void test_stochastic_with_ends(void **state)
{
    (void)state;
    tree t;
    make_tree(&t, 3, 4, 1, 1.5f);
    check_stochastic("1 to 4 tokens", &t, LMS_BEAM_EARLY_HEURISTIC, 60000.0);
}

/* Values fall, and are those of Gumbel variates: the largest is one around ln 1 = 0. */
static void test_gumbel(void **state)
{
    (void)state;
    tree t;
    make_tree(&t, 3, 3, -1, 1.0f);
    double below[16] = {0};
    double expected[16];
    const double seeds = 30000.0;
    lms_beam_params p = params_of(&t, LMS_BEAM_STOCHASTIC, 4);
    for (p.seed = 0; (double)p.seed < seeds; p.seed++) {
        float rows[8][EXACT_BEAM_VOCAB];
        oracle_beam_move moves[8];
        oracle_beam *const beam = oracle_beam_new(&p, NULL, 3);
        for (uint32_t step = 0; step < 2; step++) {
            for (uint32_t n = 0; n < 4; n++) {
                int32_t tokens[LONGEST];
                const uint32_t length = oracle_beam_sequence(beam, n, tokens);
                beam_model_row(&t.model, tokens, length, rows[n]);
            }
            const int64_t best = oracle_beam_value(beam, 0);
            oracle_beam_step(beam, rows[0], EXACT_BEAM_VOCAB, moves);
            /* the best of a beam keeps its value to the end */
            assert_true(step == 0 || oracle_beam_value(beam, 0) == best);
            assert_true(oracle_beam_value(beam, 1) <= oracle_beam_value(beam, 0));
        }
        const double uniform = exp(-exp(-(double)oracle_beam_value(beam, 0) * 0x1p-32));
        below[(uint32_t)(uniform * 16.0) % 16] += 1.0;
        oracle_beam_free(beam);
    }
    for (uint32_t i = 0; i < 16; i++) {
        expected[i] = 1.0 / 16.0;
    }
    expect_fit("largest value", below, expected, 16, seeds);
}

/* --- LMS_BEAM_SAMPLE --- */

/* Pairs, in any order, of two that come first without replacement. */
static void check_pairs(const char *what, const double *counts, const double *p, uint32_t cells,
                        double total)
{
    double expected[LEAVES * LEAVES];
    for (uint32_t i = 0; i < cells; i++) {
        for (uint32_t j = 0; j < cells; j++) {
            expected[i * cells + j] = i < j ? in_turn(p, i, j) + in_turn(p, j, i) : 0.0;
        }
    }
    expect_fit(what, counts, expected, cells * cells, total);
}

static void add_pair(double *counts, uint32_t cells, const uint32_t *two)
{
    const uint32_t low = two[0] < two[1] ? two[0] : two[1];
    const uint32_t high = two[0] < two[1] ? two[1] : two[0];
    counts[low * cells + high] += 1.0;
}

static void test_sample_one_step(void **state)
{
    (void)state;
    tree t;
    make_tree(&t, 5, 1, -1, 0.7f);
    double counts[LEAVES * LEAVES] = {0};
    double p[LEAVES];
    const double seeds = 60000.0;
    lms_beam_params params = params_of(&t, LMS_BEAM_SAMPLE, 2);
    for (params.seed = 0; (double)params.seed < seeds; params.seed++) {
        uint32_t leaves[2];
        assert_int_equal(run(&t, &params, leaves), 2);
        add_pair(counts, t.count, leaves);
    }
    for (uint32_t i = 0; i < t.count; i++) {
        p[i] = t.leaves[i].p;
    }
    check_pairs("two of five", counts, p, t.count, seeds);
}

/* Two beams are certain after the first step; the second draws from both of them at once. */
static void test_sample_two_beams(void **state)
{
    (void)state;
    static const double first[2] = {0.7, 0.3};
    static const double second[2][3] = {{0.5, 0.3, 0.2}, {0.1, 0.6, 0.3}};
    double counts[36] = {0};
    double p[6];
    const double seeds = 60000.0;
    float rows[2][3] = {{0}};
    lms_beam_params params = {.filters.temperature = 1.0f,
                              .filters.top_p = 1.0f,
                              .mode = LMS_BEAM_SAMPLE,
                              .width = 2,
                              .groups = 1,
                              .max_length = 2,
                              .results = 2};
    for (params.seed = 0; (double)params.seed < seeds; params.seed++) {
        oracle_beam *const beam = oracle_beam_new(&params, NULL, 3);
        oracle_beam_move moves[2];
        const oracle_beam_result *results;
        uint32_t two[2];
        for (uint32_t i = 0; i < 3; i++) {
            rows[0][i] = i < 2 ? (float)log(first[i]) : -INFINITY;
        }
        assert_int_equal(oracle_beam_step(beam, rows[0], 3, moves), 0);
        /* by falling score, whichever was drawn first */
        assert_true(moves[0].token == 0 && moves[1].token == 1);
        for (uint32_t i = 0; i < 6; i++) {
            p[i] = first[i / 3] * second[i / 3][i % 3];
            rows[i / 3][i % 3] = (float)log(second[i / 3][i % 3]);
        }
        oracle_beam_step(beam, rows[0], 3, moves);
        assert_int_equal(oracle_beam_results(beam, &results), 2);
        for (uint32_t i = 0; i < 2; i++) {
            two[i] = (uint32_t)(3 * results[i].tokens[0] + results[i].tokens[1]);
        }
        add_pair(counts, 6, two);
        oracle_beam_free(beam);
    }
    check_pairs("two of two beams", counts, p, 6, seeds);
}

/* What is cut or suppressed is not drawn, though it be nearly certain. */
static void test_eligible_only(void **state)
{
    (void)state;
    const int32_t end = 0;
    double counts[4] = {0};
    const double p[4] = {0.0, 0.625, 0.375, 0.0};
    float row[4];
    const double weights[4] = {0.995, 0.0025, 0.0015, 0.001};
    lms_beam_params params = {.filters.temperature = 1.0f,
                              .filters.top_p = 1.0f,
                              .filters.top_k = 2,
                              .mode = LMS_BEAM_STOCHASTIC,
                              .width = 1,
                              .groups = 1,
                              .min_length = 1,
                              .max_length = 1,
                              .results = 1,
                              .end_tokens = 1};
    for (uint32_t i = 0; i < 4; i++) {
        row[i] = (float)log(weights[i]);
    }
    for (params.seed = 0; params.seed < 20000; params.seed++) {
        oracle_beam *const beam = oracle_beam_new(&params, &end, 4);
        oracle_beam_move move;
        const oracle_beam_result *results;
        oracle_beam_step(beam, row, 4, &move);
        assert_int_equal(oracle_beam_results(beam, &results), 1);
        const int32_t token = results[0].tokens[0];
        counts[token] += 1.0;
        assert_true(fabs((double)results[0].logprobs[0] * 0x1p-32 - log(p[token])) < 1e-6);
        oracle_beam_free(beam);
    }
    expect_fit("eligible tokens", counts, p, 4, 20000.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stochastic),       cmocka_unit_test(test_stochastic_with_ends),
        cmocka_unit_test(test_gumbel),           cmocka_unit_test(test_sample_one_step),
        cmocka_unit_test(test_sample_two_beams), cmocka_unit_test(test_eligible_only),
    };
    return cmocka_run_group_tests_name("oracle_beam_draw", tests, NULL, NULL);
}
