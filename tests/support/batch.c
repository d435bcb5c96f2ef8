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

static uint64_t compared;

uint64_t batch_compared(void) { return compared; }

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

/* Of floats as bits: any NaN is as good as another. */
static uint32_t one_nan(uint32_t bits)
{
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
}

static batch_out *out_new(const batch *b, uint32_t wanted)
{
    batch_out *const out = memory_zeroed(1, sizeof *out);
    const size_t row = sizeof(uint32_t), all = (size_t)b->rows * b->vocab;
    out->token = memory_zeroed(b->rows, sizeof *out->token);
    out->status = memory_zeroed(b->rows, row);
    if (wanted & LMS_OUT_LOGPROB_RAW) out->logprob_raw = memory_zeroed(b->rows, row);
    if (wanted & LMS_OUT_LOGPROB) out->logprob = memory_zeroed(b->rows, row);
    if (wanted & LMS_OUT_KEPT) out->kept = memory_zeroed(b->rows, row);
    if (wanted & LMS_OUT_PROBS) out->probs = memory_zeroed(all, row);
    return out;
}

void batch_out_free(batch_out *out)
{
    free(out->token);
    free(out->status);
    free(out->logprob_raw);
    free(out->logprob);
    free(out->kept);
    free(out->probs);
    free(out);
}

static void expect_untouched(const batch *b, uint32_t r, batch_out *out)
{
    out->token[r] = LMS_NO_TOKEN;
    out->status[r] = LMS_ROW_SKIPPED;
    out->logprob_raw[r] = out->logprob[r] = out->kept[r] = BATCH_UNTOUCHED;
    for (uint32_t i = 0; i < b->vocab; ++i) {
        out->probs[(size_t)r * b->vocab + i] = BATCH_UNTOUCHED;
    }
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
    out->logprob_raw[r] = one_nan(oracle_bits(result.logprob_raw));
    out->logprob[r] = one_nan(oracle_bits(result.logprob));
    if (result.token >= 0) {
        oracle_probs(row, (float *)out->probs + (size_t)r * b->vocab);
    }
    oracle_row_free(row);
}

batch_out *batch_expect(const batch *b)
{
    batch_out *const out = out_new(b, BATCH_OUT_ALL);
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (b->index[r] == LMS_SKIP_ROW) {
            expect_untouched(b, r, out);
        } else {
            expect_row(b, r, out);
        }
    }
    return out;
}

/* --- comparison --- */

static bool same(const uint32_t *a, size_t i, const uint32_t *b, size_t j, size_t count)
{
    return a == NULL || b == NULL || memcmp(a + i, b + j, count * sizeof *a) == 0;
}

bool batch_same_row(uint32_t vocab, const batch_out *a, uint32_t r, const batch_out *b,
                    uint32_t s)
{
    return a->token[r] == b->token[s] && a->status[r] == b->status[s] &&
           same(a->logprob_raw, r, b->logprob_raw, s, 1) &&
           same(a->logprob, r, b->logprob, s, 1) && same(a->kept, r, b->kept, s, 1) &&
           same(a->probs, (size_t)r * vocab, b->probs, (size_t)s * vocab, vocab);
}

static void tell_row(const char *who, const batch_out *out, uint32_t r)
{
    print_error("  %-8s token %lld status 0x%x kept %d logprob_raw %a logprob %a\n", who,
                (long long)out->token[r], (unsigned)out->status[r],
                out->kept ? (int)out->kept[r] : 0,
                out->logprob_raw ? (double)oracle_float(out->logprob_raw[r]) : 0.0,
                out->logprob ? (double)oracle_float(out->logprob[r]) : 0.0);
}

static void tell(const batch *b, const batch_out *expected, const batch_out *actual, uint32_t r)
{
    const lms_row_params *const p = &b->params[r];
    const int32_t from = b->index[r];
    const bool good = from >= 0 && (uint32_t)from < b->logits_rows;
    print_error("  row %u of %u: vocab %u, dtype %d, logits row %d (%s)\n", r, b->rows,
                b->vocab, (int)b->dtype, (int)from,
                good && b->names[from] ? b->names[from] : "-");
    print_error("  {0x%llx, 0x%llx, {%a, %a, %a, %d, %u, %u}, %u, %u, %u, {%u, %u, %u}}\n",
                (unsigned long long)p->seed, (unsigned long long)p->step,
                (double)p->filters.temperature, (double)p->filters.top_p,
                (double)p->filters.min_p, (int)p->filters.top_k, (unsigned)p->filters.flags,
                (unsigned)p->filters.rules, (unsigned)p->slot, (unsigned)p->edits,
                (unsigned)p->wants, (unsigned)p->reserved[0], (unsigned)p->reserved[1],
                (unsigned)p->reserved[2]);
    tell_row("expected", expected, r);
    tell_row("actual", actual, r);
    for (uint32_t i = 0; expected->probs && actual->probs && i < b->vocab; ++i) {
        const size_t at = (size_t)r * b->vocab + i;
        if (expected->probs[at] == actual->probs[at]) continue;
        print_error("  probs[%u]: %a, not %a\n", i, (double)oracle_float(actual->probs[at]),
                    (double)oracle_float(expected->probs[at]));
        break;
    }
}

uint32_t batch_differences(const batch *b, const batch_out *expected, const batch_out *actual,
                           const char *what)
{
    uint32_t bad = 0;
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (batch_same_row(b->vocab, expected, r, actual, r)) continue;
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
