/* Rules that are taken from other stacks, on the device: searches so small that their answers
 * follow from those stacks' own formulas by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "one_beam.h"

#include <math.h>

enum {
    VOCAB = 4
};

/* A row of probabilities, for `rows` beams. */
static void fill(float *x, uint32_t rows, const double *p)
{
    for (uint32_t i = 0; i < rows * VOCAB; ++i) x[i] = (float)log(p[i % VOCAB]);
}

/* Hugging Face's group beam search takes the penalty (HammingDiversityLogitsProcessor) from the
 * scores of every step; a length that ends the search is looked at afterwards. */
static void test_diversity_of_a_last_step(void **state)
{
    const lms_beam_desc desc = {.vocab = VOCAB, .max_width = 2, .max_length = 1};
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(2);
    float x[2 * VOCAB];
    one_beam s;
    (void)state;
    params.groups = 2;
    params.diversity_penalty = 100.0f;
    params.max_length = 1;
    params.results = 2;
    one_beam_start(&s, &desc);
    one_beam_open(&s, &params, NULL);
    fill(x, 2, (const double[]){0.4, 0.3, 0.2, 0.1});
    assert_int_equal(one_beam_step(&s, x), 1);
    assert_int_equal(s.token[0], LMS_NO_TOKEN);
    one_beam_results(&s);
    assert_int_equal(s.count, 2);
    one_beam_expect(&s, 0, 1, (const int32_t[]){0});
    one_beam_expect(&s, 1, 1, (const int32_t[]){1});
    one_beam_end(&s);
}

/* TensorRT-LLM's beamStage3Kernel compares minNormedScoresCBA with the first of the candidates,
 * end tokens included. */
static void test_stop_by_candidate(void **state)
{
    const lms_beam_desc desc = {
        .vocab = VOCAB, .max_width = 2, .max_length = 3, .max_end_tokens = 1};
    const int32_t end_token = 0;
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(2);
    float x[2 * VOCAB];
    one_beam s;
    (void)state;
    params.length_penalty = 3.0f;
    params.flags = LMS_BEAM_PRESET_TENSORRT_LLM;
    params.max_length = 3;
    params.results = 2;
    params.end_tokens = 1;
    one_beam_start(&s, &desc);
    one_beam_open(&s, &params, &end_token);
    fill(x, 2, (const double[]){0.3, 0.5, 0.2, 0.0});
    assert_int_equal(one_beam_step(&s, x), 0);
    fill(x, 2, (const double[]){0.9, 0.1, 0.0, 0.0});
    assert_int_equal(one_beam_step(&s, x), 0);
    assert_int_equal(one_beam_step(&s, x), 1);
    one_beam_results(&s);
    assert_int_equal(s.count, 2);
    one_beam_expect(&s, 0, 2, (const int32_t[]){1, 0});
    one_beam_expect(&s, 1, 3, (const int32_t[]){1, 1, 0});
    one_beam_end(&s);
}

/* One beam whose end token has probability 0.6 at every step. Under early_stopping "never" a
 * group goes on for as long as its live beam could rate higher at the last length: with a large
 * penalty always, as 99 ln 0.4 + ln 0.6 over 100^10 beats all that is shorter. */
static void test_a_large_length_penalty(void **state)
{
    static const float penalties[] = {1.0f, 10.0f, 16.0f};
    const lms_beam_desc desc = {
        .vocab = VOCAB, .max_width = 1, .max_length = 100, .max_end_tokens = 1};
    const int32_t end_token = 0;
    float x[VOCAB];
    one_beam s;
    (void)state;
    one_beam_start(&s, &desc);
    fill(x, 1, (const double[]){0.6, 0.4, 0.0, 0.0});
    for (size_t i = 0; i < sizeof penalties / sizeof penalties[0]; ++i) {
        const double score = 99.0 * log(0.4) + log(0.6);
        const double rating = score / pow(100.0, (double)penalties[i]);
        lms_beam_params params = LMS_BEAM_PARAMS_INIT(1);
        uint32_t steps = 0;
        params.length_penalty = penalties[i];
        params.early_stopping = LMS_BEAM_EARLY_NEVER;
        params.max_length = 100;
        params.end_tokens = 1;
        one_beam_open(&s, &params, &end_token);
        while (!one_beam_step(&s, x)) ++steps;
        one_beam_results(&s);
        assert_int_equal(s.count, 1);
        if (penalties[i] > 1.0f) {
            assert_int_equal(steps + 1, 100);
            assert_int_equal(s.length[0], 100);
            assert_true(fabs((double)s.score[0] / rating - 1.0) < 1e-5);
        } else {
            assert_true(steps + 1 < 100); /* 0.51 is less than (steps * 0.92) / 100 at once */
            assert_int_equal(s.length[0], 1);
        }
        one_beam_close(&s);
    }
    one_beam_end(&s);
}

/* Equal lengths rank as their sums of log-probabilities do: two sequences of 40 tokens, of
 * which the last one tells them apart, and the better one comes from the second beam. */
static void test_equal_lengths(void **state)
{
    static const float penalties[] = {3.0f, 6.0f, 16.0f, -3.0f, -5.0f, -16.0f, 5.5f, -7.25f};
    const lms_beam_desc desc = {.vocab = VOCAB, .max_width = 2, .max_length = 40};
    float apart[2 * VOCAB], flat[2 * VOCAB];
    one_beam s;
    (void)state;
    one_beam_start(&s, &desc);
    fill(flat, 2, (const double[]){0.5, 0.5, 0.0, 0.0});
    fill(apart, 1, (const double[]){0.48, 0.26, 0.26, 0.0});
    fill(apart + VOCAB, 1, (const double[]){0.5, 0.25, 0.25, 0.0});
    for (size_t i = 0; i < sizeof penalties / sizeof penalties[0]; ++i) {
        lms_beam_params params = LMS_BEAM_PARAMS_INIT(2);
        params.length_penalty = penalties[i];
        params.max_length = 40;
        params.results = 2;
        one_beam_open(&s, &params, NULL);
        for (uint32_t t = 0; t < 39; ++t) assert_int_equal(one_beam_step(&s, flat), 0);
        assert_int_equal(one_beam_step(&s, apart), 1);
        one_beam_results(&s);
        assert_int_equal(s.count, 2);
        assert_int_equal(s.length[0], 40);
        assert_int_equal(s.length[1], 40);
        assert_true(s.score[0] > s.score[1] && isfinite(s.score[1]));
        assert_true(s.score[0] < 0.0f);
        one_beam_close(&s);
    }
    one_beam_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diversity_of_a_last_step),
        cmocka_unit_test(test_stop_by_candidate),
        cmocka_unit_test(test_a_large_length_penalty),
        cmocka_unit_test(test_equal_lengths),
    };
    return cmocka_run_group_tests_name("beam_rules", tests, NULL, NULL);
}
