/* The sampler that the checks see: its rows, and its scenario. */
#include "sampler_object.h"

#include <stdlib.h>

#include "gen.h"

#define FIELD(name, is_token) TRACE_FIELD(sampler_rig, sampler_trace, name, is_token)
static const trace_field fields[] = {
    FIELD(tokens, true),   FIELD(status, false), FIELD(logprob_raw, false),
    FIELD(logprob, false), FIELD(kept, false),   FIELD(probs, false),
};
enum {
    ROWS = SAMPLER_CALLS * SAMPLER_ROWS,
    WORDS = 4 * SAMPLER_ATTEMPTS * SAMPLER_ROWS
};

static sampler_rig *rig_of(object_rig *r) { return (sampler_rig *)(void *)r; }
static const sampler_rig *the_rig(const object_rig *r)
{
    return (const sampler_rig *)(const void *)r;
}

/* --- Rows -------------------------------------------------------------------------------- */

/* A different way of sampling for each row. */
static void fill_records(sampler_rig *r, float temperature)
{
    for (unsigned call = 0; call < SAMPLER_CALLS; ++call) {
        for (unsigned row = 0; row < SAMPLER_ROWS; ++row) {
            lms_row_params p = LMS_ROW_PARAMS_INIT;
            p.seed = 7 + call;
            p.step = row;
            p.filters.temperature = row == 0 ? 0.0f : temperature;
            if (row == 2) p.filters.top_k = 20;
            if (row == 3) p.filters.top_p = 0.7f;
            if (row == 4) p.filters.min_p = 0.1f;
            r->records[call][row] = p;
        }
    }
}

static cl_mem make_input(const sampler_rig *r, size_t bytes, const void *data)
{
    cl_int code = CL_SUCCESS;
    const cl_mem made = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                       bytes, (void *)(uintptr_t)data, &code);
    assert_int_equal(code, CL_SUCCESS);
    return made;
}

/* In eighths, the same in all three types, and without any order. */
static void make_logits(sampler_rig *r)
{
    const lms_dtype type = r->base.desc.sampler.logits;
    const size_t count = (size_t)ROWS * r->base.desc.sampler.vocab;
    uint32_t noise = 12345;
    float *const values = calloc(count, sizeof *values);
    uint16_t *const halves = calloc(count, sizeof *halves);
    assert_true(values != NULL && halves != NULL);
    for (size_t i = 0; i < count; ++i) {
        noise = noise * 1664525u + 1013904223u;
        values[i] = (float)((int)(noise >> 25) - 64) / 8.0f;
        halves[i] = type == LMS_BFLOAT16 ? gen_to_bfloat16(values[i]) : gen_to_half(values[i]);
    }
    r->logits = type == LMS_FLOAT32 ? make_input(r, count * sizeof *values, values)
                                    : make_input(r, count * sizeof *halves, halves);
    free(values);
    free(halves);
}

static void fill(object_rig *base)
{
    static const int32_t order[] = {1, 0, 5, 4, 3, 2};
    static uint32_t words[WORDS];
    sampler_rig *const r = rig_of(base);
    fill_records(r, 1.5f);
    memcpy(r->order, order, sizeof r->order);
    for (uint32_t i = 0; i < WORDS; ++i) words[i] = i * 2654435761u;
    make_logits(r);
    r->params = make_input(r, sizeof r->records, r->records);
    r->index = make_input(r, sizeof r->order, r->order);
    r->uniforms = make_input(r, sizeof words, words);
}

static void release(object_rig *base)
{
    const sampler_rig *const r = the_rig(base);
    const cl_mem inputs[] = {r->logits, r->params, r->index, r->uniforms};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) {
        clReleaseMemObject(inputs[i]);
    }
}

static void other_requests(object_rig *base)
{
    sampler_rig *const r = rig_of(base);
    fill_records(r, 0.75f);
    clReleaseMemObject(r->params);
    r->params = make_input(r, sizeof r->records, r->records);
}

/* Every row has a token, and not all have the same one. */
static void assert_sound(const object_rig *base)
{
    const sampler_trace *const t = &the_rig(base)->expected;
    unsigned others = 0;
    for (unsigned call = 0; call < SAMPLER_CALLS; ++call) {
        for (unsigned row = 0; row < SAMPLER_ROWS; ++row) {
            assert_int_equal(t->status[call][row], 0);
            assert_in_range(t->tokens[call][row], 0, base->desc.sampler.vocab - 1);
            others += t->tokens[call][row] != t->tokens[0][0];
        }
    }
    assert_true(others > SAMPLER_CALLS);
}

/* --- The scenario ------------------------------------------------------------------------ */

lms_sampler_run_args sampler_run_args(const sampler_rig *r, unsigned call)
{
    const bool on_host = call == SAMPLER_HOST || call == SAMPLER_SMALL || call == SAMPLER_AGAIN;
    const size_t row = (size_t)call * SAMPLER_ROWS;
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    b.rows = SAMPLER_ROWS;
    b.logits = (lms_view){r->logits, row * r->base.desc.sampler.vocab, NULL};
    b.logits_rows = SAMPLER_ROWS;
    if (on_host) b.params = r->records[call];
    if (!on_host) b.params_device = (lms_view){r->params, row, NULL};
    if (call == SAMPLER_DEVICE) b.index_device.buffer = r->index;
    if (call == SAMPLER_HOST || call == SAMPLER_AGAIN || call == SAMPLER_UNIFORMS) {
        b.index = r->order;
    }
    if (call == SAMPLER_DEVICE || call == SAMPLER_UNIFORMS) {
        b.uniforms.buffer = r->uniforms;
        b.uniforms_per_row = SAMPLER_ATTEMPTS;
    }
    b.tokens = (lms_view){r->tokens, row, NULL};
    b.status = (lms_view){r->status, row, NULL};
    if (call == SAMPLER_SMALL) return b;
    b.logprob_raw = (lms_view){r->logprob_raw, row, NULL};
    b.logprob = (lms_view){r->logprob, row, NULL};
    b.kept = (lms_view){r->kept, row, NULL};
    b.probs = (lms_view){r->probs, row * SAMPLER_VOCAB, NULL};
    return b;
}

