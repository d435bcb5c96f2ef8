/* lms_sample_host: everything in host memory. What it writes is compared with what
 * lms_sampler_run writes to buffers that are filled with the same pattern before. */
#include "host_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS (4 * RIG_ATTEMPTS * RIG_ROWS)

static uint16_t bfloat16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* The upper half of a float has few enough bits for a half, if small in range. */
static uint16_t half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int exponent = (int)(bits >> 23 & 0xff) - 127;
    if (exponent < -14) return 0;
    return (uint16_t)((bits >> 16 & 0x8000u) | (uint32_t)(exponent + 15) << 10 |
                      (bits >> 13 & 0x3ffu));
}

/* By lms_sampler_run, on buffers. `batch` has buffers of the rig but for tokens. */
static void run_on_buffers(const rig *r, lms_sampler *sampler, size_t token,
                           lms_sampler_run_args batch, rig_results *out)
{
    const cl_mem tokens = rig_buffer(r->context, CL_MEM_READ_WRITE, RIG_ROWS * token);
    unsigned char found[RIG_ROWS * 8];
    batch.tokens.buffer = tokens;
    rig_poison(r);
    RIG_OK(lms_sampler_run(sampler, r->queue, &batch, 0, NULL, NULL));
    rig_read(r, out);
    clEnqueueReadBuffer(r->queue, tokens, CL_TRUE, 0, batch.rows * token, found, 0, NULL, NULL);
    for (uint32_t row = 0; row < batch.rows; ++row) {
        if (token == 8) {
            memcpy(&out->tokens[row], found + row * 8, 8);
        } else {
            int32_t narrow;
            memcpy(&narrow, found + row * 4, 4);
            out->tokens[row] = narrow;
        }
    }
    clReleaseMemObject(tokens);
}

/* Logits that end where their memory ends, as the last row's stride does. */
static void *make_logits(const rig *r, lms_dtype type, size_t stride, size_t *bytes)
{
    const size_t count = (RIG_ROWS - 1) * stride + RIG_VOCAB;
    const size_t element = type == LMS_FLOAT32 ? 4 : 2;
    *bytes = count * element;
    void *const logits = calloc(count, element);
    assert_non_null(logits);
    for (size_t row = 0; row < RIG_ROWS; ++row) {
        for (size_t i = 0; i < RIG_VOCAB; ++i) {
            const float x = r->values[row * RIG_VOCAB + i];
            if (type == LMS_FLOAT32) ((float *)logits)[row * stride + i] = x;
            if (type == LMS_FLOAT16) ((uint16_t *)logits)[row * stride + i] = half_of(x);
            if (type == LMS_BFLOAT16) ((uint16_t *)logits)[row * stride + i] = bfloat16_of(x);
        }
    }
    return logits;
}

static void compare(rig *r, lms_dtype type, lms_token_type token_type, size_t stride)
{
    lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    rig_results expected;
    const size_t own = stride ? stride : RIG_VOCAB, token = token_type == LMS_INT64 ? 8 : 4;
    const outputs o = outputs_new(RIG_ROWS, token, RIG_VOCAB);
    size_t bytes = 0;
    void *const logits = make_logits(r, type, own, &bytes);
    void *const copy = poisoned(bytes);
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, bytes);
    lms_sampler_run_args batch = rig_batch(r);
    lms_sample_host_args host = host_batch(r, &o);
    memcpy(copy, logits, bytes);
    desc.logits = type;
    desc.tokens = token_type;
    RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
    clEnqueueWriteBuffer(r->queue, in, CL_TRUE, 0, bytes, logits, 0, NULL, NULL);
    batch.logits.buffer = in;
    batch.row_stride = stride;
    run_on_buffers(r, sampler, token, batch, &expected);
    host.logits = logits;
    host.row_stride = stride;
    host.index = r->order;
    RIG_OK(lms_sample_host(sampler, &host));
    for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&o, row, &expected, row);
    assert_memory_equal(copy, logits, bytes);
    lms_sampler_destroy(sampler);
    clReleaseMemObject(in);
    outputs_free(&o);
    free(copy);
    free(logits);
}

static void test_types_and_strides(void **state)
{
    static const size_t strides[] = {0, RIG_VOCAB, RIG_VOCAB + 1, RIG_VOCAB + 100};
    for (size_t i = 0; i < 4; ++i) {
        for (int t = LMS_FLOAT32; t <= LMS_BFLOAT16; ++t) {
            compare(*state, (lms_dtype)t, LMS_INT32, strides[i]);
            compare(*state, (lms_dtype)t, LMS_INT64, strides[i]);
        }
    }
}

