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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diversity_of_a_last_step),
        cmocka_unit_test(test_stop_by_candidate),
    };
    return cmocka_run_group_tests_name("beam_rules", tests, NULL, NULL);
}
