#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch.h"

#include "device.h"
#include "memory.h"
#include "oracle.h"
#include "oracle_rows.h"
#include "stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT(bit, name, floats)                                                              \
    {                                                                                          \
        offsetof(batch_out, name), offsetof(lms_sampler_run_args, name), #name, bit, floats    \
    }

const batch_output batch_outputs[BATCH_OUTPUTS] = {
    OUTPUT(0, status, false),
    OUTPUT(LMS_OUT_LOGPROB_RAW, logprob_raw, true),
    OUTPUT(LMS_OUT_LOGPROB, logprob, true),
    OUTPUT(LMS_OUT_KEPT, kept, false),
    OUTPUT(LMS_OUT_PROBS, probs, true),
    OUTPUT(LMS_OUT_LOGPROB_EDITED, logprob_edited, true),
    OUTPUT(LMS_OUT_RANK_RAW, rank_raw, false),
    OUTPUT(LMS_OUT_RANK_EDITED, rank_edited, false),
    OUTPUT(LMS_OUT_ENTROPY_RAW, entropy_raw, true),
    OUTPUT(LMS_OUT_ENTROPY, entropy, true),
    OUTPUT(LMS_OUT_TOP, top_tokens, false),
    OUTPUT(LMS_OUT_TOP, top_values, true),
    OUTPUT(LMS_OUT_NAMED, named_values, true),
};

static uint64_t compared;

uint64_t batch_compared(void) { return compared; }

uint32_t **batch_member(batch_out *out, size_t output)
{
    return (uint32_t **)(void *)((unsigned char *)out + batch_outputs[output].member);
}

const uint32_t *batch_values(const batch_out *out, size_t output)
{
    const uint32_t *values;
    memcpy(&values, (const unsigned char *)out + batch_outputs[output].member, sizeof values);
    return values;
}

size_t batch_columns(const batch *b, size_t output)
{
    switch (batch_outputs[output].wanted) {
    case LMS_OUT_PROBS: return b->vocab;
    case LMS_OUT_TOP: return b->requests ? b->requests->top_stride : 0;
    case LMS_OUT_NAMED: return b->requests ? b->requests->named_stride : 0;
    default: return 1;
    }
}

uint32_t batch_wanted(const batch *b, const batch_way *way)
{
    return (b->requests ? LMS_OUT_ALL : BATCH_OUT_ALL) & ~way->not_wanted;
}

batch *batch_new(uint32_t vocab, uint32_t rows, uint32_t logits_rows, lms_dtype dtype)
{
    batch *const b = memory_zeroed(1, sizeof *b);
    const size_t tokens = (size_t)logits_rows * vocab;
    b->vocab = vocab;
    b->rows = rows;
    b->logits_rows = logits_rows;
    b->dtype = dtype;
    b->names = memory_zeroed(logits_rows, sizeof *b->names);
    b->logits = memory_zeroed(tokens, sizeof *b->logits);
    b->stored =
        dtype == LMS_FLOAT32 ? (void *)b->logits : memory_zeroed(tokens, stored_size(dtype));
    b->params = memory_zeroed(rows, sizeof *b->params);
    b->index = memory_zeroed(rows, sizeof *b->index);
    for (uint32_t r = 0; r < rows; ++r) {
        b->params[r] = (lms_row_params)LMS_ROW_PARAMS_INIT;
        b->index[r] = (int32_t)(r % logits_rows);
    }
    return b;
}

void batch_free(batch *b)
{
    if (b->stored != b->logits) free(b->stored);
    free(b->logits);
    free(b->names);
    free(b->params);
    free(b->index);
    free(b->uniforms);
    requests_free(b->requests);
    free(b);
}

void batch_set_patterns(batch *b, uint32_t logits_row, const uint16_t *patterns,
                        const char *name)
{
    const size_t at = (size_t)logits_row * b->vocab;
    memcpy((uint16_t *)b->stored + at, patterns, b->vocab * sizeof *patterns);
    for (uint32_t i = 0; i < b->vocab; ++i) {
        b->logits[at + i] = b->dtype == LMS_FLOAT16 ? oracle_from_half(patterns[i])
                                                    : oracle_from_bfloat16(patterns[i]);
    }
    b->names[logits_row] = name;
}

