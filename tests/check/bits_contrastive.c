/* bits_contrastive.c - requests of contrastive search that are opened, appended to, proposed
 * to, choose, fork and go: contexts that grow over pages and buffers, hidden states of all
 * kinds and types. */
#include "bits.h"

#include "../support/contrastive_gen.h"
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
    PROPOSE_OUTPUTS = 3,
    SELECT_OUTPUTS = 7
};

typedef struct context_slot {
    bool open;
    uint32_t length;
    uint64_t direction; /* of its hidden states */
    state_kind kinds[3];
    lms_contrastive_params params;
} context_slot;

typedef struct contrastive_case {
    bits_case *c;
    lms_contrastive_desc desc;
    lms_contrastive *search;
    contrastive_limits limits;
    context_slot *slots;
    uint32_t rounds;
    uint32_t chosen;
    bool hostile; /* hidden states and probabilities that are none, now and then */
    bool sane;    /* logits as models have them */
} contrastive_case;

/* Which requests a call is for, and where their candidates are. */
typedef struct contrastive_call {
    uint32_t *slots, *first_rows;
    uint32_t count, rows;
    bool regular; /* where they are by default */
} contrastive_call;

/* --- sizes --- */

static void begin(bits_case *c, contrastive_case *s)
{
    lms_contrastive_desc *const d = &s->desc;
    memset(s, 0, sizeof *s);
    s->c = c;
    bits_some_search(c, d);
    s->limits = (contrastive_limits){d->vocab, d->max_k, d->max_length};
    s->rounds = d->width > 300 ? 4 : 1 + bits_below(c, 16);
    s->hostile = bits_one_in(c, 3);
    s->sane = bits_below(c, 3) > 0;
    s->slots = memory_zeroed(d->max_requests, sizeof *s->slots);
    device_require(lms_contrastive_create(c->ctx, d, &s->search), "lms_contrastive_create");
}

/* --- hidden states --- */

/* A state of the request, at `to` in the case's type. */
static void put_state(contrastive_case *s, const context_slot *slot, unsigned char *to,
                      float *x)
{
    bits_case *const c = s->c;
    const state_kind kind = slot->kinds[bits_below(c, LENGTH(slot->kinds))];
    state_fill(kind, slot->direction, x, s->desc.width, s->desc.hidden, &c->state);
    if (s->hostile && bits_one_in(c, 8)) state_spoil(x, s->desc.width, &c->state);
    stored_put(s->desc.hidden, x, s->desc.width, to);
}

/* counts[i] states of request i from row first_rows[i] on; other rows would be noticed. */
static cl_mem make_states(contrastive_case *s, const contrastive_call *call,
                          const uint32_t *counts, size_t stride, size_t offset)
{
    const size_t element = stored_size(s->desc.hidden);
    const size_t elements = offset + call->rows * stride + BITS_MARGIN;
    unsigned char *const stored = memory_zeroed(elements, element);
    float *const x = memory_zeroed(s->desc.width, sizeof *x);
    stored_poison(stored, elements, element);
    for (uint32_t i = 0; i < call->count; ++i) {
        for (uint32_t n = 0; n < counts[i]; ++n) {
            put_state(s, &s->slots[call->slots[i]],
                      stored + (offset + (call->first_rows[i] + n) * stride) * element, x);
        }
    }
    cl_mem mem = bits_input(s->c, stored, elements * element);
    bits_hash_input(s->c, stored, elements * element);
    free(x);
    free(stored);
    return mem;
}

/* --- who comes, forks and goes --- */

static uint32_t pages_of(uint32_t length)
{
    return (length + LMS_CONTEXT_PAGE - 1) / LMS_CONTEXT_PAGE;
}

static void some_request(contrastive_case *s, context_slot *slot)
{
    *slot = (context_slot){.open = true, .direction = rows_random(&s->c->state)};
    for (size_t i = 0; i < LENGTH(slot->kinds); ++i) {
        slot->kinds[i] = (state_kind)bits_below(s->c, STATE_KIND_COUNT);
    }
    contrastive_gen(&slot->params, &s->limits, &s->c->state);
}

static void fork_slot(contrastive_case *s, uint32_t from, uint32_t to)
{
    const context_slot *const f = &s->slots[from];
    const bool own = bits_one_in(s->c, 2);
    context_slot slot;
    cl_event event = NULL;
    some_request(s, &slot);
    slot.length = f->length;
    if (!own) slot.params = f->params;
    if (bits_one_in(s->c, 2)) slot.direction = f->direction;
    const lms_status status = lms_contrastive_fork(s->search, s->c->queue, from, to,
                                                   own ? &slot.params : NULL, 0, NULL, &event);
    if (status == LMS_E_CONTEXT_FULL) return;
    device_require(status, "lms_contrastive_fork");
    bits_wait(event);
    s->slots[to] = slot;
}

