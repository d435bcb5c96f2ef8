/* Tokens that are certain, or nearly so: log-probabilities are at most 0, and the only token
 * there is, or that is kept, has exactly 0 and probability 1. And the smallest min_p. On the
 * device, against right numbers; the oracle is asked as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VOCAB 700u
#define ROWS 512u
#define ONE 0x3f800000u /* bits of 1.0f */
#define SIGN 0x80000000u

static lms_context *ctx;

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* What the device says, once it agrees with the oracle. */
static batch_out *run(const batch *b)
{
    const batch_way way = {.work_items = 0};
    batch_out *const expected = batch_expect(b);
    batch_out *const out = batch_run(ctx, b, &way);
    assert_int_equal(batch_differences(b, expected, out, "certain"), 0);
    batch_out_free(expected);
    return out;
}

static batch *normal_rows(double sigma, uint64_t seed)
{
    batch *const b = batch_new(VOCAB, ROWS, ROWS, LMS_FLOAT32);
    for (uint32_t r = 0; r < ROWS; ++r) {
        rows_fill_normal(b->logits + (size_t)r * VOCAB, VOCAB, sigma, &seed);
        b->names[r] = "normal";
        b->params[r].seed = r;
        b->params[r].filters.temperature = (float)exp2(rows_between(&seed, -3.0, 3.0));
    }
    return b;
}

/* One kept token, by each of the filters and by greedy. */
static void test_only_one_kept(void **unused)
{
    (void)unused;
    batch *const b = normal_rows(3.0, 1);
    for (uint32_t r = 0; r < ROWS; ++r) {
        lms_row_params *const p = &b->params[r];
        if (r % 4 == 0) p->filters.top_k = 1;
        if (r % 4 == 1) p->filters.top_p = 1e-6f;
        if (r % 4 == 2) p->filters.min_p = 1.0f;
        if (r % 4 == 3) p->filters.temperature = 0.0f;
        if (r % 8 >= 4) p->filters.flags = LMS_TOP_P_WHOLE_ROW | LMS_MIN_P_LAST;
    }
    batch_out *const out = run(b);
    for (uint32_t r = 0; r < ROWS; ++r) {
        const uint32_t *const probs = out->probs + (size_t)r * VOCAB;
        assert_int_equal(out->kept[r], 1);
        assert_int_equal(out->logprob[r], 0);
        for (uint32_t i = 0; i < VOCAB; ++i) {
            assert_int_equal(probs[i], (int64_t)i == out->token[r] ? ONE : 0);
        }
        assert_true(float_of(out->logprob_raw[r]) < 0.0f);
    }
    batch_out_free(out);
    batch_free(b);
}

/* One live token, or one that leaves the others nothing: raw log-probabilities too. */
static void test_only_one_there_is(void **unused)
{
    (void)unused;
    batch *const b = normal_rows(3.0, 2);
    for (uint32_t r = 0; r < ROWS; ++r) {
        float *const x = b->logits + (size_t)r * VOCAB;
        const uint32_t token = r % VOCAB;
        const float logit = x[token];
        b->params[r].filters.temperature = r % 2 ? 1.0f : 0.7f;
        for (uint32_t i = 0; i < VOCAB; ++i) {
            x[i] = r % 3 == 0 ? -INFINITY : r % 3 == 1 ? NAN : x[i] - 150.0f;
        }
        x[token] = r % 5 ? logit * 5.0f : INFINITY;
    }
    batch_out *const out = run(b);
    for (uint32_t r = 0; r < ROWS; ++r) {
        assert_int_equal(out->token[r], r % VOCAB);
        assert_int_equal(out->logprob[r], 0);
        assert_int_equal(out->logprob_raw[r], 0);
        assert_int_equal(out->probs[(size_t)r * VOCAB + r % VOCAB], ONE);
    }
    batch_out_free(out);
    batch_free(b);
}

