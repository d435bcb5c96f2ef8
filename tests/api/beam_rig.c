#include "beam_rig.h"

#include <stdlib.h>

#include "gen.h"
#include "trace.h"

#define FIELD(name, is_token) TRACE_FIELD(beam_rig, beam_trace, name, is_token)
static const trace_field fields[] = {
    FIELD(tokens, true),   FIELD(fixed, false),    FIELD(parents, false),
    FIELD(scores, false),  FIELD(done, false),     FIELD(status, false),
    FIELD(counts, false),  FIELD(lengths, false),  FIELD(sequences, true),
    FIELD(ratings, false), FIELD(logprobs, false), FIELD(token_logprobs, false),
    FIELD(beams, false),
};
enum {
    FIELDS = sizeof fields / sizeof fields[0]
};

static trace trace_of(const beam_rig *r)
{
    const trace t = {fields, FIELDS,   sizeof(beam_trace),
                     r,      r->queue, r->desc.tokens != LMS_INT64};
    return t;
}

/* --- Requests ---------------------------------------------------------------------------- */

lms_beam_desc beam_desc(void)
{
    const lms_beam_desc desc = {.vocab = BEAM_VOCAB,
                                .max_requests = BEAM_REQUESTS,
                                .max_width = BEAM_WIDTH,
                                .max_length = BEAM_STEPS,
                                .max_end_tokens = BEAM_ENDS,
                                .max_rows = BEAM_ROWS,
                                .logits = LMS_FLOAT32,
                                .max_in_flight = BEAM_CALLS + 4};
    return desc;
}

static void fill_params(beam_rig *r)
{
    lms_beam_params plain = LMS_BEAM_PARAMS_INIT(4), groups = LMS_BEAM_PARAMS_INIT(4);
    lms_beam_params drawn = LMS_BEAM_PARAMS_INIT(3);
    plain.filters.temperature = 0.75f;
    plain.min_length = 2;
    plain.max_length = BEAM_STEPS;
    plain.results = 2;
    plain.end_tokens = 2;
    groups.groups = 2;
    groups.diversity_penalty = 0.5f;
    groups.flags = LMS_BEAM_PRESET_TENSORRT_LLM | LMS_BEAM_RENORMALIZE;
    groups.length_penalty = 0.6f;
    groups.filters.top_k = 40;
    groups.max_length = BEAM_STEPS - 2;
    groups.results = 4;
    drawn.mode = LMS_BEAM_STOCHASTIC;
    drawn.seed = 99;
    drawn.filters.top_p = 0.95f;
    drawn.early_stopping = LMS_BEAM_EARLY_OFF;
    drawn.max_length = BEAM_STEPS - 1;
    drawn.results = 3;
    drawn.end_tokens = 1;
    r->params[0] = plain;
    r->params[1] = groups;
    r->params[2] = drawn;
}

void beam_other_params(beam_rig *r)
{
    lms_beam_params sampled = LMS_BEAM_PARAMS_INIT(3), vllm = LMS_BEAM_PARAMS_INIT(2);
    lms_beam_params groups = LMS_BEAM_PARAMS_INIT(3);
    sampled.mode = LMS_BEAM_SAMPLE;
    sampled.seed = 5;
    sampled.filters.min_p = 0.01f;
    sampled.max_length = 5;
    sampled.results = 3;
    vllm.flags = LMS_BEAM_PRESET_VLLM;
    vllm.early_stopping = LMS_BEAM_EARLY_OFF;
    vllm.length_counts = LMS_BEAM_LENGTH_WITH_PROMPT;
    vllm.prompt_length = 7;
    vllm.max_length = BEAM_STEPS;
    vllm.results = 2;
    vllm.end_tokens = 2;
    groups.groups = 3;
    groups.diversity_penalty = 2.0f;
    groups.max_length = 3;
    groups.end_tokens = 1;
    r->params[0] = sampled;
    r->params[1] = vllm;
    r->params[2] = groups;
}

/* In eighths, up to 8 and a bit: the same in all three types. Often an end token is the best
 * one, so that searches end in many ways. */
