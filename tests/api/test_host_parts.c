/* lms_sample_host with batches that no call takes, and no buffer: it cuts them by itself. What
 * it writes is compared with one call of a sampler that takes them all. */
#include "faults.h"
#include "hooks.h"
#include "host_rig.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS = 700, /* of the batch, and of the logits */
    ATTEMPTS = 5,
    GAP = 7,
    LOGITS_BYTES = ROWS * RIG_VOCAB * 4,
    SMALL = 220000 /* what a device allocates at most: 183 rows of logits */
};

/* A batch with all that there is, and what one call gives for it. */
typedef struct world {
    lms_context *ctx;
    float logits[ROWS * RIG_VOCAB];
    uint32_t words[ROWS * ATTEMPTS * 4];
    lms_row_params params[ROWS];
    int32_t index[ROWS];
    outputs expected, indexed;
} world;

static lms_sampler *sampler_for(lms_context *ctx, uint32_t max_rows)
{
    lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    desc.max_rows = max_rows;
    desc.tokens = LMS_INT64;
    RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
    return sampler;
}

static lms_sample_host_args batch_of(const world *w, const outputs *o, const int32_t *index)
{
    const lms_sample_host_args b = {.rows = ROWS,
                                    .logits = w->logits,
                                    .params = w->params,
                                    .index = index,
                                    .uniforms = w->words,
                                    .uniforms_per_row = ATTEMPTS,
                                    .tokens = o->tokens,
                                    .status = o->status,
                                    .logprob_raw = o->logprob_raw,
                                    .logprob = o->logprob,
                                    .kept = o->kept,
                                    .probs = o->probs,
                                    .probs_stride = o->stride};
    return b;
}

static outputs new_outputs(void) { return outputs_new(ROWS, 8, RIG_VOCAB + GAP); }

static void assert_same(const outputs *a, const outputs *b)
{
    assert_memory_equal(a->tokens, b->tokens, ROWS * 8);
    assert_memory_equal(a->status, b->status, ROWS * 4);
    assert_memory_equal(a->logprob_raw, b->logprob_raw, ROWS * 4);
    assert_memory_equal(a->logprob, b->logprob, ROWS * 4);
    assert_memory_equal(a->kept, b->kept, ROWS * 4);
    assert_memory_equal(a->probs, b->probs, ((ROWS - 1) * (RIG_VOCAB + GAP) + RIG_VOCAB) * 4);
}

static int setup(void **state)
{
    world *const w = calloc(1, sizeof *w);
    uint32_t noise = 99;
    assert_non_null(w);
    setenv("LMS_SHAPE", "fuse_from=4", 1);
    RIG_OK(lms_context_open(NULL, &w->ctx));
    for (uint32_t i = 0; i < ROWS * RIG_VOCAB; ++i) {
        noise = noise * 1664525u + 1013904223u;
        w->logits[i] = (float)(noise >> 16) * 0x1p-13f - 4.0f;
    }
    for (uint32_t i = 0; i < sizeof w->words / 4; ++i) w->words[i] = i * 2654435761u;
    for (uint32_t r = 0; r < ROWS; ++r) {
        lms_row_params p = LMS_ROW_PARAMS_INIT;
        p.seed = r;
        p.filters.top_k = r % 3 == 0 ? (int32_t)(1 + r % 50) : 0;
        p.filters.temperature = r % 5 == 0 ? 0.0f : 0.8f;
        w->params[r] = p;
        /* Steps to and fro, and some rows that are skipped. */
        w->index[r] = r % 11 == 3 ? LMS_SKIP_ROW : (int32_t)((r * 37 + r * r % 97) % ROWS);
    }
    lms_sampler *const sampler = sampler_for(w->ctx, ROWS);
    w->expected = new_outputs();
    w->indexed = new_outputs();
    const lms_sample_host_args all = batch_of(w, &w->expected, NULL);
    const lms_sample_host_args some = batch_of(w, &w->indexed, w->index);
    hook_reset();
    RIG_OK(lms_sample_host(sampler, &all));
    RIG_OK(lms_sample_host(sampler, &some));
    assert_int_equal(hook_count("clFlush"), 2); /* calls */
    lms_sampler_destroy(sampler);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *const w = *state;
    outputs_free(&w->expected);
    outputs_free(&w->indexed);
    lms_context_destroy(w->ctx);
    free(w);
    return 0;
}

