/* One call on the device, and what the oracle expects of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "beam_rig_state.h"

#include "device.h"
#include "gen.h"
#include "memory.h"
#include "oracle.h"
#include "out_array.h"
#include "stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Waits, so that the arrays can be read on any kind of queue. */
static void finish(cl_event event)
{
    device_require(clWaitForEvents(1, &event), "clWaitForEvents");
    clReleaseEvent(event);
}

static void tell_requests(const beam_rig *r, const char *what, const uint32_t *slots,
                          uint32_t count)
{
    fprintf(stderr, "%s of %u requests\n", what, count);
    for (uint32_t i = 0; i < count; ++i) {
        const beam_slot *const s = &r->slots[slots[i]];
        fprintf(stderr, " request %u in slot %u, after %u steps, status 0x%x\n", i, slots[i],
                s->steps, s->status);
        beam_gen_tell(&s->params, s->ends);
    }
}

/* --- a step --- */

typedef struct step_call {
    const uint32_t *slots;
    uint32_t count;
    uint32_t *first_rows;
    uint32_t rows; /* that buffers have */
    size_t stride;
    size_t logits_offset;
    unsigned char *stored; /* the logits' buffer */
    size_t stored_size;
    float **read; /* per request, its rows as the oracle reads them */
    out_array parents, tokens, scores, scores_fixed, done, status;
} step_call;

/* Where the requests' rows are: gaps between some. */
static void place_rows(beam_rig *r, step_call *c)
{
    const bool regular = beam_rig_below(r, 4) == 0;
    uint32_t row = regular ? 0 : beam_rig_below(r, 3);
    for (uint32_t i = 0; i < c->count; ++i) {
        c->first_rows[i] = regular ? i * r->c->width : row;
        row = c->first_rows[i] + r->slots[c->slots[i]].params.width;
        c->rows = row;
        if (beam_rig_below(r, 3) == 0) row += beam_rig_below(r, 5);
    }
    if (regular) {
        free(c->first_rows);
        c->first_rows = NULL;
    }
    c->rows += beam_rig_below(r, 2) ? 0 : beam_rig_below(r, 4);
    if (c->rows == 0) c->rows = 1;
}

static uint32_t first_row(const beam_rig *r, const step_call *c, uint32_t i)
{
    return c->first_rows ? c->first_rows[i] : i * r->c->width;
}

static void make_logits(beam_rig *r, step_call *c)
{
    const size_t element = stored_size(r->c->dtype), vocab = r->c->vocab;
    c->stride = vocab + (beam_rig_below(r, 2) ? 0 : beam_rig_below(r, 40));
    c->logits_offset = beam_rig_below(r, 2) ? 0 : beam_rig_below(r, 40);
    const size_t elements = c->logits_offset + c->rows * c->stride + OUT_ARRAY_MARGIN;
    c->stored_size = elements * element;
    c->stored = memory_zeroed(elements, element);
    stored_poison(c->stored, elements, element);
    for (uint32_t i = 0; i < c->count; ++i) {
        const beam_slot *const s = &r->slots[c->slots[i]];
        int32_t *const tokens = memory_zeroed(s->params.max_length, sizeof *tokens);
        c->read[i] = memory_zeroed(s->params.width * vocab, sizeof **c->read);
        for (uint32_t n = 0; n < s->params.width; ++n) {
            float *const x = c->read[i] + n * vocab;
            const size_t at = c->logits_offset + (first_row(r, c, i) + n) * c->stride;
            if (!oracle_beam_reads(s->oracle, n)) continue;
            beam_model_row(&s->model, tokens, oracle_beam_sequence(s->oracle, n, tokens), x);
            stored_put(r->c->dtype, x, r->c->vocab, c->stored + at * element);
        }
        free(tokens);
    }
}

static void make_step_arrays(beam_rig *r, step_call *c)
{
    const size_t token = r->c->tokens == LMS_INT64 ? 8 : 4;
    const size_t o = beam_rig_below(r, 2) ? 0 : beam_rig_below(r, 20);
    const uint32_t wanted = beam_rig_below(r, 2) ? 7 : beam_rig_below(r, 8);
    out_array_new(r->ctx, &c->parents, "parents", 4, o, c->rows);
    out_array_new(r->ctx, &c->tokens, "tokens", token, o + 1, c->rows);
    out_array_new(r->ctx, &c->done, "done", 4, o + 2, c->count);
    if (wanted & 1) out_array_new(r->ctx, &c->scores, "scores", 4, o + 3, c->rows);
    if (wanted & 2) out_array_new(r->ctx, &c->scores_fixed, "scores_fixed", 8, o + 4, c->rows);
    if (wanted & 4) out_array_new(r->ctx, &c->status, "status", 4, o + 5, c->count);
}

