/* sequence_calls.c - the calls on slots: each takes what it needs, tells the device, and gives
 * all back if that fails; what slots have is changed when all is enqueued. */
#include "base/status.h"
#include "slots/sequences.h"

#include <string.h>

/* --- What they have in common ------------------------------------------------------------- */

static uint64_t name_of(const lms_slots *s, uint32_t slot, uint32_t i)
{
    return (s->last_name + 1 + i) << LMS_SLOT_NAME_BITS | (slot + 1);
}

/* The slot that the call's slot i gets, if it opens slots. */
static uint32_t free_slot(const lms_slots *s, uint32_t i)
{
    return s->free[s->free_count - 1 - i];
}

/* A slot of the call, with pages of those that it takes. */
static lms_slot_turn take_turn(lms_slots *s, uint64_t name, uint32_t pages)
{
    return (lms_slot_turn){.name = name,
                           .version = lmsi_sequence_of(s, name)->version + 1,
                           .first_page = lmsi_take_pages(s, pages),
                           .pages = pages};
}

/* Tells the device of the call's slots and pages, and launches a kernel for each slot. */
static lms_status launch(lms_slots *s, lmsi_call *call, const lmsi_slots_call *c, size_t kernel)
{
    lms_status status = LMS_OK;
    const size_t pages = s->taken.length / LMS_SLOT_PAGE;
    LMSI_TRY(lmsi_operator_set(&s->op, kernel, kernel, c));
    LMSI_TRY(lmsi_call_write(call, LMSI_SLOTS_TURNS, 0, c->count * sizeof(lms_slot_turn)));
    if (pages > 0) {
        memcpy(lmsi_call_staged(call, LMSI_SLOTS_NEW_PAGES), s->taken.pages,
               pages * sizeof(cl_uint));
        LMSI_TRY(lmsi_call_write(call, LMSI_SLOTS_NEW_PAGES, 0, pages * sizeof(cl_uint)));
    }
    LMSI_TRY(lmsi_call_launch(call, kernel, c->count, 0));
fail:
    return status;
}

/* What every call is: its check, and what it enqueues. The pages that it has taken are the
 * slots' then, or, if it has failed, nobody's. */
static lms_status run(lms_slots *s, lmsi_where where, lmsi_slots_call *c,
                      lms_status (*check)(lms_slots *, const lmsi_where *, lmsi_slots_call *),
                      lms_status (*enqueue)(lms_slots *, lmsi_call *, const lmsi_slots_call *))
{
    lms_status status = LMS_OK;
    lmsi_call call;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "slots: is NULL");
    LMSI_TRY(check(s, &where, c));
    if (c->count == 0) return lmsi_call_empty(&where);
    c->vocab = s->desc.vocab;
    c->table_stride = s->pages_each;
    c->max_slots = s->desc.max_slots;
    LMSI_TRY(lmsi_call_begin(&call, &s->op, &where, 1));
    status = lmsi_slots_make_free(s, &call, c->pages, c->slots);
    if (status == LMS_OK) status = enqueue(s, &call, c);
    status = lmsi_call_end(&call, status);
    if (status != LMS_OK) lmsi_pages_trim(&s->pages, &s->taken, 0);
    s->taken.length = 0;
fail:
    return status;
}

static void open_slots(lms_slots *s, const lms_slot_turn *turns, const lmsi_slots_call *c)
{
    s->free_count -= c->count;
    s->last_name += c->count;
    for (uint32_t i = 0; i < c->count; ++i) {
        lmsi_sequence *const q = lmsi_sequence_of(s, turns[i].name);
        q->name = turns[i].name;
        q->version = turns[i].version;
        lmsi_give_pages(s, q, turns[i].first_page, turns[i].pages);
        c->opened[i] = q->name;
    }
}

/* --- Opening ------------------------------------------------------------------------------ */

static void list_opened(lms_slots *s, const lms_slots_open_args *a, lms_slot_turn *turns)
{
    size_t behind = 0, brought = 0;
    for (uint32_t i = 0; i < a->count; ++i) {
        const uint32_t length = a->lengths[i];
        const size_t first = lmsi_open_first(a, i, behind);
        turns[i] = take_turn(s, name_of(s, free_slot(s, i), i), lmsi_slot_pages(length));
        turns[i].from = a->tokens != NULL ? brought : first;
        turns[i].count = length;
        turns[i].prompt = a->prompts != NULL ? a->prompts[i] : length;
        turns[i].ignored = a->ignored != NULL ? a->ignored[i] : 0;
        behind = first + length;
        brought += length;
    }
}

