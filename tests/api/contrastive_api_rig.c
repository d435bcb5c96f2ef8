#include "contrastive_api_rig.h"

#include <math.h>
#include <stdlib.h>

#include "gen.h"

#define FIELD(name, is_token)                                                                  \
    TRACE_FIELD(contrastive_api_rig, contrastive_trace, name, is_token)
static const trace_field fields[] = {
    FIELD(tokens, true),     FIELD(probs, false),      FIELD(row_status, false),
    FIELD(next, true),       FIELD(rows, false),       FIELD(scores, false),
    FIELD(penalties, false), FIELD(row_scores, false), FIELD(row_penalties, false),
    FIELD(status, false),
};
enum {
    FIELDS = sizeof fields / sizeof fields[0],
    STATES = CONTRASTIVE_PROMPT * CONTRASTIVE_WIDTH,
    HIDDEN = CONTRASTIVE_STEPS * CONTRASTIVE_ROWS * CONTRASTIVE_WIDTH,
    LOGITS = CONTRASTIVE_STEPS * CONTRASTIVE_REQUESTS * CONTRASTIVE_VOCAB
};

static trace trace_of(const contrastive_api_rig *r)
{
    const trace t = {fields, FIELDS,   sizeof(contrastive_trace),
                     r,      r->queue, r->desc.tokens != LMS_INT64};
    return t;
}

/* --- Requests ---------------------------------------------------------------------------- */

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

static void fill_params(contrastive_api_rig *r)
{
    const lms_contrastive_params plain = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 5);
    lms_contrastive_params window = LMS_CONTRASTIVE_PARAMS_INIT(0.4f, 4);
    lms_contrastive_params late = LMS_CONTRASTIVE_PARAMS_INIT(0.75f, 3);
    lms_contrastive_params forked = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 2);
    window.context_window = 40;
    window.filters.temperature = 0.75f;
    window.filters.top_k = 40;
    late.context_begin = 30; /* its prompt takes no part */
    late.filters.top_p = 0.9f;
    forked.filters.min_p = 0.01f;
    forked.filters.flags = LMS_PRESET_HUGGING_FACE;
    r->params[0] = plain;
    r->params[1] = window;
    r->params[2] = late;
    r->params[3] = forked;
}

void contrastive_other_params(contrastive_api_rig *r)
{
    for (unsigned q = 0; q < CONTRASTIVE_REQUESTS; ++q) {
        lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.25f, r->params[q].k);
        p.context_begin = 5 * q;
        p.context_window = q % 2 ? 0 : 7;
        p.filters.temperature = 1.5f;
        r->params[q] = p;
    }
}

static int eighths(unsigned a, unsigned b)
{
    uint32_t noise = a * 977 + b;
    noise = (noise ^ noise >> 15) * 2246822519u;
    noise = (noise ^ noise >> 13) * 3266489917u;
    return (int)(noise >> 16 & 127) - 64;
}

/* In eighths, up to 8: the same in all three types. Some of the candidates' states are near one
 * of the context. */
static void fill_values(contrastive_api_rig *r)
{
    for (unsigned i = 0; i < STATES; ++i) {
        r->state_values[i] = (float)eighths(i / CONTRASTIVE_WIDTH, i) / 8.0f;
    }
    for (unsigned i = 0; i < HIDDEN; ++i) {
        const unsigned row = i / CONTRASTIVE_WIDTH, at = i % CONTRASTIVE_WIDTH;
        const unsigned near = row * 37 % CONTRASTIVE_PROMPT * CONTRASTIVE_WIDTH + at;
        const bool copied = row % 3 != 0 && at % 4 < row % 5;
        r->hidden_values[i] =
            copied ? r->state_values[near] : (float)eighths(1000 + row, i) / 8.0f;
    }
}

