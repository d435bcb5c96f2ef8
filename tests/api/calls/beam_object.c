/* The beam search that the checks see: its requests, its logits, and its scenario. */
#include "beam_object.h"

#include <stdlib.h>

#include "gen.h"

#define FIELD(name, is_token) TRACE_FIELD(beam_rig, beam_trace, name, is_token)
static const trace_field fields[] = {
    FIELD(tokens, true),   FIELD(fixed, false),    FIELD(parents, false),
    FIELD(scores, false),  FIELD(done, false),     FIELD(status, false),
    FIELD(counts, false),  FIELD(lengths, false),  FIELD(sequences, true),
    FIELD(ratings, false), FIELD(logprobs, false), FIELD(token_logprobs, false),
    FIELD(beams, false),
};

static beam_rig *rig_of(object_rig *r) { return (beam_rig *)(void *)r; }
static const beam_rig *the_rig(const object_rig *r)
{
    return (const beam_rig *)(const void *)r;
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

static void other_requests(object_rig *base)
{
    beam_rig *const r = rig_of(base);
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
    const bool is_float = r->base.desc.beam.logits == LMS_FLOAT32;
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
        halves[i] = r->base.desc.beam.logits == LMS_BFLOAT16 ? gen_to_bfloat16(values[i])
                                                             : gen_to_half(values[i]);
    }
    r->logits = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                               count * (is_float ? sizeof *values : sizeof *halves),
                               is_float ? (void *)values : (void *)halves, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(values);
    free(halves);
}

/* The search is one that tells something: no request is like another, all come to an end. */
static void assert_sound(const object_rig *base)
{
    const beam_trace *const t = &the_rig(base)->expected;
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

static void fill(object_rig *base)
{
    beam_rig *const r = rig_of(base);
    fill_params(r);
    r->ends[0] = 17;
    r->ends[1] = 123;
    for (uint32_t i = 0; i < BEAM_REQUESTS; ++i) {
        r->slots[i] = (i + 1) % BEAM_REQUESTS;
        r->first_rows[i] = i * BEAM_WIDTH;
    }
    make_logits(r);
}

static void release(object_rig *base) { clReleaseMemObject(rig_of(base)->logits); }

/* --- The scenario ------------------------------------------------------------------------ */

lms_beam_step_args beam_step_args(const beam_rig *r, unsigned step)
{
    const size_t row = (size_t)step * BEAM_ROWS, request = (size_t)step * BEAM_REQUESTS;
    lms_beam_step_args b;
    memset(&b, 0, sizeof b);
    b.requests = BEAM_REQUESTS;
    b.slots = r->slots;
    b.first_rows = r->first_rows;
    b.logits_rows = BEAM_ROWS;
    b.logits = (lms_view){r->logits, row * BEAM_VOCAB, NULL};
    b.parents = (lms_view){r->parents, row, NULL};
    b.tokens = (lms_view){r->tokens, row, NULL};
    b.scores = (lms_view){r->scores, row, NULL};
    b.scores_fixed = (lms_view){r->fixed, row, NULL};
    b.done = (lms_view){r->done, request, NULL};
    b.status = (lms_view){r->status, request, NULL};
    return b;
}

lms_beam_results_args beam_results_args(const beam_rig *r)
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

lms_status beam_open(const beam_rig *r, void *beam, unsigned request)
{
    return object_calls(&r->base, beam, request, request + 1);
}

static const call_type *arguments(const object_rig *base, unsigned call, call_args *args)
{
    const beam_rig *const r = the_rig(base);
    if (call < BEAM_FIRST_STEP) {
        args->open = (open_args){r->slots[call], true, r->params[call], r->ends};
        return &beam_open_type;
    }
    if (call < BEAM_RESULTS) {
        args->step = beam_step_args(r, call - BEAM_FIRST_STEP);
        return &beam_step_type;
    }
    args->results = beam_results_args(r);
    return &beam_results_type;
}

static call_cost cost(const object_rig *base, unsigned call)
{
    static const call_cost with_ends = {0, 0, 2, 2}, without = {0, 0, 1, 1};
    static const call_cost step = {3, 3, 1, 1}, results = {1, 1, 1, 1};
    if (call >= BEAM_FIRST_STEP) return call < BEAM_RESULTS ? step : results;
    return the_rig(base)->params[call].end_tokens > 0 ? with_ends : without;
}

static bool is_staged(unsigned call)
{
    (void)call;
    return true;
}

/* With fewer kernels for a step. */
static const object_shape shapes[] = {
    {.shape = "fuse_from=1",
     .changes = {WHOLE(object_desc, beam.work_items, 1)},
     .costs = {{0, 0, 1, 2}, {2, 2, 1, 1}, {1, 1, 1, 1}}},
};

/* Steps: the first, one on the way, and the one at which a request has no more room. */
static const unsigned samples[] = {
    0,           BEAM_FIRST_STEP, BEAM_FIRST_STEP + 3, BEAM_FIRST_STEP + 4, BEAM_RESULTS - 1,
    BEAM_RESULTS};
static const call_part parts[] = {
    {0, "clEnqueueWriteBuffer", 1, false},
    {0, "clEnqueueWriteBuffer", 2, true}, /* of the end tokens */
    {BEAM_FIRST_STEP, "clEnqueueWriteBuffer", 1, false},
    {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 1, true},
    {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 2, true},
    {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 3, true},
    {BEAM_FIRST_STEP + 3, "clEnqueueNDRangeKernel", 1, true},
    {BEAM_FIRST_STEP + 3, "clEnqueueNDRangeKernel", 2, true},
    {BEAM_FIRST_STEP + 3, "clEnqueueNDRangeKernel", 3, true},
    {BEAM_RESULTS - 1, "clEnqueueNDRangeKernel", 3, true},
    {BEAM_RESULTS, "clEnqueueWriteBuffer", 1, false},
    {BEAM_RESULTS, "clEnqueueNDRangeKernel", 1, true},
};

static lms_status open_nothing(const object_rig *base, void *beam)
{
    (void)base;
    (void)beam;
    return LMS_OK;
}

/* Closes what is open: nobody is told which slots are. */
static lms_status close_all(const object_rig *base, void *beam)
{
    (void)base;
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) (void)lms_beam_close(beam, slot);
    return LMS_OK;
}