static void step_oracle(beam_rig *r, step_call *c, uint32_t i)
{
    beam_slot *const s = &r->slots[c->slots[i]];
    const uint32_t width = s->params.width, base = first_row(r, c, i);
    oracle_beam_move *const moves = memory_zeroed(width, sizeof *moves);
    const uint32_t status = oracle_beam_step(s->oracle, c->read[i], r->c->vocab, moves);
    for (uint32_t n = 0; n < width; ++n) {
        out_array_i32(&c->parents, base + n, (int32_t)base + moves[n].parent);
        out_array_token(&c->tokens, base + n, moves[n].token);
        out_array_f32(&c->scores, base + n, oracle_beam_float(moves[n].score));
        out_array_i64(&c->scores_fixed, base + n, moves[n].score);
    }
    out_array_i32(&c->done, i, status & LMS_BEAM_DONE ? 1 : 0);
    out_array_i32(&c->status, i, (int32_t)status);
    r->compared += width;
    free(moves);
}

static void step_device(beam_rig *r, const step_call *c)
{
    cl_int code = CL_SUCCESS;
    cl_event event = NULL;
    cl_mem logits =
        clCreateBuffer(lms_context_cl_context(r->ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       c->stored_size, c->stored, &code);
    device_require(code, "clCreateBuffer");
    lms_beam_step_args batch = {0};
    batch.requests = c->count;
    batch.slots = c->slots;
    batch.first_rows = c->first_rows;
    batch.logits = (lms_view){logits, c->logits_offset, NULL};
    batch.row_stride = c->stride == r->c->vocab && beam_rig_below(r, 2) ? 0 : c->stride;
    batch.logits_rows = beam_rig_below(r, 2) ? c->rows : 0;
    batch.parents = out_array_view(&c->parents);
    batch.tokens = out_array_view(&c->tokens);
    batch.scores = out_array_view(&c->scores);
    batch.scores_fixed = out_array_view(&c->scores_fixed);
    batch.done = out_array_view(&c->done);
    batch.status = out_array_view(&c->status);
    device_require(lms_beam_step(r->beam, r->queue, &batch, 0, NULL, &event), "lms_beam_step");
    finish(event);
    clReleaseMemObject(logits);
}

static bool check_step(beam_rig *r, step_call *c)
{
    out_array *const all[] = {&c->parents,      &c->tokens, &c->scores,
                              &c->scores_fixed, &c->done,   &c->status};
    bool good = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        good = out_array_check(r->queue, all[i]) && good;
    }
    for (uint32_t i = 0; i < c->count && !good; ++i) {
        fprintf(stderr, "request %u has rows from %u on\n", i, first_row(r, c, i));
    }
    if (!good) tell_requests(r, "a step", c->slots, c->count);
    return good;
}

bool beam_rig_step(beam_rig *r, const uint32_t *slots, uint32_t count)
{
    step_call c = {.slots = slots, .count = count};
    c.first_rows = memory_zeroed(count, sizeof *c.first_rows);
    c.read = memory_zeroed(count, sizeof *c.read);
    place_rows(r, &c);
    make_logits(r, &c);
    make_step_arrays(r, &c);
    step_device(r, &c);
    for (uint32_t i = 0; i < count; ++i) step_oracle(r, &c, i);
    const bool good = check_step(r, &c);
    for (uint32_t i = 0; i < count; ++i) {
        beam_slot *const s = &r->slots[slots[i]];
        s->steps++;
        free(c.read[i]);
    }
    free(c.read);
    free(c.first_rows);
    free(c.stored);
    return good;
}

/* --- results --- */

typedef struct results_call {
    const uint32_t *slots;
    uint32_t count;
    uint32_t max_results;
    size_t stride;
    out_array counts, lengths, tokens, scores, logprobs, token_logprobs, beams;
} results_call;

/* The least that is allowed, or more. */
static void shape_results(beam_rig *r, results_call *c)
{
    uint32_t longest = 1;
    c->max_results = 1;
    for (uint32_t i = 0; i < c->count; ++i) {
        const beam_slot *const s = &r->slots[c->slots[i]];
        const uint32_t most = s->steps < s->params.max_length ? s->steps : s->params.max_length;
        if (s->params.results > c->max_results) c->max_results = s->params.results;
        if (most > longest) longest = most;
    }
    c->max_results += beam_rig_below(r, r->c->width - c->max_results + 1);
    c->stride = longest + (beam_rig_below(r, 2) ? 0 : beam_rig_below(r, 9));
    if (beam_rig_below(r, 4) == 0) c->stride = r->c->length;
}

