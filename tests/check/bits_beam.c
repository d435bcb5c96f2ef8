/* bits_beam.c - requests of beam search that come, are stepped, asked for results, and go: all
 * modes, filters, lengths and ends, of any size and type.
 *
 * A beam's logits follow from the request's seed and from the tokens of the beam, of which a
 * number is kept that stands for all of them. */
#include "bits.h"

#include "../support/beam_gen.h"
#include "../support/beam_model.h"
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
    OPENS = 6, /* in flight beside a step */
    STEP_OUTPUTS = 6,
    RESULT_OUTPUTS = 7
};

typedef struct beam_slot {
    bool open, done;
    lms_beam_params params;
    uint32_t steps;
    uint64_t *beams; /* [width], what each beam's tokens are; 0: it is not live */
} beam_slot;

typedef struct beam_case {
    bits_case *c;
    lms_beam_desc desc;
    lms_beam *beam;
    beam_limits limits;
    beam_slot *slots;
    beam_model_kind model;
    double sigma;
    uint32_t serve; /* requests, until it is over */
} beam_case;

/* Which requests a call is for, and where their rows are. */
typedef struct beam_call {
    uint32_t *slots, *first_rows;
    uint32_t count, rows;
    bool regular; /* where they are by default */
} beam_call;

/* --- sizes --- */

static void some_vocab(bits_case *c, beam_case *b)
{
    static const uint32_t edges[] = {32, 256, 512, 1024, 4096};
    static const uint32_t large[] = {32000, 50257, 128256, 151936};
    uint32_t *const vocab = &b->desc.vocab;
    switch (bits_below(c, 12)) {
    case 0: *vocab = large[bits_below(c, LENGTH(large))]; break;
    case 1:
    case 2: *vocab = 1 + bits_below(c, 40); break;
    case 3:
    case 4: *vocab = 2 + bits_below(c, 8); break;
    case 5:
    case 6:
    case 7: *vocab = edges[bits_below(c, LENGTH(edges))] + bits_below(c, 5) - 2; break;
    default: *vocab = (uint32_t)exp2(rows_between(&c->state, 0.0, 13.0));
    }
}

static void some_size(bits_case *c, beam_case *b)
{
    some_vocab(c, b);
    const uint32_t vocab = b->desc.vocab;
    const uint32_t most = vocab > 30000 ? 8 : vocab > 1000 ? 24 : 64;
    b->desc.max_width = 1 + bits_below(c, bits_one_in(c, 2) ? 6 : most);
    if (vocab < 1000 && bits_one_in(c, 16)) b->desc.max_width = 65 + bits_below(c, 200);
    const uint32_t width = b->desc.max_width;
    b->desc.max_requests = 1 + bits_below(c, vocab > 30000 || width > 64 ? 3 : 9);
    b->desc.max_length = 1 + bits_below(c, vocab > 30000 || width > 64 ? 5 : 12);
    b->desc.max_end_tokens = bits_below(c, bits_one_in(c, 3) && width <= 64 ? 30 : 4);
    b->serve = b->desc.max_requests + bits_below(c, vocab > 30000 ? 3 : 20);
}

static void begin(bits_case *c, beam_case *b)
{
    static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    memset(b, 0, sizeof *b);
    b->c = c;
    some_size(c, b);
    b->desc.logits = dtypes[bits_below(c, 4)];
    b->desc.work_items =
        bits_work_items(c, b->desc.logits == LMS_FLOAT32 ? BITS_FEW : BITS_ONE);
    b->desc.tokens = bits_one_in(c, 5) ? LMS_INT64 : LMS_INT32;
    b->limits = (beam_limits){b->desc.vocab, b->desc.max_width, b->desc.max_length,
                              b->desc.max_end_tokens, 7};
    b->model = (beam_model_kind)bits_below(c, 3);
    b->sigma = rows_between(&c->state, 0.1, 5.0);
    b->slots = memory_zeroed(b->desc.max_requests, sizeof *b->slots);
    device_require(lms_beam_create(c->ctx, &b->desc, &b->beam), "lms_beam_create");
}