void batch_set_logits(batch *b, uint32_t logits_row, const float *x, const char *name)
{
    b->names[logits_row] = name;
    if (b->dtype == LMS_FLOAT32) {
        memcpy(b->logits + (size_t)logits_row * b->vocab, x, b->vocab * sizeof *x);
        return;
    }
    uint16_t *const patterns = memory_zeroed(b->vocab, sizeof *patterns);
    for (uint32_t i = 0; i < b->vocab; ++i) {
        patterns[i] = b->dtype == LMS_FLOAT16 ? gen_to_half(x[i]) : gen_to_bfloat16(x[i]);
    }
    batch_set_patterns(b, logits_row, patterns, name);
    free(patterns);
}

void batch_copy_row(batch *b, uint32_t r, const batch *from, uint32_t from_row)
{
    const size_t words = 4 * (size_t)b->uniforms_per_row;
    b->index[r] = from->index[from_row];
    b->params[r] = from->params[from_row];
    if (words) {
        memcpy(b->uniforms + words * r, from->uniforms + words * from_row,
               words * sizeof *b->uniforms);
    }
}

batch *batch_of_all_kinds(uint32_t vocab, uint32_t per_kind, lms_dtype dtype, uint32_t *turn,
                          uint64_t *state)
{
    batch *const b = batch_new(vocab, GEN_KINDS * per_kind, GEN_KINDS, dtype);
    float *const x = memory_zeroed(vocab, sizeof *x);
    for (uint32_t kind = 0; kind < GEN_KINDS; ++kind) {
        gen_row((gen_kind)kind, x, vocab, state);
        batch_set_logits(b, kind, x, gen_name((gen_kind)kind));
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        gen_params(&b->params[r], *turn + r / GEN_KINDS, vocab, state);
    }
    *turn += per_kind;
    free(x);
    return b;
}

uint32_t batch_one_nan(uint32_t bits)
{
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
}

static batch_out *out_new(const batch *b)
{
    batch_out *const out = memory_zeroed(1, sizeof *out);
    const batch_way all = {0};
    out->token = memory_zeroed(b->rows, sizeof *out->token);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        const uint32_t bit = batch_outputs[i].wanted;
        if (bit && !(bit & batch_wanted(b, &all))) continue;
        *batch_member(out, i) = memory_zeroed(b->rows * batch_columns(b, i), sizeof(uint32_t));
    }
    return out;
}

void batch_out_free(batch_out *out)
{
    free(out->token);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) free(*batch_member(out, i));
    free(out);
}

static void expect_untouched(const batch *b, uint32_t r, batch_out *out)
{
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        const size_t columns = batch_columns(b, i);
        uint32_t *const values = *batch_member(out, i);
        for (size_t j = 0; values && j < columns; ++j) {
            values[r * columns + j] = BATCH_UNTOUCHED;
        }
    }
    out->token[r] = LMS_NO_TOKEN;
    out->status[r] = LMS_ROW_SKIPPED;
}

static void expect_row(const batch *b, uint32_t r, batch_out *out)
{
    const lms_row_params *const p = &b->params[r];
    oracle_params q;
    oracle_result result = {-1, ORACLE_BAD_INDEX, 0, 0.0f, 0.0f, 0};
    oracle_row *row = NULL;
    _Static_assert(sizeof q == sizeof *p, "the same fields");
    memcpy(&q, p, sizeof q);
    result.logprob = result.logprob_raw = oracle_float(0x7fc00000u);
    if (b->index[r] >= 0 && (uint32_t)b->index[r] < b->logits_rows) {
        row = oracle_prepare(b->logits + (size_t)b->index[r] * b->vocab, b->vocab, &q);
        assert_non_null(row);
        const size_t words = 4 * (size_t)b->uniforms_per_row * r;
        oracle_draw(row, p->seed, p->step, b->uniforms ? b->uniforms + words : NULL,
                    b->uniforms_per_row, &result);
    }
    out->token[r] = result.token;
    out->status[r] = result.status;
    out->kept[r] = (uint32_t)result.kept;
    out->logprob_raw[r] = batch_one_nan(oracle_bits(result.logprob_raw));
    out->logprob[r] = batch_one_nan(oracle_bits(result.logprob));
    if (result.token >= 0) {
        oracle_probs(row, (float *)out->probs + (size_t)r * b->vocab);
    }
    oracle_row_free(row);
}

batch_out *batch_expect(const batch *b)
{
    batch_out *const out = out_new(b);
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (b->index[r] == LMS_SKIP_ROW) {
            expect_untouched(b, r, out);
        } else if (b->requests) {
            batch_expect_request(b, r, out);
        } else {
            expect_row(b, r, out);
        }
    }
    return out;
}

/* --- comparison --- */