/* Brings tokens that are on the host, those of each slot behind those of the one before. */
static lms_status bring(lmsi_call *call, const lms_slots_open_args *a)
{
    size_t behind = 0, brought = 0;
    int32_t *const staged = lmsi_call_staged(call, LMSI_SLOTS_BROUGHT);
    if (a->tokens == NULL) return LMS_OK;
    for (uint32_t i = 0; i < a->count; ++i) {
        const size_t first = lmsi_open_first(a, i, behind);
        memcpy(staged + brought, a->tokens + first, a->lengths[i] * sizeof *staged);
        behind = first + a->lengths[i];
        brought += a->lengths[i];
    }
    if (brought == 0) return LMS_OK;
    return lmsi_call_write(call, LMSI_SLOTS_BROUGHT, 0, brought * sizeof *staged);
}

static lms_status enqueue_open(lms_slots *s, lmsi_call *call, const lmsi_slots_call *c)
{
    const lms_slots_open_args *const a = c->open;
    lms_status status = LMS_OK;
    lms_slot_turn *const turns = lmsi_call_staged(call, LMSI_SLOTS_TURNS);
    list_opened(s, a, turns);
    LMSI_TRY(bring(call, a));
    LMSI_TRY(launch(s, call, c, LMSI_SLOTS_OPEN));
    open_slots(s, turns, c);
    for (uint32_t i = 0; i < c->count; ++i) {
        lmsi_sequence *const q = lmsi_sequence_of(s, turns[i].name);
        q->length = turns[i].count;
        q->prompt = turns[i].prompt;
    }
fail:
    return status;
}

lms_status lms_slots_open(lms_slots *s, cl_command_queue queue, const lms_slots_open_args *args,
                          cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lmsi_slots_call c = {.open = args};
    return run(s, lmsi_where_of(queue, num_wait, wait_list, event), &c, lmsi_open_check,
               enqueue_open);
}

lms_status lms_slots_close(lms_slots *s, uint64_t name)
{
    lms_status status = LMS_OK;
    uint32_t slot = 0;
    LMSI_FAIL_IF(s == NULL, LMS_E_ARGUMENT, "slots: is NULL");
    LMSI_TRY(lmsi_slots_find(s, "name", LMSI_ALONE, name, &slot));
    lmsi_park_pages(s, &s->sequences[slot]);
    s->sequences[slot].name = 0;
    ++s->closed_count;
fail:
    return status;
}

/* --- Appending ---------------------------------------------------------------------------- */

static lms_status enqueue_append(lms_slots *s, lmsi_call *call, const lmsi_slots_call *c)
{
    const lms_slots_append_args *const a = c->append;
    lms_status status = LMS_OK;
    lms_slot_turn *const turns = lmsi_call_staged(call, LMSI_SLOTS_TURNS);
    for (uint32_t i = 0; i < a->count; ++i) {
        const uint32_t count = a->counts != NULL ? a->counts[i] : 1;
        const lmsi_sequence *const q = lmsi_sequence_of(s, a->names[i]);
        turns[i] = take_turn(s, a->names[i], lmsi_pages_lacking(q, count));
        turns[i].from = a->rows != NULL ? a->rows[i] : i;
        turns[i].count = count;
    }
    LMSI_TRY(launch(s, call, c, LMSI_SLOTS_APPEND));
    for (uint32_t i = 0; i < a->count; ++i) {
        lmsi_sequence *const q = lmsi_sequence_of(s, turns[i].name);
        if (turns[i].pages > 0) q->version = turns[i].version;
        lmsi_give_pages(s, q, turns[i].first_page, turns[i].pages);
        q->length += turns[i].count;
    }
fail:
    return status;
}

lms_status lms_slots_append(lms_slots *s, cl_command_queue queue,
                            const lms_slots_append_args *args, cl_uint num_wait,
                            const cl_event *wait_list, cl_event *event)
{
    lmsi_slots_call c = {.append = args};
    return run(s, lmsi_where_of(queue, num_wait, wait_list, event), &c, lmsi_slots_append_check,
               enqueue_append);
}

/* --- Taking back -------------------------------------------------------------------------- */