/* Returns how many calls the batch was cut into. */
static unsigned check(const world *w, lms_sampler *sampler, const int32_t *index)
{
    const outputs o = new_outputs();
    const lms_sample_host_args b = batch_of(w, &o, index);
    hook_reset();
    RIG_OK(lms_sample_host(sampler, &b));
    assert_same(&o, index == NULL ? &w->expected : &w->indexed);
    outputs_free(&o);
    return hook_count("clFlush");
}

/* More rows than max_rows, which divides their number or does not. */
static void test_any_number_of_rows(void **state)
{
    static const uint32_t mosts[] = {1, 7, 100, 256, 699, 700, 701};
    const world *const w = *state;
    for (size_t i = 0; i < sizeof mosts / sizeof mosts[0]; ++i) {
        lms_sampler *const sampler = sampler_for(w->ctx, mosts[i]);
        const unsigned parts = (ROWS + mosts[i] - 1) / mosts[i];
        assert_int_equal(check(w, sampler, NULL), parts);
        assert_int_equal(check(w, sampler, w->index), parts);
        lms_sampler_destroy(sampler);
    }
}

/* The number of the issue: right tokens in every row, whatever max_rows is. */
static void test_a_batch_of_131073_rows(void **state)
{
    enum {
        MANY = 131073,
        NARROW = 64
    };
    const world *const w = *state;
    const lms_sampler_desc desc = {.vocab = NARROW, .max_rows = 4096, .logits = LMS_FLOAT32};
    const lms_row_params greedy = {.filters.top_p = 1.0f};
    lms_sampler *sampler = NULL;
    float *const logits = calloc((size_t)MANY * NARROW, sizeof *logits);
    lms_row_params *const params = calloc(MANY, sizeof *params);
    int32_t *const tokens = calloc(MANY, sizeof *tokens);
    assert_true(logits != NULL && params != NULL && tokens != NULL);
    for (size_t r = 0; r < MANY; ++r) {
        params[r] = greedy;
        logits[r * NARROW + r * 7 % NARROW] = 1.0f;
    }
    const lms_sample_host_args b = {
        .rows = MANY, .logits = logits, .params = params, .tokens = tokens};
    RIG_OK(lms_sampler_create(w->ctx, &desc, &sampler));
    RIG_OK(lms_sample_host(sampler, &b));
    for (size_t r = 0; r < MANY; ++r) assert_int_equal(tokens[r], r * 7 % NARROW);
    lms_sampler_destroy(sampler);
    free(logits);
    free(params);
    free(tokens);
}

static lms_context *open_small(cl_device_info what, cl_ulong bytes, cl_bool unified)
{
    static cl_ulong answer;
    static cl_bool shares;
    lms_context *ctx = NULL;
    answer = bytes;
    shares = unified;
    hook_reset();
    hook_answer(NULL, what, sizeof answer, &answer);
    hook_answer_too(NULL, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof shares, &shares);
    RIG_OK(lms_context_open(NULL, &ctx));
    hook_reset();
    return ctx;
}

/* Logits that no buffer holds, on devices that share the host's memory and on others; and on
 * one that would have the buffer, but nothing beside it. */
static void test_logits_beyond_a_buffer(void **state)
{
    const world *const w = *state;
    for (int kind = 0; kind < 3; ++kind) {
        lms_context *const ctx =
            kind < 2 ? open_small(CL_DEVICE_MAX_MEM_ALLOC_SIZE, SMALL, kind == 0)
                     : open_small(CL_DEVICE_GLOBAL_MEM_SIZE, 4 * SMALL, CL_FALSE);
        lms_sampler *const sampler = sampler_for(ctx, 5);
        assert_int_equal(check(w, sampler, NULL), ROWS / 5);
        const unsigned parts = check(w, sampler, w->index);
        assert_in_range(parts, ROWS / 5 + 1, ROWS);
        /* No buffer was larger than there is. */
        assert_in_range(hook_largest_buffer(), 1, SMALL);
        lms_sampler_destroy(sampler);
        lms_context_destroy(ctx);
    }
}

/* Without an index, parts end where a buffer's worth of logits does, though the sampler would
 * take more: rows that lie far apart. */
