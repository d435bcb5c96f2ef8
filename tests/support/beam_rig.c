/* Who comes, goes and is stepped when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "beam_rig.h"
#include "beam_rig_state.h"

#include "device.h"
#include "gen.h"
#include "memory.h"
#include "oracle_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t compared;

uint64_t beam_compared(void) { return compared; }

uint32_t beam_rig_below(beam_rig *r, uint32_t end) { return gen_below(end, &r->random); }

static void begin(beam_rig *r, lms_context *ctx, const beam_case *c)
{
    lms_beam_desc desc = {0};
    cl_int code = CL_SUCCESS;
    memset(r, 0, sizeof *r);
    r->c = c;
    r->ctx = ctx;
    r->random = c->seed;
    desc.vocab = c->vocab;
    desc.max_requests = c->slots;
    desc.max_width = c->width;
    desc.max_length = c->length;
    desc.max_end_tokens = c->end_tokens;
    desc.logits = c->dtype;
    desc.tokens = c->tokens;
    desc.work_items = c->work_items;
    device_require(lms_beam_create(ctx, &desc, &r->beam), "lms_beam_create");
    r->slots = memory_zeroed(c->slots, sizeof *r->slots);
    r->queue = clCreateCommandQueue(
        lms_context_cl_context(ctx), lms_context_device(ctx),
        beam_rig_below(r, 3) ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    device_require(code, "clCreateCommandQueue");
}

static void open_slot(beam_rig *r, uint32_t slot)
{
    const beam_case *const c = r->c;
    const beam_limits limits = {c->vocab, c->width, c->length, c->end_tokens, c->modes};
    beam_slot *const s = &r->slots[slot];
    memset(s, 0, sizeof *s);
    s->open = true;
    s->ends = memory_zeroed(c->end_tokens, sizeof *s->ends);
    beam_gen(&s->params, s->ends, &limits, &r->random);
    if (c->plain) {
        s->params.groups = s->params.width == c->width ? s->params.groups : 1;
        s->params.width = c->width;
        s->params.max_length = c->length;
    }
    s->model = (beam_model){rows_random(&r->random), c->vocab, c->model, c->sigma};
    s->oracle = oracle_beam_new(&s->params, s->ends, c->vocab);
    /* without a wait: the library itself keeps its calls in order */
    device_require(lms_beam_open(r->beam, r->queue, slot, &s->params, s->ends, 0, NULL, NULL),
                   "lms_beam_open");
}

static void close_slot(beam_rig *r, uint32_t slot)
{
    beam_slot *const s = &r->slots[slot];
    device_require(lms_beam_close(r->beam, slot), "lms_beam_close");
    oracle_beam_free(s->oracle);
    free(s->ends);
    memset(s, 0, sizeof *s);
}

/* A random choice of open slots, in a random order. */
static uint32_t choose(beam_rig *r, bool most, uint32_t *slots)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        if (!r->slots[i].open) continue;
        /* who is done is stepped again now and then */
        const bool done = oracle_beam_done(r->slots[i].oracle);
        if (most && !done ? beam_rig_below(r, 8) == 0 : beam_rig_below(r, 4) != 0) continue;
        const uint32_t at = beam_rig_below(r, count + 1);
        slots[count++] = slots[at];
        slots[at] = i;
    }
    return count;
}

/* Closes what is done, or is not but must go, and fills free slots. How many were opened. */
static uint32_t come_and_go(beam_rig *r, uint32_t left)
{
    uint32_t opened = 0;
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        beam_slot *const s = &r->slots[i];
        if (s->open && beam_rig_below(r, oracle_beam_done(s->oracle) ? 2 : 40) == 0) {
            close_slot(r, i);
        }
        /* no more opens than may be in flight beside a step */
        if (!s->open && opened < left && opened < 6 && beam_rig_below(r, 3)) {
            open_slot(r, i);
            ++opened;
        }
    }
    return opened;
}

static bool any_open(const beam_rig *r)
{
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        if (r->slots[i].open) return true;
    }
    return false;
}

static void tell_case(const beam_rig *r)
{
    const beam_case *const c = r->c;
    fprintf(
        stderr,
        "in round %u of {.seed = %llu, .vocab = %u, .slots = %u, .width = %u, .length = %u, "
        ".end_tokens = %u, .modes = %u, .work_items = %u, .serve = %u, .dtype = %d, "
        ".tokens = %d, .model = %d, .sigma = %g, .plain = %d}\n",
        r->round, (unsigned long long)c->seed, c->vocab, c->slots, c->width, c->length,
        c->end_tokens, c->modes, c->work_items, c->serve, (int)c->dtype, (int)c->tokens,
        (int)c->model, c->sigma, c->plain);
}

static bool serve(beam_rig *r)
{
    uint32_t *const slots = memory_zeroed(r->c->slots, sizeof *slots);
    uint32_t left = r->c->serve;
    bool good = true;
    for (r->round = 0; good && (left || any_open(r)); ++r->round) {
        left -= come_and_go(r, left);
        uint32_t count = choose(r, true, slots);
        good = beam_rig_step(r, slots, count);
        if (good && beam_rig_below(r, 2)) {
            count = choose(r, false, slots);
            good = beam_rig_results(r, slots, count);
        }
        /* everybody's results before it goes */
        for (uint32_t i = 0; good && i < r->c->slots; ++i) {
            beam_slot *const s = &r->slots[i];
            if (!s->open || !oracle_beam_done(s->oracle) || beam_rig_below(r, 2)) continue;
            good = beam_rig_results(r, &i, 1);
            if (good) close_slot(r, i);
        }
    }
    free(slots);
    return good;
}

void beam_case_run(lms_context *ctx, const beam_case *c)
{
    beam_rig r;
    begin(&r, ctx, c);
    const bool good = serve(&r);
    if (!good) tell_case(&r);
    for (uint32_t i = 0; i < c->slots; ++i) {
        if (r.slots[i].open) close_slot(&r, i);
    }
    lms_beam_destroy(r.beam);
    clReleaseCommandQueue(r.queue);
    free(r.slots);
    compared += r.compared;
    assert_true(good);
}
