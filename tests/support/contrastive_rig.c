/* Who comes, forks and goes, and what is asked of whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "contrastive_rig.h"
#include "contrastive_rig_step.h"

#include "device.h"
#include "gen.h"
#include "memory.h"
#include "oracle_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t proposed, chosen;

uint64_t contrastive_proposed(void) { return proposed; }
uint64_t contrastive_chosen(void) { return chosen; }

uint32_t contrastive_rig_below(contrastive_rig *r, uint32_t end)
{
    return gen_below(end, &r->random);
}

void contrastive_rig_wait(contrastive_rig *r, cl_event event)
{
    device_require(clWaitForEvents(1, &event), "clWaitForEvents");
    clReleaseEvent(event);
    r->unfinished = 0;
}

void contrastive_rig_tell(const contrastive_rig *r, const char *what, const uint32_t *slots,
                          uint32_t count)
{
    fprintf(stderr, "%s of %u requests\n", what, count);
    for (uint32_t i = 0; i < count; ++i) {
        const contrastive_slot *const s = &r->slots[slots[i]];
        fprintf(stderr, " request %u in slot %u, %u positions, states %s, %s, %s\n", i,
                slots[i], s->length, state_name(s->kinds[0]), state_name(s->kinds[1]),
                state_name(s->kinds[2]));
        contrastive_gen_tell(&s->params);
    }
}

/* --- a step --- */

uint32_t rig_first_row(const contrastive_rig *r, const rig_step *s, uint32_t i)
{
    return s->first_rows ? s->first_rows[i] : i * r->c->k;
}

/* Where the requests' candidates are: gaps between some. */
static void place_rows(contrastive_rig *r, rig_step *s)
{
    const bool regular = contrastive_rig_below(r, 4) == 0;
    uint32_t row = regular ? 0 : contrastive_rig_below(r, 3);
    for (uint32_t i = 0; i < s->count; ++i) {
        s->first_rows[i] = regular ? i * r->c->k : row;
        row = s->first_rows[i] + r->slots[s->slots[i]].params.k;
        s->rows = row;
        if (contrastive_rig_below(r, 3) == 0) row += contrastive_rig_below(r, 5);
    }
    if (regular) {
        free(s->first_rows);
        s->first_rows = NULL;
    }
    s->rows += contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 4);
    if (s->rows == 0) s->rows = 1;
}

/* A proposal by itself, `before` as in rig_proposal_new(). */
static bool propose(contrastive_rig *r, const rig_step *s, const rig_choice *before)
{
    rig_proposal p;
    rig_proposal_new(r, s, before, &p);
    rig_proposal_run(r, s, before, &p);
    device_require(clFinish(r->queue), "clFinish");
    r->unfinished = 0;
    const bool good = rig_proposal_check(r, &p);
    rig_proposal_free(&p);
    return good;
}

/* A proposal, a choice among it, and now and then what that leads to. */
static bool propose_and_select(contrastive_rig *r, const rig_step *s)
{
    rig_proposal p;
    rig_choice c;
    rig_proposal_new(r, s, NULL, &p);
    rig_proposal_run(r, s, NULL, &p);
    rig_choice_new(r, s, &p, &c);
    bool good = true;
    if (rig_choice_run(r, s, &p, &c) && contrastive_rig_below(r, 3) == 0) {
        good = propose(r, s, &c);
    }
    good = rig_proposal_check(r, &p) && good;
    good = rig_choice_check(r, &c) && good;
    rig_choice_free(&c);
    rig_proposal_free(&p);
    return good;
}

bool contrastive_rig_step(contrastive_rig *r, const uint32_t *slots, uint32_t count)
{
    rig_step s = {.slots = slots, .count = count};
    s.first_rows = memory_zeroed(count, sizeof *s.first_rows);
    place_rows(r, &s);
    const bool good =
        contrastive_rig_below(r, 10) ? propose_and_select(r, &s) : propose(r, &s, NULL);
    if (!good) contrastive_rig_tell(r, "a step", slots, count);
    for (uint32_t i = 0; i < count && !good; ++i) {
        fprintf(stderr, "request %u has rows from %u on\n", i, rig_first_row(r, &s, i));
    }
    free(s.first_rows);
    return contrastive_rig_check(r) && good;
}

/* --- a case --- */