static void test_logits_far_apart(void **state)
{
    enum {
        FEW = 32,
        STRIDE = 20000,
        AT_ONCE = 1 + (SMALL - RIG_VOCAB * 4) / (STRIDE * 4)
    };
    const world *const w = *state;
    lms_context *const ctx = open_small(CL_DEVICE_MAX_MEM_ALLOC_SIZE, SMALL, CL_TRUE);
    lms_sampler *const sampler = sampler_for(ctx, 5);
    float *const logits = calloc((FEW - 1) * STRIDE + RIG_VOCAB, sizeof *logits);
    const outputs o = new_outputs();
    lms_sample_host_args b = batch_of(w, &o, NULL);
    assert_non_null(logits);
    for (size_t r = 0; r < FEW; ++r) {
        memcpy(logits + r * STRIDE, w->logits + r * RIG_VOCAB, RIG_VOCAB * 4);
    }
    b.rows = FEW;
    b.logits = logits;
    b.row_stride = STRIDE;
    hook_reset();
    RIG_OK(lms_sample_host(sampler, &b));
    assert_int_equal(hook_count("clFlush"), (FEW + AT_ONCE - 1) / AT_ONCE);
    assert_memory_equal(o.tokens, w->expected.tokens, FEW * 8);
    assert_memory_equal(o.logprob, w->expected.logprob, FEW * 4);
    assert_true(is_poison((char *)o.tokens + FEW * 8, (ROWS - FEW) * 8));
    free(logits);
    outputs_free(&o);
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
}

/* So they do where a buffer's worth of everything else does. */
static void test_words_beyond_a_buffer(void **state)
{
    enum {
        FEW = 12,
        EACH = 4000 /* attempts: 64,000 bytes */
    };
    const world *const w = *state;
    lms_context *const small = open_small(CL_DEVICE_MAX_MEM_ALLOC_SIZE, SMALL, CL_FALSE);
    lms_sampler *const sampler = sampler_for(small, 5), *const whole = sampler_for(w->ctx, FEW);
    uint32_t *const words = calloc((size_t)FEW * EACH * 4, sizeof *words);
    const outputs o = new_outputs(), expected = new_outputs();
    lms_sample_host_args a = batch_of(w, &expected, NULL), b = batch_of(w, &o, NULL);
    assert_non_null(words);
    for (uint32_t i = 0; i < FEW * EACH * 4; ++i) words[i] = i * 2654435761u;
    a.rows = b.rows = FEW;
    a.uniforms = b.uniforms = words;
    a.uniforms_per_row = b.uniforms_per_row = EACH;
    RIG_OK(lms_sample_host(whole, &a));
    hook_reset();
    RIG_OK(lms_sample_host(sampler, &b));
    assert_int_equal(hook_count("clFlush"), FEW / (SMALL / (EACH * 16)));
    assert_in_range(hook_largest_buffer(), 1, SMALL);
    assert_same(&o, &expected);
    free(words);
    outputs_free(&o);
    outputs_free(&expected);
    lms_sampler_destroy(sampler);
    lms_sampler_destroy(whole);
    lms_context_destroy(small);
}

/* Only rows that are skipped, a part of only such rows, and one row over and over. */
static void test_odd_indices(void **state)
{
    const world *const w = *state;
    lms_context *const ctx = open_small(CL_DEVICE_MAX_MEM_ALLOC_SIZE, SMALL, CL_TRUE);
    lms_sampler *const sampler = sampler_for(ctx, 5);
    int32_t *const index = calloc(ROWS, sizeof *index);
    assert_non_null(index);
    for (int kind = 0; kind < 3; ++kind) {
        const outputs o = new_outputs();
        lms_sample_host_args b = batch_of(w, &o, index);
        b.uniforms = NULL;
        b.uniforms_per_row = 0;
        for (int32_t r = 0; r < ROWS; ++r) {
            const bool skips = kind == 0 || (kind == 1 && r / 5 % 2 == 0);
            index[r] = skips ? LMS_SKIP_ROW : kind == 1 ? r : ROWS - 1;
        }
        b.logits_rows = ROWS;
        RIG_OK(lms_sample_host(sampler, &b));
        for (int32_t r = 0; r < ROWS; ++r) {
            const bool skipped = index[r] == LMS_SKIP_ROW;
            assert_int_equal(o.status[r], skipped ? LMS_ROW_SKIPPED : 0);
            assert_true((((int64_t *)o.tokens)[r] == LMS_NO_TOKEN) == skipped);
            assert_true(is_poison(&o.kept[r], 4) == skipped);
        }
        outputs_free(&o);
    }
    free(index);
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
}