/* --- who comes and goes --- */

static void open_slot(beam_case *b, uint32_t slot)
{
    beam_slot *const s = &b->slots[slot];
    int32_t *const ends = memory_zeroed(b->desc.max_end_tokens, sizeof *ends);
    memset(s, 0, sizeof *s);
    s->open = true;
    beam_gen(&s->params, ends, &b->limits, &b->c->state);
    if (bits_one_in(b->c, 3)) s->params.max_length = b->desc.max_length;
    s->beams = memory_zeroed(s->params.width, sizeof *s->beams);
    s->beams[0] = rows_random(&b->c->state) | 1u;
    bits_hash_input(b->c, ends, b->desc.max_end_tokens * sizeof *ends);
    device_require(lms_beam_open(b->beam, b->c->queue, slot, &s->params, ends, 0, NULL, NULL),
                   "lms_beam_open");
    free(ends);
}

static void close_slot(beam_case *b, uint32_t slot)
{
    device_require(lms_beam_close(b->beam, slot), "lms_beam_close");
    free(b->slots[slot].beams);
    memset(&b->slots[slot], 0, sizeof b->slots[slot]);
}

static uint32_t come(beam_case *b, uint32_t left)
{
    uint32_t opened = 0;
    for (uint32_t i = 0; i < b->desc.max_requests; ++i) {
        if (b->slots[i].open || opened == left || opened == OPENS) continue;
        if (bits_one_in(b->c, 4)) continue;
        open_slot(b, i);
        ++opened;
    }
    return opened;
}

/* One in `rare` of the open slots is left out; of those that are done, most. In a random
 * order. */
static void choose(beam_case *b, beam_call *call, uint32_t rare)
{
    call->count = 0;
    for (uint32_t i = 0; i < b->desc.max_requests; ++i) {
        const beam_slot *const s = &b->slots[i];
        if (!s->open || (s->done && bits_below(b->c, 4)) || bits_one_in(b->c, rare)) continue;
        const uint32_t at = bits_below(b->c, call->count + 1);
        call->slots[call->count++] = call->slots[at];
        call->slots[at] = i;
    }
}

/* --- a step --- */

static void place_rows(beam_case *b, beam_call *call)
{
    uint32_t row = 0;
    call->regular = bits_one_in(b->c, 4);
    for (uint32_t i = 0; i < call->count; ++i) {
        if (call->regular) row = i * b->desc.max_width;
        if (!call->regular && bits_one_in(b->c, 3)) row += bits_below(b->c, 5);
        call->first_rows[i] = row;
        row += b->slots[call->slots[i]].params.width;
    }
    call->rows = row + bits_below(b->c, 3);
    if (call->rows == 0) call->rows = 1;
}

/* Rows that no live beam has are such as would be noticed. */
static cl_mem make_logits(beam_case *b, const beam_call *call, size_t stride, size_t offset)
{
    const size_t element = stored_size(b->desc.logits);
    const size_t elements = offset + call->rows * stride + BITS_MARGIN;
    unsigned char *const stored = memory_zeroed(elements, element);
    float *const x = memory_zeroed(b->desc.vocab, sizeof *x);
    stored_poison(stored, elements, element);
    for (uint32_t i = 0; i < call->count; ++i) {
        const beam_slot *const s = &b->slots[call->slots[i]];
        for (uint32_t n = 0; n < s->params.width && !s->done; ++n) {
            const beam_model model = {s->beams[n], b->desc.vocab, b->model, b->sigma};
            if (s->beams[n] == 0) continue;
            beam_model_row(&model, NULL, 0, x);
            stored_put(b->desc.logits, x, b->desc.vocab,
                       stored + (offset + (call->first_rows[i] + n) * stride) * element);
        }
    }
    cl_mem mem = bits_input(b->c, stored, elements * element);
    bits_hash_input(b->c, stored, elements * element);
    free(x);
    free(stored);
    return mem;
}

