/* What a slot's context is, and which pages it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "contrastive_rig_state.h"

#include "device.h"
#include "gen.h"
#include "memory.h"
#include "oracle_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t pages_of(uint32_t length)
{
    return (length + LMS_CONTEXT_PAGE - 1) / LMS_CONTEXT_PAGE;
}

bool contrastive_rig_fits(const contrastive_rig *r, const uint32_t *slots,
                          const uint32_t *counts, uint32_t count)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t length = r->slots[slots[i]].length, more = counts ? counts[i] : 1;
        if (length + more > r->c->length) return false;
        pages += pages_of(length + more) - pages_of(length);
    }
    return pages <= r->free_pages;
}

static void take_page(contrastive_rig *r, contrastive_slot *s, uint32_t n)
{
    assert_true(r->free_pages > 0);
    r->free_pages--;
    s->pages[n] = memory_zeroed(1, sizeof **s->pages);
    s->pages[n]->users = 1;
}

void contrastive_rig_push(contrastive_rig *r, uint32_t slot, const oracle_state *state)
{
    contrastive_slot *const s = &r->slots[slot];
    if (s->length % LMS_CONTEXT_PAGE == 0) take_page(r, s, s->length / LMS_CONTEXT_PAGE);
    s->states[s->length++] = state;
}

static void some_params(contrastive_rig *r, lms_contrastive_params *p)
{
    const contrastive_limits limits = {r->c->vocab, r->c->k, r->c->length};
    contrastive_gen(p, &limits, &r->random);
    if (!r->c->plain) return;
    p->k = r->c->k;
    p->context_begin = p->context_window = 0;
}

static void make_slot(contrastive_rig *r, uint32_t slot)
{
    contrastive_slot *const s = &r->slots[slot];
    memset(s, 0, sizeof *s);
    s->open = true;
    s->states = memory_zeroed(r->c->length, sizeof *s->states);
    s->pages = memory_zeroed(pages_of(r->c->length), sizeof *s->pages);
    s->direction = rows_random(&r->random);
    for (uint32_t i = 0; i < 3; ++i) {
        s->kinds[i] = (state_kind)contrastive_rig_below(r, STATE_KIND_COUNT);
    }
}

void contrastive_rig_open(contrastive_rig *r, uint32_t slot)
{
    make_slot(r, slot);
    some_params(r, &r->slots[slot].params);
    device_require(lms_contrastive_open(r->search, slot, &r->slots[slot].params),
                   "lms_contrastive_open");
}

void contrastive_rig_update(contrastive_rig *r, uint32_t slot)
{
    contrastive_slot *const s = &r->slots[slot];
    some_params(r, &s->params);
    for (uint32_t i = 0; i < 3 && contrastive_rig_below(r, 2); ++i) {
        s->kinds[i] = (state_kind)contrastive_rig_below(r, STATE_KIND_COUNT);
    }
    device_require(lms_contrastive_update(r->search, slot, &s->params),
                   "lms_contrastive_update");
}

void contrastive_rig_close(contrastive_rig *r, uint32_t slot)
{
    contrastive_slot *const s = &r->slots[slot];
    device_require(lms_contrastive_close(r->search, slot), "lms_contrastive_close");
    for (uint32_t n = 0; n < pages_of(s->length); ++n) {
        if (--s->pages[n]->users) continue;
        free(s->pages[n]);
        r->free_pages++;
    }
    free(s->pages);
    free(s->states);
    memset(s, 0, sizeof *s);
}

/* Full pages are shared; of one that is partly filled, each has its own. */
static void fork_slot(contrastive_rig *r, uint32_t from, uint32_t to)
{
    const contrastive_slot *const f = &r->slots[from];
    contrastive_slot *const t = &r->slots[to];
    make_slot(r, to);
    t->params = f->params;
    t->length = f->length;
    memcpy(t->states, f->states, f->length * sizeof *t->states);
    if (contrastive_rig_below(r, 2)) t->direction = f->direction;
    for (uint32_t n = 0; n < f->length / LMS_CONTEXT_PAGE; ++n) {
        t->pages[n] = f->pages[n];
        t->pages[n]->users++;
    }
    if (f->length % LMS_CONTEXT_PAGE) take_page(r, t, f->length / LMS_CONTEXT_PAGE);
}

void contrastive_rig_fork(contrastive_rig *r, uint32_t from, uint32_t to)
{
    lms_contrastive_params other;
    const bool own = contrastive_rig_below(r, 2);
    const bool fits = r->slots[from].length % LMS_CONTEXT_PAGE == 0 || r->free_pages > 0;
    if (own) some_params(r, &other);
    const lms_status status =
        lms_contrastive_fork(r->search, r->queue, from, to, own ? &other : NULL, 0, NULL, NULL);
    if (!fits) {
        assert_int_equal(status, LMS_E_CONTEXT_FULL);
        return;
    }
    device_require(status, "lms_contrastive_fork");
    r->unfinished++;
    fork_slot(r, from, to);
    if (own) r->slots[to].params = other;
}

bool contrastive_rig_check(const contrastive_rig *r)
{
    const uint64_t room = lms_contrastive_room(r->search);
    const uint64_t expected = r->free_pages * LMS_CONTEXT_PAGE;
    bool good = room == expected;
    if (!good) {
        fprintf(stderr, "room is %llu, not %llu\n", (unsigned long long)room,
                (unsigned long long)expected);
    }
    for (uint32_t i = 0; i < r->c->slots; ++i) {
        uint32_t length = 0;
        if (!r->slots[i].open) continue;
        device_require(lms_contrastive_length(r->search, i, &length), "lms_contrastive_length");
        if (length == r->slots[i].length) continue;
        fprintf(stderr, "slot %u has %u positions, not %u\n", i, length, r->slots[i].length);
        good = false;
    }
    return good;
}