static object_view look(const void *beam)
{
    object_view v;
    (void)beam;
    memset(&v, 0, sizeof v);
    return v;
}

/* --- The object -------------------------------------------------------------------------- */

static lms_status create(lms_context *ctx, const object_desc *desc, void **object)
{
    lms_beam *beam = object != NULL ? *object : NULL;
    const lms_status status =
        lms_beam_create(ctx, desc != NULL ? &desc->beam : NULL, object != NULL ? &beam : NULL);
    if (object != NULL) *object = beam;
    return status;
}

static void destroy(void *beam) { lms_beam_destroy(beam); }
static size_t workspace(const void *beam) { return lms_beam_workspace(beam); }

static object_desc desc(void)
{
    const object_desc d = {.beam = beam_desc()};
    return d;
}

static void set_in_flight(object_desc *d, uint32_t n) { d->beam.max_in_flight = n; }
static void set_team(object_desc *d, uint32_t n) { d->beam.work_items = n; }

static object_types types_of(const object_desc *d)
{
    const object_types t = {d->beam.logits, d->beam.logits, d->beam.tokens};
    return t;
}

static void set_types(object_desc *d, object_types types)
{
    d->beam.logits = types.logits;
    d->beam.tokens = types.tokens;
}

static object_desc thread_desc(unsigned thread)
{
    object_desc d = desc();
    d.beam.tokens = thread % 2 ? LMS_INT64 : LMS_INT32;
    return d;
}

static const call_type *const types[] = {&beam_open_type, &beam_step_type, &beam_results_type};
static const host_array host_arrays[] = {
    {FIELD_OF(beam_rig, params)},
    {FIELD_OF(beam_rig, ends)},
    {FIELD_OF(beam_rig, slots)},
    {FIELD_OF(beam_rig, first_rows)},
};
const object_kind beam_kind = {
    .name = "beam",
    .rig_bytes = sizeof(beam_rig),
    LIST(fields, field_count, fields),
    .record_bytes = sizeof(beam_trace),
    .expected = offsetof(beam_rig, expected),
    LIST(types, type_count, types),
    .calls = BEAM_CALLS,
    .arguments = arguments,
    .cost = cost,
    .is_staged = is_staged,
    .repeated = BEAM_RESULTS,
    LIST(samples, sample_count, samples),
    LIST(parts, part_count, parts),
    LIST(shapes, shape_count, shapes),
    .create = create,
    .destroy = destroy,
    .workspace = workspace,
    .desc = desc,
    .set_in_flight = set_in_flight,
    .set_team = set_team,
    .types_of = types_of,
    .set_types = set_types,
    .thread_desc = thread_desc,
    .desc_refusals = beam_desc_refusals,
    .desc_refusals_count = BEAM_DESC_LISTS,
    .fill = fill,
    .release = release,
    .other_requests = other_requests,
    .assert_sound = assert_sound,
    LIST(host_arrays, host_array_count, host_arrays),
    .slots = offsetof(beam_rig, slots),
    .slot_count = BEAM_REQUESTS,
    .open = open_nothing,
    .close = close_all,
    .look = look,
};

int beam_setup(void **state) { return object_setup(state, &beam_kind); }
