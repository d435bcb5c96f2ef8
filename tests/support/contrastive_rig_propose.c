/* Proposals of the device and of the oracle. */
#include "contrastive_rig_step.h"

#include "device.h"
#include "gen.h"
#include "memory.h"
#include "stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* A row of logits, sane ones more often. */
static void some_logits(contrastive_rig *r, float *x)
{
    static const gen_kind sane[] = {GEN_NORMAL_ONE,   GEN_NORMAL_FIVE, GEN_COARSE,    GEN_EQUAL,
                                    GEN_THREE_VALUES, GEN_NEIGHBOURS,  GEN_HEAVY_TAIL};
    gen_kind kind = sane[contrastive_rig_below(r, LENGTH(sane))];
    if (contrastive_rig_below(r, 24) == 0) kind = GEN_DEAD;
    if (r->c->rows == CONTRASTIVE_LOGITS_NEIGHBOURS) kind = GEN_NEIGHBOURS;
    if (r->c->rows == CONTRASTIVE_LOGITS_ALL_KINDS && contrastive_rig_below(r, 2)) {
        kind = (gen_kind)contrastive_rig_below(r, GEN_KINDS);
    }
    gen_row(kind, x, r->c->vocab, &r->random);
}

static void make_logits(contrastive_rig *r, const rig_step *s, rig_proposal *p)
{
    const size_t element = stored_size(r->c->logits), vocab = r->c->vocab;
    p->logits_rows = s->count + contrastive_rig_below(r, 3);
    if (p->kind != RIG_INDEX_NONE && contrastive_rig_below(r, 2)) {
        p->logits_rows = 1 + contrastive_rig_below(r, s->count + 1);
    }
    if (p->kind == RIG_INDEX_CHOICE) p->logits_rows = s->rows;
    p->stride = vocab + (contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 40));
    p->offset = contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 40);
    p->elements = p->offset + p->logits_rows * p->stride + OUT_ARRAY_MARGIN;
    p->logits = memory_zeroed(p->logits_rows * vocab, sizeof *p->logits);
    p->stored = memory_zeroed(p->elements, element);
    stored_poison(p->stored, p->elements, element);
    for (uint32_t i = 0; i < p->logits_rows; ++i) {
        some_logits(r, p->logits + i * vocab);
        stored_put(r->c->logits, p->logits + i * vocab, r->c->vocab,
                   p->stored + (p->offset + i * p->stride) * element);
    }
}

/* Rows that are there; on the device, others too. */
static void make_index(contrastive_rig *r, const rig_step *s, const rig_choice *before,
                       rig_proposal *p)
{
    const int32_t bad[] = {-2, INT32_MIN, INT32_MAX, (int32_t)p->logits_rows};
    p->index = memory_zeroed(s->count + 1, sizeof *p->index);
    for (uint32_t i = 0; i < s->count; ++i) {
        p->index[i] = before ? before->chosen[i] : (int32_t)i;
        if (before) continue;
        if (p->kind == RIG_INDEX_NONE) continue;
        p->index[i] = (int32_t)contrastive_rig_below(r, p->logits_rows);
        if (contrastive_rig_below(r, 16) == 0) p->index[i] = LMS_SKIP_ROW;
        if (p->kind == RIG_INDEX_DEVICE && contrastive_rig_below(r, 16) == 0) {
            p->index[i] = bad[contrastive_rig_below(r, LENGTH(bad))];
        }
    }
}

static void ask_oracle(const contrastive_rig *r, const rig_step *s, rig_proposal *p, uint32_t i)
{
    const lms_contrastive_params *const params = &r->slots[s->slots[i]].params;
    const uint32_t first = rig_first_row(r, s, i);
    oracle_candidates *const c = &p->candidates[i];
    const int32_t row = p->index[i];
    if (row == LMS_SKIP_ROW) {
        oracle_candidates_none(LMS_ROW_SKIPPED, c);
    } else if (row < 0 || (uint32_t)row >= p->logits_rows) {
        oracle_candidates_none(LMS_ROW_BAD_INDEX, c);
    } else {
        const float *const x = p->logits + (size_t)row * r->c->vocab;
        device_require(oracle_candidates_of(x, r->c->vocab, params, c) ? 0 : LMS_E_MEMORY,
                       "oracle_candidates_of");
    }
    for (uint32_t n = 0; n < params->k; ++n) {
        out_array_token(&p->tokens, first + n, c->tokens[n]);
        out_array_f32(&p->probs, first + n, c->probs[n]);
    }
    out_array_i32(&p->status, i, (int32_t)c->status);
}

