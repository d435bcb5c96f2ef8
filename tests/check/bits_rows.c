/* bits_rows.c - a batch of rows: any size, type, kind of row, filters and outputs, handed over
 * in any of the ways that there are. */
#include "bits.h"

#include "../support/device.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle_rows.h"
#include "../support/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
    IN_FLIGHT = 8,
    OUTPUTS = 6
};

typedef enum door {
    HOST_RECORDS,
    DEVICE_RECORDS,
    HOST_CALL /* lms_sample_host() */
} door;

typedef struct rows_case {
    lms_sampler_desc desc;
    door door;
    bool index_on_device;
    uint32_t rows, logits_rows, per_call, uniforms_per_row;
    size_t stride, offset;
    unsigned char *logits;
    lms_row_params *params;
    int32_t *index;
    uint32_t *uniforms;
    bits_array out[OUTPUTS];
} rows_case;

/* --- what is sampled --- */

/* Rows of small and medium vocabularies are many, long ones are few. */
static void some_size(bits_case *c, rows_case *r)
{
    static const uint32_t edges[] = {32,   256,   512,   1024,  2048,
                                     4096, 32000, 50257, 65536, 128256};
    static const uint32_t real[] = {32000,  32768,  49152,  50257,  65537,  100277,
                                    128256, 131072, 151669, 151936, 152064, 154880};
    const uint32_t class = bits_below(c, 20);
    if (class < 3) {
        r->desc.vocab = bits_one_in(c, 2) ? real[bits_below(c, LENGTH(real))]
                                          : 33000 + bits_below(c, 122000);
    } else if (class < 8) {
        r->desc.vocab = (uint32_t)exp2(rows_between(&c->state, 12.0, 15.0));
    } else if (class < 12) {
        r->desc.vocab = 1 + bits_below(c, 64);
    } else if (class < 16) {
        r->desc.vocab = edges[bits_below(c, LENGTH(edges) - 4)] + bits_below(c, 5) - 2;
    } else {
        r->desc.vocab = (uint32_t)exp2(rows_between(&c->state, 6.0, 12.0));
    }
    const uint32_t most = class < 3 ? 40 : class < 8 ? 64 : 320;
    r->rows = 1 + bits_below(c, bits_one_in(c, 6) ? 4 : most);
    r->logits_rows = 1 + bits_below(c, 8);
}

/* Half of them as models have them. */
static gen_kind some_kind(bits_case *c)
{
    static const gen_kind sane[] = {GEN_NORMAL_ONE, GEN_NORMAL_FIVE, GEN_HEAVY_TAIL,
                                    GEN_HEAD_TAIL, GEN_COARSE};
    if (bits_one_in(c, 2)) return sane[bits_below(c, LENGTH(sane))];
    return (gen_kind)bits_below(c, GEN_KINDS);
}

static void make_logits(bits_case *c, rows_case *r)
{
    const size_t element = stored_size(r->desc.logits);
    const size_t elements = r->offset + r->logits_rows * r->stride + BITS_MARGIN;
    float *const x = memory_zeroed(r->desc.vocab, sizeof *x);
    r->logits = memory_zeroed(elements, element);
    stored_poison(r->logits, elements, element);
    for (uint32_t i = 0; i < r->logits_rows; ++i) {
        gen_row(some_kind(c), x, r->desc.vocab, &c->state);
        stored_put(r->desc.logits, x, r->desc.vocab,
                   r->logits + (r->offset + i * r->stride) * element);
    }
    free(x);
    bits_hash_input(c, r->logits, elements * element);
}

static void make_records(bits_case *c, rows_case *r)
{
    r->params = memory_zeroed(r->offset + r->rows, sizeof *r->params);
    r->index = memory_zeroed(r->offset + r->rows, sizeof *r->index);
    for (uint32_t i = 0; i < r->rows; ++i) {
        lms_row_params *const p = &r->params[r->offset + i];
        int32_t *const index = &r->index[r->offset + i];
        gen_params(p, bits_below(c, 128), r->desc.vocab, &c->state);
        if (r->door == DEVICE_RECORDS && bits_one_in(c, 16)) gen_hostile(p, &c->state);
        *index = (int32_t)bits_below(c, r->logits_rows);
        if (bits_one_in(c, 24)) *index = LMS_SKIP_ROW;
        if (r->index_on_device && bits_one_in(c, 24)) *index = (int32_t)rows_random(&c->state);
    }
    bits_hash_input(c, r->index, (r->offset + r->rows) * sizeof *r->index);
}