static void test_probs_stride_leaves_gaps(void **state)
{
    static const size_t strides[] = {RIG_VOCAB, RIG_VOCAB + 1, RIG_VOCAB + 37, 5 * RIG_VOCAB};
    rig *const r = *state;
    for (size_t i = 0; i < 4; ++i) {
        for (uint32_t rows = 1; rows <= RIG_ROWS; ++rows) {
            const outputs o = outputs_new(rows, 4, strides[i]);
            lms_sample_host_args host = host_batch(r, &o);
            host.logits_rows = RIG_ROWS;
            host.index = r->order;
            RIG_OK(lms_sample_host(r->sampler, &host));
            for (size_t row = 0; row < rows; ++row) assert_row(&o, row, &r->expected, row);
            outputs_free(&o);
        }
    }
}

/* Wanted is what is not NULL, in any combination. */
static void test_any_outputs(void **state)
{
    rig *const r = *state;
    for (unsigned wanted = 0; wanted < 32; ++wanted) {
        const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB + 3);
        lms_sample_host_args host = host_batch(r, &o);
        host.index = r->order;
        if (!(wanted & LMS_OUT_LOGPROB_RAW)) host.logprob_raw = NULL;
        if (!(wanted & LMS_OUT_LOGPROB)) host.logprob = NULL;
        if (!(wanted & LMS_OUT_KEPT)) host.kept = NULL;
        if (!(wanted & LMS_OUT_PROBS)) host.probs = NULL;
        if (!(wanted & 16)) host.status = NULL;
        RIG_OK(lms_sample_host(r->sampler, &host));
        /* What was not wanted was not written; then it gets what it lacks. */
        if (!(wanted & LMS_OUT_LOGPROB_RAW)) {
            assert_true(is_poison(o.logprob_raw, RIG_ROWS * 4));
            memcpy(o.logprob_raw, r->expected.logprob_raw, RIG_ROWS * 4);
        }
        if (!(wanted & LMS_OUT_LOGPROB)) {
            assert_true(is_poison(o.logprob, RIG_ROWS * 4));
            memcpy(o.logprob, r->expected.logprob, RIG_ROWS * 4);
        }
        if (!(wanted & LMS_OUT_KEPT)) {
            assert_true(is_poison(o.kept, RIG_ROWS * 4));
            memcpy(o.kept, r->expected.kept, RIG_ROWS * 4);
        }
        for (size_t row = 0; row < RIG_ROWS && !(wanted & LMS_OUT_PROBS); ++row) {
            assert_true(is_poison(&o.probs[row * o.stride], RIG_VOCAB * 4));
            memcpy(&o.probs[row * o.stride], &r->expected.probs[row * RIG_VOCAB],
                   RIG_VOCAB * 4);
        }
        if (!(wanted & 16)) {
            assert_true(is_poison(o.status, RIG_ROWS * 4));
            memcpy(o.status, r->expected.status, RIG_ROWS * 4);
        }
        for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&o, row, &r->expected, row);
        outputs_free(&o);
    }
}

/* Fewer rows of logits than of the batch, and more. */
static void test_logits_rows(void **state)
{
    rig *const r = *state;
    for (uint32_t logits_rows = 1; logits_rows <= RIG_ROWS; ++logits_rows) {
        for (uint32_t rows = 1; rows <= RIG_ROWS; ++rows) {
            const outputs o = outputs_new(rows, 4, RIG_VOCAB);
            lms_sample_host_args host = host_batch(r, &o);
            lms_sampler_run_args batch = rig_batch(r);
            rig_results expected;
            int32_t index[RIG_ROWS];
            void *const logits = poisoned((size_t)logits_rows * RIG_VOCAB * 4);
            memcpy(logits, r->values, (size_t)logits_rows * RIG_VOCAB * 4);
            for (uint32_t i = 0; i < RIG_ROWS; ++i) index[i] = (int32_t)(i * 7 % logits_rows);
            batch.index_device.buffer = NULL;
            batch.index = host.index = index;
            batch.logits_rows = host.logits_rows = logits_rows;
            batch.rows = rows;
            host.logits = logits;
            run_on_buffers(r, r->sampler, 4, batch, &expected);
            RIG_OK(lms_sample_host(r->sampler, &host));
            for (size_t row = 0; row < rows; ++row) assert_row(&o, row, &expected, row);
            free(logits);
            outputs_free(&o);
        }
    }
}

