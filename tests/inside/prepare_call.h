/* A call of the kernel that prepares rows, by itself: what requests.h has on the host goes to
 * the device, and what is prepared comes back. */
#ifndef LMSAMPLE_TESTS_PREPARE_CALL_H
#define LMSAMPLE_TESTS_PREPARE_CALL_H

#include "base/source.h"
#include "lmsample.h"
#include "slots/sequences.h"

#include "kernels/edits/records.h"

#include "../support/device.h"
#include "../support/memory.h"
#include "../support/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct prepare_program {
    unsigned team, lanes;
    cl_program program;
    cl_kernel kernel;
} prepare_program;

/* What a call is made of, beside `requests`; slots of `params` are named 1, 2, ... */
typedef struct prepare_call {
    const requests *requests;
    const lms_row_params *params;
    uint32_t rows, vocab, logits_rows;
    bool has_repeats, has_no_values;
    /* what comes back, and the slots' names */
    uint64_t *names;
    uint32_t groups, max_length;
    lms_prepared *prepared;
    uint32_t *bans, *repeats; /* [rows][groups], [rows][max_length] */
} prepare_call;

enum {
    PREPARE_FILL = 0xa5, /* what outputs hold before a call, ... */
    PREPARE_AHEAD = 3    /* ... and so many elements before all that is brought */
};

static prepare_program prepare_build(lms_context *ctx, unsigned team, unsigned lanes)
{
    prepare_program p = {team, lanes, NULL, NULL};
    char prelude[300];
    snprintf(prelude, sizeof prelude,
             "#pragma OPENCL FP_CONTRACT OFF\n#define LMS_ELEMENTS 1\n#define LMS_TOKENS 1\n"
             "#define LMS_TEAM %u\n#define LMS_LANES %u\n",
             team, lanes);
    char *const text = lmsi_source_join(prelude, LMSI_PREPARE);
    const char *texts[] = {text};
    cl_device_id id = lms_context_device(ctx);
    cl_int code = CL_SUCCESS;
    p.program = clCreateProgramWithSource(lms_context_cl_context(ctx), 1, texts, NULL, &code);
    device_require(code, "clCreateProgramWithSource");
    free(text);
    device_require(clBuildProgram(p.program, 1, &id, "-cl-std=CL1.2", NULL, NULL),
                   "clBuildProgram");
    p.kernel = clCreateKernel(p.program, "lms_prepare", &code);
    device_require(code, "clCreateKernel");
    return p;
}

static void prepare_end(prepare_program *p)
{
    clReleaseKernel(p->kernel);
    clReleaseProgram(p->program);
}

/* Not a byte more than there is: simulators find what is read beyond. */
static cl_mem prepare_buffer(lms_context *ctx, const void *data, size_t count, size_t element)
{
    cl_int code = CL_SUCCESS;
    const size_t ahead = PREPARE_AHEAD * element, room = ahead + count * element;
    char *const bytes = memory_zeroed(room, 1);
    memset(bytes, PREPARE_FILL, room);
    if (data != NULL && count > 0) memcpy(bytes + ahead, data, count * element);
    cl_mem mem = clCreateBuffer(lms_context_cl_context(ctx),
                                CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, room, bytes, &code);
    device_require(code, "clCreateBuffer");
    free(bytes);
    return mem;
}

static void prepare_read(lms_context *ctx, cl_mem mem, void *to, size_t size)
{
    device_require(
        clEnqueueReadBuffer(lms_context_queue(ctx), mem, CL_TRUE, 0, size, to, 0, NULL, NULL),
        "clEnqueueReadBuffer");
}