static void begin(contrastive_rig *r, lms_context *ctx, const contrastive_case *c)
{
    lms_contrastive_desc desc = {0};
    cl_int code = CL_SUCCESS;
    memset(r, 0, sizeof *r);
    r->c = c;
    r->ctx = ctx;
    r->random = c->seed;
    desc.max_positions = c->max_positions;
    desc.max_buffer_bytes = c->max_buffer_bytes;
    desc.vocab = c->vocab;
    desc.width = c->width;
    desc.max_requests = c->slots;
    desc.max_k = c->k;
    desc.max_length = c->length;
    desc.max_rows = c->max_rows;
    desc.logits = c->logits;
    desc.hidden = c->hidden;
    desc.tokens = c->tokens;
    desc.work_items = c->work_items;
    device_require(lms_contrastive_create(ctx, &desc, &r->search), "lms_contrastive_create");
    r->free_pages = lms_contrastive_room(r->search) / LMS_CONTEXT_PAGE;
    const uint64_t most = (uint64_t)c->slots * c->length;
    const uint64_t wanted =
        c->max_positions && c->max_positions < most ? c->max_positions : most;
    assert_true(r->free_pages * LMS_CONTEXT_PAGE >= wanted);
    r->slots = memory_zeroed(c->slots, sizeof *r->slots);
    r->queue = clCreateCommandQueue(
        lms_context_cl_context(ctx), lms_context_device(ctx),
        contrastive_rig_below(r, 3) ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    device_require(code, "clCreateCommandQueue");
}

static void end(contrastive_rig *r)
{
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        if (r->slots[i].open) contrastive_rig_close(r, i);
    }
    lms_contrastive_destroy(r->search);
    clReleaseCommandQueue(r->queue);
    for (size_t i = 0; i < r->state_count; ++i) free(r->states[i]);
    free(r->states);
    free(r->slots);
    proposed += r->proposed;
    chosen += r->chosen;
}

static void tell_case(const contrastive_rig *r)
{
    const contrastive_case *const c = r->c;
    fprintf(stderr,
            "in round %u of {.seed = %llu, .max_positions = %llu, .max_buffer_bytes = %llu, "
            ".vocab = %u, .width = %u, .slots = %u, .k = %u, .length = %u, .max_rows = %u, "
            ".work_items = %u, "
            ".rounds = %u, .logits = %d, .hidden = %d, .tokens = %d, .rows = %d, "
            ".hostile = %d, .plain = %d}\n",
            r->round, (unsigned long long)c->seed, (unsigned long long)c->max_positions,
            (unsigned long long)c->max_buffer_bytes, c->vocab, c->width, c->slots, c->k,
            c->length, c->max_rows, c->work_items, c->rounds, (int)c->logits, (int)c->hidden,
            (int)c->tokens, (int)c->rows, c->hostile, c->plain);
}

/* Open slots, in a random order: most of them, or some. */
static uint32_t choose(contrastive_rig *r, bool most, uint32_t *slots)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        if (!r->slots[i].open || contrastive_rig_below(r, 4) == (most ? 0 : 1)) continue;
        if (!most && contrastive_rig_below(r, 2)) continue;
        const uint32_t at = contrastive_rig_below(r, count + 1);
        slots[count++] = slots[at];
        slots[at] = i;
    }
    return count;
}

/* The first so many of the slots that a step has rows for. */
static uint32_t within_rows(const contrastive_rig *r, const uint32_t *slots, uint32_t count)
{
    uint32_t rows = 0;
    for (uint32_t i = 0; r->c->max_rows && i < count; ++i) {
        rows += r->slots[slots[i]].params.k;
        if (rows > r->c->max_rows) return i;
    }
    return count;
}

static uint32_t some_open_slot(contrastive_rig *r)
{
    const uint32_t from = contrastive_rig_below(r, r->c->slots);
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        const uint32_t slot = (from + i) % r->c->slots;
        if (r->slots[slot].open) return slot;
    }
    return r->c->slots;
}

static void come_and_go(contrastive_rig *r)
{
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        contrastive_slot *const s = &r->slots[i];
        const bool full = s->open && s->length == r->c->length;
        if (s->open && contrastive_rig_below(r, full ? 3 : 16) == 0)
            contrastive_rig_close(r, i);
        if (s->open && contrastive_rig_below(r, 8) == 0) contrastive_rig_update(r, i);
        if (s->open || contrastive_rig_below(r, 3) == 0) continue;
        const uint32_t from = some_open_slot(r);
        /* no more calls than may be in flight */
        if (from < r->c->slots && r->unfinished < 3 && contrastive_rig_below(r, 3) == 0) {
            contrastive_rig_fork(r, from, i);
        } else {
            contrastive_rig_open(r, i);
        }
    }
}

static bool serve(contrastive_rig *r)
{
    uint32_t *const slots = memory_zeroed(r->c->slots, sizeof *slots);
    bool good = true;
    for (r->round = 0; good && r->round < r->c->rounds; ++r->round) {
        come_and_go(r);
        if (contrastive_rig_below(r, 2)) {
            good = contrastive_rig_append(r, slots, choose(r, false, slots));
        }
        const uint32_t count = choose(r, true, slots);
        if (good) good = contrastive_rig_step(r, slots, within_rows(r, slots, count));
    }
    free(slots);
    return good;
}

void contrastive_case_run(lms_context *ctx, const contrastive_case *c)
{
    contrastive_rig r;
    begin(&r, ctx, c);
    const bool good = serve(&r);
    if (!good) tell_case(&r);
    end(&r);
    assert_true(good);
}
