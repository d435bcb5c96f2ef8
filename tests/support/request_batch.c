#include "request_batch.h"

#include "edge.h"
#include "edge_batch.h"
#include "memory.h"
#include "oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static bool one_in(uint32_t n, uint64_t *state) { return gen_below(n, state) == 0; }

static void fill_logits(batch *b, const request_mix *mix, uint64_t *state)
{
    static const gen_kind tame[] = {GEN_NORMAL_ONE, GEN_NORMAL_FIVE,  GEN_HEAVY_TAIL,
                                    GEN_COARSE,     GEN_THREE_VALUES, GEN_NAN_LACED,
                                    GEN_MASKED};
    float *const x = memory_zeroed(b->vocab, sizeof *x);
    for (uint32_t l = 0; l < b->logits_rows; ++l) {
        const bool usual = mix->tame || gen_below(3, state) > 0;
        const gen_kind kind = usual ? tame[gen_below(LENGTH(tame), state)]
                                    : (gen_kind)gen_below(GEN_KINDS, state);
        const char *name = gen_name(kind);
        if (!mix->tame && one_in(3, state)) {
            name = edge_row(x, b->vocab, 1.0f, state);
        } else {
            gen_row(kind, x, b->vocab, state);
        }
        batch_set_logits(b, l, x, name);
    }
    free(x);
}

/* Records that are wrong in one field, and lists that are; a name of each. */
static uint32_t bad_edits(requests *q, uint32_t vocab, uint64_t *state)
{
    static const float floats[] = {NAN, INFINITY, -INFINITY, -1.0f, 0.5f, 1.0f, 0x1.000002p24f};
    const float x = floats[gen_below(LENGTH(floats), state)];
    lms_row_edits e = LMS_ROW_EDITS_INIT;
    uint32_t words[sizeof e / 4];
    memcpy(words, &e, sizeof e);
    const uint32_t at = gen_below(LENGTH(words), state);
    switch (gen_below(3, state)) {
    case 0: memcpy(&words[at], &x, sizeof x); break;
    case 1: words[at] = (uint32_t)rows_random(state); break;
    default: {
        const int32_t ids[] = {0, (int32_t)(vocab - 1 + gen_below(3, state)),
                               (int32_t)gen_below(3, state) - 2};
        const float values[] = {0.0f, one_in(2, state) ? NAN : 1.0f, 1.0f};
        words[5 + gen_below(6, state)] = requests_add_list(q, ids, values, LENGTH(ids));
    }
    }
    memcpy(&e, words, sizeof e);
    return requests_add_edits(q, &e);
}

static void make_hostile(batch *b, uint32_t r, uint64_t *state)
{
    lms_row_params *const p = &b->params[r];
    requests *const q = b->requests;
    lms_row_wants w = {0, 0, 0, 0};
    switch (gen_below(11, state)) {
    case 0: gen_hostile(p, state); break;
    case 1: p->request.slot = q->slot_count + 1; break;
    case 2: p->request.edits = q->edit_count + 50; break;
    case 3: p->request.mask = q->mask_count + 1; break;
    case 4: p->request.unconditional = b->logits_rows + 1; break;
    case 5: p->wants = q->want_count + 100; break;
    case 6: p->target = b->vocab + 1 + gen_below(2, state); break;
    case 7:
        p->request.slot = 0;
        p->step = LMS_STEP_OF_SLOT;
        break;
    case 8: p->request.reserved = 1; break;
    case 9:
        w.top_n = one_in(2, state) ? q->max_top + 1 : 0;
        w.flags = w.top_n ? 0 : one_in(2, state) ? 16u << gen_below(28, state) : 3u;
        p->wants = requests_add_wants(q, &w);
        break;
    default: p->request.edits = bad_edits(q, b->vocab, state);
    }
}

/* The filters cut beside a token of the row as it is edited. */
static void aim(batch *b, uint32_t r, uint64_t *state)
{
    oracle_params p;
    float *const edited = memory_zeroed(b->vocab, sizeof *edited);
    const oracle_tables tables = requests_tables(b->requests, b->logits_rows);
    memcpy(&p, &b->params[r], sizeof p);
    const oracle_request request = oracle_request_of(&p, b->vocab, b->logits, &tables);
    oracle_edit(&request, b->logits + (size_t)b->index[r] * b->vocab, b->vocab, edited);
    edge_aim(&b->params[r].filters, edited, b->vocab, state);
    free(edited);
}