static cl_mem make_input(const contrastive_api_rig *r, lms_dtype type, const float *values,
                         size_t count)
{
    cl_int code = CL_SUCCESS;
    const size_t bytes = count * (type == LMS_FLOAT32 ? sizeof *values : sizeof(uint16_t));
    uint16_t *const halves = calloc(count, sizeof *halves);
    assert_non_null(halves);
    for (size_t i = 0; i < count; ++i) {
        halves[i] = type == LMS_FLOAT16 ? gen_to_half(values[i]) : gen_to_bfloat16(values[i]);
    }
    const cl_mem made =
        clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes,
                       type == LMS_FLOAT32 ? (void *)(uintptr_t)values : (void *)halves, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(halves);
    return made;
}

static void make_inputs(contrastive_api_rig *r)
{
    cl_int code = CL_SUCCESS;
    float *const logits = calloc(LOGITS, sizeof *logits);
    r->state_values = calloc(STATES, sizeof *r->state_values);
    r->hidden_values = calloc(HIDDEN, sizeof *r->hidden_values);
    assert_true(logits != NULL && r->state_values != NULL && r->hidden_values != NULL);
    fill_values(r);
    for (unsigned i = 0; i < LOGITS; ++i) {
        logits[i] = (float)eighths(5000 + i / CONTRASTIVE_VOCAB, i) / 8.0f;
    }
    r->logits = make_input(r, r->desc.logits, logits, LOGITS);
    r->states = make_input(r, r->desc.hidden, r->state_values, STATES);
    r->hidden = make_input(r, r->desc.hidden, r->hidden_values, HIDDEN);
    r->index = clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                              sizeof r->order, r->order, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(logits);
}

/* --- A rig's life ------------------------------------------------------------------------ */

/* The search is one that tells something: every candidate is one, and not always the first is
 * chosen. */
static void assert_sound(const contrastive_api_rig *r, const contrastive_trace *t)
{
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

void contrastive_api_rig_open(contrastive_api_rig *r, lms_context *ctx,
                              const lms_contrastive_desc *desc)
{
    static const uint32_t slots[] = {1, 2, 0, 3}, first_rows[] = {0, 5, 9, 12};
    static const uint32_t counts[] = {20, 62, 30};
    static const int32_t order[] = {2, 0, 3, 1};
    /* All launches that there can be, on a CPU too. */
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    memset(r, 0, sizeof *r);
    r->ctx = ctx;
    r->owns_context = ctx == NULL;
    r->desc = *desc;
    if (ctx == NULL) RIG_OK(lms_context_open(NULL, &r->ctx));
    r->context = lms_context_cl_context(r->ctx);
    r->queue = lms_context_queue(r->ctx);
    fill_params(r);
    memcpy(r->slots, slots, sizeof r->slots);
    memcpy(r->first_rows, first_rows, sizeof r->first_rows);
    memcpy(r->counts, counts, sizeof r->counts);
    memcpy(r->order, order, sizeof r->order);
    make_inputs(r);
    const trace t = trace_of(r);
    trace_make(&t, r, r->context);
    RIG_OK(lms_contrastive_create(r->ctx, &r->desc, &r->search));
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_begin(r, r->search, CONTRASTIVE_CALLS));
    RIG_OK(contrastive_close_all(r, r->search));
    assert_int_equal(contrastive_read(r, &r->expected), CL_SUCCESS);
    assert_sound(r, &r->expected);
}

void contrastive_api_rig_close(contrastive_api_rig *r)
{
    const cl_mem inputs[] = {r->states, r->hidden, r->logits, r->index};
    const trace t = trace_of(r);
    lms_contrastive_destroy(r->search);
    trace_release(&t);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; ++i) {
        clReleaseMemObject(inputs[i]);
    }
    free(r->state_values);
    free(r->hidden_values);
    if (r->owns_context) lms_context_destroy(r->ctx);
}

int contrastive_setup(void **state)
{
    const lms_contrastive_desc desc = contrastive_desc();
    contrastive_api_rig *const r = calloc(1, sizeof *r);
    assert_non_null(r);
    contrastive_api_rig_open(r, NULL, &desc);
    *state = r;
    return 0;
}