/* The beams that go on have their parents' tokens and one more. */
static void move_beams(beam_slot *s, uint32_t first_row, const bits_array *parents,
                       const bits_array *tokens)
{
    const uint32_t width = s->params.width;
    uint64_t *const moved = memory_zeroed(width, sizeof *moved);
    for (uint32_t n = 0; n < width; ++n) {
        const int64_t parent = bits_array_int(parents, first_row + n) - first_row;
        const int64_t token = bits_array_int(tokens, first_row + n);
        if (token < 0 || parent < 0 || parent >= width) continue;
        uint64_t state = s->beams[parent] ^ (uint64_t)token;
        moved[n] = rows_random(&state) | 1u;
    }
    free(s->beams);
    s->beams = moved;
}

static void step(beam_case *b, beam_call *call)
{
    bits_case *const c = b->c;
    bits_array out[STEP_OUTPUTS];
    lms_beam_step_args batch = {0};
    cl_event event = NULL;
    place_rows(b, call);
    const size_t stride = b->desc.vocab + (bits_one_in(c, 2) ? bits_below(c, 40) : 0);
    const size_t offset = bits_one_in(c, 2) ? bits_below(c, 40) : 0, o = bits_below(c, 9);
    cl_mem logits = make_logits(b, call, stride, offset);
    const bits_type token = bits_tokens(b->desc.tokens);
    bits_array_new(c, &out[0], "parents", BITS_WORDS, o, call->rows, true);
    bits_array_new(c, &out[1], "tokens", token, o, call->rows, true);
    bits_array_new(c, &out[2], "done", BITS_WORDS, o, call->count, true);
    bits_array_new(c, &out[3], "scores", BITS_FLOATS, o, call->rows, !bits_one_in(c, 4));
    bits_array_new(c, &out[4], "scores_fixed", BITS_LONGS, o, call->rows, !bits_one_in(c, 4));
    bits_array_new(c, &out[5], "status", BITS_WORDS, o, call->count, !bits_one_in(c, 4));
    batch.requests = call->count;
    batch.slots = call->slots;
    batch.first_rows = call->regular ? NULL : call->first_rows;
    batch.logits = (lms_view){logits, offset, NULL};
    batch.row_stride = stride;
    batch.logits_rows = call->rows;
    batch.parents = bits_array_view(&out[0], 0);
    batch.tokens = bits_array_view(&out[1], 0);
    batch.done = bits_array_view(&out[2], 0);
    batch.scores = bits_array_view(&out[3], 0);
    batch.scores_fixed = bits_array_view(&out[4], 0);
    batch.status = bits_array_view(&out[5], 0);
    device_require(lms_beam_step(b->beam, c->queue, &batch, 0, NULL, &event), "lms_beam_step");
    bits_wait(event);
    clReleaseMemObject(logits);
    for (uint32_t i = 0; i < STEP_OUTPUTS; ++i) bits_array_take(c, &out[i]);
    for (uint32_t i = 0; i < call->count; ++i) {
        beam_slot *const s = &b->slots[call->slots[i]];
        s->steps++;
        move_beams(s, call->first_rows[i], &out[0], &out[1]);
        s->done = bits_array_int(&out[2], i) != 0;
    }
    for (uint32_t i = 0; i < STEP_OUTPUTS; ++i) bits_array_free(&out[i]);
}

/* --- results --- */

