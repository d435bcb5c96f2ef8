/* A batch through lms_sampler_run: buffers with margins, the calls, and the margins checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch.h"

#include "device.h"
#include "stored.h"

#include <stdlib.h>
#include <string.h>

#define MARGIN 3u /* elements behind an array */

/* An array on the device: `offset` elements, rows of `columns`, `stride` apart, a margin. */
typedef struct array {
    cl_mem mem;
    unsigned char *host; /* what the buffer held before the call, then after it */
    size_t element, offset, rows, columns, stride, count;
} array;

static array array_new(lms_context *ctx, const void *data, size_t element, size_t offset,
                       size_t rows, size_t columns, size_t stride)
{
    array a = {NULL, NULL, element, offset, rows, columns, stride, 0};
    cl_int code = CL_SUCCESS;
    a.count = offset + rows * stride + MARGIN;
    a.host = malloc(a.count * element);
    assert_non_null(a.host);
    memset(a.host, 0xa5, a.count * element);
    if (data && (element == 2 || element == 4)) stored_poison(a.host, a.count, element);
    for (size_t r = 0; data && r < rows; ++r) {
        memcpy(a.host + (offset + r * stride) * element,
               (const unsigned char *)data + r * columns * element, columns * element);
    }
    a.mem = clCreateBuffer(lms_context_cl_context(ctx),
                           (data ? CL_MEM_READ_ONLY : CL_MEM_READ_WRITE) | CL_MEM_COPY_HOST_PTR,
                           a.count * element, a.host, &code);
    device_require(code, "clCreateBuffer");
    return a;
}

static void array_free(array *a)
{
    if (a->mem) clReleaseMemObject(a->mem);
    free(a->host);
}

/* Reads the array back; its rows go to `out` (may be NULL: nothing was given). */
static void array_read(lms_context *ctx, array *a, void *out, const char *name)
{
    if (a->mem == NULL) return;
    device_require(clEnqueueReadBuffer(lms_context_queue(ctx), a->mem, CL_TRUE, 0,
                                       a->count * a->element, a->host, 0, NULL, NULL),
                   name);
    const size_t row_bytes = a->columns * a->element, stride = a->stride * a->element;
    const size_t begin = a->offset * a->element, end = a->count * a->element;
    size_t bad = 0;
    for (size_t i = 0; i < begin; ++i) bad += a->host[i] != 0xa5;
    for (size_t r = 0; r < a->rows; ++r) {
        memcpy((unsigned char *)out + r * row_bytes, a->host + begin + r * stride, row_bytes);
        for (size_t i = row_bytes; i < stride; ++i)
            bad += a->host[begin + r * stride + i] != 0xa5;
    }
    for (size_t i = begin + a->rows * stride; i < end; ++i) bad += a->host[i] != 0xa5;
    if (bad) print_error("%s: %zu bytes outside the results were written\n", name, bad);
    assert_int_equal(bad, 0);
}

typedef struct arrays {
    array logits, params, index, uniforms;
    array tokens, status, logprob_raw, logprob, kept, probs;
} arrays;

static void make_inputs(lms_context *ctx, const batch *b, const batch_way *w, arrays *a)
{
    a->logits = array_new(ctx, b->stored, b->dtype == LMS_FLOAT32 ? 4 : 2, w->offset,
                          b->logits_rows, b->vocab, (size_t)b->vocab + w->stride_pad);
    if (w->params_on_device) {
        a->params = array_new(ctx, b->params, sizeof *b->params, w->offset, b->rows, 1, 1);
    }
    if (w->index_on_device) a->index = array_new(ctx, b->index, 4, w->offset, b->rows, 1, 1);
    if (b->uniforms_per_row) {
        a->uniforms = array_new(ctx, b->uniforms, 16, w->offset, b->rows, b->uniforms_per_row,
                                b->uniforms_per_row);
    }
}

static void make_outputs(lms_context *ctx, const batch *b, const batch_way *w, arrays *a)
{
    const uint32_t wanted = BATCH_OUT_ALL & ~w->not_wanted;
    const size_t o = w->offset;
    const uint32_t bits[] = {LMS_OUT_LOGPROB_RAW, LMS_OUT_LOGPROB, LMS_OUT_KEPT};
    array *const rest[] = {&a->logprob_raw, &a->logprob, &a->kept};
    a->tokens = array_new(ctx, NULL, w->tokens == LMS_INT64 ? 8 : 4, o, b->rows, 1, 1);
    a->status = array_new(ctx, NULL, 4, o, b->rows, 1, 1);
    for (size_t i = 0; i < 3; ++i) {
        if (wanted & bits[i]) *rest[i] = array_new(ctx, NULL, 4, o, b->rows, 1, 1);
    }
    if (wanted & LMS_OUT_PROBS) {
        a->probs =
            array_new(ctx, NULL, 4, o, b->rows, b->vocab, (size_t)b->vocab + w->stride_pad);
    }
}

/* From the first of a call's rows on. */
static lms_view view_of(const array *a, size_t first)
{
    return (lms_view){a->mem, a->mem ? a->offset + first * a->stride : 0};
}

