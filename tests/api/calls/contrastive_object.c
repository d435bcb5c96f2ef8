/* The contrastive search that the checks see: its scenario. */
#include "contrastive_object.h"

#include <math.h>

#include "contrastive_requests.h"

#define FIELD(name, is_token) TRACE_FIELD(contrastive_rig, contrastive_trace, name, is_token)
static const trace_field fields[] = {
    FIELD(tokens, true),     FIELD(probs, false),      FIELD(row_status, false),
    FIELD(next, true),       FIELD(rows, false),       FIELD(scores, false),
    FIELD(penalties, false), FIELD(row_scores, false), FIELD(row_penalties, false),
    FIELD(status, false),
};

static const contrastive_rig *the_rig(const object_rig *r)
{
    return (const contrastive_rig *)(const void *)r;
}

lms_contrastive_desc contrastive_desc(void)
{
    const lms_contrastive_desc desc = {.max_positions = CONTRASTIVE_PAGES * LMS_CONTEXT_PAGE,
                                       .max_buffer_bytes = 55000, /* three pages */
                                       .vocab = CONTRASTIVE_VOCAB,
                                       .width = CONTRASTIVE_WIDTH,
                                       .max_requests = CONTRASTIVE_REQUESTS,
                                       .max_k = CONTRASTIVE_K,
                                       .max_length = CONTRASTIVE_LENGTH,
                                       .max_rows = CONTRASTIVE_ROWS,
                                       .logits = LMS_FLOAT32,
                                       .hidden = LMS_FLOAT32,
                                       .max_in_flight = CONTRASTIVE_CALLS + 4};
    return desc;
}

/* The search is one that tells something: every candidate is one, and not always the first is
 * chosen. */
static void assert_sound(const object_rig *base)
{
    const contrastive_rig *const r = the_rig(base);
    const contrastive_trace *const t = &r->expected;
    unsigned others = 0;
    for (size_t step = 0; step < CONTRASTIVE_STEPS; ++step) {
        const size_t count =
            step < CONTRASTIVE_FORK_STEP ? CONTRASTIVE_PARENTS : CONTRASTIVE_REQUESTS;
        for (size_t q = 0; q < count; ++q) {
            const size_t first = r->first_rows[q], k = r->params[q].k;
            assert_int_equal(t->row_status[step][q], 0);
            assert_int_equal(t->status[step][q], 0);
            assert_in_range(t->rows[step][q], first, first + k - 1);
            assert_int_equal(t->next[step][q], t->tokens[step][t->rows[step][q]]);
            others += (size_t)t->rows[step][q] != first;
            for (size_t row = first; row < first + k; ++row) {
                assert_in_range(t->tokens[step][row], 0, CONTRASTIVE_VOCAB - 1);
                assert_true(t->probs[step][row] > 0.0f && t->probs[step][row] <= 1.0f);
                assert_true(fabsf(t->row_penalties[step][row]) <= 1.0f);
                assert_true(t->row_scores[step][row] <= t->scores[step][q]);
            }
        }
    }
    assert_true(others > CONTRASTIVE_STEPS);
}

/* --- The scenario ------------------------------------------------------------------------ */

unsigned contrastive_propose_of(unsigned step)
{
    return CONTRASTIVE_FIRST_STEP + 2 * step + (step >= CONTRASTIVE_FORK_STEP);
}

unsigned contrastive_select_of(unsigned step) { return contrastive_propose_of(step) + 1; }

static uint32_t requests_of(unsigned step)
{
    return step < CONTRASTIVE_FORK_STEP ? CONTRASTIVE_PARENTS : CONTRASTIVE_REQUESTS;
}

lms_contrastive_append_args contrastive_append_args(const contrastive_rig *r)
{
    lms_contrastive_append_args s;
    memset(&s, 0, sizeof s);
    s.requests = CONTRASTIVE_PARENTS;
    s.slots = r->slots;
    s.counts = r->counts;
    s.hidden.buffer = r->states;
    return s;
}

lms_contrastive_propose_args contrastive_propose_args(const contrastive_rig *r, unsigned step)
{
    const size_t row = (size_t)step * CONTRASTIVE_ROWS;
    const size_t request = (size_t)step * CONTRASTIVE_REQUESTS;
    lms_contrastive_propose_args p;
    memset(&p, 0, sizeof p);
    p.requests = requests_of(step);
    p.slots = r->slots;
    p.first_rows = r->first_rows;
    p.candidate_rows = CONTRASTIVE_ROWS;
    p.logits = (lms_view){r->logits, request * CONTRASTIVE_VOCAB, NULL};
    p.logits_rows = CONTRASTIVE_REQUESTS;
    if (step % 3 == 1) p.index = r->order;
    if (step % 3 == 2) p.index_device.buffer = r->index;
    p.tokens = (lms_view){r->tokens, row, NULL};
    p.probs = (lms_view){r->probs, row, NULL};
    p.status = (lms_view){r->row_status, request, NULL};
    return p;
}