/* Every set of rows is skipped once. Of a skipped row, token and status are written only. */
static void test_skipped_rows(void **state)
{
    rig *const r = *state;
    for (unsigned skipped = 0; skipped < 1u << RIG_ROWS; ++skipped) {
        const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB + skipped % 3);
        lms_sample_host_args host = host_batch(r, &o);
        rig_results expected = r->expected;
        int32_t index[RIG_ROWS];
        for (unsigned row = 0; row < RIG_ROWS; ++row) {
            index[row] = r->order[row];
            if (!(skipped >> row & 1)) continue;
            index[row] = LMS_SKIP_ROW;
            memset(&expected.logprob_raw[row], POISON, 4);
            memset(&expected.logprob[row], POISON, 4);
            memset(&expected.kept[row], POISON, 4);
            memset(&expected.probs[row * RIG_VOCAB], POISON, RIG_VOCAB * 4);
            expected.tokens[row] = LMS_NO_TOKEN;
            expected.status[row] = LMS_ROW_SKIPPED;
        }
        host.index = index;
        RIG_OK(lms_sample_host(r->sampler, &host));
        for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&o, row, &expected, row);
        outputs_free(&o);
    }
}

static void test_uniforms(void **state)
{
    rig *const r = *state;
    uint32_t *const words = poisoned(WORDS * sizeof *words);
    bool differs = false;
    for (uint32_t i = 0; i < WORDS; ++i) words[i] = i * 2654435761u; /* as in the rig */
    for (uint32_t attempts = 1; attempts <= RIG_ATTEMPTS; attempts *= 4) {
        const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB);
        lms_sample_host_args host = host_batch(r, &o);
        lms_sampler_run_args batch = rig_batch(r);
        rig_results expected;
        void *const given = poisoned((size_t)RIG_ROWS * attempts * 16);
        memcpy(given, words, (size_t)RIG_ROWS * attempts * 16);
        batch.uniforms.buffer = r->uniforms;
        batch.uniforms_per_row = host.uniforms_per_row = attempts;
        host.uniforms = given;
        host.index = r->order;
        run_on_buffers(r, r->sampler, 4, batch, &expected);
        RIG_OK(lms_sample_host(r->sampler, &host));
        for (size_t row = 0; row < RIG_ROWS; ++row) {
            assert_row(&o, row, &expected, row);
            differs |= expected.tokens[row] != r->expected.tokens[row];
        }
        free(given);
        outputs_free(&o);
    }
    assert_true(differs);
    free(words);
}

/* Words that no attempt is accepted with: the last slot of the last group's envelope. */
static void test_uniforms_spent(void **state)
{
    rig *const r = *state;
    const outputs o = outputs_new(1, 4, RIG_VOCAB);
    lms_sample_host_args host = host_batch(r, &o);
    uint32_t words[8];
    memset(words, 0xff, sizeof words);
    host.params = &r->records[1];
    host.uniforms = words;
    host.uniforms_per_row = 2;
    RIG_OK(lms_sample_host(r->sampler, &host));
    assert_int_equal(((int32_t *)o.tokens)[0], LMS_NO_TOKEN);
    assert_int_equal(o.status[0], LMS_ROW_UNIFORMS_SPENT);
    assert_true(o.logprob[0] != o.logprob[0] && o.logprob_raw[0] != o.logprob_raw[0]);
    assert_int_equal(o.kept[0], 0);
    for (int i = 0; i < RIG_VOCAB; ++i) assert_true(o.probs[i] == 0.0f);
    outputs_free(&o);
}

static void test_fewer_rows(void **state)
{
    rig *const r = *state;
    int32_t all[RIG_ROWS], some[RIG_ROWS];
    const lms_sample_host_args nothing = {.rows = 0};
    lms_sample_host_args b = {.rows = RIG_ROWS, .logits = r->values, .params = r->records};
    b.tokens = all;
    RIG_OK(lms_sample_host(r->sampler, &b));
    b.tokens = some;
    for (b.rows = 0; b.rows <= RIG_ROWS; ++b.rows) {
        memset(some, 0x11, sizeof some);
        RIG_OK(lms_sample_host(r->sampler, &b));
        assert_memory_equal(some, all, b.rows * sizeof *some);
        for (uint32_t i = b.rows; i < RIG_ROWS; ++i) assert_int_equal(some[i], 0x11111111);
    }
    RIG_OK(lms_sample_host(r->sampler, &nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_strides),
        cmocka_unit_test(test_probs_stride_leaves_gaps),
        cmocka_unit_test(test_any_outputs),
        cmocka_unit_test(test_logits_rows),
        cmocka_unit_test(test_skipped_rows),
        cmocka_unit_test(test_uniforms),
        cmocka_unit_test(test_uniforms_spent),
        cmocka_unit_test(test_fewer_rows),
    };
    return cmocka_run_group_tests_name("host call", tests, rig_setup, rig_teardown);
}