static void call(lms_sampler *sampler, cl_command_queue queue, const batch *b,
                 const batch_way *w, const arrays *a, uint32_t first, uint32_t rows,
                 cl_event *done)
{
    lms_sampler_run_args call = {0};
    call.rows = rows;
    call.logits = view_of(&a->logits, 0);
    call.row_stride = (size_t)b->vocab + w->stride_pad;
    call.logits_rows = b->logits_rows;
    call.params = w->params_on_device ? NULL : b->params + first;
    call.params_device = view_of(&a->params, first);
    call.index = w->index_on_device ? NULL : b->index + first;
    call.index_device = view_of(&a->index, first);
    call.uniforms = view_of(&a->uniforms, first);
    call.uniforms_per_row = b->uniforms_per_row;
    call.tokens = view_of(&a->tokens, first);
    call.status = view_of(&a->status, first);
    call.logprob_raw = view_of(&a->logprob_raw, first);
    call.logprob = view_of(&a->logprob, first);
    call.kept = view_of(&a->kept, first);
    call.probs = view_of(&a->probs, first);
    call.probs_stride = (size_t)b->vocab + w->stride_pad;
    device_require(lms_sampler_run(sampler, queue, &call, 0, NULL, done), "lms_sampler_run");
}

/* The batch in calls of `per_call` rows, as many in flight as a sampler allows by default. */
static void call_all(lms_context *ctx, lms_sampler *sampler, const batch *b, const batch_way *w,
                     const arrays *a)
{
    enum {
        IN_FLIGHT = 8
    };
    cl_event done[IN_FLIGHT];
    cl_uint in_flight = 0;
    cl_int code = CL_SUCCESS;
    cl_command_queue queue = lms_context_queue(ctx);
    const uint32_t per_call = w->per_call ? w->per_call : b->rows;
    if (w->out_of_order) {
        queue = clCreateCommandQueue(lms_context_cl_context(ctx), lms_context_device(ctx),
                                     CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
        device_require(code, "clCreateCommandQueue");
    }
    for (uint32_t first = 0; first < b->rows; first += per_call) {
        const uint32_t rows = b->rows - first < per_call ? b->rows - first : per_call;
        call(sampler, queue, b, w, a, first, rows, &done[in_flight++]);
        if (in_flight < IN_FLIGHT && first + rows < b->rows) continue;
        device_require(clWaitForEvents(in_flight, done), "clWaitForEvents");
        while (in_flight > 0) clReleaseEvent(done[--in_flight]);
    }
    if (w->out_of_order) clReleaseCommandQueue(queue);
}

static void one_nan(uint32_t *bits, size_t count)
{
    for (size_t i = 0; bits && i < count; ++i) {
        if ((bits[i] & 0x7fffffffu) > 0x7f800000u) bits[i] = 0x7fc00000u;
    }
}

/* Room for the results; those that were not wanted stay NULL. */
static batch_out *read_outputs(lms_context *ctx, const batch *b, const batch_way *w, arrays *a)
{
    batch_out *const out = calloc(1, sizeof *out);
    assert_non_null(out);
    array *const from[] = {&a->status, &a->logprob_raw, &a->logprob, &a->kept, &a->probs};
    uint32_t **const to[] = {&out->status, &out->logprob_raw, &out->logprob, &out->kept,
                             &out->probs};
    static const char *const names[] = {"status", "logprob_raw", "logprob", "kept", "probs"};
    for (size_t i = 0; i < 5; ++i) {
        if (from[i]->mem == NULL) continue;
        *to[i] = calloc(from[i]->rows * from[i]->columns + 1, sizeof **to[i]);
        assert_non_null(*to[i]);
        array_read(ctx, from[i], *to[i], names[i]);
    }
    out->token = calloc((size_t)b->rows + 1, sizeof *out->token);
    assert_non_null(out->token);
    array_read(ctx, &a->tokens, out->token, "tokens");
    for (uint32_t r = b->rows; w->tokens != LMS_INT64 && r-- > 0;) {
        int32_t token;
        memcpy(&token, (unsigned char *)out->token + 4 * (size_t)r, 4);
        out->token[r] = token; /* from the last on: the narrow ones are not overwritten */
    }
    one_nan(out->logprob_raw, b->rows);
    one_nan(out->logprob, b->rows);
    return out;
}

batch_out *batch_run(lms_context *ctx, const batch *b, const batch_way *way)
{
    lms_sampler_desc desc = {0};
    lms_sampler *sampler = NULL;
    arrays a;
    memset(&a, 0, sizeof a);
    desc.vocab = b->vocab;
    desc.max_rows = (way->per_call ? way->per_call : b->rows) + way->spare_rows;
    desc.logits = b->dtype;
    desc.tokens = way->tokens;
    desc.outputs = BATCH_OUT_ALL & ~way->not_wanted;
    desc.work_items = way->work_items;
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    make_inputs(ctx, b, way, &a);
    make_outputs(ctx, b, way, &a);
    call_all(ctx, sampler, b, way, &a);
    batch_out *const out = read_outputs(ctx, b, way, &a);
    lms_sampler_destroy(sampler);
    array *const all[] = {&a.logits, &a.params,      &a.index,   &a.uniforms, &a.tokens,
                          &a.status, &a.logprob_raw, &a.logprob, &a.kept,     &a.probs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) array_free(all[i]);
    return out;
}
