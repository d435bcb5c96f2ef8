#include "contrastive_host_rig.h"

#include <stdlib.h>

static size_t bytes_of(lms_dtype type) { return type == LMS_FLOAT32 ? 4 : 2; }

static uint32_t requests_of(unsigned step)
{
    return step < CONTRASTIVE_FORK_STEP ? CONTRASTIVE_PARENTS : CONTRASTIVE_REQUESTS;
}

/* Rows from a buffer, one by one, to memory that ends where the last one does. */
static char *rows_new(size_t rows, size_t row, size_t stride)
{
    return poisoned((rows - 1) * stride + row);
}

static void read_row(const contrastive_rig *r, cl_mem from, size_t at, size_t row, char *to)
{
    assert_int_equal(
        clEnqueueReadBuffer(r->base.queue, from, CL_TRUE, at * row, row, to, 0, NULL, NULL),
        CL_SUCCESS);
}

void *prompt_states(const contrastive_rig *r, size_t gap)
{
    const size_t each = bytes_of(r->base.desc.contrastive.hidden);
    const size_t row = CONTRASTIVE_WIDTH * each, stride = row + gap * each;
    char *const states = rows_new(CONTRASTIVE_PROMPT, row, stride);
    for (size_t i = 0; i < CONTRASTIVE_PROMPT; ++i) {
        read_row(r, r->states, i, row, states + i * stride);
    }
    return states;
}

static void *logits_of(const contrastive_rig *r, unsigned step, size_t gap)
{
    const size_t each = bytes_of(r->base.desc.contrastive.logits);
    const size_t row = CONTRASTIVE_VOCAB * each, stride = row + gap * each;
    char *const logits = rows_new(CONTRASTIVE_REQUESTS, row, stride);
    for (size_t q = 0; q < CONTRASTIVE_REQUESTS; ++q) {
        read_row(r, r->logits, (size_t)step * CONTRASTIVE_REQUESTS + q, row,
                 logits + q * stride);
    }
    return logits;
}

static void *hidden_of(const contrastive_rig *r, unsigned step, const places *p)
{
    const size_t each = bytes_of(r->base.desc.contrastive.hidden);
    const size_t row = CONTRASTIVE_WIDTH * each, stride = row + p->gap * each;
    char *const hidden = rows_new(p->rows, row, stride);
    for (uint32_t q = 0; q < CONTRASTIVE_REQUESTS; ++q) {
        for (uint32_t i = 0; i < r->params[q].k; ++i) {
            read_row(r, r->hidden, (size_t)step * CONTRASTIVE_ROWS + r->first_rows[q] + i, row,
                     hidden + (p->first_rows[q] + i) * stride);
        }
    }
    return hidden;
}

step_arrays step_arrays_new(const contrastive_rig *r, unsigned step, const places *p)
{
    const size_t token = r->base.desc.contrastive.tokens == LMS_INT64 ? 8 : 4;
    const size_t rows = p->rows, requests = CONTRASTIVE_REQUESTS;
    const step_arrays a = {.rows = rows,
                           .token = token,
                           .logits = logits_of(r, step, p->gap),
                           .hidden = hidden_of(r, step, p),
                           .tokens = poisoned(rows * token),
                           .next = poisoned(requests * token),
                           .probs = poisoned(rows * 4),
                           .scores = poisoned(requests * 4),
                           .penalties = poisoned(requests * 4),
                           .row_scores = poisoned(rows * 4),
                           .row_penalties = poisoned(rows * 4),
                           .row_status = poisoned(requests * 4),
                           .status = poisoned(requests * 4),
                           .chosen = poisoned(requests * 4)};
    return a;
}

void step_arrays_free(const step_arrays *a)
{
    void *const all[] = {a->logits, a->hidden,     a->tokens,        a->next,
                         a->probs,  a->scores,     a->penalties,     a->row_scores,
                         a->status, a->row_status, a->row_penalties, a->chosen};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
}

lms_contrastive_append_host_args append_host(const contrastive_rig *r, const void *states,
                                             size_t gap)
{
    const lms_contrastive_append_host_args h = {.requests = CONTRASTIVE_PARENTS,
                                                .slots = r->slots,
                                                .counts = r->counts,
                                                .hidden = states,
                                                .row_stride =
                                                    gap > 0 ? CONTRASTIVE_WIDTH + gap : 0};
    return h;
}