static void make_uniforms(bits_case *c, rows_case *r)
{
    if (!bits_one_in(c, 5)) return;
    r->uniforms_per_row = 1 + bits_below(c, bits_one_in(c, 2) ? 2 : 12);
    const size_t words = 4 * (r->offset + (size_t)r->rows * r->uniforms_per_row);
    r->uniforms = memory_zeroed(words, sizeof *r->uniforms);
    for (size_t i = 0; i < words; ++i) r->uniforms[i] = (uint32_t)rows_random(&c->state);
}

static void some_way(bits_case *c, rows_case *r)
{
    static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    r->desc.logits = dtypes[bits_below(c, 4)];
    some_size(c, r);
    r->desc.work_items =
        bits_work_items(c, r->desc.logits == LMS_FLOAT32 ? BITS_MANY : BITS_TWO);
    r->desc.tokens = bits_one_in(c, 5) ? LMS_INT64 : LMS_INT32;
    r->desc.outputs = bits_one_in(c, 2) ? 15 : bits_below(c, 16);
    r->door = bits_one_in(c, 6) ? HOST_CALL : (door)bits_below(c, 2);
    r->index_on_device = r->door != HOST_CALL && bits_one_in(c, 2);
    r->stride = r->desc.vocab + (bits_one_in(c, 2) ? bits_below(c, 70) : 0);
    r->offset = r->door != HOST_CALL && bits_one_in(c, 2) ? bits_below(c, 70) : 0;
    r->per_call = bits_one_in(c, 4) ? 1 + bits_below(c, r->rows) : r->rows;
    r->desc.max_rows = r->per_call + (bits_one_in(c, 2) ? bits_below(c, 9) : 0);
}

/* --- how it is run --- */

static void make_outputs(bits_case *c, rows_case *r)
{
    static const char *const names[] = {"token",   "status", "logprob_raw",
                                        "logprob", "kept",   "probs"};
    for (uint32_t i = 0; i < OUTPUTS; ++i) {
        const size_t count = i == 5 ? (size_t)r->rows * r->stride : r->rows;
        bits_type type = i == 1 || i == 4 ? BITS_WORDS : BITS_FLOATS;
        bool wanted = i < 2 || (r->desc.outputs >> (i - 2) & 1u);
        if (i == 0) type = bits_tokens(r->desc.tokens);
        if (i == 1) wanted = !bits_one_in(c, 8);
        if (r->door == HOST_CALL) {
            bits_array_on_host(&r->out[i], names[i], type, count, wanted);
        } else {
            bits_array_new(c, &r->out[i], names[i], type, r->offset, count, wanted);
        }
    }
}

static void call_host(rows_case *r, lms_sampler *sampler)
{
    lms_sample_host_args b = {0};
    b.rows = r->rows;
    b.logits = r->logits;
    b.row_stride = r->stride;
    b.logits_rows = r->logits_rows;
    b.params = r->params;
    b.index = r->index;
    b.uniforms = r->uniforms;
    b.uniforms_per_row = r->uniforms_per_row;
    b.tokens = r->out[0].host;
    b.status = (uint32_t *)(void *)r->out[1].host;
    b.logprob_raw = (float *)(void *)r->out[2].host;
    b.logprob = (float *)(void *)r->out[3].host;
    b.kept = (int32_t *)(void *)r->out[4].host;
    b.probs = (float *)(void *)r->out[5].host;
    b.probs_stride = r->stride;
    device_require(lms_sample_host(sampler, &b), "lms_sample_host");
}

/* Buffers of the inputs; NULL where the call has them on the host, or not at all. */
typedef struct inputs {
    cl_mem logits, params, index, uniforms;
} inputs;