static void fill_row(batch *b, uint32_t r, const request_mix *mix, const gen_of *g)
{
    uint64_t *const state = g->state;
    requests *const q = b->requests;
    lms_row_params *const p = &b->params[r];
    gen_params(p, gen_below(128, state), b->vocab, state);
    if (mix->tame && !one_in(4, state)) p->filters.temperature = 0.8f;
    if (mix->plain_too && one_in(3, state)) return;
    if (!one_in(8, state)) {
        const bool fresh = mix->own_slots || q->slot_count == 0 || !one_in(4, state);
        p->request.slot = fresh ? gen_slot(q, g) : 1 + gen_below(q->slot_count, state);
        if (one_in(2, state)) p->step = LMS_STEP_OF_SLOT;
    }
    if (!one_in(10, state)) {
        const uint32_t kinds = mix->kinds ? mix->kinds : gen_edit_kinds(state);
        const bool fresh = q->edit_count == 0 || !one_in(8, state);
        p->request.edits = fresh ? gen_edits(q, g, kinds, (uint32_t)p->request.slot)
                                 : 1 + gen_below(q->edit_count, state);
        if (kinds >> GEN_EDIT_GUIDANCE & 1) {
            p->request.unconditional = 1 + gen_below(b->logits_rows, state);
        }
    }
    if (q->mask_count > 0 && one_in(3, state)) {
        p->request.mask = 1 + gen_below(q->mask_count, state);
    }
    if (!one_in(3, state)) {
        const bool fresh = q->want_count == 0 || !one_in(4, state);
        p->wants = fresh ? gen_wants(q, g) : 1 + gen_below(q->want_count, state);
    }
    if (one_in(6, state)) p->target = 1 + gen_below(b->vocab, state);
    if (one_in(3, state)) aim(b, r, state);
    if (one_in(30, state)) b->index[r] = LMS_SKIP_ROW;
}

batch *request_batch(const request_mix *mix, uint64_t *state)
{
    batch *const b = batch_new(mix->vocab, mix->rows, mix->logits_rows, mix->dtype);
    const gen_of g = {mix->vocab, mix->longest, !mix->tame, state};
    b->requests = requests_new();
    if (mix->max_top) b->requests->max_top = b->requests->top_stride = mix->max_top;
    if (one_in(3, state)) b->requests->top_stride = 1 + gen_below(b->requests->max_top, state);
    if (one_in(3, state)) b->requests->named_stride = 1 + gen_below(LMS_MAX_NAMED, state);
    fill_logits(b, mix, state);
    if (!mix->kinds || one_in(4, state)) gen_masks(b->requests, &g, 1 + gen_below(6, state));
    for (uint32_t r = 0; r < b->rows; ++r) fill_row(b, r, mix, &g);
    if (one_in(5, state)) edge_give_words(b, 1 + gen_below(12, state), state);
    for (uint32_t r = 0; r < b->rows && mix->hostile; ++r) {
        if (one_in(3, state)) make_hostile(b, r, state);
    }
    return b;
}

batch_way request_way(uint32_t work_items, uint64_t *state)
{
    batch_way way = {.work_items = work_items};
    way.stride_pad = one_in(2, state) ? gen_below(70, state) : 0;
    way.offset = one_in(2, state) ? gen_below(70, state) : 0;
    way.spare_rows = one_in(2, state) ? gen_below(9, state) : 0;
    way.per_call = one_in(2, state) ? 1 + gen_below(30, state) : 0;
    if (one_in(4, state)) way.per_call = 1; /* all rows in one place of the workspace */
    way.params_on_device = one_in(2, state);
    way.index_on_device = one_in(2, state);
    way.out_of_order = one_in(4, state);
    way.tables_on_device = one_in(2, state);
    way.slots = (batch_slots)gen_below(BATCH_SLOTS_WAYS, state);
    way.other_slots = one_in(2, state) ? gen_below(9, state) : 0;
    return way;
}

batch *request_rows(const batch *b, const uint32_t *from, uint32_t rows)
{
    batch *const c = batch_new(b->vocab, rows, b->logits_rows, b->dtype);
    const size_t element = b->dtype == LMS_FLOAT32 ? 4 : 2;
    const size_t tokens = (size_t)b->logits_rows * b->vocab;
    memcpy(c->logits, b->logits, tokens * sizeof *b->logits);
    if (element == 2) memcpy(c->stored, b->stored, tokens * element);
    c->requests = b->requests;
    c->uniforms_per_row = b->uniforms_per_row;
    if (b->uniforms) {
        const size_t words = 4 * (size_t)rows * b->uniforms_per_row;
        c->uniforms = memory_zeroed(words, sizeof *c->uniforms);
    }
    for (uint32_t r = 0; r < rows; ++r) batch_copy_row(c, r, b, from[r]);
    return c;
}