static void come_and_go(contrastive_case *s)
{
    bits_case *const c = s->c;
    for (uint32_t i = 0; i < s->desc.max_requests; ++i) {
        context_slot *const slot = &s->slots[i];
        const uint32_t from = bits_below(c, s->desc.max_requests);
        const bool full = slot->length == s->desc.max_length;
        if (slot->open && (full || bits_one_in(c, 12))) {
            device_require(lms_contrastive_close(s->search, i), "lms_contrastive_close");
            memset(slot, 0, sizeof *slot);
        } else if (slot->open && bits_one_in(c, 8)) {
            contrastive_gen(&slot->params, &s->limits, &c->state);
            device_require(lms_contrastive_update(s->search, i, &slot->params),
                           "lms_contrastive_update");
        } else if (!slot->open && s->slots[from].open && bits_one_in(c, 2)) {
            fork_slot(s, from, i);
        } else if (!slot->open && bits_below(c, 5)) {
            some_request(s, slot);
            device_require(lms_contrastive_open(s->search, i, &slot->params),
                           "lms_contrastive_open");
        }
    }
}

/* One in `rare` of the open slots is left out. In a random order. */
static void choose(contrastive_case *s, contrastive_call *call, uint32_t rare)
{
    call->count = 0;
    for (uint32_t i = 0; i < s->desc.max_requests; ++i) {
        if (!s->slots[i].open || bits_one_in(s->c, rare)) continue;
        const uint32_t at = bits_below(s->c, call->count + 1);
        call->slots[call->count++] = call->slots[at];
        call->slots[at] = i;
    }
}

/* Whether the requests' contexts may have counts[i] positions more, by the room alone: pages
 * that are not full are never shared. */
static bool has_room(const contrastive_case *s, const contrastive_call *call,
                     const uint32_t *counts)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < call->count; ++i) {
        const uint32_t length = s->slots[call->slots[i]].length;
        if (length + counts[i] > s->desc.max_length) return false;
        pages += pages_of(length + counts[i]) - pages_of(length);
    }
    return pages * LMS_CONTEXT_PAGE <= lms_contrastive_room(s->search);
}

static void append(contrastive_case *s, contrastive_call *call)
{
    bits_case *const c = s->c;
    uint32_t *const counts = memory_zeroed(call->count, sizeof *counts);
    lms_contrastive_append_args states = {0};
    cl_event event = NULL;
    call->rows = 1;
    for (uint32_t i = 0; i < call->count; ++i) {
        const context_slot *const slot = &s->slots[call->slots[i]];
        const uint32_t left = s->desc.max_length - slot->length;
        counts[i] = bits_below(c, 1 + (bits_one_in(c, 2) && left > 9 ? 9 : left));
        call->first_rows[i] = call->rows + bits_below(c, 2);
        call->rows = call->first_rows[i] + counts[i];
    }
    if (has_room(s, call, counts)) {
        const size_t stride = s->desc.width + (bits_one_in(c, 2) ? bits_below(c, 40) : 0);
        const size_t offset = bits_below(c, 40);
        cl_mem hidden = make_states(s, call, counts, stride, offset);
        states.requests = call->count;
        states.slots = call->slots;
        states.counts = counts;
        states.first_rows = call->first_rows;
        states.hidden = (lms_view){hidden, offset, NULL};
        states.row_stride = stride;
        states.hidden_rows = call->rows;
        device_require(lms_contrastive_append(s->search, c->queue, &states, 0, NULL, &event),
                       "lms_contrastive_append");
        bits_wait(event);
        clReleaseMemObject(hidden);
        for (uint32_t i = 0; i < call->count; ++i) s->slots[call->slots[i]].length += counts[i];
    }
    free(counts);
}

/* --- a step --- */

static void place_rows(contrastive_case *s, contrastive_call *call)
{
    uint32_t row = 0;
    call->regular = bits_one_in(s->c, 4);
    for (uint32_t i = 0; i < call->count; ++i) {
        if (call->regular) row = i * s->desc.max_k;
        if (!call->regular && bits_one_in(s->c, 3)) row += bits_below(s->c, 5);
        call->first_rows[i] = row;
        row += s->slots[call->slots[i]].params.k;
    }
    call->rows = row + bits_below(s->c, 3);
    if (call->rows == 0) call->rows = 1;
}