static lms_view view(cl_mem mem, size_t at) { return (lms_view){mem, mem ? at : 0, NULL}; }

static cl_event enqueue(const bits_case *c, const rows_case *r, const inputs *in,
                        lms_sampler *sampler, uint32_t first, uint32_t rows)
{
    const size_t at = r->offset + first;
    lms_sampler_run_args b = {0};
    cl_event done = NULL;
    b.rows = rows;
    b.logits = view(in->logits, r->offset);
    b.row_stride = r->stride;
    b.logits_rows = r->logits_rows;
    b.params = in->params ? NULL : r->params + at;
    b.params_device = view(in->params, at);
    b.index = in->index ? NULL : r->index + at;
    b.index_device = view(in->index, at);
    b.uniforms = view(in->uniforms, r->offset + (size_t)first * r->uniforms_per_row);
    b.uniforms_per_row = r->uniforms_per_row;
    b.tokens = bits_array_view(&r->out[0], first);
    b.status = bits_array_view(&r->out[1], first);
    b.logprob_raw = bits_array_view(&r->out[2], first);
    b.logprob = bits_array_view(&r->out[3], first);
    b.kept = bits_array_view(&r->out[4], first);
    b.probs = bits_array_view(&r->out[5], first * r->stride);
    b.probs_stride = r->stride;
    device_require(lms_sampler_run(sampler, c->queue, &b, 0, NULL, &done), "lms_sampler_run");
    return done;
}

static void call_device(const bits_case *c, const rows_case *r, lms_sampler *sampler)
{
    const size_t records = r->offset + r->rows, element = stored_size(r->desc.logits);
    cl_event done[IN_FLIGHT];
    uint32_t in_flight = 0;
    inputs in = {0};
    in.logits = bits_input(c, r->logits,
                           (r->offset + r->logits_rows * r->stride + BITS_MARGIN) * element);
    if (r->door == DEVICE_RECORDS) {
        in.params = bits_input(c, r->params, records * sizeof *r->params);
    }
    if (r->index_on_device) in.index = bits_input(c, r->index, records * sizeof *r->index);
    if (r->uniforms) {
        in.uniforms = bits_input(c, r->uniforms,
                                 16 * (r->offset + (size_t)r->rows * r->uniforms_per_row));
    }
    for (uint32_t first = 0; first < r->rows; first += r->per_call) {
        const uint32_t left = r->rows - first;
        done[in_flight++] =
            enqueue(c, r, &in, sampler, first, left < r->per_call ? left : r->per_call);
        if (in_flight < IN_FLIGHT && left > r->per_call) continue;
        while (in_flight) bits_wait(done[--in_flight]);
    }
    clReleaseMemObject(in.logits);
    if (in.params) clReleaseMemObject(in.params);
    if (in.index) clReleaseMemObject(in.index);
    if (in.uniforms) clReleaseMemObject(in.uniforms);
}

uint32_t bits_rows(bits_case *c)
{
    static const char *const types[] = {"", "float32", "float16", "bfloat16"};
    static const char *const doors[] = {"host records", "device records", "host call"};
    rows_case r;
    lms_sampler *sampler = NULL;
    memset(&r, 0, sizeof r);
    some_way(c, &r);
    make_records(c, &r);
    make_uniforms(c, &r);
    make_logits(c, &r);
    printf(" %u rows of %u %s, %s, outputs %u", r.rows, r.desc.vocab, types[r.desc.logits],
           doors[r.door], r.desc.outputs);
    device_require(lms_sampler_create(c->ctx, &r.desc, &sampler), "lms_sampler_create");
    make_outputs(c, &r);
    if (r.door == HOST_CALL) {
        call_host(&r, sampler);
    } else {
        call_device(c, &r, sampler);
    }
    for (uint32_t i = 0; i < OUTPUTS; ++i) {
        bits_array_take(c, &r.out[i]);
        bits_array_free(&r.out[i]);
    }
    lms_sampler_destroy(sampler);
    free(r.logits);
    free(r.params);
    free(r.index);
    free(r.uniforms);
    return r.rows;
}