bool batch_same_row(const batch *of, const batch_out *a, uint32_t r, const batch_out *b,
                    uint32_t s)
{
    bool same = a->token[r] == b->token[s];
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        const size_t columns = batch_columns(of, i);
        const uint32_t *const left = batch_values(a, i), *const right = batch_values(b, i);
        same = same && (!left || !right ||
                        memcmp(left + r * columns, right + s * columns, 4 * columns) == 0);
    }
    return same;
}

static void tell_row(const char *who, const batch_out *out, uint32_t r)
{
    print_error("  %-8s token %lld status 0x%x kept %d logprob_raw %a logprob %a\n", who,
                (long long)out->token[r], (unsigned)out->status[r],
                out->kept ? (int)out->kept[r] : 0,
                out->logprob_raw ? (double)oracle_float(out->logprob_raw[r]) : 0.0,
                out->logprob ? (double)oracle_float(out->logprob[r]) : 0.0);
}

/* The first element of an output that differs. */
static void tell_output(const batch *b, size_t i, const batch_out *expected,
                        const batch_out *actual, uint32_t r)
{
    const size_t columns = batch_columns(b, i);
    const uint32_t *const left = batch_values(expected, i), *const right =
                                                                batch_values(actual, i);
    for (size_t at = r * columns; left && right && at < (r + 1) * columns; ++at) {
        if (left[at] == right[at]) continue;
        print_error("  %s[%zu]: %a (0x%x), not %a (0x%x)\n", batch_outputs[i].name,
                    at - r * columns, (double)oracle_float(right[at]), right[at],
                    (double)oracle_float(left[at]), left[at]);
        return;
    }
}

static void tell(const batch *b, const batch_out *expected, const batch_out *actual, uint32_t r)
{
    const lms_row_params *const p = &b->params[r];
    const int32_t from = b->index[r];
    const bool good = from >= 0 && (uint32_t)from < b->logits_rows;
    print_error("  row %u of %u: vocab %u, dtype %d, logits row %d (%s)\n", r, b->rows,
                b->vocab, (int)b->dtype, (int)from,
                good && b->names[from] ? b->names[from] : "-");
    print_error("  seed 0x%llx, step 0x%llx, {%a, %a, %a, %d, %u, %u}, target %u\n",
                (unsigned long long)p->seed, (unsigned long long)p->step,
                (double)p->filters.temperature, (double)p->filters.top_p,
                (double)p->filters.min_p, (int)p->filters.top_k, (unsigned)p->filters.flags,
                (unsigned)p->filters.rules, (unsigned)p->target);
    if (b->requests) batch_tell_request(b, r);
    tell_row("expected", expected, r);
    tell_row("actual", actual, r);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) tell_output(b, i, expected, actual, r);
}

uint32_t batch_differences(const batch *b, const batch_out *expected, const batch_out *actual,
                           const char *what)
{
    uint32_t bad = 0;
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (batch_same_row(b, expected, r, actual, r)) continue;
        if (bad++ == 0) print_error("%s\n", what);
        if (bad <= 3) tell(b, expected, actual, r);
    }
    if (bad) print_error("%s: %u of %u rows differ\n", what, bad, b->rows);
    compared += b->rows;
    return bad;
}

static void check_once(lms_context *ctx, const batch *b, const batch_way *way,
                       const batch_out *expected)
{
    char what[200];
    batch_out *const actual = batch_run(ctx, b, way);
    snprintf(what, sizeof what,
             "vocab %u, dtype %d, work_items %u, tokens %d, outputs -0x%x, pad %u, offset %u, "
             "spare %u, per call %u, device doors %d %d, out of order %d",
             b->vocab, (int)b->dtype, way->work_items, (int)way->tokens, way->not_wanted,
             way->stride_pad, way->offset, way->spare_rows, way->per_call,
             way->params_on_device, way->index_on_device, way->out_of_order);
    const uint32_t bad = batch_differences(b, expected, actual, what);
    batch_out_free(actual);
    assert_int_equal(bad, 0);
}

void batch_check(lms_context *ctx, const batch *b, const batch_way *way,
                 const batch_out *expected)
{
    const uint32_t plain = BATCH_OUT_ALL & ~(uint32_t)LMS_OUT_LOGPROB_RAW;
    batch_way without_cuts = *way;
    without_cuts.not_wanted = plain;
    check_once(ctx, b, way, expected);
    if (plain & ~way->not_wanted) check_once(ctx, b, &without_cuts, expected);
}