/* All slots of the requests, open. NULL: there are none. */
static lms_slots *prepare_slots(lms_context *ctx, prepare_call *c)
{
    const requests *const r = c->requests;
    const uint32_t count = r->slot_count;
    lms_slots_desc desc = {.max_slots = count, .max_length = 1, .vocab = c->vocab};
    lms_slots *slots = NULL;
    size_t all = 0;
    c->names = memory_zeroed(count, sizeof *c->names);
    if (count == 0) return NULL;
    for (uint32_t i = 0; i < count; ++i) all += r->slots[i].length;
    int32_t *const tokens = memory_zeroed(all, sizeof *tokens);
    uint32_t *const numbers = memory_zeroed(3 * count, sizeof *numbers);
    all = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const oracle_sequence *const s = &r->slots[i];
        if (s->length > desc.max_length) desc.max_length = s->length;
        if (s->length > 0) memcpy(tokens + all, s->tokens, s->length * sizeof *tokens);
        all += s->length;
        numbers[i] = s->length;
        numbers[count + i] = s->prompt;
        numbers[2 * count + i] = s->ignored;
    }
    const lms_slots_open_args args = {
        .count = count,
        .lengths = numbers,
        .prompts = numbers + count,
        .ignored = numbers + 2 * count,
        .tokens = tokens,
        .token_count = all,
        .names = c->names,
    };
    device_require(lms_slots_create(ctx, &desc, &slots), "lms_slots_create");
    device_require(lms_slots_open(slots, lms_context_queue(ctx), &args, 0, NULL, NULL),
                   "lms_slots_open");
    c->max_length = desc.max_length;
    free(tokens);
    free(numbers);
    return slots;
}

/* The parameters with the slots' names; names that are none stay. */
static lms_row_params *prepare_params(const prepare_call *c)
{
    lms_row_params *const params = memory_zeroed(c->rows, sizeof *params);
    memcpy(params, c->params, c->rows * sizeof *params);
    for (uint32_t i = 0; i < c->rows; ++i) {
        const uint64_t slot = params[i].request.slot;
        if (slot > 0 && slot <= c->requests->slot_count) {
            params[i].request.slot = c->names[slot - 1];
        }
    }
    return params;
}

typedef struct prepare_buffers {
    cl_mem params, edits, wants, offsets, ids, values, masks;
    cl_mem prepared, bans, repeats, scratch;
} prepare_buffers;

static prepare_buffers prepare_buffers_of(lms_context *ctx, const prepare_call *c)
{
    const requests *const r = c->requests;
    const size_t mask = r->mask_type == LMS_MASK_BYTES ? 1 : 4;
    const size_t lengths = (size_t)c->rows * c->max_length;
    lms_row_params *const params = prepare_params(c);
    const prepare_buffers b = {
        .params = prepare_buffer(ctx, params, c->rows, sizeof *params),
        .edits = prepare_buffer(ctx, r->edits, r->edit_count, sizeof *r->edits),
        .wants = prepare_buffer(ctx, r->wants, r->want_count, sizeof *r->wants),
        .offsets = prepare_buffer(ctx, r->list_offsets, r->list_count + 1, sizeof(cl_uint)),
        .ids = prepare_buffer(ctx, r->list_ids, r->list_entries, sizeof(cl_int)),
        .values = prepare_buffer(ctx, r->list_values, r->list_entries, sizeof(cl_float)),
        .masks = prepare_buffer(ctx, r->masks, r->mask_count * r->mask_stride, mask),
        .prepared = prepare_buffer(ctx, NULL, c->rows, sizeof(lms_prepared)),
        .bans = prepare_buffer(ctx, NULL, (size_t)c->rows * c->groups, sizeof(cl_uint)),
        .repeats = prepare_buffer(ctx, NULL, lengths, sizeof(cl_uint)),
        .scratch = prepare_buffer(ctx, NULL, lengths, sizeof(cl_uint)),
    };
    free(params);
    return b;
}

static void prepare_buffers_free(prepare_buffers *b)
{
    const cl_mem all[] = {b->params, b->edits, b->wants,   b->offsets, b->ids,     b->values,
                          b->masks,  b->bans,  b->repeats, b->scratch, b->prepared};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) clReleaseMemObject(all[i]);
}

