#include "host_rig.h"

#include <stdlib.h>

void *poisoned(size_t bytes)
{
    void *const memory = malloc(bytes);
    assert_non_null(memory);
    return memset(memory, POISON, bytes);
}

outputs outputs_new(size_t rows, size_t token, size_t stride)
{
    outputs o = {token, stride, rows, NULL, NULL, NULL, NULL, NULL, NULL};
    o.tokens = poisoned(rows * token);
    o.status = poisoned(rows * sizeof *o.status);
    o.logprob_raw = poisoned(rows * sizeof *o.logprob_raw);
    o.logprob = poisoned(rows * sizeof *o.logprob);
    o.kept = poisoned(rows * sizeof *o.kept);
    o.probs = poisoned(((rows - 1) * stride + RIG_VOCAB) * sizeof *o.probs);
    return o;
}

void outputs_free(const outputs *o)
{
    free(o->tokens);
    free(o->status);
    free(o->logprob_raw);
    free(o->logprob);
    free(o->kept);
    free(o->probs);
}

lms_sample_host_args host_batch(const rig *r, const outputs *o)
{
    const lms_sample_host_args b = {.rows = (uint32_t)o->rows,
                                    .logits = r->values,
                                    .params = r->records,
                                    .tokens = o->tokens,
                                    .status = o->status,
                                    .logprob_raw = o->logprob_raw,
                                    .logprob = o->logprob,
                                    .kept = o->kept,
                                    .probs = o->probs,
                                    .probs_stride = o->stride};
    return b;
}

bool is_poison(const void *memory, size_t bytes)
{
    const unsigned char *const all = memory;
    for (size_t i = 0; i < bytes; ++i) {
        if (all[i] != POISON) return false;
    }
    return true;
}

void assert_row(const outputs *o, size_t row, const rig_results *expected, size_t expected_row)
{
    const int64_t token =
        o->token == 8 ? ((int64_t *)o->tokens)[row] : (int64_t)((int32_t *)o->tokens)[row];
    assert_int_equal(token, expected->tokens[expected_row]);
    assert_int_equal(o->status[row], expected->status[expected_row]);
    assert_memory_equal(&o->logprob_raw[row], &expected->logprob_raw[expected_row], 4);
    assert_memory_equal(&o->logprob[row], &expected->logprob[expected_row], 4);
    assert_int_equal(o->kept[row], expected->kept[expected_row]);
    assert_memory_equal(&o->probs[row * o->stride], &expected->probs[expected_row * RIG_VOCAB],
                        RIG_VOCAB * sizeof *o->probs);
    if (row + 1 < o->rows) {
        assert_true(
            is_poison(&o->probs[row * o->stride + RIG_VOCAB], (o->stride - RIG_VOCAB) * 4));
    }
}

void assert_all_poison(const outputs *o)
{
    assert_true(is_poison(o->tokens, o->rows * o->token));
    assert_true(is_poison(o->status, o->rows * 4));
    assert_true(is_poison(o->logprob_raw, o->rows * 4));
    assert_true(is_poison(o->logprob, o->rows * 4));
    assert_true(is_poison(o->kept, o->rows * 4));
    assert_true(is_poison(o->probs, ((o->rows - 1) * o->stride + RIG_VOCAB) * 4));
}