static lms_status enqueue_roll_back(lms_slots *s, lmsi_call *call, const lmsi_slots_call *c)
{
    lms_status status = LMS_OK;
    lms_slot_turn *const turns = lmsi_call_staged(call, LMSI_SLOTS_TURNS);
    for (uint32_t i = 0; i < c->count; ++i) {
        turns[i] = take_turn(s, c->names[i], 0);
        turns[i].count = c->lengths[i];
    }
    LMSI_TRY(launch(s, call, c, LMSI_SLOTS_ROLL_BACK));
    for (uint32_t i = 0; i < c->count; ++i) {
        lmsi_sequence *const q = lmsi_sequence_of(s, c->names[i]);
        if (c->lengths[i] < q->length) q->length = c->lengths[i];
    }
fail:
    return status;
}

lms_status lms_slots_roll_back(lms_slots *s, cl_command_queue queue, uint32_t count,
                               const uint64_t *names, const uint32_t *lengths, cl_uint num_wait,
                               const cl_event *wait_list, cl_event *event)
{
    lmsi_slots_call c = {.count = count, .names = names, .lengths = lengths};
    return run(s, lmsi_where_of(queue, num_wait, wait_list, event), &c, lmsi_roll_back_check,
               enqueue_roll_back);
}

/* --- Copies ------------------------------------------------------------------------------- */

static lms_status enqueue_fork(lms_slots *s, lmsi_call *call, const lmsi_slots_call *c)
{
    lms_status status = LMS_OK;
    lms_slot_turn *const turns = lmsi_call_staged(call, LMSI_SLOTS_TURNS);
    for (uint32_t i = 0; i < c->count; ++i) {
        const uint32_t pages = lmsi_slot_pages(lmsi_sequence_of(s, c->from[i])->length);
        turns[i] = take_turn(s, name_of(s, free_slot(s, i), i), pages);
        turns[i].from = c->from[i];
    }
    LMSI_TRY(launch(s, call, c, LMSI_SLOTS_COPY));
    open_slots(s, turns, c);
    for (uint32_t i = 0; i < c->count; ++i) {
        lmsi_sequence *const q = lmsi_sequence_of(s, turns[i].name);
        const lmsi_sequence *const source = lmsi_sequence_of(s, turns[i].from);
        q->length = source->length;
        q->prompt = source->prompt;
    }
fail:
    return status;
}

lms_status lms_slots_fork(lms_slots *s, cl_command_queue queue, uint32_t count,
                          const uint64_t *from, uint64_t *names, cl_uint num_wait,
                          const cl_event *wait_list, cl_event *event)
{
    lmsi_slots_call c = {.count = count, .from = from, .opened = names};
    return run(s, lmsi_where_of(queue, num_wait, wait_list, event), &c, lmsi_fork_check,
               enqueue_fork);
}

/* Each slot may get what any of them has. */
static lms_status enqueue_reorder(lms_slots *s, lmsi_call *call, const lmsi_slots_call *c)
{
    lms_status status = LMS_OK;
    lms_slot_turn *const turns = lmsi_call_staged(call, LMSI_SLOTS_TURNS);
    uint32_t length = 0, prompt = 0;
    for (uint32_t i = 0; i < c->count; ++i) {
        const lmsi_sequence *const q = lmsi_sequence_of(s, c->names[i]);
        turns[i] = take_turn(s, c->names[i], (uint32_t)(c->pages / c->count));
        if (q->length > length) length = q->length;
        if (q->prompt > prompt) prompt = q->prompt;
    }
    LMSI_TRY(lmsi_operator_set(&s->op, LMSI_SLOTS_PLACE, LMSI_SLOTS_PLACE, c));
    LMSI_TRY(launch(s, call, c, LMSI_SLOTS_COPY));
    LMSI_TRY(lmsi_call_launch(call, LMSI_SLOTS_PLACE, c->count, 0));
    for (uint32_t i = 0; i < c->count; ++i) {
        lmsi_sequence *const q = lmsi_sequence_of(s, c->names[i]);
        lmsi_park_pages(s, q);
        lmsi_give_pages(s, q, turns[i].first_page, turns[i].pages);
        q->version = turns[i].version;
        q->length = length;
        q->prompt = prompt;
    }
fail:
    return status;
}

lms_status lms_slots_reorder(lms_slots *s, cl_command_queue queue, uint32_t count,
                             const uint64_t *names, lms_view parents, int32_t first,
                             cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lmsi_slots_call c = {
        .count = count, .names = names, .parents = parents, .first = (cl_uint)first};
    return run(s, lmsi_where_of(queue, num_wait, wait_list, event), &c, lmsi_reorder_check,
               enqueue_reorder);
}