/* Where nothing is shared, logits that a buffer holds are copied once, whatever reads them. */
static void test_logits_are_copied_once(void **state)
{
    const world *const w = *state;
    lms_context *const ctx =
        open_small(CL_DEVICE_MAX_MEM_ALLOC_SIZE, (cl_ulong)1 << 30, CL_FALSE);
    lms_sampler *const sampler = sampler_for(ctx, 100);
    assert_int_equal(check(w, sampler, w->index), ROWS / 100);
    assert_int_equal(hook_buffer_of(w->logits, CL_MEM_COPY_HOST_PTR), LOGITS_BYTES);
    assert_int_equal(hook_count("clCreateBuffer"), 1 + ROWS / 100 * 7);
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
}

/* What is wrong with a row, or too large for the device, is said with the batch's own numbers,
 * before anything is done. */
static void test_refused_as_a_whole(void **state)
{
    world *const w = *state;
    lms_context *const ctx = open_small(CL_DEVICE_MAX_MEM_ALLOC_SIZE, SMALL, CL_TRUE);
    lms_sampler *const sampler = sampler_for(ctx, 5);
    const outputs o = new_outputs();
    const lms_sample_host_args good = batch_of(w, &o, w->index);
    lms_sample_host_args b = good;
    const int32_t last = w->index[ROWS - 1];
    hook_reset();
    w->index[ROWS - 1] = ROWS;
    RIG_FAILS(LMS_E_ROW_INDEX, lms_sample_host(sampler, &b), "index[699]: 700 is not",
              "0..699");
    w->index[ROWS - 1] = last;
    w->params[650].filters.min_p = 2.0f;
    RIG_FAILS(LMS_E_ROW_PARAMS, lms_sample_host(sampler, &b), "params[650].filters.min_p: 2");
    w->params[650].filters.min_p = 0.0f;
    b.index = NULL;
    b.logits_rows = ROWS - 1;
    RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(sampler, &b),
              "logits_rows: 699 is less than rows (700) without an index");
    b = good;
    b.uniforms_per_row = SMALL / 16 + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sample_host(sampler, &b), "uniforms: one row has 220016",
              "the device allocates at most 220000");
    assert_null(hook_deed());
    assert_true(is_poison(o.tokens, ROWS * 8));
    outputs_free(&o);
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
}

/* Whatever fails in whatever part, nothing is lost, and the batch can be sampled again. */
static void test_every_call_fails_once(void **state)
{
    const world *const w = *state;
    lms_sampler *const sampler = sampler_for(w->ctx, 300);
    unsigned calls[64] = {0}, failures = 0;
    for (int i = 0; i < 3; ++i)
        check(w, sampler, w->index); /* until every stage has an event */
    count_calls(calls);
    const long live = hook_live();
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        const bool passes = is_release(name) || is_after_enqueues(name);
        const unsigned step = calls[f] > 12 ? calls[f] / 12 : 1;
        for (unsigned nth = 1; nth <= calls[f]; nth += step, ++failures) {
            const outputs o = new_outputs();
            const lms_sample_host_args b = batch_of(w, &o, w->index);
            hook_reset();
            hook_fail(name, nth, INJECTED);
            const lms_status status = lms_sample_host(sampler, &b);
            outputs_free(&o);
            if (!hook_failed() || status != (passes ? LMS_OK : INJECTED) ||
                hook_live() > live) {
                fail_msg("%s, call %u: status %d (%s)", name, nth, (int)status,
                         lms_error_message());
            }
        }
        check(w, sampler, w->index);
    }
    check(w, sampler, w->index);
    assert_int_equal(hook_live(), live);
    print_message("%u failures\n", failures);
    lms_sampler_destroy(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_rows),
        cmocka_unit_test(test_a_batch_of_131073_rows),
        cmocka_unit_test(test_logits_beyond_a_buffer),
        cmocka_unit_test(test_logits_far_apart),
        cmocka_unit_test(test_words_beyond_a_buffer),
        cmocka_unit_test(test_odd_indices),
        cmocka_unit_test(test_logits_are_copied_once),
        cmocka_unit_test(test_refused_as_a_whole),
        cmocka_unit_test(test_every_call_fails_once),
    };
    return cmocka_run_group_tests_name("host parts", tests, setup, teardown);
}