int contrastive_teardown(void **state)
{
    contrastive_api_rig_close(*state);
    free(*state);
    return 0;
}

/* --- Calls ------------------------------------------------------------------------------- */

unsigned contrastive_propose_of(unsigned step)
{
    return CONTRASTIVE_FIRST_STEP + 2 * step + (step >= CONTRASTIVE_FORK_STEP);
}

unsigned contrastive_select_of(unsigned step) { return contrastive_propose_of(step) + 1; }

static uint32_t requests_of(unsigned step)
{
    return step < CONTRASTIVE_FORK_STEP ? CONTRASTIVE_PARENTS : CONTRASTIVE_REQUESTS;
}

lms_contrastive_append_args contrastive_states(const contrastive_api_rig *r)
{
    lms_contrastive_append_args s;
    memset(&s, 0, sizeof s);
    s.requests = CONTRASTIVE_PARENTS;
    s.slots = r->slots;
    s.counts = r->counts;
    s.hidden.buffer = r->states;
    return s;
}

lms_contrastive_propose_args contrastive_proposal(const contrastive_api_rig *r, unsigned step)
{
    const size_t row = (size_t)step * CONTRASTIVE_ROWS;
    const size_t request = (size_t)step * CONTRASTIVE_REQUESTS;
    lms_contrastive_propose_args p;
    memset(&p, 0, sizeof p);
    p.requests = requests_of(step);
    p.slots = r->slots;
    p.first_rows = r->first_rows;
    p.candidate_rows = CONTRASTIVE_ROWS;
    p.logits = (lms_view){r->logits, request * CONTRASTIVE_VOCAB};
    p.logits_rows = CONTRASTIVE_REQUESTS;
    if (step % 3 == 1) p.index = r->order;
    if (step % 3 == 2) p.index_device.buffer = r->index;
    p.tokens = (lms_view){r->tokens, row};
    p.probs = (lms_view){r->probs, row};
    p.status = (lms_view){r->row_status, request};
    return p;
}

lms_contrastive_select_args contrastive_batch(const contrastive_api_rig *r, unsigned step)
{
    const size_t row = (size_t)step * CONTRASTIVE_ROWS;
    const size_t request = (size_t)step * CONTRASTIVE_REQUESTS;
    lms_contrastive_select_args b;
    memset(&b, 0, sizeof b);
    b.requests = requests_of(step);
    b.slots = r->slots;
    b.first_rows = r->first_rows;
    b.candidate_rows = CONTRASTIVE_ROWS;
    b.hidden = (lms_view){r->hidden, row * CONTRASTIVE_WIDTH};
    b.tokens = (lms_view){r->tokens, row};
    b.probs = (lms_view){r->probs, row};
    b.next = (lms_view){r->next, request};
    b.rows = (lms_view){r->rows, request};
    b.scores = (lms_view){r->scores, request};
    b.penalties = (lms_view){r->penalties, request};
    b.row_scores = (lms_view){r->row_scores, row};
    b.row_penalties = (lms_view){r->row_penalties, row};
    b.status = (lms_view){r->status, request};
    return b;
}

lms_status contrastive_open_all(const contrastive_api_rig *r, lms_contrastive *search)
{
    lms_status status = LMS_OK;
    for (size_t q = 0; q < CONTRASTIVE_PARENTS && status == LMS_OK; ++q) {
        status = lms_contrastive_open(search, r->slots[q], &r->params[q]);
    }
    return status;
}

lms_status contrastive_close_all(const contrastive_api_rig *r, lms_contrastive *search)
{
    lms_status status = LMS_OK;
    for (size_t q = 0; q < CONTRASTIVE_REQUESTS && status == LMS_OK; ++q) {
        uint32_t length = 0;
        if (lms_contrastive_length(search, r->slots[q], &length) != LMS_OK) continue;
        status = lms_contrastive_close(search, r->slots[q]);
    }
    return status;
}