static cl_mem make_logits(contrastive_case *s, uint32_t rows, size_t stride, size_t offset)
{
    static const gen_kind sane[] = {GEN_NORMAL_ONE, GEN_NORMAL_FIVE, GEN_HEAVY_TAIL,
                                    GEN_COARSE};
    const size_t element = stored_size(s->desc.logits);
    const size_t elements = offset + rows * stride + BITS_MARGIN;
    unsigned char *const stored = memory_zeroed(elements, element);
    float *const x = memory_zeroed(s->desc.vocab, sizeof *x);
    stored_poison(stored, elements, element);
    for (uint32_t r = 0; r < rows; ++r) {
        const gen_kind any = (gen_kind)bits_below(s->c, GEN_KINDS);
        gen_row(s->sane ? sane[any % LENGTH(sane)] : any, x, s->desc.vocab, &s->c->state);
        stored_put(s->desc.logits, x, s->desc.vocab, stored + (offset + r * stride) * element);
    }
    cl_mem mem = bits_input(s->c, stored, elements * element);
    bits_hash_input(s->c, stored, elements * element);
    free(x);
    free(stored);
    return mem;
}

static void propose(contrastive_case *s, const contrastive_call *call, bits_array *out)
{
    bits_case *const c = s->c;
    const uint32_t rows = 1 + bits_below(c, call->count + 1);
    const size_t stride = s->desc.vocab + (bits_one_in(c, 2) ? bits_below(c, 40) : 0);
    const size_t offset = bits_below(c, 40), o = bits_below(c, 9);
    const bool on_device = bits_one_in(c, 2);
    int32_t *const index = memory_zeroed(call->count + 1, sizeof *index);
    lms_contrastive_propose_args proposal = {0};
    cl_event event = NULL;
    for (uint32_t i = 0; i < call->count; ++i) {
        index[i] = bits_one_in(c, 16) ? LMS_SKIP_ROW : (int32_t)bits_below(c, rows);
        if (on_device && bits_one_in(c, 24)) index[i] = (int32_t)rows_random(&c->state);
    }
    cl_mem logits = make_logits(s, rows, stride, offset);
    cl_mem indices = bits_input(c, index, (call->count + 1) * sizeof *index);
    bits_array_new(c, &out[0], "candidates", bits_tokens(s->desc.tokens), o, call->rows, true);
    bits_array_new(c, &out[1], "probs", BITS_FLOATS, o, call->rows, true);
    bits_array_new(c, &out[2], "row status", BITS_WORDS, o, call->count, !bits_one_in(c, 4));
    proposal.requests = call->count;
    proposal.slots = call->slots;
    proposal.first_rows = call->regular ? NULL : call->first_rows;
    proposal.candidate_rows = call->rows;
    proposal.logits = (lms_view){logits, offset, NULL};
    proposal.row_stride = stride;
    proposal.logits_rows = rows;
    proposal.index = on_device ? NULL : index;
    proposal.index_device.buffer = on_device ? indices : NULL;
    proposal.tokens = bits_array_view(&out[0], 0);
    proposal.probs = bits_array_view(&out[1], 0);
    proposal.status = bits_array_view(&out[2], 0);
    device_require(lms_contrastive_propose(s->search, c->queue, &proposal, 0, NULL, &event),
                   "lms_contrastive_propose");
    bits_wait(event);
    for (uint32_t i = 0; i < PROPOSE_OUTPUTS; ++i) bits_array_take(c, &out[i]);
    clReleaseMemObject(logits);
    clReleaseMemObject(indices);
    free(index);
}

/* A probability that is none. */
static void spoil_probs(contrastive_case *s, const contrastive_call *call, bits_array *probs)
{
    static const float bad[] = {NAN, INFINITY, -0.25f, 1.5f};
    const size_t at = probs->offset + bits_below(s->c, call->rows);
    const float value = bad[bits_below(s->c, LENGTH(bad))];
    device_require(clEnqueueWriteBuffer(s->c->queue, probs->mem, CL_TRUE, 4 * at, 4, &value, 0,
                                        NULL, NULL),
                   "clEnqueueWriteBuffer");
}