static void prepare_set(cl_kernel kernel, const prepare_call *c, const prepare_buffers *b,
                        const lmsi_slots_memory *m)
{
    const requests *const r = c->requests;
    const cl_ulong ahead = PREPARE_AHEAD, logits_rows = c->logits_rows,
                   entries = r->list_entries;
    const cl_ulong stride = r->mask_stride, max_length = c->max_length;
    const cl_uint has_values = !c->has_no_values, has_repeats = c->has_repeats, append = 0;
    const struct {
        size_t size;
        const void *at;
    } all[] = {
#define PREPARE_OF(x) {sizeof(x), &(x)}
        PREPARE_OF(logits_rows),     PREPARE_OF(c->vocab),        PREPARE_OF(b->params),
        PREPARE_OF(ahead),           PREPARE_OF(b->edits),        PREPARE_OF(ahead),
        PREPARE_OF(r->edit_count),   PREPARE_OF(b->wants),        PREPARE_OF(ahead),
        PREPARE_OF(r->want_count),   PREPARE_OF(r->max_top),      PREPARE_OF(b->offsets),
        PREPARE_OF(ahead),           PREPARE_OF(b->ids),          PREPARE_OF(ahead),
        PREPARE_OF(b->values),       PREPARE_OF(ahead),           PREPARE_OF(has_values),
        PREPARE_OF(r->list_count),   PREPARE_OF(entries),         PREPARE_OF(b->masks),
        PREPARE_OF(ahead),           PREPARE_OF(r->mask_count),   PREPARE_OF(r->mask_type),
        PREPARE_OF(r->mask_columns), PREPARE_OF(stride),          PREPARE_OF(m->pages),
        PREPARE_OF(m->page_tables),  PREPARE_OF(m->table_stride), PREPARE_OF(m->slot_states),
        PREPARE_OF(m->max_slots),    PREPARE_OF(has_repeats),     PREPARE_OF(b->prepared),
        PREPARE_OF(b->bans),         PREPARE_OF(b->repeats),      PREPARE_OF(max_length),
        PREPARE_OF(b->scratch),      PREPARE_OF(append),          PREPARE_OF(b->params),
        PREPARE_OF(ahead),
#undef PREPARE_OF
    };
    for (cl_uint i = 0; i < sizeof all / sizeof all[0]; ++i) {
        device_require(clSetKernelArg(kernel, i, all[i].size, all[i].at), "clSetKernelArg");
    }
}

static void prepare_launch(lms_context *ctx, const prepare_program *p, uint32_t rows)
{
    const size_t team = p->team, items = team * rows;
    device_require(clEnqueueNDRangeKernel(lms_context_queue(ctx), p->kernel, 1, NULL, &items,
                                          &team, 0, NULL, NULL),
                   "lms_prepare");
}

/* Fills what comes back, which prepare_call_free() frees. */
static void prepare_run(lms_context *ctx, const prepare_program *p, prepare_call *c)
{
    c->groups = (c->vocab + 255) / 256 * 8;
    c->max_length = 1;
    lms_slots *const slots = prepare_slots(ctx, c);
    prepare_buffers b = prepare_buffers_of(ctx, c);
    const size_t lengths = (size_t)c->rows * c->max_length;
    const lmsi_slots_memory memory =
        slots != NULL ? lmsi_slots_memory_of(slots)
                      : (lmsi_slots_memory){b.params, b.params, b.params, 1, 0};
    prepare_set(p->kernel, c, &b, &memory);
    prepare_launch(ctx, p, c->rows);
    c->prepared = memory_zeroed(c->rows, sizeof *c->prepared);
    c->bans = memory_zeroed((size_t)c->rows * c->groups, sizeof *c->bans);
    c->repeats = memory_zeroed(lengths, sizeof *c->repeats);
    prepare_read(ctx, b.prepared, c->prepared, c->rows * sizeof *c->prepared);
    prepare_read(ctx, b.bans, c->bans, (size_t)c->rows * c->groups * sizeof *c->bans);
    prepare_read(ctx, b.repeats, c->repeats, lengths * sizeof *c->repeats);
    prepare_buffers_free(&b);
    lms_slots_destroy(slots);
}

static void prepare_call_free(prepare_call *c)
{
    free(c->names);
    free(c->prepared);
    free(c->bans);
    free(c->repeats);
}

#endif