lms_contrastive_select_args contrastive_select_args(const contrastive_rig *r, unsigned step)
{
    const size_t row = (size_t)step * CONTRASTIVE_ROWS;
    const size_t request = (size_t)step * CONTRASTIVE_REQUESTS;
    lms_contrastive_select_args b;
    memset(&b, 0, sizeof b);
    b.requests = requests_of(step);
    b.slots = r->slots;
    b.first_rows = r->first_rows;
    b.candidate_rows = CONTRASTIVE_ROWS;
    b.hidden = (lms_view){r->hidden, row * CONTRASTIVE_WIDTH, NULL};
    b.tokens = (lms_view){r->tokens, row, NULL};
    b.probs = (lms_view){r->probs, row, NULL};
    b.next = (lms_view){r->next, request, NULL};
    b.rows = (lms_view){r->rows, request, NULL};
    b.scores = (lms_view){r->scores, request, NULL};
    b.penalties = (lms_view){r->penalties, request, NULL};
    b.row_scores = (lms_view){r->row_scores, row, NULL};
    b.row_penalties = (lms_view){r->row_penalties, row, NULL};
    b.status = (lms_view){r->status, request, NULL};
    return b;
}

lms_status contrastive_open_all(const contrastive_rig *r, void *search)
{
    lms_status status = LMS_OK;
    for (size_t q = 0; q < CONTRASTIVE_PARENTS && status == LMS_OK; ++q) {
        status = lms_contrastive_open(search, r->slots[q], &r->params[q]);
    }
    return status;
}

static lms_status open_parents(const object_rig *base, void *search)
{
    return contrastive_open_all(the_rig(base), search);
}

static lms_status close_all(const object_rig *base, void *search)
{
    lms_status status = LMS_OK;
    (void)base;
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS && status == LMS_OK; ++slot) {
        uint32_t length = 0;
        if (lms_contrastive_length(search, slot, &length) != LMS_OK) continue;
        status = lms_contrastive_close(search, slot);
    }
    return status;
}

static const call_type *arguments(const object_rig *base, unsigned call, call_args *args)
{
    const contrastive_rig *const r = the_rig(base);
    if (call == 0) {
        args->append = contrastive_append_args(r);
        return &contrastive_append_type;
    }
    if (call == CONTRASTIVE_FORK) {
        args->fork = (fork_args){r->slots[0], r->slots[CONTRASTIVE_PARENTS], true,
                                 r->params[CONTRASTIVE_PARENTS]};
        return &contrastive_fork_type;
    }
    const unsigned half = call - CONTRASTIVE_FIRST_STEP - (call > CONTRASTIVE_FORK);
    if (half % 2 == 0) {
        args->propose = contrastive_propose_args(r, half / 2);
        return &contrastive_propose_type;
    }
    args->select = contrastive_select_args(r, half / 2);
    return &contrastive_select_type;
}

/* In several buffers: at most 2 kernels and 2 for each of them. */
static call_cost cost(const object_rig *base, unsigned call)
{
    enum {
        BUFFERS = 3
    };
    static const call_cost append = {1, BUFFERS, 0, 1}, fork = {1, 1, 0, 0};
    static const call_cost propose = {2, 2, 0, 1}, select = {4, 2 + 2 * BUFFERS, 0, 3};
    call_args args;
    const call_type *const type = arguments(base, call, &args);
    return type == &contrastive_append_type    ? append
           : type == &contrastive_fork_type    ? fork
           : type == &contrastive_propose_type ? propose
                                               : select;
}

/* A fork keeps nothing on the host. */
static bool is_staged(unsigned call) { return call != CONTRASTIVE_FORK; }

/* Contexts in one buffer: the number of kernels is certain. */
#define IN_ONE_BUFFER(team, kernels)                                                           \
    .changes = {WHOLE(object_desc, contrastive.max_buffer_bytes, 0),                           \
                WHOLE(object_desc, contrastive.work_items, team)},                             \
    .costs = {{1, 1, 0, 1}, {kernels, kernels, 0, 1}, {4, 4, 0, 3}, {1, 1, 0, 0}}
static const object_shape shapes[] = {
    {.shape = "fuse_from=1000000", IN_ONE_BUFFER(0, 2)},
    {.shape = "fuse_from=1000000", IN_ONE_BUFFER(32, 2)},
    {.shape = "fuse_from=1", IN_ONE_BUFFER(1, 1)},
};

enum {
    PROPOSE = CONTRASTIVE_FIRST_STEP,
    SELECT = PROPOSE + 1,
    ON_DEVICE = PROPOSE + 2 * 2, /* the propose with an index on the device */
    NEW_PAGES = SELECT + 2 * 2,  /* the select that takes some, in another buffer */
    LAST = CONTRASTIVE_CALLS - 1
};
static const unsigned samples[] = {0,         PROPOSE,          SELECT, ON_DEVICE,
                                   NEW_PAGES, CONTRASTIVE_FORK, LAST};