static int eighths(unsigned step, unsigned row, unsigned token)
{
    uint32_t noise = (step * 31 + row) * 977 + token;
    noise = (noise ^ noise >> 15) * 2246822519u;
    noise = (noise ^ noise >> 13) * 3266489917u;
    if (step >= 2 && (token == 17 || token == 123) && noise >> 30 == 0) return 66;
    return (int)(noise >> 16 & 127) - 64;
}

static void make_logits(beam_rig *r)
{
    const bool is_float = r->desc.logits == LMS_FLOAT32;
    const size_t count = (size_t)BEAM_STEPS * BEAM_ROWS * BEAM_VOCAB;
    cl_int code = CL_SUCCESS;
    float *const values = calloc(count, sizeof *values);
    uint16_t *const halves = calloc(count, sizeof *halves);
    assert_true(values != NULL && halves != NULL);
    for (size_t i = 0; i < count; ++i) {
        const size_t row = i / BEAM_VOCAB;
        const int n = eighths((unsigned)(row / BEAM_ROWS), (unsigned)(row % BEAM_ROWS),
                              (unsigned)(i % BEAM_VOCAB));
        values[i] = (float)n / 8.0f;
        halves[i] = r->desc.logits == LMS_BFLOAT16 ? gen_to_bfloat16(values[i])
                                                   : gen_to_half(values[i]);
    }
    r->logits = clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                               count * (is_float ? sizeof *values : sizeof *halves),
                               is_float ? (void *)values : (void *)halves, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(values);
    free(halves);
}

/* --- A rig's life ------------------------------------------------------------------------ */

/* The search is one that tells something: no request is like another, all come to an end. */
static void assert_sound(const beam_trace *t)
{
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        assert_int_equal(t->done[0][q], 0);
        assert_int_equal(t->done[BEAM_STEPS - 1][q], 1);
        assert_in_range(t->counts[q], 1, BEAM_WIDTH);
        assert_in_range(t->lengths[q * BEAM_WIDTH], 1, BEAM_STEPS);
        for (int32_t i = 0; i < t->lengths[q * BEAM_WIDTH]; ++i) {
            assert_in_range(t->sequences[q * BEAM_WIDTH][i], 0, BEAM_VOCAB - 1);
        }
    }
}

void beam_rig_open(beam_rig *r, lms_context *ctx, const lms_beam_desc *desc)
{
    /* All launches that there can be, on a CPU too. */
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    memset(r, 0, sizeof *r);
    r->ctx = ctx;
    r->owns_context = ctx == NULL;
    r->desc = *desc;
    if (ctx == NULL) RIG_OK(lms_context_open(NULL, &r->ctx));
    r->context = lms_context_cl_context(r->ctx);
    r->queue = lms_context_queue(r->ctx);
    fill_params(r);
    r->ends[0] = 17;
    r->ends[1] = 123;
    for (uint32_t i = 0; i < BEAM_REQUESTS; ++i) {
        r->slots[i] = (i + 1) % BEAM_REQUESTS;
        r->first_rows[i] = i * BEAM_WIDTH;
    }
    make_logits(r);
    const trace t = trace_of(r);
    trace_make(&t, r, r->context);
    RIG_OK(lms_beam_create(r->ctx, &r->desc, &r->beam));
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_CALLS));
    RIG_OK(beam_close_all(r, r->beam));
    assert_int_equal(beam_read(r, &r->expected), CL_SUCCESS);
    assert_sound(&r->expected);
}

void beam_rig_close(beam_rig *r)
{
    const trace t = trace_of(r);
    lms_beam_destroy(r->beam);
    trace_release(&t);
    clReleaseMemObject(r->logits);
    if (r->owns_context) lms_context_destroy(r->ctx);
}

int beam_setup(void **state)
{
    const lms_beam_desc desc = beam_desc();
    beam_rig *const r = calloc(1, sizeof *r);
    assert_non_null(r);
    beam_rig_open(r, NULL, &desc);
    *state = r;
    return 0;
}

int beam_teardown(void **state)
{
    beam_rig_close(*state);
    free(*state);
    return 0;
}

/* --- Calls ------------------------------------------------------------------------------- */