static const call_type *arguments(const object_rig *base, unsigned call, call_args *args)
{
    args->run = sampler_run_args(the_rig(base), call);
    return args->run.params != NULL ? &sampler_host_type : &sampler_device_type;
}

/* Records and indices are written in one go. */
static bool is_staged(unsigned call) { return call != SAMPLER_DEVICE && call != SAMPLER_PLAIN; }

static call_cost cost(const object_rig *base, unsigned call)
{
    static const call_cost staged = {1, 4, 1, 1}, other = {1, 4, 0, 0};
    (void)base;
    return is_staged(call) ? staged : other;
}

static const object_shape shapes[] = {
    {.shape = "fuse_from=1000000", .costs = {{1, 4, 1, 1}, {1, 4, 0, 1}}},
    {.shape = "fuse_from=1000000",
     .changes = {WHOLE(object_desc, sampler.work_items, 4)},
     .costs = {{1, 4, 1, 1}, {1, 4, 0, 1}},
     .fails = true},
};

static const unsigned samples[] = {SAMPLER_HOST, SAMPLER_DEVICE, SAMPLER_SMALL,
                                   SAMPLER_UNIFORMS, SAMPLER_PLAIN};
static const call_part parts[] = {
    {SAMPLER_HOST, "clEnqueueWriteBuffer", 1, false},
    {SAMPLER_HOST, "clEnqueueNDRangeKernel", 1, true},
    {SAMPLER_HOST, "clEnqueueNDRangeKernel", 2, true},
    {SAMPLER_DEVICE, "clEnqueueNDRangeKernel", 1, false},
    {SAMPLER_DEVICE, "clEnqueueNDRangeKernel", 2, true},
    {SAMPLER_SMALL, "clEnqueueWriteBuffer", 1, false},
    {SAMPLER_SMALL, "clEnqueueNDRangeKernel", 1, true},
};

static lms_status nothing(const object_rig *base, void *sampler)
{
    (void)base;
    (void)sampler;
    return LMS_OK;
}

static object_view look(const void *sampler)
{
    object_view v;
    (void)sampler;
    memset(&v, 0, sizeof v);
    return v;
}

/* --- The object -------------------------------------------------------------------------- */

static lms_status create(lms_context *ctx, const object_desc *desc, void **object)
{
    lms_sampler *sampler = object != NULL ? *object : NULL;
    const lms_status status = lms_sampler_create(ctx, desc != NULL ? &desc->sampler : NULL,
                                                 object != NULL ? &sampler : NULL);
    if (object != NULL) *object = sampler;
    return status;
}

static void destroy(void *sampler) { lms_sampler_destroy(sampler); }
static size_t workspace(const void *sampler) { return lms_sampler_workspace(sampler); }

static object_desc desc(void)
{
    const object_desc d = {.sampler = {.vocab = SAMPLER_VOCAB,
                                       .max_rows = SAMPLER_ROWS,
                                       .logits = LMS_FLOAT32,
                                       .outputs = LMS_OUT_LOGPROB_RAW | LMS_OUT_LOGPROB |
                                                  LMS_OUT_KEPT | LMS_OUT_PROBS,
                                       .max_in_flight = SAMPLER_CALLS + 4}};
    return d;
}

static void set_in_flight(object_desc *d, uint32_t n) { d->sampler.max_in_flight = n; }
static void set_team(object_desc *d, uint32_t n) { d->sampler.work_items = n; }

static object_types types_of(const object_desc *d)
{
    const object_types t = {d->sampler.logits, d->sampler.logits, d->sampler.tokens};
    return t;
}

static void set_types(object_desc *d, object_types types)
{
    d->sampler.logits = types.logits;
    d->sampler.tokens = types.tokens;
}

/* Of different sizes, some with the same program. */
static object_desc thread_desc(unsigned thread)
{
    static const uint32_t vocabs[] = {300, 257, 37};
    object_desc d = desc();
    d.sampler.vocab = vocabs[thread % 3];
    d.sampler.tokens = thread % 2 ? LMS_INT64 : LMS_INT32;
    return d;
}

static const call_type *const types[] = {&sampler_host_type, &sampler_device_type};
static const host_array host_arrays[] = {
    {FIELD_OF(sampler_rig, records)},
    {FIELD_OF(sampler_rig, order)},
};
const object_kind sampler_kind = {
    .name = "sampler",
    .rig_bytes = sizeof(sampler_rig),
    LIST(fields, field_count, fields),
    .record_bytes = sizeof(sampler_trace),
    .expected = offsetof(sampler_rig, expected),
    LIST(types, type_count, types),
    .calls = SAMPLER_CALLS,
    .arguments = arguments,
    .cost = cost,
    .is_staged = is_staged,
    .repeated = SAMPLER_HOST,
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
    .desc_refusals = sampler_desc_refusals,
    .desc_refusals_count = SAMPLER_DESC_LISTS,
    .fill = fill,
    .release = release,
    .other_requests = other_requests,
    .assert_sound = assert_sound,
    LIST(host_arrays, host_array_count, host_arrays),
    .open = nothing,
    .close = nothing,
    .look = look,
};

int sampler_setup(void **state) { return object_setup(state, &sampler_kind); }