static void results(beam_case *b, const beam_call *call)
{
    bits_case *const c = b->c;
    bits_array out[RESULT_OUTPUTS];
    lms_beam_results_args output = {0};
    cl_event event = NULL;
    uint32_t most = 1;
    for (uint32_t i = 0; i < call->count; ++i) {
        const uint32_t wanted = b->slots[call->slots[i]].params.results;
        if (wanted > most) most = wanted;
    }
    most += bits_below(c, b->desc.max_width - most + 1);
    const size_t stride = b->desc.max_length + (bits_one_in(c, 2) ? bits_below(c, 9) : 0);
    const size_t sequences = (size_t)call->count * most, o = bits_below(c, 9);
    const bits_type token = bits_tokens(b->desc.tokens);
    bits_array_new(c, &out[0], "counts", BITS_WORDS, o, call->count, true);
    bits_array_new(c, &out[1], "lengths", BITS_WORDS, o, sequences, true);
    bits_array_new(c, &out[2], "result tokens", token, o, sequences * stride, true);
    bits_array_new(c, &out[3], "result scores", BITS_FLOATS, o, sequences, !bits_one_in(c, 4));
    bits_array_new(c, &out[4], "logprobs", BITS_FLOATS, o, sequences, !bits_one_in(c, 4));
    bits_array_new(c, &out[5], "token_logprobs", BITS_FLOATS, o, sequences * stride,
                   !bits_one_in(c, 4));
    bits_array_new(c, &out[6], "beams", BITS_WORDS, o, sequences * stride, !bits_one_in(c, 4));
    output.requests = call->count;
    output.slots = call->slots;
    output.max_results = most;
    output.token_stride = stride;
    output.counts = bits_array_view(&out[0], 0);
    output.lengths = bits_array_view(&out[1], 0);
    output.tokens = bits_array_view(&out[2], 0);
    output.scores = bits_array_view(&out[3], 0);
    output.logprobs = bits_array_view(&out[4], 0);
    output.token_logprobs = bits_array_view(&out[5], 0);
    output.beams = bits_array_view(&out[6], 0);
    device_require(lms_beam_results(b->beam, c->queue, &output, 0, NULL, &event),
                   "lms_beam_results");
    bits_wait(event);
    for (uint32_t i = 0; i < RESULT_OUTPUTS; ++i) {
        bits_array_take(c, &out[i]);
        bits_array_free(&out[i]);
    }
}

/* Results of everybody who is done, and most of those then go; of others a few. */
static uint32_t go(beam_case *b, beam_call *call)
{
    uint32_t open = 0;
    call->count = 0;
    for (uint32_t i = 0; i < b->desc.max_requests; ++i) {
        if (b->slots[i].open && b->slots[i].done) call->slots[call->count++] = i;
    }
    results(b, call);
    for (uint32_t i = 0; i < b->desc.max_requests; ++i) {
        beam_slot *const s = &b->slots[i];
        if (s->open && (s->done ? bits_below(b->c, 4) > 0 : bits_one_in(b->c, 40))) {
            close_slot(b, i);
        }
        open += s->open;
    }
    return open;
}

uint32_t bits_beams(bits_case *c)
{
    static const char *const types[] = {"", "float32", "float16", "bfloat16"};
    beam_case b;
    beam_call call = {0};
    begin(c, &b);
    call.slots = memory_zeroed(b.desc.max_requests, sizeof *call.slots);
    call.first_rows = memory_zeroed(b.desc.max_requests, sizeof *call.first_rows);
    printf(" %u requests, %u at once, of %u %s, width %u, length %u, ends %u", b.serve,
           b.desc.max_requests, b.desc.vocab, types[b.desc.logits], b.desc.max_width,
           b.desc.max_length, b.desc.max_end_tokens);
    for (uint32_t left = b.serve, open = 1; left || open; open = go(&b, &call)) {
        left -= come(&b, left);
        choose(&b, &call, 8);
        step(&b, &call);
        if (bits_one_in(c, 3)) continue;
        choose(&b, &call, 2);
        results(&b, &call);
    }
    lms_beam_destroy(b.beam);
    free(call.slots);
    free(call.first_rows);
    free(b.slots);
    return b.serve;
}