lms_status beam_open(const beam_rig *r, lms_beam *beam, cl_command_queue queue,
                     unsigned request, cl_uint num_wait, const cl_event *wait_list,
                     cl_event *event)
{
    return lms_beam_open(beam, queue, r->slots[request], &r->params[request], r->ends, num_wait,
                         wait_list, event);
}

lms_beam_step_args beam_batch(const beam_rig *r, unsigned step)
{
    const size_t row = (size_t)step * BEAM_ROWS, request = (size_t)step * BEAM_REQUESTS;
    lms_beam_step_args b;
    memset(&b, 0, sizeof b);
    b.requests = BEAM_REQUESTS;
    b.slots = r->slots;
    b.first_rows = r->first_rows;
    b.logits_rows = BEAM_ROWS;
    b.logits = (lms_view){r->logits, row * BEAM_VOCAB};
    b.parents = (lms_view){r->parents, row};
    b.tokens = (lms_view){r->tokens, row};
    b.scores = (lms_view){r->scores, row};
    b.scores_fixed = (lms_view){r->fixed, row};
    b.done = (lms_view){r->done, request};
    b.status = (lms_view){r->status, request};
    return b;
}

lms_beam_results_args beam_output(const beam_rig *r)
{
    lms_beam_results_args o;
    memset(&o, 0, sizeof o);
    o.requests = BEAM_REQUESTS;
    o.slots = r->slots;
    o.max_results = BEAM_WIDTH;
    o.counts.buffer = r->counts;
    o.lengths.buffer = r->lengths;
    o.tokens.buffer = r->sequences;
    o.scores.buffer = r->ratings;
    o.logprobs.buffer = r->logprobs;
    o.token_logprobs.buffer = r->token_logprobs;
    o.beams.buffer = r->beams;
    return o;
}

lms_status beam_call(const beam_rig *r, lms_beam *beam, cl_command_queue queue, unsigned call,
                     cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    if (call < BEAM_FIRST_STEP) {
        return beam_open(r, beam, queue, call, num_wait, wait_list, event);
    }
    if (call < BEAM_RESULTS) {
        const lms_beam_step_args b = beam_batch(r, call - BEAM_FIRST_STEP);
        return lms_beam_step(beam, queue, &b, num_wait, wait_list, event);
    }
    const lms_beam_results_args o = beam_output(r);
    return lms_beam_results(beam, queue, &o, num_wait, wait_list, event);
}

lms_status beam_calls(const beam_rig *r, lms_beam *beam, unsigned first, unsigned last)
{
    lms_status status = LMS_OK;
    for (unsigned call = first; call < last && status == LMS_OK; ++call) {
        status = beam_call(r, beam, r->queue, call, 0, NULL, NULL);
    }
    return status;
}

lms_status beam_close_all(const beam_rig *r, lms_beam *beam)
{
    lms_status status = LMS_OK;
    for (size_t i = 0; i < BEAM_REQUESTS && status == LMS_OK; ++i) {
        status = lms_beam_close(beam, r->slots[i]);
    }
    return status;
}

/* --- What they leave behind -------------------------------------------------------------- */

cl_int beam_poison(const beam_rig *r)
{
    const trace t = trace_of(r);
    return trace_poison(&t);
}

cl_int beam_read(const beam_rig *r, beam_trace *out)
{
    const trace t = trace_of(r);
    return trace_read(&t, out);
}

const char *beam_difference(const beam_trace *a, const beam_trace *b)
{
    return trace_difference(fields, FIELDS, a, b);
}

void beam_assert_same(const beam_trace *a, const beam_trace *b)
{
    const char *const name = beam_difference(a, b);
    if (name != NULL) fail_msg("%s differ", name);
}

void beam_assert_expected(const beam_rig *r)
{
    beam_trace found;
    assert_int_equal(beam_read(r, &found), CL_SUCCESS);
    beam_assert_same(&found, &r->expected);
}

void beam_assert_poisoned(const beam_rig *r)
{
    const trace t = trace_of(r);
    trace_assert_poisoned(&t);
}

void beam_assert_good(const beam_rig *r, lms_beam *beam)
{
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, beam, 0, BEAM_CALLS));
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, beam));
}