/* Two tokens, one of them up to 30 nats above: ln p = -ln(1 + e^-gap), and never above 0. */
static void test_nearly_certain(void **unused)
{
    (void)unused;
    batch *const b = batch_new(2, ROWS, ROWS, LMS_FLOAT32);
    uint64_t state = 3;
    for (uint32_t r = 0; r < ROWS; ++r) {
        b->logits[2 * r] = (float)rows_between(&state, -30.0, 30.0);
        b->logits[2 * r + 1] = b->logits[2 * r] - 30.0f * (float)r / (float)ROWS;
        b->names[r] = "two";
        b->params[r].seed = r;
    }
    batch_out *const out = run(b);
    double worst = 0.0;
    for (uint32_t r = 0; r < ROWS; ++r) {
        const double gap = (double)b->logits[2 * r] - (double)b->logits[2 * r + 1];
        const double first = -log1p(exp(-gap));
        const double exact = out->token[r] == 0 ? first : first - gap;
        assert_true(out->logprob[r] == 0 || out->logprob[r] & SIGN);
        assert_true(out->logprob[r] != SIGN); /* no -0 */
        assert_int_equal(out->logprob_raw[r], out->logprob[r]);
        worst = fmax(worst, fabs((double)float_of(out->logprob[r]) - exact));
        assert_true(out->probs[2 * r] <= ONE && out->probs[2 * r + 1] <= ONE);
    }
    print_message("two tokens: at most %.1e off\n", worst);
    assert_true(worst <= 1e-5); /* the claim of section 11 */
    batch_out_free(out);
    batch_free(b);
}

/* +inf leaves the others nothing, and is shared evenly: ln 1/3. */
static void test_infinite(void **unused)
{
    (void)unused;
    batch *const b = normal_rows(1.0, 4);
    for (uint32_t r = 0; r < ROWS; ++r) {
        float *const x = b->logits + (size_t)r * VOCAB;
        x[r % 300] = x[r % 300 + 1] = x[r % 300 + 400] = INFINITY;
        if (r % 2) b->params[r].filters.top_k = 2;
    }
    batch_out *const out = run(b);
    for (uint32_t r = 0; r < ROWS; ++r) {
        const double kept = r % 2 ? 2.0 : 3.0;
        assert_true(fabs((double)float_of(out->logprob_raw[r]) + log(3.0)) < 1e-6);
        assert_true(fabs((double)float_of(out->logprob[r]) + log(kept)) < 1e-6);
    }
    batch_out_free(out);
    batch_free(b);
}

/* The smallest min_p, subnormal ones among them, cut where they should: at ln min_p below the
 * row's maximum. Of steps of 0.5 nats, from 0 down, those that are not further are kept. */
static void test_smallest_min_p(void **unused)
{
    static const struct {
        float min_p;
        uint32_t kept; /* 1 + floor(-ln(min_p) / 0.5) */
    } cases[] = {
        {0x1p-149f, 207}, /* 103.28 */
        {0x1p-148f, 206}, /* 102.59 */
        {1e-40f, 185},    /* 92.10 */
        {0x1p-127f, 177}, /* 88.03 */
        {0x1p-126f, 175}, /* 87.34 */
        {1e-30f, 139},    /* 69.08 */
        {0.0f, VOCAB},    /* off */
        {-0x1p-149f, VOCAB},
    };
    const uint32_t count = sizeof cases / sizeof cases[0];
    (void)unused;
    batch *const b = batch_new(VOCAB, count, 1, LMS_FLOAT32);
    for (uint32_t i = 0; i < VOCAB; ++i) b->logits[i] = 3.0f - 0.5f * (float)i;
    b->names[0] = "steps of 0.5";
    for (uint32_t r = 0; r < count; ++r) b->params[r].filters.min_p = cases[r].min_p;
    batch_out *const out = run(b);
    for (uint32_t r = 0; r < count; ++r) assert_int_equal(out->kept[r], cases[r].kept);
    batch_out_free(out);
    batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_one_kept),  cmocka_unit_test(test_only_one_there_is),
        cmocka_unit_test(test_nearly_certain), cmocka_unit_test(test_infinite),
        cmocka_unit_test(test_smallest_min_p),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("certain", tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