static void make_results_arrays(beam_rig *r, results_call *c)
{
    const size_t token = r->c->tokens == LMS_INT64 ? 8 : 4;
    const size_t o = beam_rig_below(r, 2) ? 0 : beam_rig_below(r, 20);
    const size_t sequences = (size_t)c->count * c->max_results, all = sequences * c->stride;
    const uint32_t wanted = beam_rig_below(r, 2) ? 15 : beam_rig_below(r, 16);
    out_array_new(r->ctx, &c->counts, "counts", 4, o, c->count);
    out_array_new(r->ctx, &c->lengths, "lengths", 4, o + 1, sequences);
    out_array_new(r->ctx, &c->tokens, "result tokens", token, o + 2, all);
    if (wanted & 1) out_array_new(r->ctx, &c->scores, "result scores", 4, o + 3, sequences);
    if (wanted & 2) out_array_new(r->ctx, &c->logprobs, "logprobs", 4, o + 4, sequences);
    if (wanted & 4) out_array_new(r->ctx, &c->token_logprobs, "token_logprobs", 4, o + 5, all);
    if (wanted & 8) out_array_new(r->ctx, &c->beams, "beams", 4, o + 6, all);
}

/* Sequence s; `result` NULL where there is none. */
static void expect_sequence(const beam_rig *r, results_call *c, size_t s,
                            const oracle_beam_result *result)
{
    const uint32_t length = result ? result->length : 0;
    out_array_i32(&c->lengths, s, (int32_t)length);
    out_array_f32(&c->scores, s, result ? oracle_rating_float(result->rating) : -INFINITY);
    out_array_f32(&c->logprobs, s, result ? oracle_beam_float(result->score) : -INFINITY);
    for (size_t i = 0; i < c->stride && i < r->c->length; ++i) {
        const bool there = i < length;
        const size_t at = s * c->stride + i;
        out_array_token(&c->tokens, at, there ? result->tokens[i] : LMS_NO_TOKEN);
        out_array_f32(&c->token_logprobs, at,
                      there ? oracle_beam_float(result->logprobs[i]) : 0.0f);
        out_array_i32(&c->beams, at, there ? result->beams[i] : -1);
    }
}

static void expect_results(beam_rig *r, results_call *c, uint32_t i)
{
    const oracle_beam_result *results;
    const uint32_t count = oracle_beam_results(r->slots[c->slots[i]].oracle, &results);
    out_array_i32(&c->counts, i, (int32_t)count);
    for (uint32_t k = 0; k < c->max_results; ++k) {
        expect_sequence(r, c, (size_t)i * c->max_results + k, k < count ? &results[k] : NULL);
    }
    r->compared += count;
}

static void results_device(beam_rig *r, const results_call *c)
{
    cl_event event = NULL;
    lms_beam_results_args output = {0};
    output.requests = c->count;
    output.slots = c->slots;
    output.max_results = c->max_results;
    output.token_stride = c->stride == r->c->length && beam_rig_below(r, 2) ? 0 : c->stride;
    output.counts = out_array_view(&c->counts);
    output.lengths = out_array_view(&c->lengths);
    output.tokens = out_array_view(&c->tokens);
    output.scores = out_array_view(&c->scores);
    output.logprobs = out_array_view(&c->logprobs);
    output.token_logprobs = out_array_view(&c->token_logprobs);
    output.beams = out_array_view(&c->beams);
    device_require(lms_beam_results(r->beam, r->queue, &output, 0, NULL, &event),
                   "lms_beam_results");
    finish(event);
}

bool beam_rig_results(beam_rig *r, const uint32_t *slots, uint32_t count)
{
    results_call c = {.slots = slots, .count = count};
    shape_results(r, &c);
    make_results_arrays(r, &c);
    results_device(r, &c);
    for (uint32_t i = 0; i < count; ++i) expect_results(r, &c, i);
    out_array *const all[] = {&c.counts,   &c.lengths,        &c.tokens, &c.scores,
                              &c.logprobs, &c.token_logprobs, &c.beams};
    bool good = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        good = out_array_check(r->queue, all[i]) && good;
    }
    if (!good) {
        fprintf(stderr, "%u results of stride %zu\n", c.max_results, c.stride);
        tell_requests(r, "results", slots, count);
    }
    return good;
}