void rig_proposal_new(contrastive_rig *r, const rig_step *s, const rig_choice *before,
                      rig_proposal *p)
{
    const size_t token = r->c->tokens == LMS_INT64 ? 8 : 4;
    const size_t o = contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 20);
    memset(p, 0, sizeof *p);
    p->kind = before ? RIG_INDEX_CHOICE : (rig_index_kind)contrastive_rig_below(r, 3);
    make_logits(r, s, p);
    make_index(r, s, before, p);
    p->candidates = memory_zeroed(s->count, sizeof *p->candidates);
    out_array_new(r->ctx, &p->tokens, "tokens", token, o, s->rows);
    out_array_new(r->ctx, &p->probs, "probs", 4, o + 1, s->rows);
    if (contrastive_rig_below(r, 4)) {
        out_array_new(r->ctx, &p->status, "row status", 4, o + 2, s->count);
    }
    for (uint32_t i = 0; i < s->count; ++i) ask_oracle(r, s, p, i);
    r->proposed += s->count;
}

static cl_mem input(const contrastive_rig *r, size_t size, void *data)
{
    cl_int code = CL_SUCCESS;
    cl_mem mem = clCreateBuffer(lms_context_cl_context(r->ctx),
                                CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, size, data, &code);
    device_require(code, "clCreateBuffer");
    return mem;
}

void rig_proposal_run(contrastive_rig *r, const rig_step *s, const rig_choice *before,
                      rig_proposal *p)
{
    lms_contrastive_propose_args call = {0};
    p->logits_mem = input(r, p->elements * stored_size(r->c->logits), p->stored);
    call.requests = s->count;
    call.slots = s->slots;
    call.first_rows = s->first_rows;
    call.candidate_rows = contrastive_rig_below(r, 2) ? s->rows : 0;
    call.logits = (lms_view){p->logits_mem, p->offset, NULL};
    call.row_stride = p->stride == r->c->vocab && contrastive_rig_below(r, 2) ? 0 : p->stride;
    call.logits_rows =
        p->logits_rows == s->count && contrastive_rig_below(r, 2) ? 0 : p->logits_rows;
    if (p->kind == RIG_INDEX_HOST) call.index = p->index;
    if (p->kind == RIG_INDEX_DEVICE) {
        p->index_mem = input(r, (s->count + 1) * sizeof *p->index, p->index);
        call.index_device = (lms_view){p->index_mem, 0, NULL};
    }
    if (before) call.index_device = out_array_view(&before->rows);
    call.tokens = out_array_view(&p->tokens);
    call.probs = out_array_view(&p->probs);
    call.status = out_array_view(&p->status);
    cl_event event = NULL;
    const bool wait = contrastive_rig_below(r, 2);
    device_require(
        lms_contrastive_propose(r->search, r->queue, &call, 0, NULL, wait ? &event : NULL),
        "lms_contrastive_propose");
    r->unfinished++;
    if (wait) contrastive_rig_wait(r, event);
}

bool rig_proposal_check(contrastive_rig *r, rig_proposal *p)
{
    const bool tokens = out_array_check(r->queue, &p->tokens);
    const bool probs = out_array_check(r->queue, &p->probs);
    const bool status = out_array_check(r->queue, &p->status);
    return tokens && probs && status;
}

void rig_proposal_free(rig_proposal *p)
{
    if (p->logits_mem) clReleaseMemObject(p->logits_mem);
    if (p->index_mem) clReleaseMemObject(p->index_mem);
    free(p->logits);
    free(p->stored);
    free(p->index);
    free(p->candidates);
}