lms_status contrastive_call(const contrastive_api_rig *r, lms_contrastive *search,
                            cl_command_queue queue, unsigned call, cl_uint num_wait,
                            const cl_event *wait_list, cl_event *event)
{
    if (call == 0) {
        const lms_contrastive_append_args s = contrastive_states(r);
        return lms_contrastive_append(search, queue, &s, num_wait, wait_list, event);
    }
    if (call == CONTRASTIVE_FORK) {
        return lms_contrastive_fork(search, queue, r->slots[0], r->slots[CONTRASTIVE_PARENTS],
                                    &r->params[CONTRASTIVE_PARENTS], num_wait, wait_list,
                                    event);
    }
    const unsigned half = call - CONTRASTIVE_FIRST_STEP - (call > CONTRASTIVE_FORK);
    if (half % 2 == 0) {
        const lms_contrastive_propose_args p = contrastive_proposal(r, half / 2);
        return lms_contrastive_propose(search, queue, &p, num_wait, wait_list, event);
    }
    const lms_contrastive_select_args b = contrastive_batch(r, half / 2);
    return lms_contrastive_select(search, queue, &b, num_wait, wait_list, event);
}

lms_status contrastive_begin(const contrastive_api_rig *r, lms_contrastive *search,
                             unsigned calls)
{
    const lms_status status = contrastive_open_all(r, search);
    return status == LMS_OK ? contrastive_calls(r, search, 0, calls) : status;
}

lms_status contrastive_calls(const contrastive_api_rig *r, lms_contrastive *search,
                             unsigned first, unsigned last)
{
    lms_status status = LMS_OK;
    for (unsigned call = first; call < last && status == LMS_OK; ++call) {
        status = contrastive_call(r, search, r->queue, call, 0, NULL, NULL);
    }
    return status;
}

/* --- What they leave behind -------------------------------------------------------------- */

contrastive_view contrastive_look(const lms_contrastive *search)
{
    contrastive_view v;
    memset(&v, 0, sizeof v); /* padding too */
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        if (lms_contrastive_length(search, slot, &v.lengths[slot]) != LMS_OK) {
            v.lengths[slot] = UINT32_MAX;
        }
    }
    v.room = lms_contrastive_room(search);
    return v;
}

void contrastive_assert_looks(const lms_contrastive *search, const contrastive_view *before)
{
    const contrastive_view now = contrastive_look(search);
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        assert_int_equal(now.lengths[slot], before->lengths[slot]);
    }
    assert_int_equal(now.room, before->room);
}

cl_int contrastive_poison(const contrastive_api_rig *r)
{
    const trace t = trace_of(r);
    return trace_poison(&t);
}

cl_int contrastive_read(const contrastive_api_rig *r, contrastive_trace *out)
{
    const trace t = trace_of(r);
    return trace_read(&t, out);
}

const char *contrastive_difference(const contrastive_trace *a, const contrastive_trace *b)
{
    return trace_difference(fields, FIELDS, a, b);
}

void contrastive_assert_same(const contrastive_trace *a, const contrastive_trace *b)
{
    const char *const name = contrastive_difference(a, b);
    if (name != NULL) fail_msg("%s differ", name);
}

void contrastive_assert_expected(const contrastive_api_rig *r)
{
    contrastive_trace found;
    assert_int_equal(contrastive_read(r, &found), CL_SUCCESS);
    contrastive_assert_same(&found, &r->expected);
}

void contrastive_assert_poisoned(const contrastive_api_rig *r)
{
    const trace t = trace_of(r);
    trace_assert_poisoned(&t);
}

void contrastive_assert_good(const contrastive_api_rig *r, lms_contrastive *search)
{
    const contrastive_view before = contrastive_look(search);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_begin(r, search, CONTRASTIVE_CALLS));
    contrastive_assert_expected(r);
    RIG_OK(contrastive_close_all(r, search));
    contrastive_assert_looks(search, &before);
}