lms_contrastive_propose_host_args propose_host(const contrastive_rig *r, unsigned step,
                                               const step_arrays *a, const places *p)
{
    const lms_contrastive_propose_host_args h = {
        .requests = requests_of(step),
        .slots = r->slots,
        .first_rows = p->first_rows,
        .candidate_rows = p->rows,
        .logits = a->logits,
        .row_stride = p->gap > 0 ? CONTRASTIVE_VOCAB + p->gap : 0,
        .logits_rows = CONTRASTIVE_REQUESTS,
        .index = step % 3 == 0 ? NULL : r->order,
        .tokens = a->tokens,
        .probs = a->probs,
        .status = a->row_status};
    return h;
}

lms_contrastive_select_host_args select_host(const contrastive_rig *r, unsigned step,
                                             const step_arrays *a, const places *p)
{
    const lms_contrastive_select_host_args h = {.requests = requests_of(step),
                                                .slots = r->slots,
                                                .first_rows = p->first_rows,
                                                .candidate_rows = p->rows,
                                                .hidden = a->hidden,
                                                .row_stride =
                                                    p->gap > 0 ? CONTRASTIVE_WIDTH + p->gap : 0,
                                                .tokens = a->tokens,
                                                .probs = a->probs,
                                                .next = a->next,
                                                .rows = a->chosen,
                                                .scores = a->scores,
                                                .penalties = a->penalties,
                                                .row_scores = a->row_scores,
                                                .row_penalties = a->row_penalties,
                                                .status = a->status};
    return h;
}

static int64_t token_at(const void *tokens, size_t i, size_t token)
{
    return token == 8 ? ((const int64_t *)tokens)[i] : ((const int32_t *)tokens)[i];
}

/* Which rows are candidates of the step. */
static bool *own_rows(const contrastive_rig *r, unsigned step, const places *p)
{
    bool *const ours = calloc(p->rows, sizeof *ours);
    assert_non_null(ours);
    for (uint32_t q = 0; q < requests_of(step); ++q) {
        for (uint32_t i = 0; i < r->params[q].k; ++i) ours[p->first_rows[q] + i] = true;
    }
    return ours;
}

void assert_proposal(const contrastive_rig *r, unsigned step, const step_arrays *a,
                     const places *p)
{
    const contrastive_trace *const e = &r->expected;
    bool *const ours = own_rows(r, step, p);
    const uint32_t requests = requests_of(step);
    for (uint32_t q = 0; q < requests; ++q) {
        for (uint32_t i = 0; i < r->params[q].k; ++i) {
            const size_t row = p->first_rows[q] + i, from = r->first_rows[q] + i;
            assert_int_equal(token_at(a->tokens, row, a->token), e->tokens[step][from]);
            assert_memory_equal(&a->probs[row], &e->probs[step][from], 4);
        }
    }
    assert_memory_equal(a->row_status, e->row_status[step], requests * sizeof *a->row_status);
    for (size_t row = 0; row < p->rows; ++row) {
        assert_true(ours[row] || (is_poison(&a->probs[row], 4) &&
                                  is_poison((char *)a->tokens + row * a->token, a->token)));
    }
    free(ours);
}

void assert_choice(const contrastive_rig *r, unsigned step, const step_arrays *a,
                   const places *p)
{
    const contrastive_trace *const e = &r->expected;
    bool *const ours = own_rows(r, step, p);
    const uint32_t requests = requests_of(step);
    for (uint32_t q = 0; q < requests; ++q) {
        const int32_t moved = (int32_t)p->first_rows[q] - (int32_t)r->first_rows[q];
        assert_int_equal(token_at(a->next, q, a->token), e->next[step][q]);
        assert_int_equal(a->chosen[q], e->rows[step][q] + moved);
        for (uint32_t i = 0; i < r->params[q].k; ++i) {
            const size_t row = p->first_rows[q] + i, from = r->first_rows[q] + i;
            assert_memory_equal(&a->row_scores[row], &e->row_scores[step][from], 4);
            assert_memory_equal(&a->row_penalties[row], &e->row_penalties[step][from], 4);
        }
    }
    assert_memory_equal(a->scores, e->scores[step], requests * 4);
    assert_memory_equal(a->penalties, e->penalties[step], requests * 4);
    assert_memory_equal(a->status, e->status[step], requests * 4);
    for (size_t row = 0; row < p->rows; ++row) {
        assert_true(ours[row] || (is_poison(&a->row_scores[row], 4) &&
                                  is_poison(&a->row_penalties[row], 4)));
    }
    free(ours);
}
