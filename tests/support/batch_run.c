/* A batch through lms_sampler_run: buffers with margins, the calls, and the margins checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch.h"

#include "batch_array.h"
#include "batch_slots.h"
#include "batch_tables.h"
#include "device.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct arrays {
    batch_array logits, params, index, uniforms, tokens;
    batch_array outputs[BATCH_OUTPUTS];
    lms_row_params *named; /* [rows]: parameters with slots' names */
    batch_opened opened;
    batch_tables tables;
} arrays;

static void make_inputs(lms_context *ctx, const batch *b, const batch_way *w, arrays *a)
{
    a->logits = batch_array_new(ctx, b->stored, b->dtype == LMS_FLOAT32 ? 4 : 2, w->offset,
                                b->logits_rows, b->vocab, (size_t)b->vocab + w->stride_pad);
    if (w->params_on_device) {
        a->params = batch_array_new(ctx, a->named, sizeof *a->named, w->offset, b->rows, 1, 1);
    }
    if (w->index_on_device)
        a->index = batch_array_new(ctx, b->index, 4, w->offset, b->rows, 1, 1);
    if (b->uniforms_per_row) {
        a->uniforms = batch_array_new(ctx, b->uniforms, 16, w->offset, b->rows,
                                      b->uniforms_per_row, b->uniforms_per_row);
    }
}

static size_t stride_of(const batch *b, const batch_way *w, size_t output)
{
    const size_t pad = batch_outputs[output].wanted == LMS_OUT_PROBS ? w->stride_pad : 0;
    return batch_columns(b, output) + pad;
}

static void make_outputs(lms_context *ctx, const batch *b, const batch_way *w, arrays *a)
{
    const size_t o = w->offset;
    a->tokens = batch_array_new(ctx, NULL, w->tokens == LMS_INT64 ? 8 : 4, o, b->rows, 1, 1);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        const uint32_t bit = batch_outputs[i].wanted;
        if (bit && !(bit & batch_wanted(b, w))) continue;
        a->outputs[i] =
            batch_array_new(ctx, NULL, 4, o, b->rows, batch_columns(b, i), stride_of(b, w, i));
    }
}

static void call(lms_sampler *sampler, cl_command_queue queue, const batch *b,
                 const batch_way *w, const arrays *a, uint32_t first, uint32_t rows,
                 cl_event *done)
{
    lms_sampler_run_args call = {0};
    call.rows = rows;
    call.logits = batch_array_view(&a->logits, 0);
    call.row_stride = (size_t)b->vocab + w->stride_pad;
    call.logits_rows = b->logits_rows;
    call.params = w->params_on_device ? NULL : a->named + first;
    call.params_device = batch_array_view(&a->params, first);
    call.index = w->index_on_device ? NULL : b->index + first;
    call.index_device = batch_array_view(&a->index, first);
    call.uniforms = batch_array_view(&a->uniforms, first);
    call.uniforms_per_row = b->uniforms_per_row;
    call.tokens = batch_array_view(&a->tokens, first);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        const lms_view view = batch_array_view(&a->outputs[i], first);
        memcpy((unsigned char *)&call + batch_outputs[i].view, &view, sizeof view);
    }
    call.probs_stride = (size_t)b->vocab + w->stride_pad;
    if (b->requests) {
        call.tables = &a->tables.tables;
        call.append = w->append;
        call.top_stride = b->requests->top_stride;
        call.named_stride = b->requests->named_stride;
    }
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

/* Room for the results; those that were not wanted stay NULL. */
static batch_out *read_outputs(lms_context *ctx, const batch *b, const batch_way *w, arrays *a)
{
    batch_out *const out = memory_zeroed(1, sizeof *out);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        batch_array *const from = &a->outputs[i];
        const size_t count = from->rows * from->columns;
        if (from->mem == NULL) continue;
        uint32_t *const to = *batch_member(out, i) = memory_zeroed(count, sizeof *to);
        batch_array_read(ctx, from, to, batch_outputs[i].name);
        for (size_t j = 0; batch_outputs[i].floats && j < count; ++j) {
            to[j] = batch_one_nan(to[j]);
        }
    }
    out->token = memory_zeroed((size_t)b->rows + 1, sizeof *out->token);
    batch_array_read(ctx, &a->tokens, out->token, "tokens");
    for (uint32_t r = b->rows; w->tokens != LMS_INT64 && r-- > 0;) {
        int32_t token;
        memcpy(&token, (unsigned char *)out->token + 4 * (size_t)r, 4);
        out->token[r] = token; /* from the last on: the narrow ones are not overwritten */
    }
    return out;
}

batch_out *batch_run(lms_context *ctx, const batch *b, const batch_way *way)
{
    lms_sampler_desc desc = {0};
    lms_sampler *sampler = NULL;
    arrays a;
    memset(&a, 0, sizeof a);
    a.opened = batch_open_slots(ctx, b, way);
    a.named = batch_named_params(b, &a.opened);
    desc.vocab = b->vocab;
    desc.max_rows = (way->per_call ? way->per_call : b->rows) + way->spare_rows;
    desc.logits = b->dtype;
    desc.tokens = way->tokens;
    desc.outputs = batch_wanted(b, way);
    desc.work_items = way->work_items;
    batch_describe_requests(b, a.opened.slots, &desc);
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    make_inputs(ctx, b, way, &a);
    make_outputs(ctx, b, way, &a);
    batch_tables_make(ctx, b, way, &a.tables);
    call_all(ctx, sampler, b, way, &a);
    batch_out *const out = read_outputs(ctx, b, way, &a);
    batch_check_slots(b, way, &a.opened, out);
    lms_sampler_destroy(sampler);
    batch_close_slots(&a.opened);
    batch_tables_free(&a.tables);
    batch_array *const all[] = {&a.logits, &a.params, &a.index, &a.uniforms, &a.tokens};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) batch_array_free(all[i]);
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) batch_array_free(&a.outputs[i]);
    free(a.named);
    return out;
}
