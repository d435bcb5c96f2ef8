/* Hidden states in a buffer, and appending them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "contrastive_rig_state.h"

#include "device.h"
#include "memory.h"
#include "stored.h"

#include <stdlib.h>
#include <string.h>

void rig_hidden_new(contrastive_rig *r, rig_hidden *h, size_t rows)
{
    const size_t element = stored_size(r->c->hidden);
    h->mem = NULL;
    h->rows = rows;
    h->stride = r->c->width + (contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 40));
    h->offset = contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 40);
    h->elements = h->offset + rows * h->stride + OUT_ARRAY_MARGIN;
    h->stored = memory_zeroed(h->elements, element);
    stored_poison(h->stored, h->elements, element);
}

/* Keeps it until the case is over: forks and requests share states. */
static const oracle_state *keep(contrastive_rig *r, oracle_state *state)
{
    if (r->state_count == r->state_room) {
        r->state_room = 2 * r->state_room + 64;
        r->states = realloc(r->states, r->state_room * sizeof *r->states);
        assert_non_null(r->states);
    }
    r->states[r->state_count++] = state;
    return state;
}

const oracle_state *rig_hidden_put(contrastive_rig *r, rig_hidden *h, size_t row, uint32_t slot)
{
    const contrastive_slot *const s = &r->slots[slot];
    const uint32_t width = r->c->width;
    const state_kind kind = s->kinds[contrastive_rig_below(r, 3)];
    float *const x = memory_zeroed(width, sizeof *x);
    state_fill(kind, s->direction, x, width, r->c->hidden, &r->random);
    if (r->c->hostile && contrastive_rig_below(r, 12) == 0) state_spoil(x, width, &r->random);
    stored_put(r->c->hidden, x, width,
               h->stored + (h->offset + row * h->stride) * stored_size(r->c->hidden));
    const oracle_state *const state =
        keep(r, oracle_state_new(x, width, r->c->hidden == LMS_FLOAT16));
    free(x);
    return state;
}

void rig_hidden_upload(const contrastive_rig *r, rig_hidden *h)
{
    cl_int code = CL_SUCCESS;
    h->mem =
        clCreateBuffer(lms_context_cl_context(r->ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       h->elements * stored_size(r->c->hidden), h->stored, &code);
    device_require(code, "clCreateBuffer");
}

void rig_hidden_free(rig_hidden *h)
{
    if (h->mem) clReleaseMemObject(h->mem);
    free(h->stored);
}

/* --- appending --- */

/* What is appended: states of requests behind one another, or anywhere in a pool of rows. */
typedef struct append_call {
    const uint32_t *slots;
    uint32_t count;
    uint32_t *counts;
    uint32_t *first_rows;
    rig_hidden hidden;
    const oracle_state **rows; /* NULL: poison */
    bool pooled;
} append_call;

static void shape_append(contrastive_rig *r, append_call *c)
{
    const uint32_t longest = r->c->length < 70 ? r->c->length : 70;
    uint32_t rows = 0;
    const bool ones = contrastive_rig_below(r, 6) == 0;
    c->pooled = contrastive_rig_below(r, 3) == 0;
    for (uint32_t i = 0; i < c->count; ++i) {
        const uint32_t room = r->c->length - r->slots[c->slots[i]].length;
        uint32_t most = contrastive_rig_below(r, 3) ? 12 : longest;
        /* now and then more than there is room for */
        if (most > room && contrastive_rig_below(r, 30)) most = room;
        c->counts[i] = ones ? 1 : contrastive_rig_below(r, most + 1);
        c->first_rows[i] = rows;
        rows += c->counts[i];
    }
    if (c->pooled) {
        rows = longest + 40;
        for (uint32_t i = 0; i < c->count; ++i) {
            c->first_rows[i] = contrastive_rig_below(r, rows - c->counts[i] + 1);
        }
    }
    rig_hidden_new(r, &c->hidden, rows);
    c->rows = memory_zeroed(rows, sizeof *c->rows);
}

static void fill_append(contrastive_rig *r, append_call *c)
{
    for (uint32_t i = 0; i < c->count; ++i) {
        for (uint32_t n = 0; n < c->counts[i]; ++n) {
            const uint32_t row = c->first_rows[i] + n;
            if (!c->rows[row]) c->rows[row] = rig_hidden_put(r, &c->hidden, row, c->slots[i]);
        }
    }
    rig_hidden_upload(r, &c->hidden);
}

static bool all_ones(const append_call *c)
{
    for (uint32_t i = 0; i < c->count; ++i) {
        if (c->counts[i] != 1) return false;
    }
    return true;
}

static lms_status append_on_device(contrastive_rig *r, const append_call *c)
{
    lms_contrastive_append_args states = {0};
    states.requests = c->count;
    states.slots = c->slots;
    states.counts = all_ones(c) && contrastive_rig_below(r, 2) ? NULL : c->counts;
    states.first_rows = c->pooled || contrastive_rig_below(r, 2) ? c->first_rows : NULL;
    states.hidden = (lms_view){c->hidden.mem, c->hidden.offset, NULL};
    states.row_stride =
        c->hidden.stride == r->c->width && contrastive_rig_below(r, 2) ? 0 : c->hidden.stride;
    states.hidden_rows = contrastive_rig_below(r, 2) ? c->hidden.rows : 0;
    if (r->unfinished < 5 && contrastive_rig_below(r, 2)) {
        r->unfinished++;
        return lms_contrastive_append(r->search, r->queue, &states, 0, NULL, NULL);
    }
    cl_event event = NULL;
    const lms_status status =
        lms_contrastive_append(r->search, r->queue, &states, 0, NULL, &event);
    if (status == LMS_OK) contrastive_rig_wait(r, event);
    return status;
}

bool contrastive_rig_append(contrastive_rig *r, const uint32_t *slots, uint32_t count)
{
    append_call c = {.slots = slots, .count = count};
    c.counts = memory_zeroed(count, sizeof *c.counts);
    c.first_rows = memory_zeroed(count, sizeof *c.first_rows);
    shape_append(r, &c);
    fill_append(r, &c);
    const lms_status status = append_on_device(r, &c);
    if (!contrastive_rig_fits(r, slots, c.counts, count)) {
        assert_int_equal(status, LMS_E_CONTEXT_FULL);
    } else {
        device_require(status, "lms_contrastive_append");
        for (uint32_t i = 0; i < count; ++i) {
            for (uint32_t n = 0; n < c.counts[i]; ++n) {
                contrastive_rig_push(r, slots[i], c.rows[c.first_rows[i] + n]);
            }
        }
    }
    rig_hidden_free(&c.hidden);
    free(c.rows);
    free(c.counts);
    free(c.first_rows);
    return contrastive_rig_check(r);
}