/* Which kernels there are depends on the pages that contexts get: of a new search. */
static const call_part parts[] = {
    {0, "clEnqueueWriteBuffer", 1, false},
    {0, "clEnqueueNDRangeKernel", 1, true},
    {0, "clEnqueueNDRangeKernel", 2, true}, /* of the second buffer */
    {PROPOSE, "clEnqueueWriteBuffer", 1, false},
    {PROPOSE, "clEnqueueNDRangeKernel", 1, true},
    {PROPOSE, "clEnqueueNDRangeKernel", 2, true},
    {SELECT, "clEnqueueWriteBuffer", 1, false},
    {SELECT, "clEnqueueWriteBuffer", 2, true},
    {SELECT, "clEnqueueWriteBuffer", 3, true},
    {SELECT, "clEnqueueNDRangeKernel", 1, true},
    {SELECT, "clEnqueueNDRangeKernel", 2, true},
    {SELECT, "clEnqueueNDRangeKernel", 3, true},
    {SELECT, "clEnqueueNDRangeKernel", 4, true},
    {SELECT, "clEnqueueNDRangeKernel", 5, true},
    {NEW_PAGES, "clEnqueueNDRangeKernel", 5, true},
    {NEW_PAGES, "clEnqueueNDRangeKernel", 6, true},
    {CONTRASTIVE_FORK, "clEnqueueNDRangeKernel", 1, false},
    {LAST, "clEnqueueNDRangeKernel", 7, true},
    {LAST, "clEnqueueNDRangeKernel", 8, true},
};

static object_view look(const void *search)
{
    object_view v;
    memset(&v, 0, sizeof v);
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        if (lms_contrastive_length(search, slot, &v.lengths[slot]) != LMS_OK) {
            v.lengths[slot] = UINT32_MAX;
        }
    }
    v.room = lms_contrastive_room(search);
    return v;
}

/* --- The object -------------------------------------------------------------------------- */

static lms_status create(lms_context *ctx, const object_desc *desc, void **object)
{
    lms_contrastive *search = object != NULL ? *object : NULL;
    const lms_status status = lms_contrastive_create(
        ctx, desc != NULL ? &desc->contrastive : NULL, object != NULL ? &search : NULL);
    if (object != NULL) *object = search;
    return status;
}

static void destroy(void *search) { lms_contrastive_destroy(search); }
static size_t workspace(const void *search) { return lms_contrastive_workspace(search); }

static object_desc desc(void)
{
    const object_desc d = {.contrastive = contrastive_desc()};
    return d;
}

static void set_in_flight(object_desc *d, uint32_t n) { d->contrastive.max_in_flight = n; }
static void set_team(object_desc *d, uint32_t n) { d->contrastive.work_items = n; }

static object_types types_of(const object_desc *d)
{
    const object_types t = {d->contrastive.logits, d->contrastive.hidden,
                            d->contrastive.tokens};
    return t;
}

static void set_types(object_desc *d, object_types types)
{
    d->contrastive.logits = types.logits;
    d->contrastive.hidden = types.hidden;
    d->contrastive.tokens = types.tokens;
}

static object_desc thread_desc(unsigned thread)
{
    object_desc d = desc();
    d.contrastive.tokens = thread % 2 ? LMS_INT64 : LMS_INT32;
    return d;
}

static const call_type *const types[] = {&contrastive_append_type, &contrastive_propose_type,
                                         &contrastive_select_type, &contrastive_fork_type};
static const host_array host_arrays[] = {
    {FIELD_OF(contrastive_rig, params)},     {FIELD_OF(contrastive_rig, slots)},
    {FIELD_OF(contrastive_rig, first_rows)}, {FIELD_OF(contrastive_rig, counts)},
    {FIELD_OF(contrastive_rig, order)},
};
const object_kind contrastive_kind = {
    .name = "contrastive",
    .rig_bytes = sizeof(contrastive_rig),
    LIST(fields, field_count, fields),
    .record_bytes = sizeof(contrastive_trace),
    .expected = offsetof(contrastive_rig, expected),
    LIST(types, type_count, types),
    .calls = CONTRASTIVE_CALLS,
    .arguments = arguments,
    .cost = cost,
    .is_staged = is_staged,
    .repeated = PROPOSE,
    LIST(samples, sample_count, samples),
    LIST(parts, part_count, parts),
    LIST(shapes, shape_count, shapes),
    .create = create,
    .destroy = destroy,
    .workspace = workspace,
    .desc = desc,
    .set_in_flight = set_in_flight,
    .set_team = set_team,
    .types_of = types_of,
    .set_types = set_types,
    .thread_desc = thread_desc,
    .desc_refusals = contrastive_desc_refusals,
    .desc_refusals_count = CONTRASTIVE_DESC_LISTS,
    .fill = contrastive_fill,
    .release = contrastive_release,
    .other_requests = contrastive_other_requests,
    .assert_sound = assert_sound,
    LIST(host_arrays, host_array_count, host_arrays),
    .slots = offsetof(contrastive_rig, slots),
    .slot_count = CONTRASTIVE_REQUESTS,
    .open = open_parents,
    .close = close_all,
    .look = look,
};

int contrastive_setup(void **state) { return object_setup(state, &contrastive_kind); }
