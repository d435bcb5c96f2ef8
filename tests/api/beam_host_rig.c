#include "beam_host_rig.h"

#include <stdlib.h>

size_t results_bytes(size_t each) { return ((BEAM_SEQUENCES - 1) * WIDE + BEAM_STEPS) * each; }

arrays arrays_new(const beam_rig *r, size_t rows)
{
    const size_t token = r->base.desc.beam.tokens == LMS_INT64 ? 8 : 4;
    const arrays a = {.rows = rows,
                      .token = token,
                      .tokens = poisoned(rows * token),
                      .sequences = poisoned(results_bytes(token)),
                      .parents = poisoned(rows * 4),
                      .counts = poisoned(BEAM_REQUESTS * 4),
                      .lengths = poisoned(BEAM_SEQUENCES * 4),
                      .beams = poisoned(results_bytes(4)),
                      .scores = poisoned(rows * 4),
                      .ratings = poisoned(BEAM_SEQUENCES * 4),
                      .logprobs = poisoned(BEAM_SEQUENCES * 4),
                      .token_logprobs = poisoned(results_bytes(4)),
                      .fixed = poisoned(rows * 8),
                      .done = poisoned(BEAM_REQUESTS * 4),
                      .status = poisoned(BEAM_REQUESTS * 4)};
    return a;
}

void arrays_free(const arrays *a)
{
    void *const all[] = {a->logits,         a->tokens, a->sequences, a->parents, a->counts,
                         a->lengths,        a->beams,  a->scores,    a->ratings, a->logprobs,
                         a->token_logprobs, a->fixed,  a->done,      a->status};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
}

/* The logits of a step, in rows that end where their memory does. */
void *logits_of(const beam_rig *r, unsigned step, const uint32_t *firsts, size_t rows,
                size_t gap)
{
    const size_t each = r->base.desc.beam.logits == LMS_FLOAT32 ? 4 : 2;
    const size_t row = BEAM_VOCAB * each, stride = row + gap * each;
    char *const logits = poisoned((rows - 1) * stride + row);
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        for (size_t beam = 0; beam < r->params[q].width; ++beam) {
            const size_t from = (size_t)step * BEAM_ROWS + r->first_rows[q] + beam;
            assert_int_equal(clEnqueueReadBuffer(r->base.queue, r->logits, CL_TRUE, from * row,
                                                 row, logits + (firsts[q] + beam) * stride, 0,
                                                 NULL, NULL),
                             CL_SUCCESS);
        }
    }
    return logits;
}

lms_beam_step_host_args step_args(const beam_rig *r, const arrays *a)
{
    const lms_beam_step_host_args h = {.requests = BEAM_REQUESTS,
                                       .slots = r->slots,
                                       .first_rows = r->first_rows,
                                       .logits = a->logits,
                                       .logits_rows = a->rows,
                                       .parents = a->parents,
                                       .tokens = a->tokens,
                                       .scores = a->scores,
                                       .scores_fixed = a->fixed,
                                       .done = a->done,
                                       .status = a->status};
    return h;
}

lms_beam_results_host_args results_args(const beam_rig *r, const arrays *a)
{
    const lms_beam_results_host_args h = {.requests = BEAM_REQUESTS,
                                          .slots = r->slots,
                                          .max_results = BEAM_WIDTH,
                                          .token_stride = WIDE,
                                          .counts = a->counts,
                                          .lengths = a->lengths,
                                          .tokens = a->sequences,
                                          .scores = a->ratings,
                                          .logprobs = a->logprobs,
                                          .token_logprobs = a->token_logprobs,
                                          .beams = a->beams};
    return h;
}

static int64_t token_at(const void *tokens, size_t i, size_t token)
{
    return token == 8 ? ((const int64_t *)tokens)[i] : ((const int32_t *)tokens)[i];
}

/* Of rows that are nobody's nothing is written. */
void assert_step(const beam_rig *r, const arrays *a, unsigned step, const uint32_t *firsts)
{
    const beam_trace *const e = &r->expected;
    bool *const owned = calloc(a->rows, sizeof *owned);
    assert_non_null(owned);
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        for (size_t beam = 0; beam < r->params[q].width; ++beam) {
            const size_t row = firsts[q] + beam, from = r->first_rows[q] + beam;
            const int32_t moved = (int32_t)firsts[q] - (int32_t)r->first_rows[q];
            owned[row] = true;
            assert_int_equal(a->parents[row], e->parents[step][from] + moved);
            assert_int_equal(token_at(a->tokens, row, a->token), e->tokens[step][from]);
            assert_memory_equal(&a->scores[row], &e->scores[step][from], 4);
            assert_memory_equal(&a->fixed[row], &e->fixed[step][from], 8);
        }
    }
    for (size_t row = 0; row < a->rows; ++row) {
        if (owned[row]) continue;
        assert_true(is_poison(&a->parents[row], 4) && is_poison(&a->scores[row], 4) &&
                    is_poison(&a->fixed[row], 8) &&
                    is_poison((char *)a->tokens + row * a->token, a->token));
    }
    assert_memory_equal(a->done, e->done[step], sizeof e->done[step]);
    assert_memory_equal(a->status, e->status[step], sizeof e->status[step]);
    free(owned);
}

void assert_results(const beam_rig *r, const arrays *a)
{
    const beam_trace *const e = &r->expected;
    assert_memory_equal(a->counts, e->counts, sizeof e->counts);
    assert_memory_equal(a->lengths, e->lengths, sizeof e->lengths);
    assert_memory_equal(a->ratings, e->ratings, sizeof e->ratings);
    assert_memory_equal(a->logprobs, e->logprobs, sizeof e->logprobs);
    for (size_t s = 0; s < BEAM_SEQUENCES; ++s) {
        const size_t at = s * WIDE, behind = at + BEAM_STEPS;
        for (size_t t = 0; t < BEAM_STEPS; ++t) {
            assert_int_equal(token_at(a->sequences, at + t, a->token), e->sequences[s][t]);
        }
        assert_memory_equal(&a->token_logprobs[at], e->token_logprobs[s], BEAM_STEPS * 4);
        assert_memory_equal(&a->beams[at], e->beams[s], BEAM_STEPS * 4);
        if (s + 1 == BEAM_SEQUENCES) break;
        assert_true(is_poison((char *)a->sequences + behind * a->token, COLUMNS * a->token));
        assert_true(is_poison(&a->token_logprobs[behind], COLUMNS * 4));
        assert_true(is_poison(&a->beams[behind], COLUMNS * 4));
    }
}

void open_all(const beam_rig *r, lms_beam *beam)
{
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        RIG_OK(lms_beam_open_host(beam, r->slots[q], &r->params[q], r->ends));
    }
}
