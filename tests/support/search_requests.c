#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "search_requests.h"

#include "device.h"
#include "memory.h"
#include "oracle_rows.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST 40u /* tokens of a search's own sequence */

static void name_all(search_requests *s, const search_shape *shape)
{
    const gen_of g = {shape->vocab, LONGEST, shape->wild, s->state};
    const uint32_t not_here = 1u << GEN_EDIT_TOP_P_DECAY;
    s->named = requests_new();
    for (uint32_t i = 0; i < shape->searches; ++i) {
        const uint32_t kinds = shape->kinds ? shape->kinds : gen_edit_kinds(s->state);
        const uint32_t slot = gen_slot(s->named, &g);
        s->common[i].slot = slot;
        s->common[i].edits = gen_edits(s->named, &g, kinds & ~not_here, slot);
        if (gen_below(2, s->state)) s->common[i].mask = 1 + gen_below(5, s->state);
        if (gen_below(8, s->state) == 0) s->common[i].edits = 0;
    }
    gen_masks(s->named, &g, 5);
}

static void open_all(search_requests *s, const search_shape *shape)
{
    /* Beams that are reordered take twice their pages meanwhile. */
    const uint32_t each = shape->width + 1;
    lms_slots_desc desc = {.max_slots = (shape->searches + 2) * each};
    desc.max_length = LONGEST + shape->room;
    desc.vocab = shape->vocab;
    desc.tokens = shape->tokens;
    device_require(lms_slots_create(s->ctx, &desc, &s->slots), "lms_slots_create");
    for (uint32_t i = 0; i < shape->searches; ++i) {
        const oracle_sequence *const from = &s->named->slots[i];
        const lms_slots_open_args args = {.count = 1,
                                          .lengths = &from->length,
                                          .prompts = &from->prompt,
                                          .ignored = &from->ignored,
                                          .tokens = from->tokens,
                                          .token_count = from->length,
                                          .names = &s->from[i]};
        device_require(
            lms_slots_open(s->slots, lms_context_queue(s->ctx), &args, 0, NULL, NULL),
            "lms_slots_open");
        device_require(clFinish(lms_context_queue(s->ctx)), "clFinish");
    }
}

void search_requests_make(search_requests *s, lms_context *ctx, const search_shape *shape,
                          uint64_t *state)
{
    memset(s, 0, sizeof *s);
    s->ctx = ctx;
    s->vocab = shape->vocab;
    s->state = state;
    s->from = memory_zeroed(shape->searches, sizeof *s->from);
    s->common = memory_zeroed(shape->searches, sizeof *s->common);
    name_all(s, shape);
    open_all(s, shape);
    const batch b = {.requests = s->named};
    const batch_way way = {.tables_on_device = shape->on_device};
    batch_tables_make(ctx, &b, &way, &s->tables);
}

void search_requests_free(search_requests *s)
{
    batch_tables_free(&s->tables);
    lms_slots_destroy(s->slots);
    requests_free(s->named);
    free(s->from);
    free(s->common);
}

void search_requests_open(search_requests *s, uint32_t search, uint32_t count, uint64_t *names)
{
    uint64_t *const from = memory_zeroed(count, sizeof *from);
    for (uint32_t i = 0; i < count; ++i) from[i] = s->from[search];
    device_require(
        lms_slots_fork(s->slots, lms_context_queue(s->ctx), count, from, names, 0, NULL, NULL),
        "lms_slots_fork");
    free(from);
}

lms_request search_requests_row(search_requests *s, uint32_t search, uint64_t slot,
                                uint32_t rows)
{
    lms_request row = s->common[search];
    row.slot = slot;
    if (gen_below(3, s->state) == 0) row.unconditional = 1 + gen_below(rows, s->state);
    return row;
}

void search_requests_edit(const search_requests *s, uint32_t search, const lms_request *row,
                          const int32_t *tokens, uint32_t count, float temperature,
                          const float *logits, const float *x, float *edited)
{
    const oracle_sequence *const from = &s->named->slots[search];
    int32_t *const all = memory_zeroed(from->length + count, sizeof *all);
    oracle_tables tables = requests_tables(s->named, 0);
    oracle_sequence sequence = *from;
    const oracle_params p = {.slot = row->slot ? 1 : 0,
                             .edits = row->edits,
                             .mask = row->mask,
                             .unconditional = row->unconditional,
                             .temperature = temperature};
    if (from->length > 0) memcpy(all, from->tokens, from->length * sizeof *all);
    if (count > 0) memcpy(all + from->length, tokens, count * sizeof *all);
    sequence.tokens = all;
    sequence.length += count;
    tables.slots = &sequence;
    const oracle_request request = oracle_request_of(&p, s->vocab, logits, &tables);
    oracle_edit(&request, x, s->vocab, edited);
    free(all);
}

cl_mem search_requests_buffer(lms_context *ctx, const lms_request *rows, uint32_t count)
{
    cl_int code = CL_SUCCESS;
    lms_request *const copy = memory_zeroed(count, sizeof *copy);
    memcpy(copy, rows, count * sizeof *copy);
    cl_mem mem =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       count * sizeof *copy, copy, &code);
    device_require(code, "clCreateBuffer");
    free(copy);
    return mem;
}