static void select_one(contrastive_case *s, const contrastive_call *call,
                       const bits_array *proposed, const uint32_t *counts)
{
    bits_case *const c = s->c;
    const size_t stride = s->desc.width + (bits_one_in(c, 2) ? bits_below(c, 40) : 0);
    const size_t offset = bits_below(c, 40), o = bits_below(c, 9);
    const uint32_t wanted = bits_one_in(c, 2) ? 31 : bits_below(c, 32);
    bits_array out[SELECT_OUTPUTS];
    lms_contrastive_select_args batch = {0};
    cl_event event = NULL;
    cl_mem hidden = make_states(s, call, counts, stride, offset);
    bits_array_new(c, &out[0], "next", bits_tokens(s->desc.tokens), o, call->count, true);
    bits_array_new(c, &out[1], "rows", BITS_WORDS, o, call->count, true);
    bits_array_new(c, &out[2], "scores", BITS_FLOATS, o, call->count, wanted & 1u);
    bits_array_new(c, &out[3], "penalties", BITS_FLOATS, o, call->count, wanted & 2u);
    bits_array_new(c, &out[4], "row scores", BITS_FLOATS, o, call->rows, wanted & 4u);
    bits_array_new(c, &out[5], "row penalties", BITS_FLOATS, o, call->rows, wanted & 8u);
    bits_array_new(c, &out[6], "status", BITS_WORDS, o, call->count, wanted & 16u);
    batch.requests = call->count;
    batch.slots = call->slots;
    batch.first_rows = call->regular ? NULL : call->first_rows;
    batch.candidate_rows = call->rows;
    batch.hidden = (lms_view){hidden, offset, NULL};
    batch.row_stride = stride;
    batch.tokens = bits_array_view(&proposed[0], 0);
    batch.probs = bits_array_view(&proposed[1], 0);
    batch.next = bits_array_view(&out[0], 0);
    batch.rows = bits_array_view(&out[1], 0);
    batch.scores = bits_array_view(&out[2], 0);
    batch.penalties = bits_array_view(&out[3], 0);
    batch.row_scores = bits_array_view(&out[4], 0);
    batch.row_penalties = bits_array_view(&out[5], 0);
    batch.status = bits_array_view(&out[6], 0);
    device_require(lms_contrastive_select(s->search, c->queue, &batch, 0, NULL, &event),
                   "lms_contrastive_select");
    bits_wait(event);
    clReleaseMemObject(hidden);
    for (uint32_t i = 0; i < SELECT_OUTPUTS; ++i) {
        bits_array_take(c, &out[i]);
        bits_array_free(&out[i]);
    }
    for (uint32_t i = 0; i < call->count; ++i) s->slots[call->slots[i]].length++;
    s->chosen += call->count;
}

static void step(contrastive_case *s, contrastive_call *call)
{
    bits_array proposed[PROPOSE_OUTPUTS];
    uint32_t *const counts = memory_zeroed(call->count, sizeof *counts);
    uint32_t *const ones = memory_zeroed(call->count, sizeof *ones);
    for (uint32_t i = 0; i < call->count; ++i) {
        counts[i] = s->slots[call->slots[i]].params.k;
        ones[i] = 1;
    }
    place_rows(s, call);
    propose(s, call, proposed);
    if (s->hostile && bits_one_in(s->c, 3)) spoil_probs(s, call, &proposed[1]);
    if (has_room(s, call, ones)) select_one(s, call, proposed, counts);
    for (uint32_t i = 0; i < PROPOSE_OUTPUTS; ++i) bits_array_free(&proposed[i]);
    free(counts);
    free(ones);
}

uint32_t bits_choices(bits_case *c)
{
    static const char *const types[] = {"", "float32", "float16", "bfloat16"};
    contrastive_case s;
    contrastive_call call = {0};
    begin(c, &s);
    call.slots = memory_zeroed(s.desc.max_requests, sizeof *call.slots);
    call.first_rows = memory_zeroed(s.desc.max_requests, sizeof *call.first_rows);
    printf(" %u slots, k %u, %u %s logits, %u %s states, length %u", s.desc.max_requests,
           s.desc.max_k, s.desc.vocab, types[s.desc.logits], s.desc.width, types[s.desc.hidden],
           s.desc.max_length);
    for (uint32_t round = 0; round < s.rounds; ++round) {
        come_and_go(&s);
        if (round == 0 || bits_one_in(c, 4)) {
            choose(&s, &call, 8);
            append(&s, &call);
        }
        choose(&s, &call, bits_one_in(c, 3) ? 2 : 8);
        step(&s, &call);
    }
    lms_contrastive_destroy(s.search);
    free(call.slots);
    free(call.first_rows);
    free(s.slots);
    return s.chosen;
}
